"""GRPO with verifiers as the reward, against continued SFT at equal core-minutes; and how fast the reward is.

    python benchmarks/grpo.py throughput [--replies 256]
    nice -n 10 python benchmarks/grpo.py learn --workspace DIR [--seed 0] [--tasks 128] [--test 400] [--smoke]

`throughput` judges replies to list-function tasks, right and wrong ones in turn, by our reward with its pool warm, and
answers of mathematics by our reward and by TRL's `accuracy_reward`, the same completions each.

`learn`, restartable at every stage (a file each in DIR; trainings go on at their checkpoints): a campaign of the base
model on `--tasks` tasks, one round of SFT on what was verified with the task's own words as prompt (zero-shot, as all
that follows); then tasks whose pass rate is between .2 and .8: fresh ones by 32, first 2 replies each, which finds the
hopeless and the easy (both alike), then 8 replies to those of which one passed and one did not, until `--wanted` are
in the band or `--drawn` tasks were asked; GRPO on these from the SFT adapter; SFT that goes on from the same adapter on
the verified ones of the same replies, for as many core-seconds as GRPO took; all three greedily on `--test` fresh tasks
of held-out combinations, paired. Where fewer than 8 are in the band it says how many passed how often, and what to do.
`--start ADAPTER` takes an adapter that is there in place of campaign and SFT.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from learning_cores import core_seconds, keeping

from gristmill.graph.campaign import run_campaign
from gristmill.graph.comparing import compare
from gristmill.graph.models.resolve import resolve
from gristmill.graph.storage.store import Store
from gristmill.graph.tasks.families.base import reference_reply
from gristmill.graph.tasks.families.list_functions import LIST_FUNCTIONS
from gristmill.sandbox.pool import Pool
from gristmill.trainers.data.export import export_rows
from gristmill.trainers.improve.config import ImproveConfig
from gristmill.trainers.measure.evaluation import evaluate, greedy
from gristmill.trainers.methods.grpo import GrpoMethod
from gristmill.trainers.methods.sft import SftMethod
from gristmill.trainers.methods.weights import base_weights
from gristmill.trainers.rewards import reward_function
from gristmill.verifiers.records import Task
from gristmill.verifiers.standing.judge import StandingJudge

LOW, HIGH, SAMPLES = 0.2, 0.8, 8
FIRST, BATCH, FEWEST = 2, 32, 8
"""Replies that tell whether a task is worth the others; tasks drawn at once; tasks below which GRPO is not begun."""


def throughput(replies: int) -> None:
    """Judgements a second, each measured on its second call of as many replies."""
    tasks = LIST_FUNCTIONS.draw(split="train", seed=0, draw=0, count=max(2, replies // 8))
    texts = [reference_reply(tasks[place % len(tasks)]) for place in range(replies)]
    wrong = [reference_reply(tasks[(place + place % 2) % len(tasks)]) for place in range(replies)]
    asked = [tasks[place % len(tasks)].id for place in range(replies)]
    sums = [
        Task(id=f"sum{n}", kind="math", prompt=f"What is {n} + {n + 1}/2?", answer=rf"\frac{{{3 * n + 1}}}{{2}}")
        for n in range(replies)
    ]
    answers = [
        [{"role": "assistant", "content": rf"It is \boxed{{\frac{{{3 * n + 1 + n % 2}}}{{2}}}}."}]
        for n in range(replies)
    ]
    with StandingJudge() as judge:
        ours, math = reward_function(tasks, judge=judge), reward_function(sums, judge=judge)
        measured: dict[str, Callable[[], list[float | None]]] = {
            "ours, code, half of them wrong": lambda: ours(texts, wrong, task=asked),
            "ours, mathematics": lambda: math(texts, answers, task=[task.id for task in sums]),
        }
        try:
            from trl.rewards.accuracy_rewards import accuracy_reward

            measured["TRL accuracy_reward, mathematics"] = lambda: accuracy_reward(
                answers, [rf"${task.answer}$" for task in sums]
            )
        except ImportError as error:
            print(f"TRL's reward is not here: {error}")
        for name, call in measured.items():
            call()
            started = time.monotonic()
            rewards = call()
            seconds = time.monotonic() - started
            passed = sum(reward == 1.0 for reward in rewards)
            print(json.dumps({"reward": name, "replies": replies, "passed": passed, "a_second": replies / seconds}))


def _waited(asking: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(asking())


class Stages:
    """A JSON file for each stage that has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What the stage found, now or earlier."""
        path = self.folder / f"{name}.json"
        if path.exists():
            return json.loads(path.read_text("utf-8"))
        print(f"stage {name}", flush=True)
        found = make()
        unfinished = path.with_suffix(".partial")
        unfinished.write_text(json.dumps(found, indent=1), encoding="utf-8")
        os.replace(unfinished, path)
        return found


async def campaign(store: Store, tasks: Sequence[Task], name: str, seed: int, hypotheses: int) -> None:
    """The base model's search, asked as `improve` asks it."""
    config = ImproveConfig().run.changed(seed=seed, hypotheses=hypotheses)
    async with resolve("local") as proposer, Pool.open(config.sandbox) as pool:
        resume = any(run.name == name for run in store.runs())
        await run_campaign(tasks, config, name=name, store=store, proposer=proposer, pool=pool, resume=resume)


