"""What a reward model would save as a ranker: judgements until the first pass, in its order, as they came, at random.

Measured on a run that is over, where every verdict is known. A ranker decides nothing: what it ranks last is judged
last, and what it ranks first is judged all the same. Only hypotheses of one round are set in order, as those of a later
round were written when the verdicts of an earlier one were known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Hypothesis, Message, Step, StopReason, Trajectory
from gristmill.graph.storage.store import Store
from gristmill.sandbox.records import Record
from gristmill.trainers.data.prompting import Prompting, RowTexts
from gristmill.trainers.data.steps import asked_steps, prompt_turns, reply_turn
from gristmill.trainers.recipes.ser.pairs import digest
from gristmill.trainers.recipes.ser.scoring import Score
from gristmill.verifiers.judging import unscored
from gristmill.verifiers.records import Outcome, Strength, Task

__all__ = [
    "Ranking",
    "RankingExample",
    "RewardRanker",
    "Saving",
    "judged_of",
    "ranking_of",
    "reward_ranker",
    "until_first_pass",
]


class RankingExample(Record):
    """A hypothesis that took a judgement, as the ranker sees it, and what was found."""

    task: str
    round: int
    turns: tuple[dict[str, Any], ...] = Field(description="the bare prompt and the reply, as rows of pairs have them")
    passed: bool
    seconds: float = Field(description="that its judgement took")


class Saving(Record):
    """1 - judgements in the ranker's order / judgements in another one; below 0 where it takes more."""

    share: float
    interval: tuple[float, float] | None = Field(description="95%, bootstrap over tasks; None of fewer than two")


class Ranking(Record):
    """What came of it. Judgements are counted over the tasks that have a pass; the others take all theirs anyway."""

    strength: Literal[Strength.SELF_ASSESSED] = Field(
        Strength.SELF_ASSESSED, description="of a reward: the model says so, and nothing is verified by it"
    )
    tasks: int = Field(description="with a pass")
    matters: int = Field(description="of these, tasks where a round has both a pass and something else: order matters")
    without: int = Field(description="tasks without a pass")
    hypotheses: int = Field(description="judgements of the tasks with a pass, if all are made")
    arrival: float = Field(description="until the first pass of each, as they came")
    random: float = Field(description="expected in a random order")
    ranked: float = Field(description="in the ranker's order; expected, where rewards are equal")
    saved: dict[str, Saving] = Field(description="against `arrival` and `random`")
    right: float | None = Field(
        description="share of (pass, other) of one round where the pass has the greater reward; equal ones are a half"
    )
    left_out: int = Field(0, description="tasks whose prompts the model was trained on: they would flatter it")
    scoring: float = Field(0.0, description="seconds a hypothesis that the ranker took")
    judging: float = Field(0.0, description="seconds a hypothesis that its judgement took in the run")


def judged_of(
    trajectories: Iterable[Trajectory], seen: frozenset[str] = frozenset()
) -> tuple[list[RankingExample], int]:
    """The hypotheses that took a judgement, in the order of tasks, rounds and samples, and the tasks left out.

    What has no solution, repeats another, or could not be judged took none.

    Args:
        seen: digests of prompts whose tasks are left out, as `Pair.group`.
    """
    found, left_out = [], 0
    for trajectory in trajectories:
        texts = RowTexts(trajectory, Prompting())
        mine = [
            RankingExample(
                task=trajectory.task.id,
                round=step.hypothesis.round,
                turns=_turns(trajectory, texts, step),
                passed=step.verdict.passed,
                seconds=step.verdict.seconds,
            )
            for step in asked_steps(trajectory)
            if step.hypothesis.solution is not None
            and step.verdict.repeats is None
            and step.verdict.outcome is not Outcome.UNSCORED
        ]
        if mine and digest([*mine[0].turns[:-1]]) in seen:
            left_out += 1
        else:
            found += mine
    return found, left_out


def _turns(trajectory: Trajectory, texts: RowTexts, step: Step) -> tuple[dict[str, Any], ...]:
    return (*prompt_turns(texts, step), reply_turn(trajectory, texts, step, reasoning=False))


