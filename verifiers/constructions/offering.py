"""Which programs are given an earlier construction: those whose entry point has a parameter for it.

That is read from the source, before anything is sent: what a program does not ask for never enters its process, so it
is judged as it always was, also where it returns by chance, or as a repetition, what an earlier one has made.
"""

from __future__ import annotations

import ast
from typing import Final

from gristmill.verifiers.extraction.replies import entry_points
from gristmill.verifiers.extraction.source import tree
from gristmill.verifiers.records import Task

__all__ = ["BEST", "takes_best"]

BEST: Final = "best"
"""The parameter in which a program is given the construction that it may go on from, or None."""


def takes_best(task: Task, source: str | None) -> bool:
    """Whether a solution is a program whose entry point, as it is written, has a parameter `best`."""
    module = tree(source or "") if task.kind == "program" else None
    if module is None:
        return False
    names = {point.rpartition(".")[2] for point in entry_points(task)}
    bound = anywhere = False
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            has = any(each.arg == BEST for each in (*node.args.args, *node.args.kwonlyargs))
            if has and not isinstance(node, ast.Lambda) and node.name in names:
                return True
            anywhere |= has
        # `construct = partial(search, steps=9)`: the process itself sees whether that has the parameter.
        bound |= isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in names
    return bound and anywhere
