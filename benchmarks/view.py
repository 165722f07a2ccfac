"""The page of `gristmill view` beside a large store: how soon it is there, what it holds, and what it costs a run.

    python benchmarks/view.py [--size N] [--pairs N] [--loads N]
    python benchmarks/view.py --screenshots docs/images
    python benchmarks/view.py --demo graph/view/demo/packing.db.gz

Makes a store of one search with so many hypotheses, and serves it by the real command to a real Chromium. Told are, of
each page, the server's answer as a client on this machine waits for it and the first contentful paint; the server's
memory while three tabs watch a second run; and the wall time of short runs with and without a tab that watches them, in
pairs of changing order. Judges of these runs answer at once, and so do the models of half of them, so that all that is
left is loop and store: what a page takes from a run shows most. In the other half a reply takes a tenth of a second.
The page, the browser and the run share this machine's cores.

With `--screenshots` it runs the search for packing that lies in `examples/recordings` as it was answered, on real
sandboxes, and takes pictures of its pages, desktop and phone. Needs Chromium and playwright. With `--demo` it writes
the store of the same search, which `gristmill view --demo` opens.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gristmill.graph.campaign import run_campaign
from gristmill.graph.comparing import compare
from gristmill.graph.config import RunConfig
from gristmill.graph.events import Event, RunStarted
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.records import Request
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import Direction, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTH = 20
"""Hypotheses a round."""
MOST_BYTES = 150 * 1024
"""Of one picture."""
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROGRAM = [sys.executable, "-c", "from gristmill.trainers.cli import main; main()"]
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TASK = Task(id="long", kind="program", prompt="Pack.", problem="no", direction=Direction.MAXIMIZE, target=1.0)


def answer(request: Request) -> str:
    """A program of a kilobyte, by its place alone."""
    place = request.round * WIDTH + request.sample
    lines = "\n".join(f"    step = {(place + number) % 997}  # one of many" for number in range(24))
    return f"```python\ndef f(x):\n{lines}\n    return {place}\n```"


def judge(task: Task, solution: str) -> Verdict:
    """A score by the program alone; what comes late may be a little better."""
    place = int(re.findall(r"return (\d+)", solution)[-1])
    luck = int(hashlib.sha256(str(place).encode()).hexdigest()[:8], 16) / 2**32
    score = 0.9 * luck * (1 - 1 / (2 + place))
    return Verdict(outcome=Outcome.FAILED, score=score, strength=Strength.TESTED, verifier="scripted/1")


def search(
    folder: Path, name: str, size: int, heard: Callable[[Event], None] = lambda event: None, wait: float = 0.0
) -> float:
    """A search of so many hypotheses, by a model that takes so many seconds a reply; seconds that it took."""

    async def late(request: Request) -> str:
        await asyncio.sleep(wait)
        return answer(request)

    rounds = max(1, size // WIDTH)
    config = RunConfig.of(model="scripted", hypotheses=WIDTH, rounds=rounds, patience=rounds, same=rounds)
    begun = time.perf_counter()
    with Store.open(folder) as store:
        work = run_campaign(
            [TASK],
            config,
            name=name,
            store=store,
            proposer=ScriptedProposer(late if wait else answer),
            verifiers=ScriptedJudge(judge),
            on_event=heard,
        )
        asyncio.run(work)
    return time.perf_counter() - begun


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """(address, process) of the real command."""
    command = [*PROGRAM, "view", "--port", "0", "--workspace", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().rstrip("/"), process.pid
        finally:
            process.terminate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A real browser without a network."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        sys.exit("no Chromium is installed")
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=flags)
        yield browser
        browser.close()


def memory(process: int) -> float:
    """What a process holds now, MB."""
    for line in Path(f"/proc/{process}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


def pages(size: int) -> dict[str, str]:
    """Name → address of what is looked at."""
    return {
        "start": "/",
        **{name: f"/{name}/night" for name in ("run", "doubts", "attacks", "machine")},
        **{name: f"/{name}/night?id=long" for name in ("task", "course", "population")},
        "task, its last part": f"/task/night?id=long&page={max(0, size - 1) // 100}",
        "hypothesis": f"/hypothesis/night?id={quote('long/0/0', safe='')}",
        "find, in all of it": "/find?text=nowhere+at+all",
    }


def how_soon(browser: Browser, address: str, size: int, loads: int) -> None:
    """A row a page: the server's answer, and the first paint, each the median of so many loads."""
    print(f"{'page':22}{'answer, ms':>12}{'page, KB':>10}{'first paint, ms':>17}{'the slowest, ms':>17}")
    for name, path in pages(size).items():
        answers, paints, length = [], [], 0
        for _ in range(loads):
            begun = time.perf_counter()
            with urllib.request.urlopen(address + path, timeout=120) as reply:
                length = len(reply.read())
            answers.append(1000 * (time.perf_counter() - begun))
            context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]  # a plain dictionary
            tab = context.new_page()
            tab.goto(address + path)
            # Asked from outside: `wait_for_function` is `eval` in the page, which its own policy refuses.
            while (paint := tab.evaluate(FIRST_PAINT)) is None:
                tab.wait_for_timeout(5)
            paints.append(paint)
            context.close()
        figures = statistics.median(answers), length / 1000, statistics.median(paints), max(paints)
        print("{:22}{:12.0f}{:10.0f}{:17.0f}{:17.0f}".format(name, *figures), flush=True)


