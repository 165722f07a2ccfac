"""Who imports whom in the house, read from the source: every import counts, under TYPE_CHECKING and in functions too.

`python -P tests/house.py`, which is `make picture`, draws it in CONTRIBUTING.md, and `test_house.py` holds it to the
rules.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

__all__ = ["PAGE", "ROOMS", "ROOT", "circle", "drawn", "imports", "libraries", "modules", "siblings", "with_drawing"]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
ROOMS = ("sandbox", "verifiers", "graph", "trainers")
BEGIN, END = "<!-- imports: made by `make picture` -->", "<!-- end of imports -->"
Graph = Mapping[str, Set[str]]


@cache
def modules() -> dict[str, Path]:
    """The file of every module, by its name below `gristmill`; a folder's `__init__` goes by the folder's name."""
    paths = (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    parts = {path: path.relative_to(ROOT).with_suffix("").parts for path in paths}
    return {".".join(each[:-1] if each[-1] == "__init__" else each): path for path, each in parts.items()}


@cache
def _imported(name: str) -> frozenset[str]:
    """Dotted names of all that a module imports: ours below `gristmill`, others as they are."""
    names = set()
    for node in ast.walk(ast.parse(modules()[name].read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = str(node.module)
            whole = {f"{source}.{each.name}" for each in node.names}
            names |= {each if each.removeprefix("gristmill.") in modules() else source for each in whole}
    return frozenset(each.removeprefix("gristmill.") for each in names)


def imports(name: str) -> set[str]:
    """Our modules that a module imports."""
    return {each for each in _imported(name) if each in modules()}


def libraries(name: str) -> set[str]:
    """Top names of what a module imports and is not ours."""
    return {each.partition(".")[0] for each in _imported(name) if each not in modules()}


def siblings() -> dict[str, dict[str, set[str]]]:
    """For every folder: which of its modules and folders import which of the others."""
    by_folder: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in modules():
        for other in imports(name):
            here, there = name.split("."), other.split(".")
            depth = next((at for at, (one, two) in enumerate(zip(here, there, strict=False)) if one != two), 0)
            if depth:
                by_folder[".".join(here[:depth])][here[depth]].add(there[depth])
    return by_folder


def circle(graph: Graph) -> list[str]:
    """Names that import each other in turn, the first one again at the end; empty if there are none."""
    done: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path_back = next(filter(None, (follow(each, (*path, name)) for each in sorted(graph.get(name, ())))), [])
        done.add(name)
        return path_back

    return next(filter(None, (follow(name, ()) for name in sorted(graph))), [])


def drawn() -> str:
    """The drawing: a picture a room, its folders as nodes, what runs inside a sandbox framed."""
    return "\n".join(line for room in ROOMS for line in _picture(room))


def _picture(room: str) -> Iterator[str]:
    graph: dict[str, set[str]] = defaultdict(set)
    for name in modules():
        node = _node(name)
        if node and name.startswith(f"{room}."):
            others = {_node(each) for each in imports(name)} - {"", node}
            graph[node] |= {each for each in others if each.startswith(room) or "/guest" in node}
    nodes = sorted({*graph, *(each for others in graph.values() for each in others)})
    guests = [node for node in nodes if "/guest" in node]
    yield from ("", f"`{room}/`", "", "```mermaid", "flowchart BT")
    yield from (f"  {_label(node, room)}" for node in nodes if node not in guests)
    if guests:
        yield from (
            '  subgraph inside ["inside a sandbox"]',
            *(f"    {_label(node, room)}" for node in guests),
            "  end",
        )
    for node in nodes:
        yield from (f"  {_key(node)} --> {_key(each)}" for each in sorted(_direct(graph, node)))
    yield "```"


def _node(name: str) -> str:
    """The folder that stands for a module: of a room the first below it, of guests the one of their side."""
    *folders, file = modules()[name].relative_to(ROOT).parts
    if file == "__init__.py":
        return ""
    if "guest" in folders:
        return "/".join(folders[: folders.index("guest") + 2])
    return "/".join(folders[:2]) if len(folders) > 1 else ""


def _direct(graph: Graph, node: str) -> set[str]:
    """What a folder imports and does not reach through another folder as well."""
    return {
        each for each in graph.get(node, ()) if not any(each in _reached(graph, via) for via in graph[node] - {each})
    }


def _reached(graph: Graph, start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = set(graph.get(waiting.pop(), ())) - reached
        reached |= new
        waiting += new
    return reached


def _key(node: str) -> str:
    return f"at_{node.replace('/', '_')}"


def _label(node: str, room: str) -> str:
    return f'{_key(node)}["{node.removeprefix(f"{room}/")}"]'


def with_drawing(page: str) -> str:
    """The page with the drawing between its marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{drawn()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_drawing(PAGE.read_text()))
