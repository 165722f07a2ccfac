"""Task, candidate and verdict: what is asked, what is offered, what was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from gristmill.sandbox.records import Limits, Record, Text
from gristmill.verifiers.incidents.record import Incident
from gristmill.verifiers.testing.calls import Case, CasesTest, StdioCase, StdioTest
from gristmill.verifiers.testing.driven import DrivenCase, DrivenTest
from gristmill.verifiers.testing.programs import PytestTest, PythonTest
from gristmill.verifiers.testing.repository import Repo
from gristmill.verifiers.testing.scored import Direction, ScoreTest, Seeds

__all__ = [
    "VERIFIED",
    "Apart",
    "Candidate",
    "Case",
    "CasesTest",
    "Check",
    "CheckEvidence",
    "CodeTest",
    "Direction",
    "DrivenCase",
    "DrivenTest",
    "Evidence",
    "Fault",
    "Outcome",
    "PytestTest",
    "PythonTest",
    "Repo",
    "ScoreTest",
    "Seeds",
    "StdioCase",
    "StdioTest",
    "Strength",
    "Task",
    "Verdict",
]

CodeTest = Annotated[
    CasesTest | StdioTest | PythonTest | PytestTest | DrivenTest | ScoreTest, Field(discriminator="type")
]
Courses = tuple[tuple[float, ...], ...]  # of each training: the grades at its checkpoints, and in the end


class Task(Record):
    """One thing to solve. Which of the fields below `settings` count is a matter of `kind`.

    code: `tests` (hidden) and `public_tests`, or `repo`; math: `answer` or `check`; instruction: `constraints`;
    program, loss: `problem`; reward, ranges: `environment`.
    """

    id: str = Field(min_length=1)
    kind: str = Field(
        min_length=1, description="code, math, instruction, program, reward, loss, ranges, or a plug-in's"
    )
    prompt: str = Field(min_length=1)
    split: str | None = Field(None, description="train, gate, test, or the user's own")
    tags: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    limits: Limits = Limits()

    tests: tuple[CodeTest, ...] = ()
    public_tests: tuple[CodeTest, ...] = ()
    repo: Repo | None = Field(None, description="for code: whose tests decide, in the place of `tests`")
    answer: str | None = None
    check: dict[str, Any] | None = None
    constraints: tuple[dict[str, Any], ...] = ()
    problem: str | None = None
    direction: Direction | None = None
    target: float | None = Field(None, allow_inf_nan=False)
    environment: str | None = None
    best: str | None = Field(
        None, description="program: sha256 of the construction that the program is given; a search sets it"
    )
    bar: Courses = Field((), description="reward, loss: courses of the best one known; a search sets it")
    reference: str | None = Field(
        None, description="a known solution, for `tasks check` and tests; never shown to a model"
    )

    @property
    def scored(self) -> ScoreTest | None:
        """The test whose numbers are the score, if there is one: there are no others beside it then."""
        return next((test for test in self.tests if isinstance(test, ScoreTest)), None)

    @property
    def shares_a_process(self) -> bool:
        """Whether its tests or its evaluator run beside a solution, so that no pass can be more than `together`."""
        return self.repo is not None or (self.scored is not None and self.scored.together)

    @property
    def worst(self) -> float:
        """The score of what has none. An author's numbers may be less than 0."""
        return math.inf if self.direction is Direction.MINIMIZE else -math.inf if self.scored else 0.0

    @model_validator(mode="after")
    def _has_what_its_test_says(self) -> Task:
        """The direction and the target of a score test are its task's."""
        for name in ("direction", "target") if self.scored is not None else ():
            if getattr(self, name) is None and (said := getattr(self.scored, name)) is not None:
                self.__dict__[name] = said
                self.__pydantic_fields_set__.add(name)
        return self


class Candidate(Record):
    """A solution handed to a verifier: a row of a candidates file. `text` is a raw reply or a bare solution."""

    task_id: str = Field(min_length=1)
    id: str = Field(min_length=1)
    text: str


