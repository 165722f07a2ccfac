"""Call a candidate in a sandbox and read what it answers: the one place on the host that does.

A job is made by `calls_job` or `session_job`; what its process has sent is read by `answers`, and what it means that
the process ended before it had answered is said by `outcome_of`. A candidate's process may have sent anything: no more
is believed of an answer than that it is the candidate's own (see `gristmill.sandbox.wire.answers`). `statements` reads
the jobs that hold no candidate, whose words are believed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from gristmill.sandbox.records import Ending, Job, Limits, Report
from gristmill.sandbox.wire.answers import (
    Answer,
    LoadError,
    Malformed,
    Missing,
    Raised,
    Unencodable,
    Value,
    decode_answer,
)
from gristmill.sandbox.wire.values import Bounds, DecodeError, decode, encode
from gristmill.verifiers.incidents.noting import note, note_raised
from gristmill.verifiers.incidents.record import Mechanism
from gristmill.verifiers.records import Outcome

__all__ = [
    "Answer",
    "LoadError",
    "Malformed",
    "Missing",
    "Raised",
    "Unencodable",
    "Value",
    "answers",
    "beside",
    "calls_job",
    "decode_answer",
    "encode_call",
    "error_text",
    "limit_in",
    "limit_met",
    "message_bounds",
    "noted",
    "outcome_of",
    "over_limits",
    "session_job",
    "statements",
    "used_text",
    "without_addresses",
]

T = TypeVar("T")
_GUEST: Final = "gristmill.sandbox.guest.candidate"
# Read in a few milliseconds; much more would hold up the loop.
_MUCH: Final = 1 << 17
# Items that a mebibyte of what is sent may hold, and how deep a value may nest, with any limits.
_ITEMS_A_MEBIBYTE: Final = 1 << 17
_DEPTH: Final = 1000
_DIGITS: Final = 10_000_000
_FIELD: Final = re.compile(r"`limits\.(\w+)`")  # (`limits.value_mb` raises that)
# What our part of a process never sends; it may send a value that is beyond its reader's bounds.
_NEVER_SENT: Final = ("a message of another form", "not an encoded value")
_ADDRESS: Final = re.compile(r"\bat 0x[0-9a-fA-F]+")  # <function f at 0x7f3a1c0d5e10>
# Of each ending: the outcome, what the candidate did, the limit that it met, and the fields of `limits` that raise it.
_ENDINGS: Final = {
    Ending.TIMEOUT: (
        Outcome.TIMEOUT,
        "did not end in time",
        "{cpu_seconds:g} s of processor time or {wall_seconds:g} s (`limits.cpu_seconds`, `limits.wall_seconds`)",
    ),
    Ending.OUT_OF_MEMORY: (Outcome.OUT_OF_MEMORY, "ran out of memory", "{memory_mb} MiB (`limits.memory_mb`)"),
    Ending.OUTPUT_LIMIT: (
        Outcome.ERROR,
        "printed or returned more than is allowed",
        "{output_kb} KiB (`limits.output_kb`)",
    ),
    Ending.FAILED: (Outcome.ERROR, "ended the process it ran in", ""),
    Ending.FINISHED: (Outcome.ERROR, "ended the process it ran in", ""),
}


def calls_job(
    source: str,
    entry_point: str,
    calls: Iterable[tuple[Iterable[Any], dict[str, Any]]],
    limits: Limits,
    offered: Mapping[str, bytes] | None = None,
) -> Job:
    """A job that loads the source and makes each call of (args, kwargs) in turn, in one process.

    It sends an answer for each, as that ends; or one alone, `LoadError` or `Missing`. `offered` are encoded values that
    a function gets if it has parameters of their names.
    """
    cases = [{"args": list(args), "kwargs": kwargs} for args, kwargs in calls]
    request = {
        "source": source,
        "entry_point": entry_point,
        "cases": cases,
        "bounds": list(message_bounds(limits)),
        "offered": dict(offered or {}),
    }
    return Job(program=f"{_GUEST}:cases", request=request, limits=limits)


def session_job(source: str, entry_point: str, limits: Limits, wrapper: str | None = None) -> Job:
    """A job that loads the source and answers each `encode_call` that comes over its socket.

    `wrapper` is ``module:function`` of a guest module that makes the callable from the candidate's.
    """
    request = {"source": source, "entry_point": entry_point, "wrapper": wrapper}
    return Job(program=f"{_GUEST}:calls", request=request, limits=limits)


def encode_call(args: Iterable[Any]) -> bytes:
    """The message that asks a `session_job` for one call.

    Raises:
        EncodeError: an argument may not cross.
    """
    return encode({"args": list(args), "kwargs": {}})


def answers(report: Report, bounds: Bounds) -> Iterator[Answer]:
    """What a candidate's process has answered, in order, read as it is asked for."""
    return (noted(decode_answer(message, bounds)) for message in report.messages)


