"""Environments of the peers, one each, in a cache folder; made once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["PINS", "environment"]

PINS = {
    "openevolve": ("openevolve==0.4.1",),
    "shinka": ("shinka-evolve==0.0.7",),
    "gepa": ("gepa[full]==0.1.4", "litellm==1.91.5"),
}
"""The newest on PyPI on 2026-11-30; ShinkaEvolve's 0.0.8 is not there."""


def cache() -> Path:
    """Where they are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gristmill" / "peers"


def environment(peer: str) -> Path:
    """The Python of a peer's environment, which is made where it is not there."""
    folder = cache() / "-".join(PINS[peer][0].replace("[full]", "").split("=="))
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        print(f"making the environment {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS[peer]], check=True, stdout=sys.stderr)
        (folder / "made").touch()
    return python
