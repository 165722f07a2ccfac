"""Training leaves a whole adapter that says where it comes from, or nothing."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from gristmill.sandbox.errors import UserError
from gristmill.trainers.methods.base import Method
from gristmill.trainers.methods.fitting.checkpoints import Checkpoints
from gristmill.trainers.methods.lora import Lora
from gristmill.trainers.methods.saving import PROVENANCE
from gristmill.trainers.methods.sft import SftMethod

for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package)

# Annotated, so that mypy sees that a configuration may hold it.
AS_METHOD: Method = SftMethod()
TWO_STEPS = SftMethod(
    lora=Lora(rank=2), epochs=1, batch=2, learning_rate=1e-2, max_tokens=120, warmup=0.0, schedule="constant"
)


def row(question: str, answer: str) -> dict[str, Any]:
    system = {"role": "system", "content": "Answer with one expression over xs. Examples: all of them: sum(xs)."}
    return {
        "prompt": [system, {"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
        "task_id": question,
    }


ROWS = [row(f"number {number}", f"xs[{number}]") for number in range(4)]


def test_two_steps_leave_a_whole_adapter_with_its_provenance(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    weights = (tiny_model / "model.safetensors").read_bytes()
    out, steps = tmp_path / "adapters" / "first", []
    out.parent.mkdir()
    with warnings.catch_warnings():
        # As in a user's process, where warnings are printed: none may be.
        warnings.simplefilter("default")
        trained = TWO_STEPS.train(
            [*ROWS, row("long", "x" * 200)],
            base=tiny_model,
            out=out,
            progress=lambda *step: steps.append(step),
        )
    assert capfd.readouterr() == ("", "")
    assert (trained.path, trained.rows, trained.refused) == (out, 4, 1)
    assert [step for step, _ in trained.loss] == [1, 2]
    assert steps == [(step, 2, loss) for step, loss in trained.loss]
    assert [path.name for path in out.parent.iterdir()] == ["first"]
    names = {path.name for path in out.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", PROVENANCE} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl", ".pth"))], "pickles can run code"
    assert (tiny_model / "model.safetensors").read_bytes() == weights

    provenance = json.loads((out / PROVENANCE).read_text("utf-8"))
    lines = "\n".join(json.dumps(each, sort_keys=True, ensure_ascii=False) for each in ROWS)
    assert provenance["method"] == "sft"
    assert provenance["base"]["path"] == str(tiny_model)
    assert provenance["base"]["sha256"] == hashlib.sha256(hashlib.sha256(weights).digest()).hexdigest()
    assert provenance["dataset"] == {"rows": 4, "refused": 1, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
    assert provenance["config"] == TWO_STEPS.model_dump(mode="json")
    assert set(provenance["versions"]) == {"gristmill", "torch", "transformers", "trl", "peft"}
    assert [tuple(step) for step in provenance["metrics"]["loss"]] == list(trained.loss)


def test_what_is_learned_is_the_completion_and_the_adapter_loads(tiny_model: Path, tmp_path: Path) -> None:
    import torch

    from gristmill.graph.models.local.weights import load_model

    rows = [row("which?", "max(xs)")] * 8
    method = TWO_STEPS.model_copy(update={"epochs": 5, "lora": Lora(rank=8), "learning_rate": 3e-2})
    trained = method.train(rows, base=tiny_model, out=tmp_path / "a")
    assert trained.loss[-1][1] < trained.loss[0][1] / 2

    def surprise(adapter: str | None) -> float:
        model, tokenizer = load_model(tiny_model, adapter)
        messages = [*rows[0]["prompt"], *rows[0]["completion"]]
        prompt = tokenizer.apply_chat_template(rows[0]["prompt"], add_generation_prompt=True, return_dict=True)
        ids = torch.tensor([tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]])
        labels = ids.clone()
        labels[0, : len(prompt["input_ids"])] = -100
        with torch.inference_mode():
            return float(model(ids, labels=labels).loss)

    assert surprise(str(tmp_path / "a")) < surprise(None) / 2


def test_the_same_seed_gives_the_same_losses(tiny_model: Path, tmp_path: Path) -> None:
    method = TWO_STEPS.model_copy(update={"threads": 1})
    first, second = (method.train(ROWS, base=tiny_model, out=tmp_path / name) for name in "ab")
    assert first.loss == second.loss


def test_a_taken_folder_is_the_users_mistake_and_stays_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="never overwritten"):
        TWO_STEPS.train(ROWS, base=tiny_model, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_rows_that_are_all_too_long_are_refused_and_never_cut(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all 4 rows are longer than max_tokens=10"):
        TWO_STEPS.model_copy(update={"max_tokens": 10}).train(ROWS, base=tiny_model, out=tmp_path / "a")
    with pytest.raises(UserError, match="nothing to train on"):
        TWO_STEPS.train([], base=tiny_model, out=tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_a_training_that_ends_early_leaves_no_adapter(tiny_model: Path, tmp_path: Path) -> None:
    def enough(step: int, steps: int, loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TWO_STEPS.train(ROWS, base=tiny_model, out=tmp_path / "a", progress=enough)
    assert not (tmp_path / "a").exists()
    # What it left half done is in nobody's way.
    assert TWO_STEPS.train(ROWS, base=tiny_model, out=tmp_path / "a").rows == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_step_in_small_parts_loses_what_the_whole_step_loses(tiny_model: Path, tmp_path: Path) -> None:
    whole = TWO_STEPS.model_copy(update={"threads": 1, "batch": 4, "epochs": 2})
    parted = whole.model_copy(update={"micro_tokens": 1})
    (_, one), (_, two) = whole.train(ROWS, base=tiny_model, out=tmp_path / "a").loss
    losses = [loss for _, loss in parted.train(ROWS, base=tiny_model, out=tmp_path / "b").loss]
    assert losses == [pytest.approx(one, rel=1e-3), pytest.approx(two, rel=2e-2)]


def test_a_killed_training_goes_on_and_ends_where_it_would_have(tiny_model: Path, tmp_path: Path) -> None:
    method = TWO_STEPS.model_copy(
        update={"threads": 1, "epochs": 3, "schedule": "linear", "checkpoint_seconds": 0.0, "lora": Lora(rank=2)}
    )

    def killed(step: int, steps: int, loss: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method.train(ROWS, base=tiny_model, out=tmp_path / "a", progress=killed)
    heard: list[int] = []
    went_on = method.train(
        ROWS, base=tiny_model, out=tmp_path / "a", progress=lambda step, steps, loss: heard.append(step)
    )
    assert heard == [4, 5, 6], "it went on behind its last checkpoint"
    unkilled = method.train(ROWS, base=tiny_model, out=tmp_path / "b")
    assert went_on.loss == unkilled.loss
    one, other = ((tmp_path / name / "adapter_model.safetensors").read_bytes() for name in "ab")
    assert one == other
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_only_a_whole_checkpoint_of_the_same_training_is_gone_on_from(tmp_path: Path) -> None:
    of = {"rows": "1"}
    folder = Checkpoints(tmp_path / "a", of).folder
    for step, whole in ((9, True), (10, True), (11, False)):
        (folder / f"checkpoint-{step}").mkdir()
        if whole:
            (folder / f"checkpoint-{step}" / "trainer_state.json").touch()
    assert Checkpoints(tmp_path / "a", of).last() == folder / "checkpoint-10"
    assert Checkpoints(tmp_path / "a", {"rows": "2"}).last() is None
    assert Checkpoints(tmp_path / "a", of).last() is None, "another's checkpoints are removed"


def test_training_goes_on_from_an_adapter_which_stays_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    method = TWO_STEPS.model_copy(update={"epochs": 4, "threads": 1})
    first = method.train(ROWS, base=tiny_model, out=tmp_path / "a")
    weights = (tmp_path / "a" / "adapter_model.safetensors").read_bytes()
    second = method.train(ROWS, base=tiny_model, out=tmp_path / "b", adapter=tmp_path / "a")
    assert second.loss[0][1] < first.loss[0][1] * 0.99
    assert (tmp_path / "a" / "adapter_model.safetensors").read_bytes() == weights
    said = json.loads((tmp_path / "b" / PROVENANCE).read_text("utf-8"))["adapter"]
    assert said == {"path": str(tmp_path / "a"), "sha256": hashlib.sha256(weights).hexdigest()}
    with pytest.raises(UserError, match="holds no adapter to go on from"):
        method.train(ROWS, base=tiny_model, out=tmp_path / "c", adapter=tmp_path / "none")
