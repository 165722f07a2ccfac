"""An adapter on disk: there whole or not at all, without pickles, and with where it comes from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.methods.base import Rows, TrainedAdapter

__all__ = [
    "CONFIG",
    "PROVENANCE",
    "WEIGHTS",
    "digest_of",
    "is_whole",
    "new_adapter",
    "read_provenance",
    "write_provenance",
]

CONFIG, WEIGHTS, PROVENANCE = "adapter_config.json", "adapter_model.safetensors", "provenance.json"
_UNWANTED = ("training_args.bin", "README.md")
"""What trainers leave beside the weights: a pickle, which can run code, and a card about nothing."""


@contextmanager
def new_adapter(out: Path) -> Iterator[Path]:
    """A folder to save an adapter into, which becomes `out` when the block ends well.

    What a killed training left half done is in nobody's way.

    Raises:
        UserError: `out` is taken.
    """
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} exists already: adapters are never overwritten, choose another name")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    yield partial
    for name in _UNWANTED:
        (partial / name).unlink(missing_ok=True)
    if out.exists():
        out.rmdir()
    partial.rename(out)


def digest_of(rows: Rows) -> str:
    """SHA-256 over one JSON object a line, keys sorted."""
    lines = "\n".join(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    return hashlib.sha256(lines.encode()).hexdigest()


def is_whole(folder: Path) -> bool:
    """Whether a folder holds an adapter."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def write_provenance(
    folder: Path,
    *,
    method: str,
    config: Record,
    base: Path,
    rows: Rows,
    trained: TrainedAdapter,
    libraries: Sequence[str],
    adapter: Path | None = None,
) -> None:
    """Say in the adapter's folder what it was trained on, from, how and with which versions.

    Args:
        rows: those that were trained on; their SHA-256 is over one JSON object a line, keys sorted.
        libraries: packages whose versions shape the result, beside torch, transformers and PEFT.
        adapter: the one that the training went on from.
    """
    weights = hashlib.sha256()
    for file in sorted(base.glob("*.safetensors")):
        weights.update(bytes.fromhex(_sha256(file)))
    provenance: dict[str, Any] = {
        "method": method,
        "base": {"path": str(base), "sha256": weights.hexdigest()},
        "dataset": {
            "rows": trained.rows,
            "refused": trained.refused,
            "sha256": digest_of(rows),
        },
        "config": config.model_dump(mode="json"),
        "versions": {name: version(name) for name in ("gristmill", "torch", "transformers", "peft", *libraries)},
        "metrics": {"loss": trained.loss, "seconds": trained.seconds},
    }
    if adapter is not None:
        provenance["adapter"] = {"path": str(adapter), "sha256": _sha256(adapter / WEIGHTS)}
    (folder / PROVENANCE).write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_provenance(folder: Path) -> dict[str, Any]:
    """What `write_provenance` wrote; empty where it cannot be read."""
    try:
        provenance = json.loads((folder / PROVENANCE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return provenance if isinstance(provenance, dict) else {}
