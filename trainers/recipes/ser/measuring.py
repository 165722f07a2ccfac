"""What a ranking of pairs is worth on held-out labels, and two rankings that know no model: length, and TF-IDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from gristmill.trainers.measure.calibration import reliability
from gristmill.trainers.recipes.ser.labelling import Counted, Rewards, Scale, accuracy, calibrate, sigmoid
from gristmill.trainers.recipes.ser.pairs import Pair
from gristmill.trainers.recipes.ser.records import Measured

__all__ = ["baselines", "measured"]


def measured(pairs: Sequence[Pair], rewards: Mapping[str, Rewards], scale: Scale) -> Measured:
    """Accuracy, by source too, and how far the confidence in winners can be trusted; all pairs are labelled."""

    def counted(some: Sequence[Pair]) -> Counted:
        return accuracy([rewards[pair.id] for pair in some], [pair.better or 0 for pair in some])

    sources = sorted({pair.source for pair in pairs})
    gaps = [rewards[pair.id][pair.better or 0] - rewards[pair.id][1 - (pair.better or 0)] for pair in pairs]
    return Measured(
        accuracy=counted(pairs),
        by_source={source: counted([pair for pair in pairs if pair.source == source]) for source in sources},
        reliability=reliability([sigmoid(scale.factor * abs(gap)) for gap in gaps], [gap > 0 for gap in gaps]),
    )


def baselines(
    labelled: Sequence[tuple[Pair, int]], calibrating: Sequence[tuple[Pair, int]], held_out: Sequence[Pair]
) -> dict[str, Measured]:
    """By name, rankings that learn from the labels alone.

    ``length``: the longer or the shorter response wins, whichever did so more often; ``tf-idf``: Bradley–Terry on
    TF-IDF of words and pairs of words, by scikit-learn, left out where that is not installed.
    """
    longer = sum(_longer(pair, better) for pair, better in labelled)
    sign = 1.0 if longer >= 0 else -1.0
    every = [*(pair for pair, _ in calibrating), *held_out]
    ranks = {"length": {p.id: (sign * len(p.text(0)), sign * len(p.text(1))) for p in every}}
    if find_spec("sklearn") is not None:
        ranks["tf-idf"] = _bradley_terry(labelled, every)
    found = {}
    for name, rewards in ranks.items():
        scale = calibrate([rewards[pair.id] for pair, _ in calibrating], [better for _, better in calibrating])
        found[name] = measured(held_out, rewards, scale)
    return found


def _longer(pair: Pair, better: int) -> int:
    """1 where the winner is longer, -1 where it is shorter."""
    one, other = len(pair.text(better)), len(pair.text(1 - better))
    return (one > other) - (one < other)


def _bradley_terry(labelled: Sequence[tuple[Pair, int]], asked: Sequence[Pair]) -> dict[str, Rewards]:
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    try:
        words.fit([pair.text(place) for pair, _ in labelled for place in (0, 1)])
    except ValueError:  # no word comes twice: there is nothing to tell responses by
        return {pair.id: (0.0, 0.0) for pair in asked}
    one, other = (words.transform([pair.text(place) for pair, _ in labelled]) for place in (0, 1))
    gaps = other - one
    # Each pair both ways round: Bradley–Terry has no intercept, and both classes are there.
    outcome = [better for _, better in labelled]
    model = LogisticRegression(fit_intercept=False, C=10.0, max_iter=1000)
    model.fit(vstack([gaps, -gaps]), [*outcome, *(1 - better for better in outcome)])
    firsts, seconds = (words.transform([p.text(place) for p in asked]) @ model.coef_[0] for place in (0, 1))
    return {pair.id: (float(a), float(b)) for pair, a, b in zip(asked, firsts, seconds, strict=True)}