async def passes(
    store: Store, tasks: Sequence[Task], name: str, seed: int, adapter: str, samples: int
) -> list[list[bool]]:
    """Zero-shot: whether each reply passed, greedily where it is one."""
    base = ImproveConfig().run.changed(seed=seed)
    config = (
        greedy(base, adapter) if samples == 1 else base.changed(adapter=adapter, hypotheses=samples, temperature=1.0)
    )
    async with resolve("local", adapter=adapter) as proposer, Pool.open(base.sandbox) as pool:
        resume = any(run.name == name for run in store.runs())
        found = await evaluate(
            tasks, config, name=name, store=store, proposer=proposer, pool=pool, resume=resume, bare=True
        )
    by_task = {result.task_id: [bool(passed) for passed in result.passed] for result in found.results}
    return [by_task[task.id] for task in tasks]


class Band:
    """Tasks whose pass rate is in the band, drawn until there are enough or a bound is spent; a stage a batch.

    Args:
        asking: of tasks, under a name, so many replies each: which of them passed.
    """

    def __init__(self, stages: Stages, asking: Callable[[Sequence[Task], str, int], list[list[bool]]]) -> None:
        self.stages, self.asking = stages, asking
        self.tasks: list[Task] = []
        self.drawn = 0
        self.runs: list[str] = []
        self.passed: Counter[int] = Counter()
        """Of the first replies to a task, how many passed: how many tasks."""

    def fill(self, draw: Callable[[int], Sequence[Task]], wanted: int, most: int) -> None:
        """Draw batches until `wanted` tasks are in the band, or `most` were drawn."""
        batch = 0
        while len(self.tasks) < wanted and self.drawn < most:
            tasks, names = draw(batch), (f"band-{batch}-first", f"band-{batch}")
            first = self._asked(tasks, names[0], FIRST)
            self.passed.update(map(sum, first))
            able = [task for task, found in zip(tasks, first, strict=True) if 0 < sum(found) < len(found)]
            rates = self._asked(able, names[1], SAMPLES) if able else []
            self.tasks += [
                task for task, found in zip(able, rates, strict=True) if LOW <= sum(found) / len(found) <= HIGH
            ]
            self.runs += [names[0], *names[1 : 1 + bool(able)]]
            self.drawn += len(tasks)
            batch += 1
            print(f"{len(self.tasks)} of {self.drawn} tasks drawn have a pass rate from {LOW} to {HIGH}", flush=True)

    def _asked(self, tasks: Sequence[Task], name: str, samples: int) -> list[list[bool]]:
        found: list[list[bool]] = self.stages.once(name, lambda: self.asking(tasks, name, samples))
        return found

    def check(self) -> None:
        """Say what is wrong with a band that is as good as empty.

        Raises:
            SystemExit: there are fewer tasks in it than GRPO needs.
        """
        if len(self.tasks) >= FEWEST:
            return
        never, always = self.passed[0], self.passed[FIRST]
        what = (
            "the model is too weak for these tasks: train it on more --tasks, or give --start an adapter that was "
            "trained longer, and on rows that ask as is asked here, zero-shot (`export --prompts task`)"
            if never > always
            else "the tasks are too easy for the model: a family or a difficulty that it fails at more"
        )
        raise SystemExit(
            f"only {len(self.tasks)} of {self.drawn} tasks have a pass rate from {LOW} to {HIGH}; GRPO learns from "
            f"no others ({FEWEST} at least). Of {FIRST} replies none passed for {never} tasks, all for {always}: "
            f"{what}; or draw more (--drawn). What was asked is kept in the workspace"
        )


