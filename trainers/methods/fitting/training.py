"""What trainings by TRL have in common: rows that fit, a model, the same arguments, checkpoints, a whole adapter."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.graph.events import staged
from gristmill.graph.models.local.memory import give_back, keep_freed
from gristmill.graph.models.local.weights import computes_in_bfloat16
from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.base import Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.fitting.checkpoints import Checkpoints, saver
from gristmill.trainers.methods.fitting.knobs import Knobs
from gristmill.trainers.methods.fitting.shapes import length
from gristmill.trainers.methods.lora import quiet, threads
from gristmill.trainers.methods.saving import digest_of, is_whole, new_adapter, write_provenance

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Setting", "Trainer", "train_adapter"]


@dataclass(frozen=True)
class Setting:
    """What a trainer is made of; `given` goes to its constructor, `arguments` to that of its configuration."""

    tokenizer: PreTrainedTokenizerBase
    rows: Rows
    longest: int
    given: dict[str, Any]
    arguments: dict[str, Any]

    def dataset(self, *columns: str) -> Any:
        """The rows with these columns alone."""
        from datasets import Dataset

        return Dataset.from_list([{column: row[column] for column in columns} for row in self.rows])

    def batches(self, batch: int, micro_tokens: int, *, sequences: int = 1, least: int = 1) -> dict[str, Any]:
        """How a step's rows are shared out, so that no more than the bound is in memory at once.

        Args:
            batch: rows in one optimizer step.
            micro_tokens: the bound; equal parts of the batch as large as it allows, padded to the longest row.
            sequences: that one row becomes.
            least: rows that the method needs together.
        """
        fitting = max(1, micro_tokens // (self.longest * sequences))
        parts = [size for size in range(1, batch + 1) if batch % size == 0 and size >= min(least, batch)]
        micro = max((size for size in parts if size <= fitting), default=parts[0])
        return {"per_device_train_batch_size": micro, "gradient_accumulation_steps": batch // micro}


Trainer = Callable[[Setting], Any]
"""Makes the trainer of TRL's."""


def train_adapter(
    method: Knobs,
    rows: Rows,
    trainer: Trainer,
    *,
    kind: str,
    conversations: Callable[[dict[str, Any]], Sequence[Sequence[dict[str, Any]]]],
    base: Path,
    out: Path,
    adapter: Path | None,
    progress: Steps | None,
    reserved: int = 0,
    head: bool = False,
) -> TrainedAdapter:
    """As `Method.train`.

    Args:
        method: settled, see `Knobs.settled`.
        conversations: of a row, whose longest must have `max_tokens` at most.
        reserved: tokens that are generated behind it.
        head: a model with one output in place of a vocabulary.
    """
    from transformers import AutoTokenizer

    started = time.monotonic()
    if adapter is not None and not is_whole(adapter):
        raise UserError(f"{adapter} holds no adapter to go on from")
    with staged("training", method=kind, rows=len(rows)), new_adapter(out) as folder:
        tokenizer = AutoTokenizer.from_pretrained(base)
        lengths = [length(conversations(row), tokenizer) + reserved for row in rows]
        fitting = [row for row, tokens in zip(rows, lengths, strict=True) if tokens <= method.max_tokens]
        if not fitting:
            too_long = f", and all {len(rows)} rows are longer than max_tokens={method.max_tokens}" if rows else ""
            raise UserError(f"there is nothing to train on: no row is left{too_long}")
        of = {
            "rows": digest_of(fitting),
            "method": method.model_dump(mode="json"),
            "base": str(base),
            "adapter": None if adapter is None else str(adapter),
        }
        checkpoints = Checkpoints(out, of)
        keep_freed()
        with threads(method.threads), quiet():
            longest = max(tokens for tokens in lengths if tokens <= method.max_tokens)
            setting = Setting(
                tokenizer=tokenizer,
                rows=fitting,
                longest=longest,
                given=_model(method, base, adapter, head),
                arguments=_arguments(method, checkpoints.folder, longest),
            )
            losses = _run(trainer(setting), method, checkpoints, folder, progress)
        del setting  # with its model
        give_back()
        trained = TrainedAdapter(
            path=out,
            rows=len(fitting),
            refused=len(rows) - len(fitting),
            loss=tuple(losses),
            seconds=time.monotonic() - started,
        )
        write_provenance(
            folder,
            method=kind,
            config=method,
            base=base,
            rows=fitting,
            trained=trained,
            libraries=("trl",),
            adapter=adapter,
        )
    checkpoints.remove()
    return trained