class Outcome(StrEnum):
    """What the judge found. Only `passed` counts for a candidate; only `unscored` says nothing about it."""

    PASSED = "passed"
    FAILED = "failed"  # it ran and gave something wrong
    ERROR = "error"  # it raised, crashed, or defined nothing that can be called
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    INVALID = "invalid"  # no usable solution was found in the reply, or it breaks the task's form
    REFUSED = "refused"  # cannot be decided: only plain execution passes it, or its tests assert nothing; not passed
    FLAKY = "flaky"  # the confirmation run disagreed
    UNSCORED = "unscored"  # infrastructure trouble: retried, never counted as wrong


class Strength(StrEnum):
    """How much a verdict proves, strongest first. Only `tested` and stronger may be called verified."""

    PROVED = "proved"
    EXACT = "exact"
    TESTED = "tested"
    NUMERIC = "numeric"
    FORWARDED = "forwarded"  # operators of the candidate's own took part in deciding
    SPLIT = "split"  # assertions apart, the rest of the test beside the candidate (`--accept split`)
    TOGETHER = "together"  # tests and candidate shared a process, and the owner takes that (`--accept together`)
    EXTERNAL = "external"  # a program of the owner's says so (`search command`)
    SELF_ASSESSED = "self_assessed"


VERIFIED = (Strength.PROVED, Strength.EXACT, Strength.TESTED)
"""Strengths of a pass that may be called verified."""


class Check(Record):
    """One test, case or property inside a verdict."""

    name: Text
    outcome: Outcome
    public: bool = Field(False, description="whether the model may read `detail`")
    detail: Text = ""


class Fault(StrEnum):
    """What is wrong with a test itself, whoever the candidate is."""

    RAISES = "raises by itself"
    ASSERTS_NOTHING = "asserts nothing"
    CONTRADICTS = "contradicts another test"
    NEVER_CALLS = "never calls the candidate"


class CheckEvidence(Record):
    """What one check has shown, for whoever owns the task: where it stands, what came, what was wanted."""

    name: Text
    outcome: Outcome
    public: bool = Field(False, description="whether the check is of a public test")
    place: Text = Field("", description="field and line or case: `tests[0].code: line 3`, `tests[0].cases[2]`")
    asked: Text = Field("", description="the call, the input, or the statement of the test")
    value: Text = Field("", description="what came of it")
    expected: Text = ""
    limit: Text = Field("", description="the limit that was met: its figure, and the field that raises it")
    detail: Text = Field("", description="all of it in words")
    fault: Fault | None = Field(None, description="what is wrong with the test, where that is certain")


_MOST_SHOWN, _MOST_CHARACTERS, _LONGEST = 500, 50_000, 2000
_TEXTS = ("asked", "value", "expected", "limit", "detail")


class Evidence(Record):
    """What the owner of a task may read about one verdict, and no model ever.

    It comes beside its verdict and is never put into it: whoever may read a verdict's feedback is a model.
    """

    verifier: str = Field(description="the verdict's")
    checks: tuple[CheckEvidence, ...] = ()
    left_out: int = Field(0, description="checks for which there was no room; those that passed go first")
    reason: str = Field("", description="why the consistency run has changed the verdict, if it has")
    score: float | None = Field(None, description="the total over held-out instances, where it was asked for them")
    scores: dict[Text, float] = Field({}, description="the score of each held-out instance, where it was asked for")
    metrics: dict[Text, float] = Field({}, description="what else was measured on what is held out")
    incidents: tuple[Incident, ...] = Field((), description="what was seen of attempts on the judge, by mechanism")

    @classmethod
    def of(cls, verifier: str, shown: Sequence[CheckEvidence]) -> Evidence:
        """Evidence of bounded size, in the order given: what passed gives way first, then texts of what comes late."""
        telling = [place for place, each in enumerate(shown) if each.outcome is not Outcome.PASSED or each.fault]
        others = sorted(set(range(len(shown))) - set(telling))
        kept = sorted([*telling, *others][:_MOST_SHOWN])
        room, checks = _MOST_CHARACTERS, []
        for each in (shown[place] for place in kept):
            texts = {name: getattr(each, name)[: min(_LONGEST, room)] for name in _TEXTS}
            room = max(0, room - sum(map(len, texts.values())))
            texts["name"] = each.name[:_LONGEST]
            short = {name: text for name, text in texts.items() if len(text) < len(getattr(each, name))}
            checks.append(each.model_copy(update=short) if short else each)
        return cls(verifier=verifier, checks=tuple(checks), left_out=len(shown) - len(kept))


