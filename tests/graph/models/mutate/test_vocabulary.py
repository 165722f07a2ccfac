"""Rewards and losses are bred from typed pieces: their shapes stay right, whatever is done to them."""

from __future__ import annotations

import ast
import random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gristmill.graph.models.mutate import NothingToChangeError, Rules, cross, mutate
from gristmill.graph.models.tune import skeleton
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.loss.baselines.programs import program
from gristmill.verifiers.trained.loss.problems import loss_task
from gristmill.verifiers.trained.reward.environments import environment_spec, reward_task
from gristmill.verifiers.trained.vocabulary import Vocabulary

CAR, PENDULUM = reward_task("mountain_car"), reward_task("pendulum")
ROWS = 7


def bred(task: Task, start: str, seed: int) -> list[str]:
    """Programs that come of one by changes and crossings, each of one before."""
    rules, chance, found = Rules.of(task), random.Random(seed), [start]
    for _ in range(40):
        one, two = chance.choice(found), chance.choice(found)
        try:
            if chance.random() < 0.3:
                found.append(cross(one, two, rules, chance.getrandbits(64)).source)
            else:
                found.append(mutate(one, rules, chance.getrandbits(64), steps=chance.randint(1, 3)).source)
        except NothingToChangeError:
            continue
    return found[1:]


def test_a_published_loss_gets_further_terms_beside_what_its_steps_give() -> None:
    torch = pytest.importorskip("torch")
    rules, start = Rules.of(loss_task("digits_label_noise")), program("sce")
    before = start.strip().splitlines()[-1].removeprefix("    return ")
    logits = torch.randn(ROWS, 10, requires_grad=True)
    values = set()
    for seed in range(40):
        child = mutate(start, rules, seed)
        if child.done == ("term",):
            assert f"return {before} " in child.source, child.source
            value = named(child.source, "loss")(logits, torch.arange(ROWS))
            assert np.shape(value) == (), child.source
            values.add(round(value.item(), 6))
    assert len(values) > 3, "several terms, and not all of them nothing"


def test_only_what_has_a_vocabulary_gets_terms() -> None:
    done = {mutate("def f(x):\n    return x + 1\n", Rules(), seed).done for seed in range(60)}
    assert ("term",) not in done
    assert len(done) > 2


def named(source: str, name: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)  # ours, of our own pieces
    return names[name]


@pytest.mark.parametrize("task", [CAR, PENDULUM], ids=["discrete", "continuous"])
@pytest.mark.parametrize("seed", range(3))
def test_a_bred_reward_is_one_number_a_step(task: Task, seed: int) -> None:
    world, chance = environment_spec(task.environment), np.random.default_rng(seed)
    before, after = chance.standard_normal((2, ROWS, len(world.observation)))
    action = chance.integers(0, 3, ROWS) if task is CAR else chance.standard_normal((ROWS, 1))
    programs = bred(task, world.baselines["sparse"], seed)
    assert len(set(programs)) > 30
    for source in programs:
        try:
            with np.errstate(all="ignore"):
                value = named(source, "reward")(before, action, after, {})
        except ZeroDivisionError:
            continue  # 1 / 0, of two numbers
        assert np.shape(value) == (ROWS,), source


@pytest.mark.parametrize(("problem", "start"), [("digits_label_noise", "ce"), ("preference_pairs", "dpo")])
def test_a_bred_loss_is_one_number(problem: str, start: str) -> None:
    torch = pytest.importorskip("torch")
    programs = [each for seed in range(2) for each in bred(loss_task(problem), program(start), seed)]
    learnable = 0
    for source in programs:
        given = [torch.randn(ROWS, requires_grad=True) for _ in range(4)]
        if problem == "digits_label_noise":
            given = [torch.randn(ROWS, 10, requires_grad=True), torch.arange(ROWS)]
        try:
            value = named(source, "loss")(*given, *([0.5] if len(given) == 4 else []))
        except ZeroDivisionError:
            continue
        assert np.shape(value) == (), source
        learnable += bool(getattr(value, "requires_grad", False))
    assert learnable > 0.7 * len(programs)


def test_what_a_known_loss_is_made_of_can_be_reached_and_fitted() -> None:
    """Symmetric cross entropy: all its parts are pieces, its numbers free."""
    head = "import torch\nimport torch.nn.functional as F\n\n\ndef loss(logits, labels):\n    return "
    wanted = "F.one_hot(labels, 10).to(logits.dtype)"
    source = (
        f"{head}0.1 * F.cross_entropy(logits, labels) - torch.mean(torch.sum(F.softmax(logits, 1) * "
        f"torch.log(torch.clamp({wanted}, min=0.0001)), dim=1))\n"
    )
    form = skeleton(source, Rules.of(loss_task("digits_label_noise")))
    assert form is not None
    assert form.values == (0.1, 0.0001)


