"""Physics that differ from episode to episode: drawn where an episode begins, and apart from where it starts."""

from __future__ import annotations

import numpy as np

from gristmill.verifiers.trained.reward.environment import Episodes, Floats, any_actions
from gristmill.verifiers.trained.reward.environments import environment
from gristmill.verifiers.trained.reward.grading import grades
from gristmill.verifiers.trained.reward.trainer import Batch, train

CAR = environment("mountain_car")
WIDE = {"force": (0.0006, 0.0019)}


def test_each_episode_has_a_physics_of_its_own_until_it_ends() -> None:
    seen: list[Floats] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(CAR, name)

        def step(self, states: Floats, actions: Floats, physics: dict[str, Floats]) -> Floats:
            seen.append(physics["force"].copy())
            assert physics["gravity"] == 0.0025
            return CAR.step(states, actions, physics)

    running, chance = Episodes(Watched(), 32, np.random.default_rng(3), ranges=WIDE), np.random.default_rng(4)  # type: ignore[arg-type]
    ends = [running.step(any_actions(CAR, 32, chance)) for _ in range(450)]
    assert all(((each >= 0.0006) & (each <= 0.0019)).all() for each in seen)
    assert np.ptp(seen[0]) > 0.0005
    for number, taken in enumerate(ends[:-1]):
        assert ((seen[number] != seen[number + 1]) == (taken.terminated | taken.truncated)).all()


def test_starts_are_the_same_whatever_the_ranges() -> None:
    plain, drawn = (Episodes(CAR, 16, np.random.default_rng(9), ranges=each) for each in (None, WIDE))
    assert (plain.states == drawn.states).all()
    still = np.ones(16, dtype=np.int64)  # nobody gets anywhere: all episodes end at their last step
    for _ in range(CAR.episode_steps):
        plain.step(still), drawn.step(still)
    assert (plain.states == drawn.states).all()


def test_a_policy_is_graded_in_the_physics_that_each_row_has() -> None:
    def speed(batch: Batch) -> Floats:
        return np.asarray(10.0 * np.abs(batch.next_observation[:, 1]))

    trained = train(speed, CAR, 1)
    assert trained.policy is not None
    assert trained.grade > 0.9
    force = np.repeat([0.00001, 0.001], 40)
    weak, strong = grades(trained.policy, CAR, np.random.default_rng(0), 80, {"force": force}).reshape(2, 40)
    assert weak.max() < 0.1  # none is at the flag
    assert strong.mean() > 0.9
    assert train(speed, CAR, 1, ranges=WIDE).checkpoints != trained.checkpoints
    assert train(speed, CAR, 1, ranges={}).checkpoints == trained.checkpoints