class Apart(Record):
    """What was found before something that no model may know of: the consistency run, or the close of a search."""

    outcome: Outcome
    score: float | None
    strength: Strength


class Verdict(Record):
    """What a verifier found about one candidate."""

    outcome: Outcome
    score: float | None = Field(
        None, description="None exactly when unscored; a share in [0, 1] unless a verifier says otherwise"
    )
    direction: Direction = Direction.MAXIMIZE
    metrics: dict[Text, float] = {}
    scores: dict[Text, float] = Field(
        {}, description="of a score test: the score of each instance that steers a search, by its name"
    )
    replicates: tuple[float, ...] = Field((), description="of a noisy test, a reward or a loss: each seed's total")
    courses: Courses = Field((), description="reward, loss: of its trainings, if none was left out or stopped early")
    checks: tuple[Check, ...] = ()
    strength: Strength
    feedback: Text = Field("", description="what the model may read: public tests in full, hidden ones as counts")
    construction: str | None = Field(
        None, description="sha256 of what the solution made, where that was scored and others may build on it"
    )
    notes: Text = Field(
        "", description="what the candidate says beside that: for the next prompt, short, and checked by nobody"
    )
    seconds: float = Field(0.0, description="while its jobs ran; `Verifiers` measures it, queueing left out")
    verifier: Text = Field(description="name and version, e.g. code/1")
    sandbox: Text = Field("", description="backend and image digest")
    tree: Text = Field("", description="for a repository: the full commit, and the sha256 of its files")
    repeats: Text | None = Field(None, description="the hypothesis whose verdict this is: the program is the same")
    apart: Apart | None = Field(
        None, description="what a judge process found apart from the candidate, where one decided; see `pending`"
    )
    together: bool | None = Field(
        None, description="whether the consistency run has passed; None where there was none, or not yet"
    )

    searched: Apart | None = Field(
        None, description="what the search has found, where its close has looked again at one that stood to be the best"
    )

    @property
    def pending(self) -> bool:
        """Whether the consistency run is still to come: `gristmill.verifiers.registry.Verifiers.settle`."""
        return self.apart is not None and self.together is None

    @property
    def unsettled(self) -> Verdict:
        """The verdict as it stood before the consistency run and the close of the search.

        It is what a search decides on, and all a model may know.
        """
        if self.searched is not None:
            return self.model_copy(update={**dict(self.searched), "together": None, "searched": None})
        if self.apart is None or self.together is None:
            return self
        return self.model_copy(update={**dict(self.apart), "together": None})

    @property
    def passed(self) -> bool:
        """Whether the candidate may be used as verified by whoever asked for this strength."""
        return self.outcome is Outcome.PASSED

    @property
    def verified(self) -> bool:
        """Passed, strongly enough to be exported as verified, and not to be run together any more."""
        return self.passed and not self.pending and self.strength in VERIFIED

    @property
    def decided_by_tools(self) -> bool:
        """Passed, and nothing of the candidate's own took part in deciding that, so it counts for a model."""
        return self.passed and self.strength in (*VERIFIED, Strength.NUMERIC)
