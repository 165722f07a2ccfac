"""Judge a loss function by how well a network that was trained with it does on what it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Profile
from gristmill.verifiers.records import Outcome, Seeds, Task, Verdict
from gristmill.verifiers.trained.base import TrainedVerifier
from gristmill.verifiers.trained.loss.checking import LossRecorder, ask, rechecks
from gristmill.verifiers.trained.loss.feedback import losses_text
from gristmill.verifiers.trained.loss.forms import SHIM, form_of
from gristmill.verifiers.trained.loss.probing import check_descent, check_gradient, check_in_double
from gristmill.verifiers.trained.loss.problem import Problem, data_of
from gristmill.verifiers.trained.loss.problems import options, problem_of
from gristmill.verifiers.trained.loss.trainer import TrainedNetwork, require_torch, train
from gristmill.verifiers.trained.secret import seed
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution
from gristmill.verifiers.trained.verifier import Split, Watch, judge_trained, split_of, training_problems

__all__ = ["LossTraining", "LossVerifier"]

# Address space that torch takes by being imported, before a candidate has done anything.
TORCH_MB: Final = 4096
Outputs = NDArray[np.floating[Any]]
Targets = NDArray[Any]
_Record = tuple[TrainedNetwork, LossRecorder]


class LossTraining:
    """A `gristmill.verifiers.trained.verifier.Training` on one problem."""

    subject = "Networks trained with this loss"

    def __init__(self, problem: Problem, verifier: str, split: Split = "search", cut: int = 0) -> None:
        self.problem = problem
        self.split = split
        self.cut = cut
        self.form = form_of(problem)
        self.verifier = verifier
        self.measure = problem.measure

    def probe(self, served: ServedFunction, chance: np.random.Generator) -> None:
        """Shapes, extreme outputs and the gradient, before any training, so that a mistake shows in milliseconds.

        Raises:
            CandidateFault: see `ask`; or the gradient is not the value's own, or does not lead down.
        """
        targets = data_of(self.problem, chance, self.split, self.cut).targets
        *usual, extreme = self.form.scales

        def some(rows: int, scale: float) -> tuple[Outputs, Targets]:
            asked = targets[chance.integers(0, len(targets), rows)]
            return self.form.draw(self.problem, asked, scale, chance).astype(np.float32), asked

        # Two rows at least: a loss may use statistics of its batch, and none of one row has a deviation.
        for rows, scale in ((32, usual[1]), (2, usual[1]), (7, extreme)):
            ask(served, *some(rows, scale))
        for scale in usual:
            self._check(served, some, scale, chance)
        check_descent(served, *some(16, usual[1]), self.form.ceiling)

    def _check(
        self,
        served: ServedFunction,
        some: Callable[[int, float], tuple[Outputs, Targets]],
        scale: float,
        chance: np.random.Generator,
    ) -> None:
        """The gradient at a batch, and at another one if it seems wrong: near one row the value may jump."""
        try:
            doubled = check_in_double(served, *some(16, scale), chance, self.form.ceiling)
        except CandidateFault as fault:
            if fault.outcome is not Outcome.INVALID:
                raise
            doubled = check_in_double(served, *some(16, scale), chance, self.form.ceiling)
        if not doubled:
            check_gradient(served, *some(16, scale), chance, self.form.ceiling)

    def train(
        self, served: ServedFunction, seed: int, deadline: float, watch: Watch | None = None
    ) -> tuple[float, _Record]:
        """Train a network; every answer of the loss is checked, and some are kept."""
        recorder = LossRecorder(served, np.random.default_rng([seed, 1]))
        network = train(recorder, self.problem, seed, deadline=deadline, split=self.split, cut=self.cut, watch=watch)
        return network.grade, (network, recorder)

    def rechecks(self, record: _Record, chance: np.random.Generator) -> Iterator[Callable[[ServedFunction], None]]:
        """See `gristmill.verifiers.trained.loss.checking.rechecks`."""
        return rechecks(record[1].kept, chance, self.form.ceiling)

    def metrics(self, records: Sequence[_Record]) -> dict[str, float]:
        """Nothing beyond the score."""
        return {}

    def feedback(self, target: float, records: Sequence[_Record]) -> str:
        """How grade and loss went."""
        return losses_text(self.problem, target, [network for network, _ in records])


class LossVerifier(TrainedVerifier):
    """Score = the problem's grade on held-out data, in [0, 1], the mean over seeds, of networks trained with it.

    The candidate is ``loss(outputs, targets)`` on torch tensors, (n, k) floats and (n, …), and returns a scalar tensor.
    Its process gets outputs and training targets of one batch at a time, and returns the value and its gradient with
    respect to the outputs; inputs, weights, clean targets, seeds and the grade are here, on the judge's side. The
    gradient must be the value's own (differences of values, at batches of the training that nobody can know
    beforehand), and these batches are asked again of fresh processes: differing answers are `invalid`. Split, noise,
    order, weights and places of checks follow from `secret`, the same trainings for all losses judged with one.
    `passed` if the score reaches `target` (default .9).

    `settings.seeds`: how many networks are trained, 1 to 20 (default 3); `settings.final_seeds`: how many of a search's
    winner, by seeds on which nothing was chosen, 0 to 20 (default 5).

    Raises:
        UserError: torch, or what the data are loaded with, is not installed (on `verify`).
    """

    name = "loss"
    version = 4
    kind = "loss"

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        try:
            also = options(task.problem)
        except UserError as error:
            return [str(error), *training_problems(task, "loss")]
        wrong = training_problems(task, "loss", also)
        if not wrong:
            try:
                problem_of(task)
            except UserError as error:
                return [str(error)]
        return wrong

    async def _judge(self, task: Task, solution: str, seeds: Seeds) -> Verdict:
        require_torch()
        asked = problem_of(task)
        asked.data(np.random.default_rng(0))
        limits = task.limits.model_copy(update={"memory_mb": max(task.limits.memory_mb, TORCH_MB)})
        offered = Solution(solution, task.settings.get("entry_point", "loss"), limits, PROFILE, form_of(asked).wrapper)
        cut = seed(self.secret, task.id, "cut")
        training = LossTraining(asked, f"{self.name}/{self.version}", split_of(seeds), cut)
        return await judge_trained(self._pool, task, offered, training, self.secret, seeds, confirm=self._confirm)


PROFILE: Final = Profile(
    name="loss",
    guest=(SHIM,),
    preload=("numpy", "math", "torch", "torch.nn.functional"),
    image="torch",
    memory_mb=TORCH_MB,
)
