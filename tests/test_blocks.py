"""Code blocks of the pages: commands that the command line takes, and data and programs that can be read.

What is run as well is told by test_plugins_page.py, test_python_page.py and test_picture.py.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from typing import Any

import pytest
import typer
import yaml

from gristmill.trainers.cli import app
from tests.test_docs import PAGES, ROOT

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOUND = [
    pytest.param(language, text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(BLOCK.findall(page.read_text("utf-8")))
]


def commands(text: str) -> list[list[str]]:
    """The arguments of every `gristmill` that a block calls; pipes, redirections and comments are left out."""
    lines = (line.removeprefix("$ ") for line in text.replace("\\\n", " ").splitlines())
    words = (shlex.split(line, comments=True) for line in lines if line.startswith("gristmill ") and "…" not in line)
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


@pytest.mark.parametrize(("language", "text"), FOUND)
def test_a_block_of_the_pages_can_be_read(language: str, text: str) -> None:
    if language == "python":
        compile(text, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    elif language == "json":
        try:
            json.loads(text)
        except ValueError:  # a row a line, cut at commas
            json.loads("[" + re.sub(r"\}\n\{", "},\n{", text.strip()) + "]")
    elif language == "toml":
        tomllib.loads(text)
    elif language in ("yaml", "yml"):
        yaml.safe_load(text)
    else:
        for arguments in commands(text):
            parse(typer.main.get_command(app), "gristmill", arguments)


def test_the_pages_call_every_kind_of_command() -> None:
    called = {arguments[0] for each in FOUND for arguments in commands(str(each.values[1])) if arguments}
    assert {"run", "verify", "improve", "eval", "train", "export", "tasks", "doctor"} <= called


def test_a_call_that_the_command_line_does_not_take_is_seen() -> None:
    assert commands("$ gristmill run a.jsonl --rounds 2 | jq .  # why\n") == [["run", "a.jsonl", "--rounds", "2"]]
    for wrong in (["run", "a.jsonl", "--rnds", "2"], ["tasks", "chek"], ["verify", "a"]):
        with pytest.raises(Exception, match=r"No such|no such|Missing"):
            parse(typer.main.get_command(app), "gristmill", wrong)
