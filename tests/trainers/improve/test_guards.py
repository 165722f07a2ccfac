"""What an adapter must not lose, and how often a set was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gristmill.graph.comparing import compare
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.trainers.improve.gate import decide
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.improve.gating.guards import collapse, lengths, not_inferior
from gristmill.trainers.improve.gating.looks import ask, looks, open_sealed, opening_words
from gristmill.trainers.measure.evaluation import TaskResult
from gristmill.trainers.measure.retention import kept_text, read_text
from gristmill.verifiers.records import Case, CasesTest, Task

CONFIG = GateConfig(gate="rounds")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as opened:
        yield opened


def tasks(count: int) -> list[Task]:
    return [
        Task(id=f"t{n}", kind="code", prompt=f"{n}", tests=(CasesTest(entry_point="f", cases=(Case(expected=n),)),))
        for n in range(count)
    ]


def drawn(answers: Sequence[tuple[str, ...]], right: set[str]) -> list[TaskResult]:
    return [
        TaskResult(task_id=str(n), replies=each, passed=tuple(reply in right for reply in each))
        for n, each in enumerate(answers)
    ]


def test_one_answer_for_everything_is_a_collapse_though_it_passes() -> None:
    ways = tuple(f"sum(x for x in xs if x > {n})" for n in range(8))
    many, one = drawn([ways] * 30, set(ways)), drawn([(ways[0],) * 8] * 30, set(ways))
    assert [guard.ok for guard in collapse(many, many, CONFIG)] == [True, True]
    assert [(guard.name, guard.ok) for guard in collapse(many, one, CONFIG)] == [
        ("pass@8", True),
        ("distinct solutions", False),
    ]
    better = [drawn([("no",)] * 12 + [("yes",)] * 40, {right}) for right in ("yes", "no")]
    old, new = better[0], drawn([("yes",)] * 52, {"yes"})
    assert decide(old, new, config=CONFIG).kept
    refused = decide(old, new, config=CONFIG, guards=collapse(many, one, CONFIG))
    assert refused.refused
    assert not refused.kept
    assert "distinct solutions: 30 different right answers on 30 tasks, 240 before" in refused.reason


def test_what_only_some_of_eight_pass_is_told_by_pass_at_eight() -> None:
    before = drawn([("right", *["wrong"] * 7)] * 40, {"right"})
    after = drawn([("right",) * 8] * 25 + [("wrong",) * 8] * 15, {"right"})
    [passes, _] = collapse(before, after, CONFIG)
    assert not passes.ok
    assert "-37.5 points" in passes.words
    with pytest.raises(ValueError, match="two replies"):
        collapse(drawn([("right",)], {"right"}), drawn([("right",)], {"right"}), CONFIG)


def test_replies_that_never_end_are_a_collapse() -> None:
    short, long = drawn([("x" * 20,)] * 9, set()), drawn([("x" * 900,)] * 9, set())
    assert lengths(short, short, CONFIG).ok
    assert not lengths(short, long, CONFIG).ok
    assert not lengths(long, short, CONFIG).ok


def test_a_margin_holds_only_where_worse_is_ruled_out() -> None:
    same = [True, False] * 100
    assert not_inferior("retention", compare(same, same), 0.01).ok
    few = compare([True] * 10 + [False] * 2, [True] * 9 + [False, True, False])
    assert few.difference == 0
    assert not not_inferior("retention", few, 0.1).ok
    assert not not_inferior("retention", compare([], []), 0.1).ok


def test_a_set_counts_its_questions_over_improvements_and_resumes(store: Store) -> None:
    gate = tasks(3)
    assert ask(store.documents, gate, "night/1").queries == 0
    ask(store.documents, gate, "night/1", told=True)
    second = ask(store.documents, gate[::-1], "day/1")
    assert (second.queries, second.told) == (1, 1)
    assert ask(store.documents, gate, "day/1") == second
    assert ask(store.documents, gate, "night/1").queries == 0  # asked again after a kill: the same question
    assert ask(store.documents, tasks(4), "night/2").queries == 0
    assert list(looks(store.documents, gate)) == ["night/1", "day/1"]


def test_a_test_set_that_is_opened_again_is_told(store: Store) -> None:
    assert "for the first time" in opening_words(open_sealed(store.documents, tasks(2), "night"), "night")
    open_sealed(store.documents, tasks(2), "night")
    again = open_sealed(store.documents, tasks(2), "day")
    assert [look.by for look in again] == ["night", "day"]
    assert "1 times before, first for 'night'" in opening_words(again, "day")
    assert "for the first time" in opening_words(again, "night")


@pytest.mark.slow
def test_text_in_another_order_is_foretold_worse(small_model: Path) -> None:
    text = read_text()[:5600]
    plain, turned = kept_text(text, small_model), kept_text(" ".join(text.split()[::-1]), small_model)
    assert 5 < plain.perplexity < 0.5 * turned.perplexity
    count = min(len(plain.parts), len(turned.parts))
    worse = not_inferior("kept text", compare(plain.parts[:count], turned.parts[:count]), 0.1, unit="nats a token")
    assert not worse.ok
    with pytest.raises(UserError, match="needs 1024 tokens"):
        kept_text("too short", small_model)
