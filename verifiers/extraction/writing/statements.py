"""Statements, written down: a line for each, with how deep it stands."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from gristmill.verifiers.extraction.writing.expressions import END, NONE, SKIPPED, Expressions, Scope

__all__ = ["Written"]

_LEAVING = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_WITH_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.match_case)
_BLOCKS = ("body", "handlers", "orelse", "finalbody")


class Written(Expressions):
    """A module; `functions` are those at its top level, with the places of their parameters, if each has one."""

    def __init__(self, module: ast.Module) -> None:
        super().__init__()
        self.functions = {
            each.name: {name: at for at, name in enumerate(_arguments(each.args))}
            for each in module.body
            if isinstance(each, ast.FunctionDef) and each.args.kwarg is None
        }
        self.tokens.append("Module(")
        for each in self._body(module.body):
            self._write(each)

    def _body(self, block: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
        """Write the docstring of a block, if it has one; what is left of the block."""
        first = block[0] if block else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            mark, block = self._mark(), block[1:]
            self._write(first)
            self._cut(mark, "" if block else f"\n{self._level}Pass(")
        return block

    def _reached(self, block: Sequence[ast.stmt]) -> None:
        """A block; what is behind its end is left out where it has no bearing on the function."""
        end = next((at for at, each in enumerate(block, 1) if isinstance(each, _LEAVING)), len(block))
        for each in block[:end]:
            self._write(each)
        if rest := block[end:]:
            mark, bound = self._mark(), self._bound
            for each in rest:
                self._write(each)
            if self._bound == bound:
                self._cut(mark)

    def _with_blocks(self, node: Any) -> None:
        self._line(f"{type(node).__name__}(")
        for name in node._fields:
            if name not in SKIPPED and name not in _BLOCKS:
                self._field(getattr(node, name))
        for name in _BLOCKS:
            block = getattr(node, name, None)
            if not block:
                continue
            if name == "handlers":
                for each in block:
                    self._write(each)
                continue
            if name != "body":
                self._line(name)
            self._level += 1
            if isinstance(node, ast.TryStar):
                for each in block:
                    self._write(each)
            else:
                self._reached(block)
            self._level -= 1

    def _handler(self, node: ast.ExceptHandler) -> None:
        self._line("ExceptHandler(")
        self._field(node.type)
        self._binding(node.name)
        self._level += 1
        self._reached(node.body)
        self._level -= 1

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._head(node, node.args.defaults, node.args.kw_defaults)
        outer = self._enter(Scope(self._scope))
        self._parameters(node.args)
        mark = self._mark()
        self._apart(node.returns)
        self._cut(mark, NONE)
        self._level += 1
        self._reached(self._body(node.body))
        self._level -= 1
        self._scope, self._binds = outer

    def _class(self, node: ast.ClassDef) -> None:
        self._head(node, node.bases, node.keywords)
        outer = self._enter(Scope(self._scope, is_class=True))
        self._level += 1
        for each in self._body(node.body):
            self._write(each)
        self._level -= 1
        self._scope, self._binds = outer

    def _head(self, node: Any, *outside: Sequence[ast.AST | None]) -> None:
        """How a function or class begins: what is evaluated outside of it, and its name."""
        for each in node.decorator_list:
            self._line("@")
            self._apart(each)
        self._line(f"{type(node).__name__}(")
        self._apart(*outside)
        self._binding(node.name)
        names = len(self.names)
        self._apart(getattr(node, "type_params", []))
        del self.names[names:]

    def _assignment(self, node: ast.Assign) -> None:
        self._line("Assign(")
        self._list(node.targets)
        self._write(node.value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        """In a class it may make a field, and without a value a name local; else its annotation is for readers."""
        plain = not self._scope.is_class and node.value is not None and isinstance(node.target, ast.Name)
        if plain:
            self.words.append((len(self.tokens), f"\n{self._level}Assign("))
        self._line("AnnAssign(")
        self._write(node.target)
        mark = self._mark()
        self._field(node.simple)
        self._write(node.annotation)
        if plain:
            self._cut(mark, END)
        self._field(node.value)

    def _shared(self, node: ast.Global | ast.Nonlocal) -> None:
        self._bound += 1
        self._line(f"{type(node).__name__}(")
        if self._scope.outer is not None and not self._scope.is_class:
            self._scope.shared.update(node.names)
        for each in node.names:
            self._name(each)
        self.tokens.append(END)

    def _alias(self, node: ast.alias) -> None:
        self.tokens.append(node.name)
        if node.name == "*":
            return
        self._bind(node.asname or node.name.partition(".")[0])
        if node.asname is not None or "." not in node.name:
            self.names.append((len(self.tokens), node.asname or node.name, self._scope))
        self.tokens.append(node.asname or NONE)


def _arguments(args: ast.arguments) -> list[str]:
    every = (*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg)
    return [each.arg for each in every if each is not None]


Written.WRITERS = {
    **Expressions.WRITERS,
    ast.FunctionDef: Written._function,
    ast.AsyncFunctionDef: Written._function,
    ast.ClassDef: Written._class,
    **dict.fromkeys(_WITH_BLOCKS, Written._with_blocks),
    ast.ExceptHandler: Written._handler,
    ast.Assign: Written._assignment,
    ast.AnnAssign: Written._annotated,
    ast.Global: Written._shared,
    ast.Nonlocal: Written._shared,
    ast.alias: Written._alias,
}
