"""RL with a reward model as the reward, and what tools say of the same replies beside it, at every checkpoint.

    measure → train a part of the prompts → measure → …

Each part goes on from the adapter of the one before, so that every checkpoint is an adapter of its own. A reward that
rises while tools pass fewer replies is over-optimised (Gao et al. 2023): that is said, and the checkpoint that tools
passed most of counts. Each step is kept: what was killed goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import Field

from gristmill.graph.comparing import compare
from gristmill.graph.config import RunConfig
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.methods.lora import Lora
from gristmill.trainers.recipes.ser.pairs import Turn, digest
from gristmill.trainers.recipes.ser.scoring import Score
from gristmill.trainers.recipes.ser.stages import Progress
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Task

__all__ = ["KIND", "Begun", "Checkpoint", "Reinforced", "Reinforcing", "RlConfig", "over_optimised", "reinforce"]

KIND = "reinforcing"
"""Of its documents."""


class RlConfig(Record):
    """The knobs; none of them was published for SER, whose RL is PPO."""

    method: Literal["grpo", "rloo"] = Field("grpo", description="grpo or rloo")
    checkpoints: int = Field(
        4, ge=1, description="parts that the prompts are trained in, an adapter and a measure each"
    )
    learning_rate: float | None = Field(None, gt=0, description="constant; by the model's size where none is given")
    batch: int | None = Field(None, ge=1, description="prompts in one step; by the model's size where not given")
    group: int = Field(8, ge=2, description="replies to one prompt")
    answer_tokens: int = Field(128, ge=1, description="of a reply; a longer one is cut")
    temperature: float = Field(1.0, gt=0, description="of the sampling in training; measured is greedily")
    beta: float = Field(0.0, ge=0, description="of the divergence from the reference; 0 spares the reference")
    max_tokens: int = Field(1024, ge=1, description="prompt and reply; a longer prompt is left out")
    micro_tokens: int = Field(768, ge=1, description="tokens of one step that are in memory at once")
    lora: Lora = Lora()
    seed: int = 0


class Begun(Record):
    """What it was begun with."""

    config: RlConfig
    of: str = Field(description="digest of prompts, tasks, reward model and base")


class Trained(Record):
    """A part that was trained."""

    adapter: Path
    reward: float | None = Field(description="mean of the replies that were sampled in it; None where a kill lost it")


class Checkpoint(Record):
    """The model after so many parts, each task answered once, greedily; reward and verdicts are of the same replies."""

    number: int = Field(description="0 is the base model")
    adapter: Path | None
    trained: float | None = Field(None, description="mean reward of what was sampled in the part's training")
    reward: float = Field(description="mean over the tasks, by the reward model: self_assessed")
    passed: Share = Field(description="by tools")
    verdicts: dict[str, bool | None] = Field(description="by task; None is unscored")


class Reinforced(Record):
    """What came of it."""

    checkpoints: tuple[Checkpoint, ...]
    warnings: tuple[str, ...] = Field(description="where the reward rose and the tools' pass rate fell")
    best: int = Field(description="the checkpoint that tools passed most of; of several, the first")

    @classmethod
    def of(cls, checkpoints: Sequence[Checkpoint]) -> Reinforced:
        """What there is to say of these, at least one, in their order."""
        return cls(
            checkpoints=tuple(checkpoints),
            warnings=tuple(over_optimised(checkpoints)),
            best=max(checkpoints, key=lambda each: (each.passed.rate, -each.number)).number,
        )


@dataclass
class Reinforcing:
    """What the stages work with.

    Args:
        prompts: each once.
        tasks: that measure; nothing is trained on them.
        home: folder that the adapters go to, ``checkpoint-N``.
        sandbox: where replies are judged, as `RunConfig.sandbox`.
    """

    name: str
    config: RlConfig
    prompts: Sequence[tuple[Turn, ...]]
    tasks: Sequence[Task]
    score: Score
    scored_by: str
    base: Path
    home: Path
    store: Store
    progress: Progress
    sandbox: str = "auto"

    def begin(self, *, resume: bool) -> None:
        """Begin, or go on with the same.

        Raises:
            UserError: the name is taken, there is nothing to resume, or it was begun with something else.
        """
        if len(self.prompts) < self.config.checkpoints:
            raise UserError(f"{len(self.prompts)} prompts cannot be parted in --checkpoints {self.config.checkpoints}")
        told = [task.model_dump(mode="json") for task in self.tasks]
        now = Begun(config=self.config, of=digest([*map(list, self.prompts)], told, self.scored_by, str(self.base)))
        before = self.store.documents.get(KIND, self.name, "begun", Begun)
        if resume and before is None:
            raise UserError(f"there is no RL stage {self.name!r} to resume")
        if resume and before != now:
            raise UserError(f"the RL stage {self.name!r} was begun with other knobs, prompts, tasks or models")
        if not resume and (before is not None or not self.store.documents.add(KIND, self.name, "begun", now)):
            raise UserError(f"an RL stage {self.name!r} exists already: choose another --name, or go on with --resume")

    def trained(self, part: int) -> Trained | None:
        """What a part left, the first is 1; None where it has not ended."""
        return self.store.documents.get(KIND, self.name, f"{part}/trained", Trained)

    def checkpoint(self, number: int) -> Checkpoint | None:
        """A measure; None where it was not made."""
        return self.store.documents.get(KIND, self.name, f"{number}/measured", Checkpoint)


class RlState(TypedDict):
    """Parts that are trained."""

    at: int


def reinforce(work: Reinforcing) -> Reinforced:
    """Run it to its end; what was killed goes on where it was. `work` has begun.

    Raises:
        GristmillError: as training and evaluation do; what has ended is kept.
    """
    graph: StateGraph[RlState, Reinforcing, Any, Any] = StateGraph(RlState, context_schema=Reinforcing)
    graph.add_node("measure", _measure)
    graph.add_node("train", _train)
    graph.add_edge(START, "measure")
    graph.add_conditional_edges(
        "measure", lambda state: END if state["at"] >= work.config.checkpoints else "train", ["train", END]
    )
    graph.add_edge("train", "measure")
    graph.compile().invoke({"at": 0}, context=work, config={"recursion_limit": 10_000})
    found = [work.checkpoint(number) for number in range(work.config.checkpoints + 1)]
    return Reinforced.of([each for each in found if each is not None])


def _train(state: RlState, runtime: Runtime[Reinforcing]) -> dict[str, Any]:
    """One part more, from the adapter of the last one."""
    from gristmill.trainers.methods.fitting.training import train_adapter
    from gristmill.trainers.methods.grpo import GrpoMethod
    from gristmill.trainers.methods.rloo import RlooMethod

    work, part = runtime.context, state["at"] + 1
    if work.trained(part) is not None:
        return {"at": part}
    config = work.config
    made = GrpoMethod if config.method == "grpo" else RlooMethod
    knobs = config.model_dump(exclude={"method", "checkpoints", "seed"})
    method = made(**knobs, seed=config.seed + part, epochs=1.0, schedule="constant", warmup=0.0).settled(work.base)
    drawn = sorted(work.prompts, key=lambda prompt: digest("rl", config.seed, [*prompt]))
    rows = [{"prompt": [*prompt]} for prompt in drawn[part - 1 :: config.checkpoints]]
    out, before = work.home / f"checkpoint-{part}", work.trained(part - 1)
    heard: list[float] = []

    def reward(prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float]:
        rewards = [work.score([*one, *said]) for one, said in zip(prompts, completions, strict=True)]
        heard.extend(rewards)
        return rewards

    work.progress.stage(f"part {part} of {config.checkpoints}: {config.method} on {len(rows)} prompts")
    if not (out / "provenance.json").is_file():
        train_adapter(
            method,
            rows,
            lambda setting: method.trainer_by(setting, setting.dataset("prompt"), reward),
            kind=method.kind,
            conversations=method.conversations,
            base=work.base,
            out=out,
            adapter=None if before is None else before.adapter,
            progress=lambda step, steps, loss: work.progress.update(step, steps, f"loss {loss:.3f}"),
            reserved=method.reserved,
        )
    mean = sum(heard) / len(heard) if heard else None
    work.store.documents.put(KIND, work.name, f"{part}/trained", Trained(adapter=out, reward=mean))
    return {"at": part}


def _measure(state: RlState, runtime: Runtime[Reinforcing]) -> dict[str, Any]:
    """Every task once, greedily: what tools say, and what the reward model says of the same replies."""
    from gristmill.graph.models.resolve import resolve
    from gristmill.sandbox.pool import Pool
    from gristmill.trainers.measure.evaluation import evaluate, greedy

    work, number = runtime.context, state["at"]
    if work.checkpoint(number) is not None:
        return {}
    trained = work.trained(number)
    adapter = None if trained is None else str(trained.adapter)
    known = RunConfig().changed(
        model=f"local:{work.base}", sandbox=work.sandbox, seed=work.config.seed, max_tokens=work.config.answer_tokens
    )
    config, name = greedy(known, adapter), f"{work.name}-checkpoint-{number}"
    work.progress.stage(f"checkpoint {number}: {len(work.tasks)} tasks")

    async def asked() -> Any:
        async with resolve(known.model, adapter=adapter) as proposer, Pool.open(config.sandbox, config.workers) as pool:
            there = any(run.name == name for run in work.store.runs())
            return await evaluate(
                work.tasks,
                config,
                name=name,
                store=work.store,
                proposer=proposer,
                pool=pool,
                resume=there,
                bare=True,
            )

    found = asyncio.run(asked())
    prompts = {task.id: task.prompt for task in work.tasks}
    rewards = [
        work.score(
            [{"role": "user", "content": prompts[each.task_id]}, {"role": "assistant", "content": each.replies[0]}]
        )
        for each in found.results
    ]
    made = Checkpoint(
        number=number,
        adapter=None if trained is None else trained.adapter,
        trained=None if trained is None else trained.reward,
        reward=sum(rewards) / len(rewards),
        passed=found.pass_at[1],
        verdicts={each.task_id: each.passed[0] for each in found.results},
    )
    work.store.documents.put(KIND, work.name, f"{number}/measured", made)
    work.progress.note(f"reward {made.reward:.3f}; tools passed {made.passed.passed:g} of {made.passed.total}")
    return {}


def over_optimised(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """A line for each checkpoint whose reward is above, and whose pass rate is below, an earlier one's: the best's."""
    found = []
    for place, now in enumerate(checkpoints):
        before = max(checkpoints[:place], key=lambda each: each.passed.rate, default=None)
        if before is None or now.reward <= before.reward or now.passed.rate >= before.passed.rate:
            continue
        names = sorted(now.verdicts)
        low, high = compare([before.verdicts[name] for name in names], [now.verdicts[name] for name in names]).interval
        found.append(
            f"over-optimised: from checkpoint {before.number} to {now.number} the reward rose from {before.reward:.3f} "
            f"to {now.reward:.3f}, and what tools pass fell from {before.passed.rate:.1%} to {now.passed.rate:.1%} "
            f"(95% of the difference {low:+.1%} to {high:+.1%})"
        )
    return found
