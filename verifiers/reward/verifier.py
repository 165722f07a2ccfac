"""Judge a reward function by what a policy that was trained with it can do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.records import Profile
from gristmill.verifiers.records import Check, Outcome, Strength, Task, Verdict
from gristmill.verifiers.reward.environment import EPISODE_STEPS, Floats
from gristmill.verifiers.reward.feedback import rewards_text
from gristmill.verifiers.reward.trainer import Batch, Deadline, Training, train
from gristmill.verifiers.served import CandidateError, ServedFunction, Solution, serve

if TYPE_CHECKING:
    from gristmill.sandbox.pool import Pool

__all__ = ["ENVIRONMENTS", "RewardVerifier"]

ENVIRONMENTS: Final = ("mountain_car",)

SEEDS: Final = 3
TARGET: Final = 0.9
# A run takes about a second on a quiet core; on a machine full of other work it may take very much
# longer, and that must not count against anybody.
TRAINER_SECONDS: Final = 1500.0
_RECORDED: Final = 6
_MOST_COMPONENTS: Final = 12


@dataclass
class _Watched:
    """A candidate's reward between trainer and sandbox: checks every answer and keeps what is needed afterwards."""

    served: ServedFunction
    every: int = 4
    recorded: list[tuple[Batch, Floats]] = field(default_factory=list)
    components: list[dict[str, tuple[float, float, float]]] = field(default_factory=list)

    def __call__(self, batch: Batch) -> Floats:
        rewards, parts = ask(self.served, batch)
        if len(self.components) % self.every == 0 and len(self.recorded) < _RECORDED:
            self.recorded.append((batch, rewards))
        self.components.append({name: (float(p.min()), float(p.mean()), float(p.max())) for name, p in parts.items()})
        return rewards


class RewardVerifier:
    """Score = mean success rate, in [0, 1], over seeds, of policies trained with the candidate on fresh episodes.

    The candidate is ``reward(obs, action, next_obs, info)`` on arrays with one row a step; it returns (n,) numbers,
    or those and a dict of named components, each (n,). Trainer, environment, seeds and fitness are here, on the
    judge's side; the candidate's process sees the steps of one seed's training and nothing else. The outcome is
    `passed` if the score reaches the task's `target` (default .9). Recorded steps are asked again, rows shuffled
    across batches, of a fresh process: a reward whose answers differ depends on more than its step and is `invalid`.

    `settings.seeds`: how many policies are trained, 1 to 20 (default 3).
    """

    name = "reward"
    version = 1
    kind = "reward"

    def __init__(self, pool: Pool, *, confirm: bool = True) -> None:
        # The second run of a passing reward is the re-check on a fresh process, which is always done.
        self._pool = pool
        self._confirm = confirm

    @staticmethod
    def problems(task: Task) -> list[str]:
        """See `gristmill.verifiers.base.Verifier.problems`; needs no pool."""
        found = []
        if task.environment not in ENVIRONMENTS:
            found.append(f"environment: {task.environment!r} is none of {', '.join(ENVIRONMENTS)}")
        if unknown := set(task.settings) - {"seeds", "entry_point", "prefix", "signature", "template"}:
            found.append(f"settings: {', '.join(sorted(unknown))} mean nothing for a reward; known is seeds")
        seeds = task.settings.get("seeds", SEEDS)
        if type(seeds) is not int or not 1 <= seeds <= 20:
            found.append("settings.seeds: must be a whole number from 1 to 20")
        if type(task.settings.get("entry_point", "reward")) is not str:
            found.append("settings.entry_point: must be the name of one function")
        if task.target is not None and not 0 <= task.target <= 1:
            found.append("target: a success rate lies from 0 to 1")
        return found

    async def verify(self, task: Task, solution: str) -> Verdict:
        """See `gristmill.verifiers.base.Verifier.verify`."""
        begun = time.perf_counter()
        if not solution.strip():
            return self._refused(CandidateError(Outcome.INVALID, "There is no code in the reply."), begun)
        offered = Solution(solution, task.settings.get("entry_point", "reward"), task.limits, PROFILE)
        runs: list[tuple[Training, _Watched]] = []
        try:
            for seed in range(task.settings.get("seeds", SEEDS)):
                async with serve(self._pool, offered, TRAINER_SECONDS) as runner:
                    if seed == 0:
                        await runner.run(probe)
                    runs.append(await runner.run(partial(_train, seed=seed)))
                async with serve(self._pool, offered, TRAINER_SECONDS, fresh=True) as runner:
                    await runner.run(partial(recheck, recorded=runs[-1][1].recorded))
        except CandidateError as error:
            return self._refused(error, begun)
        except Deadline:
            # The machine, not the candidate: its own answers are charged apart.
            return self._verdict(Outcome.UNSCORED, None, "", begun)
        return self._scored(task, runs, begun)

    def _scored(self, task: Task, runs: list[tuple[Training, _Watched]], begun: float) -> Verdict:
        target = TARGET if task.target is None else task.target
        rates = [training.success_rate for training, _ in runs]
        score = float(np.mean(rates))
        checks = tuple(
            Check(
                name=f"seed {training.seed}",
                outcome=Outcome.PASSED if training.success_rate >= target else Outcome.FAILED,
                public=True,
                detail=f"success rate {training.success_rate:.2f}",
            )
            for training, _ in runs
        )
        metrics = {
            "success_rate": score,
            "success_min": min(rates),
            "success_max": max(rates),
            "seeds": float(len(rates)),
            "trainer_seconds": sum(training.seconds for training, _ in runs),
            "candidate_seconds": sum(watched.served.seconds for _, watched in runs),
        }
        text = rewards_text(target, [(training, watched.components) for training, watched in runs])
        outcome = Outcome.PASSED if score >= target else Outcome.FAILED
        return self._verdict(outcome, score, text, begun, metrics=metrics, checks=checks)

    def _refused(self, error: CandidateError, begun: float) -> Verdict:
        return self._verdict(error.outcome, 0.0, error.feedback, begun)

    def _verdict(self, outcome: Outcome, score: float | None, feedback: str, begun: float, **more: Any) -> Verdict:
        info = self._pool.info(PROFILE)
        return Verdict(
            outcome=outcome,
            score=score,
            strength=Strength.TESTED,
            feedback=feedback,
            seconds=time.perf_counter() - begun,
            verifier=f"{self.name}/{self.version}",
            sandbox=f"{info.backend}:{info.image}",
            **more,
        )


