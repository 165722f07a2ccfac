"""How the best of one task grew: over calls, by operator and by model, and along the family of the winner.

Told of final verdicts, in the order of places: so it is the same whenever it is asked for, and its last best is the
one that the run names, unless bounds were widened meanwhile.
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import Field

from gristmill.graph.amounts import dollars
from gristmill.graph.records import Hypothesis, Step
from gristmill.graph.stopping.ranking import Merit, merit
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import TaskStanding
from gristmill.sandbox.records import Record
from gristmill.verifiers.extraction.forms.packages import files_of
from gristmill.verifiers.records import Direction, Outcome, Strength, Verdict
from gristmill.verifiers.repositories.patches import PatchError, diff

__all__ = [
    "Calls",
    "Course",
    "Generation",
    "Point",
    "Share",
    "course",
    "curve",
    "difference",
    "family",
    "operator_of",
    "shares",
]

_LINES = 2000
"""Of a program, at most, that a difference is looked for in: the search for it is quadratic at worst."""


class Point(Record):
    """A hypothesis that was better than all before it."""

    calls: int = Field(description="model calls that were started for the task up to its place, its own with them")
    money: float = Field(0.0, description="dollars that these have cost")
    hypothesis: str
    round: int
    operator: str
    model: str
    instruction: str = Field("", description="the round after which what it was told was written")
    outcome: Outcome
    strength: Strength | None = Field(None, description="where it passed")
    score: float | None
    direction: Direction
    gain: float | None = Field(
        None, description="by how much its score is better than the best before; None where there was none to compare"
    )


class Generation(Record):
    """One step of the winner's family: a hypothesis, and how it differs from its first parent."""

    hypothesis: str
    parents: tuple[str, ...]
    operator: str
    model: str
    outcome: Outcome
    strength: Strength | None = Field(None, description="where it passed")
    score: float | None
    difference: str = Field(description="unified diff from the first parent's program; from nothing where it has none")


class Share(Record):
    """What one operator or one model has brought."""

    name: str
    hypotheses: int = Field(description="that were judged")
    improved: int = Field(description="of these, that were better than all before; the very first is no gain")
    gain: float = Field(description="sum of their gains in score")
    share: float | None = Field(None, description="of all gains; None where there was none")


class Instruction(Share):
    """What an instruction that the model wrote has brought; its `name` is the round that it was written after."""

    text: str


class Course(Record):
    """How the best of one task of a run grew."""

    run: str
    task: str
    graded: bool = Field(description="its score says how good a solution is, not which share of tests it passed")
    direction: Direction
    calls: int = Field(description="model calls that were started for the task")
    money: float = Field(0.0, description="dollars that these have cost")
    hypotheses: int = Field(description="that were judged")
    first: float | None = Field(None, description="score of the first hypothesis that could be judged")
    best: float | None = Field(None, description="score of the best")
    curve: tuple[Point, ...]
    family: tuple[Generation, ...] = Field(description="the best and what it goes back to, the oldest first")
    operators: tuple[Share, ...]
    models: tuple[Share, ...]
    instructions: tuple[Instruction, ...] = Field((), description="that evolved, the oldest first; the first is none")


def course(store: Store, run: str, standing: TaskStanding) -> Course:
    """The course of one task, from what is stored by now."""
    calls, money = Calls(store.calls(run), standing.task), Calls(store.account.money(run), standing.task)
    operators: Counter[str] = Counter()
    models: Counter[str] = Counter()
    told: Counter[str] = Counter()

    def judged() -> Iterator[tuple[Hypothesis, Verdict]]:
        for hypothesis, verdict in store.each_step(run, standing.task):
            if verdict is not None and verdict.outcome is not Outcome.UNSCORED:
                operators[operator_of(hypothesis)] += 1
                models[hypothesis.model] += 1
                told[hypothesis.instruction] += 1
                yield hypothesis, verdict

    points = curve(judged(), calls, money)
    return Course(
        run=run,
        task=standing.task,
        graded=standing.graded,
        direction=points[-1].direction if points else Direction.MAXIMIZE,
        calls=calls.all,
        money=dollars(money.all),
        hypotheses=models.total(),
        first=points[0].score if points else None,
        best=points[-1].score if points else None,
        curve=points,
        family=tuple(family(store, run, standing.best)),
        operators=shares(operators, [(each.operator, each) for each in points]),
        models=shares(models, [(each.model, each) for each in points]),
        instructions=tuple(_instructions(store, run, standing.task, told, points)),
    )


def _instructions(
    store: Store, run: str, task: str, told: Counter[str], points: Sequence[Point]
) -> Iterator[Instruction]:
    """What each has brought, beside what was told none; nothing where no model has written any."""
    texts = {str(each.round): each.instruction for each in store.reflections(run, task) if each.instruction}
    if texts:
        brought = {each.name: each for each in shares(told, [(each.instruction, each) for each in points])}
        for name, text in {"": "(none)", **texts}.items():
            share = brought.get(name) or Share(name=name, hypotheses=0, improved=0, gain=0.0)
            yield Instruction(**share.model_dump(), text=text)


