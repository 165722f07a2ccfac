"""What is said of a score test's instances: numbers to a model, words of the public ones, and all to the owner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.scored.totals import Row, deviation, mean_scores, replicates_of
from gristmill.verifiers.records import Check, CheckEvidence, Direction, Evidence, Fault, Outcome, ScoreTest, Strength

__all__ = ["check_of", "evidence_of", "feedback_of", "scores_of", "strength_of"]

_MOST_LISTED: Final = 50
_MOST_CHARACTERS: Final = 4000
_WORDS: Final = {
    Outcome.INVALID: "what it returned was turned down, or could not be used",
    Outcome.ERROR: "it raised an error",
    Outcome.TIMEOUT: "it ran out of time",
    Outcome.OUT_OF_MEMORY: "it ran out of memory",
}


def feedback_of(
    test: ScoreTest,
    rows: Sequence[Row],
    total: float | None,
    *,
    spared: int = 0,
    flaky: bool = False,
    lacks: str = "",
) -> str:
    """All that a model may read: numbers of every instance that steers, and words of the public ones."""
    parts = [feedback.FLAKY] if flaky else []
    if total is not None:
        how = {"mean": "the mean over", "sum": "the sum over", "worst": "the worst of"}[test.total]
        better = "less" if test.direction is Direction.MINIMIZE else "more"
        number = len({row.place for row in rows}) + spared
        noise = _noise(test, rows)
        parts.append(f"Score {total:.6g}{noise}, {how} {number} instance{'s' * (number != 1)}; {better} is better.")
    if spared:
        parts.append(
            f"It was stopped below a threshold: {spared} instance{'s were' if spared != 1 else ' was'} not run, and "
            f"count{'s' * (spared == 1)} as {test.floor:.6g} each."
        )
    scored = _by_instance(test, rows)
    if len(test.instances) > 1 or total is None:
        others = "Other instances" if test.public else "Instances"
        for public, words in ((True, "Public instances"), (False, others)):
            shown = [_number(test, row) for row in scored if (row.place in test.public) is public]
            if shown:
                more = "" if len(shown) <= _MOST_LISTED else f" and {len(shown) - _MOST_LISTED} more"
                parts.append(f"{words}: {'; '.join(shown[:_MOST_LISTED])}{more}.")
    elif scored and 0 in test.public and (numbers := _others(scored[0])):
        parts.append(f"Its numbers: {numbers}.")
    last = rows[-1]
    if last.evaluation.score is None:
        parts.append(_failure(test, last))
    return feedback.clean("\n".join(filter(None, (*parts, lacks))))[:_MOST_CHARACTERS]


def _noise(test: ScoreTest, rows: Sequence[Row]) -> str:
    replicates = replicates_of(test, rows)
    spread = deviation(replicates)
    if spread is None:
        return ""
    return (
        f" (standard error {spread / math.sqrt(len(replicates)):.2g} of {len(replicates)} evaluations by other seeds)"
    )


def _by_instance(test: ScoreTest, rows: Sequence[Row]) -> list[Row]:
    """The rows with a number, one an instance: all its numbers in the mean."""
    merged: list[Row] = []
    means = mean_scores(test, rows)
    for place in means:
        own = [row for row in rows if row.place == place and row.evaluation.score is not None]
        first = own[0]
        if len(own) > 1:
            numbers = {
                name: math.fsum(row.evaluation.numbers.get(name, 0.0) / len(own) for row in own)
                for name in first.evaluation.numbers
                if all(name in row.evaluation.numbers for row in own)
            }
            first = first._replace(evaluation=replace(first.evaluation, numbers=numbers))
        merged.append(first)
    return merged


def _number(test: ScoreTest, row: Row) -> str:
    public = row.place in test.public
    others = _others(row) if public else ""
    name = test.names[row.place][:60] if public else str(row.place)
    return f"{name}: {row.evaluation.score:.6g}{f' ({others})' if others else ''}"


def _others(row: Row) -> str:
    return ", ".join(f"{name[:40]} {value:.6g}" for name, value in list(row.evaluation.numbers.items())[1:9])


def _failure(test: ScoreTest, row: Row) -> str:
    evaluation = row.evaluation
    if evaluation.broken:
        return f"{evaluation.text[:1].upper()}{evaluation.text[1:]}."
    if row.place in test.public:
        return f"On the public instance {test.names[row.place][:60]}: {evaluation.text}"
    return f"On instance {row.place}, which is not public, {_WORDS.get(evaluation.outcome, 'it has no score')}."


def evidence_of(verifier: str, field: str, names: Sequence[str], rows: Sequence[Row], test: ScoreTest) -> Evidence:
    """All of it, for the task's owner."""
    instances: tuple[Any, ...] = getattr(test, field)
    shown = []
    noisy = len({row.replicate for row in rows}) > 1
    for place, replicate, evaluation in rows:
        score = evaluation.score
        text = evaluation.fault or evaluation.text
        numbers = ", ".join(f"{name or 'score'} = {value!r}" for name, value in evaluation.numbers.items())
        time = f"{evaluation.calls} calls, waited for {evaluation.waited:.3f} s, crossings {evaluation.crossing:.3f} s"
        shown.append(
            CheckEvidence(
                name=feedback.clean(f"tests[0]/{names[place]}{f' #{replicate}' if noisy else ''}"),
                outcome=evaluation.outcome,
                public=field == "instances" and place in test.public,
                place=f"tests[0].{field}[{place}]",
                asked=feedback.clean(feedback.short(instances[place])),
                value=feedback.clean("" if score is None else repr(score)),
                limit=evaluation.limit,
                detail=feedback.clean(
                    "\n".join(filter(None, (text, evaluation.told, numbers, time if evaluation.calls else "")))
                ),
                fault=Fault.RAISES if evaluation.fault else None,
            )
        )
    return Evidence.of(verifier, shown)


def scores_of(test: ScoreTest, names: Sequence[str], rows: Sequence[Row]) -> dict[str, float]:
    """By name, in the order of the instances."""
    return {names[place]: score for place, score in mean_scores(test, rows).items()}


def check_of(test: ScoreTest, row: Row) -> Check:
    """A verdict's check of one evaluation."""
    public = row.place in test.public
    by = f" #{row.replicate}" if test.repeats > 1 else ""
    evaluation = row.evaluation
    text = evaluation.text if evaluation.score is None else f"score {evaluation.score:.12g}"
    name = test.names[row.place] if public else str(row.place)
    return Check(
        name=feedback.clean(f"tests[0]/{name}{by}"),
        outcome=evaluation.outcome,
        public=public,
        detail=feedback.clean(text) if public else "",
    )


def strength_of(test: ScoreTest, rows: Sequence[Row]) -> Strength:
    """How much these evaluations prove."""
    if test.together:
        return Strength.TOGETHER
    return Strength.FORWARDED if any(row.evaluation.forwarded for row in rows) else Strength.TESTED
