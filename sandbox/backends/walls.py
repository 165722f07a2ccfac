"""Why bubblewrap can make no sandbox here, in one sentence: which wall of the machine is in the way, and the remedy."""

from __future__ import annotations

from pathlib import Path

__all__ = ["explained"]

_NESTED = (
    "start this container with room for sandboxes (Docker: --security-opt seccomp=unconfined --security-opt "
    "systempaths=unconfined; Podman: --security-opt seccomp=unconfined --security-opt unmask=ALL; Kubernetes: "
    "hostUsers: false and procMount: Unmasked)"
)
# (what is found in the words of bwrap or of a worker, the wall, the remedy); the first that fits is told.
_WALLS = (
    (
        ("max_*_namespaces", "ENOSPC", "No space left on device", "before it was confined"),
        "there may be no more user namespaces here",
        "raise user.max_user_namespaces (sysctl -w user.max_user_namespaces=10000)",
    ),
    (
        ("mount proc", "mount tmpfs", "remount"),
        "mounting is refused to a new namespace, as in a container that masks /proc",
        _NESTED,
    ),
    (
        ("No permissions to creat", "uid map", "gid map", "Operation not permitted", "Permission denied"),
        "user namespaces are refused, by a container's seccomp profile or a security module such as AppArmor",
        f"on a machine of your own allow them for bwrap (an AppArmor profile with userns); else {_NESTED}",
    ),
)
# (sysctl, the value that closes, the wall, the remedy): where one of them is shut, it says more than any error.
_SWITCHES = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor keeps user namespaces from programs without a profile (Ubuntu 23.10 and later)",
        "give bwrap a profile with userns, or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "user namespaces are closed to all but root",
        "sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "there may be no user namespaces here",
        "sysctl -w user.max_user_namespaces=10000",
    ),
)


def explained(words: str, sysctls: Path = Path("/proc/sys")) -> str:
    """One sentence: what was tried, the wall, the remedy, and the last line of what was said."""
    said = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "no reason was given")
    for name, closed, wall, remedy in _SWITCHES:
        if _text(sysctls / name) == closed:
            return _sentence(wall, remedy, said)
    for hints, wall, remedy in _WALLS:
        if any(hint in words for hint in hints):
            return _sentence(wall, remedy, said)
    return f"bubblewrap cannot make a sandbox here: {said}"


def _sentence(wall: str, remedy: str, said: str) -> str:
    return f"bubblewrap cannot make a sandbox here, as {wall}: {remedy}, or use --sandbox docker ({said})"


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
