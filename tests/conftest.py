"""Fixtures that every room's tests share. A part that is missing is skipped visibly, never faked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

# No timing is asserted: a slow machine is no defect.
hypothesis.settings.register_profile("gristmill", deadline=None)
hypothesis.settings.load_profile("gristmill")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data beside the checkout; users do not have it."""
    folder = Path(os.environ.get("GRISTMILL_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder} (set GRISTMILL_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def docker_engine() -> str:
    """Address of a Docker engine that answers."""
    import docker

    try:
        client = docker.from_env(timeout=10)
        client.ping()
    except Exception as error:
        _missing(f"no Docker engine answers: {error}", "docker")
    address = str(client.api.base_url)
    client.close()
    return address


@pytest.fixture(scope="session")
def bubblewrap() -> str:
    """Path of a bwrap that can make a sandbox here."""
    import subprocess

    from gristmill.sandbox.backends.bubblewrap import find_bwrap

    try:
        path = find_bwrap()
        subprocess.run([path, "--ro-bind", "/", "/", "--unshare-all", "/bin/true"], check=True, timeout=20)
    except Exception as error:
        _missing(f"bubblewrap does not work here: {error}", "bubblewrap")
    return str(path)


def _missing(reason: str, part: str) -> None:
    """Skip, unless the environment says that this part must be there (as .ci/run does)."""
    if part in os.environ.get("GRISTMILL_REQUIRE", "").split(","):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(params=["docker", "bubblewrap"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each real sandbox backend in turn."""
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    return str(request.param)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that `.gristmill/` lands there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def gristmill_command() -> str:
    """The installed console script."""
    found = shutil.which("gristmill") or str(ROOT / ".venv" / "bin" / "gristmill")
    if not Path(found).exists():
        pytest.skip("the gristmill command is not installed")
    return found
