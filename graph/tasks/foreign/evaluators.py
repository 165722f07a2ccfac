"""What another tool's evaluator does with the program that it is given, read from its text; nothing of it runs here.

It may call what it has imported as it does now, since a proxy can stand in the place of that module. It may not need
the program itself: its file, or a process in which both are.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from gristmill.sandbox.errors import UserError

__all__ = ["NeedsItselfError", "Reading", "defined", "imported", "packages", "read_evaluator", "refuse"]

_LOADS = frozenset({"spec_from_file_location", "module_from_spec", "__import__", "import_module"})
_MODULE_OF = frozenset({"module_from_spec", "__import__", "import_module"})
_PROCESSES = {
    "subprocess": "starts processes",
    "multiprocessing": "starts processes",
    "runpy": "runs the program's file",
    "concurrent.futures.process": "starts processes",
}
_CALLS = {
    "ProcessPoolExecutor": "starts processes",
    "system": "starts a shell",
    "Popen": "starts processes",
    "exec": "runs source itself",
    "run_path": "runs the program's file",
}
_CLOCKS = frozenset(
    {"time", "perf_counter", "monotonic", "process_time", "perf_counter_ns", "time_ns", "default_timer"}
)
_BESIDE = frozenset({"numpy", "scipy", "sympy", "mpmath"})
_LOADING = "(spec_from_file_location, import_module) or `__import__`"
RESULT = "openevolve.evaluation_result"


@dataclass(frozen=True)
class Reading:
    """What an evaluator's text says.

    Args:
        source: with what it imports of its tool put aside, line by line as it was.
        uses: names that it takes of the program's module, in order.
        clocks: lines on which it reads a clock.
        stages: its functions `evaluate_stage…`.
        catches: lines on which it catches whatever is raised.
        texts: short texts in it, names of metrics among them.
    """

    source: str
    uses: tuple[str, ...]
    clocks: tuple[int, ...]
    stages: tuple[str, ...]
    catches: tuple[int, ...]
    texts: frozenset[str]


class NeedsItselfError(UserError):
    """An evaluator that needs the program in its own process: behind a flag it may be run beside it."""


def read_evaluator(text: str, name: str, beside: Collection[str] = (), *, together: bool = False) -> Reading:
    """Read an evaluator's text.

    Args:
        text: of the evaluator, or of a module that it imports.
        name: what it is called in messages.
        beside: names of modules that go along with it.
        together: it may need the program in its own process, and gets it there.

    Raises:
        NeedsItselfError: it cannot judge a program that is in another process; with the line and the reason.
        UserError: it cannot judge anything here.
    """
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{name} is no Python program: {error}") from error
    named = [each for each in module.body if isinstance(each, ast.FunctionDef) and each.name == "evaluate"]
    if not named:
        raise UserError(f"{name} defines no function `evaluate(program_path)` at its top level")
    nodes = list(ast.walk(module))
    refuse(nodes, name, beside, named[-1], together=together)
    if not together and not any(_called(node) in _LOADS for node in nodes):
        raise NeedsItselfError(
            f"{name} does not load the program by importlib {_LOADING}: nothing is known that a proxy could stand for"
        )
    return Reading(
        source=_without_tool(text, nodes),
        uses=tuple(dict.fromkeys(_uses(nodes))),
        clocks=tuple(sorted({getattr(node, "lineno", 0) for node in nodes if _called(node) in _CLOCKS})),
        stages=tuple(
            each.name
            for each in module.body
            if isinstance(each, ast.FunctionDef) and each.name.startswith("evaluate_stage")
        ),
        catches=tuple(sorted(getattr(node, "lineno", 0) for node in ast.walk(named[-1]) if _catches_all(node))),
        texts=frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)),
    )


def defined(text: str, name: str) -> list[str]:
    """Functions and classes at the top level of a program.

    Raises:
        UserError: it is no Python program.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{name} is no Python program: {error}") from error
    return [each.name for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef)]


