"""Each format in the hands of the trainer that it is for: one step of training, and what that trainer took for what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.prompts.messages import messages_for, prompt_sha
from gristmill.graph.records import Hypothesis, Sampling, Step, StopReason, Trajectory
from gristmill.trainers.data.export import export_rows, write_dataset
from gristmill.trainers.rewards import reward_function
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from gristmill.verifiers.standing.judge import standing

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TASK = Task.model_validate(
    {
        "id": "double",
        "kind": "code",
        "prompt": "Write `f(n)`: twice n.",
        "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [n], "expected": 2 * n} for n in (2, 5)]}],
    }
)
GOOD, BAD = "```python\ndef f(n):\n    return 2 * n\n```", "```python\ndef f(n):\n    return n\n```"


def _run() -> Trajectory:
    asked = messages_for(TASK, profile="chat", round=0)
    steps = []
    for sample, (text, outcome) in enumerate(((GOOD, Outcome.PASSED), (BAD, Outcome.FAILED))):
        hypothesis = Hypothesis(
            id=f"double/0/{sample}", task_id="double", round=0, sample=sample, text=text, solution=text, parents=(),
            proposer="chat", model="m", sampling=Sampling(), prompt_sha=prompt_sha(asked),
        )  # fmt: skip
        verdict = Verdict(
            outcome=outcome,
            score=float(outcome is Outcome.PASSED),
            strength=Strength.TESTED,
            verifier="code/1",
            sandbox="b",
        )
        steps.append(Step(hypothesis=hypothesis, verdict=verdict))
    return Trajectory(
        run="night", task=TASK, prompts={prompt_sha(asked): asked}, steps=tuple(steps), stop=StopReason.TARGET
    )


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], Any]:
    datasets = pytest.importorskip("datasets")

    def load(format: str) -> Any:
        write_dataset(export_rows([_run()], format), tmp_path / format, format=format, run="night")
        return datasets.load_dataset(str(tmp_path / format), cache_dir=str(tmp_path / "cache"), split="train")

    return load


def _arguments(tmp_path: Path) -> dict[str, Any]:
    return {
        "output_dir": str(tmp_path / "out"), "max_steps": 1, "use_cpu": True, "report_to": "none",
        "save_strategy": "no", "bf16": False, "logging_steps": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("format", "trainer"), [("sft", "SFT"), ("messages", "SFT"), ("preference", "DPO"), ("unpaired", "KTO")]
)
def test_a_step_of_training_with_answers(
    format: str, trainer: str, loaded: Callable[[str], Any], tiny_model: Path, tmp_path: Path
) -> None:
    trl = pytest.importorskip("trl")
    rows = loaded(format)
    more = {"per_device_train_batch_size": 2} if trainer == "KTO" else {"per_device_train_batch_size": 1}
    config = getattr(trl, f"{trainer}Config")(**_arguments(tmp_path), **more)
    done = getattr(trl, f"{trainer}Trainer")(model=str(tiny_model), args=config, train_dataset=rows).train()
    assert done.global_step == 1
    assert done.training_loss > 0


def test_a_step_of_group_relative_optimisation_with_our_verifier_as_reward(
    loaded: Callable[[str], Any], tiny_model: Path, tmp_path: Path, bubblewrap: str
) -> None:
    trl = pytest.importorskip("trl")
    rows = loaded("grpo")
    reward = reward_function(map(Task.model_validate_json, rows["specification"]))
    given: list[list[float | None]] = []

    def watched(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float | None]:
        # What a model of random weights says is wrong; beside it stands what is right.
        right = [[{"role": "assistant", "content": GOOD}], *completions[1:]]
        given.append(reward(prompts, right, **columns))
        return given[-1]

    config = trl.GRPOConfig(
        **_arguments(tmp_path), per_device_train_batch_size=2, num_generations=2, max_completion_length=8
    )
    try:
        done = trl.GRPOTrainer(model=str(tiny_model), args=config, train_dataset=rows, reward_funcs=watched).train()
    finally:
        standing().close()
    assert done.global_step == 1
    assert given == [[1.0, 0.0]]
