"""Solutions whose function has another dress: a method of LeetCode's ``class Solution``, a name in other letters.

What is put behind the source only forwards to it, so the tests judge the model's own code. It is done where the entry
point is not defined and there is exactly one thing that can have been meant.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from gristmill.verifiers.extraction.source import BUILTINS, bound_anywhere, defined, tree, used

__all__ = ["as_entry"]

_TYPING = "Any Callable DefaultDict Deque Dict FrozenSet Generator Iterable Iterator List Mapping Optional Sequence Set"
_OFFERED = {
    "typing": (*_TYPING.split(), "Tuple", "Union"),
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"),
    "functools": ("cache", "cmp_to_key", "lru_cache", "reduce"),
    "heapq": ("heapify", "heappop", "heappush", "heappushpop", "heapreplace", "nlargest", "nsmallest"),
    "bisect": ("bisect", "bisect_left", "bisect_right", "insort"),
    "itertools": ("accumulate", "chain", "combinations", "pairwise", "permutations", "product"),
    "math": ("ceil", "comb", "floor", "gcd", "inf", "isqrt", "sqrt"),
}
"""What LeetCode's machine has imported before a solution is run there, as far as solutions use it."""
_MODULES = frozenset(("bisect", "collections", "functools", "heapq", "itertools", "math", "random", "re", "string"))


def as_entry(source: str, points: frozenset[str]) -> str | None:
    """`source`, or it with what defines its entry points behind it; None where it does not define them."""
    module = tree(source)
    if module is None:
        return None
    lacking = points - defined(source)
    if not lacking:
        return source
    if len(points) != 1:
        return None
    (point,) = points
    if other := _same_letters(point, module):
        return f"{source.rstrip()}\n\n\n{point} = {other}\n"
    found = _method(point, module)
    if found is None:
        return None
    where, method = found
    imports = _leetcode_imports(source)
    forward = f"def {point}(*args, **kwargs):\n    return {where}().{method}(*args, **kwargs)\n"
    whole = f"{imports}{source.rstrip()}\n\n\n{forward}"
    return whole if tree(whole) is not None else None


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def _same_letters(point: str, module: ast.Module) -> str | None:
    """The one function or class whose name is the entry point's but for case and underscores."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in module.body if isinstance(node, kinds) and _letters(node.name) == _letters(point)}
    return names.pop() if len(names) == 1 else None


def _method(point: str, module: ast.Module) -> tuple[str, str] | None:
    """(class, method) that was meant by the entry point: of `Solution`, or of the one class that has such a method."""
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef) and _made_of_nothing(node)}
    if solution := classes.get("Solution"):
        names = [name for name in _methods(solution) if not name.startswith("_")]
        same = [name for name in names if name == point] or [n for n in names if _letters(n) == _letters(point)]
        if len(set(same)) == 1:
            return "Solution", same[0]
        # LeetCode's own names are not always the task's: the last of several is the one that uses the others.
        return ("Solution", names[0]) if len(set(names)) == 1 else None
    having = [name for name, node in classes.items() if point in _methods(node)]
    return (having[0], point) if len(having) == 1 else None


def _methods(node: ast.ClassDef) -> list[str]:
    return [each.name for each in node.body if isinstance(each, ast.FunctionDef)]


def _made_of_nothing(node: ast.ClassDef) -> bool:
    """Whether an object of a class can be made without arguments, as far as the class itself says."""
    made = next((each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None)
    if made is None:
        return not node.bases or all(isinstance(base, ast.Name) and base.id == "object" for base in node.bases)
    arguments = made.args
    needed = len(arguments.posonlyargs) + len(arguments.args) - 1 - len(arguments.defaults)
    return needed <= 0 and all(default is not None for default in arguments.kw_defaults)


def _leetcode_imports(source: str) -> str:
    """Imports of what LeetCode's machine offers and the source uses without having it."""
    lacking = used(source) - bound_anywhere(source) - BUILTINS
    lines = list(_imports(lacking))
    return "".join(f"{line}\n" for line in lines) + ("\n" if lines else "")


def _imports(lacking: Iterable[str]) -> Iterator[str]:
    names = set(lacking)
    for module, offered in _OFFERED.items():
        if wanted := sorted(names.intersection(offered)):
            yield f"from {module} import {', '.join(wanted)}"
            names -= set(wanted)
    for module in sorted(names & _MODULES):
        yield f"import {module}"
