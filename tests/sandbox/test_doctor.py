"""`gristmill doctor` and `gristmill sandbox`: what they say, and the exit codes they give."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.sandbox import (
    CANDIDATE,
    DockerFactory,
    DockerSandbox,
    Ending,
    FakeFactory,
    Job,
    Pool,
    Report,
    SandboxError,
    UserError,
)
from gristmill.sandbox.backends.choosing import choose_factory
from gristmill.sandbox.backends.engine import described, engine_covers, engine_gaps, other_runtimes
from gristmill.sandbox.cli import _lines
from gristmill.sandbox.cli import sandbox as commands
from gristmill.sandbox.conformance import ISOLATION, LEAVING, check
from gristmill.sandbox.doctor import Backend, Diagnosis, Fact, diagnose
from gristmill.sandbox.guest.confinement.confine import Walls
from gristmill.sandbox.guest.probing import _words

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
    diagnosis = json.loads(done.stdout)
    assert {backend["name"]: backend["works"] for backend in diagnosis["backends"]} == {
        "docker": True,
        "bubblewrap": True,
    }


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


@pytest.mark.bubblewrap
@pytest.mark.docker
def test_check_tells_of_each_rule_whether_it_held(backend: str, gristmill_command: str) -> None:
    rules = ["there_is_no_network", "the_environment_is_empty"]
    command = [gristmill_command, "sandbox", "check", "--backend", backend]
    chosen = [word for rule in rules for word in ("--only", rule)]
    done = subprocess.run([*command, *chosen], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"held       {rule}" in done.stdout for rule in rules)
    assert "2 held" in done.stdout
    as_json = subprocess.run(
        [*command, *chosen[:2], "--json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert json.loads(as_json.stdout)["passed"] is True
    wrong = subprocess.run([*command, "--only", "nothing"], capture_output=True, text=True, timeout=120, check=False)
    assert wrong.returncode == 2
    assert "there_is_no_network" in wrong.stderr


def test_check_exits_with_3_where_a_rule_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing_runs(backend: str) -> FakeFactory:
        return FakeFactory(lambda job, sockets: NOTHING)

    monkeypatch.setattr("gristmill.sandbox.backends.choosing.choose_factory", nothing_runs)
    done = CliRunner().invoke(commands, ["check", "--only", "there_is_no_network"])
    assert done.exit_code == 3
    assert "broken" in done.output


def test_the_engine_is_described_with_its_control_groups_roots_and_runtimes() -> None:
    info = {
        "ServerVersion": "29.1",
        "CgroupVersion": "2",
        "SecurityOptions": ["name=seccomp,profile=default", "name=rootless", "name=cgroupns"],
        "Runtimes": {"runc": {}, "io.containerd.runc.v2": {}, "runsc": {}, "crun": {}},
        "DefaultRuntime": "crun",
    }
    assert described(info) == "29.1, cgroup v2, rootless, runtimes: crun, io.containerd.runc.v2, runc, runsc"
    assert other_runtimes(info) == ["runsc"]
    assert engine_covers(info) == (
        "engine: OCI runtime crun",
        "engine: rootless, so that root in a container is an ordinary user outside",
    )
    assert engine_covers({"SecurityOptions": ["name=userns"]}, "runsc")[0] == "engine: OCI runtime runsc"


def test_a_rootless_engine_without_control_groups_is_said_to_cap_nothing() -> None:
    gaps = engine_gaps({"CgroupDriver": "none", "MemoryLimit": True, "SecurityOptions": ["name=seccomp"]})
    assert len(gaps) == 4
    assert any("memory" in gap for gap in gaps)


@pytest.mark.docker
async def test_another_runtime_is_taken_by_its_name(docker_engine: str) -> None:
    """The engine's own runtime under its long name: what is tested is that the name arrives."""
    async with Pool.open("docker:io.containerd.runc.v2", size=1) as pool:
        job = Job(program="gristmill.sandbox.guest.candidate:stdio", request={"source": "print(1)"})
        await pool.run(job)
        assert any("OCI runtime io.containerd.runc.v2" in text for text in pool.info().covers)
    with pytest.raises(SandboxError, match="no-such-runtime"):
        async with Pool.open("docker:no-such-runtime", size=1) as pool:
            await pool.run(job)


@pytest.mark.parametrize("name", ["docker:", "bubblewrap:runsc", "auto:runsc", ":runsc", "podman"])
async def test_a_runtime_is_named_after_docker_only(name: str) -> None:
    with pytest.raises(UserError, match="docker:RUNTIME"):
        await choose_factory(name)


COUNTED = {"processes_leave_no_count", "files_leave_no_count"}
READABLE = {
    "nothing_of_the_machine_is_visible",
    "other_processes_are_out_of_reach",
    "what_the_machine_counts_is_not_told",
}


@pytest.mark.docker
@pytest.mark.parametrize(("namespaces", "left_open"), [(True, set()), (False, COUNTED | READABLE)])
async def test_without_landlock_the_worker_says_so_and_every_other_wall_holds(
    docker_engine: str, monkeypatch: pytest.MonkeyPatch, namespaces: bool, left_open: set[str]
) -> None:
    """As on a kernel that has none, or allows no user namespaces either: here the engine's filter refuses the calls."""
    monkeypatch.setattr("gristmill.sandbox.backends.engine_profile._CONFINEMENT", "seccomp")
    if not namespaces:
        monkeypatch.setattr("gristmill.sandbox.backends.engine_profile._NEVER_UNSHARED", 0x7E020000)
    async with DockerSandbox(CANDIDATE) as sandbox:
        info = sandbox.info
    assert any("no Landlock" in gap for gap in info.gaps)
    assert not any("Landlock" in text for text in info.covers)
    results = await check(DockerFactory(), names=[each.__name__ for each in (*ISOLATION, *LEAVING)])
    assert any("no namespaces" in gap for gap in info.gaps) is not namespaces
    assert all(each.acceptable for each in results), [each for each in results if not each.acceptable]
    open_ = {each.name for each in results if each.known_gap}
    assert open_ == left_open


@pytest.mark.parametrize(
    ("version", "said"), [(0, "no Landlock in this kernel"), (1, "1 does not scope"), (4, "4 does not scope"), (6, "")]
)
def test_what_an_older_landlock_leaves_open_is_said(version: int, said: str) -> None:
    walls = Walls("uid", version, [], None, None, 0, 0, count_processes=True, own_namespaces=True)
    covers, gaps = _words(walls, dict.fromkeys(("identity", "zygote", "elsewhere", "sockets", "shared"), True))
    assert [said in gap for gap in gaps] == [True] * bool(said)
    assert any("no TCP" in cover for cover in covers) is (version >= 4)
    assert any("scoped" in cover for cover in covers) is (version >= 6)
