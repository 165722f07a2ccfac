"""What stands around a vLLM server: starting, watching, adapters, and that nothing outlives a run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from gristmill.graph.models.adapters import adapter_rank, adapter_version, served_name
from gristmill.graph.models.base import Switching
from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.vllm.environment import Installed
from gristmill.graph.models.vllm.guard import __file__ as guard
from gristmill.graph.models.vllm.proposer import RESTARTED, VllmProposer
from gristmill.graph.models.vllm.server import VllmServer
from gristmill.graph.records import Message, Request, Sampling, Tries
from gristmill.sandbox.errors import UserError

STANDIN = Path(__file__).with_name("vllm_standin.py")
REQUEST = Request(
    task_id="t", round=0, sample=0, messages=(Message(role="user", content="hi"),), sampling=Sampling(max_tokens=16)
)


async def allowed() -> bool:
    return True


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that "has vLLM": it runs the stand-in whatever module it is asked for."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" "$@"\n')
    path.chmod(0o755)
    return path


def options(python: Path, *arguments: str, **more: Any) -> ModelOptions:
    given = {"log_folder": python.parent / "logs", "vllm_arguments": arguments, "wait_seconds": 0.01}
    return ModelOptions(vllm_python=python, **(given | more))


def adapter(folder: Path, *, effect: float = 0.25, rank: int = 12, weights: bytes = b"weights") -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "effect": effect}))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def pids(log: Path) -> list[int]:
    match = re.search(r"^pids: (.*)$", log.read_text(), re.MULTILINE)
    assert match
    return [int(part) for part in match[1].split()]


def alive(processes: list[int]) -> list[int]:
    def state(process: int) -> str:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "gone"

    return [process for process in processes if state(process) not in {"gone", "Z"}]


def command_line(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 60
    while alive(processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(processes) == []


async def test_a_server_is_started_asked_and_ended_with_all_its_processes(python: Path) -> None:
    async with resolve("vllm:some/model", options=options(python)) as proposer:
        reply = await proposer.propose(REQUEST)
        log = next((python.parent / "logs").glob("vllm-*.log"))
        processes = pids(log)
        assert len(alive(processes)) == 3
    assert (reply.text, reply.tokens.completion, reply.finish) == ("from some/model", 2, "stop")
    assert (proposer.name, proposer.model, proposer.adapter) == ("vllm", "some/model", None)
    assert alive(processes) == []


async def test_the_server_is_private_and_its_python_is_not_led_astray(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    async with VllmServer("m", options(python, "--standin", "x")) as server:
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{server.url}/load_lora_adapter", json={})
        assert answer.status_code == 401
        assert server.url.startswith("http://127.0.0.1:")
        command = command_line(pids(server.log)[0])
    assert server.key not in command
    assert server.key not in server.log.read_text()
    assert "/somewhere" not in server.log.read_text()
    assert '"PYTHONSAFEPATH": "1"' in server.log.read_text()
    assert '"-m", "vllm.entrypoints.openai.api_server"' in server.log.read_text()
    assert '"--standin", "x"' in server.log.read_text()


async def test_adapters_change_while_the_server_stays(python: Path, tmp_path: Path) -> None:
    one, two = adapter(tmp_path / "one", weights=b"1"), adapter(tmp_path / "two", weights=b"2")
    idle, wide = adapter(tmp_path / "idle", effect=0.0), adapter(tmp_path / "wide", rank=64)
    async with VllmProposer("m", options=options(python, lora_rank=16)) as proposer:
        assert isinstance(proposer, Switching)
        log = next((python.parent / "logs").glob("vllm-*.log"))
        said = [(await proposer.propose(REQUEST)).text]
        for folder in (one, two, None, one):
            await proposer.switch(None if folder is None else str(folder))
            said.append((await proposer.propose(REQUEST)).text)
            assert proposer.context == 2048
            assert proposer.adapter == (None if folder is None else str(folder))
        with pytest.raises(UserError, match="of a greater rank than the 16"):
            await proposer.switch(str(wide))
        assert (await proposer.propose(REQUEST)).text == said[-1], "a refused one changes nothing"
        with pytest.raises(ModelError, match="changes nothing"):
            await proposer.switch(str(idle))
        assert proposer.adapter is None
        with pytest.raises(ModelError, match="not running"):
            await proposer.propose(REQUEST)
        assert len(list((python.parent / "logs").glob("vllm-*.log"))) == 1
        # A server that died meanwhile is started anew, with the adapter that is asked for.
        os.kill(pids(log)[0], signal.SIGKILL)
        wait_until_gone(pids(log)[:1])
        await proposer.switch(str(two))
        heard: list[str] = []
        told = Tries(again=allowed, over=lambda tokens: None, trouble=heard.append)
        said.append((await proposer.propose(REQUEST.model_copy(update={"tries": told}))).text)
        await proposer.propose(REQUEST.model_copy(update={"tries": told}))
        assert heard == [RESTARTED], "once, to the first run that asks it then"
    names = [served_name(each) for each in (one, two)]
    assert said == [f"from {name}" for name in ("m", names[0], names[1], "m", names[0], names[1])]
    assert log.read_text().count("POST /v1/unload_lora_adapter") == 3


@pytest.mark.parametrize(("device", "servers"), [("cuda", 1), ("cpu", 1), (None, 2)])
async def test_a_server_makes_room_for_a_training(
    python: Path, tmp_path: Path, device: Literal["cpu", "cuda"] | None, servers: int
) -> None:
    """On a GPU it sleeps, on CPUs it only idles; of what device one does not know it is ended and started again."""
    if device is not None:
        made = Installed(device=device, python=python, versions={})
        (python.parent / "gristmill-vllm.json").write_text(made.model_dump_json())
        (python.parent / "bin").mkdir()
        (python.parent / "bin/python").symlink_to(python)
        python = python.parent / "bin/python"
    logs = tmp_path / "logs"
    async with VllmProposer("m", options=options(python, lora_rank=16, log_folder=logs)) as proposer:
        await proposer.rest()
        await proposer.rest()
        log = next(logs.glob("vllm-*.log"))
        assert bool(alive(pids(log))) is (servers == 1)
        assert log.read_text().count("POST /sleep") == (device == "cuda")
        await proposer.switch(str(adapter(tmp_path / "one")))
        assert (await proposer.propose(REQUEST)).text.startswith("from one-")
    assert len(list(logs.glob("vllm-*.log"))) == servers
    assert log.read_text().count("POST /wake_up") == (device == "cuda")


async def test_a_server_that_runs_already_is_told_to_load_the_adapter_of_a_folder(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = adapter(tmp_path / "mine")
    async with VllmServer("m", options(python), rank=16) as server:
        monkeypatch.setenv("OPENAI_API_KEY", server.key)
        async with resolve(f"openai:m@{server.url}", adapter=str(folder)) as proposer:
            assert (await proposer.propose(REQUEST)).text == f"from {served_name(folder)}"
            assert proposer.adapter == str(folder)
        too_wide = resolve(f"openai:m@{server.url}", adapter=str(adapter(tmp_path / "wide", rank=64)))
        with pytest.raises(ModelSetupError, match=r"does not load the adapter .*wide: .*greater than max_lora_rank"):
            await too_wide.__aenter__()


async def test_an_adapter_is_loaded_under_a_versioned_name_and_must_have_an_effect(
    python: Path, tmp_path: Path
) -> None:
    good = adapter(tmp_path / "good")
    async with resolve("vllm:m", adapter=str(good), options=options(python)) as proposer:
        assert (await proposer.propose(REQUEST)).text == f"from good-{adapter_version(good)}"
        assert proposer.adapter == str(good)
    idle = adapter(tmp_path / "idle", effect=0.0)
    with pytest.raises(ModelError, match="changes nothing"):
        await resolve("vllm:m", adapter=str(idle), options=options(python)).__aenter__()
    for log in (python.parent / "logs").glob("vllm-*.log"):
        assert alive(pids(log)) == []


async def test_adapters_can_be_changed_while_the_server_runs(python: Path, tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "a", weights=b"1"), adapter(tmp_path / "b", weights=b"2", rank=64)
    async with VllmServer("m", options(python), rank=16) as server:
        assert await server.load_adapter(first) == f"a-{adapter_version(first)}"
        with pytest.raises(ModelError, match="max_lora_rank"):
            await server.load_adapter(second)


def test_the_version_of_an_adapter_is_that_of_its_weights(tmp_path: Path) -> None:
    one, other = adapter(tmp_path / "a", weights=b"1"), adapter(tmp_path / "b", weights=b"2")
    assert adapter_version(one) != adapter_version(other)
    assert len(adapter_version(one)) == 8
    (one / "adapter_model.safetensors").write_bytes(b"2")
    assert adapter_version(one) == adapter_version(other)
    (one / "adapter_model.safetensors").rename(one / "adapter_model.bin")
    with pytest.raises(UserError, match="safetensors only"):
        adapter_version(one)


def test_the_rank_is_rounded_up_to_one_that_vllm_knows(tmp_path: Path) -> None:
    for number, (rank, served) in enumerate([(1, 1), (4, 8), (12, 16), (16, 16), (300, 320)]):
        assert adapter_rank(adapter(tmp_path / str(number), rank=rank)) == served
    with pytest.raises(UserError, match="up to rank 512"):
        adapter_rank(adapter(tmp_path / "large", rank=1024))


async def test_a_server_that_dies_at_the_start_is_reported_with_the_end_of_its_log(python: Path) -> None:
    with pytest.raises(ModelError, match="ended while it was starting") as raised:
        await resolve("vllm:m", options=options(python, "--standin", "die-at-start")).__aenter__()
    assert raised.value.exit_code == 3
    assert "architecture is not supported" in str(raised.value)
    log = next((python.parent / "logs").glob("vllm-*.log"))
    assert str(log) in str(raised.value)
    wait_until_gone(pids(log))


async def test_a_server_that_never_becomes_ready_is_ended(python: Path) -> None:
    with pytest.raises(ModelError, match="not ready after 6 s"):
        await resolve("vllm:m", options=options(python, "--standin", "never-ready", start_seconds=6)).__aenter__()
    wait_until_gone(pids(next((python.parent / "logs").glob("vllm-*.log"))))


async def test_a_server_that_dies_during_a_run_ends_the_wait_at_once(python: Path) -> None:
    patient = options(python, "--standin", "die-on-call", retry_seconds=3000, attempts=1000, wait_seconds=100)
    async with resolve("vllm:m", options=patient) as proposer:
        with pytest.raises(ModelError, match="device-side assert"):
            await asyncio.wait_for(proposer.propose(REQUEST), 60)


async def test_cancelling_while_it_starts_leaves_nothing(python: Path) -> None:
    starting = asyncio.ensure_future(
        resolve("vllm:m", options=options(python, "--standin", "never-ready")).__aenter__()
    )
    logs = python.parent / "logs"
    while not any("pids" in log.read_text() for log in logs.glob("*.log")):  # noqa: ASYNC110  # another process
        await asyncio.sleep(0.05)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    wait_until_gone(pids(next(logs.glob("vllm-*.log"))))


def test_a_run_that_is_killed_leaves_no_server(python: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from gristmill.graph.models.resolve import ModelOptions, resolve\n"
        "async def main():\n"
        "    given = ModelOptions(vllm_python=Path(sys.argv[1]), log_folder=Path(sys.argv[2]))\n"
        "    async with resolve('vllm:m', options=given):\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(python), str(python.parent / "logs")]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    processes = pids(next((python.parent / "logs").glob("vllm-*.log")))
    assert len(alive(processes)) == 3
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    wait_until_gone(processes)


def test_the_guard_tells_the_status_of_what_it_ran() -> None:
    def status(*command: str) -> int:
        return subprocess.run(
            [sys.executable, "-I", "-S", guard, *command], stdin=subprocess.PIPE, timeout=60
        ).returncode

    # A closed standard input ends the command; these end by themselves first, so it is held open.
    reading, writing = os.pipe()
    try:
        for command, wanted in ((["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137)):
            done = subprocess.run([sys.executable, "-I", "-S", guard, *command], stdin=reading, timeout=60)
            assert done.returncode == wanted
    finally:
        os.close(reading)
        os.close(writing)
    assert status("sleep", "1000") == 128 + signal.SIGTERM


@pytest.mark.slow
def test_the_guard_kills_what_will_not_end() -> None:
    stubborn = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid(), flush=True)\ntime.sleep(1000)"
    )
    command = [sys.executable, "-I", "-S", guard, sys.executable, "-c", stubborn]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdin is not None
    assert run.stdout is not None
    process = int(run.stdout.readline())
    run.stdin.close()
    assert run.wait(60) == 128 + signal.SIGKILL
    run.stdout.close()
    assert alive([process]) == []


@pytest.mark.slow
@pytest.mark.model
async def test_the_real_vllm(tmp_path: Path) -> None:
    """With GRISTMILL_VLLM_PYTHON and GRISTMILL_VLLM_MODEL; on CPUs set VLLM_CPU_KVCACHE_SPACE=2 as well."""
    if "GRISTMILL_VLLM_PYTHON" not in os.environ:
        pytest.skip("no vLLM here (set GRISTMILL_VLLM_PYTHON and GRISTMILL_VLLM_MODEL)")
    given = ModelOptions(
        vllm_python=Path(os.environ["GRISTMILL_VLLM_PYTHON"]),
        vllm_arguments=("--dtype", "bfloat16", "--max-model-len", "1024"),
        log_folder=tmp_path,
    )
    async with resolve(f"vllm:{os.environ['GRISTMILL_VLLM_MODEL']}", options=given) as proposer:
        replies = await asyncio.gather(*(proposer.propose(REQUEST) for _ in range(4)))
    assert all(reply.tokens.completion > 0 for reply in replies)