def noted(answer: Answer) -> Answer:
    """The answer; what it shows of an attempt is noted (see `gristmill.verifiers.incidents`)."""
    if isinstance(answer, Malformed) and answer.reason.startswith(_NEVER_SENT):
        note(Mechanism.MESSAGE)
    elif isinstance(answer, Raised | LoadError):
        note_raised(answer.type)
    return answer


def message_bounds(limits: Limits) -> Bounds:
    """What one message may hold of a candidate with these limits."""
    return Bounds(
        nodes=limits.value_mb * _ITEMS_A_MEBIBYTE,
        depth=_DEPTH,
        size=limits.value_mb << 20,
        digits=_DIGITS,
        remedy=" (`limits.value_mb` raises that)",
    )


def without_addresses(text: str) -> str:
    """``<f at 0x…>`` in place of ``<f at 0x7f3a1c0>``: where a process has its objects is nobody's business."""
    return _ADDRESS.sub("at 0x…", text)


def error_text(error: Raised) -> str:
    """``ValueError: message (line 3)``, as far as the candidate's process has said so."""
    text = (
        f"{error.type[:60]}: {without_addresses(error.message[:300])}"
        if error.message
        else error.type[:60] or "an error"
    )
    return text if error.line is None else f"{text} (line {error.line})"


async def beside(report: Report, work: Callable[[], T]) -> T:
    """Do `work` on what a report holds: in a thread where that may take long, lest it hold up other candidates."""
    if sum(map(len, report.messages)) < _MUCH:
        return work()
    return await asyncio.to_thread(work)


def outcome_of(report: Report, limits: Limits | None = None) -> tuple[Outcome, str]:
    """What it means that a candidate's process ended like this before it had answered, and what the candidate did.

    The words go on from "the solution …"; where `limits` are given, they name the limit that was met.
    """
    outcome, words, limit = _ENDINGS[report.ending]
    if limits is not None and limit:
        words = f"{words}: its limit is {limit.format(**limits.model_dump())}"
    return outcome, words


def limit_met(report: Report, limits: Limits) -> str:
    """The limit for which a process was ended, with its figure and the field that raises it; empty if for none."""
    if report.ending is Ending.TIMEOUT:
        # What a killed process has used is not always known. The wall's clock ends nothing before its time.
        if report.seconds < limits.wall_seconds:
            return f"{limits.cpu_seconds:g} s of processor time (`limits.cpu_seconds`)"
        return f"{limits.wall_seconds:g} s (`limits.wall_seconds`)"
    return _ENDINGS[report.ending][2].format(**limits.model_dump())


def limit_in(words: str, limits: Limits) -> str:
    """The limit that a sentence of ours names by its field, with its figure; empty if it names none."""
    match = _FIELD.search(words)
    figure = getattr(limits, match[1], None) if match else None
    return f"{figure:g} (`limits.{match[1]}`)" if match and figure is not None else ""


def used_text(report: Report, limits: Limits) -> str:
    """``It used 38 of 60 s of processor time and under 256 of 1024 MiB.``

    Only of a job that saw no hidden input may a model read this: how long a candidate takes, and how much it holds, is
    what it likes to say of its input. Less than a quarter is told as that, so that a run says the same again.
    """
    parts = (
        (report.cpu_seconds, limits.cpu_seconds, "s of processor time"),
        (report.peak_memory_mb, limits.memory_mb, "MiB"),
    )
    return f"It used {' and '.join(_of_limit(used, limit, unit) for used, limit, unit in parts)}."


def _of_limit(used: float, limit: float, unit: str) -> str:
    told = f"under {limit / 4:g}" if used < limit / 4 else f"{min(used, limit):.0f}"
    return f"{told} of {limit:g} {unit}"


def over_limits(report: Report) -> Outcome | None:
    """`timeout` or `out_of_memory` if the job was ended for that, else None."""
    outcome, _ = outcome_of(report)
    return outcome if outcome in (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY) else None


def statements(report: Report) -> list[Any]:
    """What a job that holds no candidate has said, in order; None for each message that cannot be read."""
    return list(map(_statement, report.messages))


def _statement(message: bytes) -> Any:
    try:
        return decode(message)
    except DecodeError:
        return None
