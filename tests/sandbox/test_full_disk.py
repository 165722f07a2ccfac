"""Disks that are full: workers do not start, commands say so and exit with 3, and what was done is kept."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gristmill.graph.storage.store import Store
from gristmill.sandbox import CANDIDATE, Ending, Job, Pool, SandboxError, candidate_profile
from gristmill.sandbox.backends.choosing import choose_factory
from gristmill.sandbox.image.root import cache_folder, root

PROBING = candidate_profile(guest=("gristmill.sandbox.guest.probe",))
TASK = {
    "kind": "code",
    "prompt": "double(x)",
    "tests": [{"type": "cases", "entry_point": "double", "cases": [{"args": [3], "expected": 6}]}],
}
REPLIES = [
    {"round": 0, "text": "```python\ndef double(x):\n    return x * x\n```"},
    {"round": 1, "text": "```python\ndef double(x):\n    return 2 * x\n```"},
]

Disk = Callable[[str, str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes small disks, named, with a size."""
    mounted: list[Path] = []

    def make(name: str, size: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small disk of its own needs the right to mount")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(folder: Path, but: int = 0) -> Path:
    """Leave no more than `but` bytes free."""
    stuffing = folder / "stuffing"
    state = os.statvfs(folder)
    with stuffing.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(state.f_bavail * state.f_frsize - but, 4096))
    return stuffing


def command(gristmill: str, *arguments: str, code: int, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [gristmill, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    path = tmp_path / "doubling.jsonl"
    path.write_text("".join(json.dumps({**TASK, "id": f"double/{number}"}) + "\n" for number in range(40)))
    (tmp_path / "replies.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in REPLIES))
    return path


@pytest.mark.docker
@pytest.mark.bubblewrap
async def test_a_worker_that_finds_no_space_for_its_files_says_so_and_leaves_nothing(
    backend: str, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = disk("temporary", "1m")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    job = Job(program="gristmill.sandbox.guest.probe:run", request="context.send(1)")
    async with Pool(await choose_factory(backend), size=1) as pool:
        stuffing = fill(folder)
        with pytest.raises(SandboxError, match=r"temporary.*free some space"):
            await pool.run(job, PROBING)
        assert [path.name for path in folder.iterdir()] == ["stuffing"]
        stuffing.unlink()
        assert (await pool.run(job, PROBING)).ending is Ending.FINISHED
        # A worker that runs needs no more space: the jobs' own files lie in its memory.
        fill(folder)
        assert (await pool.run(job, PROBING)).ending is Ending.FINISHED
    assert [path.name for path in folder.iterdir()] == ["stuffing"]


def test_an_image_that_finds_no_space_is_named_with_what_to_do_and_no_half_of_it_stays(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(disk("cache", "3m")))
    with pytest.raises(SandboxError, match=r"No space left.*XDG_CACHE_HOME"):
        root(CANDIDATE.image)
    assert not [path for path in cache_folder().iterdir() if path.is_dir()]


@pytest.mark.slow
@pytest.mark.bubblewrap
def test_a_run_without_space_for_workers_exits_with_3_and_goes_on_later(
    tasks: Path, disk: Disk, bubblewrap: str, gristmill_command: str
) -> None:
    # Room for the one file by which Python sees that it may write there, and too little for a worker's folder.
    small, workspace = disk("temporary", "64k,nr_inodes=3"), tasks.parent
    run = (
        "run",
        str(tasks),
        "--model",
        f"replay:{workspace}/replies.jsonl",
        "--sandbox",
        "bubblewrap",
        "--hypotheses",
        "1",
        "--name",
        "r",
        "--workspace",
        str(workspace),
    )
    done = command(gristmill_command, *run, code=3, TMPDIR=str(small))
    assert "No space left" in done.stderr
    assert "--resume" in done.stderr
    assert not list(small.iterdir())
    command(gristmill_command, *run, "--resume", code=0)
    with Store.open(workspace) as store:
        steps = store.steps("r", "double/0")
    assert [verdict and verdict.outcome.value for _, verdict in steps] == ["failed", "passed"]


@pytest.mark.slow
@pytest.mark.bubblewrap
def test_a_run_whose_workspace_fills_up_exits_with_3_and_loses_no_reply(
    tasks: Path, disk: Disk, bubblewrap: str, gristmill_command: str
) -> None:
    workspace = disk("workspace", "1m")
    stuffing = fill(workspace, but=400 << 10)
    run = (
        "run",
        str(tasks),
        "--model",
        f"replay:{tasks.parent}/replies.jsonl",
        "--sandbox",
        "bubblewrap",
        "--hypotheses",
        "1",
        "--name",
        "r",
        "--workspace",
        str(workspace),
    )
    done = command(gristmill_command, *run, code=3)
    assert "full" in done.stderr
    assert "--resume" in done.stderr
    with Store.open(workspace) as store:
        before = {hypothesis.id for number in range(40) for hypothesis, _ in store.steps("r", f"double/{number}")}
    stuffing.unlink()
    subprocess.run(["mount", "-o", "remount,size=32m", str(workspace)], check=True)
    command(gristmill_command, *run, "--resume", code=0)
    with Store.open(workspace) as store:
        steps = [step for number in range(40) for step in store.steps("r", f"double/{number}")]
    assert before
    assert before < {hypothesis.id for hypothesis, _ in steps}
    assert len(steps) == 80
    assert all(verdict is not None for _, verdict in steps)
