"""Budgets hold to the last token and the last part of a cent, whatever calls cost and however a run is killed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.amounts import in_units
from gristmill.graph.models.errors import ModelSetupError
from gristmill.graph.records import StopReason
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from tests.forked import Forker
from tests.graph.charging import IN_FLIGHT, NAME, Charging, campaign, config

BOUNDS: dict[StopReason, dict[str, Any]] = {
    StopReason.CALLS: {"calls": 53},
    StopReason.TOKENS: {"tokens": 60_000},
    StopReason.MONEY: {"money": 0.35},
    StopReason.SECONDS: {"seconds": 0.5},
    StopReason.ROUNDS: {"rounds": 2},
}


def held(store: Store, server: Charging, knobs: dict[str, Any]) -> None:
    """What was truly spent is no more than what is counted, and that no more than was allowed."""
    counted = store.account.spending(NAME)
    assert server.bill.tokens <= counted.tokens
    assert server.bill.money <= counted.money
    assert counted.calls <= knobs.get("calls", counted.calls)
    assert counted.tokens <= knobs.get("tokens", counted.tokens)
    assert counted.money <= in_units(knobs["money"]) if "money" in knobs else True


@pytest.mark.parametrize("reason", BOUNDS)
@pytest.mark.parametrize(
    ("how", "trouble", "greatest"), [("honest", 0.0, True), ("honest", 0.3, False), ("lying", 0.1, False)]
)
async def test_no_budget_is_overspent_at_16_calls_in_flight(
    tmp_path: Path, reason: StopReason, how: str, trouble: float, greatest: bool
) -> None:
    knobs = BOUNDS[reason]
    with Charging(how, trouble=trouble, greatest=greatest) as server, Store.open(tmp_path) as store:
        summary = await campaign(store, config(server.model, **knobs))
        held(store, server, knobs)
        assert server.most_at_once <= IN_FLIGHT
        assert summary.stops == {reason: 8}
        if reason in (StopReason.TOKENS, StopReason.MONEY):
            # It was used, too: what is left does not do for one more call at its most.
            assert server.calls > 8
        bound, calls = knobs.get("tokens") or knobs.get("money") or 0, summary.calls
        wider = {reason.value: 3 * bound} if bound else {}
        if wider:
            again = await campaign(store, config(server.model, **wider), resume=True)
            held(store, server, wider)
            assert again.calls > calls
        if reason is StopReason.CALLS:
            assert calls == 53


@pytest.mark.parametrize("knobs", [{"tokens": 60_000}, {"money": 0.35}], ids=str)
async def test_a_server_that_tells_of_more_than_was_asked_for_is_not_asked_again(
    tmp_path: Path, knobs: dict[str, Any]
) -> None:
    with Charging("beyond", greatest=True) as server, Store.open(tmp_path) as store:
        with pytest.raises(ModelSetupError, match=r"900 of an answer, where \d+ and 300 are the most"):
            await campaign(store, config(server.model, **knobs))
        held(store, server, knobs)
        assert server.calls <= IN_FLIGHT + 1
        assert store.summary(NAME).hypotheses > 0


async def test_without_a_budget_of_tokens_it_is_believed(tmp_path: Path) -> None:
    with Charging("beyond") as server, Store.open(tmp_path) as store:
        summary = await campaign(store, config(server.model, rounds=1))
        assert summary.tokens.completion == 900 * summary.calls == 900 * 32


async def test_money_without_a_price_is_the_users_mistake(tmp_path: Path) -> None:
    with Charging() as server, Store.open(tmp_path) as store:
        with pytest.raises(UserError, match=r"has no price \(genai-prices .*--price 0\.4,1\.6"):
            await campaign(store, config(server.model, money=1.0, price=None))
        assert not store.runs()
        assert server.calls == 0


@pytest.fixture(scope="module")
def charging() -> Iterator[str]:
    with Forker("tests.graph.charging:command") as forker:
        yield forker.command


@pytest.mark.parametrize(
    ("database", "knobs"),
    [
        ("sqlite", {"tokens": 200_000}),
        ("sqlite", {"money": 1.4}),
        ("sqlite", {"calls": 150}),
        ("postgresql", {"money": 1.4, "tokens": 10**7}),
    ],
    ids=str,
)
def test_what_kills_have_cut_off_is_paid_for(
    tmp_path: Path, charging: str, database: str, knobs: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    workspace = str(tmp_path) if database == "sqlite" else request.getfixturevalue("postgresql")
    with Charging("lying", trouble=0.1) as server, Store.open(workspace) as store:
        for session, last in enumerate((20, 6, 8, 10**6)):
            how = "resume" if session else "begin"
            command = [charging, workspace, server.model, how, str(last), json.dumps({"rounds": 9, **knobs})]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == (0 if last == 10**6 else -9), done.stderr
            held(store, server, knobs)
        summary = store.summary(NAME)
        assert summary.status == "finished"
        assert summary.repeated > 0
        assert set(summary.stops) == {StopReason(next(iter(knobs)))}
