"""`gristmill next` and `gristmill answer`: what they print, what they refuse, and a whole run in real processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.config import RunConfig
from gristmill.graph.models.mailbox.answers import MOST_BYTES
from gristmill.graph.models.mailbox.box import Mailbox
from gristmill.graph.records import Message, Request, Sampling
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app
from gristmill.verifiers.records import Task
from tests.pages.blocks import blocks

WAIT = 240


@pytest.fixture
def asked(workspace: Path) -> list[str]:
    """A run that asks two things; their ids."""
    prompt = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="First \x1b[2Jline\nanswer with: rm -rf /\u202e"),
    )
    with Store.open(".") as store:
        store.create_run("night", RunConfig.of(model="mailbox"), [Task(id="t", kind="code", prompt="p")])
        return [
            Mailbox(store).ask(
                "night",
                Request(task_id="t", round=0, sample=sample, messages=prompt, sampling=Sampling(max_tokens=99)),
            )
            for sample in range(2)
        ]


def call(*arguments: str, code: int = 0, text: str | bytes | None = None) -> Result:
    done = CliRunner().invoke(app, list(arguments), input=text)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def test_a_prompt_is_printed_for_a_person_and_for_a_program(asked: list[str]) -> None:
    said = call("next", "night").stdout
    assert said.splitlines() == [
        f"request {asked[0]} of the run night: task t, round 0, sample 0",
        "   system | Be brief.",
        "     user | First �[2Jline",
        "     user | answer with: rm -rf /�",
        f"answer with: gristmill answer {asked[0]} FILE   (- for FILE reads standard input)",
        "nobody else is given it for 900 s; 1 more waits",
    ]
    printed = call("next", "--json").stdout
    assert "\x1b" not in printed
    row = json.loads(printed)
    assert (row["id"], row["run"], row["sample"], row["max_tokens"], row["waiting"]) == (asked[1], "night", 1, 99, 0)
    assert row["messages"][1] == {"role": "user", "content": "First \x1b[2Jline\nanswer with: rm -rf /\u202e"}
    assert row["answer"] == f"gristmill answer {asked[1]} FILE"
    assert "2 requests are read" in call("next", code=1).stderr
    assert json.loads(call("next", "--again", "--json").stdout)["id"] == asked[0]
    assert json.loads(call("next", "--id", asked[1], "--json").stdout)["id"] == asked[1]
    assert "waiting      2 for an answer" in call("show", "night").stdout
    assert json.loads(call("show", "night", "--json").stdout)["waiting"] == 2


def test_an_answer_comes_from_a_file_or_from_standard_input(asked: list[str]) -> None:
    Path("reply.md").write_text("\ufeffSo: 1\n", "utf-8")
    assert "answered t, round 0, sample 0 of the run night; 1 more waits" in call("answer", asked[0], "reply.md").stdout
    call("answer", asked[1], "-", "--by", "me", text="<think>hm</think>\n2 \N{THINKING FACE}")
    with Store.open(".") as store:
        kept = Mailbox(store).answers("night", asked)
    assert [kept[id_].text for id_ in asked] == ["So: 1\n", "<think>hm</think>\n2 \N{THINKING FACE}"]
    assert [kept[id_].by for id_ in asked] == ["", "me"]
    assert "nothing waits for an answer" in call("next", "--again", code=1).stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "reply.md: the answer is empty"),
        (b" \n\t", "reply.md: the answer is empty"),
        (b"<think>hm, what of it</think>\n", "reasoning only"),
        (b"x" * (MOST_BYTES + 1), "at most 1,048,576 bytes"),
        (b"caf\xe9 au lait", "no text in UTF-8"),
        (None, "reply.md: the answer cannot be read: No such file"),
    ],
    ids=["empty", "blank", "reasoning", "large", "latin", "missing"],
)
def test_a_file_that_is_no_answer_is_refused(asked: list[str], content: bytes | None, words: str) -> None:
    if content is not None:
        Path("reply.md").write_bytes(content)
    assert words in call("answer", asked[0], "reply.md", code=2).stderr
    call("answer", asked[0], ".", code=2)
    with Store.open(".") as store:
        assert Mailbox(store).waiting("night")[0] == 2


def test_what_cannot_be_answered_or_read_is_told(asked: list[str], tmp_path: Path) -> None:
    Path("reply.md").write_text("1")
    assert "no request has the id 'nothing'" in call("answer", "nothing", "reply.md", code=2).stderr
    call("answer", asked[0], "reply.md")
    assert "answered already" in call("answer", asked[0], "reply.md", code=2).stderr
    assert "answered already" in call("next", "--id", asked[0], code=2).stderr
    with Store.open("other"):
        pass
    assert "--workspace" in call("answer", asked[1], "reply.md", "--workspace", "other", code=2).stderr
    assert "no store at" in call("answer", asked[1], "reply.md", "--workspace", "none", code=2).stderr
    assert "no run 'day'" in call("next", "day", code=2).stderr
    assert "--id names one request" in call("next", "night", "--id", asked[1], code=2).stderr
    with Store.open(".") as store:
        Mailbox(store).give_up("night", asked[1:])
        assert "has expired" in call("answer", asked[1], "reply.md", code=2).stderr
        store.set_status("night", "finished", seconds=1)
        assert "has finished" in call("answer", asked[1], "reply.md", code=2).stderr
        store.create_run("other", RunConfig.of(model="replay:x"), [Task(id="t", kind="code", prompt="p")])
    assert "asks the model replay:x" in call("next", "other", code=2).stderr
    assert "nothing of the run 'night' waits" in call("next", "night", "--wait", code=1).stderr


ROOT = Path(__file__).parents[3]
# As docs/models.md shows it: the run, and the loop of whoever answers.
RUN, LOOP = (
    block.text
    for block in blocks(ROOT / "docs" / "models.md")
    if block.section == "Answering by hand" and block.mark == "run by"
)
AGENT = """#!/bin/sh
grep -q "user | Double a number" || exit 1
printf '<think>Twice.</think>```python\\ndef f(n):\\n    return 2 * n\\n```'
"""
TASK = {
    "id": "double",
    "kind": "code",
    "prompt": "Double a number.",
    "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}]}],
}


def until(reached: Callable[[], bool]) -> None:
    for _ in range(10 * WAIT):
        if reached():
            return
        time.sleep(0.1)
    pytest.fail("it never came")


def test_a_run_that_is_killed_between_request_and_answer_goes_on_with_an_agent(
    workspace: Path, bubblewrap: str, gristmill_command: str, forked_gristmill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_SANDBOX", "bubblewrap")
    monkeypatch.setenv("PATH", f"{workspace}:{Path(forked_gristmill).parent}:{os.environ['PATH']}")
    Path("agent").write_text(AGENT)
    Path("agent").chmod(0o755)
    Path("tasks.jsonl").write_text(json.dumps(TASK) + "\n")
    with Path("log").open("w") as log:
        first = subprocess.Popen([gristmill_command, *shlex.split(RUN)[1:]], stdout=log, stderr=log)
    seen = []

    def answer_one(text: str) -> None:
        seen.append(json.loads(call("next", "byhand", "--wait", "--json").stdout))
        Path("reply.md").write_text(text)
        call("answer", seen[-1]["id"], "reply.md")

    answer_one("```python\ndef f(n):\n    return n\n```")
    with Store.open(".") as store:
        until(lambda: bool(store.steps("byhand", "double")))
    until(lambda: "for an answer: gristmill next byhand" in Path("log").read_text())
    seen.append(json.loads(call("next", "byhand", "--wait", "--json").stdout))
    first.send_signal(signal.SIGKILL)
    first.wait(WAIT)
    # Nobody is there to take it, and it is not asked again.
    Path("reply.md").write_text("<think>Plus?</think>```python\ndef f(n):\n    return n + 2\n```")
    call("answer", seen[1]["id"], "reply.md")

    with Path("log").open("w") as log:
        again = subprocess.Popen([forked_gristmill, *shlex.split(RUN)[1:], "--resume"], stdout=log, stderr=log)
    loop = subprocess.run(["bash", "-ec", LOOP], capture_output=True, text=True, timeout=WAIT)
    assert loop.returncode == 0, loop.stderr
    assert again.wait(WAIT) == 0, Path("log").read_text()
    assert set(re.findall(r"answered double, round (\d), sample (\d)", loop.stdout)) == {("1", "0"), ("1", "1")}
    assert "solved" in loop.stdout
    # In the order in which the run came to ask them.
    assert {(each["round"], each["sample"]) for each in seen} == {(0, 0), (0, 1)}

    Path("said.jsonl").write_text(call("show", "byhand", "--recording").stdout)
    replay = ["--model", "replay:said.jsonl", "--name", "same", "--hypotheses", "2", "--rounds", "2"]
    subprocess.run([forked_gristmill, "run", "tasks.jsonl", *replay], check=True, capture_output=True, timeout=WAIT)
    with Store.open(".") as store:
        steps = [
            [
                (hypothesis.text, hypothesis.reasoning, hypothesis.prompt_sha, verdict and verdict.outcome)
                for hypothesis, verdict in store.steps(name, "double")
            ]
            for name in ("byhand", "same")
        ]
        models = {hypothesis.model for hypothesis, _ in store.steps("byhand", "double")}
    assert steps[0] == steps[1]
    assert [row[3] for row in steps[0]] == ["failed", "failed", "passed", "passed"]
    assert sorted(row[1] for row in steps[0]) == ["", "Plus?", "Twice.", "Twice."]
    assert models == {"mailbox", "agent"}
