"""Which exceptions of the tests a candidate's ``__exit__`` may swallow or turn into another: what is raised on purpose.

Against a context manager that swallows a failed assertion, whatever its form. What a right candidate would have raised
as well is no assertion: a ``raise``, or an expression of builtins and literals, that stands directly in the body of
the ``with``, behind nothing that could have left it.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
from typing import Any

__all__ = ["is_on_purpose", "left"]

_LEAVES = (ast.Return, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom, ast.Await)
_CHOICES = (ast.IfExp, ast.BoolOp, ast.Compare, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def left(line: Any, place: int, op: str, error: Any) -> bool:
    """Whether the end of a ``with`` swallows what its body has raised; of a failure it never does.

    Args:
        line: to the candidate, whose object of number `place` is asked.
        op: ``exit`` or ``aexit``.
        error: what the body has raised, if it has.
    """
    own = error is line.raised
    try:
        swallow = line.ask(op, place, (error,)) is True
    except BaseException as other:
        if error is not None and not own and other is not error and not is_on_purpose(error, line.test_files):
            line.steered += 1
            line.give_up("a context manager of the candidate turned a failure into another exception")
        raise
    if swallow and error is not None and not is_on_purpose(error, line.test_files):
        line.steered += 1
        line.give_up("a context manager of the candidate tried to hide a failure")
        return False
    return swallow


def is_on_purpose(error: BaseException, files: set[str]) -> bool:
    """Whether the body of the ``with`` that now ends raises this whatever the candidate has answered.

    Args:
        error: what is in flight; asked from inside of ``__exit__``.
        files: the names of the tests' files.
    """
    if not isinstance(error, Exception) or isinstance(error, AssertionError) or error.__traceback__ is None:
        return False
    raised = error.__traceback__
    while raised.tb_next is not None:
        raised = raised.tb_next
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename not in files:
        frame = frame.f_back
    if frame is None or raised.tb_frame is not frame:
        return False
    tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    bound = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    in_reach = frame.f_locals.keys() | (frame.f_globals.keys() - vars(builtins).keys()) | bound
    return any(
        _raises(node.body, raised.tb_lineno, in_reach)
        for node in ast.walk(tree)
        if isinstance(node, ast.With | ast.AsyncWith) and node.lineno <= frame.f_lineno <= node.body[0].lineno
    )


def _raises(body: list[ast.stmt], line: int, in_reach: set[str]) -> bool:
    for statement in body:
        if statement.lineno <= line <= (statement.end_lineno or 0):
            if isinstance(statement, ast.With | ast.AsyncWith):
                return _raises(statement.body, line, in_reach)
            return _always(statement, in_reach)
        if any(isinstance(each, _LEAVES) for each in ast.walk(statement)):
            return False
    return False


def _always(statement: ast.stmt, in_reach: set[str]) -> bool:
    """Whether a statement raises the same, whatever came before it."""
    parts = list(ast.walk(statement))
    if any(isinstance(each, _CHOICES) for each in parts):
        return False
    if isinstance(statement, ast.Raise):
        # An entry of a table, or what a function returns, could be chosen by what the candidate has answered.
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name | ast.Attribute) and not any(
            isinstance(each, ast.Subscript) for each in parts
        )
    names = {each.id for each in parts if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
    return isinstance(statement, ast.Expr | ast.Assign) and not names & in_reach
