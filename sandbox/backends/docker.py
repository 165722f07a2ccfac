"""Workers as hardened containers: one long-lived container each, with the zygote as its only program.

The container has no network, a read-only root, no capability but SETUID, SETGID and KILL (for the zygote, which
gives each job a user of its own), no way to gain privileges, a seccomp allowlist, and caps on memory, processes and
processor. What one job may do inside is the zygote's affair (`guest/confinement/confine.py`).

The zygote talks over a socket in a folder that is mounted from here, so the engine must run on this machine. When
this process dies, however it dies, that socket closes, the zygote exits and the engine removes the container.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gristmill.sandbox.backends.engine import (
    bind,
    connect,
    docker_image,
    engine_covers,
    engine_gaps,
    hang_up,
    printed,
    reap,
)
from gristmill.sandbox.backends.hardening import DockerOptions, hardening
from gristmill.sandbox.backends.warmed import WarmedSandbox
from gristmill.sandbox.errors import SandboxError, WorkerLostError
from gristmill.sandbox.image.root import ADDED, PYTHON, digest_of
from gristmill.sandbox.records import DATA, Profile, SandboxInfo
from gristmill.sandbox.workers.staging import stage, sweep
from gristmill.sandbox.workers.worker import Worker

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["DockerFactory", "DockerOptions", "DockerSandbox", "hardening"]

ZYGOTE = "/gristmill/lib/gristmill/sandbox/guest/zygote.py"
START_SECONDS = 120.0
REMOVE_SECONDS = 10

COVERS = (
    "container: own pid, mount, network, IPC and UTS namespaces, no network device",
    "container: read-only root, the only writable place is a small tmpfs without executables or devices",
    "container: all capabilities dropped but SETUID, SETGID and KILL, which no job keeps; no new privileges",
    "container: seccomp allowlist; memory, process and processor caps",
)


class DockerFactory:
    """Makes container workers; leftovers of dead owners are removed before the first one starts."""

    backend = "docker"

    clones = True

    def __init__(self, options: DockerOptions | None = None) -> None:
        self.options = options or DockerOptions()
        self._reaped = False

    def check(self) -> None:
        """See whether an engine answers soon, and clear away what dead owners left.

        Raises:
            SandboxError: none does.
        """
        client = connect(timeout=10)
        with contextlib.closing(client):
            reap(client)
        sweep()
        self._reaped = True

    def create(self, profile: Profile) -> DockerSandbox:
        """A worker that has not been entered yet."""
        reap_first, self._reaped = not self._reaped, True
        return DockerSandbox(profile, self.options, reap_first=reap_first)


class DockerSandbox(WarmedSandbox):
    """One warm container of one profile; see `gristmill.sandbox.base.Sandbox`."""

    def __init__(self, profile: Profile, options: DockerOptions | None = None, *, reap_first: bool = True) -> None:
        super().__init__(profile)
        self.options = options or DockerOptions()
        self._reap_first = reap_first
        self._client: DockerClient | None = None
        self._container: Container | None = None
        self._folder: Path | None = None
        self._output: Any = None
        self._starting: asyncio.Task[socket.socket] | None = None

    @property
    def container_id(self) -> str | None:
        """The engine's name for the container, while there is one."""
        return None if self._container is None else str(self._container.id)

    async def __aenter__(self) -> Self:
        if self._worker is not None:
            return self
        if self.options.image is None:
            digest_of(self.profile.image)  # in this thread; see there
        # Threads cannot be cancelled: a start that nobody waits for any more is cleaned up by __aexit__.
        self._starting = asyncio.create_task(asyncio.to_thread(self._start))
        try:
            connection = await asyncio.shield(self._starting)
            self._worker = Worker(connection, self.profile, kill=lambda: asyncio.to_thread(self._remove))
            await self._worker.handshake()
        except SandboxError as error:
            said = await asyncio.to_thread(printed, self._output)
            await asyncio.shield(self._leave())
            raise type(error)(f"{error}; the container said: {said}" if said else str(error)) from error
        except BaseException:
            await asyncio.shield(self._leave())
            raise
        self._close_output()
        self._info = self._info and self._info.model_copy(
            update={"covers": self._info.covers + self._worker.covers, "gaps": self._info.gaps + self._worker.gaps}
        )
        return self

    async def _leave(self) -> None:
        if self._starting is not None:
            done = await asyncio.gather(self._starting, return_exceptions=True)
            self._starting = None
            if self._worker is None and isinstance(done[0], socket.socket):
                done[0].close()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()
        await asyncio.to_thread(self._remove)

    def _start(self) -> socket.socket:
        """Start the container and return the connection that its zygote makes. Blocks."""
        from docker.errors import DockerException

        self._client = connect()
        try:
            return self._start_with(self._client)
        except (DockerException, OSError) as error:
            raise SandboxError(f"the engine could not start a sandbox container: {error}") from error

    def _start_with(self, client: DockerClient) -> socket.socket:
        if self._reap_first:
            reap(client)
            sweep()
        # Packages are in the image that was built with them, whatever is pulled for everything else.
        reference = None if self.profile.image.startswith(ADDED) else self.options.image
        image, digest = docker_image(client, self.profile.image, reference)
        self._folder = stage(self.profile)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            path = self._folder / "control" / "control.sock"
            bind(listener, path)
            # The zygote is root inside without the right to override modes; the folder above keeps others out.
            path.chmod(0o666)
            listener.listen(1)
            self._container = client.containers.create(image, **self._settings(self._folder))
            self._output = self._container.attach_socket(params={"stdout": 1, "stderr": 1, "stream": 1})
            self._container.start()
            connection = self._accept(listener)
            engine = client.info()
            path.unlink()
        covers = COVERS + engine_covers(engine, self.options.runtime)
        self._info = SandboxInfo(backend="docker", image=digest, covers=covers, gaps=engine_gaps(engine))
        return connection

    def _accept(self, listener: socket.socket) -> socket.socket:
        """The one connection that there will be."""
        listener.settimeout(0.5)
        waited = 0.0
        while waited < START_SECONDS:
            try:
                return listener.accept()[0]
            except TimeoutError:
                waited += 0.5
            if not self._is_running():
                raise WorkerLostError("a sandbox container ended while starting")
        raise SandboxError(f"a sandbox container did not come up within {START_SECONDS:.0f} s")

    def _close_output(self) -> None:
        output, self._output = self._output, None
        if output is not None:
            hang_up(output)

    def _is_running(self) -> bool:
        from docker.errors import NotFound

        if self._container is None:
            return False
        try:
            self._container.reload()
        except NotFound:
            return False
        return bool(self._container.status in ("created", "running"))

    def _settings(self, folder: Path) -> dict[str, Any]:
        from docker.types import LogConfig, Mount

        return {
            **hardening(self.profile, self.options),
            "command": [PYTHON, "-I", ZYGOTE, "--connect", "/gristmill/control/control.sock"],
            "user": "0:0",
            "cap_add": ["SETUID", "SETGID", "KILL"],
            "log_config": LogConfig(type=LogConfig.types.NONE),
            "mounts": [
                Mount("/gristmill/lib", str(folder / "lib"), type="bind", read_only=True),
                Mount("/gristmill/control", str(folder / "control"), type="bind", read_only=True),
                *(Mount(f"{DATA}/{each.name}", each.path, type="bind", read_only=True) for each in self.profile.data),
            ],
        }

    def _remove(self) -> None:
        """Remove container and files; blocks. What is gone already is fine."""
        from docker.errors import APIError, NotFound

        container, self._container = self._container, None
        client, self._client = self._client, None
        folder, self._folder = self._folder, None
        self._close_output()
        try:
            if container is not None and client is not None:
                # Its zygote has ended by now, and the engine removes it by itself: no need to wait for one that hangs.
                client.api.timeout = REMOVE_SECONDS
                container.remove(force=True, v=True)
        except NotFound:
            pass
        except APIError as error:
            # 409: the engine is removing it already, since its zygote ended.
            if error.status_code != 409:
                raise SandboxError(f"cannot remove a sandbox container: {error}") from error
        except OSError as error:
            raise SandboxError(f"the engine vanished; `gristmill sandbox reap` clears up later: {error}") from error
        finally:
            if client is not None:
                client.close()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
