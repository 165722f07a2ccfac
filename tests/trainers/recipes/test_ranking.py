"""A reward model as a ranker: expected judgements are those of all orders counted, and a run's are its own."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.storage.store import Store
from gristmill.trainers.recipes.ser.pairs import digest
from gristmill.trainers.recipes.ser.ranking import RankingExample, judged_of, ranking_of, until_first_pass

ROWS = st.lists(st.tuples(st.integers(0, 3).map(float), st.booleans()), min_size=1, max_size=6)


@given(ROWS)
def test_the_expectation_is_the_mean_over_all_orders_that_the_rewards_leave_open(row: list[tuple[float, bool]]) -> None:
    counts = []
    for order in itertools.permutations(row):
        ranked = sorted(order, key=lambda each: -each[0])
        counts.append(next((place for place, (_, good) in enumerate(ranked, 1) if good), len(ranked)))
    found = until_first_pass([reward for reward, _ in row], [good for _, good in row])
    assert found == pytest.approx(sum(counts) / len(counts))


def judged(task: str, *rounds: str) -> list[RankingExample]:
    """A task of rounds like ``--+-``."""
    return [
        RankingExample(task=task, round=number, turns=(), passed=mark == "+", seconds=2.0)
        for number, marks in enumerate(rounds)
        for mark in marks
    ]


@given(st.lists(st.lists(st.text("+-", min_size=1, max_size=5), min_size=1, max_size=3), max_size=8))
def test_a_ranker_that_knows_needs_one_judgement_of_a_passing_round_and_never_more_than_another_order(
    tasks: list[list[str]],
) -> None:
    rows = [each for number, rounds in enumerate(tasks) for each in judged(str(number), *rounds)]
    passing = [rounds for rounds in tasks if any("+" in marks for marks in rounds)]
    knows = ranking_of(rows, [float(row.passed) for row in rows])
    before = sum(sum(len(m) for m in itertools.takewhile(lambda m: "+" not in m, rounds)) for rounds in passing)
    assert knows.ranked == before + len(passing)
    assert knows.ranked <= min(knows.arrival, knows.random) + 1e-9
    assert (knows.tasks, knows.without) == (len(passing), len(tasks) - len(passing))
    blind = ranking_of(rows, [0.0] * len(rows))
    assert blind.ranked == pytest.approx(blind.random)
    assert blind.right in (None, 0.5)


def test_what_is_saved_is_told_with_an_interval_over_tasks_and_a_ranker_that_is_wrong_costs() -> None:
    rows = [each for number in range(30) for each in judged(str(number), "---+" if number % 3 else "+---")]
    knows = ranking_of(rows, [float(row.passed) for row in rows])
    assert (knows.arrival, knows.random, knows.ranked) == (20 * 4 + 10, 30 * 2.5, 30)
    assert knows.saved["arrival"].share == pytest.approx(1 - 30 / 90)
    low, high = knows.saved["arrival"].interval or (0, 0)
    assert 0.5 < low < 1 - 30 / 90 < high < 0.8
    assert knows.saved["random"].interval == pytest.approx((0.6, 0.6))
    assert (knows.right, knows.judging, knows.strength) == (1.0, 2.0, "self_assessed")
    wrong = ranking_of(rows, [-float(row.passed) for row in rows])
    assert wrong.ranked == 120
    assert wrong.saved["random"].share == pytest.approx(1 - 120 / 75)


def test_of_a_run_counts_what_took_a_judgement_and_leaves_out_what_was_trained_on(
    workspace: Path, forked_gristmill: str, bubblewrap: str
) -> None:
    cases = [{"args": [n], "expected": 2 * n} for n in (3, -4)]
    tests = [{"type": "cases", "entry_point": "f", "cases": cases}]
    task = {"id": "a", "kind": "code", "prompt": "Write f(n) that doubles n.", "tests": tests}
    (workspace / "t.jsonl").write_text(json.dumps(task) + "\n")
    bodies = ("n", None, "3 * n", "2 * n")
    replies = ["I do not know." if body is None else f"```python\ndef f(n): return {body}\n```" for body in bodies]
    (workspace / "r.jsonl").write_text("".join(json.dumps({"text": reply}) + "\n" for reply in replies))
    command = [forked_gristmill, "run", "t.jsonl", "--model", "replay:r.jsonl", "--strategy", "best_of"]
    command += ["--rounds", "1", "--hypotheses", "4", "--name", "some", "--sandbox", "bubblewrap"]
    subprocess.run(command, capture_output=True, timeout=300, check=False)
    with Store.open(workspace) as store:
        (story,) = store.trajectories("some")
    found, left_out = judged_of([story])
    # The second has no program.
    assert [(each.turns[-1]["content"], each.passed) for each in found] == [
        (replies[0], False),
        (replies[2], False),
        (replies[3], True),
    ]
    assert left_out == 0
    assert ranking_of(found, [0.0, 1.0, 2.0]).ranked == 1
    assert ranking_of(found, [0.0, 1.0, 2.0]).arrival == 3
    verdict = story.steps[2].verdict.model_copy(update={"repeats": "a/0/0"})
    again = [*story.steps[:2], story.steps[2].model_copy(update={"verdict": verdict}), *story.steps[3:]]
    assert len(judged_of([story.model_copy(update={"steps": tuple(again)})])[0]) == 2
    prompt = digest([*found[0].turns[:-1]])
    assert judged_of([story], frozenset([prompt])) == ([], 1)
