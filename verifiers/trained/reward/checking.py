"""Whether a reward gives one finite number a step, and the same when it is asked again in other company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gristmill.verifiers.records import Outcome
from gristmill.verifiers.trained.reward.environment import Floats
from gristmill.verifiers.trained.reward.trainer import Batch
from gristmill.verifiers.trained.serving import CandidateFault

__all__ = ["ask", "recheck"]

_MOST_COMPONENTS: Final = 12
_GRAIN: Final = 1e-9
"""What rounding may change in a reward, in units of what is usual in its rollout."""


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
    grain = np.concatenate([np.full(len(rewards), _GRAIN * _usual(rewards)) for _, rewards in recorded])
    parts = [*_regrouped(len(before), len(recorded), episodes, chance)]
    parts += np.array_split(chance.permutation(len(before)), len(recorded))
    for place in chance.permutation(len(parts)):
        part = parts[place]
        again, _ = ask(served, _taken(whole, part))
        if (np.abs(again - before[part]) > grain[part] + 1e-6 * np.abs(before[part])).any():
            raise CandidateFault(
                Outcome.INVALID,
                "Asked again about the same steps in a fresh process and another order, it gave other rewards. The "
                "reward of a step may depend on that step's obs, action and next_obs only: not on other rows "
                "of the batch, earlier calls, chance or time.",
            )


def _usual(rewards: Floats) -> float:
    """How large the rewards of one rollout are, which no rare one decides.

    A training divides rewards by their deviation: tiny ones teach as large ones do, so no fixed number may pass for
    rounding, nor one vast reward in a rollout make all others that.
    """
    sizes = np.abs(rewards[rewards != 0])
    return min(float(sizes.max()), 1e3 * float(np.median(sizes))) if len(sizes) else 0.0


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
