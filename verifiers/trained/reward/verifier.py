"""Judge a reward function by what a policy that was trained with it can do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Profile
from gristmill.verifiers.records import Outcome, Task, Verdict
from gristmill.verifiers.trained.reward.environment import EnvironmentSpec, Floats, any_actions
from gristmill.verifiers.trained.reward.environments import environment_spec
from gristmill.verifiers.trained.reward.feedback import rewards_text
from gristmill.verifiers.trained.reward.trainer import Batch, TrainedPolicy
from gristmill.verifiers.trained.reward.training import train_policy
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution
from gristmill.verifiers.trained.verifier import judge_trained, training_problems

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["RewardTraining", "RewardVerifier", "ask", "recheck"]

_RECORDED: Final = 12
_MOST_COMPONENTS: Final = 12


@dataclass
class _Watched:
    """A candidate's reward between trainer and sandbox: checks every answer and keeps what is needed afterwards."""

    served: Callable[..., Any]
    chance: np.random.Generator
    recorded: list[tuple[Batch, Floats]] = field(default_factory=list)
    components: list[dict[str, tuple[float, float, float]]] = field(default_factory=list)

    def __call__(self, batch: Batch) -> Floats:
        rewards, parts = ask(self.served, batch)
        # Reservoir sampling: which rollouts are kept is known to nobody before the training has ended.
        calls, kept = len(self.components) + 1, len(self.recorded)
        place = kept if kept < _RECORDED else int(self.chance.integers(calls))
        if place < _RECORDED:
            self.recorded[place : place + 1] = [(batch, rewards)]
        self.components.append({name: (float(p.min()), float(p.mean()), float(p.max())) for name, p in parts.items()})
        return rewards


_Record = tuple[TrainedPolicy, _Watched]


class RewardTraining:
    """A `gristmill.verifiers.trained.verifier.Training` in one environment."""

    subject = "Policies trained with this reward"

    def __init__(self, environment: EnvironmentSpec, verifier: str) -> None:
        self.environment = environment
        self.verifier = verifier
        self.measure = environment.measure

    def probe(self, served: ServedFunction, chance: np.random.Generator) -> None:
        """Ask about steps from all over the observations' ranges, so that a mistake shows in milliseconds."""
        for rows in (64, 1, 33):
            ask(served, _anywhere(self.environment, rows, chance))

    def train(self, served: ServedFunction, seed: int, deadline: float) -> tuple[float, _Record]:
        """Train a policy; every answer of the reward is checked, and some are kept."""
        watched = _Watched(served, np.random.default_rng([seed, 1]))
        policy = train_policy(watched, self.environment, seed, deadline=deadline)
        return policy.grade, (policy, watched)

    def rechecks(self, record: _Record, chance: np.random.Generator) -> list[Callable[[ServedFunction], None]]:
        """See `recheck`."""
        return [
            partial(recheck, recorded=record[1].recorded, chance=chance, episodes=self.environment.training.episodes)
        ]

    def feedback(self, target: float, records: Sequence[_Record]) -> str:
        """How grade and reward went."""
        return rewards_text(self.environment, target, [(policy, watched.components) for policy, watched in records])


class RewardVerifier:
    """Score = the environment's mean grade, in [0, 1], over seeds, of policies trained with the candidate.

    The candidate is ``reward(obs, action, next_obs, info)`` on arrays with one row a step; it returns (n,) numbers,
    or those and a dict of named components, each (n,). Trainer, environment, seeds and grade are here, on the
    judge's side; the candidate's process sees the steps of one seed's training and nothing else. The outcome is
    `passed` if the score reaches the task's `target` (default .9). Rollouts that nobody can know beforehand are asked
    again of a fresh process, episodes and rows in other company: a reward whose answers differ depends on more than its
    step and is `invalid`. Seeds and places of checks follow from `secret`: the same trainings for all rewards that are
    judged with one.

    `settings.seeds`: how many policies are trained, 1 to 20 (default 3).
    """

    name = "reward"
    version = 2
    kind = "reward"

    def __init__(self, pool: Jobs, *, confirm: bool = True) -> None:
        # The second run of a passing reward is the re-check on a fresh process, which is always done.
        self._pool = pool
        self._confirm = confirm
        self.secret = secrets.token_bytes(32)

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        try:
            environment_spec(task.environment)
        except UserError as error:
            return [str(error), *training_problems(task, "reward")]
        return training_problems(task, "reward")

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        offered = Solution(solution, task.settings.get("entry_point", "reward"), task.limits, PROFILE)
        training = RewardTraining(environment_spec(task.environment), f"{self.name}/{self.version}")
        return await judge_trained(self._pool, task, offered, training, self.secret)


