"""Published losses ranked: on digits with wrong labels, and on preferences of which none, a tenth or three tenths are
turned round, scored at equal divergence.

    python benchmarks/losses.py [--only digits] [--against sce] [--sandbox auto] [--log benchmarks/losses.jsonl]

Each loss is trained with as a candidate is, in the sandbox, but not asked again afterwards in fresh processes: that is
what tests do with the published ones, and a search with its own. All get the same trainings, so that they are compared
training by training, each with another split of the images, or in another world. A row is written as soon as a loss is
done; called again with the same log, it goes on where it was ended. `--loss FILE.py` adds one's own; `--against` names
what the last column compares with, in place of cross entropy or DPO.
Needs torch and scikit-learn.

    python benchmarks/losses.py --only preference_lm [--losses dpo,padll] [--seeds 3] [--core-hours 8] [--smoke]

ranks eight of them and the random blend on a small language model, task by task against DPO, by a log of its own
(`losses_lm.jsonl`): see `benchmarks/losses_lm.py`. It is made only where it is asked for by its name. The pairs must be
there (`python -m gristmill.trainers.preferences.pairs`); `--smoke` makes a few of its own, and `--table` only prints.
Needs `gristmill[train,losses]`.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import time
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from scipy import stats

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.loss.baselines.programs import Form, names, program
from gristmill.verifiers.trained.loss.checking import ask
from gristmill.verifiers.trained.loss.forms import form_of
from gristmill.verifiers.trained.loss.problem import Problem
from gristmill.verifiers.trained.loss.problems import loss_task, problem_of
from gristmill.verifiers.trained.loss.trainer import TrainedNetwork, train
from gristmill.verifiers.trained.loss.verifier import PROFILE, TORCH_MB
from gristmill.verifiers.trained.secret import seed
from gristmill.verifiers.trained.serving import CandidateFault, ServedFunction, Solution, serve

# Seeds are trainings of each loss; of the digits each is another split of the images.
PROBLEMS: dict[str, tuple[str, dict[str, Any], Form, str]] = {
    "digits, 40% wrong": ("digits_label_noise", {"noise": 0.4, "seeds": 10}, "labels", "ce"),
    "preferences, none turned": ("preference_pairs", {"flips": 0.0, "seeds": 3}, "pairs", "dpo"),
    "preferences, 10% turned": ("preference_pairs", {"flips": 0.1, "seeds": 3}, "pairs", "dpo"),
    "preferences, 30% turned": ("preference_pairs", {"flips": 0.3, "seeds": 3}, "pairs", "dpo"),
}
SECRET = b"benchmarks/losses.py: the same trainings for all"
BLEND = "random blend"
LANGUAGE_MODEL = "preference_lm"


def blend(form: Form) -> str:
    """The control: four published losses, drawn and weighed by chance."""
    chance = np.random.default_rng(0)
    drawn = [str(each) for each in chance.choice(names(form), 4, replace=False)]
    weights = chance.dirichlet(np.ones(4))
    parts, terms = [], []
    for name, weight in zip(drawn, weights, strict=True):
        parts.append(program(name).replace("def loss(", f"def {name}(", 1))
        terms.append(f"{weight:.4f} * {name}(*given)")
    source = "\n\n".join([*parts, f"def loss(*given):\n    return {' + '.join(terms)}\n"])
    ast.parse(source)
    return source


async def judge(given: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Add the rows that the log lacks."""
    done = {(row["problem"], row["loss"]) for row in rows}
    own = {file.stem: file.read_text("utf-8") for file in given.loss}
    async with Pool.open(given.sandbox, size=1) as pool:
        for title, (problem, settings, form, _) in PROBLEMS.items():
            if not title.startswith(given.only):
                continue
            task = loss_task(problem, id=title, settings=settings)
            for name, source in {**{each: program(each) for each in names(form)}, BLEND: blend(form), **own}.items():
                if (title, name) in done:
                    continue
                begun = time.monotonic()
                scores, fault = await _trained(pool, task, source)
                row = {
                    "problem": title,
                    "loss": name,
                    "scores": scores,
                    "seconds": round(time.monotonic() - begun, 1),
                    "fault": fault,
                }
                rows.append(row)
                _append(given.log, row)
                print(f"{title}: {name}: {fault or f'{fmean(scores):.3f}'}, {row['seconds']:.0f} s", flush=True)


