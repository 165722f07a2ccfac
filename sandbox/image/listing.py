"""Which images are built on this machine, for whoever looks."""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.distributions import name_of
from gristmill.sandbox.image.packaged import packaged
from gristmill.sandbox.image.root import VARIANTS, cache_folder, sources_and_digest
from gristmill.sandbox.image.toolchains import PREFIX, toolchains

__all__ = ["listed"]


def listed() -> list[dict[str, Any]]:
    """A row for each image whose root is here: its name, digest, and packages with their versions, by name.

    Of the images of `VARIANTS` all packages; of those that were built with some, what was added to the standard one.
    """
    rows: list[dict[str, Any]] = []
    for variant in (*VARIANTS, *(f"{PREFIX}{chain.name}" for chain in toolchains())):
        try:
            sources, digest = sources_and_digest(variant)
        except SandboxError:
            continue  # a variant whose libraries are missing here cannot have been built
        if (cache_folder() / digest).is_dir():
            held = {name_of(package): package.version for package in sources.distributions}
            rows.append({"image": variant, "digest": digest, "packages": dict(sorted(held.items()))})
    for image in packaged():
        row = {"image": "packages", "digest": image.digest, "packages": dict(sorted(image.packages.items()))}
        rows.append(row | {"others": dict(sorted(image.others.items())), "mib": image.megabytes})
    return rows