def _model(method: Knobs, base: Path, adapter: Path | None, head: bool) -> dict[str, Any]:
    import torch
    import transformers
    from peft import PeftModel

    torch.manual_seed(method.seed)
    kind = transformers.AutoModelForSequenceClassification if head else transformers.AutoModelForCausalLM
    more: dict[str, Any] = {"num_labels": 1} if head else {}
    if method.four_bit:
        more["quantization_config"] = _four_bit()
    model: Any = kind.from_pretrained(base, dtype=torch.bfloat16 if _bfloat16() else torch.float32, **more)
    if head and model.config.pad_token_id is None:
        model.config.pad_token_id = model.config.eos_token_id
    if adapter is None:
        return {"model": model, "peft_config": method.lora.peft(head=head)}
    return {"model": PeftModel.from_pretrained(model, str(adapter), is_trainable=True), "peft_config": None}


def _bfloat16() -> bool:
    import torch

    return torch.cuda.is_bf16_supported() if torch.cuda.is_available() else computes_in_bfloat16()


def _four_bit() -> Any:
    """The settings of QLoRA.

    Raises:
        UserError: there is no CUDA, or bitsandbytes is not installed.
    """
    from importlib.util import find_spec

    import torch
    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available():
        raise UserError("four_bit: this machine has no CUDA, which a base model in 4 bits needs; leave the option away")
    if find_spec("bitsandbytes") is None:
        raise UserError("four_bit: bitsandbytes is not installed: pip install bitsandbytes")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _arguments(method: Knobs, folder: Path, longest: int) -> dict[str, Any]:
    """What all of TRL's configurations take."""
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "num_train_epochs": method.epochs,
        "learning_rate": method.learning_rate,
        "lr_scheduler_type": method.schedule,
        "warmup_steps": method.warmup,
        "weight_decay": 0.0,
        "bf16": _bfloat16(),
        "use_cpu": not on_gpu,
        # A row that is over the bound by itself: layers are computed again in the backward pass.
        "gradient_checkpointing": on_gpu or longest > method.micro_tokens,
        "dataloader_pin_memory": on_gpu,
        "seed": method.seed,
        "data_seed": method.seed,
        "save_strategy": "no",
        "save_total_limit": 1,
        "report_to": "none",
        "logging_steps": 1,
        "disable_tqdm": True,
        "log_level": "error",
    }


def _run(
    trainer: Any, method: Knobs, checkpoints: Checkpoints, folder: Path, progress: Steps | None
) -> list[tuple[int, float]]:
    from transformers import PrinterCallback, TrainerCallback

    class Listener(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                loss = float(logs["loss"])
                if not math.isfinite(loss):
                    raise UserError(
                        f"the loss of step {state.global_step} is {loss}: the training has come apart; a lower "
                        "learning rate keeps it together"
                    )
                if progress is not None:
                    progress(int(state.global_step), int(state.max_steps), loss)

    # Without bars it prints every step as a dict; `progress` hears them already.
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Listener())
    trainer.add_callback(saver(method.checkpoint_seconds))
    last = checkpoints.last()
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    trainer.save_model(str(folder))
    return [(int(each["step"]), float(each["loss"])) for each in trainer.state.log_history if "loss" in each]
