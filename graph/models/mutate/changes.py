"""Small changes of a program, each of one kind at one place. Each says what it did, or None where it found no place."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable

from gristmill.graph.models.mutate.constants import another, written
from gristmill.graph.models.mutate.growing import ARITHMETIC, COMPARISONS, Material
from gristmill.graph.models.mutate.kinds import Function, kind_of
from gristmill.graph.models.mutate.sites import Block, Site, Sites, literal_value

__all__ = ["CHANGES", "Change", "constant"]

Change = Callable[[Sites, Material], "str | None"]
_BOOLEAN = (ast.And, ast.Or)
_LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_FIXED = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Global,
    ast.Nonlocal,
)


def constant(sites: Sites, material: Material) -> str | None:
    """Another value for a literal."""
    chance = material.chance
    literals = [each for each in sites.literals if not each.indexing or each.domain or chance.random() < 0.2]
    if not literals:
        return None
    literal = chance.choice(literals)
    value = literal_value(literal.site.node)
    assert value is not None
    new = another(value, literal.domain, chance)
    if new == value and type(new) is type(value):
        return None
    literal.site.put(written(new))
    return "constant"


def operator(sites: Sites, material: Material) -> str | None:
    """Another operator of the same sort."""
    chance = material.chance
    site = _one(sites, chance, lambda site: isinstance(site.node, ast.BinOp | ast.Compare | ast.BoolOp))
    if site is None:
        return None
    node = site.node
    if isinstance(node, ast.BinOp):
        others = [ARITHMETIC[each] for each in material.operators if not isinstance(node.op, ARITHMETIC[each])]
        others = [each for each in others if each is not ast.Pow]
        if not others or not isinstance(node.op, tuple(ARITHMETIC.values())):
            return None
        node.op = chance.choice(others)()
    elif isinstance(node, ast.Compare):
        at = chance.randrange(len(node.ops))
        if not isinstance(node.ops[at], COMPARISONS):
            return None
        node.ops[at] = chance.choice([each for each in COMPARISONS if not isinstance(node.ops[at], each)])()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return "operator"


def replace(sites: Sites, material: Material) -> str | None:
    """A new expression of the same kind, or one that stands elsewhere in the program."""
    site = _one(sites, material.chance, lambda site: True)
    if site is None:
        return None
    new = None
    if material.chance.random() < 0.3:
        new = material.donated(site.kind, [each.node for each in sites.free if each is not site], site.scope)
    new = new or material.grow(site.kind, site.scope, _line(site.node), material.chance.randint(0, 2))
    bare = isinstance(site.owner, ast.Return) and isinstance(new, ast.Constant) and site.scope.vocabulary is not None
    if new is None or bare:
        return None
    site.put(new)
    return "replace"


def wrap(sites: Sites, material: Material) -> str | None:
    """An expression becomes part of a larger one of its kind."""
    chance = material.chance
    site = _one(sites, chance, lambda site: site.kind in ("number", "boolean", "any", "row", "table"))
    if site is None:
        return None
    node, scope, line = site.node, site.scope, _line(site.node)
    if site.kind == "boolean" and material.open:
        if chance.random() < 0.3:
            new: ast.expr | None = ast.UnaryOp(op=ast.Not(), operand=node)
        else:
            other = material.grow("boolean", scope, line, 1)
            new = ast.BoolOp(op=chance.choice(_BOOLEAN)(), values=[node, other]) if other else None
    elif site.kind == "boolean":
        return None
    else:
        array = site.kind in ("row", "table") and chance.random() < 0.6
        other = material.grow(site.kind if array else "number", scope, line, chance.randint(0, 1))
        way = chance.random()
        if other is None:
            return None
        if way < 0.55 and material.operators:
            new = material.combined(node, other)
        elif way < 0.8 or not material.open:
            new = material.call(node, scope, line, site.kind)
        else:
            new = material.condition(node, other, scope, line)
    if new is None:
        return None
    site.put(new)
    return "wrap"


def unwrap(sites: Sites, material: Material) -> str | None:
    """A part of an expression takes its place."""

    def parts(site: Site) -> list[ast.expr]:
        node = site.node
        found: list[ast.expr] = []
        if isinstance(node, ast.BinOp):
            found = [node.left, node.right]
        elif isinstance(node, ast.BoolOp):
            found = node.values
        elif isinstance(node, ast.IfExp):
            found = [node.body, node.orelse]
        elif isinstance(node, ast.UnaryOp):
            found = [node.operand]
        elif isinstance(node, ast.Call):
            found = node.args
        wanted = (site.kind, "any" if site.scope.vocabulary is None else site.kind)
        found = [each for each in found if not isinstance(each, ast.Starred) and kind_of(each, site.scope) in wanted]
        return [] if site.whole else found

    site = _one(sites, material.chance, lambda site: bool(parts(site)))
    if site is None:
        return None
    site.put(material.chance.choice(parts(site)))
    return "unwrap"


def swap(sites: Sites, material: Material) -> str | None:
    """Two operands, arguments or elements change places."""
    chance = material.chance
    site = _one(sites, chance, lambda site: isinstance(site.node, ast.BinOp) or len(_listed(site.node)) > 1)
    if site is None or site.whole:
        return None
    if isinstance(site.node, ast.BinOp):
        site.node.left, site.node.right = site.node.right, site.node.left
        return "swap"
    items = _listed(site.node)
    one, two = chance.sample(range(len(items)), 2)
    if site.scope.vocabulary is not None and kind_of(items[one], site.scope) != kind_of(items[two], site.scope):
        return None
    items[one], items[two] = items[two], items[one]
    return "swap"


def element(sites: Sites, material: Material) -> str | None:
    """An element of a list goes or comes."""
    chance = material.chance
    site = _one(sites, chance, lambda site: isinstance(site.node, ast.List))
    if site is None or not isinstance(site.node, ast.List) or not material.open:
        return None
    items = site.node.elts
    if items and chance.random() < 0.5:
        del items[chance.randrange(len(items))]
        return "element"
    new = copy.deepcopy(chance.choice(items)) if items else material.grow("number", site.scope, _line(site.node), 0)
    if new is not None:
        items.insert(chance.randint(0, len(items)), new)
    return "element"


def delete(sites: Sites, material: Material) -> str | None:
    """A statement goes."""
    found = _statement(sites, material.chance)
    if found is None or len(found[0].statements) < 2:
        return None
    block, at = found
    del block.statements[at]
    return "delete"


def insert(sites: Sites, material: Material) -> str | None:
    """A statement comes: an assignment, a condition with a result or with what stood there, a copy from elsewhere."""
    chance = material.chance
    if not sites.blocks or not material.open:
        return None
    block = chance.choice([each for each in sites.blocks if each.function] or sites.blocks)
    at = chance.randint(_beginning(block), _end(block))
    line = _line(block.statements[min(at, len(block.statements) - 1)]) if block.statements else 0
    way, scope = chance.random(), block.scope
    if way < 0.35:
        own = [name for name in scope.names("number", line) if scope.lines[name] > 0 or block.function]
        value = material.grow("number", scope, line, 2)
        if not own or value is None:
            return None
        name = ast.Name(id=chance.choice(own), ctx=ast.Store())
        new: ast.stmt = ast.Assign(targets=[name], value=value, lineno=line)
    elif way < 0.7 and block.function is not None:
        returned = [node.value for node in ast.walk(block.function) if isinstance(node, ast.Return) and node.value]
        value = copy.deepcopy(chance.choice(returned)) if returned and chance.random() < 0.5 else None
        value = value or material.grow("number", scope, line, 2)
        test = material.grow("boolean", scope, line, 1)
        if value is None or test is None:
            return None
        new = ast.If(test=test, body=[ast.Return(value=value)], orelse=[])
    elif way < 0.85 and (found := _statement(sites, chance, block.function)) is not None:
        new = copy.deepcopy(found[0].statements[found[1]])
    else:
        test = material.grow("boolean", scope, line, 1)
        if at >= len(block.statements) or test is None or isinstance(block.statements[at], _FIXED):
            return None
        block.statements[at] = ast.If(test=test, body=[block.statements[at]], orelse=[])
        return "insert"
    block.statements.insert(at, new)
    return "insert"


def move(sites: Sites, material: Material) -> str | None:
    """Two neighbouring statements change places, or a block takes the place of what it stands in."""
    found = _statement(sites, material.chance)
    if found is None:
        return None
    block, at = found
    node = block.statements[at]
    if isinstance(node, ast.If) and material.chance.random() < 0.5:
        block.statements[at : at + 1] = node.orelse if node.orelse and material.chance.random() < 0.5 else node.body
        return "move"
    if at + 1 >= len(block.statements) or isinstance(block.statements[at + 1], _FIXED):
        return None
    block.statements[at], block.statements[at + 1] = block.statements[at + 1], node
    return "move"


CHANGES: tuple[tuple[Change, float], ...] = (
    (constant, 5),
    (operator, 2),
    (replace, 4),
    (wrap, 3),
    (unwrap, 2),
    (swap, 1),
    (element, 1),
    (delete, 1),
    (insert, 1.5),
    (move, 1),
)
"""All of them, with how often each is tried."""


def _one(sites: Sites, chance: random.Random, fits: Callable[[Site], bool]) -> Site | None:
    fitting = [site for site in sites.free if fits(site)]
    return chance.choice(fitting) if fitting else None


def _listed(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.List | ast.Tuple):
        return node.elts
    return node.args if isinstance(node, ast.Call) else []


def _statement(sites: Sites, chance: random.Random, function: Function | None = None) -> tuple[Block, int] | None:
    """A statement that may go or move, of one function where that is named: no definition, no import, no docstring."""
    found = [
        (block, at)
        for block in sites.blocks
        if function is None or block.function is function
        for at in range(_beginning(block), len(block.statements))
        if not isinstance(block.statements[at], _FIXED) and id(block.statements[at]) not in sites.kept
        # Of a formula in steps each is needed.
        if block.scope.vocabulary is None or isinstance(block.statements[at], ast.If)
    ]
    return chance.choice(found) if found else None


def _beginning(block: Block) -> int:
    first = block.statements[0] if block.statements else None
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return int(documented)


def _end(block: Block) -> int:
    """Up to where a statement can be reached."""
    ends = (at for at, node in enumerate(block.statements) if isinstance(node, _LEAVING))
    return max(_beginning(block), next(ends, len(block.statements)))


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1_000_000))
