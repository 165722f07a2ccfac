"""What only the owner may read: in a file of its own, in the store, in words; and nowhere that a model reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.explaining import evidence_lines
from gristmill.graph.commands.resuming import cut_evidence
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from gristmill.trainers.data.export import FORMATS, export_rows
from gristmill.verifiers import Candidate, Evidence, Outcome, Task, Verifiers
from gristmill.verifiers.records import CheckEvidence, Fault

SPECIFIED = ("specification", "reward_model", "verifier_metadata")


def call(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done


def write(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def task(name: str, *tests: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "code", "prompt": f"Write f for {name}.", "tests": list(tests), **more}


def cases(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    rows = [{"args": [given], "expected": wanted} for given, wanted in pairs]
    return {"type": "cases", "entry_point": "f", "cases": rows}


@pytest.mark.bubblewrap
def test_a_file_of_evidence_has_a_row_a_verdict_and_is_resumed_with_it(tmp_path: Path, bubblewrap: str) -> None:
    tasks = write(tmp_path / "tasks.jsonl", [task("double", cases((3, 6), (5, 4711)))])
    replies = [{"task_id": "double", "id": "a", "text": "def f(n):\n    return 2 * n"}]
    replies += [
        {"task_id": "double", "id": "b", "text": "I cannot."},
        {"task_id": "double", "id": "c", "text": "def f("},
    ]
    candidates = write(tmp_path / "replies.jsonl", replies)
    out, evidence = tmp_path / "v.jsonl", tmp_path / "e.jsonl"
    asked = ["verify", tasks, candidates, "--out", str(out), "--evidence", str(evidence), "--sandbox", "bubblewrap"]
    done = call(*asked, "--workers", "1")
    assert "keep it from models" in done.stderr
    rows = read(evidence)
    assert [(row["task_id"], row["id"], row["outcome"]) for row in rows] == [
        (row["task_id"], row["id"], row["outcome"]) for row in read(out)
    ]
    wrong = rows[0]["checks"][1]
    assert wrong == {
        "name": "tests[0]/case 2",
        "outcome": "failed",
        "place": "tests[0].cases[1]",
        "asked": "f(5)",
        "value": "returned 10",
        "expected": "4711",
        "detail": "f(5) returned 10, expected 4711",
    }
    assert "4711" not in out.read_text()
    # A command that was killed between the two rows is gone on with.
    out.write_text("".join(line + "\n" for line in out.read_text().splitlines()[:1]))
    evidence.write_text(evidence.read_text()[:-20])
    call(*asked, "--workers", "1", "--resume")
    assert [row["id"] for row in read(evidence)] == [row["id"] for row in read(out)] == ["a", "b", "c"]


def test_evidence_is_refused_where_it_would_meet_other_eyes_or_be_lost(tmp_path: Path) -> None:
    tasks = write(tmp_path / "tasks.jsonl", [task("double", cases((3, 6)))])
    replies = write(tmp_path / "replies.jsonl", [{"task_id": "double", "id": "a", "text": "x"}])
    out = str(tmp_path / "v.jsonl")
    for path in ("-", out, tasks, replies):
        done = call("verify", tasks, replies, "--out", out, "--evidence", path, "--force", code=2)
        assert "--evidence" in done.output
    (tmp_path / "e.jsonl").write_text("mine")
    done = call("verify", tasks, replies, "--out", out, "--evidence", str(tmp_path / "e.jsonl"), code=2)
    assert "exists already" in done.output
    assert (tmp_path / "e.jsonl").read_text() == "mine"
    assert not Path(out).exists()


def test_an_evidence_file_is_cut_to_the_verdicts_that_stay(tmp_path: Path) -> None:
    kept = [Candidate(task_id="t", id=name, text="") for name in "ab"]
    row = {"task_id": "t", "outcome": "failed"}
    path = tmp_path / "e.jsonl"
    write(path, [{**row, "id": name} for name in "abc"])
    cut_evidence(str(path), kept)
    assert [each["id"] for each in read(path)] == ["a", "b"]
    cut_evidence(str(path), [])
    assert path.read_text() == ""
    for text in ("", json.dumps({**row, "id": "b"}) + "\n", "{", json.dumps({**row, "id": "a"})):
        path.write_text(text)
        with pytest.raises(UserError, match="line 1: not the evidence"):
            cut_evidence(str(path), kept)
    with pytest.raises(UserError, match="is not there"):
        cut_evidence(str(tmp_path / "other.jsonl"), kept)
    cut_evidence(str(tmp_path / "other.jsonl"), [])


@pytest.mark.bubblewrap
def test_check_explains_references_and_names_tests_that_are_at_fault(tmp_path: Path, bubblewrap: str) -> None:
    idle = {"type": "python", "entry_point": "f", "code": "import math\nassert f(1) == 2\nassert math.floor(2.5) == 2"}
    double = "def f(n):\n    return 2 * n"
    file = write(
        tmp_path / "tasks.jsonl",
        [
            task("good", cases((1, 2)), reference=double),
            task("torn", cases((1, 2), (1, 3)), reference=double),
            task("idle", idle, reference=double),
            task("big", cases((1, 2)), reference="def f(n):\n    return [0] * 10**9", limits={"memory_mb": 64}),
        ],
    )
    asked = ["tasks", "check", file, "--run-references", "--sandbox", "bubblewrap", "--workers", "1"]
    said = call(*asked, "--explain", code=1).output
    assert "2 of 4 references pass" in said
    assert (
        "    tests[0].cases[1]: failed\n      asked     f(1)\n      came      returned 2\n      expected  3\n" in said
    )
    assert "      fault     the test contradicts another test\n      next      decide which of the two is right" in said
    assert "  idle: passed, and yet its tests are not in order\n    tests[0].code: line 3: passed" in said
    assert "      limit     64 MiB (`limits.memory_mb`)\n      next      raise limits.memory_mb of the task" in said
    assert "  good:" not in said
    assert "goes with --run-references" in call("tasks", "check", file, "--explain", code=2).output


def test_words_of_evidence_steer_no_terminal_and_stay_on_their_lines() -> None:
    nasty = "\x1b]52;c;aGk=\x07[red]x[/red]\n:smile: " + "y" * 5000
    texts = dict.fromkeys(("place", "asked", "value", "expected", "limit", "detail"), nasty)
    shown = CheckEvidence(name="tests[0]/a", outcome=Outcome.FAILED, fault=Fault.RAISES, **texts)
    lines = list(evidence_lines(Evidence.of("code/1", [shown] * 30), reference=True))
    assert all("\n" not in line and len(line) < 500 for line in lines)
    assert lines[-1] == "and 10 more"


MARKS = {"cases": "zqA7001", "stdio": "zqB7002", "python": "zqC7003", "pytest": "zqD7004"}


def hidden(kind: str, mark: str) -> dict[str, Any]:
    """A test with a mark among its inputs, and one in what it expects."""
    given, wanted = f"{mark}given", f"{mark}wanted"
    if kind == "cases":
        return cases((given, wanted))
    if kind == "stdio":
        return {"type": "stdio", "cases": [{"stdin": given, "stdout": wanted}]}
    code = f"import math\nwant = {wanted!r}\nassert f({given!r}) == want"
    if kind == "python":
        return {"type": "python", "entry_point": "f", "code": code}
    body = code.replace("\n", "\n    ")
    text = f"from solution import f\ndef test_it():\n    {body}\n"
    return {"type": "pytest", "entry_point": "f", "files": {"test_it.py": text}}


MAIN = "\nif __name__ == '__main__':\n    print(f(input()))"
ANSWERS = [
    "def f(x):\n    return x[::-1]" + MAIN,
    "def f(x):\n    raise ValueError(x)" + MAIN,
    "def f(x):\n    print(x)\n    return print" + MAIN,
    "def f(x):\n    return x[:7] + 'wan' + 'ted'" + MAIN,
]


@pytest.mark.bubblewrap
async def test_what_is_hidden_is_in_evidence_and_nowhere_that_a_model_or_another_reads(
    tmp_path: Path, bubblewrap: str
) -> None:
    """Every kind of test, and candidates that say on what they are given: as values, errors and printed text."""
    tasks = [
        Task.model_validate(
            task(kind, hidden(kind, mark), public_tests=[cases(("abc", "cba"))] if kind == "cases" else [])
        )
        for kind, mark in MARKS.items()
    ]
    asked: list[str] = []

    def answer(request: Request) -> str:
        asked.extend(message.content for message in request.messages)
        return f"```python\n{ANSWERS[(2 * request.round + request.sample) % len(ANSWERS)]}\n```"

    with Store.open(tmp_path) as store:
        config = RunConfig.of(model="openai:x@http://x/v1", hypotheses=2, rounds=2)
        async with Pool.open("bubblewrap", 1) as pool:
            await run_campaign(
                tasks, config, name="night", store=store, proposer=ScriptedProposer(answer), verifiers=Verifiers(pool)
            )
        steps = {each.id: store.steps("night", each.id) for each in tasks}
        trajectories = list(store.trajectories("night"))
        texts = [
            json.dumps([verdict.model_dump(mode="json") for _, verdict in each if verdict]) for each in steps.values()
        ]
        texts += [event.model_dump_json() for _, event in store.events("night")]
        texts += [each.model_dump_json(exclude={"task"}) for each in trajectories] + asked
        for format in FORMATS:
            exported = export_rows(trajectories, format, accept="judged")
            # Rows of tasks hold how they are judged, for who trains: what a model is asked does not.
            texts += [json.dumps([{**row, **dict.fromkeys(SPECIFIED)} for row in exported])]
        texts += [call("show", "night", "--task", name, "--workspace", str(tmp_path)).output for name in steps]
        kept = {
            name: store.evidence("night", [hypothesis.id for hypothesis, _ in each]) for name, each in steps.items()
        }
    assert len(asked) >= 4 * 4
    for name, mark in MARKS.items():
        assert not [text for text in texts if mark in text]
        rows = [row for evidence in kept[name].values() for row in evidence.checks if row.outcome is not Outcome.PASSED]
        assert len(kept[name]) == 4
        assert any(f"{mark}wanted" in row.expected for row in rows)
        assert any(f"{mark}given" in row.asked + row.value for row in rows)
    shown = call("show", "night", "--task", "cases", "--evidence", "--workspace", str(tmp_path)).output
    assert "  = tests[0].cases[0]: failed\n" in shown
    assert f"{MARKS['cases']}wanted" in shown
    rows_shown = json.loads(
        call("show", "night", "--task", "cases", "--evidence", "--json", "--workspace", str(tmp_path)).stdout
    )
    assert all(row["evidence"]["verifier"] == "code/1" for row in rows_shown)
    assert "name it with --task" in call("show", "night", "--evidence", "--workspace", str(tmp_path), code=2).output
