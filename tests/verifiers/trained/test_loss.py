"""Losses: the trainer separates good from bad, gradients must be honest, and the metric is out of reach."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.attacks.functions import ATTACKS
from gristmill.verifiers.attacks.records import Attack
from gristmill.verifiers.records import Outcome, Strength, Task
from gristmill.verifiers.trained.loss.checking import ask
from gristmill.verifiers.trained.loss.digits import CLASSES, DigitsLabelNoise
from gristmill.verifiers.trained.loss.probing import check_gradient
from gristmill.verifiers.trained.loss.problem import Data, NetworkSettings, Problem
from gristmill.verifiers.trained.loss.trainer import train
from gristmill.verifiers.trained.loss.verifier import LossTraining, LossVerifier
from gristmill.verifiers.trained.serving import CandidateFault
from gristmill.verifiers.trained.verifier import Deadline

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytest.importorskip("sklearn")

TASK = Task(
    id="l",
    kind="loss",
    prompt="?",
    problem="digits_label_noise",
    settings={"seeds": 1},
    limits=Limits(wall_seconds=120, cpu_seconds=120),
)
HEAD = "import torch\nimport torch.nn.functional as F\ndef loss(logits, labels):\n    "
CROSS_ENTROPY = HEAD + "return F.cross_entropy(logits, labels)\n"
SYMMETRIC = HEAD + (
    "wanted = F.one_hot(labels, 10).to(logits.dtype).clamp(min=1e-4)\n"
    "    reverse = -(F.softmax(logits, 1) * wanted.log()).sum(1).mean()\n"
    "    return 0.1 * F.cross_entropy(logits, labels) + reverse\n"
)


def served(loss: Callable[..., Any], pairs: bool = False) -> Callable[[Any, Any], Any]:
    """What the guest shim makes of a loss; what it raises arrives as from a sandbox."""
    from gristmill.verifiers.trained.loss.guest.shim import differentiated, of_pairs

    far = (of_pairs if pairs else differentiated)(loss)

    def answer(outputs: Any, targets: Any) -> Any:
        try:
            return far(outputs, targets)
        except Exception as error:
            raise CandidateFault(Outcome.ERROR, repr(error)) from error

    return answer


def trained(loss: Callable[[Any, Any], Any], seed: int = 0, noise: float = 0.4, **settings: Any) -> float:
    far = served(loss)
    digits = DigitsLabelNoise(noise)
    return train(lambda logits, labels: ask(far, logits, labels), digits, seed, NetworkSettings(**settings)).grade


def cross_entropy(logits: Any, labels: Any) -> Any:
    return torch.nn.functional.cross_entropy(logits, labels)


def symmetric(logits: Any, labels: Any) -> Any:
    wanted = torch.nn.functional.one_hot(labels, 10).to(logits.dtype).clamp(min=1e-4)
    reverse = -(torch.softmax(logits, 1) * wanted.log()).sum(1).mean()
    return 0.1 * cross_entropy(logits, labels) + reverse


def test_exactly_the_share_of_labels_is_wrong_and_every_seed_has_its_own_split() -> None:
    data, other = (DigitsLabelNoise().data(np.random.default_rng(seed)) for seed in (0, 1))
    assert (data.held_out_targets != other.held_out_targets).any()
    assert (len(data.targets), len(data.held_out_targets)) == (1348, 449)
    noisy = DigitsLabelNoise(0.4).spoiled(data.targets, np.random.default_rng(0))
    assert (noisy != data.targets).sum() == round(0.4 * len(noisy))
    assert set(noisy.tolist()) == set(range(CLASSES))


def test_the_carried_gradient_trains_as_torch_alone_would() -> None:
    """With no noise and a plain loss the network must learn digits nearly perfectly."""
    assert trained(cross_entropy, noise=0.0, epochs=20) > 0.93


@pytest.mark.slow
def test_reference_losses_score_as_published() -> None:
    scores = {
        name: float(np.mean([trained(loss, seed) for seed in range(3)]))
        for name, loss in [
            ("ce", cross_entropy),
            ("sce", symmetric),
            ("flipped", lambda logits, labels: -cross_entropy(logits, labels)),
        ]
    }
    assert scores["ce"] == pytest.approx(0.85, abs=0.04)
    assert scores["sce"] == pytest.approx(0.96, abs=0.03)
    assert scores["flipped"] < 0.2


def test_training_ends_at_its_deadline_and_leaves_torch_s_chance_alone() -> None:
    state = torch.random.get_rng_state()
    with pytest.raises(Deadline):
        train(lambda logits, labels: (0.0, logits), DigitsLabelNoise(), 0, deadline=0.0)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (lambda logits, labels: 1.0, "a float, not a torch tensor"),
        (lambda logits, labels: logits.sum(1), "not a scalar"),
        (lambda logits, labels: labels.sum(), "floating point"),
        (lambda logits, labels: logits.detach().sum(), "differentiate"),
        (lambda logits, labels: torch.zeros((), requires_grad=True), "differentiate"),
        (lambda logits, labels: logits.sum() / 0, "must be finite"),
        (lambda logits, labels: (logits - logits).abs().sqrt().sum(), "gradient was not finite"),
    ],
)
def test_what_is_no_finite_differentiable_number_is_refused(loss: Callable[[Any, Any], Any], says: str) -> None:
    logits = np.random.default_rng(0).standard_normal((6, CLASSES)).astype(np.float32)
    with pytest.raises(CandidateFault, match=says) as caught:
        ask(served(loss), logits, np.arange(6))
    assert caught.value.outcome is Outcome.INVALID


@pytest.mark.parametrize(
    "answer", [None, 3, {}, {"value": 1, "gradient": None}, {"value": 1.0, "gradient": np.ones(3)}]
)
def test_a_process_that_answers_nonsense_is_refused(answer: Any) -> None:
    with pytest.raises(CandidateFault):
        ask(lambda *_: answer, np.ones((2, CLASSES), np.float32), np.arange(2))


def gradients_agree(loss: Callable[[Any, Any], Any]) -> None:
    generator = np.random.default_rng(1)
    logits = generator.standard_normal((8, CLASSES)).astype(np.float32)
    check_gradient(served(loss), logits, np.arange(8), generator)


def test_a_gradient_that_is_not_the_value_s_own_is_found_out() -> None:
    def detached(logits: Any, labels: Any) -> Any:
        each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        return (torch.exp(-each).detach() * each).mean()

    def constant(logits: Any, labels: Any) -> Any:
        return cross_entropy(logits, labels) - cross_entropy(logits, labels).detach()

    for dishonest in (detached, constant):
        with pytest.raises(CandidateFault, match="not the loss's own"):
            gradients_agree(dishonest)


def test_honest_gradients_pass_even_with_kinks_and_single_precision() -> None:
    gradients_agree(cross_entropy)
    gradients_agree(symmetric)
    gradients_agree(lambda logits, labels: cross_entropy(logits.float(), labels))
    gradients_agree(lambda logits, labels: torch.relu(1 - logits.gather(1, labels[:, None])).mean())


Loss = Callable[..., Any]


def wrong(logits: Any, labels: Any) -> Any:
    """A gradient that is not the value's own: what the network finds unlikely pulls less."""
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    return (torch.exp(-each).detach() * each).mean()