async def _trained(pool: Pool, task: Task, source: str) -> tuple[list[float], str]:
    """The scores of all trainings, or what is wrong with the loss."""
    learned = problem_of(task)
    limits = task.limits.model_copy(update={"memory_mb": TORCH_MB})
    offered = Solution(source, "loss", limits, PROFILE, form_of(learned).wrapper)
    scores = []
    for number in range(task.settings["seeds"]):
        drawn = seed(SECRET, task.id, "training", number)
        async with serve(pool, offered, 1500) as runner:
            try:
                network = await runner.run(partial(_network, learned, drawn))
            except CandidateFault as fault:
                return [], fault.feedback
        scores.append(round(network.grade, 4))
    return scores, ""


def _network(learned: Problem, drawn: int, served: ServedFunction) -> TrainedNetwork:
    return train(partial(ask, served), learned, drawn)


def _append(log: Path, row: dict[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def table(rows: list[dict[str, Any]], against: str | None = None) -> str:
    """By problem, best first: the mean, and what it is better by than the usual loss or another one, with a paired 95%
    interval."""
    lines = []
    for title, (_, _, form, usual) in PROBLEMS.items():
        usual = against if against in names(form) else usual
        scores = {row["loss"]: np.array(row["scores"]) for row in rows if row["problem"] == title}
        lines += [f"\n| {title} | score | better than `{usual}` by |", "|---|---|---|"]
        for name in sorted(scores, key=lambda each: -fmean(scores[each]) if len(scores[each]) else 1.0):
            if not len(scores[name]) or not len(scores.get(usual, ())):
                lines.append(f"| {name} | not judged | |")
                continue
            gain = scores[name] - scores[usual]
            half = float(stats.t.ppf(0.975, len(gain) - 1)) * gain.std(ddof=1) / np.sqrt(len(gain))
            by = "" if name == usual else f"{gain.mean():+.3f} ± {half:.3f}"
            lines.append(f"| {name} | {fmean(scores[name]):.3f} | {by} |")
    return "\n".join(lines)


def _language_model(given: argparse.Namespace) -> None:
    """Train what the log lacks, then print the table."""
    import losses_lm  # with TRL behind it, which the other tables do not need

    default = given.workspace / "smoke.jsonl" if given.smoke else Path(__file__).with_name("losses_lm.jsonl")
    given.log = given.log or default
    chosen = given.losses.split(",") if given.losses else losses_lm.LOSSES[:1] if given.smoke else losses_lm.LOSSES
    if unknown := set(chosen) - set(names("pairs")):
        raise SystemExit(f"--losses: {', '.join(sorted(unknown))}: there are {', '.join(names('pairs'))}")
    given.seeds = 1 if given.smoke else given.seeds
    own = {file.stem: file.read_text("utf-8") for file in given.loss}
    programs = {**{each: program(each) for each in chosen}, BLEND: blend("pairs"), **own}
    rows = losses_lm.read(given.log)
    if not given.table:
        try:
            asyncio.run(losses_lm.judge(given, programs, rows))
        except UserError as error:
            raise SystemExit(f"error: {error}") from None
    print(losses_lm.table(rows, BLEND))


def main() -> None:
    """Judge what the log lacks, then print a table for each problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only the problems whose title begins so")
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--log", type=Path, help="default: losses.jsonl here, losses_lm.jsonl for preference_lm")
    parser.add_argument("--against", help="a published loss that the last column compares with; default: ce, dpo")
    parser.add_argument("--loss", type=Path, action="append", default=[], help="a file of a loss of one's own")
    model = parser.add_argument_group(LANGUAGE_MODEL, f"only with --only {LANGUAGE_MODEL}")
    model.add_argument("--losses", help="published ones by commas; default: eight of them")
    model.add_argument("--seeds", type=int, default=3)
    model.add_argument("--core-hours", type=float, default=8.0, help="begin no training once so many are used")
    model.add_argument("--workspace", type=Path, default=Path("losses_lm"), help="where core-seconds are kept")
    model.add_argument("--smoke", action="store_true", help="8 pairs, 8 tasks, one seed, DPO and the blend")
    model.add_argument("--table", action="store_true", help="train nothing")
    given = parser.parse_args()
    if given.only == LANGUAGE_MODEL:
        _language_model(given)
        return
    if given.losses or given.smoke or given.table:
        parser.error(f"--losses, --smoke and --table go with --only {LANGUAGE_MODEL}")
    log: Path = given.log or Path(__file__).with_name("losses.jsonl")
    given.log = log
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    asyncio.run(judge(given, rows))
    print(table(rows, given.against))


if __name__ == "__main__":
    main()
