"""Runs a driven test's `judge` on guesses: values that somebody has who never did what the task asks.

A case that a guess passes proves nothing about a solution, since `drive` shares the candidate's process and its values
are claims. Guessed are constants, what is visible (the case's `given` and the literals of `drive`), what is simply
derived of these, and all of them in the places of the form that `drive` returns or `expected` has. No candidate has a
part in it: which cases withstand is a matter of the task alone. Against tests that an attacker passes blindly.

Messages: for each case ``{"case": number, "guess": text or None}``, as it ends, or ``{"broken": text}`` alone.
"""

from __future__ import annotations

import copy
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.wire.values import DEEP, EncodeError, encode
from gristmill.verifiers.code.guest.judge.driven.deciding import Judging
from gristmill.verifiers.code.guest.judge.showing import error_text, short

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["first_that_withstands", "guess", "guesses"]

# Of processor time: a judge that goes on for ever on nonsense has not passed it. Where it does so again and again, what
# is left is not known.
_SECONDS = 0.25
_MOST_TOO_LONG = 8
_MOST_VISIBLE = 48
_MOST_IN_A_CASE = 2000
_HOLE = "\0hole"
_TRUE = "\0true"
_CONSTANTS: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2, 0.0, 1.0, "", [], {}, (), set())


class _TooLongError(BaseException):
    """A judge has used up its time on one guess."""


def guess(context: JobContext) -> None:
    """Try every case of a request ``{"judge", "cases": [case], "literals": [value], "forms": [value]}``.

    In a form, the texts `HOLE` and `TRUE` of the host's stand for what `drive` computes, and for what it compares.
    """
    request, judging = context.request, _begun(context)
    if judging is None:
        return
    for number, case in enumerate(request["cases"]):
        context.send({"case": number, "guess": _passing(judging, case, request["literals"], request["forms"])})


def first_that_withstands(context: JobContext) -> None:
    """Say ``{"withstands": True}`` if no guess passes any case of one of the groups.

    The request is ``{"judge", "groups": [[case]], "literals": [value]}``; a case has ``only``, one assertion of a split
    test, whose value is guessed.
    """
    request, judging = context.request, _begun(context)
    if judging is None:
        return
    for group in request["groups"]:
        if all(_passing(judging, case, request["literals"], []) is None for case in group):
            context.send({"withstands": True})
            return


def _begun(context: JobContext) -> Judging | None:
    """The judge of a request, with its time on one guess bounded; None, and why is sent, where its source breaks."""
    try:
        judging = Judging(context.request["judge"])
    except BaseException as error:  # the tests' own source, inside the judge's sandbox
        context.send({"broken": error_text(error)})
        return None
    signal.signal(signal.SIGPROF, _too_long)
    return judging


def _too_long(*_: object) -> None:
    raise _TooLongError


def _passing(judging: Judging, case: dict[str, Any], literals: list[Any], forms: list[Any]) -> str | None:
    """A guess that passes a case, in words."""
    too_long = 0
    for each in guesses(case, literals, forms):
        given = copy.deepcopy(each)
        try:
            signal.setitimer(signal.ITIMER_PROF, _SECONDS)
            if judging.holds(given, case):
                return short(each)
        except _TooLongError:
            too_long += 1
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        too_long += isinstance(judging.raised, _TooLongError)
        if too_long > _MOST_TOO_LONG:
            return "(not known: on guesses `judge` takes for ever)"
    return None


def guesses(case: dict[str, Any], literals: list[Any], forms: list[Any]) -> Iterator[Any]:
    """All guesses for a case, likely ones first, each once, and no more than 2,000."""
    given = {key: value for key, value in case.items() if key not in ("expected", "step", "only")}
    whole = list(_whole(given, literals))
    whole += _like(case.get("expected"), whole)
    seen: set[bytes] = set()
    number = 0
    for each in _all(given, whole, forms):
        try:
            encoded = encode(each, DEEP._replace(size=1 << 20))
        except EncodeError:
            continue
        if encoded not in seen:
            seen.add(encoded)
            number += 1
            yield each
            if number >= _MOST_IN_A_CASE:
                return


