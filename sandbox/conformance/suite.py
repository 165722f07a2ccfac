"""Runs the checks in turn on one backend and says how each went."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping

from gristmill.sandbox.base import SandboxFactory
from gristmill.sandbox.conformance.bench import Bench, BrokenRule, Check
from gristmill.sandbox.conformance.contract import CONTRACT
from gristmill.sandbox.conformance.isolation import ISOLATION
from gristmill.sandbox.conformance.leaving import LEAVING
from gristmill.sandbox.conformance.limits import LIMITS
from gristmill.sandbox.conformance.plain import PLAIN
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Record, SandboxInfo

__all__ = ["CHECKS", "GAPS_OF_MACHINES", "KNOWN_GAPS", "Result", "check", "run_checks"]

CHECKS: Mapping[str, Check] = {each.__name__: each for each in (*CONTRACT, *LIMITS, *ISOLATION, *LEAVING, *PLAIN)}

# backend → check → why it cannot be kept there. Empty is the goal.
KNOWN_GAPS: Mapping[str, Mapping[str, str]] = {"docker": {}, "bubblewrap": {}}

_NO_LANDLOCK, _SHARED = "no Landlock", "no namespaces of a job's own"

# All that a worker must say that its machine lacks → check → the reason why it cannot be kept without.
GAPS_OF_MACHINES: Mapping[tuple[str, ...], Mapping[str, str]] = {
    (_NO_LANDLOCK, _SHARED): dict.fromkeys(
        (
            "nothing_of_the_machine_is_visible",
            "other_processes_are_out_of_reach",
            "what_the_machine_counts_is_not_told",
        ),
        "without Landlock a job may read what every user may read, /proc of the worker's other processes too",
    ),
    (_SHARED,): dict.fromkeys(
        ("processes_leave_no_count", "files_leave_no_count"),
        "where no user namespace can be made, or nothing mounted in one, the jobs of a worker share the counters",
    ),
}


class Result(Record):
    """How one check went. `known_gap` is the reason why its failure was expected; empty if it was not."""

    name: str
    rule: str
    passed: bool
    detail: str = ""
    known_gap: str = ""
    seconds: float = 0.0

    @property
    def acceptable(self) -> bool:
        """Passed where it should, or failed where that is known."""
        return self.passed != bool(self.known_gap)

    @property
    def state(self) -> str:
        """``held``, ``broken``, ``known gap``, or ``closed`` for a known gap that is none any more."""
        if self.known_gap:
            return "closed" if self.passed else "known gap"
        return "held" if self.passed else "broken"


async def check(
    factory: SandboxFactory,
    *,
    names: Iterable[str] = CHECKS,
    known_gaps: Mapping[str, str] | None = None,
) -> list[Result]:
    """Run the named checks on workers of `factory`, one after another.

    Args:
        factory: the backend to prove.
        names: which checks, out of `CHECKS`.
        known_gaps: check → reason, instead of `KNOWN_GAPS` of the factory's backend and `GAPS_OF_MACHINES` for what
            its workers say that they lack.

    Raises:
        SandboxError: the backend cannot start a worker at all.
    """
    return [each async for each in run_checks(factory, names=names, known_gaps=known_gaps)]


async def run_checks(
    factory: SandboxFactory,
    *,
    names: Iterable[str] = CHECKS,
    known_gaps: Mapping[str, str] | None = None,
) -> AsyncIterator[Result]:
    """`check`, but each result is given as soon as it is known."""
    bench = Bench(factory)
    try:
        await bench.start()
        gaps = _expected_gaps(factory.backend, bench.sandbox.info) if known_gaps is None else known_gaps
        for name in names:
            begun = time.monotonic()
            detail = await _one(bench, CHECKS[name])
            yield Result(
                name=name,
                rule=" ".join((CHECKS[name].__doc__ or "").split()),
                passed=not detail,
                detail=detail,
                known_gap=gaps.get(name, ""),
                seconds=time.monotonic() - begun,
            )
    finally:
        await bench.stop()


def _expected_gaps(backend: str, info: SandboxInfo) -> dict[str, str]:
    expected = dict(KNOWN_GAPS.get(backend, {}))
    for words, gaps in GAPS_OF_MACHINES.items():
        if all(any(word in gap for gap in info.gaps) for word in words):
            expected.update(gaps)
    return expected


async def _one(bench: Bench, run: Check) -> str:
    """What is wrong; empty if nothing is."""
    try:
        await run(bench)
    # A backend that does not talk as it should shows as broken sockets and undecodable messages.
    except (BrokenRule, SandboxError, OSError, ValueError) as error:
        detail = str(error) or repr(error)
    else:
        detail = ""
    try:
        await bench.honest()
    except (BrokenRule, SandboxError, OSError, ValueError) as error:
        detail = detail or f"afterwards the worker could not run an honest job: {error}"
        await bench.restart()
    return detail
