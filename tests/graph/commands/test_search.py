"""`gristmill search` (docs/functions.md): what a search will take and begins with, and a user's mistakes."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.commands.functions.starting import loss_starts, reward_starts
from gristmill.graph.judging.baselines import CONTROL
from gristmill.graph.storage.store import Store
from gristmill.graph.view.own import VIEWS
from gristmill.graph.view.registry import Asked, registered
from gristmill.graph.view.rendering import Pages
from gristmill.trainers.cli import app
from gristmill.verifiers.records import Strength

OWN = Path(__file__).resolve().parents[2] / "typing" / "own_environment.py"
SECRET = "04"
RIGHT = "def reward(obs, action, next_obs, info):\n    return next_obs[:, 0] - obs[:, 0]\n"
LEFT = RIGHT.replace("return ", "return -1.0 * (").replace("obs[:, 0]\n", "obs[:, 0])\n")
PARTED = LEFT.replace("return ", "value = ") + "    return value, {'to the left & <b>': value}\n"
LOSS = "def loss(predictions, values):\n    return ((predictions - values) ** 2).mean()\n"


def search(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--plugin-files", "search", *words, "--workspace", str(folder)])


def recorded(folder: Path, *programs: str) -> str:
    rows = (json.dumps({"text": f"```python\n{each}```", "round": number}) for number, each in enumerate(programs))
    (folder / "replies.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return f"replay:{folder / 'replies.jsonl'}"


FEW = ("--hypotheses", "1", "--seeds", "1", "--sandbox", "bubblewrap", "--name", "far")
SURE = ("--seeds", "3", "--target", "0.1")  # a policy that learns for 512 steps comes to little


@pytest.fixture(autouse=True)
def the_same_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By chance they may lie so far apart that nobody is plainly behind, or who teaches misses the target.

    Seeds follow from the run's secret and the task's name, which holds the file as it was named: so not by its folder.
    """
    monkeypatch.setattr("gristmill.graph.judging.secret.secrets.token_hex", lambda size: SECRET * size)
    (tmp_path / "own.py").write_bytes(OWN.read_bytes())
    monkeypatch.chdir(tmp_path)


def test_a_reward_is_searched_for_in_an_environment_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "begin.py").write_text(LEFT, encoding="utf-8")
    model, begin = recorded(tmp_path, LEFT.replace("-1.0", "-2.0"), RIGHT), ("--start", str(tmp_path / "begin.py"))
    first = search(tmp_path, "reward", "own.py:Far", "--model", model, "--rounds", "1", *begin, *FEW, *SURE)
    assert first.exit_code == 0, first.output
    assert "at most 1 candidates by 3 trainings of 512 steps" in first.output
    assert "2 below target" in first.output, "the program that it begins with, and the reply"
    # All but the bounds is the stored run's: neither start nor seeds need to be said again.
    again = search(tmp_path, "reward", "own.py:Far", "--name", "far", "--resume", "--rounds", "2", "--json")
    assert again.exit_code == 0, again.output
    (row,) = json.loads(again.stdout)["table"]
    assert row["solved"]
    assert row["baseline"] < 0.1 <= row["score"]
    assert row["best"].endswith("/1/0")


def test_what_is_plainly_behind_stops_early_and_the_same_after_a_resume(tmp_path: Path) -> None:
    def searched(name: str, *words: str) -> tuple[list[float], int]:
        """Trainings that each candidate got, and how many were looked at again at the close."""
        common = ("--hypotheses", "1", "--patience", "5", "--same", "5", "--sandbox", "bubblewrap", "--name", name)
        done = search(tmp_path, "reward", "own.py:Far", *common, *words)
        assert done.exit_code == 0, done.output
        with Store.open(tmp_path) as store:
            (standing,) = store.standings(name)
            steps = [verdict for _, verdict in store.each_step(name, standing.task) if verdict is not None]
        looked_at = len(standing.closing.finalists) if standing.closing else 0
        return [verdict.metrics["seeds"] for verdict in steps], looked_at

    (tmp_path / "begin.py").write_text(RIGHT, encoding="utf-8")
    begin = ("--start", str(tmp_path / "begin.py"), "--target", "1.0", "--seeds", "3", "--final-seeds", "1")
    model = recorded(tmp_path, LEFT, LEFT.replace("-1.0", "-2.0"))
    assert searched("early", "--model", model, "--rounds", "1", *begin) == ([3, 0], 1)
    assert searched("early", "--resume", "--rounds", "2") == ([3, 0, 0], 1)
    assert searched("all", "--model", model, "--rounds", "1", "--no-halving", *begin) == ([3, 3], 2)


