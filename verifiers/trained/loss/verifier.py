"""Judge a loss function by how well a network that was trained with it does on what it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Profile
from gristmill.verifiers.records import Outcome, Task, Verdict
from gristmill.verifiers.trained.loss.feedback import losses_text
from gristmill.verifiers.trained.loss.problem import Problem
from gristmill.verifiers.trained.loss.problems import problem
from gristmill.verifiers.trained.loss.trainer import TrainedNetwork, require_torch, train
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution
from gristmill.verifiers.trained.verifier import judge_trained, training_problems

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["LossTraining", "LossVerifier", "ask", "check_gradient", "recheck"]

# Address space that torch takes by being imported, before a candidate has done anything.
TORCH_MB: Final = 4096
RECORDED: Final = 8
_EVERY: Final = 97

Outputs = NDArray[np.floating[Any]]
Targets = NDArray[Any]


@dataclass
class _Watched:
    """A candidate's loss between trainer and sandbox: checks every answer and keeps some for the re-check."""

    served: ServedFunction
    recorded: list[tuple[Outputs, Targets, float, Outputs]] = field(default_factory=list)
    calls: int = 0

    def __call__(self, outputs: Outputs, targets: Targets) -> tuple[float, NDArray[np.float32]]:
        value, gradient = ask(self.served, outputs, targets)
        if self.calls % _EVERY == 0 and len(self.recorded) < RECORDED:
            self.recorded.append((outputs, targets, value, gradient))
        self.calls += 1
        return value, gradient.astype(np.float32)


_Record = tuple[TrainedNetwork, _Watched]


class LossTraining:
    """A `gristmill.verifiers.trained.verifier.Training` on one problem."""

    subject = "Networks trained with this loss"

    def __init__(self, problem: Problem, verifier: str) -> None:
        self.problem = problem
        self.verifier = verifier
        self.measure = problem.measure

    def probe(self, served: ServedFunction) -> None:
        """Shapes, extreme outputs and the gradient, before any training, so that a mistake shows in milliseconds.

        Raises:
            CandidateFault: see `ask`; or the gradient is not the value's own.
        """
        generator = np.random.default_rng(5)
        known = self.problem.data().targets

        def some(rows: int, scale: float) -> tuple[Outputs, Targets]:
            outputs = generator.standard_normal((rows, self.problem.outputs)) * scale
            return outputs, known[generator.integers(0, len(known), rows)]

        for rows, scale in ((32, 1.0), (1, 1.0), (7, 50.0)):
            outputs, targets = some(rows, scale)
            ask(served, outputs.astype(np.float32), targets)
        for scale in (0.3, 1.0, 3.0):
            check_gradient(served, *some(16, scale), generator)

    def train(self, served: ServedFunction, seed: int, deadline: float) -> tuple[float, _Record]:
        """Train a network; every answer of the loss is checked, and some are kept."""
        watched = _Watched(served)
        network = train(watched, self.problem, seed, deadline=deadline)
        return network.grade, (network, watched)

    def recheck(self, served: ServedFunction, record: _Record) -> None:
        """See `recheck`."""
        recheck(served, record[1].recorded)

    def feedback(self, target: float, records: Sequence[_Record]) -> str:
        """How grade and loss went."""
        return losses_text(self.problem, target, [network for network, _ in records])


class LossVerifier:
    """Score = the problem's grade on held-out data, in [0, 1], the mean over seeds, of networks trained with it.

    The candidate is ``loss(outputs, targets)`` on torch tensors, (n, k) floats and (n, …), and returns a scalar tensor.
    Its process gets outputs and training targets of one batch at a time, and returns the value and its gradient with
    respect to the outputs; inputs, weights, clean targets, seeds and the grade are here, on the judge's side. The
    gradient must be the value's own (finite differences), and recorded batches are asked again, in another order, of a
    fresh process: differing answers are `invalid`. `passed` if the score reaches `target` (default .9).

    `settings.seeds`: how many networks are trained, 1 to 20 (default 3).

    Raises:
        UserError: torch, or what the data are loaded with, is not installed (on `verify`).
    """

    name = "loss"
    version = 1
    kind = "loss"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        # The second run of a passing loss is the re-check on a fresh process, which is always done.
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        try:
            problem(task.problem)
        except UserError as error:
            return [str(error), *training_problems(task, "loss")]
        return training_problems(task, "loss")

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        require_torch()
        asked = problem(task.problem)
        asked.data()
        limits = task.limits.model_copy(update={"memory_mb": max(task.limits.memory_mb, TORCH_MB)})
        offered = Solution(solution, task.settings.get("entry_point", "loss"), limits, PROFILE, WRAPPER)
        training = LossTraining(asked, f"{self.name}/{self.version}")
        return await judge_trained(self._pool, task, offered, training)


SHIM: Final = "gristmill.verifiers.trained.loss.guest.shim"
WRAPPER: Final = f"{SHIM}:differentiated"
PROFILE: Final = Profile(
    name="loss",
    guest=(SHIM,),
    preload=("numpy", "math", "torch", "torch.nn.functional"),
    image="torch",
    memory_mb=TORCH_MB,
)


def ask(served: Callable[..., Any], outputs: Outputs, targets: Targets) -> tuple[float, Outputs]:
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


def check_gradient(
    served: Callable[..., Any], outputs: Outputs, targets: Targets, generator: np.random.Generator
) -> None:
    """Compare the gradient with central differences of the value along random directions.

    A loss may have kinks, so one direction in four may disagree; a gradient that is not the value's own disagrees
    in all of them.

    Raises:
        CandidateFault: it does.
    """
    wide = outputs.astype(np.float64)
    _, gradient = ask(served, wide, targets)
    wrong = []
    for _ in range(4):
        direction = generator.standard_normal(wide.shape)
        direction /= np.sqrt((direction**2).sum())
        step = 1e-3
        above, _ = ask(served, wide + step * direction, targets)
        below, _ = ask(served, wide - step * direction, targets)
        slope, claimed = (above - below) / (2 * step), float((gradient * direction).sum())
        # The value may have been computed in single precision, whose grain the difference of two values shows.
        grain = 1e-6 * max(1.0, abs(above)) / step
        if abs(slope - claimed) > 0.02 * max(abs(slope), abs(claimed)) + grain:
            wrong.append((slope, claimed))
    if len(wrong) > 1:
        slope, claimed = wrong[0]
        raise CandidateFault(
            Outcome.INVALID,
            f"The gradient is not the loss's own: along one direction the value changes at {slope:.4g}, while its "
            f"gradient says {claimed:.4g}. Detached terms and hand-written gradients are not allowed.",
        )


def recheck(served: ServedFunction, recorded: list[tuple[Outputs, Targets, float, Outputs]]) -> None:
    """Ask again about recorded batches, in another order, and check the gradient on one of them.

    Raises:
        CandidateFault: an answer differs, or a gradient is not the value's own.
    """
    generator = np.random.default_rng(13)
    for place in generator.permutation(len(recorded)):
        outputs, targets, value, gradient = recorded[place]
        again, slope = ask(served, outputs, targets)
        same = np.isclose(again, value, rtol=1e-4, atol=1e-6)
        if not same or not np.allclose(slope, gradient, rtol=1e-3, atol=1e-6 + 1e-4 * float(np.abs(gradient).max())):
            raise CandidateFault(
                Outcome.INVALID,
                "Asked again about the same batch in a fresh process and another order, it gave another loss. A loss "
                "may depend on its arguments only: not on earlier calls, chance or time.",
            )
    for place in (len(recorded) // 2, len(recorded) - 1):
        check_gradient(served, recorded[place][0], recorded[place][1], generator)
