"""Who may say which hypotheses are judged first: a model's opinion, which decides nothing.

A room above this one, or an installed package (entry points of the group ``gristmill.rankers``), adds rankers by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.plugins import Plugins

if TYPE_CHECKING:
    from gristmill.graph.records import Hypothesis, Message
    from gristmill.graph.storage.store import Store
    from gristmill.verifiers.records import Task

__all__ = ["MakeRanker", "Ranker", "provide", "ranker_named"]


class Ranker(Protocol):
    """Sets hypotheses of one round in order. The same task and hypothesis must get the same reward in every session."""

    name: str

    def rewards(self, task: Task, prompt: Sequence[Message], hypotheses: Sequence[Hypothesis]) -> Sequence[float]:
        """A number for each, greater is better; no unit, no zero. What is not finite comes last.

        Called in a thread, one call at a time. It must look at the texts only: they are a model's, and run nowhere.

        Args:
            task: what is asked.
            prompt: the task's bare prompt, as `best_of` asks it; what was sent for a hypothesis may be more.
            hypotheses: each has a solution.
        """
        ...


MakeRanker = Callable[[str, "Store"], Ranker]
"""Makes a ranker from what stands behind the colon of its name, in a store; may raise UserError."""

_PROVIDED: dict[str, str] = {}
_RANKERS = Plugins("rank", "gristmill.rankers", _PROVIDED)


def provide(kind: str, where: str) -> None:
    """Have a kind of ranker at hand: ``module:name`` of a `MakeRanker`, imported when it is asked for."""
    _PROVIDED[kind] = where


def ranker_named(name: str, store: Store) -> Ranker:
    """The ranker of a name, ``KIND:WHAT``.

    Raises:
        UserError: there is none, or it cannot be had.
    """
    kind, colon, what = name.partition(":")
    if not colon or not what:
        raise UserError(
            f"rank: {name!r} is not KIND:WHAT, such as reward:NAME of a SER; kinds: {', '.join(_RANKERS.names())}"
        )
    make: MakeRanker = _RANKERS.load(kind)
    return make(what, store)
