"""Losses on a language model: the trainer is TRL's with the loss left open, and pairs are what the tools said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gristmill.sandbox.errors import UserError
from gristmill.trainers.preferences import pairs as making
from gristmill.trainers.preferences.answers import fresh_tasks, prompt_of, verified
from gristmill.trainers.preferences.pairs import load_pairs, make_pairs
from gristmill.trainers.preferences.problem import PreferenceLm
from gristmill.trainers.preferences.trainer import trainer_for
from gristmill.verifiers.trained.loss.baselines.programs import function
from gristmill.verifiers.trained.loss.checking import ask
from gristmill.verifiers.trained.loss.trainer import train
from tests.verifiers.trained.test_loss import served

for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package)

ROWS = [
    {"prompt": f"def f(xs):\n    return{'' if number else ' '}", "chosen": " sum(xs)" * (number + 1), "rejected": " xs"}
    for number in range(4)
]


@pytest.mark.parametrize(("ours", "theirs"), [("dpo", "sigmoid"), ("lrml", "discopop")])
def test_with_a_published_loss_value_and_gradients_are_those_of_trl(
    tiny_model: Path, tmp_path: Path, ours: str, theirs: str
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    given: dict[str, Any] = {"folder": str(tmp_path), "batch": 2, "learning_rate": 0.0, "beta": 0.3}
    mine = trainer_for(function(ours), model, tokenizer, ROWS, **given)
    again = trainer_for(function(ours), model, tokenizer, list(mine.train_dataset), **given)
    assert again.train_dataset["ref_chosen_logps"] == mine.train_dataset["ref_chosen_logps"], "they are kept"
    config = DPOConfig(
        output_dir=str(tmp_path),
        beta=0.3,
        loss_type=[theirs],
        precompute_ref_log_probs=True,
        use_cpu=True,
        bf16=False,
        report_to="none",
    )
    other = DPOTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=mine.train_dataset.select_columns(list(ROWS[0])),
        args=config,
    )
    # Away from the reference, where every loss of ratios is the same.
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(weight.numel())))
    found = []
    for trainer in (again, other):
        rows: Any = trainer.train_dataset
        batch = trainer.data_collator([rows[at] for at in range(4)])
        model.zero_grad()
        loss = trainer.compute_loss(model, batch)
        loss.backward()
        found.append(
            (float(loss.detach()), [weight.grad.clone() for weight in model.parameters() if weight.grad is not None])
        )
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for one, two in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-7)


def test_what_is_wrong_with_settings_and_pairs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "pairs_folder", lambda: tmp_path)
    with pytest.raises(UserError, match=r"settings.pairs: a whole number from 8 to 2000, not 3.5"):
        PreferenceLm(pairs=3.5)
    with pytest.raises(UserError, match=r"there are no pairs at .*python -m gristmill.trainers.preferences.pairs"):
        PreferenceLm().data(np.random.default_rng(0))
    row = {"task": "t", "prompt": "p", "chosen": "c", "rejected": "r", "ref_chosen_logps": -1.0}
    (tmp_path / "pairs.jsonl").write_text(
        json.dumps(row | {"ref_rejected_logps": -2.0}) + "\n" + json.dumps(row) + "\n"
    )
    with pytest.raises(UserError, match=r"pairs.jsonl, line 2: KeyError: 'ref_rejected_logps'"):
        load_pairs()


def test_fresh_tasks_are_verified_and_none_was_learned_from(bubblewrap: str) -> None:
    tasks = fresh_tasks(3, 6)
    right = [[(task.reference or "").rpartition("return")[2]] for task in tasks]
    assert verified(tasks, right, "bubblewrap") == [[True]] * 6
    assert verified(tasks, [[" 0 +"]] * 6, "bubblewrap") == [[False]] * 6
    without = frozenset(task.prompt for task in tasks)
    assert not without & {task.prompt for task in fresh_tasks(3, 6, without)}
    assert tasks[0].prompt in prompt_of(tasks[0])


@pytest.mark.slow
@pytest.mark.model
def test_a_loss_trains_the_small_model_from_its_own_verified_pairs(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bubblewrap: str
) -> None:
    folder = tmp_path / "pairs"
    monkeypatch.setattr(making, "pairs_folder", lambda: folder)
    rows = make_pairs(small_model, folder, tasks=24, samples=4, sandbox="bubblewrap")
    assert rows == load_pairs()
    with pytest.raises(UserError, match="holds pairs already"):
        make_pairs(small_model, folder)
    problem = PreferenceLm(pairs=8, tasks=8)
    asked: list[tuple[Any, Any]] = []
    dpo = served(function("dpo"), pairs=True)

    def loss(outputs: Any, targets: Any) -> tuple[float, Any]:
        asked.append((outputs, targets))
        value, gradient = ask(dpo, outputs, targets)
        return value, gradient.astype(np.float32)

    trained = train(loss, problem, 1, split="search")
    assert 0 <= trained.grade <= 1
    first, *_, last = asked
    # Adapters begin at nothing: the model is the reference, whose log-probabilities were kept.
    np.testing.assert_allclose(first[0], first[1][:, 1:3], atol=2e-3)
    assert np.abs(last[0] - last[1][:, 1:3]).max() > 2e-3
