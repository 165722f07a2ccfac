"""What methods that sample by themselves have in common: tasks out of rows, and verdicts as rewards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.base import Rows
from gristmill.trainers.methods.fitting.method import TrlMethod
from gristmill.trainers.methods.fitting.training import Setting
from gristmill.trainers.rewards import async_reward_function
from gristmill.verifiers.records import Task

__all__ = ["Sampling", "rewards_of"]


class Sampling(TrlMethod, ABC):
    """A method that samples groups of replies: the reward is 1 for a reply that tools verified, else 0.

    Only groups whose rewards differ teach anything: give tasks that the model solves at times. `batch` counts prompts,
    each of which has a group. A reply that this machine could not judge is left out of its group. The sandboxes are
    those of this process (`GRISTMILL_SANDBOX`). `train` raises UserError also where a `specification` is no task, or
    none that can be judged.
    """

    epochs: float = Field(1.0, gt=0, description="passes over the rows")
    group: int = Field(8, ge=2, description="replies to one prompt")
    answer_tokens: int = Field(128, ge=1, description="of a reply; a longer one is cut, and judged so")
    temperature: float = Field(1.0, gt=0, description="of the sampling")
    beta: float = Field(0.0, ge=0, description="of the divergence from the reference; 0 spares the reference")

    rate_share: ClassVar[float] = 0.02

    @property
    def reserved(self) -> int:
        """Of a reply."""
        return self.answer_tokens

    @abstractmethod
    def of_trl(self) -> tuple[Any, Any]:
        """TRL's trainer and its configuration."""

    def trainer(self, setting: Setting) -> Any:
        """One whose groups of a step are sampled, and judged, all at once."""
        return self.trainer_by(setting, *rewards_of(setting.rows))

    def trainer_by(self, setting: Setting, dataset: Any, reward: Any) -> Any:
        """The same by another reward, as TRL calls one, on a data set that has what it needs."""
        trainer, config = self.of_trl()
        return trainer(
            **setting.given,
            processing_class=setting.tokenizer,
            train_dataset=dataset,
            reward_funcs=reward,
            args=config(
                **setting.arguments,
                **setting.batches(self.step_rows * self.group, self.micro_tokens),
                num_generations=self.group,
                max_completion_length=self.answer_tokens,
                temperature=self.temperature,
                beta=self.beta,
            ),
        )


def rewards_of(rows: Rows) -> tuple[Any, Any]:
    """The data set that the trainer reads, and the reward of its replies.

    Raises:
        UserError: naming the row, where its `specification` is no task, or none that can be judged.
    """
    from datasets import Dataset

    tasks: dict[str, Task] = {}
    columns = []
    for number, row in enumerate(rows, 1):
        try:
            task = Task.model_validate_json(row["specification"])
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "row"
            raise UserError(f"row {number}: `specification` is no task row: {place}: {first['msg']}") from error
        if tasks.setdefault(task.id, task) != task:
            raise UserError(f"row {number}: `specification` is another task of the id {task.id!r}")
        columns.append({"prompt": row["prompt"], "task": task.id})
    return Dataset.from_list(columns), async_reward_function(tasks.values())
