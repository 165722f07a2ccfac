"""A verifier in a file whose machine is always gone: for tests of what is said then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gristmill.verifiers.plugins import trust_files

__all__ = ["lost_kind"]

_SOURCE = """
from gristmill.sandbox import SandboxError
class Lost:
    name, version, kind = 'lost', 1, 'lost'
    def __init__(self, pool, *, confirm=True): pass
    @staticmethod
    def problems(task): return []
    async def verify(self, task, solution): raise SandboxError('the engine is gone')
"""


@contextmanager
def lost_kind(folder: Path) -> Iterator[str]:
    """The kind of tasks that it judges; files are trusted meanwhile."""
    file = folder / "lost.py"
    file.write_text(_SOURCE)
    trust_files()
    try:
        yield f"{file}:Lost"
    finally:
        trust_files(False)
