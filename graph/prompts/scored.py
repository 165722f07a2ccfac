"""What a model is shown of a score test: the evaluator's description, and the instances that the author marks public.

`starts` are the programs that a task's search begins from, of whatever kind it is.

Never the evaluator's code, another instance, or what is held out.
"""

from __future__ import annotations

import ast
import json
import warnings

from gristmill.graph.prompts.feedback import clip, fenced
from gristmill.verifiers.records import Task

__all__ = ["description", "instances"]

_DESCRIPTION, _INSTANCE, _INSTANCES = 4000, 1500, 5


def description(task: Task) -> str:
    """The docstring of `evaluate`, or of the program that it stands in; empty where there is none."""
    if task.scored is None:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\\d" in a text is its author's affair
        try:
            module = ast.parse(task.scored.code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
    named: list[ast.FunctionDef] = [
        node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "evaluate"
    ]
    texts = [*(ast.get_docstring(node) for node in reversed(named)), ast.get_docstring(module)]
    return clip(next(filter(None, texts), ""), _DESCRIPTION)


def instances(task: Task) -> str:
    """The public instances, as JSON that is cut where it is long; empty where there are none."""
    if task.scored is None:
        return ""
    shown = []
    for place in sorted(set(task.scored.public))[:_INSTANCES]:
        if place < len(task.scored.instances):
            text = json.dumps(task.scored.instances[place], ensure_ascii=False, default=repr)
            shown.append(f"Instance {task.scored.names[place]}:\n{fenced(clip(text, _INSTANCE), 'json')}")
    return "\n\n".join(shown)
