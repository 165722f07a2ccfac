"""Text that a model can learn from: public tests in full, hidden ones as counts and nothing else (DESIGN §3.7)."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

from gristmill.verifiers.calling import without_addresses
from gristmill.verifiers.code.findings import Broken, Finding
from gristmill.verifiers.records import Outcome

__all__ = [
    "FLAKY",
    "anonymous",
    "broken_text",
    "call_text",
    "check_text",
    "clean",
    "held_text",
    "pairs",
    "short",
    "source_line",
    "verdict_text",
]

FLAKY = (
    "It passed once and did not when it was run again in a fresh process: a solution may not depend on chance, "
    "time, the order of calls, or what an earlier run left behind."
)
"""What is said of a pass that the confirming run does not bear out."""

_MOST_FAILURES = 5
_MOST_PAIRS = 50
_MOST_CHARACTERS = 4000

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 300
_repr.maxlist = _repr.maxtuple = _repr.maxdict = _repr.maxset = 30
_repr.maxlevel = 5

_WORDS = {
    Outcome.FAILED: "gave a wrong result",
    Outcome.ERROR: "raised an error",
    Outcome.TIMEOUT: "ran out of time",
    Outcome.OUT_OF_MEMORY: "ran out of memory",
    Outcome.REFUSED: "gave what cannot be judged",
}


def clean(text: str) -> str:
    """Text that any file can hold, without addresses: a candidate's own may have lone surrogates."""
    if text.isascii() and "0x" not in text:
        return text
    return without_addresses(text).encode("utf-8", "replace").decode()


def short(value: Any) -> str:
    """A value's text, cut to a few lines."""
    try:
        return _repr.repr(value)[:600]
    except Exception:  # noqa: BLE001  # a value may be too big to write, or fool reprlib by the name of its type
        return f"a {type(value).__name__} that cannot be shown"


def call_text(function: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """A call as one writes it."""
    return f"{function}({', '.join([*map(short, args), *(f'{key}={short(value)}' for key, value in kwargs.items())])})"


def source_line(source: str, line: int | None) -> str:
    """``line 3: `return 1 / 0` ``, or nothing where the line is unknown."""
    if line is None or not 0 < line <= len(lines := source.splitlines()):
        return ""
    return f"line {line}: `{lines[line - 1].strip()[:200]}`"


def check_text(detail: dict[str, Any], source: str) -> str:
    """What a judge reports of one failed check."""
    parts = [str(detail["statement"])] if detail.get("statement") else []
    parts += [f"{call} {came}" for call, came in pairs(detail.get("calls"))]
    parts.append(str(detail.get("error", "")))
    parts += [f"  at {source_line(source, line)}" for line, _ in pairs(detail.get("lines")) if type(line) is int]
    return "\n".join(parts)[:2000]


def held_text(held: int | None) -> str:
    """How far a check came, which is one number; empty where it has but one assertion."""
    return "" if held is None else f"{held or 'None'} of its assertions held before that."


def pairs(value: Any) -> list[list[Any]]:
    """The pairs in a value that a candidate may have had its hands in."""
    return (
        [item for item in value[:_MOST_PAIRS] if type(item) is list and len(item) == 2] if type(value) is list else []
    )


def broken_text(broken: Broken, source: str) -> str:
    """Why a solution could not be run."""
    where = source_line(source, broken.line)
    return f"{broken.reason[:1].upper()}{broken.reason[1:]}" + (f"\n  at {where}" if where else "")


def verdict_text(public: Sequence[Finding], hidden: Sequence[Finding], source: str, note: str = "") -> str:
    """Everything that a model may read about one candidate."""
    parts = [note] if note else []
    if public:
        passed = sum(finding.outcome is Outcome.PASSED for finding in public)
        parts.append(f"Public tests: {passed} of {len(public)} passed.")
    failures = [finding for finding in public if finding.outcome is not Outcome.PASSED]
    for finding in failures[:_MOST_FAILURES]:
        where = source_line(source, finding.line)
        parts.append(f"- {finding.name}: {finding.text}" + (f"\n  at {where}" if where else ""))
    if len(failures) > _MOST_FAILURES:
        parts.append(f"- and {len(failures) - _MOST_FAILURES} more failed.")
    if hidden:
        parts.append(_counts(hidden))
    return "\n".join(parts)[:_MOST_CHARACTERS]


def _counts(hidden: Sequence[Finding]) -> str:
    passed = sum(finding.outcome is Outcome.PASSED for finding in hidden)
    text = f"Hidden tests: {passed} of {len(hidden)} passed"
    wrong = [
        f"{sum(finding.outcome is outcome for finding in hidden)} {words}"
        for outcome, words in _WORDS.items()
        if any(finding.outcome is outcome for finding in hidden)
    ]
    text = f"{text}; {', '.join(wrong)}." if wrong else f"{text}."
    first = next((finding for finding in hidden if finding.outcome is not Outcome.PASSED), None)
    if first is None or first.held is None:
        return text
    if len(hidden) == 1:
        return f"{text} {held_text(first.held)}"
    return f"{text} The first of these: {held_text(first.held)}" if first.held else text


def anonymous(name: str, number: int) -> str:
    """A hidden check's name without pytest's parameters, which are inputs."""
    return f"{name.partition('[')[0]}[{number}]" if "[" in name else name
