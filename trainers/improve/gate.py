"""Is the new adapter better than the old one, beyond noise, and has it lost nothing? Pure: a fold of earlier rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from gristmill.graph.comparing import Comparison, compare
from gristmill.sandbox.records import Record
from gristmill.trainers.improve.gating import evidence
from gristmill.trainers.improve.gating.config import GateConfig, Mode
from gristmill.trainers.improve.gating.guards import Guard, families, lengths
from gristmill.trainers.improve.gating.looks import QueryCount
from gristmill.trainers.measure.evaluation import TaskResult, share_of, strengths_of
from gristmill.trainers.records import Share
from gristmill.verifiers.records import Strength
from gristmill.verifiers.settling import BESIDE

__all__ = ["GateDecision", "compared", "decide", "fewest_wins", "level"]

_DECLARED = GateConfig(gate="rounds")


class GateDecision(Record):
    """The decision and what it rests on."""

    kept: bool
    reason: str
    before: Share
    after: Share
    delta: float = Field(description="after minus before, over the tasks scored in both; of a fixed set: in steps")
    interval: tuple[float, float] = Field(description="95% interval of delta; −1 to 1 where it is not told")
    p_value: float = Field(
        description="one-sided exact McNemar test of `after is no better`; of a fixed set nothing is told but 0 or 1: "
        "kept or not"
    )
    accept: str = Field("verified", description="what counted as a pass")
    strengths: tuple[tuple[str, int, int], ...] = Field((), description="(strength, passes before, after)")
    gate: Mode = Field("rounds", description="how it was decided, see `GateConfig`")
    declared: int = Field(1, description="rounds that were declared when it was decided")
    level: float | None = Field(None, description="p that was enough; None of an earlier version, and of e-values")
    e_value: float | None = Field(None, description="open: evidence; `e_needed` was enough")
    e_needed: float | None = None
    undecided: bool = Field(False, description="open: more tasks are to be drawn before it is decided")
    queries: int | None = Field(None, description="fixed: how often the set was asked before")
    guards: tuple[Guard, ...] = Field((), description="what must not get worse; not told of a fixed set")
    refused: bool = Field(False, description="better by the test, and yet not kept: it failed a guard")


@dataclass(frozen=True)
class _Finding:
    """What the test alone says: whether it is better, in words, and whether more tasks could still tell."""

    better: bool
    words: str
    undecided: bool = False
    level: float | None = None
    e_value: float | None = None
    e_needed: float | None = None


def fewest_wins(alpha: float, mode: Mode = "rounds") -> int:
    """How many tasks an adapter must win at least, and lose none, so that p ≤ `alpha`: 5 for .05.

    Of an open gate, so that the e-value is 1 / `alpha`: 6 for .05.
    """
    wins = 1
    while (1 / evidence.e_value(wins, 0) if mode == "open" else 0.5**wins) > alpha:
        wins += 1
    return wins


def level(alpha: float, rounds: int, earlier: Sequence[GateDecision] = ()) -> float:
    """The p-value that is enough in the next of the declared rounds.

    Rounds that are added later are declared anew: they share out `alpha` among themselves, so that with those before
    them more than `alpha` has been spent; the reason of each decision says so.
    """
    return evidence.declared_level(alpha, max(1, rounds - _begun(rounds, earlier)))


def decide(
    before: Sequence[TaskResult],
    after: Sequence[TaskResult],
    *,
    alpha: float = 0.05,
    accept: str = "verified",
    config: GateConfig = _DECLARED,
    rounds: int = 1,
    earlier: Sequence[GateDecision] = (),
    fresh: bool = True,
    asked: QueryCount | None = None,
    guards: Sequence[Guard] = (),
) -> GateDecision:
    """Compare two models on the same tasks by their first replies; the new one is kept only if it is better.

    Tasks that are unscored on either side are left out. The test is `gristmill.graph.comparing.compare`'s, one-sided,
    at the level of `gristmill.trainers.improve.gating.evidence`. Whatever the test says, an adapter that wins no more
    tasks than it loses is not kept, nor one that fails a guard. Where `accept` takes passes that are not verified, the
    reason says how many of them have decided.

    Args:
        config: how it is decided; `gate` None is `rounds` on fresh tasks, else `fixed`.
        rounds: declared, of the whole improvement.
        earlier: the decisions of the rounds before, the first one first. There is no other state.
        fresh: whether these gate tasks are asked for the first time.
        asked: of a fixed set: what it was asked before; None is what `earlier` says.
        guards: what else must not have got worse; families and lengths of replies are looked at here.

    Raises:
        ValueError: the two were not measured on the same tasks.
    """
    old, new = ({result.task_id: result for result in results} for results in (before, after))
    if old.keys() != new.keys():
        raise ValueError("the gate compares two evaluations of the same tasks")
    mode = config.gate or ("rounds" if fresh else "fixed")
    pair = compare([old[task].passed[0] for task in old], [new[task].passed[0] for task in old])
    asked = asked or QueryCount(queries=len(earlier), told=sum(each.kept or each.refused for each in earlier))
    match mode:
        case "rounds":
            found = _declared(pair, alpha, rounds, earlier)
        case "open":
            found = _open(pair, alpha, config, earlier)
        case "fixed":
            found = _fixed(pair, alpha, config, asked)
    guards = (*families(before, after, config), lengths(before, after, config), *guards) if pair.n else ()
    lost = "; ".join(f"{guard.name}: {guard.words}" for guard in guards if not guard.ok)
    kept, told = found.better and not lost, mode != "fixed"
    reason = found.words if pair.n else "no task of the gate set could be scored with both"
    if found.better and lost:
        reason = f"{reason}; refused, for it has lost elsewhere" + (f": {lost}" if told else "")
    strengths = compared(before, after)
    if told and (weaker := [f"{now} `{name}` ({was} before)" for name, was, now in strengths if name in BESIDE]):
        reason = f"{reason}; of the passes are {', '.join(weaker)}, which prove less than `tested`"
    shares = [share_of(before), share_of(after)]
    if not told:
        # Whatever else is said of a set that is asked again would have to be paid for in evidence.
        shares = [_in_steps(share, config.gate_step) for share in (shares[0], shares[kept])]
        strengths, guards = (), ()
    return GateDecision(
        kept=kept,
        reason=reason,
        before=shares[0],
        after=shares[1],
        delta=pair.difference if told else shares[1].rate - shares[0].rate,
        interval=pair.interval if told else (-1.0, 1.0),
        p_value=pair.p_better if told else float(not kept),
        accept=accept,
        strengths=strengths,
        gate=mode,
        declared=rounds,
        level=found.level,
        e_value=found.e_value,
        e_needed=found.e_needed,
        undecided=found.undecided,
        queries=None if told else asked.queries,
        refused=found.better and not kept,
        guards=guards,
    )


def _begun(rounds: int, earlier: Sequence[GateDecision]) -> int:
    """How many decisions were made before these rounds were declared."""
    begun = len(earlier)
    while begun and earlier[begun - 1].declared == rounds:
        begun -= 1
    return begun


def _declared(pair: Comparison, alpha: float, rounds: int, earlier: Sequence[GateDecision]) -> _Finding:
    enough = level(alpha, rounds, earlier)
    told = f"{pair.wins} tasks won, {pair.losses} lost of {pair.n}"
    shared = f", which is {alpha:g} over {round(alpha / enough)} declared rounds" if enough < alpha else ""
    if begun := _begun(rounds, earlier):
        times = len({*(each.declared for each in earlier), rounds})
        shared += f"; {begun} rounds before were declared apart, so that in all up to {times * alpha:g} may be spent"
    better = pair.difference > 0 and pair.p_better <= enough
    if better:
        words = f"{told}: better beyond noise (p = {pair.p_better:.2g} ≤ {enough:.2g}{shared})"
    elif pair.difference > 0:
        words = f"{told}: that can be noise (p = {pair.p_better:.2g} > {enough:.2g}{shared})"
    else:
        words = f"{told}: not better"
    return _Finding(better, words, level=enough)


def _open(pair: Comparison, alpha: float, config: GateConfig, earlier: Sequence[GateDecision]) -> _Finding:
    found = evidence.e_value(pair.wins, pair.losses)
    enough = evidence.e_threshold(alpha, len(earlier), sum(each.kept for each in earlier))
    told = f"{pair.wins} tasks won, {pair.losses} lost of {pair.n}"
    better = pair.difference > 0 and found >= enough
    # To stop is allowed at any time: what is rather worse is not waited for.
    worse = evidence.e_value(pair.losses, pair.wins) >= 1 / alpha
    undecided = not better and not worse and pair.n + pair.left_out < config.gate_most
    if better:
        words = f"{told}: better beyond noise (e = {found:.3g} ≥ {enough:.3g})"
    elif undecided:
        words = f"{told}: not decided yet (e = {found:.3g}; kept from {enough:.3g})"
    elif pair.difference > 0:
        words = f"{told}: that can be noise (e = {found:.3g} < {enough:.3g} after all tasks that it may take)"
    else:
        words = f"{told}: not better (e = {found:.3g})"
    return _Finding(better, words, undecided, e_value=found, e_needed=enough)


def _fixed(pair: Comparison, alpha: float, config: GateConfig, asked: QueryCount) -> _Finding:
    enough = evidence.ladder_level(alpha, asked.queries, asked.told, config.gate_step)
    better = pair.difference > config.gate_step and pair.p_better <= enough
    score = evidence.ladder_score(pair.after if better else pair.before, config.gate_step)
    step, times = f"{100 * config.gate_step:g} points", f"question {asked.queries + 1} to this gate set"
    words = (
        f"better than the best by more than a step of {step} and beyond noise: {100 * score:.0f}% of {pair.n} tasks"
        if better
        else f"not better by more than a step of {step} and beyond noise: {100 * score:.0f}% of {pair.n} tasks stay"
    )
    warning = f"; {asked.warning}" if asked.warning else ""
    return _Finding(better, f"{words} ({times}; p ≤ {enough:.2g} is asked for){warning}", level=enough)


def _in_steps(share: Share, step: float) -> Share:
    """A share that tells whole steps only."""
    score = evidence.ladder_score(share.rate, step)
    return Share(
        passed=score * share.total, total=share.total, low=score, high=min(1.0, score + step), unscored=share.unscored
    )


def compared(before: Sequence[TaskResult], after: Sequence[TaskResult]) -> tuple[tuple[str, int, int], ...]:
    """(strength, first replies that passed by it before, and after), strongest first."""
    old, new = strengths_of(before), strengths_of(after)
    return tuple((each.value, old.get(each, 0), new.get(each, 0)) for each in Strength if each in old or each in new)
