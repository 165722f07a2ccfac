"""The arithmetic of `benchmarks/functions.py`: core-minutes over sessions, their bound, and what a row says."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.storage.store import Store

pytest.importorskip("psutil")

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # scripts, which import one another by their bare names
try:
    import functions as benchmark
finally:
    sys.path.remove(str(BENCHMARKS))

SPINNING = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
while True:
    pass
"""


def test_core_seconds_are_those_of_all_sessions_and_of_what_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "EACH", 0.05)
    file = tmp_path / "run.seconds"
    first = benchmark.Clock(file)
    status = benchmark.watched([sys.executable, "-c", SPINNING], tmp_path / "log", tmp_path, first, 0.5)
    assert status == 7, "it was interrupted, and ended in its own way"
    spent = float(file.read_text("utf-8"))
    assert spent >= 0.5
    second = benchmark.Clock(file)  # the first one was killed, for all that this one knows
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    assert second.seconds() >= spent + 0.2
    assert float(file.read_text("utf-8")) == pytest.approx(spent + 0.3, abs=5.0)


def test_there_is_nothing_to_go_on_with_before_a_run_is_stored(tmp_path: Path) -> None:
    assert benchmark.standing(tmp_path, "mountain_car-1") is None
    Store.open(tmp_path).close()
    assert benchmark.standing(tmp_path, "mountain_car-1") is None


def test_over_all_counts_only_searches_whose_human_reward_does_not_hold_the_metric() -> None:
    def row(search: str, candidates: int, human: float, sparse: float) -> dict[str, Any]:
        beat = {"human": human, "sparse": sparse}  # a control there is not everywhere
        return {"search": search, "baselines": {"candidates": candidates, "beat": beat, "table": []}}

    rows = [row("mountain_car", 10, 0.5, 1.0), row("mountain_car", 30, 0.1, 0.0), row("swing_up", 8, 0.25, 0.5)]
    stopped = {"search": "acrobot", "baselines": {"table": []}}
    loss = {**row("mountain_car", 9, 0.9, 0.9), "search": "digits_label_noise"}
    assert benchmark.shares([*rows, stopped, loss]).splitlines()[2:] == [
        "| `mountain_car` | 2 | 40 | 0.200 | 0.250 | – |  |",
        "| `swing_up` | 1 | 8 | 0.250 | 0.500 | – | not counted: pays for the height that is graded |",
        "| over all | 2 | 40 | 0.200 | 0.250 | – |  |",
    ]


def test_a_row_says_what_a_search_came_to_or_that_it_was_stopped() -> None:
    def row(scores: list[float | None], baselines: Any, minutes: float) -> dict[str, Any]:
        shown = {"hypotheses": 9, "table": [{"score": each} for each in scores]}
        return benchmark.row("mountain_car", 2, minutes, 20.0, "search reward mountain_car", shown, baselines)

    found = {"name": "winner", "final": 0.97, "low": 0.95, "high": 0.99}
    beside = [{"name": "human", "final": 1.0}, {"name": "sparse", "final": None}]
    won = row([0.96], {"table": [found, *beside]}, 12.34)
    assert (won["minutes"], won["stopped"], won["best"]) == (12.3, False, 0.96)
    stopped, nothing = row([None, 0.4], None, 20.08), row([None], None, 20.1)
    assert (stopped["stopped"], stopped["best"], nothing["best"]) == (True, 0.4, None)
    lines = benchmark.table([won, stopped, nothing]).splitlines()[2:]
    assert lines == [
        "| `mountain_car` | 2 | 12.3 | 9 | 0.970 [0.950, 0.990] | human 1.000 |",
        "| `mountain_car` | 2 | 20.1 | 9 | none in 20 core-minutes; 0.400 in the search |  |",
        "| `mountain_car` | 2 | 20.1 | 9 | none in 20 core-minutes; nothing in the search |  |",
    ]
