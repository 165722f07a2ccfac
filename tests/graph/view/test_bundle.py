"""The page as files, in a real Chromium without a server: our scripts alone, and nothing of anybody's lost."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.storage.store import Store
from gristmill.graph.view.bundle import MARKER, write_bundle
from gristmill.graph.view.registry import View, registered
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from gristmill.trainers.viewing.views import VIEWS
from gristmill.verifiers import Task, Verifiers
from tests.graph.view.conftest import Served
from tests.graph.view.filled import HOSTILE_ID, TASKS, cases

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.bubblewrap


def bundle(served: Served, folder: Path, *more: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["view", "--workspace", str(served.folder), "--bundle", str(folder), *more])
    assert done.exit_code == code, done.output
    return done.stderr if code else done.stdout.strip()


def test_a_bundle_is_read_without_a_server_or_a_network(page: Page, served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "a report"
    assert bundle(served, folder) == str(folder / "index.html")
    asked: list[str] = []
    page.context.set_offline(True)
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / "index.html").as_uri())
    assert page.locator("form").count() == 0
    page.get_by_role("link", name="night").click()
    assert "1 of 3 tasks solved, 2 ended without; 12 calls" in page.locator("#sentence").inner_text()
    # Scripts and styles are there: the curve is drawn, the grid is one.
    assert page.locator("figure .u-over").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.grid')).display") == "grid"
    page.get_by_text("double", exact=True).locator("visible=true").first.click()
    page.get_by_text("double/0/0", exact=True).locator("visible=true").first.click()
    assert re.search(r"asked\s+f\(3\)\s+came\s+returned 3\s+expected\s+6", page.locator("#main").inner_text())
    page.go_back()
    page.get_by_role("link", name="failed").first.click()
    assert "all of them" in page.locator("#main").inner_text()
    page.get_by_role("link", name="gristmill").click()
    page.get_by_role("link", name="night").click()
    page.locator("main a", has_text=HOSTILE_ID).first.click()
    page.locator("main a", has_text=f"{HOSTILE_ID}/0/0").first.click()
    assert page.evaluate("window.owned") is None
    assert page.locator("img, main script, main svg, iframe, object, embed").count() == 0
    assert "<script>window.owned = true</script>" in page.locator("#main").inner_text()
    assert all(url.startswith(folder.as_uri()) for url in asked), asked
    # Every link leads to a file that is there.
    for file in [folder / "index.html", *(folder / "pages").iterdir()]:
        text = file.read_text("utf-8")
        assert "Content-Security-Policy" in text
        for link in re.findall(r'(?:href|src)="([^"#]+)"', text):
            assert (file.parent / link).is_file(), (file.name, link)


def test_a_bundle_holds_what_was_asked_for_and_replaces_none_but_itself(served: Served, tmp_path: Path) -> None:
    with Store.open(served.folder) as store:
        store.create_run("day", store.get_run("night").config, TASKS[:1])
    folder = tmp_path / "report"
    bundle(served, folder)
    count = len(list((folder / "pages").iterdir()))
    assert "day" in (folder / "index.html").read_text("utf-8")
    bundle(served, folder, "--only", "day")
    assert "night" not in (folder / "index.html").read_text("utf-8")
    assert 0 < len(list((folder / "pages").iterdir())) < count
    assert json.loads((folder / MARKER).read_text())["names"] == ["day"]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "nothing is called 'noon'" in bundle(served, folder, "--only", "noon", code=2)
    (folder / "notes.txt").write_text("mine")
    assert "notes.txt, which is none of its bundle's files" in bundle(served, folder, code=2)
    (folder / "notes.txt").unlink()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / MARKER).unlink()
    assert "no bundle" in bundle(served, folder, code=2)
    assert "is a file" in bundle(served, folder / "index.html", code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["report"], "nothing is left over beside it"
    done = CliRunner().invoke(app, ["view", "--only", "night", "--workspace", str(served.folder)])
    assert done.exit_code == 2
    assert "--bundle" in done.stderr


def test_what_only_the_owner_may_know_is_in_no_file_of_a_public_bundle(tmp_path: Path, bubblewrap: str) -> None:
    """Neither what hidden tests ask and expect, nor where the workspace lies, though prompt and reply name that."""
    asked, wanted, work = 5_600_017, 7_340_033, tmp_path / "of-the-owner"
    tests = [cases((3, 6)), cases((asked, wanted))]
    row = {"id": "double", "kind": "code", "prompt": f"Double; see {work}/notes.", "tests": tests}
    reply = f"```python\ndef f(n):\n    return 2 * n if n < 99 else n + 1  # {work / '.gristmill'}\n```"

    async def run(store: Store) -> None:
        config = RunConfig.of(model="scripted", hypotheses=1, rounds=2, sandbox="bubblewrap")
        async with Pool.open("bubblewrap", 1) as pool:
            proposer, task = ScriptedProposer(lambda request: reply), Task.model_validate(row)
            await run_campaign([task], config, name="night", store=store, proposer=proposer, verifiers=Verifiers(pool))
        asked_there = RunConfig.of(model="openai:big@https://me:word@gpu.example:8000/v1")
        store.create_run("served", asked_there, [task])

    def work_on_it() -> None:
        with Store.open(work) as store:
            asyncio.run(run(store))

    with ThreadPoolExecutor(1) as threads:  # a browser's loop may run in this one
        threads.submit(work_on_it).result()
    secrets = [str(asked), str(asked + 1), str(wanted), str(work), "gpu.example"]

    def held(folder: Path, *more: str) -> tuple[str, list[bool]]:
        done = CliRunner().invoke(app, ["view", "--workspace", str(work), "--bundle", str(folder), *more])
        assert done.exit_code == 0, done.output
        whole = "\n".join(path.read_text("utf-8") for path in folder.rglob("*") if path.suffix in (".html", ".json"))
        return whole, [secret in whole for secret in secrets]

    assert held(tmp_path / "mine")[1] == [True] * 5
    whole, there = held(tmp_path / "everybodys", "--public")
    assert there == [False] * 5
    assert "openai:big@…" in whole
    assert "return 2 * n if n" in whole
    assert "see …/notes" in whole
    assert whole.count("Made for the public, and without what hidden tests ask and expect") == 2
    assert (tmp_path / "everybodys" / MARKER).exists()


def test_a_view_says_what_it_leaves_out_or_is_in_no_public_bundle() -> None:
    """So one that is made tomorrow, and has not thought of it, shows nothing to everybody."""
    kinds = registered(VIEWS)
    assert {kind for kind, view in kinds.items() if view.public is None} == {
        "attacks",
        "mailbox",
        "machine",
        "find",
        "compare",
    }
    assert View("new", "here", "new.html", lambda store, asked: None).public is None


def test_what_only_looks_like_a_bundle_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is all that lies in a folder looked through before that is known: it may be a home, or the root of all."""
    folder = tmp_path / "mine"
    folder.mkdir()
    with Store.open(tmp_path / "work") as store:
        for marker in ("{}", "[]", '"files"', '{"files": 1}', "[" * 100_000):
            (folder / MARKER).write_text(marker)
            with pytest.raises(UserError, match="no bundle"):
                write_bundle(store, (), folder)
            assert (folder / MARKER).read_text() == marker
        (folder / MARKER).unlink()
        (folder / "notes").mkdir()
        monkeypatch.setattr(Path, "rglob", None)
        for there in (folder, Path("/")):
            with pytest.raises(UserError, match="no bundle"):
                write_bundle(store, (), there)
