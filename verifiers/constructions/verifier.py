"""Judge a program by the construction that it returns for an open problem, scored exactly and elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from gristmill.sandbox.image.requirements import problems as package_problems
from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.sandbox.wire.values import Bounds, encode
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import (
    LoadError,
    Malformed,
    Missing,
    Raised,
    Unencodable,
    Value,
    calls_job,
    decode_answer,
    error_text,
    limit_met,
    outcome_of,
    over_limits,
    used_text,
)
from gristmill.verifiers.constructions.catalogue import OpenProblem, problem, problem_names
from gristmill.verifiers.constructions.figures import digits_of, rounded
from gristmill.verifiers.constructions.offering import BEST, takes_best
from gristmill.verifiers.constructions.shelf import MOST_BYTES, MOST_NOTES, MemoryShelf, construction_of, name_of
from gristmill.verifiers.extraction.importing import image_of, lacks_text
from gristmill.verifiers.load_errors import load_error_text
from gristmill.verifiers.records import Check, Direction, Outcome, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.base import Shelf

__all__ = ["ENTRY_POINT", "JUDGE", "ProgramVerifier"]

ENTRY_POINT: Final = "construct"
_GUEST: Final = "gristmill.verifiers.constructions.guest"
JUDGE: Final = Profile(name="problems", guest=(_GUEST,), preload=("decimal", "fractions", "mpmath"))
_SCORE: Final = f"{_GUEST}.score:score"
_BOUNDS: Final = Bounds(nodes=1_000_000, depth=8, size=64 << 20, digits=2000)
_MEMORY_MB: Final = 1536
_OUTPUT_KB: Final = 2 * MOST_BYTES >> 10
_NOTHING: Final = encode(None)
_UNCHANGED: Final = (
    "It returned `best` unchanged: a duplicate, which counts for nothing. Return a construction that differs from it, "
    "and is better."
)
_TOO_LARGE: Final = (
    f"The construction takes more than {MOST_BYTES >> 20} MiB, too much to be given to a later program as `best`."
)
_SETTINGS: Final = frozenset({"entry_point", "mutate", "packages", "prefix", "signature", "start", "template"})


@dataclass(frozen=True)
class _Scoring:
    """What one run of a program came to: a score between two rationals, or an outcome without one."""

    outcome: Outcome
    text: str
    low: Fraction | None = None
    high: Fraction | None = None
    repair: str = ""
    facts: tuple[tuple[str, float], ...] = ()
    message: bytes = b""
    notes: str = ""
    made: bytes | None = None
    unchanged: bool = False
    used: str = ""


class ProgramVerifier:
    """Score = the problem's own, in its own direction and unbounded; `exact` rational or interval arithmetic.

    The candidate defines ``construct()`` (or `settings.entry_point`), which is called once in a sandbox; where it has a
    parameter `best`, that is the construction that `Task.best` names, or None. What it returns, a construction or a
    pair of one and notes, is scored in another sandbox that holds no candidate. The float in `Verdict.score` never
    flatters: it is rounded to the worse side. `passed` if the exact score is as good as `Task.target`, by default the
    best known value; a pass is confirmed by a second run on a fresh worker, whose construction must be as good as the
    target too, and the worse of both is the score. A construction that breaks a constraint is repaired by the rule in
    the problem's statement, or refused as `invalid`. What was scored is kept on the `shelf`; `best` returned as it was
    is a duplicate: `failed`, with the worst score.
    """

    name = "program"
    version = 2
    kind = "program"
    shelf: Shelf

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm
        self.shelf = MemoryShelf()

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        if task.problem not in problem_names():
            return [f"problem: {task.problem!r} is none of {', '.join(problem_names())}"]
        problems = []
        direction = problem(task.problem).direction
        if task.direction not in (None, direction):
            problems.append(f"direction: {task.problem} is to {direction}; leave it out or say so")
        if unknown := set(task.settings) - _SETTINGS:
            problems.append(f"settings: {', '.join(sorted(unknown))} mean nothing for a program")
        if type(task.settings.get("entry_point", ENTRY_POINT)) is not str:
            problems.append("settings.entry_point: must be the name of one function")
        return problems + package_problems(task.settings.get("packages", ()))

    def profile(self, task: Task, solution: str) -> Profile:
        """See `gristmill.verifiers.base.Placed`."""
        image = image_of(task)
        return profiles.candidate(profiles.libraries(solution, image=image), task.limits.memory_mb, image.image)

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        asked = problem(str(task.problem))
        profile = self.profile(task, solution)
        target = asked.best_known if task.target is None else Fraction(task.target)
        if not solution.strip():
            return self._verdict(asked, target, _Scoring(Outcome.INVALID, "There is no code in the reply."), profile)
        best = None
        if task.best is not None and takes_best(task, solution):
            best = await construction_of(self.shelf, task.best)
        scoring = await self._once(task, asked, solution, profile, best)
        if self._confirm and _reaches(asked, scoring, target):
            again = await self._once(task, asked, solution, profile, best, first=scoring)
            if not _reaches(asked, again, target):
                text = (
                    "It reached the target once and did not when it was run again in a fresh process "
                    f"({again.text or 'its construction was worse'}). Fix the seeds, and bound the work by steps "
                    "instead of time."
                )
                scoring = replace(again, outcome=Outcome.FLAKY, text=text)
            elif _merit(asked, again) < _merit(asked, scoring):
                scoring = again
        if scoring.low is None and (lacks := lacks_text(solution, image_of(task))):
            scoring = replace(scoring, text=f"{scoring.text}\n{lacks}")
        made = task.best if scoring.unchanged else await self._kept(scoring)
        return self._verdict(asked, target, scoring, profile, made)

    async def _kept(self, scoring: _Scoring) -> str | None:
        """The name of what a run has made, where that was scored and can be handed on."""
        if scoring.low is None or scoring.made is None:
            return None
        name = name_of(scoring.made)
        await self.shelf.keep(name, scoring.made)
        return name

    async def _once(
        self,
        task: Task,
        asked: OpenProblem,
        solution: str,
        profile: Profile,
        best: bytes | None,
        *,
        first: _Scoring | None = None,
    ) -> _Scoring:
        """Run the program and score what it returns; `first` is the first run's finding when this is the second."""
        entry_point = task.settings.get("entry_point", ENTRY_POINT)
        fresh = first is not None
        offered = {BEST: _NOTHING if best is None else best}
        job = calls_job(solution, entry_point, [((), {})], task.limits, offered)
        report = await self._pool.run(job, profile, fresh=fresh)
        if not report.messages:
            outcome, reason = outcome_of(report)
            met = limit_met(report, task.limits).partition(" (")[0]
            return _Scoring(outcome, f"The program {reason}{met and f': its limit is {met}'}.")
        message = report.messages[0]
        if first is not None and message == first.message:
            return first
        limits = Limits.of_processor(asked.seconds, memory_mb=_MEMORY_MB, processes=4, output_kb=_OUTPUT_KB)
        judging = {
            "message": message,
            "evaluator": asked.evaluator,
            "options": asked.options,
            "bounds": list(_BOUNDS),
            "best": best,
            "most_notes": MOST_NOTES,
            "most_made": MOST_BYTES,
        }
        judged = await self._pool.run(Job(program=_SCORE, request=judging, limits=limits), JUDGE, fresh=fresh)
        # The program has seen nothing that is hidden, so what it used may be told.
        return replace(_read(judged, message, solution, entry_point), used=used_text(report, task.limits))

    def _verdict(
        self, asked: OpenProblem, target: Fraction, scoring: _Scoring, profile: Profile, made: str | None = None
    ) -> Verdict:
        maximize = asked.direction is Direction.MAXIMIZE
        score = 0.0 if maximize else math.inf
        outcome, text = scoring.outcome, scoring.text
        metrics = dict(scoring.facts) | {"best_known": float(asked.best_known)}
        if scoring.low is not None and scoring.high is not None:
            score = rounded(scoring.low if maximize else scoring.high, up=not maximize)
            if outcome is Outcome.PASSED and not _reaches(asked, scoring, target):
                outcome = Outcome.FAILED
            text = "\n".join(part for part in (text, _explained(asked, target, scoring)) if part)
            text += "" if made else f"\n{_TOO_LARGE}"
        text = "\n".join(part for part in (text, scoring.used) if part)
        info = self._pool.info(profile)
        return Verdict(
            outcome=outcome,
            score=score,
            direction=asked.direction,
            metrics=metrics,
            checks=(Check(name=asked.name, outcome=outcome, public=True, detail=text),),
            strength=Strength.EXACT,
            feedback=text,
            construction=made,
            notes=scoring.notes,
            verifier=f"{self.name}/{self.version}",
            sandbox=info.label,
        )


