"""`gristmill doctor` and `gristmill sandbox`: what they say, and the exit codes they give."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.sandbox import Ending, FakeFactory, Report, SandboxError
from gristmill.sandbox.cli import _lines
from gristmill.sandbox.cli import sandbox as commands
from gristmill.sandbox.doctor import Backend, Diagnosis, Fact, diagnose

NOTHING = Report(ending=Ending.FINISHED, exit_status=0, seconds=0.1)


async def test_the_machine_is_described_by_looking() -> None:
    facts = {fact.name: fact for fact in (await diagnose([])).facts}
    assert {"python", "cores", "memory", "disk", "docker", "bubblewrap", "landlock", "cgroups", "torch"} <= set(facts)
    assert facts["python"].good
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in facts["python"].value
    assert all(fact.advice for fact in facts.values() if fact.good is False)


async def test_a_backend_counts_only_if_a_job_ran_in_it() -> None:
    class Broken(FakeFactory):
        def create(self, profile):  # type: ignore[no-untyped-def]
            worker = super().create(profile)
            worker._lost = True
            return worker

    diagnosis = await diagnose([FakeFactory([NOTHING]), Broken([SandboxError("gone")])])
    assert [backend.works for backend in diagnosis.backends] == [True, False]
    assert diagnosis.backends[0].gaps
    assert diagnosis.backends[1].trouble
    assert diagnosis.sandboxed


def test_what_is_not_covered_is_printed_beside_what_is() -> None:
    works = Backend(name="docker", works=True, image="0123456789abcdef", covers=("this",), gaps=("that",))
    text = "\n".join(_lines(Diagnosis(facts=(Fact(name="cores", value="2"),), backends=(works,))))
    assert "+ this" in text
    assert "not covered: that" in text
    assert "0123456789ab" in text


def test_no_sandbox_is_said_plainly() -> None:
    broken = Backend(name="docker", works=False, trouble="no engine answers; start one")
    text = "\n".join(_lines(Diagnosis(facts=(), backends=(broken,))))
    assert "start one" in text
    assert "never run without" in text


@pytest.mark.docker
@pytest.mark.bubblewrap
def test_the_command_prints_one_json_object_and_succeeds_where_a_sandbox_works(
    docker_engine: str, bubblewrap: str, gristmill_command: str
) -> None:
    done = subprocess.run([gristmill_command, "doctor", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {backend["name"]: backend["works"] for backend in told["backends"]} == {"docker": True, "bubblewrap": True}


def test_the_command_exits_with_3_where_none_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gristmill_command: str
) -> None:
    # A cache that cannot be used takes bubblewrap its root; no engine takes Docker away.
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/engine.sock")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    done = subprocess.run([gristmill_command, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no/such/engine.sock" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.docker
def test_build_and_reap_say_what_they_did(docker_engine: str) -> None:
    built = CliRunner().invoke(commands, ["build", "--backend", "docker"])
    assert built.exit_code == 0, built.output
    assert "docker image sha256:" in built.output
    reaped = CliRunner().invoke(commands, ["reap"])
    assert reaped.exit_code == 0
    assert "leftover container" in reaped.output


@pytest.mark.parametrize("engine", ["docker", "bubblewrap"])
def test_the_shell_is_a_python_behind_the_walls(
    engine: str, request: pytest.FixtureRequest, gristmill_command: str
) -> None:
    request.getfixturevalue("docker_engine" if engine == "docker" else "bubblewrap")
    text = "import os, socket\nprint('uid', os.getuid(), sorted(os.listdir('/')))\nopen('/intruder', 'w')\n"
    done = subprocess.run(
        [gristmill_command, "sandbox", "shell", "--backend", engine],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "uid 65534" in said
    assert "'python'" in said
    assert "home" not in said
    assert "Read-only file system" in said or "Permission denied" in said
