"""Loops, branches, `with` and `try` of a test: what of them decides how it ends keeps it from being split."""

from __future__ import annotations

import ast
import copy
from abc import ABC, abstractmethod

from gristmill.verifiers.code.split.checks import REPORT, REPORTS, asserts, ends_by_itself, match_of
from gristmill.verifiers.code.split.flows import Flows
from gristmill.verifiers.code.split.levels import STRONG, Names, SplitError, bound_in, dotted

__all__ = ["Compound", "Sides"]

Sides = tuple[list[ast.stmt], list[ast.stmt]]
"""(statements beside the candidate, statements of the judge)"""

_LEAVES = (ast.Return, ast.Break, ast.Continue, ast.Raise)


class Compound(ABC):
    """Goes through statements that hold others.

    `loosely`: how often something runs is the candidate's matter. `within`: the function that asserts which this is.
    """

    def __init__(self, flows: Flows, names: Names, step: str) -> None:
        self.flows = flows
        self.names = names
        self.step = step
        self.loose: list[ast.stmt] = []
        self.loosely = False
        self.within = ""

    @abstractmethod
    def block(self, statements: list[ast.stmt]) -> Sides:
        """Both sides of statements."""

    @abstractmethod
    def bind(self, target: ast.expr, level: int, value: ast.expr | None) -> int:
        """Bind a target, and give its level."""

    def or_loose(self, judge: list[ast.stmt]) -> list[ast.stmt]:
        """A judge's statements in their place; or none, kept for where what the candidate drives has ended."""
        if self.loosely:
            self.loose += judge
            return []
        return judge

    def branching(self, node: ast.stmt) -> Sides:
        """A loop or a branch."""
        tested = node.iter if isinstance(node, ast.For | ast.AsyncFor) else node.test  # type: ignore[attr-defined]  # the two others have it
        level = self.names.level(tested)
        self.names.handed(tested)
        is_loop = not isinstance(node, ast.If)
        if level == STRONG or isinstance(node, ast.AsyncFor) or self.loosely:
            return self._driven_by_candidate(node, is_loop)
        if isinstance(node, ast.For):
            self.bind(node.target, level, node.iter)
        before, number = self.names.copied(), len(self.flows.sites)
        if is_loop:  # once to see what the end of the body makes of its beginning
            self._body(node.body)  # type: ignore[attr-defined]  # all have it
            self.names.merge(before)
            del self.flows.sites[number:]
            self.loose = [each for each in self.loose if not _of_later_site(each, number)]
        told, asked = copy.copy(node), copy.copy(node)
        told.body, asked.body = self._body(node.body)  # type: ignore[attr-defined]  # all have it
        after, self.names = self.names, before
        told.orelse, asked.orelse = self._body(node.orelse) if node.orelse else ([], [])  # type: ignore[attr-defined]  # all have it
        before.merge(after)
        if self.names.level(tested) == STRONG and is_loop and asserts(node):
            raise SplitError(f"line {node.lineno}: the candidate drives a loop that it is handed")
        return [told], [copy.deepcopy(asked)]

    def _body(self, statements: list[ast.stmt]) -> Sides:
        beside, judge = self.block(statements)
        return beside or [ast.Pass()], judge or [ast.Pass()]

    def _driven_by_candidate(self, node: ast.stmt, is_loop: bool) -> Sides:
        """A loop or a branch whose way is the candidate's: nothing in it counts, and nothing in it may end a test."""
        if not is_loop and (asserts(node) or _leaves(node)) and not self.loosely:
            raise SplitError(f"line {node.lineno}: a branch that the candidate drives decides")
        if any(isinstance(each, ast.Return | ast.Raise) for each in ast.walk(node)) and not self.loosely:
            raise SplitError(f"line {node.lineno}: a loop that the candidate drives decides")
        for name in bound_in([node]):
            self.names.bind(name, STRONG)
        told = copy.copy(node)
        before, self.loosely = self.loosely, True
        for part in ("body", "orelse"):
            setattr(told, part, self.block(getattr(node, part))[0])
        told.body = told.body or [ast.Pass()]  # type: ignore[attr-defined]  # all have it
        self.loosely = before
        judge = []
        if not before:
            judge, self.loose = self.loose, []
        return [told], judge

    def with_block(self, node: ast.With | ast.AsyncWith) -> Sides:
        """A `with`."""
        raising = any(_ends_body(each) for each in node.items)
        told = copy.copy(node)
        told.items = list(node.items)
        after: list[ast.stmt] = []
        judge: list[ast.stmt] = []
        for place, item in enumerate(node.items):
            self.names.handed(item.context_expr)
            if item.optional_vars is not None:
                for name in bound_in([item.optional_vars]):
                    self.names.bind(name, STRONG)
            wanted = match_of(item)
            if wanted is not None and self.names.level(wanted) < STRONG:
                told.items[place] = self._matched(node, item, wanted, after, judge)
        if raising and any(map(asserts, node.body)):
            raise SplitError(f"line {node.lineno}: asserts where an error ends the block")
        told.body, inside = self._body(node.body)
        if raising:
            for name in bound_in(node.body):
                self.names.bind(name, STRONG)
            inside = []
        return [told, *after], [*inside, *self.or_loose(judge)]

    def _matched(
        self, node: ast.stmt, item: ast.withitem, wanted: ast.expr, after: list[ast.stmt], judge: list[ast.stmt]
    ) -> ast.withitem:
        """``pytest.raises`` without what the message has to match, which the judge looks for."""
        call = copy.deepcopy(item.context_expr)
        is_case = dotted(getattr(call, "func", None)).startswith("self.")
        if is_case:
            call = ast.Call(ast.Attribute(ast.Name("self", ast.Load()), "assertRaises", ast.Load()), call.args[:1], [])  # type: ignore[attr-defined]  # a call
        call.keywords = [each for each in call.keywords if each.arg != "match"]  # type: ignore[attr-defined]  # a call
        site = self.flows.site(node.lineno, ast.unparse(item), self.step, loose=self.loosely)
        name = item.optional_vars.id if isinstance(item.optional_vars, ast.Name) else f"caught_{site.number}"
        self.names.bind(name, STRONG)
        text = ast.parse(f"{REPORT}({site.number}, [str({name}.{'exception' if is_case else 'value'})])").body[0]
        found = ast.parse(
            f"if {REPORTS}.next({site.number}):\n    (seen_0,) = {REPORTS}.seen\n    assert matches(seen_0)"
        )
        asked = found.body[0]
        asked.body[1].test.args.insert(0, copy.deepcopy(wanted))  # type: ignore[attr-defined]  # as written above
        if self.loosely:
            asked = ast.While(asked.test, asked.body, [])  # type: ignore[attr-defined]  # as written above
            asked.test.func.attr = "more"  # type: ignore[attr-defined]  # as written above
        after.append(text)
        judge.append(asked)
        return ast.withitem(call, ast.Name(name, ast.Store()))

    def try_block(self, node: ast.Try) -> Sides:
        """A `try`."""
        if _raises_for_itself(node) and not asserts(node):
            self.names.handed(node)
            for name in bound_in([node]):
                self.names.bind(name, STRONG)
            return [node], []
        deciding = [*node.handlers, *node.orelse]
        if (
            any(map(asserts, deciding))
            or any(map(_leaves, deciding))
            or (node.handlers and any(map(asserts, node.body)))
        ) and not self.loosely:
            raise SplitError(f"line {node.lineno}: which error comes decides")
        told = copy.copy(node)
        told.body, judge = self._body(node.body)
        if node.handlers:
            judge = []
            for name in bound_in([*node.body, *deciding]):
                self.names.bind(name, STRONG)
        for each in deciding:
            self.names.handed(each)
        told.finalbody, last = self.block(node.finalbody)
        return [told], [*judge, *last]


def _raises_for_itself(node: ast.Try) -> bool:
    """``try: raise ValueError(1)`` with a handler of just that, which is how a test comes to have an error."""
    last = node.body[-1]
    if not isinstance(last, ast.Raise) or last.exc is None or any(map(_leaves, [*node.body[:-1], *node.handlers])):
        return False
    kind = dotted(last.exc.func if isinstance(last.exc, ast.Call) else last.exc)
    return any(each.type is not None and dotted(each.type) in (kind, "Exception") for each in node.handlers)


def _leaves(node: ast.AST) -> bool:
    return any(
        isinstance(each, _LEAVES) or (isinstance(each, ast.stmt) and ends_by_itself(each)) for each in ast.walk(node)
    )


def _ends_body(item: ast.withitem) -> bool:
    """Whether a `with` takes the error that ends its body."""
    call = item.context_expr
    name = dotted(call.func if isinstance(call, ast.Call) else call).rpartition(".")[2]
    return name in ("raises", "suppress", "assertRaises", "assertRaisesRegex", "expected", "RaisesGroup")


def _of_later_site(node: ast.stmt, number: int) -> bool:
    match getattr(node, "test", None):
        case ast.Call(_, [ast.Constant(int(site))]):
            return site >= number
    return False
