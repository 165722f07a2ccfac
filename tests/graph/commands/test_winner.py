"""`gristmill winner`: the program and its evidence, of real runs in a sandbox; and what is said where there is none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.reports.winner import _use
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge
from gristmill.verifiers.settling import settled

pytestmark = pytest.mark.bubblewrap

HIDDEN: list[dict[str, Any]] = [
    {"args": [701170117], "expected": 1402340234},
    {"args": [600130013], "expected": 1200260026},
]
TASKS: list[dict[str, Any]] = [
    {
        "id": name,
        "kind": "code",
        "prompt": f"{name}: f(n) doubles n.",
        "tests": [{"type": "cases", "entry_point": "f", "cases": HIDDEN}],
    }
    for name in ("solved", "never")
]
PACK: dict[str, Any] = {"id": "pack", "kind": "program", "problem": "circles_26", "prompt": "Pack.", "target": 1.9}
PACK["limits"] = {"wall_seconds": 5, "cpu_seconds": 5}
GRID = "[((2 * i + 1) / 12, (2 * j + 1) / 12, 0.0625) for i in range(6) for j in range(6)][:26]"
RIGHT = "def f(n):\n    return 2 * n"
REPLIES: list[dict[str, Any]] = [
    {"task_id": "never", "text": "def f(n):\n    return n"},
    {"task_id": "solved", "round": 0, "text": "def f(n):\n    return n"},
    {"task_id": "solved", "round": 1, "text": RIGHT},
    {"task_id": "pack", "round": 0, "text": f"def construct(best=None):\n    return {GRID} if best is None else best"},
    {"task_id": "pack", "text": "def construct(best=None):\n    return [(x, y, r + 0.012) for x, y, r in best]"},
]


def call(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def home(bubblewrap: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the runs `code`, of two tasks, and `pack`, of an open problem."""
    folder = tmp_path_factory.mktemp("winner")
    model = f"replay:{write(folder / 'replies.jsonl', REPLIES)}"
    runs: dict[str, list[dict[str, Any]]] = {"code": TASKS, "pack": [PACK]}
    for name, tasks in runs.items():
        file = write(folder / f"{name}.jsonl", tasks)
        how = ("--model", model, "--hypotheses", "1", "--rounds", "2", "--sandbox", "bubblewrap", "--workers", "1")
        call("run", file, *how, "--name", name, "--workspace", str(folder))
    return folder


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_program_with_its_evidence_and_nothing_of_what_is_hidden(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.py"
    told = call("winner", "code", "--task", "solved", "--out", str(out), "--workspace", str(home))
    assert out.read_text() == f"{RIGHT}\n"
    assert told.output.splitlines()[0] == "solved/1/0: passed, score 1, after 2 calls"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["f.py", "f.py.json"]
    text = Path(f"{out}.json").read_text()
    assert not [number for case in HIDDEN for number in (case["expected"], case["args"][0]) if str(number) in text]
    evidence = json.loads(text)
    assert evidence["sha256"] == sha(out)
    assert (evidence["run"], evidence["task"], evidence["hypothesis"]) == ("code", "solved", "solved/1/0")
    assert (evidence["score"], evidence["strength"], evidence["verified"]) == (1.0, "tested", True)
    assert evidence["verifier"].startswith("code/")
    assert evidence["sandbox"].startswith("bubblewrap ")
    assert (evidence["parents"], evidence["operator"]) == (["solved/0/0"], "repair")
    assert evidence["family"] == ["solved/0/0", "solved/1/0"]
    assert evidence["model"].startswith("replay:")
    assert evidence["stop"] == "target"


def test_an_open_problem_comes_with_what_was_made_and_given(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack.py"
    told = call("winner", "pack", "--out", str(out), "--json", "--workspace", str(home))
    evidence = json.loads(told.stdout)
    assert evidence == json.loads(Path(f"{out}.json").read_text())
    made, given = Path(f"{out}.construction.json"), Path(f"{out}.given.json")
    assert (sha(out), sha(made), sha(given)) == (evidence["sha256"], evidence["construction"], evidence["given"])
    circles = json.loads(made.read_text())
    assert sum(radius for _, _, radius in circles) == pytest.approx(evidence["score"])
    assert evidence["score"] > 1.9
    # The program makes just that of what it was given.
    room: dict[str, Any] = {}
    exec(out.read_text(), room)
    assert [list(each) for each in room["construct"](json.loads(given.read_text()))] == circles


def test_no_file_is_overwritten_unasked_and_none_is_left_of_another_winner(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "best.py"
    asked = ("--out", str(out), "--workspace", str(home))
    for name in ("best.py", "best.py.json", "best.py.construction.json"):
        (tmp_path / name).write_text("mine")
        assert "--force" in call("winner", "code", "--task", "solved", *asked, code=2).output
        assert [each.read_text() for each in tmp_path.iterdir()] == ["mine"]
        (tmp_path / name).unlink()
    call("winner", "pack", *asked)
    call("winner", "code", "--task", "solved", *asked, "--force")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["best.py", "best.py.json"]
    assert json.loads((tmp_path / "best.py.json").read_text())["sha256"] == sha(out)


def test_what_was_asked_wrongly_and_what_has_no_winner_is_said(home: Path, tmp_path: Path) -> None:
    with Store.open(home) as store:
        if "new" not in {run.name for run in store.runs()}:
            store.create_run("new", RunConfig(), [Task.model_validate(PACK)])

    def said(*arguments: str, code: int, out: str = str(tmp_path / "x.py")) -> str:
        return call("winner", *arguments, "--out", out, "--workspace", str(home), code=code).output

    assert "no run 'nobody'" in said("nobody", code=2)
    assert "no task 'nothing'" in said("code", "--task", "nothing", code=2)
    assert "name one with --task" in said("code", code=2)
    assert "show code --best" in said("code", "--task", "solved", code=2, out="-")
    assert "does not exist" in said("code", "--task", "solved", code=2, out=str(tmp_path / "no" / "x.py"))
    nothing = said("code", "--task", "never", code=1)
    assert "nothing has passed for never (its best, never/0/0: failed)" in nothing
    assert "--name code --resume" in nothing
    assert "no solution yet" in said("new", code=1)
    assert not list(tmp_path.iterdir())


async def test_what_is_still_to_be_confirmed_is_no_winner(tmp_path: Path) -> None:
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
    task = Task(id="t", kind="code", prompt="f", tests=(test,))
    passed = Verdict(outcome=Outcome.PASSED, score=1.0, strength=Strength.TESTED, verifier="v/1")
    apart = {"outcome": Outcome.PASSED, "score": 1.0, "strength": Strength.TESTED}
    pending = Verdict.model_validate({**dict(passed), "apart": apart})
    assert pending.pending
    for name, verdict in (("open", pending), ("lost", settled(pending, together=False))):
        with Store.open(tmp_path) as store:
            asked = ScriptedProposer(lambda request: f"```python\n{RIGHT}\n```")
            judge = ScriptedJudge(lambda task, solution, verdict=verdict: verdict)  # type: ignore[misc]  # bound here
            config = RunConfig.of(hypotheses=1, rounds=1)
            await run_campaign([task], config, name=name, store=store, proposer=asked, verifiers=judge)
    out = ("--out", str(tmp_path / "f.py"), "--workspace", str(tmp_path))
    assert "t/0/0, is still to be confirmed" in call("winner", "open", *out, code=1).output
    assert "nothing has passed" in call("winner", "lost", *out, code=1).output


@pytest.mark.parametrize(
    ("task", "line"),
    [
        ({"kind": "reward", "environment": "hopper"}, "RewardWrapper(gymnasium.make('Hopper-v5'), reward)"),
        ({"kind": "reward", "environment": "nobody's"}, "env = RewardWrapper(…, reward)"),
        ({"kind": "loss", "problem": "preference_pairs"}, "trainer_for(loss, …)"),
        ({"kind": "loss", "problem": "digits_label_noise"}, ""),
        ({"kind": "math", "answer": "1"}, ""),
    ],
)  # fmt: skip
def test_a_function_is_told_with_the_line_that_uses_it(task: dict[str, Any], line: str) -> None:
    row = Task.model_validate({"id": "t", "prompt": "?", **task})
    said = _use({"t": row}, "t", "folder/best.py")
    assert said.endswith(line)
    assert bool(said) == bool(line)
