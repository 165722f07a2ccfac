"""Who is drawn, how long calls wait for limits, and files that name several models."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.config import RunConfig
from gristmill.graph.models.errors import ModelError, UnknownModelError
from gristmill.graph.models.roster.pace import MINUTE, Pace
from gristmill.graph.models.roster.proposer import RosterProposer, proposer_of
from gristmill.graph.models.roster.reading import read_roster
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Message, Request, Sampling, Tokens
from gristmill.graph.roster import Limits, Member, Price, drawn, rates
from gristmill.graph.search.rows import cost
from gristmill.sandbox.errors import UserError

ROSTERS = st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.0, 7.0]), min_size=2, max_size=5).map(
    lambda weights: [Member(model=f"m{number}", weight=weight) for number, weight in enumerate(weights)]
)
PLACES = [(f"t/{task}", round, sample) for task in range(20) for round in range(10) for sample in range(10)]


@settings(max_examples=10)
@given(members=ROSTERS, seed=st.integers(0, 2**31))
def test_shares_are_as_the_weights_and_the_order_of_members_plays_no_part(members: list[Member], seed: int) -> None:
    chosen = [drawn(members, seed, *place) for place in PLACES]
    assert chosen == [drawn(members[::-1], seed, *place) for place in PLACES]
    counts, whole = Counter(each.name for each in chosen), sum(each.weight for each in members)
    for each in members:
        share = each.weight / whole
        # Five standard deviations.
        assert abs(counts[each.name] - share * len(PLACES)) <= 5 * math.sqrt(len(PLACES) * share * (1 - share)) + 1


@settings(max_examples=10)
@given(members=ROSTERS, gone=st.integers(0, 4))
def test_who_is_left_out_gives_its_places_away_and_no_other_place_changes(members: list[Member], gone: int) -> None:
    out = members[gone % len(members)]
    left = [each for each in members if each is not out]
    for place in PLACES[:400]:
        before = drawn(members, 1, *place)
        assert before is out or drawn(left, 1, *place) is before


class Clock:
    """A time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@settings(max_examples=25)
@given(
    calls=st.none() | st.integers(1, 5),
    tokens=st.none() | st.integers(50, 400),
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 300)), min_size=1, max_size=30),
)
def test_no_minute_has_more_than_the_limits_and_no_call_is_dropped(
    calls: int | None, tokens: int | None, sizes: list[tuple[int, int]]
) -> None:
    clock = Clock()
    begun: list[tuple[float, int]] = []

    async def work() -> None:
        pace = Pace(Limits(calls_per_minute=calls, tokens_per_minute=tokens), clock=clock, sleep=clock.sleep)

        async def one(most: int, took: int) -> None:
            async with pace.turn(most) as taken:
                begun.append((clock(), min(took, most)))
                taken.tokens = min(took, most)

        await asyncio.gather(*(one(*each) for each in sizes))
        assert pace.waits() == (0, 0.0)

    asyncio.run(work())
    assert len(begun) == len(sizes)
    for at, _ in begun:
        minute = [took for when, took in begun if at <= when < at + MINUTE]
        assert calls is None or len(minute) <= calls
        # One that is larger than the limit goes by itself.
        assert tokens is None or sum(minute) <= tokens or len([took for took in minute if took]) == 1
    if calls is None and tokens is None:
        assert clock.now == 0


async def test_calls_in_flight_are_bounded_and_the_waiting_is_told() -> None:
    clock = Clock()
    release, both = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> str:
        if model.open == 2:
            both.set()
        await release.wait()
        return "said"

    model = ScriptedProposer(answer)
    roster = RosterProposer([Member(model="one", limits=Limits(concurrency=2))], proposers={"one": model})
    roster._pace["one"] = Pace(Limits(concurrency=2), clock=clock, sleep=clock.sleep)
    async with roster:
        asked = [asyncio.create_task(roster.propose(_request(sample, "one"))) for sample in range(5)]
        await both.wait()
        clock.now = 3.0
        assert roster.waiting() == "3 calls for one wait for its limits"
        release.set()
        assert [reply.text for reply in await asyncio.gather(*asked)] == ["said"] * 5
        assert (model.most, roster.waiting()) == (2, "")


def _request(sample: int, model: str | None = None) -> Request:
    messages = (Message(role="user", content="say something"),)
    return Request(
        task_id="t", round=0, sample=sample, messages=messages, sampling=Sampling(seed=7, max_tokens=9), model=model
    )


async def test_a_request_goes_to_whom_it_names_else_to_whom_the_draw_gives() -> None:
    members = [Member(model="a"), Member(model="b", weight=3)]
    models = {name: ScriptedProposer(lambda request: "said") for name in "ab"}
    async with RosterProposer(members, proposers=dict(models)) as roster:
        for sample in range(40):
            await roster.propose(_request(sample, "a"))
        assert (len(models["a"].requests), len(models["b"].requests)) == (40, 0)
        for sample in range(40):
            await roster.propose(_request(sample))
        expected = Counter(drawn(members, 7, "t", 0, sample).name for sample in range(40))
        assert len(models["b"].requests) == expected["b"] > expected["a"]
        with pytest.raises(ModelError, match="none of the models a, b"):
            await roster.propose(_request(0, "c"))


