"""`preference_lm`: losses judged by what a small language model can do after a LoRA training with them.

It is a problem of the losses' verifier (`gristmill.verifiers.trained.loss`), but lies here: what it needs of the graph
(models, generated tasks) and of TRL, the verifiers may not import. They know its name alone, and load it on use, as
they do with an installed package's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.trainers.preferences.pairs import BETA, MODEL, load_pairs
from gristmill.verifiers.trained.loss.baselines.programs import program
from gristmill.verifiers.trained.loss.problem import Data, NetworkSettings, Split
from gristmill.verifiers.trained.loss.trainer import LossFunction, NetworkCheckpoint, TrainedNetwork, carried
from gristmill.verifiers.trained.verifier import Deadline, share

__all__ = ["PreferenceLm"]

_BATCH: Final = 4
_SPLITS: Final = ("search", "selection", "final")


class PreferenceLm:
    """See `gristmill.verifiers.trained.loss.problem.Problem`, and `Trains`; the score is pass@1 on fresh tasks.

    `pairs` of verified and refuted answers are learned from in one pass, another draw of them for every seed; then
    `tasks` newly generated tasks are answered greedily, without examples, and verified.
    """

    name = "preference_lm"
    form = "pairs"
    arguments = ("policy_chosen", "policy_rejected", "reference_chosen", "reference_rejected", "beta")
    received = (
        "The first four are float tensors of shape (n,): the logarithms of the probabilities, summed over an answer's "
        "tokens, that the model and the reference give to the chosen and to the rejected answer; only the model's are "
        f"trained. beta is a float, {BETA:g}"
    )
    model = f"The model is {MODEL} with LoRA adapters of rank 16 on its linear layers; the reference is it without them"
    outputs = 2
    measure = "pass@1"
    grading = "the share of newly generated tasks that its first, greedy answer solves, as verified by running it"
    baselines = {"human": program("dpo"), "usual": program("dpo")}

    def __init__(self, pairs: float = 96, tasks: float = 96) -> None:
        for title, given, least in (("pairs", pairs, 2 * _BATCH), ("tasks", tasks, 1)):
            if type(given) not in (int, float) or given != int(given) or not least <= given <= 2000:
                raise UserError(f"settings.{title}: a whole number from {least} to 2000, not {given!r}")
        self.pairs, self.tasks = int(pairs), int(tasks)
        self.training = NetworkSettings(epochs=1, batch=_BATCH, learning_rate=2e-4, checkpoints=1)
        self.story = (
            "A language model of 135 million parameters writes one Python expression over a list for a task said in "
            f"words. It learns from {self.pairs} pairs of its own answers to one task, of which the chosen one passed "
            "the task's tests and the rejected one did not."
        )

    def data(self, generator: np.random.Generator) -> Data:
        """Pairs in an order that is drawn: inputs are their numbers, targets what a loss is served with."""
        rows = load_pairs()
        if len(rows) < self.pairs:
            raise UserError(f"settings.pairs: there are only {len(rows)} pairs; ask for no more, or make more of them")
        drawn = generator.permutation(len(rows))[: self.pairs]
        second = generator.integers(0, 2, len(drawn))
        reference = np.array([[rows[at][f"ref_{side}_logps"] for side in ("chosen", "rejected")] for at in drawn])
        shown = np.where(second[:, None] == 1, reference[:, ::-1], reference)
        targets = np.column_stack((second, shown, np.full(len(drawn), BETA))).astype(np.float32)
        numbers = drawn[:, None].astype(np.float32)
        return Data(numbers, targets, numbers[:0], targets[:0])

    def spoiled(self, targets: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        """The targets: what the tools said is taken as it is."""
        del generator
        return targets

    def network(self, torch: ModuleType) -> Any:
        """The language model, without adapters."""
        from transformers import AutoModelForCausalLM

        from gristmill.graph.models.local.fetch import fetch

        return AutoModelForCausalLM.from_pretrained(fetch(), dtype=torch.float32)

    def grade(self, outputs: NDArray[np.float32], targets: NDArray[Any]) -> float:
        """The mean of outputs, one for each task: 1 where it was solved."""
        del targets
        return float(outputs.mean())

    def advice(self, grades: Sequence[float]) -> str | None:
        """What to look at."""
        if max(grades) < 0.02:
            return "The model has forgotten how to write: pull less, or hold the chosen answer's probability up."
        return "A pair's difference grows as well by making both answers unlikely: look at the chosen one by itself."

    def trained(
        self, loss: LossFunction, seed: int, deadline: float | None, split: Split | None, cut: int
    ) -> TrainedNetwork:
        """See `gristmill.verifiers.trained.loss.problem.Trains`; what is graded on are tasks of the split's own."""
        del cut
        from gristmill.graph.models.local.generation import Generator
        from gristmill.trainers.preferences.answers import answer, fresh_tasks, verified

        order, noise = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        rows = load_pairs()
        drawn = [rows[int(at)] for at in self.data(order).inputs[:, 0]]
        model, tokenizer, values = self._fit(drawn, loss, seed, deadline, noise)
        place = 0 if split is None else 1 + _SPLITS.index(split)
        number = int(np.random.default_rng([seed, place]).integers(2**62))
        # Whatever order they stand in: prompts of tasks are between the docstring's marks.
        known = frozenset(row["prompt"].split('"""')[1] for row in rows)
        tasks = fresh_tasks(number, self.tasks, known)
        answers = answer(Generator(model, tokenizer), tasks)
        if deadline is not None and time.monotonic() > deadline:
            raise Deadline
        passed = np.array(verified(tasks, answers), dtype=np.float32)
        grade = share(self.grade(passed, passed))
        return TrainedNetwork(grade, (NetworkCheckpoint(1, grade, float(np.mean(values))),))

    def seconds(self) -> float:
        """Processor seconds of one training, by two steps of it and eight answers, once all is loaded."""
        from gristmill.graph.models.local.generation import Generator
        from gristmill.trainers.preferences.answers import answer, fresh_tasks

        rows = load_pairs()[: 2 * _BATCH]
        tasks = fresh_tasks(0, 8)
        begun = time.process_time()
        model, tokenizer, _ = self._fit(rows, lambda outputs, targets: (0.0, 0 * outputs), 0, None, None)
        learned = time.process_time()
        answer(Generator(model, tokenizer), tasks)
        answered = time.process_time()
        # Loading is counted in with the first, and again in no training's favour: the forecast is on the safe side.
        return (learned - begun) * self.pairs / len(rows) + (answered - learned) * self.tasks / len(tasks)

    def _fit(
        self,
        rows: Sequence[dict[str, Any]],
        loss: LossFunction,
        seed: int,
        deadline: float | None,
        chance: np.random.Generator | None,
    ) -> tuple[Any, Any, list[float]]:
        """One pass over the rows: the model with its adapters merged, its tokenizer, and the loss by steps."""
        import torch
        from transformers import AutoTokenizer, TrainerCallback

        from gristmill.graph.models.local.fetch import fetch
        from gristmill.graph.models.local.memory import keep_freed
        from gristmill.trainers.methods.lora import Lora, quiet
        from gristmill.trainers.preferences.trainer import trainer_for

        drawn = chance or np.random.default_rng(seed)
        through, values = carried(torch), []

        def pair_loss(chosen: Any, rejected: Any, first: Any, second: Any, beta: float) -> Any:
            turned = torch.from_numpy(drawn.integers(0, 2, len(chosen)).astype(bool))
            two, reference = (
                torch.where(turned[:, None], both.flip(1), both)
                for both in (torch.stack((chosen, rejected), dim=1), torch.stack((first, second), dim=1))
            )
            said = torch.column_stack((turned.float(), reference.float(), torch.full((len(chosen),), beta)))
            value, gradient = loss(two.detach().float().numpy().copy(), said.numpy().copy())
            values.append(value)
            return through.apply(two, value, torch.from_numpy(gradient))

        class InTime(TrainerCallback):
            def on_step_begin(self, *given: Any, **more: Any) -> None:
                if deadline is not None and time.monotonic() > deadline:
                    raise Deadline

        keep_freed()
        with quiet(), torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as scratch:
            torch.manual_seed(seed)
            tokenizer = AutoTokenizer.from_pretrained(fetch())
            trainer = trainer_for(
                pair_loss,
                self.network(torch),
                tokenizer,
                rows,
                folder=scratch,
                batch=_BATCH,
                learning_rate=self.training.learning_rate,
                beta=BETA,
                seed=seed % 2**31,
                callbacks=[InTime()],
                peft_config=Lora().peft(),
            )
            trainer.train()
            return trainer.model.merge_and_unload().eval(), tokenizer, values
