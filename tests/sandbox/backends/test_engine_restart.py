"""An engine that is killed, hangs, or is started again while candidates are judged: no verdict is lost or wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gristmill.sandbox import Pool
from gristmill.verifiers import Task, Verifiers
from gristmill.verifiers.records import Case, CasesTest, Outcome

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


class Engine:
    """A Docker engine of the test's own: killing it disturbs nobody else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "docker.pid").unlink(missing_ok=True)
        # The engine's own helper dies with it, but its number may be taken for a live process: nobody reaps it here.
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)
        options = {
            "--host": self.address,
            "--data-root": self.folder / "data",
            "--exec-root": self.folder / "exec",
            "--pidfile": self.folder / "docker.pid",
            "--storage-driver": "overlay2",
            "--bridge": "none",
            "--exec-opt": "native.cgroupdriver=cgroupfs",
        }
        given = [str(word) for option in options.items() for word in option]
        off = [f"{option}=false" for option in ("--iptables", "--ip6tables", "--ip-forward")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(["dockerd", *given, *off], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while subprocess.run(["docker", "-H", self.address, "version"], capture_output=True, check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((self.folder / "log").read_text("utf-8", "replace")[-3000:])
            time.sleep(0.1)

    def stop(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def remove(self) -> None:
        """Everything that an engine leaves behind when it is killed: helpers of containers, mounts, files."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{self.folder}/exec/".encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in sorted((path for path in mounted if path.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def engine(docker_engine: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    if shutil.which("dockerd") is None or os.geteuid() != 0:
        pytest.skip("an engine of its own needs dockerd and root")
    # Not pytest's folder: a socket's path may be 107 characters long.
    own_engine = Engine(Path(tempfile.mkdtemp(prefix="gm-engine-")))
    monkeypatch.setenv("DOCKER_HOST", own_engine.address)
    try:
        own_engine.start()
        yield own_engine
    finally:
        own_engine.stop(signal.SIGTERM)
        own_engine.remove()


def task(number: int) -> Task:
    cases = CasesTest(entry_point="f", cases=tuple(Case(args=(x,), expected=x + number) for x in range(3)))
    return Task(id=f"add-{number}", kind="code", prompt="Add.", tests=(cases,))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_verdicts_outlast_a_restart_of_the_engine(engine: Engine, number: signal.Signals) -> None:
    """Right and wrong candidates before, during and after it get the verdicts they deserve."""
    async with Pool.open("docker", size=2) as pool:
        verifiers = Verifiers(pool)
        restarted = asyncio.Event()

        async def judge(which: int) -> tuple[bool, Outcome]:
            right = which % 2 == 0
            source = f"import time\ndef f(x):\n    time.sleep(0.02)\n    return x + {which if right else which + 1}\n"
            verdict = await verifiers.verify(task(which), source)
            if verdict.outcome is Outcome.UNSCORED:
                print(f"unscored after {verdict.seconds:.0f} s: {verdict.sandbox}")
            return right, verdict.outcome

        async def restart() -> None:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(engine.stop, number)
            await asyncio.sleep(1)
            await asyncio.to_thread(engine.start)
            restarted.set()

        outcomes = list(await asyncio.gather(*(judge(which) for which in range(4))))
        restarting = asyncio.create_task(restart())
        while not restarted.is_set():
            outcomes += await asyncio.gather(*(judge(which) for which in range(10)))
        outcomes += await asyncio.gather(*(judge(which) for which in range(20)))
        await restarting
    assert {outcome for right, outcome in outcomes if right} == {Outcome.PASSED}
    assert {outcome for right, outcome in outcomes if not right} == {Outcome.FAILED}


async def test_an_engine_that_hangs_holds_up_no_warm_worker(engine: Engine) -> None:
    """Jobs talk to their workers past the engine, which is needed for starting and removing containers only."""
    async with Pool.open("docker", size=1) as pool:
        verifiers = Verifiers(pool)
        source = "def f(x):\n    return x + 1\n"
        assert (await verifiers.verify(task(1), source)).outcome is Outcome.PASSED
        assert engine.process is not None
        engine.process.send_signal(signal.SIGSTOP)
        try:
            outcomes = [(await verifiers.verify(task(1), source)).outcome for _ in range(20)]
        finally:
            engine.process.send_signal(signal.SIGCONT)
    assert set(outcomes) == {Outcome.PASSED}
