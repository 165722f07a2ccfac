"""Evaluate a solution on one instance: a pair of processes for it alone, so that nothing is carried to another one.

What the author wants to be carried over stands in one instance.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.answers import bounded_line
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import limit_met, outcome_of, statements
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.running import Setting, judge_limits
from gristmill.verifiers.incidents.noting import note_judged
from gristmill.verifiers.load_errors import load_error_text
from gristmill.verifiers.records import Outcome, ScoreTest
from gristmill.verifiers.testing.data import mounts

__all__ = ["Evaluation", "Reference", "evaluate"]

_GUEST: Final = "gristmill.verifiers.code.guest"
_ANSWER, _EVALUATE = f"{_GUEST}.candidate.answering:answer", f"{_GUEST}.judge.scored.evaluating:run_evaluator"
# Crossings are part of a candidate's processor time, and no part of what it may take.
_CROSSINGS: Final = 1.25
_EXTRA_SECONDS: Final = 1.0
_CLOCK, _CLOCK_SECONDS = 4, 15.0
_TOLD_CROSSINGS: Final = 1000


class Reference(NamedTuple):
    """What a solution is timed beside, and where that runs."""

    source: str
    profile: Profile
    outline: Any


@dataclass(frozen=True)
class Evaluation:
    """What came of one instance: numbers, or an outcome without any.

    `fault`: what the evaluator did in the place of giving a number, for its author; whose doing it is, is not known
    yet. `begun`: whether the candidate had been asked by then. `broken`: it is the same for every instance. `told`:
    what the task's owner alone may read.
    """

    outcome: Outcome
    text: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    fault: str = ""
    begun: bool = False
    broken: bool = False
    limit: str = ""
    calls: int = 0
    waited: float = 0.0
    crossing: float = 0.0
    printed: str = ""
    forwarded: bool = False
    told: str = ""

    @property
    def score(self) -> float | None:
        """The number that counts."""
        return next(iter(self.numbers.values()), None)


async def evaluate(
    setting: Setting, test: ScoreTest, instance: Any, seed: int, outline: Any, reference: Reference | None = None
) -> Evaluation:
    """The evaluation of the setting's source on one instance, by that seed where the evaluator takes one.

    `reference`: what it is timed beside, where the evaluator compares processor time.

    Raises:
        SandboxError: nothing may be concluded about the solution.
    """
    names, limits = list(test.entry_points), setting.limits
    data = mounts(test.data, candidate=False)
    judge, candidate = _judge_limits(limits), _candidate_limits(limits)
    common: dict[str, Any] = {"entry_points": names, "bounds": list(setting.bounds)}
    timed = {} if reference is None else {"reference_outline": reference.outline, "author_patience": judge.wall_seconds}
    with _core() as core:

        def answering(source: str) -> Job:
            request = {"source": source, "shared": "", "copies": True, "core": core, **common}
            return Job(program=_ANSWER, request=request, limits=candidate, clocked=reference is not None)

        tried, judged = await setting.pool.pair(
            answering(setting.source),
            Job(
                program=_EVALUATE,
                request={
                    "code": test.code,
                    "files": test.files,
                    "instance": instance,
                    "seed": seed,
                    "main": test.main,
                    "outline": outline,
                    "patience": limits.wall_seconds,
                    "core": core,
                    "public": setting.public,
                    "timed": reference is not None,
                    **common,
                    **timed,
                },
                limits=judge,
            ),
            profile=setting.profile,
            judge_profile=profiles.judge(setting.libraries, judge.memory_mb, setting.profile.image, data),
            fresh=setting.fresh,
            beside=None if reference is None else (answering(reference.source), reference.profile),
        )
    return _read(setting, tried, judged, judge)


_busy: Counter[int] = Counter()


@contextmanager
def _core() -> Iterator[int | None]:
    """The core with the fewest pairs on it, for judge and candidate of one job."""
    cores = sorted(os.sched_getaffinity(0))
    core = min(cores, key=lambda each: _busy[each])
    _busy[core] += 1
    try:
        yield core
    finally:
        _busy[core] -= 1


def _judge_limits(limits: Limits) -> Limits:
    """The evaluator may take as long as its candidate, of the processor; its clock has room for both and crossings."""
    seconds = min(_CLOCK * limits.wall_seconds + _CLOCK_SECONDS, 3600)
    return judge_limits(limits).model_copy(update={"wall_seconds": seconds})


def _candidate_limits(limits: Limits) -> Limits:
    """The judge says when the candidate's time is up; the sandbox has the last word."""
    return limits.model_copy(
        update={
            "wall_seconds": min(_judge_limits(limits).wall_seconds + _EXTRA_SECONDS, 3600),
            "cpu_seconds": min(limits.cpu_seconds * _CROSSINGS + _EXTRA_SECONDS, 3600),
        }
    )


