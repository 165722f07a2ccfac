"""Programs are one answer if they do the same: recorded replies to real tasks, run in a real sandbox."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import CANDIDATE, Job, Profile, Report
from gristmill.trainers.cli import app
from gristmill.trainers.measure.agreeing import vote, votes_of
from gristmill.trainers.measure.evaluation import evaluation_of

pytestmark = pytest.mark.bubblewrap

RIGHT = ["    return 2 * n", "    return n + n", "    if n < 0:\n        raise ValueError('no')\n    return n * 2.0"]
SQUARE = ["    return n * n", "    return n * n  # again"]
BROKEN = ["    return 2 * m"] * 4
BODIES = [*BROKEN, *SQUARE, *RIGHT]
HIDDEN = {"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}, {"args": [2], "expected": 4}]}
TESTS: dict[str, dict[str, Any]] = {
    "cases": HIDDEN,
    "literal": {"type": "python", "entry_point": "f", "code": "assert f(3) == 6\nassert f(2) == 4"},
    "program": {"type": "python", "entry_point": "f", "code": "for n in range(4):\n    assert f(n) == 2 * n"},
}


def call(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


class Troubled:
    """A real pool that loses its sandbox with some programs."""

    def __init__(self, pool: Pool, words: str) -> None:
        self._pool, self._words = pool, words
        self.ran: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    async def run(self, job: Job, profile: Profile = CANDIDATE, **how: Any) -> Report:
        source = str((job.request or {}).get("source"))
        if self._words and self._words in source:
            raise SandboxError("lost")
        self.ran.append(source)
        return await self._pool.run(job, profile, **how)


def test_a_majority_of_programs_is_of_those_that_give_the_same_outputs(workspace: Path, bubblewrap: str) -> None:
    rows = [{"id": name, "kind": "code", "prompt": "double", "tests": [test]} for name, test in TESTS.items()]
    Path("tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [
        {"task_id": name, "sample": at, "text": f"def f(n):\n{body}"}
        for name in TESTS
        for at, body in enumerate(BODIES)
    ]
    Path("replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    on = ("--model", "replay:replies.jsonl", "--samples", str(len(BODIES)), "--sandbox", "bubblewrap", "--no-confirm")
    found = json.loads(call("eval", "tasks.jsonl", *on, "--name", "nine", "--workers", "1", "--json"))
    assert (found["voted"], found["votes_left_out"]) == ({"behaviour": 2, "syntax": 1}, 0)
    for result in found["results"]:
        broken, square, right = (result["answers"][slice(*bounds)] for bounds in ((0, 4), (4, 6), (6, len(BODIES))))
        assert len(set(square)) == 1
        if result["task_id"] == "program":
            assert len({*broken, *square, *right}) == 5, "nothing can be read, so that each spelling is an answer"
        else:
            assert set(broken) == {None}, "what gives nothing but errors has no vote"
            assert len(set(right)) == 1
            assert right[0] != square[0]
    assert found["majority_at"]["9"]["passed"] == 2, "three that double, in three spellings, against two that square"
    table = call("eval", "tasks.jsonl", *on, "--name", "nine", "--resume")
    assert "same outputs: 2 tasks" in table
    assert "no inputs can be read: 1 tasks" in table

    # Trouble of the sandbox takes a program's vote, and no more; who goes on runs it again, and nothing that is there.
    async def troubled(words: str) -> list[str]:
        async with Pool.open("bubblewrap", 1) as pool:
            jobs = Troubled(pool, words)
            await vote(store, "nine", store.get_run("nine").config, jobs)
            return jobs.ran

    with Store.open(".") as store:
        before = votes_of(store, "nine")
        store.documents.remove("votes", "nine", "cases")
        assert len(asyncio.run(troubled("n + n"))) == 4, "of nine programs five are different"
        assert votes_of(store, "nine")["cases"].left_out == evaluation_of(store, "nine").votes_left_out == 1
        assert list(votes_of(store, "nine")["cases"].answers.values()).count(None) == 5
        assert len(asyncio.run(troubled(""))) == 5
        assert votes_of(store, "nine") == before
        assert asyncio.run(troubled("")) == []
