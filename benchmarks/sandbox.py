"""What one sandboxed job costs, against bare forks and against the ways that others take. Medians of one run.

    python benchmarks/sandbox.py [--rounds 30] [--json FILE]

A job of ours is submit to report: one case, one candidate, in a warm worker. All kinds take turns in every round, so
that a busy machine slows all of them alike; read the ratios, not the milliseconds. First each comes once a round, in
an order drawn for it, after work of another kind, as a job does that comes when a model has answered; then in a row
(ten of the quick ones), where the next child of a worker is made while a job runs; last the quick ones again, with
3 ms of rest before each, when the next child is ready. "busy ms" is the processor time of the whole machine for one
call in a row, so it wants a quiet machine. `llm-sandbox` is measured if it is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from gristmill.sandbox import Ending, Job, Limits, Pool, SandboxError, candidate_profile
from gristmill.sandbox.image.root import PYTHON

LOADED = ("numpy", "sympy")
CASE = {"source": "def f(x):\n    return x + 1\n", "entry_point": "f", "cases": [{"args": [1], "kwargs": {}}]}
FORKER = """
import os, sys, time
for name in sys.argv[1:]: __import__(name)
import gc; gc.collect(); gc.disable(); gc.freeze()
for line in sys.stdin:
    begun = time.perf_counter()
    child = os.fork()
    if child == 0: os._exit(0)
    os.waitpid(child, 0)
    print(time.perf_counter() - begun, flush=True)
"""

Step = Callable[[], Awaitable[float]]


class Forker:
    """A process that forks when it is told to and says how long that took."""

    def __init__(self, *modules: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", FORKER, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    async def __call__(self) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def command(*arguments: str) -> Step:
    async def run() -> float:
        begun = time.perf_counter()
        done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.decode()[-500:]}")
        return time.perf_counter() - begun

    return run


def job_of(pool: Pool, preload: tuple[str, ...]) -> Step:
    profile = candidate_profile(preload=preload)
    job = Job(program="gristmill.sandbox.guest.candidate:cases", request=CASE, limits=Limits())

    async def run() -> float:
        begun = time.perf_counter()
        report = await pool.run(job, profile)
        took = time.perf_counter() - begun
        if report.ending is not Ending.FINISHED or len(report.messages) != 1:
            raise RuntimeError(f"a job went wrong: {report}")
        return took

    return run


async def llm_sandbox(stack: contextlib.AsyncExitStack) -> Step:
    """A run in an open session of llm-sandbox, as its documentation shows, without its package set-up."""
    from llm_sandbox import SandboxSession  # type: ignore[import-not-found]

    image = await asyncio.to_thread(llm_sandbox_image)
    session = SandboxSession(lang="python", image=image, keep_template=True, skip_environment_setup=True)
    await asyncio.to_thread(session.open)
    stack.callback(session.close)

    async def run() -> float:
        begun = time.perf_counter()
        done = await asyncio.to_thread(session.run, "def f(x):\n    return x + 1\nprint(f(1))")
        if done.stdout.strip() != "2":
            raise RuntimeError(f"llm-sandbox: {done}")
        return time.perf_counter() - begun

    return run


def llm_sandbox_image() -> str:
    """Our image with the few commands that llm-sandbox runs in it; it cannot be pulled everywhere."""
    from gristmill.sandbox.backends.engine import connect
    from gristmill.sandbox.image.libraries import needed
    from gristmill.sandbox.image.root import root

    tools = {
        name: Path(installed).resolve()
        for name in ("sh", "mkdir", "rm", "ls", "cat")
        if (installed := shutil.which(name))
    }
    shared = needed(tools.values(), inside=())
    name = "gristmill-benchmark-llm-sandbox"
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.add(root().path, arcname=".")
            for tool, path in tools.items():
                tar.add(path, arcname=f"./usr/bin/{tool}")
            for library, path in shared.libraries.items():
                inside = f".{shared.folder / library}"
                if not (root().path / inside).exists():
                    tar.add(path.resolve(), arcname=inside)
            link = tarfile.TarInfo("./usr/bin/python")
            link.type, link.linkname = tarfile.SYMTYPE, PYTHON
            tar.addfile(link)
        file.seek(0)
        with contextlib.closing(connect(timeout=600)) as client:
            command = json.dumps([PYTHON, "-c", "import time; time.sleep(10**6)"])
            client.api.import_image_from_data(file, repository=name, tag="latest", changes=[f"CMD {command}"])
    return f"{name}:latest"


async def measure(rounds: int) -> tuple[dict[str, dict[str, list[float]]], dict[str, float]]:
    """Seconds by way and kind, and the machine's busy seconds for one call in a row."""
    steps: dict[str, tuple[Step, int]] = {}
    missing: dict[str, str] = {}
    async with contextlib.AsyncExitStack() as stack:
        for name, modules in (("bare fork", ()), ("fork, numpy+sympy loaded", LOADED)):
            forker = Forker(*modules)
            stack.callback(forker.close)
            steps[name] = forker, 10
        steps["python -I -S -c pass"] = command(sys.executable, "-I", "-S", "-c", "pass"), 2
        for backend in ("docker", "bubblewrap"):
            try:
                pool = await stack.enter_async_context(Pool.open(backend))
                for preload in ((), LOADED):
                    step = job_of(pool, preload)
                    # As many at once as the pool takes: it keeps that many workers, which then take turns.
                    await asyncio.gather(*(step() for _ in range(4 * pool.size)))
                    steps[f"our job, {backend}{', numpy+sympy loaded' if preload else ''}"] = step, 10
            except SandboxError as error:
                missing[backend] = str(error)
        try:
            steps |= docker_commands(stack)
        except (SandboxError, FileNotFoundError, RuntimeError) as error:
            missing["docker exec, docker run"] = str(error)
        try:
            steps["llm-sandbox, open session"] = await llm_sandbox(stack), 1
        except Exception as error:
            missing["llm-sandbox"] = f"{type(error).__name__}: {error}"
        turn: dict[str, list[float]] = {name: [] for name in steps}
        row: dict[str, list[float]] = {name: [] for name in steps}
        rest: dict[str, list[float]] = {name: [] for name, (_, times) in steps.items() if times == 10}
        busy: dict[str, float] = dict.fromkeys(steps, 0.0)
        for step, _ in steps.values():
            await step()
        for _ in range(rounds):
            for name in random.sample(list(steps), len(steps)):
                turn[name].append(await steps[name][0]())
        for _ in range(rounds):
            for name, (step, times) in steps.items():
                before = busy_seconds()
                row[name] += [await step() for _ in range(times)]
                busy[name] += (busy_seconds() - before) / times / rounds
        for _ in range(rounds):
            for name in rest:
                for _ in range(10):
                    time.sleep(0.003)  # noqa: ASYNC251  # nothing else shall run meanwhile
                    rest[name].append(await steps[name][0]())
    for name, reason in missing.items():
        print(f"not measured: {name}: {' '.join(reason.split())[:200]}")
    return {"in turn": turn, "in a row": row, "after a rest": rest}, busy


