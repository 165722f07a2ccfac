"""Solutions of several files: read file by file, one text in records, modules in the sandbox."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.models.mutate.proposer import offspring
from gristmill.graph.models.mutate.rules import Rules
from gristmill.graph.search.novelty import Novelty
from gristmill.graph.search.rows import Place
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.wire.files import HEAD, joined, parted, placed
from gristmill.verifiers import Outcome, Seeds, Strength, Task, Verifiers
from gristmill.verifiers.extraction.forms.packages import files_of
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.registry import problems

inside = pytest.mark.asyncio(loop_scope="module")
FILES = {
    "solver.py": "import helper\nfrom plan.rules import weigh\n\n\ndef solve(n):\n    return helper.twice(weigh(n))\n",
    "plan/rules.py": "from __future__ import annotations\n\n\ndef weigh(n: Number):\n    return n\n",
    "helper.py": "import solver\n\n\ndef twice(n):\n    return 2 * n\n",
}
BEGUN = joined(FILES, "solver.py")
EVALUATOR = "import grading\n\n\ndef evaluate(candidate, instance):\n    return grading.grade(candidate(instance))\n"


def task(start: str | None = BEGUN, **test: Any) -> Task:
    score = {
        "type": "score",
        "entry_point": "solve",
        "code": EVALUATOR,
        "files": {"grading.py": "def grade(value):\n    return float(value)\n"},
        "instances": [1, 2],
        "direction": "maximize",
    }
    settings = {"main_file": "solver.py"} | ({"start": start} if start else {})
    row = {"id": "p", "kind": "code", "prompt": "Solve it.", "settings": settings, "tests": [test or score]}
    return Task.model_validate(row | {"reference": BEGUN})


def with_(path: str, text: str) -> str:
    return joined(FILES | {path: text}, "solver.py")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


TEXTS = st.text(st.sampled_from("a \n#=\\'"), max_size=12).filter(lambda text: HEAD not in text)


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3})?\.py", fullmatch=True), TEXTS, min_size=1, max_size=5),
    st.dictionaries(st.from_regex(r"[a-z]{1,3}/[a-z]{1,3}\.(json|txt|csv)", fullmatch=True), TEXTS, max_size=3),
)
def test_the_text_of_several_files_has_one_reading(modules: dict[str, str], data: dict[str, str]) -> None:
    main, files = min(modules), modules | data
    text = joined(files, main)
    assert parted(text) == {path: own if not own or own.endswith("\n") else f"{own}\n" for path, own in files.items()}
    assert next(iter(parted(text))) == main
    assert joined(parted(text), main) == text
    lines = text.split("\n")
    ast.parse("\n".join(line for line in lines if line.startswith("#")))
    assert all(placed(text)[path] == parted(text)[path] for path in data)
    for path in modules:
        own = placed(text)[path]
        said = own.split("\n")
        assert all(line in ("", lines[at]) for at, line in enumerate(said[: len(lines)]))
        assert lines[next(at for at, line in enumerate(lines) if line == HEAD + path) + 1 :][:1] != [HEAD]


@pytest.mark.parametrize(
    ("reply", "path", "has"),
    [
        (
            "plan/rules.py\n<<<<<<< SEARCH\n    return n\n=======\n    return n + 1\n>>>>>>> REPLACE",
            "plan/rules.py",
            "n + 1",
        ),
        (
            "--- a/helper.py\n+++ b/helper.py\n@@ -4,2 +4,2 @@\n def twice(n):\n-    return 2 * n\n+    return 3 * n\n",
            "helper.py",
            "3 *",
        ),
        ("`helper.py`:\n```python\ndef twice(n):\n    return 4 * n\n```", "helper.py", "4 *"),
        ("plan/more.py\n```python\nX = 1\n```\nFine.", "plan/more.py", "X = 1"),
        ("`plan/table.json`:\n```json\n[1, 2]\n```", "plan/table.json", "[1, 2]\n"),
    ],
)
def test_a_reply_changes_files_by_their_paths(reply: str, path: str, has: str) -> None:
    found = extract(task(), reply)
    assert found.solution is not None, found.note
    files = parted(found.solution)
    assert has in files[path]
    assert {each: text for each, text in files.items() if each != path} == {k: v for k, v in FILES.items() if k != path}
    assert extract(task(), found.solution).solution == found.solution


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../helper.py", "`.` or `..`"),
        ("plan/../../helper.py", "`.` or `..`"),
        ("/tmp/helper.py", "is absolute"),
        ("json.py", "'json' is a name of Python's"),
        ("numpy/linalg.py", "'numpy' is a name of Python's"),
        ("gristmill/sandbox/wire/values.py", "'gristmill' is a name of Python's"),
        ("solution.py", "'solution' is a name of Python's"),
        ("evaluator.py", "'evaluator' is a name of Python's"),
        ("grading.py", "the tests have or import 'grading'"),
        ("sitecustomize.py", ""),
        ("plan.py", "there is a folder of its name"),
        ("Helper.py", "one file on some machines"),
        ("a\\b.py", "character that no path"),
        ("plan/data.pth", "neither a Python file nor one of data"),
        ("table.json", "lies in no folder"),
        ("numpy/table.json", "'numpy' is a name of Python's"),
        ("grading/table.csv", "the tests have or import 'grading'"),
        ("../plan/table.json", "`.` or `..`"),
        ("helper/table.json", "there is a folder of its name"),
    ],
)
def test_a_path_that_leaves_or_shadows_is_refused(path: str, words: str) -> None:
    found = extract(task(), f"{path}\n```python\ndef twice(n):\n    return 9\n```")
    if path == "sitecustomize.py":  # imported by nobody here: Python has started long ago
        return
    assert found.solution is None
    assert words in found.note
    # Nor as a text in the form that is kept.
    text = BEGUN + f"{HEAD}{path}\n{'X = 1' if path.endswith('.py') else '#:1'}\n"
    assert extract(task(), text).solution is None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("```python\ndef solve(n):\n    return 1\n```", "no file was found"),
        ("helper.py\n```python\ndef twice(n:\n```", "helper.py does not parse"),
        ("solver.py\n```python\nX = 1\n```", "solver.py does not define `solve`"),
        (f"helper.py\n```python\n{HEAD}json.py\nX = 1\n```", "has a line that begins with"),
        ("helper.py\n<<<<<<< SEARCH\nnowhere\n=======\nX\n>>>>>>> REPLACE", "is not there, letter by letter"),
        (f"{HEAD}solver.py\ndef solve(n): return 1\n{HEAD}solver.py\nX = 1\n", "stands there twice"),
        (f"big.py\n```python\n{'X = 1' + chr(10) * 1}" + "Y = 1\n" * 20_000 + "```", "characters"),
        ("".join(f"f{n}.py\n```python\nX = 1\n```\n" for n in range(60)), "there may be 50"),
    ],
)
def test_what_is_no_package_is_said(reply: str, words: str) -> None:
    found = extract(task(), reply)
    assert found.solution is None
    assert words in found.note


MARKED = FILES | {"helper.py": "# gristmill: change\ndef twice(n):\n    return 2 * n\n# gristmill: end\nKEPT = 1\n"}


@pytest.mark.parametrize(
    ("path", "text", "changed"),
    [
        ("helper.py", "# gristmill: change\ndef twice(n):\n    return 5 * n\n# gristmill: end\nKEPT = 2\n", True),
        ("helper.py", MARKED["helper.py"], False),
        ("solver.py", "import helper\n\n\ndef solve(n):\n    return 7\n", False),
        # A region that is to end in another file, which would take what stands behind it there.
        ("helper.py", "# gristmill: change\ndef twice(n):\n    return 5 * n\n", None),
        ("more.py", "X = 1\n# gristmill: end\n", None),
    ],
)
def test_marked_regions_stay_in_their_file(path: str, text: str, changed: bool | None) -> None:
    begun = joined(MARKED, "solver.py")
    found = extract(task(begun), f"{path}\n```python\n{text}```")
    if changed is None:
        assert found.solution is None or parted(found.solution) == MARKED
        return
    assert found.solution is not None, found.note
    files = parted(found.solution)
    assert {each: own for each, own in files.items() if each != "helper.py"} == {
        each: own for each, own in MARKED.items() if each != "helper.py"
    }
    assert files["helper.py"].endswith("KEPT = 1\n")
    assert ("5 * n" in files["helper.py"]) is changed


def test_a_region_across_files_is_refused() -> None:
    begun = joined(MARKED, "solver.py")
    reply = (
        "helper.py\n```python\n# gristmill: change\ndef twice(n):\n    return 5 * n\n```\n"
        "idle.py\n```python\nX = 1\n# gristmill: end\nKEPT = 1\n```\n"
    )
    assert extract(task(begun), reply).solution is None


def test_a_copy_is_known_and_the_same_statements_in_other_files_are_not() -> None:
    novelty = Novelty(keep=["solve"])
    novelty.add("first", Place(0, 0, 1), BEGUN)
    renamed = BEGUN.replace("def twice(n):\n    return 2 * n", "def twice(m):\n    # doubled\n    return 2 * m")
    assert novelty.neighbour(renamed, Place(1, 0, 1)) is not None
    moved = joined({("other.py" if path == "helper.py" else path): text for path, text in FILES.items()}, "solver.py")
    assert novelty.neighbour(moved, Place(1, 0, 1)) is None
    assert novelty.neighbour(BEGUN.replace(HEAD, "# "), Place(1, 0, 1)) is None
    novelty.add("second", Place(0, 1, 1), with_("plan/table.json", "[1]\n"))
    assert novelty.neighbour(with_("plan/table.json", "[1]\n"), Place(1, 0, 1)) is not None
    assert novelty.neighbour(with_("plan/table.json", "[2]\n"), Place(1, 0, 1)) is None


READS_DATA = joined(
    FILES
    | {
        "helper.py": """
