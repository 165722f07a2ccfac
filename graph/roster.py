"""Who may be asked in one run, where there are several, and how one of them is drawn: records and a pure function."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from gristmill.sandbox.records import Record

__all__ = ["Limits", "Member", "Price", "Rates", "drawn", "key_and_value", "rates", "unset_by_us"]

_OWN = frozenset("model messages stream n temperature top_p max_tokens max_completion_tokens seed stop timeout".split())
"""Fields of a request that other knobs, or nobody, may set."""
_DEAREST = 1e5
"""Dollars for a million tokens that a price may be at most."""


def unset_by_us(given: dict[str, Any]) -> dict[str, Any]:
    """Further fields of a request, as they are.

    Raises:
        ValueError: one of them has a knob of its own, or looks like a key, which would be stored.
    """
    body = given.get("extra_body")
    for name in (*given, *(body if isinstance(body, dict) else ())):
        if name in _OWN:
            raise ValueError(f"`{name}` is set by gristmill; it has an option of its own, or cannot be changed")
        if re.search(r"key|token$|secret|password|authorization|headers", name, re.IGNORECASE):
            raise ValueError(f"`{name}`: a run's configuration is stored; keys belong into the environment")
    if body is not None and not isinstance(body, dict):
        raise ValueError("`extra_body` must be an object in JSON")
    return given


def key_and_value(text: Any) -> tuple[str, Any]:
    """A field of a request from the command line: ``top_k=20`` → ("top_k", 20)."""
    name, sign, value = str(text).partition("=")
    if not sign or not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
        raise ValueError(f"{text!r} is not KEY=VALUE, e.g. top_k=20")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


class Price(Record):
    """What a million of a model's tokens cost, in dollars."""

    input: float = Field(ge=0, le=_DEAREST, allow_inf_nan=False, description="of a prompt")
    output: float = Field(ge=0, le=_DEAREST, allow_inf_nan=False, description="of an answer, reasoning included")
    cached: float | None = Field(
        None, ge=0, le=_DEAREST, allow_inf_nan=False, description="of what the server had in its cache; None: as input"
    )

    @model_validator(mode="before")
    @classmethod
    def _said_shortly(cls, given: Any) -> Any:
        """As the command line has it: ``0.4,1.6`` or ``0.4,1.6,0.1``."""
        if not isinstance(given, str):
            return given
        numbers = [each.strip() for each in given.split(",")]
        if len(numbers) not in (2, 3) or not all(map(_is_number, numbers)):
            raise ValueError(f"{given!r} is not IN,OUT or IN,OUT,CACHED, dollars for a million tokens, e.g. 0.4,1.6")
        return dict(zip(("input", "output", "cached"), map(float, numbers), strict=False))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Limits(Record):
    """How much a model may be asked; None is without bound. A call waits for its turn and is never dropped."""

    calls_per_minute: int | None = Field(None, ge=1, description="calls that are begun within any 60 seconds")
    tokens_per_minute: int | None = Field(
        None, ge=1, description="tokens of calls that are begun within any 60 seconds, prompt and answer"
    )
    concurrency: int | None = Field(None, ge=1, description="calls in flight")


class Member(Record):
    """One of the models of a run. What it does not say is as the run says it."""

    model: str = Field(description="as --model takes it")
    name: str = Field("", description="what plans, rows and reports call it; default: the model")
    weight: float = Field(1.0, gt=0, allow_inf_nan=False, description="of its share where no plan names a model")
    adapter: str | None = Field(None, description="name or path of a LoRA adapter")
    price: Price | None = Field(None, description="of a million tokens")
    limits: Limits = Limits()
    profile: Literal["auto", "chat", "small"] | None = Field(None, description="its prompts")
    temperature: float | None = Field(None, ge=0, le=5, description="of sampling; a plan's own goes before it")
    top_p: float | None = Field(None, gt=0, le=1, description="nucleus sampling")
    max_tokens: int | None = Field(None, ge=1, description="greatest length of one reply")
    request: dict[str, Any] = Field({}, description="further fields of each request, beside those of the run")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """A model string by itself is a member too; one without a name is called by its model and adapter."""
        given = {"model": given} if isinstance(given, str) else given
        if not isinstance(given, dict) or given.get("name"):
            return given
        adapter = given.get("adapter")
        return {**given, "name": f"{given.get('model', '')}{f' + {adapter}' if adapter else ''}"}

    @field_validator("request")
    @classmethod
    def _not_our_own(cls, given: dict[str, Any]) -> dict[str, Any]:
        return unset_by_us(given)


class Rates(NamedTuple):
    """What tokens count for in a search, against one of an answer by the cheapest model of the run that has a price."""

    prompt: float = 0.25
    answer: float = 1.0
    cached: float = 0.25


def rates(members: Sequence[Member]) -> Mapping[str, Rates]:
    """What tokens of each member count for, by its name: by price, where it has one and any is more than nothing.

    Members without a price count as the cheapest one does, four tokens of a prompt as one of an answer.
    """
    priced = [(each.name, each.price) for each in members if each.price is not None]
    unit = min((price.output for _, price in priced if price.output > 0), default=0.0)
    if not unit:
        return {}
    return {
        name: Rates(
            prompt=price.input / unit,
            answer=price.output / unit,
            cached=(price.input if price.cached is None else price.cached) / unit,
        )
        for name, price in priced
    }


def drawn(members: Sequence[Member], run_seed: int, task_id: str, round: int, sample: int) -> Member:
    """One of these, by weight: the same for a place of a run whenever and wherever it is asked.

    Each member has a number of its own at each place, and the smallest of −ln(u) / weight is taken (weighted rendezvous
    hashing, Schindelhauer & Schomaker 2005): shares are as the weights, the order of members plays no part, and where
    one is left out its places go to the others by their weights while all other places stay whose they were.
    """

    def waits(member: Member) -> tuple[float, str]:
        text = f"model\n{run_seed}\n{task_id}\n{round}\n{sample}\n{member.name}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
        return -math.log((number + 0.5) / 2**64) / member.weight, member.name

    return min(members, key=waits)
