"""RL with a reward model: reward and verdicts side by side, over-optimisation is said, and a kill changes nothing."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gristmill.graph.storage.store import Store
from gristmill.graph.view.registry import Asked, registered
from gristmill.graph.view.rendering import Pages
from gristmill.sandbox.errors import UserError
from gristmill.trainers.commands.recipes.group import app
from gristmill.trainers.improve.forecast import Forecast, Rates
from gristmill.trainers.recipes.ser.forecast import rl_forecast
from gristmill.trainers.recipes.ser.reinforcing import KIND, Begun, Checkpoint, Reinforced, RlConfig, over_optimised
from gristmill.trainers.records import Share
from gristmill.trainers.viewing.views import VIEWS as EVERY
from tests.collector import Collector
from tests.trainers.improve.test_rounds import shown

VIEWS = registered(EVERY)


def checkpoint(number: int, reward: float, passed: int) -> Checkpoint:
    return Checkpoint(
        number=number,
        adapter=Path("a"),
        reward=reward,
        passed=Share(passed=passed, total=20, low=0, high=1),
        verdicts={str(task): task < passed for task in range(20)},
    )


def test_a_reward_that_rises_while_tools_pass_less_is_said_and_nothing_else_is() -> None:
    course = [(0, 0.1, 5), (1, 0.5, 12), (2, 0.9, 4), (3, 0.4, 3), (4, 0.6, 12), (5, 0.2, 13)]
    said = over_optimised([checkpoint(*each) for each in course])
    assert len(said) == 1
    assert "from checkpoint 1 to 2 the reward rose from 0.500 to 0.900" in said[0]
    assert "fell from 60.0% to 20.0% (95% of the difference -" in said[0]
    assert not over_optimised([checkpoint(0, 1, 1)])


def test_the_page_tells_reward_beside_tools_while_it_goes_on_and_where_they_part(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        begun = Begun(config=RlConfig(checkpoints=3), of="<b>")
        store.documents.put(KIND, "<i>rl", "begun", begun)
        assert "The base model is not measured yet" in shown(store, "reinforce", "<i>rl")
        for each in [(0, 0.1, 5), (1, 0.5, 12), (2, 0.9, 4)]:
            store.documents.put(KIND, "<i>rl", f"{each[0]}/measured", checkpoint(*each))
        page = shown(store, "reinforce", "<i>rl")
        assert "<i>rl going on 2 of 3 parts are trained and measured" in page
        assert "25.0% of 20 tasks by the base model, and most by checkpoint 1: 60.0%." in page
        assert "over-optimised: from checkpoint 1 to 2 the reward rose from 0.500 to 0.900" in page
        assert re.search(r"1 ✓ passed most 0\.5 60\.0% \(12 of 20, 95%: 0\.0% to 100\.0%\) <i>rl-checkpoint-1 a", page)
        it = VIEWS["reinforce"].page(store, Asked("reinforce", "<i>rl"))
        markup = html.unescape(Pages(VIEWS).page("reinforce.html", it))
        assert "Reward: reward: checkpoint 0: 0.1; checkpoint 1: 0.5; checkpoint 2: 0.9" in markup
        assert "tools: checkpoint 0: 25.0%; checkpoint 1: 60.0%; checkpoint 2: 20.0%" in markup
        assert "<i>rl" not in Pages(VIEWS).page("reinforce.html", it)
        store.documents.put(KIND, "<i>rl", "3/measured", checkpoint(3, 1.0, 13))
        listing = VIEWS["reinforce"].listing
        assert listing
        found = listing(store)
        assert found
        assert [cell.text for cell in found.rows[0]] == [
            "<i>rl",
            "finished",
            "3 of 3",
            "25.0%",
            "65.0%",
            "✗ over-optimised",
        ]
        assert VIEWS["reinforce"].page(store, Asked("reinforce", "other")) is None


def test_the_forecast_goes_with_replies_and_leaves_out_what_is_left_out(tiny_model: Path) -> None:
    def foretold(prompts: int, length: int = 40, tasks: int = 10, **knobs: object) -> Forecast:
        config = RlConfig.model_validate({"answer_tokens": 100, "max_tokens": 200, **knobs})
        turns = [({"role": "user", "content": "x" * length},)] * prompts
        return rl_forecast(turns, tasks, config, tiny_model, Rates(hypotheses=2.0, rows=1.0), 2)

    once, twice = foretold(8), foretold(16)
    for stage in ("sampling", "training"):
        assert twice.minutes[stage] == pytest.approx(2 * once.minutes[stage])
        assert foretold(8, group=16).minutes[stage] == pytest.approx(2 * once.minutes[stage])
        assert foretold(8, length=800).minutes[stage] == 0  # longer than what is trained on
    assert once.minutes["measuring"] == pytest.approx(10 * 5 / 2 / 60)
    assert foretold(8, beta=0.1).minutes["training"] > once.minutes["training"]
    assert foretold(8, checkpoints=8, tasks=0).disk == pytest.approx(2 * foretold(8, checkpoints=4, tasks=0).disk)
    assert foretold(8, group=64).memory > once.memory


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_rl_by_a_reward_model_measures_each_checkpoint_by_tools_and_goes_on_after_a_kill(
    workspace: Path, tiny_model: Path, bubblewrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/ser.md has it, on a tiny model."""
    pytest.importorskip("trl")
    pytest.importorskip("opentelemetry.sdk", reason="the extra 'otel' is not installed")
    from gristmill.trainers.methods.fitting import training
    from gristmill.trainers.methods.reward_model import RewardModelMethod

    pairs = [{"prompt": f"{number}?", "chosen": f"{number} yes!", "rejected": f"{number} no."} for number in range(4)]
    leak = {"prompt": "What is 1 + 1? Say it.", "chosen": "2", "rejected": "3"}
    (workspace / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*pairs, leak]))
    task = {"id": "sum", "kind": "math", "prompt": "What is 1 + 1?", "answer": "2"}
    (workspace / "t.jsonl").write_text(json.dumps(task) + "\n")
    rows = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "chosen": [{"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "assistant", "content": row["rejected"]}],
        }
        for row in pairs
    ]
    RewardModelMethod(batch=4, learning_rate=1e-2, epochs=1.0).train(rows, base=tiny_model, out=workspace / "rewards")
    command = ["reinforce", "rewards", "p.jsonl", "--tasks", "t.jsonl", "--checkpoints", "2", "--group", "2"]
    command += ["--answer-tokens", "4", "--batch", "2", "--learning-rate", "0.001", "--sandbox", "bubblewrap", "--json"]
    calling = CliRunner()
    dry = calling.invoke(app, [*command, "--dry-run"], catch_exceptions=False)
    assert "predicted: under 1 minutes (sampling under 1, rewards under 1, training under 1, measuring" in dry.stderr
    assert not (workspace / ".gristmill" / "recipes").exists()

    class Killed(BaseException):
        pass

    real, begun = training.train_adapter, 0

    def dying(*given: object, **more: object) -> object:
        nonlocal begun
        begun += 1
        if begun == 2:
            raise Killed
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "train_adapter", dying)
    with pytest.raises(Killed):
        calling.invoke(app, command, catch_exceptions=False)
    with pytest.raises(UserError, match="exists already"):
        calling.invoke(app, command, catch_exceptions=False)
    with pytest.raises(UserError, match="begun with other knobs"):
        calling.invoke(app, [*command, "--resume", "--group", "4"], catch_exceptions=False)
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        done = calling.invoke(app, [*command, "--resume", "--trace"], catch_exceptions=False)
    whole = next(span for span in collector.spans if span.name == "recipe rl")
    assert {span.name for span in collector.spans if span.parent_span_id == whole.span_id} == {
        "training",  # of what the kill has left: the second part, and its measure
        "run rl-checkpoint-2",
    }
    assert b"What is 1 + 1?" not in collector.raw
    assert "hold a task that measures: 1" in done.stderr
    assert "to look: gristmill view\n" in done.stderr
    found = Reinforced.model_validate_json(done.stdout)
    assert [each.number for each in found.checkpoints] == [0, 1, 2]
    assert begun == 3  # the first part was not trained again
    with Store.open(workspace) as store:
        assert "finished 2 of 2 parts are trained and measured" in shown(store, "reinforce", "rl")
    assert all(each.passed.total == 1 for each in found.checkpoints)
    assert all(each.adapter and each.adapter.is_dir() and each.trained is not None for each in found.checkpoints[1:])
    adapters = sum(
        path.stat().st_size for each in found.checkpoints[1:] for path in Path(str(each.adapter)).glob("*.saf*")
    )
    foretold = rl_forecast([], 0, RlConfig(checkpoints=2), tiny_model, Rates(hypotheses=1.0, rows=1.0), 1).disk
    assert foretold == pytest.approx(adapters, rel=0.3)
