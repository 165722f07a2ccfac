"""The seven preference losses that a model has written in DiscoPOP, Lu et al. 2024, as its trainer computes them.

The paper's appendix gives them by L = −log σ(βρ), H = max(0, 1 − βρ) and E = exp(−βρ). What was found at β = .05 and
used ρ itself is carried to other β by βρ/τ, τ = .05. Statistics are the batch's own, of at least two pairs; gradients
flow through them. Arguments are those of `gristmill.verifiers.trained.loss.baselines.preferences`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own pages do
from torch import Tensor

__all__ = ["aqfl", "aql", "cell", "dbaql", "lrml", "padll", "pfl"]


def lrml(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """LRML, the log ratio modulated loss, which the paper names DiscoPOP: (1 − σ(βρ/τ)) L + σ(βρ/τ) E."""
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    share = torch.sigmoid(z / 0.05)
    return (-(1 - share) * F.logsigmoid(z) + share * torch.exp(-z)).mean()


def dbaql(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """DBAQL, the dynamic blended adaptive quantile loss: c (−log σ(βρ/.9)) + (1 − c) exp(−.9βρ), c = σ(Var βρ/τ)."""
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    share = torch.sigmoid((z / 0.05).var())
    return (-share * F.logsigmoid(z / 0.9) + (1 - share) * torch.exp(-0.9 * z)).mean()


def aql(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """AQL, the adaptive quantile loss: w L + (1 − w) H, w = σ(q − βρ/τ), q = .5 + .01 (σ(E βρ/τ) − .5)."""
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    quantile = 0.5 + 0.01 * (torch.sigmoid((z / 0.05).mean()) - 0.5)
    share = torch.sigmoid(quantile - z / 0.05)
    return (-share * F.logsigmoid(z) + (1 - share) * torch.relu(1 - z)).mean()


def padll(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """PADLL, the performance adaptive decay logistic loss: .9 L, and half of it where ρ < 0."""
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return (-0.9 * (1 - 0.5 * (z < 0).to(z.dtype)) * F.logsigmoid(z)).mean()


def aqfl(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """AQFL, the adaptive quantile feedback loss: w L + (1 − w) H, w = σ(.1 |βρ/τ − q|).

    q = q₀ + .05 (σ(E βρ/τ) − q₀) and q₀ = Std(βρ/τ) · E σ(−βρ/τ).
    """
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    scaled = z / 0.05
    quantile = scaled.std() * torch.sigmoid(-scaled).mean()
    quantile = quantile + 0.05 * (torch.sigmoid(scaled.mean()) - quantile)
    share = torch.sigmoid(0.1 * (scaled - quantile).abs())
    return (-share * F.logsigmoid(z) + (1 - share) * torch.relu(1 - z)).mean()


def cell(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """CELL, the combined exponential and logistic loss: E/2 + L/2."""
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return (0.5 * torch.exp(-z) - 0.5 * F.logsigmoid(z)).mean()


def pfl(
    policy_chosen: Tensor, policy_rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """PFL, the policy focused loss: L/2 where the policy itself prefers the chosen answer, else 2H."""
    z = beta * ((policy_chosen - policy_rejected) - (reference_chosen - reference_rejected))
    return torch.where(policy_chosen > policy_rejected, -F.logsigmoid(z) / 2, 2 * torch.relu(1 - z)).mean()
