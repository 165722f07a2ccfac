"""Talking to the container engine: connecting, the image it runs, and the containers that dead owners left behind."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import tarfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.root import cache_folder, digest_of, locked, root
from gristmill.sandbox.owners import is_gone

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = [
    "LABEL",
    "bind",
    "connect",
    "described",
    "docker_image",
    "drop_image",
    "engine_covers",
    "engine_gaps",
    "hang_up",
    "other_runtimes",
    "printed",
    "reap",
]

LABEL = "org.gristmill"
# What a tag may not hold, as the colon and the signs in 'language:c++'.
_NO_TAG = re.compile(r"[^\w.-]")


def connect(timeout: float = 60.0) -> DockerClient:
    """A client of the engine at ``DOCKER_HOST``, or at the default socket; close it after use.

    Raises:
        SandboxError: no engine answers; the message says what to do.
    """
    import docker
    from docker.errors import DockerException

    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    client = None
    try:
        _reach(address)
        client = docker.from_env(timeout=int(timeout))
        if address.startswith("unix://"):
            # Instead of the SDK's own, which leaves its socket open when the engine has gone between two requests.
            _hold(client, address)
        client.ping()
    # The SDK lets errors of requests and of the socket through beside its own.
    except (DockerException, OSError, ValueError) as error:
        if client is not None:
            client.close()
        raise SandboxError(
            f"no Docker engine answers at {address} ({_first_cause(error)}); start one, point DOCKER_HOST at one, "
            "or use --sandbox bubblewrap"
        ) from error
    return client


def docker_image(client: DockerClient, variant: str = "base", reference: str | None = None) -> tuple[str, str]:
    """(id, digest) of an image of the variant: the one that is there, else pulled, else made from this Python.

    Args:
        client: the engine.
        variant: which libraries it holds; see `image.VARIANTS`.
        reference: where to pull it from, e.g. ``registry.example/gristmill:base``; None never pulls.

    Raises:
        SandboxError: it can neither be pulled nor built.
    """
    from docker.errors import APIError, ImageNotFound

    if reference is not None:
        try:
            image = client.images.get(reference)
        except ImageNotFound:
            try:
                image = client.images.pull(reference)
            except APIError as error:
                # The SDK leaves the connection of a refused stream open.
                if error.response is not None:
                    error.response.close()
                raise SandboxError(
                    f"cannot pull the sandbox image {reference}: {error.explanation or error}; check the reference, "
                    "or leave it out to build the image from this Python"
                ) from error
        return str(image.id), str(image.id)
    digest = digest_of(variant)
    with locked(cache_folder() / f"{digest}.engine.lock"):
        present = client.images.list(filters={"label": f"{LABEL}.digest={digest}"})
        if not present:
            # Gigabytes with torch; the engine answers only when it has stored all of it.
            with contextlib.closing(connect(timeout=1800)) as patient:
                _import(patient, variant, digest)
            present = client.images.list(filters={"label": f"{LABEL}.digest={digest}"})
    if not present:
        raise SandboxError("the engine took the sandbox image but does not list it; look at `docker image ls`")
    return str(present[0].id), digest


def drop_image(digest: str) -> None:
    """Remove the image of a digest, if the engine has it and does not use it."""
    from docker.errors import APIError

    with contextlib.closing(connect()) as client, contextlib.suppress(APIError):
        for image in client.images.list(filters={"label": f"{LABEL}.digest={digest}"}):
            client.images.remove(image.id, force=True)


def reap(client: DockerClient) -> int:
    """Remove the containers whose owner is gone, and say how many those were.

    Only owners that can be judged from here count: of this boot and this pid namespace.
    """
    from docker.errors import APIError, NotFound

    removed = 0
    for container in client.containers.list(all=True, filters={"label": f"{LABEL}.owner"}, ignore_removed=True):
        if is_gone(container.labels.get(f"{LABEL}.owner", "")):
            try:
                container.remove(force=True, v=True)
            except NotFound:
                continue
            except APIError as error:
                # 409: the engine is removing it already, which is what we want.
                if error.status_code != 409:
                    raise SandboxError(f"cannot remove the leftover container {container.name}: {error}") from error
            removed += 1
    return removed


def _hold(client: DockerClient, address: str) -> None:
    from gristmill.sandbox.backends.transport import ClosingAdapter

    client.api.get_adapter(client.api.base_url).close()
    client.api.mount("http+docker://", ClosingAdapter(address.removeprefix("unix://"), client.api.timeout))


def _reach(address: str) -> None:
    """Knock first: the SDK leaves its socket open when nobody answers."""
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(10)
            knock.connect(address.removeprefix("unix://"))


def _first_cause(error: BaseException) -> BaseException:
    """The SDK wraps a plain "no such file" four times over."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return error


