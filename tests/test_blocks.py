"""Fenced blocks of the pages: each is run (test_pages.py), or says by a mark why not, and the marks are counted.

Those that are not run here are read all the same: commands as the command line takes them, data by what reads it.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import shlex
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from gristmill.graph.commands.settings import settle
from gristmill.graph.config import RunConfig
from gristmill.graph.models.replay.recording import Recorded
from gristmill.graph.models.roster.reading import read_roster
from gristmill.graph.tasks.loading import load_tasks
from gristmill.sandbox.errors import UserError
from gristmill.trainers.cli import app
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.verifiers.plugins import trust_files
from gristmill.verifiers.records import Candidate, Evidence, Verdict
from tests.pages.blocks import BLOCKS, HOW, Block, allowed, blocks
from tests.test_docs import ROOT

FOUND = [pytest.param(block, id=block.name) for block in BLOCKS]


def commands(block: Block) -> list[list[str]]:
    """The arguments of every `gristmill` that a block calls; pipes, redirections and comments are left out."""
    lines = (step.line for step in block.steps)
    words = (shlex.split(line, comments=True) for line in lines if line.startswith("gristmill "))
    ends = {"|", ">", "2>", "&&", ";"}
    return [each[1 : next((at for at, word in enumerate(each) if word in ends), None)] for each in words]


def parse(command: Any, name: str, arguments: list[str], parent: Any = None) -> None:
    """As the command line does it, and nothing is called."""
    with command.make_context(name, list(arguments), parent=parent) as context:
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if rest and hasattr(command, "get_command"):
            inner = command.get_command(context, rest[0])
            assert inner is not None, f"no such command: {rest[0]}"
            parse(inner, rest[0], rest[1:], context)


def problem_of(block: Block) -> str:
    """Why a block is neither run nor marked as it must be; empty where it is."""
    if block.mark == "run by":
        test = ROOT / block.why
        named = test.is_file() and test.relative_to(ROOT).parts[0] == "tests" and block.page.name in test.read_text()
        return "" if named else f"{block.why} is no test that names {block.page.name}"
    if block.mark == "not run":
        return "" if block.why in allowed() else f"{block.why!r} is no reason; there are {', '.join(allowed())}"
    runnable = block.is_shell or block.language in ("python", "json", "jsonl", "yaml", "toml") or block.file
    return "" if runnable or block.mark == "drawn" else f"nothing runs a block of {block.language or 'no language'}"


def read_rows(text: str, folder: Path) -> None:
    """JSON of a page by what reads such rows: tasks, verdicts, evidence, candidates, or recorded replies."""
    decoder, rows, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        row, at = decoder.raw_decode(text, at)
        rows.append(row)
        at += len(text[at:]) - len(text[at:].lstrip())
    if all("kind" in row for row in rows):
        (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        trust_files()
        load_tasks(folder / "tasks.jsonl")
        return
    for row in rows:
        if "verifier" in row and "strength" not in row:
            fields = Evidence.model_fields
            Evidence.model_validate({name: value for name, value in row.items() if name in fields})
            assert row.keys() - fields.keys() == {"task_id", "id", "outcome"}
        elif "outcome" in row:
            Verdict.model_validate({name: value for name, value in row.items() if name not in ("task_id", "id")})
        else:
            (Candidate if "id" in row else Recorded).model_validate(row)


def read_settings(text: str, file: Path) -> None:
    """YAML of a page: tasks, several models, or the configuration of a run or of an improvement."""
    file.write_text(text)
    if isinstance(rows := yaml.safe_load(text), list):
        if "model" in rows[0]:
            read_roster(file)
        else:
            load_tasks(file)
        return
    try:
        settle(RunConfig(), {}, file=file)
    except UserError:
        settle(ImproveConfig(), {}, file=file)


@pytest.mark.parametrize("block", FOUND)
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    if problem := problem_of(block):
        pytest.fail(f"{block.name}: {problem}\n{HOW}", pytrace=False)


def test_the_marks_are_counted() -> None:
    marked = Counter(block.why for block in BLOCKS if block.mark == "not run")
    said = ", ".join(f"{count} {reason}" for reason, count in marked.most_common())
    print(f"{len(BLOCKS)} blocks, {sum(block.mark == 'run by' for block in BLOCKS)} run by a test of their own, {said}")
    assert {reason: most for reason, most in allowed().items() if marked[reason] > most} == {}, (
        f"more marks than CONTRIBUTING.md's table allows ({said}): run the block, or raise the figure in that table "
        f"and say why in the commit\n{HOW}"
    )
    assert sum(allowed().values()) <= 12, "marks creep: run a block for each new one"


@pytest.mark.parametrize("block", FOUND)
def test_a_block_can_be_read(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gristmill.verifiers.plugins._trusted", False)
    for each in BLOCKS:  # what a task names
        if each.page == block.page and each.file.endswith(".py"):
            Path(each.file).write_text(each.text)
    try:
        if block.language == "python":
            compile(block.text, block.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        elif block.language in ("json", "jsonl"):
            read_rows(block.text, tmp_path)
        elif block.language == "toml":
            ((group, entries),) = tomllib.loads(block.text)["project"]["entry-points"].items()
            assert group == "gristmill.verifiers"
            assert all(":" in target for target in entries.values())
        elif block.language in ("yaml", "yml"):
            read_settings(block.text, tmp_path / "settings.yaml")
        elif block.is_shell:
            for arguments in commands(block):
                parse(typer.main.get_command(app), "gristmill", arguments)
    except Exception as error:
        pytest.fail(f"{block.name} cannot be read: {error}\n{HOW}", pytrace=False)


def test_the_pages_call_every_kind_of_command() -> None:
    called = {arguments[0] for block in BLOCKS if block.is_shell for arguments in commands(block) if arguments}
    assert {"run", "verify", "improve", "eval", "train", "export", "tasks", "doctor"} <= called


def test_what_an_author_forgets_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    fence = "`" * 3
    page.write_text(
        "# A page\n"
        f"<!-- not run: laziness -->\n{fence}bash\ngristmill doctor\n{fence}\n"
        f"<!-- run by: tests/house.py -->\n{fence}python\n1\n{fence}\n"
        f"{fence}\nsome text\n{fence}\n"
        f"<!-- not run: minutes -->\n{fence}text\nmake demo\n{fence}\n"
        f"`a.py`:\n\n{fence}python\n1\n{fence}\n"
        f"{fence}console\n$ gristmill doctor  # why\nyes\n{fence}\n"
        f"{fence}mermaid\ngraph TD\n{fence}\n"
    )
    of_page = list(blocks(page))
    words = ["is no reason", "no test that names", "of no language", "", "", "", "of mermaid"]
    for block, word in zip(of_page, words, strict=True):
        problem = problem_of(block)
        assert word in problem
        assert bool(word) is bool(problem), problem
    assert of_page[4].file == "a.py"
    ((step,),) = [block.steps for block in of_page[5:6]]
    assert (step.line, step.shown) == ("gristmill doctor  # why", ("yes",))
    for wrong in ('{"id": "a", "kind": "cod", "prompt": "p"}', '{"text": "t", "tasks": 1}', '{"outcome": "wrong"}'):
        with pytest.raises(Exception, match=r"cod|tasks|outcome"):
            read_rows(wrong, tmp_path)


def test_a_call_that_the_command_line_does_not_take_is_seen() -> None:
    block = dataclasses.replace(BLOCKS[0], text="$ gristmill run a.jsonl --rounds 2 | jq .  # why\n")
    assert commands(block) == [["run", "a.jsonl", "--rounds", "2"]]
    for wrong in (["run", "a.jsonl", "--rnds", "2"], ["tasks", "chek"], ["verify", "a"]):
        with pytest.raises(Exception, match=r"No such|no such|Missing"):
            parse(typer.main.get_command(app), "gristmill", wrong)
