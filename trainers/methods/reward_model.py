"""A reward model: an adapter with a head of one output, which scores what was verified above what was refuted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from gristmill.trainers.methods.fitting.method import FromPreferences
from gristmill.trainers.methods.fitting.training import Setting
from gristmill.trainers.methods.lora import quiet

__all__ = ["RewardModelMethod", "scorer", "scores"]


class RewardModelMethod(FromPreferences):
    """A `Method` on rows ``{"prompt", "chosen", "rejected"}``: loss -log σ(r(chosen) - r(rejected)), centred.

    What it leaves is no model that answers: `improve` does not take it, and it is never promoted.
    """

    kind: Literal["reward_model"] = "reward_model"
    centre: float = Field(
        0.01, ge=0, description="of the loss that keeps the mean of a pair's scores at 0, which the pairs leave open"
    )

    head: ClassVar[bool] = True

    def trainer(self, setting: Setting) -> Any:
        """TRL's for rewards."""
        from trl.trainer.reward_config import RewardConfig
        from trl.trainer.reward_trainer import RewardTrainer

        return RewardTrainer(
            **setting.given,
            processing_class=setting.tokenizer,
            train_dataset=setting.dataset("prompt", "chosen", "rejected"),
            args=RewardConfig(
                **setting.arguments,
                **setting.batches(self.step_rows, self.micro_tokens, sequences=2),
                max_length=None,
                center_rewards_coefficient=self.centre or None,
            ),
        )


def scorer(*, base: Path, adapter: Path) -> Callable[[Sequence[dict[str, Any]]], float]:
    """What a reward model says of a conversation, loaded once; greater is better.

    Args:
        base: folder of the model that it was trained on.
        adapter: what `RewardModelMethod` left.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(base)
        headed = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32)
        headed.config.pad_token_id = tokenizer.pad_token_id
        model: Any = PeftModel.from_pretrained(headed, str(adapter)).eval()

    def score(turns: Sequence[dict[str, Any]]) -> float:
        encoded: Any = tokenizer.apply_chat_template(list(turns), return_dict=True)
        with quiet(), torch.inference_mode():
            return float(model(torch.tensor([encoded["input_ids"]])).logits[0, 0])

    return score


def scores(conversations: Sequence[Sequence[dict[str, Any]]], *, base: Path, adapter: Path) -> list[float]:
    """What a reward model says of each conversation, see `scorer`."""
    score = scorer(base=base, adapter=adapter)
    return [score(turns) for turns in conversations]