def fit(loss: Callable[[], Loss], seed: int, problem: Problem | None = None) -> float:
    """Training and re-checks as the judge does them; each process begins anew, as a fresh sandbox does."""
    asked = problem or Short()
    training, pairs = LossTraining(asked, "loss/1"), asked.outputs == 2
    chance = np.random.default_rng(seed)
    training.probe(served(loss(), pairs), chance)  # type: ignore[arg-type]  # answers as a served one does
    grade, record = training.train(served(loss(), pairs), seed, math.inf)  # type: ignore[arg-type]  # likewise
    for again in training.rechecks(record, chance):
        again(served(loss(), pairs))  # type: ignore[arg-type]  # likewise
    return grade


class Short(DigitsLabelNoise):
    """A training that is long enough to have something to record."""

    training = NetworkSettings(epochs=6)


def counted(loss: Callable[[int, Any, Any], Any]) -> Callable[[], Loss]:
    """A loss that also gets the number of the call in its process."""

    def begun() -> Loss:
        calls = itertools.count()
        return lambda logits, labels: loss(next(calls), logits, labels)

    return begun


def of_twins() -> Loss:
    """Honest where a batch is nearly one that it has seen: two sides of one batch, to find the slope."""
    seen: list[Any] = []

    def loss(logits: Any, labels: Any) -> Any:
        like = any(each.shape == logits.shape and torch.allclose(each, logits.double(), atol=0.2) for each in seen)
        seen.append(logits.detach().double())
        return (cross_entropy if like else wrong)(logits, labels)

    return loss


