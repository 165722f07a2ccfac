"""The languages that a `stdio` test may ask for, beside Python."""

from __future__ import annotations

__all__: list[str] = []