def watched(
    browser: Browser, folder: Path, address: str, name: str, size: int, tabs: int, look: Any, wait: float = 0.0
) -> float:
    """Seconds that a search in a process of its own takes while so many tabs watch it; `look` is called meanwhile."""
    command = [sys.executable, __file__, "--size", str(size), "--wait", str(wait), "--search", name, str(folder)]
    context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]  # a plain dictionary
    opened = [context.new_page() for _ in range(tabs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        for tab in opened:
            tab.goto(f"{address}/run/{name}")
        while process.poll() is None:
            look()
            if opened:
                opened[0].wait_for_timeout(200)
            else:
                time.sleep(0.2)
        took = float(process.stdout.readline())
    for tab in opened:
        tab.get_by_role("heading", name=f"{name} finished").wait_for(timeout=60_000)
    context.close()
    return took


def alone(folder: Path, name: str, size: int, wait: float) -> None:
    """The process of `watched`: a line when the search has begun, and its seconds in the end."""

    def heard(event: Event) -> None:
        if isinstance(event, RunStarted):
            print("begun", flush=True)

    print(search(folder, name, size, heard, wait))


def measure(size: int, pairs: int, loads: int) -> None:
    """All that is told."""
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        folder = Path(place)
        with Store.open(folder):
            pass
        worker = threading.Thread(target=search, args=(folder, "night", size))
        worker.start()  # in a thread, as the browser's loop runs in this one
        worker.join()
        with served(folder) as (address, process):
            print(f"one search of {size:,} hypotheses; medians of {loads} loads")
            how_soon(browser, address, size, loads)
            held = [memory(process)]
            watched(browser, folder, address, "watched", size // 4, 3, lambda: held.append(memory(process)))
            half = held[len(held) // 2]
            print(f"\nserver's memory, three tabs on a run of {size // 4:,} hypotheses, MB:")
            print(f"before {held[0]:.0f}, at half time {half:.0f}, in the end {held[-1]:.0f}, at most {max(held):.0f}")
            for wait in (0.0, 0.1) if pairs else ():
                in_pairs(browser, folder, address, size // 10, pairs, wait)


def in_pairs(browser: Browser, folder: Path, address: str, size: int, pairs: int, wait: float) -> None:
    """What a page takes from a run: so many pairs with and without one, of a model that takes so long a reply."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for number in range(pairs):
        for with_page in (True, False) if number % 2 else (False, True):
            name = f"pair-{wait}-{number}-{'with' if with_page else 'without'}"
            took = watched(browser, folder, address, name, size, int(with_page), lambda: None, wait)
            found[with_page].append(took)
    told = compare(found[False], found[True])
    print(f"\nseconds of a run of {size:,} hypotheses, {WIDTH} at once, {wait} s a reply, {pairs} pairs:")
    low, high = told.interval
    print(f"without a page {told.before:.2f}, with one {told.after:.2f}, difference {told.difference:+.2f}")
    print(f"(95%: {low:+.2f} to {high:+.2f}, p = {told.p_different:.2g}, {told.test})", flush=True)


def recorded(place: str, name: str) -> None:
    """The search for packing in a workspace, as it was answered, judged anew."""
    options = ["--name", name, "--hypotheses", "4", "--rounds", "5", "--patience", "5", "--workspace", place]
    words = ["run", "examples/tasks/packing.yaml", "--model", "replay:examples/recordings/packing.jsonl", *options]
    subprocess.run([*PROGRAM, *words], check=True, cwd=EXAMPLES.parent)


def demo(file: Path) -> None:
    """The store of that search, small, and the same to the byte whenever the store is."""
    with tempfile.TemporaryDirectory() as place:
        recorded(place, "packing")
        with sqlite3.connect(f"{place}/.gristmill/gristmill.db") as store:
            store.execute("vacuum into ?", (f"{place}/small.db",))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(Path(place, "small.db").read_bytes(), mtime=0))
    print(f"{file}: {file.stat().st_size:,} bytes")


def screenshots(folder: Path) -> None:
    """Pictures of a search as it was answered, of its pages.

    Raises:
        SystemExit: a picture is larger than `MOST_BYTES`, or the run failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        recorded(place, "night")
        with Store.open(place, create=False) as store:
            task = store.tasks("night")[0].id
            best = store.standings("night")[0].best
        shown = {
            "run": "/run/night",
            "task": f"/task/night?id={quote(task, safe='')}",
            "hypothesis": f"/hypothesis/night?id={quote(best or '', safe='')}",
        }
        with chromium() as browser, served(Path(place)) as (address, _):
            for device, size in (("desktop", DESKTOP), ("phone", PHONE)):
                context = browser.new_context(viewport=size, color_scheme="light")  # type: ignore[arg-type]  # as above
                tab = context.new_page()
                for name, path in shown.items():
                    tab.goto(address + path)
                    picture = folder / f"{name}-{device}.png"
                    tab.screenshot(path=picture)
                    if picture.stat().st_size > MOST_BYTES:
                        sys.exit(f"{picture} has {picture.stat().st_size:,} bytes, more than {MOST_BYTES:,}")
                    print(f"{picture}: {picture.stat().st_size:,} bytes")
                context.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000, help="hypotheses in the store")
    parser.add_argument("--pairs", type=int, default=10, help="pairs of runs with and without a page")
    parser.add_argument("--loads", type=int, default=10, help="loads of each page")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="take pictures instead")
    parser.add_argument("--demo", type=Path, metavar="FILE", help="write the store that `view --demo` opens instead")
    parser.add_argument("--wait", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--search", nargs=2, metavar=("NAME", "DIR"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.search is not None:
        alone(Path(given.search[1]), given.search[0], given.size, given.wait)
    elif given.demo is not None:
        demo(given.demo)
    elif given.screenshots is not None:
        screenshots(given.screenshots)
    else:
        measure(given.size, given.pairs, given.loads)