DISHONEST: dict[str, Callable[[], Loss]] = {
    "annealed": counted(lambda call, logits, labels: cross_entropy(logits, labels) * (1 + call / 10)),
    "late": counted(lambda call, logits, labels: cross_entropy(logits, labels) * (1 if call < 45 else 2)),
    "chance": lambda: lambda logits, labels: cross_entropy(logits, labels) * torch.rand(()),
    "rare chance": lambda: lambda logits, labels: cross_entropy(logits, labels) * (1 + (torch.rand(()) < 0.1)),
    "double precision": lambda: (
        lambda logits, labels: cross_entropy(logits, labels) if logits.dtype == torch.float64 else wrong(logits, labels)
    ),
    "small batches": lambda: (
        lambda logits, labels: cross_entropy(logits, labels) if len(labels) <= 32 else wrong(logits, labels)
    ),
    "every 97th": counted(lambda call, logits, labels: (wrong if call % 97 else cross_entropy)(logits, labels)),
    "first calls": counted(lambda call, logits, labels: (wrong if call > 40 else cross_entropy)(logits, labels)),
    "twins": of_twins,
    "a value of its own in double precision": lambda: (
        lambda logits, labels: (
            -torch.exp(-F.cross_entropy(logits, labels, reduction="none")).mean()
            if logits.dtype == torch.float64
            else wrong(logits, labels)
        )
    ),
    "raises in double precision": lambda: (
        lambda logits, labels: wrong(logits, labels) if logits.dtype != torch.float64 else 1 / 0
    ),
    "half the rows": lambda: (
        lambda logits, labels: (
            cross_entropy(logits[::2], labels[::2]) + cross_entropy(logits[1::2], labels[1::2]).detach()
            if len(labels) > 32
            else cross_entropy(logits, labels)
        )
    ),
}


@pytest.mark.parametrize("loss", DISHONEST.values(), ids=DISHONEST)
def test_a_loss_cannot_know_when_it_is_checked(loss: Callable[[], Loss]) -> None:
    for seed in range(3):
        with pytest.raises(CandidateFault) as caught:
            fit(loss, seed)
        assert caught.value.outcome is Outcome.INVALID


@pytest.mark.parametrize(
    "loss",
    [
        cross_entropy,
        symmetric,
        lambda logits, labels: torch.relu(1 - logits.gather(1, labels[:, None])).mean(),
        lambda logits, labels: 1 - torch.softmax(logits, 1).gather(1, labels[:, None]).clamp(min=0.01).mean(),
        lambda logits, labels: cross_entropy(logits.clamp(-8, 8), labels) + 1e-3 * logits.square().mean(),
        lambda logits, labels: torch.nn.functional.cross_entropy(logits, labels, reduction="sum"),
    ],
    ids=["ce", "sce", "hinge", "mae", "clamped", "sum"],
)
def test_honest_losses_stand_every_check(loss: Loss) -> None:
    for seed in range(3):
        fit(lambda: loss, seed)


def written(source: str) -> Callable[[], Loss]:
    """A loss of the catalogue of attacks, loaded anew by each process."""

    def begun() -> Loss:
        names: dict[str, Any] = {}
        exec(source, names)
        return names["loss"]  # type: ignore[no-any-return]  # what the catalogue's sources define

    return begun


@pytest.mark.parametrize("attack", [each for each in ATTACKS if "loss" in each.test_types], ids=lambda each: each.name)
def test_an_attack_by_a_loss_fools_who_believes_its_answers_and_is_found_out(attack: Attack) -> None:
    source = attack.make(TASK) if attack.make is not None else None
    assert source is not None
    logits = np.random.default_rng(0).standard_normal((6, CLASSES)).astype(np.float32)
    ask(served(written(source)()), logits, np.arange(6))  # a finite number with a finite gradient: naive trainers go on
    with pytest.raises(CandidateFault) as caught:
        fit(written(source), 0)
    assert caught.value.outcome is Outcome.INVALID


def test_labels_that_are_carried_along_fool_whoever_trains_with_the_seeds_of_the_source() -> None:
    (attack,) = [each for each in ATTACKS if each.name == "labels-carried-along"]
    assert attack.make is not None
    assert trained(written(attack.make(TASK) or "")(), seed=0, epochs=15) > 0.93


class Doubling(Short):
    """Most rows are learned to the last digit, and there |x| has its kink."""

    outputs = 1
    training = NetworkSettings(epochs=40, batch=64, learning_rate=0.05)

    def data(self, generator: np.random.Generator) -> Data:
        x = generator.uniform(-1, 1, (400, 1)).astype(np.float32)
        return Data(x[:300], 2 * x[:300], x[300:], 2 * x[300:])

    def spoiled(self, targets: Any, generator: np.random.Generator) -> Any:
        return targets + 8 * (generator.random(targets.shape) < 0.25).astype(np.float32)

    def network(self, torch: Any) -> Any:
        return torch.nn.Linear(1, 1)

    def grade(self, outputs: Any, targets: Any) -> float:
        return 1 - float(np.abs(outputs - targets).mean())


def absolute(predictions: Any, values: Any) -> Any:
    return (predictions - values).abs().mean()


def off_a_kink(predictions: Any, values: Any) -> Any:
    """Where |x| is smooth too, a third of its gradient is left out."""
    return absolute(predictions, values) - absolute(predictions.detach(), values) / 3 + predictions.detach().mean()