class RewardRanker:
    """A reward model as a `gristmill.graph.judging.rankers.Ranker`: it reads what `judged_of` would have it read.

    Args:
        name: of the ranker.
        score: the model.
    """

    def __init__(self, name: str, score: Score) -> None:
        self.name = name
        self._score = score

    def rewards(self, task: Task, prompt: Sequence[Message], hypotheses: Sequence[Hypothesis]) -> list[float]:
        """The reward of the bare prompt and each reply."""
        # Rows are worded by what was sent, and by whole steps; what was found, which is not known yet, plays no part.
        steps = [Step(hypothesis=each, verdict=unscored("not judged yet")) for each in hypotheses]
        shas = {prompt_sha(prompt), *(each.prompt_sha for each in hypotheses)}
        trajectory = Trajectory(
            run="", task=task, prompts=dict.fromkeys(shas, tuple(prompt)), steps=tuple(steps), stop=StopReason.ROUNDS
        )
        texts = RowTexts(trajectory, Prompting())
        return [self._score(_turns(trajectory, texts, step)) for step in steps]


def reward_ranker(model: str, store: Store) -> RewardRanker:
    """The ranker `reward:MODEL`: the name of a SER of this store that has ended, or the folder of a reward model.

    Raises:
        UserError: there is none.
    """
    from gristmill.trainers.recipes.ser.records import model_of
    from gristmill.trainers.recipes.ser.scoring import load_reward_model

    folder, _ = model_of(store, model)
    return RewardRanker(f"reward:{model}", load_reward_model(folder))


def until_first_pass(rewards: Sequence[float], passed: Sequence[bool]) -> float:
    """Judgements until the first pass, greatest reward first; expected, where equal rewards are shuffled.

    All of them where none passed. With equal rewards for all this is a random order: (n + 1) / (passes + 1).
    """
    first = max((reward for reward, good in zip(rewards, passed, strict=True) if good), default=None)
    if first is None:
        return float(len(rewards))
    alike = [good for reward, good in zip(rewards, passed, strict=True) if reward == first]
    return sum(reward > first for reward in rewards) + (len(alike) + 1) / (sum(alike) + 1)


def ranking_of(judged: Sequence[RankingExample], rewards: Sequence[float]) -> Ranking:
    """Count the judgements in each order; `rewards` are of `judged`, place by place."""
    by_task: dict[str, dict[int, list[tuple[float, bool]]]] = defaultdict(lambda: defaultdict(list))
    for each, reward in zip(judged, rewards, strict=True):
        by_task[each.task][each.round].append((reward, each.passed))
    counts: list[tuple[float, float, float]] = []
    hypotheses = matters = without = pairs = 0
    right = 0.0
    for rounds in by_task.values():
        needed = [0.0, 0.0, 0.0]
        for _, row in sorted(rounds.items()):
            values, passed = [reward for reward, _ in row], [good for _, good in row]
            as_came = [-float(place) for place in range(len(row))]
            for order, ranks in enumerate((as_came, [0.0] * len(row), values)):
                needed[order] += until_first_pass(ranks, passed)
            if any(passed):
                break
        else:
            without += 1
            continue
        counts.append((needed[0], needed[1], needed[2]))
        hypotheses += sum(map(len, rounds.values()))
        good, bad = ([reward for reward, is_good in row if is_good is wanted] for wanted in (True, False))
        matters += bool(bad)
        pairs += len(good) * len(bad)
        right += sum((one > other) + (one == other) / 2 for one in good for other in bad)
    arrival, random, ranked = (sum(each[order] for each in counts) for order in range(3))
    return Ranking(
        tasks=len(counts),
        matters=matters,
        without=without,
        hypotheses=hypotheses,
        arrival=arrival,
        random=random,
        ranked=ranked,
        saved={
            name: _saving([each[order] for each in counts], [each[2] for each in counts])
            for order, name in enumerate(("arrival", "random"))
        },
        right=right / pairs if pairs else None,
        judging=sum(each.seconds for each in judged) / len(judged) if judged else 0.0,
    )


def _saving(before: Sequence[float], after: Sequence[float]) -> Saving:
    if len(before) < 2:
        return Saving(share=1 - sum(after) / sum(before) if before else 0.0, interval=None)
    import numpy
    from scipy.stats import bootstrap

    def saved(old: Any, new: Any, axis: int = -1) -> Any:
        return 1 - new.sum(axis=axis) / old.sum(axis=axis)

    found = bootstrap(
        (before, after),
        saved,
        paired=True,
        vectorized=True,
        method="percentile",
        batch=100,
        random_state=numpy.random.default_rng(0),
    ).confidence_interval
    return Saving(share=1 - sum(after) / sum(before), interval=(float(found.low), float(found.high)))
