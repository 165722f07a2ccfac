"""Have the classes in a solution's text read, where neither tests nor candidates are."""

from __future__ import annotations

import re
from typing import Any, Final

from gristmill.sandbox.records import Job, Limits
from gristmill.verifiers import profiles
from gristmill.verifiers.calling import statements
from gristmill.verifiers.code.running import Setting

__all__ = ["outline_of"]

_READ: Final = "gristmill.verifiers.code.guest.candidate.outline:outline"
_CLASSES: Final = re.compile(r"\b(?:class|namedtuple)\b")  # class Point:
_LIMITS: Final = Limits(wall_seconds=10, cpu_seconds=10)


async def outline_of(setting: Setting) -> Any:
    """The rows for the judge, in which it believes no more than what it checks; empty if the text has no classes."""
    if not _CLASSES.search(setting.source):
        return []
    report = await setting.pool.run(
        Job(program=_READ, request={"source": setting.source}, limits=_LIMITS), profiles.candidate()
    )
    said = statements(report)
    return said[0].get("rows") if said and type(said[0]) is dict else []