def _read(setting: Setting, tried: Report, judged: Report, limits: Limits) -> Evaluation:
    """The judge's messages. Whatever is not said to have a number has none."""
    said: dict[str, Any] = {}
    messages = [each for each in statements(judged) if type(each) is dict]
    note_judged(messages, tried)
    for each in messages:
        said |= each
    if "lost" in said or "load" not in said:
        outcome, words, limit = _lost(setting, tried, late=bool(said.get("late")))
        if "lost" in said or judged.ending is Ending.FINISHED:
            return Evaluation(outcome, f"while it was loaded, the solution {words}", broken=True, limit=limit)
        return Evaluation(Outcome.ERROR, fault=f"its process {outcome_of(judged, limits)[1]}")
    if said["load"] is not None:
        return _unloadable(setting.source, said["load"])
    if said.get("missing"):
        text = f"the solution does not define {', '.join(map(str, said['missing']))}"
        return Evaluation(Outcome.ERROR, text, broken=True)
    if judged.ending is not Ending.FINISHED or "end" not in said:
        return Evaluation(
            Outcome.ERROR, fault=f"`evaluate` {_ended(judged, limits)}", begun=True, limit=limit_met(judged, limits)
        )
    end = said["end"]
    counted = {"calls": end["calls"], "waited": end["waited"], "crossing": end["crossing"], "printed": end["printed"]}
    if end["lost"]:
        outcome, words, limit = _lost(setting, tried, late=end["late"])
        words = f"the solution {words}{_crossings(end) if outcome is Outcome.TIMEOUT else ''}"
        return Evaluation(outcome, words, limit=limit, **counted)
    if end["trouble"]:
        text = f"the solution did what no function may do: {end['trouble'][0]}"
        return Evaluation(Outcome.ERROR, text, **counted)
    if "rejected" in said:
        return Evaluation(Outcome.INVALID, f"the evaluator turned it down: {said['rejected']}", **counted)
    if "raised" in said:
        full = str(said["raised"].get("error", "")).partition(":")[0] == "MemoryError"
        outcome, text = Outcome.OUT_OF_MEMORY if full else Outcome.ERROR, _raised(said["raised"], setting.source)
        return Evaluation(outcome, f"it raised {text}", **counted)
    if "fault" in said:
        fault = _fault(said["fault"])
        return Evaluation(Outcome.ERROR, fault=fault, begun=bool(said["fault"].get("called")), **counted)
    return Evaluation(Outcome.PASSED, numbers=said["numbers"], forwarded=bool(end["decisions"]), **counted)


def _lost(setting: Setting, tried: Report, *, late: bool) -> tuple[Outcome, str, str]:
    """(outcome, what the solution did, the limit that it met)."""
    if late:
        met = f"{setting.limits.wall_seconds:g} s (`limits.wall_seconds`)"
        return Outcome.TIMEOUT, f"did not answer in time: its limit is {met}", met
    outcome, words = outcome_of(tried, setting.limits)
    return outcome, words, limit_met(tried, setting.limits)


def _crossings(end: dict[str, Any]) -> str:
    """What part of the time went into the way there and back, where that may matter."""
    if end["calls"] < _TOLD_CROSSINGS:
        return ""
    return f"; {end['calls']:,} calls had been made, whose crossings, {end['crossing']:.2g} s, are left out"


def _ended(judged: Report, limits: Limits) -> str:
    return outcome_of(judged, limits)[1]


def _raised(detail: dict[str, Any], source: str) -> str:
    text = str(detail.get("error", ""))
    if own := detail.get("own"):
        text = text.replace(text.partition(":")[0], str(own), 1)
    lines = [line for line, _ in feedback.pairs(detail.get("lines")) if type(line) is int]
    where = feedback.source_line(source, lines[-1]) if lines else ""
    return f"{text}\n  at {where}" if where else text


def _fault(detail: dict[str, Any]) -> str:
    place = f"code: line {detail['line']}: " if detail.get("line") else "code: "
    statement = f"`{detail['statement']}`: " if detail.get("statement") else ""
    return f"{place}{statement}{detail['error']}"


def _unloadable(source: str, error: dict[str, Any]) -> Evaluation:
    lines = error.get("lines")
    line = lines[-1][0] if type(lines) is list and lines and type(lines[-1]) is list and lines[-1] else None
    text = f"loading the solution raised {load_error_text(source, error.get('type'), line)}"
    where = feedback.source_line(source, bounded_line(line))
    return Evaluation(Outcome.ERROR, f"{text}\n  at {where}" if where else text, broken=True)
