"""An adapter and its base as one model on disk, for servers and tools that take no adapters."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.lora import quiet
from gristmill.trainers.methods.saving import PROVENANCE, is_whole, read_provenance

__all__ = ["merge"]


def merge(adapter: Path, out: Path, *, base: Path | None = None) -> Path:
    """Write the base model with the adapter added into its weights: safetensors, with tokenizer and provenance.

    The weights have the type that the base's have on disk; the sum is rounded to it. The folder appears whole or not
    at all.

    Args:
        base: folder of the base model; None is the one that the adapter's provenance names.

    Raises:
        UserError: `out` is taken, the base is not here, or the adapter is none or has a head, as a reward model has.
    """
    provenance = read_provenance(adapter)
    if not is_whole(adapter):
        raise UserError(f"{adapter} holds no adapter")
    if provenance.get("method") == "reward_model":
        raise UserError(f"{adapter} is a reward model: its head is no model that answers")
    named = provenance.get("base", {}).get("path")
    folder = base or (Path(named) if named else None)
    if folder is None or not (folder / "config.json").is_file():
        raise UserError(f"the base model of {adapter} is not at {folder}; name its folder with --base")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists already; name another folder")
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with quiet():
        model: Any = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(folder, dtype="auto"), str(adapter)
        ).merge_and_unload()
        model.save_pretrained(partial)
        AutoTokenizer.from_pretrained(folder).save_pretrained(partial)
    if (adapter / PROVENANCE).is_file():
        shutil.copy(adapter / PROVENANCE, partial / PROVENANCE)
    if out.exists():
        out.rmdir()
    partial.rename(out)
    return out
