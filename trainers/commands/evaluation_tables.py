"""What `eval` prints of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from gristmill.graph.commands.explaining import short_number
from gristmill.sandbox.plain import say, say_json, say_table
from gristmill.trainers.commands.compare import print_comparison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gristmill.graph.summary import TaskStanding
    from gristmill.trainers.measure.comparisons import ComparedRuns
    from gristmill.trainers.measure.confidence import Confidences
    from gristmill.trainers.measure.records import Evaluation
    from gristmill.trainers.records import Share
    from gristmill.verifiers.records import Task, Verdict

__all__ = ["interval", "print_accuracies", "print_evaluation", "print_shares"]


def interval(share: Share) -> str:
    """The 95% interval of a share, in per cent."""
    return f"{100 * share.low:.1f}–{100 * share.high:.1f}%"


def print_evaluation(
    evaluation: Evaluation,
    standings: Sequence[TaskStanding],
    as_json: bool,
    *,
    sure: Confidences | None = None,
    compared: ComparedRuns | None = None,
) -> None:
    """The table of tasks, the shares, and what does not count; exit code 3 where tasks could not be scored."""
    if as_json:
        import json

        more = {"confidence": sure, "compared": compared}
        beside = {name: record.model_dump(mode="json") for name, record in more.items() if record is not None}
        say_json(json.dumps({**evaluation.model_dump(mode="json"), **beside}, indent=1, ensure_ascii=False))
    else:
        from gristmill.trainers.measure.evaluation import strengths_of
        from gristmill.verifiers.settling import BESIDE, weaker_words

        _print_tasks(evaluation, standings)
        print_shares(evaluation)
        if weaker := weaker_words({name: n for name, n in strengths_of(evaluation.results).items() if name in BESIDE}):
            say(f"of the first replies passed {weaker}: taken by --accept, and not verified")
        if sure is not None:
            _print_confidence(sure)
        say(f"{evaluation.tokens} tokens, {evaluation.seconds:.0f} s")
        if compared is not None:
            say("")
            print_comparison(compared, False)
    if evaluation.undecided:
        say(
            f"not counted: {evaluation.undecided} that passed only because operators of the candidate's own took part "
            "in deciding (strength `forwarded`); let these tests compare plain values",
            err=True,
        )
    unscored = evaluation.pass_at[1].unscored
    if unscored:
        say(f"{unscored} tasks could not be scored; they count neither as right nor as wrong", err=True)
        raise typer.Exit(3)


def print_shares(evaluation: Evaluation) -> None:
    """pass@k, and of several replies a task the majority and the best by what the model may see, with intervals."""
    if len(evaluation.pass_at) == 1:
        share = evaluation.pass_at[1]
        say(f"pass@1  {100 * share.rate:.1f}%  (95% {interval(share)}, {share.total} tasks)")
        return
    columns = {"pass@k": evaluation.pass_at, "maj@k": evaluation.majority_at, "best@k": evaluation.best_at}
    columns = {name: shares for name, shares in columns.items() if shares}
    rows = [
        (
            str(k),
            *(cell for shares in columns.values() for cell in (f"{100 * shares[k].rate:.1f}%", interval(shares[k]))),
        )
        for k in evaluation.majority_at
    ]
    say_table(("k", *(cell for name in columns for cell in (name, "95%"))), rows, right=("k", *columns))
    say("")
    say(f"over {evaluation.pass_at[1].total} tasks, which are what the intervals take to vary")
    say("maj@k: the answer that most of k replies give, the earliest of equals")
    if acting := evaluation.voted.get("behaviour"):
        say(f"  programs are one answer if they give the same outputs: {acting} tasks")
    if written := evaluation.voted.get("syntax"):
        say(f"  programs are one answer if their syntax is the same, as no inputs can be read: {written} tasks")
    if lost := evaluation.votes_left_out:
        say(
            f"  {lost} replies have no vote, as no sandbox could run their programs; --resume runs them again", err=True
        )
    if evaluation.best_at:
        total = evaluation.best_at[1].total
        say(
            f"best@k: the reply of k that passes most of what the model may see, over {total} tasks that show something"
        )


def _print_confidence(sure: Confidences) -> None:
    """What comes of abstaining; none of it is verified by that."""
    done = sure.abstaining
    if done is None:
        return
    right = "" if done.accuracy is None else f", {100 * done.accuracy:.1f}% of them rightly"
    say(
        f"answering by the majority from confidence {done.threshold:g} on: {done.answered} of {done.tasks} tasks "
        f"({100 * done.coverage:.1f}%){right} (calibration: {sure.calibration})"
    )
    if sure.seen:
        say(f"{sure.seen} of these tasks are among those that it was fitted on: confidence is too good there", err=True)


def _print_tasks(evaluation: Evaluation, standings: Sequence[TaskStanding]) -> None:
    """One row a task: how many of its replies passed, and how the best of them stands."""
    from gristmill.verifiers.settling import outcome_words

    passed = {result.task_id: result.passed for result in evaluation.results}
    rows = [
        (
            each.task,
            f"{sum(map(bool, passed.get(each.task, ())))} of {len(passed.get(each.task, ()))}",
            "no reply" if each.outcome is None else outcome_words(each.outcome, each.strength),
            short_number(each.score),
        )
        for each in standings
    ]
    say_table(("task", "passed", "outcome", "score"), rows, right=("passed", "score"))
    say("")


def print_accuracies(tasks: Sequence[Task], verdicts: Mapping[str, Verdict], as_json: bool) -> None:
    """IFEval's four accuracies; exit code 3 where prompts could not be scored."""
    from gristmill.trainers.measure.benchmarks import accuracies

    shares = accuracies(tasks, verdicts)
    if as_json:
        say_json(shares.model_dump_json(indent=1))
    else:
        for name in ("prompt_strict", "instruction_strict", "prompt_loose", "instruction_loose"):
            share = getattr(shares, name)
            say(f"{name:<18}  {100 * share.rate:.1f}%  (95% {interval(share)}, {share.passed:.0f} of {share.total})")
    if shares.unscored:
        say(f"{shares.unscored} prompts could not be scored; they count neither as right nor as wrong", err=True)
        raise typer.Exit(3)
