"""The forms in which chat models hand over code: what is found does what was meant, and what is not found is said."""

from __future__ import annotations

import asyncio
import contextlib
import io
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.judging import judge_extraction
from gristmill.verifiers.records import Case, CasesTest, Outcome, PytestTest, StdioCase, StdioTest, Task, Verdict

CORPUS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("forms.yaml").read_text(encoding="utf-8"))
ODD = str.maketrans({"␣": "\xa0", "␀": "\ufeff", "␠": "\u200b"})
FOUND = [entry for entry in CORPUS if "reason" not in entry]
LOST = [entry for entry in CORPUS if "reason" in entry]


def task(name: str) -> Task:
    kind, _, entry_point = name.partition(" ")
    if kind == "function":
        case = Case(args=(1,), expected=1)
        tests: tuple[Any, ...] = (CasesTest(entry_point=entry_point or "f", cases=(case,)),)
    else:
        spoken = "python" if kind == "program" else kind
        tests = (StdioTest(language=spoken, cases=(StdioCase(stdout="1"),)),)
    return Task(id="t", kind="code", prompt="Do it.", tests=tests)


def solution_of(entry: dict[str, Any]) -> tuple[str | None, str]:
    found = extract(task(entry["task"]), entry["reply"].translate(ODD), parent=entry.get("parent"))
    return found.solution, found.note


def ran(source: str, stdin: str) -> str:
    said = io.StringIO()
    with mock.patch("sys.stdin", io.StringIO(stdin)), contextlib.redirect_stdout(said):
        exec(compile(source, "solution.py", "exec"), {"__name__": "__main__"})
    return said.getvalue().strip()


def test_the_corpus_holds_what_it_says() -> None:
    """The bar is 38 of 40; every form below is read, and the few that hold no solution are told why."""
    assert len(FOUND) >= 40
    assert len({entry["form"] for entry in CORPUS}) == len(CORPUS)
    assert all({"computes", "prints", "text"} & set(entry) for entry in FOUND)


@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")
@pytest.mark.parametrize("entry", FOUND, ids=lambda entry: entry["form"])
def test_what_is_found_does_what_was_meant(entry: dict[str, Any]) -> None:
    solution, note = solution_of(entry)
    assert solution is not None, note
    if "text" in entry:
        assert solution.strip() == entry["text"].translate(ODD).strip()
    for given, printed in entry.get("prints", ()):
        assert ran(solution, given) == printed, solution
    names: dict[str, Any] = {}
    if "computes" in entry:
        exec(compile(solution, "solution.py", "exec"), names)
    for args, value in entry.get("computes", ()):
        assert names[entry["task"].partition(" ")[2] or "f"](*args) == value, solution


class Nobody:
    """A judge that nothing may reach."""

    async def verify(self, task: Task, solution: str) -> Verdict:
        raise AssertionError(solution)


@pytest.mark.parametrize("entry", LOST, ids=lambda entry: entry["form"])
def test_what_is_not_found_is_invalid_with_the_reason(entry: dict[str, Any]) -> None:
    of = task(entry["task"])
    extraction = extract(of, entry["reply"].translate(ODD), parent=entry.get("parent"))
    verdict = asyncio.run(judge_extraction(of, extraction, Nobody()))
    assert verdict.outcome is Outcome.INVALID
    assert entry["reason"] in verdict.feedback


@pytest.mark.parametrize("entry", [e for e in FOUND if e["task"] == "function"], ids=lambda entry: entry["form"])
def test_the_forms_are_read_for_every_test_type(entry: dict[str, Any]) -> None:
    """What is asked for by files of pytest, by a reward or a loss is found like what is asked for by calls."""
    reply, parent = entry["reply"].translate(ODD), entry.get("parent")
    by_calls = extract(task("function"), reply, parent=parent)
    asked = PytestTest(entry_point="f", files={"test_a.py": "from solution import f"})
    for of in (
        Task(id="t", kind="code", prompt="?", tests=(asked,)),
        Task(id="t", kind="reward", prompt="?", settings={"entry_point": "f"}),
        Task(id="t", kind="program", prompt="?", settings={"entry_point": "f"}),
    ):
        assert extract(of, reply, parent=parent) == by_calls
