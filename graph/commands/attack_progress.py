"""How far an attack on tasks is."""

from __future__ import annotations

from rich.console import Console

from gristmill.graph.commands.counting import Counting
from gristmill.verifiers.attacks.suite import Attempt
from gristmill.verifiers.records import Outcome

__all__ = ["AttackProgress"]


class AttackProgress(Counting):
    """Told of each attempt as it ends."""

    def __init__(self, console: Console, total: int) -> None:
        super().__init__(console, "attacking", "tried", total)
        self._done = self._passed = 0

    def tried(self, attempt: Attempt) -> None:
        """One more attack was judged."""
        self._done += 1
        self._passed += attempt.outcome is Outcome.PASSED
        self.show(self._done, f"{self._passed} passed")
