"""Splits, the improvement's folder, the report."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.trainers.improve.config import Folder, ImproveConfig, split_tasks
from gristmill.trainers.improve.report import write_report
from gristmill.trainers.records import Example, GateSummary, Improvement, RoundSummary, Share
from gristmill.verifiers.records import Task


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


def test_a_folder_is_begun_once_and_resumed_with_the_same_knobs_and_tasks(tmp_path: Path) -> None:
    tasks, config = [task("a")], ImproveConfig()
    Folder(tmp_path / "x").make(config, tasks, name="x", resume=False)
    with pytest.raises(UserError, match="--resume"):
        Folder(tmp_path / "x").make(config, tasks, name="x", resume=False)
    Folder(tmp_path / "x").make(config, tasks, name="x", resume=True)
    with pytest.raises(UserError, match="alpha"):
        Folder(tmp_path / "x").make(ImproveConfig(alpha=0.1), tasks, name="x", resume=True)
    with pytest.raises(UserError, match="other tasks"):
        Folder(tmp_path / "x").make(config, [task("b")], name="x", resume=True)
    with pytest.raises(UserError, match="no improvement"):
        Folder(tmp_path / "y").make(config, tasks, name="y", resume=True)


def test_a_folder_is_resumed_with_more_rounds_and_then_has_not_ended(tmp_path: Path) -> None:
    tasks, folder = [task("a")], Folder(tmp_path / "x")
    folder.make(ImproveConfig(rounds=2), tasks, name="x", resume=False)
    for found in ("summary.json", "test-after.json", "test-before.json", "round-1/gate.json"):
        folder.write_json(found, {})
    folder.make(ImproveConfig(rounds=2), tasks, name="x", resume=True)
    assert (folder / "summary.json").exists()
    with pytest.raises(UserError, match="begun with 2 rounds"):
        folder.make(ImproveConfig(rounds=1), tasks, name="x", resume=True)
    folder.make(ImproveConfig(rounds=3), tasks, name="x", resume=True)
    assert not (folder / "summary.json").exists()
    assert not (folder / "test-after.json").exists()
    assert (folder / "test-before.json").exists()
    assert (folder / "round-1/gate.json").exists()
    with pytest.raises(UserError, match="begun with 3 rounds"):
        folder.make(ImproveConfig(rounds=2), tasks, name="x", resume=True)


def test_a_record_that_was_cut_off_while_being_written_does_not_count(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "stage.json.partial").write_text('{"passed": 1')
    assert folder.read("stage.json", Share) is None
    folder.write("stage.json", Share(passed=1, total=2, low=0.1, high=0.9))
    assert folder.read("stage.json", Share) == Share(passed=1, total=2, low=0.1, high=0.9)


def test_a_workspace_that_cannot_be_written_is_infrastructure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError):
        Folder(tmp_path / "file" / "x").make(ImproveConfig(), [task("a")], name="x", resume=False)


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
                round=0, run="r", hypotheses=16, verified=4, tasks=2, solved=2, rows=4, tokens=1234,
                adapter="/a", dataset="/d", loss=((1, 2.0), (2, 1.0)), gate=gate, dropped={"duplicate": 3},
            ),
        ),
        adapter="/a",
        examples=(
            Example(
                task="t", prompt="<script>alert(1)</script>", before="</pre><script>x</script>", after="sum(xs)",
                before_passed=False, after_passed=True,
            ),
        ),
        seconds={"baseline": 3.0, "train": 5.0},
    )  # fmt: skip


def test_the_report_is_self_contained_and_runs_nothing_that_a_model_wrote(tmp_path: Path) -> None:
    page = write_report(improvement(), tmp_path / "report.html").read_text("utf-8")
    elements = Elements()
    elements.feed(page)
    assert "script" not in elements.names
    assert elements.links == []
    assert elements.names.count("svg") == 4
    assert "&lt;script&gt;alert(1)" in page
    assert "25.0%" in page
    assert "75.0%" in page
    assert "3 duplicate" in page


def test_the_same_improvement_gives_the_same_page(tmp_path: Path) -> None:
    first = write_report(improvement(), tmp_path / "a.html").read_bytes()
    assert write_report(improvement(), tmp_path / "b.html").read_bytes() == first


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("summary.json", improvement())
    assert folder.read("summary.json", Improvement) == improvement()
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["name"] == "night & day"