PROFILE: Final = Profile(name="reward", preload=("numpy", "math"))


def ask(served: Callable[..., Any], batch: Batch) -> tuple[Floats, dict[str, Floats]]:
    """The rewards of a batch and their components, checked.

    Raises:
        CandidateFault: not one finite number a row.
    """
    # Neither success nor the number of the step is told: a reward that pays for them would be the metric itself.
    answer = served(batch.observation, batch.action, batch.next_observation, {})
    parts: Any = {}
    if type(answer) is tuple and len(answer) == 2:
        answer, parts = answer
    if type(parts) is not dict or len(parts) > _MOST_COMPONENTS or not all(type(name) is str for name in parts):
        raise CandidateFault(
            Outcome.INVALID,
            f"The second value must be a dict of at most {_MOST_COMPONENTS} named components, each an array.",
        )
    rows = len(batch.action)
    named = {name[:40]: _checked(part, rows, f"Component {name[:40]!r}") for name, part in parts.items()}
    return _checked(answer, rows, "The reward"), named


def _checked(answer: Any, rows: int, what: str) -> Floats:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiub":
        kind = f"an array of {answer.dtype}" if isinstance(answer, np.ndarray) else f"a {type(answer).__name__}"
        raise CandidateFault(
            Outcome.INVALID,
            f"{what} must be a numpy array with one number a row, shape (n,); it was {kind}. "
            "The arguments are arrays of n steps: next_obs[:, 0] holds n numbers.",
        )
    if answer.shape != (rows,):
        raise CandidateFault(
            Outcome.INVALID,
            f"{what} has shape {answer.shape} for {rows} steps; it must have shape ({rows},), one number a step. "
            "obs and next_obs hold one row a step: next_obs[:, 0] has n numbers, next_obs[0] is one step.",
        )
    values = answer.astype(np.float64)
    if not np.isfinite(values).all() or float(np.abs(values).max(initial=0.0)) > 1e12:
        bad = int(np.flatnonzero(~(np.abs(values) <= 1e12))[0])
        raise CandidateFault(
            Outcome.INVALID, f"{what} must be finite and below 1e12 at every step; at one step it was {values[bad]}."
        )
    return values


def _anywhere(environment: EnvironmentSpec, rows: int, generator: np.random.Generator) -> Batch:
    """Steps between unrelated states, whether the world allows them or not."""

    def drawn() -> Floats:
        low, high = ([getattr(each, end) for each in environment.observation] for end in ("low", "high"))
        return generator.uniform(low, high, (rows, len(low)))

    return Batch(
        observation=drawn(),
        action=any_actions(environment, rows, generator),
        next_observation=drawn(),
        terminated=np.zeros(rows, dtype=bool),
        truncated=np.zeros(rows, dtype=bool),
    )


def recheck(
    served: Callable[..., Any], recorded: list[tuple[Batch, Floats]], chance: np.random.Generator, episodes: int
) -> None:
    """Ask again about recorded steps, in two kinds of other company, in any order.

    In half of the batches whole episodes stand side by side that never did, which looks like a training; in half any
    rows do, so that no other row tells what the first answer was made from.

    Raises:
        CandidateFault: an answer differs.
    """
    whole = _joined([batch for batch, _ in recorded])
    before = np.concatenate([rewards for _, rewards in recorded])
    parts = [*_regrouped(len(before), len(recorded), episodes, chance)]
    parts += np.array_split(chance.permutation(len(before)), len(recorded))
    for place in chance.permutation(len(parts)):
        part = parts[place]
        again, _ = ask(served, _taken(whole, part))
        if not np.allclose(again, before[part], rtol=1e-6, atol=1e-9 * (1.0 + float(np.abs(before).max()))):
            raise CandidateFault(
                Outcome.INVALID,
                "Asked again about the same steps in a fresh process and another order, it gave other rewards. The "
                "reward of a step may depend on that step's obs, action and next_obs only: not on other rows "
                "of the batch, earlier calls, chance or time.",
            )


def _regrouped(rows: int, batches: int, episodes: int, chance: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Row numbers in as many batches, each of (time, episodes) as in a training, of episodes from all of them."""
    if rows % (batches * episodes):
        return
    columns = np.arange(rows).reshape(batches, -1, episodes).transpose(0, 2, 1).reshape(batches * episodes, -1)
    for part in np.split(chance.permutation(columns), batches):
        yield part.T.reshape(-1)


def _joined(batches: list[Batch]) -> Batch:
    return Batch(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in _FIELDS))


def _taken(batch: Batch, rows: NDArray[np.int64]) -> Batch:
    return Batch(*(getattr(batch, name)[rows] for name in _FIELDS))


_FIELDS: Final = ("observation", "action", "next_observation", "terminated", "truncated")
