"""The knobs of a run: the same names in Python, YAML (`--config`) and on the command line, where groups fall away."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Field, field_validator, model_validator

from gristmill.graph.roster import Member, Price, key_and_value, unset_by_us
from gristmill.sandbox.records import Record

__all__ = ["Budget", "Calls", "Prompts", "RunConfig", "Search", "changed", "knobs", "paths"]

C = TypeVar("C", bound=BaseModel)


_LONGEST = {"small": 512, "chat": 4096}
"""Tokens of one reply where nobody says: a chat model reasons before it answers."""


class Calls(Record):
    """How the model is called."""

    temperature: float = Field(0.8, ge=0, le=5, description="of sampling; 0 is greedy")
    top_p: float = Field(0.95, gt=0, le=1, description="nucleus sampling")
    max_tokens: int | None = Field(
        None, ge=1, description="greatest length of one reply; 512 with the prompts for small models, else 4096"
    )
    stop: tuple[str, ...] = Field((), max_length=4, description="a reply ends before this text; at most four")
    concurrency: int = Field(64, ge=1, description="model calls in flight")
    request: dict[str, Any] = Field(
        {},
        description="what else each request says, as KEY=VALUE with VALUE in JSON or as text: top_k=20, min_p=0.05, "
        'chat_template_kwargs={"enable_thinking": false}, extra_body={…}; may be given repeatedly',
    )
    call_timeout: float = Field(600.0, gt=0, description="seconds for one call of the model, to the last byte")
    retry_seconds: float = Field(900.0, ge=0, description="seconds for all tries of one call and the waits between")
    reuse: bool = Field(
        False, description="take what earlier runs of the workspace were answered to the very same request, for nothing"
    )

    price: Price | None = Field(
        None,
        description="dollars for a million tokens of the model, as IN,OUT or IN,OUT,CACHED; default: what the table of "
        "prices says",
    )

    @field_validator("request", mode="before")
    @classmethod
    def _pairs(cls, given: Any) -> Any:
        return dict(map(key_and_value, given)) if isinstance(given, list | tuple) else given

    @field_validator("request")
    @classmethod
    def _not_our_own(cls, given: dict[str, Any]) -> dict[str, Any]:
        return unset_by_us(given)

    def longest(self, profile: Literal["chat", "small"]) -> int:
        """The greatest length of one reply, in tokens."""
        return self.max_tokens or _LONGEST[profile]


class Prompts(Record):
    """What the model is asked."""

    profile: Literal["auto", "chat", "small"] = Field(
        "auto", description="prompts: auto, chat (capable models), or small (few-shot, short answers)"
    )
    ledger: int = Field(
        1000, ge=0, description="tokens by which prompts for capable models tell what was tried before; 0 tells nothing"
    )
    context: int | None = Field(
        None, ge=1, description="tokens of the model's context, a quarter of which bounds --ledger; none: what it says"
    )
    lessons: bool = Field(
        False, description="after each round a capable model writes down what was learned, by one call more a task"
    )
    instructions: int = Field(
        0,
        ge=0,
        le=16,
        description="short instructions that a capable model writes where its search stands still, by one call more "
        "each; hypotheses are told those that bring most for their cost, of so many at most; 0: none",
    )

    @property
    def remembered(self) -> int:
        """Tokens for what was tried before."""
        return self.ledger if self.context is None else min(self.ledger, self.context // 4)


class Search(Record):
    """How a task's hypotheses follow from one another, and when a task is given up."""

    strategy: str = Field(
        "reflect",
        description="what a round builds on: reflect, best_of (nothing), tree (drafts, repairs, what has the best "
        "child), evolve (a population, crossover, islands), pareto (the best at single instances) or auto (learns "
        "which of these pays), or iteration (Eureka's: the best of the last round)",
    )
    hypotheses: int = Field(4, ge=1, le=256, description="hypotheses per task and round")
    rounds: int = Field(3, ge=1, description="rounds per task at most")
    first_pass: bool = Field(
        False, description="ask for a round's hypotheses one after another, up to the first that reaches the target"
    )
    population: int = Field(
        5, ge=1, description="of evolve: hypotheses from scratch that an island begins with, and families that it holds"
    )
    islands: int = Field(4, ge=1, le=64, description="of evolve: open at most; they open where a search stands still")
    features: tuple[str, ...] = Field(
        (),
        max_length=4,
        description="of evolve: what its archive tells apart, as NAME=LOW:HIGH:BINS of a metric or of length, in "
        "characters: length=0:4000:20; may be given repeatedly",
    )
    novelty: bool = Field(
        True, description="refuse, before it is judged, a program that repeats an earlier one under other names"
    )
    halving: bool = Field(
        True,
        description="stop the trainings of a reward or loss that is plainly behind the best one known, over seeds and "
        "within a training",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="rounds without a better best before a task is given up; default: 2 for reflect and best_of, as "
        "many as hold 400 hypotheses for the others, more with many islands or a large population",
    )
    same: int | None = Field(
        None,
        ge=1,
        description="rounds in a row without anything new before a task is given up; default: 1 for reflect and "
        "best_of, as many as hold 100 hypotheses for the others",
    )
    ahead: int = Field(
        0,
        ge=0,
        le=64,
        description="rounds of a task that are asked for while earlier ones are still answered or judged; each builds "
        "on what stood that many rounds further back, and a search ends that many rounds later",
    )

    rank: str | None = Field(
        None, description="judge a round in the order of this model's rewards: reward:NAME of a SER, or of a folder"
    )
    judge_first: int | None = Field(
        None,
        ge=1,
        description="with --rank: judge so many of a round, then as many again, until one reaches the target",
    )

    @model_validator(mode="after")
    def _one_after_another(self) -> Self:
        if self.ahead and self.first_pass:
            raise ValueError("first_pass asks for one hypothesis after another, so nothing may be asked for ahead")
        if self.rank and (self.ahead or self.first_pass):
            raise ValueError("rank sets whole rounds in order, one after another: leave out ahead and first_pass")
        if self.judge_first and not self.rank:
            raise ValueError("judge_first (--judge-first) needs rank (--rank), which says which are the first")
        return self


