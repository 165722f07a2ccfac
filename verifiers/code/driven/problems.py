"""What can be wrong with a driven test, found without running anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from gristmill.sandbox.wire.values import DEEP, EncodeError, encode
from gristmill.verifiers.code.driven.forms import Function, function, imports_solution, takes, tree
from gristmill.verifiers.records import DrivenTest

__all__ = ["driven_problems"]

_MOST_CHARACTERS: Final = 1_000_000
_EXPECTED: Final = "expected"
# Tasks are stored as JSON, whose writer takes 255 levels around a value for a circle.
_IN_A_FILE: Final = DEEP._replace(depth=200)


def driven_problems(test: DrivenTest) -> Iterator[str]:
    """One sentence for each problem, naming the field."""
    yield from _drive_problems(test.drive)
    yield from _judge_problems(test.judge)
    for place, case in enumerate(test.cases):
        if _EXPECTED in case.given:
            yield (
                f"cases[{place}].given: has a key `{_EXPECTED}`, and what is given is shown to the solution: put the "
                f"wanted value beside `given`, into the case's own `{_EXPECTED}`, or give the key another name"
            )
        try:
            encode([case.given, case.expected], _IN_A_FILE)
        except EncodeError as error:
            yield f"cases[{place}]: a value cannot be passed to a sandbox: {error}"


def _program(field: str, source: str) -> tuple[ast.Module | None, str]:
    """The parsed source, or what is wrong with it."""
    if len(source) > _MOST_CHARACTERS:
        return None, f"{field}: has {len(source):,} characters; a test program may have {_MOST_CHARACTERS:,}: part it"
    try:
        return tree(source), ""
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return None, f"{field}: is no Python program: {error}"


def _definition(name: str, parameters: str, source: str) -> tuple[ast.Module, Function] | str:
    """(program, function of that name), or what is wrong with the source."""
    module, wrong = _program(name, source)
    if module is None:
        return wrong
    defined = function(module, name)
    return (module, defined) if defined else f"{name}: defines no function `{name}({parameters})` at its top level"


def _drive_problems(source: str) -> Iterator[str]:
    definition = _definition("drive", "solution, case", source)
    if isinstance(definition, str):
        yield definition
        return
    module, drive = definition
    if not takes(drive, 2):
        yield f"drive: line {drive.lineno}: `drive` must take two arguments, the solution and the case"
        return
    inside = list(ast.walk(drive))
    first, second = [*drive.args.posonlyargs, *drive.args.args][:2]
    uses = any(isinstance(node, ast.Name) and node.id == first.arg for node in inside)
    if not uses and not any(map(imports_solution, ast.walk(module))):
        yield f"drive: line {drive.lineno}: `drive` never uses the solution (`{first.arg}`), so every solution would do"
    if not any(isinstance(node, ast.Return) and node.value is not None for node in inside):
        yield f"drive: line {drive.lineno}: `drive` returns nothing that could be judged"
    for node in inside:
        if _reads(node, second.arg, _EXPECTED):
            yield (
                f"drive: line {getattr(node, 'lineno', 0)}: reads `{_EXPECTED}`, which `judge` alone is handed: "
                "`drive` gets the case's `given`"
            )


def _judge_problems(source: str) -> Iterator[str]:
    definition = _definition("judge", "values, case", source)
    if isinstance(definition, str):
        yield definition
        return
    module, judge = definition
    if isinstance(judge, ast.AsyncFunctionDef):
        yield f"judge: line {judge.lineno}: `judge` must be a plain function: await in `drive`"
    if not takes(judge, 2):
        yield f"judge: line {judge.lineno}: `judge` must take two arguments, the values and the case"
    nodes = list(ast.walk(module))
    for node in nodes:
        if imports_solution(node):
            line = getattr(node, "lineno", 0)
            yield f"judge: line {line}: imports the solution, which is not there: use it in `drive`"
    if not any(map(_may_assert, nodes)):
        yield f"judge: line {judge.lineno}: asserts nothing, so nothing could pass: `assert` what the values should be"


def _reads(node: ast.AST, case: str, key: str) -> bool:
    match node:
        case ast.Subscript(ast.Name(name), ast.Constant(value)):
            return name == case and value == key
        case ast.Call(ast.Attribute(ast.Name(name), "get"), [ast.Constant(value), *_]):
            return name == case and value == key
    return False


def _may_assert(node: ast.AST) -> bool:
    """Whether a statement may be an assertion, in one of the ways that tests are written."""
    if isinstance(node, ast.Assert | ast.Raise):
        return True
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name.lower().startswith(("assert", "raises"))
    return False
