"""Rounds that draw their own tasks: sets that share nothing, keys that were fixed beforehand, waves, hints, kills."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import pytest
from typer.testing import CliRunner

from gristmill.graph.comparing import detectable
from gristmill.graph.models.replay.proposer import ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.records import Reply, Request
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from gristmill.trainers.data.curate import CurateConfig
from gristmill.trainers.improve.config import Drawn, ImproveConfig, Strata
from gristmill.trainers.improve.context import Mill
from gristmill.trainers.improve.drawn import DrawnSplits
from gristmill.trainers.improve.forecast import DISCORDANCE, can_show, forecast, measured_rates
from gristmill.trainers.improve.gating.config import GateConfig
from gristmill.trainers.improve.rounds import run_rounds
from gristmill.trainers.improve.splits import split_tasks
from gristmill.trainers.records import Improvement
from gristmill.verifiers.records import Task
from tests.trainers.improve.test_rounds import Copying, Killed, Stopping, shown

for package in ("scipy", "pyarrow"):
    pytest.importorskip(package)

HINT = "the answer is the number itself"


class Numbers:
    """Tasks of two strata, of which a test can say which a model is able to solve."""

    difficulties = usual = (1,)
    few_shot = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def strata(self, difficulty: int | None = None) -> tuple[str, ...]:
        return (f"{self.name}/easy", f"{self.name}/hard")

    def draw(
        self,
        *,
        split: Literal["train", "gate", "test"],
        seed: int,
        draw: int,
        count: int,
        difficulty: int | None = None,
        only: Collection[str] | None = None,
        seen: Collection[str] = (),
    ) -> list[Task]:
        tasks: list[Task] = []
        for at in range(10 * count):
            number = int.from_bytes(hashlib.sha256(f"{self.name}/{split}/{seed}/{draw}/{at}".encode()).digest()[:4])
            stratum = sorted(only)[at % len(only)] if only else self.strata()[at % 2]
            prompt = f"{split} {self.name} {stratum}: {number:b} {'z' * (number % 7)}, how much?"
            if prompt not in seen and len(tasks) < count:
                tasks.append(
                    Task(
                        id=f"{self.name}-{stratum.rpartition('/')[2]}-{split}-{number}",
                        kind="math",
                        prompt=prompt,
                        answer=str(number),
                        split=split,
                        tags=(f"family:{self.name}", f"stratum:{stratum}"),
                        settings={"hint": HINT},
                    )
                )
        return tasks


DRAWN = Drawn(family=("plus",), held_out_family=("times",), train_tasks=4, gate_tasks=6, test_tasks=4)
FEW = Strata(stratum_rows=4, first_tries=1, waves=3, hint_after=1)


def splits(secret: bytes = b"s", drawn: Drawn = DRAWN) -> DrawnSplits:
    return DrawnSplits(drawn, seed=0, secret=secret, find=Numbers)


def test_rounds_draw_tasks_that_no_set_shares_and_that_their_secret_alone_decides() -> None:
    one, again = splits(), splits()
    late = again.train_of(2)
    sets = [one.test, *(one.gate_of(each) for each in range(3)), *(one.train_of(each) for each in range(3))]
    prompts = [task.prompt for tasks in sets for task in tasks]
    assert len(prompts) == len(set(prompts)) == 8 + 3 * 6 + 3 * 4
    assert one.train_of(2) == late, "the order in which rounds are asked for changes nothing"
    assert splits(b"other").gate_of(0) != one.gate_of(0)
    assert {tag for task in sets[1] for tag in task.tags if tag.startswith("family:")} == {"family:plus"}
    assert sum("family:times" in task.tags for task in one.test) == 4
    wave = one.of_strata(0, 1, {"plus/hard": 2, "times/easy": 1}, ())
    assert [stratum for stratum, _ in wave] == ["plus/hard"] * 2
    assert not {task.prompt for _, task in wave} & set(prompts)
    # Who has the records can see that a gate set was fixed before, and draw it again.
    opened, said = one.opened("round-2/gate"), one.commitments(3).sha256
    assert hashlib.sha256(bytes.fromhex(opened.key)).hexdigest() == said["round-2/gate"] == opened.sha256


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (Drawn(family=("plus",), held_out_family=("plus",)), "trained on too"),
        (Drawn(family=("plus", "plus")), "given twice"),
    ],
)
def test_families_that_make_no_sense_together_are_refused(drawn: Drawn, words: str) -> None:
    with pytest.raises(UserError, match=words):
        splits(drawn=drawn)


class Learner(ReplayProposer):
    """Solves what is easy; what is hard only where it is told how, which it repeats, or with an adapter."""

    def __init__(self, adapter: str | None, asked: list[str]) -> None:
        super().__init__(Recording([Recorded(text="")]), adapter=adapter)
        self._asked = asked

    async def propose(self, request: Request) -> Reply:
        said = " ".join(turn.content for turn in request.messages)
        self._asked.append(f"{self.adapter} {request.task_id} {request.sample}")
        number = request.task_id.rpartition("-")[2]
        gate = "gate" in request.task_id or "test" in request.task_id
        able = bool(self.adapter) if gate else "hard" not in request.task_id or HINT in said
        text = f"\\boxed{{{number if able else 1}}}" + (f" since {HINT}" if HINT in said and request.sample else "")
        return Reply(text=text)


@pytest.mark.bubblewrap
async def test_waves_fill_what_lacks_rows_hints_are_in_no_row_and_kills_change_nothing(
    tmp_path: Path, bubblewrap: str
) -> None:
    config = ImproveConfig(rounds=2, drawn=DRAWN, strata=FEW)
    config = config.model_copy(update={"method": Copying(), "run": config.run.changed(hypotheses=8, model="x")})
    config = config.model_copy(update={"curate": CurateConfig(outweigh=20), "alpha": 0.2})

    async with Pool.open("bubblewrap", 1) as pool:

        async def turn(place: str, asked: list[str], stop: str = "never") -> tuple[Mill, Improvement]:
            with Store.open(tmp_path / place) as store:
                mill = Mill(
                    name="night",
                    config=config,
                    splits=splits(),
                    home=tmp_path / place / "home",
                    store=store,
                    pool=pool,
                    proposer=lambda adapter: Learner(adapter, asked),
                    base=tmp_path,
                    progress=Stopping(stop),
                )
                begun = ImproveConfig(rounds=2)  # the page is of what was begun
                mill.records.begin(begun, [], resume=mill.records.begun() is not None)
                return mill, await run_rounds(mill)

        whole, bought = list[str](), list[str]()
        mill, improvement = await turn("whole", whole)
        for stop in (
            "round 1, wave 1",
            "round 1, wave 2",
            "rows to learn",
            "round 2, wave",
            "what is in use",
            "round 2: its",
        ):
            with pytest.raises(Killed):
                await turn("killed", bought, stop)
        _, resumed = await turn("killed", bought)

    def ending(it: Improvement, place: str) -> str:
        return it.model_copy(update={"seconds": {}}).model_dump_json().replace(f"{tmp_path}/{place}/", "")

    assert ending(resumed, "killed") == ending(improvement, "whole")
    assert len(bought) == len(whole), "a reply was bought again"

    first, second = improvement.rounds
    assert first.hypotheses <= 4 * 8
    assert [wave.hinted > 0 for wave in first.waves][:2] == [False, True], "hints come after waves that won nothing"
    assert first.coverage["plus/hard"] > 0
    assert second.rows > first.rows, "rows are of all rounds so far"
    assert first.gate
    assert first.gate.kept
    assert second.gate
    assert not second.gate.kept
    assert first.test
    assert second.test, "what was not kept is tested too"
    assert improvement.families == (("plus", 0, 4), ("times", 0, 4))
    assert second.families == (("plus", 4, 4), ("times", 4, 4))
    assert all(each.key for each in improvement.sealed)
    assert first.dropped["repeats its hint"] > 0
    for text in _rows(mill.folder):
        assert HINT not in text
    with Store.open(tmp_path / "whole") as store:
        wave = [store.trajectories(f"night-round-1-wave-{each}") for each in (1, 2)]
        rates = measured_rates(store, "x", 3.0)
        page = shown(store, "improvement", "night")
        assert (rates.measured, rates.hypotheses > 0) == (("hypotheses",), True)
        told = [any(HINT in str(story.prompts) for story in stories) for stories in wave]
    assert told == [False, True], "the hint was in the prompts"
    shape = {"num_attention_heads": 2, "num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 16}
    (tmp_path / "config.json").write_text(json.dumps(shape), "utf-8")
    said = forecast(ImproveConfig(rounds=2, drawn=DRAWN), mill.splits, tmp_path, rates)
    assert said.rates.measured == ("hypotheses",)
    assert "the rate of rows is assumed" in said.words
    assert "plus/hard" in page


def _rows(folder: Path) -> list[str]:
    found: list[Any] = []
    for path in sorted(folder.glob("round-*/dataset/data/train.jsonl")):
        found += [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert found
    return [json.dumps(row) for row in found]


def test_thirty_tasks_of_ones_own_are_told_what_they_can_show_and_what_to_do() -> None:
    tasks = [Task(id=str(at), kind="math", prompt=f"{at}?", answer="1") for at in range(30)]
    few = split_tasks(tasks)
    assert few.counts["gate"] > 0.25 * 30, "the gate has more of so few"
    said = can_show(few, ImproveConfig(gate=GateConfig(gate="rounds")))
    for words in (f"a gate of {few.counts['gate']} tasks finds a gain", "Ten points take 113 gate tasks", "--family"):
        assert words in said
    enough = can_show(splits(drawn=Drawn(family=("plus",), gate_tasks=330)), ImproveConfig(drawn=DRAWN))
    assert enough.startswith("a gate of 330 tasks finds a gain of 6 points in 80% of cases")
    assert "--family" not in enough


@pytest.mark.parametrize(("tasks", "step"), [(120, 0.02), (400, 0.05), (400, 0.1)])
def test_a_fixed_gate_says_what_its_level_and_its_step_find_together(tasks: int, step: float) -> None:
    """Against rounds that are simulated, and decided as `gate.decide` does it."""
    import numpy as np
    from scipy.stats import binom

    config = ImproveConfig(gate=GateConfig(gate="fixed", gate_step=step))
    own = split_tasks([Task(id=str(at), kind="math", prompt=f"{at}?", answer="1") for at in range(4 * tasks)])
    size, dice = own.counts["gate"], np.random.default_rng(0)

    def kept(gain: float) -> float:
        differing = dice.binomial(size, max(DISCORDANCE, gain), 100_000)
        wins = dice.binomial(differing, (1 + gain / max(DISCORDANCE, gain)) / 2)
        over = (2 * wins - differing) / size > step
        return float((over & (binom.sf(wins - 1, differing, 0.5) <= config.level)).mean())

    least = detectable(size, DISCORDANCE, config.level, margin=step)
    assert least is not None
    assert kept(least) == pytest.approx(0.8, abs=0.006), "four standard errors"
    said = can_show(own, config)
    assert f"a gate of {size} tasks finds a gain of {100 * least:.0f} points in 80% of cases" in said
    assert f"a step of more than {100 * step:g} points" in said
    alone = detectable(size, DISCORDANCE, config.level)
    assert alone is not None
    assert (kept(alone) < 0.75) is (step >= 0.05), "a great step is what decides, a small one of few tasks is not"


def test_an_open_gate_says_what_its_e_values_find_as_the_tasks_grow() -> None:
    said = []
    for most in (40, 1600):
        config = ImproveConfig(drawn=DRAWN, gate=GateConfig(gate="open", gate_most=most))
        said.append(can_show(splits(drawn=config.as_drawn), config))
    assert said[0].startswith(
        "an open gate of at most 40 tasks, 40 at a time, finds a gain of 25 points in 80% of cases"
    )
    assert "an e-value of 33 in the first round" in said[0]
    assert "Ten points take 320 gate tasks" in said[0]
    assert said[1].startswith("an open gate of at most 1600 tasks, 160 at a time, finds a gain of 4 points")
    assert "Ten points" not in said[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Give a task file, or --family"),
        (["tasks.jsonl", "--family", "list-functions"], "leave one of them out"),
        (["--family", "list-functions", "--reflections"], "never answers a wrong answer"),
        (["--family", "list-function"], "did you mean list-functions?"),
    ],
)
def test_what_cannot_be_had_together_is_told_before_anything(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.jsonl").write_text('{"id": "a", "kind": "math", "prompt": "1+1?", "answer": "2"}\n')
    done = CliRunner().invoke(app, ["improve", *options])
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