def test_a_loss_is_searched_for_with_a_problem_of_ones_own(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = search(tmp_path, "loss", "own.py:Doubling", "--model", recorded(tmp_path, LOSS), "--rounds", "1", *FEW)
    assert done.exit_code == 0, done.output
    assert "at most 1 candidates by 1 trainings of 2 epochs" in done.output
    assert "hypotheses   1:" in done.output


def test_what_a_trainer_of_ones_own_scores_is_searched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[3] / "examples" / "command")
    better, broken = (f"def rate(step, steps):\n    return {each}\n" for each in ("0.015", "-1.0"))
    words = ("command", "python3 train.py", "task.md", "--start", "start.py", "--entry-point", "rate")
    options = ("--model", recorded(tmp_path, better, broken), *FEW[:4], "--sandbox", "bubblewrap", "--target", "1")
    first = search(tmp_path, *words, *options, "--rounds", "1", "--final-seeds", "2", "--name", "rates")
    assert first.exit_code == 0, first.output
    assert "at most 1 candidates by 1 calls of your program" in first.output
    again = search(tmp_path, *words[:3], "--name", "rates", "--resume", "--rounds", "2", "--json")
    assert again.exit_code == 0, again.output
    (row,) = json.loads(again.stdout)["table"]
    assert row["baseline"] < row["score"]
    assert row["best"].endswith("/0/0")
    with Store.open(tmp_path) as store:
        verdicts = [verdict for _, verdict in store.steps("rates", row["task"]) if verdict is not None]
        assert "train.py" not in str(store.tasks("rates")) + store.get_run("rates").config.model_dump_json()
    assert {verdict.strength for verdict in verdicts} == {Strength.EXTERNAL}
    assert "rate(0, 200) is -1.0, not a positive number" in verdicts[-1].feedback
    assert row["closing"]["finalists"][0]["held_out"] is not None
    export = ["export", "rates", "--format", "sft", "--out", str(tmp_path / "sft"), "--workspace", str(tmp_path)]
    none, marked = (CliRunner().invoke(app, [*export, *more]) for more in ((), ("--accept", "judged")))
    assert (none.exit_code, marked.exit_code) == (1, 0), none.output + marked.output
    rows = [json.loads(line) for each in tmp_path.glob("sft/**/*.jsonl") for line in each.read_text().splitlines()]
    assert {(row["verified"], row["strength"]) for row in rows} == {(False, "external")}


