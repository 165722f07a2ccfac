"""What gates let through: 10,000 times ten rounds, drawn from the real answers of benchmarks/gate_answers.jsonl.

    python benchmarks/gate_trials.py [--times 10000] [--json FILE]

Tasks are drawn anew, with replacement, from those that twins have answered (same rows, another seed). Null: each task
on which they differ is won by a fair coin, so that neither is better, and every promotion in ten rounds is false; and
the twins as they are, one against the other by a coin each round. Planted: tasks on which they differ are won with the
chance that makes the new model 5 points worse, or better. The naive gate asks one set again and again, at p ≤ .05 each
time; for it and for the Ladder each adapter has bits of its own on the set, and the best so far is what the next must
beat. Before anything, what is computed here for many trials at once is held against `decide`.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from scipy.stats import binom, binomtest

from gristmill.graph.comparing import compare, power, tasks_needed
from gristmill.trainers.improve.gate import decide
from gristmill.trainers.improve.gating.config import GateConfig, Mode
from gristmill.trainers.improve.gating.evidence import declared_level, e_threshold, ladder_level
from gristmill.trainers.improve.gating.looks import QueryCount
from gristmill.trainers.improve.gating.open_ended import fewest, open_round
from gristmill.trainers.measure.evaluation import TaskResult

ANSWERS = Path(__file__).with_name("gate_answers.jsonl")
SPOILED = ("poisoned", "collapsed")
ALPHA, ROUNDS, GAIN, CONFIG = 0.05, 10, 0.05, GateConfig()

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Pair:
    """What two models passed on the same tasks."""

    def __init__(self, one: str, other: str) -> None:
        self.bits = np.array([(a == "1", b == "1") for a, b in zip(one, other, strict=True) if "?" not in (a, b)])
        self.found = compare([bool(a) for a in self.bits[:, 0]], [bool(b) for b in self.bits[:, 1]])
        self.discordance = (self.found.wins + self.found.losses) / self.found.n

    def drawn(
        self, dice: np.random.Generator, tasks: int, gain: float | Floats, times: tuple[int, ...]
    ) -> tuple[Ints, Ints]:
        """Wins and losses on so many tasks, drawn from the real ones, with this gain planted where they differ."""
        differing = dice.binomial(tasks, self.discordance, times)
        wins = dice.binomial(differing, 0.5 + gain / (2 * self.discordance))
        return wins, differing - wins


def better(wins: Ints, losses: Ints, level: float) -> Bools:
    """McNemar, exact and one-sided."""
    return np.asarray((wins > losses) & (binom.sf(wins - 1, wins + losses, 0.5) <= level))


def declared(dice: np.random.Generator, pair: Pair, gain: float, tasks: int, times: int, rounds: int) -> Bools:
    """Fresh tasks each round; (times, rounds) → kept."""
    return better(*pair.drawn(dice, tasks, gain, (times, rounds)), declared_level(ALPHA, rounds))


def open_ended(
    dice: np.random.Generator, pair: Pair, gain: float, tasks: int, times: int, rounds: int
) -> tuple[Bools, Ints]:
    """Fresh tasks in batches until it is decided, `tasks` at most; kept, and how many tasks it took."""
    kept, took = np.zeros((times, rounds), bool), np.zeros((times, rounds), int)
    config, worse = CONFIG.model_copy(update={"gate_most": tasks}), fewest(tasks, np.log(1 / ALPHA))
    for round_ in range(rounds):
        keeps = np.stack([fewest(tasks, np.log(e_threshold(ALPHA, round_, before))) for before in range(round_ + 1)])
        kept[:, round_], took[:, round_] = open_round(
            lambda batch: pair.drawn(dice, batch, gain, (times,)),
            config,
            keeps=keeps,
            which=kept.sum(axis=1),
            worse=worse,
        )
    return kept, took


def one_set(
    dice: np.random.Generator, pair: Pair, tasks: int, times: int, rounds: int, *, naive: bool
) -> tuple[Bools, float]:
    """One set for all rounds, no adapter better than another; kept, and how far the best's score is above the truth.

    Two models differ on half of the tasks whose bits are their own: those are the ones on which the twins differ, and
    as many others, half of them passed.
    """
    alike = np.flatnonzero(pair.bits[:, 0] == pair.bits[:, 1])
    passed, failed = (alike[pair.bits[alike, 0] == side] for side in (True, False))
    differing = pair.found.wins + pair.found.losses
    more = [dice.permutation(part)[: differing // 2] for part in (passed, failed)]
    own = np.isin(np.arange(pair.found.n), np.concatenate([np.setdiff1d(np.arange(pair.found.n), alike), *more]))
    kept, above = np.zeros((times, rounds), bool), 0.0
    for trial in range(times):
        drawn = dice.integers(0, pair.found.n, tasks)
        sure, free = pair.bits[drawn, 0], own[drawn]
        best = np.where(free, dice.random(tasks) < 0.5, sure)
        answered = 0
        for round_ in range(rounds):
            new = np.where(free, dice.random(tasks) < 0.5, sure)
            wins, losses = np.array((new & ~best).sum()), np.array((best & ~new).sum())
            level = ALPHA if naive else ladder_level(ALPHA, round_, answered, CONFIG.gate_step)
            if better(wins, losses, level) and (naive or wins - losses > CONFIG.gate_step * tasks):
                best, kept[trial, round_] = new, True
                answered += 1
        above += (best.mean() - np.where(free, 0.5, sure).mean()) / times
    return kept, above


def held_against_decide(dice: random.Random) -> None:
    """What is computed here is what the gate decides.

    Raises:
        AssertionError: it is not.
    """
    for _ in range(150):
        wins, losses, both = dice.randrange(40), dice.randrange(25), dice.randrange(300)
        round_, told = dice.randrange(4), dice.randrange(2)
        old, new = (_results(wins, losses, both, after) for after in (False, True))
        earlier = [decide(old, old, rounds=10)] * round_
        w, x = np.array(wins), np.array(losses)
        n = wins + losses + both
        expected: dict[Mode, bool] = {
            "rounds": bool(better(w, x, ALPHA / 10)),
            "open": bool(w >= fewest(wins + losses, np.log(e_threshold(ALPHA, round_, 0)))[-1]),
            "fixed": bool(
                better(w, x, ladder_level(ALPHA, round_ + 1, told, CONFIG.gate_step))
                and wins - losses > CONFIG.gate_step * n
            ),
        }
        for mode, kept in expected.items():
            asked = QueryCount(queries=round_ + 1, told=told)
            got = decide(old, new, config=GateConfig(gate=mode), rounds=10, earlier=earlier, asked=asked)
            if got.kept is not kept:
                raise AssertionError(f"{mode}, {wins}:{losses} of {n}: {got.reason}")


def _results(wins: int, losses: int, both: int, after: bool) -> list[TaskResult]:
    passed = [after] * wins + [not after] * losses + [True] * both
    return [TaskResult(task_id=str(n), replies=("x",), passed=(bit,)) for n, bit in enumerate(passed)]


def share(kept: Bools) -> str:
    """In how many trials any round kept its adapter, with the exact 95% interval of the simulation."""
    count, times = int(kept.any(axis=1).sum()), len(kept)
    low, high = binomtest(count, times).proportion_ci()
    return f"{100 * count / times:.2f}% ({100 * low:.2f}–{100 * high:.2f})"


def needed(pair: Pair, level: float) -> int:
    """Tasks that find the planted gain with probability .8, rounded up to 80: power does not grow evenly."""
    return -(-(tasks_needed(GAIN, pair.discordance, level) or 0) // 80) * 80


def trials(pair: Pair, times: int) -> list[dict[str, Any]]:
    """One row for each way to decide."""
    dice, rows = np.random.default_rng(0), []
    for rounds in (1, 3, ROUNDS):
        tasks = needed(pair, ALPHA / rounds)
        null = declared(dice, pair, 0.0, tasks, times, rounds)
        worse = declared(dice, pair, -GAIN, tasks, times, rounds)
        found = declared(dice, pair, GAIN, tasks, times, rounds)[:, :1]
        words = f"{rounds} declared rounds" if rounds > 1 else "one declared round"
        rows.append(_row(words, tasks, rounds, null, worse, found, ""))
    told = f"they differ by {100 * pair.found.difference:+.1f} points, so that a kept one need not be a false one"
    by_coin = dice.choice([-1.0, 1.0], (times, ROUNDS)) * pair.found.difference
    as_they_are = better(*pair.drawn(dice, tasks, by_coin, (times, ROUNDS)), declared_level(ALPHA, ROUNDS))
    rows.append(_row("the same, twins as they are", tasks, ROUNDS, as_they_are, None, None, told))
    for most in (1600, 3200):
        null, _ = open_ended(dice, pair, 0.0, most, times, ROUNDS)
        worse, gone = open_ended(dice, pair, -GAIN, most, times, ROUNDS)
        found, took = open_ended(dice, pair, GAIN, most, times, 1)
        note = f"{took.mean():.0f} tasks in the mean to find +5, {gone.mean():.0f} to refuse −5"
        rows.append(_row(f"open-ended, at most {most}", most, ROUNDS, null, worse, found, note))
    tasks = needed(pair, ladder_level(ALPHA, 0, 0, CONFIG.gate_step))
    null, above = one_set(dice, pair, tasks, times, ROUNDS, naive=False)
    first = ladder_level(ALPHA, 0, 0, CONFIG.gate_step)
    over = CONFIG.gate_step * tasks
    sides = []
    for gain in (-GAIN, GAIN):
        wins, losses = pair.drawn(dice, tasks, gain, (times, 1))
        sides.append(better(wins, losses, first) & (wins - losses > over))
    note = f"the best's score is {100 * above:+.2f} points above the truth after {ROUNDS} questions"
    rows.append(_row("fixed set, Ladder", tasks, ROUNDS, null, sides[0], sides[1], f"{note}; ±5: the first question"))
    for size in (96, tasks):
        null, above = one_set(dice, pair, size, times, ROUNDS, naive=True)
        note = f"the best's score is {100 * above:+.2f} points above the truth after {ROUNDS} questions"
        rows.append(_row("naive: p ≤ .05 on one set", size, ROUNDS, null, None, None, note))
    return rows


def refusals(models: dict[str, str], times: int) -> list[dict[str, Any]]:
    """How often one round of 320 tasks, drawn from what they really answered, keeps what was spoiled on purpose."""
    dice, rows = np.random.default_rng(0), []
    for after in (name for name in SPOILED if name in models):
        for before in ("base", "a"):
            pair = Pair(models[before], models[after])
            gain = pair.found.difference
            kept = declared(dice, pair, gain, 320, times, 1)
            ended, took = open_ended(dice, pair, gain, 1600, times, 1)
            note = f"{after} after {before}, {pair.found.words}"
            rows.append(_row("one declared round", 320, 1, kept, None, None, note))
            rows.append(
                _row("open-ended, at most 1600", 1600, 1, ended, None, None, f"{took.mean():.0f} tasks: {note}")
            )
    return rows


def _row(
    gate: str, tasks: int, rounds: int, null: Bools, worse: Bools | None, found: Bools | None, note: str
) -> dict[str, Any]:
    return {
        "gate": gate,
        "tasks": tasks,
        "rounds": rounds,
        "false promotions": share(null),
        "-5 kept": "" if worse is None else share(worse),
        "+5 found": "" if found is None else share(found),
        "note": note,
    }


def main() -> None:
    """Hold against `decide`, draw, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    lines = [json.loads(line) for line in ANSWERS.read_text("utf-8").splitlines()]
    models = {line["model"]: line["passed"] for line in lines}
    if missing := sorted({"a", "b"} - models.keys()):
        raise SystemExit(f"{ANSWERS} has no answers of {', '.join(missing)}: benchmarks/gate_answers.py makes them")
    held_against_decide(random.Random(0))
    console = Console(width=170)
    for one, other in (
        ("base", "a"),
        ("a", "b"),
        ("a", "more"),
        *((one, bad) for bad in SPOILED for one in ("base", "a")),
    ):
        if one in models and other in models:
            found = Pair(models[one], models[other]).found
            low, high = (100 * end for end in found.interval)
            console.print(
                f"{one} {100 * found.before:.1f}% → {other} {100 * found.after:.1f}%: {found.words}, "
                f"{100 * found.difference:+.1f} points (95% {low:+.1f} to {high:+.1f}), p = {found.p_different:.2g}"
            )
    twins = Pair(models["a"], models["b"])
    now = power(96, 0.07, 0.17)
    console.print(f"twins differ on {100 * twins.discordance:.1f}% of the tasks; 96 tasks find +7 at 17% in {now:.2f}")
    rows = trials(twins, arguments.times) + refusals(models, arguments.times)
    table = Table(
        title=f"{arguments.times} trials; shares of trials with any promotion, 95% intervals of the simulation"
    )
    for column in rows[0]:
        table.add_column(column, justify="left" if column in ("gate", "note") else "right")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
