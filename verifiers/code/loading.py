"""Why a solution cannot be run at all, in words that a model may read."""

from __future__ import annotations

from gristmill.sandbox.records import Ending
from gristmill.verifiers.calling import LoadError, Missing, answers, calls_job, outcome_of
from gristmill.verifiers.code.findings import Broken
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.load_errors import load_error_text
from gristmill.verifiers.records import Outcome

__all__ = ["UNLOADABLE", "broken_by", "why_broken", "why_unloadable"]

UNLOADABLE = Broken(Outcome.ERROR, "the solution could not be loaded when it was tested")
_NO_ENTRY = "no_entry_point"


def broken_by(source: str, answer: LoadError | Missing, entry_point: str = "") -> Broken:
    """What an answer says that comes in the place of all others."""
    if isinstance(answer, Missing):
        return Broken(Outcome.ERROR, f"the solution defines no {entry_point} that can be called")
    reason = f"loading the solution raised {load_error_text(source, answer.type, answer.line)}"
    return Broken(Outcome.ERROR, reason, answer.line)


async def why_broken(setting: Setting, entry_point: str | None) -> Broken | None:
    """Load the solution once more where no test's input is, to learn what a model may be told about it.

    Without an entry point the source is only compiled, as programs are run by their tests alone.
    """
    source = setting.source if entry_point else f"compile({setting.source!r}, '<solution>', 'exec')"
    report = await setting.pool.run(calls_job(source, entry_point or _NO_ENTRY, (), setting.limits), setting.profile)
    answer = next(answers(report, setting.bounds), None)
    if isinstance(answer, LoadError) or (isinstance(answer, Missing) and entry_point):
        return broken_by(setting.source, answer, entry_point or "")
    if answer is not None and entry_point:
        return None
    if report.ending is not Ending.FINISHED and entry_point:
        outcome, reason = outcome_of(report, setting.limits)
        return Broken(outcome, f"while it was loaded, the solution {reason}")
    return None


async def why_unloadable(setting: Setting) -> Broken | None:
    """The same for a solution that is asked for no entry point in particular."""
    report = await setting.pool.run(calls_job(setting.source, _NO_ENTRY, (), setting.limits), setting.profile)
    answer = next(answers(report, setting.bounds), None)
    if isinstance(answer, LoadError):
        return broken_by(setting.source, answer)
    if answer is None and report.ending is not Ending.FINISHED:
        outcome, reason = outcome_of(report, setting.limits)
        return Broken(outcome, f"while it was loaded, the solution {reason}")
    return None
