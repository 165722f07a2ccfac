"""What one hypothesis of a round is told to do: the operator of its plan in words, and where to begin.

No two places of a task are told the same: from the number of a place follow an approach, something to look at, and
later a manner of working, in such an order that all of their combinations come before one comes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from gristmill.graph.search.base import Operator
from gristmill.graph.search.history import Place

__all__ = ["Hints", "combinations", "hints", "kinds"]

Hints = Mapping[str, str]
"""`approach`, `look` and `manner`; those that a place is not told are empty."""

_FROM_NOTHING = frozenset({"fresh", "another"})


def hints(kind: str, operator: Operator, place: Place) -> Hints:
    """What a place is told beside the operator.

    The first round is told approaches; later ones begin where what is there is to be looked at, and are told more the
    longer a search lasts.
    """
    pools = _pools(kind)
    first, second, manners = pools["approaches"], pools["looks"], pools["manners"]
    approach, look = ("approach", "look")
    if operator not in _FROM_NOTHING:
        first, second, approach, look = second, first, look, approach
    number = place.number if operator == "fresh" or not place.round else place.number - place.width
    rest, at = divmod(number, len(first))
    later, beside = divmod(rest, len(second))
    manner = later % (len(manners) + 1)
    return {
        approach: first[at],
        look: second[beside - 1] if beside else "",
        "manner": manners[manner - 1] if manner else "",
    }


def combinations(kind: str) -> int:
    """How many places of a kind are told differently, whatever their history."""
    pools = _pools(kind)
    return len(pools["approaches"]) * len(pools["looks"]) * (len(pools["manners"]) + 1)


@cache
def _file() -> dict[str, Any]:
    import yaml

    text = files("gristmill.graph").joinpath("prompts", "approaches.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def kinds() -> tuple[str, ...]:
    """Kinds that have approaches of their own; all others have the general ones."""
    return tuple(kind for kind in _file() if kind != "manners")


def _pools(kind: str) -> dict[str, Sequence[str]]:
    read = _file()
    return {**read[kind if kind in kinds() else "general"], "manners": read["manners"]}
