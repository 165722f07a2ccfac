"""Judge an answer by the property that its task names: read it in one sandboxed job, check it in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gristmill.sandbox.records import Ending, Limits
from gristmill.sandbox.wire.answers import bounded_text
from gristmill.sandbox.wire.values import Bounds
from gristmill.verifiers.calling import Value, answers, calls_job
from gristmill.verifiers.incidents.noting import unnoted
from gristmill.verifiers.mathematics.answers import STRENGTHS, Judgement, read_answer, unfit
from gristmill.verifiers.mathematics.jobs import ask
from gristmill.verifiers.mathematics.property_catalogue import PROPERTIES
from gristmill.verifiers.records import Outcome, Strength

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["judge_property"]

_HOW = {**STRENGTHS, "form": Strength.PROVED, "tested": Strength.TESTED}
# Python writes no number of more than 4300 digits.
_WRITABLE = Bounds(digits=4000)
_WRONG_TASK = "The task cannot be judged: its check cannot be computed."


async def judge_property(
    pool: Jobs, check: dict[str, Any], answers: list[str], settings: dict[str, Any], limits: Limits, *, confirm: bool
) -> Judgement:
    """Whether the final answer has the property; `limits` are the task's own, for its brute-force program.

    Raises:
        SandboxError: no healthy worker can be had.
    """
    asked = PROPERTIES[check["property"]]
    wanted = f"{asked.asks_for}, as in {asked.form}"
    if not answers:
        words = f"No final answer was found: end with \\boxed{{…}}, which holds {wanted}."
        return Judgement(Outcome.INVALID, words)
    form = await read_answer(pool, ", ".join(answers), settings)
    if isinstance(form, Judgement):
        return form
    request = {"check": dict(check), "form": form}
    if check["property"] == "closed_form":
        values = await _brute_force(pool, check, limits)
        if values is None:
            return Judgement(Outcome.ERROR, _WRONG_TASK, detail="check.program failed or returned no numbers")
        request["check"] = {**{name: each for name, each in check.items() if name != "program"}, "values": values}
    outcome, message = await ask(pool, "check_property:check_property", request)
    if (refused := unfit(message)) is not None:
        return refused
    if outcome is not None:
        return Judgement(outcome, "Checking the final answer took more than the limits allow.")
    if not isinstance(message, dict) or "task" in message:
        return Judgement(Outcome.ERROR, _WRONG_TASK, detail=bounded_text(message["task"] if message else "", 300))
    detail = bounded_text(message.get("detail"), 300)
    if message.get("refused"):
        return Judgement(
            Outcome.INVALID, f"The final answer was not accepted: {detail}. Expected is {wanted}.", detail=detail
        )
    if message.get("equal") is not True:
        read = ", ".join(answers)[:200]
        feedback = (
            f"Your final answer was read as {read}. It is not {asked.asks_for}: {detail}. "
            f"It was checked like this: {asked.checked_by}. Expected is {wanted}."
        )
        return Judgement(Outcome.FAILED, feedback, detail=detail)
    if confirm:
        _, again = await ask(pool, "check_property:check_property", request, fresh=True)
        if not isinstance(again, dict) or again.get("equal") is not True:
            return Judgement(Outcome.FLAKY, "It could not be confirmed that the final answer has the property.")
    return Judgement(
        Outcome.PASSED,
        f"The final answer has the property: it is {asked.asks_for}.",
        _HOW.get(bounded_text(message.get("how")), Strength.NUMERIC),
        detail,
    )


async def _brute_force(pool: Jobs, check: dict[str, Any], limits: Limits) -> dict[str, str] | None:
    """The task's program ``brute(n)`` at every index of `at`, run as a candidate is: it knows no answer."""
    places = check["at"]
    with unnoted():
        report = await pool.run(calls_job(check["program"], "brute", (([place], {}) for place in places), limits))
    if report.ending is not Ending.FINISHED or len(report.messages) != len(places):
        return None
    values: dict[str, str] = {}
    for place, answer in zip(places, answers(report, _WRITABLE), strict=True):
        if not isinstance(answer, Value) or type(answer.value) is not int:
            return None
        values[str(place)] = str(answer.value)
    return values
