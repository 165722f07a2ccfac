"""What one session remembers of a task at work: its history, what waits for a verdict, and what is planned.

It is made from the store when a task's loop begins and dropped when it ends; in between the store is asked only for the
texts that a prompt shows.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Container, Iterable, Sequence

from gristmill.graph.config import RunConfig
from gristmill.graph.judging.precedents import Precedents
from gristmill.graph.judging.repeats import Precedent
from gristmill.graph.prompts import ledger
from gristmill.graph.prompts.briefing import Briefing, Remembered
from gristmill.graph.prompts.ideas import lacking
from gristmill.graph.prompts.instructions import INSTRUCTED, Instructed, instructed
from gristmill.graph.prompts.ledger import Entry, Line, Room
from gristmill.graph.prompts.lessons import lessons_within
from gristmill.graph.records import STARTS, Hypothesis, Reflection, Step
from gristmill.graph.roster import rates
from gristmill.graph.search.base import Plan, Strategy, draw, folds_of, from_start
from gristmill.graph.search.history import History, Past, Place, Row
from gristmill.graph.storage.store import Store
from gristmill.verifiers.extraction.forms.starting import starts
from gristmill.verifiers.extraction.replies import UNAPPLIED
from gristmill.verifiers.records import Outcome, Task, Verdict

__all__ = ["TaskMemory"]

_MOST_AT_HAND = 256
"""Steps whose texts are kept for the next prompts; all others are read from the store."""


class TaskMemory:
    """One task of one run.

    `waiting` has the stored hypotheses that are to be judged in this session: those without a verdict, and once more
    those that an earlier session left unscored; `torn` those whose repair is still to come; `precedents` what programs
    are compared with. `first` is the round at which the loop goes on: all before it are whole and were decided on the
    very verdicts that are known now.

    Args:
        store, run, task, config: whose history; all that is stored of it is read.
        strategy: plans the hypotheses.
        with_starts: the search begins with the programs that the task has for that.
    """

    def __init__(
        self, store: Store, run: str, task: Task, config: RunConfig, strategy: Strategy, *, with_starts: bool = True
    ) -> None:
        self._store, self._run, self._task = store, run, task
        self._config, self._strategy = config, strategy
        instructed = {INSTRUCTED: Instructed} if config.prompts.instructions else {}
        self._history = History({**folds_of(strategy), **instructed})
        self._features = tuple(each.partition("=")[0] for each in config.search.features)
        self._rates = rates(config.models)
        self._plans: dict[int, tuple[Plan, ...]] = {}
        self._entries, self._lines = dict[str, Entry](), dict[str, Line]()
        self._at_hand, self._lacking = dict[str, Step](), dict[str, Place]()
        self._room = Room(config.prompts.remembered, with_lessons=config.prompts.lessons)
        self._lessons, self._instructions = dict[int, str](), dict[int, str]()
        self.precedents = Precedents(store, run, task, novelty=config.search.novelty)
        self.torn, self.waiting = dict[str, Hypothesis](), dict[str, Hypothesis]()
        self.first = STARTS if with_starts and starts(task) else 0
        for reflection in store.reflections(run, task.id):
            if reflection.lesson is not None and config.prompts.lessons:
                self._lessons[reflection.round] = reflection.lesson
            if reflection.instruction is not None and config.prompts.instructions:
                self._instructions[reflection.round] = reflection.instruction
        there: Counter[int] = Counter()
        for hypothesis, verdict in store.each_step(run, task.id):
            self.first = hypothesis.round
            there[hypothesis.round] += hypothesis.repairs is None
            self._note_torn(hypothesis)
            if verdict is not None:
                self._add(hypothesis, verdict)
            if verdict is None or verdict.outcome is Outcome.UNSCORED:
                self.waiting[hypothesis.id] = hypothesis
        # A place for which the model was asked in vain is asked for again.
        open_ = (round for round in range(self.first) if there[round] < config.search.hypotheses)
        left = (hypothesis.round for hypothesis in (*self.waiting.values(), *self.torn.values()))
        # Whether rounds before gave a reason to stop is looked at again: those asked for ahead of it were to be ended.
        self.first = self.horizon(min((*left, *open_), default=self.first))

    def horizon(self, round: int) -> int:
        """The round before which everything is known where this one is asked for: itself, or earlier ones (`ahead`)."""
        return round if round == STARTS else max(0, round - self._config.search.ahead)

    def place(self, round: int, sample: int) -> Place:
        """The place of a hypothesis."""
        return Place(round, sample, self._config.search.hypotheses)

    def add(self, hypothesis: Hypothesis) -> None:
        """A reply is stored, and waits for its verdict."""
        self.waiting[hypothesis.id] = hypothesis
        self._note_torn(hypothesis)

    def _note_torn(self, hypothesis: Hypothesis) -> None:
        """Replies that ask for a repair are in `torn` until that is there; ids sort a reply before its repair."""
        if hypothesis.solution is None and hypothesis.repairs is None and hypothesis.note.startswith(UNAPPLIED):
            self.torn[hypothesis.id] = hypothesis
        elif hypothesis.repairs is not None:
            self.torn.pop(hypothesis.repairs, None)

    def judged(self, place: Place) -> bool:
        """Whether the hypothesis of a place has a verdict."""
        return self._history.get(place) is not None

    def reached(self, round: int, among: Container[str] | None = None) -> bool:
        """Whether a hypothesis of the round, or one of these of it, has reached the target."""
        return any(row.target for row in self.rows_of(round) if among is None or row.id in among)

    def rows_of(self, round: int) -> list[Row]:
        """The rows of a round in the order of places."""
        width = self._config.search.hypotheses
        places = (Place(round, sample, width, repair) for sample in range(width) for repair in (False, True))
        return [row for place in places if (row := self._history.get(place)) is not None]

    def settle(self, hypothesis: Hypothesis, verdict: Verdict) -> None:
        """A verdict is stored."""
        self._hold(hypothesis.id, _unsettled(Step(hypothesis=hypothesis, verdict=verdict)))
        self.waiting.pop(hypothesis.id, None)
        self._add(hypothesis, verdict)

    async def precedent(self, hypothesis: Hypothesis) -> Precedent | None:
        """The first hypothesis that says the same as this one and has a verdict which it may share, if there is one."""
        place = self.place(hypothesis.round, hypothesis.sample)
        end = self.place(self.horizon(hypothesis.round), 0) if hypothesis.given else self._known_before(place)
        return await self.precedents.find(hypothesis, end)

    def was_there(self, place: Place, parent: Step | None, solution: str) -> bool:
        """Whether a program, built on a parent, would be refused at a place since it was there before."""
        return self.precedents.was_there(solution, parent, self._known_before(place))

    def _known_before(self, place: Place) -> Place:
        """The place before which all that it is compared with stands: of one round it is chance which comes first."""
        return place if self._config.search.first_pass else self.place(self.horizon(place.round), 0)

    def before(self, round: int) -> Past:
        """What is known of all rounds before `round`."""
        return self._history.upto(self.place(round, 0))

    def known(self, round: int) -> Past:
        """What is known where a round is asked for."""
        return self.before(self.horizon(round))

    def whole(self) -> Past:
        """All that is known."""
        return self._history.upto(None)

    def pending(self) -> list[str]:
        """The hypotheses whose consistency run is still to come, in the order of places."""
        return [row.id for row in self._history.rows() if row.final.pending]

    def rows(self) -> Iterable[Row]:
        """All judged hypotheses, in the order of places."""
        return self._history.rows()

    def plans(self, round: int) -> tuple[Plan, ...]:
        """The plans for the samples of a round."""
        if round not in self._plans:
            past, seed = self.known(round), self._config.seed
            places = [self.place(round, sample) for sample in range(self._config.search.hypotheses)]
            planned = ((self._strategy.plan(past, place, draw(seed, self._task.id, place)), place) for place in places)
            self._plans = {each: kept for each, kept in self._plans.items() if each >= self.horizon(round)}
            begun = ((from_start(plan, past, place), place) for plan, place in planned)
            self._plans[round] = tuple(self._instructed(plan, past, place) for plan, place in begun)
        return self._plans[round]

    def _instructed(self, plan: Plan, past: Past, place: Place) -> Plan:
        """The plan with the instruction that its place is told."""
        living = self.living(past, self.horizon(place.round))
        if not living or plan.operator == "again":
            return plan
        chance = random.Random(draw(self._config.seed, f"{self._task.id}\ninstruction", place))
        return plan.model_copy(update={"instruction": instructed(past).choose([*living], chance)})

    def living(self, past: Past, before: int) -> dict[str, str]:
        """The instructions of the archive by name, the oldest first, as it stands before a round."""
        written = {str(of): self._instructions[of] for of in sorted(self._instructions) if of < before}
        names = [name for name, text in written.items() if text]
        most = self._config.prompts.instructions
        return {name: written[name] for name in instructed(past).living(names, most)} if names else {}

    def instruction(self, round: int) -> str | None:
        """What the model has written after a round; None where it was not asked, empty where in vain."""
        return self._instructions.get(round)

    async def shown_steps(self, plans: Iterable[Plan], *also: str) -> dict[str, Step]:
        """The steps that these plans show to a model, and those of other ids, by id."""
        return await self._steps([*(id_ for plan in plans for id_ in (*plan.parents, *plan.inspirations)), *also])

    async def _steps(self, ids: Iterable[str]) -> dict[str, Step]:
        """The steps of these ids, in this order, as a model may know them: at hand, or read."""
        wanted = list(dict.fromkeys(ids))
        there = {id_: self._at_hand[id_] for id_ in wanted if id_ in self._at_hand}
        if missing := [id_ for id_ in wanted if id_ not in there]:
            read = await asyncio.to_thread(self._store.steps_of, self._run, missing)
            # A model never learns what the consistency run has said, also where bounds were widened after it.
            there |= {id_: _unsettled(step) for id_, step in read.items()}
        for id_, step in there.items():
            self._hold(id_, step)
        return {id_: there[id_] for id_ in wanted if id_ in there}

    def _hold(self, id_: str, step: Step) -> None:
        """Have a step at hand, in place of the one that was not asked for longest."""
        self._at_hand.pop(id_, None)
        self._at_hand[id_] = step
        if len(self._at_hand) > _MOST_AT_HAND:
            del self._at_hand[next(iter(self._at_hand))]

    async def steps_before(self, round: int, known: Container[str] = ()) -> list[Step]:
        """The judged hypotheses of the rounds before `round`, in order, without those whose ids are `known`."""
        rows = [row for row in self._history.rows() if row.place.round < round and row.id not in known]
        steps = await asyncio.to_thread(self._store.steps_of, self._run, [row.id for row in rows]) if rows else {}
        return [_unsettled(steps[row.id]) for row in rows if row.id in steps]

    async def remembered(self, round: int) -> Remembered:
        """What all prompts of a round tell of the rounds that are known there."""
        if not self._room.whole:
            return Remembered()
        past = self.before(round := self.horizon(round))
        last = past.last(ledger.MOST)
        await self._read(last, past)
        self._lines = {row.id: self._lines.get(row.id) or Line.of(self._entries[row.id], self._room) for row in last}
        told, left_out = ledger.attempts([*self._lines.values()], len(past) - len(last), self._room)
        names = sorted((place, name) for name, place in self._lacking.items() if place.round < round)
        missing = ledger.within((name for _, name in names), self._room.lacking)
        learned = {of: lesson for of, lesson in self._lessons.items() if of < round}
        lessons = lessons_within(learned, self._room.lessons)
        return Remembered(attempts=told, left_out=left_out, lessons=lessons, lacking=missing)

    def lesson(self, round: int) -> str | None:
        """What the model has learned of a round; None where it was not asked, empty where in vain."""
        return self._lessons.get(round)

    def learn(self, reflection: Reflection) -> None:
        """What was written of a round is stored with its reflection."""
        if reflection.lesson is not None:
            self._lessons[reflection.round] = reflection.lesson
        if reflection.instruction is not None:
            self._instructions[reflection.round] = reflection.instruction

    async def of_round(self, round: int) -> tuple[list[Row], dict[str, Step]]:
        """The judged hypotheses of a round in the order of places, and their texts as a model may know them."""
        rows = [row for row in self.rows_of(round) if row.outcome is not Outcome.UNSCORED]
        return rows, await self._steps(row.id for row in rows)

    async def briefing(self, place: Place, plan: Plan, remembered: Remembered) -> Briefing:
        """What the prompt of one place tells."""
        past = self.known(place.round)
        advice = self._instructions.get(int(plan.instruction), "") if plan.instruction else ""
        if not plan.parents or not self._room.whole:
            return Briefing(place, plan.operator, remembered, instruction=advice)
        parent = plan.parents[0]
        children = past.children(parent)[-ledger.CHILDREN :]
        await self._read(children, past)
        line = past.lineage(parent)
        better = past.best is not None and bool(line) and past.best.merit > line[-1].merit
        return Briefing(
            place,
            plan.operator,
            remembered,
            lineage=ledger.lineage(line, self._room.parent // 3) if len(line) > 1 else "",
            tried=ledger.child_lines([self._entries[row.id] for row in children], self._room.parent * 2 // 3),
            best=ledger.standing(past.best) if past.best is not None and better else "",
            instruction=advice,
        )

    async def _read(self, rows: Sequence[Row], past: Past) -> None:
        """Make the lines of these rows that are not at hand yet, from the texts in the store."""
        missing = {row.id: row for row in rows if row.id not in self._entries}
        if not missing:
            return
        parents = {row.parents[0] for row in missing.values() if row.parents}
        steps = await self._steps([*missing, *sorted(parents - missing.keys())])
        for id_, row in missing.items():
            step = steps[id_]
            parent = steps.get(row.parents[0]) if row.parents else None
            source = parent.hypothesis.solution if parent else None
            entry = ledger.entry(self._task, row, step, parent=source, repeats=past.repeats(row))
            self._entries[id_] = entry

    def _add(self, hypothesis: Hypothesis, verdict: Verdict) -> None:
        self.precedents.add(hypothesis, verdict, self.place(hypothesis.round, hypothesis.sample))
        step = Step(hypothesis=hypothesis, verdict=verdict)
        row = Row.of(self._task, step, self._config.search.hypotheses, self._features, self._rates)
        self._history.add(row)
        self._entries.pop(row.id, None)
        self._lines.pop(row.id, None)
        for name in lacking(self._task, step):
            self._lacking[name] = min(row.place, self._lacking.get(name, row.place))


def _unsettled(step: Step) -> Step:
    return step if (known := step.verdict.unsettled) is step.verdict else step.model_copy(update={"verdict": known})
