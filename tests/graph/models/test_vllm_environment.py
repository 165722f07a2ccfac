"""The environment that vLLM lives in, made by real venv and pip from packages of the test's own that bear its names."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from gristmill.graph.models.errors import ModelSetupError
from gristmill.graph.models.vllm.environment import PINS, Pins, default_folder, find, install, installed
from gristmill.graph.models.vllm.server import interpreter
from gristmill.sandbox.errors import InfrastructureError, UserError

WANTED = Pins(first=("torch==9.9",), packages=("vllm==1.2", "transformers<5"), without=("torchvision",), tried=True)


def wheel(folder: Path, name: str, version: str, code: str = "", needs: str = "") -> None:
    """A package of one module in `folder`."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {needs}\n" if needs else ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"__version__ = {version!r}\n{code}")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_an_environment_is_made_whole_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for name, version in (("torch", "9.9"), ("transformers", "4.1"), ("transformers", "5.1"), ("torchvision", "3.0")):
        wheel(packages, name, version)
    wheel(packages, "vllm", "1.2", code="raise ImportError('libcudart is not there')\n", needs="torchvision")
    monkeypatch.setitem(PINS, "cpu", WANTED)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")  # a machine's own constraints would forbid these versions
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    said: list[str] = []
    pip = ("--no-index", f"--find-links={packages}")

    with pytest.raises(ModelSetupError, match="gristmill vllm install"):
        interpreter(None)
    with pytest.raises(InfrastructureError, match="libcudart is not there"):
        install(device="cpu", pip=pip, say=said.append)
    assert installed() is None, "what cannot be imported is not finished"

    wheel(packages, "vllm", "1.2", needs="torchvision")
    python = default_folder() / "bin" / "python"
    for broken in default_folder().glob("lib/python*/site-packages/vllm.py"):
        broken.write_text("__version__ = '1.2'\n")
    made = install(device="cpu", pip=pip, say=said.append)
    assert made.versions == {"vllm": "1.2", "torch": "9.9", "transformers": "4.1"}
    assert not list(default_folder().glob("lib/python*/site-packages/torchvision*"))
    assert installed() == find(None) == find(python) == made
    assert interpreter(None) == python
    again: list[str] = []
    assert install(device="cpu", pip=pip, say=again.append) == made
    assert len(again) == 1
    assert "has it already" in again[0]


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine.txt").write_text("keep")
    with pytest.raises(UserError, match="no environment"):
        install(tmp_path / "notes", device="cpu", say=print)
    assert [each.name for each in (tmp_path / "notes").iterdir()] == ["mine.txt"]
    assert find(Path("/usr/bin/python3")) is None
