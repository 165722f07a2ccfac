"""A test program as one module: its functions, fixtures and test functions, whatever kind of test it was."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gristmill.verifiers.code.driven.forms import tree
from gristmill.verifiers.code.split.checks import asserts
from gristmill.verifiers.code.split.flows import arguments, flow_call
from gristmill.verifiers.code.split.levels import Function, SplitError, bound_in, dotted
from gristmill.verifiers.records import PytestTest, PythonTest

__all__ = ["Program", "Step", "fixtures_of", "program_of", "steps_of"]

_MOST_CHARACTERS = 200_000
# Marks that change nothing of what a test function means.
_HARMLESS = frozenset(("usefixtures", "filterwarnings", "parametrize"))


@dataclass
class Step:
    """One test function. `marks`: (names, rows) of each `parametrize`, from the outermost decorator in."""

    name: str
    function: Function
    holder: ast.ClassDef | None = None
    marks: list[tuple[list[str], ast.expr]] = field(default_factory=list)


@dataclass
class Program:
    """`module`: the whole of it, whose import of the solution stands in it. `flat`: its own lines are the test.

    `places`: (line before its first, field of the test), for each of the texts that it is made of.
    """

    module: ast.Module
    flat: bool
    places: list[tuple[int, str]] = field(default_factory=list)
    asserting: set[str] = field(default_factory=set)

    def placed(self, words: str) -> str:
        """Words that begin with a line of the module, with the field of the test and the line there."""
        found = re.match(r"line (\d+): ", words)
        if found is None:
            return words
        line = int(found[1])
        first, name = max(((0, ""), *(each for each in self.places if each[0] < line)))
        return f"{name}: line {line - first}: {words[found.end() :]}" if name else words


def program_of(test: PythonTest | PytestTest, names: tuple[str, ...]) -> Program:
    """The program of a test.

    Raises:
        SplitError: it is not one that can be split.
    """
    if test.shared:
        raise SplitError("it has source that is shared with the solution")
    try:
        if isinstance(test, PythonTest):
            above = len(test.setup.split("\n")) if test.setup else 0
            module, flat = _of_python(test, names, above)
            places = [(0, "setup"), (above, "code")] if above else [(0, "code")]
        else:
            (module, places), flat = _of_pytest(test), False
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SplitError("it is no program") from None
    program = Program(_Expecting().visit(module), flat, places)
    program.asserting = set(_asserting(program.module))
    return program


def _of_pytest(test: PytestTest) -> tuple[ast.Module, list[tuple[int, str]]]:
    others = [name for name in test.files if not _is_test_file(name) and PurePosixPath(name).name != "conftest.py"]
    tests = [name for name in test.files if _is_test_file(name)]
    if others or len(tests) != 1:
        raise SplitError("it has more than one file")
    names = sorted(test.files, key=lambda name: name in tests)
    source = "\n".join(test.files[name] for name in names)
    above = [0, *itertools.accumulate(len(test.files[name].split("\n")) for name in names)]
    if len(source) > _MOST_CHARACTERS:
        raise SplitError("it is too long")
    module = tree(source)
    futures = [each for each in module.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    module.body = [*futures[:1], *(each for each in module.body if each not in futures)]
    return module, [(lines, f"files[{name!r}]") for lines, name in zip(above, names, strict=False)]


def _of_python(test: PythonTest, names: tuple[str, ...], above: int) -> tuple[ast.Module, bool]:
    if len(test.setup) + len(test.code) > _MOST_CHARACTERS:
        raise SplitError("it is too long")
    setup, code = tree(test.setup), ast.increment_lineno(tree(test.code), above)
    imports: list[ast.stmt] = [ast.ImportFrom("solution", [ast.alias(name) for name in names], 0)]
    body = [*setup.body, *imports, *code.body]
    module = ast.Module(body, [])
    bound = bound_in(body)
    used = {each.id for each in ast.walk(module) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
    for name in sorted((used - bound) & set(sys.stdlib_module_names)):
        body.insert(0, ast.Import([ast.alias(name)]))
    if "candidate" in used - bound:
        imports.append(ast.Assign([ast.Name("candidate", ast.Store())], ast.Name(names[0], ast.Load())))
        body.insert(body.index(imports[0]) + 1, imports[1])
    if any(isinstance(each, ast.ClassDef) and _is_case(each) for each in code.body):
        return ast.fix_missing_locations(module), False
    defined = [each.name for each in code.body if isinstance(each, ast.FunctionDef)]
    called = {
        node.id
        for each in code.body
        if not isinstance(each, Function | ast.ClassDef)
        for node in ast.walk(each)
        if isinstance(node, ast.Name)
    }
    if "check" in defined and "check" not in called:
        call = ast.Call(ast.Name("check", ast.Load()), [ast.Name(names[0], ast.Load())], [])
        body.append(ast.Expr(call))
    elif not any(
        asserts(each) for each in code.body if not isinstance(each, Function | ast.ClassDef)
    ) and not called & set(defined):
        calls = [ast.Call(ast.Name(name, ast.Load()), [], []) for name in defined if name.startswith("test")]
        body += [ast.Expr(each) for each in calls]
    return ast.fix_missing_locations(module), True


def _is_test_file(name: str) -> bool:
    file = PurePosixPath(name).name
    return file.endswith(".py") and (file.startswith("test_") or file.endswith("_test.py"))


def _is_case(node: ast.ClassDef) -> bool:
    return any(dotted(each).rpartition(".")[2] == "TestCase" for each in node.bases)


def steps_of(program: Program) -> list[Step]:
    """All test functions, in order.

    Raises:
        SplitError: pytest would do more with one than to run it.
    """
    steps: list[Step] = []
    for node in program.module.body:
        if isinstance(node, Function) and node.name.startswith("test") and not program.flat:
            steps.append(_step(node, None, len(steps)))
        elif isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or _is_case(node)) and not program.flat:
            if node.decorator_list:
                raise SplitError(f"line {node.lineno}: marks a whole class")
            for each in node.body:
                if isinstance(each, Function) and each.name.startswith("test"):
                    steps.append(_step(each, node, len(steps)))
                elif asserts(each):
                    raise SplitError(f"line {each.lineno}: asserts outside a test function")
        elif isinstance(node, ast.Assign) and any(dotted(each) == "pytestmark" for each in node.targets):
            raise SplitError(f"line {node.lineno}: marks the whole file")
    if not steps and not program.flat:
        raise SplitError("it has no test functions")
    return steps


def _step(node: Function, holder: ast.ClassDef | None, number: int) -> Step:
    if isinstance(node, ast.AsyncFunctionDef):
        raise SplitError(f"line {node.lineno}: is run by a plug-in")
    step = Step(f"step_{number + 1}", node, holder)
    for each in node.decorator_list:
        name = dotted(each.func if isinstance(each, ast.Call) else each)
        kind = name.rpartition(".")[2]
        if ".mark." in f".{name}" and kind not in _HARMLESS:
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
        SplitError: one has parameters, or asserts.
    """
    found: dict[str, Function] = {}
    for node in module.body:
        if not isinstance(node, Function):
            continue
        for each in node.decorator_list:
            call = each.func if isinstance(each, ast.Call) else each
            if dotted(call).rpartition(".")[2] != "fixture":
                continue
            if asserts(node) or any(key.arg in ("params", "name") for key in getattr(each, "keywords", ())):
                raise SplitError(f"line {node.lineno}: a fixture with parameters, or one that asserts")
            found[node.name] = node
    return found


