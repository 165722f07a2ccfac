"""What an improvement has to tell whoever is away: pure, and of a fixed gate set no more than it says anyhow."""

from __future__ import annotations

from gristmill.graph.commands.alerts.due import Alert
from gristmill.trainers.improve.gate import GateDecision

__all__ = ["ended", "gate_alerts"]

_COLLAPSE = ("length of replies", "distinct solutions", "pass@")
"""How the guards begin that tell of a collapse; the others tell of what a model has lost."""


def gate_alerts(decision: GateDecision, round_: int) -> tuple[Alert, ...]:
    """What to tell of a round that was not kept: that it is worse, or that its model has collapsed.

    Args:
        round_: from 0.
    """
    if decision.kept:
        return ()
    lost = [guard for guard in decision.guards if not guard.ok]
    collapsed = [guard for guard in lost if guard.name.startswith(_COLLAPSE)]
    alerts = []
    if decision.delta < 0 or decision.refused or len(lost) > len(collapsed):
        text = f"The gate refuses the adapter of round {round_ + 1}: {decision.reason}"
        alerts.append(Alert(key="regression", title="regression", text=text))
    if collapsed:
        found = "; ".join(f"{guard.name}: {guard.words}" for guard in collapsed)
        alerts.append(Alert(key="collapse", title="collapse", text=f"After round {round_ + 1}: {found}"))
    return tuple(alerts)


def ended(adapter: str | None, rounds: int) -> Alert:
    """That it is over, and whether an adapter was kept."""
    kept = "an adapter was kept" if adapter else "none was better beyond noise: the base model stays"
    return Alert(key="finished", title="finished", text=f"After {rounds} round{'s' * (rounds != 1)} {kept}.")
