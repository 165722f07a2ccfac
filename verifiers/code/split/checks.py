"""What a test asserts, statement by statement, and what of it runs on which side."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gristmill.verifiers.code.split.cutting import Cut, asks_nothing, cut, seen
from gristmill.verifiers.code.split.levels import CLEAN, STRONG, WEAK, Names, SplitError, dotted, root

__all__ = ["Check", "Site", "asserts", "checks_of", "ends_by_itself", "is_assertion", "parted"]

REPORT, REPORTS = "report", "reports"
_OF_MOCKS: Final = {
    "assert_called_once_with": "call_args_list",
    "assert_called_with": "call_args_list",
    "assert_any_call": "call_args_list",
    "assert_called_once": "call_args_list",
    "assert_called": "call_args_list",
    "assert_not_called": "call_args_list",
    "assert_has_calls": "mock_calls",
    "assert_awaited_once_with": "await_args_list",
    "assert_awaited_with": "await_args_list",
    "assert_any_await": "await_args_list",
    "assert_awaited_once": "await_args_list",
    "assert_awaited": "await_args_list",
    "assert_not_awaited": "await_args_list",
}
# Equality of values, arrays and frames by a function; the others are asserted, and prove nothing by themselves.
_EQUALITIES: Final = frozenset(
    (
        *("assertEqual", "assertAlmostEqual", "assertListEqual", "assertDictEqual", "assertTupleEqual"),
        *("assertSetEqual", "assertCountEqual", "assertMultiLineEqual", "assertSequenceEqual"),
        *("assert_equal", "assert_allclose", "assert_array_equal", "assert_array_almost_equal", "assert_almost_equal"),
        *("assert_frame_equal", "assert_series_equal", "assert_index_equal", "assert_close", "assert_array_max_ulp"),
    )
)
_EQUAL_CALLS: Final = frozenset(("array_equal", "allclose", "isclose", "equal"))
_STILL: Final = (ast.Name, ast.Constant)
_WAITING: Final = frozenset(("assertRaises", "assertWarns", "assertLogs", "assertNoLogs"))
_ENDS: Final = frozenset(
    ("pytest.fail", "pytest.skip", "pytest.exit", "pytest.xfail", "pytest.importorskip", "sys.exit", "exit", "quit")
)


@dataclass
class Site:
    """One assertion: its number, where it stood, and what it wants, if that could prove something."""

    number: int
    line: int
    text: str
    wanted: list[ast.expr] = field(default_factory=list)
    counted: bool = False
    loose: bool = False
    twice: bool = False
    step: str = ""
    within: str = ""

    @property
    def wants(self) -> int:
        """How much it wants, by the length of its words."""
        return sum(len(ast.unparse(each)) for each in self.wanted)


@dataclass
class Check:
    """One thing asserted: an expression that has to be true, or a call of a function that asserts."""

    node: ast.expr
    line: int
    is_call: bool = False
    sides: tuple[ast.expr, ast.expr] | None = None
    equality: bool = False
    subject: ast.expr | None = None
    text: str = ""


def asserts(node: ast.AST) -> bool:
    """Whether something inside a node asserts."""
    return any(isinstance(each, ast.stmt) and _is_assertion(each) for each in ast.walk(node))


def _is_assertion(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.With):
        return any(match_of(each) is not None for each in node.items)
    return isinstance(node, ast.Expr) and is_assertion(node.value)


def is_assertion(node: ast.expr) -> bool:
    """Whether an expression calls what asserts; what waits for an error does so beside the candidate.

    Raises:
        SplitError: it says what the error's message is to be, in a way that cannot be parted.
    """
    name = _called(node)
    if name in ("assertRaisesRegex", "assertWarnsRegex"):
        raise SplitError(f"line {node.lineno}: an error's message is asked for in a call")
    return name.startswith("assert") and name not in _WAITING


def match_of(item: ast.withitem) -> ast.expr | None:
    """The text that an error has to match, in a ``with pytest.raises(…, match=…)``."""
    call = item.context_expr
    if isinstance(call, ast.Call) and dotted(call.func) == "self.assertRaisesRegex" and len(call.args) == 2:
        return call.args[1]
    if isinstance(call, ast.Call) and dotted(call.func).rpartition(".")[2] == "raises":
        return next((each.value for each in call.keywords if each.arg == "match"), None)
    return None


def _called(node: ast.expr) -> str:
    while isinstance(node, ast.Await):
        node = node.value
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)


def ends_by_itself(node: ast.stmt) -> bool:
    """Whether a statement says by itself how a test ends."""
    if isinstance(node, ast.Raise):
        return True
    value = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if isinstance(value, ast.Call):
        name = dotted(value.func)
        return name in _ENDS or name.startswith(("self.fail", "self.skip"))
    return isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant)


def checks_of(node: ast.stmt, names: Names) -> Iterator[Check]:
    """The checks that a statement makes, if it is an assertion and none of the test's own functions."""
    if isinstance(node, ast.Assert):
        for test in _conjuncts(node.test):
            yield _expression(test, node.lineno, ast.unparse(node), names)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield _call(node.value, node.lineno, ast.unparse(node), names)


