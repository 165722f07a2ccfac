"""What the loop writes down: requests, replies, hypotheses, trajectories. All frozen, all append-only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from enum import StrEnum
from typing import Literal

from pydantic import Field

from gristmill.sandbox.records import Name, Record, Text
from gristmill.verifiers.records import Courses, Task, Verdict

__all__ = [
    "CONTEXT_WINDOW",
    "CUT_FINISHES",
    "INSTRUCTION",
    "LESSON",
    "REASONING_ONLY",
    "REPAIR",
    "STARTS",
    "UNANSWERED",
    "ContextWindow",
    "Ground",
    "Hypothesis",
    "Message",
    "Reflection",
    "Reply",
    "Request",
    "Sampling",
    "Step",
    "StopReason",
    "Tokens",
    "Trajectory",
    "Tries",
]


CONTEXT_WINDOW = "context window"
"""The kind of document that has a run's `ContextWindow`."""


class ContextWindow(Record):
    """What the models of a run said of their contexts when it began: it goes on with that, whatever they say later."""

    tokens: int | None = Field(None, ge=1, description="for prompt and reply together; None where no model said it")


class Message(Record):
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: Text


class Sampling(Record):
    """How a reply is drawn. `temperature` 0 is greedy."""

    temperature: float = Field(0.8, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(512, ge=1)
    seed: int | None = None
    stop: tuple[str, ...] = Field((), description="the reply ends before the first of these")


class Tokens(Record):
    """Usage of one model call, as the model reported it (or counted with its tokenizer)."""

    prompt: int = Field(0, ge=0)
    completion: int = Field(0, ge=0)
    cached: int = Field(0, ge=0, description="of the prompt, those that the server took from its cache, as it says")

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=self.cached + other.cached,
        )


class Request(Record):
    """What a proposer is asked: one reply for one place (task, round, sample) in a run."""

    task_id: str
    round: int = Field(ge=0)
    sample: int = Field(ge=0)
    messages: tuple[Message, ...]
    sampling: Sampling
    model: str | None = Field(None, description="the member of a roster that is asked; None where there is one model")
    parents: tuple[str, ...] = Field((), description="ids of the hypotheses that this one builds on")
    tries: Tries | None = Field(None, exclude=True, repr=False, description="what each try is told to; never stored")
    ground: Ground | None = Field(None, exclude=True, repr=False, description="what a search knows there; never stored")


class Tries(Record):
    """How a proposer that may ask several times for one reply says so: each time may cost as much as the first.

    A proposer that does not call these is charged by the tokens of its reply.
    """

    again: Callable[[], Awaitable[bool]] = Field(description="before each try, the first too: whether it may be made")
    over: Callable[[Tokens | None], None] = Field(
        description="after it: what it took; None where nobody knows, which counts as the most that it may have taken"
    )
    trouble: Callable[[str], None] = Field(
        lambda reason: None, description="a server's trouble that was outlasted, by our own short name for it"
    )


UNANSWERED = "unanswered"
"""The finish, in the store, of a call that was given up after all its tries."""
REPAIR = "r"
"""How the id of a hypothesis ends that repairs another; others end with the number of their sample."""
STARTS = -1
"""The round of the programs that a task begins with: before the first one that a model is asked in."""
CUT_FINISHES = ("length", "max_tokens", "max_output_tokens")
"""How OpenAI, Anthropic and Google name the end of a reply at its greatest length, in lower case."""


LESSON = "/lesson"
"""Ends the id, in the store, of a call by which a model writes down what a round has taught it."""
INSTRUCTION = "/instruction"
"""Ends the id, in the store, of a call by which a model writes an instruction after a round."""
REASONING_ONLY = " (reasoning only)"
"""Follows the finish, in the store, of a call whose reply came to no answer."""


class Reply(Record):
    """What a proposer answered."""

    text: Text
    tokens: Tokens = Tokens()
    model: Name = Field("", description="as the server named it")
    finish: Name = Field("", description="stop, length, …, as the server named it")
    reasoning: Text = Field(
        "", description="what the model thought before it answered, where the server tells it apart"
    )
    seconds: float = 0.0

    @property
    def cut(self) -> bool:
        """Whether the reply had reached the greatest length allowed and was cut off there."""
        return self.finish.lower() in CUT_FINISHES


