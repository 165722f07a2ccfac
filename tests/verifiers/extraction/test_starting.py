"""What stands outside the marked regions of the programs that a task begins with, no reply ever changes."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.verifiers.extraction.forms.regions import outside, parts
from gristmill.verifiers.extraction.forms.starting import PUT_BACK, changeable, start_problems
from gristmill.verifiers.extraction.replies import Extraction, extract
from gristmill.verifiers.records import CasesTest, Task

BEGIN, END = "# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n"
OLD = "def weigh(item, room):\n    return room - item\n"
NEW = "def weigh(item, room):\n    return item * 2\n"
START = f'''import math
N = 5

{BEGIN}{OLD}{END}

def solve(items):
    """Frozen.""" # EVOLVE-BLOCK-START is no mark here
    return sorted(items, key=lambda x: weigh(x, N))
'''
INNER = """def solve(items):
    total = 0
    for item in items:
        # gristmill: change
        total += item
        # gristmill: end
    if total > 3:
        # gristmill: change
        total = total - 1
        # gristmill: end
    return total
"""
TEST = CasesTest.model_validate({"entry_point": "solve", "cases": [{"args": [[1]], "expected": [1]}]})


def task(*starts: str, **more: object) -> Task:
    return Task(id="t", kind="code", prompt="solve", tests=(TEST,), settings={"start": list(starts), **more})


def read(reply: str, *starts: str, parent: str | None = None) -> Extraction:
    return extract(task(*(starts or (START,))), f"Here it is.\n```python\n{reply}\n```\n", parent=parent)


def is_kept(found: Extraction, start: str = START) -> bool:
    """Text and tree outside the regions are the author's, wherever there is a program at all."""
    if found.solution is None:
        return bool(found.note)
    ast.parse(found.solution)
    return parts(found.solution).fixed == parts(start).fixed and outside(found.solution) == outside(start)


def test_what_a_reply_has_between_its_marks_is_taken() -> None:
    whole = START.replace(OLD, NEW)
    assert read(whole).solution == whole
    assert extract(task(START), whole).solution == whole, "a bare program"
    assert read(START).solution == START
    assert changeable(task(START)) == (BEGIN.strip(), END.strip())
    # A part of it, where that can be told.
    assert read(NEW).solution == whole
    assert read(f"{BEGIN}{NEW}{END}").solution == whole
    assert read(whole.replace(BEGIN, "").replace(END, "")).solution == whole
    assert read("total += 2 * item", INNER).solution is None, "it could be either of two regions"
    unmarked = "def solve(items):\n    return items\n"
    assert read(unmarked, unmarked, START).solution == unmarked, "one of the programs may change everywhere"


def test_what_it_changes_outside_is_put_back_and_told() -> None:
    changed = START.replace(OLD, NEW).replace("N = 5", "N = 6").replace("sorted(items", "list(items")
    found = read(changed)
    assert found.solution == START.replace(OLD, NEW)
    assert found.note.endswith(PUT_BACK)
    edit = (
        "<<<<<<< SEARCH\nN = 5\n=======\nN = 50\n>>>>>>> REPLACE\n"
        "<<<<<<< SEARCH\n    return room - item\n=======\n    return item * 2\n>>>>>>> REPLACE\n"
    )
    edited = extract(task(START), edit, parent=START)
    assert (edited.solution, edited.note.endswith(PUT_BACK)) == (START.replace(OLD, NEW), True)


