"""The attacks of `gristmill attack`: each fools a naive checker, and none is accepted here, on any kind or backend."""

from __future__ import annotations

import os
import random
import re
import shutil
import string
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Task, Verifiers, problems
from gristmill.verifiers.attacks.catalogue import ATTACKS, OTHERS, chosen
from gristmill.verifiers.attacks.records import JUDGED, Attack, Example, Family, Target
from gristmill.verifiers.attacks.secrets import hidden_words
from gristmill.verifiers.attacks.suite import attack_task, limited, prepared
from gristmill.verifiers.attacks.writing import target_of, write
from tests.verifiers.attacks.fooled import FOOLED, STDIO
from tests.verifiers.attacks.naive_checkers import CASES, fooled

RIGHT = "def double(x):\n    return x * 2\n"
SQUARES = "for n in input().split():\n    print(int(n) ** 2)\n"
EXAMPLES = tuple(Example(tuple(args), {}, expected) for args, expected in CASES)
# What `make test` runs: one or more of each family, and nothing that waits for a limit.
QUICK = (
    "constant-none public-answers-by-heart exit-at-import os-exit-in-call equal-object near-object frame-locals "
    "collector-objects files-nearby comparison-replaced pytest-skip unittest-skip builtins-patched start-up-file "
    "second-run order-of-the-calls stop-iteration failure-hidden-by-exit report-on-every-channel daemon "
    "system-v-memory callback-as-an-oracle format-handed-back failure-hidden-by-a-generator send-that-ends "
    "data-class-made-equal-later contains-everything one-list-for-all-answers kills-everything network "
    "secrets-of-the-host crash descriptors-closed numbers-too-long-to-print keys-too-long-to-print "
    "named-tuple-called-dict hashes-that-collide input-in-an-error input-in-a-late-load-error "
    "prefix-of-the-output right-then-crash"
).split()


def attacks() -> list[Any]:
    return [
        pytest.param(each, id=each.name, marks=() if each.name in QUICK else pytest.mark.slow)
        for each in ATTACKS
        if each.name in FOOLED
    ]


def against_the_naive(attack: Attack) -> str:
    trick = FOOLED[attack.name]
    if trick.checker.startswith("stdio"):
        target = Target(frozenset(("stdio",)), (), EXAMPLES, SQUARES)
    else:
        target = Target(frozenset(("cases", "python", "pytest")), trick.names, EXAMPLES, RIGHT)
    source = write(attack, target)
    assert source is not None
    return source


def test_there_are_enough_mechanisms_and_each_says_what_it_tries() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 200
    assert {attack.family for attack in (*ATTACKS, *OTHERS)} == set(Family)
    for attack in ATTACKS:
        assert attack.name == attack.name.lower().replace(" ", "-")
        assert attack.tries
        assert attack.tries[-1] not in ".!"
        assert attack.test_types <= {"cases", "stdio", "python", "pytest", "driven", "score"}
        source = write(attack, Target(attack.test_types, ("f", "A.b", "OddError"), EXAMPLES, RIGHT))
        assert source is not None
        assert not re.search("<<[a-z]+>>", source)
    assert len({attack.source for attack in ATTACKS}) == len(ATTACKS)
    assert len({attack.tries for attack in ATTACKS}) == len(ATTACKS)


def test_each_attack_has_a_checker_that_it_fools() -> None:
    assert set(FOOLED) | set(STDIO) == {attack.name for attack in ATTACKS}
    assert set(QUICK) <= set(FOOLED)


def test_attacks_are_chosen_by_name_and_by_family() -> None:
    assert chosen([]) == (*ATTACKS, *OTHERS)
    assert len({attack.name for attack in chosen([])}) == len(chosen([]))
    assert [attack.name for attack in chosen(["fork-bomb"])] == ["fork-bomb"]
    assert {attack.family for attack in chosen(["weak", "exits"])} == {Family.WEAK, Family.EXITS}
    with pytest.raises(KeyError):
        chosen(["nonsense"])


