"""What a solution prints, kept to be sent along with its answers, also where it is never flushed.

As everything in this process it is the candidate's own word. What it prints goes on to the job's output as before,
whose limit holds.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

__all__ = ["Printed"]

_MOST_BYTES = 1 << 20


class _Kept(io.RawIOBase):
    """A stream that keeps the beginning of what is written to it, and passes all of it on."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.kept = bytearray()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, data: object) -> int:
        text = bytes(memoryview(data))  # type: ignore[arg-type]  # whatever has a buffer
        self.kept += text[: _MOST_BYTES - len(self.kept)]
        rest = memoryview(text)
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(self._number, rest) :]
        return len(text)


class Printed:
    """Stands between the solution and its standard output and standard error."""

    def __init__(self) -> None:
        self._kept = [_Kept(1), _Kept(2)]

    def begin(self) -> None:
        """From now on, what is printed is kept."""
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(kept, encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[type-var]  # it writes
            for kept in self._kept
        )

    def take(self) -> list[str]:
        """What came since: of standard output and of standard error; empty if nothing did."""
        if not any(each.kept for each in self._kept):
            return []
        texts = [bytes(each.kept).decode(errors="replace") for each in self._kept]
        for each in self._kept:
            each.kept.clear()
        return texts