def _conjuncts(test: ast.expr) -> Iterator[ast.expr]:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for each in test.values:
            yield from _conjuncts(each)
    elif isinstance(test, ast.Compare) and test.ops[1:] and all(isinstance(x, _STILL) for x in test.comparators[:-1]):
        sides = [test.left, *test.comparators]
        for operator, left, right in zip(test.ops, sides, sides[1:], strict=False):
            yield ast.copy_location(ast.Compare(left, [operator], [right]), test)
    else:
        yield test


def _expression(test: ast.expr, line: int, text: str, names: Names) -> Check:
    check = Check(test, line, text=text)
    match test:
        case ast.Compare(left, [operator], [right]):
            check.sides = left, right
            check.equality = isinstance(operator, ast.Eq)
        case ast.Call(func, [left, right, *_]) if names.level(func) == CLEAN:
            check.sides = left, right
            check.equality = dotted(func).rpartition(".")[2] in _EQUAL_CALLS
    return check


def _call(call: ast.Call, line: int, text: str, names: Names) -> Check:
    func = call.func
    if isinstance(func, ast.Attribute) and func.attr in _OF_MOCKS and names.level(func.value) > CLEAN:
        return _of_mock(call, func, line, text)
    if isinstance(func, ast.Attribute) and dotted(func.value) == "self":
        # A case of unittest's asserts by methods; the judge has one of its own.
        case = ast.Attribute(ast.Name(REPORTS, ast.Load()), "case", ast.Load())
        call = ast.Call(ast.Attribute(case, func.attr, ast.Load()), call.args, call.keywords)
    elif names.level(func) == STRONG:
        raise SplitError(f"line {line}: asserts by what is the candidate's")
    check = Check(call, line, is_call=True, text=text)
    if len(call.args) >= 2:
        check.sides = call.args[0], call.args[1]
        check.equality = _called(call) in _EQUALITIES
    return check


def _of_mock(call: ast.Call, func: ast.Attribute, line: int, text: str) -> Check:
    """``mock.assert_called_once_with(1)`` as ``mock.call_args_list == [call(1)]``."""
    calls: ast.expr = ast.Attribute(func.value, _OF_MOCKS[func.attr], ast.Load())
    wanted: ast.expr = ast.Call(ast.Name("mock_call", ast.Load()), call.args, call.keywords)
    name = func.attr
    operator: ast.cmpop = ast.Eq()
    if name.endswith("once_with"):
        right: ast.expr = ast.List([wanted], ast.Load())
    elif name.endswith("_with"):
        calls = ast.Subscript(calls, ast.Slice(ast.UnaryOp(ast.USub(), ast.Constant(1))), ast.Load())
        right = ast.List([wanted], ast.Load())
    elif name.startswith("assert_any"):
        left, right, operator = wanted, calls, ast.In()
        return _made(ast.Compare(left, [operator], [right]), call, line, text, (left, right), equality=False)
    elif name == "assert_has_calls":
        has = ast.Call(ast.Name("has_calls", ast.Load()), [calls, *call.args], call.keywords)
        return _made(has, call, line, text, None, equality=False)
    else:
        many = {"assert_not_called": (ast.Eq(), 0), "assert_not_awaited": (ast.Eq(), 0)}
        once = (ast.Eq(), 1) if name.endswith("once") else (ast.Gt(), 0)
        operator, number = many.get(name, once)
        calls, right = ast.Call(ast.Name("len", ast.Load()), [calls], []), ast.Constant(number)
        return _made(ast.Compare(calls, [operator], [right]), call, line, text, (calls, right), equality=False)
    return _made(ast.Compare(calls, [operator], [right]), call, line, text, (calls, right), equality=True)


