"""Preferences at equal divergence, settings of problems, and what every published loss must be allowed to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.trained.loss.baselines.programs import function, names, program
from gristmill.verifiers.trained.loss.digits import DigitsLabelNoise
from gristmill.verifiers.trained.loss.preferences import BUDGET, PreferencePairs, reward_at
from gristmill.verifiers.trained.loss.problem import NetworkSettings
from gristmill.verifiers.trained.loss.problems import loss_task, problem_of
from gristmill.verifiers.trained.loss.trainer import train
from gristmill.verifiers.trained.loss.verifier import LossVerifier
from gristmill.verifiers.trained.serving import CandidateFault
from tests.verifiers.trained.test_loss import fit, served

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
World = tuple[Any, Any, Any]


def world(seed: int, contexts: int = 40) -> World:
    chance = np.random.default_rng(seed)
    reference = chance.standard_normal((contexts, 8))
    return reference - np.log(np.exp(reference).sum(1, keepdims=True)), chance.standard_normal((contexts, 8)), chance


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), strength=st.floats(0.05, 20), shift=st.floats(-3, 3))
def test_the_reward_at_a_divergence_is_the_same_for_a_policy_of_any_strength(
    seed: int, strength: float, shift: float
) -> None:
    reference, rewards, chance = world(seed)
    policy = reference + chance.standard_normal(reference.shape)
    stronger = reference + strength * (policy - reference) + shift
    assert reward_at(0.3, stronger, reference, rewards) == pytest.approx(
        reward_at(0.3, policy, reference, rewards), abs=1e-6
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_policy_gains_more_at_a_divergence_than_the_one_that_knows_the_reward(seed: int) -> None:
    reference, rewards, chance = world(seed)
    most = reward_at(0.3, reference + rewards, reference, rewards)
    for _ in range(5):
        policy = reference + rewards * chance.random() + chance.standard_normal(reference.shape) * chance.random()
        assert reward_at(0.3, policy, reference, rewards) <= most + 1e-9


def test_the_grade_is_0_for_the_reference_1_for_the_reward_and_negative_for_its_opposite() -> None:
    pairs = PreferencePairs()
    held = pairs.data(np.random.default_rng(0)).held_out_targets
    reward, reference = held[:, :2], held[:, 2:]
    assert pairs.grade(reference, held) == pytest.approx(0, abs=1e-4)
    assert pairs.grade(reference + 3 * reward, held) == pytest.approx(1)
    assert pairs.grade(reference - reward, held) < -0.5
    assert BUDGET > 0


def test_pairs_follow_bradley_and_terry_and_exactly_the_share_is_turned() -> None:
    data = PreferencePairs().data(np.random.default_rng(1))
    clean = data.targets
    for flips in (0, 0.1, 0.3):
        turned = PreferencePairs(flips).spoiled(clean, np.random.default_rng(2))
        assert (turned[:, 0] != clean[:, 0]).sum() == round(flips * len(clean))
        assert (turned[:, 1:] == clean[:, 1:]).all()
    assert 0.35 < clean[:, 0].mean() < 0.65, "which stands first says nothing"
    with torch.no_grad():
        start = PreferencePairs().network(torch)(torch.from_numpy(data.inputs)).numpy()
    np.testing.assert_allclose(start, clean[:, 1:3], atol=1e-5)


def test_turned_pairs_cost_reward_and_the_same_seed_gives_the_same() -> None:
    def grade(flips: float) -> float:
        far = served(function("dpo"), pairs=True)

        def loss(outputs: Any, targets: Any) -> tuple[float, Any]:
            answer = far(outputs, targets)
            return answer["value"], answer["gradient"]

        return train(loss, PreferencePairs(flips), 5, NetworkSettings(epochs=15, learning_rate=4e-3)).grade

    clean, turned = grade(0.0), grade(0.3)
    assert clean > turned + 0.15
    assert grade(0.3) == turned


class Few(PreferencePairs):
    training = NetworkSettings(epochs=6, learning_rate=4e-3)


class FewDigits(DigitsLabelNoise):
    training = NetworkSettings(epochs=3)


@pytest.mark.parametrize("name", [*names("pairs"), *names("labels")])
def test_every_published_loss_stands_the_checks(name: str) -> None:
    """Also those of batch statistics, and those whose value jumps where the policy changes its mind."""
    problem = Few() if name in names("pairs") else FewDigits()
    for seed in range(2):
        fit(lambda: function(name), seed, problem)


def test_a_loss_that_leaves_the_reference_out_is_legal() -> None:
    """It has no gradient by the reference, and one by the chosen answer only."""

    def likelihood(chosen: Any, rejected: Any, *_: Any) -> Any:
        return -chosen.mean()

    fit(lambda: likelihood, 0, Few())


def test_what_goes_wrong_with_a_loss_of_pairs_is_said() -> None:
    def detached(pc: Any, pr: Any, rc: Any, rr: Any, beta: float) -> Any:
        ratio = pc - pr - rc + rr
        return -(torch.sigmoid(-beta * ratio.detach()) * torch.nn.functional.logsigmoid(beta * ratio)).mean()

    for loss, says in (
        (detached, "not the loss's own"),
        (lambda pc, pr, rc, rr, beta: (rc - rr).mean(), "does not depend on its first argument"),
        (lambda pc, pr, rc, rr, beta: pc.sum() * 0, "does not descend"),
        (lambda pc, pr, rc, rr, beta: pc - pr, "not a scalar"),
    ):
        with pytest.raises(CandidateFault, match=says) as caught:
            fit(lambda loss=loss: loss, 0, Few())  # type: ignore[misc]  # bound now
        assert caught.value.outcome is Outcome.INVALID


def test_a_small_detached_term_is_found_in_double_precision() -> None:
    def slightly(logits: Any, labels: Any) -> Any:
        own = torch.nn.functional.cross_entropy(logits, labels)
        return own + 0.02 * own * own.detach()

    with pytest.raises(CandidateFault, match="in double precision"):
        fit(lambda: slightly, 0, FewDigits())


def test_labels_are_wrong_as_the_settings_say() -> None:
    data = DigitsLabelNoise().data(np.random.default_rng(0))
    noisy = DigitsLabelNoise(0.3, asymmetric=True).spoiled(data.targets, np.random.default_rng(1))
    changed = {(int(a), int(b)) for a, b in zip(data.targets, noisy, strict=True) if a != b}
    assert changed == {(2, 7), (3, 8), (5, 6), (6, 5), (7, 1)}
    for label in (2, 3, 5, 6, 7):
        own = data.targets == label
        assert (noisy[own] != label).sum() == round(0.3 * own.sum())


def test_settings_reach_the_problem_and_mistakes_are_named() -> None:
    task = loss_task("digits_label_noise", settings={"noise": 0.2, "asymmetric": True})
    assert "20% of the training labels of some digits" in task.prompt
    assert problem_of(task).story in task.prompt
    assert LossVerifier.problems(task) == []
    for name, given_, says in (
        ("digits_label_noise", {"noise": 2}, "settings.noise: a share from 0 to below .9, not 2"),
        ("digits_label_noise", {"asymmetric": "yes"}, "settings.asymmetric: true or false, not 'yes'"),
        ("preference_pairs", {"flips": 0.5}, "settings.flips: a share from 0 to below .5, not 0.5"),
        (
            "preference_pairs",
            {"noise": 0.2},
            "settings: noise mean nothing for a loss here; known are seeds, final_seeds, flips",
        ),
    ):
        assert LossVerifier.problems(Task(id="l", kind="loss", prompt="?", problem=name, settings=given_)) == [says]


@pytest.mark.slow
async def test_a_loss_of_pairs_is_judged_in_the_sandbox(backend: str) -> None:
    task = loss_task(
        "preference_pairs",
        target=0.4,
        settings={"seeds": 1, "flips": 0.1},
        limits=Limits(wall_seconds=120, cpu_seconds=120),
    )
    async with Pool.open(backend, size=1) as pool:
        verifier = LossVerifier(pool)
        verifier.secret = b"the same trainings in every run of this test"
        good = await verifier.verify(task, program("cdpo"))
        assert good.verified, good.feedback
        turned = program("cdpo").replace(").mean()", ").mean().neg()")
        bad = await verifier.verify(task, turned)
        assert (bad.outcome, bad.score) == (Outcome.FAILED, 0.0)
        assert "mean loss on the training pairs" in bad.feedback


@pytest.mark.parametrize("cut", [0, 9])
def test_no_image_is_held_out_in_two_splits_and_the_final_ones_are_never_learned_from_before(cut: int) -> None:
    problem = DigitsLabelNoise()

    def rows(images: Any) -> set[bytes]:
        return {each.tobytes() for each in images}

    parts = {
        split: [problem.part(np.random.default_rng(seed), split, cut) for seed in range(4)]
        for split in ("search", "selection", "final")
    }
    held = {split: set().union(*(rows(each.held_out_inputs) for each in every)) for split, every in parts.items()}
    assert not held["search"] & held["selection"]
    for split in ("search", "selection"):
        seen = held[split].union(*(rows(each.inputs) for each in parts[split]))
        assert not seen & held["final"]
    for split, every in parts.items():
        drawn = len(rows(every[0].inputs) ^ rows(every[1].inputs))
        assert (drawn == 0) == (split == "selection"), "else another generator learns from others"
        assert all(not rows(each.inputs) & rows(each.held_out_inputs) for each in every)
        assert {(len(each.inputs), len(each.held_out_inputs)) for each in every} == {(1257, 270)}
    other = problem.part(np.random.default_rng(0), "final", cut + 1)
    assert rows(other.held_out_inputs) != held["final"]