def busy_seconds() -> float:
    """What all processors have worked, in user and system mode and for interrupts."""
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def docker_commands(stack: contextlib.AsyncExitStack) -> dict[str, tuple[Step, int]]:
    from gristmill.sandbox.backends.engine import connect, docker_image

    with contextlib.closing(connect()) as client:
        image, _ = docker_image(client)
    hardened = [
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--pids-limit=64",
    ]
    start = ["docker", "run", "--rm", "-d", *hardened, image, PYTHON, "-c", "import time; time.sleep(3600)"]
    container = subprocess.run(start, capture_output=True, check=True, text=True).stdout.strip()
    stack.callback(subprocess.run, ["docker", "rm", "-f", container], capture_output=True)
    python = [PYTHON, "-I", "-S", "-c", "def f(x):\n    return x + 1\nprint(f(1))"]
    return {
        "docker exec": (command("docker", "exec", container, *python), 2),
        "docker run, hardened": (command("docker", "run", "--rm", *hardened, image, *python), 1),
    }


def table(seconds: dict[str, list[float]]) -> list[dict[str, float | str | int]]:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return [
        {
            "what": name,
            "median_ms": round(medians[name] * 1000, 2),
            "p90_ms": round(sorted(values)[int(len(values) * 0.9)] * 1000, 2),
            "runs": len(values),
            "times_bare_fork": round(medians[name] / medians["bare fork"], 2),
            "times_loaded_fork": round(medians[name] / medians["fork, numpy+sympy loaded"], 2),
        }
        for name, values in seconds.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    ways, busy = asyncio.run(measure(arguments.rounds))
    tables = {way: table(seconds) for way, seconds in ways.items()}
    for row in tables["in a row"]:
        row["busy_ms"] = round(1000 * busy[str(row["what"])], 2)
    for way, rows in tables.items():
        print(f"{way:44}{'median ms':>10}{'p90 ms':>9}{'× fork':>9}{'× loaded fork':>15}{'busy ms':>9}")
        for row in rows:
            print(
                f"{row['what']:44}{row['median_ms']:>10}{row['p90_ms']:>9}{row['times_bare_fork']:>9}"
                f"{row['times_loaded_fork']:>15}{row.get('busy_ms', ''):>9}"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