def _read(report: Report, message: bytes, source: str, entry_point: str) -> _Scoring:
    """What the judge process said; it has held data only, so what it says is believed."""
    if report.ending is not Ending.FINISHED or not report.messages:
        text = "What it returned could not be scored within the limits: return fewer numbers, or shorter ones."
        return _Scoring(over_limits(report) or Outcome.INVALID, text)
    match decode_answer(report.messages[0], Bounds()):
        case Value(
            {
                "score": [Fraction() as low, Fraction() as high],
                "repair": str(repair),
                "facts": dict(facts),
                "notes": str(notes),
            }
        ):
            made = report.messages[1] if len(report.messages) > 1 else None
            return _Scoring(Outcome.PASSED, "", low, high, repair, tuple(facts.items()), message, notes, made)
        case Value({"unchanged": True, "notes": str(notes)}):
            return _Scoring(Outcome.FAILED, _UNCHANGED, notes=notes, unchanged=True)
        case Value({"refused": str(why), "notes": str(notes)}):
            return _Scoring(Outcome.INVALID, f"The construction is refused: {why}.", notes=notes)
        case Missing():
            return _Scoring(Outcome.INVALID, f"The code defines no function `{entry_point}`.")
        case Unencodable(reason):
            return _Scoring(Outcome.INVALID, f"It returned what is no list of numbers: {reason[:300]}.")
        case Raised() as error:
            return _Scoring(Outcome.ERROR, f"`{entry_point}()` raised {error_text(error)}.")
        case LoadError(kind, _, line):
            where = "" if line is None else f" (line {line})"
            return _Scoring(Outcome.ERROR, f"The code does not load: {load_error_text(source, kind, line)}{where}.")
        case Malformed(reason):
            return _Scoring(Outcome.INVALID, f"What it returned, or its score, cannot be read: {reason}.")
    return _Scoring(Outcome.INVALID, "What it returned could not be scored.")


