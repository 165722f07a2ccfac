"""The test functions and fixtures of a test program, and what its functions have in common while it is gone through."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gristmill.verifiers.code.split.checks import Site, asserts
from gristmill.verifiers.code.split.levels import Function, SplitError, dotted

__all__ = [
    *("Flows", "Step", "arguments", "fixtures_of", "flow_call", "is_case", "parameters_of", "rows_of", "spread"),
    "steps_of",
]

# Marks that change nothing of what a test function means.
_HARMLESS = frozenset(("usefixtures", "filterwarnings", "parametrize", "asyncio"))
_CASES = ("TestCase", "IsolatedAsyncioTestCase")


@dataclass
class Step:
    """One test function. `marks`: (names, rows) of each `parametrize`, from the outermost decorator in.

    `tellers`: the fixtures with parameters that it uses, whose rows come after those in `marks`.
    """

    name: str
    function: Function
    holder: ast.ClassDef | None = None
    marks: list[tuple[list[str], ast.expr]] = field(default_factory=list)
    tellers: list[str] = field(default_factory=list)


@dataclass
class Flows:
    """What all functions of a program have in common.

    `given`: the level of each parameter of functions that assert, by (function, parameter), as far as it is known.
    """

    sites: list[Site] = field(default_factory=list)
    asserting: set[str] = field(default_factory=set)
    given: dict[tuple[str, str], int] = field(default_factory=dict)
    everywhere: list[ast.stmt] = field(default_factory=list)

    def site(self, line: int, text: str, step: str, *, loose: bool) -> Site:
        """A new site."""
        self.sites.append(Site(len(self.sites), line, text, loose=loose, step=step))
        return self.sites[-1]


def arguments(function: Function) -> list[str]:
    """The names of all parameters."""
    given = function.args
    return [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def flow_call(node: ast.AST | None, asserting: set[str]) -> ast.Call | None:
    """The call of a function of the test that asserts: ``f(x)``, ``await f(x)`` or ``asyncio.run(f(x))``."""
    while True:
        match node:
            case ast.Await(value):
                node = value
            case ast.Call(func, [value]) if dotted(func) in ("asyncio.run", "anyio.run", "run"):
                node = value
            case ast.Call(ast.Name(name)) if name in asserting:
                return node
            case _:
                return None


def parameters_of(function: Function) -> list[str]:
    """The parameters of a test function or a fixture, by which pytest knows what to hand over."""
    return [name for name in arguments(function) if name != "self"]


def is_case(node: ast.ClassDef) -> bool:
    """Whether a class is a case of unittest's."""
    return any(dotted(each).rpartition(".")[2] in _CASES for each in node.bases)


def spread(module: ast.Module) -> None:
    """Hand the marks of a whole file and of whole classes to each of their test functions.

    Raises:
        SplitError: it cannot be seen what they are.
    """
    of_file = list(_taken(module.body))
    for node in module.body:
        if isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or is_case(node)):
            marks = [each for each in node.decorator_list if _kind(each)]
            node.decorator_list = [each for each in node.decorator_list if not _kind(each)]
            _mark_all(node.body, [*marks, *_taken(node.body), *of_file])
    _mark_all(module.body, of_file)


def _mark_all(body: list[ast.stmt], marks: list[ast.expr]) -> None:
    for each in body:
        if isinstance(each, Function) and each.name.startswith("test"):
            each.decorator_list += copy.deepcopy(marks)


