"""A suite that any sandbox backend must pass; run it on your own with `check(factory)`; `gristmill sandbox check` does.

Each check breaks one rule of the contract on purpose, from inside a job, and looks at what came of it. After each,
the same worker must still run an honest job. What a backend is known not to keep has a name and a reason in
`KNOWN_GAPS`: it is reported, and does not count as a failure; a gap that has closed does.
"""

from __future__ import annotations

from gristmill.sandbox.conformance.bench import Bench, BrokenRule
from gristmill.sandbox.conformance.contract import CONTRACT
from gristmill.sandbox.conformance.isolation import ISOLATION
from gristmill.sandbox.conformance.leaving import LEAVING
from gristmill.sandbox.conformance.limits import LIMITS
from gristmill.sandbox.conformance.plain import PLAIN
from gristmill.sandbox.conformance.suite import CHECKS, KNOWN_GAPS, Result, check, run_checks

__all__ = [
    "CHECKS",
    "CONTRACT",
    "ISOLATION",
    "KNOWN_GAPS",
    "LEAVING",
    "LIMITS",
    "PLAIN",
    "Bench",
    "BrokenRule",
    "Result",
    "check",
    "run_checks",
]
