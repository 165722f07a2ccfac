"""Published preference losses: of the log-probabilities of the chosen and the rejected answer, by policy and reference.

All arguments are tensors of shape (n,), sums over an answer's tokens, but `beta`, the strength of the regularisation;
all return a scalar, the mean over pairs. ρ is the chosen answer's log-ratio log π/π_ref less the rejected one's.
Each function is a candidate program by itself (`gristmill.verifiers.trained.loss.baselines.programs`), so it uses torch
and nothing of its neighbours.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own pages do
from torch import Tensor

__all__ = ["cdpo", "dpo", "ipo", "kto", "robust_dpo", "slic"]


def dpo(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """DPO, Rafailov et al. 2023: −log σ(βρ)."""
    ratio = (policy_chosen - policy_rejected) - (reference_chosen - reference_rejected)
    return -F.logsigmoid(beta * ratio).mean()


def ipo(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """IPO, Azar et al. 2023: (ρ − 1/2β)². TRL takes ρ of log-probabilities that are divided by the answer's length."""
    ratio = (policy_chosen - policy_rejected) - (reference_chosen - reference_rejected)
    return (ratio - 1 / (2 * beta)).square().mean()


def slic(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """SLiC, Zhao et al. 2023, as a hinge on the log-ratios: max(0, 1 − βρ)."""
    ratio = (policy_chosen - policy_rejected) - (reference_chosen - reference_rejected)
    return torch.relu(1 - beta * ratio).mean()


def kto(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """KTO, Ethayarajh et al. 2024, in the pairwise form that DiscoPOP compares with.

    The reference points are the other half's mean log-ratios, at least 0, and gradients flow through them. (TRL's
    KTOTrainer takes them from mismatched answers: it is no function of four log-probabilities.)
    """
    chosen, rejected = policy_chosen - reference_chosen, policy_rejected - reference_rejected
    gain = 1 - torch.sigmoid(beta * (chosen - rejected.mean().clamp(min=0)))
    pain = 1 - torch.sigmoid(beta * (chosen.mean().clamp(min=0) - rejected))
    return torch.cat((gain, pain)).mean()


def cdpo(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """Conservative DPO, Mitchell 2023: −(1−ε) log σ(βρ) − ε log σ(−βρ), where ε = .1 is taken as flipped."""
    flipped = 0.1
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return (-(1 - flipped) * F.logsigmoid(z) - flipped * F.logsigmoid(-z)).mean()


def robust_dpo(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """Robust DPO, Chowdhury et al. 2024: (−(1−ε) log σ(βρ) + ε log σ(−βρ)) / (1−2ε); unbiased if ε = .1 is flipped."""
    flipped = 0.1
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return ((-(1 - flipped) * F.logsigmoid(z) + flipped * F.logsigmoid(-z)) / (1 - 2 * flipped)).mean()
