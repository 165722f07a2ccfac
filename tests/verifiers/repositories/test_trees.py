"""Reading a repository runs nothing of it, and believes nothing that its hashes do not bear out."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from gristmill.verifiers.repositories.git import RepositoryError
from gristmill.verifiers.repositories.trees import pinned, tree_of, uncommitted
from gristmill.verifiers.testing.repository import Repo
from tests.verifiers.repositories.making import commit, git, made

FILES: dict[str, str | bytes] = {
    "src/a.py": "A = 1\n",
    "tests/test_a.py": "def test_a(): pass\n",
    "pyproject.toml": "",
    "logo.bin": b"\xff\x00",
}


def repo(folder: Path, **fields: str) -> Repo:
    return Repo.model_validate(
        {"path": str(folder), "editable": ["src"], "tests": ["tests/test_a.py::test_a"]} | fields
    )


def test_a_tree_is_that_of_its_commit_and_named_by_its_content(tmp_path: Path) -> None:
    first = made(tmp_path / "r", FILES)
    second = commit(tmp_path / "r", {"src/a.py": "A = 2\n"})
    old, new = tree_of(repo(tmp_path / "r", commit=first[:10])), tree_of(repo(tmp_path / "r"))
    assert (old.commit, new.commit) == (first, second)
    assert (old.text("src/a.py"), new.text("src/a.py")) == ("A = 1\n", "A = 2\n")
    assert old.sha256 != new.sha256
    assert set(old.files) == set(FILES)
    again = made(tmp_path / "again", FILES)
    assert tree_of(repo(tmp_path / "again", commit=again)).sha256 == old.sha256
    fixed = pinned(repo(Path("r"), commit="HEAD~1"), tmp_path)
    assert (fixed.commit, fixed.path) == (first, str(tmp_path / "r"))


def test_what_a_reply_may_change(tmp_path: Path) -> None:
    made(tmp_path / "r", FILES | {"src/b.bin": b"\xff"})
    tree, asked = tree_of(repo(tmp_path / "r")), repo(tmp_path / "r")
    for path in ("src/a.py", "src/new.py", "src/deep/new.py"):
        assert not tree.unchangeable(path, asked)
    for path in (
        *("tests/test_a.py", "src/conftest.py", "src/test_b.py", "src/pyproject.toml", "other.py", "../x", "logo.bin"),
        *("src/b.bin", "src/a.py/b.py", "src", "src/.git/config", "src/random.py", "src/a.pth", "src/sitecustomize.py"),
    ):
        assert tree.unchangeable(path, asked), path


def test_links_and_submodules_are_left_out_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    made(folder, FILES)
    (folder / "passwords").symlink_to("/etc/passwd")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendored")
    (folder / 'odd"name.py').write_text("")
    commit(folder, {})
    tree = tree_of(repo(folder))
    assert "passwords" not in tree.files
    said = "\n".join(tree.left_out)
    assert "'passwords': is a symbolic link" in said
    assert "odd" in said


def test_nothing_that_a_repository_names_is_run(tmp_path: Path) -> None:
    folder, marker = tmp_path / "r", tmp_path / "ran"
    made(folder, FILES)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {marker}\ncat\n")
    program.chmod(0o755)
    hooks = folder / ".git/hooks"
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc", "fsmonitor-watchman"):
        (hooks / name).write_text(program.read_text())
        (hooks / name).chmod(0o755)
    commit(folder, {".gitattributes": "* filter=x diff=x\n"})
    marker.unlink(missing_ok=True)
    for name in ("fsmonitor", "pager", "sshCommand", "editor", "hooksPath", "alternateRefsCommand", "askPass"):
        git(folder, "config", f"core.{name}", str(hooks if name == "hooksPath" else program))
    for name in ("filter.x.smudge", "filter.x.clean", "filter.x.process", "diff.x.textconv", "diff.external"):
        git(folder, "config", name, str(program))
    git(folder, "config", "alias.ls-tree", f"!{program}")
    git(folder, "config", "alias.rev-parse", f"!{program}")
    marker.unlink(missing_ok=True)
    tree = tree_of(repo(folder))
    assert tree.text("src/a.py") == "A = 1\n"
    assert not marker.exists()


def test_what_a_partial_clone_lacks_is_not_fetched(tmp_path: Path) -> None:
    folder, marker = tmp_path / "r", tmp_path / "ran"
    made(folder, FILES)
    blob = git(folder, "rev-parse", "HEAD:src/a.py")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {marker}\n")
    program.chmod(0o755)
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "far",
        "remote.far.url": str(folder),
        "remote.far.promisor": "true",
        "remote.far.uploadpack": str(program),
        "protocol.file.allow": "always",
        "protocol.allow": "always",
    }.items():
        git(folder, "config", name, value)
    (folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RepositoryError):
        tree_of(repo(folder))
    assert not marker.exists()


def test_an_object_that_stands_for_another_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    made(folder, FILES)
    blob = git(folder, "rev-parse", "HEAD:src/a.py")
    other = git(folder, "hash-object", "-w", "--stdin", given=b"A = 2\n")
    git(folder, "replace", blob, other)
    assert tree_of(repo(folder)).text("src/a.py") == "A = 1\n"
    kept = folder / ".git/objects" / blob[:2] / blob[2:]
    kept.chmod(0o644)
    kept.write_bytes(zlib.compress(b"blob 6\0A = 3\n"))
    commit(folder, {"new.py": ""})
    with pytest.raises(RepositoryError, match="another object"):
        tree_of(repo(folder))


@pytest.mark.parametrize("name", ["no-such-branch", "--help", "HEAD:src/a.py", "HEAD..HEAD", ""])
def test_what_is_no_commit_is_said(tmp_path: Path, name: str) -> None:
    made(tmp_path / "r", FILES)
    with pytest.raises(RepositoryError, match="no commit"):
        tree_of(repo(tmp_path / "r").model_copy(update={"commit": name}))
    with pytest.raises(RepositoryError, match="no folder"):
        tree_of(repo(tmp_path / "s"))


def test_a_machine_without_git_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "r", FILES)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match=r"cannot be read: there is no `git` on this machine"):
        tree_of(repo(tmp_path / "r"))


def test_what_is_not_committed_is_named_and_read_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "r"
    made(folder, FILES | {"src/b.py": "B = 1\n"})
    asked = pinned(repo(folder), tmp_path)
    tree_of(asked)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert uncommitted(asked) == []
    (folder / "src/a.py").write_bytes(b"A = 1\r\n")
    (folder / "src/notes.py").write_text("")
    assert uncommitted(asked) == []
    (folder / "src/a.py").write_text("A = 2\n")
    (folder / "src/b.py").unlink()
    (folder / "tests/test_new.py").write_text("")
    assert uncommitted(asked) == ["src/a.py", "src/b.py", "tests/test_new.py"]