def test_an_estimate_asks_nothing_and_stores_nothing(tmp_path: Path) -> None:
    told = search(tmp_path, "reward", "mountain_car", "--estimate", "--model", "openai:gpt-5-mini", "--price", "1,2")
    assert told.exit_code == 0, told.output
    assert "at most 80 candidates by 3 trainings of 98,304 steps" in told.output
    assert "nothing was asked, and nothing is stored" in told.output
    assert "no runs yet" in CliRunner().invoke(app, ["runs", "--workspace", str(tmp_path)]).output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("reward", "moon"), "environment: 'moon' is none of acrobot"),
        (("reward", "pendulum", "--start", "best"), "--start: 'best' is none of human, sparse, and no FILE.py"),
        (("reward", "pendulum", "--start", "missing.py"), "--start: missing.py cannot be read"),
        (("reward", "pendulum", "--resume"), "--resume needs the --name of the run"),
        (("loss", "preference_pairs", "--set", "flip=1"), "preference_pairs takes flips"),
        (("loss", "preference_pairs", "--set", "flips"), "is not NAME=NUMBER, as in --set flips=0.3"),
        (("loss", "preference_pairs", "--start", "ce"), "--start: 'ce' is none of"),
        (("loss", "moon"), "problem: 'moon' is none of"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = search(tmp_path, *words)
    assert done.exit_code == 2
    assert says in done.output


def test_what_it_begins_with_is_known_by_name() -> None:
    human, sparse = reward_starts("pendulum", ["human"]), reward_starts("pendulum", ["sparse"])
    assert reward_starts("pendulum", ["human,sparse"]) == [*human, *sparse]
    assert all("def loss(" in each for each in loss_starts("preference_pairs", ["dpo", "ipo,slic,kto"]))


def test_a_search_is_told_beside_its_baselines_which_are_trained_once(tmp_path: Path) -> None:
    text = OWN.read_text(encoding="utf-8").replace(
        "baselines: Mapping[str, str] = {}", f"baselines = {{'human': {RIGHT!r}}}", 1
    )
    own = tmp_path / "far.py"
    own.write_text(text, encoding="utf-8")
    model = recorded(tmp_path, "def reward(obs, action, next_obs, info):\n    return obs[7]\n", PARTED)
    words = ("reward", "far.py:Far", "--model", model, "--rounds", "2", "--published", "--final-seeds", "2")
    assert search(tmp_path, *words, *FEW).exit_code == 0
    show = ("--plugin-files", "show", "far", "--baselines", "--workspace", str(tmp_path))
    told = json.loads(CliRunner().invoke(app, [*show, "--json"]).stdout)
    assert (told["candidates"], told["executed"], told["execute_rate"]) == (2, 1, 0.5)
    assert [each["executed"] for each in told["iterations"]] == [0, 1]
    assert told["correlation"] == pytest.approx(-1)
    assert told["beat"] == {"human": 0.0, CONTROL: 0.0}
    winner, human, control = told["table"]
    assert [(each["name"], each["seeds"]) for each in (human, control)] == [("human", 2), (CONTROL, 2)]
    assert winner["seeds"] == 2
    assert None not in (winner["success"], human["success"], human["low"])
    assert winner["gain"] is None
    assert human["gain"] == pytest.approx(winner["final"] - human["final"])
    assert human["gain_low"] <= human["gain"] <= human["gain_high"]
    out = CliRunner().invoke(app, list(show)).output
    assert "executed     1 of 2 candidates (50%); every training is 512 steps" in out
    assert "winner -1, mean of all -1" in out
    with Store.open(tmp_path) as store:
        views = registered(VIEWS)
        link = Pages(views).page("task.html", views["task"].page(store, Asked("task", "far", told["task"])))
        assert f"/trained/far?id={quote(told['task'], safe='')}" in link
        page = Pages(views).page("trained.html", views["trained"].page(store, Asked("trained", "far", told["task"])))
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page)
    assert f"{human['gain']:+.3f} ({human['gain_low']:+.3f} to {human['gain_high']:+.3f})" in cells
    assert f"{human['low']:.6g} to {human['high']:.6g}" in cells
    assert "1 of 2 candidates could be trained with (50.0%)" in page
    # As curves what the text tells: the component, the reward, the grade.
    drawn = re.findall(r'aria-label="([^":]+): \1: ((?:checkpoint \d+: [^;"]+(?:; )?)+)"', html.unescape(page))
    assert [name for name, _ in drawn] == ["to the left & <b>", "reward", "success rate", "task score (reach)"]
    assert page.count("<polyline") == len(drawn)
    for name, words_ in drawn:
        values = ", ".join(re.findall(r"checkpoint \d+: ([^;]+)", words_))
        assert f"{name}: {values}; max " in html.unescape(page)
    # Nobody has built on what did not run: the second round was asked what the first was.
    shown = CliRunner().invoke(app, ["show", "far", "--task", told["task"], "--prompt", "--workspace", str(tmp_path)])
    assert "You are a reward engineer" in shown.output
    assert "could not be used" not in shown.output
