"""An improvement by another method than SFT: what was verified and refuted is trained on, and meets the gate."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from gristmill.graph.commands.progress import Display
from gristmill.graph.models.base import Proposer
from gristmill.graph.models.local.proposer import LocalProposer
from gristmill.graph.models.replay.proposer import ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.trainers.data.export import export_rows
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.rounds import run_rounds
from gristmill.trainers.improve.splits import split_tasks
from gristmill.trainers.measure.evaluation import Evaluation
from gristmill.trainers.methods.dpo import DpoMethod
from gristmill.trainers.methods.grpo import GrpoMethod
from gristmill.trainers.methods.lora import Lora
from gristmill.trainers.methods.saving import digest_of, read_provenance
from gristmill.verifiers.records import Task

pytestmark = [pytest.mark.slow, pytest.mark.bubblewrap, pytest.mark.filterwarnings("ignore")]
for package in ("torch", "transformers", "trl", "peft", "datasets", "scipy", "pyarrow"):
    pytest.importorskip(package)

TASKS = [
    # Words of their own: near-copies of held-out prompts are left out of what is learned.
    Task(id=f"{split}{at}", kind="math", prompt=f"{split} {at} {'x' * at}: how much?", answer=f"{at}", split=split)
    for split, size in {"train": 3, "gate": 6, "test": 3}.items()
    for at in range(size)
]
KNOBS = {"lora": Lora(rank=2), "learning_rate": 0.05, "batch": 2, "threads": 1, "warmup": 0.0, "max_tokens": 1024}


def searcher() -> ReplayProposer:
    """Right on the second try alone."""
    right = [Recorded(task_id=task.id, sample=1, text=f"\\boxed{{{task.answer}}}") for task in TASKS]
    return ReplayProposer(Recording([Recorded(text="\\boxed{77}"), *right]))


@pytest.mark.parametrize("method", [DpoMethod(**KNOBS), GrpoMethod(**KNOBS, group=2, answer_tokens=4)])
async def test_what_was_verified_and_refuted_is_trained_on_and_the_adapter_meets_the_gate(
    method: DpoMethod | GrpoMethod, tiny_model: Path, tmp_path: Path, bubblewrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_SANDBOX", "bubblewrap")
    default = ImproveConfig()
    config = default.model_copy(update={"method": method, "run": default.run.changed(hypotheses=2, max_tokens=8)})
    told = io.StringIO()

    def proposer(adapter: str | None) -> Proposer:
        return LocalProposer(tiny_model, adapter=adapter) if adapter else searcher()

    with Store.open(tmp_path) as store:
        async with Pool.open("bubblewrap", 1) as pool:
            mill = Mill(
                name="m",
                config=config,
                splits=split_tasks(TASKS),
                home=tmp_path / "home",
                store=store,
                pool=pool,
                proposer=proposer,
                base=tiny_model,
                progress=Display(Console(file=told)),
            )
            improvement = await run_rounds(mill)
        format = {"dpo": "preference", "grpo": "grpo"}[method.kind]
        rows = export_rows(store.trajectories("m-round-1"), format, prompts=config.curate.prompts, profile="small")
        asked = mill.records.read("round-1/gate-after", Evaluation)

    if method.kind == "dpo":
        pairs = {row["task"]: (row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows}
        assert pairs == {f"train{at}": (f"\\boxed{{{at}}}", "\\boxed{77}") for at in range(3)}
    (round_,) = improvement.rounds
    assert round_.adapter is not None
    provenance = read_provenance(Path(round_.adapter))
    assert provenance["method"] == method.kind
    assert provenance["dataset"] == {"rows": 3, "refused": 0, "sha256": digest_of(rows)}
    # The model with the adapter answered; one that changes nothing could not have been loaded.
    assert asked is not None
    assert len(asked.results) == 6
    assert all("77" not in reply for result in asked.results for reply in result.replies)
    assert round_.gate is not None
    assert not round_.gate.kept
    assert improvement.adapter is None