def test_one_model_without_limits_is_no_roster() -> None:
    assert proposer_of(RunConfig(model="mutate").members).name == "mutate"
    assert proposer_of([Member(model="mutate", limits=Limits(concurrency=1))]).name == "roster"


def test_tokens_count_by_price_where_there_is_one() -> None:
    dear, cheap, free = Price(input=3, output=30, cached=0.3), Price(input=1, output=2), Price(input=0, output=0)
    members = [
        Member(model="dear", price=dear),
        Member(model="cheap", price=cheap),
        Member(model="free", price=free),
        Member(model="none"),
    ]
    told, used = rates(members), Tokens(prompt=400, completion=100, cached=200)
    assert cost(used, told["cheap"]) == 1 + (100 + 400 / 2) / 100
    assert cost(used, told["dear"]) == pytest.approx(1 + (100 * 15 + 200 * 1.5 + 200 * 0.15) / 100)
    assert cost(used, told["free"]) == 1
    assert "none" not in told
    assert cost(used) == 1 + (100 + 400 / 4) / 100
    assert rates([Member(model="a"), Member(model="b", price=free)]) == {}


def test_a_roster_file_says_what_a_member_may_say(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(
        "- mutate\n"
        "- model: openai:big@http://127.0.0.1:9/v1\n"
        "  name: big\n"
        "  weight: .5\n"
        "  price: {input: 1.25, output: 10, cached: .125}\n"
        "  limits: {calls_per_minute: 60, tokens_per_minute: 100000, concurrency: 4}\n"
        "  temperature: 1\n"
        "  request: {top_k: 20}\n"
    )
    mutate, big = read_roster(path)
    assert mutate == Member(model="mutate")
    assert (big.name, big.weight, big.limits.concurrency, big.request) == ("big", 0.5, 4, {"top_k": 20})
    assert big.price == Price(input=1.25, output=10, cached=0.125)
    path.write_text('[{"model": "mutate", "weight": 2}, {"model": "tune"}]')
    assert [each.weight for each in read_roster(path)] == [2, 1]
    config = RunConfig(models=(mutate, big))
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- mutate\n- model: tune\n  weight: -1\n", "line 3: weight: Input should be greater than 0"),
        ("- mutate\n- model: tune\n  wieght: 1\n", "line 3: wieght: Extra inputs are not permitted"),
        ("- name: a\n", "line 1: model: Field required"),
        (
            "- mutate\n- model: tune\n  limits:\n    calls_per_minute: 0\n",
            "line 4: limits.calls_per_minute: Input should",
        ),
        ("- model: tune\n  price: {input: 1}\n", "line 2: price.output: Field required"),
        ("- mutate\n- mutate\n", "line 2: name: 'mutate' is the model of line 1 already"),
        ("- model: nobody\n", "line 1: model: unknown model 'nobody'"),
        ("- model: mutate\n  adapter: x\n", "line 1: model: mutate is no model, and cannot load"),
        ("- model: tune\n  request: {temperature: 1}\n", "line 2: request: `temperature` is set by gristmill"),
        ("- model: tune\n  request: {api_key: x}\n", "line 2: request: `api_key`: a run's configuration is stored"),
        ("- model: tune\n  weight: .nan\n", "line 2: weight: "),
        ("- model: tune\n  model: mutate\n", "line 2: model: stands there twice"),
        ("- &a mutate\n- *a\n", "aliases are not read here"),
        ("- 3\n", "line 1: a model is a string, or a mapping with `model`"),
        ("mutate: 1\n", "must hold a list of models"),
        ("", "must hold a list of models"),
        ("[]", "must hold a list of models"),
        ("- {model: tune\n", "not a YAML or JSON file"),
        ("- !!python/object:os.system x\n", "line 1: not a YAML or JSON file"),
    ],
)
def test_what_is_wrong_with_a_roster_file_is_told_with_line_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as told:
        read_roster(path)
    assert said in str(told.value)
    assert str(told.value).startswith(str(path))


def test_a_roster_file_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_roster(tmp_path / "none.yaml")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError):
        read_roster(tmp_path / "bytes")


def test_models_of_a_run_are_told_apart() -> None:
    with pytest.raises(ValueError, match="two of the models are called 'mutate'"):
        RunConfig(models=(Member(model="mutate"), Member(model="mutate")))
    with pytest.raises(ValueError, match="each names its own `adapter`"):
        RunConfig(models=(Member(model="local"), Member(model="mutate")), adapter="x")
    with pytest.raises(UnknownModelError, match="odd: unknown model"):
        RosterProposer([Member(model="nobody", name="odd"), Member(model="mutate")])
