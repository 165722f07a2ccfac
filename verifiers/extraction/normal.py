"""The one normal form of solutions: what counts as the same answer for novelty, for rows to train on, for a verdict.

`normal_form` drops layout, comments and positions, and keeps everything else of Python's syntax tree: docstrings, since
`__doc__` can be read, and every literal. For a verdict to be used again that is not enough: a program can read its own
text, and a test can too. So `program_key` holds to the tree only where nothing in a source could tell two texts of it
apart, by a list of what is known not to; all else is the same program only if it is the same text.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from functools import lru_cache

from gristmill.verifiers.extraction.canonical import exact
from gristmill.verifiers.languages.parsing import parse
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.records import CodeTest, DrivenTest, PytestTest, PythonTest, ScoreTest, Task

__all__ = ["form_key", "is_without_noise", "normal_form", "program_key"]

_LONGEST = 100_000
# Modules that give no way to a program's own text, frames or code.
_BLIND = frozenset(
    "__future__ abc array bisect cmath collections copy dataclasses decimal enum fractions functools hashlib heapq "
    "itertools json math numbers queue random re statistics string struct sys textwrap typing unicodedata".split()
)
_OF_SYS = frozenset("stdin stdout stderr maxsize setrecursionlimit exit float_info version_info".split())
# Names that lead anywhere: to files, to code that is made of text, to what an object hides.
_FAR = frozenset(
    "exec eval compile getattr setattr globals locals vars dir breakpoint help open memoryview get_type_hints "
    "ForwardRef attrgetter methodcaller make_dataclass singledispatch singledispatchmethod type format_map vformat "
    "Formatter".split()
)
_CALM_DUNDERS = frozenset("__name__ __init__ __post_init__ __main__".split())
_HIDDEN = re.compile(r"\b(?:co|f|tb|gi|cr|ag)_\w*|__|_getframe|_current_frames")
# In the text of a test: what may come out otherwise the next time
_NOISE = re.compile(
    r"\b(?:random|randint|randrange|shuffle|seed|secrets|uuid\w*|urandom|time|perf_counter|monotonic|process_time|now|"
    r"today|sleep|timeit|timeout|thread\w*|asyncio|concurrent|multiprocessing|socket|subprocess|tmp_path|tempfile|"
    r"given|strategies|benchmark)\b|\b(?:id|hash)\(",
    re.IGNORECASE,
)
# In the text of a test: what may see how a solution is written, and not only what it does
_LOOKS = re.compile(
    r"\b(?:inspect|getsource\w*|getfile|linecache|tokenize|traceback|tracemalloc|dis|ast|lineno|__file__|__code__|"
    r"\w*_lineno|open|read_text|solution\.py|gc|sys|settrace|os|pathlib|importlib)\b",
)


def normal_form(solution: str) -> str:
    """Solutions that differ in layout or comments only are one: Python by its syntax tree, other text by its words."""
    return _form(solution) or " ".join(solution.split())


def form_key(solution: str) -> str:
    """The sha256 of the normal form."""
    # A reply is asked for more than once between its coming and its verdict.
    return _remembered_key(solution) if len(solution) <= _LONGEST else _form_key(solution)


def _form_key(solution: str) -> str:
    return hashlib.sha256(normal_form(solution).encode("utf-8", "surrogatepass")).hexdigest()


_remembered_key = lru_cache(maxsize=64)(_form_key)


def is_without_noise(task: Task) -> bool:
    """Whether judging the same program again for a task would show the same: nothing in its tests is left to chance."""
    if task.kind == "program":
        return True
    tests = (*task.public_tests, *task.tests)
    return task.kind == "code" and bool(task.tests) and not any(_NOISE.search(_text(test)) for test in tests)


def program_key(task: Task, solution: str) -> str:
    """What two programs have in common whose verdicts for a task are the same for certain."""
    tests = (*task.public_tests, *task.tests)
    blind = language(task) is None and not any(_LOOKS.search(_text(test)) for test in tests)
    form = _form(solution) if blind and len(solution) <= _LONGEST else ""
    said = f"tree {form}" if form and _is_blind(solution) else f"text {solution}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _text(test: CodeTest) -> str:
    """All of a test that runs."""
    if isinstance(test, PythonTest):
        return "\n".join((test.setup, test.shared, test.code))
    if isinstance(test, PytestTest):
        return "\n".join((test.shared, *test.files.values()))
    if isinstance(test, DrivenTest):
        return "\n".join((test.drive, test.judge))
    if isinstance(test, ScoreTest):
        return "\n".join(test.sources)
    return ""


def _form(solution: str) -> str:
    return exact(solution) or ""


def _is_blind(solution: str) -> bool:
    """Whether a program has no way to see its own text, by what it names; a comment may still name its encoding."""
    if "coding" in "\n".join(solution.split("\n", 2)[:2]):
        return False
    try:
        nodes = list(ast.walk(parse(solution)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    # These two names stand only where it is seen what they are used for: an alias of one would lead anywhere.
    plain = {id(node.value) for node in nodes if isinstance(node, ast.Attribute) and _is_name(node.value, "sys")}
    plain |= {id(node.func) for node in nodes if isinstance(node, ast.Call) and _opens_input(node)}
    return all(id(node) in plain or _sees_nothing(node) for node in nodes)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _opens_input(node: ast.Call) -> bool:
    first = node.args[0] if len(node.args) == 1 and not node.keywords else None
    return (
        _is_name(node.func, "open") and isinstance(first, ast.Constant) and type(first.value) is int and not first.value
    )


def _sees_nothing(node: ast.AST) -> bool:
    match node:
        case ast.Import():
            return all(alias.name.partition(".")[0] in _BLIND and alias.asname is None for alias in node.names)
        case ast.ImportFrom():
            names = {alias.name for alias in node.names}
            module = (node.module or "").partition(".")[0]
            return module in _BLIND and (module != "sys" or names <= _OF_SYS) and all(map(_is_calm, names))
        case ast.Attribute(value=ast.Name(id="sys")):
            return node.attr in _OF_SYS
        case ast.Attribute(attr="format"):
            # A template that is made at run time may reach into what it is given: "{0.gi_frame.f_lineno}"
            return isinstance(node.value, ast.Constant)
        case ast.Attribute():
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            return _is_calm(node.attr) and (own or node.attr in _CALM_DUNDERS or not node.attr.startswith("_"))
        case ast.Name():
            return _is_calm(node.id)
        case ast.MatchClass():
            return all(map(_is_calm, node.kwd_attrs))
        case ast.Constant(value=str()):
            return node.value in _CALM_DUNDERS or not _HIDDEN.search(str(node.value))
    return True


def _is_calm(name: str) -> bool:
    if name in _CALM_DUNDERS:
        return True
    # `typing.sys` is `sys`: modules reach others. Files have a `readline`, and no module here has that one.
    module = name.lstrip("_")
    return (
        name not in _FAR
        and name != "*"
        and not _HIDDEN.match(name)
        and (module not in sys.stdlib_module_names or name == "readline" or (module in _BLIND and module != "sys"))
    )
