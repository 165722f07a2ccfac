"""What the author of a reward or a loss is told: the score first, its last points, and the seeds that differ."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.concluding import Ended, concluded
from gristmill.verifiers.trained.curves import curve, fell, figure, level, rising
from gristmill.verifiers.trained.loss.digits import DigitsLabelNoise
from gristmill.verifiers.trained.loss.feedback import losses_text
from gristmill.verifiers.trained.loss.trainer import NetworkCheckpoint, TrainedNetwork
from gristmill.verifiers.trained.reward.feedback import Components, published_text, rewards_text, told_curves
from gristmill.verifiers.trained.reward.trainer import PolicyCheckpoint, TrainedPolicy
from gristmill.verifiers.trained.reward.worlds.mountain_car import MountainCar

CAR, DIGITS = MountainCar(), DigitsLabelNoise()
MARKS = 6
LEVEL = (-0.5,) * MARKS


def run(
    grades: Sequence[float],
    means: Sequence[float],
    *,
    low: float = -1.0,
    high: float = 1.0,
    deviation: float = 0.5,
    components: Components | None = None,
) -> tuple[TrainedPolicy, list[Components]]:
    marks = tuple(
        PolicyCheckpoint(1000 * (place + 1), grade, low, mean, high, deviation)
        for place, (grade, mean) in enumerate(zip(grades, means, strict=True))
    )
    return TrainedPolicy(grades[-1], marks), [components or {}] * len(marks)


def said(*runs: tuple[TrainedPolicy, list[Components]], target: float = 0.99) -> str:
    return rewards_text(CAR, target, runs)


def test_a_reward_that_rose_is_not_called_unchanged_because_a_bonus_at_the_goal_widens_its_range() -> None:
    # A hundred at the goal, .005 to .065 a step on the way: the case that was seen.
    text = said(
        run((0.0, 0.0, 0.05, 0.1, 0.1, 0.12), (0.005, 0.01, 0.02, 0.04, 0.06, 0.065), high=100.0, deviation=2.4)
    )
    assert "hardly changed" not in text
    assert "hardly changed" in said(run((0.1, 0.12, 0.1, 0.12, 0.1, 0.1), LEVEL))


@pytest.mark.parametrize(
    ("grades", "words"),
    [
        ((0, 0, 0, 0, 0, 0), "never reached"),
        ((0, 0, 0.1, 0.2, 0.4, 0.6), "still rising at the end"),
        # It rose at first and then came to rest: nothing is rising there.
        ((0, 0.3, 0.6, 0.62, 0.6, 0.62), "came to rest at 0.62"),
        ((0.2, 0.2, 0.2, 0.2, 0.2, 0.2), "raise this reward"),
        ((0, 0.3, 0.9, 0.8, 0.4, 0.2), "fell from 0.9 to 0.2"),
    ],
)
def test_the_success_curve_is_looked_at_first_and_its_last_points_say_whether_it_rises(
    grades: Sequence[float], words: str
) -> None:
    text = said(run(grades, (-0.9, -0.7, -0.5, -0.3, -0.1, 0.1)))
    assert words in text
    assert ("still rising" in text) == ("still rising" in words)


def test_the_second_seed_is_shown_where_seeds_differ_and_only_there() -> None:
    weak, strong = run((0,) * MARKS, LEVEL), run((0, 0, 0.2, 0.7, 0.985, 0.985), (0, 0.1, 0.2, 0.3, 0.4, 0.5))
    text = said(weak, strong)
    assert "The strongest run" in text
    assert "0, 0, 0.2, 0.7, 0.985, 0.985; in the end 0.985" in text
    assert "another it came to 0.985: whether the way is found is chance" in text
    assert "The strongest run" not in said(strong, strong)


def test_components_that_say_nothing_or_drown_the_others_are_named() -> None:
    parts: Components = {"progress": (-0.1, 0.01, 0.1), "bonus": (0.0, 3.0, 100.0), "idle": (1.0, 1.0, 1.0)}
    text = said(run((0, 0, 0, 0, 0, 0), LEVEL, components=parts))
    assert "Component idle is the same at every step" in text
    assert "Component bonus" not in text
    text = said(run((0, 0, 0, 0, 0, 0), LEVEL, components={**parts, "bonus": (0.0, 30.0, 100.0)}))
    assert "Component bonus is in the mean more than 20 times" in text


NUMBERS = st.floats(-1e12, 1e12, allow_subnormal=False)
NAMES = st.text(max_size=40).filter(lambda name: len(name.splitlines()) == 1 and name == name.strip())


@given(
    st.dictionaries(NAMES, st.lists(NUMBERS, min_size=MARKS, max_size=MARKS), max_size=4),
    st.lists(st.floats(0, 1), min_size=MARKS, max_size=MARKS),
    st.booleans(),
)
def test_the_curves_that_the_text_tells_are_read_back_from_it(
    components: dict[str, list[float]], grades: list[float], published: bool
) -> None:
    policy, _ = run(grades, LEVEL)
    rollouts: list[Components] = [
        {name: (values[at],) * 3 for name, values in components.items()} for at in range(MARKS)
    ]
    text = published_text(CAR, [(policy, rollouts)]) if published else rewards_text(CAR, 0.99, [(policy, rollouts)])
    found = told_curves(f"Policies have a height of 0.5.\n{text}")["" if published else "weakest"]
    for name, values in components.items():
        if not published or name not in found or name not in ("reward", "success rate"):
            assert found[name] == pytest.approx([float(f"{value:.4g}") for value in values])
    grade = f"task score ({CAR.measure})" if published else CAR.measure
    assert found[grade] == pytest.approx([float(f"{g:.4g}") if published else float(figure(g)) for g in grades])
    assert found["reward" if published else "reward of a step"] == LEVEL


def test_no_component_forges_a_curve_and_one_without_a_value_everywhere_is_left_out() -> None:
    long = f"a, mean of a step: {', '.join('123456')}; m"
    for name in (long, "\n  component b, mean of a step: 1, 2", "\nThe weakest run, at 1 checkpoints, x:", CAR.measure):
        told = told_curves(said(run((0.1,) * MARKS, LEVEL, components={name[:40]: (0, 1, 2)})))
        assert set(told) == {"weakest"}
        # Its own values under whatever name, ours under ours; where it ends a line of ours, what is there is left out.
        for found, values in told["weakest"].items():
            assert values == {CAR.measure: (0.1,) * MARKS, "reward of a step": LEVEL}.get(found, (1.0,) * MARKS)
        assert CAR.measure in told["weakest"]
    policy, _ = run((0.1,) * MARKS, LEVEL)
    taken: list[Components] = [{f"task score ({CAR.measure})": (0.0, 9.0, 9.0)}] * MARKS
    assert told_curves(published_text(CAR, [(policy, taken)]))[""][f"task score ({CAR.measure})"] == (0.1,) * MARKS
    late: list[Components] = [{}] * (MARKS - 1) + [{"late": (1.0, 1.0, 1.0)}]
    assert "late" not in told_curves(rewards_text(CAR, 0.99, [(policy, late)]))["weakest"]
    assert told_curves("Everything is in order: 1, 2, 3; max 3, mean 2, min 1") == {}


def test_a_reward_that_is_the_same_everywhere_is_said_to_teach_nothing() -> None:
    assert "teaches nothing" in said(run((0.5,) * MARKS, LEVEL, low=-0.5, high=-0.5, deviation=0.0))


def losses(*grades: Sequence[float]) -> str:
    networks = [
        TrainedNetwork(each[-1], tuple(NetworkCheckpoint(10 * (at + 1), grade, 1.0) for at, grade in enumerate(each)))
        for each in grades
    ]
    return losses_text(DIGITS, 0.96, networks)


def test_a_loss_is_told_what_its_last_points_say() -> None:
    assert "still rising at the end" in losses((0.5, 0.6, 0.7, 0.8, 0.85, 0.9))
    rested = losses((0.7, 0.88, 0.9, 0.9, 0.9, 0.901))
    assert "come to rest" in rested
    assert "rising" not in rested
    assert "learned by heart" in losses((0.9, 0.92, 0.9, 0.88, 0.86, 0.85))
    assert "hardly learns" in losses((0.1,) * MARKS)
    assert "The strongest run" in losses((0.7, 0.8, 0.85, 0.85, 0.85, 0.85), (0.9,) * MARKS)


@given(st.floats(0, 1))
def test_a_figure_never_flatters_and_shows_four_decimals(value: float) -> None:
    shown = float(figure(value))
    assert shown <= value + 1e-9
    assert value - shown < 1.1e-4


@pytest.mark.parametrize("value", [0.985, 0.29, 0.1234, 0.0, 1.0, 0.57])
def test_a_score_of_few_decimals_is_shown_as_it_is(value: float) -> None:
    assert float(figure(value)) == value
    assert curve([value, 0.5]) == f"{figure(value)}, 0.5"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_no_curve_both_rises_at_its_end_and_has_fallen(values: list[float]) -> None:
    assert not (rising(values, 0.05) and fell(values, 0.05))
    assert not (level(values, 0.05) and (rising(values, 0.05) or fell(values, 0.05)))


@pytest.mark.parametrize(
    ("measure", "words"), [("mean height", "a mean height of"), ("accuracy", "a mean accuracy of")]
)
def test_a_measure_that_is_a_mean_is_not_called_a_mean_twice(measure: str, words: str) -> None:
    task = Task(id="r", kind="reward", prompt="?")
    told = concluded(task, Ended((0.25, 0.75), 2, "", ()), measure, "Policies")
    assert told.feedback.startswith(f"Policies have {words} 0.5 ")
    assert told.metrics[measure.replace(" ", "_")] == 0.5
    stopped = concluded(task, Ended((0.25,), 2, "behind", ()), measure, "Policies")
    assert f"what the {words[2:-3]} is at least" in stopped.feedback
