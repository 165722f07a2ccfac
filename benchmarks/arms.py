"""Whether `auto` leaves a model that does not pay, and what having had it costs the search; see docs/benchmarks.md.

python benchmarks/arms.py [--seeds N] [--json FILE] [--show]           the strategies and bandits in this process
python benchmarks/arms.py loop [ARM…] [--seeds N] [--json FILE] [--show]    the real loop: mutate, never, pays, local

In this process a sphere of ten dimensions is searched for 300 evaluations, by `auto` alone and with a scripted model
beside the problem's own operators, each of whose calls costs what 400 tokens of a prompt and 120 of an answer do:
`never` is never better, `pays` halves what is left of the distance. The loop searches a small task with a score, with
sandboxes and `mutate`; `local` is the small model of this machine. Each run has as many places. Runs are kept by arm
and seed as they end; a second start goes on. Nothing here is a time: counts and scores are the same on any machine, but
for what the small model says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from searching import Model, Solution, interval, search
from strategies import Sphere

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.base import Proposer
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.roster.proposer import RosterProposer
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request, Tokens
from gristmill.graph.search.registry import strategy
from gristmill.graph.search.rows import Row, cost
from gristmill.graph.storage.store import Store
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import ScoreTest, Task

TOKENS = Tokens(prompt=400, completion=120)
"""Of a scripted model's call: what a prompt of a search and a short program take."""
EVALUATIONS = 300
ROUNDS, WIDTH = 30, 3
START = "def f(x):\n    return 1 * x * x + 1 * x + 1\n"
TRUE = (7, -3, 11)
EVALUATE = """
def evaluate(candidate, instance):
    value = candidate(instance)
    if type(value) is not int and type(value) is not float:
        return -1e6
    return -min(1e6, abs(value - (7 * instance * instance - 3 * instance + 11)))
"""
PROMPT = "Write a function f(x) that returns a whole number for a whole number x: a quadratic polynomial of x."


def far(parents: Sequence[Solution], chance: Any) -> tuple[Solution, float]:
    """A solution that is worse than any that a search begins with."""
    return tuple(chance.choice((-2.0, 2.0)) + chance.gauss(0, 0.01) for _ in range(10)), cost(TOKENS)


def nearer(parents: Sequence[Solution], chance: Any) -> tuple[Solution, float]:
    """The first parent, with half of the distance gone."""
    parent = parents[0] if parents else tuple(chance.gauss(0, 0.2) for _ in range(10))
    return tuple(value / 2 for value in parent), cost(TOKENS)


SCRIPTED: Mapping[str, Model] = {"never": far, "pays": nearer}


def in_process(arm: str, seed: int) -> dict[str, Any]:
    """One search of the sphere: what is left of 100 at its end, who was asked at each place, and what it cost."""
    heard: list[Row] = []
    models = {arm: SCRIPTED[arm]} if arm in SCRIPTED else {}
    chosen = strategy("auto", None, ["mutate", *models] if models else [])
    found = search(chosen, Sphere(), seed, EVALUATIONS, models=models, heard=lambda _, row: heard.append(row))
    asked = ["mutate" if row.by.endswith("@mutate") or "@" not in row.by else arm for row in heard]
    return {"error": 100 - found.best, "asked": asked, "cost": sum(row.cost for row in heard)}


def task() -> Task:
    """How far a polynomial is from one that nobody tells."""
    test = ScoreTest.model_validate(
        {"entry_point": "f", "code": EVALUATE, "instances": [-3, 1, 4], "direction": "maximize"}
    )
    return Task(id="curve", kind="code", prompt=PROMPT, tests=(test,), settings={"start": START})


def never(request: Request) -> str:
    """Programs that are all different, and all far away."""
    return f"```python\ndef f(x):\n    return {1000 + (request.sampling.seed or 0) % 9000}\n```"


