"""The page of docs/view.md in a real Chromium: an owner's questions, live, back, hostile text, a phone, readers."""

from __future__ import annotations

import asyncio
import http.server
import re
import shlex
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from gristmill.graph.reports.course import course
from gristmill.graph.reports.population import population
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import Task
from tests.graph.view.conftest import PATIENCE, Served, is_read_in_three_clicks
from tests.graph.view.filled import HOSTILE_ID, TASKS, campaign

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.bubblewrap

AXE = Path(__file__).parent / "axe" / "axe.min.js"
DOUBLE = "/task/night?id=double"
WRONG, RIGHT = "/hypothesis/night?id=double/0/0", "/hypothesis/night?id=double/1/0"
HOSTILE_PAGE = f"/hypothesis/night?id={quote(f'{HOSTILE_ID}/0/0', safe='')}"
FOUND = "/find/night?text=window.owned"
DOUBTS = "/doubts/kept"
COURSE, POPULATION = "/course/hill?id=top", "/population/hill?id=top"
COMPARED = "/compare?before=first&after=night"
PAGES = [
    "/",
    "/run/night",
    DOUBLE,
    WRONG,
    "/hypothesis/night?id=torn/0/0",
    HOSTILE_PAGE,
    COMPARED,
    FOUND,
    COURSE,
    POPULATION,
    "/attacks/night",
]

MORE = "Who found it, what it cost, and its family"
# What an owner asks, what is clicked (in at most three clicks from the start page), and what is read there.
QUESTIONS: list[tuple[str, list[str], str]] = [
    ("what runs are there, and how did they end?", [], r"night\s+finished\s+search\s+1 of 3 solved"),
    ("how far is it, in one sentence?", ["night"], r"1 of 3 tasks solved, 2 ended without; 12 calls"),
    ("how did it grow?", ["night"], r"tasks solved over model calls, all tasks 3"),
    (
        "what made it better last?",
        ["night"],
        r"double/1/0 ✓ passed score 1, by \w+ with scripted-1, built on double/0/",
    ),
    ("which tasks failed?", ["night"], r"2 ended unsolved"),
    (
        "why did this search end?",
        ["night", "double"],
        r"Its search has ended: double/1/0 reached the target in round 1",
    ),
    ("what was asked?", ["night", "double", "What is asked (code)"], r"Double a number\."),
    ("which hypotheses built on which?", ["night", "double"], r"double/0/0 ✗ failed[^★]*double/1/0 ✓ passed"),
    (
        "why was this one wrong?",
        ["night", "double", "double/0/0"],
        r"asked\s+f\(3\)\s+came\s+returned 3\s+expected\s+6",
    ),
    ("what did the model see of it?", ["night", "double", "double/0/0"], r"What the model saw of it[^§]*0 of 2"),
    ("is the test at fault?", ["night", "torn", "torn/0/0"], r"The test is at fault: .*contradicts another test"),
    ("what changed since its parent?", ["night", "double/1/0"], r"-    return 1 \* n\s+\+    return 2 \* n"),
    (
        "what was it told, word for word?",
        ["night", "double/1/0"],
        r"The prompt, as sent[^§]*That answer was checked by tools",
    ),
    (
        "how strong is the proof, and where was it judged?",
        ["night", "double/1/0"],
        r"strength\s+\w+, verified[^§]*bubblewrap",
    ),
    ("what did it cost?", ["night", "double/1/0"], r"10 of the prompt, 5 of the reply\s+cost\s+\$0\.00 in 1 call"),
    ("which operator paid?", ["hill", MORE], r"fresh\s+\d+\s+\d+\s+[\d.]+\s+[\d.]+%[^§]*share of the gain"),
    ("what did each model cost?", ["hill", MORE], r"scripted-1\s+32\s+480\s+\$0\.00"),
    ("was a pass taken back?", ["night", "What did not stand"], r"Every verdict has stood\."),
    ("did the machine do its work?", ["night", "The machine under it"], r"1 session; 12 calls; no verdict lost\."),
    (
        "how do I see it again?",
        ["night", "double/1/0"],
        r"gristmill show night --again=double/1/0 [^§]*--task=double --prompt --evidence",
    ),
]


