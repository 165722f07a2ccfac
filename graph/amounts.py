"""What calls cost, in whole numbers: sums of any order and length are exact, so that a budget holds to the last."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from gristmill.graph.records import Tokens
from gristmill.graph.roster import Price

__all__ = ["NOTHING", "UNITS", "Amount", "charged", "cost", "dollars", "in_units", "in_words"]

UNITS = 10**12
"""Units of money in a dollar: a millionth of the price of a million tokens is a whole number of them."""
_MILLION = 10**6


class Amount(NamedTuple):
    """So many calls, tokens (of prompts and answers) and units of money."""

    calls: int = 0
    tokens: int = 0
    money: int = 0

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.money + other.money)

    def minus(self, other: Amount) -> Amount:
        """The one without the other."""
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.money - other.money)


NOTHING = Amount()


def in_units(amount: float) -> int:
    """Dollars in units of money, rounded down: for what may be spent."""
    return int((Decimal(repr(amount)) * UNITS).to_integral_value(ROUND_FLOOR))


def dollars(money: int) -> float:
    """Units of money in dollars, to the nearest number."""
    return money / UNITS


def cost(price: Price | None, tokens: Tokens) -> int:
    """What tokens cost, in units of money; without a price nothing. Rounded up by token."""
    if price is None:
        return 0
    cached = price.input if price.cached is None else price.cached
    fresh = tokens.prompt - tokens.cached
    return _each(price.input) * fresh + _each(cached) * tokens.cached + _each(price.output) * tokens.completion


def charged(price: Price | None, tokens: Tokens) -> Amount:
    """What a call has taken that took these tokens, the call itself left out."""
    return Amount(0, tokens.prompt + tokens.completion, cost(price, tokens))


def in_words(money: int | float) -> str:
    """Money for people: units of it where it is a whole number, else dollars."""
    amount = dollars(money) if isinstance(money, int) else money
    if amount == 0 or amount >= 1:
        return f"${amount:,.2f}"
    # Two figures, never as a power of ten.
    return f"${Decimal(f'{amount:.2g}'):f}" if amount < 0.01 else f"${amount:.3f}"


def _each(price: float) -> int:
    """Units of money for one token, from dollars for a million of them."""
    return int((Decimal(repr(price)) * (UNITS // _MILLION)).to_integral_value(ROUND_CEILING))