PROFILE: Final = Profile(name="reward", preload=("numpy", "math"))


def ask(served: Callable[..., Any], batch: Batch) -> tuple[Floats, dict[str, Floats]]:
    """The rewards of a batch and their components, checked.

    Raises:
        CandidateError: not one finite number a row.
    """
    info = {"terminated": batch.terminated, "truncated": batch.truncated, "step": batch.step}
    answer = served(batch.observation, batch.action, batch.next_observation, info)
    parts: Any = {}
    if type(answer) is tuple and len(answer) == 2:
        answer, parts = answer
    if type(parts) is not dict or len(parts) > _MOST_COMPONENTS or not all(type(name) is str for name in parts):
        raise CandidateError(
            Outcome.INVALID,
            f"The second value must be a dict of at most {_MOST_COMPONENTS} named components, each an array.",
        )
    rows = len(batch.action)
    named = {name[:40]: _checked(part, rows, f"Component {name[:40]!r}") for name, part in parts.items()}
    return _checked(answer, rows, "The reward"), named


def _checked(answer: Any, rows: int, what: str) -> Floats:
    if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiub":
        kind = f"an array of {answer.dtype}" if isinstance(answer, np.ndarray) else f"a {type(answer).__name__}"
        raise CandidateError(
            Outcome.INVALID,
            f"{what} must be a numpy array with one number a row, shape (n,); it was {kind}. "
            "The arguments are arrays of n steps: next_obs[:, 1] holds n velocities.",
        )
    if answer.shape != (rows,):
        raise CandidateError(
            Outcome.INVALID,
            f"{what} has shape {answer.shape} for {rows} steps; it must have shape ({rows},), one number a step. "
            "obs and next_obs have shape (n, 2): next_obs[:, 1] holds n velocities.",
        )
    values = answer.astype(np.float64)
    if not np.isfinite(values).all() or float(np.abs(values).max(initial=0.0)) > 1e12:
        bad = int(np.flatnonzero(~(np.abs(values) <= 1e12))[0])
        raise CandidateError(
            Outcome.INVALID, f"{what} must be finite and below 1e12 at every step; at one step it was {values[bad]}."
        )
    return values


def _train(served: ServedFunction, seed: int) -> tuple[Training, _Watched]:
    watched = _Watched(served)
    return train(watched, seed, deadline=time.monotonic() + TRAINER_SECONDS), watched


def probe(served: ServedFunction) -> None:
    """Ask about steps from all over the state space before any training, so that a mistake shows in milliseconds."""
    generator = np.random.default_rng(7)
    for rows in (64, 1, 33):
        ask(served, _anywhere(rows, generator))


def _anywhere(rows: int, generator: np.random.Generator) -> Batch:
    def states() -> Floats:
        return np.stack([generator.uniform(-1.2, 0.6, rows), generator.uniform(-0.07, 0.07, rows)], axis=1)

    after = states()
    return Batch(
        observation=states(),
        action=generator.integers(0, 3, rows),
        next_observation=after,
        terminated=after[:, 0] >= 0.5,
        truncated=np.zeros(rows, dtype=bool),
        step=generator.integers(0, EPISODE_STEPS, rows),
    )


def recheck(served: ServedFunction, recorded: list[tuple[Batch, Floats]]) -> None:
    """Ask again about recorded steps, in another order and company.

    Raises:
        CandidateError: an answer differs.
    """
    rows = np.random.default_rng(11).permutation(sum(len(rewards) for _, rewards in recorded))
    whole = _joined([batch for batch, _ in recorded])
    before = np.concatenate([rewards for _, rewards in recorded])
    for part in np.array_split(rows, len(recorded)):
        again, _ = ask(served, _taken(whole, part))
        if not np.allclose(again, before[part], rtol=1e-6, atol=1e-9 * (1.0 + float(np.abs(before).max()))):
            raise CandidateError(
                Outcome.INVALID,
                "Asked again about the same steps in a fresh process and another order, it gave other rewards. The "
                "reward of a step may depend on that step's obs, action, next_obs and info only: not on other rows "
                "of the batch, earlier calls, chance or time.",
            )


def _joined(batches: list[Batch]) -> Batch:
    return Batch(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in _FIELDS))


def _taken(batch: Batch, rows: NDArray[np.int64]) -> Batch:
    return Batch(*(getattr(batch, name)[rows] for name in _FIELDS))


_FIELDS: Final = ("observation", "action", "next_observation", "terminated", "truncated", "step")
