"""Does SER close the gap between few labels and all of them? Arms on cached layers, restartable, a line in a log each.

    python benchmarks/ser.py [--source human|NAME@WORKSPACE] [--only PREFIX] [--seed 0] [--smoke]
    python benchmarks/ser.py --make NAME [--tasks 400] [--hypotheses 8] [--difficulty N] [--workspace .]
    python benchmarks/ser.py --table

`--source human` is `shared/data/human_prefs` (skipped visibly where it is not), of which `--only` takes the sources
that begin with it; NAME@WORKSPACE is a run whose verified and refuted replies are paired: the truth is known. `--make`
makes such a run by the local model on generated tasks, which tools judge: it says first how many minutes that takes,
goes on where it was cut off, and ends with how many pairs there are and the command for them. A greater `--difficulty`
is a harder source.

Arms: `ser` (its round 0 is the 15% alone), `full` (all labels), `random` (as many pairs as the filter would keep,
drawn), `none` (no filter), and `ser` and `full` once more with 20% of the seen labels turned round. What was cut off
goes on where it was; states of the lower layers are shared by all arms of a workspace. `--smoke` is 40 pairs, and one
round.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from gristmill.graph.commands.progress import Display
from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_of
from gristmill.trainers.improve.forecast import measured_rates
from gristmill.trainers.methods.weights import base_weights
from gristmill.trainers.recipes.ser.config import SerConfig
from gristmill.trainers.recipes.ser.loop import run_ser
from gristmill.trainers.recipes.ser.pairs import Pair, digest, read_pairs, unique
from gristmill.trainers.recipes.ser.records import Begun, Rewarded, SerRecords
from gristmill.trainers.recipes.ser.stages import Bench
from gristmill.trainers.recipes.ser.stored import pairs_of_run

LOG = Path(__file__).with_name("ser.jsonl")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "human_prefs" / "pairs.jsonl.gz"
ARMS: dict[str, dict[str, Any]] = {
    "ser": {},
    "full": {"share": 1.0, "rounds": 0},
    "random": {"filter": "random"},
    "none": {"filter": "none"},
    "ser, noise": {"noise": 0.2},
    "full, noise": {"share": 1.0, "rounds": 0, "noise": 0.2},
}


def pairs_of(source: str, only: str) -> list[Pair] | None:
    """The pairs of a source; None, with a word why, where it cannot be had here."""
    if source == "human":
        file = DATA if DATA.is_file() else Path("/work/shared/data/human_prefs/pairs.jsonl.gz")
        if not file.is_file():
            print(f"skipped: {DATA} is not here", file=sys.stderr)
            return None
        return [pair for pair in unique(read_pairs(file))[0] if pair.source.startswith(only)]
    name, _, workspace = source.partition("@")
    with Store.open(workspace, create=False) as store:
        return unique(pairs_of_run(store, name))[0]


def make_source(options: argparse.Namespace) -> dict[str, Any]:
    """A run of verified and refuted replies of the local model to generated tasks, begun or gone on with; its pairs."""
    workspace = Path(options.workspace)
    workspace.mkdir(parents=True, exist_ok=True)
    tasks, gristmill = workspace / f"{options.make}.jsonl", str(Path(sys.executable).with_name("gristmill"))
    with Store.open(options.workspace) as store:
        there = next((run for run in store.runs() if run.name == options.make), None)
        count = options.tasks if there is None else there.tasks
        rates = measured_rates(store, "local", 1.0)
    known = "as measured in this workspace" if "hypotheses" in rates.measured else "at an assumed rate"
    left = count if there is None else there.tasks - there.ended
    print(
        f"{left} tasks of {count} to do, {options.hypotheses} replies each: about "
        f"{left * options.hypotheses / rates.hypotheses / 60:.0f} minutes, {known}",
        file=sys.stderr,
    )
    if not tasks.is_file():
        hard = [] if options.difficulty is None else ["--difficulty", str(options.difficulty)]
        drawn = ["--split", "train", "--draw", "1", "--count", str(options.tasks), "--out", str(tasks)]
        subprocess.run([gristmill, "tasks", "generate", options.family, *drawn, *hard], check=True)
    search = ["--model", "local", "--strategy", "best_of", "--rounds", "1", "--hypotheses", str(options.hypotheses)]
    called = [gristmill, "run", str(tasks), "--name", options.make, "--workspace", str(workspace), *search]
    if there is None or there.status != "finished":
        done = subprocess.run([*called, *([] if there is None else ["--resume"])], check=False)
        if done.returncode:
            sys.exit(done.returncode)
    with Store.open(options.workspace) as store:
        run, summary = store.get_run(options.make), store.summary(options.make)
        pairs = unique(pairs_of_run(store, options.make))[0]
    return {
        "source": f"{options.make}@{options.workspace}",
        "tasks": run.tasks,
        "replies": summary.hypotheses,
        "verified": summary.verified,
        "pairs": len(pairs),
        "minutes": round(summary.seconds / 60, 1),
        "next": f"python benchmarks/ser.py --source {options.make}@{options.workspace} --workspace {options.workspace}",
    }


def run_arm(arm: str, pairs: list[Pair], options: argparse.Namespace) -> dict[str, Any]:
    """One arm to its end: accuracy, calibration, rounds, and which held-out pairs were ranked right."""
    base, training = base_weights("local"), {"max_tokens": options.max_tokens}
    knobs = {"seed": options.seed, "cached_layers": options.cached_layers, "training": training} | ARMS[arm]
    if options.smoke and knobs.get("rounds") != 0:
        knobs["rounds"] = 1
    config = SerConfig.model_validate(knobs)
    name = f"{'smoke-' if options.smoke else ''}{options.source.partition('@')[0]}{options.only.replace('/', '-')}"
    name = f"{name}-{arm.replace(', ', '-')}-{options.seed}"
    started = time.monotonic()
    with Store.open(options.workspace) as store, Display(Console(stderr=True)) as progress:
        records = SerRecords(store, name)
        begun = Begun(config=config, pairs=digest(*(pair.id for pair in pairs)), base=str(base))
        records.begin(begun, resume=records.begun() is not None)
        bench = Bench(
            name=name,
            config=config,
            pairs=pairs,
            left_out={},
            base=base,
            home=home_of(options.workspace),
            records=records,
            progress=progress,
        )
        progress.note(f"{name}: {len(pairs)} pairs")
        result = run_ser(bench)
        truth, right = bench.truth, {}
        for title, round_ in (("end", result.chosen), ("labels alone", 0)):
            rewarded = records.read(f"round-{round_}/rewarded", Rewarded)
            found = rewarded.rewards if rewarded else {}
            right[title] = {
                id_[:12]: found[id_][truth[id_]] > found[id_][1 - truth[id_]] for id_ in bench.parts.held_out
            }
    return {
        "source": f"{options.source}{options.only}",
        "arm": arm,
        "seed": options.seed,
        "smoke": options.smoke,
        "cached_layers": options.cached_layers,
        "seconds": round(time.monotonic() - started),
        "right": right,
        "result": result.model_dump(mode="json", exclude={"rounds": {"__all__": {"labels"}}}),
    }


def show(log: Path) -> None:
    """Accuracy by source and arm over seeds, and how much of the gap SER closes where the gap is clear of zero."""
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.is_file() else []
    for source in sorted({row["source"] for row in rows if not row["smoke"]}):
        mine = [row for row in rows if row["source"] == source and not row["smoke"]]
        print(source)
        for arm in ARMS:
            ends = [row["right"]["end"] for row in mine if row["arm"] == arm]
            if ends:
                shares = [sum(each.values()) / len(each) for each in ends]
                print(f"  {arm:12} {sum(shares) / len(shares):.3f} over {len(ends)} seeds")
        for noise in ("", ", noise"):
            by_seed = {arm: {r["seed"]: r["right"] for r in mine if r["arm"] == arm + noise} for arm in ("ser", "full")}
            seeds = sorted(set(by_seed["ser"]) & set(by_seed["full"]))
            trios = [
                (alone, by_seed["ser"][seed]["end"][id_], by_seed["full"][seed]["end"][id_])
                for seed in seeds
                for id_, alone in by_seed["ser"][seed]["labels alone"].items()
                if id_ in by_seed["full"][seed]["end"]
            ]
            if not trios:
                continue
            print(f"  15% alone{noise}: {sum(alone for alone, _, _ in trios) / len(trios):.3f}; {closed(trios)}")


def closed(trios: list[tuple[bool, bool, bool]]) -> str:
    """Of (alone, SER, full) by held-out pair: the gap with its bootstrap interval, and the share that SER closes."""
    chance = random.Random(0)
    gaps = []
    for _ in range(2000):
        drawn = chance.choices(trios, k=len(trios))
        gaps.append(sum(full - alone for alone, _, full in drawn) / len(trios))
    gaps.sort()
    low, high = gaps[49], gaps[1949]
    gap = sum(full - alone for alone, _, full in trios)
    won = sum(ser - alone for alone, ser, _ in trios)
    said = f"gap to full labels {gap / len(trios):+.3f} (95% {low:+.3f} to {high:+.3f})"
    return f"{said}, {won / gap:.0%} of it closed" if low > 0 else f"{said}: what is closed is not measurable"


def main() -> None:
    """Run the arms that the log does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="human")
    parser.add_argument("--only", default="")
    parser.add_argument("--arm", action="append", choices=list(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cached-layers", type=int, default=28)
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--workspace", default=".")
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--make", metavar="NAME", help="make a run of this name to be a source")
    parser.add_argument("--family", default="list-functions", help="of the tasks of --make")
    parser.add_argument("--difficulty", type=int, help="of the tasks of --make; default: what the model can do partly")
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--hypotheses", type=int, default=8)
    options = parser.parse_args()
    if options.make:
        print(json.dumps(make_source(options)))
        return
    if options.table:
        show(options.log)
        return
    pairs = pairs_of(options.source, options.only)
    if pairs is None:
        return
    if options.smoke:
        pairs = sorted(pairs, key=lambda pair: (sum(len(pair.text(place)) for place in (0, 1)), pair.id))[:40]
    kept = [json.loads(line) for line in options.log.read_text("utf-8").splitlines()] if options.log.is_file() else []
    done = {(row["source"], row["arm"], row["seed"], row["smoke"]) for row in kept}
    for arm in options.arm or ARMS:
        if (f"{options.source}{options.only}", arm, options.seed, options.smoke) in done:
            continue
        row = run_arm(arm, pairs, options)
        with options.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