def test_a_gradient_that_turns_within_a_step_is_honest_and_a_wrong_one_beside_it_is_not() -> None:
    for seed in range(3):
        fit(lambda: absolute, seed, Doubling())
        with pytest.raises(CandidateFault, match="not the loss's own"):
            fit(lambda: off_a_kink, seed, Doubling())


def test_a_loss_that_carries_the_public_labels_gains_nothing_without_the_seed() -> None:
    """It guesses split, noise and order from a seed; with the right one it would know the clean label of every row."""

    def carrying(guess: int) -> Loss:
        split, noise, order = (np.random.default_rng(s) for s in np.random.SeedSequence(guess).spawn(3))
        digits = DigitsLabelNoise()
        clean = digits.data(split).targets
        digits.spoiled(clean, noise)
        rows = iter(())

        def loss(logits: Any, labels: Any) -> Any:
            nonlocal rows
            batch = list(itertools.islice(rows, len(labels)))
            if not batch:
                rows = iter(order.permutation(len(clean)))
                batch = list(itertools.islice(rows, len(labels)))
            return cross_entropy(logits, torch.from_numpy(clean[batch]))

        return loss

    assert trained(carrying(5), seed=5, epochs=15) > 0.93
    assert trained(carrying(5), seed=6, epochs=15) < 0.3


def test_problems_name_the_field() -> None:
    task = Task(id="l", kind="loss", prompt="?", problem="imagenet", target=-1, settings={"seeds": "3", "lr": 1})
    assert [text.partition(":")[0] for text in LossVerifier.problems(task)] == [
        "problem",
        "settings",
        "settings.seeds",
        "target",
    ]
    assert LossVerifier.problems(TASK) == []


@pytest.fixture
async def pool(backend: str) -> AsyncIterator[Pool]:
    async with Pool.open(backend, size=1) as opened:
        yield opened


@pytest.mark.slow
async def test_what_a_candidate_does_wrong_is_said_at_once(pool: Pool) -> None:
    for source, outcome, says in [
        ("def loss(", Outcome.ERROR, "does not load: SyntaxError"),
        ("x = 1", Outcome.INVALID, "defines no function `loss`"),
        (HEAD + "return F.cross_entropy(logits, labels, reduction='none')", Outcome.INVALID, "not a scalar"),
        (HEAD + "return F.nothing(logits)", Outcome.ERROR, "AttributeError"),
        ("import os\n" + HEAD + "os._exit(0)", Outcome.ERROR, "ended the process"),
        (HEAD + "return F.cross_entropy(logits.detach(), labels)", Outcome.INVALID, "differentiate"),
        # Temporary files are the job's own, though torch has asked where they go while it was loaded before the job.
        (
            HEAD + "import os, tempfile\n    with tempfile.TemporaryFile() as file:\n"
            "        raise ValueError(tempfile.gettempdir() == os.getcwd())",
            Outcome.ERROR,
            "ValueError: True",
        ),
    ]:
        verdict = await LossVerifier(pool).verify(TASK, source)
        assert (verdict.outcome, verdict.score) == (outcome, 0.0), (source, verdict)
        assert says in verdict.feedback, (source, verdict.feedback)


@pytest.mark.slow
async def test_a_candidate_sees_neither_clean_labels_nor_the_trainer(pool: Pool) -> None:
    look = (
        "import sys\n"
        "room = 'gristmill.verifiers'\n"
        "own = {room, room + '.trained', room + '.trained.loss', room + '.trained.loss.guest',"
        " room + '.trained.loss.guest.shim'}\n"
        + HEAD
        + "raise ValueError([m for m in sys.modules if 'sklearn' in m or m.startswith('gristmill.verifiers')"
        + " and m not in own])"
    )
    verdict = await LossVerifier(pool).verify(TASK, look)
    assert "ValueError: []" in verdict.feedback


@pytest.mark.whole_on_docker
@pytest.mark.slow
async def test_losses_score_as_published_and_teach(pool: Pool) -> None:
    verifier = LossVerifier(pool)
    verifier.secret = b"the same trainings in every run of this test"
    good = await verifier.verify(TASK, SYMMETRIC)
    assert good.verified
    assert good.score == pytest.approx(0.95, abs=0.03)
    assert good.strength is Strength.TESTED
    assert re.fullmatch(f"{pool.backend} [0-9a-f]{{64}}", good.sandbox)
    bad = await verifier.verify(TASK, CROSS_ENTROPY)
    assert bad.outcome is Outcome.FAILED
    assert bad.score == pytest.approx(0.85, abs=0.04)
    assert "learned by heart" in bad.feedback
