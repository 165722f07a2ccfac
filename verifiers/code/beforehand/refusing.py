"""What in a test's text cannot be decided apart from the solution, so that right solutions may come back `refused`.

Each mechanism is one function that gives the line where it first shows. Only what stands in the text counts: what a
helper of another file does is not seen. docs/security.md has the list, `tests/verifiers/code/honest` the programs.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gristmill.verifiers.code.beforehand.names import Names, parameters

__all__ = ["Classes", "classes_of", "refusals"]

_THREADS = {
    *("threading.Thread", "threading.Timer", "_thread.start_new_thread", "asyncio.to_thread"),
    *("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"),
    *("concurrent.futures.thread.ThreadPoolExecutor", "multiprocessing.Process", "multiprocessing.Pool"),
    *("multiprocessing.pool.ThreadPool", "multiprocessing.dummy.Pool"),
}
_PATCHES = {"unittest.mock.patch", "mock.patch"}
_SETTERS = {
    *("sys.setrecursionlimit", "sys.set_int_max_str_digits", "os.chdir", "os.putenv", "os.unsetenv", "time.tzset"),
    *("locale.setlocale", "decimal.setcontext", "os.environ.update", "os.environ.setdefault", "os.environ.pop"),
}
_SEEDS = ("random.seed", "numpy.random.seed")
_MOCKS = {f"{module}.{kind}" for module in ("unittest.mock", "mock") for kind in ("Mock", "MagicMock", "AsyncMock")}
_OF_CALLS = ("assert_", "call", "mock_calls", "method_calls", "return_value", "side_effect", "await", "reset_mock")
_OF_MOCKS = {"return_value", "side_effect", "name", "spec", "wraps", "unsafe"}
_COMPARING = {"assertEqual", "assertNotEqual", "assertLess", "assertLessEqual", "assertGreater", "assertGreaterEqual"}
_COMPARING |= {"assertCountEqual", "assertListEqual"}
_DECIDING = {f"__{name}__" for name in ("eq", "ne", "lt", "le", "gt", "ge", "hash")}


class Classes(NamedTuple):
    """Names of a solution's classes: all, and those that may say by themselves what their objects are equal to."""

    all: frozenset[str]
    deciding: frozenset[str]


def refusals(
    source: str, entry_points: tuple[str, ...], classes: Classes, shared: str = ""
) -> Iterator[tuple[int, str]]:
    """(line, what stands there and why it cannot be decided), for each mechanism once.

    Args:
        source: a program without mistakes.
        entry_points: what the task declares.
        classes: those of them that are classes, as `classes_of` finds them.
        shared: source that both sides have, whose classes are the test's.
    """
    own = _defined(shared)
    names = Names(ast.parse(source), entry_points, classes.all - own)
    deciding = Names(names.tree, entry_points, classes.deciding - own)
    for find, words in _MECHANISMS:
        if line := min(find(deciding if find is _comparisons else names), default=0):
            yield line, words


def classes_of(entry_points: tuple[str, ...], reference: str | None) -> Classes:
    """Which entry points are classes: by the reference, where there is one, else by how their names are written."""
    try:
        tree = ast.parse(reference or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.parse("")
    if not tree.body:
        capitalised = frozenset(name for name in entry_points if name[:1].isupper())
        return Classes(capitalised, capitalised)
    deciding: set[str] = set()
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in classes:  # bases come first
        bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
        if bases & deciding or _DECIDING & {getattr(each, "name", "") for each in node.body}:
            deciding.add(node.name)
    every = frozenset(node.name for node in classes)
    return Classes(every & set(entry_points), frozenset(deciding) & set(entry_points))


def _defined(shared: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(shared)) if isinstance(node, ast.ClassDef)}


def _threads(names: Names) -> Iterator[int]:
    for call, meaning in names.calls():
        if meaning in _THREADS or (isinstance(call.func, ast.Attribute) and call.func.attr == "run_in_executor"):
            yield call.lineno


