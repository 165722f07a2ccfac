"""A workspace as improvements leave it: real sandboxes, gates and datasets; its recorded model learns by heart."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from rich.console import Console

from gristmill.graph.commands.progress import Display
from gristmill.graph.models.replay.proposer import ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_of
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.forecast import Forecast, Rates
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.improve.rounds import run_rounds
from gristmill.trainers.improve.splits import split_tasks
from gristmill.trainers.methods.base import Method, Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.saving import CONFIG, WEIGHTS, new_adapter, write_provenance
from gristmill.trainers.recipes.isheep.config import Measuring
from gristmill.trainers.recipes.ser.loop import run_ser
from gristmill.trainers.recipes.ser.records import Begun, SerRecords
from gristmill.trainers.recipes.ser.reinforcing import KIND as REINFORCING
from gristmill.trainers.recipes.ser.reinforcing import Begun as RlBegun
from gristmill.trainers.recipes.ser.reinforcing import Checkpoint, RlConfig
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Task
from tests.graph.view.filled import HOSTILE
from tests.trainers.recipes.test_isheep import Stopping, configured, turned
from tests.trainers.recipes.test_ser import CONFIG as SMALL
from tests.trainers.recipes.test_ser import bench_of

SIZES = {"train": 2, "gate": 6, "test": 3}
TASKS = [
    # Words of their own: near-copies of held-out prompts are left out of what is learned.
    Task(id=f"{split}/{at}", kind="math", prompt=f"{split} {at} {'x' * at}: how much?", answer=f"{at}", split=split)
    for split, size in SIZES.items()
    for at in range(size)
]
UNLEARNED = "gate/0"
"""The one task that the base model solves, and no adapter."""


class ByHeart(Record):
    """A method that learns by heart: an adapter without weights."""

    kind: Literal["by heart"] = "by heart"

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        trained = TrainedAdapter(path=out, rows=len(rows), loss=((1, 0.5),), seconds=0.0)
        with new_adapter(out) as folder:
            folder.mkdir()
            for name in (CONFIG, WEIGHTS):
                (folder / name).write_text("")
            write_provenance(
                folder, method="by heart", config=self, base=base, rows=rows, trained=trained, libraries=()
            )
        return trained


def pupil(adapter: str | None) -> ReplayProposer:
    """Right with an adapter, and at a second try; one gate task is the other way round."""
    right = [
        Recorded(task_id=task.id, text=f"Surely {HOSTILE} \\boxed{{{task.answer}}}")
        for task in TASKS
        if (task.id != UNLEARNED) or adapter is None
    ]
    guess = [row.model_copy(update={"sample": 1}) for row in right]
    known = [row for row in right if row.task_id == UNLEARNED]
    wrong = Recorded(text=f"Surely {HOSTILE} \\boxed{{77}}")
    return ReplayProposer(Recording([*right, wrong] if adapter else [*known, *guess, wrong]), adapter=adapter)


async def improve(store: Store, home: Path, base: Path, pool: Pool) -> None:
    """The improvement `night` of two rounds, of which the first is kept."""
    method: Method = ByHeart()
    default = ImproveConfig()
    config = default.model_copy(
        update={
            "method": method,
            "run": default.run.changed(hypotheses=2),
            "alpha": 0.5,
            "rounds": 2,
            "gate": GateConfig(gate="rounds"),
        }
    )
    mill = Mill(
        name="night",
        config=config,
        splits=split_tasks(TASKS),
        home=home,
        store=store,
        pool=pool,
        proposer=pupil,
        base=base,
        progress=Display(Console(file=io.StringIO())),
    )
    mill.records.begin(default.model_copy(update={"rounds": 2}), TASKS, resume=False)
    minutes = {"search": 3.0, "training": 2.0, "gate": 1.0, "test": 0.5}
    rates = Rates(hypotheses=1, rows=1)
    mill.records.write("forecast", Forecast(minutes=minutes, memory=1e9, disk=1e6, rates=rates))
    await run_rounds(mill)


async def sheep(folder: Path, pool: Pool) -> None:
    """The run `sheep` of I-SHEEP: of one iteration, and what is measured is little."""
    asked_little = configured(measuring=Measuring(gate_prompts=16, test_prompts=6), iterations=1)
    await turned(folder, pool, asked_little, Stopping(), [])


def rewards(store: Store, home: Path, base: Path) -> None:
    """The SER `rewards`, of a tiny model that is really trained."""
    records = SerRecords(store, "rewards")
    records.begin(Begun(config=SMALL, pairs="", base=str(base)), resume=False)
    run_ser(bench_of(home, store, base, name="rewards", records=records))


def reinforced(store: Store) -> None:
    """What the RL stage `rl` keeps while it goes on; how it trains is tested beside it."""
    store.documents.put(REINFORCING, "rl", "begun", RlBegun(config=RlConfig(checkpoints=3), of=""))
    for number, (reward, passed) in enumerate([(0.1, 5), (0.5, 12), (0.9, 4)]):
        share = Share(passed=passed, total=20, low=passed / 20 - 0.1, high=passed / 20 + 0.1)
        verdicts = {str(task): task < passed for task in range(20)}
        made = Checkpoint(number=number, adapter=None, reward=reward, passed=share, verdicts=verdicts)
        store.documents.put(REINFORCING, "rl", f"{number}/measured", made)


def learn(folder: Path, tiny: Path) -> None:
    """All of it in a workspace; from a thread of its own, as a browser's loop may run in this one."""

    async def judged(store: Store) -> None:
        async with Pool.open("bubblewrap", 2) as pool:
            await improve(store, home_of(folder), folder, pool)
            await sheep(folder, pool)

    def work() -> None:
        with Store.open(folder) as store:
            asyncio.run(judged(store))
            rewards(store, home_of(folder), tiny)
            reinforced(store)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()
