"""How a search went, for people: the curve of the best, the family of the winner, and who brought the gain."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Protocol

from gristmill.graph.amounts import in_words
from gristmill.graph.commands.explaining import short_number
from gristmill.sandbox.plain import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gristmill.graph.reports.course import Course, Generation, Point, Share
    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import TaskStanding

__all__ = ["bars", "bars_over_money", "one_task", "say_course", "say_shortly"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


class Scored(Protocol):
    """A point of a curve."""

    @property
    def score(self) -> float | None:
        """None where there is no number."""
        ...


class Reached(Scored, Protocol):
    """A point of a curve over calls."""

    @property
    def calls(self) -> int:
        """Calls by then."""
        ...


def one_task(run: str, standings: Sequence[TaskStanding], task: str | None, what: str) -> TaskStanding:
    """The task that was named, or the only one.

    Raises:
        UserError: there is no such task, or more than one and none was named.
    """
    from gristmill.sandbox.errors import UserError

    chosen = [each for each in standings if task in (None, each.task)]
    if not chosen:
        raise UserError(f"the run {run!r} has no task{'s' if task is None else f' {task!r}'}")
    if len(chosen) > 1:
        raise UserError(f"{what} of one task, and {run!r} has {len(chosen)}: name one with --task")
    return chosen[0]


def say_course(store: Store, run: str, standing: TaskStanding, asked: tuple[bool, bool, bool], as_json: bool) -> None:
    """Print how the search for one task went.

    Args:
        store, run, standing: of what.
        asked: whether curve, family and gains are wanted.
        as_json: all of it, for programs.
    """
    from gristmill.graph.reports.course import course

    told = course(store, run, standing)
    if as_json:
        say_json(told.model_dump_json(indent=1))
        return
    parts = [part for wanted, part in zip(asked, (_curve, _family, _gains), strict=True) if wanted]
    for number, part in enumerate(parts):
        if number:
            say("")
        part(told)


def say_shortly(store: Store, run: str, standings: Sequence[TaskStanding]) -> None:
    """A line for the summary of a run that searches for the best of one task, where it has gone on after a round."""
    from gristmill.graph.reports.course import course

    if len(standings) != 1 or not standings[0].graded or standings[0].rounds < 2:
        return
    told = course(store, run, standings[0])
    if told.curve:
        drawn = bars(told.curve, told.calls)
        say(f"curve        {_from_to(told)}  {drawn}  (--curve, --family and --gains tell more)")


def _curve(course: Course) -> None:
    """The score of the best so far over calls: as bars, and a row for each hypothesis that was better."""
    if not course.curve:
        say(f"curve: nothing that was proposed for {course.task} could be judged yet")
        return
    way = "lower is better" if course.direction.value == "minimize" else "higher is better"
    paid = course.money > 0
    cost = f" for {in_words(course.money)}" if paid else ""
    say(f"curve of {course.task}: {_from_to(course)} in {_calls(course.calls)}{cost} ({way})")
    if drawn := bars(course.curve, course.calls):
        say(f"  {drawn}{'  over calls' if paid else ''}")
        if paid:
            say(f"  {bars_over_money(course)}  over money")
    rows = [
        (
            str(each.calls),
            *([in_words(each.money)] if paid else []),
            str(each.round),
            each.hypothesis,
            _outcome(course, each),
            _number(each.score),
            _signed(each.gain),
            each.operator,
            each.model,
        )
        for each in course.curve
    ]
    money = ("money",) if paid else ()
    head = ("call", *money, "round", "hypothesis", "outcome", "best", "gain", "operator", "model")
    say_table(head, rows, right=("call", *money, "round", "best", "gain"))


def _family(course: Course) -> None:
    """The winner and what it goes back to, the oldest first, each as a difference from the one before."""
    if not course.family:
        say(f"family: {course.task} has no best hypothesis yet")
        return
    count = len(course.family)
    grown = f"{count} generations, the oldest first" if count > 1 else "1 generation"
    say(f"family of {course.family[-1].hypothesis}: {grown}")
    for number, each in enumerate(course.family):
        others = f", with {', '.join(each.parents[1:])}" if len(each.parents) > 1 else ""
        score = f", score {_number(each.score)}" if each.score is not None else ""
        say(f"{number}. {each.hypothesis}: {_outcome(course, each)}{score}, by {each.operator} of {each.model}{others}")
        say("\n".join(f"    {line}" for line in each.difference.splitlines()) or "    the same program")


def _gains(course: Course) -> None:
    """Which operators and models have brought how much of the gain."""
    begun = f" from {_number(course.first)}" if course.first is not None else ""
    say(f"gains of {course.task}{begun}, over {course.hypotheses} judged hypotheses")
    for name, shares in (("operator", course.operators), ("model", course.models)):
        head = (name, "hypotheses", "improved the best", "gain", "share")
        say_table(head, list(_share_rows(shares)), right=head[1:])
    if course.instructions:
        head = ("after round", "hypotheses", "improved the best", "gain", "share")
        rows = [
            (*row, each.text) for row, each in zip(_share_rows(course.instructions), course.instructions, strict=True)
        ]
        say_table((*head, "instruction"), rows, right=head)


def bars(curve: Sequence[Reached], calls: int, width: int = _WIDTH) -> str:
    """The best so far over calls as a row of bars, as many as calls, `width` at most; "" where it cannot be printed.

    The lowest score has the lowest bar, whatever the direction; blank where there is no number yet.
    """
    count = max(1, min(width, calls))
    return _drawn(curve, [each.calls * count for each in curve], [column * calls for column in range(1, count + 1)])


def bars_over_money(course: Course, width: int = _WIDTH) -> str:
    """As `bars`, over what calls have cost."""
    steps = [column * course.money / width for column in range(1, width)]
    return _drawn(course.curve, [each.money for each in course.curve], [*steps, math.inf])


def _drawn(curve: Sequence[Scored], places: Sequence[float], columns: Sequence[float]) -> str:
    """A bar for each column: the best of the points that stand up to there."""
    scores = [each.score for each in curve if each.score is not None and math.isfinite(each.score)]
    try:
        _BARS.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return ""
    if not scores:
        return ""
    low, high = min(scores), max(scores)
    drawn, at = [], 0
    for column in columns:
        while at < len(curve) and places[at] <= column:
            at += 1
        score = curve[at - 1].score if at else None
        if score is None or not math.isfinite(score):
            drawn.append(" ")
        else:
            # Divided first: the distance of two numbers may be too large for a number.
            share = 0.5 if low == high else (score / 2 - low / 2) / (high / 2 - low / 2)
            drawn.append(_BARS[round(share * (len(_BARS) - 1))])
    return "".join(drawn)


def _share_rows(shares: Sequence[Share]) -> Iterator[tuple[str, ...]]:
    for each in shares:
        share = "" if each.share is None else f"{100 * each.share:.0f}%"
        yield each.name, str(each.hypotheses), str(each.improved), short_number(each.gain), share


def _outcome(course: Course, each: Point | Generation) -> str:
    from gristmill.verifiers.settling import outcome_words

    # A score short of its target is how far a search has come, not an answer that is wrong.
    below = course.graded and each.outcome.value == "failed"
    return "below target" if below else outcome_words(each.outcome, each.strength)


def _number(score: float | None) -> str:
    """A score for people; what has none has the worst one, an infinity."""
    return "none" if score is None or not math.isfinite(score) else short_number(score)


def _from_to(course: Course) -> str:
    if course.best is None or not math.isfinite(course.best):
        return "no score yet"
    first = course.first is not None and math.isfinite(course.first)
    return f"{short_number(course.first) if first else 'none'} → {short_number(course.best)}"


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _signed(gain: float | None) -> str:
    return "" if gain is None else f"{gain:+.6g}"
