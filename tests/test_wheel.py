"""The wheel holds the four packages as they stand in the tree, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("sandbox", "verifiers", "graph", "trainers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by hatchling from the tree, without a network."""
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("wheel")
    program = f"from hatchling.build import build_wheel; print(build_wheel({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


def in_tree() -> set[str]:
    """What git tracks or would track: ignored files (caches) are no part of the tree."""
    if not (ROOT / ".git").exists():
        pytest.skip("the tree is not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *ROOMS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {f"gristmill/{path}" for path in listed.stdout.splitlines() if (ROOT / path).exists()}


def test_the_wheel_holds_the_files_of_the_four_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == in_tree()
    assert {name.split("/")[1] for name in names} == set(ROOMS)
    assert "gristmill/__init__.py" not in names  # it is a namespace
    for data in ("graph/prompts/chat_code.md", "trainers/viewing/templates/improvement.html", "sandbox/py.typed"):
        assert f"gristmill/{data}" in names


def test_the_files_are_the_same_to_the_byte(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in in_tree():
            assert archive.read(name) == (ROOT / name.removeprefix("gristmill/")).read_bytes(), name


def test_the_wheel_works_from_a_folder_of_its_own(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['gristmill', 'graph']\n"
        "import gristmill.graph.build\n"
        f"assert gristmill.graph.build.__file__.startswith({str(tmp_path)!r}), gristmill.graph.build.__file__\n"
        "from gristmill.trainers.cli import main; main()\n"
    )
    # -S keeps the editable install's path file out; the libraries come back through site-packages itself.
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {libraries!r}\n{program}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "propose" in done.stdout