import csv
import importlib.resources
import json
from importlib import resources

import plan

table = json.loads((resources.files("plan") / "table.json").read_text(encoding="utf-8"))
with resources.files(plan).joinpath("deep", "rows.csv").open("r", newline="") as file:
    rows = list(csv.reader(file))
names = sorted(each.name for each in resources.files("plan").iterdir())
assert names == ["deep", "rules.py", "table.json"], names
assert resources.files("plan").joinpath("deep").is_dir()
with resources.as_file(resources.files("plan") / "table.json") as path:
    assert json.loads(path.read_text(encoding="utf-8")) == table
# As the prompt says it, of a folder without any module.
assert importlib.resources.files("data").joinpath("a.txt").read_text() == "begun\\n"


def twice(n):
    return table["by"] * n + int(rows[1][0])
""",
        "plan/table.json": '{"by": 2, "word": "ä # gristmill: file no.py"}\n',
        "plan/deep/rows.csv": "a\n0\n",
        "data/a.txt": "begun\n",
    },
    "solver.py",
)


@pytest.mark.parametrize("files", [FILES, MARKED, FILES | {"plan/table.json": "[1, 2]\n"}])
def test_a_search_without_a_model_changes_files_and_keeps_them(files: dict[str, str]) -> None:
    begun, changed = joined(files, "solver.py"), set()
    for number in range(12):
        child = offspring([begun], "improve", Rules.of(task(begun)), Random(number))
        found = extract(task(begun), child, parent=begun)
        assert found.solution == child, found.note
        assert parted(child).keys() == files.keys()
        changed |= {path for path, text in parted(child).items() if text != files[path]}
    assert changed
    assert changed == {"helper.py"} if files is MARKED else "plan/table.json" not in changed


def test_what_names_other_paths_is_no_folder_to_be_written() -> None:
    assert files_of(f"{HEAD}../../x.py\nX = 1\n") == {}
    assert files_of(f"{HEAD}a.py\nX = 1\n{HEAD}a.py\n") == {}
    assert files_of("X = 1\n") == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"main_file": "../solver.py"}, "settings.main_file: '../solver.py' has a part"),
        ({"main_file": 3}, "settings.main_file: must be the path of a file"),
        ({"main_file": "solver.py", "start": "def solve(n): return 1"}, "settings.start: it is no package"),
        ({"main_file": "solver.py", "template": "{answer}"}, "settings.template: is of a solution of one file"),
    ],
)
def test_a_task_that_cannot_be_so_is_told(settings: dict[str, Any], words: str) -> None:
    assert any(words in each for each in problems(task().model_copy(update={"settings": settings})))


# Each answers 3 for 1 and 6 for 2 only if what it tries has an effect on what is asked later.
WRITES_TO_ITS_SIBLING = with_(
    "solver.py",
    """
