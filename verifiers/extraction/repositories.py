"""From a reply about a repository to one patch against the task's commit, in the one form that is kept and judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from gristmill.verifiers.extraction.changes import Change, UnreadError, changes_in
from gristmill.verifiers.extraction.edits import apply
from gristmill.verifiers.extraction.source import LIMIT, complaint
from gristmill.verifiers.extraction.thinking import without_reasoning
from gristmill.verifiers.repositories.patches import PatchError, diff, patched, text_problem
from gristmill.verifiers.repositories.trees import Tree, tree_of
from gristmill.verifiers.testing.repository import Repo

__all__ = ["Patch", "changed", "patch_in", "patched_tree"]

_BREAKS = re.compile(r"\r\n?")


class Patch(NamedTuple):
    """What was found in a reply: a patch and how, or None and why there is none, in words for the model."""

    solution: str | None
    note: str


def patch_in(repo: Repo, reply: str, parent: str | None) -> Patch:
    """The patch that a reply amounts to.

    Args:
        repo: what the task gives.
        reply: raw; or such a patch itself.
        parent: the patch that the reply builds on; changes that do not apply to its files may apply to the commit's.

    Raises:
        RepositoryError: the repository cannot be read.
    """
    tree = tree_of(repo)
    if reply.startswith("diff --git "):
        try:
            patched_tree(tree, repo, reply)
        except PatchError:
            pass  # a diff as a model writes it
        else:
            return Patch(reply, "a patch")
    try:
        said = without_reasoning(_BREAKS.sub("\n", reply))
        if not said.strip():
            return Patch(None, f"the reply {'ended inside its reasoning' if reply.strip() else 'is empty'}")
        changes = changes_in(said)
    except UnreadError as error:
        return Patch(None, str(error))
    if not changes:
        return Patch(None, "no change to a file was found in the reply")
    notes = []
    for base, note in [(parent, "changes to the parent's files"), (None, "changes to the repository's files")]:
        if base is None or base.strip():
            try:
                return Patch(_patch(tree, repo, base or "", changes), note)
            except PatchError as error:
                notes.append(str(error))
    return Patch(None, notes[0])


def patched_tree(tree: Tree, repo: Repo, patch: str) -> dict[str, str | None]:
    """What a kept patch makes of the repository: the new text of each file that it changes, None where it is gone.

    Raises:
        PatchError: it does not fit, is in another form, or changes what no reply may; words for the model.
    """
    named = [line[len("diff --git a/") :] for line in patch.split("\n") if line.startswith("diff --git a/")]
    # Which half of a head is the path is for the reader of patches to say: what it might name is looked up here.
    texts = {path: text for head in named if (text := tree.text(path := head[: (len(head) - 3) // 2])) is not None}
    after = patched(texts, patch)
    differing = {path: after.get(path) for path in {*texts, *after} if texts.get(path) != after.get(path)}
    _allowed(tree, repo, differing)
    return differing


def _allowed(tree: Tree, repo: Repo, differing: Mapping[str, str | None]) -> None:
    """Every path may be changed, and no new file stands where another one has its folder."""
    for path in sorted(differing):
        if why := tree.unchangeable(path, repo):
            raise PatchError(f"{path} {why}")
    new = {path for path, text in differing.items() if text is not None and path not in tree.files}
    for path in new:
        if any(other.startswith(f"{path}/") for other in new):
            raise PatchError(f"{path} is a file and a folder at once")


def _patch(tree: Tree, repo: Repo, parent: str, changes: list[Change]) -> str:
    now: dict[str, str | None] = patched_tree(tree, repo, parent) if parent else {}
    for change in changes:
        path = change.path
        # Before anything is read: what may not be changed is not looked at either.
        if why := tree.unchangeable(path, repo):
            raise PatchError(f"{path} {why}")
        now[path] = changed(change, now[path] if path in now else tree.text(path))
    before = {path: text for path in now if (text := tree.text(path)) is not None}
    after = {path: text for path, text in now.items() if text is not None}
    _allowed(tree, repo, {path: after.get(path) for path in {*before, *after} if before.get(path) != after.get(path)})
    for path, text in after.items():
        # What did not parse before need not parse now; what did must.
        old = before.get(path)
        why = complaint(text) if path.endswith(".py") and len(text) <= LIMIT and text != old else ""
        if why and (old is None or not complaint(old)):
            raise PatchError(f"{path} does not parse after the change: {why}")
    patch = diff(before, after)
    if not patch:
        raise PatchError("the changes leave every file as it is")
    return patch


def changed(change: Change, text: str | None) -> str | None:
    """A file after a change; line ends stay what they are in the file.

    Raises:
        PatchError: it does not apply; words for the model.
    """
    if change.gone:
        if text is None:
            raise PatchError(f"{change.path} is taken away, and is not there")
        return None
    if change.text is None and text is None and any(old for old, _ in change.edits):
        raise PatchError(f"{change.path} is changed, and there is no such file")
    odd = text is not None and "\r\n" in text and text.count("\r\n") == text.count("\n")
    plain = (text or "").replace("\r\n", "\n") if odd else text or ""
    if change.text is not None:
        made = change.text
    else:
        applied = apply(plain, change.edits)
        if applied is None:
            raise PatchError(f"{change.path}: what a change looks for is not there, letter by letter")
        end = plain[len(plain.rstrip("\n")) :] if plain.strip("\n") else "\n"
        made = applied.strip("\n") + "\n" if not plain.strip("\n") else applied[:-1] + end
    made = made.replace("\n", "\r\n") if odd else made
    if problem := text_problem(made):
        raise PatchError(f"{change.path} {problem}")
    return made
