"""The arithmetic of `benchmarks/losses_lm.py`: what is left to do, and what is called a finding."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("psutil")

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))  # scripts, which import one another by their bare names
try:
    import losses_lm
finally:
    sys.path.remove(str(BENCHMARKS))


def row(loss: str, seed: int, passes: str, **more: Any) -> dict[str, Any]:
    made = [each == "1" for each in passes]
    return {"loss": loss, "seed": seed, "passes": made, "fault": "", "core_seconds": 900.0, "commit": "abc"} | more


def test_what_is_left_goes_seed_by_seed() -> None:
    rows = [row("dpo", 0, "1"), row("ipo", 1, "1")]
    assert list(losses_lm.left(["dpo", "ipo"], 2, rows)) == [(0, "ipo"), (1, "dpo")]
    assert losses_lm.hours(rows) == 0.5


def test_a_finding_needs_the_test_and_every_seed() -> None:
    usual = [row("dpo", number, "0" * 40) for number in range(3)]
    ahead = [row("all", number, "1" * 10 + "0" * 30) for number in range(3)]
    luck = [
        row("luck", number, ("1" * 30 if number == 0 else "") + "0" * (10 if number == 0 else 40))
        for number in range(3)
    ]
    few = [row("few", number, "1" + "0" * 39) for number in range(3)]
    broken = [row("broken", 0, "", fault="It returned a float.")]
    lines = losses_lm.table([*usual, *ahead, *luck, *few, *broken], "few").splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in lines if line.startswith("| ")}
    assert cells["all"][1:5] == ["0.250", "0.250 0.250 0.250", "+0.250 [+0.175, +0.325]", "30, 0"]
    assert cells["all"][6] == "better"
    assert cells["luck"][6] == "none: seeds disagree"
    assert cells["few"][5:7] == ["0.25", "none"]
    assert "broken, seed 0: It returned a float." in lines
    assert lines[-1] == "13 trainings, 3.25 core-hours, of abc"


@given(st.dictionaries(st.text(), st.floats(0, 1)))
def test_holm_lies_between_none_and_bonferroni_s_correction(p: dict[str, float]) -> None:
    corrected = losses_lm.holm(p)
    assert all(p[name] <= corrected[name] <= min(1.0, len(p) * p[name]) for name in p)
    ordered = sorted(p, key=p.__getitem__)
    assert [corrected[name] for name in ordered] == sorted(corrected.values())


def test_a_damaged_log_is_told_by_its_line(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert losses_lm.read(log) == []
    log.write_text(json.dumps(row("dpo", 0, "1", made_of={})) + '\n{"loss": "ipo"', "utf-8")
    with pytest.raises(SystemExit, match=r"log.jsonl, line 2: JSONDecodeError"):
        losses_lm.read(log)
