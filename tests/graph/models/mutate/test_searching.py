"""`mutate` and `tune` as what proposes: whole campaigns without a model, and what they say of themselves."""

from __future__ import annotations

import ast
from collections.abc import Container
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.errors import ModelSetupError
from gristmill.graph.models.mutate.proposer import bred
from gristmill.graph.models.mutate.rules import Rules
from gristmill.graph.models.mutate.starting import starting_programs
from gristmill.graph.models.replay.proposer import RecordingProposer, ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.tune.skeleton import differ_in_numbers_only
from gristmill.graph.records import Ground, Request, Sampling, Step, Tokens
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import CasesTest, Outcome, ScoreTest, StdioTest, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.scripted import ScriptedJudge

START = "def f():\n    # two numbers\n    return [4.0, -3.0]\n"
BEST = (1.25, 0.5)


def task(**settings: Any) -> Task:
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [], "expected": 0}]})
    return Task(id="bowl", kind="code", prompt="f()", tests=(test,), settings={"start": START, **settings})


def bowl(task: Task, solution: str) -> Verdict:
    """How far the two numbers are from the best ones, without running anything; a worse score for any other form."""
    try:
        function = ast.parse(solution).body[-1]
        assert isinstance(function, ast.FunctionDef)
        returned = function.body[-1]
        assert isinstance(returned, ast.Return)
        found = ast.literal_eval(returned.value or ast.Constant(None))
        distance = sum((one - two) ** 2 for one, two in zip(found, BEST, strict=True))
    except (AssertionError, ValueError, TypeError, SyntaxError):
        distance = 1000.0
    return Verdict(outcome=Outcome.FAILED, score=-distance, strength=Strength.TESTED, verifier="bowl/1")


async def search(store: Store, model: str, name: str, *, resume: bool = False, **more: Any) -> list[Step]:
    config = RunConfig.of(**{"hypotheses": 3, "rounds": 12, "patience": 99, "model": model, "seed": 5, **more})
    async with resolve(model) as proposer:
        judge = ScriptedJudge(bowl)
        await run_campaign([task()], config, name=name, store=store, proposer=proposer, verifiers=judge, resume=resume)
    (trajectory,) = store.trajectories(name)
    return list(trajectory.steps)


@pytest.mark.parametrize("model", ["mutate", "tune"])
async def test_a_search_without_a_model_gets_better_and_goes_on_as_if_it_had_never_stopped(
    model: str, tmp_path: Path
) -> None:
    with Store.open(tmp_path) as store:
        whole = await search(store, model, "whole")
        await search(store, model, "parts", rounds=1)
        await search(store, model, "parts", rounds=5, resume=True)
        parts = await search(store, model, "parts", rounds=12, resume=True)
        told = [(step.hypothesis.id, step.hypothesis.text, step.hypothesis.parents) for step in whole]
        assert told == [(step.hypothesis.id, step.hypothesis.text, step.hypothesis.parents) for step in parts]
        assert store.summary("whole").tokens == Tokens()
    scores = [step.verdict.score for step in whole if step.verdict.score is not None]
    assert len(whole) == 37
    assert scores[0] == -((4 - 1.25) ** 2) - (-3 - 0.5) ** 2, "the first is the program that the task begins with"
    assert max(scores) > (-0.5 if model == "tune" else scores[0])
    assert whole[0].hypothesis.given
    assert {step.hypothesis.proposer for step in whole[1:]} == {model}
    assert {step.hypothesis.model for step in whole[1:]} <= {model, "mutate"}
    if model == "tune":
        fitted = [step.hypothesis for step in whole if step.hypothesis.model == "tune"]
        assert len(fitted) > 30
        assert all(differ_in_numbers_only(START, each.solution or "", Rules()) for each in fitted)
        assert len({each.solution for each in fitted}) > 30


