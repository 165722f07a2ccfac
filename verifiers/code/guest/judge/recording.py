"""What the judge tells the host about each check, over a channel that the candidate has no hold of.

What a test raised may be the candidate's own doing, down to its text: it is told as bounded text, never as an object.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from gristmill.verifiers.code.guest.judge.instrument import segment
from gristmill.verifiers.code.guest.judge.proxies import CandidateError, UncrossableError
from gristmill.verifiers.code.guest.judge.remote import RemoteCandidate
from gristmill.verifiers.code.guest.judge.showing import plain_names
from gristmill.verifiers.code.guest.wire.shared import FILENAME

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["Recorder"]

_WORD = re.compile(r"\w+")


class Recorder:
    """What the tests have shown so far. `fields` names the files of the tests as their task does."""

    def __init__(
        self, context: JobContext, candidate: RemoteCandidate, log: deque[tuple[str, str]], public: bool
    ) -> None:
        self.context = context
        self.candidate = candidate
        self.log = log
        self.public = public
        self.asserted = 0
        self.begun = 0  # assertions that had been made when the check began
        self._last = "", 0  # file and line of the latest one
        self.ran = 0
        self.fields: dict[str, str] = {FILENAME: "shared"}

    def begin(self) -> int:
        """A check begins; returns how much trouble there was before it."""
        self.log.clear()
        self.candidate.begin()
        self.begun = self.asserted
        return self.candidate.troubles

    def count(self) -> None:
        """An assertion is about to be made."""
        self.asserted += 1
        caller = sys._getframe(1)
        self._last = caller.f_code.co_filename, caller.f_lineno

    def plan(self, names: list[str], lines: list[tuple[str, int]] | None = None) -> None:
        """Say which checks there are, before the first of them; and in which file and line each of them stands."""
        self.context.send({"plan": names[:10_000]})
        if self.public and lines is not None:
            places = [[name, self._place(*line)] for name, line in zip(names, lines, strict=True)]
            self.context.send({"places": places[:10_000]})

    def passed(self, name: str) -> None:
        """A check held."""
        self.context.send({"check": name, "outcome": "passed", "detail": {}})

    def failed(self, name: str, error: BaseException, sources: dict[str, str]) -> None:
        """A check did not hold."""
        outcome, detail = self._outcome(error), self._detail(error, sources)
        held = self._held(outcome, str(detail.get("statement") or ""), sources)
        self.context.send({"check": name, "outcome": outcome, "held": held, "detail": detail})

    def refused(self, name: str, reason: str) -> None:
        """A check proves nothing."""
        self.context.send({"check": name, "outcome": "failed", "detail": {"error": reason}})

    def end(self) -> None:
        """All checks are done."""
        candidate = self.candidate
        self.context.send(
            {
                "end": {
                    "calls": candidate.calls,
                    "asserted": self.asserted,
                    "ran": self.ran,
                    "operators": candidate.operators,
                    "decisions": candidate.decisions,
                    "comparisons": candidate.comparisons,
                    "trouble": candidate.trouble,
                    "steered": candidate.steered,
                    "broken": candidate.line.broken,
                    "lost": candidate.lost,
                }
            }
        )

    def _held(self, outcome: str, statement: str, sources: dict[str, str]) -> int:
        """How many assertions of the check held before it failed: a number, also of tests that nobody may read.

        The latest one that was begun is what failed, unless the solution was called after it, by another statement.
        """
        file, line = self._last
        there = file in sources and segment(sources[file], line) == statement
        between = outcome in ("error", "lost") and not there
        return max(0, self.asserted - self.begun - (0 if between else 1))

    def _outcome(self, error: BaseException) -> str:
        if self.candidate.lost:
            return "lost"
        if error is self.candidate.raised or isinstance(error, CandidateError | UncrossableError):
            return "error"
        return "failed"

    def _detail(self, error: BaseException, sources: dict[str, str]) -> dict[str, Any]:
        """What happened, for whoever may read the tests."""
        try:
            text = str(error)[:1000]
        except Exception:  # the tests' own exception classes may fail to say what they are
            text = ""
        detail: dict[str, Any] = {"error": f"{type(error).__name__}: {text}" if text else type(error).__name__}
        trace, last, frame = error.__traceback__, None, None
        while trace is not None:
            last = trace.tb_frame.f_code.co_filename
            if last in sources:
                frame, line = trace.tb_frame, trace.tb_lineno
                detail["statement"] = segment(sources[last], line)
                detail["place"] = self._place(last, line)
            trace = trace.tb_next
        if self.public and frame is not None:
            detail["names"] = plain_names(frame, detail["statement"])
        detail["by_itself"] = self._is_by_itself(error, last in sources, detail.get("statement", ""))
        if error is self.candidate.raised:
            detail["raised"] = True
            detail["lines"] = self.candidate.description.get("lines")
            own = self.candidate.description.get("own")
            detail["own"] = own[:80] if type(own) is str else ""
        if self.public:
            detail["calls"] = [list(each) for each in self.log]
        return detail

    def _place(self, filename: str, line: int) -> str:
        return f"{self.fields[filename]}: line {line}" if filename in self.fields else ""

    def _is_by_itself(self, error: BaseException, in_the_tests: bool, statement: str) -> bool:
        """Whether no candidate has a part in what a test raised: a name is missing, or nothing of one was used yet."""
        if self.candidate.lost or error is self.candidate.raised or not isinstance(error, Exception):
            return False
        if isinstance(error, AssertionError):
            return False
        if in_the_tests and isinstance(error, NameError | ImportError):
            return True
        named = {*self.candidate.names, "candidate", "solution"}
        return not self.candidate.calls and named.isdisjoint(_WORD.findall(statement))
