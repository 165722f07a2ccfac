"""The exception to raise in a test for one that the candidate raised.

It is of a builtin class, of a declared one, or of one that is shared. Against errors that steer their caller: one that
would end, skip or cut short a test arrives as the candidate's fault, also in a group.
"""

from __future__ import annotations

from typing import Any

from gristmill.verifiers.code.guest.judge.hearing import furnish
from gristmill.verifiers.code.guest.judge.proxies import Line
from gristmill.verifiers.code.guest.judge.showing import exception_type, said

__all__ = ["error_of"]

# What no function may do to its caller: each would end, skip or cut short a test without failing it.
_CONTROL = frozenset(("StopIteration", "StopAsyncIteration", "SkipTest", "Skipped", "Exit", "OutcomeException"))
_ENDS = (StopIteration, StopAsyncIteration)
_MOST_IN_A_GROUP = 50


def error_of(
    line: Line, description: dict[str, Any], errors: list[BaseException], declared: dict[str, type]
) -> BaseException:
    """The exception to raise here for one that the candidate raised.

    Args:
        line: to the candidate.
        told: what it says of it.
        errors: what the tests have raised for it to see, by number.
        declared: the classes that stand for its own, by name.
    """
    place, own, text = description.get("judge"), description.get("own"), said(description.get("text"))[:1000]
    if type(place) is int and 0 <= place < len(errors):
        if isinstance(errors[place], _ENDS):
            line.steered += 1
            return line.give_up("it passed on the end of an iterator of the tests")
        return errors[place]
    if description.get("uncrossable") is True:
        return line.give_up(f"it returned a value that cannot be passed on: {text}")
    kind = _kind(description.get("declared"), description.get("type"), declared)
    if not issubclass(kind, Exception) or issubclass(kind, _ENDS) or own in _CONTROL:
        line.steered += 1
        return line.give_up(f"it raised {own if type(own) is str else 'an exit'}")
    args = description.get("args")
    try:
        if issubclass(kind, ExceptionGroup):
            error: BaseException = _group(kind, description.get("group"), declared)
        else:
            error = kind(*args) if type(args) is list else kind(text)
    except Exception:  # a builtin that wants other arguments than it was sent with
        error = Exception(text)
    furnish(error, description, declared=type(error).__module__ == "solution")
    return error


def _kind(name: Any, builtin: Any, declared: dict[str, type]) -> type[BaseException]:
    kind = declared.get(name) if type(name) is str else None
    return kind if kind is not None and issubclass(kind, BaseException) else exception_type(builtin)


def _group(kind: Any, description: Any, declared: dict[str, type]) -> BaseException:
    """A group of exceptions, of which none may be more than its class, its arguments and its text."""
    message, rows = description
    inner = []
    for name, builtin, args, text in rows[:_MOST_IN_A_GROUP]:
        member_kind = _kind(name, builtin, declared)
        if not issubclass(member_kind, Exception) or issubclass(member_kind, (*_ENDS, ExceptionGroup)):
            raise TypeError("none for a group")
        inner.append(member_kind(*args) if type(args) is list else member_kind(said(text)))
    return kind(said(message), inner)  # type: ignore[no-any-return]  # an exception
