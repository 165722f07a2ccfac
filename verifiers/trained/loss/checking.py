"""Whether a loss answers for its arguments alone, and whether its gradient is its own.

Batches are recorded at places of a training that nobody can know beforehand, and are asked again of fresh processes:
as they were, and moved to either side along a direction. Each process gets every batch once, in the shape, precision
and order of a training, so that a loss cannot tell a check from a training, nor two sides of one batch from two
batches, and be honest there only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.records import Outcome
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction

__all__ = [
    "LossCall",
    "LossRecorder",
    "Outputs",
    "Served",
    "Targets",
    "ask",
    "doubt",
    "length_of",
    "rechecks",
    "sides_of",
]

RECORDED: Final = 32
_STEP: Final = 2e-3
"""How far one output is moved, root mean square; outputs are of the order of one."""
_TINY: Final = 1e-6
"""The same in double precision."""
_A_LITTLE, _MUCH = (0.03, 0.25), (0.3, 0.0625)
"""A difference beyond the first, as a share of the slope, is allowed in that share of the batches: in single precision,
and where the gradient turns within a step, what a few say is no matter."""

Served = Callable[..., Any]
Outputs = NDArray[np.floating[Any]]
Targets = NDArray[Any]


@dataclass(frozen=True)
class LossCall:
    """One batch and what the loss said of it."""

    outputs: Outputs
    targets: Targets
    value: float
    gradient: Outputs


class LossRecorder:
    """A candidate's loss between trainer and sandbox: checks every answer, and keeps a random `RECORDED` of them."""

    def __init__(self, served: Served, chance: np.random.Generator) -> None:
        self._served = served
        self._chance = chance
        self._calls = 0
        self.kept: list[LossCall] = []

    def __call__(self, outputs: Outputs, targets: Targets) -> tuple[float, NDArray[np.float32]]:
        """See `ask`; the gradient in the precision of a training."""
        value, gradient = ask(self._served, outputs, targets)
        self._calls += 1
        # Reservoir sampling (Vitter 1985): each call is as likely to be kept, however many there will be.
        place = len(self.kept) if len(self.kept) < RECORDED else int(self._chance.integers(self._calls))
        if place < RECORDED:
            self.kept[place : place + 1] = [LossCall(outputs, targets, value, gradient)]
        return value, gradient.astype(np.float32)


def ask(served: Served, outputs: Outputs, targets: Targets) -> tuple[float, Outputs]:
    """The loss of a batch and its gradient, checked.

    Raises:
        CandidateFault: not a finite number, or not a finite gradient of the outputs' shape.
    """
    answer = served(outputs, targets)
    if isinstance(answer, dict) and isinstance(answer.get("problem"), str):
        raise CandidateFault(Outcome.INVALID, f"The loss cannot be used: {answer['problem'][:300]}.")
    value, gradient = (answer.get("value"), answer.get("gradient")) if isinstance(answer, dict) else (None, None)
    if type(value) is not float or not isinstance(gradient, np.ndarray) or gradient.dtype.kind != "f":
        raise CandidateFault(Outcome.INVALID, "The loss gave no number with a gradient.")
    if gradient.shape != outputs.shape:
        raise CandidateFault(
            Outcome.INVALID, f"The gradient has shape {gradient.shape}, the network's outputs {outputs.shape}."
        )
    if not np.isfinite(value):
        raise CandidateFault(
            Outcome.INVALID,
            f"The loss was {value} for outputs between {outputs.min():.3g} and {outputs.max():.3g}; it must be finite: "
            "clamp what goes into a logarithm or a division.",
        )
    if not np.isfinite(gradient).all():
        raise CandidateFault(
            Outcome.INVALID,
            f"The loss was {value:.4g}, but its gradient was not finite for outputs between {outputs.min():.3g} and "
            f"{outputs.max():.3g}: clamp what goes into a logarithm, a root or a division.",
        )
    return value, gradient


