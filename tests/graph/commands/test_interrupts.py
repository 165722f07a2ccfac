"""What ends early says how to go on: only where there is something to go on with, and without anybody's address."""

from __future__ import annotations

import asyncio

import pytest
import typer

from gristmill.graph.commands.interrupts import INTERRUPTED, resumable
from gristmill.sandbox.errors import UserError

COMMAND = ["gristmill", "improve", "my tasks.jsonl", "--alert", "json://somebody:key@host", "--rounds", "2"]
AGAIN = "gristmill improve 'my tasks.jsonl' --rounds 2"


def cut_short(by: BaseException, *, resume: bool) -> None:
    """A block that has stored something when it ends early."""
    with resumable(resume=resume) as begin:
        begin()
        raise by


@pytest.mark.parametrize("ended", [KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("resume", [False, True])
def test_an_interrupted_block_exits_and_says_how_to_go_on(
    ended: type[BaseException], resume: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [*COMMAND, "--resume"] if resume else COMMAND)
    with pytest.raises(typer.Exit) as exited:
        cut_short(ended(), resume=resume)
    assert exited.value.exit_code == INTERRUPTED
    assert capsys.readouterr().err.splitlines()[-1].strip() == f"{AGAIN} --resume"


def test_before_anything_is_stored_there_is_nothing_to_go_on_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", COMMAND)
    with pytest.raises(typer.Exit), resumable(resume=False):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "Interrupted; nothing was begun.\n"
    with pytest.raises(UserError, match="no such file"), resumable(resume=False):
        raise UserError("no such file")
    assert capsys.readouterr().err == ""


def test_an_error_goes_on_its_way_with_the_command_beside_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", COMMAND)
    with pytest.raises(UserError, match="the disk is full"):
        cut_short(UserError("the disk is full"), resume=False)
    told = capsys.readouterr().err
    assert "What was done so far is kept." in told
    assert f"{AGAIN} --resume\n" in told
    assert "somebody" not in told
