"""What a loss is of: a network's outputs and targets, or pairs of answers; how it is served, and tried beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.trained.loss.problem import Problem

__all__ = ["SHIM", "Form", "form_of"]

SHIM: Final = "gristmill.verifiers.trained.loss.guest.shim"
Draw = Callable[[Problem, NDArray[Any], float, np.random.Generator], NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Form:
    """One way to call a loss.

    Attributes:
        wrapper: the guest's function that makes the served one of it.
        draw: outputs that a network might give for some targets, at a scale.
        scales: usual ones, and one that is extreme.
        ceiling: what outputs never exceed.
    """

    wrapper: str
    draw: Draw
    scales: tuple[float, float, float, float]
    ceiling: float = math.inf


def _logits(problem: Problem, targets: NDArray[Any], scale: float, chance: np.random.Generator) -> NDArray[Any]:
    return chance.standard_normal((len(targets), problem.outputs)) * scale


def _near_the_reference(
    problem: Problem, targets: NDArray[Any], scale: float, chance: np.random.Generator
) -> NDArray[Any]:
    """Log-probabilities of a policy that differs from the reference; beta times the difference has the scale."""
    del problem
    apart = chance.standard_normal((len(targets), 2)) * scale / targets[:, 3:]
    near: NDArray[Any] = _CEILING - np.abs(targets[:, 1:3] + apart)
    return near


_CEILING: Final = -1e-3
_FORMS: Final = {
    "outputs": Form(f"{SHIM}:differentiated", _logits, (0.3, 1.0, 3.0, 50.0)),
    "pairs": Form(f"{SHIM}:of_pairs", _near_the_reference, (0.1, 0.5, 2.0, 10.0), _CEILING),
}


def form_of(problem: Problem) -> Form:
    """The form of a problem's losses: what its `form` names, which may be left out where it is ``outputs``.

    ``pairs``: rows of targets are which answer was chosen (0 or 1), the reference's log-probabilities of both, and
    beta; outputs are the policy's of both.
    """
    return _FORMS[getattr(problem, "form", "outputs")]
