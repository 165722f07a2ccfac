"""Which pairs of the pool the model may label: centred and calibrated scores, the learning status, what each rule kept.

Published are the two rules and their thresholds, and that the two statuses alternate. How a status is told from the
other is not published; here status 1 applies where its rule adds or swaps pairs, else status 2 where its rule does,
else neither, and the end is reached.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import Field

from gristmill.sandbox.records import Record
from gristmill.trainers.recipes.ser.config import SerConfig, Status
from gristmill.trainers.recipes.ser.pairs import digest

__all__ = ["Counted", "Labelling", "Scale", "accuracy", "calibrate", "confidence", "label_pool", "misses"]

Rewards = tuple[float, float]


class Scale(Record):
    """From a reward to a score in (0, 1): the pair loss fixes neither a zero nor a unit."""

    centre: float = Field(description="mean reward of the calibrating pairs")
    factor: float = Field(ge=0, description="of a reward's distance from the centre; 0 where ranks say nothing")

    def scores(self, rewards: Rewards) -> Rewards:
        """σ of each reward, centred and scaled."""
        one, other = (sigmoid(self.factor * (each - self.centre)) for each in rewards)
        return one, other


class Counted(Record):
    """So many of so many were right."""

    right: int
    of: int

    @property
    def share(self) -> float | None:
        """None of nothing."""
        return self.right / self.of if self.of else None


class Labelling(Record):
    """What a round's model labelled, and what speaks for it."""

    round: int
    scale: Scale
    status: int | None = Field(
        description="1 or 2, the learning status; None where neither yields data; 0 where a filter for trials labelled"
    )
    yields: dict[str, int] = Field(description="by status, pairs that its rule would add or swap")
    labels: dict[str, int] = Field(description="of the pool, what the next training learns: 0 or 1 by id")
    added: int
    swapped: int = Field(description="labelled before, and turned round now")
    returned: int = Field(description="labelled before, and back in the pool now")
    rejected: dict[str, int] = Field(description="pairs that stay in the pool, by reason")
    accuracy: Counted = Field(description="on the calibrating labels")
    confidence: float = Field(description="mean over the pool that the winner wins, by the first round's scale")
    precision: dict[str, Counted] = Field(
        description="of `labels` where the truth is known: all, and by status whose rule they pass"
    )
    on_labels: dict[str, Counted] = Field(description="by status, of calibrating pairs that pass its rule")


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), without overflow."""
    return 0.5 * (1 + math.tanh(value / 2))


def calibrate(rewards: Sequence[Rewards], better: Sequence[int]) -> Scale:
    """Fit a scale on pairs whose winners are known: the factor that makes σ(factor · difference) most likely.

    One right and one wrong pair of the mean distance are added, so that a few pairs ranked without a mistake do not
    make the model certain.

    Raises:
        ValueError: there are none.
    """
    from scipy.optimize import brentq

    if not rewards:
        raise ValueError("a scale needs labelled pairs")
    centre = sum(map(sum, rewards)) / (2 * len(rewards))
    gaps = [pair[place] - pair[1 - place] for pair, place in zip(rewards, better, strict=True)]
    typical = sum(map(abs, gaps)) / len(gaps)
    if typical == 0:
        return Scale(centre=centre, factor=0.0)
    gaps += [typical, -typical]

    def slope(factor: float) -> float:
        return sum(gap * sigmoid(-factor * gap) for gap in gaps)

    if slope(0.0) <= 0:
        return Scale(centre=centre, factor=0.0)
    most = 1 / typical
    while slope(most) > 0:
        most *= 2
    return Scale(centre=centre, factor=float(brentq(slope, 0.0, most)))


def winner(rewards: Rewards) -> int:
    """Which of the two has the greater reward."""
    return int(rewards[1] > rewards[0])


def accuracy(rewards: Sequence[Rewards], better: Sequence[int]) -> Counted:
    """How many winners the model ranks first; equal rewards rank nothing, and are wrong."""
    ranked = zip(rewards, better, strict=True)
    return Counted(right=sum(pair[place] > pair[1 - place] for pair, place in ranked), of=len(rewards))


def confidence(rewards: Sequence[Rewards], factor: float) -> float:
    """Mean probability that the winner wins; a half of nothing."""
    if not rewards:
        return 0.5
    return sum(sigmoid(factor * abs(one - other)) for one, other in rewards) / len(rewards)


def misses(scores: Rewards, rules: Status, status: int) -> str | None:
    """Why a pair with these scores does not pass the rule of a status; None where it does."""
    low, high = sorted(scores)
    if status == 2:
        return None if high - low > rules.margin else f"the scores are not further apart than {rules.margin:g}"
    if high <= rules.high:
        return f"the better one's score is not above {rules.high:g}"
    return None if low < rules.low else f"the worse one's score is not below {rules.low:g}"


def label_pool(
    round_: int,
    rewards: Mapping[str, Rewards],
    *,
    pool: Sequence[str],
    seen: Mapping[str, int],
    before: Mapping[str, int],
    truth: Mapping[str, int],
    config: SerConfig,
    factor: float | None,
) -> Labelling:
    """Label what the model is sure of.

    Args:
        rewards: of the pool and of the calibrating pairs, by id.
        seen: labels of the calibrating pairs.
        before: what the round before labelled.
        truth: labels that nothing here may lean on: they measure precision.
        factor: of the first round's scale; None in the first round.
    """
    marked = [rewards[id_] for id_ in sorted(seen)]
    right = [seen[id_] for id_ in sorted(seen)]
    scale, rules = calibrate(marked, right), config.status
    scores = {id_: scale.scores(rewards[id_]) for id_ in sorted(pool)}
    ranked = {id_: winner(rewards[id_]) for id_ in scores}
    # σ of a scale that knows nothing is a half for all, and passes no rule; so does a tie.
    passing = {status: [id_ for id_ in scores if misses(scores[id_], rules, status) is None] for status in (1, 2)}
    yields = {status: sum(before.get(id_) != ranked[id_] for id_ in passing[status]) for status in passing}
    status = next((each for each in passing if yields[each] >= rules.fewest), None)
    # What was labelled before stays while either rule has it.
    sure = {id_ for id_ in {*passing[1], *passing[2]} if id_ in before} | set(passing[status] if status else ())
    rejected = Counter(
        misses(scores[id_], rules, status or 2) or "its label is as it was" for id_ in scores if id_ not in sure
    )
    if config.filter != "confident":
        drawn = sorted(scores, key=lambda id_: digest("random filter", config.seed, round_, id_))
        sure = set(drawn if config.filter == "none" else drawn[: len(sure)])
        status = 0 if any(before.get(id_) != ranked[id_] for id_ in sure) else None
        rejected = Counter({"not drawn": len(scores) - len(sure)} if len(sure) < len(scores) else {})
    labels = {id_: ranked[id_] for id_ in sorted(sure)}

    def known(ids: Sequence[str], of: Mapping[str, int]) -> Counted:
        told = [id_ for id_ in ids if id_ in of]
        return Counted(right=sum(winner(rewards[id_]) == of[id_] for id_ in told), of=len(told))

    on_labels = {
        str(each): known([i for i in seen if misses(scale.scores(rewards[i]), rules, each) is None], seen)
        for each in (1, 2)
    }
    return Labelling(
        round=round_,
        scale=scale,
        status=status,
        yields={str(each): count for each, count in yields.items()},
        labels=labels,
        added=sum(id_ not in before for id_ in labels),
        swapped=sum(before.get(id_, label) != label for id_, label in labels.items()),
        returned=sum(id_ not in labels for id_ in before),
        rejected=dict(sorted(rejected.items())),
        accuracy=accuracy(marked, right),
        confidence=confidence([rewards[id_] for id_ in scores], scale.factor if factor is None else factor),
        precision={"all": known(list(labels), truth)} | {str(each): known(passing[each], truth) for each in (1, 2)},
        on_labels=on_labels,
    )