@pytest.mark.third
@pytest.mark.parametrize("attack", attacks())
def test_the_attack_fools_a_naive_checker(attack: Attack) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("no bwrap to run naive checkers in")
    trick = FOOLED[attack.name]
    source = against_the_naive(attack)
    # some race against the grader, or grow until it is held up: one that works now and then is one that works
    assert any(fooled(trick.checker, source, trick.tests, trick.before, attempt) for attempt in range(4))


CHECKERS = sorted({trick.checker for trick in FOOLED.values() if not trick.tests} - {"module"})


@pytest.mark.third
@pytest.mark.parametrize("checker", CHECKERS)
def test_the_naive_checker_accepts_what_is_right_and_only_that(checker: str) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("no bwrap to run naive checkers in")
    program = checker.startswith("stdio")
    target = Target(
        frozenset(("stdio",)) if program else frozenset(("cases",)), () if program else ("double",), EXAMPLES
    )
    honest = Attack(
        "right", Family.WEAK, target.test_types, "", SQUARES.replace("input()", "text") if program else RIGHT
    )
    dishonest = write(chosen(["constant-nonsense"])[0], target)
    assert dishonest is not None
    if checker.startswith(("harm", "drop_nested", "feedback")) or "shown" in checker:
        assert not fooled(checker, dishonest)
        return
    assert not fooled(checker, dishonest)
    if checker.startswith(("protocol_drop", "drop")):
        return
    source = SQUARES if program else honest.source
    if "mode=items" not in checker and "pickled" not in checker:
        assert fooled(checker, source)


# -- against our own judge -------------------------------------------------------------------------------------------

_random = random.Random(os.urandom(8))


def unlikely() -> str:
    return "".join(_random.choices(string.ascii_lowercase, k=9))


INPUTS = sorted(([unlikely(), number] for number in (1, 2, 3, 4)), key=lambda row: (len(repr(row)), repr(row)))
PUBLIC = ["abc", 2]
REFERENCE = 'def mirror(a, b):\n    return "|".join([a[::-1].upper()] * b)\n'
PROGRAM = 'a, b = input().split()\nprint("|".join([a[::-1].upper()] * int(b)))\n'


def mirrored(a: str, b: int) -> str:
    return "|".join([a[::-1].upper()] * b)


def cases(rows: list[Any]) -> dict[str, Any]:
    return {
        "type": "cases",
        "entry_point": "mirror",
        "cases": [{"args": row, "expected": mirrored(*row)} for row in rows],
    }


def printed(rows: list[Any]) -> dict[str, Any]:
    return {"type": "stdio", "cases": [{"stdin": f"{a} {b}\n", "stdout": f"{mirrored(a, b)}\n"} for a, b in rows]}


def program(rows: list[Any]) -> dict[str, Any]:
    checks = "".join(f"    assert candidate({a!r}, {b}) == {mirrored(a, b)!r}\n" for a, b in rows)
    return {"type": "python", "entry_point": "mirror", "code": f"def check(candidate):\n{checks}\ncheck(mirror)\n"}


def files(rows: list[Any]) -> dict[str, Any]:
    table = [(a, b, mirrored(a, b)) for a, b in rows]
    text = (
        "import pytest\nfrom solution import mirror\n\n"
        f"@pytest.mark.parametrize('a, b, expected', {table!r})\n"
        "def test_mirror(a, b, expected):\n    assert mirror(a, b) == expected\n"
    )
    return {"type": "pytest", "entry_point": "mirror", "files": {"test_mirror.py": text}}


def driven(rows: list[Any]) -> dict[str, Any]:
    """Each of its cases is a process, so two are enough."""
    return {
        "type": "driven",
        "drive": "def drive(solution, case):\n    return {'mirrored': solution.mirror(*case['args'])}\n",
        "judge": "def judge(values, case):\n    assert values['mirrored'] == case['expected']\n",
        "cases": [{"given": {"args": row}, "expected": mirrored(*row)} for row in rows[:2]],
    }


