"""Money as a user meets it: what a run may cost, what it has cost, and that it ends there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gristmill.graph.models.replay.recording import Recorded
from gristmill.graph.models.replay.server import Call, ReplayServer
from gristmill.graph.records import Tokens

pytestmark = pytest.mark.bubblewrap

SCORE = {
    "type": "score",
    "entry_point": "f",
    "code": "def evaluate(candidate, instance):\n    return candidate(instance)",
    "instances": [1],
    "direction": "maximize",
}
TASK = {"id": "grow", "kind": "code", "prompt": "Write f(x), as large as may be.", "tests": [SCORE]}


def answer(call: Call) -> Recorded:
    text = f"```python\ndef f(x):\n    return {call.number}\n```"
    return Recorded(text=text, tokens=Tokens(prompt=1000, completion=100))


def test_a_run_is_estimated_bounded_and_told_in_money(workspace: Path, bubblewrap: str, forked_gristmill: str) -> None:
    def call(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([forked_gristmill, *arguments], capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    (workspace / "t.jsonl").write_text(json.dumps(TASK) + "\n")
    with ReplayServer(answer) as server:
        model = ["--model", f"openai:replay@{server.url}"]
        how = [*model, "--sandbox", "bubblewrap", "--rounds", "9", "--patience", "9", "--concurrency", "1"]
        how += ["--hypotheses", "1", "--max-tokens", "100"]
        refused = call("run", "t.jsonl", *how, "--money", "0.01", code=2)
        assert "has no price (genai-prices 0.2.3 does not know it)" in refused.stderr
        assert "--price IN,OUT[,CACHED]" in refused.stderr
        how += ["--price", "1,10"]
        told = call("run", "t.jsonl", *how, "--money", "0.012", "--estimate").stdout
        assert "at most      17 calls" in told
        assert "$0.012" in told
        assert "typically    not known" in told
        assert not server.calls
        assert "no runs yet" in call("runs").stdout
        # Each call costs 1,000 · $1 + 100 · $10 a million: $0.002. The last ones may cost more than is left.
        run = call("run", "t.jsonl", *how, "--money", "0.012", "--name", "r", "--json")
        summary = json.loads(run.stdout)
        assert summary["stops"] == {"money": 1}
        assert summary["money"] == pytest.approx(0.002 * summary["calls"])
        assert summary["money"] <= 0.012
        assert f"{summary['calls']} calls, {summary['counted']:,} tokens and $" in run.stderr
        assert "of $0.012" in run.stderr
        assert len(server.calls) == summary["calls"]
        assert 1 < summary["calls"] < 6
        narrower = call("run", "t.jsonl", "--name", "r", "--resume", "--money", "0.011", code=2)
        assert "money = 0.012, 0.011 is less" in narrower.stderr
        wider = ["run", "t.jsonl", "--name", "r", "--resume", "--money", "1"]
        estimated = json.loads(call(*wider, "--estimate", "--json").stdout)
        assert (estimated["most"]["money"], estimated["firm"], estimated["like"]) == (1, True, ["r"])
        assert estimated["typical"]["money"] == pytest.approx(0.002 * 9)
        assert estimated["spent"]["money"] == summary["money"]
        more = call(*wider)
        assert "ended by     rounds (1)" in more.stdout
        assert "money        $0.018 by prices given" in more.stdout
        shown = call("show", "r", "--curve").stdout
        assert "in 9 calls for $0.018" in shown
        assert "over money" in shown
        course = json.loads(call("show", "r", "--curve", "--json").stdout)
        assert [each["money"] for each in course["curve"]] == pytest.approx([0.002 * (n + 1) for n in range(9)])
        whole = json.loads(call("show", "r", "--json").stdout)
        assert whole["prices"]["table"] == "genai-prices 0.2.3"
        assert whole["money"] == pytest.approx(0.018)
