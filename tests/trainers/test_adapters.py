"""Adapters are never overwritten, and one is in use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.sandbox.errors import UserError
from gristmill.trainers.adapters import Adapters
from gristmill.trainers.cli import app


def make(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "adapter_config.json").write_text("{}")
    (path / "adapter_model.safetensors").write_bytes(b"")


def test_a_taken_name_gets_a_version(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    names = []
    for _ in range(3):
        path = adapters.prepare("demo")
        make(path)
        names.append(path.name)
    assert names == ["demo", "demo.2", "demo.3"]


def test_what_a_killed_training_left_is_no_adapter(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    adapters.prepare("half").mkdir()
    assert adapters.list() == []
    with pytest.raises(UserError, match="none yet"):
        adapters.promote("half")


def test_promoting_chooses_the_one_in_use(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    assert adapters.current() is None
    for name in ("a", "b"):
        make(adapters.prepare(name))
    adapters.promote("a")
    adapters.promote("b")
    assert adapters.current() == tmp_path / "adapters" / "b"
    assert [(info.name, info.current) for info in adapters.list()] == [("a", False), ("b", True)]


def test_rolling_back_goes_the_way_that_was_come(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    for name in ("a", "b"):
        make(adapters.prepare(name))
    for name in ("a", "b", "b", "a"):
        adapters.promote(name)
    assert [adapters.roll_back() for _ in range(3)] == ["b", "a", None]
    assert adapters.current() is None
    with pytest.raises(UserError, match="nothing to go back to"):
        adapters.roll_back()
    adapters.promote("a")
    adapters.promote("b")
    shutil.rmtree(tmp_path / "adapters" / "a")
    with pytest.raises(UserError, match="no adapter 'a'"):
        adapters.roll_back()
    assert adapters.current() == tmp_path / "adapters" / "b"


@pytest.mark.parametrize(
    "said", ["{", "[]", '{"adapter": 1}', '{"adapter": "../up"}', '{"adapter": "a", "before": [3]}']
)
def test_a_damaged_note_of_what_is_in_use_is_said(said: str, tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    make(adapters.prepare("a"))
    (tmp_path / "adapters" / "current.json").write_text(said)
    for ask in (adapters.current, adapters.roll_back, lambda: adapters.promote("a")):
        with pytest.raises(UserError, match=r"current\.json is damaged"):
            ask()


def test_the_command_shows_compares_promotes_and_rolls_back(tmp_path: Path) -> None:
    home = Adapters(tmp_path / ".gristmill")
    for name, rank in (("a", 8), ("b", 16)):
        path = home.prepare(name)
        make(path)
        said = {"method": "sft", "config": {"lora": {"rank": rank}}}
        (path / "provenance.json").write_text(json.dumps(said))

    def call(*words: str) -> str:
        done = CliRunner().invoke(app, ["adapters", *words, "--workspace", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.output

    assert call("compare", "a", "b") == "config.lora.rank: 8 | 16\n"
    assert call("compare", "a", "a") == "a and a say the same of where they come from\n"
    assert call("promote", "b") == "b is in use\n"
    assert "config.lora.rank: 16" in call("show", "b")
    assert ", in use: " in call("show", "b")
    assert [line[:3] for line in call().splitlines()] == ["  a", "* b"]
    assert call("list") == call()
    assert call("rollback") == "the base model is in use\n"
    done = CliRunner().invoke(app, ["adapters", "show", "c", "--workspace", str(tmp_path)])
    assert (done.exit_code, "there are: a, b" in done.output) == (2, True)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        Adapters(tmp_path).prepare(name)


def test_an_unknown_adapter_names_the_known_ones(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    make(adapters.prepare("night"))
    with pytest.raises(UserError, match="night"):
        adapters.get("day")
