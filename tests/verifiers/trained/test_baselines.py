"""The published losses are what their formulas say: values and gradients, against formulas written anew and TRL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mpmath import exp, log, mp, mpf, sqrt

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.trained.loss.baselines.programs import function, names, program

torch = pytest.importorskip("torch")
Numbers = Sequence[Any]


def sigma(x: Any) -> Any:
    return 1 / (1 + exp(-x))


def mean(values: Sequence[Any]) -> Any:
    return sum(values, mpf(0)) / len(values)


def variance(values: Sequence[Any]) -> Any:
    return sum(((each - mean(values)) ** 2 for each in values), mpf(0)) / (len(values) - 1)


def hinge(z: Any) -> Any:
    return max(mpf(0), 1 - z)


def logistic(z: Any) -> Any:
    return log(1 + exp(-z))


def over_ratios(each: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The mean of a function of ρ and β."""

    def loss(pc: Numbers, pr: Numbers, rc: Numbers, rr: Numbers, beta: Any) -> Any:
        return mean([each(a - b - c + d, beta) for a, b, c, d in zip(pc, pr, rc, rr, strict=True)])

    return loss


def over_batch(whole: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    """A function of the βρ of a batch."""

    def loss(pc: Numbers, pr: Numbers, rc: Numbers, rr: Numbers, beta: Any) -> Any:
        return whole([beta * (a - b - c + d) for a, b, c, d in zip(pc, pr, rc, rr, strict=True)])

    return loss


def kto(pc: Numbers, pr: Numbers, rc: Numbers, rr: Numbers, beta: Any) -> Any:
    chosen = [a - c for a, c in zip(pc, rc, strict=True)]
    rejected = [b - d for b, d in zip(pr, rr, strict=True)]
    of_chosen, of_rejected = max(mpf(0), mean(chosen)), max(mpf(0), mean(rejected))
    return mean(
        [1 - sigma(beta * (each - of_rejected)) for each in chosen]
        + [1 - sigma(beta * (of_chosen - each)) for each in rejected]
    )


def dbaql(z: list[Any]) -> Any:
    share = sigma(variance([20 * each for each in z]))
    return mean([share * logistic(each / mpf("0.9")) + (1 - share) * exp(-mpf("0.9") * each) for each in z])


def aql(z: list[Any]) -> Any:
    quantile = mpf("0.5") + mpf("0.01") * (sigma(mean([20 * each for each in z])) - mpf("0.5"))
    shares = [sigma(-(20 * each - quantile)) for each in z]
    return mean([w * logistic(each) + (1 - w) * hinge(each) for w, each in zip(shares, z, strict=True)])


def aqfl(z: list[Any]) -> Any:
    u = [20 * each for each in z]
    first = sqrt(variance(u)) * mean([sigma(-each) for each in u])
    quantile = first + mpf("0.05") * (sigma(mean(u)) - first)
    shares = [sigma(mpf("0.1") * abs(each - quantile)) for each in u]
    return mean([w * logistic(each) + (1 - w) * hinge(each) for w, each in zip(shares, z, strict=True)])


def pfl(pc: Numbers, pr: Numbers, rc: Numbers, rr: Numbers, beta: Any) -> Any:
    z = [beta * (a - b - c + d) for a, b, c, d in zip(pc, pr, rc, rr, strict=True)]
    return mean([logistic(e) / 2 if a > b else 2 * hinge(e) for a, b, e in zip(pc, pr, z, strict=True)])


EPS = mpf("0.1")
PAIRS: dict[str, Callable[..., Any]] = {
    "dpo": over_ratios(lambda rho, beta: logistic(beta * rho)),
    "ipo": over_ratios(lambda rho, beta: (rho - 1 / (2 * beta)) ** 2),
    "slic": over_ratios(lambda rho, beta: hinge(beta * rho)),
    "kto": kto,
    "cdpo": over_ratios(lambda rho, beta: (1 - EPS) * logistic(beta * rho) + EPS * logistic(-beta * rho)),
    "robust_dpo": over_ratios(
        lambda rho, beta: ((1 - EPS) * logistic(beta * rho) - EPS * logistic(-beta * rho)) / (1 - 2 * EPS)
    ),
    "lrml": over_batch(
        lambda z: mean([(1 - sigma(20 * each)) * logistic(each) + sigma(20 * each) * exp(-each) for each in z])
    ),
    "dbaql": over_batch(dbaql),
    "aql": over_batch(aql),
    "padll": over_batch(lambda z: mean([mpf("0.9") * (1 - (each < 0) / mpf(2)) * logistic(each) for each in z])),
    "aqfl": over_batch(aqfl),
    "cell": over_batch(lambda z: mean([(exp(-each) + logistic(each)) / 2 for each in z])),
    "pfl": pfl,
}


def of_shares(each: Callable[[list[Any], int], Any]) -> Callable[..., Any]:
    """The mean of a function of a row's softmax and its label."""

    def loss(logits: Sequence[Numbers], labels: Sequence[int]) -> Any:
        rows = []
        for row, label in zip(logits, labels, strict=True):
            total = sum((exp(x) for x in row), mpf(0))
            rows.append(each([exp(x) / total for x in row], label))
        return mean(rows)

    return loss


LABELS: dict[str, Callable[..., Any]] = {
    "ce": of_shares(lambda p, y: -log(p[y])),
    "focal": of_shares(lambda p, y: -((1 - p[y]) ** 2) * log(p[y])),
    "smoothed_ce": of_shares(lambda p, y: -mpf("0.9") * log(p[y]) - mpf("0.1") * mean([log(x) for x in p])),
    "mae": of_shares(lambda p, y: 1 - p[y]),
    "gce": of_shares(lambda p, y: (1 - p[y] ** mpf("0.7")) / mpf("0.7")),
    "sce": of_shares(
        lambda p, y: -mpf("0.1") * log(p[y]) - sum(log(mpf("1e-4")) * x for k, x in enumerate(p) if k != y)
    ),
    "nce_mae": of_shares(lambda p, y: log(p[y]) / sum(log(x) for x in p) + 1 - p[y]),
    "taylor_ce": of_shares(lambda p, y: (1 - p[y]) + (1 - p[y]) ** 2 / 2),
}


def exactly(array: Any) -> Any:
    return [exactly(each) for each in array] if np.ndim(array) else mpf(float(array))


def valued(value: Callable[[Any], Any], at: Any) -> tuple[float, Any]:
    """The value at an array, and central differences at every number of it, in the digits of the caller."""
    step, found = mpf("1e-15"), np.zeros(np.shape(at))
    for place in np.ndindex(np.shape(at)):
        sides = []
        for side in (step, -step):
            moved = exactly(at)
            inner = moved
            for index in place[:-1]:
                inner = inner[index]
            inner[place[-1]] += side
            sides.append(value(moved))
        found[place] = (sides[0] - sides[1]) / (2 * step)
    return float(value(exactly(at))), found


@pytest.mark.parametrize("name", PAIRS)
def test_a_preference_loss_is_its_formula_in_value_and_every_gradient(name: str) -> None:
    for seed, beta in ((0, 0.05), (1, 0.5), (2, 2.0)):
        given = np.random.default_rng(seed).normal(-3, 1.5, (4, 5))
        tensors = [torch.from_numpy(each.copy()).requires_grad_() for each in given]
        value = function(name)(*tensors, beta)
        with mp.workdps(40):
            wanted, gradient = valued(partial(lambda beta, moved: PAIRS[name](*moved, beta), mpf(beta)), given)
        assert value.item() == pytest.approx(wanted, rel=1e-10, abs=1e-12)
        value.backward()
        ours = np.stack([each.grad.numpy() if each.grad is not None else np.zeros(5) for each in tensors])
        np.testing.assert_allclose(ours, gradient, rtol=1e-9, atol=1e-12)
        assert torch.autograd.gradcheck(lambda *four, beta=beta: function(name)(*four, beta), tensors)


@pytest.mark.parametrize("name", LABELS)
def test_a_loss_of_labels_is_its_formula_in_value_and_gradient(name: str) -> None:
    for seed in range(2):
        chance = np.random.default_rng(seed)
        given, labels = chance.normal(0, 2, (3, 4)), chance.integers(0, 4, 3)
        logits = torch.from_numpy(given.copy()).requires_grad_()
        value = function(name)(logits, torch.from_numpy(labels))
        with mp.workdps(40):
            wanted, gradient = valued(
                partial(lambda labels, moved: LABELS[name](moved, labels), labels.tolist()), given
            )
        assert value.item() == pytest.approx(wanted, rel=1e-10)
        value.backward()
        np.testing.assert_allclose(logits.grad.numpy(), gradient, rtol=1e-9, atol=1e-12)


def test_every_published_loss_is_compared_with_a_formula() -> None:
    assert (names("pairs"), names("labels")) == (tuple(PAIRS), tuple(LABELS))
    with pytest.raises(UserError, match="no published loss 'dpoo'; there are ce, focal, "):
        program("dpoo")


@pytest.mark.parametrize("name", [*PAIRS, *LABELS])
def test_the_program_of_a_loss_stands_alone_and_is_the_function(name: str) -> None:
    defined: dict[str, Any] = {}
    exec(program(name), defined)
    chance = np.random.default_rng(3)
    given: tuple[Any, ...] = tuple(torch.from_numpy(chance.normal(-3, 1, 6)) for _ in range(4))
    given = (*given, 0.3) if name in PAIRS else (torch.randn(6, 10), torch.arange(6))
    assert torch.equal(defined["loss"](*given), function(name)(*given))


def by_trl(kind: str, four: Sequence[Any], beta: float, length: int) -> Any:
    """The loss of TRL's DPO trainer, of a model whose answers' log-probabilities are these; all answers are as long."""
    trainer = pytest.importorskip("trl").DPOTrainer
    policy = torch.cat((four[0], four[1]))
    each = (policy / length)[:, None].expand(-1, length)

    def model(**_: Any) -> Any:
        nothing = torch.zeros_like(each)
        return SimpleNamespace(
            log_probs=each, entropy=nothing, mean_logits=nothing, is_top1=nothing > 0, log_sum_sq_probs=nothing
        )

    model.training = False  # type: ignore[attr-defined]  # as a module has it
    # What `_compute_loss` reads of the trainer; everything that it computes is TRL's own.
    own = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x),
        aux_loss_enabled=False,
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        loss_types=[kind],
        loss_weights=[1.0],
        beta=beta,
        label_smoothing=0.1,
        use_weighting=False,
        args=SimpleNamespace(discopop_tau=0.05),
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
    )
    size = (len(policy), length + 1)
    mask = torch.ones(size, dtype=torch.long)
    mask[:, 0] = 0
    batch = {
        "input_ids": torch.zeros(size, dtype=torch.long),
        "attention_mask": torch.ones(size, dtype=torch.long),
        "completion_mask": mask,
        "ref_chosen_logps": four[2],
        "ref_rejected_logps": four[3],
    }
    return trainer._compute_loss(own, model, batch, False)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("dpo", "sigmoid"), ("slic", "hinge"), ("ipo", "ipo"), ("robust_dpo", "robust"), ("lrml", "discopop")],
)
def test_trl_computes_the_same(ours: str, theirs: str) -> None:
    length = 7
    for seed, beta in ((0, 0.05), (1, 0.7)):
        four = [torch.from_numpy(each) for each in np.random.default_rng(seed).normal(-9, 2, (4, 6))]
        mine = [each.clone().requires_grad_() for each in four]
        other = [each.clone().requires_grad_() for each in four]
        # TRL's IPO divides log-probabilities by the answer's length, here the same for all.
        scale = length if theirs == "ipo" else 1
        value, wanted = function(ours)(*(each / scale for each in mine), beta), by_trl(theirs, other, beta, length)
        assert value.item() == pytest.approx(wanted.item(), rel=1e-9)
        value.backward()
        wanted.backward()
        for a, b in zip(mine[:2], other[:2], strict=True):
            torch.testing.assert_close(a.grad, b.grad)
