"""What a request costs the server of `gristmill view`, page by page, in a small and in a large store.

    python benchmarks/view_cost.py --store DIR [--sizes N ...] [--requests N]

Makes under DIR a store for each size, of one search with so many hypotheses as `benchmarks/view.py` makes it, and keeps
it: one that is whole is served as it is, one that was cut off is made anew. Each is served by the real command. Told is
the processor time of that process a request, and how long its answer is: time that the server works, which other work
on the machine changes little, and not the time that somebody waits.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

from view import pages, search, served

from gristmill.graph.storage.store import Store

SIZES = (100, 10_000)
TICKS = os.sysconf("SC_CLK_TCK")


def made(folder: Path, size: int) -> Path:
    """The workspace with a search of so many hypotheses, made where it is not there as a whole."""
    place, whole = folder / str(size), folder / f"{size}.whole"
    if not whole.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        print(f"{place}: {search(place, 'night', size):.0f} s to make", flush=True)
        whole.touch()
    return place


def processor(process: int) -> float:
    """Seconds that a process has worked, its threads with it."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def asked(address: str, path: str) -> int:
    """Bytes of a page."""
    with urllib.request.urlopen(address + path, timeout=600) as reply:
        return len(reply.read())


def costs(place: Path, size: int, requests: int) -> dict[str, tuple[float, float]]:
    """By page: (processor time a request, ms; its answer, KB). The first request of each is not counted."""
    with Store.open(place, create=False) as store:
        best = store.standings("night")[0].best or ""
    asked_for = pages(size) | {"hypothesis, the best": f"/hypothesis/night?id={quote(best, safe='')}"}
    found = {}
    with served(place) as (address, process):
        for name, path in asked_for.items():
            length = asked(address, path)
            # As many requests as a clock of hundredths needs, where they are cheap.
            begun, count = processor(process), 0
            while count < requests or (processor(process) - begun < 0.5 and count < 20 * requests):
                asked(address, path)
                count += 1
            found[name] = (1000 * (processor(process) - begun) / count, length / 1000)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="where stores are made and kept")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="hypotheses in each store")
    parser.add_argument("--requests", type=int, default=5, help="requests of each page, at least")
    given = parser.parse_args()
    told = {size: costs(made(given.store, size), size, given.requests) for size in given.sizes}
    print(time.strftime("%Y-%m-%d"), f"load {os.getloadavg()[0]:.1f}; processor ms a request, KB of the answer")
    print(f"{'page':24}" + "".join(f"{size:>12,} hypotheses" for size in given.sizes))
    for name in told[given.sizes[0]]:
        figures = "".join("{:14.1f}{:9.0f}".format(*told[size][name]) for size in given.sizes)
        print(f"{name:24}{figures}")
