"""What people see of a run while it goes: counts over resumes, and signs of life while a model is slow."""

from __future__ import annotations

import asyncio
import io
import time

import pytest
from rich.console import Console

from gristmill.graph.commands import progress
from gristmill.graph.commands.progress import Display, beating
from gristmill.graph.commands.run_progress import RunProgress
from gristmill.graph.config import Budget
from gristmill.graph.events import (
    CallStarted,
    Event,
    Judged,
    Replied,
    RunEnded,
    RunStarted,
    TaskEnded,
    TaskStarted,
    Unanswered,
)
from gristmill.graph.records import StopReason, Tokens
from gristmill.verifiers.records import Direction, Outcome


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Every line is due at once."""
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    return io.StringIO()


def shown(out: io.StringIO, *events: Event, budget: Budget | None = None) -> tuple[RunProgress, str]:
    """The listener after these events, and the last line that it wrote."""
    listener = RunProgress(Display(Console(file=out, force_terminal=False, width=10_000), unit="tasks"), budget)
    for event in events:
        listener(event)
    return listener, out.getvalue().splitlines()[-1]


def judged(id_: str, score: float, direction: Direction = Direction.MAXIMIZE) -> Judged:
    return Judged(
        task_id=id_.rsplit("/", 2)[0],
        hypothesis=id_,
        outcome=Outcome.FAILED,
        score=score,
        direction=direction,
        verified=False,
        seconds=0.1,
    )


def test_a_resumed_run_counts_what_was_there(out: io.StringIO) -> None:
    began = RunStarted(
        run="r",
        tasks=9,
        ended=4,
        resumed=True,
        solved=3,
        calls=21,
        tokens=5000,
        counted=6000,
        money=0.5,
        replies=20,
        outcomes={Outcome.PASSED: 7, Outcome.FAILED: 12, Outcome.UNSCORED: 1},
    )
    ended = TaskEnded(task_id="t", stop=StopReason.TARGET, solved=True, best="t/0/0")
    tokens = Tokens(prompt=10, completion=5)
    replied = Replied(task_id="t", hypothesis="t/0/0", usable=True, tokens=tokens, counted=15, money=0.25, seconds=1)
    call = CallStarted(task_id="t", hypothesis="t/0/0", attempt=1)
    _, line = shown(out, began, call, replied, ended, budget=Budget(calls=500, money=2))
    assert line.startswith("5 of 9 tasks, 4 solved, 21 replies, 19 verdicts, 7 passed, ")
    assert "spent 22 of 500 calls, 6,015 tokens and $0.750 of $2.00" in line
    assert out.getvalue().startswith("resuming run r: 9 tasks, 4 ended, 20 replies there")


def test_a_heartbeat_tells_of_calls_in_flight_best_score_and_spend(out: io.StringIO) -> None:
    began = RunStarted(run="r", tasks=2)
    calls = [CallStarted(task_id="t", hypothesis=f"t/0/{sample}", attempt=1) for sample in range(3)]
    listener, _ = shown(out, began, TaskStarted(task_id="t", score=8.5), *calls)
    dead = Unanswered(task_id="t", hypothesis="t/0/2", detail="no answer")
    for event in (judged("t/0/0", 9.0, Direction.MINIMIZE), judged("t/0/1", 7.25, Direction.MINIMIZE), dead):
        listener(event)
    assert any(line == "t/0/2: not answered, its place stays empty: no answer" for line in out.getvalue().splitlines())
    before = len(out.getvalue().splitlines())
    listener.beat()
    *_, line = lines = out.getvalue().splitlines()
    assert len(lines) == before + 1
    assert "1 unanswered, 2 calls in flight (the longest for 0 s), best score 7.25 (t), spent 3 calls" in line
    listener(RunEnded(run="r", status="interrupted"))
    assert "in flight" not in out.getvalue().splitlines()[-1]


def test_an_unusable_score_is_no_best_one(out: io.StringIO) -> None:
    began = RunStarted(run="r", tasks=1)
    _, line = shown(out, began, judged("t/0/0", float("inf"), Direction.MINIMIZE), judged("t/0/1", float("nan")))
    assert "best score" not in line


async def test_the_heart_beats_while_nothing_happens_and_stops_with_the_run() -> None:
    beats, enough = 0, asyncio.Event()

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            enough.set()

    async with beating(beat, every=0):
        await asyncio.wait_for(enough.wait(), 60)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_while_nothing_happens_lines_are_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    display = Display(Console(file=out, force_terminal=False), unit="tasks")
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    display.note("begun")
    for second in range(1, 61):
        clock[0] = float(second)
        display.update(0, 1, news=False)
    assert out.getvalue().splitlines() == ["begun", "0 of 1 tasks"]
    clock[0] = 70.0
    display.update(1, 1)
    assert out.getvalue().splitlines()[-1] == "1 of 1 tasks"
