"""The house keeps its own rules: no circles, small modules and folders, guests that need nothing of the host."""

from __future__ import annotations

import ast
import sys
from collections import Counter

import pytest

from tests.house import PAGE, ROOT, circle, libraries, modules, siblings, with_drawing

LINES, MODULES = 300, 14
# A catalogue of like things, one module a family: it is read one by one, never as a whole.
FLAT = {"verifiers/attacks"}
# What the images of the sandbox hold beside Python; see `gristmill.sandbox.image.root`.
INSIDE = set(
    "numpy sympy mpmath latex2sympy2_extended pytest torch nltk langdetect punkt lm_eval ifbench reasoning_gym".split()
)


@pytest.mark.parametrize("folder", sorted(siblings()))
def test_no_circle_among_the_modules_and_folders_of(folder: str) -> None:
    assert not circle(siblings()[folder])


def test_modules_and_folders_are_small() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert not {name for name, count in lines.items() if count > LINES}
    held = Counter(str(path.parent.relative_to(ROOT)) for path in modules().values() if path.name != "__init__.py")
    assert {folder for folder, count in held.items() if count > MODULES} == FLAT


@pytest.mark.parametrize("guest", [name for name in modules() if "guest" in name.split(".") or ".wire" in name])
def test_what_runs_inside_a_sandbox_needs_only_what_its_image_holds(guest: str) -> None:
    assert libraries(guest) <= sys.stdlib_module_names | INSIDE


def test_the_drawing_of_the_imports_is_current() -> None:
    page = PAGE.read_text()
    assert with_drawing(page) == page, "say `make picture`"


def test_a_circle_is_named() -> None:
    assert circle({"a": {"b"}, "b": {"c", "d"}, "d": {"b"}}) == ["b", "d", "b"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}})


PRINTS = {"sandbox.plain", "graph.models.local.fetch", "graph.models.replay.server"}  # the last two: own paths only


@pytest.mark.parametrize("name", [name for name in modules() if "guest" not in name.split(".")])
def test_everything_is_printed_by_what_keeps_escape_sequences_from_the_terminal(name: str) -> None:
    if name in PRINTS:
        return
    for node in ast.walk(ast.parse(modules()[name].read_text())):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        assert called not in {"print", "typer.echo", "typer.secho", "click.echo", "Console", "rich.print"}, (
            f"{modules()[name]}:{getattr(node, 'lineno', 0)}: say it by `say`, `say_json` or a `console_for`"
        )
