"""From a raw reply to a verdict: what is unscored, when too many are, and how long a verdict took."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.backends.fake import FakeFactory
from gristmill.sandbox.errors import InfrastructureError, SandboxError, UserError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Job, Report
from gristmill.sandbox.stopwatch import Stopwatch, busy, timing
from gristmill.verifiers.judging import Losses, beside, judge_reply, unscored
from gristmill.verifiers.records import Check, Direction, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

PASSED = Verdict(outcome=Outcome.PASSED, score=1.0, strength=Strength.TESTED, verifier="fixed/1")
TASK = Task(id="t", kind="math", prompt="?", answer="4")


def fixed(error: Exception | None = None) -> ScriptedJudge:
    """Passes everything, or raises."""

    def find(task: Task, solution: str) -> Verdict:
        if error is not None:
            raise error
        return PASSED

    return ScriptedJudge(find)


async def test_a_reply_is_read_and_then_judged() -> None:
    judge = fixed()
    extraction, verdict = await judge_reply(TASK, "<think>maybe 5</think> 4", judge)
    assert (extraction.solution, judge.judged, verdict) == ("4", [("t", "4")], PASSED)


@pytest.mark.parametrize("direction", [None, *Direction])
async def test_nothing_usable_is_invalid_with_the_worst_score(direction: Direction | None) -> None:
    judge = fixed()
    extraction, verdict = await judge_reply(TASK.model_copy(update={"direction": direction}), " ", judge)
    assert judge.judged == []
    assert (verdict.outcome, verdict.feedback) == (Outcome.INVALID, extraction.note)
    assert verdict.score == (math.inf if direction is Direction.MINIMIZE else 0.0)


@pytest.mark.parametrize("error", [SandboxError("gone"), InfrastructureError("full"), ValueError("a bug")])
async def test_trouble_of_the_judges_is_unscored_and_named(error: Exception) -> None:
    _, verdict = await judge_reply(TASK, "4", fixed(error))
    assert (verdict.outcome, verdict.score) == (Outcome.UNSCORED, None)
    assert str(error) in verdict.sandbox


def test_where_a_verifier_keeps_nothing_back_the_verdict_is_the_evidence() -> None:
    failed = PASSED.model_copy(update={"outcome": Outcome.TIMEOUT, "score": 0.5, "feedback": "It took too long."})
    asked = Task(id="t", kind="program", prompt="?", problem="p", target=0.75, limits={"cpu_seconds": 3})
    (shown,) = beside(asked, failed).checks
    assert (shown.place, shown.value, shown.expected, shown.detail) == ("problem", "0.5", "0.75", "It took too long.")
    assert shown.limit.startswith("3 s of processor time (`limits.cpu_seconds`)")
    constraints = ({"id": "a:b", "kwargs": {"n": 3}}, {"id": "c:d"})
    followed = Task(id="t", kind="instruction", prompt="?", constraints=constraints)
    checks = tuple(
        Check(name=each["id"], outcome=Outcome.FAILED, public=True, detail="Not followed") for each in constraints
    )
    rows = beside(followed, failed.model_copy(update={"checks": checks})).checks
    assert [row.place for row in rows] == ["constraints[0]", "constraints[1]"]
    assert rows[0].expected == '{"id": "a:b", "kwargs": {"n": 3}}'
    assert beside(followed, PASSED).checks == ()
    assert beside(followed, unscored("no sandbox")).checks[0].detail == "no sandbox"


async def test_a_mistake_of_the_users_is_raised() -> None:
    with pytest.raises(UserError):
        await judge_reply(TASK, "4", fixed(UserError("no such kind")))


def heard(losses: Losses, verdicts: Iterable[tuple[str, bool]]) -> int | None:
    """How many verdicts were heard when it was too many, or None."""
    for place, (task_id, lost) in enumerate(verdicts, 1):
        try:
            losses.note(task_id, unscored("gone") if lost else PASSED)
        except InfrastructureError:
            return place
    return None


@given(st.integers(1, 6), st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=60))
def test_losses_end_the_work_when_they_come_in_a_row_over_several_tasks(
    tasks: int, verdicts: list[tuple[str, bool]]
) -> None:
    verdicts = [(task_id, lost) for task_id, lost in verdicts if task_id in "abcdef"[:tasks]]
    expected = None
    for end in range(1, len(verdicts) + 1):
        start = max((n + 1 for n, (_, lost) in enumerate(verdicts[:end]) if not lost), default=0)
        row = verdicts[start:end]
        if len(row) >= Losses.MOST and len({task_id for task_id, _ in row}) >= min(tasks, Losses.TASKS):
            expected = end
            break
    assert heard(Losses(tasks), verdicts) == expected


def test_a_tasks_own_trouble_ends_nothing_while_there_are_others() -> None:
    assert heard(Losses(5), [("a", True)] * 1000) is None
    assert heard(Losses(1), [("a", True)] * 1000) == Losses.MOST


def test_a_stopwatch_goes_while_at_least_one_job_runs() -> None:
    now = 0.0
    watch = Stopwatch(lambda: now)
    with watch.job():
        now = 2.0
        with watch.job():
            now = 5.0
        now = 6.0
    now = 100.0
    with watch.job():
        now = 101.0
    assert (watch.seconds, watch.jobs) == (7.0, 3)


async def test_each_verdict_times_its_own_jobs() -> None:
    watches = [Stopwatch(lambda: 0.0), Stopwatch(lambda: 0.0)]

    async def work(watch: Stopwatch, jobs: int) -> None:
        async def job() -> None:
            with busy():
                await asyncio.sleep(0)

        with timing(watch):
            await asyncio.gather(*(job() for _ in range(jobs)))

    await asyncio.gather(work(watches[0], 2), work(watches[1], 5))
    with busy():
        pass
    assert [watch.jobs for watch in watches] == [2, 5]


async def test_queueing_for_a_worker_is_left_out() -> None:
    """Every job takes one second of a clock of ours; the three wait for the one worker, one after the other."""
    now = 0.0

    async def a_second(asked: Job, sockets: Sequence[socket.socket]) -> Report:
        nonlocal now
        await asyncio.sleep(0)
        now += 1.0
        return Report(ending=Ending.FINISHED, exit_status=0, seconds=1.0)

    watches = [Stopwatch(lambda: now) for _ in range(3)]

    async def judge(watch: Stopwatch) -> None:
        with timing(watch):
            await pool.run(Job(program="x:y", request=None))

    async with Pool(FakeFactory(a_second), size=1) as pool:
        await asyncio.gather(*(judge(watch) for watch in watches))
    assert [watch.seconds for watch in watches] == [1.0, 1.0, 1.0]
    assert now == 3.0
