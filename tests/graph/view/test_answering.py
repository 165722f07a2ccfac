"""Requests of the mailbox, answered in a real Chromium: the page's only write, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from gristmill.graph.config import RunConfig
from gristmill.graph.models.mailbox.answers import MOST_BYTES
from gristmill.graph.models.mailbox.box import Mailbox
from gristmill.graph.records import Message, Request, Sampling
from gristmill.graph.storage.store import Store
from gristmill.graph.view.forms import MOST_SENT
from gristmill.graph.view.security import COOKIE
from tests.graph.view.conftest import PATIENCE
from tests.graph.view.filled import HOSTILE, TASKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


AXE = Path(__file__).parent / "axe" / "axe.min.js"


class Box(NamedTuple):
    """A server that may be written to, and the workspace behind it."""

    address: str
    token: str
    folder: Path


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("answered")
    with Store.open(folder):
        pass
    program = "from gristmill.trainers.cli import main; main()"
    command = [sys.executable, "-c", program, "view", "--port", "0", "--workspace", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip().rstrip("/")
        said = process.stderr.readline().strip()
        assert said.startswith(f"To answer what the mailbox asks: {address}/?token="), said
        yield Box(address, said.rpartition("=")[2], folder)
        process.terminate()
        process.wait(timeout=240)


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab that may be refused something."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def ask(box: Box, run: str, count: int = 1) -> list[str]:
    """Requests of a run that nobody works on."""
    messages = (Message(role="system", content="Be brief."), Message(role="user", content=f"Ask {HOSTILE}"))
    with Store.open(box.folder) as store:
        store.create_run(run, RunConfig.of(model="mailbox"), TASKS[:1])
        requests = [
            Request(task_id="double", round=0, sample=sample, messages=messages, sampling=Sampling())
            for sample in range(count)
        ]
        return [Mailbox(store).ask(run, request) for request in requests]


def kept(box: Box, run: str, id_: str) -> str | None:
    with Store.open(box.folder) as store:
        found = Mailbox(store).answers(run, [id_])
    return found[id_].text if id_ in found else None


@pytest.mark.bubblewrap
def test_a_run_that_waits_is_answered_in_the_browser_and_goes_on(
    page: Page, box: Box, bubblewrap: str, forked_gristmill: str
) -> None:
    tasks = box.folder / "tasks.jsonl"
    tasks.write_text(TASKS[0].model_dump_json() + "\n", "utf-8")
    words = "--name byhand --model mailbox --hypotheses 1 --rounds 2 --sandbox bubblewrap".split(" ")
    command = [forked_gristmill, "run", str(tasks), *words, "--workspace", str(box.folder)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        page.goto(f"{box.address}/?token={box.token}")
        assert page.url == f"{box.address}/"
        while not page.get_by_text("Waiting for your answer").count():
            assert run.poll() is None, run.communicate()[0]
            page.wait_for_timeout(200)
            page.reload()
        page.locator("section", has_text="Waiting for your answer").get_by_role("link", name="byhand").click()
        for round_, code in enumerate(("return n", "return 2 * n")):
            # The list is live: what a run asks comes by itself.
            page.locator("tr", has_text="double").locator("td", has_text=str(round_)).first.wait_for()
            page.locator("main table a").click()
            assert f"round {round_}" in page.locator(".lead").inner_text()
            assert "Double a number." in page.locator("#main").inner_text()
            page.get_by_label("The whole reply").fill(f"<think>hm</think>\n```python\ndef f(n):\n    {code}\n```")
            page.get_by_label("Who answers").fill("a person")
            page.get_by_role("button", name="Send the answer").click()
            page.get_by_role("heading", name="What byhand asks").wait_for()
        said = run.communicate(timeout=240)[0]
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0, said
    with Store.open(box.folder) as store:
        steps = store.steps("byhand", "double")
    assert [(each.text, each.reasoning, each.model, verdict and verdict.outcome) for each, verdict in steps] == [
        ("```python\ndef f(n):\n    return n\n```", "hm", "a person", "failed"),
        ("```python\ndef f(n):\n    return 2 * n\n```", "hm", "a person", "passed"),
    ]


def test_who_was_too_late_is_told_and_keeps_what_was_written(tab: Page, box: Box) -> None:
    (id_,) = ask(box, "late")
    tab.goto(f"{box.address}/mailbox/late?id={id_}&token={box.token}")
    assert tab.evaluate("window.owned") is None
    assert HOSTILE.split('"')[0] in tab.locator("#main").inner_text()
    mine = "\nmine </textarea><script>window.owned = true</script> \u200d\u202e" + "é" * 100_000 + "the end"
    tab.get_by_label("The whole reply").fill(mine)
    with Store.open(box.folder) as store:
        Mailbox(store).answer(id_, "first", "somebody")
    tab.get_by_role("button", name="Send the answer").click()
    tab.get_by_role("heading", name="Not written").wait_for()
    assert "answered already" in tab.locator("#main").inner_text()
    assert tab.get_by_role("textbox", name="What you sent as answer").input_value() == mine
    assert tab.evaluate("window.owned") is None
    assert kept(box, "late", id_) == "first"


def test_a_page_of_another_origin_writes_nothing(tab: Page, box: Box) -> None:
    """Of another port of this machine, say: that is the same site, and the browser sends our cookie along."""
    import http.server

    (id_,) = ask(box, "cross")
    tab.goto(f"{box.address}/?token={box.token}")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            to = f"{box.address}/mailbox/cross?id={id_}"
            form = f"<form method=post action='{to}'><input name=answer value=theirs></form>"
            self.wfile.write(f"<!doctype html><title>elsewhere</title>{form}".encode())

        def log_message(self, *arguments: Any) -> None:
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for host in ("127.0.0.1", "evil.example"):
            other = tab.context.new_page()
            other.goto(f"http://{host}:{server.server_address[1]}")
            other.evaluate(
                "to => fetch(to, {method: 'POST', mode: 'no-cors', credentials: 'include',"
                " body: new URLSearchParams({answer: 'theirs'})}).catch(() => null)",
                f"{box.address}/mailbox/cross?id={id_}",
            )
            with other.expect_navigation() as navigation:
                other.evaluate("document.forms[0].submit()")
            assert navigation.value.status == 403
            assert kept(box, "cross", id_) is None
            other.close()
        server.shutdown()
    # From a name of theirs that points here, by DNS: the host is none of ours.
    other = tab.context.new_page()
    answer = other.goto(
        f"http://evil.example:{box.address.rpartition(':')[2]}/mailbox/cross?id={id_}&token={box.token}"
    )
    assert answer is not None
    assert answer.status == 403


def test_the_form_is_read_on_a_phone_and_by_a_screen_reader(browser: Browser, box: Box) -> None:
    (id_,) = ask(box, "phone")
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", bypass_csp=True)
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    for path in ("/mailbox/phone", f"/mailbox/phone?id={id_}&token={box.token}"):
        tab.goto(box.address + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390, path
        tab.evaluate(AXE.read_text("utf-8"))
        found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert not [each["id"] for each in found if each["impact"] in ("serious", "critical")], path
    context.close()


def test_what_is_no_answer_or_comes_without_the_token_is_refused(box: Box) -> None:
    first, second = ask(box, "bounds", 2)
    to = f"{box.address}/mailbox/bounds?id={first}"

    def send(code: int, to: str = to, *, token: str = box.token, **given: Any) -> str:
        origin = {"origin": box.address, "cookie": f"{COOKIE}={token}", **given.pop("headers", {})}
        answer = httpx.post(to, headers=origin, **given)
        assert answer.status_code == code, answer.text
        assert kept(box, "bounds", first) is None
        return answer.text

    assert "writing takes a token" in send(403, token="", data={"answer": "x"})
    assert "From here nothing can be written" in httpx.get(to).text
    assert "From here" not in httpx.get(to, headers={"cookie": f"{COOKIE}={box.token}"}).text
    assert "the answer is empty" in send(409, data={"answer": " "})
    assert "reasoning only" in send(409, data={"answer": "<think>x</think>"})
    assert "at most 1,048,576 bytes" in send(409, data={"answer": "é" * (MOST_BYTES // 2 + 1)})
    assert "no field" in send(409, data={"answer": "x", "run": "y"})
    assert "is not open" in send(409, to.replace("bounds", "late"), data={"answer": "x"})
    assert "is not open" in send(409, f"{box.address}/mailbox/bounds", data={"answer": "x"})
    send(413, content="answer=" + "x" * MOST_SENT, headers={"content-type": "application/x-www-form-urlencoded"})
    send(415, json={"answer": "x"})
    for torn in (
        b"answer=x&answer=y",
        b"answer",
        b"answer=%ff",
        b"\xff=1",
        b"&".join([b"a%d=1" % i for i in range(11)]),
    ):
        send(400, content=torn, headers={"content-type": "application/x-www-form-urlencoded"})
    with Store.open(box.folder) as store:
        Mailbox(store).give_up("bounds", [second])
    assert "is not open" in send(409, to.replace(first, second), data={"answer": "x"})
    sent = {"answer": "one\r\ntwo", "by": "me"}
    done = httpx.post(to, data=sent, headers={"authorization": f"Bearer {box.token}"})
    assert (done.status_code, done.headers["location"]) == (303, "/mailbox/bounds")
    assert kept(box, "bounds", first) == "one\ntwo"
