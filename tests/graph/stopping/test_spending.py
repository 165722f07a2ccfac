"""Laws of the budget: whatever calls take, and in whatever order they come and end, nothing is exceeded."""

from __future__ import annotations

import asyncio
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.amounts import NOTHING, UNITS, Amount, charged, cost, dollars, in_units, in_words
from gristmill.graph.config import Budget
from gristmill.graph.records import StopReason, Tokens
from gristmill.graph.roster import Price
from gristmill.graph.stopping.metering import Meter
from gristmill.graph.stopping.spending import Purse, Spending

PRICES = st.builds(
    Price,
    input=st.decimals(0, 500, places=4).map(float),
    output=st.decimals(0, 500, places=4).map(float),
    cached=st.none() | st.decimals(0, 500, places=4).map(float),
)
TOKENS = st.builds(
    lambda prompt, completion, share: Tokens(prompt=prompt, completion=completion, cached=int(prompt * share)),
    st.integers(0, 3000),
    st.integers(0, 500),
    st.floats(0, 1),
)
BUDGETS = st.builds(
    Budget,
    calls=st.none() | st.integers(1, 60),
    tokens=st.none() | st.integers(1, 60_000),
    money=st.none() | st.decimals("0.0001", "0.5", places=6).map(float),
)


def within(spent: Amount, budget: Budget) -> bool:
    """Whether what is spent is within its bounds."""
    bounds = budget.calls, budget.tokens, None if budget.money is None else Fraction(str(budget.money)) * UNITS
    return all(bound is None or value <= bound for value, bound in zip(spent, bounds, strict=True))


@given(PRICES, TOKENS)
def test_what_tokens_cost_is_exact(price: Price, tokens: Tokens) -> None:
    each = Fraction(str(price.input)), Fraction(str(price.output)), Fraction(str(price.cached or 0))
    cached = each[0] if price.cached is None else each[2]
    whole = each[0] * (tokens.prompt - tokens.cached) + cached * tokens.cached + each[1] * tokens.completion
    assert Fraction(cost(price, tokens), UNITS) == whole / 10**6
    assert cost(None, tokens) == 0


@given(st.decimals("0.000001", "1000000", places=6))
def test_a_budget_of_money_is_no_larger_than_it_says(given_: object) -> None:
    amount = float(str(given_))
    assert Fraction(in_units(amount), UNITS) <= Fraction(repr(amount))
    assert dollars(in_units(amount)) == pytest.approx(amount, rel=1e-9)


def test_money_in_words() -> None:
    said = [in_words(each) for each in (0, in_units(2), 2.0, 1234.5, 0.25, in_units(0.0037), 0.00002)]
    assert said == ["$0.00", "$2.00", "$2.00", "$1,234.50", "$0.250", "$0.0037", "$0.00002"]


@given(BUDGETS, PRICES, st.lists(st.tuples(TOKENS, st.integers(1, 4), st.floats(0, 1)), max_size=40), st.randoms())
def test_calls_in_flight_never_exceed_a_bound(
    budget: Budget, price: Price, calls: list[tuple[Tokens, int, float]], order: random.Random
) -> None:
    """Each call: (the most of one try, tries, which part of that a try takes, told or not)."""

    async def work() -> tuple[Spending, list[StopReason | None], Amount]:
        spending, true = Spending(budget), NOTHING

        async def one(most: Tokens, tries: int, part: float) -> StopReason | None:
            nonlocal true
            meter = Meter(spending, most, price)
            if (refused := await meter.reserve()) is not None:
                return refused
            meter.made()
            true = true.plus(Amount(calls=1))
            for _ in range(tries):
                if not await meter.again():
                    return meter.refused
                prompt, completion = int(most.prompt * part), int(most.completion * part)
                took = Tokens(prompt=prompt, completion=completion, cached=min(most.cached, prompt))
                # What is spent is spent when the request goes out.
                true = true.plus(charged(price, took))
                assert within(true, budget)
                for _ in range(order.randrange(4)):
                    await asyncio.sleep(0)
                lie = order.randrange(4)
                meter.over(None if lie == 0 else took + Tokens(completion=9999) if lie == 1 else took)
            meter.close()
            assert within(spending.spent, budget)
            return None

        answers = await asyncio.wait_for(asyncio.gather(*(one(*each) for each in calls)), 120)
        return spending, list(answers), true

    spending, answers, true = asyncio.run(work())
    assert within(spending.spent, budget)
    assert all(taken <= counted for taken, counted in zip(true, spending.spent, strict=True))
    bounds = {StopReason.CALLS: budget.calls, StopReason.TOKENS: budget.tokens, StopReason.MONEY: budget.money}
    assert all(bounds[reason] is not None for reason in answers if reason is not None)


