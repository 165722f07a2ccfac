"""Published losses for labels of which some are wrong: of logits (n, classes) and integer labels (n,), a scalar each.

p is the softmax of the logits, p_y its value at the label. Each function is a candidate program by itself
(`gristmill.verifiers.trained.loss.baselines.programs`), so it uses torch and nothing of its neighbours.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - as torch's own pages do
from torch import Tensor

__all__ = ["ce", "focal", "gce", "mae", "nce_mae", "sce", "smoothed_ce", "taylor_ce"]


def ce(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy: −log p_y."""
    return F.cross_entropy(logits, labels)


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Focal loss, Lin et al. 2017: −(1 − p_y)² log p_y."""
    log = F.log_softmax(logits, dim=1).gather(1, labels[:, None])
    return (-((1 - log.exp()) ** 2) * log).mean()


def smoothed_ce(logits: Tensor, labels: Tensor) -> Tensor:
    """Label smoothing, Szegedy et al. 2016: cross entropy with .9 of the label and .1 of all classes alike."""
    return F.cross_entropy(logits, labels, label_smoothing=0.1)


def mae(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean absolute error, Ghosh et al. 2017: 2 (1 − p_y), here without the 2."""
    return (1 - F.softmax(logits, dim=1).gather(1, labels[:, None])).mean()


def gce(logits: Tensor, labels: Tensor) -> Tensor:
    """Generalised cross entropy, Zhang and Sabuncu 2018: (1 − p_y^q)/q, q = .7."""
    own = F.softmax(logits, dim=1).gather(1, labels[:, None]).clamp(min=1e-7)
    return ((1 - own**0.7) / 0.7).mean()


def sce(logits: Tensor, labels: Tensor) -> Tensor:
    """Symmetric cross entropy, Wang et al. 2019: −.1 log p_y − Σ_k p_k log 1[k=y], where log 0 is taken as log 1e-4."""
    wanted = F.one_hot(labels, logits.shape[1]).to(logits.dtype).clamp(min=1e-4)
    reverse = -(F.softmax(logits, dim=1) * wanted.log()).sum(dim=1).mean()
    return 0.1 * F.cross_entropy(logits, labels) + reverse


def nce_mae(logits: Tensor, labels: Tensor) -> Tensor:
    """Normalised cross entropy and mean absolute error, Ma et al. 2020: log p_y / Σ_k log p_k + (1 − p_y)."""
    log = F.log_softmax(logits, dim=1)
    own = log.gather(1, labels[:, None])
    return (own / log.sum(dim=1, keepdim=True) + 1 - own.exp()).mean()


def taylor_ce(logits: Tensor, labels: Tensor) -> Tensor:
    """Taylor cross entropy, Feng et al. 2020, of order 2: (1 − p_y) + (1 − p_y)²/2."""
    short = 1 - F.softmax(logits, dim=1).gather(1, labels[:, None])
    return (short + short**2 / 2).mean()