def _import(client: DockerClient, variant: str, digest: str) -> None:
    """Stream the image root to the engine as a layer; its files become root's and readable to all."""
    from docker.errors import DockerException

    folder = root(variant).path
    receiving, sending = os.pipe()
    failures: list[BaseException] = []
    writer = threading.Thread(target=_write_tar, args=(folder, sending, failures), name="gristmill-image", daemon=True)
    labels = {
        "digest": digest,
        "variant": variant,
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    try:
        with os.fdopen(receiving, "rb") as stream:
            writer.start()
            client.api.import_image_from_stream(
                stream,
                repository="gristmill-sandbox",
                tag=f"{_NO_TAG.sub('-', variant)}-{digest[:12]}",
                changes=[f"LABEL {LABEL}.{key}={value}" for key, value in labels.items()],
            )
    except (DockerException, OSError) as error:
        raise SandboxError(f"the engine did not take the sandbox image: {failures or error}") from error
    finally:
        writer.join(10)
    if failures:
        raise SandboxError(f"the sandbox image could not be read from {folder}: {failures[0]}")


def _write_tar(folder: Path, descriptor: int, failures: list[BaseException]) -> None:
    try:
        with os.fdopen(descriptor, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|", bufsize=1 << 20) as tar:
            tar.add(folder, arcname=".", filter=_neutral)
    except (OSError, tarfile.TarError) as error:
        failures.append(error)


def _neutral(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    if not member.issym():
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def engine_covers(info: dict[str, Any], runtime: str | None = None) -> tuple[str, ...]:
    """What an engine adds to a container's walls, in words."""
    options = [option.partition("name=")[2].partition(",")[0] for option in info.get("SecurityOptions") or ()]
    words = {
        "rootless": "engine: rootless, so that root in a container is an ordinary user outside",
        "userns": "engine: users are remapped, so that root in a container is nobody outside",
    }
    chosen = runtime or info.get("DefaultRuntime") or "runc"
    return (f"engine: OCI runtime {chosen}", *(text for name, text in words.items() if name in options))


def described(info: dict[str, Any]) -> str:
    """An engine in one line: version, control groups, whether it is rootless, and its OCI runtimes."""
    rootless = ", rootless" if any("rootless" in option for option in info.get("SecurityOptions") or ()) else ""
    runtimes = ", ".join(sorted(info.get("Runtimes") or {}))
    return f"{info.get('ServerVersion')}, cgroup v{info.get('CgroupVersion', '?')}{rootless}, runtimes: {runtimes}"


def other_runtimes(info: dict[str, Any] | None = None) -> list[str]:
    """The engine's OCI runtimes beside the one that it takes by itself: gVisor, Kata, crun; none without an engine."""
    if info is None:
        try:
            with contextlib.closing(connect(timeout=10)) as client:
                info = client.info()
        except SandboxError:
            return []
    usual = {"runc", info.get("DefaultRuntime"), "io.containerd.runc.v2", "io.containerd.runtime.v1.linux"}
    return sorted(set(info.get("Runtimes") or {}) - usual)


def engine_gaps(info: dict[str, Any]) -> tuple[str, ...]:
    """What an engine says it cannot enforce, in words."""
    limits = {
        "MemoryLimit": "the engine cannot cap a worker's memory (only each process's address space is capped)",
        "SwapLimit": "the engine cannot cap swap",
        "PidsLimit": "the engine cannot cap the number of processes (only a per-user limit holds)",
        "CpuCfsQuota": "the engine cannot cap processor share",
    }
    gaps = [text for key, text in limits.items() if info.get(key) is False]
    if info.get("CgroupDriver") == "none":
        # What a rootless engine on cgroup version 1 says, whatever else it claims.
        gaps = list(limits.values())
    if not any("seccomp" in option for option in info.get("SecurityOptions") or ()):
        gaps.append("the engine has no seccomp (only the zygote's own filter holds)")
    return tuple(gaps)


def bind(listener: socket.socket, path: Path) -> None:
    """Bind by way of the open folder: a socket's name may be 107 bytes long, a folder for temporary files longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def hang_up(attached: Any) -> None:
    """Close what the SDK's `attach_socket` gave: a reader, a socket behind it, and the response that holds both."""
    for each in (getattr(attached, "_response", None), attached, getattr(attached, "_sock", None)):
        if each is not None:
            each.close()


def printed(output: Any) -> str:
    """What a container has printed so far, for an error message."""
    if output is None:
        return ""
    raw = getattr(output, "_sock", output)
    raw.settimeout(0.5)
    text = b""
    with contextlib.suppress(OSError):
        while len(text) < 8192 and (part := raw.recv(4096)):
            text += part
    # Each chunk follows an 8-byte header, which is not text.
    return "".join(char for char in text.decode(errors="replace") if char.isprintable() or char == "\n").strip()
