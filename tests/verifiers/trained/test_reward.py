"""Rewards: the trainer separates good from bad, and nothing that a candidate does reaches the fitness."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from threadpoolctl import threadpool_info, threadpool_limits

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.attacks.functions import ATTACKS
from gristmill.verifiers.attacks.records import Attack
from gristmill.verifiers.records import Outcome, Strength, Task
from gristmill.verifiers.trained.reward.environment import Episodes, Floats, PolicySettings
from gristmill.verifiers.trained.reward.policy import draw, network, probabilities
from gristmill.verifiers.trained.reward.trainer import Batch, train
from gristmill.verifiers.trained.reward.verifier import RewardTraining, RewardVerifier, ask, recheck
from gristmill.verifiers.trained.reward.worlds.mountain_car import MountainCar
from gristmill.verifiers.trained.serving import CandidateFault
from gristmill.verifiers.trained.threads import one_thread
from gristmill.verifiers.trained.verifier import Deadline

TASK = Task(id="r", kind="reward", prompt="?", environment="mountain_car", settings={"seeds": 1})
CAR = MountainCar()
ACTIONS, EPISODE_STEPS = len(CAR.actions), CAR.episode_steps
SPEED = "import numpy as np\ndef reward(obs, action, next_obs, info):\n    return 10 * np.abs(next_obs[:, 1])\n"


def native(batch: Batch) -> Floats:
    return -np.ones(len(batch.action))


def speed(batch: Batch) -> Floats:
    return 10 * np.abs(batch.next_observation[:, 1])


def backwards(batch: Batch) -> Floats:
    return -np.abs(batch.next_observation[:, 1])


def test_the_car_moves_as_published() -> None:
    cars = Episodes(CAR, 1, np.random.default_rng(0))
    x, v = cars.observe()[0].tolist()
    for k in range(EPISODE_STEPS):
        action = (k // 20) % ACTIONS
        v = max(-0.07, min(0.07, v + (action - 1) * 0.001 - math.cos(3 * x) * 0.0025))
        x = max(-1.2, min(0.6, x + v))
        v = 0.0 if x <= -1.2 and v < 0 else v
        steps = cars.step(np.array([action]))
        assert steps.next_observation[0] == pytest.approx((x, v), abs=1e-12)
        assert bool(steps.truncated[0]) == (k == EPISODE_STEPS - 1)


def test_the_network_s_gradient_is_that_of_its_output() -> None:
    generator = np.random.default_rng(3)
    net = network(generator, 2, 5, ACTIONS, 1.0)
    x, upstream = generator.standard_normal((4, 2)), generator.standard_normal((4, ACTIONS))
    gradients = net.backward(net.forward(x)[1], upstream)
    for weight, gradient in zip(net.weights, gradients, strict=True):
        place = np.unravel_index(int(np.abs(gradient).argmax()), gradient.shape)
        held, values = weight[place], []
        for shifted in (held + 1e-6, held - 1e-6):
            weight[place] = shifted
            values.append(float((net.forward(x)[0] * upstream).sum()))
        weight[place] = held
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(gradient[place], rel=1e-4)


def test_actions_are_drawn_by_their_probabilities() -> None:
    chances = np.tile(probabilities(np.array([[0.0, 1.0, -1.0]])), (20_000, 1))
    drawn = np.bincount(draw(chances, np.random.default_rng(0)), minlength=ACTIONS) / len(chances)
    assert drawn == pytest.approx(chances[0], abs=0.02)


def test_speed_shaping_is_learned_and_the_native_reward_is_not() -> None:
    assert train(speed, CAR, 0).grade >= 0.95
    unshaped = train(native, CAR, 0).success
    assert unshaped is not None
    assert unshaped <= 0.05
    assert train(backwards, CAR, 0, PolicySettings(steps=8 * 4096)).success == 0.0


def test_one_seed_gives_one_result() -> None:
    short = PolicySettings(steps=3 * 4096)
    first, second = (train(speed, CAR, 7, short) for _ in range(2))
    assert first.checkpoints == second.checkpoints
    assert first.grade == second.grade


def test_the_scale_of_a_reward_does_not_decide() -> None:
    short = PolicySettings(steps=8 * 4096)
    rates = [train(lambda batch, by=by: by * speed(batch), CAR, 1, short).grade for by in (1e-6, 1e6)]  # type: ignore[misc]
    assert max(rates) - min(rates) < 0.35


def test_training_ends_at_its_deadline() -> None:
    with pytest.raises(Deadline):
        train(native, CAR, 0, deadline=0.0)


def test_linear_algebra_has_one_thread_in_a_training_and_gets_its_threads_back() -> None:
    def threads() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    seen = []

    def watching(batch: Batch) -> Floats:
        with one_thread():  # another training beside this one, which ends first
            pass
        seen.append(threads())
        return speed(batch)

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        train(watching, CAR, 0, PolicySettings(steps=2 * 4096))
        assert threads() == before
    assert set(map(tuple, seen)) == {(1,) * len(before)}


def some_batch(rows: int = 12) -> Batch:
    generator = np.random.default_rng(rows)
    states = generator.uniform(-0.07, 0.07, (rows, 2))
    return Batch(
        states,
        generator.integers(0, 3, rows),
        states * 0.9,
        np.zeros(rows, bool),
        np.zeros(rows, bool),
    )


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (1.0, "a float"),
        ([1.0] * 12, "a list"),
        (None, "NoneType"),
        (np.float64(1.0), "float64"),
        (np.ones(2), "shape (2,) for 12 steps"),
        (np.ones((12, 1)), "shape (12, 1)"),
        (np.full(12, np.nan), "finite"),
        (np.full(12, np.inf), "finite"),
        (np.full(12, 1e300), "below 1e12"),
        (np.ones(12, dtype=complex), "complex"),
        ((np.ones(12), {"a": 1.0}), "Component 'a'"),
        ((np.ones(12), {"a": np.full(12, np.nan)}), "Component 'a'"),
        ((np.ones(12), [np.ones(12)]), "dict"),
        ((np.ones(12), {str(n): np.ones(12) for n in range(50)}), "at most"),
        ((np.ones(12), {}, {}), "a tuple"),
    ],
)
def test_what_is_not_one_finite_number_a_step_is_refused(answer: Any, says: str) -> None:
    with pytest.raises(CandidateFault) as caught:
        ask(lambda *_: answer, some_batch())
    assert caught.value.outcome is Outcome.INVALID
    assert says in caught.value.feedback


@given(arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e9, 1e9, width=32)))
def test_every_finite_array_of_the_right_shape_is_taken_as_it_is(answer: Any) -> None:
    rewards, parts = ask(lambda *_: answer, some_batch(len(answer)))
    assert rewards.tolist() == answer.astype(np.float64).tolist()
    assert parts == {}


def counting() -> Callable[..., Any]:
    calls = 0

    def reward(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
        nonlocal calls
        calls += 1
        return np.abs(next_obs[:, 1]) + calls

    return reward


@pytest.mark.parametrize(
    "reward",
    [
        counting(),
        lambda obs, action, next_obs, info: next_obs[:, 1] - next_obs[:, 1].mean(),
        lambda obs, action, next_obs, info: np.arange(len(action)) * 1.0,
        lambda obs, action, next_obs, info: np.random.default_rng().random(len(action)),
    ],
    ids=["state", "batch statistics", "row number", "chance"],
)
def test_a_reward_that_depends_on_more_than_its_step_is_found_out(reward: Callable[..., Any]) -> None:
    recorded = [(batch, ask(reward, batch)[0]) for batch in (some_batch(12), some_batch(9))]
    with pytest.raises(CandidateFault, match="other rewards"):
        recheck(reward, recorded, np.random.default_rng(0), 3)


def test_a_reward_of_its_step_alone_stands_the_recheck() -> None:
    def reward(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
        return np.abs(next_obs[:, 1]) * 10 + 5.0 * (next_obs[:, 0] >= 0.5) + action

    for rows in ((12, 9), (12, 12)):
        recorded = [(batch, ask(reward, batch)[0]) for batch in map(some_batch, rows)]
        recheck(reward, recorded, np.random.default_rng(0), 3)


def now_and_then(honest: Callable[[int], bool]) -> Callable[[], Callable[..., Any]]:
    """Rewards that look at other rows in calls that are not `honest`: a process that begins anew counts anew."""

    def begun() -> Callable[..., Any]:
        calls = itertools.count()

        def reward(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
            own = np.abs(next_obs[:, 1])
            return own if honest(next(calls)) else own - own.mean()

        return reward

    return begun


def of_whole_episodes() -> Callable[..., Any]:
    """Looks ahead where rows stand as in a training, and knows a shuffled batch."""

    def reward(obs: Any, action: Any, next_obs: Any, info: Any) -> Any:
        own, episodes = np.abs(next_obs[:, 1]), PolicySettings().episodes
        follows = (obs[episodes:] == next_obs[:-episodes]).all(axis=1).mean()
        return own + 10 * (np.roll(own, -episodes) if follows > 0.9 else 0)

    return reward


class Quick(MountainCar):
    """A training of 24 short rollouts."""

    training = PolicySettings(steps=24 * 64 * 8, horizon=8, graded_episodes=1, checkpoint_episodes=1)


@pytest.mark.third
@pytest.mark.parametrize(
    "begun",
    [
        now_and_then(lambda call: call % 4 == 0),  # where the first version of this judge looked
        now_and_then(lambda call: call < 6),
        now_and_then(lambda call: call % 2 == 0),
        now_and_then(lambda call: call > 3),
        of_whole_episodes,
    ],
    ids=["every fourth", "at first", "every second", "later", "shuffled"],
)
def test_a_reward_cannot_know_when_it_is_asked_again(begun: Callable[[], Callable[..., Any]]) -> None:
    """Each process of a training begins anew, as a fresh sandbox does."""
    training = RewardTraining(Quick(), "reward/1")
    for seed in range(3):
        _, record = training.train(begun(), seed, math.inf)  # answers as a served one does
        (again,) = training.rechecks(record, np.random.default_rng(seed))
        with pytest.raises(CandidateFault, match="other rewards"):
            again(begun())  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(
    "attack", [each for each in ATTACKS if "reward" in each.test_types], ids=lambda each: each.name
)
def test_an_attack_by_a_reward_fools_who_believes_its_answers_and_is_found_out(attack: Attack) -> None:
    source = attack.make(TASK) if attack.make is not None else None
    assert source is not None

    def begun() -> Callable[..., Any]:
        names: dict[str, Any] = {}
        exec(source, names)
        return names["reward"]  # type: ignore[no-any-return]  # what the catalogue's sources define

    rewards, _ = ask(begun(), some_batch())  # one finite number a step: naive trainers go on
    assert np.isfinite(rewards).all()
    training = RewardTraining(Quick(), "reward/1")
    with pytest.raises(CandidateFault, match="other rewards"):  # noqa: PT012  # in training, or afterwards
        _, record = training.train(begun(), 0, math.inf)  # answers as a served one does
        (again,) = training.rechecks(record, np.random.default_rng(0))
        again(begun())  # type: ignore[arg-type]  # likewise


def test_problems_name_the_field() -> None:
    task = Task(id="r", kind="reward", prompt="?", environment="moon", target=2, settings={"seeds": 0, "steps": 1})
    assert [text.partition(":")[0] for text in RewardVerifier.problems(task)] == [
        "environment",
        "settings",
        "settings.seeds",
        "target",
    ]
    assert RewardVerifier.problems(TASK) == []


@pytest.fixture
async def pool(backend: str) -> AsyncIterator[Pool]:
    async with Pool.open(backend, size=1) as opened:
        yield opened


SAYS = "def reward(obs, action, next_obs, info):\n    "
BROKEN = [
    ("", Outcome.INVALID, "no code"),
    ("def reward(obs,", Outcome.ERROR, "does not load: SyntaxError"),
    ("def rewards(*a): pass", Outcome.INVALID, "defines no function `reward`"),
    (SAYS + "return obs[:, 7]", Outcome.ERROR, "IndexError"),
    (SAYS + "return 10 * abs(next_obs[1])", Outcome.INVALID, "shape (2,) for 64 steps"),
    ("import os\n" + SAYS + "os._exit(0)", Outcome.ERROR, "ended the process"),
    ("raise SystemExit(0)", Outcome.ERROR, "does not load: SystemExit"),
    (SAYS + "return [object()]", Outcome.INVALID, "no number or array"),
    ("import numpy as np\n" + SAYS + "return np.ones(1 << 33)", Outcome.OUT_OF_MEMORY, "memory"),
    (SAYS + "while True: pass", Outcome.TIMEOUT, "limit of 5 s"),
    # Writing to the channel itself is no verdict either.
    ("import os\n" + SAYS + "[os.write(n, b'\\0\\0\\0\\7' + b'{\"v\":1}') for n in range(3, 20)]", Outcome.ERROR, ""),
]


async def test_what_a_candidate_does_wrong_is_said_at_once(pool: Pool) -> None:
    task = TASK.model_copy(update={"limits": Limits(wall_seconds=5, cpu_seconds=30)})
    for source, outcome, says in BROKEN:
        verdict = await RewardVerifier(pool).verify(task, source)
        assert (verdict.outcome, verdict.score) == (outcome, 0.0) or not says, (source, verdict)
        assert not verdict.passed
        assert says in verdict.feedback, (source, verdict.feedback)


async def test_a_candidate_finds_neither_trainer_nor_environment_beside_it(pool: Pool) -> None:
    look = (
        "import sys, gc\n"
        + SAYS
        + "raise ValueError([m for m in sys.modules if m.startswith('gristmill.verifiers')] + "
        "[type(o).__name__ for o in gc.get_objects() "
        "if type(o).__name__ in ('MountainCar', 'Episodes', 'Net', 'Task', 'Steps')])"
    )
    verdict = await RewardVerifier(pool).verify(TASK, look)
    assert verdict.outcome is Outcome.ERROR
    assert verdict.feedback.startswith("It raised ValueError: []")


@pytest.mark.whole_on_docker
@pytest.mark.slow
async def test_rewards_score_as_published_and_teach(pool: Pool) -> None:
    verifier = RewardVerifier(pool)
    verifier.secret = b"the same trainings in every run of this test"
    good = await verifier.verify(TASK, SPEED)
    assert good.passed
    assert good.verified
    assert good.score is not None
    assert good.score >= 0.95
    assert good.strength is Strength.TESTED
    assert good.verifier == "reward/4"
    assert re.fullmatch(f"{pool.backend} [0-9a-f]{{64}}", good.sandbox)
    bad = await verifier.verify(TASK, "import numpy as np\n" + SAYS + "return -np.ones(len(action))")
    assert bad.outcome is Outcome.FAILED
    assert bad.score is not None
    assert bad.score <= 0.1
    assert "success rate: 0, 0" in bad.feedback
    assert "the same at every step" in bad.feedback
    parts = await verifier.verify(TASK, SPEED.replace("return ", "s = ").rstrip() + "\n    return s, {'swing': s}\n")
    assert parts.score == good.score
    assert "component swing, mean of a step:" in parts.feedback
    state = await verifier.verify(
        TASK, "n = 0\n" + SPEED.replace("    return", "    global n\n    n += 1\n    return n +")
    )
    assert state.outcome is Outcome.INVALID
    assert "fresh process" in state.feedback
