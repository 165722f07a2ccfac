"""Pairs of answers of which one was preferred, in a world so small that a policy's true reward is known exactly.

Contexts are points, answers are few, the reward is a function drawn anew for every seed: expected reward and divergence
are sums. So losses are compared at the same divergence from the reference, which nothing but what they have learned
can bring reward for.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.trained.curves import fell, rising
from gristmill.verifiers.trained.loss.baselines.programs import program
from gristmill.verifiers.trained.loss.problem import Data, NetworkSettings

__all__ = ["PreferencePairs", "reward_at"]

BETA = 0.5
BUDGET = 0.5
"""Nats by which a policy may differ from the reference, in the mean over contexts."""
_CONTEXT, _ANSWERS, _HIDDEN = 8, 8, 64
_PAIRS, _HELD_OUT = 768, 512
_REWARD = 2.0
"""Standard deviation of rewards: about one preference in six is then against the better answer by chance."""

Numbers = NDArray[np.floating[Any]]


class PreferencePairs:
    """See `gristmill.verifiers.trained.loss.problem.Problem`; the score is the reward gained at equal divergence.

    A policy chooses among eight answers to a context of eight numbers. 768 pairs of answers, drawn by the reference
    policy, are preferred by chance after Bradley and Terry, and `flips` of them are turned round. The score is the true
    expected reward on contexts never seen, at `BUDGET` nats from the reference, as a share of the most that any policy
    can gain there.
    """

    name = "preference_pairs"
    form = "pairs"
    arguments = ("policy_chosen", "policy_rejected", "reference_chosen", "reference_rejected", "beta")
    received = (
        "The first four are float tensors of shape (n,): the logarithms of the probabilities that the policy and the "
        "reference give to the answer that was chosen and to the one that was rejected; only the policy's are trained. "
        f"beta is a float, {BETA:g}"
    )
    model = "The policy is the reference and a network of one hidden layer beside it, which starts at nothing"
    outputs = 2
    measure = "reward gained"
    grading = (
        f"the true expected reward on contexts never seen, at {BUDGET:g} nats from the reference (the policy's "
        "strength is brought there), as a share of the most that can be gained there"
    )
    training = NetworkSettings(epochs=60, batch=128, learning_rate=4e-3)
    baselines = {"human": program("robust_dpo"), "usual": program("dpo")}

    def __init__(self, flips: float = 0.1) -> None:
        if type(flips) not in (int, float) or not 0 <= flips < 0.5:
            raise UserError(f"settings.flips: a share from 0 to below .5, not {flips!r}")
        self.flips = flips
        self.story = (
            "A policy learns from pairs of answers of which one was preferred, by people who mostly prefer the better "
            f"one; {flips:.0%} of the pairs were turned round afterwards. With DPO it learns by heart those as well."
        )

    def data(self, generator: np.random.Generator) -> Data:
        """Another world for every generator: its rewards, its reference policy, its pairs."""
        first, second, tilt = (
            generator.standard_normal(shape) / np.sqrt(shape[0])
            for shape in ((_CONTEXT, 16), (16, _ANSWERS), (_CONTEXT, _ANSWERS))
        )
        contexts = generator.standard_normal((_PAIRS + _HELD_OUT, _CONTEXT))
        rewards = np.tanh(2 * contexts @ first) @ second
        rewards *= _REWARD / rewards.std()
        reference = contexts @ tilt
        reference -= np.log(np.exp(reference).sum(axis=1, keepdims=True))
        # Two different answers by the reference, without replacement (Gumbel's maxima, Vieira 2014).
        noise = generator.gumbel(size=(_PAIRS, _ANSWERS))
        pairs = np.argsort(-(reference[:_PAIRS] + noise), axis=1)[:, :2]
        at = np.take_along_axis
        margin = np.diff(at(rewards[:_PAIRS], pairs, axis=1), axis=1)[:, 0]
        # 0: the first of the two was preferred, 1: the second.
        preferred = generator.random(_PAIRS) < 1 / (1 + np.exp(-margin))
        shown = at(reference[:_PAIRS], pairs, axis=1)
        targets = np.column_stack((preferred, shown, np.full(_PAIRS, BETA)))
        every = np.tile(np.arange(_ANSWERS).reshape(-1, 2), (_HELD_OUT, 1))
        rows = np.repeat(np.arange(_PAIRS, _PAIRS + _HELD_OUT), _ANSWERS // 2)
        held = np.column_stack((at(rewards[rows], every, axis=1), at(reference[rows], every, axis=1)))
        return Data(
            np.column_stack((contexts[:_PAIRS], reference[:_PAIRS], pairs)).astype(np.float32),
            targets.astype(np.float32),
            np.column_stack((contexts[rows], reference[rows], every)).astype(np.float32),
            held,
        )

    def spoiled(self, targets: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        """Exactly the share of the pairs is turned round."""
        turned = generator.permutation(len(targets))[: round(self.flips * len(targets))]
        noisy = targets.copy()
        noisy[turned, 0] = 1 - noisy[turned, 0]
        return noisy

    def network(self, torch: ModuleType) -> Any:
        """Rows of context, reference and two answers → log-probabilities of the two; first those of the reference."""

        class Policy(torch.nn.Module):  # type: ignore[misc,name-defined]  # torch is imported on use
            def __init__(self) -> None:
                super().__init__()
                self.inner = torch.nn.Linear(_CONTEXT, _HIDDEN)
                self.outer = torch.nn.Linear(_HIDDEN, _ANSWERS)
                torch.nn.init.zeros_(self.outer.weight)
                torch.nn.init.zeros_(self.outer.bias)

            def forward(self, rows: Any) -> Any:
                context, reference, pair = rows.split((_CONTEXT, _ANSWERS, 2), dim=1)
                beside = self.outer(torch.relu(self.inner(context)))
                return torch.log_softmax(reference + beside, dim=1).gather(1, pair.long())

        return Policy()

    def grade(self, outputs: NDArray[np.float32], targets: NDArray[Any]) -> float:
        """The share of the reward that can be gained at the budget; below 0 where reward was lost."""
        policy, rewards, reference = (
            each.reshape(-1, _ANSWERS).astype(float) for each in (outputs, targets[:, :2], targets[:, 2:])
        )
        start = float((np.exp(reference) * rewards).sum(axis=1).mean())
        gained, most = (reward_at(BUDGET, each, reference, rewards) - start for each in (policy, reference + rewards))
        return gained / most

    def advice(self, grades: Sequence[float]) -> str | None:
        """Whether nothing was learned, turned pairs were, too little, or neither."""
        if max(grades) < 0.2:
            return "It hardly learns: the gradient must raise the chosen answer against the rejected one."
        if fell(grades, 0.03):
            return (
                "The reward falls while the loss goes on falling: pairs that were turned round are being learned by "
                "heart. Pull less on pairs that the policy finds very unlikely."
            )
        if rising(grades, 0.02):
            return "The reward is still rising at the end: the gradient is too weak, for some pairs or altogether."
        return (
            "The reward has come to rest below the target. Strength is made equal afterwards: what counts is how much "
            "pairs pull compared with each other, by their margin."
        )


def reward_at(budget: float, policy: Numbers, reference: Numbers, rewards: Numbers) -> float:
    """The expected reward of a policy whose strength is changed until it is `budget` nats from the reference.

    Between reference and policy, and beyond, lie π_ref (π/π_ref)^s: the policies of another beta (beta/s where the
    policy is the best for its beta; Liu et al. 2024 realign language models so). The divergence grows with s, which is
    found by bisection. All arguments have shape (contexts, answers), and all but `rewards` are logarithms; rows need
    not sum to 1.
    """

    def at(strength: float) -> tuple[float, float]:
        log = reference + strength * (policy - reference)
        log -= log.max(axis=1, keepdims=True)
        log -= np.log(np.exp(log).sum(axis=1, keepdims=True))
        share = np.exp(log)
        divergence = (share * (log - reference)).sum(axis=1).mean()
        return float(divergence), float((share * rewards).sum(axis=1).mean())

    low, high = 1e-6, 1e6
    for _ in range(60):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if at(middle)[0] < budget else (low, middle)
    return at(low)[1]