ABOUT_THE_BACKEND = (Family.EXITS, Family.RESOURCES, Family.ESCAPES, Family.UNSCORED)
# What waits for a limit does so in each case of a driven test, and its walls are those of the other kinds.
ABOUT_LIMITS = (Family.RESOURCES, Family.ESCAPES, Family.UNSCORED)
KINDS = {"cases": cases, "stdio": printed, "python": program, "pytest": files, "driven": driven}


ROWS: list[Any] = [[row, mirrored(str(row[0]), int(row[1]))] for row in INPUTS]
EVALUATE = """
def evaluate(candidate, instance):
    right = sum(candidate(*args) == expected for args, expected in instance)
    return right / len(instance)
"""


def scored() -> Task:
    """The share of what is right, which must be all of it; each instance is two processes, so one is enough."""
    test = {
        "type": "score",
        "entry_point": "mirror",
        "code": EVALUATE,
        "instances": [ROWS],
        "direction": "maximize",
        "target": 1.0,
    }
    row = {"id": "score", "kind": "code", "prompt": "Mirror it.", "tests": [test], "reference": REFERENCE}
    made = Task.model_validate(row)
    assert problems(made) == []
    return made


def task(kind: str) -> Task:
    if kind == "score":
        return scored()
    # pytest files are no examples that an attacker could learn by heart, so their public test is of another type.
    public = program if kind == "pytest" else KINDS[kind]
    made = Task(
        id=kind,
        kind="code",
        prompt="Mirror it.",
        public_tests=[public([PUBLIC])],
        tests=[KINDS[kind](INPUTS)],
        reference=PROGRAM if kind == "stdio" else REFERENCE,
    )
    assert problems(made) == []
    return made


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    """One pool for all attacks of a backend. When it is closed, nothing of it may be left."""
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    before = left_over()
    async with Pool.open(request.param, size=2) as opened:
        yield opened
    # What was left before by others may go meanwhile, or count no longer as the number of its maker is another's now.
    files, segments, processes = left_over()
    assert (files - before[0], segments - before[1], processes - before[2]) == (set(), set(), set())
    if request.param == "docker":
        assert containers() == []


def left_over() -> tuple[set[str], set[str], set[int]]:
    """Files where jobs could leave some, shared memory whose maker has ended, and processes below this one."""
    folders = [Path(folder) for folder in ("/tmp", "/dev/shm", "/var/tmp") if Path(folder).is_dir()]
    left = {"left-behind", "left_behind", "tried-before", "filler-0", "sitecustomize.py", "started", "loot"}
    shared = Path("/proc/sysvipc/shm")
    segments = [line.split() for line in shared.read_text().splitlines()[1:]] if shared.exists() else []
    return (
        {str(path) for folder in folders for path in folder.iterdir() if path.name in left},
        # A maker that lives is a server beside us, such as another test's PostgreSQL; a job that lives is seen below.
        {segment for _, segment, _, _, maker, *_ in segments if not Path("/proc", maker).exists()},
        below(os.getpid()),
    )


def below(pid: int) -> set[int]:
    """All processes that descend from this one."""
    found = set()
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            found |= {child} | below(child)
    return found


def zygotes() -> list[int]:
    """The first processes of the namespaces in this process's bubblewrap workers."""
    found = []
    for pid in below(os.getpid()):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            line = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
        numbers = next(row for row in status.splitlines() if row.startswith("NSpid:")).split()[1:]
        if "zygote.py" in line and not line.startswith(("/usr/bin/bwrap", "bwrap")) and numbers[-1] == "1":
            found.append(pid)
    return found


def nothing_is_left_inside_workers() -> None:
    """Seen from outside, as root: processes, folders and shared memory of each idle worker."""
    for pid in zygotes():
        root = Path(f"/proc/{pid}/root")
        try:
            below_it, kept = below(pid), [path.name for path in (root / "tmp").iterdir()]
        except OSError:
            continue  # not ours to look into, or replaced meanwhile
        # The outermost process lays out the worker's devices; below it are the zygote, the next job, and the first
        # process of that one's namespace.
        assert len(below_it) <= 3, below_it
        assert all(name.startswith("job-") for name in kept), kept
        assert len(kept) <= 1
        assert [*(root / "dev/shm").glob("*")] == []


