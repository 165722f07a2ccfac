"""What an improvement and the recipes tell whoever is away."""

from __future__ import annotations

from gristmill.trainers.improve.asking.alerts import ended, gate_alerts
from gristmill.trainers.improve.gate import GateDecision, decide
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.improve.gating.guards import Guard
from gristmill.trainers.measure.evaluation import TaskResult


def results(passed: int, total: int, reply: str = "") -> list[TaskResult]:
    return [TaskResult(task_id=str(at), replies=(reply,), passed=(at < passed,)) for at in range(total)]


def told(decision: GateDecision) -> list[str]:
    return [alert.key for alert in gate_alerts(decision, 0)]


def test_a_round_that_is_worse_is_a_regression_and_one_that_is_no_better_is_none() -> None:
    assert told(decide(results(12, 20), results(8, 20))) == ["regression"]
    assert told(decide(results(8, 20), results(9, 20))) == []
    assert told(decide(results(8, 20), results(20, 20))) == []


def test_a_gain_that_is_paid_for_elsewhere_is_a_regression() -> None:
    lost = Guard(name="retention", ok=False, words="-9.0 points")
    decision = decide(results(8, 20), results(20, 20), guards=[lost])
    assert told(decision) == ["regression"]
    assert "-9.0 points" in gate_alerts(decision, 0)[0].text


def test_replies_that_never_end_are_a_collapse() -> None:
    decision = decide(results(8, 20, "four words of text"), results(8, 20, "na " * 4000))
    assert told(decision) == ["collapse"]


def test_of_a_set_that_is_asked_again_no_more_is_told_than_the_gate_says() -> None:
    fixed = GateConfig(gate="fixed")
    worse, alike = (decide(results(12, 20), results(n, 20, "na " * 4000), config=fixed) for n in (2, 12))
    assert told(worse) == told(alike) == []


def test_the_end_says_whether_an_adapter_was_kept() -> None:
    assert "was kept" in ended("folder", 2).text
    assert "the base model stays" in ended(None, 1).text
