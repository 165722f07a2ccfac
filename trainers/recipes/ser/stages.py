"""The stages of SER: each looks for its record, does its work once, and keeps the record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict, TypeVar

from langgraph.runtime import Runtime

from gristmill.graph.events import staged
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.recipes.ser.config import SerConfig
from gristmill.trainers.recipes.ser.labelling import Labelling, label_pool
from gristmill.trainers.recipes.ser.measuring import baselines, measured
from gristmill.trainers.recipes.ser.pairs import Pair, Parts, part
from gristmill.trainers.recipes.ser.records import Measured, Prepared, Rewarded, SerRecords, SerResult, Trained
from gristmill.trainers.recipes.ser.rewarding import CachedRewards, FullRewards, RewardModel
from gristmill.trainers.recipes.ser.states import States, tokens_of

__all__ = ["Bench", "BenchRuntime", "SerState", "evaluate", "label", "prepare", "score", "stop_of", "train"]

R = TypeVar("R", bound=Record)


class SerState(TypedDict):
    """Where it stands; everything larger is in the store."""

    round: int
    ended: bool


class Progress(Protocol):
    """Shows how far it is."""

    def stage(self, title: str) -> None:
        """A stage begins."""
        ...

    def update(self, done: float, total: float, detail: str = "", *, news: bool = True) -> None:
        """So many of so many are done now."""
        ...

    def note(self, text: str) -> None:
        """A line that stays."""
        ...


@dataclass
class Bench:
    """What the stages work with.

    Args:
        pairs: each once; see `unique`.
        home: the workspace's ``.gristmill`` folder.
    """

    name: str
    config: SerConfig
    pairs: list[Pair]
    left_out: dict[str, int]
    base: Path
    home: Path
    records: SerRecords
    progress: Progress
    _model: RewardModel | None = None
    _parts: Parts | None = None

    @property
    def by_id(self) -> dict[str, Pair]:
        """The pairs by id."""
        return {pair.id: pair for pair in self.pairs}

    @property
    def parts(self) -> Parts:
        """What each pair that fits is used for."""
        if self._parts is None:
            prepared = self.records.read("prepared", Prepared)
            gone = set(prepared.too_long if prepared else ())
            self._parts = part([pair for pair in self.pairs if pair.id not in gone], self.config)
        return self._parts

    @property
    def truth(self) -> dict[str, int]:
        """Labels of the file, seen or hidden."""
        return {pair.id: pair.better for pair in self.pairs if pair.better is not None}

    def model(self) -> RewardModel:
        """The reward model; with cached layers their states are computed first, where they are not there yet."""
        if self._model is None:
            layers, training = self.config.cached_layers, self.config.training
            if layers is None:
                self._model = FullRewards(self.by_id, self.base, training)
            else:
                fitting = {*self.parts.trained, *self.parts.calibrating, *self.parts.pool, *self.parts.held_out}
                tokens = tokens_of([pair for pair in self.pairs if pair.id in fitting], self.base)
                states = States(self.home / "recipes" / "states", self.base, layers, tokens)
                self.progress.stage(f"states of the {layers} lower layers, {states.total} tokens")
                states.make(self._heard)
                self._model = CachedRewards(states, training)
        return self._model

    def _heard(self, done: int, total: int) -> None:
        self.progress.update(done, total)


BenchRuntime = Runtime[Bench]


def prepare(state: SerState, runtime: BenchRuntime) -> dict[str, Any]:
    """Leave out what is too long, and say so."""
    bench = runtime.context
    if bench.records.read("prepared", Prepared) is None:
        bench.progress.stage("tokens")
        tokens = tokens_of(bench.pairs, bench.base)
        most = bench.config.training.max_tokens
        long = tuple(sorted(id_ for id_, both in tokens.items() if max(map(len, both)) > most))
        kept = sum(len(one) + len(other) for id_, (one, other) in tokens.items() if id_ not in set(long))
        if len(long) == len(bench.pairs):
            raise UserError(f"all {len(long)} pairs are longer than --max-tokens {most}")
        parts, by_id = part([pair for pair in bench.pairs if pair.id not in set(long)], bench.config), bench.by_id
        seen = {by_id[id_].group for id_ in (*parts.trained, *parts.calibrating, *parts.pool)}
        bench.records.write("prepared", Prepared(too_long=long, tokens=kept, seen=tuple(sorted(seen))))
        bench.progress.note(f"{len(bench.pairs) - len(long)} pairs, {kept} tokens; {len(long)} left out: too long")
    return {}


def train(state: SerState, runtime: BenchRuntime) -> dict[str, Any]:
    """The reward model on the seen labels and what the round before labelled; later ones go on from the one before."""
    bench, round_ = runtime.context, state["round"]
    stage = f"round-{round_}/trained"
    if bench.records.read(stage, Trained) is not None:
        return {}
    labels = {id_: bench.parts.labels[id_] for id_ in bench.parts.trained}
    start: Path | None = None
    if round_:
        labels |= _read(bench, f"round-{round_ - 1}/labelled", Labelling).labels
        start = _read(bench, f"round-{round_ - 1}/trained", Trained).path
    training, last = bench.config.training, 0.0
    model = bench.model()
    bench.progress.stage(f"round {round_}: training on {len(labels)} pairs")

    def heard(step: int, steps: int, loss: float) -> None:
        nonlocal last
        last = loss
        bench.progress.update(step, steps, f"loss {loss:.3f}")

    out = bench.home / "recipes" / bench.name / f"round-{round_}"
    model.train(
        sorted(labels.items()),
        out=out,
        epochs=training.later_epochs if round_ else training.epochs,
        start=start,
        seed=bench.config.seed * 1000 + round_,
        progress=heard,
    )
    bench.records.write(stage, Trained(path=out, pairs=len(labels), loss=last))
    return {}


def score(state: SerState, runtime: BenchRuntime) -> dict[str, Any]:
    """Rewards of the pool, the calibrating and the held-out pairs. Nothing but the end looks at the last."""
    bench, round_ = runtime.context, state["round"]
    stage = f"round-{round_}/rewarded"
    if bench.records.read(stage, Rewarded) is None:
        parts = bench.parts
        asked = [*parts.pool, *parts.calibrating, *parts.held_out]
        model = bench.model()
        bench.progress.stage(f"round {round_}: rewards of {len(asked)} pairs")
        trained = _read(bench, f"round-{round_}/trained", Trained)
        with staged("rewards", pairs=len(asked)):
            found = model.rewards(asked, trained.path, lambda done, total: bench.progress.update(done, total))
        bench.records.write(stage, Rewarded(rewards=found))
    return {}


def label(state: SerState, runtime: BenchRuntime) -> dict[str, Any]:
    """Label what the model is sure of, and find out whether to go on."""
    bench, round_ = runtime.context, state["round"]
    stage = f"round-{round_}/labelled"
    if bench.records.read(stage, Labelling) is None:
        before = _read(bench, f"round-{round_ - 1}/labelled", Labelling).labels if round_ else {}
        first = _read(bench, "round-0/labelled", Labelling).scale.factor if round_ else None
        parts = bench.parts
        found = label_pool(
            round_,
            _read(bench, f"round-{round_}/rewarded", Rewarded).rewards,
            pool=parts.pool,
            seen={id_: parts.labels[id_] for id_ in parts.calibrating},
            before=before,
            truth=bench.truth,
            config=bench.config,
            factor=first,
        )
        bench.records.write(stage, found)
        reasons = "".join(f"; {count}: {reason}" for reason, count in found.rejected.items())
        status = "none" if found.status is None else found.status
        bench.progress.note(
            f"learning status {status}; {found.accuracy.right} of {found.accuracy.of} calibrating labels right; "
            f"labelled {len(found.labels)} of {len(parts.pool)}: {found.added} new, {found.swapped} swapped, "
            f"{found.returned} back to the pool{reasons}"
        )
    return {"round": round_ + 1} if stop_of(bench, round_) is None else {"ended": True}


def stop_of(bench: Bench, round_: int) -> tuple[str, int] | None:
    """Why there is no round after this one, and the round whose model counts; None to go on."""
    now = _read(bench, f"round-{round_}/labelled", Labelling)
    if round_:
        before = _read(bench, f"round-{round_ - 1}/labelled", Labelling)
        fell = (before.accuracy.share or 0.0) - (now.accuracy.share or 0.0)
        if now.confidence > before.confidence and fell > bench.config.fall:
            return (
                f"confidence rose from {before.confidence:.3f} to {now.confidence:.3f} and accuracy fell by {fell:.3f}"
                ": it does not go on, and the model of the round before counts"
            ), round_ - 1
    if now.status is None:
        return "neither status yields data", round_
    if round_ >= bench.config.rounds:
        return f"--rounds {bench.config.rounds}", round_
    return None


def evaluate(state: SerState, runtime: BenchRuntime) -> dict[str, Any]:
    """The held-out labels: the model that counts, the one of the labels alone, and rankings without any."""
    bench = runtime.context
    if bench.records.read("result", SerResult) is not None:
        return {}
    bench.progress.stage("the held-out labels")
    stopped = stop_of(bench, state["round"])
    if stopped is None:
        raise RuntimeError("evaluated before the end")
    stop, chosen = stopped
    parts, by_id = bench.parts, bench.by_id
    held_out = [by_id[id_] for id_ in parts.held_out]

    def of(round_: int) -> Measured:
        rewards = _read(bench, f"round-{round_}/rewarded", Rewarded).rewards
        return measured(held_out, rewards, _read(bench, f"round-{round_}/labelled", Labelling).scale)

    def marked(ids: tuple[str, ...]) -> list[tuple[Pair, int]]:
        return [(by_id[id_], parts.labels[id_]) for id_ in ids]

    prepared = _read(bench, "prepared", Prepared)
    result = SerResult(
        name=bench.name,
        counts={
            "trained": len(parts.trained),
            "calibrating": len(parts.calibrating),
            "pool": len(parts.pool),
            "held out": len(parts.held_out),
            "turned by noise": parts.turned,
        },
        left_out=bench.left_out | ({"too long": len(prepared.too_long)} if prepared.too_long else {}),
        rounds=tuple(_read(bench, f"round-{each}/labelled", Labelling) for each in range(state["round"] + 1)),
        stop=stop,
        chosen=chosen,
        model=_read(bench, f"round-{chosen}/trained", Trained).path,
        measured=of(chosen),
        labels_alone=of(0),
        baselines=baselines(marked(parts.trained), marked(parts.calibrating), held_out),
    )
    bench.records.write("result", result)
    return {}


def _read(bench: Bench, stage: str, kind: type[R]) -> R:
    """A record that an earlier stage has kept."""
    found = bench.records.read(stage, kind)
    if found is None:
        raise RuntimeError(f"{stage} is missing")
    return found
