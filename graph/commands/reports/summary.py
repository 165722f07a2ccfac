"""What a run came to, for people: a table of its tasks, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gristmill.graph.amounts import in_words
from gristmill.graph.commands.explaining import short_number
from gristmill.sandbox.plain import say, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import CampaignSummary, TaskStanding

__all__ = ["closing_lines", "of_prices", "of_ranking", "opened_again", "print_standings", "print_summary"]


def of_prices(store: Store, run: str) -> str:
    """Whose prices the money of a run is by, in words."""
    from gristmill.graph.models.prices import PRICES, Prices

    prices = store.documents.get(PRICES, run, "", Prices)
    return prices.words if prices is not None else ""


def of_ranking(store: Store, run: str) -> str:
    """What a ranker has saved the run, in words; empty where it had none."""
    from gristmill.graph.reports.ranking import saved_by_ranking

    found = saved_by_ranking(store, run)
    if found is None:
        return ""
    what = "saved" if found.seconds >= 0 else "lost"
    return (
        f"{found.spared} of {found.spared + found.judged} judgements spared in the order of {found.ranker} "
        f"(self_assessed); about {abs(found.seconds):.1f} s {what}: {found.judging:.2f} s a judgement, "
        f"{found.scoring:.1f} s of ranking"
    )


def print_standings(standings: Sequence[TaskStanding]) -> None:
    """A table of tasks, for people."""
    from gristmill.verifiers.judging import TRAINED
    from gristmill.verifiers.settling import outcome_words

    if not standings:
        say("no such tasks")
        return
    graded = any(each.graded for each in standings)
    looked = any(each.closing is not None for each in standings)
    held_out = "final" if all(each.kind in TRAINED for each in standings if each.closing) else "held out"
    numbers = ("best", *(("re-score", held_out) if looked else ()), "baseline", "target") if graded else ("score",)

    def scores(each: TaskStanding) -> tuple[float | None, ...]:
        if not graded:
            return (each.score,)
        won = each.closing.of_winner if each.closing is not None else None
        again = (won and won.rescore, won and won.held_out) if looked else ()
        return (won.score if won else each.score, *again, each.baseline, each.target)

    def outcome(each: TaskStanding) -> str:
        if each.outcome is None:
            return "not judged"
        # A score short of its target is how far a search has come, not an answer that is wrong.
        below = each.graded and each.outcome.value == "failed"
        return "below target" if below else outcome_words(each.outcome, each.strength)

    rows = [
        (
            each.task,
            outcome(each),
            *(short_number(value) for value in scores(each)),
            str(each.rounds),
            str(each.calls),
            each.stop.value if each.stop else "goes on",
        )
        for each in standings
    ]
    say_table(("task", "outcome", *numbers, "rounds", "calls", "ended by"), rows, right=(*numbers, "rounds", "calls"))


def closing_lines(standing: TaskStanding, *, alone: bool) -> list[str]:
    """What the close of a search has found: of the only task the scores, of others what is amiss."""
    from gristmill.verifiers.judging import TRAINED

    closing = standing.closing
    if closing is None:
        return []
    of = "" if alone else f"{standing.task}: "
    if closing.trouble:
        return [f"re-score     {of}not to be had: {closing.trouble}; --resume tries again, and asks no model"]
    lines, won = [], closing.of_winner
    if won is not None and alone:
        mean = f" (95%: {short_number(won.low)} to {short_number(won.high)})" if won.low is not None else ""
        often = f" in the mean of {won.replicates}" if won.replicates > 1 else ""
        on = "final" if standing.kind in TRAINED else "held out"
        held_out = "" if won.held_out is None else f", {on} {short_number(won.held_out)}"
        again = short_number(won.rescore) or "none"
        lines = [
            f"winner       {won.hypothesis}: search {short_number(won.score)}, re-score {again}{often}{mean}{held_out}"
        ]
    if not closing.confirmed:
        lines.append(f"unconfirmed  {of}{closing.winner or 'nothing'} is the best of those that did not stand")
    lines += [
        f"stepped down {of}{each.hypothesis}, search {short_number(each.score)}: {each.stepped_down}"
        for each in closing.stepped_down
        if each.hypothesis != closing.winner or not closing.confirmed
    ]
    if len(closing.openings) > 1:
        lines.append(opened_again(closing.openings, of))
    return lines


def opened_again(openings: Sequence[str], of: str) -> str:
    """That what is held out was looked at for more than one hypothesis, of which it then says less than of the first.

    Args:
        openings: for whom, the first one first.
        of: what the line begins with.
    """
    return f"opened again {of}what is held out was opened {len(openings)} times: {', '.join(openings)}"


def print_summary(
    console: Console,
    summary: CampaignSummary,
    standings: Sequence[TaskStanding] = (),
    prices: str = "",
    ranking: str = "",
) -> None:
    """What a run came to, for people; where all its tasks are graded, in words that fit these.

    Args:
        console: where to.
        summary, standings: of the run.
        prices: whose prices its money is by, in words.
        ranking: what a ranker has saved it, in words.
    """
    from gristmill.verifiers.records import Outcome
    from gristmill.verifiers.settling import weaker_words

    def counts(values: dict[Any, int]) -> str:
        weaker = {Outcome.PASSED: f" ({words})" if (words := weaker_words(summary.unverified)) else ""}
        return ", ".join(f"{count} {key.value}{weaker.get(key, '')}" for key, count in values.items())

    scored = summary.hypotheses - summary.unscored - summary.spared
    graded = bool(standings) and all(each.graded for each in standings)
    solved = "reached their target" if graded else "solved"
    outcomes = dict(summary.outcomes)
    below = outcomes.pop(Outcome.FAILED, 0) if graded else 0
    told_outcomes = ", ".join(part for part in (f"{below} below target" if below else "", counts(outcomes)) if part)
    reasons = ", ".join(f"{reason.value} ({count})" for reason, count in summary.stops.items()) or "none"
    cached = f" ({summary.tokens.cached} of them cached)" if summary.tokens.cached else ""
    lines = [
        f"run          {summary.run}: {summary.status}" + (f" ({summary.detail})" if summary.detail else ""),
        f"tasks        {summary.tasks}: {summary.ended} ended, {summary.solved} {solved}",
        f"ended by     {reasons}",
        f"hypotheses   {summary.hypotheses}: {told_outcomes or 'none'}",
        f"verified     {summary.verified} of {scored} scored ({100 * summary.verified_share:.1f}%)",
        f"calls        {summary.calls}, {summary.repeated} of them repeated after an interruption",
        f"tokens       {summary.tokens.prompt} prompt{cached}, {summary.tokens.completion} completion",
        f"seconds      {summary.seconds:.1f}",
    ]
    if summary.money:
        lines.insert(-1, f"money        {in_words(summary.money)}{f' by {prices}' if prices else ''}")
    if ranking:
        lines.insert(-1, f"ranked       {ranking}")
    if summary.cut:
        lines.append(f"cut off      {summary.cut} replies, which had reached --max-tokens")
    if refused := summary.outcomes.get(Outcome.REFUSED, 0):
        lines.append(f"refused      {refused}: they pass beside their tests alone; --accept together takes them")
    if summary.reasoning_only:
        lines.append(
            f"reasoning    {summary.reasoning_only} replies were reasoning only, without an answer: "
            "--max-tokens is too small"
        )
    lines += [f"left out     {model}, which is asked no more: {why}" for model, why in summary.left_out.items()]
    if summary.unanswered:
        lines.append(f"unanswered   {summary.unanswered} places: the model did not answer; --resume asks it again")
    if lost := summary.unscored - summary.faulty:
        lines.append(f"unscored     {lost}: not judged for want of a sandbox; --resume tries them again")
    if summary.faulty:
        lines.append(
            f"faulty       {summary.faulty}: the evaluator of {summary.fault_of} had no number for them, by its own "
            f"fault: {summary.fault}; mend it, and start a new run"
        )
    lines += [line for each in standings for line in closing_lines(each, alone=len(standings) == 1)]
    for line in lines:
        console.print(line, soft_wrap=True)
