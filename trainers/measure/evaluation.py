"""Held-out tasks → shares with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.events import Listener
from gristmill.graph.models.base import Proposer
from gristmill.graph.models.errors import ModelError
from gristmill.graph.records import Message, Step
from gristmill.graph.storage.store import Store
from gristmill.sandbox.base import Jobs
from gristmill.trainers.measure.agreeing import Votes, digest, normal_form, vote, votes_of
from gristmill.trainers.measure.estimates import best_of, majority_of, share_of, sizes
from gristmill.trainers.measure.records import Evaluation, TaskResult, Voted
from gristmill.verifiers.judging import Judge
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from gristmill.verifiers.settling import accepted

__all__ = ["Evaluation", "TaskResult", "evaluate", "evaluation_of", "greedy", "share_of", "strengths_of"]


def greedy(config: RunConfig, adapter: str | None) -> RunConfig:
    """How a search's model, with this adapter, is measured: one greedy reply a task, whatever that costs.

    What counts as a pass is what the search takes for one.
    """
    one = {
        "hypotheses": 1,
        "first_pass": False,
        "rank": None,
        "judge_first": None,
        "temperature": 0.0,
        "top_p": 1.0,
        "stop": (),
    }
    return config.changed(adapter=adapter, **one, calls=None, tokens=None, seconds=None)


async def evaluate(
    tasks: Sequence[Task],
    config: RunConfig,
    *,
    name: str,
    store: Store,
    proposer: Proposer,
    pool: Jobs | None = None,
    verifiers: Judge | None = None,
    resume: bool = False,
    bare: bool = False,
    votes: bool = True,
    on_event: Listener | None = None,
) -> Evaluation:
    """Ask for `config.search.hypotheses` replies a task, verify them, and count: a campaign of one round.

    All replies are asked for at once; the proposer's own batching bounds what runs at a time. A reply without a usable
    solution counts as not passed, and so does one that passed only by what its own operators said of a test's values:
    a model must not be called better for having learned to forge. A task that a budget left without a reply counts as
    unscored. With `config.accept` "split" or "together", passes of these count too, and are told by strength.

    Args:
        config: how replies are drawn and what they may cost; a search's strategy and rounds mean nothing here.
        name: of the run that the store keeps of it, marked as an evaluation.
        proposer: entered.
        pool, verifiers, resume, on_event: see `gristmill.graph.campaign.run_campaign`.
        bare: send the task's prompt and nothing else, as benchmarks that publish whole prompts are run.
        votes: of several replies a task, tell programs apart by what they do, see `.agreeing.vote`.

    Raises:
        ModelError: the model could not be had.
        Others: see `gristmill.graph.campaign.run_campaign`.
    """
    total = len(tasks) * config.search.hypotheses

    def seed_for(task_id: str, round: int, sample: int) -> int | None:
        return config.seed + sample if config.calls.temperature else None

    summary = await run_campaign(
        tasks,
        config.changed(
            strategy="best_of", rounds=1, first_pass=False, rank=None, judge_first=None, concurrency=max(1, total)
        ),
        name=name,
        store=store,
        proposer=proposer,
        pool=pool,
        verifiers=verifiers,
        resume=resume,
        on_event=on_event,
        messages_for=_bare if bare else None,
        seed_for=seed_for,
        purpose="evaluation",
    )
    if summary.unanswered:
        # A measure of fewer replies than were asked for would be compared with others as if it were whole.
        raise ModelError(
            f"{summary.unanswered} of {total} replies did not come; the others are kept, --resume asks for these again"
        )
    if votes and config.search.hypotheses > 1:
        await vote(store, name, config, pool)
    return evaluation_of(store, name)


def evaluation_of(store: Store, name: str) -> Evaluation:
    """What a stored run says about its model."""
    summary, config = store.summary(name), store.get_run(name).config
    samples = config.search.hypotheses
    votes = votes_of(store, name) if samples > 1 else {}

    def counts(verdict: Verdict) -> bool:
        """What was found by tools alone, and what the owner has asked to take."""
        return verdict.decided_by_tools or accepted(verdict, config.accept)

    results, undecided, several = [], 0, samples > 1
    voted: Counter[Voted] = Counter()
    for trajectory in store.trajectories(name):
        verdicts = [step.verdict for step in trajectory.steps]
        undecided += sum(verdict.passed and not counts(verdict) for verdict in verdicts)
        kept = votes.get(trajectory.task.id)
        if several and trajectory.task.kind == "code":
            voted["syntax" if kept is None else "behaviour"] += 1
        results.append(
            TaskResult(
                task_id=trajectory.task.id,
                tags=trajectory.task.tags,
                replies=tuple(step.hypothesis.text for step in trajectory.steps),
                passed=tuple(None if verdict.outcome is Outcome.UNSCORED else counts(verdict) for verdict in verdicts),
                strengths=tuple(verdict.strength if counts(verdict) else None for verdict in verdicts),
                answers=tuple(_answer(trajectory.task, step, kept) for step in trajectory.steps) if several else (),
                visible=tuple(_visible(trajectory.task, verdict) for verdict in verdicts) if several else (),
            )
        )
    shown = any(each is not None for result in results for each in result.visible)
    return Evaluation(
        results=tuple(results),
        pass_at={k: share_of(results, k) for k in range(1, samples + 1)},
        majority_at={k: majority_of(results, k) for k in sizes(samples)} if several else {},
        best_at={k: best_of(results, k) for k in sizes(samples)} if shown else {},
        tokens=summary.tokens.prompt + summary.tokens.completion,
        seconds=summary.seconds,
        undecided=undecided,
        voted=dict(voted),
        votes_left_out=sum(each.left_out for each in votes.values()),
    )


def _answer(task: Task, step: Step, votes: Votes | None) -> str | None:
    if votes is not None:
        return votes.answers.get(step.hypothesis.id)
    form = normal_form(task, step.hypothesis.solution)
    return None if form is None else digest(form)


def _visible(task: Task, verdict: Verdict) -> float | None:
    """The share of a code task's public tests, or of a prompt's instructions, that a reply passes."""
    if task.kind == "instruction":
        return verdict.score
    public = [check.outcome is Outcome.PASSED for check in verdict.checks if check.public]
    if task.kind != "code" or not task.public_tests or verdict.outcome is Outcome.UNSCORED:
        return None
    return sum(public) / len(public) if public else 0.0


def strengths_of(results: Sequence[TaskResult]) -> dict[Strength, int]:
    """How many first replies passed, by the strength of that; those of an earlier version have none."""
    counts = Counter(each.strengths[0] for each in results if each.strengths)
    return {strength: counts[strength] for strength in Strength if counts[strength]}


def _bare(task: Task, *, profile: Literal["chat", "small"], round: int, parents: Sequence[Step]) -> tuple[Message, ...]:
    return (Message(role="user", content=task.prompt),)
