"""Published losses ranked: on digits with wrong labels, and on preferences of which none, a tenth or three tenths are
turned round, scored at equal divergence.

    python benchmarks/losses.py [--seeds 3] [--sandbox auto] [--log benchmarks/losses.jsonl]

Each loss is judged as a candidate is, in the sandbox. All get the same trainings, so that they are compared training by
training. A row is written as soon as a loss is judged; called again with the same log, it goes on where it was ended.
Needs torch and scikit-learn.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from scipy import stats

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.verifiers.records import Task
from gristmill.verifiers.registry import Verifiers
from gristmill.verifiers.trained.loss.baselines.programs import Form, names, program

PROBLEMS: dict[str, tuple[str, dict[str, Any], Form, str]] = {
    "digits, 40% wrong": ("digits_label_noise", {"noise": 0.4}, "labels", "ce"),
    "preferences, none turned": ("preference_pairs", {"flips": 0.0}, "pairs", "dpo"),
    "preferences, 10% turned": ("preference_pairs", {"flips": 0.1}, "pairs", "dpo"),
    "preferences, 30% turned": ("preference_pairs", {"flips": 0.3}, "pairs", "dpo"),
}
SECRET = b"benchmarks/losses.py: the same trainings for all"
BLEND = "random blend"


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


async def judge(sandbox: str, seeds: int, log: Path, rows: list[dict[str, Any]]) -> None:
    """Add the rows that the log lacks."""
    done = {(row["problem"], row["loss"]) for row in rows if len(row["scores"]) == seeds or not row["scores"]}
    async with Pool.open(sandbox) as pool:
        verifiers = Verifiers(pool, secret=SECRET)
        for title, (problem, settings, form, _) in PROBLEMS.items():
            task = Task(
                id=title,
                kind="loss",
                prompt="?",
                problem=problem,
                settings=settings | {"seeds": seeds},
                limits=Limits(wall_seconds=600, cpu_seconds=600),
            )
            for name, source in {**{each: program(each) for each in names(form)}, BLEND: blend(form)}.items():
                if (title, name) in done:
                    continue
                verdict = await verifiers.verify(task, source)
                if verdict.score is None:
                    raise SystemExit(f"{title}: {name}: {verdict.sandbox}")
                row = {
                    "problem": title,
                    "loss": name,
                    "outcome": verdict.outcome.value,
                    "scores": [float(check.detail.rsplit(" ", 1)[1]) for check in verdict.checks],
                    "seconds": round(verdict.seconds, 1),
                    "feedback": "" if verdict.checks else verdict.feedback,
                }
                rows.append(row)
                _append(log, row)
                print(f"{title}: {name}: {verdict.score:.3f}, {verdict.seconds:.0f} s", flush=True)


def _append(log: Path, row: dict[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def table(rows: list[dict[str, Any]]) -> str:
    """By problem, best first: the mean, and what it is better by than the usual loss, with a paired 95% interval."""
    lines = []
    for title, (_, _, _, usual) in PROBLEMS.items():
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


def main() -> None:
    """Judge what the log lacks, then print a table for each problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--log", type=Path, default=Path(__file__).with_name("losses.jsonl"))
    given = parser.parse_args()
    log: Path = given.log
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    asyncio.run(judge(given.sandbox, given.seeds, log, rows))
    print(table(rows))


if __name__ == "__main__":
    main()