def _patches(names: Names) -> Iterator[int]:
    yield from _used(names, {"monkeypatch", "mocker"})
    for node in names.nodes:
        meaning = names.meaning(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        if meaning in _PATCHES and not _is_of_output(names, node):
            yield getattr(node, "lineno", 0)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            for target in targets:
                place = names.meaning(target.value if isinstance(target, ast.Subscript) else target)
                if "." in place and not isinstance(target, ast.Name) and place not in ("sys.stdout", "sys.stderr"):
                    yield node.lineno


def _is_of_output(names: Names, patch: ast.AST) -> bool:
    """Whether a patch is of standard output, which is sent along with each answer."""
    for call, _ in names.calls():
        if call.func is patch and call.args and isinstance(call.args[0], ast.Constant):
            return call.args[0].value in ("sys.stdout", "sys.stderr")
    return False


def _sets(names: Names) -> Iterator[int]:
    meanings = [(call, meaning) for call, meaning in names.calls() if meaning]
    yield from (call.lineno for call, meaning in meanings if meaning in _SETTERS)
    for seed in _SEEDS:
        # Who seeds and then draws, draws inputs of his own.
        if not any(meaning.startswith(seed.removesuffix("seed")) and meaning != seed for _, meaning in meanings):
            yield from (call.lineno for call, meaning in meanings if meaning == seed)


def _files(names: Names) -> Iterator[int]:
    yield from _used(names, {"tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory"})
    yield from (call.lineno for call, meaning in names.calls() if meaning.startswith("tempfile."))


def _used(names: Names, fixtures: set[str]) -> Iterator[int]:
    for parameter, function in parameters(names.tree):
        if parameter.arg in fixtures and any(
            isinstance(node, ast.Name) and node.id == parameter.arg for node in ast.walk(function)
        ):
            yield parameter.lineno


def _copies(names: Names) -> Iterator[int]:
    for call, meaning in names.calls():
        copied = call.args[:1] if meaning in ("copy.deepcopy", "copy.copy", "pickle.dumps") else []
        if any(names.may_be_object(each) or names.are_objects(each) for each in copied):
            yield call.lineno


def _mocks(names: Names) -> Iterator[int]:
    mocks = set()
    for node in names.nodes:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(called)) if names.meaning(called) in _MOCKS:
                mocks.add(name)
    for node in names.nodes:
        match node:
            case ast.Attribute(ast.Name(name), attribute) if name in mocks and not attribute.startswith(_OF_CALLS):
                yield node.lineno
            case ast.Call() if names.meaning(node.func) in _MOCKS:
                if any(each.arg not in _OF_MOCKS for each in node.keywords):
                    yield node.lineno


def _compared(names: Names) -> Iterator[tuple[int, ast.cmpop, ast.expr, ast.expr]]:
    """The two sides of each comparison, with its line."""
    for node in names.nodes:
        match node:
            case ast.Compare():
                sides = [node.left, *node.comparators]
                for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
                    yield node.lineno, operator, left, right
            case ast.Call(ast.Attribute(attr="assertIs" | "assertIsNot"), [left, right, *_]):
                yield node.lineno, ast.Is(), left, right
            case ast.Call(ast.Attribute(attr=name), [left, right, *_]) if name in _COMPARING:
                yield node.lineno, ast.Eq(), left, right


def _identities(names: Names) -> Iterator[int]:
    for line, operator, left, right in _compared(names):
        if isinstance(operator, ast.Is | ast.IsNot) and names.is_answer(left) and names.is_answer(right):
            yield line


def _comparisons(names: Names) -> Iterator[int]:
    one, several = names.is_object, names.are_objects
    for line, operator, left, right in _compared(names):
        if isinstance(operator, ast.In | ast.NotIn):
            if one(left):
                yield line
        elif isinstance(operator, ast.Is | ast.IsNot):
            continue
        elif (one(left) and one(right)) or (several(left) and several(right)):
            yield line
    for node in names.nodes:
        match node:
            case ast.Set() | ast.SetComp() if several(node):
                yield node.lineno
            case ast.Dict(keys) if any(key is not None and one(key) for key in keys):
                yield node.lineno
            case ast.Call(ast.Name("sorted" | "min" | "max"), given, keywords):
                keyed = any(each.arg == "key" for each in keywords)
                if not keyed and (any(map(several, given)) or any(map(one, given))):
                    yield node.lineno
            case ast.Call(ast.Name("set" | "frozenset"), [given]) if several(given):
                yield node.lineno
            case ast.Call(ast.Name("hash"), [given]) if one(given):
                yield node.lineno
            case ast.Call(ast.Attribute(given, "sort"), [], []) if several(given):
                yield node.lineno


_MECHANISMS: tuple[tuple[Callable[[Names], Iterator[int]], str], ...] = (
    (_threads, "starts threads or processes, and the line to a solution takes one call at a time"),
    (_patches, "patches or sets what is in its own process, and the solution is in another"),
    (_sets, "seeds or sets up its own process, and the solution is in another"),
    (_files, "makes files, and the solution has no folder in common with it"),
    (_copies, "copies objects of the solution's, which stay in its process"),
    (_mocks, "passes mocks with attributes, and a solution can only call what tests pass, or iterate over it"),
    (_identities, "asks with `is` whether two answers are the same object, and answers are copied"),
    (
        _comparisons,
        "compares, orders or hashes a solution's own objects; a class that defines how decides that by itself",
    ),
)