@pytest.mark.parametrize("strategy", ["reflect", "evolve", "tree"])
async def test_a_place_goes_to_a_program_that_was_not_there_while_there_are_any(strategy: str, tmp_path: Path) -> None:
    rules = {"literals_only": True, "domains": {"f": {"low": 0, "high": 2}, "a": {"low": 0, "high": 2}}}
    few = task(start="def f(a=0):\n    a = [0, 0]\n    return a\n", mutate=rules)
    options = {"hypotheses": 1, "patience": 99, "same": 99, "model": "mutate", "seed": 5, "strategy": strategy}
    told = []
    with Store.open(tmp_path) as store:
        for name, parts in (("whole", [11]), ("parts", [3, 4, 11])):
            for done, rounds in enumerate(parts):
                async with resolve("mutate") as proposer:
                    given: dict[str, Any] = {"name": name, "store": store, "proposer": proposer}
                    given |= {"verifiers": ScriptedJudge(bowl), "resume": bool(done)}
                    await run_campaign([few], RunConfig.of(rounds=rounds, **options), **given)
            (trajectory,) = store.trajectories(name)
            told.append([(each.hypothesis.id, each.hypothesis.solution) for each in trajectory.steps])
    assert told[0] == told[1]
    assert len({solution for _, solution in told[0][:9]}) == 9, "all that there are: three values for each of two"
    assert len(told[0]) == 12, "and where there are no more, a place has what was there"


