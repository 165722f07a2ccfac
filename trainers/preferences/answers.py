"""Zero-shot answers of a small model to generated tasks, and what the tools say of them."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.registry import Verifiers

if TYPE_CHECKING:
    from gristmill.graph.models.local.generation import Generator

__all__ = ["TOKENS", "answer", "fresh_tasks", "prompt_of", "verified"]

TOKENS: Final = 32
_AT_ONCE: Final = 48


def prompt_of(task: Task) -> str:
    """What the model goes on from: a function whose docstring is the task, as base models read code."""
    return f'def f(xs):\n    """{task.prompt}"""\n    return'


def answer(generator: Generator, tasks: Sequence[Task], *, samples: int = 1, heat: float = 0.0) -> list[list[str]]:
    """For each task `samples` ends of its function's last line, greedy ones at heat 0.

    What is drawn follows from the task's id and the sample's number.
    """
    from gristmill.graph.models.local.generation import DrawnReply

    rows = [
        DrawnReply(
            prompt=list(generator.tokenizer(prompt_of(task))["input_ids"]),
            temperature=heat,
            top_p=1.0,
            max_tokens=TOKENS,
            seed=f"{task.id}/{number}",
            stop=("\n",),
        )
        for task in tasks
        for number in range(samples)
    ]
    for start in range(0, len(rows), _AT_ONCE):
        generator.run(rows[start : start + _AT_ONCE])
    return [[row.text for row in rows[at : at + samples]] for at in range(0, len(rows), samples)]


def verified(tasks: Sequence[Task], answers: Sequence[Sequence[str]], sandbox: str = "auto") -> list[list[bool]]:
    """Whether each answer passes its task's tests, in a sandbox; an answer that is no expression does not.

    Raises:
        SandboxError: nothing may be concluded about an answer.
    """
    return asyncio.run(_verified(tasks, answers, sandbox))


async def _verified(tasks: Sequence[Task], answers: Sequence[Sequence[str]], sandbox: str) -> list[list[bool]]:
    async with Pool.open(sandbox, size=1) as pool:
        verifiers = Verifiers(pool)

        async def passes(task: Task, text: str) -> bool:
            if not _is_expression(text):
                return False
            verdict = await verifiers.verify(task, f"def f(xs):\n    return{text}\n")
            if verdict.outcome is Outcome.UNSCORED:
                raise SandboxError(f"{task.id}: an answer could not be judged: {verdict.feedback}")
            return verdict.passed

        known: dict[tuple[str, str], bool] = {}
        for task, texts in zip(tasks, answers, strict=True):
            for text in texts:
                if (task.id, text) not in known:
                    known[task.id, text] = await passes(task, text)
    return [[known[task.id, text] for text in texts] for task, texts in zip(tasks, answers, strict=True)]


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def fresh_tasks(seed: int, count: int, without: frozenset[str] = frozenset()) -> list[Task]:
    """Fresh generated tasks, none of the prompts `without`."""
    from gristmill.graph.tasks.generate import generate_list_functions

    made = generate_list_functions(seed=seed, train=1, gate=1, test=count + 40)
    fresh = [task for task in made if task.split == "test" and task.prompt not in without]
    return fresh[:count]
