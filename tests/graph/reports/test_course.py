"""How the best grew: the curve, the shares of its gain, the family; laws over any scores, and a real search."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gristmill.graph.campaign import run_campaign
from gristmill.graph.commands.reports.course import bars
from gristmill.graph.config import RunConfig
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Hypothesis, Request, Sampling, Step
from gristmill.graph.reports.course import Calls, Course, Point, course, curve, difference, operator_of, shares
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app
from gristmill.verifiers.records import Direction, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TASK = Task(id="way/1", kind="program", prompt="Go down.", problem="no", direction=Direction.MINIMIZE, target=1.0)
SCORES = (9.0, math.inf, 4.0, 5.0, 2.5, 2.0)


def proposed(number: int, solution: str | None = "x = 1\n", **more: str) -> Hypothesis:
    fields = {"proposer": "p", "model": "m", **more}
    return Hypothesis(
        id=f"way/1/{number}/0",
        task_id=TASK.id,
        round=number,
        sample=0,
        text="",
        solution=solution,
        sampling=Sampling(),
        prompt_sha="",
        **fields,
    )


def found(score: float | None, outcome: Outcome = Outcome.FAILED, way: Direction = Direction.MINIMIZE) -> Verdict:
    return Verdict(outcome=outcome, score=score, direction=way, strength=Strength.EXACT, verifier="v/1")


def searched(folder: Path, name: str = "run", **more: str) -> Course:
    """A search by hand: each round one program, whose number of lines names its score; the second breaks."""

    def answer(request: Request) -> str:
        text = "".join(f"line_{number} = 0\n" for number in range(request.round + 1))
        return f"```python\n{text}# \x1b[2J{request.round}\n```"

    def judge(task: Task, solution: str) -> Verdict:
        number = int(solution.split("\x1b[2J")[1])
        return found(SCORES[number], Outcome.ERROR if number == 1 else Outcome.FAILED)

    async def search(store: Store) -> None:
        config = RunConfig.of(hypotheses=1, rounds=len(SCORES), patience=99)
        asked = ScriptedProposer(answer)
        await run_campaign([TASK], config, name=name, store=store, proposer=asked, verifiers=ScriptedJudge(judge))

    import asyncio

    with Store.open(folder) as store:
        asyncio.run(search(store))
        (standing,) = store.standings(name)
        return course(store, name, standing)


@settings(max_examples=50)
@given(
    scores=st.lists(st.none() | st.floats(-1e6, 1e6) | st.just(math.inf), max_size=20),
    way=st.sampled_from(list(Direction)),
)
def test_gains_add_up_to_the_way_from_the_first_to_the_best(scores: list[float | None], way: Direction) -> None:
    outcomes = [Outcome.UNSCORED if score is None else Outcome.FAILED for score in scores]
    judged = [(proposed(number), found(score, outcomes[number], way)) for number, score in enumerate(scores)]
    points = curve(judged, Calls({each.id: 1 for each, _ in judged}, TASK.id))
    finite = [score for score in scores if score is not None and math.isfinite(score)]
    if not finite:
        assert len(points) <= 1
        return
    assert points[-1].score == (min(finite) if way is Direction.MINIMIZE else max(finite))
    assert [each.calls for each in points] == sorted({each.round + 1 for each in points})
    told = [each for each in points if each.score is not None and math.isfinite(each.score)]
    gains = [each.gain for each in points if each.gain is not None]
    assert all(gain > 0 for gain in gains)
    assert len(gains) == len(told) - 1
    assert math.isclose(math.fsum(gains), abs(float(told[-1].score or 0) - float(told[0].score or 0)), abs_tol=1e-6)
    by_round = shares({"even": 10, "odd": 10, "none": 0}, [(("even", "odd")[each.round % 2], each) for each in points])
    assert sum(each.improved for each in by_round) == len(points) - 1
    assert sum(each.share or 0 for each in by_round) == pytest.approx(1 if gains else 0)


def test_calls_are_counted_in_the_order_of_places_with_lessons_and_what_was_asked_in_vain() -> None:
    made = {"t/0/1": 1, "t/0/0": 2, "t/0/lesson": 1, "t/1/0": 1, "t/1/10": 1, "t/1/2": 3, "t/t/0/0": 7, "other/0/0": 9}
    calls = Calls(made, "t")
    assert calls.all == 9
    places = [(0, 0), (0, 1), (1, 0), (1, 2), (1, 10)]
    told = [calls.upto(proposed(0).model_copy(update={"round": round, "sample": at})) for round, at in places]
    assert told == [2, 3, 5, 8, 9]


def test_a_search_is_told_with_its_operators_and_its_family(tmp_path: Path) -> None:
    told = searched(tmp_path)
    assert [(each.calls, each.score, each.gain) for each in told.curve] == [
        (1, 9.0, None),
        (3, 4.0, 5.0),
        (5, 2.5, 1.5),
        (6, 2.0, 0.5),
    ]
    assert (told.calls, told.hypotheses, told.first, told.best) == (6, 6, 9.0, 2.0)
    assert math.fsum(each.gain for each in told.operators) == 7.0
    assert sum(each.hypotheses for each in told.operators) == 6
    by_name = {each.name: each for each in told.operators}
    assert (by_name["fresh"].improved, by_name["fresh"].gain) == (0, 0.0), "what all began with is no gain"
    assert "unknown" not in by_name
    assert {each.name for each in told.models} == {"scripted-1"}
    assert told.family[-1].hypothesis == told.curve[-1].hypothesis
    assert told.family[0].parents == ()
    for before, after in zip(told.family, told.family[1:], strict=False):
        assert after.parents[0] == before.hypothesis
        assert after.difference.startswith(f"--- {before.hypothesis}\n+++ {after.hypothesis}\n")
        assert "\n+line_" in after.difference


def test_show_tells_it_in_parts_or_whole_and_nothing_steers_the_terminal(tmp_path: Path) -> None:
    whole = searched(tmp_path)

    def show(*options: str) -> str:
        done = CliRunner().invoke(app, ["show", "run", *options, "--workspace", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "curve        9 → 2  ██▃▃▁▁" in show(), "of the best so far, not of what came"
    parts = [show("--curve"), show("--family"), show("--gains")]
    assert show("--gains", "--family", "--curve") == "\n".join(parts)
    assert "9 → 2 in 6 calls (lower is better)" in parts[0]
    assert "below target" in parts[0]
    assert "\x1b" not in parts[1]
    assert "�[2J" in parts[1]
    for each in (*whole.operators, *whole.models):
        (line,) = [line for line in parts[2].splitlines() if line.split()[0] == each.name]
        assert line.split()[1:] == [str(each.hypotheses), str(each.improved), f"{each.gain:g}", f"{each.share:.0%}"]
    for option in ("--curve", "--family", "--gains"):
        assert Course.model_validate(json.loads(show(option, "--json"))) == whole


def test_a_run_that_has_only_begun_and_one_of_many_tasks(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.create_run("new", RunConfig(), [TASK])
        store.create_run("two", RunConfig(), [TASK, TASK.model_copy(update={"id": "other"})])

    def show(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["show", *arguments, "--workspace", str(tmp_path)])
        return done.exit_code, done.output

    code, text = show("new", "--curve", "--family", "--gains")
    assert code == 0
    assert "could be judged yet" in text
    assert "no best hypothesis yet" in text
    assert show("two", "--curve")[0] == 2
    assert "name one with --task" in show("two", "--curve")[1]
    assert show("two", "--curve", "--task", "other")[0] == 0


async def test_fitted_numbers_are_an_operator_of_their_own(tmp_path: Path) -> None:
    task = Task(id="one", kind="code", prompt="f()", target=0.0, settings={"start": "def f():\n    return 8.0\n"})

    def judge(task: Task, solution: str) -> Verdict:
        number = float(solution.split("return")[1])
        return found(-abs(number - 3), way=Direction.MAXIMIZE)

    with Store.open(tmp_path) as store:
        config = RunConfig.of(hypotheses=2, rounds=6, patience=99, model="tune")
        async with resolve("tune") as proposer:
            how = {"name": "fit", "store": store, "proposer": proposer}
            await run_campaign([task], config, verifiers=ScriptedJudge(judge), **how)  # type: ignore[arg-type]  # keywords
        told = course(store, "fit", store.standings("fit")[0])
    best = told.operators[0]
    assert best.name == "tune"
    assert best.gain > 3
    assert best.share == 1.0
    assert operator_of(proposed(0)) == "unknown", "stores of older versions do not say"
    assert operator_of(proposed(0, model="tune", operator="improve")) == "improve", "somebody else of that name"


def test_differences_are_bounded_and_say_where_there_is_nothing() -> None:
    long = Step(hypothesis=proposed(0, "x\n" * 9000), verdict=found(1.0))
    other = Step(hypothesis=proposed(1, "y\n" * 9000), verdict=found(1.0))
    assert "too long to be compared: 9000 and 9000 lines" in difference(long, other)
    none = Step(hypothesis=proposed(2, None), verdict=found(1.0))
    assert difference(none, Step(hypothesis=proposed(3, "a = 1"), verdict=found(1.0))).endswith("+a = 1")
    assert difference(long, long) == ""


def test_bars_have_the_width_that_there_is_and_only_what_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def point(calls: int, score: float) -> Point:
        about = {"hypothesis": "h", "round": 0, "operator": "o", "model": "m", "outcome": Outcome.FAILED}
        return Point.model_validate({**about, "calls": calls, "score": score, "direction": Direction.MAXIMIZE})

    assert bars([point(1, 0.0), point(500, 1.0)], 1000, width=4) == "▁███"
    assert bars([point(2, math.inf), point(3, 1.0)], 4) == "  ▅▅"
    assert bars([point(1, -1.7e308), point(2, 1.7e308)], 2) == "▁█"
    assert bars([], 9) == ""

    class Plain:
        encoding = "ascii"

    monkeypatch.setattr("sys.stdout", Plain())
    assert bars([point(1, 0.0)], 1) == ""
