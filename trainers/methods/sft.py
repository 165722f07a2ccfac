"""Supervised fine-tuning of a LoRA adapter on completions only; on verified ones it is rejection sampling."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from gristmill.trainers.methods.fitting.method import TrlMethod
from gristmill.trainers.methods.fitting.training import Setting
from gristmill.trainers.methods.packing import MicroBatchCollator

__all__ = ["SftMethod"]


class SftMethod(TrlMethod):
    """A `Method`: the loss falls on the completions of ``{"prompt": [messages], "completion": [messages]}``."""

    kind: Literal["sft"] = "sft"

    def trainer(self, setting: Setting) -> Any:
        """TRL's, in micro-batches."""
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
