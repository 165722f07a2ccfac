"""Families of tasks: what is held out stays out, draws go on for ever, and each part shows in the cases."""

from __future__ import annotations

import ast
import asyncio
import random
import subprocess
import sys
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.tasks.families.base import Family, Split, reference_reply
from gristmill.graph.tasks.families.composing import Composed, cases_of, piped
from gristmill.graph.tasks.families.registry import FAMILIES, family
from gristmill.graph.tasks.loading import load_tasks
from gristmill.graph.tasks.writing import write_tasks
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Case, CasesTest, Outcome, Task
from gristmill.verifiers.registry import Verifiers

SEEDS = st.integers(0, 2**40)
LEVELS = [(made_by, level) for made_by in FAMILIES.values() for level in made_by.difficulties]
PROGRAMS = [(made_by, level) for made_by, level in LEVELS if made_by.name != "reasoning-puzzles"]


def named(value: object) -> str:
    return str(getattr(value, "name", value))


def combos(tasks: list[Task]) -> set[str]:
    return {tag for task in tasks for tag in task.tags if tag.startswith("combo:")}


def strata(task: Task) -> set[str]:
    return {tag.removeprefix("stratum:") for tag in task.tags if tag.startswith("stratum:")}


def prompts(tasks: list[Task]) -> list[str]:
    return [task.prompt for task in tasks]


@pytest.mark.parametrize(("made_by", "level"), LEVELS, ids=named)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, draws=st.tuples(SEEDS, SEEDS, SEEDS))
def test_no_combination_of_gate_or_test_is_ever_trained_on(
    made_by: Family, level: int, seed: int, draws: tuple[int, int, int]
) -> None:
    """Whatever the draws: only the seed decides what is held out, and what the small prompt shows never is."""
    splits: tuple[Split, ...] = ("train", "gate", "test")
    by_split = [
        combos(made_by.draw(split=split, seed=seed, draw=draw, count=12, difficulty=level))
        for split, draw in zip(splits, draws, strict=True)
    ]
    assert all(by_split)
    for one, other in combinations(by_split, 2):
        assert not one & other
    assert not {f"combo:{shown}" for shown in made_by.few_shot} & (by_split[1] | by_split[2])


@pytest.mark.parametrize("made_by", FAMILIES.values(), ids=named)
def test_there_are_5000_prompts_for_the_gate_and_no_task_comes_twice(made_by: Family) -> None:
    """In draws as rounds make them: each knows the prompts before it."""
    seen: list[str] = []
    for draw, count in enumerate((320, 4680)):
        tasks = made_by.draw(split="gate", seed=11, draw=draw, count=count, seen=seen)
        seen += prompts(tasks)
        assert len({task.id for task in tasks}) == count
    assert len(set(seen)) == len(seen) == 5000


@pytest.mark.parametrize("made_by", FAMILIES.values(), ids=named)
def test_another_draw_gives_other_tasks(made_by: Family) -> None:
    one, other = (set(prompts(made_by.draw(split="train", seed=0, draw=draw, count=40))) for draw in (0, 1))
    assert len(one & other) < 20


