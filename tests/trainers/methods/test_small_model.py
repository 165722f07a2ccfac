"""The small real model: a training that is killed and begun again ends as one that was not, and can be merged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gristmill.trainers.merging import merge
from gristmill.trainers.methods.saving import read_provenance
from gristmill.trainers.methods.sft import SftMethod

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package)

PROGRAM = """
import os, sys
from pathlib import Path
from gristmill.trainers.methods.sft import SftMethod
from tests.trainers.methods.test_small_model import METHOD, ROWS

def heard(step, steps, loss):
    if step == 3:
        print("killed", flush=True)
        os.kill(os.getpid(), 9)

METHOD.train(ROWS, base=Path(sys.argv[1]), out=Path(sys.argv[2]), progress=heard)
"""
METHOD = SftMethod(epochs=2.0, batch=2, threads=1, checkpoint_seconds=0.0, warmup=0.0)


def row(number: int) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": f"Which program gives {number}?"}],
        "completion": [{"role": "assistant", "content": f"return {number} * 1"}],
    }


ROWS = [row(number) for number in range(4)]


@pytest.fixture(scope="module")
def went_on(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter whose training was killed at the third of four steps, and begun again."""
    folder = tmp_path_factory.mktemp("adapters")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", PROGRAM, str(small_model), str(folder / "a")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "killed\n"), done.stderr
    assert not (folder / "a").exists()
    heard: list[int] = []
    METHOD.train(ROWS, base=small_model, out=folder / "a", progress=lambda step, steps, loss: heard.append(step))
    assert heard[0] > 1, "it began anew"
    assert [path.name for path in folder.iterdir()] == ["a"]
    return folder / "a"


def test_a_training_that_was_killed_ends_as_one_that_was_not(went_on: Path, small_model: Path, tmp_path: Path) -> None:
    whole = METHOD.train(ROWS, base=small_model, out=tmp_path / "b")
    assert whole.loss[-1][1] < whole.loss[0][1]
    assert [tuple(each) for each in read_provenance(went_on)["metrics"]["loss"]] == list(whole.loss)
    name = "adapter_model.safetensors"
    assert (went_on / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_merged_model_loads_by_itself_and_answers_alike(went_on: Path, small_model: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    merged = merge(went_on, tmp_path / "merged")
    assert (merged / "model.safetensors").is_file()
    tokenizer = AutoTokenizer.from_pretrained(merged)
    encoded: Any = tokenizer.apply_chat_template(ROWS[0]["prompt"], add_generation_prompt=True, return_dict=True)
    ids = torch.tensor([encoded["input_ids"]])
    with torch.inference_mode():
        plain: Any = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32)
        beside = PeftModel.from_pretrained(plain, str(went_on))(ids).logits[0, -1]
        one = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)(ids).logits[0, -1]
    # The sum is rounded to bfloat16, which is what the base has on disk.
    assert torch.nn.functional.cosine_similarity(one, beside, dim=0) > 0.999
    assert int(one.argmax()) == int(beside.argmax())
