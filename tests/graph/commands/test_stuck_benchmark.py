"""What `benchmarks/stuck.py` says of pairs: the figures that docs/benchmarks.md has of its three sets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # scripts, which import one another by their bare names
try:
    import stuck
finally:
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize(
    ("wins", "losses", "said"),
    [
        (24, 0, ("two-sided p = 1.2e-07;", "mean +0.60, 95% interval +0.45 to +0.75")),
        (19, 0, ("two-sided p = 3.8e-06;", "mean +0.47, 95% interval +0.33 to +0.62")),
        (4, 3, ("two-sided p = 1;", "mean +0.03, 95% interval -0.10 to +0.15")),
        (0, 0, ("two-sided p = 1;", "mean +0.00, 95% interval +0.00 to +0.00")),
    ],
)
def test_forty_pairs_have_the_published_test_and_interval(
    wins: int, losses: int, said: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [(at, arm) for at in range(40) for arm in stuck.ARMS]
    asked = {f"{at} {arm}": {"task_id": str(at), "arm": arm} for at, arm in pairs}
    rows = {str(at): {"id": str(at), "kind": "code"} for at in range(40)}

    def passed(at: int, arm: str) -> bool:
        return at < wins if arm == "new" else wins <= at < wins + losses

    judged = {f"{at} {arm}": {"outcome": "passed" if passed(at, arm) else "failed", "score": None} for at, arm in pairs}
    stuck.tell(asked, rows, judged)
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert first.startswith(f"40 pairs: {wins} won by the new prompt, {losses} by the old one")
    assert (first.rpartition("exact ")[2], second) == said
