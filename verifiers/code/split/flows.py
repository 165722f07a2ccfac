"""What the functions of one test program have in common, while it is gone through."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from gristmill.verifiers.code.split.checks import Site
from gristmill.verifiers.code.split.levels import Function, dotted

__all__ = ["Flows", "arguments", "flow_call"]


@dataclass
class Flows:
    """What all functions of a program have in common.

    `given`: the level of each parameter of functions that assert, by (function, parameter), as far as it is known.
    """

    sites: list[Site] = field(default_factory=list)
    asserting: set[str] = field(default_factory=set)
    given: dict[tuple[str, str], int] = field(default_factory=dict)
    everywhere: list[ast.stmt] = field(default_factory=list)

    def site(self, line: int, text: str, step: str, *, loose: bool) -> Site:
        """A new site."""
        self.sites.append(Site(len(self.sites), line, text, loose=loose, step=step))
        return self.sites[-1]


def arguments(function: Function) -> list[str]:
    """The names of all parameters."""
    given = function.args
    return [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def flow_call(node: ast.AST | None, asserting: set[str]) -> ast.Call | None:
    """The call of a function of the test that asserts: ``f(x)``, ``await f(x)`` or ``asyncio.run(f(x))``."""
    while True:
        match node:
            case ast.Await(value):
                node = value
            case ast.Call(func, [value]) if dotted(func) in ("asyncio.run", "anyio.run", "run"):
                node = value
            case ast.Call(ast.Name(name)) if name in asserting:
                return node
            case _:
                return None
