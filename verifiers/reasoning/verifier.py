"""Judge answers to reasoning-gym's generated problems by its own scorers, in a sandbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Ending, Job, Limits, Profile
from gristmill.verifiers.calling import outcome_of, statements
from gristmill.verifiers.reasoning.datasets import EXACT, NUMBER, refusal
from gristmill.verifiers.records import Check, Outcome, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["ASK", "REASONING", "ReasoningVerifier", "answer_in", "how_judged"]

_GUEST: Final = "gristmill.verifiers.reasoning.guest"
REASONING: Final = Profile(name="reasoning", guest=(_GUEST,), preload=("reasoning_gym",), image="reasoning")
LIMITS: Final = Limits(wall_seconds=30, cpu_seconds=30, memory_mb=1536, processes=4, output_kb=256)
ASK: Final = "\n\nEnd with your final answer between <answer> and </answer>, and put nothing else there."
"""What an imported prompt ends with."""
_LONGEST: Final = 10_000
_TAGS: Final = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.DOTALL)
_FIELDS: Final = {"dataset": str, "seed": int, "size": int, "index": int, "version": str}


class ReasoningVerifier:
    """Score = what reasoning-gym's scorer says, in [0, 1]; `passed` at 1. Strength: `tested`.

    `Task.check` names the item: `dataset`, `seed`, `size`, `index` and the `version` that made it; it is made again
    in the sandbox. The answer is what stands last between ``<answer>`` and ``</answer>``, else the last line. Scorers
    that accept wrong answers are replaced or refused by name; see `gristmill.verifiers.reasoning.datasets`.

    Raises:
        UserError: another version of reasoning-gym makes another question of that seed (on `verify`).
    """

    name = "reasoning"
    version = 1
    kind = "reasoning"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        check = task.check
        if check is None:
            return ["check: a reasoning task needs dataset, seed, size, index and version of reasoning-gym's item"]
        found = [
            f"check.{name}: must be {'text' if kind is str else 'a whole number'}"
            for name, kind in _FIELDS.items()
            if type(check.get(name)) is not kind
        ]
        if unknown := set(check) - set(_FIELDS):
            found.append(f"check: {', '.join(sorted(unknown))} mean nothing here")
        if reason := refusal(str(check.get("dataset"))):
            found.append(f"check.dataset: {reason}")
        return found

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`; `solution` is the whole reply."""
        answer = answer_in(solution)
        if answer is None:
            text = "No answer was found: put it between <answer> and </answer>."
            return self._verdict(Outcome.INVALID, 0.0, text)
        told = await self._ask(task, answer)
        if isinstance(told, Outcome):
            return self._verdict(told, 0.0, "The answer could not be scored within the limits.")
        if told == 1 and self._confirm and await self._ask(task, answer, fresh=True) != told:
            return self._verdict(Outcome.FLAKY, 0.0, "A second look at the same answer came out differently.")
        outcome = Outcome.PASSED if told == 1 else Outcome.FAILED
        partly = f" It is partly right: {told:.2f} of 1." if 0 < told < 1 else ""
        untagged = "" if _TAGS.search(solution) else " There is no <answer>, so your last line was taken."
        text = (
            "The answer is right."
            if told == 1
            else f"Your answer was read as {answer[:200]!r}. It is wrong.{partly}{untagged}"
        )
        return self._verdict(outcome, told, text)

    async def _ask(self, task: Task, answer: str, *, fresh: bool = False) -> float | Outcome:
        check: dict[str, Any] = dict(task.check or {})
        made_by = check.pop("version")
        question = task.prompt.removesuffix(ASK)
        request = check | {"question": question, "answers": [answer], "how": how_judged(check["dataset"])}
        report = await self._pool.run(
            Job(program=f"{_GUEST}.gym:score_answers", request=request, limits=LIMITS), REASONING, fresh=fresh
        )
        said = statements(report) if report.ending is Ending.FINISHED else []
        if not said or type(said[0]) is not dict:
            return outcome_of(report)[0]
        if said[0].get("changed"):
            raise UserError(
                f"task {task.id!r}: this version of reasoning-gym does not make its question from its seed; it was "
                f"made by {made_by}: install that, or import the tasks again"
            )
        return float(said[0]["scores"][0])

    def _verdict(self, outcome: Outcome, score: float, feedback: str) -> Verdict:
        info = self._pool.info(REASONING)
        return Verdict(
            outcome=outcome,
            score=score,
            checks=(Check(name="answer", outcome=outcome, public=True, detail=feedback),),
            strength=Strength.TESTED,
            feedback=feedback,
            verifier=f"{self.name}/{self.version}",
            sandbox=info.label,
        )


def answer_in(reply: str) -> str | None:
    """The answer that a reply gives: between the last pair of tags, else its last line; None if there is none."""
    text = reply[-200_000:]
    tagged = _TAGS.findall(text)
    if tagged:
        answer = str(tagged[-1]).strip()
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        answer = lines[-1] if lines else ""
    return answer if answer and len(answer) <= _LONGEST else None


def how_judged(dataset: str) -> str:
    """Which scorer decides: the library's own, or one of ours where its own is wrong."""
    return "exact" if dataset in EXACT else "number" if dataset in NUMBER else "own"
