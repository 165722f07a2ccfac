"""SER on a tiny model: the whole run, in both depths, and the same end after a kill at every stage."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.trainers.commands.recipes.group import app
from gristmill.trainers.recipes.ser import stages
from gristmill.trainers.recipes.ser.config import SerConfig
from gristmill.trainers.recipes.ser.labelling import Counted, Labelling, Scale
from gristmill.trainers.recipes.ser.loop import run_ser
from gristmill.trainers.recipes.ser.pairs import Pair, pair_of, unique
from gristmill.trainers.recipes.ser.ranking import Ranking
from gristmill.trainers.recipes.ser.records import Begun, Prepared, SerRecords, SerResult, Trained
from gristmill.trainers.recipes.ser.rewarding import CachedRewards
from gristmill.trainers.recipes.ser.scoring import load_reward_model
from gristmill.trainers.recipes.ser.stages import Bench
from gristmill.trainers.recipes.ser.states import States, parted, tokens_of
from tests.collector import Collector
from tests.trainers.improve.test_rounds import shown

pytestmark = pytest.mark.filterwarnings("ignore")
for package in ("torch", "transformers", "peft"):
    pytest.importorskip(package)

CONFIG = SerConfig.model_validate(
    {
        "share": 0.5,
        "rounds": 2,
        "cached_layers": 1,
        "status": {"fewest": 1},
        "training": {"learning_rate": 2e-2, "epochs": 6.0, "later_epochs": 1.0, "lora": {"rank": 2, "dropout": 0.0}},
    }
)


class Quiet:
    """A display that keeps the titles of stages."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, title: str) -> None:
        self.said.append(title)

    def update(self, done: float, total: float, detail: str = "", *, news: bool = True) -> None:
        pass

    def note(self, text: str) -> None:
        self.said.append(text)


def some_pairs(count: int = 48) -> list[Pair]:
    """The winner says yes at its end: even a tiny model learns that by its last token."""
    rows = [
        {"prompt": f"{number}?", "chosen": f"{number} yes!", "rejected": f"{number} no.", "source": "ab"[number % 2]}
        for number in range(count)
    ]
    return unique(pair_of(row, "") for row in rows)[0]


def bench_of(folder: Path, store: Store, base: Path, config: SerConfig = CONFIG, **more: Any) -> Bench:
    given: dict[str, Any] = {
        "name": "a",
        "config": config,
        "pairs": some_pairs(),
        "left_out": {},
        "base": base,
        "home": folder,
        "records": SerRecords(store, "a"),
        "progress": Quiet(),
    }
    return Bench(**(given | more))


