"""What a ranker has saved a run: judgements that were not made, and the seconds that they would have taken."""

from __future__ import annotations

from pydantic import Field

from gristmill.graph.judging.ordering import RANKER_REWARD, RankerReward
from gristmill.graph.storage.store import Store
from gristmill.sandbox.records import Record

__all__ = ["RankingSaving", "saved_by_ranking"]

_CHUNK = 500


class RankingSaving(Record):
    """What came of judging in a ranker's order. What was not judged is not known: it may have passed too."""

    ranker: str
    judged: int = Field(description="ranked hypotheses that were judged")
    spared: int = Field(description="ranked ones that were not, as the task had ended by then")
    waiting: int = Field(0, description="ranked ones whose task goes on")
    scoring: float = Field(description="seconds that the ranker took for all of them")
    judging: float = Field(description="seconds that a judgement took, in the mean over those made; 0 where none was")

    @property
    def seconds(self) -> float:
        """Saved, about: spared judgements as long as those made, without what the ranker took; below 0 it cost more."""
        return self.spared * self.judging - self.scoring


def saved_by_ranking(store: Store, run: str) -> RankingSaving | None:
    """What a run's ranker has saved it; None where it had none."""
    ranked = store.documents.list(RANKER_REWARD, run, RankerReward)
    if not ranked:
        return None
    ids, seconds = list(ranked), list[float]()
    for start in range(0, len(ids), _CHUNK):
        steps = store.steps_of(run, ids[start : start + _CHUNK])
        # What repeats another took no judgement of its own.
        seconds += [0.0 if step.verdict.repeats is not None else step.verdict.seconds for step in steps.values()]
    spared = store.summary(run).spared
    return RankingSaving(
        ranker=next(reversed(ranked.values())).ranker,
        judged=len(seconds),
        spared=spared,
        waiting=len(ids) - len(seconds) - spared,
        scoring=sum(each.seconds for each in ranked.values()),
        judging=sum(seconds) / len(seconds) if seconds else 0.0,
    )
