"""Adapters are never overwritten, and one is in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.sandbox.errors import UserError
from gristmill.trainers.adapters import Adapters


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


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        Adapters(tmp_path).prepare(name)


def test_an_unknown_adapter_names_the_known_ones(tmp_path: Path) -> None:
    adapters = Adapters(tmp_path)
    make(adapters.prepare("night"))
    with pytest.raises(UserError, match="night"):
        adapters.get("day")
