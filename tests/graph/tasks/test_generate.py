"""Generated tasks: whole combinations are held out, references pass, plausible mistakes fail."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.tasks.families.list_functions import FEW_SHOT_COMBINATIONS, parameters
from gristmill.graph.tasks.families.list_parts import REDUCTIONS, filters
from gristmill.graph.tasks.generate import generate_list_functions
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import CasesTest, Task

SEEDS = map(random.Random, range(400))
FILTERS = {(each.name, each.condition): each for rng in SEEDS for each in filters(*parameters(rng))}


def run(task: Task, program: str, *, public: bool = False) -> bool:
    """Whether one of our own programs passes; candidates of models are only ever judged in the sandbox."""
    space: dict[str, Any] = {}
    exec(program, space)
    for test in task.public_tests if public else task.tests:
        assert isinstance(test, CasesTest)
        for case in test.cases:
            try:
                answer = space["f"](*case.args)
            except ValueError:
                return False
            if type(answer) is not type(case.expected) or answer != case.expected:
                return False
    return True


def same(first: str, second: str) -> bool:
    """Whether two expressions mean the same, as far as many lists tell: then neither is the other's mistake."""
    draw = random.Random(0)
    spans = [(-30, 30), (-2, 2), (0, 9)]
    lists = [[draw.randint(*span) for _ in range(length)] for span in spans for length in (1, 2, 5) for _ in range(60)]
    functions: list[Any] = [eval(f"lambda xs: {expression}") for expression in (first, second)]
    return all(functions[0](xs) == functions[1](xs) for xs in [[], *lists])


def expression(task: Task) -> str:
    return str(task.reference).split("return ", 1)[1]


def combination(task: Task) -> str:
    return next(tag.removeprefix("combo:") for tag in task.tags if tag.startswith("combo:"))


def by_split(tasks: list[Task]) -> dict[str, list[Task]]:
    return {split: [task for task in tasks if task.split == split] for split in ("train", "gate", "test")}


@pytest.fixture(scope="module", params=[0, 1, 2, 12345])
def tasks(request: pytest.FixtureRequest) -> list[Task]:
    return generate_list_functions(seed=request.param)


def test_no_combination_occurs_in_two_splits(tasks: list[Task]) -> None:
    combinations = {split: {combination(task) for task in members} for split, members in by_split(tasks).items()}
    assert not combinations["train"] & combinations["test"]
    assert not combinations["train"] & combinations["gate"]
    assert not combinations["gate"] & combinations["test"]
    assert len(combinations["test"]) >= 30
    assert not set(FEW_SHOT_COMBINATIONS) & (combinations["gate"] | combinations["test"])


def test_sizes_are_those_asked_for_and_no_prompt_or_id_is_there_twice(tasks: list[Task]) -> None:
    assert {split: len(members) for split, members in by_split(tasks).items()} == {
        "train": 128,
        "gate": 96,
        "test": 192,
    }
    assert len({task.id for task in tasks}) == len({task.prompt for task in tasks}) == len(tasks)


def test_every_part_of_a_held_out_combination_is_trained_on(tasks: list[Task]) -> None:
    parts = {part for task in by_split(tasks)["train"] for part in enumerate(combination(task).split("/"))}
    assert {part for task in tasks for part in enumerate(combination(task).split("/"))} == parts


def test_references_pass_hidden_and_public_cases(tasks: list[Task]) -> None:
    for task in tasks:
        assert task.reference is not None
        assert run(task, task.reference)
        assert run(task, task.reference, public=True)


def test_the_reference_is_the_template_with_one_expression(tasks: list[Task]) -> None:
    for task in tasks:
        before, after = task.settings["template"].split("{answer}")
        assert task.reference is not None
        assert task.reference.startswith(before)
        assert task.reference.endswith(after)
        assert "\n" not in task.reference.removeprefix(before)


def test_hidden_cases_hold_edge_cases_and_differ_from_public_ones(tasks: list[Task]) -> None:
    for task in tasks:
        hidden = [case.args[0] for test in task.tests if isinstance(test, CasesTest) for case in test.cases]
        public = [case.args[0] for test in task.public_tests if isinstance(test, CasesTest) for case in test.cases]
        assert len(public) == 2
        assert len(hidden) >= 5
        assert not any(xs in public for xs in hidden)
        assert any(len(set(xs)) < len(xs) for xs in hidden)
        assert any(x < 0 for xs in hidden for x in xs)
        assert [] in hidden


def test_plausible_mistakes_fail_hidden_cases(tasks: list[Task]) -> None:
    """The right reduction over any other filter, and the right filter under any other reduction."""
    reductions = {reduction.name: reduction for reduction in REDUCTIONS}
    numbers = range(-30, 31)
    for task in tasks[::3]:
        assert task.reference is not None
        own_filter, own_reduction = combination(task).split("/")
        reduction = reductions[own_reduction]
        wrong = []
        condition = next(
            filter_
            for (name, text), filter_ in FILTERS.items()
            if name == own_filter and reduction.source.format(condition=text) in task.reference
        )
        for filter_ in filters(*parameters(random.Random(0))):
            if any(filter_.test(x) != condition.test(x) for x in numbers):
                wrong.append(reduction.source.format(condition=filter_.condition))
        wrong += [
            other.source.format(condition=condition.condition) for other in REDUCTIONS if other.name != own_reduction
        ]
        wrong.append(reduction.source.replace(" if {condition}", "").format(condition="True"))
        for mistake in wrong:
            if not same(mistake, expression(task)):
                assert not run(task, f"def f(xs):\n    return {mistake}"), (task.prompt, mistake)


@pytest.mark.parametrize(("right", "wrong"), [(">=", ">"), ("<=", "<"), (" > ", " >= "), (" < ", " <= ")])
def test_off_by_one_fails(tasks: list[Task], right: str, wrong: str) -> None:
    concerned = [task for task in tasks if f"x{right}" in str(task.reference) or f"x {right}" in str(task.reference)]
    assert concerned
    for task in concerned:
        mistake = str(task.reference).replace(right, wrong)
        if not same(mistake.split("return ", 1)[1], expression(task)):
            assert not run(task, mistake), task.prompt


def test_the_same_seed_gives_the_same_tasks_and_another_seed_others() -> None:
    assert generate_list_functions(seed=5) == generate_list_functions(seed=5)
    held = {combination(task) for task in by_split(generate_list_functions(seed=5))["test"]}
    assert held != {combination(task) for task in by_split(generate_list_functions(seed=6))["test"]}


def test_more_tasks_than_there_are_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="only"):
        generate_list_functions(seed=0, gate=100_000)
    with pytest.raises(UserError, match="at least 1"):
        generate_list_functions(seed=0, test=0)


def test_the_small_prompt_shows_no_held_out_combination_and_its_examples_are_right() -> None:
    """The few-shot examples are answers of training combinations, each checked against generated cases."""
    held_out = [task for seed in range(3) for task in generate_list_functions(seed=seed) if task.split != "train"]
    task = held_out[0]
    shown = [message.content for message in messages_for(task, profile="small", round=0) if message.role == "assistant"]
    assert shown
    for answer in shown:
        names = {
            f"{filter_.name}/{reduction.name}"
            for filter_ in FILTERS.values()
            for reduction in REDUCTIONS
            if reduction.source.format(condition=filter_.condition) == answer
        }
        assert names, answer
        assert names <= set(FEW_SHOT_COMBINATIONS)