def test_what_only_scales_an_answer_is_not_fitted() -> None:
    rules = Rules.of(CAR)
    forms = {
        "2.0 * (next_obs[:, 0] >= 0.5)": (0.5,),
        "3.0 * (action * 0.5) / 4.0": None,
        "2.0 * action + 3.0 * next_obs[:, 1]": (2.0, 3.0),
        "2.0 * (action + 3.0)": (3.0,),
    }
    for formula, values in forms.items():
        form = skeleton(f"def reward(obs, action, next_obs, info):\n    return {formula}\n", rules)
        assert (form.values if form is not None else None) == values, formula
    # Of a program without a vocabulary every number counts.
    form = skeleton("def f(x):\n    return 2.0 * x\n", Rules())
    assert form is not None
    assert form.values == (2.0,)


@pytest.mark.parametrize("task", [CAR, loss_task("digits_label_noise")], ids=["reward", "loss"])
def test_a_formula_may_be_all_new(task: Task) -> None:
    start = program("ce") if task is not CAR else environment_spec("mountain_car").baselines["sparse"]
    made = [mutate(start, Rules.of(task), seed, anew=True) for seed in range(40)]
    assert {each.done for each in made} == {("grown",)}
    assert len({each.source for each in made}) > 25
    pieces = Rules.of(task).vocabulary.written  # type: ignore[union-attr]
    assert not any(each.source.partition("return ")[2].strip() in pieces for each in made)


def test_temperatures_and_sizes_of_outputs_are_pieces_of_a_loss() -> None:
    """Generic operators, of which none is a published loss: fitted are the temperature, and how much size costs."""
    head = "import torch\nimport torch.nn.functional as F\n\n\ndef loss(logits, labels):\n    return "
    source = (
        f"{head}torch.mean(torch.sum(F.softmax(logits * 0.5, dim=1) * F.one_hot(labels, 10).to(logits.dtype), dim=1) "
        "* -1.5 + torch.sum(torch.square(logits), dim=1) * 0.02)\n"
    )
    rules = Rules.of(loss_task("digits_label_noise"))
    form = skeleton(source, rules)
    assert form is not None
    assert form.values == (0.5, -1.5, 0.02)
    made = [mutate(source, rules, seed).source for seed in range(20)]
    assert all("dim=1" in each or "softmax" not in each for each in made)


@pytest.mark.parametrize("seed", range(3))
def test_what_keeps_a_logarithm_finite_stays_around_it(seed: int) -> None:
    """Whatever is bred: it is wrapped by a clamp whose least value is positive, and so for roots and powers."""
    start = (
        "import torch\n\n\ndef loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta):\n"
        "    one = torch.log(torch.clamp(policy_chosen - reference_chosen, min=0.0001))\n"
        "    two = torch.sqrt(torch.clamp(policy_rejected, min=1e-06))\n"
        "    three = torch.pow(torch.clamp(policy_chosen, min=1e-06), 0.5)\n"
        "    return torch.mean(beta * one - two + three + torch.exp(-torch.abs(reference_rejected)))\n"
    )
    leasts, within = set(), set()
    for source in bred(loss_task("preference_pairs"), start, seed):
        for node in ast.walk(ast.parse(source)):
            outer = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or outer not in ("torch.log", "torch.sqrt", "torch.pow", "torch.exp"):
                continue
            inner = node.args[0]
            if outer == "torch.exp":
                assert ast.unparse(inner).startswith("-torch.abs("), source
                continue
            assert isinstance(inner, ast.Call), source
            assert ast.unparse(inner.func) == "torch.clamp", source
            (least,) = inner.keywords
            assert least.arg == "min", source
            assert 0 < ast.literal_eval(least.value) <= 0.1, source
            leasts.add(ast.unparse(least.value))
            within.add(ast.unparse(inner.args[0]))
    assert len(leasts) > 2, "it is a number like others, and may be fitted"
    assert len(within) > 3, "what is guarded changes"


def test_names_of_ones_own_and_a_marked_region_keep_a_vocabulary_out() -> None:
    other = "def reward(o, a, n, i):\n    return 1.0 * (n[:, 0] > 0.5)\n"
    assert all("next_obs" not in each for each in bred(CAR, other, 0))
    marked = f"X = 1\n# EVOLVE-BLOCK-START\n{environment_spec('mountain_car').baselines['sparse']}# EVOLVE-BLOCK-END\n"
    assert all("np." not in each for each in bred(CAR, marked, 0))


def test_a_vocabulary_that_cannot_be_read_is_named() -> None:
    for wrong, says in (
        ({"pieces": {"obs[": "row"}}, "`obs\\[` is no Python expression"),
        ({"calls": {"{row} + 1": "row"}}, "is no call"),
        ({"imports": ["from os import *"]}, "is not `import MODULE as NAME`"),
        ({"pieces": {"obs": "matrix"}}, "pieces"),
    ):
        with pytest.raises(ValidationError, match=says):
            Vocabulary.model_validate(wrong)
