"""A real Chromium, and the real command that serves a store. Where no Chromium is, what needs it is skipped visibly."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.graph.view.filled import fill

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --host-resolver-rules=MAP\tevil.example\t127.0.0.1"
).split(" ")

PATIENCE = 120_000
"""Milliseconds for what a page is waited for, where playwright's own 30 seconds are short beside other work."""


class Served(NamedTuple):
    """A server, and the workspace that it shows."""

    address: str
    folder: Path


# Of a module and no longer: while it is there its loop runs in this thread, and no other can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if "chromium" in os.environ.get("GRISTMILL_REQUIRE", ""):
            pytest.fail("no Chromium is installed, and GRISTMILL_REQUIRE asks for it")
        pytest.skip("no Chromium is installed")
    api = pytest.importorskip("playwright.sync_api")
    flags = [flag.replace("\t", " ") for flag in FLAGS]
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, headless=True, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, bubblewrap: str) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("viewed")
    fill(folder)
    with serving(folder) as there:
        yield there


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """The command `gristmill view` on a workspace, till the block ends."""
    program = "from gristmill.trainers.cli import main; main()"
    command = [sys.executable, "-c", program, "view", "--port", "0", "--workspace", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), address
        yield Served(address.rstrip("/"), folder)
        process.terminate()
        assert process.wait(timeout=240) in (0, -15)


def is_read_in_three_clicks(page: Page, served: Served, clicks: Sequence[str], read: str) -> None:
    """Click from the start page on, and find `read`; a click "Part > text" is on a text of that part."""
    assert len(clicks) <= 3
    page.goto(served.address)
    for click in clicks:
        part, _, name = click.rpartition(" > ")
        among = page.get_by_role("region", name=part).first if part else page
        among.get_by_text(name, exact=True).locator("visible=true").first.click()
    shown = page.locator("#main").inner_text()
    assert re.search(read, shown), shown


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab; whatever it complains of fails the test, unless the test has emptied `complaints` itself."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    tab.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    yield tab
    context.close()
    assert not complaints, complaints