def _merit(asked: OpenProblem, scoring: _Scoring) -> Fraction:
    """What is certain about a score, greater being better."""
    if scoring.low is None or scoring.high is None:
        raise ValueError("there is no score to compare")
    return scoring.low if asked.direction is Direction.MAXIMIZE else -scoring.high


def _reaches(asked: OpenProblem, scoring: _Scoring, target: Fraction) -> bool:
    if scoring.low is None:
        return False
    return _merit(asked, scoring) >= (target if asked.direction is Direction.MAXIMIZE else -target)


def _explained(asked: OpenProblem, target: Fraction, scoring: _Scoring) -> str:
    maximize = asked.direction is Direction.MAXIMIZE
    sign = ">=" if maximize else "<="
    exact = (scoring.low if maximize else scoring.high) or Fraction(0)
    missing = (target - exact) if maximize else (exact - target)
    # A task's own target is a float, and known by its shortest text.
    wanted = repr(float(target)) if Fraction(float(target)) == target else digits_of(target, asked.direction)
    reached = "reached" if missing <= 0 else f"not reached, by {digits_of(missing, Direction.MINIMIZE, 3)}"
    lines = [
        f"Score {digits_of(exact, asked.direction)}, computed exactly; {'more' if maximize else 'less'} is better. "
        f"The target of {sign} {wanted} is {reached}. Best known: {asked.best}."
    ]
    if scoring.repair:
        lines.append(f"The construction was not valid as returned: {scoring.repair}, by the problem's rule.")
    return "\n".join(lines)
