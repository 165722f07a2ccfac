"""What a loss must show before anything is trained with it, so that an honest mistake is said in milliseconds.

A loss that knows that it is being tried passes all of this; what is asked again after a training
(`gristmill.verifiers.trained.loss.checking.rechecks`) is what decides.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gristmill.verifiers.records import Outcome
from gristmill.verifiers.trained.loss.checking import (
    LossCall,
    Outputs,
    Served,
    Targets,
    ask,
    doubt,
    length_of,
    sides_of,
)
from gristmill.verifiers.trained.serving import CandidateFault

__all__ = ["check_descent", "check_gradient", "check_in_double"]

_IN_DOUBLE: Final = 5e-3
_DESCENT: Final = 20


def check_gradient(
    served: Served,
    outputs: Outputs,
    targets: Targets,
    generator: np.random.Generator,
    ceiling: float = math.inf,
) -> None:
    """A first look at the gradient, before any training: along four directions, in one process.

    A loss that knows that it is being looked at passes; `rechecks` is what decides.

    Raises:
        CandidateFault: the gradient is not the value's own.
    """
    value, gradient = ask(served, outputs, targets)
    asked = LossCall(outputs, targets, value, gradient)
    triples = []
    for _ in range(4):
        above, below = (
            LossCall(each, targets, *ask(served, each, targets)) for each in sides_of(asked, generator, ceiling)
        )
        triples.append((asked, above, below))
    if fault := doubt(triples):
        raise fault


def check_in_double(
    served: Served,
    outputs: Outputs,
    targets: Targets,
    generator: np.random.Generator,
    ceiling: float = math.inf,
) -> bool:
    """Compare the gradient with differences in double precision, where a detached term of a hundredth shows.

    False if the loss cannot compute in double precision: it is left to the other checks then.

    Raises:
        CandidateFault: the gradient is not the value's own.
    """
    off = []
    for _ in range(5):
        direction = generator.standard_normal(outputs.shape)
        step = 1e-3 * direction / np.sqrt((direction**2).mean())
        try:
            below, above = (ask(served, np.minimum(outputs + side * step, ceiling), targets) for side in (-1, 1))
            value, gradient = ask(served, outputs.astype(np.float64), targets)
        except CandidateFault as fault:
            if fault.outcome is Outcome.ERROR:
                return False
            raise
        moved = np.minimum(outputs + step, ceiling) - np.minimum(outputs - step, ceiling)
        change, said = above[0] - below[0], float((gradient * moved).sum())
        # What a loss computes in single precision all the same, and what the third derivative adds.
        grain = 2e-6 * max(1.0, abs(value)) + 1e-4 * length_of(gradient) * length_of(moved) / np.sqrt(moved.size)
        off.append(max(0.0, abs(change - said) - grain) / max(abs(change), abs(said), 1e-300))
    # A kink may lie within one step, or two.
    if float(np.median(off)) > _IN_DOUBLE:
        raise CandidateFault(
            Outcome.INVALID,
            f"The gradient is not the loss's own: in double precision the value changed by {np.median(off):.1%} other "
            "than its gradient says. Detached terms and hand-written gradients are not allowed.",
        )
    return True


def check_descent(served: Served, outputs: Outputs, targets: Targets, ceiling: float = math.inf) -> None:
    """Follow the gradient downwards by small steps, on the outputs alone: the value must fall.

    Raises:
        CandidateFault: it does not.
    """
    first, gradient = ask(served, outputs, targets)
    least = first
    for _ in range(_DESCENT):
        length = length_of(gradient) / np.sqrt(gradient.size)
        if length == 0:
            break
        outputs = np.minimum(outputs - 0.05 * gradient / length, ceiling).astype(outputs.dtype)
        value, gradient = ask(served, outputs, targets)
        least = min(least, value)
    if not least < first - 1e-6 * max(1.0, abs(first)):
        raise CandidateFault(
            Outcome.INVALID,
            f"The loss does not descend: {_DESCENT} small steps against its gradient left it at {least:.6g}, from "
            f"{first:.6g}. Its gradient is zero, or points nowhere.",
        )
