"""TRL's DPO trainer with the loss left open: tokenising, batches and log-probabilities are its own.

TRL 1.16 has no hook for the loss, which stands inside `_compute_loss`. Libraries are imported on use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PairLoss", "pair_loss_trainer", "trainer_for"]

PairLoss = Callable[["Tensor", "Tensor", "Tensor", "Tensor", float], "Tensor"]
"""Of the log-probabilities of chosen and rejected answers by policy and reference, (n,) each, and beta: a scalar."""
_REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")


@cache
def pair_loss_trainer() -> Any:
    """The class: ``trl.DPOTrainer`` whose constructor takes a `PairLoss` before all else."""
    from trl.trainer.dpo_trainer import DPOTrainer

    class PairLossTrainer(DPOTrainer):
        def __init__(self, pair_loss: PairLoss, **given: Any) -> None:
            self._pair_loss = pair_loss
            super().__init__(**given)

        def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
            """Computed once, when the pairs were made, for all trainings."""
            if set(_REFERENCE) <= set(dataset.column_names):
                return dataset
            return super()._precompute_ref_logps(dataset, name, batch_size)

        def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
            mask = inputs["completion_mask"]
            given = {key: value for key, value in inputs.items() if key not in ("completion_mask", *_REFERENCE)}
            labels = inputs["input_ids"].masked_fill(mask == 0, -100)
            outputs = model(**given, labels=labels, use_cache=False, fused_lm_head=True)
            chosen, rejected = outputs.log_probs[:, 1 - mask.shape[1] :].sum(dim=1).chunk(2)
            first, second = (inputs[name] for name in _REFERENCE)
            loss = self._pair_loss(chosen, rejected, first, second, self.beta)
            return (loss, outputs) if return_outputs else loss

    return PairLossTrainer


def trainer_for(
    pair_loss: PairLoss,
    model: Any,
    tokenizer: Any,
    rows: Sequence[dict[str, Any]],
    *,
    folder: str,
    batch: int,
    learning_rate: float,
    beta: float,
    seed: int = 0,
    callbacks: Sequence[Any] = (),
    peft_config: Any = None,
) -> Any:
    """A trainer of one pass over the rows, which have ``prompt``, ``chosen`` and ``rejected`` as plain text.

    Rows without ``ref_chosen_logps`` and ``ref_rejected_logps`` get them from the model as it is, in `train_dataset`.
    `folder` is for what TRL must write somewhere; nothing is saved.
    """
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl.trainer.dpo_config import DPOConfig

    on_gpu = torch.cuda.is_available()
    trainer = pair_loss_trainer()(
        pair_loss,
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(list(rows)),
        peft_config=peft_config,
        callbacks=list(callbacks),
        args=DPOConfig(
            output_dir=folder,
            beta=beta,
            max_length=None,
            precompute_ref_log_probs=True,
            num_train_epochs=1,
            per_device_train_batch_size=batch,
            dataloader_drop_last=True,  # no loss is asked for one pair alone
            learning_rate=learning_rate,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            bf16=False,
            use_cpu=not on_gpu,
            gradient_checkpointing=False,
            dataloader_pin_memory=on_gpu,
            seed=seed,
            data_seed=seed,
            save_strategy="no",
            report_to="none",
            logging_strategy="no",
            disable_tqdm=True,
            log_level="error",
        ),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
