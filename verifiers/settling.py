"""What the consistency run makes of a verdict (DESIGN §3.10): the one bit that it gives, and no more.

A judge process decides apart from the candidate, so what the candidate does not carry over the boundary is lost on the
way: identity, say. Plain execution, tests and candidate in one process, loses nothing, and can be forged at will. So a
pass needs both; and what fails apart, yet passes together, is `refused`: this judge cannot decide it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from gristmill.sandbox.errors import GristmillError, SandboxError
from gristmill.sandbox.sharing import on_behalf_of
from gristmill.verifiers.base import Consistent
from gristmill.verifiers.records import VERIFIED, Direction, Outcome, Strength, Task, Verdict

__all__ = [
    "BESIDE",
    "PAUSE_SECONDS",
    "SETTLED",
    "TRIES",
    "Accept",
    "accepted",
    "admitted",
    "outcome_words",
    "reason",
    "settled",
    "shown_together",
    "weaker_words",
]

TRIES: Final = 3
"""How often what this machine has troubled is tried."""
PAUSE_SECONDS: Final = 0.05
"""Before the second try; twice as long before each later one."""

Accept = Literal["verified", "split", "together"]
"""What an owner takes for a pass; each takes what the one before it takes."""

BESIDE = (Strength.SPLIT, Strength.TOGETHER)
"""Strengths of passes that count only where their owner takes them."""
_TAKEN: dict[str, tuple[Strength, ...]] = {"split": BESIDE[:1], "together": BESIDE}

SETTLED = frozenset({Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY})
"""What a judge process may find that plain execution can contradict."""


def settled(verdict: Verdict, together: bool, *, accept_together: bool = False) -> Verdict:
    """The verdict after the consistency run; one that is not pending stays as it is.

    Whatever a model may read of it stays: feedback, checks, metrics, seconds. A pass that fails together is `failed`
    with the worst score. A failure that passes together is `refused` and keeps its score, or, where the task's owner
    takes that, passed with the strength `together`.
    """
    if not verdict.pending:
        return verdict
    changed: dict[str, object] = {"together": together}
    if verdict.passed and not together:
        minimize = verdict.direction is Direction.MINIMIZE
        changed |= {"outcome": Outcome.FAILED, "score": math.inf if minimize else 0.0}
    elif together and not verdict.passed:
        changed["outcome"] = Outcome.REFUSED
        if accept_together:
            changed |= {"outcome": Outcome.PASSED, "strength": Strength.TOGETHER}
            changed["score"] = verdict.score if verdict.direction is Direction.MINIMIZE else 1.0
    return verdict.model_copy(update=changed)


async def shown_together(
    verifier: Consistent, task: Task, judged: Sequence[tuple[str, Verdict]]
) -> Sequence[bool | str]:
    """What the consistency run shows of each (solution, verdict): its bit, or in words why it could not be had."""
    trouble = ""
    for attempt in range(TRIES):
        try:
            with on_behalf_of(task.kind, task.id):
                return await verifier.together(task, judged)
        except SandboxError as error:
            trouble = str(error)
            await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        except GristmillError:
            raise
        except Exception:  # noqa: BLE001  # whose fault it is shows where each is run by itself
            if len(judged) > 1:
                return [bit for one in judged for bit in await shown_together(verifier, task, [one])]
            if attempt:
                # Twice on fresh workers: nobody has shown that it passes together.
                return [False]
    return [trouble] * len(judged)


def admitted(verdict: Verdict, *, accept_together: bool = False, accept_split: bool = False) -> Verdict:
    """A pass that proves no more than one beside the tests is `refused`, unless the task's owner takes that.

    So is one of which only the assertions were apart, unless the owner takes that, or less.
    """
    taken = {Strength.TOGETHER: accept_together, Strength.SPLIT: accept_split or accept_together}
    if verdict.passed and not taken.get(verdict.strength, True):
        return verdict.model_copy(update={"outcome": Outcome.REFUSED})
    return verdict


def accepted(verdict: Verdict, accept: str) -> bool:
    """Whether a verdict is verified, or a settled pass of a strength that `accept` takes beside that."""
    return verdict.verified or (verdict.passed and not verdict.pending and verdict.strength in _TAKEN.get(accept, ()))


def outcome_words(outcome: Outcome, strength: Strength | None) -> str:
    """An outcome for people; a pass of a strength that is not called verified says so: ``passed (together)``."""
    weaker = outcome is Outcome.PASSED and strength is not None and strength not in VERIFIED
    return f"{outcome.value} ({strength.value})" if weaker and strength else outcome.value


def weaker_words(unverified: Mapping[Strength, int] | Mapping[str, int]) -> str:
    """How many passes are not verified, by strength: ``5 as together``; empty where there are none."""
    return ", ".join(f"{count} as {strength}" for strength, count in unverified.items() if count)


def reason(verdict: Verdict) -> str:
    """Why the consistency run has changed a verdict, for the task's owner; empty where it has not."""
    if verdict.tree and verdict.strength is Strength.TOGETHER:
        passes = verdict.outcome in (Outcome.PASSED, Outcome.REFUSED)
        return "its tests run beside it, in one process: that they pass is its own word" if passes else ""
    if verdict.scores and verdict.strength is Strength.TOGETHER:
        return "its evaluator runs beside it, in one process: its score is its own word"
    if verdict.searched is not None and verdict.outcome is not verdict.searched.outcome:
        if verdict.together is False:
            return (
                "its score exists only apart: plain Python, evaluator and candidate in one process, does not come to it"
            )
        return "when its search had ended it was scored again on a fresh worker, and its score was not found again"
    if verdict.apart is None and verdict.strength is Strength.TOGETHER:
        return (
            "it passes, and so do guesses: each case that decides is passed by one (`gristmill tasks check` names them)"
        )
    if verdict.apart is None or verdict.together is None or verdict.together is verdict.unsettled.passed:
        return ""
    if not verdict.together:
        return (
            "it passes where the judge runs apart from it, and fails in plain execution, where tests and candidate "
            "share a process: by values that it keeps and changes later, say"
        )
    taken = "; it is taken as a pass of strength `together`" if verdict.strength is Strength.TOGETHER else ""
    return (
        f"apart from the judge it is {verdict.apart.outcome.value.replace('_', ' ')}, and plain execution passes it: "
        f"what its tests ask cannot be judged apart{taken}"
    )
