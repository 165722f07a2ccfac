"""`gristmill show` and `runs`: a table of tasks, the best solution, the prompt. Scripted verdicts, a real store."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app
from gristmill.verifiers.records import CasesTest, Direction, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

LONG = "a-name-of-a-run-that-is-as-long-as-names-may-be." + "x" * 50
TEST = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
CODE = [Task(id=name, kind="code", prompt=f"Ask {name}.", tests=(TEST,)) for name in ("easy/1", "hard:[red]2[/red]")]
GRADED = [Task(id="best", kind="program", prompt="Pack.", problem="no", direction=Direction.MINIMIZE, target=1.25)]


async def campaign(folder: Path, tasks: list[Task], name: str = "night") -> None:
    """Two rounds of two: 3, 2.123456789, 1.5, 1.4 are the graded scores."""

    def answer(request: Request) -> str:
        return f"```python\ndef f(x):\n    return {2 * request.round + request.sample}\n```"

    def find(task: Task, solution: str) -> Verdict:
        number = int(re.findall(r"\d+", solution)[-1])
        if task.kind == "program":
            graded = Outcome.FAILED, (3.0, 2.1234567890123, 1.5, 1.4)[number], Direction.MINIMIZE
        else:
            passed = number == 2 and task.id == "easy/1"
            graded = (
                (Outcome.PASSED, 1.0, Direction.MAXIMIZE) if passed else (Outcome.FAILED, 1 / 3, Direction.MAXIMIZE)
            )
        outcome, score, direction = graded
        return Verdict(outcome=outcome, score=score, direction=direction, strength=Strength.TESTED, verifier="v/1")

    with Store.open(folder) as store:
        config = RunConfig.of(model="openai:a-rather-long-name@http://x/v1", hypotheses=2, rounds=2)
        asked, judge = ScriptedProposer(answer), ScriptedJudge(find)
        await run_campaign(tasks, config, name=name, store=store, proposer=asked, verifiers=judge)


def show(folder: Path, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [*arguments, "--workspace", str(folder)])
    assert done.exit_code == code, done.output
    return done


def rows(text: str) -> list[list[str]]:
    """Cells of the table at the end."""
    lines = text.split("\n\n")[-1].strip().splitlines()
    return [re.split(r" {2,}", line.strip()) for line in lines]


async def test_a_run_is_a_table_of_tasks(tmp_path: Path) -> None:
    await campaign(tmp_path, CODE)
    output = show(tmp_path, "show", "night").output
    assert "tasks        2: 2 ended, 1 solved" in output
    assert rows(output) == [
        ["task", "outcome", "score", "rounds", "calls", "ended by"],
        ["easy/1", "passed", "1", "2", "4", "target"],
        ["hard:[red]2[/red]", "failed", "0.333333", "2", "4", "rounds"],
    ]
    assert [row[0] for row in rows(show(tmp_path, "show", "night", "--unsolved").output)] == ["task", CODE[1].id]
    exact = json.loads(show(tmp_path, "show", "night", "--json").stdout)
    assert exact["solved"] == 1
    assert [row["score"] for row in exact["table"]] == [1.0, 1 / 3]
    assert len(json.loads(show(tmp_path, "show", "night", "--json", "--unsolved").stdout)["table"]) == 1


async def test_graded_tasks_have_best_baseline_and_target_and_none_has_failed(tmp_path: Path) -> None:
    await campaign(tmp_path, GRADED)
    output = show(tmp_path, "show", "night").output
    assert rows(output) == [
        ["task", "outcome", "best", "baseline", "target", "rounds", "calls", "ended by"],
        ["best", "below target", "1.4", "2.12346", "1.25", "2", "4", "rounds"],
    ]
    assert "1 ended, 0 reached their target" in output
    assert "failed" not in output
    (row,) = json.loads(show(tmp_path, "show", "night", "--json").stdout)["table"]
    assert (row["score"], row["baseline"], row["target"]) == (1.4, 2.1234567890123, 1.25)


async def test_the_best_solution_goes_to_a_file_and_nothing_else(tmp_path: Path) -> None:
    await campaign(tmp_path, CODE)
    done = show(tmp_path, "show", "night", "--task", "easy/1", "--best")
    assert done.stdout == "def f(x):\n    return 2\n"
    assert "easy/1/1/0: passed" in done.stderr
    assert "name one with --task" in show(tmp_path, "show", "night", "--best", code=2).output
    await campaign(tmp_path, GRADED, "one")
    assert show(tmp_path, "show", "one", "--best").stdout == "def f(x):\n    return 3\n"


async def test_what_the_model_was_asked_is_shown_once_a_prompt(tmp_path: Path) -> None:
    await campaign(tmp_path, CODE)
    output = show(tmp_path, "show", "night", "--task", "easy/1", "--prompt").output
    assert output.index("Ask easy/1.") < output.index("easy/1/0/0: failed, score 0.333333")
    assert "Ask easy/1." not in show(tmp_path, "show", "night", "--task", "easy/1").output
    steps = json.loads(show(tmp_path, "show", "night", "--task", "easy/1", "--prompt", "--json").stdout)
    assert all("Ask easy/1." in step["prompt"][-1]["content"] or len(step["prompt"]) > 2 for step in steps)
    asked = {json.dumps(step["prompt"]) for step in steps}
    assert sum("Ask easy/1." in line for line in output.splitlines()) == len(asked)
    assert "--task" in show(tmp_path, "show", "night", "--prompt", code=2).output


async def test_a_name_is_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    await campaign(tmp_path, CODE, LONG)
    (line,) = [line for line in show(tmp_path, "runs").output.splitlines() if "finished" in line]
    assert line.split()[0] == LONG
    assert "openai:a-rather-long-name@http://x/v1" in line
    assert CODE[1].id in show(tmp_path, "show", LONG).output


async def test_a_run_that_has_only_begun_can_be_shown(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.create_run("new", RunConfig(), CODE)
    assert rows(show(tmp_path, "show", "new").output)[1] == ["easy/1", "not judged", "0", "0", "goes on"]
    assert "no solution yet for easy/1" in show(tmp_path, "show", "new", "--best", "--task", "easy/1", code=1).output
