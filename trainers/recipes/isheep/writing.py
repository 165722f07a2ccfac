"""The stages in which the model writes: new prompts, replies to them, second turns, and scores of all that."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gristmill.graph.prompts.feedback import tame
from gristmill.graph.records import Message, Step
from gristmill.trainers.improve.state import RoundsState
from gristmill.trainers.recipes.isheep.asking.prompts import assessing, following_up, synthesis
from gristmill.trainers.recipes.isheep.asking.reading import instruction_in, score_in
from gristmill.trainers.recipes.isheep.context import Flock, FlockRuntime, Reading
from gristmill.trainers.recipes.isheep.drawing.rules import RULES, told
from gristmill.trainers.recipes.isheep.measuring.agreement import agreement
from gristmill.trainers.recipes.isheep.records import Pair, Pairs, Written
from gristmill.trainers.recipes.isheep.seeds import seeds
from gristmill.verifiers.records import Outcome, Strength, Task

__all__ = ["assess", "follow_up", "respond", "synthesize"]

_SCORE_TOKENS = 16
_PLAIN = "Write."


async def synthesize(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """New prompts, each after a few seeds; a share of them is told something that a tool checks."""
    flock, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/written"
    if flock.records.read(stage, Written) is not None:
        return {}
    asked = [_place(round_, number, "prompt") for number in range(flock.recipe.synthesis.prompts)]
    shots = {task.id: _shots(flock, task.id) for task in asked}
    steps = await flock.asked(
        f"round-{round_ + 1}-prompts",
        f"round {round_ + 1}: {len(asked)} new prompts",
        {name: synthesis(some) for name, some in shots.items()},
        asked,
        judge=Reading(lambda text: instruction_in(text)[0] is not None),
        adapter=state["adapter"],
    )
    refused: Counter[str] = Counter()
    tasks: dict[str, Task] = {}
    seeded = {_normal(task.prompt) for task in seeds()}
    for task in asked:
        said, reason = _said(steps.get(task.id))
        if said is not None and _normal(said) in seeded:
            said, reason = None, "a seed"
        if said is not None and _normal(said) in tasks:
            said, reason = None, "was written before"
        if said is None:
            refused[reason] += 1
            continue
        tasks[_normal(said)] = _constrained(flock, task.id, said)
    written = Written(tasks=tuple(tasks.values()), asked=len(asked), refused=dict(refused))
    flock.records.write(stage, written)
    flock.progress.note(f"{len(tasks)} prompts of {len(asked)}{_because(refused)}")
    return {}


async def respond(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """A reply to each prompt, asked without examples; a tool looks at those that it can decide."""
    flock, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/answered"
    if flock.records.read(stage, Pairs) is not None:
        return {}
    written = flock.records.read(f"round-{round_ + 1}/written", Written)
    tasks = written.tasks if written else ()
    pairs = await _answered(flock, state, tasks, {}, f"round-{round_ + 1}-replies", f"{len(tasks)} replies")
    flock.records.write(stage, Pairs(pairs=pairs))
    decided = [pair.passed for pair in pairs if pair.passed is not None]
    flock.progress.note(f"{len(pairs)} replies; a tool could decide {len(decided)} and passed {sum(decided)}")
    return {}


async def follow_up(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """Second turns: what the user says next, written by the model, and the reply to that."""
    flock, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/followed"
    if flock.records.read(stage, Pairs) is not None:
        return {}
    first = _pairs(flock, round_, "answered")
    share = flock.recipe.synthesis.follow_ups
    chosen = [pair for pair in first if pair.reply.strip() and _fraction(f"follow/{pair.id}") < share]
    places = {f"{pair.id}/next": pair for pair in chosen}
    tasks = [Task(id=name, kind="instruction", prompt=_PLAIN) for name in places]
    steps = await flock.asked(
        f"round-{round_ + 1}-next",
        f"round {round_ + 1}: {len(tasks)} second turns",
        {name: following_up(pair.messages, pair.reply) for name, pair in places.items()},
        tasks,
        judge=Reading(lambda text: instruction_in(text)[0] is not None),
        adapter=state["adapter"],
    )
    history: dict[str, tuple[Message, ...]] = {}
    said: list[Task] = []
    refused: Counter[str] = Counter()
    for name, pair in places.items():
        text, reason = _said(steps.get(name))
        if text is None:
            refused[reason] += 1
            continue
        said.append(_constrained(flock, name, text))
        history[name] = (*pair.messages, Message(role="assistant", content=tame(pair.reply)))
    title = f"replies to {len(said)} second turns"
    pairs = await _answered(flock, state, said, history, f"round-{round_ + 1}-next-replies", title)
    flock.records.write(stage, Pairs(pairs=pairs))
    if share:
        flock.progress.note(f"{len(pairs)} second turns of {len(chosen)}{_because(refused)}")
    return {}


async def assess(state: RoundsState, runtime: FlockRuntime) -> dict[str, Any]:
    """The model scores its own pairs on two scales, and where a tool has decided, how well it does is told."""
    flock, round_ = runtime.context, state["round"]
    stage = f"round-{round_ + 1}/assessed"
    if flock.records.read(stage, Pairs) is not None:
        return {}
    pairs = [*_pairs(flock, round_, "answered"), *_pairs(flock, round_, "followed")]
    if flock.recipe.assessed:
        asked = {f"{pair.id}/{scale}": (scale, pair) for pair in pairs for scale in ("quality", "following")}
        steps = await flock.asked(
            f"round-{round_ + 1}-scores",
            f"round {round_ + 1}: the model scores its {len(pairs)} pairs",
            {name: assessing(scale, pair.messages, pair.reply) for name, (scale, pair) in asked.items()},
            [Task(id=name, kind="instruction", prompt=_PLAIN) for name in asked],
            judge=Reading(lambda text: score_in(text) is not None),
            adapter=state["adapter"],
            greedy=True,
            most=_SCORE_TOKENS,
        )
        scores = {name: score_in(step.hypothesis.text) for name, step in steps.items()}
        pairs = [
            pair.model_copy(update={scale: scores.get(f"{pair.id}/{scale}") for scale in ("quality", "following")})
            for pair in pairs
        ]
        for scale in ("quality", "following"):
            found = agreement(pairs, scale)
            flock.records.write(f"round-{round_ + 1}/agreement-{scale}", found)
            worth = "none can be told" if found.auroc is None else f"{found.auroc:.2f}"
            calibrated = f", ECE {found.ece:.2f}" if found.pairs else ""
            flock.progress.note(
                f"its score of {scale} against the tool: AUROC {worth}{calibrated}, on {found.pairs} pairs; "
                f"{found.unread} more scores could not be read"
            )
    flock.records.write(stage, Pairs(pairs=tuple(pairs)))
    return {}


async def _answered(
    flock: Flock,
    state: RoundsState,
    tasks: Sequence[Task],
    history: dict[str, tuple[Message, ...]],
    part: str,
    title: str,
) -> tuple[Pair, ...]:
    steps = await flock.asked(
        part,
        f"round {state['round'] + 1}: {title}",
        {task.id: (*history.get(task.id, ()), Message(role="user", content=task.prompt)) for task in tasks},
        tasks,
        judge=flock.checking(),
        adapter=state["adapter"],
    )
    return tuple(_pair(task, history.get(task.id, ()), steps[task.id]) for task in tasks if task.id in steps)


def _pair(task: Task, history: tuple[Message, ...], step: Step) -> Pair:
    verdict = step.verdict
    # What forwarded operators or a shared process have passed is nothing that a tool alone has found.
    told = verdict.outcome is Outcome.PASSED and not verdict.decided_by_tools
    return Pair(
        id=task.id,
        task=task,
        history=history,
        reply=step.hypothesis.text,
        cut=step.hypothesis.cut,
        outcome=Outcome.REFUSED if told else verdict.outcome,
        strength=Strength.SELF_ASSESSED if told else verdict.strength,
    )


def _pairs(flock: Flock, round_: int, part: str) -> tuple[Pair, ...]:
    kept = flock.records.read(f"round-{round_ + 1}/{part}", Pairs)
    return kept.pairs if kept else ()


def _place(round_: int, number: int, what: str) -> Task:
    return Task(id=f"r{round_ + 1}-{what}-{number}", kind="instruction", prompt=_PLAIN)


def _said(step: Step | None) -> tuple[str | None, str]:
    return (None, "no reply") if step is None else instruction_in(step.hypothesis.text)


def _shots(flock: Flock, place: str) -> list[str]:
    rng = random.Random(f"{flock.recipe.run.seed}/shots/{place}")
    return [task.prompt for task in rng.sample(seeds(), flock.recipe.synthesis.shots)]


def _constrained(flock: Flock, place: str, said: str) -> Task:
    """The prompt as a task; a share of them gets a constraint, in the wordings of training."""
    if _fraction(f"{flock.recipe.run.seed}/told/{place}") >= flock.recipe.synthesis.told:
        return Task(id=place, kind="instruction", prompt=said)
    rng = random.Random(f"{flock.recipe.run.seed}/rule/{place}")
    demand = told(rng.choice(RULES), rng)
    return Task(id=place, kind="instruction", prompt=f"{said} {demand.words}", constraints=(demand.constraint,))


def _fraction(what: str) -> float:
    """A number in [0, 1) that is the same in every process."""
    return int.from_bytes(hashlib.sha256(what.encode("utf-8", "surrogatepass")).digest()[:4]) / 2**32


def _normal(text: str) -> str:
    return " ".join(text.lower().split())


def _because(refused: Counter[str]) -> str:
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(refused.items()))
    return f"; left out: {told}" if told else ""
