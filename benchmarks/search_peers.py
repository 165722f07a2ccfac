"""Our search side by side with OpenEvolve, ShinkaEvolve and GEPA; see docs/benchmarks.md.

    python benchmarks/search_peers.py environments          the peers' environments, pinned, in ~/.cache/gristmill/peers
    python benchmarks/search_peers.py cost                  processor time and memory a hypothesis, as a search grows
    python benchmarks/search_peers.py forged                programs that forge their score: who takes them for the best
    python benchmarks/search_peers.py finds                 who finds more by the same calls
    python benchmarks/search_peers.py overlap               wall time where model and evaluator take time
    python benchmarks/search_peers.py show                  the tables of what is there

All ask one endpoint on loopback, in a process of its own, that answers at once with a change of the program that it
finds in the prompt, and all have the same evaluator. Each search is a row of a JSONL file (--rows) as soon as it has
ended; a second start goes on where the first was ended. Processor time is what counts: other work on the machine
matters little then.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from side_by_side import forged, reports
from side_by_side.environments import PINS, environment
from side_by_side.finding import curve
from side_by_side.problems import PROBLEMS
from side_by_side.running import OURS, Search, run

ROWS = Path(__file__).with_name("search_peers.jsonl")
MARKS = (20, 300, 1000, 3000, 10_000)
_PEERS = (OURS, *PINS)
_HOWS = ("lean", "bare", "default")


class Rows:
    """What was measured so far, in a file that only grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.all = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def missing(self, **key: Any) -> bool:
        """Whether there is no row of this key yet."""
        return not any(all(row.get(name) == value for name, value in key.items()) for row in self.all)

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row, with the commit that it was measured at."""
        row["commit"] = _commit()
        self.all.append(row)
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps({name: value for name, value in row.items() if name != "curve"}), flush=True)


def _commit() -> str:
    command = ["git", "log", "-1", "--format=%h", "--", ":/graph", ":/sandbox", ":/verifiers"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip()


def _marks(search: Search) -> Iterator[dict[str, float]]:
    """What was spent when so many calls had been answered, between the two nearest looks."""
    for mark in (*(each for each in MARKS if each < search.calls), search.calls):
        last = None
        for looked in search.samples:
            sample = looked
            if sample.calls >= mark and last is not None:
                share = (mark - last.calls) / (sample.calls - last.calls) if sample.calls > last.calls else 1.0
                share = 1.0 if mark == search.calls and sample is search.samples[-1] else share
                spent = last.processor + share * (sample.processor - last.processor)
                # The end of a search is not a call's: what has been spent when the last one is done stands there.
                if mark == search.calls:
                    sample = search.samples[-1]
                    spent = sample.processor
                yield {"calls": mark, "processor": spent, "memory": sample.memory, "seconds": sample.seconds}
                break
            last = sample


def cost(rows: Rows, given: argparse.Namespace) -> None:
    """One long search each."""
    for how, peer in itertools.product(given.how, given.peers):
        if (peer == OURS and how != "lean") or (peer != "gepa" and how == "bare"):
            continue
        calls = given.calls if how != "default" else min(given.calls, 1000)
        key = {"what": "cost", "peer": peer, "how": how, "problem": given.problem, "asked": calls}
        if not rows.missing(**key, tag=given.tag):
            continue
        with tempfile.TemporaryDirectory() as folder:
            search = run(peer, given.problem, calls, 1, Path(folder) / "search", how=how, limit=given.limit)
        found = search._asdict() | {"samples": None, "best": search.best and search.best["score"]}
        rows.add(key | {"tag": given.tag} | found | {"marks": list(_marks(search))})


def finds(rows: Rows, given: argparse.Namespace) -> None:
    """Seeds first, so that what is there is paired."""
    for seed in range(given.first, given.first + given.seeds):
        for problem in given.problems:
            for peer in given.peers:
                key = {"what": "finds", "peer": peer, "problem": problem, "seed": seed, "asked": given.calls}
                if not rows.missing(**key, tag=given.tag):
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    place = Path(folder) / "search"
                    how = "bare" if peer == "gepa" else "lean"  # the same search, for less
                    search = run(peer, problem, given.calls, seed, place, how=how, limit=given.limit)
                    bests = curve(place, given.calls)
                told = {
                    name: getattr(search, name) for name in ("calls", "evaluations", "distinct", "seconds", "ended")
                }
                spent = {"processor": search.samples[-1].processor}
                rows.add(key | {"tag": given.tag} | told | spent | {"best": bests[-1], "curve": bests})


def overlap(rows: Rows, given: argparse.Namespace) -> None:
    """Ours with a model and an evaluator that take time, so many calls in flight."""
    for peer in given.peers:
        key = {"what": "overlap", "peer": peer, "asked": given.calls, "tag": given.tag or f"ahead {given.ahead}"}
        if not rows.missing(**key):
            continue
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "search"
            more = ["--hypotheses", "8", "--rounds", str(given.calls // 8), "--concurrency", "8", "--workers", "4"]
            more += ["--ahead", str(given.ahead)]
            search = run(
                peer, "slow", given.calls, 1, place, limit=given.limit, more=more, model=["--seconds", "2"], nap=0.5
            )
        model, evaluator = 2 * search.calls / 8, 0.5 * search.evaluations / 4
        first = next(each.seconds for each in search.samples if each.calls)
        took = search.samples[-1].seconds - first
        told = {"calls": search.calls, "evaluations": search.evaluations, "ended": search.ended, "wall": took}
        rows.add(key | told | {"model": model, "evaluator": evaluator, "ratio": took / max(model, evaluator)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["environments", "cost", "forged", "finds", "overlap", "show"])
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--peers", nargs="+", choices=_PEERS, default=_PEERS)
    parser.add_argument("--how", nargs="+", choices=_HOWS, default=_HOWS)
    parser.add_argument("--calls", type=int, help="cost: 1000, finds: 300, overlap: 96")
    parser.add_argument("--problem", choices=PROBLEMS, default="circles", help="of cost")
    parser.add_argument("--problems", nargs="+", default=["packing", "circles", "curve", "tour"], help="of finds")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="seed to begin with")
    parser.add_argument("--ahead", type=int, default=3, help="of overlap: rounds asked for ahead")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which a search is ended")
    parser.add_argument("--tag", default="", help="a name for rows of another tree or another way")
    given = parser.parse_args()
    given.calls = given.calls or {"cost": 1000, "finds": 300, "overlap": 96}.get(given.what, 3)
    if given.what == "environments":
        for peer in PINS:
            print(environment(peer))
        return
    rows = Rows(given.rows)
    if given.what == "show":
        reports.show(rows.all)
        return
    for peer in given.peers:
        if peer != OURS:
            environment(peer)
    if given.what == "forged":
        for row in forged.table(given.peers, rows.missing):
            rows.add(row)
        return
    {"cost": cost, "finds": finds, "overlap": overlap}[given.what](rows, given)


if __name__ == "__main__":
    main()
