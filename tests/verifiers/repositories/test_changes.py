"""Replies about a repository, as models write them: each gives one patch, or a sentence that helps."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gristmill.verifiers.extraction.changes import UnreadError, changes_in
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.extraction.repositories import patched_tree
from gristmill.verifiers.records import Task
from gristmill.verifiers.repositories.git import RepositoryError
from gristmill.verifiers.repositories.patches import PatchError, diff
from gristmill.verifiers.repositories.trees import pinned, tree_of
from tests.verifiers.repositories.making import made

A, B = "def f(x):\n    return x - 1\n", "import os\n\n\ndef g():\n    return 1\n\n\ndef h():\n    return 2\n"
WINDOWS, BARE = "a = 1\r\nb = 2\r\n", "a = 1\nb = 2"
FILES: dict[str, str | bytes] = {
    "src/a.py": A,
    "src/b c.py": B,
    "src/w.py": WINDOWS,
    "src/bare.py": BARE,
    "src/old.py": "print 1\n",
    "tests/test_a.py": "def test_a(): ...\n",
    "README.md": "# Read\n",
}
FIXED = A.replace("x - 1", "x + 1")
BLOCK = "<<<<<<< SEARCH\n    return x - 1\n=======\n    return x + 1\n>>>>>>> REPLACE"
HUNK = "@@ -1,2 +1,2 @@\n def f(x):\n-    return x - 1\n+    return x + 1"


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("repository")
    made(folder, FILES)
    repo = {"path": str(folder), "editable": ["src"], "tests": ["tests/test_a.py::test_a"]}
    return Task.model_validate({"id": "t", "kind": "code", "prompt": "?", "repo": repo})


def becomes(task: Task, reply: str, parent: str | None = None) -> dict[str, str | None] | str:
    """What the patch of a reply changes; or the note, where there is none."""
    found = extract(task, reply, parent=parent)
    if found.solution is None:
        return found.note
    assert task.repo is not None
    return patched_tree(tree_of(task.repo), task.repo, found.solution)


REPLIES = {
    "a block under its path": f"Wrong sign.\n\nsrc/a.py\n{BLOCK}\n",
    "in a fence, path before it": f"src/a.py\n```python\n{BLOCK}\n```",
    "in a fence, path in it": f"```python\nsrc/a.py\n{BLOCK}\n```",
    "in a fence that names it": f"```python src/a.py\n{BLOCK}\n```",
    "path in the marker": BLOCK.replace("SEARCH", "SEARCH src/a.py"),
    "path in bold": f"**`src/a.py`**\n\n{BLOCK}",
    "path as a heading": f"### File: src/a.py\n```\n{BLOCK}\n```",
    "a diff": f"```diff\n--- a/src/a.py\n+++ b/src/a.py\n{HUNK}\n```",
    "a diff without letters": f"--- src/a.py\n+++ src/a.py\n{HUNK}\nThat is it.",
    "a diff of git's": f"diff --git a/src/a.py b/src/a.py\nindex 1..2 100644\n--- a/src/a.py\n+++ b/src/a.py\n{HUNK}",
    "a diff that counts wrong": f"--- a/src/a.py\n+++ b/src/a.py\n{HUNK}\n".replace("-1,2 +1,2", "-7,9 +8"),
    "the whole file": f"Here it is.\n\n`src/a.py`:\n```python\n{FIXED}```\n",
    "the whole file, path in the fence": f"```python:src/a.py\n{FIXED}```",
    "the whole file, path as a title": f'```python title="src/a.py"\n{FIXED}```',
    "the whole file, path in a comment": f"```python\n# src/a.py\n{FIXED}```",
    "in a list": "1. src/a.py\n   ```python\n" + "".join(f"   {line}\n" for line in FIXED.splitlines()) + "   ```\n",
    "after thinking of another": f"<think>\nsrc/bare.py\n{BLOCK}\n</think>\nsrc/a.py\n{BLOCK}",
    "with an example beside": f"Try this:\n```python\nf(1)\n```\nsrc/a.py\n{BLOCK}\n```sh\npytest -q\n```",
}


@pytest.mark.parametrize("form", REPLIES)
def test_every_form_makes_the_same_change(task: Task, form: str) -> None:
    assert becomes(task, REPLIES[form]) == {"src/a.py": FIXED}


def test_several_files_at_once(task: Task) -> None:
    reply = (
        f"src/a.py\n{BLOCK}\n\nAnd a new file:\n\nsrc/deep/new.py\n```python\nX = 1\n```\n"
        "src/b c.py\n```diff\n--- a/src/b c.py\n+++ b/src/b c.py\n@@ -5 +5 @@\n-    return 1\n+    return 3\n"
        "@@ -9 +9 @@\n-    return 2\n+    return 4\n--- a/src/bare.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a = 1\n"
        "-b = 2\n```"
    )
    assert becomes(task, reply) == {
        "src/a.py": FIXED,
        "src/deep/new.py": "X = 1\n",
        "src/b c.py": B.replace("return 1", "return 3").replace("return 2", "return 4"),
        "src/bare.py": None,
    }


def test_ends_of_lines_and_of_files_stay(task: Task) -> None:
    for path, text in (("src/w.py", WINDOWS), ("src/bare.py", BARE)):
        reply = f"{path}\n<<<<<<< SEARCH\na = 1\n=======\na = 3\n>>>>>>> REPLACE"
        assert becomes(task, reply) == {path: text.replace("a = 1", "a = 3")}


def test_a_reply_goes_on_from_its_parent_or_from_the_commit(task: Task) -> None:
    parent = extract(task, REPLIES["a diff"]).solution
    second = "src/a.py\n<<<<<<< SEARCH\n    return x + 1\n=======\n    return x + 2\n>>>>>>> REPLACE"
    assert becomes(task, second, parent) == {"src/a.py": A.replace("x - 1", "x + 2")}
    other = "src/bare.py\n<<<<<<< SEARCH\na = 1\n=======\na = 3\n>>>>>>> REPLACE"
    assert becomes(task, other, parent) == {"src/a.py": FIXED, "src/bare.py": BARE.replace("a = 1", "a = 3")}
    assert becomes(task, REPLIES["a diff"], parent) == {"src/a.py": FIXED}
    back = becomes(task, second.replace("x + 2", "x - 1"), parent)
    assert isinstance(back, str)
    assert "leave every file as it is" in back
    # The patch itself is a reply, as a file of candidates has it.
    assert extract(task, str(parent)).solution == parent


WRONG = {
    "tests": ("tests/test_a.py\n```python\n\n```", "belongs to the tests"),
    "a new conftest": ("src/conftest.py\n```python\nimport os\n```", "belongs to the tests"),
    "settings": ("--- /dev/null\n+++ b/src/pytest.ini\n@@ -0,0 +1 @@\n+[pytest]", "how the tests are run"),
    "sitecustomize": ("src/sitecustomize.py\n```python\nimport os\n```", "how the tests are run"),
    "what is not editable": ("README.md\n```\nx\n```", "lets you change src"),
    "a way out": ("--- a/../x.py\n+++ b/../x.py\n@@ -0,0 +1 @@\n+x", "`..`"),
    "from the root": (BLOCK.replace("SEARCH", "SEARCH /etc/passwd"), "absolute"),
    "a hook": ("--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x", "belongs to git"),
    "a module of Python's": ("src/random.py\n```python\nX = 1\n```", "a module that Python"),
    "a folder that is a file": ("src/a.py/b.py\n```python\nX = 1\n```", "a file and a folder"),
    "two of one": ("src/n\n```\nx\n```\nsrc/n/m.py\n```\nx = 1\n```", "src/n"),
    "a rename": ("```diff\ndiff --git a/src/a.py b/src/z.py\nrename from src/a.py\nrename to src/z.py\n```", "renames"),
    "a link": (
        "diff --git a/src/l b/src/l\nnew file mode 120000\n--- /dev/null\n+++ b/src/l\n@@ -0,0 +1 @@\n+/etc/passwd\n",
        "links",
    ),
    "a rename with hunks": (f"--- a/src/a.py\n+++ b/src/z.py\n{HUNK}", "renames"),
    "what is not there": (f"src/a.py\n{BLOCK.replace('x - 1', 'y - 1')}", "not there, letter by letter"),
    "no such file": (f"src/none.py\n{BLOCK}", "no such file"),
    "no path": (f"Change it:\n{BLOCK}", "put its path"),
    "no end": ("src/a.py\n<<<<<<< SEARCH\n    return x - 1\n=======\n", "does not end"),
    "cut": ("src/a.py\n```python\ndef f(", "ends inside the file"),
    "nothing": ("It cannot be done.", "no change to a file"),
    "only an example": ("```python\nf(1)\n```", "no change to a file"),
    "no Python": (f"src/a.py\n{BLOCK.replace('x + 1', 'x +')}", "does not parse"),
    "thinking only": (f"<think>src/a.py\n{BLOCK}", "inside its reasoning"),
    "a zero": ("src/a.py\n```\nx = '\0'\n```", "src/a.py"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_taken_is_said(task: Task, what: str) -> None:
    reply, words = WRONG[what]
    said = becomes(task, reply)
    assert isinstance(said, str)
    assert words in said


def test_a_file_that_never_parsed_need_not(task: Task) -> None:
    assert becomes(task, "src/old.py\n```python\nprint 2\n```") == {"src/old.py": "print 2\n"}


def test_a_kept_patch_is_held_to_the_same(task: Task) -> None:
    assert task.repo is not None
    tree = tree_of(task.repo)
    paths: list[str] = ["tests/test_a.py", "README.md", "src/conftest.py", "src/random.py"]
    for path in paths:
        before = {path: str(FILES[path])} if path in FILES else {}
        with pytest.raises(PatchError, match=path):
            patched_tree(tree, task.repo, diff(before, {path: "x = 1\n"}))


PIECE = st.sampled_from(
    [
        *(
            *BLOCK.split("\n"),
            *HUNK.split("\n"),
            "```",
            "```python",
            "--- a/src/a.py",
            "+++ b/src/a.py",
            "+++ /dev/null",
        ),
        *("src/a.py", "```diff", "~~~", "", "diff --git a/x b/x", "rename from x", "talk", "# src/a.py", "````"),
    ]
)


@given(st.lists(PIECE, max_size=25))
@example(["```", "--- a/src/a.py", "+++ b/src/a.py", "```"])
def test_any_reply_is_read_or_refused_with_words(task: Task, lines: list[str]) -> None:
    reply = "\n".join(lines)
    with suppress(UnreadError):
        assert all(change.path for change in changes_in(reply))
    found = extract(task, reply)
    assert "could not be read" not in found.note


def test_a_repository_that_has_gone_says_nothing_of_a_reply(task: Task, tmp_path: Path) -> None:
    made(tmp_path / "r", FILES)
    assert task.repo is not None
    repo = pinned(task.repo.model_copy(update={"path": "r"}), tmp_path)
    moved = task.model_copy(update={"repo": repo.model_copy(update={"path": str(tmp_path / "s")})})
    with pytest.raises(RepositoryError, match="no folder"):
        extract(moved, REPLIES["a diff"])
    # What was read once is kept: a reply that is paid for is read, though the folder goes in the meantime.
    kept = task.model_copy(update={"repo": repo})
    assert extract(kept, REPLIES["a diff"]).solution
    (tmp_path / "r").rename(tmp_path / "t")
    assert extract(kept, REPLIES["a diff"]).solution
