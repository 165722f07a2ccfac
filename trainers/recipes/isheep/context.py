"""What the recipe's stages work with: the mill of `improve`, and the recipe's own configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from langgraph.runtime import Runtime

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.run_progress import following
from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer
from gristmill.graph.models.errors import ModelError
from gristmill.graph.records import Message, Step
from gristmill.graph.summary import CampaignSummary
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.recipes.isheep.config import IsheepConfig
from gristmill.verifiers.judging import Judge
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems

__all__ = ["Checking", "Flock", "FlockRuntime", "Reading"]


@dataclass
class Flock(Mill):
    """A `Mill` whose rows come from what the model writes."""

    recipe: IsheepConfig = field(default_factory=IsheepConfig)
    scoring: Callable[[], Proposer] | None = None
    """Makes the proposer of the model that scores MT-Bench's answers."""

    async def asked(
        self,
        part: str,
        title: str,
        messages: Mapping[str, tuple[Message, ...]],
        tasks: Sequence[Task],
        *,
        judge: Judge,
        adapter: str | None,
        greedy: bool = False,
        most: int | None = None,
        model: tuple[str, Proposer] | None = None,
    ) -> dict[str, Step]:
        """One reply to each task, by a campaign of one round that the store keeps; a killed one goes on.

        Args:
            part: names the run, with the improvement's name before it.
            messages: what is sent, by task id.
            judge: what is to be said of a reply.
            most: tokens of a reply at most, where not as the configuration says.
            model: who is asked instead of the run's model, by name and entered.

        Raises:
            ModelError: some replies did not come; the others are kept.
            Others: see `gristmill.graph.campaign.run_campaign`.
        """
        if not tasks:
            return {}
        run, config = f"{self.name}-{part}", self._once(adapter, greedy=greedy, most=most)
        config = config if model is None else config.changed(model=model[0])

        def messages_for(
            task: Task, *, profile: Literal["chat", "small"], round: int, parents: Sequence[Step]
        ) -> tuple[Message, ...]:
            return messages[task.id]

        async with self.timed(part, title), following(self.progress, config.budget, ends=False) as progress:
            summary: CampaignSummary = await run_campaign(
                tasks,
                config.changed(concurrency=max(1, min(len(tasks), config.calls.concurrency))),
                name=run,
                store=self.store,
                proposer=await self.model(adapter) if model is None else model[1],
                pool=self.pool,
                verifiers=judge,
                resume=any(begun.name == run for begun in self.store.runs()),
                on_event=self.alerts.beside(progress, config, part=True),
                messages_for=messages_for,
                purpose="evaluation",
            )
        if summary.unanswered:
            raise ModelError(
                f"{summary.unanswered} of {len(tasks)} replies did not come; --resume asks for these again"
            )
        return {story.task.id: story.steps[0] for story in self.store.trajectories(run) if story.steps}

    def _once(self, adapter: str | None, *, greedy: bool, most: int | None) -> RunConfig:
        knobs: dict[str, Any] = {
            "strategy": "best_of",
            "hypotheses": 1,
            "rounds": 1,
            "first_pass": False,
            "rank": None,
            "judge_first": None,
        }
        if greedy:
            knobs |= {"temperature": 0.0, "top_p": 1.0}
        if most is not None:
            knobs["max_tokens"] = most
        return self.recipe.run.changed(adapter=adapter, **knobs)

    def checking(self) -> Checking:
        """The tools' judge."""
        return Checking(Verifiers(self.pool, confirm=self.recipe.run.confirm))


FlockRuntime: TypeAlias = Runtime[Flock]


class Checking:
    """Tools decide where they can; of any other task the verdict is `refused`, and nothing is claimed."""

    def __init__(self, tools: Judge) -> None:
        self._tools = tools

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.judging.Judge`."""
        if not problems(task):
            return await self._tools.verify(task, solution)
        return Verdict(
            outcome=Outcome.REFUSED,
            score=0.0,
            strength=Strength.SELF_ASSESSED,
            feedback="No tool can check this.",
            verifier="isheep/1",
        )


class Reading:
    """Whether something can be read in a reply: what a model says of itself, which is no verification of anything."""

    def __init__(self, readable: Callable[[str], bool]) -> None:
        self._readable = readable

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.judging.Judge`."""
        read = self._readable(solution)
        return Verdict(
            outcome=Outcome.PASSED if read else Outcome.INVALID,
            score=1.0 if read else 0.0,
            strength=Strength.SELF_ASSESSED,
            verifier="isheep/1",
        )
