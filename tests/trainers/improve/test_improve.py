"""Splits, the records of an improvement, the report."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.trainers.cli import app
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.improve.gate import decide, fewest_wins
from gristmill.trainers.improve.gating.config import GateConfig, Mode
from gristmill.trainers.improve.records import StageRecords
from gristmill.trainers.improve.report import write_summary
from gristmill.trainers.improve.splits import split_tasks
from gristmill.trainers.measure.evaluation import TaskResult
from gristmill.trainers.records import ComparedAnswers, GateSummary, Improvement, RoundSummary, Share
from gristmill.trainers.viewing.charts import loss_chart
from gristmill.trainers.viewing.report import write_report
from gristmill.verifiers.records import Task


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path if request.param == "sqlite" else request.getfixturevalue("postgresql")) as opened:
        yield opened


def unique(name: str) -> str:
    """The database may hold what earlier tests kept."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


def task(id: str, **fields: object) -> Task:
    return Task.model_validate({"id": id, "kind": "math", "prompt": f"What is {id}?", "answer": "1", **fields})


@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), min_size=120, unique=True))
def test_drawn_splits_are_a_partition_in_which_no_family_is_on_two_sides(
    seed: int, pairs: list[tuple[int, int]]
) -> None:
    tasks = [task(f"{family}-{member}", tags=(f"combo:{family}",)) for family, member in pairs]
    try:
        splits = split_tasks(tasks, seed)
    except UserError:
        return  # a draw may leave a split empty, which is refused
    sides = [{t.id for t in part} for part in (splits.train, splits.gate, splits.test)]
    assert sum(map(len, sides)) == len(set().union(*sides)) == len(tasks)
    families = [{t.tags[0] for t in part} for part in (splits.train, splits.gate, splits.test)]
    assert sum(map(len, families)) == len(set().union(*families))


def test_named_splits_are_taken_as_they_are() -> None:
    splits = split_tasks([task(name, split=name) for name in ("train", "gate", "test")])
    assert (splits.train[0].id, splits.gate[0].id, splits.test[0].id) == ("train", "gate", "test")
    assert splits.counts == {"train": 1, "gate": 1, "test": 1}


def test_a_split_on_some_tasks_only_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="'b'"):
        split_tasks([task("a", split="train"), task("b")])


def test_a_missing_split_is_refused_and_said() -> None:
    with pytest.raises(UserError, match="'gate'"):
        split_tasks([task("a", split="train"), task("b", split="test")])


def test_a_draw_that_leaves_a_split_empty_says_so_and_what_to_do() -> None:
    with pytest.raises(UserError, match=r"the draw of 2 tasks in 1 families left .* empty: give more tasks, another"):
        split_tasks([task("a", tags=("family:x",)), task("b", tags=("family:x",))])


@given(st.floats(1e-9, 0.999), st.sampled_from(["rounds", "open"]))
def test_a_gate_has_tasks_enough_exactly_where_an_adapter_that_wins_all_is_kept(alpha: float, mode: Mode) -> None:
    config = GateConfig(gate=mode)

    def kept(tasks: int) -> bool:
        lost, won = (
            [TaskResult(task_id=str(at), replies=("",), passed=(passed,)) for at in range(tasks)]
            for passed in (False, True)
        )
        return decide(lost, won, alpha=alpha, config=config).kept

    level = ImproveConfig(alpha=alpha, gate=config).level
    fewest = fewest_wins(level, mode)
    assert kept(fewest)
    assert fewest == 1 or not kept(fewest - 1)


def test_too_few_tasks_are_told_before_anything_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tasks = [task(f"{split}{at}", split=split) for split in ("train", "gate", "test") for at in range(4)]
    (tmp_path / "tasks.jsonl").write_text("".join(f"{each.model_dump_json(exclude_none=True)}\n" for each in tasks))
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    done = CliRunner().invoke(app, ["improve", "tasks.jsonl", "--base", "base"])
    assert done.exit_code == 2
    assert "too few tasks: 4" in done.output
    assert "that takes 6 tasks at least" in done.output
    with Store.open(tmp_path) as store:
        assert store.runs() == []
        assert StageRecords(store, "improve").begun() is None


