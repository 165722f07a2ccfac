"""The places of a program that a mutation can take hold of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gristmill.graph.models.mutate.kinds import FUNCTIONS, Function, Kind, Scope, called, kind_of, scope_of
from gristmill.graph.models.mutate.places import Program
from gristmill.graph.models.mutate.rules import Domain, Rules
from gristmill.verifiers.trained.vocabulary import SHAPES, hole_of

__all__ = ["Block", "LiteralSite", "Site", "Sites", "literal_value", "sites_of"]

Place = tuple[ast.AST, str, int | None, ast.expr]
"""Where an expression hangs, as `Site` has it, and the expression."""
_GUARD: Final = Domain(low=1e-12, high=0.1, real=True)
"""What a number in a guard may be: a clamp before a logarithm keeps out what is not positive, and no more."""


@dataclass
class Site:
    """An expression, and where it hangs: `owner.name`, or its element `at`."""

    owner: ast.AST
    name: str
    at: int | None
    node: ast.expr
    kind: Kind
    scope: Scope
    whole: bool = False
    """Whether it is a piece of a vocabulary, in which nothing changes."""
    scaled: bool = False
    """Whether it is what a reward or a loss returns, or a factor of that."""

    def put(self, node: ast.expr) -> None:
        """Another expression in its place."""
        if self.at is None:
            setattr(self.owner, self.name, node)
        else:
            getattr(self.owner, self.name)[self.at] = node
        self.node = node


@dataclass
class LiteralSite:
    """A number, truth value or text written down, a sign before it included, with the domain it may have."""

    site: Site
    domain: Domain | None
    indexing: bool


@dataclass
class Block:
    """Statements of one block, as a list that may be changed."""

    statements: list[ast.stmt]
    scope: Scope
    function: Function | None
    loop: bool


@dataclass
class Sites:
    """All of a program's changeable places, in the order of its text.

    `free` are expressions that anything of their kind may replace; `literals` are constants, those with a domain
    among them, which are not in `free`; `kept` are the statements, by identity, that hold such and so must stay.
    """

    free: list[Site]
    literals: list[LiteralSite]
    blocks: list[Block]
    kept: set[int]


def literal_value(node: ast.expr) -> bool | int | float | str | None:
    """The value of a written literal, None for any other expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value
    return None


def sites_of(program: Program, rules: Rules) -> Sites:
    """The places of a program."""
    found = _Walk(program.tree, rules)
    around = _around(program.tree) if any(slot.owner is not program.tree.body for slot in program.slots) else {}
    for slot in program.slots:
        found.block(slot.statements, around.get(id(slot.owner)), loop=False)
    return Sites(found.free, found.literals, found.blocks, found.kept)


def _around(tree: ast.Module) -> dict[int, Function]:
    """The innermost function whose code a block is part of, by the identity of the block."""
    found: dict[int, Function] = {}
    left: list[tuple[ast.AST, Function | None]] = [(tree, None)]
    while left:
        node, function = left.pop()
        function = node if isinstance(node, FUNCTIONS) else function
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and function is not None:
                found[id(value)] = function
        left.extend((child, function) for child in ast.iter_child_nodes(node))
    return found


