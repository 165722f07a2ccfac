"""The same thing said twice is one row; another constant, or another question, is another row."""

from __future__ import annotations

import pytest

from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.curation.duplicates import NearDuplicates

LONG = "def f(xs):\n    out = []\n" + "".join(
    f"    for x in xs:\n        if x % {n} == {n - 2}:\n            out.append(x * {n} + len(xs))\n"
    for n in range(3, 11)
)
ASKED = "Walk over all of xs and collect what is left."


def test_names_and_layout_make_no_new_row() -> None:
    known = NearDuplicates(1)
    assert not known.known(ASKED, "def f(xs):\n    return sum(x for x in xs)")
    assert known.known(ASKED.upper(), "def f(values):\n  return sum( v for v in values )  # all")
    assert not known.known(ASKED, "def f(xs):\n    return sum(x for x in xs if x)")
    assert not known.known("Something else.", "def f(xs):\n    return sum(x for x in xs)")


def test_nearly_the_same_program_for_the_same_question_is_one() -> None:
    pytest.importorskip("rensa")
    near = LONG + "    out.sort()\n    return out"
    for likeness, same in ((0.8, True), (1.0, False)):
        known = NearDuplicates(likeness)
        assert not known.known(ASKED, LONG + "    return out")
        assert known.known(ASKED, near) is same
        assert not known.known(ASKED + " Then 3 more.", near), "another number, another question"
        assert not known.known(ASKED, "def f(xs):\n    return [x for x in xs if x > 3]")


def test_answers_that_are_no_programs_go_by_their_words() -> None:
    pytest.importorskip("rensa")
    text = " ".join(f"and then the {n}th of them is taken away again" for n in range(30))
    known = NearDuplicates(0.8)
    assert not known.known(ASKED, f"First, {text}.")
    assert known.known(ASKED, f"First,  {text}. So there!")
    assert not known.known(ASKED, "Nothing of the kind, ever, at all.")


def test_without_the_library_copies_alone_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.trainers.data.curation.duplicates.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'gristmill\[train\]'"):
        NearDuplicates(0.9)
    assert not NearDuplicates(1).known(ASKED, "a")
