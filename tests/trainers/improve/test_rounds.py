"""The mill turns with any model and any method, and goes on from the store alone."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import uuid
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from gristmill.graph.commands.progress import Display
from gristmill.graph.models.replay.proposer import ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.records import Reply, Request
from gristmill.graph.storage.store import Store
from gristmill.graph.view.registry import Asked, registered
from gristmill.graph.view.rendering import Pages
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Record
from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.improve.rounds import run_rounds
from gristmill.trainers.improve.splits import split_tasks
from gristmill.trainers.methods.base import Method, Rows, Steps, TrainedAdapter
from gristmill.trainers.methods.saving import CONFIG, WEIGHTS, new_adapter
from gristmill.trainers.viewing.views import VIEWS
from gristmill.verifiers.records import Task

for package in ("scipy", "pyarrow"):
    pytest.importorskip(package)

SIZES = {"train": 2, "gate": 6, "test": 3}
TASKS = [
    # Words of their own: near-copies of held-out prompts are left out of what is learned.
    Task(id=f"{split}/{at}", kind="math", prompt=f"{split} {at} {'x' * at}: how much?", answer=f"{at}", split=split)
    for split, size in SIZES.items()
    for at in range(size)
]


class Copying(Record):
    """A method that learns by heart: an adapter without weights."""

    kind: Literal["copying"] = "copying"

    def train(
        self, rows: Rows, *, base: Path, out: Path, progress: Steps | None = None, adapter: Path | None = None
    ) -> TrainedAdapter:
        with new_adapter(out) as folder:
            folder.mkdir()
            for name in (CONFIG, WEIGHTS):
                (folder / name).write_text("")
        return TrainedAdapter(path=out, rows=len(rows), loss=((1, 0.5),), seconds=0.0)


class Pupil(ReplayProposer):
    """Wrong at first; right with an adapter, and now and then where it may guess. Counts what it is asked."""

    def __init__(self, adapter: str | None, asked: list[str], *, knows: bool = False) -> None:
        right = [Recorded(task_id=task.id, text=f"\\boxed{{{task.answer}}}") for task in TASKS]
        guess = [row.model_copy(update={"sample": 1}) for row in right]
        super().__init__(
            Recording(right if adapter or knows else [Recorded(text="\\boxed{77}"), *guess]), adapter=adapter
        )
        self._asked = asked

    async def propose(self, request: Request) -> Reply:
        self._asked.append(f"{self.adapter} {request.task_id} {request.sample}")
        return await super().propose(request)


class Killed(Exception):
    pass


class Stopping(Display):
    """Ends the process's work where a stage begins."""

    def __init__(self, at: str = "never") -> None:
        super().__init__(Console(file=io.StringIO()))
        self.at, self.titles = at, list[str]()

    def stage(self, title: str) -> None:
        self.titles.append(title)
        if self.at in title:
            raise Killed


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgresql")


@pytest.mark.bubblewrap
async def test_what_was_killed_goes_on_from_the_store_and_buys_nothing_again(
    location: str, tmp_path: Path, bubblewrap: str
) -> None:
    method: Method = Copying()
    default = ImproveConfig()
    config = default.model_copy(update={"method": method, "run": default.run.changed(hypotheses=2)})
    name, home, asked = f"mill-{uuid.uuid4().hex[:12]}", tmp_path / "home", list[str]()

    async with Pool.open("bubblewrap", 1) as pool:

        async def turn(progress: Stopping) -> Mill:
            with Store.open(location) as store:
                mill = Mill(
                    name=name,
                    config=config,
                    splits=split_tasks(TASKS),
                    home=home,
                    store=store,
                    pool=pool,
                    proposer=lambda adapter: Pupil(adapter, asked),
                    base=tmp_path,
                    progress=progress,
                )
                mill.records.begin(default, TASKS, resume=mill.records.begun() is not None)
                improvement = await run_rounds(mill)
                assert await run_rounds(mill) == improvement
            return mill

        seen = []
        stops = ["hypotheses for", "training", "the new adapter", "the base model on the test", "the kept adapter"]
        for stop in stops:
            with pytest.raises(Killed):
                await turn(Stopping(stop))
            shutil.rmtree(home / "improvements", ignore_errors=True)
            with Store.open(location) as store:
                seen.append(shown(store, "improvement", name))
        last = Stopping()
        mill = await turn(last)

    assert last.titles == ["the kept adapter on the test set"]
    assert len(asked) == len(set(asked)) == 6 + 3 + 2 * 2 + 6 + 3
    with Store.open(location) as store:
        mill.store = store
        improvement = await run_rounds(mill)
        whole, campaign = shown(store, "improvement", name), shown(store, "run", f"{name}-round-1")
    stages = ["campaign", "campaign", "evaluate and gate", "the test set", "the test set"]
    assert [
        text.partition("At work: ")[2].partition(" of 1 round")[0].removeprefix("round 1: ") for text in seen
    ] == stages
    assert "On 3 held-out tasks, 0.0% before and 100.0% after" in whole
    assert "rows kept 2" in whole
    assert f"campaign {name}-round-1: 2 of 2 tasks solved, 2 of 4 hypotheses verified" in whole
    assert "2 of 2 tasks solved; 4 calls" in campaign
    (round_,) = improvement.rounds
    assert (improvement.test_before.passed, improvement.test_after.passed) == (0, 3)
    assert (round_.hypotheses, round_.verified, round_.rows) == (4, 2, 2)
    assert round_.gate
    assert round_.gate.kept
    assert mill.adapters.current() == Path(str(improvement.adapter)) == Path(str(round_.adapter))
    assert sorted(path.name for path in mill.folder.iterdir()) == ["summary.json"]