import pathlib
import helper
for place in (helper.__file__, "helper.py", "solution/helper.py", "/gristmill/lib/helper.py"):
    try:
        pathlib.Path(place).write_text("def twice(n):\\n    return 1000\\n")
    except OSError:
        pass
import importlib, sys
del sys.modules["helper"]
import helper
seen = helper.twice(1)
helper.twice = lambda n: helper.counted(n)
helper.counted = lambda n: seen + 0 * n


def solve(n):
    return seen
""",
)
SHADOWS_INSIDE = with_(
    "solver.py",
    """
import sys, types
for name in ("grading", "evaluator", "json", "numpy", "math", "gristmill.sandbox.wire.values"):
    fake = types.ModuleType(name)
    fake.grade = lambda value: 1e9
    fake.encode = lambda *values: b"1"
    if name in ("grading", "evaluator"):
        sys.modules[name] = fake


def solve(n):
    return 2 * n
""",
)


@inside
@pytest.mark.parametrize(
    ("solution", "scores"),
    [
        (BEGUN, [2.0, 4.0]),
        (WRITES_TO_ITS_SIBLING, [2.0, 2.0]),
        (SHADOWS_INSIDE, [2.0, 4.0]),
        (READS_DATA, [2.0, 4.0]),
    ],
)
async def test_a_package_is_judged_by_what_was_sent_alone(pool: Pool, solution: str, scores: list[float]) -> None:
    assert problems(task()) == []
    verdict = await Verifiers(pool).verify(task(), solution)
    assert (verdict.outcome, list(verdict.scores.values())) == (Outcome.PASSED, scores)
    assert verdict.strength is Strength.TESTED
    again = await Verifiers(pool).verify(task(), BEGUN)
    assert list(again.scores.values()) == [2.0, 4.0]


@inside
async def test_plain_python_comes_to_the_same_and_lines_are_told_in_the_whole(pool: Pool) -> None:
    verifiers = Verifiers(pool)
    verdict = await verifiers.verify(task(), BEGUN)
    assert await verifiers.reproduces(task(), BEGUN, verdict, Seeds()) is True
    assert await verifiers.reproduces(task(), READS_DATA, verdict, Seeds()) is True
    broken = with_("helper.py", "def twice(n):\n    raise ValueError('no luck')\n")
    asked = task()
    test = asked.scored
    assert test is not None
    shown = asked.model_copy(update={"tests": (test.model_copy(update={"public": (0,)}),)})
    verdict = await verifiers.verify(shown, broken)
    assert verdict.outcome is Outcome.ERROR
    assert "raise ValueError('no luck')" in verdict.feedback
    lacking = await verifiers.verify(task(), with_("helper.py", "import nowhere_at_all\nimport plan.rules\n"))
    assert "There is no nowhere_at_all here" in lacking.feedback
    assert "plan" not in lacking.feedback.partition("There is no ")[2].partition(" here")[0]


@inside
@pytest.mark.parametrize(
    "test",
    [
        {"type": "cases", "entry_point": "solve", "cases": [{"args": [3], "expected": 6}]},
        {"type": "python", "entry_point": "solve", "code": "assert solve(3) == 6\nassert solve(0) == 0\n"},
        {
            "type": "pytest",
            "entry_point": "solve",
            "files": {"test_it.py": "from solution import solve\n\n\ndef test_it():\n    assert solve(3) == 6\n"},
        },
        {
            "type": "driven",
            "drive": "def drive(solution, case):\n    return solution.solve(case['n'])\n",
            "judge": "def judge(value, case):\n    assert value == case['expected'], value\n",
            "cases": [{"given": {"n": 3}, "expected": 6}, {"given": {"n": 40}, "expected": 80}],
        },
    ],
)
async def test_other_tests_take_packages_too(pool: Pool, test: dict[str, Any]) -> None:
    asked = task(**test)
    assert problems(asked) == []
    verdict = await Verifiers(pool, accept_together=True).verify(asked, BEGUN)
    assert verdict.outcome is Outcome.PASSED, verdict.feedback
    wrong = await Verifiers(pool).verify(asked, with_("helper.py", "def twice(n):\n    return n\n"))
    assert wrong.outcome is Outcome.FAILED


@inside
async def test_beside_its_evaluator_a_package_is_files(pool: Pool) -> None:
    code = """
import os, runpy, sys


def evaluate(candidate, instance):
    sys.path.insert(0, os.path.dirname(candidate.path))
    return float(runpy.run_path(candidate.path)["solve"](instance)) + candidate(instance)
"""
    asked = task(type="score", entry_point="solve", code=code, instances=[3], direction="maximize", together=True)
    verdict = await Verifiers(pool, accept_together=True).verify(asked, BEGUN)
    assert (verdict.score, verdict.strength) == (12.0, Strength.TOGETHER), verdict.feedback
