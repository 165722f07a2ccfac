"""What only an extra brings is asked for before anything is begun, not where it is first imported."""

from __future__ import annotations

from importlib.util import find_spec

from gristmill.sandbox.errors import UserError

__all__ = ["need_training"]


def need_training() -> None:
    """See that adapters can be trained here.

    Raises:
        UserError: a package of the extra `train` is missing.
    """
    for package in ("torch", "transformers", "trl", "peft", "datasets"):
        if find_spec(package) is None:
            raise UserError(f"training needs the package {package!r}, which is missing: pip install 'gristmill[train]'")