class Budget(Record):
    """What a whole run may spend; None is without bound."""

    calls: int | None = Field(None, ge=1, description="budget of the whole run: model calls")
    tokens: int | None = Field(None, ge=1, description="budget of the whole run: prompt and completion tokens")
    seconds: float | None = Field(None, gt=0, description="budget of the whole run: wall time")
    money: float | None = Field(
        None, gt=0, le=1e6, allow_inf_nan=False, description="budget of the whole run: dollars, by the models' prices"
    )


class RunConfig(Record):
    """How a run searches."""

    model: str = Field(
        "local",
        description="what proposes: local, local:PATH, openai:NAME@URL, vllm:NAME, PROVIDER:NAME, replay:FILE, "
        "mailbox: whoever is at hand, or no model: mutate or tune",
    )
    models: tuple[Member, ...] = Field(
        (),
        description="several models, in place of `model` and `adapter`, each with weight, price and limits",
    )
    adapter: str | None = Field(None, description="name or path of a LoRA adapter")
    seed: int = Field(0, description="of sampling")
    sandbox: str = Field(
        "auto",
        pattern=r"^(auto|bubblewrap|docker(:[\w.-]+)?)$",
        description="where candidates run: auto, docker, docker:RUNTIME or bubblewrap",
    )
    workers: int | None = Field(None, ge=1, description="candidates at a time; default: what this machine holds")
    confirm: bool = Field(True, description="re-run a pass on a fresh worker before it is recorded")
    accept: Literal["verified", "split", "together"] = Field(
        "verified",
        description="what counts as a pass: split takes tests of which only the assertions can be judged apart; "
        "together, besides, what passes beside its tests alone",
    )
    calls: Calls = Calls()
    prompts: Prompts = Prompts()
    search: Search = Search()
    budget: Budget = Budget()

    @classmethod
    def of(cls, **knobs: Any) -> Self:
        """A configuration from flat knob names, as the command line has them: ``RunConfig.of(rounds=5, calls=100)``.

        Raises:
            TypeError: there is no knob of that name.
            pydantic.ValidationError: a value is out of its bounds.
        """
        return cls().changed(**knobs)

    def changed(self, **knobs: Any) -> Self:
        """The same with these knobs, by flat name, set; raises as `of` does."""
        return changed(self, knobs)

    @property
    def members(self) -> tuple[Member, ...]:
        """Who may be asked: `models`, or the one model."""
        return self.models or (Member(model=self.model, adapter=self.adapter, price=self.calls.price),)

    @property
    def member_names(self) -> str:
        """The models in words."""
        return ", ".join(each.name for each in self.members)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [each.name for each in self.models]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two of the models are called {twice!r}: give each a `name` of its own")
        if self.models and self.adapter is not None:
            raise ValueError("with several models, each names its own `adapter`")
        if self.models and self.calls.price is not None:
            raise ValueError("with several models, each has its own `price`, in the file of --models")
        return self

    @model_validator(mode="before")
    @classmethod
    def _grouped(cls, values: Any) -> Any:
        """A knob beside its group is told where it belongs."""
        for knob in values if isinstance(values, dict) else ():
            # A store is full of configurations, whose names are all fields: only for another one is it looked up.
            if knob not in cls.model_fields and len(path := paths(cls).get(knob, ())) > 1:
                raise ValueError(f"`{knob}` belongs under `{path[0]}`: {path[0]}: {{{knob}: {values[knob]}}}")
        return values


