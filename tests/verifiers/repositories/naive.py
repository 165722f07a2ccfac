"""A team's script, behind bubblewrap: git applies a patch, pytest runs, its exit status decides.

The file is also the program that runs inside: what works there harms nothing here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["accepted"]

_SECONDS = 8.0
_TAKEN, _NOT = "TAKEN", "NOT"


def accepted(files: Mapping[str, str], patch: str) -> bool:
    """Whether the script takes a patch of these files."""
    import pytest

    installed = str(Path(pytest.__file__).parents[1])
    shared = ["/usr", "/lib", "/lib64", "/bin", "/etc/alternatives", "/etc/ld.so.cache", installed, __file__]
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--dev", "/dev", "--proc", "/proc"]
    command += ["--size", str(64 << 20), "--tmpfs", "/tmp"]
    for path in dict.fromkeys([*shared, sys.prefix, sys.base_prefix]):
        command += ["--ro-bind-try", path, path]
    command += ["--dir", "/tmp/work", "--chdir", "/tmp/work", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"]
    command += ["--setenv", "PYTHONPATH", installed, "--setenv", "HOME", "/tmp", sys.executable, "-B", __file__]
    limits = ["prlimit", f"--as={4 << 30}", "--core=0", "--cpu=20", "--nofile=512"]
    asked = json.dumps({"files": dict(files), "patch": patch})
    done = subprocess.run([*limits, *command], input=asked, capture_output=True, text=True, timeout=60)
    said = done.stdout.split()[-1:]
    # Who kills all there is has left nobody to take it.
    assert said in ([_TAKEN], [_NOT], []), done.stdout + done.stderr
    return said == [_TAKEN]


def _takes(files: Mapping[str, str], patch: str) -> bool:
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    subprocess.run(["git", "init", "--quiet"], check=True)
    if subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], input=patch.encode(), check=False).returncode:
        return False
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # No plug-in of this machine's: what is tried is pytest.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    try:
        return subprocess.run(command, env=environment, stdout=sys.stderr, timeout=_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(_TAKEN if _takes(asked["files"], asked["patch"]) else _NOT, flush=True)
