"""The owner asks for the held-out scores of any hypothesis; nothing that a model is told of changes by that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from gristmill.graph.storage import schema
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app
from gristmill.verifiers.records import Evidence

CODE = "def evaluate(candidate, instance):\n    return candidate(instance)"
TEST = {"type": "score", "entry_point": "f", "direction": "maximize", "code": CODE, "instances": [1, 2]}
TASKS: list[dict[str, Any]] = [
    {"id": "t", "kind": "code", "prompt": "Write f(x).", "tests": [{**TEST, "held_out": [4711.5, 10]}]},
    {"id": "none", "kind": "code", "prompt": "Write f(x).", "tests": [TEST]},
]
REPLIES = [
    {"round": 0, "text": "```python\ndef f(x):\n    return x + 1\n```"},
    {"round": 1, "text": "```python\ndef f(x):\n    return {1: 9, 2: 9}[x]\n```"},
    {"round": 2, "text": "I have no idea."},
    {"round": 3, "text": "```python\ndef f(x):\n    return 2 * x\n```"},
]
STEPS = ("--rounds", "3", "--patience", "9", "--same", "9", "--hypotheses", "1")


def call(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output + done.stderr
    return done


def told(folder: Path) -> dict[str, list[Any]]:
    """All that the store holds but documents, which nothing that asks a model reads."""
    with Store.open(folder) as store, store._reading() as connection:
        tables = [each for each in schema.metadata.sorted_tables if each.name != "documents"]
        return {each.name: list(map(tuple, connection.execute(select(each)))) for each in tables}


@pytest.mark.bubblewrap
def test_any_hypothesis_is_scored_on_what_is_held_out_and_no_model_is_told(bubblewrap: str, workspace: Path) -> None:
    for name, rows in (("t.jsonl", TASKS), ("r.jsonl", REPLIES)):
        (workspace / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = ("run", "t.jsonl", "--model", "replay:r.jsonl", "--sandbox", "bubblewrap", "--name", "first")
    call(*run, *STEPS)
    before = told(workspace)
    (row,) = json.loads(call("show", "first", "--held-out", "t/0/0", "--json").stdout)
    assert (row["search"], row["held_out"], row["scores"]) == (2.5, 2361.75, {"0": 4712.5, "1": 11.0})
    assert (
        "t/0/0: search 2.5, held out 2361.75 (0: 4712.5, 1: 11)" in call("show", "first", "--held-out", "t/0/0").output
    )
    none = call("show", "first", "--held-out", "t/1/0").output
    assert "t/1/0: search 9, held out no score" in none
    assert "tests[0].held_out[0]: error" in none
    assert told(workspace) == before
    with Store.open(workspace) as store:
        assert {"t/0/0", "t/1/0"} <= set(store.documents.list("held-out", "first", Evidence))

    for asked, words in (("t/9/9", "no judged hypothesis"), ("none/0/0", "no `held_out`"), ("t/2/0", "no solution")):
        assert words in call("show", "first", "--held-out", asked, code=2).stderr
    # Where the search goes on, nothing of it is in what is asked.
    call(*run, "--resume", "--rounds", "4")
    shown = json.loads(call("show", "first", "--task", "t", "--prompt", "--json").stdout)
    # The words alone: in a digest any four digits may stand.
    texts = [each["hypothesis"]["text"] for each in shown]
    asked_for = "\n".join([*texts, *(turn["content"] for each in shown for turn in each["prompt"])])
    assert "2 * x" in asked_for
    assert not [each for each in ("2361", "4712", "4711") if each in asked_for]
