"""Whether a value solves a puzzle that has several solutions: by its rules, played here move by move.

Against moves that a game ignores (into a wall, of a button that is dead), moves behind the end, numbers that were not
given, and rows or letters too many: each makes an answer wrong.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import isqrt
from typing import Any, TypeAlias

from gristmill.verifiers.reasoning.guest.judge.rules import Rule, expected

__all__ = ["RULES"]

Item: TypeAlias = dict[str, Any]
_STEPS = {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}
_KEYS = {"R": "right", "D": "down", "L": "left", "U": "up"}
_OPERATIONS = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: one / other,
}


def _sudoku(form: str, value: list[list[int]], item: Item) -> float:
    puzzle = item["metadata"]["puzzle"]
    size = len(puzzle)
    if [len(row) for row in value] != [size] * size:
        return 0.0
    root, whole = isqrt(size), set(range(1, size + 1))
    boxes = [
        [value[top + row][left + column] for row in range(root) for column in range(root)]
        for top in range(0, size, root)
        for left in range(0, size, root)
    ]
    kept = all(
        given in (0, mine)
        for row, mines in zip(puzzle, value, strict=True)
        for given, mine in zip(row, mines, strict=True)
    )
    return float(kept and all(set(part) == whole for part in [*value, *zip(*value, strict=True), *boxes]))


def _survo(form: str, value: list[list[int]], item: Item) -> float:
    puzzle = item["metadata"]["puzzle"]
    if [len(row) for row in value] != [len(row) for row in puzzle]:
        return 0.0
    pairs = [
        (given, mine) for row, mines in zip(puzzle, value, strict=True) for given, mine in zip(row, mines, strict=True)
    ]
    filled = Counter(mine for given, mine in pairs if given == 0)
    kept = all(given in (0, mine) for given, mine in pairs)
    sums = all(sum(line[:-1]) == line[-1] for line in [*value, *map(list, zip(*value, strict=True))])
    return float(kept and sums and filled == Counter(item["metadata"]["candidate_numbers"]))


def _kakurasu(form: str, value: list[list[int]], item: Item) -> float:
    metadata = item["metadata"]
    if [len(row) for row in value] != [metadata["n_cols"]] * metadata["n_rows"]:
        return 0.0
    if any(cell not in (0, 1) for row in value for cell in row):
        return 0.0
    sums = [
        [sum(place * cell for place, cell in enumerate(line, 1)) for line in lines]
        for lines in (value, zip(*value, strict=True))
    ]
    return float(sums == [list(metadata["row_sums"]), list(metadata["col_sums"])])


def _queens(form: str, value: list[list[str]], item: Item) -> float:
    return float("\n".join(map(" ".join, value)) in item["metadata"]["valid_answers"])


def _cryptarithm(form: str, value: list[list[Any]], item: Item) -> float:
    metadata, digits = item["metadata"], dict(value)
    words = [*metadata["words_letters"], metadata["result_letters"]]
    if len(digits) != len(value) or len(set(digits.values())) != len(digits) or set(digits) != set("".join(words)):
        return 0.0
    if not metadata.get("allow_leading_zero") and any(digits[word[0]] == 0 for word in words):
        return 0.0
    *summands, total = (int("".join(str(digits[letter]) for letter in word)) for word in words)
    return float(sum(summands) == total)


def _palindrome(form: str, value: list[str], item: Item) -> float:
    whole = value[0] if len(value) == 1 else ""
    return float(whole == whole[::-1] and sorted(whole) == sorted(item["metadata"]["letters"]))


def _jugs(form: str, value: list[list[str]], item: Item) -> float:
    puzzle = item["metadata"]["puzzle"]
    holds = dict(zip("ABCDEFGHIJ", puzzle["jug_capacities"], strict=False))
    state = dict.fromkeys(holds, 0)
    for move, *jugs in value:
        if not set(jugs) <= set(state):
            return 0.0
        if move == "pour":
            source, target = jugs
            if source == target:
                return 0.0
            amount = min(state[source], holds[target] - state[target])
            state[source] -= amount
            state[target] += amount
        else:
            state[jugs[0]] = holds[jugs[0]] if move == "fill" else 0
    return float(puzzle["target"] in state.values())


def _hanoi(form: str, value: list[list[int]], item: Item) -> float:
    metadata = item["metadata"]
    pegs: dict[int, list[int]] = {peg: [] for peg in range(1, metadata["num_pegs"] + 1)}
    pegs[metadata["start_peg"]] = list(range(metadata["num_disks"], 0, -1))
    for disk, source, target in value:
        if source not in pegs or target not in pegs or pegs[source][-1:] != [disk]:
            return 0.0
        if pegs[target] and pegs[target][-1] <= disk:
            return 0.0
        pegs[target].append(pegs[source].pop())
    solved = len(pegs[metadata["target_peg"]]) == metadata["num_disks"]
    return min(1.0, metadata["solution_length"] / len(value)) if solved else 0.0


def _knights(form: str, value: list[list[str]], item: Item) -> float:
    metadata = item["metadata"]
    if not metadata["is_possible"] or not value:
        return float(not metadata["is_possible"] and not value)
    pieces = {place: piece for place, piece in metadata["pieces"].items() if piece}
    wanted = {place: {"w": "B", "B": "w"}[piece] for place, piece in pieces.items()}
    turn = metadata["start_turn"]
    for colour, start, end in value:
        if colour != turn or pieces.get(start) != colour or end in pieces or end not in metadata["board"][start]:
            return 0.0
        pieces[end] = pieces.pop(start)
        turn = {"w": "B", "B": "w"}[turn]
    return min(1.0, len(metadata["solution"]) / len(value)) if pieces == wanted else 0.0


def _path(form: str, value: list[str], item: Item) -> float:
    right, cells = expected(form, item), item["metadata"]["matrix"]
    if "infeasible" in (*value, *right):
        return float(value == right)
    (place,) = ((row, column) for row, line in enumerate(cells) for column, cell in enumerate(line) if cell == "*")
    for step in value:
        place = (place[0] + _STEPS[step][0], place[1] + _STEPS[step][1])
        if not (0 <= place[0] < len(cells) and 0 <= place[1] < len(cells[0])) or cells[place[0]][place[1]] == "X":
            return 0.0
    if cells[place[0]][place[1]] != "#":
        return 0.0
    return 1.0 if len(value) == len(right) else 0.5


def _lock(form: str, value: list[str], item: Item) -> float:
    metadata = item["metadata"]
    buttons = {button["name"]: button for button in metadata["buttons"]}
    number, light = metadata["initial_value"], metadata["initial_state"]
    for press in value:
        button = buttons[press]
        if button["active_state"] not in (light, "any"):
            return 0.0
        by = button["value"]
        number = {"add": number + by, "subtract": number - by, "multiply": number * by}[button["type"]]
        light = {"red": "green", "green": "red"}[light]
    if number != metadata["target_value"]:
        return 0.0
    return 1.0 if len(value) <= len(expected(form, item)) else 0.5


def _sokoban(form: str, value: str, item: Item) -> float:
    cells = {
        (row, column): cell
        for row, line in enumerate(item["metadata"]["gamestr"].replace(" ", "").strip().split("\n"))
        for column, cell in enumerate(line)
    }
    boxes = {place for place, cell in cells.items() if cell in "@$"}
    goals = {place for place, cell in cells.items() if cell in "X$%"}
    (player,) = (place for place, cell in cells.items() if cell in "*%")
    for key in value:
        # What walks into a wall, or on when all is done, is no solution, though the game would ignore it.
        if boxes <= goals:
            return 0.0
        step = _STEPS[_KEYS[key]]
        player = (player[0] + step[0], player[1] + step[1])
        behind = (player[0] + step[0], player[1] + step[1])
        if cells.get(player, "+") == "+" or (player in boxes and (cells.get(behind, "+") == "+" or behind in boxes)):
            return 0.0
        if player in boxes:
            boxes = (boxes - {player}) | {behind}
    return float(boxes <= goals)


def _reached(value: list[str], numbers: list[int], target: int) -> float:
    if Counter(int(each) for each in value if each.isdigit()) != Counter(numbers):
        return 0.0
    stack: list[Fraction] = []
    try:
        for each in value:
            if each.isdigit():
                stack.append(Fraction(each))
            elif each == "neg":
                stack[-1] = -stack[-1]
            else:
                last = stack.pop()
                stack[-1] = _OPERATIONS[each](stack[-1], last)
    except ZeroDivisionError:
        return 0.0
    return float(stack == [target])


def _countdown(form: str, value: list[str], item: Item) -> float:
    return _reached(value, item["metadata"]["numbers"], item["metadata"]["target"])


def _twenty_four(form: str, value: list[str], item: Item) -> float:
    return _reached(value, item["metadata"]["numbers"], 24)


RULES: dict[str, Rule] = {
    "countdown": _countdown,
    "cryptarithm": _cryptarithm,
    "hanoi": _hanoi,
    "jugs": _jugs,
    "kakurasu": _kakurasu,
    "knights": _knights,
    "lock": _lock,
    "palindrome": _palindrome,
    "path": _path,
    "queens": _queens,
    "sokoban": _sokoban,
    "sudoku": _sudoku,
    "survo": _survo,
    "twenty-four": _twenty_four,
}
"""Rule → the score of (form, value, item)."""
