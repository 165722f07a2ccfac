"""Runs a driven test's `judge` on guesses.

A case that a guess passes proves nothing about a solution, since `drive` shares the candidate's process and its values
are claims. A judge that reads reports is tried on each of its assertions by itself, for whoever sends them can guess
one at a time: its case withstands if one of them does. No candidate has a part in it: which cases withstand is a matter
of the task alone. Against tests that an attacker passes blindly.
"""

from __future__ import annotations

import copy
import signal
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gristmill.verifiers.code.guest.judge.driven.deciding import Judging
from gristmill.verifiers.code.guest.judge.driven.guessing import guesses, in_turn
from gristmill.verifiers.code.guest.judge.driven.reports import Trying
from gristmill.verifiers.code.guest.judge.showing import error_text, short

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["first_that_withstands", "guess"]

# Of processor time: a judge that goes on for ever on nonsense has not passed it. Where it does so again and again, what
# is left is not known.
_SECONDS = 0.25
_MOST_TOO_LONG = 8
_MOST_WIDTH = 4
_NOTHING_COUNTS = "(any: it says of nothing what its value equals)"


class _TooLongError(BaseException):
    """A judge has used up its time on one guess."""


class _LostError(Exception):
    """It has done so too often: what is left is not known."""


def guess(context: JobContext) -> None:
    """Try every case of a request ``{"judge", "cases": [case], "literals": [[value]], "of": [place], "forms"}``.

    `of` has for each case the place of its literals. In a form, the texts `HOLE` and `TRUE` of the host's stand for
    what `drive` computes, and for what it compares. Messages: for each case ``{"case": number, "guess": text or None}``
    as it ends, or ``{"broken": text}`` alone.
    """
    request = context.request
    if (judging := _judging(context)) is None:
        return
    for number, (case, place) in enumerate(zip(request["cases"], request["of"], strict=True)):
        found = _passing(_Tries(judging, case), request["literals"][place], request["forms"])
        context.send({"case": number, "guess": found})


def first_that_withstands(context: JobContext) -> None:
    """Say ``{"withstands": True}`` if no guess passes one of the assertions of a judge that reads reports.

    The request is ``{"judge", "sites": [[case, site]], "literals": [value]}``.
    """
    request = context.request
    if (judging := _judging(context)) is None:
        return
    for case, site in request["sites"]:
        if _withstands(_Tries(judging, case), site, request["literals"]):
            context.send({"withstands": True})
            return


def _withstands(tries: _Tries, site: int, literals: list[Any]) -> bool:
    try:
        asked = _asked(tries)
        return type(asked) is Counter and site in asked and _passing_site(tries, site, asked[site], literals) is None
    except _LostError:
        return False


def _judging(context: JobContext) -> Judging | None:
    try:
        judging = Judging(context.request["judge"])
    except BaseException as error:  # the tests' own source, inside the judge's sandbox
        context.send({"broken": error_text(error)})
        return None
    signal.signal(signal.SIGPROF, _too_long)
    return judging


def _too_long(*_: object) -> None:
    raise _TooLongError


class _Tries:
    """A judge and a case, which is tried on values for as long as that may take."""

    def __init__(self, judging: Judging, case: dict[str, Any]) -> None:
        self.case = case
        self._judging = judging
        self._too_long = 0

    def error(self, values: Any) -> BaseException | None:
        """What the judge raises on the values; an AssertionError if it asserts nothing.

        Raises:
            _LostError: too often it has not come to an end.
        """
        raised: BaseException | None
        try:
            signal.setitimer(signal.ITIMER_PROF, _SECONDS)
            raised = self._judging.error(values, self.case)
            if raised is None and not self._judging.asserted:
                raised = AssertionError("asserts nothing")
        except _TooLongError as error:
            raised = error
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self._too_long += isinstance(raised, _TooLongError)
        if self._too_long > _MOST_TOO_LONG:
            raise _LostError
        return raised


def _passing(tries: _Tries, literals: list[Any], forms: list[Any]) -> str | None:
    """A guess that passes a case, in words."""
    try:
        asked = _asked(tries)
        if asked is None:
            passing = (each for each in guesses(tries.case, literals, forms) if not tries.error(copy.deepcopy(each)))
            return next(map(short, passing), None)
        return asked if isinstance(asked, str) else _passing_reports(tries, asked, literals)
    except _LostError:
        return "(not known: on guesses `judge` takes for ever)"


def _asked(tries: _Tries) -> Counter[int] | str | None:
    """How often each assertion is asked for that counts; None for a judge that reads no reports."""
    without = Trying()
    error = tries.error(without)
    if not without.is_read:
        return None
    if error is not None:
        return f"(not known: without what is reported `judge` ends with {error_text(error)})"
    return Counter(without.asked) or _NOTHING_COUNTS


def _passing_reports(tries: _Tries, asked: Counter[int], literals: list[Any]) -> str | None:
    found = []
    for site, times in asked.items():
        if (guess := _passing_site(tries, site, times, literals)) is None:
            return None
        found.append(guess[0] if len(guess) == 1 else guess)
    return f"{short(found)} in its reports"


def _passing_site(tries: _Tries, site: int, times: int, literals: list[Any]) -> list[Any] | None:
    """What passes an assertion by guess each time that it is made, all alike or one by one; None if nothing does.

    A solution's own result is guessed, and, where the judge has a second way for what has no plain form, that as well.
    """
    given = {key: value for key, value in tries.case.items() if key != "step"}
    for inner in (True, False):
        width, has_two = _width(tries, site, inner)
        for each in _of_site(given, literals, times):
            trying = Trying(site, inner, lambda at, each=each: copy.deepcopy(each[at % len(each)]))  # type: ignore[misc]  # mypy knows no default
            trying.width = width
            if tries.error(trying) is None:
                return each
        if not has_two:
            break
    return None


def _of_site(given: dict[str, Any], literals: list[Any], times: int) -> Iterator[list[Any]]:
    for each in guesses(given, literals, []):
        yield [each]
    yield from in_turn(literals, times)


def _width(tries: _Tries, site: int, inner: bool) -> tuple[int, bool]:
    """(how many values a report of an assertion has, whether there is another way to read it)."""
    has_two = False
    for width in range(1, _MOST_WIDTH + 1):
        trying = Trying(site, inner)
        trying.width = width
        error = tries.error(trying)
        has_two |= trying.asked_inner
        if not (isinstance(error, ValueError) and "unpack" in str(error)):
            return width, has_two
    return 1, has_two