def paths(model: BaseModel | type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Flat knob name → where it stands in `model`, groups first. Groups themselves are no knobs.

    A name that an outer or an earlier group has taken stands with its group's name before it: ``search_rounds``.
    """
    kind = model if isinstance(model, type) else type(model)
    groups: dict[str, type[BaseModel]] = {}
    for name, field in kind.model_fields.items():
        if among := choice_of(field.annotation):
            groups[name] = among[0] if len(among) == 1 or isinstance(model, type) else type(getattr(model, name))
    places: dict[str, tuple[str, ...]] = {name: (name,) for name in kind.model_fields if name not in groups}
    for group, inner in groups.items():
        for knob, path in paths(inner).items():
            whole = (group, *path)
            places[f"{whole[-2]}_{whole[-1]}" if knob in places else knob] = whole
    return places


def choice_of(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The groups that may stand at a field: one, several to choose from, or none where it is a knob."""
    union = get_origin(annotation) in (Union, types.UnionType)
    parts = [get_args(part)[0] if get_origin(part) is Annotated else part for part in get_args(annotation)]
    among = parts if union else [annotation]
    return tuple(among) if all(isinstance(each, type) and issubclass(each, BaseModel) for each in among) else ()


def knobs(config: BaseModel) -> dict[str, Any]:
    """Every knob's value by its flat name."""
    return {knob: functools.reduce(getattr, path, config) for knob, path in paths(config).items()}


def changed(config: C, values: Mapping[str, Any]) -> C:
    """The same configuration with these knobs, by flat name, set.

    Raises:
        TypeError: there is no knob of that name.
        pydantic.ValidationError: a value is out of its bounds.
    """
    where, whole = paths(config), config.model_dump()
    for knob, value in values.items():
        if knob not in where:
            raise TypeError(f"no knob is named {knob!r}; there are {', '.join(where)}")
        *groups, name = where[knob]
        functools.reduce(dict.__getitem__, groups, whole)[name] = value
    return type(config).model_validate(whole)
