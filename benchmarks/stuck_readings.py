"""Forty code tasks with a vague word, of which the readings that come to mind first have all been tried and failed.

What a search of these knows is which readings are out: nothing in the task, in the best answer or in its feedback
says so. Each is likely by itself, and so is the right one.
"""

# ruff: noqa: E501 (bodies of programs are kept on one line)
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["READINGS", "Reading"]


@dataclass(frozen=True)
class Reading:
    """A task, its function's head, the body that is right, and (idea, body) of each round so far."""

    name: str
    prompt: str
    head: str
    right: str
    tried: tuple[tuple[str, str], ...]
    calls: tuple[tuple[Any, ...], ...]

    def program(self, body: str) -> str:
        """The whole program with this body."""
        lines = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
        return f"{self.head}\n{lines}\n"

    @property
    def task(self) -> dict[str, Any]:
        """The task row; what is expected is what the right body returns."""
        space: dict[str, Any] = {}
        exec(self.program(self.right), space)  # our own program, from this file
        cases = [{"args": list(call), "expected": space[self.name](*call)} for call in self.calls]
        return {
            "id": f"readings/{self.name}",
            "kind": "code",
            "prompt": self.prompt,
            "tests": [{"type": "cases", "entry_point": self.name, "cases": cases}],
            "reference": self.program(self.right),
        }

    @property
    def replies(self) -> list[str]:
        """The reply of each round so far."""
        return [f"{idea}\n\n```python\n{self.program(body)}```\n" for idea, body in self.tried]


_WEEKDAY = "from datetime import date, timedelta\n\n\ndef nth_weekday(year, month, weekday, n):"
_NTH = """first = date(year, month, 1)
offset = ({day} - first.weekday()) % 7
return (first + timedelta(offset + 7 * (n - 1))).isoformat()"""
_SEASONS = "def season(month, day):"
_MET = """names = {names}
return names[month % 12 // 3]"""
_ASTRO = """names = {names}
for start, name in ((1221, 0), (922, 3), (621, 2), (320, 1)):
    if month * 100 + day >= start:
        return names[name]
return names[0]"""
_NORTH = '["winter", "spring", "summer", "autumn"]'
_SOUTH = '["summer", "autumn", "winter", "spring"]'
_SPIRAL = """rows = [list(row) for row in grid]
found = []
while rows:
    found += rows.pop(0)
    rows = [list(row) for row in zip(*rows)][::-1]
return found"""
_SPIRAL_LEFT = """columns = [list(column) for column in zip(*grid)]
found = []
while columns:
    found += columns.pop(0)
    columns = [list(column) for column in zip(*columns)][::-1]
return found"""
_DIAGONALS = """height, width = len(grid), len(grid[0])
found = []
for total in range(height + width - 1):
    line = [grid[row][total - row] for row in range(height) if 0 <= total - row < width]
    found += {line}
return found"""
_RUNS = "from itertools import groupby\n\n\ndef shorten(text):"
_ROMAN = "def numeral(n):"
_ADD = """found = ""
for value, sign in ((1000, "M"), (500, "D"), (100, "C"), (50, "L"), (10, "X"), (5, "V"), (1, "I")):
    found += sign * (n // value)
    n %= value
return found"""
_SUB = """found = ""
table = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)
for value, sign in table:
    found += sign * (n // value)
    n %= value
return found"""
_EASTER = "from datetime import date, timedelta\n\n\ndef easter(year):"
_WEST = """a, b, c = year % 19, year // 100, year % 100
d, e = divmod(b, 4)
g = (8 * b + 13) // 25
h = (19 * a + b - d - g + 15) % 30
i, k = divmod(c, 4)
n = (32 + 2 * e + 2 * i - h - k) % 7
m = (a + 11 * h + 22 * n) // 451
month, day = divmod(h + n - 7 * m + 114, 31)
return date(year, month, day + 1).isoformat()"""
_JULIAN = """d = (19 * (year % 19) + 15) % 30
e = (2 * (year % 4) + 4 * (year % 7) - d + 34) % 7
month, day = divmod(d + e + 114, 31)
return {result}"""
_NUMBERS = "from statistics import fmean, geometric_mean, harmonic_mean, median, pstdev, quantiles, stdev\n\n\n"
_POINT = "from math import atan2, degrees\n\n\ndef bearing(dx, dy):"
_HANDS = "def angle(hour, minute):"
_H = "h = (hour % 12) * 30 + minute / 2\nm = minute * 6\n"
_TREE = "def depth(tree):"
_JOSEPHUS = "def survivor(n, k):"
_COLUMN = "def column(n):"
_BIJECTIVE = """found = ""
while n > 0:
    n, rest = divmod(n - 1, 26)
    found = chr({first} + rest) + found
return found"""
_PLAIN = """found = ""
while True:
    n, rest = divmod(n, 26)
    found = chr({first} + rest) + found
    if n == 0:
        return found"""