def rechecks(
    kept: Sequence[LossCall], chance: np.random.Generator, ceiling: float = math.inf
) -> Iterator[Callable[[ServedFunction], None]]:
    """What to ask of three fresh processes: the recorded batches, the same moved one way, and the other way.

    Each raises CandidateFault where an answer differs from the recorded one. Where the gradients seem not to be the
    values' own, three more are asked in double precision, by steps so small that hardly a row crosses a place where a
    value jumps; these decide. There the batches themselves must have the values and gradients that were recorded, so
    that nobody gains by being honest in double precision. `ceiling`: what outputs of the problem never exceed.
    """
    again: dict[int, LossCall] = {}
    first: CandidateFault | None = None
    for step, kind in ((_STEP, None), (_TINY, np.float64)):
        sides = [sides_of(each, chance, ceiling, step, kind) for each in kept]
        moved: tuple[dict[int, LossCall], ...] = ({}, {})
        asking: list[Callable[[ServedFunction], None]] = [
            partial(_ask_all, kept, _order(kept, chance), [pair[side] for pair in sides], moved[side], first)
            for side in (0, 1)
        ]
        if kind is None:
            asking.append(partial(_same, [kept[place] for place in _order(kept, chance)]))
        else:
            alike = [each.outputs.astype(kind) for each in kept]
            asking.append(partial(_ask_all, kept, _order(kept, chance), alike, again, first))
        for place in chance.permutation(3):
            yield asking[place]
        if kind is None:
            triples = [(each, moved[0][place], moved[1][place]) for place, each in enumerate(kept)]
            first = doubt(triples) or _too_small(triples)
            if first is None:
                return
        else:
            triples = [(again[place], moved[0][place], moved[1][place]) for place in range(len(kept))]
            other = np.mean([not _alike(each, again[place], kept) for place, each in enumerate(kept)])
            still = doubt(triples, kind) or _too_small(triples, kind)
            if first is not None and (other > _A_LITTLE[1] or still is not None):
                raise first


def _ask_all(
    kept: Sequence[LossCall],
    order: Sequence[int],
    outputs: Sequence[Outputs],
    into: dict[int, LossCall],
    doubtful: CandidateFault | None,
    served: Served,
) -> None:
    """Ask for all, in an order; a loss that is `doubtful`, and cannot answer now, stays so."""
    for place in order:
        targets = kept[place].targets
        try:
            into[place] = LossCall(outputs[place], targets, *ask(served, outputs[place], targets))
        except CandidateFault as fault:
            raise doubtful or fault from None


def _order(kept: Sequence[LossCall], chance: np.random.Generator) -> list[int]:
    return [int(place) for place in chance.permutation(len(kept))]


def _same(kept: Sequence[LossCall], served: Served) -> None:
    for each in kept:
        if not _alike(each, LossCall(each.outputs, each.targets, *ask(served, each.outputs, each.targets)), kept):
            raise CandidateFault(
                Outcome.INVALID,
                "Asked again about the same batch in a fresh process and another order, it gave another loss. A loss "
                "may depend on its arguments only: not on earlier calls, chance or time.",
            )


def _alike(one: LossCall, other: LossCall, kept: Sequence[LossCall]) -> bool:
    """Whether two answers are one but for rounding, by the sizes that the whole training has: Adam knows no others."""
    value, gradient = (
        max(sizes) for sizes in zip(*((abs(k.value), np.abs(k.gradient).max()) for k in kept), strict=True)
    )
    grain = 1e-5 * float(gradient) + 1e-4 * float(np.abs(one.gradient).max())
    same = np.isclose(other.value, one.value, rtol=1e-4, atol=1e-6 * min(1.0, float(value)))
    return bool(same) and np.allclose(other.gradient, one.gradient, rtol=1e-3, atol=grain)