class _Walk:
    def __init__(self, tree: ast.Module, rules: Rules) -> None:
        self._tree, self._rules = tree, rules
        self._scopes: dict[int, Scope] = {}
        self.free: list[Site] = []
        self.literals: list[LiteralSite] = []
        self.blocks: list[Block] = []
        self.kept: set[int] = set()

    def block(self, statements: list[ast.stmt], function: Function | None, *, loop: bool) -> bool:
        """Walk a block; whether anything in it has a domain."""
        scope = self._scope(function)
        self.blocks.append(Block(statements, scope, function, loop))
        bound = False
        for node in statements:
            if self._statement(node, function, scope, loop=loop):
                self.kept.add(id(node))
                bound = True
        return bound

    def _scope(self, function: Function | None) -> Scope:
        if id(function) not in self._scopes:
            self._scopes[id(function)] = scope_of(function, self._tree, self._rules.vocabulary)
        return self._scopes[id(function)]

    def _statement(self, node: ast.stmt, function: Function | None, scope: Scope, *, loop: bool) -> bool:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
            return False
        if isinstance(node, FUNCTIONS):
            # Name, parameters, defaults and decorators are what others call it by.
            return self.block(node.body, node, loop=False)
        if isinstance(node, ast.ClassDef):
            inside = [each for each in node.body if isinstance(each, (*FUNCTIONS, ast.Assign, ast.AnnAssign))]
            return any(self._statement(each, function, scope, loop=False) for each in inside)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return False  # a docstring
        domain = self._assigned_domain(node)
        bound = domain is not None
        for name, value in ast.iter_fields(node):
            if name in ("targets", "target", "annotation", "type_comment", "items", "subject"):
                continue
            if isinstance(value, ast.expr):
                gives = scope.vocabulary if isinstance(node, ast.Return) else None
                scaled = gives is not None
                kind = kind_of(value, scope)
                named = function is not None and function.name in self._rules.entry_points
                if gives is not None and kind == "any" and named:
                    kind = gives.returns or kind
                site = Site(node, name, None, value, kind, scope, scaled=scaled)
                bound |= self._expression(site, domain)
            elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                bound |= self.block(value, function, loop=loop or isinstance(node, ast.For | ast.While))
        for name in ("handlers", "cases"):
            for part in getattr(node, name, ()):
                bound |= self.block(part.body, function, loop=loop)
        return bound

    def _assigned_domain(self, node: ast.stmt) -> Domain | None:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        return next((self._rules.domains[name] for name in names if name in self._rules.domains), None)

    def _expression(self, site: Site, domain: Domain | None, *, indexing: bool = False) -> bool:
        """Take an expression in; whether any literal in it has a domain, so that it must stay."""
        node = site.node
        value = literal_value(node)
        if value is not None:
            if (domain is not None or not isinstance(value, str)) and not _scales(site):
                self.literals.append(LiteralSite(site, domain, indexing))
            if domain is None and not isinstance(value, str):
                self.free.append(site)
            return domain is not None
        bound, vocabulary = domain is not None, site.scope.vocabulary
        if vocabulary is not None and ast.unparse(node) in vocabulary.written:
            site.whole = True
            self.free.append(site)
            return bound
        if not isinstance(node, ast.JoinedStr | ast.Lambda | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            for child, inner, indexes in self._parts(site, domain):
                bound |= self._expression(child, inner, indexing=indexing or indexes)
        if not bound and self._replaceable(node) and (vocabulary is None or site.kind in SHAPES):
            self.free.append(site)
        return bound

    def _parts(self, site: Site, domain: Domain | None) -> Iterator[tuple[Site, Domain | None, bool]]:
        """The expressions directly in one, with the domain of each and whether it counts places of a list."""
        node, scope = site.node, site.scope
        ranged = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
        for name, value in ast.iter_fields(node):
            indexes = ranged or (isinstance(node, ast.Subscript) and name == "slice")
            if name in ("func", "ctx", "generators", "target") or (isinstance(node, ast.Attribute) and name == "value"):
                continue
            if isinstance(value, ast.expr):
                scaled = site.scaled and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)
                yield Site(node, name, None, value, kind_of(value, scope), scope, scaled=scaled), domain, indexes
            elif isinstance(value, list):
                for at, each in enumerate(value):
                    if isinstance(each, ast.keyword):
                        if each.arg == "dim" and scope.vocabulary is not None:
                            continue  # it decides on the shape
                        own = self._rules.domains.get(each.arg or "", domain)
                        yield Site(each, "value", None, each.value, kind_of(each.value, scope), scope), own, indexes
                    elif isinstance(each, ast.expr) and (inside := self._guarded(node, name, at, scope)) is not None:
                        for place in inside:
                            inner = Site(*place, kind_of(place[-1], scope), scope)
                            if isinstance(place[0], ast.keyword):
                                self.literals.append(LiteralSite(inner, domain or _GUARD, indexes))
                            else:
                                yield inner, domain, indexes
                    elif isinstance(each, ast.expr):
                        own = self._key_domain(node, name, at, domain)
                        yield Site(node, name, at, each, kind_of(each, scope), scope), own, indexes

    def _guarded(self, node: ast.expr, name: str, at: int, scope: Scope) -> list[Place] | None:
        """What may change in a call's first argument where that is a guard of the vocabulary, which itself stays."""
        if (
            scope.vocabulary is None
            or self._rules.domains
            or not isinstance(node, ast.Call)
            or (name, at) != ("args", 0)
        ):
            return None
        fitting = (
            _inside(guard, (node, name, at, node.args[0]))
            for guard in scope.vocabulary.guards.get(called(node.func), ())
        )
        return next((each for each in fitting if each is not None), None)

    def _key_domain(self, node: ast.expr, name: str, at: int, domain: Domain | None) -> Domain | None:
        if not isinstance(node, ast.Dict) or name != "values":
            return domain
        key = node.keys[at]
        named = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        return self._rules.domains.get(named, domain)

    def _replaceable(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Slice | ast.Starred):
            return False
        return not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)


def _scales(site: Site) -> bool:
    """Whether a number only scales what is returned: trainers divide rewards by their deviation, and Adam gradients."""
    return site.scaled and isinstance(site.owner, ast.BinOp)


def _inside(guard: ast.expr, place: Place) -> list[Place] | None:
    """What stands in the holes of a guard, and its numbers, in the order of the text; None where it is another form."""
    *_, node = place
    if hole_of(guard) is not None or (isinstance(guard, ast.Constant) and literal_value(node) is not None):
        return [place]
    if isinstance(guard, ast.UnaryOp) and isinstance(node, ast.UnaryOp) and type(guard.op) is type(node.op):
        return _inside(guard.operand, (node, "operand", None, node.operand))
    if not isinstance(guard, ast.Call) or not isinstance(node, ast.Call) or called(guard.func) != called(node.func):
        return None
    named = [each.arg for each in guard.keywords] == [each.arg for each in node.keywords]
    if not named or len(guard.args) != len(node.args):
        return None
    parts: list[tuple[ast.expr, Place]] = [
        (one, (node, "args", at, two)) for at, (one, two) in enumerate(zip(guard.args, node.args, strict=True))
    ]
    parts += [
        (one.value, (two, "value", None, two.value)) for one, two in zip(guard.keywords, node.keywords, strict=True)
    ]
    found = [_inside(one, inner) for one, inner in parts]
    return None if None in found else [each for inner in found if inner is not None for each in inner]
