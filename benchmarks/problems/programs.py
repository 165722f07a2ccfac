"""What the searches over programs share: `mutate` as the operators, trusted programs evaluated in this process.

Every program comes from ours by our own mutations, which put in neither loops, nor imports, nor calls but those that
the rules name, so it runs here, at the price of a call. Winners are confirmed by the sandboxed judge all the same.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

from searching import Found, Solution

from gristmill.graph.models.mutate import Rules
from gristmill.graph.models.mutate.proposer import offspring

__all__ = ["BROKEN", "Programs", "loaded", "written"]

BROKEN = Found(float("-inf"), usable=False)


def written(solution: Solution) -> str:
    """The program of a solution, which is nothing else."""
    return str(solution[0])


def loaded(source: str, name: str) -> Callable[..., Any]:
    """The function of that name in a program.

    Raises:
        Exception: whatever the program raises.
    """
    names: dict[str, Any] = {}
    exec(compile(source, "<bred>", "exec", dont_inherit=True), names)
    found: Callable[..., Any] = names[name]
    return found


class Programs:
    """A problem for `searching.search` whose solutions are programs; it keeps what became the best, and when.

    Args:
        starts: what is begun with.
        rules: of mutation.
        judge: from a program to what it is worth; whatever it raises makes the program a broken one.
        tuned: what makes a program with other numbers of one where the operator is `adjust`, in place of mutation.
    """

    def __init__(
        self,
        starts: tuple[str, ...],
        rules: Rules,
        judge: Callable[[str], Found],
        tuned: Callable[[str], str | None] | None = None,
    ) -> None:
        self._starts, self._rules, self._judge, self._tuned = starts, rules, judge, tuned
        self._left = list(starts)
        self.evaluations = self.broken = 0
        self.best: list[tuple[int, float, str]] = []
        self.tried: Callable[[str, Found], None] | None = None

    def fresh(self, chance: random.Random) -> Solution:
        """The programs that are begun with, then changes of them."""
        if self._left:
            return (self._left.pop(0),)
        return (offspring([chance.choice(self._starts)], "fresh", self._rules, chance),)

    def changed(self, solution: Solution, operator: str, chance: random.Random) -> Solution:
        """One program changed."""
        if operator == "adjust" and self._tuned is not None:
            fitted = self._tuned(written(solution))
            if fitted is not None:
                return (fitted,)
        return (offspring([written(solution)], operator, self._rules, chance),)

    def crossed(self, one: Solution, other: Solution, chance: random.Random) -> Solution:
        """Two programs crossed."""
        return (offspring([written(one), written(other)], "cross", self._rules, chance),)

    def evaluate(self, solution: Solution) -> Found:
        """What a program is worth."""
        self.evaluations += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self._judge(written(solution))
        except (ArithmeticError, ValueError, TypeError, LookupError, NameError, AttributeError, RecursionError):
            found = BROKEN
        self.broken += not found.usable
        if found.usable and (not self.best or found.score > self.best[-1][1]):
            self.best.append((self.evaluations, found.score, written(solution)))
        if self.tried is not None:
            self.tried(written(solution), found)
        return found
