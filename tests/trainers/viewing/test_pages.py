"""The pages of this room in a real Chromium: what an owner asks of improvements, adapters, datasets and recipes."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.graph.view.conftest import Served, is_read_in_three_clicks
from tests.graph.view.test_browser import AXE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

for package in ("scipy", "pyarrow", "torch", "peft", "rensa", "langdetect", "lm_eval", "punkt"):
    pytest.importorskip(package)

pytestmark = pytest.mark.bubblewrap

DATASET = "/dataset/night?id=round-1"
PAGES = ["/", "/improvement/night", "/adapter/night-round-2", DATASET, "/isheep/sheep", "/ser/rewards", "/reinforce/rl"]

# What an owner asks, what is clicked (in at most three clicks from the start page), and what is read there.
QUESTIONS: list[tuple[str, list[str], str]] = [
    (
        "was it better beyond noise, why was the second refused, and how long was it to take?",
        ["night"],
        r"On 3 held-out tasks, 0\.0% before and 100\.0% after[^§]*Round 2 ✗ not kept\s+gate\s+0 tasks won, 0 lost of 6"
        r"[^§]*search\s+3\.0\s+0\.\d\s+training\s+2\.0\s+0\.\d[^§]*all\s+6\.5",
    ),
    (
        "which gate tasks did it lose, and what did the new adapter answer there?",
        ["night", "1 task lost: passed by what was in use alone", "reply of the new adapter"],
        r"gate/0/0/0\s+✗ failed[^§]*\\boxed\{77\}[^§]*night-round-1",
    ),
    (
        "which adapter is in use, on what was it trained, and why was it kept?",
        ["Adapters > night-round-1"],
        r"in use\s+Trained in round 1 of night; kept by the gate; in use[^§]*Lineage\s+the base model \w+\s+"
        r"night-round-1[^§]*✓ kept 5 tasks won, 1 lost of 6: better[^§]*sha256\s+\w{64}[^§]*show night-round-1",
    ),
    (
        "what is in a dataset, what was left out, and where does a row come from?",
        ["night, round-1"],
        r"2 rows, 2 verified by tools \(100\.0%\), 0 not; 2 left out\. not audited[^§]*2 train[^§]*not verified\s+2"
        r"[^§]*1\. train/0/0/1 ✓ verified",
    ),
    (
        "why were a recipe's pairs thrown away, what is its own score worth, and what has drifted?",
        ["Runs of I-SHEEP > sheep"],
        r"length has left its band: 0\.\d+ times[^§]*filter rejected\s+\d a tool refutes it[^§]*1, quality\s+\d\s+"
        r"\d\s+0\s+9\.0\s+0\.50 \(0\.50 to 0\.50\)"
        r"[^§]*words of a reply\s+\d+\.\d+\s+9\.0 to 36\.0\s+\d\.\d+ ✗ left its band",
    ),
    (
        "is a row that the recipe kept on its own word called verified?",
        ["sheep, round-1"],
        r"4 rows, 3 verified by tools \(75\.0%\), 1 not[^§]*\? not verified\s+self assessed",
    ),
    (
        "was SER better than its labels alone, and how often was its own label right?",
        ["rewards"],
        r"10 of 10 \(100\.0%\) right, the seen labels alone 10 of 10[^§]*SER, round 1\s+10 of 10 \(100\.0%\)\s+0\.\d{3}"
        r"[^§]*none yields data\s+33\s+5 of 5",
    ),
]


@pytest.mark.parametrize(("asked", "clicks", "read"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_an_owners_question_takes_three_clicks(
    asked: str, clicks: list[str], read: str, page: Page, served: Served
) -> None:
    is_read_in_three_clicks(page, served, clicks, read)
    assert page.evaluate("window.owned") is None


def test_the_curve_has_every_round_with_its_interval(page: Page, served: Served) -> None:
    page.goto(f"{served.address}/improvement/night")
    said = page.locator("section[aria-labelledby=h-test] figure.chart svg").get_attribute("aria-label") or ""
    assert re.search(
        r"before: 0\.0% \(95%: 0\.0% to \d+\.\d%\); round 1, kept: 100\.0%.*; round 2, not kept: 100", said
    )
    heights = [
        circle.bounding_box() for circle in page.locator("section[aria-labelledby=h-test] figure.chart circle").all()
    ]
    assert len(heights) == 3
    below, above, again = (box["y"] if box else 0.0 for box in heights)
    assert below > above == again
    assert page.locator("section[aria-labelledby=h-test] figure.chart circle.hollow").count() == 1


def test_a_row_is_text_and_what_changed_since_the_audit_is_named(
    page: Page, served: Served, forked_gristmill: str, tmp_path: Path
) -> None:
    pytest.importorskip("cryptography")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    page.goto(served.address + DATASET)
    assert "<script>document.title = 'owned'" in page.locator("#h-rows ~ article pre").last.inner_text()
    assert page.evaluate("window.owned") is None
    # As the page says it, but for the key's place.
    said = page.locator("#h-audit ~ pre").inner_text().replace("KEY", str(key))
    answer = subprocess.run([forked_gristmill, *shlex.split(said)[1:]], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    page.reload()
    assert "as it was audited" in page.locator("#sentence").inner_text()
    file = served.folder / ".gristmill/improvements/night/round-1/dataset/data/train.jsonl"
    file.write_text(file.read_text().replace("train", "other", 1))
    page.reload()
    assert "changed since it was audited" in page.locator("#sentence").inner_text()
    assert "data/train.jsonl: line 1: was changed" in page.locator("#main").inner_text()


def test_a_bundle_has_them_too(page: Page, served: Served, forked_gristmill: str, tmp_path: Path) -> None:
    command = ["view", "--bundle", str(tmp_path / "report"), "--only", "night", "--workspace", str(served.folder)]
    done = subprocess.run([forked_gristmill, *command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    page.goto((tmp_path / "report/index.html").as_uri())
    page.get_by_text("night, round-1", exact=True).click()
    assert "2 rows, 2 verified by tools" in page.locator("#sentence").inner_text()
    page.get_by_text("train/0/0/1", exact=True).click()
    assert "passed" in page.locator("#came").inner_text()


def test_a_public_bundle_names_no_folder_of_the_workspace(
    served: Served, forked_gristmill: str, tmp_path: Path
) -> None:
    command = ["view", "--bundle", str(tmp_path / "report"), "--public", "--workspace", str(served.folder)]
    done = subprocess.run([forked_gristmill, *command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    files = {path.name: path.read_text("utf-8") for path in (tmp_path / "report").rglob("*.html")}
    kinds = ("adapter", "dataset", "improvement", "ser")
    assert all(any(name.startswith(f"{kind}-") for name in files) for kind in kinds), files.keys()
    assert not [name for name, text in files.items() if str(served.folder) in text]
    (adapter,) = (text for name, text in files.items() if name.startswith("adapter-night-round-1"))
    assert "without its folder, facts and commands" in adapter
    assert "gristmill adapters" not in adapter
    assert "gristmill audit" not in "".join(text for name, text in files.items() if name.startswith("dataset-"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_they_are_read_on_a_phone_and_by_a_screen_reader(browser: Browser, served: Served, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    for path in PAGES:
        page.goto(served.address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            (each["id"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert not serious, (path, serious)
    context.close()
