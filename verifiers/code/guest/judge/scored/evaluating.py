"""The judge process of one instance: runs the author's evaluator, and says a number, or why there is none.

Messages to the host, in order: ``{"load": error | None, "missing": names}``; one of ``{"numbers": {name: float}}``,
``{"rejected": why}``, ``{"raised": …}`` for what the solution raised and ``{"fault": …}`` for what the evaluator did;
``{"end": …}`` last. Against a number that is none, and one that the solution would have made: only plain numbers that
`evaluate` itself returns are told, and none from a solution that was lost or did what no function may do.
"""

from __future__ import annotations

import linecache
import math
import sys
import types
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.guest.loading.modules import make_importable
from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.code.guest.judge.instrument import segment
from gristmill.verifiers.code.guest.judge.proxies import CandidateError
from gristmill.verifiers.code.guest.judge.remote import RemoteCandidate
from gristmill.verifiers.code.guest.judge.scored.candidate import RejectedError, ScoredCandidate
from gristmill.verifiers.code.guest.judge.scored.timing import Clock, Stopwatch
from gristmill.verifiers.code.guest.wire.cores import share_core

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["run_evaluator"]

_FILE = "<evaluator>"
_SINGLE = ""
_MOST_NUMBERS, _MOST_NOTES = 200, 1000


class _FaultError(Exception):
    """What `evaluate` returned is no score."""


def run_evaluator(context: JobContext) -> None:
    """Evaluate the candidate at the other end of the line on one instance.

    The request is ``{"entry_points", "code", "files", "instance", "seed", "main", "bounds", "outline", "patience",
    "core", "public", "timed"}``; and ``"reference_outline"`` and ``"author_patience"`` where time is compared.
    """
    request = context.request
    share_core(request["core"])
    names = tuple(request["entry_points"])
    line = RemoteCandidate(context.sockets[0], names, Bounds(*request["bounds"]), patience=request["patience"])
    line.outline = request["outline"]
    line.printout = notes = _Notes()
    watch = _stopwatch(context, line) if request["timed"] else None
    try:
        failed = line.load()
        if watch is not None and (fault := _loads_reference(watch)):
            context.send({"load": None, "missing": []})
            context.send({"fault": {"error": fault}})
            _end(context, line, "")
            return
    except CandidateError as error:
        context.send({"lost": str(error), "late": line.line.late, "broken": line.line.broken})
        return
    missing = [name for name in names if name not in line.entry_points]
    context.send({"load": failed, "missing": [] if failed else missing})
    if failed is not None or missing:
        return
    context.send(_evaluated(line, request, watch))
    _end(context, line, notes.text if request["public"] else "")


def _stopwatch(context: JobContext, line: RemoteCandidate) -> Stopwatch:
    """The solution beside the task's reference: the sockets are its line and its clock, and those of the reference."""
    request = context.request
    _, clock, other, beside = context.sockets
    reference = RemoteCandidate(other, line.names, Bounds(*request["bounds"]), patience=request["author_patience"])
    reference.outline = request["reference_outline"]
    return Stopwatch(line, Clock(clock), reference, Clock(beside))


def _loads_reference(watch: Stopwatch) -> str:
    """Load it as well; what is wrong with it, or nothing."""
    reference = watch.lines[1]
    try:
        failed = reference.load()
    except CandidateError as error:
        return f"the task's reference, which it is timed beside: {error}"
    if failed is not None or reference.names[0] not in reference.entry_points:
        return "the task's reference, which it is timed beside, cannot be loaded"
    watch.loaded()
    return ""


