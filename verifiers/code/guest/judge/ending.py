"""The ends of iterators and coroutines: a candidate's may end a loop of the tests, and nothing else.

Against StopIteration that a candidate causes in an expression, by ``next`` of an empty iterator in a lambda or by
an awaitable that poses as a generator: it would end ``all(map(…))`` of the tests as if all had held.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import linecache
import sys
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["guard_next", "is_asked_by_name", "is_awaited_by_name", "is_seen", "let_tasks_await"]

_GENERATORS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_CATCH = frozenset(("StopIteration", "StopAsyncIteration", "Exception", "BaseException"))
# What calls a function of the tests to see what it raises.
_RAISES = ("unittest/case.py", "_pytest/python_api.py", "_pytest/raises.py")
_real_next = builtins.next


def guard_next(files: set[str], fail: Callable[[str], BaseException]) -> None:
    """Let ``next`` in this process fail where its end would leave an expression of the tests unseen.

    Args:
        files: the names of the tests' files.
        fail: makes the running check fail; returns what to raise.
    """

    def guarded(iterator: Any, /, *default: Any) -> Any:
        """See the builtin of that name."""
        try:
            return _real_next(iterator, *default)
        except StopIteration:
            if _is_caught(sys._getframe(1), files):
                raise
        raise fail("an iterator had ended where the tests wanted one more item")

    guarded.__name__ = guarded.__qualname__ = "next"
    guarded.__module__ = "builtins"
    builtins.next = guarded


def is_asked_by_name(frame: Any, files: set[str]) -> bool:
    """Whether a frame has called ``__next__`` by its name, and nobody there looks for the end."""
    named = "__next__" in linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return named and not _is_caught(frame, files)


def is_awaited_by_name(frame: Any, files: set[str]) -> bool:
    """Whether a coroutine of the tests awaits one more item by a name, and nobody there looks for the end."""
    if frame is None or frame.f_code.co_filename not in files:
        return False
    return "anext" in linecache.getline(frame.f_code.co_filename, frame.f_lineno) and not _catches(frame)


def is_seen(frame: Any, files: set[str], name: str) -> bool:
    """Whether StopIteration out of a method called in a frame meets somebody of the tests who looks for it."""
    return frame.f_code.co_filename in files and _is_caught(frame, files, name)


def _is_caught(frame: Any, files: set[str], name: str = "next") -> bool:
    """Whether StopIteration raised in a frame meets somebody who looks for it, before it leaves the tests' own code."""
    if frame.f_code.co_filename not in files:
        return True
    while frame is not None and frame.f_code.co_filename in files:
        # ``map(next, …)`` takes the end for its own; only what a frame calls itself raises there.
        if not _calls(frame, name):
            return False
        if frame.f_code.co_flags & _GENERATORS or _catches(frame):
            return True
        name, frame = frame.f_code.co_name, frame.f_back
    # The candidate that called a function of the tests is told of the end, and may not pass it on.
    return frame is not None and (
        frame.f_globals.get("__name__", "").startswith("gristmill.verifiers.code.guest.judge.remote")
        or (frame.f_code.co_filename.endswith(_RAISES) and frame.f_code.co_name in ("handle", "raises"))
    )


def _calls(frame: Any, name: str) -> bool:
    """Whether a frame is at a call of that name that stands in its text; ``__next__`` is a name of ``next``."""
    line, end, start, stop = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    for node in ast.walk(_tree(frame.f_code.co_filename)):
        if isinstance(node, ast.Call) and (node.lineno, node.end_lineno) == (line, end):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            # Where a method is called, the place begins at its name.
            if called.strip("_") == name.strip("_") and node.end_col_offset == stop:
                return True
    return start is None


def _tree(filename: str) -> ast.AST:
    try:
        return ast.parse("".join(linecache.getlines(filename)))
    except SyntaxError:
        return ast.Module([], [])


def _catches(frame: Any) -> bool:
    """Whether a ``try`` or ``with raises(StopIteration)`` of the frame's own function stands around its place."""
    code, place = frame.f_code, frame.f_lasti
    entries: Any = dis._parse_exception_table(code)  # type: ignore[attr-defined]  # there is no public reader of it
    if not any(each.start <= place < each.end for each in entries):
        return False
    return any(_looks_for_it(node, frame.f_lineno) for node in ast.walk(_tree(code.co_filename)))


def _looks_for_it(node: ast.AST, line: int) -> bool:
    def holds(block: list[ast.stmt]) -> bool:
        return bool(block) and block[0].lineno <= line <= (block[-1].end_lineno or 0)

    if isinstance(node, ast.Try | ast.TryStar):
        return holds(node.body) and any(each.type is None or _names(each.type) & _CATCH for each in node.handlers)
    if isinstance(node, ast.With | ast.AsyncWith):
        return holds(node.body) and any(_names(each.context_expr) & _CATCH for each in node.items)
    return False


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


_patched: set[type] = set()


def let_tasks_await(kind: type) -> None:
    """Let asyncio run awaitables of a class as it runs coroutines, though they have no ``send``."""
    import asyncio

    Coroutine.register(kind)
    loop = asyncio.base_events.BaseEventLoop
    if not _patched:
        original = loop.create_task

        def create_task(self: Any, coro: Any, **more: Any) -> Any:
            return original(self, _awaiting(coro) if type(coro) in _patched else coro, **more)

        loop.create_task = create_task  # type: ignore[method-assign]  # all ways to run a coroutine lead through here
    _patched.add(kind)


async def _awaiting(value: Any) -> Any:
    return await value
