"""Containers: how they are hardened, and that none is left whatever happens to either side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gristmill.sandbox import (
    CANDIDATE,
    DockerFactory,
    DockerSandbox,
    Ending,
    Job,
    Limits,
    Pool,
    SandboxError,
    candidate_profile,
)
from gristmill.sandbox.backends.docker import DockerOptions
from gristmill.sandbox.backends.engine import LABEL, connect, engine_gaps, reap
from gristmill.sandbox.owners import owner_label
from gristmill.sandbox.workers.staging import sweep
from gristmill.sandbox.workers.warm import canary

pytestmark = pytest.mark.docker

PROBING = candidate_profile(guest=("gristmill.sandbox.guest.probe",))

HOLD = """
import asyncio, sys, time
from gristmill.sandbox import CANDIDATE, DockerSandbox
async def main():
    async with DockerSandbox(CANDIDATE) as sandbox:
        print(sandbox.container_id, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.fixture
def client(docker_engine: str) -> Iterator[object]:
    connection = connect()
    yield connection
    connection.close()


def sleeper(text: str = "import time; time.sleep(300)", wall: float = 300) -> Job:
    return Job(
        program="gristmill.sandbox.guest.probe:run", request=text, limits=Limits(wall_seconds=wall, memory_mb=256)
    )


def exists(client, identity: str) -> bool:  # type: ignore[no-untyped-def]
    from docker.errors import NotFound

    try:
        client.containers.get(identity)
    except NotFound:
        return False
    return True


def soon(condition, seconds: float = 60):  # type: ignore[no-untyped-def]
    """What the condition gives as soon as that is true, or at last."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return met


def staged(owner: int | None = None) -> set[str]:
    """The folders of workers that a process, by default this one, has staged; others may be at work beside us."""
    folders = set()
    for folder in Path(tempfile.gettempdir()).glob("gristmill-*"):
        with contextlib.suppress(OSError):
            if (folder / "owner").read_text().startswith(f"{owner or os.getpid()}:"):
                folders.add(folder.name)
    return folders


async def test_the_container_is_hardened_as_documented(client) -> None:  # type: ignore[no-untyped-def]
    async with DockerSandbox(CANDIDATE, DockerOptions(cpus=0.5)) as sandbox:
        state = client.api.inspect_container(sandbox.container_id)
    host = state["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert {name.removeprefix("CAP_") for name in host["CapAdd"]} == {"SETUID", "SETGID", "KILL"}
    assert "no-new-privileges" in host["SecurityOpt"]
    assert any("SCMP_ACT_ERRNO" in option for option in host["SecurityOpt"])
    assert host["Memory"] == host["MemorySwap"] == CANDIDATE.memory_mb << 20
    assert host["PidsLimit"] > 0
    assert host["NanoCpus"] == 500_000_000
    assert host["IpcMode"] == "none"
    assert host["Privileged"] is False
    assert host["AutoRemove"] is True
    assert host["LogConfig"]["Type"] == "none"
    assert all(mount["ReadOnly"] for mount in host["Mounts"])
    assert state["Config"]["Labels"][f"{LABEL}.owner"] == owner_label()


async def test_leaving_leaves_no_container_and_no_file(client) -> None:  # type: ignore[no-untyped-def]
    before = staged()
    async with DockerSandbox(CANDIDATE) as sandbox:
        identity = sandbox.container_id
        assert identity is not None
        await canary(sandbox)
        assert staged() > before
    assert soon(lambda: not exists(client, identity))
    assert soon(lambda: staged() <= before)


async def test_cancelling_a_start_leaves_nothing(client) -> None:  # type: ignore[no-untyped-def]
    before, mine = staged(), {"label": f"{LABEL}.owner={owner_label()}"}
    for moment in (0.0, 0.03, 0.1):
        entering = asyncio.create_task(DockerSandbox(CANDIDATE).__aenter__())
        await asyncio.sleep(moment)
        entering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await entering).__aexit__(None, None, None)
    assert soon(lambda: not client.containers.list(all=True, filters=mine, ignore_removed=True))
    assert soon(lambda: staged() <= before)


async def test_a_container_killed_in_a_job_is_trouble_not_a_result(client) -> None:  # type: ignore[no-untyped-def]
    sandbox = DockerSandbox(PROBING)
    async with sandbox:
        running = asyncio.create_task(sandbox.run(sleeper()))
        await asyncio.sleep(0.3)
        client.api.kill(sandbox.container_id)
        with pytest.raises(SandboxError):
            await asyncio.wait_for(running, 120)


async def test_the_pool_replaces_a_killed_container_and_runs_the_job_again(client) -> None:  # type: ignore[no-untyped-def]
    mine = {"label": f"{LABEL}.owner={owner_label()}"}
    async with Pool(DockerFactory(), size=1) as pool:
        await pool.run(sleeper("context.send('warm')"), PROBING)
        running = asyncio.create_task(pool.run(sleeper("import time; time.sleep(1); context.send('alive')"), PROBING))
        await asyncio.sleep(0.5)
        for container in client.containers.list(filters=mine):
            container.kill()
        report = await asyncio.wait_for(running, 120)
    assert report.ending is Ending.FINISHED
    assert len(report.messages) == 1


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1, 0.2, 0.3, 0.4])
async def test_a_container_killed_while_it_starts_is_replaced_too(client, moment: float) -> None:  # type: ignore[no-untyped-def]
    from docker.errors import APIError

    mine = {"label": f"{LABEL}.owner={owner_label()}"}
    async with Pool(DockerFactory(), size=1) as pool:
        running = asyncio.create_task(pool.run(sleeper("context.send('alive')"), PROBING))
        started = await asyncio.to_thread(soon, lambda: client.containers.list(filters=mine))
        await asyncio.sleep(moment)
        for container in started:
            with contextlib.suppress(APIError):
                container.kill()
        report = await asyncio.wait_for(running, 120)
    assert report.ending is Ending.FINISHED
    assert len(report.messages) == 1


async def test_all_workers_killed_between_jobs_are_replaced(client) -> None:  # type: ignore[no-untyped-def]
    mine = {"label": f"{LABEL}.owner={owner_label()}"}
    async with Pool(DockerFactory(), size=2) as pool:
        job = sleeper("context.send(1)")
        await asyncio.gather(pool.run(job, PROBING), pool.run(job, PROBING))
        for container in client.containers.list(filters=mine):
            container.kill()
        reports = await asyncio.gather(*(pool.run(job, PROBING) for _ in range(4)))
    assert {report.ending for report in reports} == {Ending.FINISHED}


def test_a_killed_parent_leaves_no_container_and_its_files_are_swept(client) -> None:  # type: ignore[no-untyped-def]
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        identity = parent.stdout.readline().strip()
        assert exists(client, identity)
        assert len(staged(parent.pid)) == 1  # from its death on, a test beside this one may sweep it
        parent.send_signal(signal.SIGKILL)
    assert soon(lambda: not exists(client, identity)), "the container outlived its killed owner"
    sweep()
    assert not staged(parent.pid)


def test_only_containers_of_dead_owners_are_reaped(client) -> None:  # type: ignore[no-untyped-def]
    from gristmill.sandbox.backends.engine import docker_image
    from gristmill.sandbox.image.root import PYTHON

    image, _ = docker_image(client)
    pid, started, namespace, boot = owner_label().split(":")
    labels = {
        "alive": owner_label(),
        "dead": f"{pid}:{int(started) - 1}:{namespace}:{boot}",
        "elsewhere": f"999999:1:{int(namespace) + 1}:{boot}",
        "unreadable": "nonsense",
    }
    containers = {
        name: client.containers.run(
            image,
            [PYTHON, "-c", "import time; time.sleep(300)"],
            detach=True,
            network_mode="none",
            labels={f"{LABEL}.owner": label},
        )
        for name, label in labels.items()
    }
    try:
        # Other processes may reap at the same time, so the number proves nothing.
        reap(client)
        assert {name for name, each in containers.items() if exists(client, each.id)} == {
            "alive",
            "elsewhere",
            "unreadable",
        }
    finally:
        for each in containers.values():
            with contextlib.suppress(Exception):
                each.remove(force=True)


async def test_an_engine_that_does_not_answer_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/engine.sock")
    with pytest.raises(SandboxError, match=r"no/such/engine.sock.*--sandbox bubblewrap"):
        DockerFactory().check()
    with pytest.raises(SandboxError, match="DOCKER_HOST"):
        async with Pool.open("docker"):
            pass


async def test_an_unknown_runtime_or_image_is_named(docker_engine: str) -> None:
    for options, word in ((DockerOptions(runtime="no-such-runtime"), "runtime"), (DockerOptions(image="x/y:z"), "x/y")):
        with pytest.raises(SandboxError, match=word):
            async with DockerSandbox(CANDIDATE, options):
                pass


def test_what_an_engine_cannot_enforce_is_said() -> None:
    able = {"MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "CpuCfsQuota": True}
    assert engine_gaps({**able, "SecurityOptions": ["name=seccomp,profile=default"]}) == ()
    gaps = engine_gaps({**able, "PidsLimit": False, "SecurityOptions": []})
    assert len(gaps) == 2