def _asserting(module: ast.Module) -> Iterator[str]:
    """The functions that assert, and that the test itself calls, each time in a statement of its own."""
    functions = [
        each
        for each in ast.walk(module)
        if isinstance(each, Function) and not each.name.startswith("test") and not each.decorator_list
    ]
    names = {each.name for each in functions if asserts(each)}
    while True:
        more = {
            each.name
            for each in functions
            if any(flow_call(getattr(part, "value", None), names) for part in _statements(each))
        }
        if more <= names:
            break
        names |= more
    loads = [each.id for each in ast.walk(module) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)]
    methods = {id(each) for node in ast.walk(module) if isinstance(node, ast.ClassDef) for each in node.body}
    for name in names:
        calls = sum(
            flow_call(getattr(each, "value", None), {name}) is not None
            for each in _statements(module)
            if isinstance(each, ast.Expr | ast.Assign | ast.Return)
        )
        defined = [each for each in functions if each.name == name]
        takes_any = any(each.args.vararg or each.args.kwarg or id(each) in methods for each in defined)
        if calls and calls == loads.count(name) and not takes_any:
            yield name


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    return (each for each in ast.walk(node) if isinstance(each, ast.stmt))


class _Expecting(ast.NodeTransformer):
    """``try: f(); assert False`` and then ``except ValueError: pass`` as ``with expected(ValueError): f()``."""

    def visit_Try(self, node: ast.Try) -> ast.stmt | list[ast.stmt]:
        """See `ast.NodeTransformer`."""
        self.generic_visit(node)
        match node:
            case ast.Try([*body, last], [ast.ExceptHandler(kind, None, [ast.Pass()])], [], []) if (
                kind and body and _never(last)
            ):
                call = ast.Call(ast.Name("expected", ast.Load()), [kind], [])
                return ast.fix_missing_locations(ast.copy_location(ast.With([ast.withitem(call)], body), node))
        return node


def _never(node: ast.stmt) -> bool:
    match node:
        case ast.Assert(ast.Constant(False)):
            return True
        case ast.Raise(ast.Call(ast.Name("AssertionError")) | ast.Name("AssertionError")):
            return True
        case ast.Expr(ast.Call(func)):
            return dotted(func) in ("pytest.fail", "self.fail")
    return False


def parameters_of(function: Function) -> list[str]:
    """The parameters of a test function or a fixture, by which pytest knows what to hand over."""
    return [name for name in arguments(function) if name != "self"]
