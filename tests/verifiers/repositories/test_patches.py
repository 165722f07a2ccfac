"""Patches: what `diff` writes, `patched` and git apply alike; what anybody else writes is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gristmill.verifiers.repositories.differing import grouped
from gristmill.verifiers.repositories.patches import PatchError, diff, patched
from gristmill.verifiers.repositories.paths import is_test, locked, matches, path_problem, pattern_problem, shadowing

# Lines that look like parts of a patch, ends of lines that are none to git, and no newline at the end.
LINE = st.sampled_from(
    [
        *(
            "",
            "a",
            "b",
            "c",
            "a ",
            "\ta",
            "é",
            "\r",
            "a\r",
            "\x0c",
            "\u2028",
            "@@ -1 +1 @@",
            "--- a/x",
            "+++ b/x",
            "-",
            "+",
        ),
        *("\\ No newline at end of file", "diff --git a/x b/x", " ", "new file mode 100644"),
    ]
)
TEXT = st.builds(lambda lines, end: "\n".join(lines) + end, st.lists(LINE, max_size=14), st.sampled_from(["", "\n"]))
PATH = st.sampled_from(["a.py", "b c.py", "d/e.py", "d/f g/h.txt", "é/ü.md", "x b/x", "new file mode 100644"])
FILES = st.dictionaries(PATH, TEXT, max_size=4)


@given(FILES, FILES)
@example({"a.py": ""}, {})
@example({}, {"a.py": ""})
@example({"x b/x": "1"}, {"x b/x": "1\n"})
def test_a_patch_makes_the_one_of_the_other(before: dict[str, str], after: dict[str, str]) -> None:
    assert patched(before, diff(before, after)) == after


@given(st.lists(LINE, max_size=30), st.lists(LINE, max_size=30))
def test_what_is_said_to_be_equal_is(old: list[str], new: list[str]) -> None:
    made: list[str] = []
    at = 0
    for group in grouped(old, new):
        for kind, begin, end, new_begin, new_end in group:
            made += old[at:begin]
            if kind == "equal":
                assert old[begin:end] == new[new_begin:new_end]
            made += new[new_begin:new_end]
            at = end
    assert made + old[at:] == new


@settings(max_examples=25)
@given(FILES, FILES)
@example({"a.py": "", "b c.py": "1"}, {"x b/x": "", "b c.py": "1\n"})
def test_git_makes_the_same_of_a_patch(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, str], after: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    write(folder, before)
    patch = diff(before, after)
    if patch:
        asked = ["git", "apply", "--whitespace=nowarn", "-"]
        subprocess.run(asked, cwd=folder, input=patch.encode(), check=True, capture_output=True)
    assert read(folder) == after


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())


def read(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in paths}


BEFORE = {"a.py": "one\ntwo\nthree\n"}
GOOD = diff(BEFORE, {"a.py": "one\n2\nthree\n"})
OTHERS = {
    "an offset": GOOD.replace("-1,3 +1,3", "-2,3 +2,3"),
    "a wrong count": GOOD.replace("-1,3", "-1,4"),
    "less context": "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-two\n+2\n",
    "a section twice": GOOD + GOOD.replace("-two", "-2").replace("+2", "+3"),
    "other context": GOOD.replace(" three", " four"),
    "another name below": GOOD.replace("+++ b/a.py", "+++ b/b.py"),
    "a rename": "diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n",
    "a mode": "diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n",
    "a link": "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n",
    "a way out": "diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+1\n",
    "a hook": "diff --git a/.git/hooks/pre-commit b/.git/hooks/pre-commit\nnew file mode 100644\n",
    "talk before": f"Here it is:\n{GOOD}",
    "talk behind": f"{GOOD}That is all.\n",
    "no end": GOOD[:-1],
    "nothing changed": "diff --git a/a.py b/a.py\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_patch_in_another_form_is_refused(name: str) -> None:
    assert patched(BEFORE, GOOD) == {"a.py": "one\n2\nthree\n"}
    with pytest.raises(PatchError):
        patched(BEFORE, OTHERS[name])


def test_what_is_made_to_be_slow_is_replaced_as_a_whole() -> None:
    old = [f"{number * number % 997}\n" for number in range(20_000)]
    new = [f"{number * 7 % 997}\n" for number in range(20_000)]
    before, after = {"a": "first\n" + "".join(old)}, {"a": "first\n" + "".join(new)}
    assert patched(before, diff(before, after)) == after


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "", ".git/config", ".GIT/config", "a/.git/hooks/x"),
        *(
            ".gitattributes",
            ".github/workflows/x.yml",
            ".g\u200cit/config",
            "C:/x",
            "c:x",
            "a\\b",
            'a"b',
            "a\nb",
            "a\tb",
        ),
        *("git~1/x", "a\x00b", "x ", "x./y", "aux", "nul.py", "a/" * 30 + "b", "x" * 300),
    ],
)
def test_paths_that_mean_something_else_are_refused(path: str) -> None:
    assert path_problem(path)
    with pytest.raises(PatchError):
        diff({}, {path: "1"})


def test_paths_and_patterns() -> None:
    assert not any(map(path_problem, ["a.py", "src/a b/c.py", "é.py", ".flake8", "a.git.py"]))
    assert matches("src/a/b.py", ["src"])
    assert matches("src/a/b.py", ["src/"])
    assert not matches("srcs/a.py", ["src"])
    assert matches("src/a/b.py", ["src/**/*.py"])
    assert matches("src/b.py", ["src/**/*.py"])
    assert matches("a.py", ["*.py"])
    assert not matches("src/a.py", ["*.py"])
    assert matches("src/a.py", ["**"])
    assert not matches("src/aXpy", ["src/a.py"])
    assert not pattern_problem("src/**/*.py")
    assert not pattern_problem("**")
    assert pattern_problem("../x")
    for path in ("tests/a.py", "a/test_b.py", "b_test.py", "conftest.py", "src/conftest.py", "Tests/data.json"):
        assert is_test(path)
        assert locked(path)
    for path in ("pyproject.toml", "src/pytest.ini", "sitecustomize.py", "a/b.pth", "x.so", "__pycache__/a.pyc"):
        assert not is_test(path)
        assert locked(path)
    assert not locked("src/contest.py")
    assert not locked("latest.py")
    assert not is_test("attest/a.py")
    assert shadowing("pytest.py")
    assert shadowing("src/random/__init__.py")
    assert not shadowing("src/a/random.py")
