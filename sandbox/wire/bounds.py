"""How much a value may hold that crosses, and the errors of one that may not; to be imported from `values`."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["DEEP", "DEFAULT", "Bounds", "DecodeError", "EncodeError"]


class Bounds(NamedTuple):
    """How much a value may hold, counted on the expanded tree. `remedy` says what raises `nodes` and `size`."""

    nodes: int = 2_000_000
    depth: int = 100
    size: int = 64 << 20
    digits: int = 100_000
    remedy: str = ""

    def too_big(self) -> str:
        """Words for a value of too many bytes."""
        most = f"{self.size >> 20} MiB" if self.size >= 1 << 20 else f"{self.size} bytes"
        return f"takes more than {most}{self.remedy}"

    def too_many(self) -> str:
        """Words for a value of too many parts."""
        return f"holds more than {self.nodes:,} values, or contains itself{self.remedy}"


class EncodeError(ValueError):
    """The value is not one that may cross; the message says which part and why, and never holds the value."""


class DecodeError(ValueError):
    """The bytes are not the encoding of a value within the bounds."""


DEFAULT: Final = Bounds()
# For values of our own, and of whoever is read with bounds of his own: nothing is saved by encoding less.
DEEP: Final = Bounds(nodes=8_000_000, depth=1000, digits=10_000_000)
