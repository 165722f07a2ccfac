"""Runs the checks in turn on one backend and says how each went."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from gristmill.sandbox.base import SandboxFactory
from gristmill.sandbox.conformance.bench import Bench, Broken, Check
from gristmill.sandbox.conformance.contract import CONTRACT
from gristmill.sandbox.conformance.isolation import ISOLATION
from gristmill.sandbox.conformance.limits import LIMITS
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Record

__all__ = ["CHECKS", "KNOWN_GAPS", "Result", "check"]

CHECKS: Mapping[str, Check] = {each.__name__: each for each in (*CONTRACT, *LIMITS, *ISOLATION)}

# backend → check → why it cannot be kept there. Empty is the goal.
KNOWN_GAPS: Mapping[str, Mapping[str, str]] = {"docker": {}, "bubblewrap": {}}


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
        known_gaps: check → reason, instead of `KNOWN_GAPS` of the factory's backend.

    Raises:
        SandboxError: the backend cannot start a worker at all.
    """
    gaps = KNOWN_GAPS.get(factory.backend, {}) if known_gaps is None else known_gaps
    results = []
    bench = Bench(factory)
    try:
        await bench.start()
        for name in names:
            begun = time.monotonic()
            detail = await _one(bench, CHECKS[name])
            results.append(
                Result(
                    name=name,
                    rule=" ".join((CHECKS[name].__doc__ or "").split()),
                    passed=not detail,
                    detail=detail,
                    known_gap=gaps.get(name, ""),
                    seconds=time.monotonic() - begun,
                )
            )
    finally:
        await bench.stop()
    return results


async def _one(bench: Bench, run: Check) -> str:
    """What is wrong; empty if nothing is."""
    try:
        await run(bench)
    # A backend that does not talk as it should shows as broken sockets and undecodable messages.
    except (Broken, SandboxError, OSError, ValueError) as error:
        detail = str(error) or repr(error)
    else:
        detail = ""
    try:
        await bench.honest()
    except (Broken, SandboxError, OSError, ValueError) as error:
        detail = detail or f"afterwards the worker could not run an honest job: {error}"
        await bench.restart()
    return detail
