"""A test program as one module: its functions, fixtures and test functions, whatever kind of test it was."""

from __future__ import annotations

import ast
import copy
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gristmill.verifiers.code.driven.forms import tree
from gristmill.verifiers.code.split.checks import asserts
from gristmill.verifiers.code.split.flows import fixtures_of, flow_call, is_case, spread
from gristmill.verifiers.code.split.levels import Function, SplitError, bound_in, dotted
from gristmill.verifiers.records import PytestTest, PythonTest

__all__ = ["Program", "program_of"]

_MOST_CHARACTERS = 200_000


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
        raise SplitError("shared: is source of both sides, which a judge has apart; a test without it can be split")
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
    others = [name for name in test.files if not _is_test_file(name) and not _is_shared_file(name)]
    tests = [name for name in test.files if _is_test_file(name)]
    if others or not tests:
        raise SplitError(f"files[{others[0]!r}]: is no file of tests" if others else "it has no file of tests")
    if sum(map(len, test.files.values())) > _MOST_CHARACTERS:
        raise SplitError("it is too long")
    names = sorted(test.files, key=lambda name: (name in tests, name))
    above = [0, *itertools.accumulate(len(test.files[name].split("\n")) for name in names)]
    module = ast.Module([], [])
    bound: dict[str, str] = {}
    places = [(lines, f"files[{name!r}]") for lines, name in zip(above, names, strict=False)]
    for lines, name in zip(above, names, strict=False):
        part = ast.increment_lineno(tree(test.files[name]), lines)
        try:
            spread(part)
            if len(tests) > 1:
                _apart(part, name, bound)
        except SplitError as error:
            raise SplitError(Program(part, False, places).placed(str(error))) from None
        module.body += part.body
    futures = [each for each in module.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    module.body = [*futures[:1], *(each for each in module.body if each not in futures)]
    return module, places


def _apart(module: ast.Module, name: str, bound: dict[str, str]) -> None:
    """See that a file can be one with those before it: no name means one thing here and another there.

    Raises:
        SplitError: one does, or a fixture is for all tests of its own file.
    """
    for fixture in fixtures_of(module).values():
        if not _is_shared_file(name) and any("autouse" in ast.unparse(each) for each in fixture.decorator_list):
            raise SplitError(f"line {fixture.lineno}: is for the tests of one file of several")
    for node in module.body:
        if isinstance(node, Function | ast.ClassDef) and node.name.lower().startswith("test"):
            continue  # which have names of their own beside the candidate
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        for each in node.names if is_import else [None]:  # type: ignore[attr-defined]  # imports have names
            text = ast.unparse(node) if each is None else f"{getattr(node, 'module', '')} {each.name} {each.asname}"
            for named in bound_in([node] if each is None else [_of_one(node, each)]):
                if bound.setdefault(named, text) != text or (each is None and text != bound[named]):
                    raise SplitError(f"line {node.lineno}: `{named}` is another thing in another file")


def _of_one(node: ast.stmt, name: ast.alias) -> ast.stmt:
    """An import of one name alone."""
    one = copy.copy(node)
    one.names = [name]  # type: ignore[attr-defined]  # an import
    return one


def _is_shared_file(name: str) -> bool:
    return PurePosixPath(name).name == "conftest.py"


def _of_python(test: PythonTest, names: tuple[str, ...], above: int) -> tuple[ast.Module, bool]:
    if len(test.setup) + len(test.code) > _MOST_CHARACTERS:
        raise SplitError("it is too long")
    setup, code = tree(test.setup), ast.increment_lineno(tree(test.code), above)
    imports: list[ast.stmt] = [ast.ImportFrom("solution", [ast.alias(name) for name in names], 0)]
    spread(code)
    body = [*setup.body, *imports, *code.body]
    module = ast.Module(body, [])
    bound = bound_in(body)
    used = {each.id for each in ast.walk(module) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
    for name in sorted((used - bound) & set(sys.stdlib_module_names)):
        body.insert(0, ast.Import([ast.alias(name)]))
    if "candidate" in used - bound:
        imports.append(ast.Assign([ast.Name("candidate", ast.Store())], ast.Name(names[0], ast.Load())))
        body.insert(body.index(imports[0]) + 1, imports[1])
    if any(isinstance(each, ast.ClassDef) and is_case(each) for each in code.body):
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
