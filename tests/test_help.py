"""Help is quick and complete: it imports no heavy library, and every command shows how it is used."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from gristmill.trainers.cli import COMMANDS, app

HEAVY = (
    "langgraph",
    "langchain",
    "langchain_core",
    "torch",
    "transformers",
    "docker",
    "sympy",
    "sqlalchemy",
)
NAMES = [name for section in COMMANDS.values() for name in section]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["nonsense"], []])
def test_the_overview_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import json, sys\n"
        "from gristmill.trainers.cli import main\n"
        f"sys.argv = ['gristmill', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "gristmill.trainers.cli" in loaded
    assert not loaded & set(HEAVY)


def test_the_overview_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    for section, commands in COMMANDS.items():
        assert f"{section}:" in text
        for name, mount in commands.items():
            assert f"\n  {name} " in text
            assert mount.summary.endswith(".")


def leaves() -> list[list[str]]:
    """Every command, and every command of a group."""
    from importlib import import_module

    commands = []
    for section in COMMANDS.values():
        for name, mount in section.items():
            module, _, attribute = mount.where.partition(":")
            target = getattr(import_module(module), attribute)
            if isinstance(target, typer.Typer):
                commands += [
                    [name, sub.name or sub.callback.__name__] for sub in target.registered_commands if sub.callback
                ]
            else:
                commands.append([name])
    return commands


@pytest.mark.parametrize("command", leaves(), ids=" ".join)
def test_each_command_has_help_with_an_example_of_itself(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, "--help"])
    assert done.exit_code == 0, done.output
    assert f"gristmill {' '.join(command)}" in done.output.partition("Options:")[0].partition("\n")[2]
    assert "--help" in done.output
    examples = re.split("\n  Examples?:\n", done.output)[1].partition("\n\n")[0].splitlines()
    assert examples
    assert all(line.startswith("    gristmill ") for line in examples), "an example a line, to be copied"


def test_a_group_without_a_command_lists_what_it_has() -> None:
    assert "check" in CliRunner().invoke(app, ["tasks"]).output