class Hypothesis(Record):
    """One proposal. `id` is ``{task_id}/{round}/{sample}`` and so the same in a killed and resumed run.

    What a task begins with is ``{task_id}/start/{number}``, of the round `STARTS`.
    """

    id: str
    task_id: str
    round: int
    sample: int
    text: Text = Field(description="the reply, without the reasoning before it")
    reasoning: Text = Field("", description="what the model thought before it answered; no part of what is judged")
    solution: Text | None = Field(description="what was extracted from it; None where nothing usable was found")
    note: Text = Field("", description="how it was extracted, or why nothing usable was found")
    parents: tuple[str, ...] = ()
    best: str | None = Field(
        None, description="sha256 of the construction that its program is given, as the store keeps it"
    )
    bar: Courses = Field((), description="courses of the best that was known for its plan: trainings are held to them")
    repairs: str | None = Field(
        None, description="id of the reply at the same place whose changes did not apply, and which this one replaces"
    )
    operator: Name | None = Field(None, description="what its plan has asked for; None in stores of older versions")
    by: Name = Field("", description="the strategy that the plan is of, where `auto` has chosen one")
    island: int = Field(0, ge=0, description="the part of the population that it belongs to")
    instruction: Name = Field("", description="the round after which the instruction was written that it was told")
    asked: Name = Field("", description="the member of a roster that was asked; empty where the run has one model")
    reused: str = Field("", description="run and id of the hypothesis whose reply was taken, so that no call was made")
    proposer: str
    model: Name
    adapter: str | None = None
    sampling: Sampling
    prompt_sha: str = Field(description="sha256 of the canonical JSON of the messages; the store holds them")
    tokens: Tokens = Tokens()
    cut: bool = Field(False, description="the reply had reached the greatest length allowed and was cut off there")

    @property
    def given(self) -> bool:
        """Whether it is a program that the task begins with: nobody was asked for it, and no model has made it."""
        return self.round == STARTS


class StopReason(StrEnum):
    """Why a task's loop ended."""

    TARGET = "target"  # a hypothesis passed (or reached the task's target score)
    PATIENCE = "patience"  # no better best in p rounds
    SAME = "same"  # hypotheses no longer differ
    ROUNDS = "rounds"
    CALLS = "calls"
    TOKENS = "tokens"
    SECONDS = "seconds"
    MONEY = "money"


class Reflection(Record):
    """What went back to the model after a round: which hypotheses, with what feedback."""

    round: int
    parents: tuple[str, ...]
    feedback: Text
    lesson: Text | None = Field(
        None, description="what the model has learned of the round; None where it was not asked, empty where in vain"
    )
    instruction: Text | None = Field(None, description="what later ones may be told, as the model wrote it; as lesson")


class Step(Record):
    """A hypothesis and what was found about it."""

    hypothesis: Hypothesis
    verdict: Verdict

    @property
    def handed_on(self) -> str | None:
        """The construction that a program building on this one is given: this one's, else what this one was given."""
        return self.verdict.construction or self.hypothesis.best


class Ground(Record):
    """What a search knows at one place, for proposers that work from it instead of a prompt.

    Only the judged hypotheses before `horizon`, (round, sample), may enter a decision: whatever arrives besides.
    """

    task: Task
    operator: str = Field(description="what the plan asks for, see `gristmill.graph.search.base.Operator`")
    parents: tuple[Step, ...] = ()
    horizon: tuple[int, int]
    tried: Callable[[Container[str]], Awaitable[list[Step]]] = Field(
        description="the judged hypotheses before the horizon, in order, without those whose ids are given"
    )
    known: Callable[[str], bool] | None = Field(
        None, description="whether a program was there before the horizon; None where that is not asked"
    )


class Trajectory(Record):
    """One task's whole story: the wire record between `graph` and `trainers`."""

    version: Literal[1] = 1
    run: str
    task: Task
    prompts: dict[str, tuple[Message, ...]] = Field(description="messages by `prompt_sha`")
    steps: tuple[Step, ...]
    reflections: tuple[Reflection, ...] = ()
    best: str | None = Field(None, description="id of the best hypothesis")
    stop: StopReason
    detail: str = ""
    seconds: float = 0.0
