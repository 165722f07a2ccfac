"""Options go before the file, the file before the defaults; each value says where it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from typer.testing import CliRunner

from gristmill.graph.commands.options import SANDBOX_VARIABLE
from gristmill.graph.commands.settings import settle
from gristmill.graph.config import RunConfig, knobs, paths
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.trainers.cli import app


class Inner(Record):
    rounds: int = Field(2, ge=1)
    seed: int = 0


class Outer(Record):
    rounds: int = 1
    search: Inner = Inner()
    training: Inner = Inner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "night.yaml"
    path.write_text("model: replay:x\nsearch:\n  rounds: 7\n  patience: 5\n")
    return path


def printed(arguments: Sequence[str]) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["config", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    settings: dict[str, Any] = json.loads(done.output)
    return settings


def test_a_knob_has_one_flat_name_and_one_that_is_taken_stands_with_its_group() -> None:
    assert paths(Outer) == {
        "rounds": ("rounds",),
        "search_rounds": ("search", "rounds"),
        "seed": ("search", "seed"),
        "training_rounds": ("training", "rounds"),
        "training_seed": ("training", "seed"),
    }
    assert knobs(RunConfig.of(rounds=9, calls=3))["rounds"] == 9
    with pytest.raises(TypeError, match="'round'"):
        RunConfig.of(round=9)


def test_a_knob_beside_its_group_is_told_where_it_belongs() -> None:
    with pytest.raises(ValueError, match=r"search: \{rounds: 5\}"):
        RunConfig.model_validate({"rounds": 5})


def test_a_search_may_be_as_long_as_its_budget() -> None:
    assert RunConfig.of(rounds=100_000).search.rounds == 100_000


def test_options_go_before_the_file_and_the_file_before_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SANDBOX_VARIABLE, "bubblewrap")
    settings = settle(RunConfig(), {"patience": 1}, file=file)
    assert settings.config == RunConfig.of(model="replay:x", rounds=7, patience=1, sandbox="bubblewrap")
    assert {knob: settings.sources[knob] for knob in ("model", "rounds", "patience", "sandbox", "seed")} == {
        "model": f"{file}, line 1",
        "rounds": f"{file}, line 3",
        "patience": "--patience",
        "sandbox": SANDBOX_VARIABLE,
        "seed": "default",
    }
    file.write_text("sandbox: docker\n")
    assert settle(RunConfig(), {}, file=file).config.sandbox == "docker"


def test_what_was_begun_holds_whatever_file_and_environment_say_by_now(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SANDBOX_VARIABLE, "bubblewrap")
    settings = settle(RunConfig(), {"rounds": 8}, file=file, stored=("the run night", RunConfig.of(rounds=4, seed=3)))
    assert settings.config == RunConfig.of(rounds=8, seed=3)
    assert (settings.sources["rounds"], settings.sources["seed"]) == ("--rounds", "the run night")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("search:\n  depth: 3\n", "line 2: search.depth"),
        ("seed: 1\nsearch: {rounds: 0}\n", "line 2: search.rounds"),
        ("rounds: 5\n", r"search: \{rounds: 5\}"),
        ("search: 5\n", "line 1: search"),
        ("", "by name"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(text: str, message: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        settle(RunConfig(), {}, file=file)


def test_config_prints_each_value_and_where_it_comes_from(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRISTMILL_WORKSPACE", str(tmp_path))
    with Store.open(tmp_path) as store:
        store.create_run("night", RunConfig.of(seed=11), ())
    plain = printed(["--config", str(file), "--no-confirm", "--stop", "a", "--stop", "b"])
    assert list(plain) == [".".join(path) for path in paths(RunConfig).values()]
    assert plain["search.rounds"] == {"value": 7, "from": f"{file}, line 3"}
    assert plain["confirm"] == {"value": False, "from": "--confirm"}
    assert plain["calls.stop"] == {"value": ["a", "b"], "from": "--stop"}
    resumed = printed(["--run", "night", "--rounds", "9"])
    assert resumed["seed"] == {"value": 11, "from": "the run night"}
    assert resumed["search.rounds"] == {"value": 9, "from": "--rounds"}
    text = CliRunner().invoke(app, ["config", "--config", str(file)]).output
    assert any(line.split()[:2] == ["search.rounds", "7"] for line in text.splitlines())


@pytest.mark.parametrize("command", ["run", "config"])
def test_every_knob_is_an_option_with_help_and_its_default(command: str) -> None:
    text = " ".join(CliRunner().invoke(app, [command, "--help"]).output.split())
    for knob, value in knobs(RunConfig()).items():
        assert f"--{knob.replace('_', '-')}" in text
        shown = f"{value:g}" if isinstance(value, float) else value
        assert isinstance(value, bool) or value in (None, (), {}) or f"[{shown}]" in text
