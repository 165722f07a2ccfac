"""Judge a final answer against an expected one: read it in one sandboxed job, compare it in another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.wire.answers import bounded_text
from gristmill.verifiers.mathematics.extraction import LONGEST, normal, restates, without_asked
from gristmill.verifiers.mathematics.jobs import ask
from gristmill.verifiers.mathematics.refusals import refusal
from gristmill.verifiers.records import Outcome, Strength

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["STRENGTHS", "Judgement", "compare_answer", "judge_answers", "read_answer", "unfit"]

STRENGTHS = {"form": Strength.EXACT, "symbolic": Strength.PROVED, "numeric": Strength.NUMERIC}
_ALTERNATIVES = 4
# '\\log 2' → 'log'
_BARE_LOG = re.compile(r"(?<![A-Za-z])log(?![A-Za-z])(?!\s*_)")
# What a worker that was taken over might say is not shown on; only these sentences are.
_REASONS = (
    "it could not be read as mathematics",
    "it is not evaluated: work it out and give its value",
    "it breaks off with dots",
    "two numbers stand side by side without a sign between them",
    "it describes a set instead of listing it",
    "it is not a date",
)
# What a comparing job may refuse an answer for that it could read, and what is told.
_REFUSED = {
    "unevaluated": _REASONS[1],
    "several": "it is given several times: give it once",
    "words": "it is given in words: write it as mathematics",
    "unsolved": "it is an equation in unknowns: give the value alone",
    "letters": "it holds letters beside its value: give the value alone, units in \\text{…}",
    "log": "\\log without a base was read as the logarithm of base 10, and the base decides here: write \\ln for the "
    "natural one, or \\log_{10}",
    "domain": "it divides by what may be 0: write the equation without a denominator",
}


@dataclass(frozen=True)
class Judgement:
    """What was found about an answer: a verdict in the making. `detail` is evidence that no model may read."""

    outcome: Outcome
    feedback: str
    strength: Strength = Strength.PROVED
    detail: str = ""


async def judge_answers(
    pool: Jobs, gold: str, answers: list[str], prompt: str, settings: dict[str, Any], *, confirm: bool
) -> Judgement:
    """Read and compare what a reply gives as final. Several forms of one answer pass if each of them is right.

    Raises:
        SandboxError: no healthy worker can be had.
    """
    if not answers:
        return Judgement(Outcome.INVALID, "No final answer was found: end with \\boxed{your answer}.")
    if len(answers) == 1:
        return await compare_answer(pool, gold, answers[0], prompt, settings, confirm=confirm)
    if len(answers) > _ALTERNATIVES:
        return Judgement(Outcome.INVALID, "Several different final answers were given: decide on one.")
    judgements = [await compare_answer(pool, gold, answer, prompt, settings, confirm=confirm) for answer in answers]
    if all(each.outcome is Outcome.PASSED for each in judgements):
        order = list(STRENGTHS.values())
        return max(judgements, key=lambda each: order.index(each.strength))
    # "5 or 6" may still be the set {5, 6} that was asked for.
    together = await compare_answer(pool, gold, ", ".join(answers), prompt, settings, confirm=confirm)
    if together.outcome is Outcome.PASSED:
        return together
    return Judgement(Outcome.INVALID, "Several different final answers were given: decide on one.")


async def compare_answer(
    pool: Jobs, gold: str, answer: str, prompt: str, settings: dict[str, Any], *, confirm: bool
) -> Judgement:
    """Whether one answer's text equals the expected one's."""
    # A longer one is refused below; bringing it into a normal form could take long.
    short = len(answer) <= LONGEST
    if short and normal(answer) and normal(answer) == normal(gold):
        return Judgement(Outcome.PASSED, "The final answer is right.", Strength.EXACT, "the expected answer's own text")
    if short and restates(answer, prompt):
        return Judgement(Outcome.INVALID, "The final answer repeats the problem: give its value.")
    form = await read_answer(pool, without_asked(answer, prompt) if short else answer, settings)
    if isinstance(form, Judgement):
        return form
    bare_log = _BARE_LOG.search(answer) is not None
    request = {"gold": gold, "form": form, "settings": settings, "prompt": prompt[-20_000:], "bare_log": bare_log}
    outcome, message = await ask(pool, "read_and_compare:compare", request)
    if (refused := unfit(message)) is not None:
        return refused
    equal, how, detail = _finding(message)
    if outcome is not None and not (equal is True and how == "numeric"):
        return Judgement(outcome, "Comparing the final answer took more than the limits allow.")
    if isinstance(message, dict) and "gold" in message:
        return Judgement(Outcome.ERROR, "The task cannot be judged: its `answer` could not be read.", detail=detail)
    if equal is not True:
        if how in _REFUSED:
            return Judgement(Outcome.INVALID, f"The final answer was not accepted: {_REFUSED[how]}.", detail=detail)
        feedback = f"Your final answer was read as {answer[:200]}. It is not equal to the expected answer."
        return Judgement(Outcome.FAILED, feedback, detail=detail)
    if confirm:
        _, again = await ask(pool, "read_and_compare:compare", request, fresh=True)
        if _finding(again)[0] is not True:
            return Judgement(Outcome.FLAKY, "It could not be confirmed that the final answer is right.")
    return Judgement(Outcome.PASSED, "The final answer is right.", STRENGTHS.get(how, Strength.NUMERIC), detail)


async def read_answer(pool: Jobs, answer: str, settings: dict[str, Any]) -> dict[str, Any] | Judgement:
    """The form of an answer's text, unchecked but for being one dictionary (see `unfit`); or why there is none."""
    refused = refusal(answer)
    if refused:
        return Judgement(Outcome.INVALID, f"The final answer was not read: {refused}.")
    outcome, message = await ask(pool, "read_and_compare:read", {"text": answer, "settings": settings})
    if outcome is not None:
        return Judgement(outcome, "The final answer could not be evaluated within the limits.")
    form = message.get("form") if isinstance(message, dict) else None
    if form is None:
        reason = message.get("refused") if isinstance(message, dict) else None
        why = reason if reason in _REASONS else _REASONS[0]
        return Judgement(Outcome.INVALID, f"The final answer was not accepted: {why}.")
    return form if isinstance(form, dict) else _unfit("it is no form that is known")


def unfit(message: Any) -> Judgement | None:
    """What is found where the job that was to judge a form refused to touch it; None if it did not refuse."""
    return _unfit(message["wrong_form"]) if isinstance(message, dict) and "wrong_form" in message else None


def _unfit(wrong: Any) -> Judgement:
    feedback = "The final answer is not an expression that can be compared."
    return Judgement(Outcome.INVALID, feedback, detail=str(wrong)[:300])


def _finding(message: Any) -> tuple[Any, str, str]:
    """(equal, how, detail) of what a comparing job said, as far as it has their shape."""
    if not isinstance(message, dict):
        return None, "", ""
    if (refused := bounded_text(message.get("refused"), 20)) in _REFUSED:
        return False, refused, bounded_text(message.get("detail"), 300)
    return (
        message.get("equal"),
        bounded_text(message.get("how"), 20),
        bounded_text(message.get("detail") or message.get("gold"), 300),
    )