@pytest.mark.parametrize(("asked", "clicks", "read"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_an_owners_question_takes_three_clicks(
    asked: str, clicks: list[str], read: str, page: Page, served: Served
) -> None:
    is_read_in_three_clicks(page, served, clicks, read)


def test_two_runs_are_compared_by_keyboard(page: Page, served: Served) -> None:
    page.goto(served.address)
    page.get_by_label("compare the run").focus()
    for key in ("f", "Tab", "n", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(f"**{COMPARED}")
    shown = page.locator("#main").inner_text()
    assert "night is better than first, that can be noise: it won 1 and lost 0 of 3 tasks." in shown
    assert re.search(
        r"difference\s+\+0\.333, 95% interval \+0\.000 to \+1\.000\s+test\s+p = 1 \(McNemar, exact", shown
    ), shown
    assert re.search(r"double\s+✓ won\s+not passed\s+double/0/0\s+passed\s+double/1/0", shown), shown
    page.get_by_role("link", name="double/0/0").click()
    page.wait_for_url("**/hypothesis/first?id=double%2F0%2F0")
    for path, said in (("night&after=night", "choose two different runs"), ("night&after=<b>", "no run '<b>' in")):
        page.goto(f"{served.address}/compare?before={path}")
        assert said in page.get_by_role("status").last.inner_text()


def test_a_text_is_found_in_prompts_and_replies(page: Page, served: Served) -> None:
    page.goto(served.address)
    page.get_by_label("find the text").fill("RETURN 2 * n")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find?text=RETURN+2+*+n&in=")
    shown = page.locator("#main").inner_text()
    assert "4 of 52 hypotheses that were looked at hold it." in shown
    assert "double/1/0 in night\n\nreply ```python\ndef f(n):" in shown
    assert page.locator("mark").all_inner_texts() == ["return 2 * n"] * 4
    page.get_by_role("link", name="double/1/0").click()
    page.wait_for_url("**/hypothesis/night?id=double%2F1%2F0")
    page.get_by_role("link", name="night").click()
    page.get_by_label("find the text").fill("a % nowhere_")
    page.get_by_label("in", exact=True).select_option("prompt")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**/find/night?text=a+%25+nowhere_&in=prompt")
    assert "0 of 12 hypotheses" in page.locator("#sentence").inner_text()
    page.goto(f"{served.address}/find?text=x")
    assert "2 characters at least" in page.get_by_role("status").last.inner_text()


def test_who_found_the_best_and_what_it_goes_back_to(page: Page, served: Served) -> None:
    with Store.open(served.folder) as store:
        found = course(store, "hill", store.standings("hill")[0])
    page.goto(served.address + "/run/hill")
    told = page.locator("figcaption").inner_text()
    assert "target 1000, best known 900, by hand 20" in told
    page.get_by_role("link", name="Who found it, what it cost, and its family").click()
    page.wait_for_url(f"**{COURSE}")
    rows = page.get_by_role("region", name="By operator").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == [each.name for each in found.operators]
    assert [float(row.split("\t")[-1].rstrip("%")) for row in rows] == [
        round(100 * (each.share or 0), 1) for each in found.operators
    ]
    assert re.match(r"scripted-1\t32\t480\t", page.get_by_role("region", name="Spend").locator("tbody tr").inner_text())
    ancestors = page.locator("main li h3 a").all_inner_texts()
    assert ancestors == [each.hypothesis for each in reversed(found.family)]
    assert len(ancestors) > 1
    assert page.locator("main li").first.locator(".diff .added").count() > 0


def test_islands_archives_and_the_front_of_a_search(page: Page, served: Served) -> None:
    with Store.open(served.folder) as store:
        held = population(store, "hill", store.standings("hill")[0])
    page.goto(served.address + "/task/hill?id=top")
    page.get_by_role("link", name="Islands, archives and front").click()
    page.wait_for_url(f"**{POPULATION}")
    for island in held.islands:
        rows = page.get_by_role("region", name=f"Archive of island {island.number}").locator("tbody tr")
        names = [row.split("\t")[0] for row in rows.all_inner_texts()]
        assert names == [each.hypothesis for each in island.members]
    assert held.islands[0].members
    assert " of 4 cells" in page.locator('[aria-label="Islands"]').inner_text()
    page.goto(served.address + "/population/night?id=double")
    assert "keeps no population" in page.locator("#sentence").inner_text()


def test_what_did_not_stand_and_when_somebody_worked_on_a_run(page: Page, served: Served) -> None:
    page.goto(served.address)
    page.get_by_role("link", name="kept", exact=True).click()
    page.get_by_role("link", name="What did not stand").click()
    page.wait_for_url(f"**{DOUBTS}")
    shown = page.locator("#main").inner_text()
    assert "2 verdicts did not stand or cannot be decided." in shown
    assert re.search(r"kept/0/0\s+✗ failed\s+⊘ refused\s+apart from the judge it is failed, and plain execution", shown)
    with Store.open(served.folder) as store:
        _ran(store, "twice", rounds=1)
        _ran(store, "twice", rounds=2, resume=True)
    page.goto(served.address + "/run/twice")
    page.get_by_role("link", name="The machine under it").click()
    page.wait_for_url("**/machine/twice")
    assert page.locator("#sentence").inner_text() == "2 sessions; 4 calls; no verdict lost."
    rows = [row.split("\t") for row in page.get_by_role("region", name="Sessions").locator("tr").all_inner_texts()]
    assert [row[1] for row in rows[-2:]] == ["✓ finished", "✓ finished"]
    assert rows[-2][3].endswith(" s")
    assert not rows[-1][3]


def test_runs_are_filtered(page: Page, served: Served) -> None:
    page.goto(served.address)
    names = page.locator("tbody td:first-child")
    assert names.all_inner_texts()[-4:] == ["night", "first", "kept", "hill"]
    page.get_by_label("with the text").fill("0 of 3 SOLVED")
    page.get_by_label("status").select_option("finished")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**status=finished**")
    assert names.all_inner_texts() == ["first"]
    assert "status=finished" in page.url
    assert page.get_by_label("status").input_value() == "finished"
    page.goto(served.address + "/?list=Runs&what=evaluation")
    assert "none of them is so" in page.locator("#main").inner_text()
    page.get_by_role("link", name="all of them").click()
    page.wait_for_url(lambda url: "what=evaluation" not in url)
    assert names.all_inner_texts()[-4:] == ["night", "first", "kept", "hill"]


def test_what_models_and_tasks_write_is_text(page: Page, served: Served) -> None:
    for path in ("/run/night", f"/task/night?id={quote(HOSTILE_ID, safe='')}", FOUND, HOSTILE_PAGE):
        page.goto(served.address + path)
        assert page.evaluate("window.owned") is None
        assert "gristmill" in page.title()
        # Nothing of theirs has become an element; our own scripts are those with a nonce.
        assert page.locator("img, main script, main svg, iframe, object, embed").count() == 0
        assert page.locator("script").count() == 4
        shown = page.locator("#main").inner_text()
        assert "<script>window.owned = true</script>" in shown
        assert not {"\x1b", "\u202e", "\u202c"} & set(page.content())
    assert "{{ 7 * 7 }}" in shown
    assert "more characters are not shown here" in shown
    assert len(page.content()) < 500_000


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (WRONG, r"double/0/0: failed with score 0 again\n[^§]*came +returned 3\n +expected +6"),
        (RIGHT, r"double/1/0: passed with score 1 again"),
        (
            "/hypothesis/night?id=torn/0/0",
            r"torn/0/0: \w+ with score \S+ again\n[^§]*fault +the test contradicts another",
        ),
        (HOSTILE_PAGE, r"<script>window\.owned = true</script>[^§]* again\n"),
    ],
)
def test_a_command_copied_from_the_page_shows_the_failure_again(
    path: str, said: str, page: Page, served: Served, forked_gristmill: str
) -> None:
    page.goto(served.address + path)
    command = shlex.split(page.locator("#h-again ~ pre").first.inner_text())
    assert command.pop(0) == "gristmill"
    done = subprocess.run([forked_gristmill, *command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(said, done.stdout), done.stdout[:3000]
    wrong = [f"{each}x" if each.startswith("--again=") else each for each in command]
    done = subprocess.run([forked_gristmill, *wrong], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "has no judged hypothesis" in done.stderr) == (2, True)


def test_it_is_live_and_goes_back_and_reloads(page: Page, served: Served) -> None:
    with Store.open(served.folder) as store:
        page.goto(f"{served.address}/run/night")
        page.get_by_text("live", exact=True).wait_for()
        before = page.evaluate("performance.timeOrigin")
        worker = threading.Thread(target=lambda: asyncio.run(campaign(store, "later", TASKS[:1])))
        page.goto(served.address)
        assert page.get_by_role("link", name="later").count() == 0
        worker.start()
        _until_there(page, store, f"{served.address}/run/later")
        page.get_by_text("live", exact=True).wait_for()
        page.get_by_label("find the text").fill("half a word")
        # The run goes on beneath the page, which shows its end without being loaded again.
        page.get_by_role("heading", name="later finished").wait_for(timeout=120_000)
        worker.join()
        assert "1 of 1 task solved" in page.locator("#sentence").inner_text()
        assert page.get_by_label("find the text").input_value() == "half a word"
        assert page.locator("figure .u-over").count() == 1
    assert page.evaluate("performance.timeOrigin") > before
    page.get_by_text("double", exact=True).locator("visible=true").first.click()
    page.get_by_text("double/1/0", exact=True).locator("visible=true").first.click()
    page.go_back()
    page.get_by_role("heading", name="double", exact=True).wait_for()
    page.go_back()
    assert "later" in page.locator("h1").inner_text()
    page.reload()
    assert "1 of 1 task solved" in page.locator("#sentence").inner_text()


def test_what_is_new_since_the_last_visit_is_marked(page: Page, served: Served) -> None:
    def marked(path: str) -> list[str]:
        """Names of what is marked, of a visit that ends when the next begins."""
        page.goto(served.address + path)
        found: list[str] = page.evaluate(
            "[...document.querySelectorAll('main .new')]"
            ".map(e => (e.closest('b') || e.previousElementSibling).firstChild.textContent.trim())"
        )
        return found

    with Store.open(served.folder) as store:
        _ran(store, "grown", rounds=1)
        seen = ["/", "/run/grown", "/task/grown?id=double", "/task/grown?id=double&outcome=failed"]
        for path in [*seen, *seen]:
            assert marked(path) == [], "a first visit has nothing to compare with, and nothing has changed since"
        _ran(store, "grown", rounds=2, resume=True)
    assert marked("/") == ["grown"]
    assert marked("/run/grown") == ["double"]
    assert sorted(marked("/task/grown?id=double")) == ["double/1/0", "double/1/1"]
    assert marked("/task/grown?id=double&outcome=passed") == [], "nobody has looked at this part before"
    for path in seen:
        assert marked(path) == []


def test_what_is_stored_before_the_page_listens_is_not_missed(page: Page, served: Served) -> None:
    held: list[Route] = []
    with Store.open(served.folder) as store:
        _ran(store, "missed", rounds=1)
        page.route("**/live/missed", lambda route: held.append(route))
        page.goto(f"{served.address}/run/missed")
        assert "0 of 1 task solved" in page.locator("#sentence").inner_text()
        _ran(store, "missed", rounds=2, resume=True)
        while not held:
            page.wait_for_timeout(50)
        for route in held:
            route.continue_()
        page.get_by_text("1 of 1 task solved").wait_for()


def test_a_page_that_is_long_in_the_making_rests_longer(page: Page, served: Served) -> None:
    """Looking does not slow what is looked at: a page that took a second is asked for again after twenty."""
    asked: list[Route] = []

    def until(there: Callable[[], bool]) -> None:
        for _ in range(1200):
            if there():
                return
            page.wait_for_timeout(50)
        raise AssertionError("it did not come in a minute")

    def told() -> str | None:
        return page.locator("#main").get_attribute("data-upto")

    with Store.open(served.folder) as store:
        _ran(store, "rests", TASKS[1:2], rounds=1)
        page.clock.install()
        page.goto(f"{served.address}/run/rests")
        page.get_by_text("live", exact=True).wait_for()
        first = told()
        page.route("**/run/rests", lambda route: asked.append(route))
        _ran(store, "rests", TASKS[1:2], rounds=2, resume=True)
        until(lambda: bool(asked))
        page.clock.fast_forward(1000)
        asked[0].continue_()
        until(lambda: told() != first)
        _ran(store, "rests", TASKS[1:2], rounds=3, resume=True)
        page.wait_for_timeout(2000)  # so that the server has told of it
        page.clock.fast_forward(10_000)
        page.wait_for_timeout(500)
        assert len(asked) == 1
        page.clock.fast_forward(15_000)
        until(lambda: len(asked) == 2)
        asked[1].continue_()


def _ran(store: Store, name: str, tasks: list[Task] = TASKS[:1], **how: Any) -> None:
    """A run from its beginning to its end, in a thread: the browser's loop runs in this one."""
    worker = threading.Thread(target=lambda: asyncio.run(campaign(store, name, tasks, **how)))
    worker.start()
    worker.join()


def _until_there(page: Page, store: Store, address: str) -> None:
    while True:
        answer = page.request.get(address)
        if answer.ok:
            page.goto(address)
            return
        page.wait_for_timeout(100)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_read_on_a_phone_and_by_a_screen_reader(browser: Browser, served: Served, scheme: Any) -> None:
    # axe looks at the page from inside, which our policy allows nobody: it is put aside for that.
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, bypass_csp=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    for path in PAGES:
        page.goto(served.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        for curve in page.locator("figure.curve:has(.u-legend)").all():
            drawn, caption = curve.locator(".u-legend").bounding_box(), curve.locator("figcaption").bounding_box()
            assert drawn, path
            assert caption, path
            assert drawn["y"] + drawn["height"] <= caption["y"] + 1, "the legend lies over the words below it"
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            (each["id"], each["impact"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert not serious, (path, serious)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    context.close()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Another site: its pages are whatever is in their address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *arguments: Any) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_page_of_another_site_reads_nothing(browser: Browser, served: Served, elsewhere: str) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    port = served.address.rpartition(":")[2]
    for origin in (elsewhere, elsewhere.replace("127.0.0.1", "evil.example")):
        page.goto(origin)
        for mode in ("cors", "no-cors"):
            read = page.evaluate(
                "([to, mode]) => fetch(to, {mode, credentials: 'include'}).then(a => a.text()).catch(() => 'refused')",
                [f"{served.address}/run/night", mode],
            )
            assert "night" not in read
        framed = page.evaluate(
            "to => new Promise(done => { const f = document.createElement('iframe'); f.src = to;"
            " f.onload = () => { try { done(f.contentDocument ? f.contentDocument.body.textContent : 'closed') }"
            " catch { done('closed') } }; document.body.append(f) })",
            served.address,
        )
        assert "workspace" not in framed
        script = page.evaluate(
            "to => new Promise(done => { const s = document.createElement('script'); s.src = to;"
            " s.onload = () => done('ran'); s.onerror = () => done('refused'); document.body.append(s) })",
            f"{served.address}/static/page.js",
        )
        assert script == "refused"
    # DNS that points a name of theirs at this machine: then the page is of one origin with ours, and yet refused.
    answer = page.goto(f"http://evil.example:{port}/run/night")
    assert answer is not None
    assert answer.status == 403
    assert "solved" not in page.content()
    context.close()
