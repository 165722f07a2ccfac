"""Proves that a verifier keeps the contract; run it in the tests of every plug-in, as ours run it over all kinds.

complaints = await conformance(MyVerifier, Example(task, good="…", bad=("…",)), pool)
assert not complaints
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gristmill.sandbox.backends.fake import FakeSandbox
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Profile, Record
from gristmill.verifiers.base import Verifier
from gristmill.verifiers.records import Outcome, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.registry import VerifierClass

__all__ = ["HOSTILE", "Example", "conformance"]

_FORGED_CODE = """
import atexit, os, sys
class Always:
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __float__(self): return 1.0
print('{"outcome": "passed", "score": 1.0}')
atexit.register(lambda: os._exit(0))
def __getattr__(name): return lambda *a, **k: Always()
sys.exit(0)
"""

HOSTILE: tuple[str, ...] = (
    "",
    " \n\t",
    "None",
    "null",
    "nan",
    "float('nan')",
    "\\boxed{\\mathrm{nan}}",
    "inf",
    '{"outcome": "passed", "score": 1.0, "strength": "proved"}',
    '{"score": [1, 1], "repair": "", "facts": {}}',
    "Verdict(outcome=Outcome.PASSED, score=1.0)",
    "PASSED\nscore: 1.0\n",
    "\x00\x01\x1b[31m",
    "\ud800\udfff",
    "((((" * 2000,
    "{{ task.answer }} ${answer} %(answer)s",
    "__import__('os')._exit(0)",
    _FORGED_CODE,
    "a" * 1_000_000,
)
"""Candidates that no verifier may pass, and none may raise at."""


class Example(Record):
    """A task that the verifier judges, a solution that passes it, and some that do not.

    `low` and `high` are the scores that a verdict may hold, for what is refused too.
    """

    task: Task
    good: str
    bad: tuple[str, ...]
    low: float = 0.0
    high: float = 1.0


async def conformance(
    verifier: VerifierClass, example: Example, pool: Jobs, *, hostile: Sequence[str] = HOSTILE
) -> list[str]:
    """What the verifier does wrong, one sentence each; empty if it keeps the contract.

    Its verdicts must be the same at every run, hold a score exactly when they are scored and within the declared
    range, pass `example.good` and nothing of `example.bad` and `hostile`; it raises for none of them; without a
    sandbox it gives no verdict but `unscored` (or leaves that to its caller by raising `SandboxError`).
    """
    sentences = [f"problems: a task that is right has {problem!r}" for problem in verifier.problems(example.task)]
    instance = verifier(pool, confirm=True)
    for name, kind in (("name", str), ("version", int), ("kind", str)):
        if type(getattr(instance, name, None)) is not kind:
            sentences.append(f"{name}: must be a {kind.__name__}")
    sentences += await _good(instance, example)
    for reply in (*example.bad, *hostile):
        sentences += await _refused(instance, example, reply)
    sentences += await _without_sandbox(verifier, example)
    return sentences


async def _good(instance: Verifier, example: Example) -> list[str]:
    first, sentences = await _verdict(instance, example, example.good)
    if first is None:
        return sentences
    if not first.passed:
        sentences.append(f"the good solution is {first.outcome}: {first.feedback[:200]}")
    second, more = await _verdict(instance, example, example.good)
    if second is not None and (first.outcome, first.score) != (second.outcome, second.score):
        sentences.append(f"not deterministic: {first.outcome} {first.score}, then {second.outcome} {second.score}")
    return sentences + more


async def _refused(instance: Verifier, example: Example, reply: str) -> list[str]:
    verdict, sentences = await _verdict(instance, example, reply)
    if verdict is None:
        return sentences
    if verdict.passed:
        sentences.append(f"it passes {_short(reply)}")
    if verdict.outcome is Outcome.UNSCORED:
        sentences.append(f"{_short(reply)} is unscored: no candidate may choose to be")
    again, _ = await _verdict(instance, example, reply)
    if again is not None and (again.outcome, again.score) != (verdict.outcome, verdict.score):
        sentences.append(f"not deterministic on {_short(reply)}: {verdict.outcome}, then {again.outcome}")
    return sentences


async def _verdict(instance: Verifier, example: Example, reply: str) -> tuple[Verdict | None, list[str]]:
    try:
        verdict: object = await instance.verify(example.task, reply)
    except Exception as error:  # noqa: BLE001  # raising is what is looked for here
        return None, [f"it raises {type(error).__name__} at {_short(reply)}: {str(error)[:200]}"]
    sentences = []
    if not isinstance(verdict, Verdict):
        return None, [f"it gives a {type(verdict).__name__} for {_short(reply)}, no Verdict"]
    score = verdict.score
    if (score is None) is not (verdict.outcome is Outcome.UNSCORED):
        sentences.append(f"the score of {_short(reply)} is {score} where the outcome is {verdict.outcome}")
    elif score is not None and (math.isnan(score) or not example.low <= score <= example.high):
        sentences.append(f"the score of {_short(reply)} is {score}, outside of {example.low} to {example.high}")
    if any(math.isnan(value) for value in verdict.metrics.values()):
        sentences.append(f"a metric of {_short(reply)} is NaN")
    if verdict.verifier.partition("/")[0] != instance.name:
        sentences.append(
            f"the verdict names {verdict.verifier!r} as its verifier, not {instance.name}/{instance.version}"
        )
    return verdict, sentences


class _Gone(FakeSandbox):
    """A worker that cannot be started."""

    async def __aenter__(self) -> Self:
        raise SandboxError("there is no sandbox here")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _NoSandboxes:
    """A backend that is not there; notes whether anybody asked."""

    backend = "none"

    def __init__(self) -> None:
        self.asked = False

    def create(self, profile: Profile) -> FakeSandbox:
        self.asked = True
        return _Gone(profile, [])


async def _without_sandbox(verifier: VerifierClass, example: Example) -> list[str]:
    from gristmill.sandbox.pool import Pool

    nowhere = _NoSandboxes()
    async with Pool(nowhere, size=1) as pool:
        try:
            verdict = await verifier(pool).verify(example.task, example.good)
        except SandboxError:
            return []
        except Exception as error:  # noqa: BLE001  # raising is what is looked for here
            return [f"without a sandbox it raises {type(error).__name__}, which is no SandboxError"]
    if nowhere.asked and (verdict.outcome is not Outcome.UNSCORED or verdict.score is not None):
        return [
            f"without a sandbox its verdict is {verdict.outcome} with score {verdict.score}, not unscored with none"
        ]
    return []


def _short(reply: str) -> str:
    shown = reply if len(reply) <= 60 else f"{reply[:40]}… ({len(reply)} characters)"
    return repr(shown)