def _taken(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """The marks of a `pytestmark`, which goes."""
    for node in list(body):
        named = [*getattr(node, "targets", ()), getattr(node, "target", None)]
        if any(dotted(each) == "pytestmark" for each in named):
            value = node.value if isinstance(node, ast.Assign) else None
            marks = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
            if not all(each is not None and _kind(each) for each in marks):
                raise SplitError(f"line {node.lineno}: marks a whole file or class in a way that cannot be read")
            body.remove(node)
            yield from marks  # type: ignore[misc]  # none is None


def _kind(node: ast.expr) -> str:
    """``asyncio`` of ``pytest.mark.asyncio``; empty for what is no mark."""
    name = f".{dotted(node.func if isinstance(node, ast.Call) else node)}"
    return name.rpartition(".")[2] if ".mark." in name else ""


def steps_of(module: ast.Module) -> list[Step]:
    """All test functions, in order.

    Raises:
        SplitError: pytest would do more with one than to run it, or there are none.
    """
    steps: list[Step] = []
    for node in module.body:
        if isinstance(node, Function) and node.name.startswith("test"):
            steps.append(_step(node, None, len(steps)))
        elif isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or is_case(node)):
            if node.decorator_list:
                raise SplitError(f"line {node.lineno}: decorates a whole class")
            for each in node.body:
                if isinstance(each, Function) and each.name.startswith("test"):
                    steps.append(_step(each, node, len(steps)))
                elif asserts(each):
                    raise SplitError(f"line {each.lineno}: asserts outside a test function")
    if not steps:
        raise SplitError("it has no test functions")
    _named_nowhere(module, [step.function.name for step in steps])
    return steps


def _named_nowhere(module: ast.Module, names: list[str]) -> None:
    own = re.compile(rf"<locals>|\b(?:{'|'.join(map(re.escape, names))})\b")
    words = {id(each.value) for each in ast.walk(module) if isinstance(each, ast.Expr)}
    for each in ast.walk(module):
        if not isinstance(each, ast.Constant) or not isinstance(each.value, str) or id(each) in words:
            continue
        if own.search(each.value) is not None:
            raise SplitError(f"line {each.lineno}: names a test function, which is called otherwise there")


def _step(node: Function, holder: ast.ClassDef | None, number: int) -> Step:
    kinds = [_kind(each) for each in node.decorator_list]
    is_run = "asyncio" in kinds or (holder is not None and is_case(holder))
    if isinstance(node, ast.AsyncFunctionDef) and not is_run:
        raise SplitError(f"line {node.lineno}: is run by a plug-in")
    step = Step(f"step_{number + 1}", node, holder)
    for kind, each in zip(kinds, node.decorator_list, strict=True):
        if kind and kind not in _HARMLESS:
            raise SplitError(f"line {each.lineno}: `{kind}` may keep it from running")
        if kind == "parametrize":
            step.marks.append(_mark(each))
    return step


def _mark(node: ast.expr) -> tuple[list[str], ast.expr]:
    match node:
        case ast.Call(_, [names, rows], keywords) if all(each.arg == "ids" for each in keywords):
            try:
                given = ast.literal_eval(names)
            except ValueError:
                given = None
            if isinstance(given, str):
                return [each.strip() for each in given.split(",") if each.strip()], rows
            if isinstance(given, tuple | list) and all(isinstance(each, str) for each in given):
                return list(given), rows
    raise SplitError(f"line {node.lineno}: its parameters cannot be read")


def fixtures_of(module: ast.Module) -> dict[str, Function]:
    """The fixtures of a module.

    Raises:
        SplitError: one asserts, has another name, is awaited, or is for all and has parameters.
    """
    found: dict[str, Function] = {}
    for node in module.body:
        if not isinstance(node, Function):
            continue
        for each in node.decorator_list:
            call = each.func if isinstance(each, ast.Call) else each
            if not dotted(call).rpartition(".")[2].endswith("fixture"):
                continue
            named = {key.arg for key in getattr(each, "keywords", ())}
            if asserts(node) or isinstance(node, ast.AsyncFunctionDef) or "name" in named:
                raise SplitError(f"line {node.lineno}: a fixture that asserts, is awaited, or has another name")
            if {"params", "autouse"} <= named:
                raise SplitError(f"line {node.lineno}: a fixture with parameters that is for all tests")
            found[node.name] = node
    return found


def rows_of(fixture: Function) -> tuple[ast.expr, bool] | None:
    """(rows of a fixture's parameters, whether it hands them on as they are); None where it has none."""
    for each in fixture.decorator_list:
        for key in getattr(each, "keywords", ()):
            if key.arg == "params":
                match fixture.body:
                    case [ast.Return(value)] | [ast.Expr(ast.Yield(value))]:
                        return key.value, dotted(value) == "request.param"
                return key.value, False
    return None
