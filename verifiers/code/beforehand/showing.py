"""What the owner of a task is shown of each check, with what is wrong with the test beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.beforehand.faulty import TestFault
from gristmill.verifiers.code.findings import Findings
from gristmill.verifiers.records import CheckEvidence

__all__ = ["check_evidence"]

_TEXTS: Final = ("asked", "value", "expected", "limit")


def check_evidence(
    rows: Sequence[tuple[str, bool, Findings]], source: str, faulty: Mapping[str, TestFault]
) -> list[CheckEvidence]:
    """The checks of (field, public, findings), and why there are none, if there are none.

    Args:
        rows: what the tests have shown.
        source: the solution.
        faulty: what is wrong with the tests by their text alone, by place.
    """
    told = []
    for field, public, findings in rows:
        if findings.broken is not None:
            text = feedback.broken_text(findings.broken, source)
            told.append(CheckEvidence(name=field, outcome=findings.broken.outcome, public=public, detail=text))
        for each in findings.checks:
            where = feedback.source_line(source, each.line)
            texts = {name: feedback.clean(getattr(each, name)) for name in _TEXTS}
            place, begins = (f"{field}.{at}" if at else field for at in (each.place, each.begins))
            fault = faulty.get(place) or faulty.get(begins)
            lines = (each.text, f"  at {where}" if where else "", f"The test: {fault.words}." if fault else "")
            texts["detail"] = feedback.clean("\n".join(filter(None, lines)))
            row = {"outcome": each.outcome, "public": public, "place": place}
            named = each.fault or (fault.fault if fault else None)
            told.append(CheckEvidence(name=feedback.clean(f"{field}/{each.name}"), fault=named, **row, **texts))
    return told
