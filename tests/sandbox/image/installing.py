"""Packages as pip leaves them behind, made here: files, metadata, and a RECORD with their hashes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gristmill.sandbox.image.root import root

__all__ = ["install", "own_packages"]


def own_packages(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that this process finds; the cache of images is its own too, but for the standard one."""
    standard = root("base")
    cache = folder / "cache" / "gristmill" / "images"
    cache.mkdir(parents=True)
    (cache / standard.digest).symlink_to(standard.path)
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    (folder / "site").mkdir()
    patch.syspath_prepend(str(folder / "site"))
    return folder / "site"


def install(
    site: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    *,
    needs: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Put a package into a folder; `files` by their path there, `metadata` by their name in its ``.dist-info``."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    header = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    header += "".join(f"Requires-Dist: {each}\n" for each in needs)
    texts = {**(files or {}), **{f"{info}/{key}": text for key, text in (metadata or {}).items()}}
    texts[f"{info}/METADATA"] = header
    rows = []
    for path, text in texts.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        mark = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={mark},{len(text)}")
    (site / info / "RECORD").write_text("\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
