"""Whose fault is an exception of a verifier: the verifier's own, or the candidate's that it was judging?

A lost worker is told apart in the pool (`gristmill.sandbox.workers.blaming`); this is the same for a fault in our own
code or a plug-in's. Alone it says nothing about the candidate, but whoever can cause it could choose to be unscored.
So a canary is judged on fresh workers: a solution of the same task that was judged well before, its reference, or
words that say nothing. If that can be judged and the candidate fails the verifier on fresh workers once more, the
fault is the candidate's `error`, which never counts towards stopping; if no canary can be judged, nothing is known.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.errors import GristmillError, SandboxError
from gristmill.sandbox.records import CANDIDATE, Job, Profile, Report, SandboxInfo
from gristmill.verifiers.base import Explaining, Replicating, Verifier
from gristmill.verifiers.incidents.noting import unnoted
from gristmill.verifiers.judging import beside, short_error, unscored
from gristmill.verifiers.plugins import ContractError, fault_in, reads_code, report
from gristmill.verifiers.records import CheckEvidence, Direction, Evidence, Outcome, Seeds, Strength, Task, Verdict
from gristmill.verifiers.testing.scored import SEARCH

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs, Session

__all__ = ["Canaries", "FreshJobs", "checked", "verdict_by_seeds"]

_MOST_TASKS = 1000


class FreshJobs:
    """Runs every job on a worker that has run none before; otherwise the pool's own."""

    def __init__(self, pool: Jobs) -> None:
        self._pool = pool

    @property
    def size(self) -> int:
        """See `Jobs.size`."""
        return self._pool.size

    def info(self, profile: Profile = CANDIDATE) -> SandboxInfo:
        """See `Jobs.info`."""
        return self._pool.info(profile)

    async def run(self, job: Job, profile: Profile = CANDIDATE, **how: Any) -> Report:
        """See `Jobs.run`."""
        return await self._pool.run(job, profile, **how | {"fresh": True})

    async def pair(self, candidate: Job, judge: Job, **how: Any) -> tuple[Report, Report]:
        """See `Jobs.pair`."""
        return await self._pool.pair(candidate, judge, **how | {"fresh": True})

    def alone(self, profile: Profile) -> AbstractAsyncContextManager[Callable[[Job], Awaitable[Report]]]:
        """See `Jobs.alone`."""
        return self._pool.alone(profile)

    def session(self, job: Job, profile: Profile = CANDIDATE, **how: Any) -> AbstractAsyncContextManager[Session]:
        """See `Jobs.session`."""
        return self._pool.session(job, profile, **how | {"fresh": True})


async def checked(verifier: Verifier, task: Task, solution: str) -> Verdict:
    """The verifier's verdict.

    Raises:
        ContractError: what it gave is none.
    """
    verdict: object = await verifier.verify(task, solution)
    if isinstance(verdict, Verdict):
        return verdict
    raise ContractError(type(verifier).verify, f"a {type(verdict).__name__}, no Verdict")


async def verdict_by_seeds(
    verifier: Verifier, task: Task, solution: str, seeds: Seeds, *, explain: bool
) -> tuple[Verdict, Evidence | None]:
    """The verifier's verdict by those seeds, with evidence where it was asked to `explain` and can.

    Raises:
        ContractError: what it gave is none.
    """
    if seeds != SEARCH and isinstance(verifier, Replicating):
        return await verifier.replicate(task, solution, seeds)
    if explain and isinstance(verifier, Explaining):
        return await verifier.explain(task, solution)
    return await checked(verifier, task, solution), None


class Canaries:
    """What was judged without trouble, by task, and what stands in where nothing was yet."""

    def __init__(self) -> None:
        self._well: OrderedDict[str, str] = OrderedDict()

    def sings(self, task: Task, solution: str) -> None:
        """Hear that a solution of the task was judged."""
        self._well[task.id] = solution
        self._well.move_to_end(task.id)
        if len(self._well) > _MOST_TASKS:
            self._well.popitem(last=False)

    async def blame(self, fresh: Verifier, task: Task, solution: str, fault: Exception) -> tuple[Verdict, Evidence]:
        """The verdict on a solution on which its verifier has raised `fault`; `fresh` judges on fresh workers.

        Raises:
            GristmillError: other than `SandboxError`, as the verifier may: the user's mistake.
        """
        verifier = f"{fresh.name}/{fresh.version}"
        whose = report(fault)
        try:
            canary = await self._judged(fresh, task)
            if canary is not None:
                # A fault that has passed by now was the machine's, or chance.
                again = await checked(fresh, task, solution)
                return again, beside(task, again)
        except SandboxError as error:
            verdict = unscored(short_error(error), verifier=verifier)
            return verdict, beside(task, verdict)
        except GristmillError:
            raise
        except Exception as error:  # noqa: BLE001  # it came again: for this candidate, and for no canary
            return _guilty(canary, verifier, error, task)
        # No candidate is to blame for a fault that every canary meets as well.
        trouble = (
            f"the verifier raised {short_error(fault)}"
            if whose is None
            else f"a plug-in went wrong, and with a canary too: {whose}"
        )
        verdict = unscored(trouble, verifier=verifier)
        return verdict, beside(task, verdict)

    async def _judged(self, fresh: Verifier, task: Task) -> Verdict | None:
        """The verdict on the first canary that can be judged."""
        for canary in self._known(task):
            try:
                with unnoted():
                    return await checked(fresh, task, canary)
            except GristmillError:
                raise
            except Exception:  # noqa: BLE001, S112  # a canary may meet the verifier's fault as well: the next one
                continue
        return None

    def _known(self, task: Task) -> Iterator[str]:
        if task.id in self._well:
            yield self._well[task.id]
        if task.reference is not None:
            yield task.reference
        if reads_code(task.kind):
            from gristmill.verifiers.extraction.replies import entry_points

            yield "\n".join(f"def {name}(*args, **kwargs):\n    return None" for name in entry_points(task)) or "pass"
        else:
            yield "The answer is 0."
            yield "0"


def _guilty(canary: Verdict | None, verifier: str, error: Exception, task: Task) -> tuple[Verdict, Evidence]:
    direction = canary.direction if canary else Direction.MAXIMIZE
    verdict = Verdict(
        outcome=Outcome.ERROR,
        score=math.inf if direction is Direction.MINIMIZE else task.worst,
        direction=direction,
        strength=Strength.TESTED,
        feedback=f"The verifier could not judge this: {type(error).__name__}.",
        verifier=verifier,
        sandbox=canary.sandbox if canary else "",
    )
    detail = f"judging it raised {fault_in(error) or short_error(error)}, and a canary was judged"
    return verdict, Evidence.of(verifier, [CheckEvidence(name="verifier", outcome=Outcome.ERROR, detail=detail)])
