"""Goes through a test function as it runs, and writes down both sides of it: the flow, and the assertions.

What decides how a test ends outside of assertions (`raise`, branches and handlers that the candidate drives) keeps a
test from being split.
"""

from __future__ import annotations

import ast
import copy

from gristmill.verifiers.code.split.checks import (
    REPORTS,
    Check,
    asserts,
    checks_of,
    ends_by_itself,
    is_assertion,
    parted,
)
from gristmill.verifiers.code.split.compound import Compound, Sides
from gristmill.verifiers.code.split.flows import arguments, flow_call
from gristmill.verifiers.code.split.levels import (
    CLEAN,
    STRONG,
    Function,
    Names,
    SplitError,
    bound_in,
    dotted,
    free,
    root,
)
from gristmill.verifiers.code.split.slicing import CLEAN_MARK

__all__ = ["Walker"]


class Walker(Compound):
    """One function. `block` gives (statements beside the candidate, statements of the judge)."""

    def block(self, statements: list[ast.stmt]) -> Sides:
        """See the class."""
        beside: list[ast.stmt] = []
        judge: list[ast.stmt] = []
        for each in statements:
            first, second = self.statement(each)
            beside += first
            judge += second
        return beside, judge

    def statement(self, node: ast.stmt) -> Sides:
        """One statement; unknown ones run beside the candidate."""
        if ends_by_itself(node) and not self.loosely:
            raise SplitError(f"line {node.lineno}: `{ast.unparse(node)[:60]}` decides outside an assertion")
        call = flow_call(getattr(node, "value", None), self.flows.asserting)
        if call is not None and isinstance(node, ast.Expr | ast.Assign | ast.Return):
            return self._flow_call(node, call)
        if not isinstance(node, Function | ast.ClassDef) and self._calls_flow(node):
            raise SplitError(f"line {node.lineno}: a function that asserts is called inside an expression")
        match node:
            case ast.Assert():
                return self._checks(node)
            case ast.Expr(ast.Constant()):
                return [], []
            case ast.Expr(value) if is_assertion(value):
                return self._checks(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._function(node)
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
                return self.branching(node)
            case ast.With() | ast.AsyncWith():
                return self.with_block(node)
            case ast.Try():
                return self.try_block(node)
            case ast.Return():
                self.names.handed(node)
                return [node], [ast.Return(None)]
            case ast.ClassDef() | ast.Match() | ast.TryStar() if asserts(node):
                raise SplitError(f"line {node.lineno}: asserts where it cannot be followed")
        return self._plain(node)

    def _calls_flow(self, node: ast.stmt) -> bool:
        """Whether an expression of the statement's own mentions a function that asserts."""
        own = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        called = {
            each.func.id
            for part in own
            for each in ast.walk(part)
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
        }
        return bool(called & self.flows.asserting)

    def _plain(self, node: ast.stmt) -> Sides:
        """A statement that asserts nothing."""
        names = self.names
        level = names.level(node)
        names.handed(node)
        match node:
            case ast.Import() | ast.ImportFrom():
                names.imports(node)
                level = max(names.level_of(each.asname or each.name.partition(".")[0]) for each in node.names)
            case ast.Assign(targets, value):
                for target in targets:
                    level = max(level, self.bind(target, level, value))
            case ast.AnnAssign(target, _, value) if value is not None:
                level = max(level, self.bind(target, level, value))
            case ast.AugAssign(target, _, value):
                name = root(target)
                level = max(level, names.level_of(name))
                names.join(name, value, level)
            case ast.ClassDef(name):
                names.bind(name, level)
                names.alike[name] = free(node)
            case _:
                for name in bound_in([node]):
                    names.bind(name, STRONG)
        setattr(node, CLEAN_MARK, level < STRONG and not self.loosely)
        if level == STRONG or self.loosely:
            return [node], []
        return [node], [copy.deepcopy(node)]

    def bind(self, target: ast.expr, level: int, value: ast.expr | None) -> int:
        """Bind a target, and give its level."""
        if isinstance(target, ast.Name):
            self.names.bind(target.id, STRONG if self.loosely else level, value)
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                level = max(level, self.bind(each, level, value))
        elif isinstance(target, ast.Starred):
            return self.bind(target.value, level, value)
        elif name := root(target):
            self.names.join(name, value, level)
            if self.names.level_of(name) == STRONG and value is not None:
                self.names.hand_over([value])
            return self.names.level_of(name)
        return level

    def _checks(self, node: ast.stmt) -> Sides:
        if (loop := _as_loop(node, self.names)) is not None:
            return self.statement(loop)
        beside: list[ast.stmt] = []
        judge: list[ast.stmt] = []
        for check in checks_of(node, self.names):
            self._add(check, beside, judge)
        self.names.handed(node)
        return beside, self.or_loose(judge)

    def _add(self, check: Check, beside: list[ast.stmt], judge: list[ast.stmt]) -> None:
        site = self.flows.site(check.line, check.text, self.step, loose=self.loosely)
        site.within = self.within
        first, second = parted(check, site, self.names)
        beside += first
        if not first and self.loosely:
            return
        judge += second

    def _flow_call(self, node: ast.stmt, call: ast.Call) -> Sides:
        if self.loosely:
            raise SplitError(f"line {node.lineno}: a function that asserts is called from what the candidate drives")
        given = [*call.args, *(each.value for each in call.keywords)]
        if any(isinstance(each, ast.Starred) for each in call.args) or any(not each.arg for each in call.keywords):
            raise SplitError(f"line {node.lineno}: a function that asserts is called with `*`")
        name = dotted(call.func)
        for place, each in enumerate(call.args):
            self._give(name, str(place), each)
        for named in call.keywords:
            self._give(name, str(named.arg), named.value)
        for each in given:
            setattr(each, CLEAN_MARK, self.names.level(each) < STRONG)
        self.names.hand_over([each for each in given if self.names.level(each) < STRONG])
        passed = ast.Call(
            ast.Name(name, ast.Load()),
            [ast.Name(REPORTS, ast.Load()), *map(self._own, call.args)],
            [ast.keyword(each.arg, self._own(each.value)) for each in call.keywords],
        )
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self.bind(target, STRONG, None)
        return [node], [ast.Expr(passed)]

    def _give(self, function: str, parameter: str, value: ast.expr) -> None:
        key = function, parameter
        self.flows.given[key] = max(self.flows.given.get(key, CLEAN), self.names.level(value))

    def _own(self, value: ast.expr) -> ast.expr:
        return copy.deepcopy(value) if self.names.level(value) < STRONG else ast.Constant(None)

    def _function(self, node: Function) -> Sides:
        """A function inside a function."""
        if node.name in self.flows.asserting:
            beside, judge = self.asserting(node)
            self.names.bind(node.name, STRONG)
            return [beside], [judge]
        if asserts(node):
            return [self.callback(node)], []
        level = self.names.level(node)
        self.names.bind(node.name, level)
        self.names.alike[node.name] = free(node) | bound_in(node.body)
        return [node], [copy.deepcopy(node)] if level < STRONG and not self.loosely else []

    def asserting(self, node: Function) -> tuple[Function, Function]:
        """Both sides of a function that asserts and that the test itself calls."""
        inner = Walker(self.flows, Names(outer=self.names), self.step)
        inner.within = node.name
        parameters = arguments(node)
        for place, name in enumerate(parameters):
            levels = (self.flows.given.get((node.name, key), CLEAN) for key in (str(place), name))
            inner.names.bind(name, max(levels), ast.Constant(None) if name != "self" else None)
            inner.names.made[name] = ast.List([], ast.Load())
        for default in (*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)):
            if self.names.level(default) == STRONG:
                raise SplitError(f"line {node.lineno}: a default of `{node.name}` is the candidate's")
        beside, judge = inner.block(node.body)
        told, asked = copy.copy(node), ast.FunctionDef(node.name, copy.deepcopy(node.args), [], [])
        told.body = beside or [ast.Pass()]
        asked.body = [*judge, *inner.loose] or [ast.Pass()]
        (asked.args.posonlyargs or asked.args.args).insert(0, ast.arg(REPORTS))
        _without_annotations(asked.args)
        return told, ast.fix_missing_locations(ast.copy_location(asked, node))

    def callback(self, node: Function) -> Function:
        """A function that asserts and that the candidate may call: it reports, and never raises."""
        inner = Walker(self.flows, Names(outer=self.names), self.step)
        inner.loosely = True
        for name in [*arguments(node), *bound_in(node.body)]:
            inner.names.bind(name, STRONG)
        for arg in (node.args.vararg, node.args.kwarg):
            if arg is not None:
                inner.names.bind(arg.arg, STRONG)
        told = copy.copy(node)
        told.body = inner.block(node.body)[0] or [ast.Pass()]
        self.loose += inner.loose
        self.names.bind(node.name, self.names.level(node))
        self.names.alike[node.name] = free(node)
        return told


def _as_loop(node: ast.stmt, names: Names) -> ast.For | None:
    """``assert all(f(x) == y for x, y in table)`` as a loop of assertions."""
    match node:
        case ast.Assert(
            ast.Call(ast.Name("all"), [ast.GeneratorExp(element, [generator]) | ast.ListComp(element, [generator])])
        ):
            if generator.is_async or names.level(generator.iter) == STRONG or names.level(element) < STRONG:
                return None
            inside: ast.stmt = ast.Assert(element, None)
            for each in reversed(generator.ifs):
                inside = ast.If(each, [inside], [])
            loop = ast.For(generator.target, generator.iter, [inside], [])
            for part in ast.walk(loop):
                ast.copy_location(part, node)
            return loop
    return None


def _without_annotations(given: ast.arguments) -> None:
    for each in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        each.annotation = None
