"""The settings that make a container a wall."""

from __future__ import annotations

from typing import Any

from gristmill.sandbox.backends.engine import LABEL
from gristmill.sandbox.backends.engine_profile import engine_profile
from gristmill.sandbox.owners import owner_label
from gristmill.sandbox.records import Profile, Record

__all__ = ["DockerOptions", "hardening"]


class DockerOptions(Record):
    """What a user may choose about containers.

    `image` is a reference to pull; None builds the image from the running Python. `runtime` names another OCI
    runtime that the engine knows, say ``runsc``. `cpus` is each worker's share of processors.
    """

    image: str | None = None
    runtime: str | None = None
    cpus: float = 1.0


def hardening(profile: Profile, options: DockerOptions) -> dict[str, Any]:
    """The settings that make a container a wall, in the names of the SDK's `containers.create`."""
    from docker.types import Ulimit

    memory = f"{profile.memory_mb}m"
    execution = "exec" if profile.programs else "noexec"
    return {
        "entrypoint": [],
        "environment": {},
        "use_config_proxy": False,
        "working_dir": "/",
        "hostname": "sandbox",
        "labels": {f"{LABEL}.owner": owner_label(), f"{LABEL}.profile": profile.name},
        "auto_remove": True,
        # Process 1 ignores what it does not handle: without this an engine that shuts down waits ten seconds.
        "stop_signal": "SIGKILL",
        "network_mode": "none",
        "network_disabled": True,
        "read_only": True,
        "ipc_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges", f"seccomp={engine_profile()}"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": 1024,
        "nano_cpus": int(options.cpus * 1e9),
        "oom_score_adj": 500,
        "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=1024, hard=1024)],
        "tmpfs": {"/tmp": f"rw,nosuid,nodev,{execution},size={memory},mode=1777"},  # noqa: S108  # the container's own
        "runtime": options.runtime,
    }
