"""The pages point at what is there: files, headings of files, and names in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
NAME = re.compile(r"`([A-Za-z_][\w.]*)`")


def links(page: Path) -> list[tuple[str, str]]:
    """(text, target) of the links to files of ours; code blocks are not read."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [(text, target) for text, target in LINK.findall(text) if "://" not in target]


def defined(file: Path) -> set[str]:
    """Names of a module, and of what its classes hold as ``Class.name``."""
    all_names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        names = _names(node)
        all_names |= names
        if isinstance(node, ast.ClassDef):
            all_names |= {f"{node.name}.{name}" for inner in node.body for name in _names(inner)}
    return all_names


def _names(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for text, target in links(page):
        file, _, _ = target.partition("#")
        if not file:
            continue
        linked = (page.parent / file).resolve()
        assert linked.exists(), f"[{text}]({target})"
        if linked.suffix == ".py" and (name := NAME.fullmatch(text)):
            assert name[1] in defined(linked), f"{target} defines no {name[1]}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / target.partition("#")[0]).resolve() for _, target in links(page) if target[0] != "#"]
    assert set(PAGES) <= seen


def test_a_link_to_nowhere_and_to_a_name_that_is_gone_are_seen(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("LIMIT: int = 3\nclass Pool:\n    def run(self): ...\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[`Pool.run`](module.py) [`LIMIT`](module.py) [x](https://example.org/a)\n```\n[no](none.md)\n```\n"
    )
    assert links(page) == [("`Pool.run`", "module.py"), ("`LIMIT`", "module.py")]
    assert defined(module) == {"LIMIT", "Pool", "Pool.run"}
