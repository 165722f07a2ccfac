"""Which weights a training starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.sandbox.errors import UserError

if TYPE_CHECKING:
    from gristmill.trainers.improve.config import ImproveConfig

__all__ = ["base_weights"]


def base_weights(config: ImproveConfig) -> Path:
    """The folder of the base model that `config.run.model` serves, or `config.base`.

    Raises:
        UserError: the model's weights are not on this machine, so that nothing can be trained.
    """
    from gristmill.graph.models.local.fetch import fetch

    form, _, rest = config.run.model.partition(":")
    if config.base is not None:
        path = Path(config.base)
    elif form == "local" and not rest:
        return fetch()
    elif form in ("local", "vllm"):
        path = Path(rest)
    else:
        raise UserError(
            f"--model {config.run.model!r} cannot be improved: its weights are not here. Use local, local:PATH or "
            "vllm:PATH; for other models use `gristmill run` and `gristmill export`, and train elsewhere"
        )
    if not (path / "config.json").exists():
        raise UserError(f"{path} holds no config.json: give the folder of a model in Hugging Face's format")
    return path
