"""What can be read of a driven test's text without running it: functions, literals, the form of what comes back."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any, Final

from gristmill.verifiers.records import DrivenTest

__all__ = [
    "HOLE",
    "TRUE",
    "Function",
    "forms",
    "function",
    "imports_solution",
    "in_place",
    "literals",
    "seen_first",
    "takes",
    "tree",
]

HOLE: Final = "\0hole"
"""In a form: what `drive` computes."""
TRUE: Final = "\0true"
"""In a form: what `drive` compares, so that the wanted value is no secret."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
_TRUTHS: Final = frozenset(("isinstance", "issubclass", "hasattr", "callable", "bool", "all", "any"))
_MOST_FORMS: Final = 8
_MOST_LITERALS: Final = 200


def tree(source: str) -> ast.Module:
    """The program.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\\d" in a test's string is its author's affair
        return ast.parse(source)


def function(module: ast.Module, name: str) -> Function | None:
    """The last top-level function of that name."""
    functions = [node for node in module.body if isinstance(node, Function) and node.name == name]
    return functions[-1] if functions else None


def takes(function: Function, number: int) -> bool:
    """Whether it can be called with so many arguments."""
    given = function.args
    places = len(given.posonlyargs) + len(given.args)
    needed_by_name = sum(default is None for default in given.kw_defaults)
    return places >= number and places - len(given.defaults) <= number and not needed_by_name


def imports_solution(node: ast.AST) -> bool:
    """Whether it is an import of the solution, which no test of these has beside it."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "solution"
    return isinstance(node, ast.Import) and any(each.name == "solution" for each in node.names)


def literals(module: ast.Module) -> Iterator[tuple[int, Any]]:
    """(line, value) of the literals that stand for values: no names of keys, fields or columns, no words for people."""
    names = set(in_place(module))
    for node in ast.walk(module):
        if id(node) in names or not isinstance(
            node, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.UnaryOp
        ):
            continue
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        yield node.lineno, value


def seen_first(module: ast.Module, step: str) -> list[Any]:
    """The literals of a program, those of the function of a step before the others."""
    named = {step, f"test_{step}"}
    own = [node for node in ast.walk(module) if isinstance(node, Function) and node.name in named]
    return [value for part in (ast.Module([*own], []), module) for _, value in literals(part)]


def in_place(module: ast.Module) -> Iterator[int]:
    """The ids of nodes that name or tell something: keys, docstrings, messages, parts of texts, numbers of reports."""
    for node in ast.walk(module):
        match node:
            case ast.Subscript():
                yield id(node.slice)
                if isinstance(node.slice, ast.Tuple | ast.List):
                    yield from map(id, node.slice.elts)
            case ast.Dict():
                yield from map(id, node.keys)
            case ast.Call(ast.Attribute(attr="get" | "pop" | "setdefault"), [key, *_]):
                yield id(key)
            case ast.Call(ast.Name("getattr" | "hasattr"), [_, name, *_]) | ast.Call(ast.Name("report"), [name, *_]):
                yield id(name)
            case ast.Expr(ast.Constant() as text):
                yield id(text)
            case ast.Assert(_, message) if message is not None:
                yield from map(id, ast.walk(message))
            case ast.JoinedStr():
                yield from map(id, ast.walk(node))


def forms(test: DrivenTest) -> list[Any]:
    """The forms that `drive` returns, as far as its text shows, and that `judge` asks for; with `HOLE` and `TRUE`."""
    shapes: list[Any] = []
    driving, judging = tree(test.drive), tree(test.judge)
    drive, judge = function(driving, "drive"), function(judging, "judge")
    if drive is not None:
        names = _assigned(drive)
        shapes += [_form(each.value, names, 0) for each in _returns(drive) if each.value is not None]
    if judge is not None and judge.args.args:
        shapes.append(_asked(judge, judge.args.args[0].arg))
    kept: list[Any] = []
    for each in shapes:
        if each != HOLE and each != {} and each not in kept:
            kept.append(each)
    return kept[:_MOST_FORMS]


def _returns(function: Function) -> Iterator[ast.Return]:
    """The returns of a function, not of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Return):
            yield node
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _assigned(function: Function) -> dict[str, Any]:
    """The displays that names of a function are bound to, with the keys that are put into them afterwards."""
    names: dict[str, Any] = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, value):
                form = HOLE if value is None else _form(value, names, 0)
                names[name] = form if name not in names else HOLE
    for node in ast.walk(function):
        match node:
            case ast.Assign([ast.Subscript(ast.Name(name), ast.Constant(key))], value) if type(names.get(name)) is dict:
                names[name][key] = _form(value, names, 0)
    return names


def _form(node: ast.expr, names: dict[str, Any], depth: int) -> Any:
    if depth > 4:
        return HOLE
    match node:
        case ast.Dict(keys, values) if all(isinstance(key, ast.Constant) for key in keys):
            pairs = zip(keys, values, strict=True)
            return {key.value: _form(value, names, depth + 1) for key, value in pairs if isinstance(key, ast.Constant)}
        case ast.Call(ast.Name("dict"), [], keywords) if keywords and all(each.arg for each in keywords):
            return {each.arg: _form(each.value, names, depth + 1) for each in keywords}
        case ast.List(elements) | ast.Tuple(elements) if not any(isinstance(each, ast.Starred) for each in elements):
            parts = [_form(each, names, depth + 1) for each in elements]
            return tuple(parts) if isinstance(node, ast.Tuple) else parts
        case ast.Compare() | ast.UnaryOp(ast.Not(), _):
            return TRUE
        case ast.Call(ast.Name(name)) if name in _TRUTHS:
            return TRUE
        case ast.BoolOp(_, values) if all(_form(each, names, depth + 1) == TRUE for each in values):
            return TRUE
        case ast.Constant(value) if type(value) in (str, int, float, bool, type(None)):
            return value
        case ast.Name(name):
            return names.get(name, HOLE)
    return HOLE


def _asked(judge: Function, values: str) -> Any:
    """The keys or places that `judge` asks the values for."""
    keys: dict[Any, None] = {}
    for node in ast.walk(judge):
        match node:
            case ast.Subscript(ast.Name(name), ast.Constant(key)) if name == values:
                keys.setdefault(key)
            case ast.Assign([ast.Tuple(targets)], ast.Name(name)) if name == values:
                return (HOLE,) * len(targets)
    if keys and all(type(key) is int and 0 <= key < 32 for key in keys):
        return (HOLE,) * (max(keys) + 1)
    return dict.fromkeys((key for key in keys if type(key) is str), HOLE)
