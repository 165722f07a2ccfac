"""What this machine has and lacks for running code that nobody trusts, found by trying, not by guessing."""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gristmill.sandbox.base import SandboxFactory
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.root import cache_folder
from gristmill.sandbox.records import Record
from gristmill.sandbox.workers.warm import canary

__all__ = ["Backend", "Diagnosis", "Fact", "diagnose"]

_LANDLOCK_CREATE_RULESET = 444
_VERSION_FLAG = 1


class Fact(Record):
    """One thing about this machine. `good` is None where it is neither good nor bad; `advice` says what to do."""

    name: str
    value: str
    good: bool | None = None
    advice: str = ""


class Backend(Record):
    """One kind of sandbox, as tried here: what it covers and what it does not, or why it does not work."""

    name: str
    works: bool
    image: str = ""
    covers: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    trouble: str = ""


class Diagnosis(Record):
    """All that `gristmill doctor` says."""

    facts: tuple[Fact, ...]
    backends: tuple[Backend, ...]

    @property
    def sandboxed(self) -> bool:
        """Whether any sandbox works; without one nothing is run."""
        return any(backend.works for backend in self.backends)


async def diagnose(factories: Sequence[SandboxFactory] | None = None) -> Diagnosis:
    """Look at the machine and start a worker of each backend with a canary job in it."""
    if factories is None:
        from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory
        from gristmill.sandbox.backends.docker import DockerFactory, DockerOptions
        from gristmill.sandbox.backends.engine import other_runtimes

        named: list[tuple[str, SandboxFactory]] = [("docker", DockerFactory()), ("bubblewrap", BubblewrapFactory())]
        runtimes = await asyncio.to_thread(other_runtimes)
        named += [(f"docker:{runtime}", DockerFactory(DockerOptions(runtime=runtime))) for runtime in runtimes]
    else:
        named = [(factory.backend, factory) for factory in factories]
    facts = await asyncio.to_thread(lambda: tuple(look() for look in _LOOKS))
    return Diagnosis(facts=facts, backends=tuple([await _try(name, factory) for name, factory in named]))


async def _try(name: str, factory: SandboxFactory) -> Backend:
    from gristmill.sandbox.records import CANDIDATE

    try:
        async with factory.create(CANDIDATE) as sandbox:
            await canary(sandbox)
            info = sandbox.info
    except SandboxError as error:
        return Backend(name=name, works=False, trouble=str(error))
    return Backend(name=name, works=True, image=info.image, covers=info.covers, gaps=info.gaps)


def _python() -> Fact:
    good = sys.version_info >= (3, 11) and sys.platform == "linux"
    value = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.release()}"
    )
    return Fact(name="python", value=value, good=good, advice="" if good else "use CPython 3.11 or newer on Linux")


def _cores() -> Fact:
    return Fact(name="cores", value=str(len(os.sched_getaffinity(0))))


def _memory() -> Fact:
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free, total = (int(fields[key].split()[0]) / (1 << 20) for key in ("MemAvailable", "MemTotal"))
    good = free > 1.5
    return Fact(
        name="memory",
        value=f"{free:.1f} of {total:.1f} GiB available",
        good=good,
        advice="" if good else "workers need about 0.5 GiB each, training about 2 GiB",
    )


def _disk() -> Fact:
    folder = next(path for path in (cache_folder(), *cache_folder().parents) if path.exists())
    free = shutil.disk_usage(folder).free / (1 << 30)
    good = free > 2
    return Fact(
        name="disk",
        value=f"{free:.1f} GiB free for {cache_folder()}",
        good=good,
        advice="" if good else "free some space, or set XDG_CACHE_HOME: images need 0.4 GiB, with torch 1 GiB",
    )


def _engine() -> Fact:
    from gristmill.sandbox.backends.engine import connect, described

    try:
        client = connect(timeout=10)
    except SandboxError as error:
        return Fact(name="docker", value="no engine answers", good=False, advice=str(error))
    try:
        info = client.info()
    finally:
        client.close()
    return Fact(name="docker", value=described(info), good=True)