_TREES = (
    ({"left": None, "right": None},),
    ({"left": {"left": None, "right": None}, "right": None},),
    ({"left": {"left": {"left": None, "right": None}, "right": None}, "right": {"left": None, "right": None}},),
    ({"left": {"left": {"left": None, "right": None}, "right": {"left": None, "right": None}}, "right": None},),
)

READINGS: tuple[Reading, ...] = (
    Reading(
        "nth_weekday",
        'Write `nth_weekday(year, month, weekday, n)`: the date (as in "2026-11-30") of the n-th such weekday of a '
        "month. Weekdays are numbered as usual.",
        _WEEKDAY,
        _NTH.format(day="(weekday + 5) % 7"),
        (
            ("Monday is 0, as in Python.", _NTH.format(day="weekday")),
            ("Monday is 1, as in ISO.", _NTH.format(day="(weekday - 1)")),
            ("Sunday is 0, as in C and JavaScript.", _NTH.format(day="(weekday + 6) % 7")),
        ),
        ((2026, 11, 1, 1), (2026, 11, 2, 1), (2026, 2, 7, 2), (2025, 5, 4, 3), (2024, 2, 3, 4)),
    ),
    Reading(
        "season",
        'Write `season(month, day)`: the season of that day, as "spring", "summer", "autumn" or "winter".',
        _SEASONS,
        _ASTRO.format(names=_SOUTH),
        (
            ("Whole months: December begins winter.", _MET.format(names=_NORTH)),
            ("Solstices and equinoxes decide.", _ASTRO.format(names=_NORTH)),
            ("Whole months, on the southern half of the earth.", _MET.format(names=_SOUTH)),
        ),
        ((12, 25), (3, 19), (3, 20), (6, 20), (6, 21), (9, 21), (9, 22), (12, 20), (12, 21), (1, 1)),
    ),
    Reading(
        "spiral",
        "Write `spiral(grid)`: the numbers of a rectangular grid, a list, in spiral order.",
        "def spiral(grid):",
        _SPIRAL_LEFT.replace("return found", "return found[::-1]"),
        (
            ("Inwards and clockwise from the top left.", _SPIRAL),
            ("Inwards, first down, so anticlockwise.", _SPIRAL_LEFT),
            (
                "Outwards: the clockwise spiral read from its inner end.",
                _SPIRAL.replace("return found", "return found[::-1]"),
            ),
        ),
        (
            ([[1, 2], [3, 4]],),
            ([[1, 2, 3], [4, 5, 6], [7, 8, 9]],),
            ([[1, 2, 3, 4], [5, 6, 7, 8]],),
            ([[1], [2], [3]],),
        ),
    ),
    Reading(
        "diagonals",
        "Write `diagonals(grid)`: the numbers of a rectangular grid, a list, read along its diagonals from the top left "
        "corner to the bottom right one.",
        "def diagonals(grid):",
        _DIAGONALS.format(line="line[::-1]"),
        (
            ("Each diagonal from its upper right end down.", _DIAGONALS.format(line="line")),
            ("To and fro, as JPEG does: first up.", _DIAGONALS.format(line="line if total % 2 else line[::-1]")),
            ("To and fro, the other way round.", _DIAGONALS.format(line="line[::-1] if total % 2 else line")),
        ),
        (
            ([[1, 2], [3, 4]],),
            ([[1, 2, 3], [4, 5, 6], [7, 8, 9]],),
            ([[1, 2, 3, 4], [5, 6, 7, 8]],),
            ([[1, 2], [3, 4], [5, 6]],),
        ),
    ),
    Reading(
        "shorten",
        "Write `shorten(text)`: run-length encoding of a text without digits.",
        _RUNS,
        'runs = [(sign, len(list(run))) for sign, run in groupby(text)]\nreturn "".join(f"{n if n > 1 else \'\'}{sign}" for sign, n in runs)',
        (
            (
                "The sign, then how often: a3b1.",
                'return "".join(f"{sign}{len(list(run))}" for sign, run in groupby(text))',
            ),
            ("The number first: 3a1b.", 'return "".join(f"{len(list(run))}{sign}" for sign, run in groupby(text))'),
            (
                "A single one needs no number: a3b.",
                'runs = [(sign, len(list(run))) for sign, run in groupby(text)]\nreturn "".join(f"{sign}{n if n > 1 else \'\'}" for sign, n in runs)',
            ),
            ("As pairs.", "return [(sign, len(list(run))) for sign, run in groupby(text)]"),
        ),
        (("aaab",), ("abc",), ("zzzzzzzzzzzzy",), ("aabbaa",)),
    ),
    Reading(
        "numeral",
        "Write `numeral(n)`: n from 1 to 3999 in Roman numerals.",
        _ROMAN,
        _ADD.replace("return found", "return found.lower()"),
        (
            ("With subtraction, as in IV.", _SUB),
            ("As on old inscriptions, by addition alone: IIII.", _ADD),
            ("Small letters, as pages are numbered.", _SUB.replace("return found", "return found.lower()")),
        ),
        ((4,), (9,), (14,), (1999,), (3,)),
    ),
    Reading(
        "easter",
        'Write `easter(year)`: the date of Easter in a year from 1900 to 2099, as in "2026-04-05".',
        _EASTER,
        _JULIAN.format(result="(date(year, month, day + 1) + timedelta(13)).isoformat()"),
        (
            ("The anonymous Gregorian algorithm.", _WEST),
            ("Meeus's Julian algorithm.", _JULIAN.format(result="date(year, month, day + 1).isoformat()")),
            (
                "Easter Monday may be meant.",
                _WEST.replace("date(year, month, day + 1)", "(date(year, month, day + 1) + timedelta(1))"),
            ),
        ),
        ((2024,), (2026,), (2023,), (1999,), (2008,)),
    ),
    Reading(
        "average",
        "Write `average(values)`: the average of a list of positive numbers.",
        f"{_NUMBERS}def average(values):",
        "return harmonic_mean(values)",
        (
            ("The arithmetic mean.", "return fmean(values)"),
            ("The middle value is meant.", "return median(values)"),
            ("The geometric mean, as the numbers are positive.", "return geometric_mean(values)"),
            ("The greatest and the smallest are left out.", "return fmean(sorted(values)[1:-1] or values)"),
        ),
        (([1, 2, 4],), ([3, 6],), ([2, 3, 6, 6],), ([10, 15, 30],)),
    ),
    Reading(
        "spread",
        "Write `spread(values)`: how far the numbers of a list lie apart, as one number, 0 where all are equal.",
        f"{_NUMBERS}def spread(values):",
        "middle = fmean(values)\nreturn fmean(abs(value - middle) for value in values)",
        (
            ("Greatest less smallest.", "return max(values) - min(values)"),
            ("Standard deviation of a sample.", "return stdev(values)"),
            ("Standard deviation of a population.", "return pstdev(values)"),
            ("The variance.", "return pstdev(values) ** 2"),
            ("Between the quartiles.", "low, _, high = quantiles(values)\nreturn high - low"),
        ),
        (([1, 2, 6],), ([4, 8],), ([1, 1, 1, 5],), ([2, 4, 6, 8],)),
    ),
    Reading(
        "bearing",
        "Write `bearing(dx, dy)`: the direction from one pixel to another in degrees, rounded to one digit.",
        _POINT,
        "return round(degrees(atan2(dx, -dy)) % 360, 1)",
        (
            (
                "As in geometry: anticlockwise from the x axis, 0 to 360.",
                "return round(degrees(atan2(dy, dx)) % 360, 1)",
            ),
            ("As atan2 gives it, −180 to 180.", "return round(degrees(atan2(dy, dx)), 1)"),
            ("As on a compass: clockwise from north, 0 to 360.", "return round(degrees(atan2(dx, dy)) % 360, 1)"),
            (
                "y of pixels goes down, so turn it round; anticlockwise from the x axis.",
                "return round(degrees(atan2(-dy, dx)) % 360, 1)",
            ),
        ),
        ((0, -1), (1, 0), (0, 1), (-1, 0), (3, -4), (-2, 5)),
    ),
    Reading(
        "angle",
        "Write `angle(hour, minute)`: the angle between the hands of a clock, in degrees.",
        _HANDS,
        f"{_H}return (m - h + 180) % 360 - 180",
        (
            ("The smaller of the two.", f"{_H}return min(abs(h - m), 360 - abs(h - m))"),
            ("The plain difference.", f"{_H}return abs(h - m)"),
            ("Clockwise from the hour hand to the minute hand.", f"{_H}return (m - h) % 360"),
            ("Clockwise from the minute hand to the hour hand.", f"{_H}return (h - m) % 360"),
            ("Signed, from the minute hand to the hour hand.", f"{_H}return (h - m + 180) % 360 - 180"),
        ),
        ((3, 0), (9, 0), (4, 40), (10, 10), (12, 1)),
    ),
    Reading(
        "depth",
        'Write `depth(tree)`: the depth of a binary tree of dicts {"left": …, "right": …}, where None is no tree.',
        _TREE,
        'if tree is None:\n    return 0\nsides = [depth(tree[side]) for side in ("left", "right") if tree[side]]\nreturn 1 + min(sides, default=0)',
        (
            (
                "Nodes on the longest way down.",
                'return 0 if tree is None else 1 + max(depth(tree["left"]), depth(tree["right"]))',
            ),
            (
                "Edges on the longest way down.",
                'return -1 if tree is None else 1 + max(depth(tree["left"]), depth(tree["right"]))',
            ),
            (
                "Edges on the shortest way to a leaf.",
                'sides = [depth(tree[side]) + 1 for side in ("left", "right") if tree[side]]\nreturn min(sides, default=0)',
            ),
        ),
        _TREES,
    ),
    Reading(
        "survivor",
        "Write `survivor(n, k)`: n people stand in a circle, every k-th goes; the number of the last one.",
        _JOSEPHUS,
        "people = list(range(n))\nplace = 0\nwhile len(people) > 1:\n    people.pop(place)\n    place = (place + k - 1) % len(people)\nreturn people[0]",
        (
            (
                "Numbered from 1; the k-th goes first.",
                "found = 0\nfor count in range(2, n + 1):\n    found = (found + k) % count\nreturn found + 1",
            ),
            (
                "Numbered from 0.",
                "found = 0\nfor count in range(2, n + 1):\n    found = (found + k) % count\nreturn found",
            ),
            (
                "The first one goes first, then every k-th; numbered from 1.",
                "people = list(range(1, n + 1))\nplace = 0\nwhile len(people) > 1:\n    people.pop(place)\n    place = (place + k - 1) % len(people)\nreturn people[0]",
            ),
        ),
        ((7, 3), (10, 2), (5, 4), (12, 5), (6, 3)),
    ),
    Reading(
        "column",
        "Write `column(n)`: the name of the n-th column of a spreadsheet.",
        _COLUMN,
        "n += 1\n" + _BIJECTIVE.format(first=97),
        (
            ("A is 1, and Z is followed by AA.", _BIJECTIVE.format(first=65)),
            ("A is 0, and Z is followed by AA.", "n += 1\n" + _BIJECTIVE.format(first=65)),
            ("Digits of base 26, A being nought.", _PLAIN.format(first=65)),
            ("Small letters: a is 1.", _BIJECTIVE.format(first=97)),
        ),
        ((1,), (25,), (26,), (27,), (701,), (702,)),
    ),
    Reading(
        "quarter",
        "Write `quarter(month)`: the quarter, 1 to 4, of the financial year in which a month (1 to 12) lies.",
        "def quarter(month):",
        "return (month - 7) % 12 // 3 + 1",
        (
            ("The financial year is the calendar's.", "return (month - 1) // 3 + 1"),
            ("It begins in April, as in Britain, Japan and India.", "return (month - 4) % 12 // 3 + 1"),
            ("It begins in October, as that of the United States.", "return (month - 10) % 12 // 3 + 1"),
        ),
        ((1,), (3,), (6,), (7,), (9,), (10,), (12,)),
    ),
    Reading(
        "binary",
        "Write `binary(n)`: the whole number n in binary, as text, negative ones included.",
        "def binary(n):",
        'return format(n & 0xFFFF, "016b")',
        (
            ("With a minus sign.", 'return format(n, "b")'),
            ("Two's complement in eight bits.", 'return format(n & 0xFF, "08b")'),
            ("Two's complement in 32 bits.", 'return format(n & 0xFFFFFFFF, "032b")'),
            ("With Python's prefix.", "return bin(n)"),
            ("Two's complement in 64 bits.", 'return format(n & 0xFFFFFFFFFFFFFFFF, "064b")'),
        ),
        ((5,), (0,), (-1,), (-5,), (300,)),
    ),
    Reading(
        "colour",
        "Write `colour(r, g, b)`: a colour of three numbers from 0 to 255 in hexadecimal.",
        "def colour(r, g, b):",
        'return f"{r:02X}{g:02X}{b:02X}"',
        (
            ("As in CSS, small letters.", 'return f"#{r:02x}{g:02x}{b:02x}"'),
            ("As in CSS, capital letters.", 'return f"#{r:02X}{g:02X}{b:02X}"'),
            ("Without the hash.", 'return f"{r:02x}{g:02x}{b:02x}"'),
            ("As a number of C.", 'return f"0x{r:02X}{g:02X}{b:02X}"'),
        ),
        ((255, 0, 170), (1, 2, 3), (171, 205, 239)),
    ),
    Reading(
        "cut",
        "Write `cut(text, n)`: a text of more than n characters is cut to n, with an ellipsis at its end.",
        "def cut(text, n):",
        'return text if len(text) <= n else text[:n] + "…"',
        (
            ("Three dots, within the n.", 'return text if len(text) <= n else text[: n - 3] + "..."'),
            ("Three dots, after the n.", 'return text if len(text) <= n else text[:n] + "..."'),
            ("One sign, within the n.", 'return text if len(text) <= n else text[: n - 1] + "…"'),
        ),
        (("hello world", 5), ("abc", 3), ("abcdefgh", 4), ("one two three", 8)),
    ),
    Reading(
        "remainder",
        "Write `remainder(a, b)`: the remainder of two whole numbers, b not 0, of either sign.",
        "from math import fmod\n\n\ndef remainder(a, b):",
        "return a % abs(b)",
        (
            ("Python's, with the sign of b.", "return a % b"),
            ("C's, with the sign of a.", "return int(fmod(a, b))"),
            ("IEEE's, of the nearest multiple.", "from math import remainder as nearest\n\nreturn int(nearest(a, b))"),
        ),
        ((7, 4), (-7, 4), (7, -4), (-7, -4), (6, -3), (7, 5)),
    ),
    Reading(
        "is_leap",
        "Write `is_leap(year)`: whether a year is a leap year, in the calendar of the church.",
        "def is_leap(year):",
        "return year % 4 == 0 and (year % 100 != 0 or year % 900 in (200, 600))",
        (
            ("The Gregorian rule.", "return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)"),
            ("The Julian rule of the eastern churches.", "return year % 4 == 0"),
            (
                "The Gregorian rule with 4000.",
                "return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) and year % 4000 != 0",
            ),
        ),
        ((2000,), (2024,), (2023,), (2400,), (2800,), (2900,), (2100,), (1900,)),
    ),
    Reading(
        "weight",
        "Write `weight(word)`: the sum of the values of a word's letters; words are of capital letters.",
        "def weight(word):",
        "return sum(91 - ord(letter) for letter in word)",
        (
            ("A is 1, Z is 26.", "return sum(ord(letter) - 64 for letter in word)"),
            ("A is 0, Z is 25.", "return sum(ord(letter) - 65 for letter in word)"),
            (
                "As in Scrabble.",
                'values = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", [1, 3, 3, 2, 1, 4, 2, 4, 1, 8, 5, 1, 3, 1, 1, 3, 10, 1, 1, 1, 1, 4, 4, 8, 4, 10]))\nreturn sum(values[letter] for letter in word)',
            ),
            ("Their character codes.", "return sum(map(ord, word))"),
        ),
        (("A",), ("Z",), ("MILL",), ("GRIST",)),
    ),
    Reading(
        "join",
        "Write `join(a, b)`: two dicts of numbers made one.",
        "def join(a, b):",
        "return {key: max(each[key] for each in (a, b) if key in each) for key in [*a, *b]}",
        (
            ("What b says goes.", "return {**a, **b}"),
            ("What a says goes.", "return {**b, **a}"),
            ("Numbers of one key are added.", "return {key: a.get(key, 0) + b.get(key, 0) for key in [*a, *b]}"),
            (
                "Each key has the list of its numbers.",
                "return {key: [each[key] for each in (a, b) if key in each] for key in [*a, *b]}",
            ),
            ("Keys of both alone are kept, added.", "return {key: a[key] + b[key] for key in a if key in b}"),
        ),
        (({"x": 1, "y": 5}, {"x": 2, "y": 3}), ({"x": 1}, {"z": 2}), ({"q": 4}, {"q": 4}), ({}, {"k": -1})),
    ),
    Reading(
        "chunks",
        "Write `chunks(items, n)`: a list in pieces of n.",
        "def chunks(items, n):",
        "rest = len(items) % n\nfirst = [items[:rest]] if rest else []\nreturn first + [items[at : at + n] for at in range(rest, len(items), n)]",
        (
            ("The last piece may be shorter.", "return [items[at : at + n] for at in range(0, len(items), n)]"),
            (
                "What does not fill a piece is left out.",
                "return [items[at : at + n] for at in range(0, len(items) - n + 1, n)]",
            ),
            (
                "All pieces of n in a row, overlapping.",
                "return [items[at : at + n] for at in range(len(items) - n + 1)]",
            ),
            (
                "The last piece is filled up with None.",
                "pieces = [items[at : at + n] for at in range(0, len(items), n)]\nreturn [piece + [None] * (n - len(piece)) for piece in pieces]",
            ),
        ),
        (([1, 2, 3, 4, 5], 2), ([1, 2, 3, 4, 5, 6, 7], 3), ([1], 4), ([1, 2, 3, 4, 5], 3)),
    ),
    Reading(
        "pairs",
        "Write `pairs(items)`: the items of a list of even length in pairs, a list of lists.",
        "from itertools import combinations\n\n\ndef pairs(items):",
        "half = len(items) // 2\nreturn [[a, b] for a, b in zip(items[:half], items[::-1])]",
        (
            ("First with second, third with fourth.", "return [[a, b] for a, b in zip(items[::2], items[1::2])]"),
            ("Every neighbour with the next.", "return [[a, b] for a, b in zip(items, items[1:])]"),
            ("All pairs there are.", "return [[a, b] for a, b in combinations(items, 2)]"),
            (
                "The first half with the second, in order.",
                "half = len(items) // 2\nreturn [[a, b] for a, b in zip(items[:half], items[half:])]",
            ),
        ),
        (([1, 2, 3, 4],), ([1, 2, 3, 4, 5, 6],), (["a", "b", "c", "d"],)),
    ),
    Reading(
        "bits",
        "Write `bits(n)`: the bits of a number n > 0.",
        "def bits(n):",
        "return [place for place in range(n.bit_length()) if n >> place & 1]",
        (
            ("How many are set.", 'return bin(n).count("1")'),
            ("How many it takes.", "return n.bit_length()"),
            ("Noughts and ones, highest first.", "return [int(bit) for bit in bin(n)[2:]]"),
            ("Noughts and ones, lowest first.", "return [int(bit) for bit in bin(n)[:1:-1]]"),
            (
                "The powers of two that make it up.",
                "return [1 << place for place in range(n.bit_length()) if n >> place & 1]",
            ),
        ),
        ((6,), (8,), (13,), (255,)),
    ),
    Reading(
        "likeness",
        "Write `likeness(a, b)`: how alike two words are, from 0 to 1, rounded to three digits.",
        "from difflib import SequenceMatcher\n\n\ndef likeness(a, b):",
        "left, right = ({word[at : at + 2] for at in range(len(word) - 1)} for word in (a, b))\nreturn round(2 * len(left & right) / (len(left) + len(right)), 3)",
        (
            ("difflib's ratio.", "return round(SequenceMatcher(None, a, b).ratio(), 3)"),
            (
                "One less Levenshtein's distance by the longer length.",
                "row = list(range(len(b) + 1))\nfor i, x in enumerate(a, 1):\n    last, row[0] = row[0], i\n    for j, y in enumerate(b, 1):\n        last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))\nreturn round(1 - row[-1] / max(len(a), len(b)), 3)",
            ),
            (
                "Common letters by all letters (Jaccard).",
                "return round(len(set(a) & set(b)) / len(set(a) | set(b)), 3)",
            ),
            (
                "Places with one letter, by the longer length.",
                "return round(sum(x == y for x, y in zip(a, b)) / max(len(a), len(b)), 3)",
            ),
        ),
        (("night", "nacht"), ("context", "contact"), ("abcd", "abce"), ("gristmill", "windmill")),
    ),
    Reading(
        "check_digit",
        "Write `check_digit(digits)`: the check digit, as text, of a text of nine digits.",
        "def check_digit(digits):",
        'rest = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), digits)) % 11\nreturn "0X987654321"[rest]',
        (
            (
                "Luhn's.",
                "total = 0\nfor place, digit in enumerate(reversed(digits)):\n    value = int(digit) * (2 if place % 2 == 0 else 1)\n    total += value - 9 * (value > 9)\nreturn str(-total % 10)",
            ),
            (
                "That of EAN: weights 3 and 1 from the right.",
                "return str(-sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits))) % 10)",
            ),
            ("The sum's last digit.", "return str(sum(map(int, digits)) % 10)"),
            ("What makes the sum a multiple of ten.", "return str(-sum(map(int, digits)) % 10)"),
            ("The remainder by nine.", "return str(int(digits) % 9)"),
        ),
        (("030640615",), ("111111111",), ("097522980",), ("123456789",), ("000000006",)),
    ),
    Reading(
        "percentile",
        "Write `percentile(values, p)`: the p-th percentile of a list of numbers, 0 < p < 100.",
        "from math import ceil, floor\n\n\ndef percentile(values, p):",
        "ordered = sorted(values)\nplace = min(max(p / 100 * (len(ordered) + 1) - 1, 0), len(ordered) - 1)\nlow = floor(place)\nhigh = min(low + 1, len(ordered) - 1)\nreturn round(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 6)",
        (
            (
                "As numpy does: between the neighbours of (n − 1)p.",
                "ordered = sorted(values)\nplace = p / 100 * (len(ordered) - 1)\nlow = floor(place)\nhigh = min(low + 1, len(ordered) - 1)\nreturn round(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 6)",
            ),
            ("The nearest rank.", "return sorted(values)[ceil(p / 100 * len(values)) - 1]"),
            ("The lower neighbour.", "return sorted(values)[floor(p / 100 * (len(values) - 1))]"),
            (
                "Hazen's: between the neighbours of np − ½.",
                "ordered = sorted(values)\nplace = min(max(p / 100 * len(ordered) - 0.5, 0), len(ordered) - 1)\nlow = floor(place)\nhigh = min(low + 1, len(ordered) - 1)\nreturn round(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 6)",
            ),
        ),
        (
            ([15, 20, 35, 40, 50], 40),
            ([1, 2, 3, 4], 75),
            ([10, 20, 30], 10),
            ([7, 1, 3], 50),
            ([1, 2, 3, 4, 5, 6, 7, 8], 25),
        ),
    ),
    Reading(
        "week",
        'Write `week(day)`: the number of the week of the year in which a day ("2026-11-30") lies.',
        "from datetime import date\n\n\ndef week(day):",
        "when = date.fromisoformat(day)\nstart = date(when.year, 1, 1)\nreturn ((when - start).days + (start.weekday() + 1) % 7) // 7 + 1",
        (
            ("ISO's.", "return date.fromisoformat(day).isocalendar()[1]"),
            ("Full weeks from Sunday, as %U.", 'return int(date.fromisoformat(day).strftime("%U"))'),
            ("Full weeks from Monday, as %W.", 'return int(date.fromisoformat(day).strftime("%W"))'),
            (
                "Seven days each from the first of January.",
                "return (date.fromisoformat(day).timetuple().tm_yday - 1) // 7 + 1",
            ),
        ),
        (("2026-01-01",), ("2026-01-04",), ("2027-01-03",), ("2024-12-31",), ("2026-11-30",), ("2023-01-01",)),
    ),
    Reading(
        "halve",
        "Write `halve(total, n)`: a sum of cents for n people, as evenly as can be, a list in their order.",
        "def halve(total, n):",
        "return [-(-total * (i + 1) // n) + (-total * i // n) for i in range(n)]",
        (
            (
                "The first ones get a cent more.",
                "each, rest = divmod(total, n)\nreturn [each + (i < rest) for i in range(n)]",
            ),
            (
                "The last ones get a cent more.",
                "each, rest = divmod(total, n)\nreturn [each + (i >= n - rest) for i in range(n)]",
            ),
            (
                "Spread over the row: differences of floors.",
                "return [total * (i + 1) // n - total * i // n for i in range(n)]",
            ),
        ),
        ((10, 4), (7, 5), (100, 6), (3, 7)),
    ),
    Reading(
        "far",
        "Write `far(a, b)`: how far two cells [x, y] of a board lie from each other.",
        "from math import dist\n\n\ndef far(a, b):",
        "return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2",
        (
            ("Steps along rows and columns.", "return abs(a[0] - b[0]) + abs(a[1] - b[1])"),
            ("A king's steps.", "return max(abs(a[0] - b[0]), abs(a[1] - b[1]))"),
            ("As the crow flies.", "return dist(a, b)"),
        ),
        (([0, 0], [3, 4]), ([1, 1], [2, 3]), ([5, 2], [0, 0]), ([4, 4], [4, 7])),
    ),
    Reading(
        "tone",
        "Write `tone(n)`: the frequency, rounded to two digits, of the key with number n.",
        "def tone(n):",
        "return round(440 * 2 ** ((n - 48) / 12), 2)",
        (
            ("MIDI: key 69 is 440 Hz.", "return round(440 * 2 ** ((n - 69) / 12), 2)"),
            ("A piano's keys from 1: the 49th is 440 Hz.", "return round(440 * 2 ** ((n - 49) / 12), 2)"),
            ("Half tones from the A of 440 Hz.", "return round(440 * 2 ** (n / 12), 2)"),
        ),
        ((48,), (60,), (0,), (39,)),
    ),
    Reading(
        "words",
        "Write `words(text)`: how many words a text has.",
        "import re\n\n\ndef words(text):",
        'return len({word.lower() for word in re.findall(r"[A-Za-z]+(?:[\'-][A-Za-z]+)*", text)})',
        (
            ("What white space parts.", "return len(text.split())"),
            ("Runs of letters and digits.", 'return len(re.findall(r"\\w+", text))'),
            (
                "Runs of letters, with apostrophes and hyphens inside.",
                'return len(re.findall(r"[A-Za-z]+(?:[\'-][A-Za-z]+)*", text))',
            ),
            ("Different words, as white space parts them.", "return len(set(text.split()))"),
        ),
        (("The cat and the dog.",), ("It's a well-known fact - isn't it?",), ("No no NO",), ("",)),
    ),
    Reading(
        "degree",
        "Write `degree(x)`: a temperature turned into the other unit, rounded to two digits.",
        "def degree(x):",
        "return round((x - 273.15) * 1.8 + 32, 2)",
        (
            ("From Celsius to Fahrenheit.", "return round(x * 1.8 + 32, 2)"),
            ("From Fahrenheit to Celsius.", "return round((x - 32) / 1.8, 2)"),
            ("From Celsius to Kelvin.", "return round(x + 273.15, 2)"),
            ("From Kelvin to Celsius.", "return round(x - 273.15, 2)"),
            ("From Fahrenheit to Kelvin.", "return round((x - 32) / 1.8 + 273.15, 2)"),
        ),
        ((300,), (0,), (273.15,), (451,)),
    ),
    Reading(
        "clip_name",
        'Write `clip_name(name)`: the initials of a name such as "Jean-Luc van der Berg".',
        "import re\n\n\ndef clip_name(name):",
        'parts = [part for part in re.split(r"[\\s-]+", name) if part[:1].isupper()]\nreturn "".join(part[0] for part in parts)',
        (
            ("The first letter of each word, in capitals.", 'return "".join(word[0].upper() for word in name.split())'),
            ("The first letter of each word as it stands.", 'return "".join(word[0] for word in name.split())'),
            (
                "Parts after a hyphen count too; all in capitals.",
                'return "".join(part[0].upper() for part in re.split(r"[\\s-]+", name))',
            ),
            ("First and last alone.", "words = name.split()\nreturn words[0][0] + words[-1][0]"),
        ),
        (("Jean-Luc van der Berg",), ("Ada Lovelace",), ("Ludwig van Beethoven",), ("Anne-Marie du Pont-Neuf",)),
    ),
    Reading(
        "age",
        'Write `age(born, on)`: how old somebody is on a day, in years; both days as in "2024-02-29".',
        "from datetime import date\n\n\ndef age(born, on):",
        "a, b = date.fromisoformat(born), date.fromisoformat(on)\nreturn b.year - a.year",
        (
            (
                "A year more on each birthday.",
                "a, b = date.fromisoformat(born), date.fromisoformat(on)\nreturn b.year - a.year - ((b.month, b.day) < (a.month, a.day))",
            ),
            (
                "Days by 365.25, rounded down.",
                "return int((date.fromisoformat(on) - date.fromisoformat(born)).days / 365.25)",
            ),
            (
                "East Asian age: one at birth, one more each new year.",
                "a, b = date.fromisoformat(born), date.fromisoformat(on)\nreturn b.year - a.year + 1",
            ),
            (
                "With a fraction, days by 365.25.",
                "return round((date.fromisoformat(on) - date.fromisoformat(born)).days / 365.25, 2)",
            ),
        ),
        (
            ("2000-06-15", "2020-06-14"),
            ("1999-12-31", "2000-01-01"),
            ("2004-02-29", "2023-02-28"),
            ("2010-05-05", "2026-01-01"),
        ),
    ),
    Reading(
        "place",
        "Write `place(scores)`: the rank of each score in a list, the highest first; a list of the same length.",
        "def place(scores):",
        "ordered = sorted(scores, reverse=True)\nreturn [ordered.index(s) + (ordered.count(s) + 1) / 2 for s in scores]",
        (
            (
                "Equal ones share the better rank: 1, 2, 2, 4.",
                "ordered = sorted(scores, reverse=True)\nreturn [ordered.index(s) + 1 for s in scores]",
            ),
            (
                "Without gaps: 1, 2, 2, 3.",
                "ordered = sorted(set(scores), reverse=True)\nreturn [ordered.index(s) + 1 for s in scores]",
            ),
            (
                "Equal ones by their order.",
                "order = sorted(range(len(scores)), key=lambda i: -scores[i])\nreturn [order.index(i) + 1 for i in range(len(scores))]",
            ),
            (
                "Equal ones share the worse rank: 1, 3, 3, 4.",
                "return [sum(other >= s for other in scores) for s in scores]",
            ),
        ),
        (([3, 1, 3],), ([5, 5, 5, 1],), ([1, 2, 3],), ([7, 7, 2, 2],)),
    ),
    Reading(
        "even_round",
        'Write `even_round(x)`: a number of one decimal, given as text such as "-2.5", rounded to a whole number.',
        "from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal\nfrom math import ceil, floor\n\n\ndef even_round(x):",
        'return ceil(Decimal(x) - Decimal("0.5"))',
        (
            ("Halves to the even one, as Python does.", "return int(Decimal(x).quantize(Decimal(1), ROUND_HALF_EVEN))"),
            ("Halves away from nought.", "return int(Decimal(x).quantize(Decimal(1), ROUND_HALF_UP))"),
            ("Halves up.", 'return floor(Decimal(x) + Decimal("0.5"))'),
            ("Halves towards nought.", "return int(Decimal(x).quantize(Decimal(1), ROUND_HALF_DOWN))"),
        ),
        (("2.5",), ("-2.5",), ("3.5",), ("-3.5",), ("0.5",), ("-0.5",), ("1.4",)),
    ),
    Reading(
        "hours",
        "Write `hours(minutes)`: a number of minutes as a time, as text.",
        "def hours(minutes):",
        'return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"',
        (
            ("Hours and minutes: 1:05.", 'return f"{minutes // 60}:{minutes % 60:02d}"'),
            ("In words: 1h 5m.", 'return f"{minutes // 60}h {minutes % 60}m"'),
            ("Two digits each, hours as many as there are: 25:05.", 'return f"{minutes // 60:02d}:{minutes % 60:02d}"'),
            (
                "On a clock of twelve hours.",
                "hour = minutes // 60 % 24\nreturn f\"{hour % 12 or 12}:{minutes % 60:02d} {'AM' if hour < 12 else 'PM'}\"",
            ),
            ("With seconds.", 'return f"{minutes // 60:02d}:{minutes % 60:02d}:00"'),
        ),
        ((1505,), (2000,), (1440,), (4321,)),
    ),
    Reading(
        "vowels",
        "Write `vowels(word)`: the vowels of an English word of small letters.",
        "def vowels(word):",
        'return "".join(letter for at, letter in enumerate(word) if letter in "aeiou" or (letter == "y" and at))',
        (
            ("How many there are.", 'return sum(letter in "aeiou" for letter in word)'),
            ("A list of them, in order.", 'return [letter for letter in word if letter in "aeiou"]'),
            ("Joined, in order.", 'return "".join(letter for letter in word if letter in "aeiou")'),
            ("How many, with y.", 'return sum(letter in "aeiouy" for letter in word)'),
            ("Joined, with y.", 'return "".join(letter for letter in word if letter in "aeiouy")'),
        ),
        (("mystery",), ("yellow",), ("happy",), ("yearly",)),
    ),
)
