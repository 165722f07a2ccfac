"""Judge domain-randomisation ranges by what policies that were trained within them do in worlds drawn apart."""

from __future__ import annotations

import asyncio
import secrets
import time
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.verifiers.records import Evidence, Outcome, Strength, Task, Verdict
from gristmill.verifiers.testing.scored import SEARCH, Seeds
from gristmill.verifiers.trained.ranges.configuration import ConfigurationError, parse, priors_of
from gristmill.verifiers.trained.ranges.perturbed import drawn, graded, whole, worst
from gristmill.verifiers.trained.ranges.training import RangesTraining
from gristmill.verifiers.trained.reward.environments import environment
from gristmill.verifiers.trained.reward.trainer import TrainedPolicy, train
from gristmill.verifiers.trained.reward.verifier import PROFILE, ask
from gristmill.verifiers.trained.secret import chance, seed
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution, serve
from gristmill.verifiers.trained.verifier import SEEDS, TRAINER_SECONDS, Deadline, judge_trained, training_problems

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.trained.reward.environment import Environment, Floats, Ranges

__all__ = ["FINAL_WORLDS", "RangesVerifier", "reward_of"]

WORLDS: Final = 64
"""By which configurations are chosen."""
FINAL_WORLDS: Final = 200
"""Of the final test: nothing was trained in one of them, or chosen by one."""


class RangesVerifier:
    """Score = the mean grade, in [0, 1], of policies in perturbed worlds that are drawn from the task's priors.

    The candidate is a configuration, ``name = [low, high]``: data, which is parsed and never run. The owner's reward
    (`settings.reward`, source of ``reward(obs, action, next_obs, info)``) sits in a sandbox and is asked by the
    trainer, which draws the physics of each episode from the configuration. What is no configuration, or goes beyond
    its prior, is `invalid`. The outcome is `passed` if the score reaches the task's `target` (default .9).

    Seeds, the worlds that decide and those of the final test follow from `secret`, each from another part of it. The
    final test (`held_out`) trains anew: its policies, their seeds and its 200 worlds are those of no verdict.

    `settings.priors`: ``{name: [low, high]}``, within the range in which the constant makes sense; `settings.seeds`:
    how many policies are trained, 1 to 20 (default 3); `settings.sweep` is what the priors were read off, and decides
    nothing.
    """

    name = "ranges"
    version = 1
    kind = "ranges"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        # Nothing to confirm: a configuration does nothing, and a training gives the same again.
        self._pool = pool
        self._confirm = confirm
        self.secret = secrets.token_bytes(32)

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        found = training_problems(task, "ranges", ("reward", "priors", "sweep"))
        if not isinstance(task.settings.get("reward"), str) or not str(task.settings["reward"]).strip():
            found.append("settings.reward: must be the source of the reward that policies are trained with")
        try:
            world = environment(task.environment)
        except UserError as error:
            return [str(error), *found]
        return [*found, *_prior_problems(task, whole(world))]

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        world, priors = environment(task.environment), priors_of(task)
        try:
            ranges = parse(solution, priors)
        except ConfigurationError as error:
            return Verdict(
                outcome=Outcome.INVALID,
                score=0.0,
                strength=Strength.TESTED,
                feedback=str(error),
                verifier=f"{self.name}/{self.version}",
            )
        worlds = drawn(priors, WORLDS, chance(self.secret, task.id, "worlds that decide"))
        training = RangesTraining(world, f"{self.name}/{self.version}", ranges, worlds)
        verdict = await judge_trained(self._pool, task, reward_of(task), training, self.secret)
        if not training.records or verdict.outcome not in (Outcome.PASSED, Outcome.FAILED):
            return verdict
        more = {
            "nominal": fmean(each.nominal for each in training.records),
            "worst_tenth": fmean(worst(each.by_world) for each in training.records),
        }
        return verdict.model_copy(update={"metrics": verdict.metrics | more})

    async def held_out(self, task: Task, solution: str, seeds: Seeds = SEARCH) -> Evidence:
        """The final test: new policies in worlds that nothing was trained or chosen in; for the owner.

        `score` is their mean grade in 200 worlds drawn from the priors; `scores` has that as ``perturbed``, the worst
        tenth of these worlds, the world as it is (``nominal``), and mean and worst tenth in as many worlds drawn from
        all that the constants may sensibly be (``beyond``), where the policies' priors end.

        Raises:
            SandboxError: nothing may be concluded.
        """
        said = f"{self.name}/{self.version}"
        try:
            ranges = parse(solution, priors_of(task))
            tested = [await self._tested(task, ranges, number) for number in range(task.settings.get("seeds", SEEDS))]
        except (ConfigurationError, CandidateFault) as error:
            return Evidence(verifier=said, reason=str(error)[:1000])
        except Deadline:
            raise SandboxError("a training of the final test took longer than it may") from None
        scores = {name: fmean(each[name] for each in tested) for name in tested[0]}
        return Evidence(verifier=said, score=scores["perturbed"], scores=scores)

    async def _tested(self, task: Task, ranges: Ranges, number: int) -> dict[str, float]:
        world, of = environment(task.environment), partial(chance, self.secret, task.id)
        worlds = drawn(priors_of(task), FINAL_WORLDS, of("worlds of the final test"))
        beyond = drawn(whole(world), FINAL_WORLDS, of("worlds of the final test, beyond"))
        own = seed(self.secret, task.id, "training of the final test", number)
        async with serve(self._pool, reward_of(task), TRAINER_SECONDS, fresh=True) as runner:
            trained = await runner.run(partial(_trained, world, ranges, own))
        starts = (np.random.default_rng([own, 2]), np.random.default_rng([own, 3]))
        inside, outside = await asyncio.to_thread(_graded, trained, world, (worlds, beyond), starts)
        return {
            "perturbed": float(inside.mean()),
            "perturbed, worst tenth": worst(inside),
            "nominal": trained.grade,
            "beyond": float(outside.mean()),
            "beyond, worst tenth": worst(outside),
        }


def _trained(world: Environment, ranges: Ranges, own: int, served: ServedFunction) -> TrainedPolicy:
    deadline = time.monotonic() + TRAINER_SECONDS
    return train(lambda batch: ask(served, batch)[0], world, own, deadline=deadline, ranges=ranges)


def _graded(
    trained: TrainedPolicy,
    world: Environment,
    worlds: tuple[dict[str, Floats], ...],
    starts: tuple[np.random.Generator, ...],
) -> list[Floats]:
    assert trained.policy is not None
    return [graded(trained.policy, world, each, start) for each, start in zip(worlds, starts, strict=True)]


def reward_of(task: Task) -> Solution:
    """The owner's reward, as it is served."""
    return Solution(task.settings["reward"], "reward", task.limits, PROFILE)


def _prior_problems(task: Task, sensible: Ranges) -> list[str]:
    priors: Any = task.settings.get("priors")
    if not isinstance(priors, dict) or not priors:
        return ["settings.priors: must name constants of the physics, each with [low, high]"]
    found = []
    for name, bounds in priors.items():
        if name not in sensible:
            found.append(f"settings.priors: {task.environment} has no {name!r}; it has {', '.join(sensible)}")
            continue
        low, high = sensible[name]
        numbers = isinstance(bounds, list | tuple) and len(bounds) == 2 and all(type(b) in (int, float) for b in bounds)
        if not numbers or not low <= bounds[0] <= bounds[1] <= high:
            found.append(f"settings.priors.{name}: must be [low, high] between {low:g} and {high:g}")
    return found