def learn(folder: Path, given: argparse.Namespace) -> None:
    """All stages of one seed, and the table."""
    seed = given.seed
    stages, base = Stages(folder), base_weights("local")
    held_out = LIST_FUNCTIONS.draw(split="test", seed=seed, draw=0, count=given.test)

    with Store.open(folder) as store:

        def trained(method: Any, rows: Any, name: str, adapter: Path | None = None) -> dict[str, Any]:
            with keeping(store, name):
                made = method.train(
                    rows, base=base, out=folder / name, adapter=adapter, progress=lambda *step: print(*step, flush=True)
                )
            # Of all sessions: one that was killed has trained too.
            used = sum(core_seconds(store, name))
            return {"rows": made.rows, "core_seconds": used, "wall_seconds": made.seconds, "loss": made.loss[-1][1]}

        able = given.start
        if able is None:
            first = LIST_FUNCTIONS.draw(split="train", seed=seed, draw=0, count=given.tasks)
            stages.once("campaign", lambda: asyncio.run(campaign(store, first, "campaign", seed, given.hypotheses)))
            rows = export_rows(store.trajectories("campaign"), "sft", prompts="task")
            stages.once("able-trained", lambda: trained(SftMethod(seed=seed), rows, "able"))
            able = folder / "able"
        band = Band(
            stages,
            lambda tasks, name, samples: asyncio.run(passes(store, tasks, name, seed, str(able), samples)),
        )
        band.fill(
            lambda batch: LIST_FUNCTIONS.draw(split="train", seed=seed, draw=1 + batch, count=BATCH),
            given.wanted,
            given.drawn,
        )
        band.check()
        sampled = [story for run in band.runs for story in store.trajectories(run)]
        between = {task.id for task in band.tasks}
        prompts = {row["task"]: row for row in export_rows(sampled, "grpo", prompts="task") if row["task"] in between}
        grpo = GrpoMethod(seed=seed, group=SAMPLES, answer_tokens=64, epochs=given.epochs)
        spent = stages.once("grpo-trained", lambda: trained(grpo, list(prompts.values()), "grpo", able))
        more = export_rows(sampled, "sft", prompts="task")
        # One pass tells how many passes take as long as GRPO took.
        pace = stages.once("pace", lambda: trained(SftMethod(seed=seed, epochs=1.0), more, "pace", able))
        epochs = max(0.1, spent["core_seconds"] / pace["core_seconds"])
        go_on = SftMethod(seed=seed, epochs=epochs)
        sft = stages.once("sft-trained", lambda: trained(go_on, more, "sft", able))
        found = {}
        for name, adapter in (("able", able), ("sft", folder / "sft"), ("grpo", folder / "grpo")):
            asking = partial(passes, store, held_out, f"{name}-test", seed, str(adapter), 1)
            found[name] = stages.once(f"{name}-test", partial(_waited, asking))
    values = {name: [float(passed[0]) for passed in each] for name, each in found.items()}
    for name, each in values.items():
        print(json.dumps({"arm": name, "passed": sum(each), "of": len(each)}))
    print(json.dumps({"core_seconds": {"grpo": spent["core_seconds"], "sft": sft["core_seconds"]}, "epochs": epochs}))
    for before in ("able", "sft"):
        print(f"grpo against {before}: {compare(values[before], values['grpo'])}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["throughput", "learn"])
    parser.add_argument("--replies", type=int, default=256)
    parser.add_argument("--workspace", type=Path, default=Path("benchmarks/out/grpo"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tasks", type=int, default=128)
    parser.add_argument("--test", type=int, default=400)
    parser.add_argument("--hypotheses", type=int, default=12, help="of the campaign, a task")
    parser.add_argument("--start", type=Path, default=None, help="an adapter in place of campaign and SFT")
    parser.add_argument("--wanted", type=int, default=64, help="tasks in the band")
    parser.add_argument("--drawn", type=int, default=512, help="tasks that are asked for that at most")
    parser.add_argument("--epochs", type=float, default=2.0, help="of GRPO")
    parser.add_argument("--smoke", action="store_true", help="a few tasks and replies, to see that it runs")
    given = parser.parse_args()
    if given.smoke:
        few = {"tasks": 16, "test": 4, "hypotheses": 6, "wanted": FEWEST, "drawn": 4 * BATCH, "epochs": 1.0}
        given = argparse.Namespace(**(vars(given) | few))
    if given.what == "throughput":
        throughput(given.replies)
    else:
        learn(given.workspace, given)


if __name__ == "__main__":
    main()
