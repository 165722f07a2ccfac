"""The fenced blocks of the pages, and the marks that say why one is not run here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.test_docs import PAGES, ROOT

__all__ = ["BLOCKS", "HOW", "Block", "Step", "allowed", "blocks"]

HOW = """
Every block of the docs is run, or says why not (CONTRIBUTING.md, "Blocks of the docs"). What to do about this one:
- shell: each command is a `gristmill …` (with `> FILE` at most) and works in the page's workspace, to which
  tests/pages/workspaces.py gives files and earlier commands; it ends with code 0, with 2 where `Error:` is shown, or
  as CODES there says; what stands below a `$ ` line is what it prints, numbers aside;
- python: it runs, with the names that tests/pages/workspaces.py gives the page;
- json, yaml, toml: tasks, candidates, replies, verdicts, a configuration, entry points: what our readers take;
- a file that commands of the page use: let the line before the block end with its name: `carts.py`:
- or put one of these, alone, into the line before the block:
    <!-- run by: tests/THE_TEST.py -->     that test names the page
    <!-- not run: REASON -->               a reason of CONTRIBUTING.md's table, which also says how many there may be
"""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^<!-- (not run|run by): ([^\n]*?) -->\s*\Z", re.MULTILINE)
_NAMED = re.compile(r"`([\w-]+\.\w+)`:\s*\Z")  # "`carts.py`:"
_ROW = re.compile(r"^\| `([\w ]+)` \| .* \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One command of a block: its line, and what the block shows of its output."""

    line: str
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        line: of its fence in the page.
        mark: ``not run``, ``run by``, ``drawn``, or nothing where it is run here.
        why: the reason, or the test's path.
        file: the name that the page gives it, if it is a file.
        section: the heading that it stands under.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str
    why: str
    file: str
    section: str

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_shell(self) -> bool:
        """Whether its lines are commands."""
        lines = self.text.splitlines()
        return self.language in ("bash", "sh", "console") or (
            not self.language and any(each.startswith(("gristmill ", "$ ")) for each in lines)
        )

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Its commands in order. Where some lines begin with ``$``, the others are what those print."""
        lines = self.text.replace("\\\n", " ").splitlines()
        steps: list[tuple[str, list[str]]] = []
        prompted = any(line.startswith("$ ") for line in lines)
        for line in lines:
            if prompted and not line.startswith("$ "):
                steps[-1][1].append(line)
            elif shlex.split(line, comments=True):
                steps.append((line.removeprefix("$ "), []))
        return tuple(Step(line, tuple(shown)) for line, shown in steps)


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in order."""
    text = page.read_text("utf-8")
    for fence in _FENCE.finditer(text):
        before = text[: fence.start()]
        mark = _MARK.search(before)
        headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", before), re.MULTILINE)
        named = _NAMED.search(before)
        kind, why = (mark[1], mark[2]) if mark else ("drawn", "") if _drawn(fence[1], before) else ("", "")
        yield Block(
            page=page,
            line=before.count("\n") + 1,
            language=fence[1],
            text=fence[2],
            mark=kind,
            why=why,
            file=named[1] if named else "",
            section=headings[-1] if headings else "",
        )


def _drawn(language: str, before: str) -> bool:
    """Whether it is a picture that the code draws, which tests keep in step (test_picture.py, test_house.py)."""
    begun = max(before.rfind("<!-- graph:begin -->"), before.rfind("<!-- imports: made by"))
    ended = max(before.rfind("<!-- graph:end -->"), before.rfind("<!-- end of imports -->"))
    return language == "mermaid" and begun > ended


def allowed() -> dict[str, int]:
    """How many blocks of all pages may be marked, by reason, as CONTRIBUTING.md says."""
    section = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## Blocks of the docs\n")[1].split("\n## ")[0]
    return {reason: int(most) for reason, most in _ROW.findall(section)}


BLOCKS = [block for page in PAGES for block in blocks(page)]