def shown(store: Store, kind: str, name: str) -> str:
    """What the page of `gristmill view` says of an improvement or a run."""
    views = registered(VIEWS)
    it = views[kind].page(store, Asked(kind, name))
    page = Pages(views).page(views[kind].template, it)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split()).replace(" :", ":")


class Keeping(ReplayProposer):
    """As `Pupil`, of tasks that can only be judged together with their tests."""

    def __init__(self, adapter: str | None) -> None:
        right = f"```python\n{KEPT}```"
        wrong = [Recorded(text="```python\ndef f():\n    return [1]\n```"), Recorded(text=right, sample=1)]
        super().__init__(Recording([Recorded(text=right)] if adapter else wrong), adapter=adapter)


KEPT = "kept = [1]\n\n\ndef f():\n    return kept\n"
SAME = "def check(candidate):\n    first = candidate()\n    assert candidate() is first\n"


@pytest.mark.bubblewrap
@pytest.mark.parametrize("accept", ["verified", "together"])
async def test_passes_that_are_accepted_are_learned_from_and_decide_at_the_gate(
    accept: str, tmp_path: Path, bubblewrap: str
) -> None:
    tests = [{"type": "python", "entry_point": "f", "code": SAME}]
    rows = [
        {"id": split, "kind": "code", "prompt": f"{split}, {word} of its own", "tests": tests, "split": split}
        for split, word in (("train", "words"), ("gate", "phrases"), ("test", "terms"))
    ]
    run = ImproveConfig().run.changed(hypotheses=2, accept=accept, model="replay:x")
    # One task that is won is enough for this gate.
    config = ImproveConfig().model_copy(update={"method": Copying(), "run": run, "alpha": 0.5})
    config = config.model_copy(update={"gate": GateConfig(gate="rounds"), "curate": CurateConfig(against="mbpp")})
    async with Pool.open("bubblewrap", 1) as pool:
        with Store.open(tmp_path) as store:
            mill = Mill(
                name="night",
                config=config,
                splits=split_tasks([Task.model_validate(row) for row in rows]),
                home=tmp_path / "home",
                store=store,
                pool=pool,
                proposer=Keeping,
                base=tmp_path,
                progress=Stopping(),
            )
            mill.records.begin(ImproveConfig(run=run), [], resume=False)
            improvement = await run_rounds(mill)
            summary, page = store.summary("night-round-1"), shown(store, "improvement", "night")
    (round_,) = improvement.rounds
    assert (round_.verified, summary.verified, improvement.accept) == (0, 0, accept)
    if accept == "verified":
        assert (round_.rows, round_.unverified, improvement.adapter) == (0, {}, None)
        assert round_.dropped["not verified"] == 2
        return
    assert round_.unverified == {"together": 1} == round_.weaker_rows
    assert summary.unverified == {"together": 1}
    assert round_.gate
    assert round_.gate.kept
    assert round_.gate.strengths == improvement.strengths == (("together", 0, 1),)
    assert "1 `together` (0 before)" in round_.gate.reason
    dataset = Path(str(round_.dataset))
    (row,) = [json.loads(line) for line in (dataset / "data/train.jsonl").read_text().splitlines()]
    assert (row["verified"], row["strength"], row["outcome"]) == (False, "together", "passed")
    assert "0 of 1 rows are verified" in (dataset / "README.md").read_text()
    assert "| neither verified nor together | 1 |" in (dataset / "README.md").read_text()
    report = json.loads((dataset / "decontamination.json").read_text())
    assert (report["checked"], list(report["unchecked"])) == ({"gate": 1, "test": 1}, ["mbpp"])
    assert "together 0 → 1" in page
    assert "Passes of strength together count here" in page


@pytest.mark.bubblewrap
async def test_a_base_model_that_passes_the_whole_gate_set_is_told_before_anything_else_is_spent(
    tmp_path: Path, bubblewrap: str
) -> None:
    asked = list[str]()
    with Store.open(tmp_path) as store:
        async with Pool.open("bubblewrap", 1) as pool:
            mill = Mill(
                name="night",
                config=ImproveConfig(),
                splits=split_tasks(TASKS),
                home=tmp_path / "home",
                store=store,
                pool=pool,
                proposer=lambda adapter: Pupil(adapter, asked, knows=True),
                base=tmp_path,
                progress=Stopping(),
            )
            for _ in range(2):  # and so it is after --resume, where nothing is asked again
                with pytest.raises(UserError, match="passes all 6 tasks of the gate set"):
                    await run_rounds(mill)
                assert sorted(asked) == [f"None gate/{at} 0" for at in range(6)]
