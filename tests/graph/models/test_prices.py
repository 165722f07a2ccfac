"""What tokens cost: prices that are given, those of the table, and whom nobody pays."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.graph.config import RunConfig
from gristmill.graph.models.mutate.proposer import MutateProposer
from gristmill.graph.models.openai import OpenAIProposer
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.prices import dearest, member_price, most_tokens, prices_of, table
from gristmill.graph.models.resolve import resolve
from gristmill.graph.records import Message, Request, Sampling, Tokens
from gristmill.graph.roster import Member, Price
from gristmill.sandbox.errors import UserError


@pytest.mark.parametrize("model", ["local", "local:/models/x", "mailbox", "replay:r.jsonl", "mutate", "tune"])
def test_nobody_is_paid_for_these(model: str) -> None:
    assert member_price(Member(model=model)) == Price(input=0, output=0)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("openai:gpt-5", Price(input=1.25, output=10, cached=0.125)),
        ("openai:gpt-5@https://api.openai.com/v1", Price(input=1.25, output=10, cached=0.125)),
        # Of prompts of any length, and of any time of day, the dearest.
        ("anthropic:claude-sonnet-4-5", Price(input=6, output=22.5, cached=0.6)),
        ("openai:deepseek-chat@https://api.deepseek.com/v1", Price(input=0.27, output=1.1, cached=0.07)),
        ("google_genai:gemini-2.5-pro", Price(input=2.5, output=15, cached=0.25)),
        # A price for each request besides.
        ("perplexity:sonar-pro", None),
        ("openai:gpt-5@http://127.0.0.1:8000/v1", None),
        ("openai:no-such-model", None),
        ("vllm:Qwen/Qwen3-4B", Price(input=0, output=0)),
        ("nonsense", None),
    ],
)
def test_prices_of_the_table(monkeypatch: pytest.MonkeyPatch, model: str, price: Price | None) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert member_price(Member(model=model)) == price
    assert member_price(Member(model=model, price=Price(input=3, output=4))) == Price(input=3, output=4)


def test_prices_of_a_run_say_whose_they_are() -> None:
    given_ = RunConfig.of(model="openai:q@http://h/v1", price="0.4,1.6")
    assert prices_of(given_).of == {"openai:q@http://h/v1": Price(input=0.4, output=1.6)}
    assert prices_of(given_).words == "prices given"
    mixed = RunConfig.of(models=[{"model": "openai:gpt-5", "name": "big"}, {"model": "local"}], money=1)
    assert prices_of(mixed).words == table() == "genai-prices 0.2.3"
    # What a run was begun with holds, whatever a newer table says.
    assert prices_of(
        RunConfig.of(model="nobody:knows", money=1),
        prices_of(mixed).model_copy(update={"of": {"nobody:knows": Price(input=1, output=1)}}),
    ).of == {"nobody:knows": Price(input=1, output=1)}
    with pytest.raises(UserError, match=r"'x' has no price .* give it a `price` in the file of --models"):
        prices_of(RunConfig.of(models=["local", {"model": "nobody:knows", "name": "x"}], money=1))


def test_a_server_of_the_runs_own_costs_nothing_unless_a_price_is_given() -> None:
    rented, owned = RunConfig.of(model="vllm:m", price="0.05,0.2", money=2), RunConfig.of(model="vllm:m", money=2)
    assert prices_of(owned).of == {"vllm:m": Price(input=0, output=0)}
    assert prices_of(rented).of == {"vllm:m": Price(input=0.05, output=0.2)}
    assert prices_of(rented).words == "prices given"
    request = Request(
        task_id="t",
        round=0,
        sample=0,
        messages=(Message(role="user", content="é" * 90),),
        sampling=Sampling(max_tokens=7),
    )
    most = most_tokens(resolve("vllm:m", options=ModelOptions(vllm_python=Path(sys.executable))), request, {})
    assert most.prompt >= 180, "what is held of the budget before a call"
    assert most.completion == 7


@pytest.mark.parametrize("wrong", ["1", "1,2,3,4", "a,b", "-1,2", "1,1e9", "nan,1", ""])
def test_a_price_is_two_or_three_numbers(wrong: str) -> None:
    with pytest.raises(ValidationError):
        RunConfig.of(price=wrong)


def test_several_models_have_prices_of_their_own() -> None:
    with pytest.raises(ValidationError, match="each has its own `price`"):
        RunConfig.of(models=["local", "mutate"], price="1,2")


PRICE = st.builds(Price, input=st.floats(0, 9), output=st.floats(0, 9), cached=st.none() | st.floats(0, 9))


@given(st.lists(PRICE, min_size=1))
def test_the_dearest_is_no_cheaper_than_any(prices: list[Price]) -> None:
    members = [Member(model="local", name=str(number)) for number in range(len(prices))]
    most = dearest(members, {each.name: price for each, price in zip(members, prices, strict=True)})
    assert all(most.input >= max(each.input, each.cached or 0) and most.output >= each.output for each in prices)


@given(st.lists(st.text(), min_size=1, max_size=4), st.integers(1, 9000))
def test_a_prompt_is_bounded_by_its_bytes(said: list[str], longest: int) -> None:
    messages = tuple(Message(role="user", content=each) for each in said)
    sampling = Sampling(max_tokens=longest)
    request = Request(task_id="t", round=0, sample=0, messages=messages, sampling=sampling)
    most = most_tokens(OpenAIProposer("m", "http://127.0.0.1:1/v1"), request, {})
    assert most.completion == longest
    assert most.prompt >= sum(len(each.encode("utf-8", "surrogatepass")) for each in said)
    with_tools = most_tokens(OpenAIProposer("m", "http://127.0.0.1:1/v1"), request, {"tools": ["x" * 100]})
    assert with_tools.prompt > most.prompt + 100
    assert most_tokens(MutateProposer(), request, {}) == Tokens()
