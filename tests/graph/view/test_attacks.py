"""The page of attacks: what was seen of each attack of a run in a real sandbox, and no more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request
from gristmill.graph.storage.store import Store
from gristmill.graph.view.registry import Asked, registered
from gristmill.graph.view.rendering import Pages
from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.guest.watching import Processes, Watch
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import CANDIDATE, Ending, Report
from gristmill.sandbox.workers.blaming import LOSSES, Trial
from gristmill.trainers.viewing.views import VIEWS
from gristmill.verifiers import Task
from gristmill.verifiers.incidents.noting import note_report, noting
from gristmill.verifiers.incidents.record import Mechanism
from tests.graph.view.filled import HOSTILE

_CASES = {"type": "cases", "entry_point": "f", "cases": [{"args": [n], "expected": n} for n in (1, 2)]}
_ASKED_APART = {"type": "python", "entry_point": "f", "code": "x = f(1)\nassert isinstance(x, int) and abs(x - 1) < 1"}
_ALIASES = {"type": "python", "entry_point": "f", "code": "a = f(1)\nassert a == [1]\nb = f(2)\nassert a is not b"}
_EQUAL = {"type": "python", "entry_point": "f", "code": "assert f(1) == 1"}

_EVERY_DESCRIPTOR = (
    "import os\n\ndef f(x):\n    for number in range(3, 64):\n        try:\n            os.write(number, {data!r})\n"
    "        except OSError:\n            pass\n    return x\n"
)
_JUNK = _EVERY_DESCRIPTOR.format(data=b"\x00\x00\x00\x05junk!")
_ANSWER_AHEAD = (
    "from gristmill.sandbox.wire.answers import Value, encode_answer\n"
    "import os\n\ndef f(x):\n    data = encode_answer(Value(x))\n    data = len(data).to_bytes(4, 'big') + data\n"
    "    for number in range(3, 64):\n        try:\n            os.write(number, data)\n        except OSError:\n"
    "            pass\n    return x\n"
)
# What each is asked, what it answers, and what has to be on record of it.
ATTACKS: dict[str, tuple[dict[str, Any], str, set[Mechanism]]] = {
    "a right one": (_CASES, "def f(x):\n    return x\n", set()),
    "a wrong one": (_CASES, "def f(x):\n    return -x\n", set()),
    "answers ahead": (_CASES, _ANSWER_AHEAD, {Mechanism.EXTRA}),
    "junk among answers": (_CASES, _JUNK, {Mechanism.MESSAGE, Mechanism.EXTRA}),
    "junk to the judge": (_ASKED_APART, _JUNK, {Mechanism.MESSAGE}),
    "an honest ring": (_ASKED_APART, "def f(x):\n    ring = [x]\n    ring.append(ring)\n    return {0: ring}\n", set()),
    "a socket": (_CASES, "import socket\n\ndef f(x):\n    return socket.socket() and x\n", {Mechanism.PERMISSION}),
    "a socket at load": (_ASKED_APART, "import socket\nsocket.socket()\n", {Mechanism.PERMISSION}),
    "a skip": (_ASKED_APART, "import unittest\n\ndef f(x):\n    raise unittest.SkipTest\n", {Mechanism.CONTROL}),
    "an exit in order": (_CASES, "import sys\n\ndef f(x):\n    sys.exit(0)\n", {Mechanism.CONTROL}),
    "an exit": (_CASES, "import os\n\ndef f(x):\n    os._exit(0)\n", {Mechanism.EXIT}),
    "an exit apart": (_ASKED_APART, "import os\n\ndef f(x):\n    os._exit(0)\n", {Mechanism.EXIT}),
    "a signal": (_CASES, "import os\n\ndef f(x):\n    os.kill(os.getpid(), 31)\n", {Mechanism.SIGNAL}),
    "for ever": (_CASES, "def f(x):\n    while True:\n        pass\n", {Mechanism.TIME}),
    "much memory": (_CASES, "def f(x):\n    return len(bytearray(1 << 31))\n", {Mechanism.MEMORY}),
    "much output": (_CASES, "def f(x):\n    print('x' * (5 << 20))\n    return x\n", {Mechanism.OUTPUT}),
    "right once": (
        _CASES,
        "first = []\n\ndef f(x):\n    first.append(x)\n    return x if first[0] == 1 else 0\n",
        {Mechanism.UNCONFIRMED},
    ),
    "equal to all": (
        _EQUAL,
        "class All:\n    def __eq__(self, other):\n        return True\n\n\ndef f(x):\n    return All()\n",
        {Mechanism.BESIDE},
    ),
    "one list for all": (
        _ALIASES,
        "kept = []\n\ndef f(x):\n    kept[:] = [x]\n    return kept\n",
        {Mechanism.OVERTURNED},
    ),
}
TASKS = [
    Task.model_validate(
        {
            "id": name,
            "kind": "code",
            "prompt": "f(x)",
            "tests": [test],
            "limits": {"cpu_seconds": 1, "wall_seconds": 20},
        }
    )
    for name, (test, _, _) in ATTACKS.items()
]


def answer(request: Request) -> str:
    return f"{HOSTILE}\n```python\n# {HOSTILE!r}\n{ATTACKS[request.task_id][1]}```"


@pytest.mark.bubblewrap
async def test_what_was_seen_of_each_attack_is_on_the_page_and_of_honest_answers_nothing(
    tmp_path: Path, bubblewrap: str
) -> None:
    config = RunConfig.of(hypotheses=1, rounds=1, sandbox="bubblewrap")
    with Store.open(tmp_path) as store:
        async with Pool.open("bubblewrap", 2) as pool:
            await run_campaign(TASKS, config, name="night", store=store, proposer=ScriptedProposer(answer), pool=pool)
        judged, found = store.glances.machine.incidents("night")
        seen = {id_.rsplit("/", 2)[0]: {each.mechanism for each in rows} for id_, rows in found.items()}
        assert seen == {name: wanted for name, (_, _, wanted) in ATTACKS.items() if wanted}
        assert judged == len(ATTACKS)
        prompts = [text for story in store.trajectories("night") for each in story.prompts.values() for text in each]
        feedback = [step.verdict.feedback for story in store.trajectories("night") for step in story.steps]
        assert not [each for each in (*prompts, *feedback) for name in Mechanism if name.value in str(each)]

        views = registered(VIEWS)
        pages = Pages(views)
        page = pages.page("attacks.html", views["attacks"].page(store, Asked("attacks", "night")))
        assert "Of 19 judged 3 did what no answer to a task needs; 13 more did what stops" in page
        assert "<script>document" not in page
        only = views["attacks"].page(store, Asked("attacks", "night", options={"of": "signal"}))
        assert only is not None
        assert [(row.id, row.seen) for row in only.rows] == [
            ("a signal/0/0", [("ended by a signal", "SIGSYS")]),
        ]
        one = pages.page(
            "hypothesis.html", views["hypothesis"].page(store, Asked("hypothesis", "night", "an exit/0/0"))
        )
        assert "Seen while it was judged:" in one
        assert "left without an answer" in one
        public = Asked("hypothesis", "night", "an exit/0/0", public=True)
        assert "Seen while" not in pages.page("hypothesis.html", views["hypothesis"].page(store, public))
        assert views["attacks"].public is None


def test_what_the_host_says_of_a_job_is_read_as_it_is_written(tmp_path: Path) -> None:
    blamed = Trial(None, CANDIDATE, fresh=False).blame(SandboxError("gone"))  # type: ignore[arg-type]  # asks no worker
    assert str(LOSSES) in blamed.note
    reason, why = Watch({"memory_mb": 1 << 20, "disk_mb": -(1 << 40)}, str(tmp_path)).look(Processes(), 0)
    full = Report(ending=Ending(reason), seconds=1.0, note=why)
    killed = Report(ending=Ending.FAILED, seconds=1.0, note="killed by the host")
    with noting() as noted:
        for report in (blamed, full, killed):
            note_report(report)
    assert [(each.mechanism, each.times) for each in noted.incidents] == [(Mechanism.WORKER, 1), (Mechanism.DISK, 1)]
    note_report(blamed)  # where nobody listens
    assert len(noted.incidents) == 2