class _Notes:
    """The beginning of what the solution prints: its own, while what the evaluator prints is for nobody."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, texts: list[Any]) -> None:
        """Take the texts of standard output and of standard error."""
        for text in texts[:2]:
            if type(text) is str:
                self.text += text[: _MOST_NOTES - len(self.text)]


def _evaluated(line: RemoteCandidate, request: dict[str, Any], watch: Stopwatch | None) -> dict[str, Any]:
    code = request["code"]
    linecache.cache[_FILE] = (len(code), None, code.splitlines(keepends=True), _FILE)
    line.test_files |= {_FILE, *(f"{_FILE}/{path}" for path in request["files"])}
    make_importable(request["files"], _FILE)
    module = types.ModuleType("evaluator")
    module.__file__ = "/nowhere/evaluator.py"  # what looks for its neighbours from there finds them by import
    sys.modules["evaluator"] = module
    try:
        exec(compile(code, _FILE, "exec", dont_inherit=True), module.__dict__)
        returned = _call(
            module.__dict__["evaluate"], ScoredCandidate(line, watch), request["instance"], request["seed"]
        )
        numbers = _numbers(returned, request["main"])
        uses = line.calls or not all(map(callable, line.entry_points.values()))
        return {"numbers": numbers} if uses else {"fault": {"error": "`evaluate` has not called the candidate"}}
    except RejectedError as rejected:
        return {"rejected": str(rejected)}
    except CandidateError as error:
        return {"raised": {"error": str(error)}}
    except BaseException as error:  # the author's own, inside the judge's sandbox
        if isinstance(error, MemoryError) and error is not line.raised:
            raise
        if _is_the_candidates(error, line):
            return {"raised": _detail(error, code) | {"lines": line.description.get("lines"), "own": _own(line)}}
        return {"fault": _detail(error, code) | {"called": bool(line.calls)}}


def _call(evaluate: Any, candidate: ScoredCandidate, instance: Any, seed: int) -> Any:
    """With the seed, where it takes a third argument."""
    code = getattr(evaluate, "__code__", None)
    seeded = type(code) is types.CodeType and code.co_argcount > 2
    return evaluate(candidate, instance, seed) if seeded else evaluate(candidate, instance)


def _is_the_candidates(error: BaseException, line: RemoteCandidate) -> bool:
    """Whether the solution raised it, or the evaluator raised it ``from`` what the solution did."""
    seen: BaseException | None = error
    while seen is not None:
        if seen is line.raised:
            return True
        seen = seen.__cause__
    return False


def _own(line: RemoteCandidate) -> str:
    own = line.description.get("own")
    return own[:80] if type(own) is str else ""


def _detail(error: BaseException, code: str) -> dict[str, Any]:
    """What happened and where in the evaluator; the text may hold what the solution has returned."""
    try:
        text = str(error)[:500]
    except Exception:  # an exception class of the author's may fail to say what it is
        text = ""
    kind = "" if isinstance(error, _FaultError) else type(error).__name__
    detail: dict[str, Any] = {"error": ": ".join(filter(None, (kind, text)))}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            detail["line"] = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == _FILE:
        detail["line"] = error.lineno
    elif "line" in detail:
        detail["statement"] = segment(code, detail["line"])[:300]
    return detail


def _numbers(returned: Any, main: str | None) -> dict[str, float]:
    """What `evaluate` returned, by name; the one that counts stands first, and a lone number has no name."""
    if type(returned) is not dict:
        return {_SINGLE if main is None else main: _number(returned, "")}
    if not returned or len(returned) > _MOST_NUMBERS or not all(type(name) is str and name for name in returned):
        raise _FaultError(f"`evaluate` must return a number, or 1 to {_MOST_NUMBERS} numbers by name")
    if main is None:
        raise _FaultError(f"`evaluate` returned {len(returned)} numbers: name the one that counts by `main`")
    if main not in returned:
        raise _FaultError(f"`evaluate` returned no {main!r}, which is the number that counts (`main`)")
    names = [main, *(name for name in returned if name != main)]
    return {name: _number(returned[name], f" as {name!r}") for name in names}


def _number(value: Any, where: str) -> float:
    """A finite float. Exact types only: nothing that a number of another class says of itself is asked."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and issubclass(type(value), numpy.generic) and numpy.dtype(type(value)).kind in "iuf":
        value = value.item()
    if type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            raise _FaultError(f"`evaluate` returned{where} an integer that is too great for a score") from None
    if type(value) is not float:
        raise _FaultError(f"`evaluate` returned{where} what is no number, a {type(value).__name__}")
    if not math.isfinite(value):
        raise _FaultError(f"`evaluate` returned{where} {value!r}, which is no score")
    return value


def _end(context: JobContext, line: RemoteCandidate, said: str) -> None:
    context.send(
        {
            "end": {
                "calls": line.calls,
                "decisions": line.decisions,
                "trouble": line.trouble[:1],
                "steered": line.steered,
                "broken": line.line.broken,
                "lost": line.lost,
                "late": line.line.late,
                "waited": line.line.waited,
                "crossing": line.line.left_out,
                "printed": said,
            }
        }
    )