async def test_the_best_of_independent_mutants_needs_no_parents(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        steps = await search(store, "mutate", "run", strategy="best_of", rounds=3)
    assert len(steps) == 10
    assert len({step.hypothesis.text for step in steps}) == 10
    assert not any(step.hypothesis.parents for step in steps)


async def test_a_recorded_search_can_be_played_again(tmp_path: Path) -> None:
    config = RunConfig.of(hypotheses=2, rounds=4, patience=99, model="mutate")
    stories = []
    with Store.open(tmp_path) as store:
        file = tmp_path / "replies.jsonl"
        recording = RecordingProposer(resolve("mutate"), file)
        for name, model in (("first", recording), ("again", resolve(f"replay:{file}")), ("plain", resolve("mutate"))):
            async with model as proposer:
                given: dict[str, Any] = {"name": name, "store": store, "proposer": proposer}
                await run_campaign([task()], config, verifiers=ScriptedJudge(bowl), **given)
            (trajectory,) = store.trajectories(name)
            stories.append([(step.hypothesis.id, step.hypothesis.text) for step in trajectory.steps])
        # What a stored run said can be played as well, though its prompts were the task alone.
        asked = [step.hypothesis for step in trajectory.steps if not step.hypothesis.given]
        played = ReplayProposer(Recording(map(Recorded.of, asked)))
        async with played as proposer:
            given |= {"name": "played", "proposer": proposer}
            await run_campaign([task()], config, verifiers=ScriptedJudge(bowl), **given)
        (trajectory,) = store.trajectories("played")
        stories.append([(step.hypothesis.id, step.hypothesis.text) for step in trajectory.steps])
    assert len(stories[0]) == 9
    assert stories == [stories[0]] * 4


@pytest.mark.parametrize("model", ["mutate", "tune"])
async def test_what_is_no_python_or_no_search_is_refused(model: str, tmp_path: Path) -> None:
    request = Request(task_id="x", round=0, sample=0, messages=(), sampling=Sampling())
    async with resolve(model) as proposer:
        with pytest.raises(ModelSetupError, match="no search"):
            await proposer.propose(request)
        sums = [Task(id="sum", kind="math", prompt="1 + 1", answer="2")]
        with Store.open(tmp_path) as store:
            given: dict[str, Any] = {"name": "run", "store": store, "proposer": proposer}
            given["verifiers"] = ScriptedJudge(bowl)
            with pytest.raises(ModelSetupError, match="asks for none"):
                await run_campaign(sums, RunConfig.of(model=model, rounds=1), **given)
    with pytest.raises(ModelSetupError, match="adapter"):
        resolve(model, adapter="a")


def test_rules_that_are_none_are_the_owners_mistake() -> None:
    mistakes: tuple[Any, ...] = ({"domains": {"x": {}}}, {"domains": {"x": {"low": 3, "high": 1}}}, {"most": 3}, 7)
    for wrong in mistakes:
        with pytest.raises(UserError, match=r"settings\.mutate"):
            Rules.of(task(mutate=wrong))


@pytest.mark.parametrize(
    ("more", "begins"),
    [
        ({"prompt": "Write `median(values)`."}, "def median(values):\n    return values\n"),
        ({"prompt": "p", "prefix": "import math\n\ndef median(a: int, b=2) -> int:\n    '''D.'''\n"}, "import math"),
        ({"prompt": "p", "signature": "def median(a, b):"}, "def median(a, b):\n    return a\n"),
        ({"prompt": "Say it."}, "def median(*arguments):\n    return 0\n"),
    ],
    ids=["prompt", "prefix", "signature", "name alone"],
)
def test_what_a_search_begins_with_is_read_as_a_solution(more: dict[str, str], begins: str) -> None:
    test = CasesTest.model_validate({"entry_point": "median", "cases": [{"args": [[1]], "expected": 1}]})
    asked = Task(id="m", kind="code", prompt=more.pop("prompt"), tests=(test,), settings=more)
    (source,) = starting_programs(asked)
    assert source.startswith(begins)
    assert extract(asked, source).solution == source


def test_programs_of_other_forms_have_a_beginning_too() -> None:
    stdio = StdioTest.model_validate({"type": "stdio", "cases": [{"stdin": "1", "stdout": "1"}]})
    program = Task(id="p", kind="program", prompt="Pack.", problem="circles_26")
    for asked in (Task(id="s", kind="code", prompt="Echo.", tests=(stdio,)), program):
        (source,) = starting_programs(asked)
        assert extract(asked, source).solution == source
    assert "def construct(best=None):\n    return []" in starting_programs(program)[0]


@pytest.mark.bubblewrap
async def test_an_evaluators_best_is_found_and_verified_in_a_sandbox(bubblewrap: str, tmp_path: Path) -> None:
    code = "def evaluate(candidate, instance):\n    a, b = instance\n    return -abs(candidate(a, b) - a * b - 1)\n"
    given = {"type": "score", "entry_point": "f", "code": code, "instances": [[2, 3], [5, 7]], "direction": "maximize"}
    test = ScoreTest.model_validate({**given, "target": 0})
    settings = {"start": "def f(a, b):\n    return a * b + 3\n", "mutate": {"literals_only": True}}
    asked = Task(id="f", kind="code", prompt="f(a, b)", tests=(test,), settings=settings)
    config = RunConfig.of(model="mutate", hypotheses=4, rounds=12, patience=99, sandbox="bubblewrap")
    with Store.open(tmp_path) as store:
        async with Pool.open("bubblewrap", 1) as pool, resolve("mutate") as proposer:
            judge = Verifiers(pool)
            summary = await run_campaign(
                [asked], config, name="run", store=store, proposer=proposer, verifiers=judge, pool=pool
            )
        (trajectory,) = store.trajectories("run")
    assert summary.solved == 1
    assert next(step.verdict.strength for step in trajectory.steps if step.verdict.passed) is Strength.TESTED


@pytest.mark.parametrize(("operator", "tries"), [("cross", 1), ("improve", 32)])
async def test_a_crossing_into_what_was_there_is_not_tried_again(operator: str, tries: int, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        whole = await search(store, "mutate", "whole", rounds=1)
    asked: list[str] = []

    def known(source: str) -> bool:
        asked.append(source)
        return True

    async def tried(_: Container[str]) -> list[Step]:
        return []

    parents = (whole[0], whole[-1])
    ground = Ground(task=task(), operator=operator, parents=parents, horizon=(1, 0), tried=tried, known=known)
    request = Request(messages=(), task_id="bowl", round=1, sample=0, sampling=Sampling(seed=5), ground=ground)
    assert bred(request, ground) == asked[0]
    assert len(asked) == tries
