"""Evaluate a solution beside its evaluator, in one process of a sandbox that is thrown away.

For evaluators that need the program itself: its file, or a process in which both are. All that comes back may be
forged, and the process holds what is hidden. So a pass has the strength `together`, which counts only where the task's
owner takes that, and a model learns numbers and the kind of a failure: no word that the process has said.
"""

from __future__ import annotations

import ast
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from gristmill.sandbox.records import Ending, Job, Report
from gristmill.sandbox.wire.values import Bounds, DecodeError, decode
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import limit_met, outcome_of
from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.scored.running import Evaluation
from gristmill.verifiers.code.scored.together import limits_of_both, memory_of_both
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.records import Outcome, ScoreTest, Task
from gristmill.verifiers.testing.data import mounts

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["Beside", "beside"]

_RUN: Final = "gristmill.verifiers.code.guest.together.run_scored:score"
_MESSAGE: Final = Bounds(nodes=1000, depth=4, size=64 << 10)
_MOST_CHARACTERS: Final = 500

Beside = Callable[[Any, int], Awaitable[Evaluation]]
"""Evaluates on one instance by one seed."""


@asynccontextmanager
async def beside(pool: Jobs, task: Task, solution: str, test: ScoreTest) -> AsyncIterator[Beside]:
    """Evaluations of one solution, each in a process of its own, on a worker that nothing else uses.

    Raises:
        SandboxError: nothing may be concluded about the solution.
    """
    image = image_of(task)
    memory = memory_of_both(task.limits)
    preload = profiles.libraries(solution, *test.sources, image=image)
    limits = limits_of_both(task.limits, memory)
    async with pool.alone(profiles.together(preload, memory, image.image, mounts(test.data, candidate=False))) as run:

        async def evaluated(instance: Any, seed: int) -> Evaluation:
            request = {
                "source": solution,
                "entry_points": list(test.entry_points),
                "code": test.code,
                "files": test.files,
                "instance": instance,
                "seed": seed,
                "main": test.main,
            }
            report = await run(Job(program=_RUN, request=request, limits=limits))
            return _read(report, test, limits)

        yield evaluated


def _read(report: Report, test: ScoreTest, limits: Any) -> Evaluation:
    """The one message, a claim like any: numbers that are finite, or none; whatever else was said is the owner's."""
    said = _message(report)
    if report.ending is not Ending.FINISHED or not said:
        outcome, words = outcome_of(report, limits)
        outcome = Outcome.ERROR if report.ending is Ending.FINISHED else outcome
        return Evaluation(
            outcome, f"evaluator and solution, in one process: it {words}", limit=limit_met(report, limits)
        )
    if "rejected" in said:
        return Evaluation(Outcome.INVALID, "the evaluator turned it down", told=_words(said["rejected"]))
    if "fault" in said:
        # In one process nobody can say whose it is; where the reference has a number, it is the solution's.
        fault = "code: `evaluate` has come to no number"
        return Evaluation(Outcome.ERROR, fault=fault, begun=True, told=_words(said["fault"]))
    numbers = _numbers(said.get("numbers"), test)
    if numbers is None:
        return Evaluation(Outcome.ERROR, "what came of it is no score")
    return Evaluation(Outcome.PASSED, numbers=numbers)


def _numbers(value: Any, test: ScoreTest) -> dict[str, float] | None:
    """Those of names that the evaluator's text has as keys, since another could be any word that the process holds."""
    main, keys = test.main or "", _keys(test.sources)
    if type(value) is not dict or type(value.get(main)) is not float or not math.isfinite(value[main]):
        return None
    others = {
        name: number
        for name, number in value.items()
        if type(name) is str and name in keys and name != main and type(number) is float and math.isfinite(number)
    }
    return {main: value[main], **others}


@lru_cache(maxsize=16)
def _keys(sources: tuple[str, ...]) -> frozenset[str]:
    """The texts that are keys of a dictionary, or are assigned to as such."""
    nodes = [node for text in sources for node in ast.walk(ast.parse(text))]
    found = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    found += [node.slice for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)]
    return frozenset(key.value for key in found if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _message(report: Report) -> dict[Any, Any]:
    try:
        found = decode(report.messages[0], _MESSAGE) if len(report.messages) == 1 else {}
    except DecodeError:
        return {}
    return found if type(found) is dict else {}


def _words(value: Any) -> str:
    return feedback.clean(value)[:_MOST_CHARACTERS] if type(value) is str else ""