def pays(request: Request) -> str:
    """With the rounds, more of the numbers as they should be, one time in two."""
    seed = request.sampling.seed or 0
    numbers = [TRUE[at] if at <= request.round // 8 and seed % 2 else seed // 7 % 9 for at in range(3)]
    return f"```python\ndef f(x):\n    return {numbers[0]} * x * x + {numbers[1]} * x + {numbers[2]}\n```"


async def looped(arm: str, seed: int, pool: Pool) -> dict[str, Any]:
    """One run of the real loop, told as `in_process` does."""
    names = ["mutate"] if arm == "mutate" else ["mutate", arm]
    members = [{"model": "local" if name == "local" else "mutate", "name": name} for name in names]
    scripted: dict[str, Proposer] = {
        name: ScriptedProposer({"never": never, "pays": pays}[name], TOKENS)
        if name in SCRIPTED
        else resolve("local" if name == "local" else "mutate")
        for name in names
    }
    knobs = {"hypotheses": WIDTH, "rounds": ROUNDS, "patience": ROUNDS, "max_tokens": 64, "seed": seed}
    config = RunConfig.of(models=members if arm != "mutate" else (), model="mutate", strategy="auto", **knobs)
    with tempfile.TemporaryDirectory(prefix="arms-") as folder, Store.open(folder) as store:
        proposer: Any = RosterProposer(config.members, proposers=scripted) if config.models else scripted["mutate"]
        async with proposer:
            await run_campaign([task()], config, name="run", store=store, proposer=proposer, pool=pool)
        steps = [step for trajectory in store.trajectories("run") for step in trajectory.steps]
    scores = [step.verdict.score for step in steps if step.verdict.passed and step.verdict.score is not None]
    return {
        "error": -max(scores),
        "asked": [step.hypothesis.asked or "mutate" for step in steps],
        "cost": sum(cost(step.hypothesis.tokens) for step in steps),
    }


def shown(kept: Mapping[str, Any]) -> list[str]:
    """A line for each arm."""
    by_arm: dict[str, dict[str, Any]] = {}
    for key, row in kept.items():
        arm, seed = key.split()
        by_arm.setdefault(arm, {})[seed] = row
    lines = []
    for arm, rows in by_arm.items():
        errors = [row["error"] for row in rows.values()]
        line = f"{arm}: {len(rows)} seeds, error: median {statistics.median(errors):.3g}"
        if both := sorted(rows.keys() & by_arm.get("mutate", {}).keys()) if arm != "mutate" else []:
            alone = by_arm["mutate"]
            mean, low, high = interval([rows[each]["error"] for each in both], [alone[each]["error"] for each in both])
            line += f", minus that of mutate alone {mean:+.3g} [{low:+.3g}, {high:+.3g}]"
            quarters = [
                statistics.fmean(who == arm for row in rows.values() for who in _quarter(row["asked"], at))
                for at in range(4)
            ]
            line += f"; its share of pulls, by quarters: {', '.join(f'{each:.0%}' for each in quarters)}"
            dear, cheap = (statistics.fmean(of[each]["cost"] for each in both) for of in (rows, alone))
            line += f"; cost {dear:.0f} beside {cheap:.0f}"
        lines.append(line)
    return lines


def _quarter(values: Sequence[str], at: int) -> Sequence[str]:
    return values[len(values) * at // 4 : len(values) * (at + 1) // 4]


def work(given: argparse.Namespace) -> None:
    """Run what is not there yet."""
    kept = json.loads(given.json.read_text()) if given.json.exists() else {}
    left = [f"{arm} {seed}" for seed in range(given.seeds) for arm in given.arms if f"{arm} {seed}" not in kept]

    def keep(key: str, row: dict[str, Any]) -> None:
        kept[key] = row
        given.json.write_text(json.dumps(kept))

    async def loop() -> None:
        async with Pool.open("auto", 1) as pool:
            for key in left:
                arm, seed = key.split()
                keep(key, await looped(arm, int(seed), pool))
                print(key, kept[key]["error"], flush=True)

    if given.loop:
        asyncio.run(loop())
        return
    for key in left:
        arm, seed = key.split()
        keep(key, in_process(arm, int(seed)))


def main() -> None:
    """The whole program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arms", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    given.loop = given.arms[:1] == ["loop"]
    given.arms = given.arms[given.loop :] or ["mutate", "never", "pays"]
    given.json = given.json or Path("arms-loop.json" if given.loop else "arms.json")
    if not given.show:
        work(given)
    print("\n".join(shown(json.loads(given.json.read_text()))))


if __name__ == "__main__":
    main()
