"""Each method takes its steps on rows of its shape, and leaves a whole adapter with its provenance."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gristmill.sandbox.errors import UserError
from gristmill.trainers.merging import merge
from gristmill.trainers.methods.base import Method
from gristmill.trainers.methods.choices import METHODS
from gristmill.trainers.methods.dpo import DpoMethod
from gristmill.trainers.methods.fitting.shapes import FORMATS, mistake
from gristmill.trainers.methods.grpo import GrpoMethod
from gristmill.trainers.methods.kto import KtoMethod
from gristmill.trainers.methods.lora import Lora
from gristmill.trainers.methods.reward_model import RewardModelMethod, scores
from gristmill.trainers.methods.rloo import RlooMethod
from gristmill.trainers.methods.saving import is_whole, read_provenance
from gristmill.verifiers.standing.judge import standing

pytestmark = pytest.mark.filterwarnings("ignore")
for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package)

SMALL: dict[str, Any] = {
    "lora": Lora(rank=2),
    "batch": 2,
    "learning_rate": 1e-2,
    "threads": 1,
    "warmup": 0.0,
    "max_tokens": 120,
    "micro_tokens": 1,
}
METHODS_HERE: list[Method] = [
    DpoMethod(**SMALL),
    KtoMethod(**SMALL),
    RewardModelMethod(**SMALL),
    GrpoMethod(**SMALL, group=2, answer_tokens=4),
    RlooMethod(**SMALL, group=2, answer_tokens=4),
]
DOUBLE = {
    "id": "double",
    "kind": "code",
    "prompt": "Write f(n): twice n.",
    "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [n], "expected": 2 * n} for n in (2, 5)]}],
}


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def row(kind: str, number: int, more: str = "") -> dict[str, Any]:
    """A row of the method's format."""
    prompt = {"prompt": [{"role": "user", "content": f"number {number}{more}"}]}
    if FORMATS[kind][0] == "preference":
        return prompt | {"chosen": said(f"xs[{number}]"), "rejected": said("no")}
    if kind == "kto":
        return prompt | {"completion": said(f"xs[{number}]"), "label": number % 2 == 0}
    return prompt | {"specification": json.dumps(DOUBLE | {"id": f"double{number}"}), "task": f"double{number}"}


@pytest.fixture
def judge(bubblewrap: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GRISTMILL_SANDBOX", "bubblewrap")
    yield
    standing().close()


@pytest.mark.parametrize("method", METHODS_HERE, ids=lambda method: method.kind)
def test_steps_leave_a_whole_adapter_and_long_rows_are_refused(
    method: Method, tiny_model: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if method.kind in ("grpo", "rloo"):
        request.getfixturevalue("judge")
    rows = [row(method.kind, number) for number in range(4)]
    trained = method.train([*rows, row(method.kind, 5, "x" * 200)], base=tiny_model, out=tmp_path / "a")
    assert (trained.rows, trained.refused, len(trained.loss)) == (4, 1, 2)
    assert is_whole(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    provenance = read_provenance(tmp_path / "a")
    assert (provenance["method"], provenance["dataset"]["refused"]) == (method.kind, 1)
    assert provenance["config"]["seed"] == 0
    assert {"trl", "peft", "torch"} <= set(provenance["versions"])


def test_each_method_says_which_field_of_a_row_is_wrong() -> None:
    assert set(FORMATS) == set(METHODS)
    for kind, (format, messages, plain) in FORMATS.items():
        if kind == "sft":
            continue
        whole = row(kind, 0)
        assert mistake(whole, kind) is None
        for field in (*messages, *plain):
            problem = mistake(whole | {field: 7}, kind)
            assert problem is not None
            assert f"`{field}`" in problem
            assert f"--format {format}" in problem


def test_a_reward_model_scores_what_was_verified_above_what_was_refuted(tiny_model: Path, tmp_path: Path) -> None:
    rows = [row("reward_model", number) for number in range(4)]
    method = RewardModelMethod(**SMALL | {"micro_tokens": 512, "batch": 4, "epochs": 8.0})
    method.train(rows, base=tiny_model, out=tmp_path / "a")
    better, worse = (
        scores([[*each["prompt"], *each[field]] for each in rows], base=tiny_model, adapter=tmp_path / "a")
        for field in ("chosen", "rejected")
    )
    assert sum(one > other for one, other in zip(better, worse, strict=True)) >= 3


def test_the_command_names_file_line_and_field_of_a_row_that_has_another_shape(
    workspace: Path, forked_gristmill: str
) -> None:
    (workspace / "rows.jsonl").write_text("\n".join(json.dumps(row("kto", number)) for number in range(2)) + "\n")
    for arguments, problem in (
        (["--method", "dpo"], "rows.jsonl: line 1: `chosen` must be a list of messages"),
        (["--method", "ppo"], "--method: 'ppo' is none of sft, dpo, kto"),
        (["--method", "kto", "--group", "4"], "--group: the method kto has no such knob"),
        (["--method", "kto", "--start", "none"], "no adapter 'none'"),
    ):
        command = [forked_gristmill, "train", "rows.jsonl", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2
        assert problem in " ".join(done.stderr.split())
    assert not (workspace / ".gristmill" / "adapters" / "adapter").exists()


def test_a_merged_model_answers_as_base_and_adapter_do(tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    DpoMethod(**SMALL).train([row("dpo", number) for number in range(2)], base=tiny_model, out=tmp_path / "a")
    merged = merge(tmp_path / "a", tmp_path / "merged")
    assert not [path.name for path in merged.iterdir() if path.suffix in (".bin", ".pt", ".pth")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "merged"]
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        plain: Any = AutoModelForCausalLM.from_pretrained(tiny_model)
        base = plain(ids).logits
        beside = PeftModel.from_pretrained(plain, str(tmp_path / "a"))(ids).logits
        one = AutoModelForCausalLM.from_pretrained(merged)(ids).logits
    torch.testing.assert_close(one, beside, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(one, base, rtol=1e-3, atol=1e-3)
    with pytest.raises(UserError, match="exists already"):
        merge(tmp_path / "a", merged)


def test_kto_wants_both_labels_and_two_rows(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 with `label` true and 0 with false"):
        KtoMethod(**SMALL).train([row("kto", 0), row("kto", 2)], base=tiny_model, out=tmp_path / "a")
    with pytest.raises(UserError, match="2 at least"):
        KtoMethod(**SMALL | {"batch": 1}).train([row("kto", 0), row("kto", 1)], base=tiny_model, out=tmp_path / "b")


def test_a_specification_that_is_no_task_is_named_by_its_row(tiny_model: Path, tmp_path: Path) -> None:
    rows = [row("grpo", 0), row("grpo", 1) | {"specification": "{}"}]
    with pytest.raises(UserError, match=r"row 2: `specification` is no task row: id"):
        GrpoMethod(**SMALL, answer_tokens=4).train(rows, base=tiny_model, out=tmp_path / "a")
