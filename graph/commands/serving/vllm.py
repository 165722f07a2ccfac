"""The command `vllm`: an environment of its own for vLLM. Mounted by `gristmill.trainers.cli`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from gristmill.graph.commands.options import Json
from gristmill.graph.models.vllm.environment import Device
from gristmill.sandbox.plain import say, say_json

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make the environment that vLLM lives in.")


@app.callback()
def _group() -> None:
    """Keeps `install` a command of its own while it is the only one."""


@app.command()
def install(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to. Default: ~/.local/share/gristmill/vllm, where it is found.")
    ] = None,
    *,
    device: Annotated[
        Device | None, typer.Option(help="cpu or cuda. Default: cuda where nvidia-smi is on the path.")
    ] = None,
    pip: Annotated[
        list[str] | None, typer.Option(help="A further argument of pip install, such as --index-url=URL; repeatable.")
    ] = None,
    json_: Json = False,
) -> None:
    """Make an environment with vLLM in versions that were tried together, and import it once.

    It is some gigabytes and takes minutes; called again it goes on where it was cut off, and does nothing where all is
    there. In the default folder `--model vllm:…` finds it by itself; else name its interpreter by --vllm-python.

    \b
    Examples:
      gristmill vllm install
      gristmill vllm install ~/vllm-cpu --device cpu
      gristmill improve tasks.jsonl --model vllm:models/SmolLM2-135M-Instruct
    """
    from gristmill.graph.models.vllm.environment import PINS, default_folder
    from gristmill.graph.models.vllm.environment import install as make

    key: Device = device or ("cuda" if shutil.which("nvidia-smi") else "cpu")
    if not PINS[key].tried:
        say(f"We have not run these versions on {key} ourselves: {', '.join(PINS[key].packages)}", err=True)
    made = make(folder, device=key, pip=tuple(pip or ()), say=lambda line: say(f"vllm: {line}", err=True))
    if json_:
        say_json(made.model_dump_json(indent=1))
        return
    say(", ".join(f"{name} {version}" for name, version in made.versions.items()))
    there = folder is None or folder.absolute() == default_folder().absolute()
    say(f"--model vllm:NAME_OR_PATH finds it{'' if there else f' with --vllm-python {made.python}'}.")
