"""``tune``: the numbers in a program are fitted, and nothing else of it changes; what that gains is its own."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from types import TracebackType
from typing import NamedTuple, Self

from gristmill.graph.models.mutate.proposer import AWAY, as_reply, asks_python, bred, ground_of
from gristmill.graph.models.mutate.rules import Domain, Rules
from gristmill.graph.models.mutate.starting import starting_programs
from gristmill.graph.models.tune.simplex import Point, next_point
from gristmill.graph.models.tune.skeleton import skeleton
from gristmill.graph.records import Ground, Reply, Request, Step, Tokens
from gristmill.graph.stopping.ranking import Merit, merit
from gristmill.verifiers.records import Task

__all__ = ["TuneProposer", "first_step"]


class _Trial(NamedTuple):
    place: tuple[int, int, str]
    point: Point
    merit: Merit
    source: str


class _Trials:
    """What was tried on one task, by form: a fold of its judged hypotheses, each read once."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.by_form: dict[str, list[_Trial]] = defaultdict(list)

    def add(self, step: Step, rules: Rules) -> None:
        hypothesis = step.hypothesis
        self.known.add(hypothesis.id)
        form = skeleton(hypothesis.solution, rules) if hypothesis.solution is not None else None
        if form is not None and step.verdict.score is not None:
            place = (hypothesis.round, hypothesis.sample, hypothesis.id)
            # Of many points the text of the first is enough.
            source = form.source if form.key not in self.by_form else ""
            self.by_form[form.key].append(_Trial(place, form.values, merit(step.verdict), source))


class TuneProposer:
    """Fits the numbers of what the plan builds on; where it builds on nothing, of what the task begins with.

    A program without numbers, or one whose numbers have settled, is mutated instead, as is one that was there before
    under other names, and a reward or loss where the plan asks for another one; the reply's model says so.
    """

    name, model = "tune", "tune"
    adapter: str | None = None
    reads_prompts = False

    def __init__(self) -> None:
        self._trials: dict[str, _Trials] = defaultdict(_Trials)
        self._reading: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._trials.clear()
        self._reading.clear()

    def takes(self, task: Task) -> bool:
        """Whether the task asks for a Python program."""
        return asks_python(task)

    def most_tokens(self, request: Request) -> Tokens:
        """None: no model is asked."""
        return Tokens()

    async def propose(self, request: Request) -> Reply:
        """A program with other numbers.

        Raises:
            ModelSetupError: the task asks for something else than Python, or nobody searches.
        """
        started = time.perf_counter()
        ground = ground_of(request, self.name)
        rules, trials = Rules.of(ground.task), self._trials[request.task_id]
        async with self._reading[request.task_id]:
            for step in await ground.tried(trials.known):
                await asyncio.to_thread(trials.add, step, rules)
        # Of typed pieces other formulas are to be had, so who asks for something else gets more than other numbers.
        away = rules.vocabulary is not None and ground.operator in AWAY
        text = None if away else await asyncio.to_thread(_fitted, request, ground, rules, trials)
        model = self.model if text is not None else "mutate"
        if text is None:
            text = await asyncio.to_thread(bred, request, ground, adjust=not away)
        return Reply(text=as_reply(ground.task, text), model=model, seconds=time.perf_counter() - started)


def _fitted(request: Request, ground: Ground, rules: Rules, trials: _Trials) -> str | None:
    solution = next((step.hypothesis.solution for step in ground.parents if step.hypothesis.solution is not None), None)
    form = skeleton(solution if solution is not None else starting_programs(ground.task)[0], rules)
    if form is None:
        return None
    # What arrived from places that this one must not know of is left out, so that a resumed run decides alike.
    seen = sorted(trial for trial in trials.by_form[form.key] if trial.place[:2] < ground.horizon)
    merits = sorted({trial.merit for trial in seen}, reverse=True)
    rank = {each: number for number, each in enumerate(merits)}
    ranks: dict[Point, int] = {}
    for trial in seen:
        ranks.setdefault(trial.point, rank[trial.merit])
    start = seen[0].point if seen else form.values
    steps = [first_step(value, domain) for value, domain in zip(start, form.domains, strict=True)]
    point = next_point(start, steps, ranks, form.rounded, ahead=request.sample)
    text = None if point is None else form.filled(point)
    return None if text is None or (ground.known is not None and ground.known(text)) else text


def first_step(value: float, domain: Domain | None) -> float:
    """By how far a number is changed first."""
    step = 0.25 * abs(value) or 0.5
    if domain is not None and domain.low is not None and domain.high is not None and domain.high > domain.low:
        step = 0.2 * (domain.high - domain.low)
        if value + step > domain.high:
            step = -step
    return step if isinstance(value, float) else max(1.0, round(step)) if step > 0 else min(-1.0, round(step))
