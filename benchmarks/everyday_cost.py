"""What a case of a driven or of a split test costs beside one of `cases`, in processor time, confirmed, in one run.

    python benchmarks/everyday_cost.py [--sandbox bubblewrap docker] [--cases 1 3 10] [--form driven split pytest]
                                       [--rounds 5] [--verdicts 12]

The same work, a sum of digits, as `cases`, as a driven test, as a test file that a judge decides apart (`pytest`), and
as one with an object that it cannot carry, so that it is split (`split`: what is found apart, the split run and the one
that confirms it). What a judge process decided is run together once for all verdicts of a round, as `verify` does for
the candidates of a task. Forms take turns in every round, in warm workers of one pool; counted is the processor time of
this process and of all workers, divided by the verdicts and by the cases of a test (on Docker without containers that
are thrown away, as that of the consistency run is). Medians, and ratios within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Task, Verifiers

SOLUTION = "def digits(number):\n    return sum(int(each) for each in str(number))\n"
DRIVE = "def drive(solution, case):\n    return {'sum': solution.digits(case['number'])}\n"
JUDGE = "def judge(values, case):\n    assert values['sum'] == case['expected']\n"
WRITTEN = """

class Written:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text
"""
FORMS = ("driven", "split", "pytest")
TICKS = os.sysconf("SC_CLK_TCK")


def tasks(cases: int) -> dict[str, Task]:
    """One task a form."""
    numbers = [7_919 * (place + 1) ** 3 for place in range(cases)]
    wanted = [sum(map(int, str(number))) for number in numbers]
    pairs = list(zip(numbers, wanted, strict=True))
    called = [{"args": [number], "expected": expected} for number, expected in pairs]
    driven = [{"given": {"number": number}, "expected": expected} for number, expected in pairs]
    file = "import sqlite3\nfrom solution import digits\n" + "".join(
        f"\n\ndef test_{place}(tmp_path):\n    (tmp_path / 'number').write_text('{number}')\n"
        f"    with (tmp_path / 'number').open() as file:\n        assert digits(int(file.read())) == {expected}\n"
        for place, (number, expected) in enumerate(pairs)
    )
    written = (
        "from solution import digits\n"
        + WRITTEN
        + "".join(
            f"\n\ndef test_{place}():\n    assert digits(Written('{number}')) == {expected}\n"
            for place, (number, expected) in enumerate(pairs)
        )
    )
    tests = {
        "cases": {"type": "cases", "entry_point": "digits", "cases": called},
        "driven": {"type": "driven", "drive": DRIVE, "judge": JUDGE, "cases": driven},
        "split": {"type": "pytest", "entry_point": "digits", "files": {"test_digits.py": written}},
        "pytest": {"type": "pytest", "entry_point": "digits", "files": {"test_digits.py": file}},
    }
    return {
        form: Task.model_validate({"id": f"{form}-{cases}", "kind": "code", "prompt": "digits", "tests": [test]})
        for form, test in tests.items()
    }


def children(pid: int) -> float:
    """Processor seconds of a process and of all below it, those that it has waited for included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        below = [
            int(each)
            for path in Path(f"/proc/{pid}/task").iterdir()
            for each in (path / "children").read_text().split()
        ]
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS + sum(map(children, below))


def containers() -> float:
    """Processor seconds of all containers of this process; of those that are gone, nothing."""
    from gristmill.sandbox.backends.engine import LABEL, connect
    from gristmill.sandbox.owners import owner_label

    client = connect()
    try:
        found = client.containers.list(filters={"label": f"{LABEL}.owner={owner_label()}"})
        stats = [each.stats(stream=False, one_shot=True) for each in found]
        return sum(float(each["cpu_stats"]["cpu_usage"]["total_usage"]) for each in stats) / 1e9
    finally:
        client.close()


async def measured(
    backend: str, asked: set[str], cases: int, rounds: int, verdicts: int
) -> dict[str, tuple[str, list[float]]]:
    """(how it was decided, milliseconds a case in each round) by form."""

    def spent() -> float:
        return children(os.getpid()) + (containers() if backend == "docker" else 0.0)

    forms = {form: task for form, task in tasks(cases).items() if form in asked}
    found: dict[str, tuple[str, list[float]]] = {}
    # Warm workers of all forms at once: three are kept for each of its size.
    async with Pool.open(backend, size=3) as pool:
        judging = Verifiers(pool, accept_split=True)
        for _ in range(rounds + 1):
            for form, task in forms.items():
                before = spent()
                judged = [(SOLUTION, await judging.verify_apart(task, SOLUTION)) for _ in range(verdicts)]
                for verdict in await judging.settle_all(task, judged):
                    if not verdict.passed:
                        raise SystemExit(f"{form}: {verdict}")
                milliseconds = 1000 * (spent() - before) / verdicts / cases
                found.setdefault(form, (verdict.strength.value, []))[1].append(milliseconds)
    # The first round starts the workers.
    return {form: (strength, each[1:]) for form, (strength, each) in found.items()}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandbox", nargs="+", default=("bubblewrap", "docker"))
    parser.add_argument("--cases", nargs="+", type=int, default=(1, 3, 10))
    parser.add_argument("--form", nargs="+", default=FORMS, choices=FORMS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--verdicts", type=int, default=12)
    arguments = parser.parse_args()
    table = Table("backend", "cases in a test", "form", "decided", "ms a case", "× cases", "least", "most")
    for backend in arguments.sandbox:
        for cases in arguments.cases:
            found = asyncio.run(
                measured(backend, {"cases", *arguments.form}, cases, arguments.rounds, arguments.verdicts)
            )
            for form, (strength, each) in found.items():
                ratios = [one / other for one, other in zip(each, found["cases"][1], strict=True)]
                cells = (statistics.median(ratios), min(ratios), max(ratios))
                table.add_row(
                    backend,
                    str(cases),
                    form,
                    strength,
                    f"{statistics.median(each):.2f}",
                    *(f"{cell:.1f}" for cell in cells),
                )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