@pytest.fixture(scope="module")
def whole(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> SerResult:
    folder = tmp_path_factory.mktemp("whole")
    with Store.open(folder) as store:
        return run_ser(bench_of(folder, store, tiny_model))


def alike(one: SerResult, other: SerResult) -> bool:
    return one.model_copy(update={"model": Path()}) == other.model_copy(update={"model": Path()})


def test_it_labels_the_pool_by_itself_and_measures_on_what_nothing_has_seen(whole: SerResult) -> None:
    assert whole.measured.accuracy.right >= 0.9 * whole.measured.accuracy.of > 0
    assert whole.rounds[0].status in (1, 2)
    assert whole.rounds[0].added > 0
    assert whole.rounds[0].precision["all"].right >= 0.9 * whole.rounds[0].precision["all"].of
    assert set(whole.measured.by_source) == {"a", "b"}
    assert whole.baselines["length"].accuracy.of == whole.counts["held out"]
    assert whole.model.is_dir()


@pytest.mark.parametrize("at", ["train", "score", "label", "evaluate"])
def test_a_run_killed_at_a_stage_ends_as_an_unkilled_one(
    at: str, whole: SerResult, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage does its work and dies before its record is kept, in round 1 where there is one."""
    kept = {"train": "round-1/trained", "score": "round-1/rewarded", "label": "round-1/labelled", "evaluate": "result"}[
        at
    ]

    class Killed(BaseException):
        pass

    class Dying(SerRecords):
        def write(self, stage: str, record: Any) -> None:
            if stage == kept:
                raise Killed
            super().write(stage, record)

    with Store.open(tmp_path) as store:
        with pytest.raises(Killed):
            run_ser(bench_of(tmp_path, store, tiny_model, records=Dying(store, "a")))
        begun = Begun(config=CONFIG, pairs="", base="")
        SerRecords(store, "a").write("begun", begun)
        assert "a going on" in shown(store, "ser", "a")
        again = bench_of(tmp_path, store, tiny_model)
        assert alike(run_ser(again), whole)
        assert not any("round 0: training" in said for said in again.progress.said)  # type: ignore[attr-defined]


def test_pairs_in_another_order_give_the_same_result(whole: SerResult, tiny_model: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        mixed = unique(reversed(some_pairs()))[0]
        assert alike(run_ser(bench_of(tmp_path, store, tiny_model, pairs=mixed)), whole)


def test_states_of_the_lower_layers_and_the_rest_make_the_whole_model(tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel

    pair = some_pairs(2)[0]
    tokens = tokens_of([pair], tiny_model)
    states = States(tmp_path, tiny_model, 1, tokens)
    states.make()
    again = States(tmp_path, tiny_model, 1, tokens)
    again.make()
    assert torch.equal(states.of(pair.id, 1), again.of(pair.id, 1))
    with torch.inference_mode():
        want = AutoModel.from_pretrained(tiny_model)(input_ids=torch.tensor([tokens[pair.id][1]])).last_hidden_state
        got = parted(tiny_model, 1, lower=False)(inputs_embeds=again.of(pair.id, 1)[None]).last_hidden_state
    assert float((want - got).norm() / want.norm()) < 0.05
    with pytest.raises(UserError, match="has 2 layers"):
        parted(tiny_model, 2, lower=True)


def test_full_depth_is_trained_by_trl(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    config = CONFIG.model_copy(update={"cached_layers": None, "rounds": 0})
    with Store.open(tmp_path) as store:
        result = run_ser(bench_of(tmp_path, store, tiny_model, config, pairs=some_pairs(24)))
    assert (result.model / "provenance.json").is_file()
    assert result.stop in ("--rounds 0", "neither status yields data")


def labelled(round_: int, right: int, confidence: float) -> Labelling:
    return Labelling(
        round=round_,
        scale=Scale(centre=0, factor=1),
        status=1,
        yields={},
        labels={},
        added=9,
        swapped=0,
        returned=0,
        rejected={},
        accuracy=Counted(right=right, of=100),
        confidence=confidence,
        precision={},
        on_labels={},
    )


@pytest.mark.parametrize(
    ("right", "confidence", "refused"), [(70, 0.9, True), (79, 0.9, False), (70, 0.7, False), (85, 0.9, False)]
)
def test_it_refuses_to_go_on_when_confidence_rises_and_accuracy_falls(
    tmp_path: Path, right: int, confidence: float, refused: bool
) -> None:
    with Store.open(tmp_path) as store:
        bench = bench_of(tmp_path, store, tmp_path)
        bench.records.write("round-0/labelled", labelled(0, 80, 0.8))
        bench.records.write("round-1/labelled", labelled(1, right, confidence))
        stopped = stages.stop_of(bench, 1)
    assert (stopped is not None) == refused
    if stopped:
        assert stopped[1] == 0
        assert "accuracy fell" in stopped[0]


def test_a_result_is_read_and_a_name_is_taken_once(whole: SerResult, tiny_model: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        records = SerRecords(store, "a")
        begun = Begun(config=CONFIG, pairs="x", base="b")
        with pytest.raises(UserError, match="no SER 'a' to resume"):
            records.begin(begun, resume=True)
        records.begin(begun, resume=False)
        with pytest.raises(UserError, match="exists already"):
            records.begin(begun, resume=False)
        with pytest.raises(Exception, match="other pairs"):
            records.begin(begun.model_copy(update={"pairs": "y"}), resume=True)
        records.write("result", whole)
        assert run_ser(bench_of(tmp_path, store, tiny_model)) == whole
        assert records.read("round-0/trained", Trained) is None
        assert records.read("prepared", Prepared) is None


def test_a_model_that_is_loaded_says_what_it_said_in_training(
    whole: SerResult, tiny_model: Path, tmp_path: Path
) -> None:
    pairs = some_pairs(6)
    states = States(tmp_path, tiny_model, 1, tokens_of(pairs, tiny_model))
    states.make()
    told = CachedRewards(states, CONFIG.training).rewards([pair.id for pair in pairs], whole.model, lambda *_: None)
    score = load_reward_model(whole.model)
    for pair in pairs:
        assert [score(pair.turns(place)) for place in (0, 1)] == pytest.approx(told[pair.id], abs=1e-3)
    with pytest.raises(UserError, match="holds no reward model"):
        load_reward_model(tiny_model)


def test_the_commands_run_to_their_tables(
    workspace: Path, tiny_model: Path, forked_gristmill: str, bubblewrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/ser.md has it, on a tiny model, in this process, which has imported what they take; then its ranks.

    A collector hears of both.
    """
    pytest.importorskip("opentelemetry.sdk", reason="the extra 'otel' is not installed")
    rows = [{"prompt": f"{number}?", "chosen": f"{number} yes!", "rejected": f"{number} no."} for number in range(40)]
    (workspace / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["ser", "p.jsonl", "--base", str(tiny_model), "--cached-layers", "1", "--later-epochs", "1"]
    command += ["--share", "0.5", "--rounds", "1", "--learning-rate", "0.02", "--name", "night"]
    calling = CliRunner()
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        done = calling.invoke(app, [*command, "--trace"], catch_exceptions=False)
    assert done.exit_code == 0
    whole = next(span for span in collector.spans if span.name == "recipe night")
    stages = [span for span in collector.spans if span is not whole]
    assert {span.name for span in stages} == {"training", "rewards"}
    assert {span.parent_span_id for span in stages} == {whole.span_id}
    assert b"yes!" not in collector.raw
    assert "on the held-out labels" in done.stdout
    assert "at most" in done.stdout
    assert "to look: gristmill view" in done.stdout
    again = calling.invoke(app, [*command, "--resume", "--plot", "held-out.svg"], catch_exceptions=False)
    assert "on the held-out labels" in again.stdout
    drawn = (workspace / "held-out.svg").read_text()
    assert all(title in drawn for title in ("SER, round", "the seen labels alone", "length"))

    tests = [{"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}]}]
    task = {"id": "a", "kind": "code", "prompt": "Write f(n) that doubles n.", "tests": tests}
    (workspace / "t.jsonl").write_text(json.dumps(task) + "\n")
    replies = [{"text": f"```python\ndef f(n): return {body}\n```"} for body in ("n", "3 * n", "2 * n")]
    (workspace / "r.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    run = [forked_gristmill, "run", "t.jsonl", "--model", "replay:r.jsonl", "--hypotheses", "3", "--rounds", "1"]
    run += ["--strategy", "best_of", "--name", "first", "--sandbox", "bubblewrap"]
    subprocess.run(run, capture_output=True, timeout=300, check=True)
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        ranked = calling.invoke(app, ["rank", "night", "first", "--json", "--trace"], catch_exceptions=False)
    assert collector.names == ["rewards", "recipe rank"]
    found = Ranking.model_validate_json(ranked.stdout)
    assert (found.tasks, found.hypotheses, found.arrival, found.random) == (1, 3, 3, 2)
    assert found.ranked in (1, 2, 3)
    by_folder = calling.invoke(app, ["rank", ".gristmill/recipes/night/round-0", "first"], catch_exceptions=False)
    assert "what the model was trained on is not known" in by_folder.stdout
    assert "is no verdict" in by_folder.stdout
    with pytest.raises(UserError, match="there is no SER 'day'"):
        calling.invoke(app, ["rank", "day", "first"], catch_exceptions=False)

    # The search itself judges as many in this order as was measured after the fact.
    order = ["--name", "ranked", "--rank", "reward:night", "--judge-first", "1"]
    searched = subprocess.run([*run, *order], capture_output=True, text=True, timeout=300, check=True)
    spared = 3 - int(found.ranked)
    assert f"{spared} of 3 judgements spared in the order of reward:night (self_assessed)" in searched.stdout
    with Store.open(workspace) as store:
        assert (store.summary("ranked").spared, store.summary("ranked").solved) == (spared, 1)
    shown = subprocess.run([forked_gristmill, "show", "ranked", "--json"], capture_output=True, timeout=300, check=True)
    assert json.loads(shown.stdout)["ranking"]["spared"] == spared