def _bwrap() -> Fact:
    from gristmill.sandbox.backends.bubblewrap import find_bwrap

    try:
        return Fact(name="bubblewrap", value=str(find_bwrap()), good=True)
    except SandboxError as error:
        return Fact(name="bubblewrap", value="not found", good=False, advice=str(error))


def _namespaces() -> Fact:
    """Non-root users need user namespaces for bubblewrap; two distributions' switches are in the way."""
    closed = [
        f"{name}={text}"
        for name, open_value in (
            ("kernel.unprivileged_userns_clone", "1"),
            ("kernel.apparmor_restrict_unprivileged_userns", "0"),
        )
        if (text := _sysctl(name)) not in (None, open_value)
    ]
    if _sysctl("user.max_user_namespaces") == "0":
        closed.append("user.max_user_namespaces=0")
    if not closed:
        return Fact(name="user namespaces", value="open to every user", good=True)
    return Fact(
        name="user namespaces",
        value=f"restricted: {', '.join(closed)}",
        good=os.geteuid() == 0,
        advice="bubblewrap needs them unless it runs as root: allow them for bwrap (an AppArmor profile or "
        "`sysctl -w`), or use a Docker engine",
    )


def _landlock() -> Fact:
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if abi < 1:
        return Fact(name="landlock", value="not in this kernel", good=False, advice="Linux 5.13 or newer has it")
    advice = "" if abi >= 6 else "ABI 6 (Linux 6.12) also confines signals and abstract sockets"
    return Fact(name="landlock", value=f"ABI {abi}", good=True, advice=advice)


def _seccomp() -> Fact:
    good = Path("/proc/sys/kernel/seccomp/actions_avail").exists()
    return Fact(name="seccomp", value="available" if good else "not in this kernel", good=good)


def _cgroups() -> Fact:
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    value = "version 2" if unified else "version 1 (a rootless engine cannot cap memory and processes with it)"
    return Fact(name="cgroups", value=value, good=True)


def _torch() -> Fact:
    try:
        return Fact(name="torch", value=version("torch"), good=True)
    except PackageNotFoundError:
        advice = "needed for the local model, training and loss tasks: pip install 'gristmill[train]'"
        return Fact(name="torch", value="not installed", advice=advice)


def _images() -> Fact:
    from gristmill.sandbox.image.listing import listed

    built = [
        f"base with {', '.join(f'{name} {version}' for name, version in row['packages'].items())}"
        if row["image"] == "packages"
        else row["image"]
        for row in listed()
    ]
    value = "; ".join(built) if built else "none yet"
    return Fact(
        name="images", value=value, advice="" if built else "built on first use, or by `gristmill sandbox build`"
    )


def _languages() -> Fact:
    """What `stdio` tests may ask for beside Python, as far as this machine can make an image of it."""
    from gristmill.sandbox.image.toolchains import toolchains

    chains = toolchains()
    there = [f"{chain.name} ({chain.says()})" for chain in chains if not chain.missing]
    advice = "; ".join(chain.missing for chain in chains if chain.missing)
    return Fact(name="languages", value=", ".join(["python", *there]), advice=advice)


def _model() -> Fact:
    """Named by where the model room keeps it; sandboxes know nothing of models."""
    folder = cache_folder().parent / "models"
    models = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    value = ", ".join(models) if models else "not fetched yet"
    return Fact(name="local model", value=value, advice="" if models else "`make setup`, or the first run, fetches it")


def _sysctl(name: str) -> str | None:
    try:
        return (Path("/proc/sys") / name.replace(".", "/")).read_text().strip()
    except OSError:
        return None


_LOOKS: tuple[Callable[[], Fact], ...] = (
    _python,
    _cores,
    _memory,
    _disk,
    _cgroups,
    _seccomp,
    _landlock,
    _namespaces,
    _engine,
    _bwrap,
    _images,
    _languages,
    _torch,
    _model,
)
