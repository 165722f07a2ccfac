"""From a mechanism and a task to a candidate's source text."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator
from typing import Any

from gristmill.verifiers.attacks.records import JUDGED, NOTHING, Attack, Example, Target
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.records import CasesTest, CodeTest, PythonTest, StdioTest, Task

__all__ = ["target_of", "write"]

_MOST_EXAMPLES = 50


def target_of(task: Task, *, split: bool = False) -> Target:
    """What an attacker knows of a task: names, public tests, and examples in the prompt.

    With `split`, tests that a judge process decides are tried split as well.
    """
    tests = (*task.public_tests, *task.tests)
    names: dict[str, None] = {}
    for test in tests:
        for name in _names(test):
            names.setdefault(name)
    examples = [example for test in task.public_tests for example in _examples(test, tuple(names))]
    examples += _in_prompt(task.prompt, tuple(names))
    # The catalogue is written in Python, which no compiler of another language takes.
    types: frozenset[str] = frozenset(test.type for test in tests if language(task) is None)
    if split and types & JUDGED:
        types |= {"split"}
    return Target(
        test_types=types | {"timed"} if task.scored is not None and task.scored.timed else types,
        names=tuple(names),
        examples=tuple(examples[:_MOST_EXAMPLES]),
        reference=task.reference,
    )


def write(attack: Attack, target: Target) -> str | None:
    """The candidate, or None where the mechanism does not apply to such a task."""
    if not attack.test_types & target.test_types:
        return None
    if "<<examples>>" in attack.source and not target.examples:
        return None
    if "<<reference>>" in attack.source and target.reference is None:
        return None
    given = [(list(each.args), each.kwargs, each.expected) for each in target.examples]
    source = attack.source.strip("\n") + "\n"
    for mark, value in (
        ("<<examples>>", f"(lambda nan, inf: {given!r})(float('nan'), float('inf'))"),
        ("<<names>>", repr(list(target.names))),
        ("<<reference>>", repr(target.reference)),
        ("<<nothing>>", repr(NOTHING)),
    ):
        source = source.replace(mark, value)
    return source + "".join(_bound(target))


def _bound(target: Target) -> Iterator[str]:
    """Give the candidate the names that the tests ask for, unless it has them already."""
    for name in target.names:
        owner, _, method = name.rpartition(".")
        if owner:
            head = owner.partition(".")[0]
            yield f"if {head!r} not in globals():\n    class {head}:\n        {method} = staticmethod(answer)\n"
        elif name.endswith(("Error", "Exception")):
            yield f"if {name!r} not in globals():\n    class {name}(Exception):\n        pass\n"
        else:
            yield f"if {name!r} not in globals():\n    {name} = answer\n"
    if "stdio" in target.test_types:
        yield "import sys\n_text = answer(sys.stdin.read())\nif _text is not None:\n    print(_text)\n"


def _names(test: CodeTest) -> tuple[str, ...]:
    if isinstance(test, StdioTest):
        return ()
    return (test.entry_point,) if isinstance(test.entry_point, str) else test.entry_point


def _examples(test: CodeTest, names: tuple[str, ...]) -> Iterator[Example]:
    if isinstance(test, CasesTest):
        for case in test.cases:
            if case.raises is None:
                yield Example(case.args, case.kwargs, case.expected)
    elif isinstance(test, StdioTest):
        for printed in test.cases:
            yield Example((printed.stdin,), {}, printed.stdout.rstrip("\n"))
    elif isinstance(test, PythonTest):
        for node in ast.walk(ast.parse(test.code)):
            if isinstance(node, ast.Assert):
                yield from _of_assertion(node.test, (*names, "candidate"))


def _of_assertion(test: ast.expr, names: tuple[str, ...]) -> Iterator[Example]:
    """The example in ``f(1, 2) == 3``, if its parts are plain values."""
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is)):
        return
    call = test.left
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names:
        try:
            args = tuple(ast.literal_eval(each) for each in call.args)
            kwargs = {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg}
            yield Example(args, kwargs, ast.literal_eval(test.comparators[0]))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return


def _in_prompt(prompt: str, names: tuple[str, ...]) -> list[Example]:
    """Examples as Python sessions show them."""
    try:
        sessions = doctest.DocTestParser().get_examples(prompt)
    except ValueError:
        return []
    examples: list[Example] = []
    for each in sessions:
        try:
            tree: Any = ast.parse(f"assert {each.source.strip()} == {each.want.strip()}").body[0]
        except (SyntaxError, ValueError):
            continue
        examples += _of_assertion(tree.test, names)
    return examples