def test_another_process_makes_the_same_tasks() -> None:
    """Also where texts have other hashes."""
    script = (
        "from gristmill.graph.tasks.families.registry import FAMILIES\n"
        "for each in FAMILIES.values():\n"
        "    for task in each.draw(split='train', seed=3, draw=4, count=6):\n"
        "        print(task.model_dump_json())\n"
    )
    asked: list[Any] = [sys.executable, "-c", script]
    said = subprocess.run(asked, env={"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True).stdout
    drawn = [task for each in FAMILIES.values() for task in each.draw(split="train", seed=3, draw=4, count=6)]
    assert said.splitlines() == [task.model_dump_json() for task in drawn]


@pytest.mark.parametrize("made_by", FAMILIES.values(), ids=named)
def test_a_stratum_that_is_asked_for_is_in_each_task_in_turn(made_by: Family) -> None:
    """And every stratum can be asked for in training, at each difficulty."""
    for level in made_by.difficulties:
        wanted = made_by.strata(level)
        tasks = made_by.draw(split="train", seed=5, draw=0, count=len(wanted), difficulty=level, only=wanted)
        assert {each for task in tasks for each in strata(task)} == set(wanted)
        two = wanted[:2]
        for task in made_by.draw(split="train", seed=5, draw=0, count=6, difficulty=level, only=two):
            assert strata(task) & set(two)


def test_strata_and_combinations_belong_to_one_family() -> None:
    for one, other in combinations(FAMILIES.values(), 2):
        assert not set(one.strata()) & set(other.strata())
        drawn = [combos(each.draw(split="train", seed=0, draw=0, count=100)) for each in (one, other)]
        assert not drawn[0] & drawn[1]


def test_a_family_that_no_other_resembles_is_left() -> None:
    """Reasoning puzzles share no part, no template and no kind with the others."""
    own = FAMILIES["reasoning-puzzles"].draw(split="test", seed=0, draw=0, count=30)
    assert {task.kind for task in own} == {"reasoning"}
    parts = {
        name: {each.split("/")[1] for level in made_by.difficulties for each in made_by.strata(level)}
        for name, made_by in FAMILIES.items()
    }
    assert not parts.pop("reasoning-puzzles") & set().union(*parts.values())


@pytest.mark.parametrize(("made_by", "level"), LEVELS, ids=named)
def test_no_prompt_holds_the_hint_and_a_reply_with_the_reference_gives_the_reference(
    made_by: Family, level: int
) -> None:
    for task in made_by.draw(split="test", seed=1, draw=0, count=20, difficulty=level):
        assert task.settings["hint"]
        for profile in ("small", "chat"):
            sent = " ".join(each.content for each in messages_for(task, profile=profile, round=0))
            assert task.settings["hint"] not in sent
            assert reference_reply(task) not in messages_for(task, profile=profile, round=0)[-1].content
        if task.kind == "code":
            solution = extract(task, reference_reply(task)).solution
            assert solution is not None
            assert ast.dump(ast.parse(solution)) == ast.dump(ast.parse(str(task.reference)))


async def judged(replies: list[tuple[Task, str]]) -> list[Outcome]:
    async with Pool.open("bubblewrap", size=2) as pool:
        verifiers = Verifiers(pool)
        return [
            verdict.outcome
            for verdict in await asyncio.gather(*(verifiers.verify(task, text) for task, text in replies))
        ]


def test_references_pass_in_the_sandbox_and_those_of_other_tasks_do_not() -> None:
    """Three of each difficulty, each with its own reference and with that of the next, which means something else."""
    drawn = [made_by.draw(split="gate", seed=2, draw=0, count=3, difficulty=level) for made_by, level in LEVELS]
    right = [(task, str(task.reference)) for tasks in drawn for task in tasks]
    wrong = [
        (task, str(other.reference))
        for tasks in drawn
        for task, other in zip(tasks, [*tasks[1:], tasks[0]], strict=True)
        if task.reference != other.reference
    ]
    outcomes = asyncio.run(judged([*right, *wrong]))
    assert outcomes[: len(right)] == [Outcome.PASSED] * len(right)
    assert Outcome.PASSED not in outcomes[len(right) :]


def run(task: Task, program: str) -> bool:
    """Whether one of our own programs passes; candidates of models are only ever judged in the sandbox."""
    space: dict[str, Any] = {}
    exec(program, space)
    cases: list[Case] = [case for test in task.tests if isinstance(test, CasesTest) for case in test.cases]
    try:
        return all(
            type(answer := space["f"](*case.args)) is type(case.expected) and answer == case.expected for case in cases
        )
    except (TypeError, ValueError, AttributeError, LookupError):
        return False


class Fewer(ast.NodeTransformer):
    """Leaves one condition out, the one of this number."""

    def __init__(self, place: int) -> None:
        self.place, self.met = place, 0

    def visit(self, node: ast.AST) -> Any:
        for name in ("ifs", "values"):
            some = getattr(node, name, None)
            if isinstance(some, list) and (name == "ifs" or isinstance(node, ast.BoolOp)):
                for at in range(len(some)):
                    if self.met == self.place:
                        some[at] = ast.Constant(True)
                    self.met += 1
        return self.generic_visit(node)


@pytest.mark.parametrize(("made_by", "level"), PROGRAMS, ids=named)
@settings(max_examples=3, deadline=None)
@given(seed=SEEDS)
def test_a_program_without_one_of_its_conditions_fails(made_by: Family, level: int, seed: int) -> None:
    for task in made_by.draw(split="train", seed=seed, draw=0, count=8, difficulty=level):
        assert run(task, str(task.reference))
        met = Fewer(-1)
        met.visit(ast.parse(str(task.reference)))
        for place in range(met.met):
            mutant = ast.unparse(ast.fix_missing_locations(Fewer(place).visit(ast.parse(str(task.reference)))))
            assert mutant != ast.unparse(ast.parse(str(task.reference)))
            assert not run(task, mutant), (task.prompt, mutant)


@pytest.mark.parametrize(("made_by", "level"), PROGRAMS, ids=named)
def test_the_small_prompt_shows_answers_of_its_family_that_are_never_held_out(made_by: Composed, level: int) -> None:
    """Each example is a task of one of the combinations that the family names, with its reference."""
    if (made_by.name, level) == ("list-functions", 1):
        return  # `prompts/small_code.md`: see test_generate.py
    task = made_by.draw(split="test", seed=0, draw=0, count=1, difficulty=level)[0]
    sent = [message.content for message in messages_for(task, profile="small", round=0)]
    shown = set(zip(sent[1:-1:2], sent[2:-1:2], strict=True))
    assert len(shown) >= 3
    for combination in made_by.combinations[level]:
        if "/".join(combination) not in made_by.few_shot:
            continue
        for number, wordings in product(range(40), product((0, 1), repeat=len(combination))):
            draft = made_by.make(random.Random(f"shown/{'/'.join(combination)}/{number}"), combination, wordings)
            if rest := draft.rest(random.Random(0)):
                like = Task(id="shown", prompt=draft.prompt, **rest)
                start = f"\n{like.settings['signature']}" if "signature" in like.settings else ""
                shown.discard((draft.prompt + start, reference_reply(like)))
    assert not shown


def test_a_part_that_does_nothing_is_found() -> None:
    def absolutes(xs: list[int]) -> list[int]:
        return [abs(x) for x in xs]

    def positive(xs: list[int]) -> list[int]:
        return [x for x in xs if x > 0]

    inputs = [[1, -2, 3]], [[-1], [-9, 2], [6]]
    assert cases_of(*piped([positive, absolutes]), *inputs) is None
    assert cases_of(*piped([absolutes, sorted]), *inputs) is not None


def test_positive_numbers_have_no_absolute_value_to_take() -> None:
    tasks = FAMILIES["list-functions"].draw(
        split="train", seed=0, draw=0, count=40, difficulty=1, only=["list-functions/absolutes/0"]
    )
    assert not combos(tasks) & {f"combo:{each}/absolutes" for each in ("positive", "above", "at_least")}


def test_files_of_tasks_are_read_as_they_were_drawn(tmp_path: Any) -> None:
    for made_by, level in LEVELS:
        tasks = made_by.draw(split="train", seed=0, draw=0, count=5, difficulty=level)
        write_tasks(str(tmp_path / "tasks.jsonl"), tasks, force=True)
        assert list(load_tasks(str(tmp_path / "tasks.jsonl"))) == tasks


def test_mistakes_name_what_there_is() -> None:
    functions = family("list-functions")
    with pytest.raises(UserError, match="did you mean string-functions"):
        family("string-function")
    with pytest.raises(UserError, match="there are dictionary-programs, list-functions"):
        family("poems")
    with pytest.raises(UserError, match="no difficulty 9; it has 1, 2, 3"):
        functions.draw(split="train", seed=0, draw=0, count=1, difficulty=9)
    with pytest.raises(UserError, match="no stratum 'sonnets'"):
        functions.draw(split="train", seed=0, draw=0, count=1, only=["sonnets"])
    with pytest.raises(UserError, match=r"gate: only [34]\d\d different tasks were found, and 2000 are asked for"):
        functions.draw(split="gate", seed=0, draw=0, count=2000, difficulty=1)