@given(BUDGETS, st.lists(st.integers(0, 5000), min_size=1, max_size=30))
def test_what_was_not_used_is_free_again(budget: Budget, asked: list[int]) -> None:
    purse = Purse(budget)
    for tokens in asked:
        amount = Amount(tokens=tokens)
        before = purse.refuses(amount)
        if before is None:
            purse.hold(amount)
            purse.settle(amount, NOTHING)
        assert purse.refuses(amount) is before
    assert (purse.spent, purse.held, purse.open) == (NOTHING, NOTHING, 0)
    with pytest.raises(ValueError, match="is more than"):
        purse.settle(Amount(tokens=1), Amount(tokens=2))


async def test_a_call_waits_for_what_others_may_give_back_and_is_refused_where_none_can() -> None:
    spending = Spending(Budget(tokens=100))
    large = Amount(calls=1, tokens=80)
    assert await spending.reserve(large) is None
    second, third = (asyncio.create_task(spending.reserve(each)) for each in (large, Amount(calls=1, tokens=5)))
    await asyncio.sleep(0.01)
    # The third would fit, and does not overtake.
    assert not second.done()
    assert not third.done()
    spending.settle(large, Amount(calls=1, tokens=10))
    assert (await second, await third) == (None, None)
    fourth = asyncio.create_task(spending.reserve(large))
    await asyncio.sleep(0)
    spending.settle(large, large)
    spending.settle(Amount(calls=1, tokens=5), NOTHING)
    assert await fourth is StopReason.TOKENS
    assert spending.spent == Amount(calls=2, tokens=90)


async def test_who_waits_and_is_cancelled_or_late_holds_nothing() -> None:
    spending = Spending(Budget(tokens=100, seconds=0.3))
    whole = Amount(calls=1, tokens=100)
    assert await spending.reserve(whole) is None
    waiting = [asyncio.create_task(spending.reserve(whole)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    # Given and cancelled in the same turn.
    spending.settle(whole, NOTHING)
    waiting[1].cancel()
    assert (await asyncio.gather(*waiting, return_exceptions=True))[2] is None
    assert await spending.reserve(whole) is StopReason.SECONDS
    spending.settle(whole, NOTHING)
    assert spending.spent == NOTHING


async def test_a_try_is_held_before_it_is_made_and_kept_of() -> None:
    kept: list[Amount] = []

    async def grown(amount: Amount) -> None:
        kept.append(amount)

    spending = Spending(Budget(tokens=250))
    meter = Meter(spending, Tokens(prompt=60, completion=40), None, grown)
    assert await meter.reserve() is None
    assert meter.counted == Amount(1, 100)
    assert await meter.again()
    meter.over(Tokens(prompt=9, completion=1))
    assert await meter.again()
    meter.over(None)
    assert await meter.again()
    assert kept == [Amount(1, 110), Amount(1, 210)]
    meter.over(Tokens(prompt=70, completion=30))
    assert (meter.charged, meter.beyond) == (Amount(1, 200), Tokens(prompt=10))
    assert not await meter.again()
    assert meter.refused is StopReason.TOKENS
    assert spending.spent == Amount(1, 200)