def sides_of(
    asked: LossCall,
    chance: np.random.Generator,
    ceiling: float = math.inf,
    step: float = _STEP,
    kind: type[np.floating[Any]] | None = None,
) -> tuple[Outputs, Outputs]:
    """A batch moved a little one way and the other, in its own precision if no other `kind` is said.

    Every other direction is chance, the others lean on the claimed gradient: along chance alone the slope of a network
    that has learned drowns in the grain of single precision, and along the gradient one that leaves out rows agrees.
    """
    noise = chance.standard_normal(asked.outputs.shape)
    direction = noise / np.sqrt((noise**2).sum())
    length = length_of(asked.gradient)
    if length > 0 and chance.random() < 0.5:
        direction += asked.gradient / length
    direction *= step * np.sqrt(direction.size) / np.sqrt((direction**2).sum())
    # Which side is which must not be told by the loss going up or down.
    direction *= 1 if chance.random() < 0.5 else -1
    middle = asked.outputs.astype(np.float64)
    above, below = (
        np.minimum(middle + side, ceiling).astype(kind or asked.outputs.dtype) for side in (direction, -direction)
    )
    return above, below


def length_of(array: NDArray[Any]) -> float:
    """The Euclidean length of all numbers of an array."""
    return float(np.sqrt((array.astype(np.float64) ** 2).sum()))


def doubt(
    triples: Sequence[tuple[LossCall, LossCall, LossCall]], kind: type[np.floating[Any]] = np.float32
) -> CandidateFault | None:
    """Compare what the values of a batch's two sides differ by with what the gradients say: (batch, side, side).

    Between two points a value changes by as much as its gradient says somewhere between them. So each output adds
    what the least and the greatest of its three gradients say: for |x| on both sides of 0 anything from -1 to 1.
    `kind` is what they were computed in. What is found is given back, if in more than a few they disagree.
    """
    worst, off = (0.0, 0.0), []
    for middle, above, below in triples:
        moved = above.outputs.astype(np.float64) - below.outputs.astype(np.float64)
        said = np.stack([each.gradient * moved for each in (middle, above, below)])
        change = above.value - below.value
        grain = _grain(above, kind)
        apart = max(said.min(axis=0).sum() - change, change - said.max(axis=0).sum()) - grain
        bend = abs((above.value + below.value) / 2 - middle.value)
        apart = max(apart, bend - abs(change) - 0.02 * max(1.0, abs(middle.value)), 0.0)
        usual = _slope(middle, moved)
        off.append(float(apart / max(abs(change), abs(float(said[0].sum())), usual, 1e-300)))
        worst = max(worst, (off[-1], change))
    if any(np.mean(np.array(off) > beyond) > share for beyond, share in (_A_LITTLE, _MUCH)):
        return CandidateFault(
            Outcome.INVALID,
            "The gradient is not the loss's own: where the outputs moved a little the value changed by "
            f"{worst[1]:.4g}, {worst[0]:.0%} off what its gradient says. Detached terms and hand-written gradients "
            "are not allowed.",
        )
    return None


def _too_small(
    triples: Sequence[tuple[LossCall, LossCall, LossCall]], kind: type[np.floating[Any]] = np.float32
) -> CandidateFault | None:
    """A fault where the gradients say so little that the values cannot show whether it is true.

    Adam makes steps of one size of any gradient, so a loss may not be small to go unseen. What is learned has small
    gradients, too: the largest quarter of a training's must show.
    """
    shown = [
        _slope(middle, above.outputs.astype(np.float64) - below.outputs.astype(np.float64)) / _grain(above, kind)
        for middle, above, below in triples
        if middle.gradient.any()  # what is flat moves nothing
    ]
    if not shown or float(np.quantile(shown, 0.75)) > 1:
        return None
    return CandidateFault(
        Outcome.INVALID,
        "The gradient is too small beside the loss's value: rounding hides whether it is the loss's own. Leave out "
        "tiny factors and large constants.",
    )


def _grain(asked: LossCall, kind: type[np.floating[Any]]) -> float:
    """What of a difference of two values is the grain of the precision that they are computed in."""
    return 25 * float(np.finfo(kind).eps) * max(1.0, abs(asked.value))


def _slope(asked: LossCall, moved: NDArray[Any]) -> float:
    """What a value changes by where the outputs move by that much in a direction of chance."""
    return length_of(asked.gradient) * length_of(moved) / float(np.sqrt(moved.size))
