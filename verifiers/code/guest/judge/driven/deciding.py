"""Runs a driven test's `judge` on what `drive` has returned: a process that no candidate has ever been in.

A candidate's values come as the bytes of its message, and are made here of plain types by the canonical decoding,
within its bounds: nothing of the candidate's runs, and time and memory that its values cost are its own. Against values
that end a judge early, or keep it from asserting: a case has passed only if `judge` came to its end and has asserted.

Messages to the host: ``{"broken": detail}`` alone if `judge` cannot be loaded; else one for each case, in order,
``{"case": number, "outcome": "passed" | "failed" | "nothing", "asserted": count, "detail"}``.
"""

from __future__ import annotations

import ast
import copy
import linecache
import os
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.wire.answers import Value, decode_answer
from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.code.guest.counting.asserting import Asserting
from gristmill.verifiers.code.guest.counting.watching import watch
from gristmill.verifiers.code.guest.judge.driven import reports
from gristmill.verifiers.code.guest.judge.instrument import segment
from gristmill.verifiers.code.guest.judge.showing import error_text, short

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["Judging", "decide"]

_JUDGE = "<judge>"


class Judging:
    """A loaded `judge`.

    Raises:
        BaseException: whatever its source raises.
    """

    def __init__(self, source: str) -> None:
        self.asserted = 0
        self.raised: BaseException | None = None
        self._source = source
        _be_silent()
        module = types.ModuleType("judge")
        linecache.cache[_JUDGE] = (len(source), None, source.splitlines(keepends=True), _JUDGE)
        sys.modules["judge"] = module
        sys.modules["gristmill_reports"] = reports
        tree = ast.parse(source, _JUDGE)
        watch(self._count, [source])
        # What `judge` calls its first argument is what it asks of the candidate.
        asked = [node.args.args[0].arg for node in tree.body if isinstance(node, ast.FunctionDef) and node.args.args]
        counted = Asserting([source], ["values", *asked]).counted(tree)
        exec(compile(counted, _JUDGE, "exec", dont_inherit=True), module.__dict__)
        self._judge: Callable[[Any, dict[str, Any]], object] = module.__dict__["judge"]

    def _count(self) -> None:
        self.asserted += 1

    def error(self, values: Any, case: dict[str, Any]) -> BaseException | None:
        """What `judge` raises on the values, which may be changed by it; `asserted` says how often it asserted."""
        self.asserted, self.raised = 0, None
        try:
            self._judge(values, copy.deepcopy(case))
        except BaseException as error:  # whatever a judge raises, its case has not passed
            self.raised = error
        return self.raised

    def holds(self, values: Any, case: dict[str, Any]) -> bool:
        """Whether the values pass."""
        return self.error(values, case) is None and self.asserted > 0

    def described(self, error: BaseException) -> dict[str, Any]:
        """An error in words: its text, and the statement and line of the judge's source that raised it."""
        detail: dict[str, Any] = {"error": error_text(error)}
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == _JUDGE:
                detail["line"] = trace.tb_lineno
            trace = trace.tb_next
        if "line" in detail:
            detail["statement"] = segment(self._source, detail["line"])
        return detail


def decide(context: JobContext) -> None:
    """Judge every case of a request ``{"judge", "cases": [{"case", "answer"}], "bounds", "public"}``.

    `answer` is a candidate's message, one of `Value`; the host has looked. `public`: say what was wrong.
    """
    request = context.request
    try:
        judging = Judging(request["judge"])
    except BaseException as error:  # the tests' own source, inside the judge's sandbox
        context.send({"broken": {"error": error_text(error)} if request["public"] else {}})
        return
    bounds = Bounds(*request["bounds"])
    for number, each in enumerate(request["cases"]):
        context.send({"case": number, **_decision(judging, each["case"], each["answer"], bounds, request["public"])})


def _decision(judging: Judging, case: dict[str, Any], message: bytes, bounds: Bounds, public: bool) -> dict[str, Any]:
    answer = decode_answer(message, bounds)
    if not isinstance(answer, Value):
        return {"outcome": "failed", "asserted": 0, "detail": {}}
    shown = {"values": short(answer.value)} if public else {}
    error = judging.error(answer.value, case)
    if error is not None:
        detail = judging.described(error) | shown if public else {}
        return {"outcome": "failed", "asserted": judging.asserted, "detail": detail}
    outcome = "passed" if judging.asserted else "nothing"
    return {"outcome": outcome, "asserted": judging.asserted, "detail": shown if outcome == "nothing" else {}}


def _be_silent() -> None:
    """What a judge prints is for nobody, and fills no pipe."""
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as long as the process
