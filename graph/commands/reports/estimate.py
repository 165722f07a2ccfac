"""What a run may cost, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gristmill.graph.amounts import in_words

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.graph.reports.estimate import Estimate, Figures

__all__ = ["print_estimate"]


def print_estimate(console: Console, told: Estimate) -> None:
    """At most, typically, and what is spent already."""
    loose = "prompts of later rounds are guessed, tries after trouble left out; --tokens or --money bounds both"
    firm = "" if told.firm else f" ({loose})"
    lines = [f"at most      {_words(told.most)}{firm}"]
    if told.typical is None:
        lines.append("typically    not known: no run of this workspace has had an answer of this model")
    else:
        like = ", ".join(told.like)
        lines.append(f"typically    {_words(told.typical)}, as calls of {like} went and if no task ends early")
    if told.spent is not None:
        lines.append(f"spent        {_words(told.spent)} so far, which are part of both")
    if told.most.money is None:
        missing = "this model has no price: give it by --price IN,OUT[,CACHED], or in the file of --models"
        lines.append(f"money        not known: {missing}")
    elif told.most.money:
        lines.append(f"prices       {told.prices.words}")
    lines.append("nothing was asked, and nothing is stored")
    for line in lines:
        console.print(line, soft_wrap=True)


def _words(figures: Figures) -> str:
    parts = [f"{figures.calls:,} calls", f"{figures.tokens:,} tokens"]
    if figures.money is not None:
        parts.append(in_words(figures.money))
    if figures.seconds is not None:
        parts.append(f"{figures.seconds:,.0f} s")
    return ", ".join(parts)