def test_an_improvement_is_begun_once_and_resumed_with_the_same_knobs_and_tasks(store: Store) -> None:
    tasks, config = [task("a")], ImproveConfig()
    records = StageRecords(store, unique("x"))
    records.begin(config, tasks, resume=False)
    with pytest.raises(UserError, match="--resume"):
        records.begin(config, tasks, resume=False)
    records.begin(config, tasks, resume=True)
    with pytest.raises(UserError, match="alpha"):
        records.begin(ImproveConfig(alpha=0.1), tasks, resume=True)
    with pytest.raises(UserError, match=r"temperature = 0\.8"):
        records.begin(ImproveConfig(run=config.run.changed(temperature=0.3)), tasks, resume=True)
    with pytest.raises(UserError, match="other tasks"):
        records.begin(config, [task("b")], resume=True)
    with pytest.raises(UserError, match="no improvement"):
        StageRecords(store, unique("y")).begin(config, tasks, resume=True)
    with pytest.raises(UserError, match="use letters"):
        StageRecords(store, "../up").begin(config, tasks, resume=False)


def test_an_improvement_is_resumed_with_more_rounds_and_then_has_not_ended(store: Store) -> None:
    tasks, records, share = [task("a")], StageRecords(store, unique("x")), Share(passed=1, total=2, low=0.1, high=0.9)
    records.begin(ImproveConfig(rounds=2), tasks, resume=False)
    for stage in ("summary", "test-before", "round-1/gate"):
        records.write(stage, share)
        records.took(stage, 1.0)
    records.begin(ImproveConfig(rounds=2), tasks, resume=True)
    assert records.read("summary", Share) == share
    with pytest.raises(UserError, match="rounds = 2, 1 is less"):
        records.begin(ImproveConfig(rounds=1), tasks, resume=True)
    records.begin(ImproveConfig(rounds=3), tasks, resume=True)
    assert records.read("summary", Share) is None
    assert records.read("test-before", Share) == share
    assert records.read("round-1/gate", Share) == share
    assert list(records.seconds()) == ["test-before", "round-1/gate"]
    with pytest.raises(UserError, match="rounds = 3, 2 is less"):
        records.begin(ImproveConfig(rounds=2), tasks, resume=True)


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        # Fragments and data: stay in the page; namespaces are names, not addresses.
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value and not value.startswith(("#", "data:")):
                self.links.append(value)


def improvement() -> Improvement:
    def share(passed: int, total: int) -> Share:
        return Share(passed=passed, total=total, low=passed / total / 2, high=(1 + passed / total) / 2)

    gate = GateSummary(
        kept=True,
        reason="<b>bold</b>",
        before=share(1, 4),
        after=share(3, 4),
        delta=0.5,
        low=0.1,
        high=0.9,
        p_value=0.01,
        strengths=(("tested", 1, 1), ("together", 0, 2)),
    )
    return Improvement(
        name="night & day",
        model="local",
        seed=0,
        splits={"train": 2, "gate": 4, "test": 4},
        test_before=share(1, 4),
        test_after=share(3, 4),
        test_combinations=2,
        groups=(("even/sum", 0, 2, 2), ("odd/max", 1, 1, 2)),
        rounds=(
            RoundSummary(
                round=0,
                run="r",
                hypotheses=16,
                verified=4,
                unverified={"together": 5},
                tasks=2,
                solved=2,
                rows=4,
                weaker_rows={"together": 3},
                tokens=1234,
                adapter="/a",
                dataset="/d",
                loss=((1, 2.0), (2, 1.0)),
                gate=gate,
                dropped={"duplicate": 3},
            ),
        ),
        accept="together",
        strengths=(("split", 0, 2),),
        adapter="/a",
        examples=(
            ComparedAnswers(
                task="t",
                prompt="<script>alert(1)</script>",
                before="</pre><script>x</script>",
                after="sum(xs)",
                before_passed=False,
                after_passed=True,
            ),
        ),
        seconds={"baseline": 3.0, "train": 5.0},
    )


def ended(store: Store) -> StageRecords:
    records = StageRecords(store, unique("ended"))
    records.begin(ImproveConfig(run=ImproveConfig().run.changed(accept="together")), [], resume=False)
    records.write("summary", improvement().model_copy(update={"name": records.name}))
    return records


