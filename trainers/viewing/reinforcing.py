"""RL with a reward model: at each checkpoint its reward beside what tools pass, and where the one left the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.graph.storage.store import Store
from gristmill.graph.view.charts import Chart, Dot, Line, course_chart, shares_chart
from gristmill.graph.view.figures import figure
from gristmill.graph.view.registry import Asked, Cell, Listing
from gristmill.trainers.recipes.ser.reinforcing import KIND as STORED
from gristmill.trainers.recipes.ser.reinforcing import Begun, Checkpoint, Reinforced, RlConfig

__all__ = ["KIND", "ReinforcePage", "reinforce_listing", "reinforce_page"]

KIND = "reinforce"


@dataclass(frozen=True, slots=True)
class Row:
    """A checkpoint, and the evaluation that asked it."""

    found: Checkpoint
    run: str
    best: bool
    adapter: str
    """Its folder, by its name alone on a page for the public; empty where there is none."""


@dataclass(frozen=True, slots=True)
class ReinforcePage:
    """What the page of an RL stage shows."""

    name: str
    config: RlConfig
    ended: bool
    result: Reinforced | None
    """Of the checkpoints that are measured by now; None before the first."""
    rows: Sequence[Row]
    rewards: Chart | None
    passes: Chart | None


def reinforce_listing(store: Store) -> Listing:
    """The RL stages of a workspace."""
    rows = []
    for name in store.documents.owners(STORED, key="begun"):
        config, found = _stored(store, name)
        if config is None:
            continue
        result = Reinforced.of(found) if found else None
        rows.append(
            (
                Cell(name, Asked(KIND, name)),
                Cell("finished", tone="good") if _ended(config, found) else Cell("going on", tone="live"),
                Cell(f"{max(0, len(found) - 1)} of {config.checkpoints}", number=True),
                Cell(_passed(found[0]) if found else "", number=True),
                Cell(_passed(found[result.best]) if result else "", number=True),
                Cell("✗ over-optimised", tone="bad") if result and result.warnings else Cell("no"),
            )
        )
    columns = ("RL stage", "state", "parts", "tools passed, base", "tools passed, best", "over-optimised")
    return Listing("RL with a reward model", columns, rows, none="none yet: gristmill recipe reinforce")


def reinforce_page(store: Store, asked: Asked) -> ReinforcePage | None:
    """The page of an RL stage; None where there is none of that name."""
    config, found = _stored(store, asked.owner)
    if config is None:
        return None
    result = Reinforced.of(found) if found else None
    return ReinforcePage(
        name=asked.owner,
        config=config,
        ended=_ended(config, found),
        result=result,
        rows=[
            Row(
                each,
                f"{asked.owner}-checkpoint-{each.number}",
                result is not None and each.number == result.best,
                adapter="" if each.adapter is None else each.adapter.name if asked.public else str(each.adapter),
            )
            for each in found
        ],
        rewards=_rewards(found) if found else None,
        passes=_passes(found) if found else None,
    )


def _stored(store: Store, name: str) -> tuple[RlConfig | None, list[Checkpoint]]:
    """What it was begun with, and its checkpoints as far as they are measured one after the other."""
    begun = store.documents.get(STORED, name, "begun", Begun)
    found: list[Checkpoint] = []
    while begun is not None and len(found) <= begun.config.checkpoints:
        measured = store.documents.get(STORED, name, f"{len(found)}/measured", Checkpoint)
        if measured is None:
            break
        found.append(measured)
    return (begun.config if begun is not None else None), found


def _ended(config: RlConfig, found: Sequence[Checkpoint]) -> bool:
    return len(found) > config.checkpoints


def _passed(found: Checkpoint) -> str:
    return f"{100 * found.passed.rate:.1f}%"


def _rewards(found: Sequence[Checkpoint]) -> Chart:
    dots = [Dot(each.number, each.reward, f"checkpoint {each.number}: {figure(each.reward)}") for each in found]
    return course_chart("Reward", "checkpoints", "mean reward", [Line("reward", dots)])


def _passes(found: Sequence[Checkpoint]) -> Chart:
    dots = [
        Dot(
            each.number,
            each.passed.rate,
            f"checkpoint {each.number}: {_passed(each)}",
            low=each.passed.low,
            high=each.passed.high,
        )
        for each in found
    ]
    return shares_chart("Passed by tools", "checkpoints", "share passed by tools", [Line("tools", dots)])
