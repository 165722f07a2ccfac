"""In which order a round is judged: as a ranker says, each of its rewards kept with its hypothesis."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from gristmill.graph.judging.rankers import Ranker
from gristmill.graph.records import Hypothesis, Message
from gristmill.graph.search.history import Place
from gristmill.graph.storage.entries import document
from gristmill.graph.storage.journal import Journal
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Strength, Task

__all__ = ["RANKER_REWARD", "Ordering", "RankerReward"]

RANKER_REWARD = "ranker reward"
"""The kind of document in which a reward is kept: its owner is the run, its key the hypothesis."""


class RankerReward(Record):
    """What a ranker said of a hypothesis before it was judged. It is no verdict, and no part of one."""

    reward: float | None = Field(description="greater is better; None where the ranker gave no finite number")
    ranker: str = Field(description="its name")
    strength: Literal[Strength.SELF_ASSESSED] = Strength.SELF_ASSESSED
    seconds: float = Field(description="that the ranker took for it, in the mean over those asked with it")


class Ordering:
    """Sets the rounds of one run in order.

    Args:
        run, store, journal: where rewards are kept; a resumed run asks for none twice.
        ranker: gives them.
        first: how many of a round are judged before it is asked whether that will do; None is all.
    """

    def __init__(self, run: str, store: Store, journal: Journal, ranker: Ranker, first: int | None) -> None:
        self._run, self._store, self._journal, self._ranker = run, store, journal, ranker
        self._one = asyncio.Lock()
        self.first = first

    async def parts(
        self, task: Task, prompt: Sequence[Message], places: Mapping[str, Place], hypotheses: Sequence[Hypothesis]
    ) -> list[tuple[str, ...]]:
        """The ids of a round, best first, in parts that are judged one after another; of equals by their places.

        Args:
            task, prompt: whose round, and how it is asked bare.
            places: of all that is known of the round, by id. Ids that nobody has ranked, nor is to, are left out.
            hypotheses: those that are to be judged.

        Raises:
            UserError: the ranker gave no number for each.
        """
        ids = sorted(places, key=lambda id_: places[id_])
        known = await asyncio.to_thread(self._store.documents.some, RANKER_REWARD, self._run, ids, RankerReward)
        known |= await self._ask(task, prompt, [each for each in hypotheses if each.id not in known])
        best = sorted((id_ for id_ in ids if id_ in known), key=lambda id_: -_worth(known[id_]))
        width = self.first or len(best)
        return [tuple(best[start : start + width]) for start in range(0, len(best), width)]

    async def _ask(
        self, task: Task, prompt: Sequence[Message], hypotheses: Sequence[Hypothesis]
    ) -> dict[str, RankerReward]:
        if not hypotheses:
            return {}
        async with self._one:
            begun = time.monotonic()
            rewards = await asyncio.to_thread(self._ranker.rewards, task, prompt, hypotheses)
            seconds = (time.monotonic() - begun) / len(hypotheses)
        if len(rewards) != len(hypotheses):
            raise UserError(f"the ranker {self._ranker.name} gave {len(rewards)} rewards for {len(hypotheses)}")
        found = {
            each.id: RankerReward(
                reward=_number(reward, each.id, self._ranker.name), ranker=self._ranker.name, seconds=seconds
            )
            for each, reward in zip(hypotheses, rewards, strict=True)
        }
        await self._journal.write(*(document(RANKER_REWARD, self._run, id_, each) for id_, each in found.items()))
        return found


def _number(reward: float, id_: str, ranker: str) -> float | None:
    try:
        number = float(reward)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"the ranker {ranker} gave {str(reward)[:80]!r} for {id_}, which is no number") from None
    return number if math.isfinite(number) else None


def _worth(ranked: RankerReward) -> float:
    return -math.inf if ranked.reward is None else ranked.reward