def test_the_report_is_the_page_as_one_file_that_runs_nothing_that_a_model_wrote(store: Store, tmp_path: Path) -> None:
    records = ended(store)
    for _ in range(2):  # one that is there is replaced
        path = write_report(store, "improvement", records.name, tmp_path / "new")
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
    page = path.read_text("utf-8")
    whole = Elements()
    whole.feed(page)
    assert "script" not in whole.names
    assert whole.links == [], "nothing is loaded, and no link leads to what is not there"
    nonce = re.search(r'<style nonce="([\w-]+)">', page)
    assert nonce
    assert f"style-src 'nonce-{nonce[1]}';" in html.unescape(page), "the policy lets its own styles in"
    assert "font: 16px/1.5 system-ui" in page
    assert '.path li + li::before { content: "›"' in page, "styles are not escaped"
    main = page[page.index("<main") : page.index("</main>")]
    elements = Elements()
    elements.feed(main)
    assert "script" not in elements.names
    assert elements.names.count("svg") == 3
    assert "&lt;script&gt;alert(1)" in main
    assert "&lt;/pre&gt;&lt;script&gt;" in main
    for said in (
        "test set: before 25.0% (95%: 12.5% to 62.5%), after 75.0%",
        "gate set of round 1, kept: before 25.0%",
        "odd/max: before 50.0% (1 of 2), after 50.0% (1 of 2); even/sum: before 0.0% (0 of 2), after 100.0%",
        "step 1: 2; step 2: 1",
        "tested 1 → 1, together 0 → 2",
        "besides 5 as together",
        "of which 3 as together",
        "split 0 → 2",
        "They are not verified",
        "3 duplicate",
    ):
        assert said in main or said in html.unescape(main), said
    # Pictures say what was measured: what was better after stands further to the right.
    before = re.findall(r'<g class="line before">.*?cx="([\d.]+)"', main)
    after = re.findall(r'<g class="line after">.*?cx="([\d.]+)"', main)
    assert [float(x) < float(y) for x, y in zip(before, after, strict=True)] == [True, True, False, True]


def test_a_long_training_is_drawn_by_means_of_equal_parts() -> None:
    losses = (*((step, float(step % 2)) for step in range(1, 401)), (401, float("nan")))
    chart = loss_chart({"round 1": losses, "round 2": ()})
    assert chart
    (line,) = chart.lines
    assert [dot.y for dot in line.dots] == [0.5] * 40
    assert line.dots[-1].words == "steps 391 to 400, mean: 0.5"
    assert loss_chart({}) is None


def test_a_folder_that_cannot_be_written_is_infrastructure(store: Store, tmp_path: Path) -> None:
    records = ended(store)
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match="file"):
        write_summary(improvement(), tmp_path / "file" / "x")
    with pytest.raises(InfrastructureError, match="what was done so far is kept"):
        write_report(store, "improvement", records.name, tmp_path / "file" / "x")
    (tmp_path / "x" / "report.html").mkdir(parents=True)
    with pytest.raises(InfrastructureError, match="x: Is a directory"):
        write_report(store, "improvement", records.name, tmp_path / "x")
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["report.html"], "nothing is left over beside it"
    with pytest.raises(UserError, match="no page of the kind 'improvement' for 'other'"):
        write_report(store, "improvement", "other", tmp_path)


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    records = StageRecords(store, unique("x"))
    records.write("summary", improvement())
    assert records.read("summary", Improvement) == improvement()


def test_a_resumed_improvement_keeps_its_knobs_and_a_file_of_knobs_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRISTMILL_SANDBOX", "bubblewrap")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    tasks = [task(name, split=name) for name in ("train", "gate", "test")]
    (tmp_path / "tasks.jsonl").write_text("".join(f"{each.model_dump_json(exclude_none=True)}\n" for each in tasks))
    begun = ImproveConfig(base="base", run=ImproveConfig().run.changed(hypotheses=3))
    with Store.open(tmp_path) as store:
        records = StageRecords(store, "night")
        records.begin(begun, tasks, resume=False)
        records.write("summary", improvement())

    def again(*more: str) -> Result:
        return CliRunner().invoke(app, ["improve", "tasks.jsonl", "--name", "night", "--resume", *more])

    done = again()
    assert done.exit_code == 0, done.output
    assert "has ended; nothing to resume" in done.output
    assert "<svg" in (tmp_path / ".gristmill/improvements/night/report.html").read_text("utf-8")
    refused = again("--hypotheses", "4")
    assert refused.exit_code == 2
    assert "started with hypotheses = 3, not 4" in refused.output
    (tmp_path / "knobs.yaml").write_text("run: {search: {hypotheses: 4}}\n")
    assert again("--config", "knobs.yaml").exit_code == 0
    (tmp_path / "knobs.yaml").write_text("method: {lora: {rank: 0}}\n")
    wrong = again("--config", "knobs.yaml")
    assert wrong.exit_code == 2
    assert "knobs.yaml, line 1: method.lora.rank" in wrong.output
