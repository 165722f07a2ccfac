"""A vLLM server of our own, from the interpreter that the user names, supervised for the length of a run.

vLLM pins its own torch, so it lives in another environment and nothing of it is imported here. The server listens on
loopback under a key made for the run, since it may load adapters from any path that it is told. It is ended with the
run however the run ends (see `gristmill.graph.models.vllm.guard`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from gristmill.graph.models.adapters import adapter_difference, served_name, served_path
from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.vllm.environment import find, installed
from gristmill.graph.storage.workspace import home_of

__all__ = ["VllmServer", "interpreter"]

_log = logging.getLogger(__name__)

_MODULE = "vllm.entrypoints.openai.api_server"
_TAIL = 25
_TELL_EVERY = 10.0


class VllmServer:
    """A supervised vLLM server.

    Entering starts it and waits until it is ready, saying every ten seconds how it goes; leaving ends it. Its output
    goes to `log`.

    Args:
        model: name on the hub, or a folder.
        options: `vllm_python` is needed; `vllm_arguments`, `start_seconds` and `log_folder` are read.
        rank: rank of the largest LoRA adapter that will be loaded; None serves without LoRA.
        environment: of the server; None is this process's, without what would lead its Python astray.
    """

    def __init__(
        self,
        model: str,
        options: ModelOptions,
        *,
        rank: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model
        self.key = secrets.token_urlsafe(24)
        self.url = ""
        folder = options.log_folder or home_of(None) / "logs"
        self.log = folder / f"vllm-{os.getpid()}-{secrets.token_hex(3)}.log"
        self._options = options
        self._rank = rank
        made = find(options.vllm_python)
        self.device = made.device if made is not None else None
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        python = interpreter(self._options.vllm_python)
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        self._process = self._start(python, port)
        try:
            await self._wait_until_ready()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def load_adapter(self, folder: Path) -> str:
        """Load a LoRA adapter, check that it changes what the model computes, and return the name to ask for.

        The name carries a digest of the weights: a server that loads new weights under an old name may go on
        answering from what it cached for the old ones.

        Raises:
            ModelError: the server does not load it, or it changes nothing.
        """
        name = served_name(folder)
        answer = await self._post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": served_path(folder)})
        if answer.status_code != 200 and "already been loaded" not in answer.text:
            raise ModelError(f"vLLM does not load the adapter {folder}: {answer.text[:500]}\n{self._see_log()}")
        async with httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self.key}"}, timeout=300, trust_env=False
        ) as client:
            difference = await adapter_difference(client, self.url, self.model, name)
        if not difference:
            raise ModelError(
                f"the adapter {folder} changes nothing: vLLM gives the same probabilities with and without it. "
                "Either it was never trained (its B matrices are zero), or this vLLM ignores it."
            )
        _log.info("adapter %s is loaded; log probabilities differ by up to %.3g", name, difference)
        return name

    async def unload_adapter(self, name: str) -> None:
        """Forget an adapter of this name, so that its place is free; one that is not there is no error."""
        await self._post("/v1/unload_lora_adapter", {"lora_name": name})

    async def sleep(self) -> bool:
        """Give back the device's memory until `wake`; False where this server cannot."""
        answer = await self._post("/sleep?level=1", {})
        return answer.status_code == 200

    async def wake(self) -> None:
        """Take the device's memory again, after `sleep`.

        Raises:
            ModelError: the server does not; there may be too little memory.
        """
        answer = await self._post("/wake_up", {})
        if answer.status_code != 200:
            raise ModelError(f"vLLM does not wake up: {answer.text[:500]}\n{self._see_log()}")

    async def _post(self, path: str, body: dict[str, str]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            async with httpx.AsyncClient(headers=headers, timeout=300, trust_env=False) as client:
                return await client.post(f"{self.url.removesuffix('/v1')}{path}", json=body)
        except httpx.HTTPError as error:
            raise ModelError(
                f"vLLM does not answer {path}: {type(error).__name__}: {error}\n{self._see_log()}"
            ) from error

    def _start(self, python: Path, port: int) -> subprocess.Popen[bytes]:
        folder = Path(self.model)
        place = str(folder.resolve()) if folder.is_dir() else self.model
        command = [str(python), "-m", _MODULE, "--model", place, "--served-model-name", self.model]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--enable-lora", "--max-lora-rank", str(self._rank)] if self._rank else []
        command += ["--enable-sleep-mode"] if self.device == "cuda" else []
        # On CPUs vllm 0.32 dies of a prompt in parts where replies have seeds ("CPU Generator does not use offset").
        command += ["--no-enable-chunked-prefill"] if self.device == "cpu" else []
        command += list(self._options.vllm_arguments)
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("wb") as log:
                return self._spawn(command, log)
        except OSError as error:
            raise ModelError(f"vLLM cannot be started with its log in {self.log}: {error}") from error

    def _spawn(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        guard = Path(__file__).with_name("guard.py")
        # Isolated and without site: the guard must start quickly and obey nothing in the environment.
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=self.log.parent,
            env=_server_environment(os.environ if self._environment is None else self._environment, self.key)
            | ({"VLLM_SERVER_DEV_MODE": "1"} if self.device == "cuda" else {}),  # serves /sleep and /wake_up
        )

    async def _wait_until_ready(self) -> None:
        start = last_log = time.monotonic()
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            while True:
                if not self.running:
                    raise ModelError(f"vLLM ended while it was starting.\n{self._see_log()}")
                if await _healthy(client, self.url):
                    _log.info("vLLM serves %s after %.0f s", self.model, time.monotonic() - start)
                    return
                now = time.monotonic()
                if now - start > self._options.start_seconds:
                    limit = self._options.start_seconds
                    raise ModelError(f"vLLM was not ready after {limit:.0f} s (start_seconds).\n{self._see_log()}")
                if now - last_log >= _TELL_EVERY:
                    last_log = now
                    _log.info("vLLM is starting (%.0f s): %s", now - start, _last_line(self.log))
                await asyncio.sleep(0.5)

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._process is not None and self._process.poll() is None

    async def answers(self) -> bool:
        """Whether it is there and says that it is well; a server of which a part has died says so, or nothing."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            return self.running and await _healthy(client, self.url)

    async def died(self) -> ModelError:
        """Wait until the server's process ends by itself; what to raise then."""
        while self.running:  # noqa: ASYNC110  # the end of a process sets no event of asyncio's
            await asyncio.sleep(0.5)
        return ModelError(f"vLLM ended during the run; what was done so far is kept.\n{self._see_log()}")

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()  # this is what the guard waits for
        await asyncio.shield(asyncio.to_thread(process.wait))
        self._process = None

    def _see_log(self) -> str:
        lines = _tail(self.log)
        return "\n".join([f"The end of its log, {self.log}:", *(f"  {line}" for line in lines)])


def interpreter(python: Path | None) -> Path:
    """`python`, or that of the environment that `gristmill vllm install` makes, as a path that can be run.

    Raises:
        ModelSetupError: there is none, with what to do.
    """
    if python is None:
        made = installed()
        if made is not None:
            return made.python
        raise ModelSetupError(
            "vllm: needs an environment that holds vLLM; make one by\n"
            "  gristmill vllm install\n"
            "or name the interpreter of one that is there: --vllm-python ~/vllm/bin/python"
        )
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise ModelSetupError(f"--vllm-python {python}: there is no such program")
    return python.absolute()  # not resolved: a virtual environment's python is a link, and the link is the environment


def _server_environment(base: Mapping[str, str], key: str) -> dict[str, str]:
    # Variables that point our own Python somewhere would lead the server's Python there, too.
    kept = {name: value for name, value in base.items() if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"}
    return kept | {
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "VLLM_API_KEY": key,  # not on the command line, which every user of the machine can read
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_NO_USAGE_STATS": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _healthy(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url.removesuffix('/v1')}/health")).status_code == 200
    except httpx.TransportError:
        return False


def _tail(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]
    except OSError as error:
        return [f"(it cannot be read: {error})"]


def _last_line(log: Path) -> str:
    return next((line.strip()[:160] for line in reversed(_tail(log)) if line.strip()), "(its log is empty)")