def _made(
    node: ast.expr, like: ast.expr, line: int, text: str, sides: tuple[ast.expr, ast.expr] | None, *, equality: bool
) -> Check:
    return Check(ast.fix_missing_locations(ast.copy_location(node, like)), line, False, sides, equality, text=text)


def parted(check: Check, site: Site, names: Names) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """(statements beside the candidate, statements of the judge) of a check; `site` learns what is wanted.

    Raises:
        SplitError: it cannot be parted.
    """
    level = names.level(check.node)
    if level == CLEAN:
        return [], [_statement(check, check.node)]
    into = Cut()
    wanted: ast.expr | None = None
    least = STRONG if level == STRONG else WEAK
    if check.sides is not None:
        levels = [names.level(side) for side in check.sides]
        if levels[0] >= least and levels[1] >= least:
            pass
        elif max(levels) >= least:
            wanted = check.sides[1] if levels[0] >= least else check.sides[0]
    inner, outer = cut(check.node, names, least, into)
    if wanted is None and _is_identity(check.node):
        # What has left is a copy.
        into = Cut([ast.Call(ast.Name("bool", ast.Load()), [copy.deepcopy(check.node)], [])], [seen(0)])
        inner = outer = seen(0)
    elif wanted is None and not check.is_call and asks_nothing(inner):
        into.outer = [ast.Call(ast.Name("bool", ast.Load()), [copy.deepcopy(inner)], [])]
        outer = seen(0)
    site.twice = into.twice
    if check.equality and wanted is not None and len(into.inner) == 1 and not site.loose:
        site.counted, site.wanted = True, [wanted]
    given: list[ast.expr] = [ast.Constant(site.number), ast.List(into.inner, ast.Load())]
    if site.twice:
        body = ast.List(into.outer, ast.Load())
        arguments = [ast.arg(seen(number).id) for number in range(len(into.inner))]
        given.append(ast.Lambda(ast.arguments([], arguments, None, [], [], None, []), body))
    beside = ast.Expr(ast.Call(ast.Name(REPORT, ast.Load()), given, []))
    return [beside], [_asked(check, site, inner, outer, len(into.inner), len(into.outer))]


def _is_identity(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)


def _asked(check: Check, site: Site, inner: ast.expr, outer: ast.expr, values: int, others: int) -> ast.stmt:
    body = [_unpacked(values), _statement(check, inner)]
    if site.twice:
        apart = [_unpacked(others), _statement(check, _alike(outer) if check.equality else outer)]
        body = [ast.If(ast.Attribute(ast.Name(REPORTS, ast.Load()), "inner", ast.Load()), body, apart)]
    else:
        body[1] = _statement(check, _alike(inner) if check.equality else inner)
    ask = ast.Call(
        ast.Attribute(ast.Name(REPORTS, ast.Load()), "more" if site.loose else "next", ast.Load()),
        [ast.Constant(site.number)],
        [],
    )
    return ast.While(ask, body, []) if site.loose else ast.If(ask, body, [])


def _unpacked(number: int) -> ast.stmt:
    targets: list[ast.expr] = [ast.Name(seen(each).id, ast.Store()) for each in range(number)]
    seen_now = ast.Attribute(ast.Name(REPORTS, ast.Load()), "seen", ast.Load())
    return ast.Assign([ast.Tuple(targets, ast.Store())], seen_now)


def _alike(node: ast.expr) -> ast.expr:
    """The same comparison of the plain forms: what has left has one, and so gets what is wanted."""
    match node:
        case ast.Compare(left, [operator], [right]):
            return ast.Compare(_plain(left), [operator], [_plain(right)])
        case ast.Call(func, [left, right, *rest], keywords):
            return ast.Call(func, [_plain(left), _plain(right), *rest], keywords)
    return node


def _plain(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) or root(node).startswith("seen_"):
        return node
    return ast.Call(ast.Attribute(ast.Name(REPORTS, ast.Load()), "like", ast.Load()), [node], [])


def _statement(check: Check, node: ast.expr) -> ast.stmt:
    return ast.Expr(node) if check.is_call else ast.Assert(node, None)