def packages(text: str, names: Sequence[str]) -> list[str]:
    """What a program imports beside the standard library and what every image holds, by the names of imports.

    Args:
        text: the program.
        names: what is called of it: a function that neither these nor its loading come to is left out, as is what it
            does as a script.
    """
    body = ast.parse(text).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    left: list[ast.AST] = [node for node in body if node not in functions.values() and not _is_script(node)]
    left += [functions.pop(name) for name in names if name in functions]
    tops: set[str] = set()
    while left:
        for node in ast.walk(left.pop()):
            tops |= {name.partition(".")[0] for name in imported(node)}
            if isinstance(node, ast.Name) and node.id in functions:
                left.append(functions.pop(node.id))
    return sorted(tops - set(sys.stdlib_module_names) - _BESIDE - {""})


def _is_script(node: ast.AST) -> bool:
    """Whether a statement is ``if __name__ == "__main__":``."""
    return isinstance(node, ast.If) and any(_is(each, "__name__") for each in ast.walk(node.test))


def _catches_all(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    return node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))


def _called(node: ast.AST) -> str:
    """The last part of the name of what is called."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that a statement names as imported, dotted; `.` for one beside it."""
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." if node.level else node.module or ""


def refuse(
    nodes: Sequence[ast.AST],
    name: str,
    beside: Collection[str],
    evaluate: ast.FunctionDef | None = None,
    *,
    together: bool = False,
) -> None:
    """Raise for the first thing that keeps an evaluator, or a module of its, from judging another process.

    Raises:
        NeedsItselfError: with the line and the reason; not where it may run `together` with the program.
        UserError: it imports what is not there.
    """
    for line, reason in sorted(_missing(nodes, beside)):
        raise UserError(f"{name}, line {line}: {reason}")
    for line, reason in sorted(_refusals(nodes, evaluate)) if not together else ():
        raise NeedsItselfError(
            f"{name}, line {line}: {reason}. A solution runs in a process of its own here, out of reach of its score: "
            "call its functions, and write the evaluator by hand as docs/evaluators.md says"
        )


def _missing(nodes: Sequence[ast.AST], beside: Collection[str]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        for module in imported(node):
            top = module.partition(".")[0]
            if module != RESULT and top not in sys.stdlib_module_names and top not in _BESIDE and top not in beside:
                where = "which stands in no sandbox, nor beside it in the folder"
                yield getattr(node, "lineno", 0), f"it imports `{module}`, {where}"


def _refusals(nodes: Sequence[ast.AST], evaluate: ast.FunctionDef | None) -> Iterator[tuple[int, str]]:
    arguments = [*evaluate.args.posonlyargs, *evaluate.args.args] if evaluate is not None else []
    path = arguments[0].arg if arguments else ""
    for node in nodes:
        line = getattr(node, "lineno", 0)
        yield from ((line, f"it {_PROCESSES[each]} (`{each}`)") for each in imported(node) if each in _PROCESSES)
        if (called := _called(node)) in _CALLS:
            yield line, f"it {_CALLS[called]} (`{called}`)"
        if called == "open" and isinstance(node, ast.Call) and any(_is(each, path) for each in node.args):
            yield line, "it reads the program's own text"


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _uses(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Names taken of a variable that a module is put into, wherever one of that name is: functions hand it on."""
    modules = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and _called(node.value) in _MODULE_OF
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    taken = []
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            taken.append((node.lineno, node.attr))
        elif (
            isinstance(node, ast.Call)
            and _called(node) in ("getattr", "hasattr")
            and len(node.args) > 1
            and isinstance(node.args[0], ast.Name)
            and node.args[0].id in modules
            and isinstance(node.args[1], ast.Constant)
            and isinstance(node.args[1].value, str)
        ):
            taken.append((node.lineno, node.args[1].value))
    yield from (name for _, name in sorted(taken))


def _without_tool(text: str, nodes: Sequence[ast.AST]) -> str:
    """With the tool's record of a result, metrics and artifacts by name, replaced by one that is everywhere."""
    lines = text.splitlines(keepends=True)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == RESULT:
            called = [each.asname or each.name for each in node.names if each.name == "EvaluationResult"]
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            before = lines[first].encode()[: node.col_offset].decode()
            after = lines[last].encode()[node.end_col_offset or 0 :].decode()
            imported = "; ".join(f"from types import SimpleNamespace as {each}" for each in called) or "pass"
            lines[first] = f"{before}{imported}{after}"
            for place in range(first + 1, last + 1):
                lines[place] = "\n"
    return "".join(lines)