def containers() -> list[str]:
    """Containers that belong to this process."""
    import docker

    from gristmill.sandbox.backends.engine import LABEL
    from gristmill.sandbox.owners import owner_label

    client = docker.from_env(timeout=60)
    try:
        found = client.containers.list(all=True, filters={"label": f"{LABEL}.owner={owner_label()}"})
        return [str(each.id) for each in found]
    finally:
        client.close()


async def all_refused(pool: Pool, kind: str, wanted: list[Attack]) -> None:
    asked = task(kind)
    # What the boundary holds by itself: a forgery that needs the consistency run to be found is a hole in it.
    verifiers = Verifiers(pool, consistency=False)
    assert len(hidden_words(asked)) >= 4
    report = await attack_task(limited(asked, 1.0), wanted, verifiers, at_a_time=pool.size + 1)
    assert report.clean, report.model_dump(exclude={"attempts"})
    assert report.tried > len(wanted) // 3
    # What shares one list among all answers is right where tests never look at an answer again.
    passed = [attempt.attack for attempt in report.attempts if attempt.outcome is Outcome.PASSED and not attempt.right]
    assert passed == []
    assert Outcome.UNSCORED not in {attempt.outcome for attempt in report.attempts}
    # The same pool judges honest candidates as before.
    assert (await verifiers.verify(asked, asked.reference or "")).verified
    nothing_is_left_inside_workers()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", [*KINDS, "score"])
async def test_a_selection_of_attacks_is_refused(pool: Pool, kind: str) -> None:
    await all_refused(pool, kind, [attack for attack in ATTACKS if attack.name in QUICK])


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", KINDS)
async def test_every_attack_is_refused(pool: Pool, kind: str, every: int) -> None:
    """All of them on bubblewrap; on Docker one in so many of those that no container could stop or let through."""
    docker = pool.backend == "docker"
    wanted = [
        attack
        for place, attack in enumerate(ATTACKS)
        if (kind != "driven" or attack.family not in ABOUT_LIMITS)
        and (not docker or attack.family in ABOUT_THE_BACKEND or place % every == 0)
    ]
    await all_refused(pool, kind, wanted)


def with_tests() -> list[Any]:
    return [
        pytest.param(attack, id=attack.name)
        for attack in ATTACKS
        if attack.name in FOOLED and FOOLED[attack.name].tests
    ]


@pytest.mark.third_on_docker
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", with_tests())
async def test_the_test_program_that_it_fools_in_one_process(pool: Pool, attack: Attack) -> None:
    """Forgeries are refused by that same program; candidates that know nothing pass, since it is weak.

    So do those that are wrong only later: it compares copies, as a judge apart does.
    """
    trick = FOOLED[attack.name]
    test = {"type": "python", "entry_point": trick.names, "setup": trick.before, "code": trick.tests}
    asked = Task(id="t", kind="code", prompt="Double.", tests=[test], limits={"wall_seconds": 4.0})
    verdict = await Verifiers(pool, consistency=False).verify(asked, against_the_naive(attack))
    assert verdict.outcome is not Outcome.UNSCORED
    if attack.weak or attack.right:
        # Chance and the order of the calls may be against these.
        assert verdict.verified or attack.name in ("guesses", "public-answers-in-order"), verdict
    else:
        assert not verdict.verified, verdict


@pytest.mark.asyncio(loop_scope="module")
async def test_a_task_with_weak_tests_is_told_which_candidates_pass(pool: Pool) -> None:
    test = {
        "type": "cases",
        "entry_point": "f",
        "cases": [{"args": [[]], "expected": []}, {"args": [[1]], "expected": [1]}],
    }
    asked = limited(Task(id="weak", kind="code", prompt="Sort.", tests=[test]), 1.0)
    report = await attack_task(asked, chosen(["weak", "equal-object"]), Verifiers(pool))
    assert set(report.weak) >= {"identity", "argument-sorted", "argument-reversed"}
    assert not report.clean
    assert report.holes == ()