def _all(given: dict[str, Any], whole: list[Any], forms: list[Any]) -> Iterator[Any]:
    yield from whole
    for form in forms:
        yield _filled(form, lambda key: given.get(key))
        for each in whole:
            yield _filled(form, lambda key, each=each: each)


def _like(expected: Any, whole: list[Any]) -> Iterator[Any]:
    """What has the wanted value's form, where that is a container whose keys are visible, and nothing else of it."""
    seen = {each for each in whole if type(each) is str}
    if type(expected) not in (dict, list, tuple) or not _keys(expected) <= seen:
        return
    for each in list(whole):
        yield _filled(_top(expected), lambda key, each=each: each)
    yield _zeros(expected)
    for each in _CONSTANTS:
        yield _leaves(expected, each)


def _whole(given: dict[str, Any], literals: list[Any]) -> Iterator[Any]:
    """Constants, what is visible, and what is simply derived of that."""
    visible = list(_visible(given))[:_MOST_VISIBLE] + list(literals)[:_MOST_VISIBLE]
    yield from _CONSTANTS
    yield given
    yield from visible
    for value in [given, *visible]:
        for derive in _DERIVED:
            try:
                yield derive(value)
            except Exception:  # noqa: S112  # not every value has a length
                continue


def _visible(given: Any) -> Iterator[Any]:
    """The parts of a value, level by level."""
    level = [given]
    while level:
        below: list[Any] = []
        for value in level:
            parts = list(value.values()) if type(value) is dict else value if type(value) in (list, tuple) else []
            below += list(parts)[:_MOST_VISIBLE]
            if type(value) is dict:
                yield from value
        yield from below
        level = below[:_MOST_VISIBLE]


_DERIVED: tuple[Callable[[Any], Any], ...] = (
    len,
    sum,
    sorted,
    lambda value: sorted(value, reverse=True),
    lambda value: value[::-1],
    lambda value: list(value.values()),
    lambda value: list(value),
    lambda value: tuple(value),
    lambda value: set(value),
    min,
    max,
    lambda value: value.upper(),
    lambda value: value.lower(),
    lambda value: value.strip(),
    lambda value: value.split(),
    lambda value: [value] if type(value) in (str, int, float) else value[:0],
    lambda value: str(value) if type(value) in (int, float) else int(value),
)


def _filled(form: Any, of: Callable[..., Any], key: Any = None) -> Any:
    """A form with something in the place of each hole."""
    if type(form) is str and form in (_HOLE, _TRUE):
        return of(key) if form == _HOLE else True
    if type(form) is dict:
        return {name: _filled(each, of, name) for name, each in form.items()}
    if type(form) in (list, tuple):
        return type(form)(_filled(each, of, key) for each in form)
    return form


def _top(value: Any) -> Any:
    """The form of a container whose items are all holes."""
    return dict.fromkeys(value, _HOLE) if type(value) is dict else type(value)([_HOLE] * len(value))


def _leaves(value: Any, leaf: Any) -> Any:
    """A value with another in the place of all that it holds."""
    if type(value) is dict:
        return {key: _leaves(each, leaf) for key, each in value.items()}
    return type(value)(_leaves(each, leaf) for each in value) if type(value) in (list, tuple) else leaf


def _zeros(value: Any) -> Any:
    """A value of the same types that says nothing."""
    if type(value) is dict:
        return {key: _zeros(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)()
    return type(value)() if type(value) in (bool, int, float, str) else None


def _keys(value: Any) -> set[Any]:
    """All keys of a value, at every depth: only where they are visible can somebody guess its form."""
    if type(value) is dict:
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if type(value) in (list, tuple) else set()
