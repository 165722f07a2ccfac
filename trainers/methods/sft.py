"""Supervised fine-tuning of a LoRA adapter, from the base model, on completions only."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from gristmill.graph.models.local.memory import keep_freed
from gristmill.graph.models.local.weights import computes_in_bfloat16
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.methods.base import Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.lora import Lora, quiet, threads
from gristmill.trainers.methods.packing import SharedPrefixCollator
from gristmill.trainers.methods.saving import new_adapter, write_provenance

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["SftMethod"]


class SftMethod(Record):
    """A `Method`: the loss falls on the completions of ``{"prompt": [messages], "completion": [messages]}``."""

    kind: Literal["sft"] = "sft"
    lora: Lora = Lora()
    learning_rate: float = Field(5e-4, gt=0, description="at its highest")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="of the learning rate: linear, cosine or constant"
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
    epochs: float = Field(3.0, gt=0, description="passes over the rows")
    batch: int = Field(8, ge=1, description="rows in one optimizer step")
    max_tokens: int = Field(1024, ge=1, description="prompt and completion; a longer row is refused, never cut")
    threads: int | None = Field(None, ge=1, description="of the CPU; torch's default is the physical cores")
    seed: int = 0

    def train(self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None) -> TrainedAdapter:
        """As `Method.train`."""
        from transformers import AutoTokenizer

        started = time.monotonic()
        with new_adapter(out) as folder:
            tokenizer = AutoTokenizer.from_pretrained(base)
            fitting = [row for row in rows if _length(row, tokenizer) <= self.max_tokens]
            if not fitting:
                longest = f", and all {len(rows)} rows are longer than max_tokens={self.max_tokens}" if rows else ""
                raise UserError(f"there is nothing to train on: no row is left{longest}")
            keep_freed()
            with threads(self.threads), quiet():
                losses = _fit(fitting, tokenizer, base, folder, self, progress)
            trained = TrainedAdapter(
                path=out,
                rows=len(fitting),
                refused=len(rows) - len(fitting),
                loss=tuple(losses),
                seconds=time.monotonic() - started,
            )
            write_provenance(
                folder, method=self.kind, config=self, base=base, rows=fitting, trained=trained, libraries=("trl",)
            )
        return trained


def _fit(
    rows: Rows,
    tokenizer: PreTrainedTokenizerBase,
    base: Path,
    out: Path,
    method: SftMethod,
    progress: Steps | None,
) -> list[tuple[int, float]]:
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, PrinterCallback, TrainerCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    losses: list[tuple[int, float]] = []

    class Listener(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                losses.append((int(state.global_step), float(logs["loss"])))
                if progress is not None:
                    progress(int(state.global_step), int(state.max_steps), losses[-1][1])

    data = Dataset.from_list([{"prompt": row["prompt"], "completion": row["completion"]} for row in rows])
    torch.manual_seed(method.seed)
    on_gpu = torch.cuda.is_available()
    bfloat16 = torch.cuda.is_bf16_supported() if on_gpu else computes_in_bfloat16()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16 if bfloat16 else torch.float32),
        processing_class=tokenizer,
        train_dataset=data,
        data_collator=SharedPrefixCollator(int(tokenizer.pad_token_id)),
        peft_config=method.lora.peft(),
        callbacks=[Listener()],
        args=SFTConfig(
            output_dir=str(out),
            max_length=None,
            completion_only_loss=True,
            num_train_epochs=method.epochs,
            per_device_train_batch_size=method.batch,
            learning_rate=method.learning_rate,
            lr_scheduler_type=method.schedule,
            warmup_steps=method.warmup,
            weight_decay=0.0,
            bf16=bfloat16,
            use_cpu=not on_gpu,
            gradient_checkpointing=on_gpu,
            dataloader_pin_memory=on_gpu,
            seed=method.seed,
            data_seed=method.seed,
            save_strategy="no",
            report_to="none",
            logging_steps=1,
            disable_tqdm=True,
            log_level="error",
        ),
    )
    # Without bars it prints every step as a dict; `progress` hears them already.
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.save_model(str(out))
    return losses


def _length(row: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> int:
    encoded: Any = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], return_dict=True)
    return len(encoded["input_ids"])
