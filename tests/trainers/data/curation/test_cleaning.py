"""A dataset folder that says how its rows were chosen: the command, the report, the card, the splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from gristmill.sandbox.errors import UserError
from gristmill.trainers.cli import app
from gristmill.trainers.data.curation.splitting import validation_families
from gristmill.trainers.data.export import write_dataset

LONG = "Take all of the numbers that somebody has given you and come back with what they are when each is times {}."
REPLY = "```python\ndef f(n):\n    return {} * n\n```"


def call(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def task(by: int, split: str, prompt: str) -> dict[str, Any]:
    cases = [{"args": [n], "expected": by * n} for n in (2, 5)]
    return {
        "id": f"times-{by}",
        "kind": "code",
        "prompt": prompt,
        "split": split,
        "tags": [f"combo:{by // 3}", "stratum:small" if by < 6 else "stratum:big", "made"],
        "tests": [{"type": "cases", "entry_point": "f", "cases": cases}],
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bubblewrap: str) -> Path:
    """A workspace of one run of eight tasks, each with a right reply, the same in other words, and a wrong one."""
    home = tmp_path_factory.mktemp("cleaning")
    tasks = [task(by, "train", f"Write `f(n)`: it gives back n, {by} times.") for by in range(2, 8)]
    tasks += [
        task(8, "test", "Write `g(n)`, which is n eight times over."),
        task(9, "train", LONG.format("nine")),
    ]
    replies = []
    for each in tasks:
        by = each["id"].removeprefix("times-")
        wordings = REPLY.format(by), f"```python\ndef f(m):\n    return {by} * m\n```", REPLY.format(0)
        replies += [{"task_id": each["id"], "text": text} for text in wordings]
    for name, rows in (("tasks", tasks), ("replies", replies)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = call(
        *("run", home / "tasks.jsonl", "--name", "night", "--model", f"replay:{home / 'replies.jsonl'}"),
        *("--strategy", "best_of", "--hypotheses", 3, "--rounds", 1, "--sandbox", "bubblewrap", "--workspace", home),
    )
    assert done.exit_code == 0, done.output
    return home


def test_the_command_counts_what_it_leaves_out_and_the_card_says_it_too(home: Path) -> None:
    exam = home / "exam.jsonl"
    exam.write_text(
        json.dumps({"id": "secret-one", "kind": "math", "prompt": LONG.format("ten"), "answer": "1"}) + "\n"
    )
    out = home / "clean"
    done = call(
        *("export", "night", "--out", out, "--held-out", exam, "--against", "mbpp", "--near-duplicate", "1"),
        *("--per-stratum", 3, "--validation", ".3", "--parquet", "--license", "mit", "--workspace", home, "--json"),
    )
    assert done.exit_code == 0, done.output
    assert "not checked against mbpp: its data is not at hand" in done.stderr
    said = json.loads(done.stdout)
    counts = {
        "not verified": 8,
        "shares words with a held-out task": 2,
        "near duplicate": 6,
        "over the bound of its stratum": 1,
    }
    assert said["left_out"] == counts
    assert said["contaminated"] == 2
    assert sum(said["rows"].values()) + sum(counts.values()) == 24
    assert said["strata"] == {"stratum:big": 4, "stratum:small": 3}
    assert said["rows"]["test"] == 2, "held-out rows are neither compared nor bounded"
    report = json.loads((out / "decontamination.json").read_text())
    assert report["checked"] == {"test": 1, "exam.jsonl": 1}
    assert {(match["task"], match["source"], match["held_out"], match["by"]) for match in report["matches"]} == {
        ("times-9", "exam.jsonl", "secret-one", "words")
    }
    card = (out / "README.md").read_text()
    for text in ("**Not checked: mbpp**", "| near duplicate | 6 |", "| stratum&#58;small | 3 |", "| the run | 0 |"):
        assert text in card
    for text in ("somebody has given you", LONG.format("ten")):
        assert not any(text in file.read_text(errors="ignore") for file in out.rglob("*") if file.is_file())
    shown = call(
        *("export", "night", "--out", home / "shown", "--held-out", exam, "--show-words", "--workspace", home),
    )
    assert "left out: " in shown.output
    assert "somebody has given you" in (home / "shown/decontamination.json").read_text()
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(out), cache_dir=str(home / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == said["rows"]
    sides = {name: {row["tags"][0] for row in rows} for name, rows in loaded.items()}
    assert not sides["train"] & sides["validation"]


def test_hugging_faces_own_reader_reads_the_card_as_it_was_meant(home: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    assert call("export", "night", "--out", home / "card", "--license", "mit", "--workspace", home).exit_code == 0
    text = (home / "card/README.md").read_text()
    card = hub.DatasetCard.load(home / "card/README.md")
    front = yaml.safe_load(text.split("---\n")[1])
    assert card.data.to_dict() == front
    assert hub.DatasetCardData(**front).to_dict() == front
    assert (card.data.license, card.data.size_categories) == ("mit", ["n<1K"])
    assert [each["split"] for each in card.data.configs[0]["data_files"]] == ["train", "test"]


def test_what_leaves_nothing_or_cannot_be_says_so(home: Path) -> None:
    held = home / "tasks.jsonl"
    none = call("export", "night", "--out", home / "none", "--held-out", held, "--workspace", home)
    assert none.exit_code == 1
    assert "16 of a held-out task" in none.output
    assert not (home / "none").exists()
    for words, said in (
        (("--format", "preference", "--near-duplicate", ".9"), "is for sft"),
        (("--against", "mmlu"), "no benchmark is called 'mmlu'"),
        (("--held-out", home / "no.jsonl"), "no.jsonl"),
        (("--validation", "1.5"), "between 0 and 1"),
    ):
        done = call("export", "night", "--out", home / "wrong", *words, "--workspace", home)
        assert done.exit_code == 2, (words, done.output, done.exception)
        assert said in done.output
        assert not (home / "wrong").exists()


def test_validation_takes_whole_families_and_about_its_share() -> None:
    rows = [{"task": f"t{n}", "tags": [f"combo:{n % 10}"]} for n in range(200)]
    chosen = validation_families(rows, 0.2)
    assert len(chosen) == 2
    assert chosen == validation_families(list(reversed(rows)), 0.2) != validation_families(rows, 0.2, seed=1)
    assert len(validation_families(rows, 0.01)) == 1
    with pytest.raises(UserError, match="families are not parted"):
        validation_families(rows[::10], 0.2)


def test_one_file_has_no_splits(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no splits"):
        write_dataset([], tmp_path / "rows.jsonl", format="sft", run="night", validation=0.1)
