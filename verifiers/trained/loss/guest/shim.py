"""Turns a candidate's torch loss into a function of arrays, with its gradient.

It shares a process with the candidate, so what it answers is a claim: the judge compares value and gradient, and
holds data, model and metric where a loss that looks for them finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

__all__ = ["differentiated", "of_pairs"]


def differentiated(loss: Callable[..., Any]) -> Callable[[Any, Any], dict[str, Any]]:
    """``(outputs, targets) → {"value", "gradient"}`` for ``loss(outputs, targets)`` on tensors.

    Where the loss gives no scalar tensor, or no gradient, the answer is ``{"problem": why}``.
    """
    torch.set_num_threads(1)

    def answer(outputs: Any, targets: Any) -> dict[str, Any]:
        given = torch.from_numpy(outputs.copy()).requires_grad_()
        value = loss(given, torch.from_numpy(targets.copy()))
        if not isinstance(value, torch.Tensor):
            return {"problem": f"it returned a {type(value).__name__}, not a torch tensor"}
        if value.shape != ():
            return {
                "problem": f"it returned a tensor of shape {tuple(value.shape)}, not a scalar: reduce it, as .mean()"
            }
        if not value.is_floating_point():
            return {"problem": f"it returned a tensor of {value.dtype}, not of floating point numbers"}
        if not value.requires_grad:
            return {"problem": "its value does not depend on its first argument in a way that torch can differentiate"}
        gradient: Any = torch.autograd.grad(value, given, allow_unused=True)[0]
        if gradient is None:
            return {"problem": "its value does not depend on its first argument in a way that torch can differentiate"}
        return {"value": float(value.detach()), "gradient": np.ascontiguousarray(gradient.detach().numpy())}

    return answer


def of_pairs(loss: Callable[..., Any]) -> Callable[[Any, Any], dict[str, Any]]:
    """As `differentiated`, for ``loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta)``.

    Outputs are the policy's log-probabilities of two answers, in an order that says nothing; targets say which of the
    two was chosen, the reference's log-probabilities, and beta.
    """

    def paired(outputs: Any, targets: Any) -> Any:
        second = targets[:, :1].bool()
        policy, reference = (torch.where(second, each.flip(1), each) for each in (outputs, targets[:, 1:3]))
        return loss(policy[:, 0], policy[:, 1], reference[:, 0], reference[:, 1], float(targets[0, 3]))

    return differentiated(paired)