@pytest.mark.asyncio(loop_scope="module")
async def test_forgeries_count_as_holes_only_where_nothing_weak_passes(pool: Pool) -> None:
    test = {"type": "python", "entry_point": "f", "code": "assert f(3) != 4"}
    asked = limited(Task(id="open", kind="code", prompt="Answer.", tests=[test]), 1.0)
    verifiers = Verifiers(pool, consistency=False)
    report = await attack_task(asked, chosen(["constant-nonsense", "equal-object", "exit-redirected"]), verifiers)
    assert report.weak == ("constant-nonsense",)
    assert report.masked == ("exit-redirected", "equal-object")[::1] or set(report.masked) == {
        "equal-object",
        "exit-redirected",
    }
    assert report.holes == ()


@pytest.mark.asyncio(loop_scope="module")
async def test_what_passes_apart_alone_is_listed_and_no_hole(pool: Pool) -> None:
    """Aliasing, the one thing that the boundary loses: the consistency run finds it."""
    code = "first = add(1)\nadd(2)\nassert first == [1]\n"
    test = {"type": "python", "entry_point": "add", "code": code}
    asked = limited(Task(id="alias", kind="code", prompt="Collect.", tests=[test]), 2.0)
    source = "kept = []\ndef answer(x):\n    kept.append(x)\n    return kept\n"
    alias = Attack("aliasing", Family.WEAK, JUDGED, "hands out the list that it goes on with", source)
    report = await attack_task(asked, [alias], Verifiers(pool))
    assert report.apart == ("aliasing",)
    assert report.clean
    assert report.attempts[0].outcome is Outcome.FAILED
    assert (await attack_task(asked, [alias], Verifiers(pool, consistency=False))).weak == ("aliasing",)


def test_an_attacker_knows_public_examples_and_those_of_the_prompt_only() -> None:
    asked = Task(
        id="t",
        kind="code",
        prompt="Add.\n>>> add(1, b=2)\n3\n>>> other(1)\n5\n",
        public_tests=[{"type": "python", "entry_point": "add", "code": "assert add(2, 2) == 4\nassert add(1, x) == 3"}],
        tests=[{"type": "cases", "entry_point": "add", "cases": [{"args": [7, 8], "expected": 15}]}],
    )
    target = target_of(asked)
    assert target.names == ("add",)
    assert target.test_types == {"cases", "python"}
    assert target.examples == (Example((2, 2), {}, 4), Example((1,), {"b": 2}, 3))
    for attack in ATTACKS:
        assert "15" not in (write(attack, target) or "").replace("150", "")


def test_the_page_on_security_names_every_mechanism_with_its_test() -> None:
    root = Path(__file__).resolve().parents[3]
    page = (root / "docs/security.md").read_text(encoding="utf-8")
    begun = page.split("## Attacks by mechanism\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in begun.splitlines() if line.startswith("| ")][1:]
    names = {attack.name for attack in (*ATTACKS, *OTHERS)}
    assert len(rows) >= 60
    assert f"Here are {len(rows)} mechanisms" in begun
    for what, attacks_, more in rows:
        named, files = re.findall("`([^`]+)`", attacks_), re.findall("`([^`]+)`", more)
        assert set(named) <= names, what
        assert named or files, what
        assert all((root / file).is_file() for file in files), what
    assert len({what for what, _, _ in rows}) == len(rows)


def test_no_attack_that_is_written_in_python_is_tried_on_a_task_in_another_language() -> None:
    test = {"type": "stdio", "language": "c++", "cases": [{"stdin": "1", "stdout": "1"}]}
    asked = Task.model_validate({"id": "t", "kind": "code", "prompt": "p", "public_tests": [test], "tests": [test]})
    assert prepared(asked, ATTACKS) == []
