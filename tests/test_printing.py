"""What commands print is text as it is: no task id, name or feedback is read as Rich's markup or emoji."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from gristmill.graph.commands.attack import _say
from gristmill.graph.commands.progress import Display
from gristmill.graph.commands.reports.summary import print_summary
from gristmill.graph.commands.tally import Tally
from gristmill.graph.commands.verify import _report
from gristmill.graph.records import Tokens
from gristmill.graph.summary import CampaignSummary
from gristmill.sandbox.plain import console_for
from gristmill.trainers.cli import app
from gristmill.trainers.commands.improve import _print
from gristmill.trainers.records import Improvement, RoundSummary, Share
from gristmill.verifiers.attacks.catalogue import ATTACKS
from gristmill.verifiers.attacks.suite import TaskReport
from gristmill.verifiers.records import Candidate, Outcome
from tests.house import modules

NASTY = "r.py:boom: [red]x[/red] [/] :smile: [link=http://x]y[/link] {a} 12.5 None"
SHARE = Share(passed=1, total=2, low=0.1, high=0.9)
# Rich's parts that show texts as they are; `TextColumn` and `Progress` under the conditions below.
PARTS = {"Console", "Segment", "Table", "Text", "BarColumn", "MofNCompleteColumn", "Progress", "TextColumn"}
PARTS |= {"TimeElapsedColumn", "Live", "cell_len"}


def _hosts() -> Iterator[tuple[str, ast.Module]]:
    telling = ("rich", "markup", "emoji", "highlight", "TextColumn", "Progress(", "echo")
    for name, path in modules().items():
        source = path.read_text()
        if ".guest" not in name and any(word in source for word in telling):
            yield name, ast.parse(source)


def _breaches(name: str, tree: ast.Module) -> list[str]:
    breaches = []
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    home = name == "sandbox.plain"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            breaches += [f"import {each.name}" for each in node.names if each.name.split(".")[0] == "rich"]
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "rich":
            names = {each.name for each in node.names}
            breaches += [f"rich's {each}" for each in names - PARTS]
            if "Console" in names and not home and id(node) not in typing_only:
                breaches.append("a Console of its own")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {each.arg: ast.unparse(each.value) for each in node.keywords}
            breaches += [
                f"{called}({key}={value})"
                for key, value in given.items()
                if key in ("markup", "emoji", "highlight") and value != "False"
            ]
            if called.endswith("TextColumn") and given.get("markup") != "False":
                breaches.append("TextColumn with markup")
            if called in ("Progress", "Live") and "console" not in given:
                breaches.append(f"{called} on a Console of its own")
            if called.rpartition(".")[2] in ("from_markup", "from_ansi", "render_str"):
                breaches.append(called)
            if called == "typer.echo" and not home:
                breaches.append("typer.echo, which lets control characters through")
    return [f"{name}: {each}" for each in breaches]


def test_every_console_is_made_by_one_function_and_reads_nothing_in_texts() -> None:
    assert [breach for name, tree in _hosts() for breach in _breaches(name, tree)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from rich.console import Console",
        "import rich",
        "from rich import print",
        "from rich.markup import escape",
        "from rich.panel import Panel",
        "console.print(x, markup=True)",
        "console_for(emoji=True)",
        "TextColumn('{task.description}')",
        "Progress(BarColumn())",
        "Live(Text(x))",
        "Text.from_markup(x)",
        "typer.echo(x)",
    ],
)
def test_the_rule_finds_each_way_round_it(source: str) -> None:
    assert _breaches("graph.commands.new", ast.parse(source))


@pytest.mark.parametrize("more", [{}, {"markup": True, "emoji": True, "highlight": True}])
def test_a_console_shows_each_part_as_it_is(more: dict[str, bool]) -> None:
    file = io.StringIO()
    console = console_for(file=file, width=200, force_terminal=True, color_system="truecolor", **more)
    table = Table(f"head {NASTY}", title=f"title {NASTY}", caption=f"caption {NASTY}", box=None)
    table.add_row(f"cell {NASTY}")
    for shown in (NASTY, Text(f"text {NASTY}"), table):
        console.print(shown, soft_wrap=True)
    assert file.getvalue().count(NASTY) == 6
    # Styles of a table's head may be there; no colour of a text's own.
    assert "\x1b[31m" not in file.getvalue()


def _run_summary(console: Console) -> None:
    counts = dict.fromkeys(("tasks", "ended", "solved", "hypotheses", "verified", "unscored", "calls", "repeated"), 1)
    summary = CampaignSummary.model_validate(
        {"run": "n", "status": "failed", "detail": NASTY, "outcomes": {}, "stops": {}, "tokens": Tokens(), "seconds": 1}
        | counts
    )
    print_summary(console, summary)


def _attack_report(console: Console) -> None:

    report = TaskReport(
        task_id=NASTY, tried=1, inapplicable=0, weak=(ATTACKS[0].name,), apart=(NASTY,), masked=(NASTY,)
    )
    _say([report], ATTACKS, console, as_json=False)


def _improvement(console: Console) -> None:
    round_ = RoundSummary(
        round=0, run="r", hypotheses=1, verified=1, tasks=1, solved=1, rows=1, tokens=1, dataset=NASTY, loss=()
    )
    improved = Improvement(
        name=NASTY,
        model="local",
        seed=0,
        splits={},
        test_before=SHARE,
        test_after=SHARE,
        test_combinations=0,
        groups=(),
        rounds=(round_,),
        seconds={NASTY: 1.0},
        adapter=NASTY,
        examples=(),
    )
    _print(console, improved, Path("x"))


def _progress(console: Console) -> None:
    with Display(console, NASTY, unit=NASTY) as display:
        display.update(1, 2, NASTY)
        display.note(NASTY)
        display.stage(NASTY)
        display.update(1, 2, NASTY)


def _verified(console: Console) -> None:
    tally = Tally({"t": NASTY}, 1)
    tally.add(Candidate(task_id="t", id="c", text="x"), Outcome.FAILED)
    _report(tally, NASTY, as_json=False, console=console)


@pytest.mark.parametrize("printer", [_run_summary, _attack_report, _improvement, _progress, _verified])
@pytest.mark.parametrize("terminal", [True, False])
def test_each_printer_shows_what_it_is_given(printer: Callable[[Console], None], terminal: bool) -> None:
    file = io.StringIO()
    console = console_for(file=file, width=400, force_terminal=terminal, color_system="truecolor" if terminal else None)
    printer(console)
    printed = file.getvalue()
    assert NASTY in printed
    assert all(each not in printed for each in ("💥", "😄", "\x1b[31m", "\x1b]8;"))


def test_the_commands_show_a_task_by_its_own_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    row = {"id": NASTY, "kind": "code", "prompt": NASTY, "tags": [NASTY], "nonsense": 1}
    test = {"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]}
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(row | {"tests": [test]}) + "\n")
    broken = CliRunner().invoke(app, ["tasks", "check", str(file)])
    assert broken.exit_code == 2, broken.output
    row.pop("nonsense")
    file.write_text(json.dumps(row | {"tests": [test]}) + "\n")
    listed = CliRunner().invoke(app, ["tasks", "list", str(file)])
    assert listed.output.count(NASTY) == 3, listed.output


def test_debug_shows_a_traceback_as_it_is() -> None:
    done = CliRunner().invoke(app, ["--debug", "tasks", "check", f"no {NASTY}\x1b[2J.jsonl"])
    assert done.exit_code == 2
    assert "Traceback" in done.output
    assert NASTY in done.output
    assert "\x1b" not in done.output
