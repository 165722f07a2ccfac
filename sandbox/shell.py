"""An interactive Python behind a sandbox's walls, to see with one's own eyes what a candidate sees."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.root import PYTHON, root
from gristmill.sandbox.records import Profile

__all__ = ["enter"]

NOBODY = 65534


def enter(backend: str, profile: Profile) -> int:
    """Run it until the user leaves; the exit status of that Python."""
    return _docker(profile) if backend == "docker" else _bubblewrap(profile)


def _bubblewrap(profile: Profile) -> int:
    import subprocess

    from gristmill.sandbox.backends.bubblewrap import find_bwrap

    command = [
        *(str(find_bwrap()), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *("--ro-bind", str(root(profile.image).path), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108  # the sandbox's own
        *(
            "--hostname",
            "sandbox",
            "--uid",
            str(NOBODY),
            "--gid",
            str(NOBODY),
            "--chdir",
            "/",
            "--",
            PYTHON,
            "-I",
            "-q",
        ),
    ]
    return subprocess.run(command, check=False).returncode


def _docker(profile: Profile) -> int:
    from docker.errors import DockerException

    from gristmill.sandbox.backends.engine import connect, docker_image, hang_up
    from gristmill.sandbox.backends.hardening import DockerOptions, hardening

    with closing(connect()) as client:
        image, _ = docker_image(client, profile.image)
        try:
            container = client.containers.create(
                image,
                **hardening(profile, DockerOptions()),
                command=[PYTHON, "-I", "-q"],
                user=f"{NOBODY}:{NOBODY}",
                tty=True,
                stdin_open=True,
            )
            attached = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            try:
                with _raw_terminal():
                    container.start()
                    _copy(getattr(attached, "_sock", attached))
            finally:
                hang_up(attached)
            status = container.wait(timeout=10)["StatusCode"]
        except DockerException as error:
            # The container removes itself, so there may be nothing left to ask for its status.
            if "No such container" in str(error):
                return 0
            raise SandboxError(f"the sandbox shell broke off: {error}") from error
    return int(status)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Hand every key to the other side, where there is a terminal; put it back afterwards."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _copy(there: Any) -> None:
    """Keys one way, text the other, until the other side ends."""
    here = sys.stdin.fileno()
    sources = [here, there]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if there in ready:
            text = there.recv(65536)
            if not text:
                return
            os.write(sys.stdout.fileno(), text)
        if here in ready:
            keys = os.read(here, 4096)
            if keys:
                there.sendall(keys)
            else:
                there.sendall(b"\x04")
                sources.remove(here)
