"""What the tokens of a model cost, and the greatest that one call of it may cost.

A price that a run gives holds. Others are of the table that the library `genai-prices` carries; it is never asked of
the network. Of a price that hangs on the length of a prompt or on the time of day the greatest holds, so that what is
reserved by it is enough at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer, bounded_by
from gristmill.graph.records import Message, Request, Tokens
from gristmill.graph.roster import Member, Price
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record

__all__ = ["PRICES", "Prices", "dearest", "member_price", "most_tokens", "most_tokens_of", "prices_of", "table"]

PRICES = "prices"
"""The kind of document that holds the prices of a run: its owner is the run, its key empty."""

FREE = ("local", "vllm", "mailbox", "replay", "mutate", "tune")
"""Forms of models that nobody is paid for: they run here. Who rents what they run on gives a price."""
_TEMPLATE, _EACH = 512, 16
"""Tokens that a chat template may put around a whole prompt, a system prompt of its own included, and a message."""
_PROVIDERS = {
    "anthropic_bedrock": "aws",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "bedrock_mantle_anthropic": "aws",
    "bedrock_mantle_openai": "aws",
    "google_anthropic_vertex": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistralai": "mistral",
    "xai": "x-ai",
}
"""LangChain's names of providers that the table calls by another one."""


class Prices(Record):
    """The prices of a run, fixed when it begins: a newer table does not change what it has spent."""

    table: str = Field(description="the table that prices not given are of, with its version")
    of: dict[str, Price] = Field(description="by the name of the model in the run; one that is missing has no price")
    given: tuple[str, ...] = Field((), description="those that the run gives itself")

    @property
    def words(self) -> str:
        """Where they are from."""
        if not self.given:
            return self.table
        others = any(price.input or price.output for name, price in self.of.items() if name not in self.given)
        return f"prices given and {self.table}" if others else "prices given"


def table() -> str:
    """The table of prices and its version."""
    return f"genai-prices {version('genai-prices')}"


def prices_of(config: RunConfig, stored: Prices | None = None) -> Prices:
    """The price of each model of a run, where it has one.

    Args:
        config: of the run.
        stored: those that it was begun with, if it was.

    Raises:
        UserError: there is a budget of money, and a model has no price; says how to give one.
    """
    prices = stored or Prices(
        table=table(),
        of={each.name: price for each in config.members if (price := member_price(each)) is not None},
        given=tuple(each.name for each in config.members if each.price is not None),
    )
    missing = [each.name for each in config.members if each.name not in prices.of]
    if config.budget.money is not None and missing:
        how = (
            f"give it a `price` in the file of --models: {{model: {missing[0]}, price: {{input: 0.4, output: 1.6}}}}"
            if config.models
            else "give it by --price IN,OUT[,CACHED], in dollars for a million tokens: --price 0.4,1.6"
        )
        raise UserError(
            f"--money: the model {missing[0]!r} has no price ({prices.table} does not know it), so that no budget of "
            f"money can be held; {how} (0,0 if it costs nothing)"
        )
    return prices


def member_price(member: Member) -> Price | None:
    """What a member's tokens cost: as it says, else nothing where nobody is paid, else by the table; None: unknown."""
    if member.price is not None:
        return member.price
    form, _, rest = member.model.partition(":")
    if form in FREE:
        return Price(input=0, output=0)
    if not rest:
        return None
    if form == "openai" and "@" in rest:
        at = rest.find("@http") if "@http" in rest else rest.index("@")
        name, url = rest[:at], rest[at + 1 :]
        # On this machine nobody is in the table, which takes a while to read.
        return None if _is_here(url) else _of_table(name, None, url)
    return _of_table(rest, _PROVIDERS.get(form, form), None)


def dearest(members: Sequence[Member], prices: Mapping[str, Price]) -> Price:
    """What tokens cost at most where it is not yet known which of these is asked; without any price, nothing."""
    known = [prices[each.name] for each in members if each.name in prices]
    return Price(
        input=max((max(each.input, each.cached or 0) for each in known), default=0),
        output=max((each.output for each in known), default=0),
    )


def most_tokens(proposer: Proposer, request: Request, fields: Mapping[str, Any]) -> Tokens:
    """Tokens that one answer to a request may take at most.

    A token is at least a byte of what is asked, so that bytes bound a prompt from above; a proposer that knows better
    says so by `most_tokens(request)`. An answer ends at `max_tokens`, reasoning included.

    Args:
        proposer: who is asked.
        request: what.
        fields: further fields of the request: some, as tools, are part of a prompt.
    """
    if (known := bounded_by(proposer, request)) is not None:
        return known
    return most_tokens_of(request.messages, request.sampling.max_tokens, fields)


def most_tokens_of(messages: Sequence[Message], longest: int, fields: Mapping[str, Any]) -> Tokens:
    """As `most_tokens`, of messages and the greatest length of an answer."""
    said = sum(len(each.content.encode("utf-8", "surrogatepass")) + _EACH for each in messages)
    more = len(json.dumps(fields, default=str)) if fields else 0
    return Tokens(prompt=said + more + _TEMPLATE, completion=longest)


def _of_table(name: str, provider: str | None, url: str | None) -> Price | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, model = get_snapshot().find_provider_model(name, None, provider, url)
    except LookupError:
        return None
    found = [_flat(each) for each in _every(model.prices)]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    return Price(
        input=max(each.input for each in known),
        output=max(each.output for each in known),
        cached=max(each.input if each.cached is None else each.cached for each in known),
    )


def _is_here(url: str) -> bool:
    try:
        return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    except ValueError:
        return False


def _every(prices: Any) -> Iterator[Any]:
    """All prices of a model, whatever they hang on."""
    for each in prices if isinstance(prices, list) else [prices]:
        yield getattr(each, "prices", None) or each


def _flat(price: Any) -> Price | None:
    """One price of the table as ours; None where a call costs something besides tokens, or too little is known."""
    of = {name: value for name, value in vars(price).items() if value is not None and not name.startswith("_")}
    prompt, cached = _greatest(of.get("input_mtok")), _greatest(of.get("cache_read_mtok"))
    answers = [_greatest(of.get(name)) for name in ("output_mtok", "output_reasoning_mtok", "output_citation_mtok")]
    answer = max((each for each in answers if each is not None), default=None)
    if prompt is None or answer is None or "requests_kcount" in of:
        return None
    return Price(input=float(prompt), output=float(answer), cached=None if cached is None else float(cached))


def _greatest(price: Any) -> Decimal | None:
    """Of a price that grows with the prompt, the last."""
    tiers = [each.price for each in getattr(price, "tiers", ())]
    base = getattr(price, "base", price)
    return None if base is None else max([base, *tiers])
