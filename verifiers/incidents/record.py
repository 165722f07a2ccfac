"""The mechanisms of attempts that leave a trace, and the record of one."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from gristmill.sandbox.records import Record, Text

__all__ = ["BREACHES", "Incident", "Mechanism"]


class Mechanism(StrEnum):
    """How a candidate's process was seen to do more than answer. None of them says what its author meant."""

    MESSAGE = "broken_message"  # it sent what our part of its process never sends
    EXTRA = "extra_answer"  # it answered more often than it was asked
    WORKER = "worker_brought_down"  # its workers were lost, one after another, beside one that stayed well
    PERMISSION = "permission"  # a call of it raised PermissionError, by its own word
    CONTROL = "control_flow"  # it raised what would have ended or skipped a test in plain execution
    EXIT = "exit"  # its process ended, by no signal and no limit, and had not answered
    SIGNAL = "signal"  # a signal that we did not send ended its process
    DISK = "disk_limit"
    MEMORY = "memory_limit"
    TIME = "time_limit"
    OUTPUT = "output_limit"
    # These three are read off the verdict, and stand in no evidence.
    OVERTURNED = "overturned"  # a pass apart from the tests that plain execution did not bear out
    BESIDE = "only_beside"  # a failure apart from the tests that passes beside them, where it could be forged
    UNCONFIRMED = "unconfirmed"  # a pass that a fresh process did not bear out


BREACHES = (Mechanism.MESSAGE, Mechanism.EXTRA, Mechanism.WORKER)
"""What no answer to a task needs; the others are done by honest programs too."""


class Incident(Record):
    """A mechanism, and how often it was seen while one candidate was judged, runs that confirm included."""

    mechanism: Mechanism
    times: int = Field(ge=1)
    detail: Text = Field("", description="our own word: a signal's name, say; nothing that a candidate wrote")

    @property
    def words(self) -> str:
        """``signal SIGSYS``"""
        return f"{self.mechanism.value.replace('_', ' ')} {self.detail}".rstrip()
