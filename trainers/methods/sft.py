"""Supervised fine-tuning of a LoRA adapter, from the base model, on completions only."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gristmill.graph.models.local.memory import keep_freed
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.methods.lora import SftConfig, lora_config, quiet, threads
from gristmill.trainers.methods.packing import SharedPrefixCollator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PROVENANCE", "TrainedAdapter", "train_sft"]

PROVENANCE = "provenance.json"


class TrainedAdapter(Record):
    """What a training left behind."""

    path: Path
    rows: int = Field(description="rows that were trained on")
    refused: int = Field(0, description="rows left out because they are longer than `max_tokens`")
    loss: tuple[tuple[int, float], ...] = Field((), description="(optimizer step, mean loss of the step's tokens)")
    seconds: float


def train_sft(
    rows: Sequence[dict[str, Any]],
    *,
    base: Path,
    out: Path,
    config: SftConfig | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> TrainedAdapter:
    """Train an adapter and save it as safetensors with a ``provenance.json``.

    The base model's files are only read. The adapter appears at `out` whole or not at all.

    Args:
        rows: ``{"prompt": [messages], "completion": [messages]}``; other keys are ignored.
        base: folder of the base model, in Hugging Face's format.
        out: folder to make; it must not exist, or be empty.
        config: knobs; None is the defaults.
        progress: called with (step, steps, loss) from the training thread.

    Raises:
        UserError: `out` is taken, or no row is short enough to be trained on.
    """
    from transformers import AutoTokenizer

    config = config or SftConfig()
    started = time.monotonic()
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} exists already: adapters are never overwritten, choose another name")
    tokenizer = AutoTokenizer.from_pretrained(base)
    fitting = [row for row in rows if _length(row, tokenizer) <= config.max_tokens]
    if not fitting:
        longest = f", and all {len(rows)} rows are longer than max_tokens={config.max_tokens}" if rows else ""
        raise UserError(f"there is nothing to train on: no row is left{longest}")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    keep_freed()
    with threads(config.threads), quiet():
        losses = _fit(fitting, tokenizer, base, partial, config, progress)
    trained = TrainedAdapter(
        path=out,
        rows=len(fitting),
        refused=len(rows) - len(fitting),
        loss=tuple(losses),
        seconds=time.monotonic() - started,
    )
    provenance = _provenance(fitting, base, config, trained)
    (partial / PROVENANCE).write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")
    if out.exists():
        out.rmdir()
    partial.rename(out)
    return trained


def _fit(
    rows: Sequence[dict[str, Any]],
    tokenizer: PreTrainedTokenizerBase,
    base: Path,
    out: Path,
    config: SftConfig,
    progress: Callable[[int, int, float], None] | None,
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
    torch.manual_seed(config.seed)
    on_gpu = torch.cuda.is_available()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16),
        processing_class=tokenizer,
        train_dataset=data,
        data_collator=SharedPrefixCollator(int(tokenizer.pad_token_id)),
        peft_config=lora_config(config),
        callbacks=[Listener()],
        args=SFTConfig(
            output_dir=str(out),
            max_length=None,
            completion_only_loss=True,
            num_train_epochs=config.epochs,
            per_device_train_batch_size=config.batch,
            learning_rate=config.learning_rate,
            lr_scheduler_type=config.schedule,
            warmup_steps=config.warmup,
            weight_decay=0.0,
            bf16=True,
            use_cpu=not on_gpu,
            gradient_checkpointing=on_gpu,
            dataloader_pin_memory=on_gpu,
            seed=config.seed,
            data_seed=config.seed,
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
    for name in ("training_args.bin", "README.md"):
        (out / name).unlink(missing_ok=True)
    return losses


def _length(row: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> int:
    found: Any = tokenizer.apply_chat_template([*row["prompt"], *row["completion"]], return_dict=True)
    return len(found["input_ids"])


def _provenance(rows: Sequence[dict[str, Any]], base: Path, config: SftConfig, trained: TrainedAdapter) -> Any:
    weights = hashlib.sha256()
    for file in sorted(base.glob("*.safetensors")):
        with file.open("rb") as stream:
            weights.update(hashlib.file_digest(stream, "sha256").digest())
    lines = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    return {
        "method": "sft",
        "base": {"path": str(base), "sha256": weights.hexdigest()},
        "dataset": {
            "rows": trained.rows,
            "refused": trained.refused,
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
        },
        "config": config.model_dump(mode="json"),
        "versions": {name: version(name) for name in ("gristmill", "torch", "transformers", "trl", "peft")},
        "metrics": {"loss": trained.loss, "seconds": trained.seconds},
    }
