"""What a run may cost, said before anything is spent: at most, and typically, by what earlier runs have taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from gristmill.graph.amounts import cost, dollars
from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import UNPROMPTED
from gristmill.graph.models.prices import Prices, dearest, most_tokens_of
from gristmill.graph.prompts.messages import choose_profile, messages_for
from gristmill.graph.records import Tokens
from gristmill.graph.roster import Member
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Usual
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Task

__all__ = ["Estimate", "Figures", "estimate"]

_FEEDBACK = 4000
"""Tokens that a later prompt may tell of verdicts, besides a parent and what was tried before."""
_RUNS = 5


class Figures(Record):
    """Calls and what they take."""

    calls: int
    tokens: int
    money: float | None = Field(description="dollars; None where a model has no price")
    seconds: float | None = Field(None, description="wall time; None where it is not known")


class Estimate(Record):
    """What a whole run may take, earlier sessions included."""

    most: Figures = Field(description="what it takes at most; of seconds, its budget")
    firm: bool = Field(
        description="whether `most` holds by a budget of tokens or money; else it leaves out what is tried again, and "
        "guesses the prompts of later rounds"
    )
    typical: Figures | None = Field(description="what runs like it have taken; None where there were none")
    like: tuple[str, ...] = Field((), description="these runs of the workspace, which asked the same models")
    spent: Figures | None = Field(None, description="what earlier sessions have taken, of a run that goes on")
    prices: Prices


def estimate(
    store: Store, config: RunConfig, tasks: Sequence[Task], prices: Prices, *, resumed: str | None = None
) -> Estimate:
    """What a run with this configuration may take.

    Args:
        store: of the workspace, whose earlier runs with the same models say what is typical.
        config, tasks, prices: of the run.
        resumed: name of the run, if it is there.
    """
    calls, first = _calls(config, len(tasks)), _first(config, tasks)
    later = _later(config, first)
    begun = min(calls, len(tasks) * config.search.hypotheses)
    most_tokens = begun * _sum(first) + (calls - begun) * _sum(later)
    price = dearest(config.members, prices.of)
    money = begun * cost(price, first) + (calls - begun) * cost(price, later)
    budget, priced = config.budget, all(each.name in prices.of for each in config.members)
    if budget.tokens is not None:
        one = max(cost(price, Tokens(prompt=1)), cost(price, Tokens(completion=1)))
        money = budget.tokens * one
    most = Figures(
        calls=calls,
        # Tries after trouble may take up a budget that calls which go well do not need.
        tokens=budget.tokens or most_tokens,
        money=None if not priced else budget.money if budget.money and money else dollars(money),
        seconds=budget.seconds,
    )
    found = _like(store, config, resumed)
    return Estimate(
        most=most,
        firm=budget.tokens is not None or bool(budget.money and most.money) or most.tokens == 0,
        typical=_typical(config, tasks, prices, most, list(found.values())),
        like=tuple(found),
        spent=_spent(store, resumed) if resumed is not None else None,
        prices=prices,
    )


def _calls(config: RunConfig, tasks: int) -> int:
    """Calls at most: a reply that builds on another may have to be repaired, and a round may be learned from
    and be followed by an instruction."""
    search = config.search
    builds = 1 if search.strategy == "best_of" else 2
    a_task = search.hypotheses * (1 + builds * (search.rounds - 1))
    written = config.prompts.lessons + bool(config.prompts.instructions)
    whole = tasks * (a_task + (written * (search.rounds - 1) if search.strategy != "best_of" else 0))
    return whole if config.budget.calls is None else min(whole, config.budget.calls)


def _first(config: RunConfig, tasks: Sequence[Task]) -> Tokens:
    """What a call of the first round takes at most."""
    prompt = answer = 0
    for member in config.members:
        if member.model in UNPROMPTED:
            continue
        profile = choose_profile(member.profile or config.prompts.profile, member.model)
        fields = {**config.calls.request, **member.request}
        longest = member.max_tokens or config.calls.longest(profile)
        for task in tasks:
            messages = messages_for(task, profile=profile, round=0)
            prompt = max(prompt, most_tokens_of(messages, longest, fields).prompt)
        answer = max(answer, longest)
    return Tokens(prompt=prompt, completion=answer)


def _later(config: RunConfig, first: Tokens) -> Tokens:
    """What a call of a later round takes: its prompt shows a parent, an inspiration, feedback and what was tried."""
    if not first.completion:
        return first
    shown = 0
    if config.search.strategy != "best_of":
        shown = 2 * first.completion + _FEEDBACK + config.prompts.remembered
    prompt = first.prompt + shown
    if (holds := config.prompts.context) is not None:
        prompt = min(prompt, max(0, holds - 1))
    return Tokens(prompt=prompt, completion=first.completion)


def _like(store: Store, config: RunConfig, name: str | None) -> Mapping[str, Usual]:
    """The last runs that asked the same models, and the run itself where it is there."""
    asked = _models(config.members)
    names = [each.name for each in store.runs() if _models(each.config.members) == asked or each.name == name]
    found = ((name, store.account.usual(name)) for name in reversed(names))
    known = [(name, usual) for name, usual in found if usual is not None]
    return dict(known[:_RUNS])


def _models(members: Sequence[Member]) -> frozenset[tuple[str, str | None]]:
    return frozenset((each.model, each.adapter) for each in members)


def _typical(
    config: RunConfig, tasks: Sequence[Task], prices: Prices, most: Figures, found: Sequence[Usual]
) -> Figures | None:
    """By what calls took in runs like it, where no task ends early and nothing is repaired."""
    answered = sum(each.calls for each in found)
    if not answered:
        return None
    calls = min(most.calls, len(tasks) * config.search.rounds * config.search.hypotheses)
    tokens = sum(_sum(each.tokens) for each in found) / answered
    if tokens and config.budget.tokens is not None:
        calls = min(calls, int(config.budget.tokens / tokens))
    money = None
    if most.money is not None:
        weights = sum(each.weight for each in config.members)
        whole = sum((each.tokens for each in found), start=Tokens())
        each_call = sum(each.weight / weights * cost(prices.of[each.name], whole) for each in config.members) / answered
        if each_call and config.budget.money is not None:
            calls = min(calls, int(config.budget.money / dollars(round(each_call))))
        money = dollars(round(calls * each_call))
    at_once = min(config.calls.concurrency, len(tasks) * config.search.hypotheses) or 1
    seconds = sum(each.seconds for each in found) / answered * calls / at_once
    if config.budget.seconds is not None:
        seconds = min(seconds, config.budget.seconds)
    return Figures(calls=calls, tokens=round(tokens * calls), money=money, seconds=seconds)


def _spent(store: Store, run: str) -> Figures:
    spent = store.account.spending(run)
    seconds = store.get_run(run).seconds
    return Figures(calls=spent.calls, tokens=spent.tokens, money=dollars(spent.money), seconds=seconds)


def _sum(tokens: Tokens) -> int:
    return tokens.prompt + tokens.completion
