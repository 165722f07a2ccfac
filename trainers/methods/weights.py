"""Which weights a training starts from."""

from __future__ import annotations

from pathlib import Path

from gristmill.sandbox.errors import UserError

__all__ = ["base_weights"]


def base_weights(model: str, base: str | Path | None = None) -> Path:
    """The folder of the weights that `model` (as `--model` takes it) serves, or `base` where one is given.

    Raises:
        UserError: the model's weights are not on this machine, so that nothing can be trained.
    """
    from gristmill.graph.models.local.fetch import fetch

    form, _, rest = model.partition(":")
    if base is not None:
        path = Path(base)
    elif form == "local" and not rest:
        return fetch()
    elif form in ("local", "vllm"):
        path = Path(rest)
    else:
        raise UserError(
            f"--model {model!r} cannot be improved: its weights are not here. Use local, local:PATH or vllm:PATH, or "
            "give the folder of the weights that the server has by --base; for other models use `gristmill run` and "
            "`gristmill export`, and train elsewhere"
        )
    if not (path / "config.json").exists():
        more = f"; for {model} give it by --base" if form == "vllm" and base is None else ""
        raise UserError(f"{path} holds no config.json: give the folder of a model in Hugging Face's format{more}")
    return path
