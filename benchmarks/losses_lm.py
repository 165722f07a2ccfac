"""The published losses on a small language model: the problem `preference_lm` of `benchmarks/losses.py`.

Imported by it, never called by itself. A row is one training by one loss and seed, with what came of each of its tasks,
the core-seconds that it took over all sessions, killed ones among them, and the commit that it was made by. All losses
of a seed learn from the same pairs in the same order, and are asked the same tasks, so they are compared task by task.
Rows are made seed by seed: what is cut off has every loss equally often, but for the last seed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from learning_cores import commit_of, core_seconds, keeping

from gristmill.graph.comparing import Comparison, compare
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.trainers.preferences import pairs
from gristmill.trainers.preferences.problem import PreferenceLm
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.loss.checking import ask
from gristmill.verifiers.trained.loss.forms import form_of
from gristmill.verifiers.trained.loss.problems import loss_task
from gristmill.verifiers.trained.loss.trainer import TrainedNetwork, train
from gristmill.verifiers.trained.loss.verifier import PROFILE, TORCH_MB
from gristmill.verifiers.trained.secret import seed
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution, serve

__all__ = ["LOSSES", "PROBLEM", "judge", "read", "table"]

PROBLEM: Final = "preference_lm"
LOSSES: Final = ("dpo", "ipo", "slic", "kto", "lrml", "dbaql", "padll", "aqfl")
"""Four that were derived, and four that were discovered (DiscoPOP's)."""
USUAL: Final = "dpo"
SIZES: Final = {"pairs": 96, "tasks": 96}
LEAST: Final = {"pairs": 8, "tasks": 8}
LEVEL: Final = 0.05
_SECONDS: Final = 3000.0
_SECRET: Final = b"benchmarks/losses_lm.py: the same trainings for all"
Row = dict[str, Any]


class Watched(PreferenceLm):
    """The problem, which keeps what came of each task."""

    passes: tuple[bool, ...] = ()

    def grade(self, outputs: Any, targets: Any) -> float:
        """As the problem's own."""
        self.passes = tuple(bool(each) for each in outputs)
        return super().grade(outputs, targets)


def read(log: Path) -> list[Row]:
    """The rows of a log; none where there is no log yet."""
    rows = []
    for number, line in enumerate(log.read_text("utf-8").splitlines() if log.exists() else (), 1):
        try:
            row = json.loads(line)
            row["loss"], row["seed"], row["passes"], row["made_of"], row["core_seconds"]
        except (ValueError, KeyError, TypeError) as error:
            raise SystemExit(
                f"{log}, line {number}: {type(error).__name__}: {error}; mend or delete the line"
            ) from None
        rows.append(row)
    return rows


async def judge(given: argparse.Namespace, programs: Mapping[str, str], rows: list[Row]) -> None:
    """Add the rows that the log lacks, up to the core-hours that there are."""
    sizes, commit = LEAST if given.smoke else SIZES, commit_of()
    if given.smoke:
        await asyncio.to_thread(_least_pairs, given)  # which has a loop of its own
    drawn = _sha(json.dumps(pairs.load_pairs()))
    wanted = {name: {"program": _sha(source), "drawn_from": drawn, **sizes} for name, source in programs.items()}
    for row in rows:
        if row["loss"] in wanted and row["made_of"] != wanted[row["loss"]]:
            raise SystemExit(
                f"{given.log}: {row['loss']}, seed {row['seed']}, was made of {row['made_of']}, and would be now of "
                f"{wanted[row['loss']]}: other pairs, sizes or programs make another table; give another --log"
            )
    given.workspace.mkdir(parents=True, exist_ok=True)
    task = loss_task(PROBLEM, id=PROBLEM, settings=sizes)
    with Store.open(given.workspace) as store:
        async with Pool.open(given.sandbox, size=1) as pool:
            for number, name in left(list(programs), given.seeds, rows):
                spent = hours(rows)
                if spent >= given.core_hours:
                    print(f"{spent:.2f} core-hours are used of {given.core_hours:g}: nothing more is begun", flush=True)
                    return
                kept = f"{given.log.resolve()}: {name}, {number}"
                begun = time.monotonic()
                with keeping(store, kept):
                    passes, fault = await _trained(pool, task, programs[name], number, sizes)
                row = {
                    "loss": name,
                    "seed": number,
                    "passes": passes,
                    "fault": fault,
                    "core_seconds": round(sum(core_seconds(store, kept)), 1),
                    "seconds": round(time.monotonic() - begun, 1),
                    "made_of": wanted[name],
                    "commit": commit,
                }
                rows.append(row)
                with given.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                came = fault or f"pass@1 {fmean(passes):.3f}"
                print(f"{name}, seed {number}: {came}, {row['core_seconds'] / 60:.1f} core-minutes", flush=True)


def left(names: Sequence[str], seeds: int, rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """The trainings that there are no rows of, seed by seed."""
    done = {(row["seed"], row["loss"]) for row in rows}
    return ((number, name) for number in range(seeds) for name in names if (number, name) not in done)


def hours(rows: Sequence[Row]) -> float:
    """Core-hours of all rows."""
    return sum(float(row["core_seconds"]) for row in rows) / 3600


async def _trained(
    pool: Pool, task: Task, source: str, number: int, sizes: Mapping[str, int]
) -> tuple[list[bool], str]:
    """Whether each task was solved, or what is wrong with the loss."""
    learned = Watched(**sizes)
    limits = task.limits.model_copy(update={"memory_mb": TORCH_MB})
    offered = Solution(source, "loss", limits, PROFILE, form_of(learned).wrapper)
    drawn = seed(_SECRET, task.id, "training", number)
    async with serve(pool, offered, _SECONDS) as runner:
        try:
            await runner.run(partial(_network, learned, drawn))
        except CandidateFault as fault:
            return [], fault.feedback
    return list(learned.passes), ""


def _network(learned: Watched, drawn: int, served: ServedFunction) -> TrainedNetwork:
    return train(partial(ask, served), learned, drawn)


def table(rows: Sequence[Row], control: str) -> str:
    """Best first. Of each loss the gain over the usual one, task by task, and whether that is a finding.

    It is one where the exact McNemar test over the tasks of all seeds, corrected after Holm for the number of losses,
    is below .05, and the loss is ahead by every seed: tasks of one seed share a training, so that their test alone
    would take the luck of one for the loss's own.
    """
    by: dict[str, dict[int, list[bool]]] = {}
    for row in rows:
        if row["passes"]:
            by.setdefault(row["loss"], {})[row["seed"]] = row["passes"]
    against = {name: paired(by[USUAL], seeds) for name, seeds in by.items() if name != USUAL} if USUAL in by else {}
    corrected = holm({name: found.p_different for name, found in against.items()})
    lines = [
        f"\n| {PROBLEM} | pass@1 | by seed | better than `{USUAL}` by | won, lost | p, after Holm | finding "
        f"| better than the {control} by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted(by, key=lambda each: -_mean(by[each])):
        seeds = by[name]
        shown = " ".join(f"{fmean(seeds[number]):.3f}" for number in sorted(seeds))
        other = paired(by[control], seeds) if control in by and name != control else None
        if (found := against.get(name)) is None:
            gain = " | | | "
        else:
            verdict = finding(found, corrected[name], by[USUAL], seeds)
            gain = f"{_gain(found)} | {found.wins}, {found.losses} | {corrected[name]:.3g} | {verdict}"
        lines.append(f"| {name} | {_mean(seeds):.3f} | {shown} | {gain} | {_gain(other)} |")
    faults = [f"{row['loss']}, seed {row['seed']}: {row['fault']}" for row in rows if row["fault"]]
    commits = ", ".join(dict.fromkeys(row["commit"] for row in rows))
    return "\n".join(
        [*lines, *faults, f"\n{len(rows)} trainings, {hours(rows):.2f} core-hours, of {commits or 'no commit'}"]
    )


def paired(before: Mapping[int, Sequence[bool]], after: Mapping[int, Sequence[bool]]) -> Comparison:
    """Two losses over the tasks of the seeds that both have."""
    both = sorted(before.keys() & after.keys())
    return compare(*([each for number in both for each in side[number]] for side in (before, after)))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction: the chance of one false finding among all is below what these say."""
    corrected, least = {}, 0.0
    for place, name in enumerate(sorted(p, key=p.__getitem__)):
        least = max(least, min(1.0, (len(p) - place) * p[name]))
        corrected[name] = least
    return corrected


def finding(
    found: Comparison, p: float, before: Mapping[int, Sequence[bool]], after: Mapping[int, Sequence[bool]]
) -> str:
    """``better``, ``worse`` or nothing."""
    apart = [fmean(after[number]) - fmean(before[number]) for number in before.keys() & after.keys()]
    if p >= LEVEL:
        return "none"
    return "better" if min(apart) > 0 else "worse" if max(apart) < 0 else "none: seeds disagree"


def _mean(seeds: Mapping[int, Sequence[bool]]) -> float:
    return fmean(each for passes in seeds.values() for each in passes)


def _gain(found: Comparison | None) -> str:
    if found is None:
        return ""
    low, high = found.interval
    return f"{found.difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def _least_pairs(given: argparse.Namespace) -> None:
    """Few pairs of the smoke's own, in its workspace: those of the cache are for real figures."""
    from gristmill.graph.models.local.fetch import fetch

    folder = given.workspace / "pairs"
    pairs.pairs_folder = lambda: folder
    if not folder.exists():
        pairs.make_pairs(fetch(), folder, tasks=24, samples=4, sandbox=given.sandbox)


def _sha(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]
