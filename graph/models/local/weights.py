"""A model folder, and perhaps an adapter, → a model in memory."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from gristmill.graph.models.errors import ModelSetupError

__all__ = ["computes_in_bfloat16", "load_model"]


def load_model(folder: Path, adapter: str | None = None) -> tuple[Any, Any]:
    """The model and its tokenizer, in bfloat16 where the CPU computes in it, else float32.

    An adapter is merged into the weights in float32 and rounded once; the files of both stay as they are.

    Raises:
        ModelSetupError: not a model folder, not an adapter of this model, pickled weights, no chat template, or an
            attention that generation here does not know.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    if not (folder / "config.json").is_file():
        raise ModelSetupError(f"{folder} holds no config.json: it is not a model folder in Hugging Face's format")
    if not list(folder.glob("*.safetensors")):
        raise ModelSetupError(f"{folder} holds no safetensors: pickled weights can run code and are not loaded")
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        dtype = torch.bfloat16 if computes_in_bfloat16() else torch.float32
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32 if adapter else dtype, use_safetensors=True
        )
        if adapter is not None:
            model = _merged(model, Path(adapter)).to(dtype)
    except (OSError, ValueError) as error:
        raise ModelSetupError(f"{folder} cannot be loaded: {error}") from error
    finally:
        if bars:
            logging.enable_progress_bar()
    if not tokenizer.chat_template:
        raise ModelSetupError(f"{folder}: its tokenizer has no chat template; choose an instruct model")
    if getattr(model.config, "sliding_window", None) and getattr(model.config, "use_sliding_window", True):
        raise ModelSetupError(f"{folder}: attention over a sliding window runs with vllm:{folder}, not with local")
    return model, tokenizer


def computes_in_bfloat16() -> bool:
    """Whether this processor has instructions for it; one without takes a hundred times as long as in float32."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _merged(model: Any, adapter: Path) -> Any:
    import torch

    try:
        from peft import PeftModel
    except ImportError as error:
        raise ModelSetupError(f'adapters need peft: pip install "gristmill[train]" ({error})') from error
    # peft asks for a property that transformers has renamed. The filter stays: another thread could undo a passing one.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ModelSetupError(f"{adapter} is not a LoRA adapter: it holds no adapter_model.safetensors")
    ours = {name: weight.clone() for name, weight in model.named_parameters() if name.endswith("q_proj.weight")}
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    theirs = dict(merged.named_parameters())
    modules = json.loads((adapter / "adapter_config.json").read_text("utf-8")).get("target_modules") or ()
    # Runs elsewhere have silently sampled the base model (FIELD: assert that the adapter changes something).
    if "q_proj" in modules and all(torch.equal(weight, theirs[name]) for name, weight in ours.items()):
        raise ModelSetupError(f"{adapter} changes nothing in this model: it was made for another, or never trained")
    return merged
