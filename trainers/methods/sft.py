"""Supervised fine-tuning of a LoRA adapter on completions only; on verified ones it is rejection sampling."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

from gristmill.trainers.methods.base import Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.fitting.knobs import Knobs
from gristmill.trainers.methods.fitting.shapes import turns_of
from gristmill.trainers.methods.fitting.training import Setting, train_adapter
from gristmill.trainers.methods.packing import MicroBatchCollator

__all__ = ["SftMethod"]


class SftMethod(Knobs):
    """A `Method`: the loss falls on the completions of ``{"prompt": [messages], "completion": [messages]}``."""

    kind: Literal["sft"] = "sft"

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        """As `Method.train`."""
        method = self.settled(base)
        return train_adapter(
            method,
            rows,
            method._trainer,
            kind=self.kind,
            conversations=turns_of("completion"),
            base=base,
            out=out,
            adapter=adapter,
            progress=progress,
        )

    def _trainer(self, setting: Setting) -> Any:
        from trl.trainer.sft_config import SFTConfig

        pad = setting.tokenizer.pad_token_id
        return micro_batch_trainer()(
            **setting.given,
            processing_class=setting.tokenizer,
            train_dataset=setting.dataset("prompt", "completion"),
            data_collator=MicroBatchCollator(int(pad), self.micro_tokens),
            args=SFTConfig(
                **setting.arguments,
                max_length=None,
                completion_only_loss=True,
                per_device_train_batch_size=self.step_rows,
            ),
        )


@cache
def micro_batch_trainer() -> Any:
    """The class: ``trl.SFTTrainer`` that adds up the gradients of a step's micro-batches.

    The loss is the sum over tokens by the number of tokens of the whole step, so that it does not matter where a step
    is parted. The trainer's own accumulation takes a fixed number of rows; these are as many as fit, packed.
    """
    from trl.trainer.sft_trainer import SFTTrainer

    class MicroBatchTrainer(SFTTrainer):
        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            step: Any = super().training_step
            return sum(step(model, part, num_items_in_batch) for part in inputs["parts"])

    return MicroBatchTrainer
