"""Leaves out of each side what only the other one uses.

Beside the candidate that is what only assertions asked for: wanted values, tables and columns of them, helpers, words.
At the judge it is what no assertion needs, and there are words for whoever reads it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from gristmill.verifiers.code.split.checks import Site
from gristmill.verifiers.code.split.levels import Function, bound_in, dotted, root

__all__ = ["CLEAN_MARK", "commented", "is_removable", "loads", "sliced", "used_by_name", "without_words"]

CLEAN_MARK = "made_by_the_test"
"""The attribute of statements that no candidate has a part in."""

# "    if reports.next(3):", "while reports.more(3):" and "def step_2(reports, x):"
_ASKS = re.compile(r"^(\s*)(?:if|while) reports\.(?:next|also|more)\((\d+)\):$")
_BEGINS = re.compile(r"^def (step_\d+)\(")
_MOST_WORDS = 100
_BODIES = ("body", "orelse", "finalbody")


def used_by_name(node: ast.AST) -> set[str]:
    """The fixtures that a mark ``usefixtures("a", "b")`` names."""
    return {
        str(given.value)
        for each in ast.walk(node)
        if isinstance(each, ast.Call) and dotted(each.func).rpartition(".")[2] == "usefixtures"
        for given in each.args
        if isinstance(given, ast.Constant)
    }


def loads(node: ast.AST) -> set[str]:
    """All names that are read anywhere in a node, and parameters, which name fixtures."""
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Store)}
    found |= used_by_name(node)
    for each in ast.walk(node):
        if isinstance(each, Function):
            found |= {arg.arg for arg in (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)}
        elif isinstance(each, ast.AugAssign) and (name := root(each.target)):
            found.add(name)
        elif isinstance(each, ast.Global | ast.Nonlocal):
            found |= set(each.names)
    return found


def is_removable(node: ast.stmt) -> bool:
    """Whether a statement may go if nobody reads what it makes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return not node.decorator_list or not _registers(node)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if not getattr(node, CLEAN_MARK, False):
        return False
    if isinstance(node, ast.Assign):
        return all(_is_local(each) for each in node.targets)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)
    return isinstance(node, ast.AnnAssign | ast.AugAssign)


def _is_local(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_local, target.elts))
    return isinstance(target, ast.Name) or bool(root(target))


def _registers(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator may have done something with it: a fixture of pytest's has only if it says `autouse`."""
    for each in node.decorator_list:
        text = ast.unparse(each)
        if "fixture" not in text and not text.startswith(("dataclass", "dataclasses.", "functools.", "staticmethod")):
            return True
        if "autouse" in text:
            return True
    return False


def bound_or_changed(node: ast.stmt) -> set[str]:
    """The names that a statement binds, or whose values it changes."""
    names = bound_in([node])
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute | ast.Subscript) and not isinstance(each.ctx, ast.Load):
            names.add(root(each))
    if isinstance(node, ast.Expr):
        names |= loads(node)
    return names - {""}


def sliced(body: list[ast.stmt], removable: Callable[[ast.stmt], bool], needed: set[str]) -> list[ast.stmt]:
    """The statements that stay; `needed` grows by what they read. Bodies inside are changed in place."""
    while True:
        before = len(needed)
        kept = [each for each in body if _stays(each, removable, needed)]
        if len(needed) == before:
            break
    for each in kept:
        for block in _blocks(each):
            block[:] = sliced(block, removable, needed) or [ast.Pass()]
    return kept


def _stays(node: ast.stmt, removable: Callable[[ast.stmt], bool], needed: set[str]) -> bool:
    blocks = list(_blocks(node))
    if blocks:
        stay = [_stays(each, removable, needed) for block in blocks for each in block]
        if not any(stay):
            return False
        for name, value in ast.iter_fields(node):
            if name not in (*_BODIES, "handlers"):
                for part in value if isinstance(value, list) else [value]:
                    if isinstance(part, ast.AST):
                        needed |= loads(part)
        for handler in getattr(node, "handlers", ()):
            if handler.type is not None:
                needed |= loads(handler.type)
        return True
    if removable(node) and not bound_or_changed(node) & needed:
        return False
    needed |= loads(node)
    return True


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The lists of statements that run as part of a statement."""
    if isinstance(node, Function | ast.ClassDef):
        return
    for name in _BODIES:
        block = getattr(node, name, None)
        if isinstance(block, list) and block:
            yield block
    for handler in getattr(node, "handlers", ()):
        yield handler.body


def without_words(tree: ast.Module) -> None:
    """Drop docstrings: words of the test's author, which may say what is wanted.

    What is defined inside a function may be handed to the candidate, docstring and all.
    """
    methods = [each for node in tree.body if isinstance(node, ast.ClassDef) for each in node.body]
    for node in (tree, *tree.body, *methods):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match node.body:
                case [ast.Expr(ast.Constant(str())), *rest]:
                    node.body = rest or ([] if isinstance(node, ast.Module) else [ast.Pass()])


def commented(text: str, sites: list[Site], names: dict[str, str]) -> str:
    """A judge's text with a comment on each assertion, and the name that each step had in the test."""
    said = {site.number: site.text for site in sites}
    lines = []
    for line in text.split("\n"):
        if asks := _ASKS.match(line):
            lines.append(f"{asks[1]}# {_short(said[int(asks[2])])}")
        elif (begins := _BEGINS.match(line)) and begins[1] in names:
            lines.append(f"# {names[begins[1]]}")
        lines.append(line)
    whole = "\n".join(lines)
    # A line of a text of the test's own may look like one of ours.
    return whole if ast.dump(ast.parse(whole)) == ast.dump(ast.parse(text)) else text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}…"