ATTACKS = {
    "without marks, changed outside": START.replace(BEGIN, "").replace(END, "").replace("N = 5", "N = 7"),
    "text that swallows": START.replace(OLD, f'{NEW}x = """\n'),
    "brackets that swallow": START.replace(OLD, f"{NEW}x = [\n"),
    "a decorator for what follows": START.replace(OLD, f"{NEW}@print\n"),
    "a branch for what follows": START.replace(OLD, f"{NEW}if 0:\n    pass\nelse:\n"),
    "another region": START.replace(OLD, NEW) + f"{BEGIN}def solve(x): return 1\n{END}",
    "the first mark moved up": BEGIN + START.replace(OLD, NEW).replace(BEGIN, ""),
    "the last mark moved down": START.replace(OLD, NEW).replace(END, "") + END,
    "marks in marks": START.replace(OLD, f"{BEGIN}{NEW}{END}N = 9\n{BEGIN}"),
    "a mark in a text": START.replace(OLD, f'{NEW}x = """\n{END}"""\nN = 9\n'),
    "marks by a look-alike": START.replace(OLD, NEW).replace("EVOLVE-", "EVOLVE\u2010").replace("N = 5", "N = 7"),
    "a mark behind a bare return": START.replace(OLD, f"{NEW}# x\r{END.strip()}\rN = 9\r"),
    "a mark behind a page feed": START.replace(OLD, f"{NEW}# x\x0c{END}N = 9\n"),
    "a mark behind a backslash": START.replace(OLD, f"{NEW}N = 9 \\\n"),
    "a name defined anew": START.replace(OLD, f"{NEW}N: int = 9\n"),
    "the entry point defined anew": START.replace(OLD, f"{NEW}class solve: pass\n"),
    "no region": START.replace(BEGIN + OLD + END, ""),
    "only an end": START.replace(BEGIN, ""),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_change_nothing_outside(attack: str) -> None:
    for parent in (None, START):
        found = read(ATTACKS[attack], parent=parent)
        assert is_kept(found)
        assert found.solution is None or "N = 9" not in found.solution.partition(END)[2]


@pytest.mark.parametrize(
    "inner",
    [
        "total += item\n        break\n    return 9\ndef other(items):\n    for item in items:\n        pass",
        "total += item\n    else:\n        total = 9",
        "total += item; x = (",
        'total += item; x = """',
        "if item:",
    ],
)
def test_a_region_inside_a_function_takes_nothing_of_it_along(inner: str) -> None:
    assert is_kept(read(INNER.replace("total += item", inner), INNER), INNER)


def test_the_first_lines_never_say_how_the_rest_is_encoded() -> None:
    start = f"{BEGIN}x = 1\n{END}def solve(items):\n    return items + [x]\n"
    cookie = start.replace("x = 1", "# coding: utf-7\nx = 2")
    assert read(cookie, start).solution is None
    assert read(start.replace("x = 1", "x = 2"), start).solution == start.replace("x = 1", "x = 2")


LINES = [BEGIN, END, "# gristmill: change\n", "# gristmill: end\n", "N = 9\n", 'x = """\n', '"""\n', "x = (\n", ")\n"]
LINES += ["def solve(items):\n", "    return items\n", "if N:\n", "else:\n", "@print\n", "\\\n", "# x\r", "\x0c"]


@given(st.lists(st.sampled_from([*LINES, *START.splitlines(keepends=True)]), max_size=30))
@settings(max_examples=150)
def test_whatever_a_reply_is_made_of_what_stands_outside_stays(lines: list[str]) -> None:
    assert is_kept(read("".join(lines)))
    assert is_kept(extract(task(START), "".join(lines), parent=START.replace(OLD, NEW)))
    before, _, after = START.partition(OLD)
    assert is_kept(read(f"{before}{''.join(lines)}{after}"))


def test_a_child_keeps_what_its_own_line_has() -> None:
    other = START.replace("N = 5", "N = 8")
    child = read(other.replace(OLD, NEW), START, other, parent=other).solution
    assert child == other.replace(OLD, NEW)
    # It cannot go over to the other's.
    back = read(START.replace(OLD, NEW), START, other, parent=child).solution
    assert back == child
    # Without a parent it is the one whose text it has.
    assert read(other.replace(OLD, NEW), START, other).solution == child


def said(*starts: object, **more: object) -> list[str]:
    about = task().model_copy(update={"settings": {"start": starts[0] if len(starts) == 1 else list(starts)}, **more})
    return list(start_problems(about))


def test_what_is_wrong_with_a_start_is_told_by_field_and_line() -> None:
    assert said(START) == said(START, INNER) == []
    (broken,) = said(START, START.replace("N = 5", "N = ("))
    assert broken.startswith("settings.start[1]: it does not parse, line 2")
    (twice,) = said(START.replace(OLD, BEGIN + OLD))
    assert "line 5: a marked region begins before the one of line 4 has ended" in twice
    (ends,) = said(START.replace(BEGIN, ""))
    assert "ends before one has begun" in ends
    (open_,) = said(START.replace(END, ""))
    assert "line 4: a marked region begins and does not end" in open_
    (cut,) = said(f"def solve(items):\n    return [\n{BEGIN}        1,\n{END}    ]\n")
    assert "whole statements" in cut
    assert all("as text" in each for each in (*said([]), *said(3), *said("", START)))
    (no_program,) = said(START, kind="math", tests=())
    assert "asks for a program" in no_program


def test_a_start_of_whole_statements_is_one_however_deep_they_stand() -> None:
    assert said(INNER) == []
    assert ast.dump(ast.parse(INNER)) == ast.dump(ast.parse(read(INNER, INNER).solution or ""))