def curve(judged: Iterable[tuple[Hypothesis, Verdict]], calls: Calls, money: Calls | None = None) -> tuple[Point, ...]:
    """Those that were better than all before, of judged hypotheses in the order of places; `money` is in units."""
    points: list[Point] = []
    best: tuple[Merit, Verdict] | None = None
    for hypothesis, verdict in judged:
        worth = merit(verdict)
        if worth[1] and (best is None or worth > best[0]):
            spent = dollars(money.upto(hypothesis)) if money is not None else 0.0
            before = None if best is None else best[1]
            points.append(_point(hypothesis, verdict, calls.upto(hypothesis), spent, before))
            best = worth, verdict
    return tuple(points)


def operator_of(hypothesis: Hypothesis) -> str:
    """What made a hypothesis: the operator of its plan; `tune`, which fits numbers whatever it was asked for."""
    if hypothesis.model == "tune" and hypothesis.proposer == "tune":
        return "tune"
    return hypothesis.operator or "unknown"


def family(store: Store, run: str, best: str | None) -> list[Generation]:
    """A hypothesis and what it goes back to by first parents, the oldest first; empty where there is none."""
    steps: list[Step] = []
    while best is not None and (step := store.steps_of(run, [best]).get(best)) is not None:
        if steps and _place(step) >= _place(steps[-1]):
            break  # a parent comes before its children, so this store was not written by a search
        steps.append(step)
        best = next(iter(step.hypothesis.parents), None)
    steps.reverse()
    return [_generation(step, before) for step, before in zip(steps, [None, *steps], strict=False)]


def difference(before: Step | None, after: Step) -> str:
    """Unified diff of two programs, the first of which may be missing."""
    old = "" if before is None else before.hypothesis.solution or ""
    new = after.hypothesis.solution or ""
    if files := files_of(new):
        with contextlib.suppress(PatchError):
            return diff(files_of(old), files).rstrip("\n")
    names = "/dev/null" if before is None else before.hypothesis.id, after.hypothesis.id
    one, two = old.splitlines(), new.splitlines()
    if one != two and one and two and max(len(one), len(two)) > _LINES:
        lines = [f"--- {names[0]}", f"+++ {names[1]}", f"(too long to be compared: {len(one)} and {len(two)} lines)"]
    else:
        lines = list(difflib.unified_diff(one, two, *names, lineterm=""))
    return "\n".join(lines)


def _place(step: Step) -> tuple[int, int]:
    return step.hypothesis.round, step.hypothesis.sample


def _generation(step: Step, before: Step | None) -> Generation:
    hypothesis, verdict = step.hypothesis, step.verdict
    return Generation(
        hypothesis=hypothesis.id,
        parents=hypothesis.parents,
        operator=operator_of(hypothesis),
        model=hypothesis.model,
        outcome=verdict.outcome,
        strength=verdict.strength if verdict.passed else None,
        score=verdict.score,
        difference=difference(before, step),
    )


def _point(hypothesis: Hypothesis, verdict: Verdict, calls: int, money: float, before: Verdict | None) -> Point:
    return Point(
        calls=calls,
        money=money,
        hypothesis=hypothesis.id,
        round=hypothesis.round,
        operator=operator_of(hypothesis),
        model=hypothesis.model,
        instruction=hypothesis.instruction,
        outcome=verdict.outcome,
        strength=verdict.strength if verdict.passed else None,
        score=verdict.score,
        direction=verdict.direction,
        gain=None if before is None else _gain(before, verdict),
    )


def _gain(before: Verdict, after: Verdict) -> float | None:
    if before.score is None or after.score is None:
        return None
    gain = after.score - before.score
    if after.direction is Direction.MINIMIZE:
        gain = -gain
    return gain if math.isfinite(gain) else None


def shares(judged: Mapping[str, int], points: Sequence[tuple[str, Point]]) -> tuple[Share, ...]:
    """Most gain first; of equals, what improved more often, then by name."""
    gains: dict[str, float] = defaultdict(float)
    improved: dict[str, int] = defaultdict(int)
    for name, point in points[1:]:
        gains[name] += point.gain or 0.0
        improved[name] += 1
    total = math.fsum(gains.values())
    found = [
        Share(
            name=name,
            hypotheses=count,
            improved=improved[name],
            gain=gains[name],
            share=gains[name] / total if total > 0 else None,
        )
        for name, count in judged.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.gain, -each.improved, each.name)))


class Calls:
    """Model calls of one task, or what they have cost, counted up in the order of places."""

    def __init__(self, by_hypothesis: Mapping[str, int], task: str) -> None:
        self._waiting = sorted(self._placed(by_hypothesis.items(), task), reverse=True)
        self.all = sum(count for _, count in self._waiting)
        self._counted = 0

    def upto(self, hypothesis: Hypothesis) -> int:
        """Calls up to a hypothesis; asked in the order of places."""
        return self.upto_place(hypothesis.round, hypothesis.sample)

    def upto_place(self, round: int, sample: int) -> int:
        """Calls up to a place."""
        while self._waiting and self._waiting[-1][0] <= (round, sample):
            self._counted += self._waiting.pop()[1]
        return self._counted

    @staticmethod
    def _placed(counts: Iterable[tuple[str, int]], task: str) -> Iterable[tuple[tuple[int, float], int]]:
        for id_, count in counts:
            of, round, sample = id_.rsplit("/", 2)
            if of == task:
                # What a round has taught is asked for after its samples.
                yield (int(round), float(sample) if sample.isdecimal() else math.inf), count
