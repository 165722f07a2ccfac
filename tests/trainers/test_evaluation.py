"""Held-out tasks are asked, judged and counted."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from gristmill.graph.records import Reply, Request, Sampling, Tokens
from gristmill.trainers.measure.evaluation import evaluate
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict


class Script:
    """Answers by task id; keeps what it was asked."""

    name = model = "script"
    adapter: str | None = None

    def __init__(self, replies: dict[str, str]) -> None:
        self.replies = replies
        self.asked: list[Request] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def propose(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(text=self.replies[request.task_id], tokens=Tokens(prompt=3, completion=2))


class Key:
    """Passes the right answer, cannot score "broken", fails the rest."""

    async def verify(self, task: Task, solution: str) -> Verdict:
        outcome = Outcome.UNSCORED if solution == "broken" else Outcome.FAILED
        if solution == task.answer:
            outcome = Outcome.PASSED
        score = None if outcome is Outcome.UNSCORED else float(outcome is Outcome.PASSED)
        return Verdict(outcome=outcome, score=score, strength=Strength.PROVED, verifier="key/1")


def tasks(*ids: str) -> list[Task]:
    return [Task(id=id, kind="math", prompt=f"{id}?", answer="4", tags=("combo:x",)) for id in ids]


async def test_unscored_replies_are_neither_right_nor_wrong() -> None:
    proposer = Script({"a": "4", "b": "5", "c": "broken", "d": ""})
    found = await evaluate(tasks("a", "b", "c", "d"), proposer=proposer, judge=Key())
    assert [result.passed for result in found.results] == [(True,), (False,), (None,), (False,)]
    share = found.pass_at[1]
    assert (share.passed, share.total, share.unscored) == (1, 3, 1)
    assert found.tokens == 20


async def test_what_a_candidates_own_operators_decided_does_not_count_for_a_model() -> None:
    class Lenient(Key):
        async def verify(self, task: Task, solution: str) -> Verdict:
            verdict = await super().verify(task, solution)
            weak = {"a": Strength.TOGETHER, "b": Strength.NUMERIC, "c": Strength.SELF_ASSESSED}
            return verdict.model_copy(update={"strength": weak[task.id]})

    found = await evaluate(tasks("a", "b", "c"), proposer=Script(dict.fromkeys("abc", "4")), judge=Lenient())
    assert [result.passed for result in found.results] == [(False,), (True,), (False,)]
    assert found.undecided == 2


async def test_evaluation_is_greedy_unless_told_otherwise() -> None:
    proposer = Script({"a": "4"})
    await evaluate(tasks("a"), proposer=proposer, judge=Key())
    assert proposer.asked[0].sampling.temperature == 0


async def test_samples_differ_in_their_seed_and_progress_is_told() -> None:
    proposer, heard = Script({"a": "4", "b": "5"}), []
    found = await evaluate(
        tasks("a", "b"),
        proposer=proposer,
        judge=Key(),
        sampling=Sampling(temperature=1.0, seed=7),
        samples=3,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert {request.sampling.seed for request in proposer.asked} == {7, 8, 9}
    assert sorted(found.pass_at) == [1, 2, 3]
    assert heard[-1] == (6, 6)
