"""Configurations without a model: ranges inside their priors, drawn, moved and joined. Chance is the place's.

Where there is nothing to build on, a configuration draws about half of the constants, each between two values on both
sides of its nominal one: sparingly, as a model is told to.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.ranges.configuration import ConfigurationError, parse, priors_of, written
from gristmill.verifiers.trained.reward.environments import environment

__all__ = ["bred_ranges"]

_Ranges = dict[str, tuple[float, float]]
_TRIES: Final = 20


def bred_ranges(task: Task, parents: Sequence[str], operator: str, chance: random.Random, *, first: bool) -> str:
    """One configuration that differs from its first parent.

    Args:
        task: whose priors bound it; where they leave nothing to move, nothing differs.
        parents: configurations; those that cannot be read are passed over.
        operator: of the plan: `cross` joins two parents, `adjust` leaves names as they are.
        chance: where all chance comes from.
        first: whether nothing was proposed before, where all priors in full are a place to begin.
    """
    all_priors = priors_of(task)
    if first:
        return written(all_priors)
    # What cannot be moved is not worth a line, unless nothing can.
    priors = {name: bounds for name, bounds in all_priors.items() if bounds[0] < bounds[1]} or all_priors
    nominal = {each.name: each.default for each in environment(task.environment).physics if each.name in priors}
    said = [ranges for each in parents if (ranges := _read(each, all_priors)) is not None]
    read = [kept for ranges in said if (kept := {name: ranges[name] for name in ranges if name in priors})]
    if not read:
        return written(_sparse(priors, nominal, chance))
    for _ in range(_TRIES):
        child = dict(read[0])
        if operator == "cross" and len(read) > 1:
            child = _joined(read[0], read[1], priors, chance)
        if child == read[0]:
            _changed(child, priors, nominal, chance, names=operator != "adjust")
            if operator in ("another", "fresh", "again"):
                _changed(child, priors, nominal, chance)
        if child and child != read[0]:
            return written({name: child[name] for name in priors if name in child})
    return written(_sparse(priors, nominal, chance))


def _read(text: str, priors: Mapping[str, tuple[float, float]]) -> _Ranges | None:
    try:
        return parse(text, priors)
    except ConfigurationError:
        return None


def _sparse(priors: Mapping[str, tuple[float, float]], nominal: Mapping[str, float], chance: random.Random) -> _Ranges:
    names = [name for name in priors if chance.random() < 0.5] or [chance.choice(list(priors))]
    return {name: _around(priors[name], nominal[name], chance) for name in names}


def _around(bounds: tuple[float, float], nominal: float, chance: random.Random) -> tuple[float, float]:
    return nominal - chance.random() * (nominal - bounds[0]), nominal + chance.random() * (bounds[1] - nominal)


def _joined(one: _Ranges, other: _Ranges, priors: Mapping[str, tuple[float, float]], chance: random.Random) -> _Ranges:
    """Of each constant what one of both does with it."""
    child: _Ranges = {}
    for name in priors:
        if (chosen := (one if chance.random() < 0.5 else other).get(name)) is not None:
            child[name] = chosen
    return child


def _changed(
    child: _Ranges,
    priors: Mapping[str, tuple[float, float]],
    nominal: Mapping[str, float],
    chance: random.Random,
    *,
    names: bool = True,
) -> None:
    """Wider, narrower, or moved; or, with `names`, one constant more or less."""
    moves: list[Callable[[], None]] = []
    at = chance.choice(list(child))

    def bound(low: float, high: float) -> None:
        least, most = priors[at]
        low, high = (min(max(each, least), most) for each in (low, high))
        child[at] = min(low, high), max(low, high)

    low, high = child[at]
    width, part = priors[at][1] - priors[at][0], chance.uniform(0.05, 0.5)
    moves.append(lambda: bound(low - part * width * chance.random(), high + part * width * chance.random()))
    moves.append(lambda: bound(low + part * (nominal[at] - low), high + part * (nominal[at] - high)))
    moves.append(lambda: bound(low + (shift := chance.uniform(-part, part) * width), high + shift))
    if names:
        missing = [name for name in priors if name not in child]
        if missing:
            new = chance.choice(missing)
            moves.append(lambda: child.update({new: _around(priors[new], nominal[new], chance)}))
        if len(child) > 1:
            moves.append(lambda: child.pop(at) and None)
    chance.choice(moves)()
