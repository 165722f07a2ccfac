"""Expressions and patterns, written down; and what statements are written with, too.

What is written are tokens: a tag that no name can be stands before what belongs to it, and a bracket where a list ends,
so no two trees have the same tokens. Beside them is noted which of them are names and of which scope, what has another
word in the second form, and what that leaves out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

__all__ = ["END", "NONE", "SKIPPED", "Expressions", "Scope"]

SKIPPED = frozenset(("ctx", "type_comment", "type_ignores"))
"""Fields that follow from the place of a node, or that the parser leaves empty."""
END, NONE = ")", "-"


class Scope:
    """What binds names: `own` less those that are `shared` with an outer one. A class's names stay: they are reached by
    attributes."""

    __slots__ = ("depth", "is_class", "outer", "own", "shared")

    def __init__(self, outer: Scope | None, *, is_class: bool = False) -> None:
        self.outer = outer
        self.depth: int = outer.depth + 1 if outer else 0
        self.is_class = is_class
        self.own: set[str] = set()
        self.shared: set[str] = set()


class Expressions:
    """Tokens, and what is noted of them.

    `names` are (place, name, scope); `words` (place, word of the second form); `keywords` (place, name of what is
    called, argument); `cuts` (first, behind the last, word instead of all), apart from each other and in order.
    """

    WRITERS: ClassVar[dict[type[ast.AST], Callable[[Any, Any], None]]] = {}

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.names: list[tuple[int, str, Scope]] = []
        self.words: list[tuple[int, str]] = []
        self.keywords: list[tuple[int, str, str]] = []
        self.cuts: list[tuple[int, int, str]] = []
        self._level = 0
        self._scope = Scope(None)
        # Where what is bound is noted; None within expressions that have a scope of their own, and in what belongs to
        # such a scope and is evaluated outside of it.
        self._binds: set[str] | None = self._scope.own
        self._bound = 0

    # What is written

    def _write(self, node: ast.AST) -> None:
        """Any node: its tag, then its fields."""
        kind = type(node)
        if (writer := self.WRITERS.get(kind)) is not None:
            writer(self, node)
            return
        if isinstance(node, ast.stmt):
            self._line(f"{kind.__name__}(")
        else:
            self.tokens.append(f"{kind.__name__}(")
        for name in node._fields:
            if name not in SKIPPED:
                self._field(getattr(node, name, None))

    def _field(self, value: Any) -> None:
        if isinstance(value, ast.AST):
            self._write(value)
        elif isinstance(value, list):
            self._list(value)
        else:
            self.tokens.append(NONE if value is None else str(value))

    def _list(self, values: Sequence[Any]) -> None:
        for each in values:
            self._field(each)
        self.tokens.append(END)

    def _line(self, word: str) -> None:
        self.tokens.append(f"\n{self._level}{word}")

    def _name(self, name: str) -> None:
        self.names.append((len(self.tokens), name, self._scope))
        self.tokens.append(name)

    def _binding(self, name: str | None) -> None:
        """A name that a statement or pattern binds, or none."""
        if name is None:
            self.tokens.append(NONE)
        else:
            self._bind(name)
            self._name(name)

    def _bind(self, name: str) -> None:
        if self._binds is not None:
            self._binds.add(name)
            self._bound += 1

    def _mark(self) -> tuple[int, int]:
        return len(self.tokens), len(self.names)

    def _cut(self, mark: tuple[int, int], word: str = "") -> None:
        """Leave out of the second form what was written since, with all that it names."""
        first, names = mark
        del self.names[names:]
        while self.cuts and self.cuts[-1][0] >= first:
            self.cuts.pop()
        self.cuts.append((first, len(self.tokens), word))

    def _apart(self, *values: Any) -> None:
        """What stands by a scope and is evaluated outside of it; it binds nothing that counts."""
        binds, self._binds = self._binds, None
        for each in values:
            self._field(each)
        self._binds = binds

    # Expressions and patterns

    def _identifier(self, node: ast.Name) -> None:
        name, tokens = node.id, self.tokens
        self.names.append((len(tokens), name, self._scope))
        tokens.append(name)
        if type(node.ctx) is not ast.Load:
            self._bind(name)

    def _constant(self, node: ast.Constant) -> None:
        self.tokens.append(f"={node.kind or ''}{node.value!r}")

    def _binary(self, node: ast.BinOp) -> None:
        self.tokens.append(f"{type(node.op).__name__}(")
        self._write(node.left)
        self._write(node.right)

    def _compared(self, node: ast.Compare) -> None:
        self.tokens.append("Compare(")
        self._write(node.left)
        for operator, each in zip(node.ops, node.comparators, strict=True):
            self.tokens.append(type(operator).__name__)
            self._write(each)
        self.tokens.append(END)

    def _attribute(self, node: ast.Attribute) -> None:
        self.tokens.append(f".{node.attr}")
        self._write(node.value)

    def _call(self, node: ast.Call) -> None:
        self.tokens.append("Call(")
        self._write(node.func)
        for each in node.args:
            self._write(each)
        for keyword in node.keywords:
            if isinstance(node.func, ast.Name) and keyword.arg:
                self.keywords.append((len(self.tokens), node.func.id, keyword.arg))
            self.tokens.append(f"{keyword.arg or '**'}:")
            self._write(keyword.value)
        self.tokens.append(END)

    def _string(self, node: ast.JoinedStr) -> None:
        self.tokens.append("JoinedStr(")
        for each in node.values:
            if isinstance(each, ast.Constant) and each.kind:
                self.words.append((len(self.tokens), f"={each.value!r}"))
            self._write(each)
        self.tokens.append(END)

    def _kept(self, node: Any) -> None:
        """What changes a function even where it is never reached."""
        self._bound += 1
        self.tokens.append(f"{type(node).__name__}(")
        for name in node._fields:
            self._field(getattr(node, name))

    def _pattern(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.tokens.append(f"{type(node).__name__}(")
        self._binding(node.name)
        if isinstance(node, ast.MatchAs):
            self._field(node.pattern)

    def _enter(self, scope: Scope) -> tuple[Scope, set[str] | None]:
        outer = self._scope, self._binds
        self._scope, self._binds = scope, scope.own
        return outer

    def _parameters(self, args: ast.arguments) -> None:
        for group in (args.posonlyargs, args.args, args.kwonlyargs, [args.vararg], [args.kwarg]):
            for each in group:
                if each is None:
                    self.tokens.append(NONE)
                    continue
                self._scope.own.add(each.arg)
                self._name(each.arg)
                mark = self._mark()
                self._apart(each.annotation)
                self._cut(mark, NONE)
            self.tokens.append(END)

    def _lambda(self, node: ast.Lambda) -> None:
        self.tokens.append("Lambda(")
        self._apart(node.args.defaults, node.args.kw_defaults)
        outer = self._enter(Scope(self._scope))
        self._parameters(node.args)
        self._apart(node.body)
        self._scope, self._binds = outer

    def _comprehension(self, node: Any) -> None:
        self.tokens.append(f"{type(node).__name__}(")
        first = node.generators[0]
        self._apart(first.iter)
        outer = self._enter(Scope(self._scope))
        self._binds = None
        for part in node.generators:
            self._scope.own |= {each.id for each in ast.walk(part.target) if isinstance(each, ast.Name)}
            self.tokens.append("async for" if part.is_async else "for")
            self._write(part.target)
            if part is not first:
                self._write(part.iter)
            self._list(part.ifs)
        self.tokens.append(END)
        for name in ("key", "value", "elt"):
            if hasattr(node, name):
                self._write(getattr(node, name))
        self._scope, self._binds = outer


Expressions.WRITERS = {
    ast.Name: Expressions._identifier,
    ast.Constant: Expressions._constant,
    ast.BinOp: Expressions._binary,
    ast.Compare: Expressions._compared,
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._call,
    ast.JoinedStr: Expressions._string,
    **dict.fromkeys((ast.NamedExpr, ast.Yield, ast.YieldFrom), Expressions._kept),
    **dict.fromkeys((ast.MatchAs, ast.MatchStar), Expressions._pattern),
    ast.Lambda: Expressions._lambda,
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), Expressions._comprehension),
}
