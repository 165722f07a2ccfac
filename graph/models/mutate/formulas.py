"""Changes of what a function returns as a whole, for programs with a vocabulary: their formulas are mostly sums."""

from __future__ import annotations

import ast

from gristmill.graph.models.mutate.changes import Change
from gristmill.graph.models.mutate.constants import written
from gristmill.graph.models.mutate.growing import Material
from gristmill.graph.models.mutate.sites import Site, Sites
from gristmill.verifiers.trained.vocabulary import SHAPES

__all__ = ["FORMULAS", "grown", "term"]

_LEAST, _MOST = -3.0, 0.5
"""Powers of ten between which a new term's weight is drawn: beside what there is it is mostly small."""


def _returned(sites: Sites, material: Material) -> Site | None:
    found = [site for site in sites.free if isinstance(site.owner, ast.Return) and site.kind in SHAPES]
    return material.chance.choice(found) if found else None


def grown(sites: Sites, material: Material) -> str | None:
    """What a function returns, from nothing: small changes of a formula that pays nothing seldom lead away from it."""
    site = _returned(sites, material)
    if site is None:
        return None
    new = material.grow(site.kind, site.scope, int(getattr(site.node, "lineno", 0)), material.chance.randint(2, 3))
    pieces = site.scope.vocabulary.written if site.scope.vocabulary is not None else {}
    if new is None or isinstance(new, ast.Constant) or ast.unparse(new) in pieces:
        return None
    site.put(new)
    return "grown"


def term(sites: Sites, material: Material) -> str | None:
    """A further term with a small weight: rewards and losses are sums, and a change inside of one adds none."""
    site, chance = _returned(sites, material), material.chance
    if site is None:
        return None
    new = material.part(site.kind, site.scope, int(getattr(site.node, "lineno", 0)), chance.randint(0, 1))
    if new is None:
        return None
    weight = written(float(f"{10 ** chance.uniform(_LEAST, _MOST):.1g}"))
    joined = chance.choice((ast.Add, ast.Sub))()
    site.put(ast.BinOp(left=site.node, op=joined, right=ast.BinOp(left=weight, op=ast.Mult(), right=new)))
    return "term"


FORMULAS: tuple[tuple[Change, float], ...] = ((term, 6),)
"""With how often each is tried, beside `gristmill.graph.models.mutate.changes.CHANGES`."""
