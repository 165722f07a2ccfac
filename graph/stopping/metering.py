"""What one call has taken, try by try: each is held at its most before it is made, and charged once it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gristmill.graph.amounts import NOTHING, Amount, charged
from gristmill.graph.records import StopReason, Tokens
from gristmill.graph.roster import Price
from gristmill.graph.stopping.spending import Spending

__all__ = ["Meter"]


class Meter:
    """The account of one call.

    What a server tells of a try is believed up to the most that the try may take: what it tells beyond that was not
    asked for, is not charged, and is kept in `beyond`. A try of which nothing is known is charged at its most.

    Args:
        spending: the budget.
        most: tokens that one try may take.
        price: of these; None where there is none.
        grown: hears what is held and charged for the call by now, before a further try is made: what is kept of the
            call must be at least that.
    """

    def __init__(
        self,
        spending: Spending,
        most: Tokens,
        price: Price | None,
        grown: Callable[[Amount], Awaitable[None]] | None = None,
    ) -> None:
        self.most = most
        self.charged = NOTHING
        self.beyond = Tokens()
        self.refused: StopReason | None = None
        self._spending = spending
        self._price = price
        self._grown = grown
        self._one = charged(price, Tokens(prompt=most.prompt, completion=most.completion))
        if price is not None and price.cached is not None and price.cached > price.input:
            self._one = charged(price, Tokens(prompt=most.prompt, completion=most.completion, cached=most.prompt))
        self._held: Amount | None = None
        self._fresh = self._begun = False

    @property
    def counted(self) -> Amount:
        """What the call counts as by now: what is charged, and what is held for the try in flight."""
        return self.charged if self._held is None else self.charged.plus(self._held)

    async def reserve(self) -> StopReason | None:
        """Hold the call and its first try, or say which budget refuses it."""
        return await self._hold(self._one._replace(calls=1))

    def release(self) -> None:
        """The call was not made after all."""
        if self._held is not None and not self._begun:
            self._settle(NOTHING)

    def made(self) -> None:
        """The call is on its way, and can count as nothing no more."""
        self._begun = True

    async def again(self) -> bool:
        """Before each try: whether it may be made. The first one was held with the call."""
        if self._held is not None and self._fresh:
            self._fresh = False
            return True
        self.close()
        self.refused = await self._hold(self._one)
        if self.refused is not None:
            return False
        self._fresh = False
        if self._grown is not None:
            await self._grown(self.counted)
        return True

    def over(self, tokens: Tokens | None) -> None:
        """The try is over: it took so many tokens, or nobody knows (None)."""
        if self._held is None:
            return
        if tokens is None:
            self._settle(self._held)
            return
        prompt, completion = min(tokens.prompt, self.most.prompt), min(tokens.completion, self.most.completion)
        self.beyond += Tokens(prompt=tokens.prompt - prompt, completion=tokens.completion - completion)
        believed = Tokens(prompt=prompt, completion=completion, cached=min(tokens.cached, prompt))
        self._settle(charged(self._price, believed)._replace(calls=self._held.calls))

    def close(self) -> None:
        """Nothing more will be known: a try that is not over counts as the most that it may have taken."""
        if self._held is not None:
            self._settle(self._held)

    async def _hold(self, amount: Amount) -> StopReason | None:
        refused = await self._spending.reserve(amount)
        if refused is None:
            self._held, self._fresh = amount, True
        return refused

    def _settle(self, used: Amount) -> None:
        held, self._held = self._held, None
        assert held is not None
        self.charged = self.charged.plus(used)
        self._spending.settle(held, used)
