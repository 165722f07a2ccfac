"""Changes to several files in one reply: SEARCH/REPLACE blocks with paths, unified diffs, whole files, mixed at will.

As in `gristmill.verifiers.extraction.edits`, line numbers are not believed and nothing is guessed. A path is what
stands in a marker, in a fence's first line, or by itself on the line before: never what only looks like one in prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gristmill.verifiers.extraction.edits import Edit, find_edits

__all__ = ["Change", "UnreadError", "changes_in"]

_MOST = 200
# <<<<<<< SEARCH src/a.py
_SEARCH = re.compile(r"<{5,9} ?SEARCH(?:[ \t]+(\S.{0,300}))?")
_REPLACE = re.compile(r">{5,9} ?REPLACE")
# ```python src/a.py   ```src/a.py   ```python title="src/a.py"
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^`\n]{0,300})")
_IN_FENCE = re.compile(r"(?:(?:title|path|file|filename)=)?[\"']?([^\s\"'=]+)[\"']?")
# ### `src/a.py`   **src/a.py**:   File: src/a.py (new)
_NAME = re.compile(
    r"(?:[-*+#>\d.]{1,6}[ \t]+)?(?:(?:new |updated |changed )?(?:file(?:name)?|path)[ \t]*:[ \t]*)?"
    r"([^\s`*\"'<>|:()]{1,300})(?:[ \t]*\((?:new|changed|updated|whole)?[ \t]?(?:file)?\))?",
    re.IGNORECASE,
)
# # src/a.py   // src/a.js
_COMMENT = re.compile(r"(?:#|//)[ \t]*(?:file(?:name)?:[ \t]*)?(\S+)", re.IGNORECASE)
_LOOKS_LIKE_A_PATH = re.compile(r"[^/]*/.*[^/]|.*\.\w{1,12}")
_NOT_READ = ("rename from ", "copy from ", "GIT binary patch", "new file mode 12", "new file mode 16")
_DIFF_FILE = re.compile(r"(?:---|\+\+\+) (?:[ab]/)?([^\t]*?)[ \t]*(?:\t.*)?")


class Change(NamedTuple):
    """What a reply does to one file: `text` is all of it, else `edits` are made to it; `gone` takes it away."""

    path: str
    text: str | None = None
    edits: tuple[Edit, ...] = ()
    gone: bool = False


class UnreadError(ValueError):
    """Something in a reply that is meant as a change and cannot be read as one; the message is for the model."""


def changes_in(reply: str) -> list[Change]:
    """The changes in a reply, in its order; line ends are line feeds.

    Raises:
        UnreadError: see there.
    """
    lines = reply.split("\n")
    for at, line in enumerate(lines):
        if line.startswith(_NOT_READ) and any(each.startswith("diff --git ") for each in lines[max(0, at - 4) : at]):
            raise UnreadError("a diff that renames, copies, links or has what is no text is not read: give whole files")
    reader = _Reader(lines)
    reader.read()
    if len(reader.found) > _MOST:
        raise UnreadError(f"the reply has {len(reader.found)} changes; {_MOST} are read at most")
    return reader.found


class _Reader:
    """One pass over a reply's lines."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._at = 0
        self._named = ""  # the path on the last line that says something
        self._current = ""  # the path that blocks without one of their own go on with
        self.found: list[Change] = []

    def read(self) -> None:
        while self._at < len(self._lines):
            line = self._lines[self._at].strip()
            if _SEARCH.fullmatch(line):
                self._block()
            elif self._begins_diff(self._at):
                self._diff()
            elif (fence := _FENCE.fullmatch(line)) is not None:
                self._fence(fence[1], fence[2].strip())
            else:
                if line:
                    self._named = _path_in(line)
                self._at += 1

    def _block(self, fallback: str = "") -> None:
        """One SEARCH/REPLACE block, markers included."""
        begin = self._at
        marker = _SEARCH.fullmatch(self._lines[begin].strip())
        inside = marker[1].strip().strip("`*\"'") if marker and marker[1] else ""
        path = inside or self._named or fallback or self._current
        end = next((n for n in range(begin + 1, len(self._lines)) if _REPLACE.fullmatch(self._lines[n].strip())), None)
        if not path:
            raise UnreadError(
                "a SEARCH/REPLACE block does not say which file it changes: put its path on the line before"
            )
        if end is None:
            raise UnreadError(f"{path}: a SEARCH block does not end with >>>>>>> REPLACE")
        edits = find_edits("\n".join(["<<<<<<< SEARCH", *self._lines[begin + 1 : end], ">>>>>>> REPLACE"]))
        if len(edits) != 1:
            raise UnreadError(f"{path}: a SEARCH block has no line ======= between what is and what should be")
        self.found.append(Change(path, edits=tuple(edits)))
        self._current, self._named = path, ""
        self._at = end + 1

    def _begins_diff(self, at: int) -> bool:
        one, two = (self._lines[n] if n < len(self._lines) else "" for n in (at, at + 1))
        return one.startswith("--- ") and two.startswith("+++ ")

    def _diff(self) -> None:
        """One file of a unified diff: its two names, and hunks up to the next file or the end of the fence."""
        begin = self._at
        old, new = (_file_of(self._lines[begin + at]) for at in (0, 1))
        end = begin + 2
        while end < len(self._lines) and not self._begins_diff(end) and not _ends_diff(self._lines[end]):
            end += 1
        self._at = end
        self._named = ""
        lines = self._lines[begin + 2 : end]
        path = new or old
        if not path:
            raise UnreadError("a diff names no file in its lines `---` and `+++`")
        if old and new and old != new:
            raise UnreadError(
                f"{old} → {new}: a diff that renames is not read; take the one file away and make the other"
            )
        if not old:
            self.found.append(Change(path, text="".join(f"{each[1:]}\n" for each in lines if each.startswith("+"))))
        elif not new:
            self.found.append(Change(path, gone=True))
        else:
            edits = find_edits("\n".join(lines))
            if not edits:
                raise UnreadError(f"{path}: its diff has no hunk that changes something")
            self.found.append(Change(path, edits=tuple(edits)))

    def _fence(self, mark: str, info: str) -> None:
        """A fenced block: blocks and diffs in it, or the whole of a file, if it says of which."""
        said = next((path for word in reversed(info.split()) if (path := _path_in_fence(word))), "")
        path, begin = said or self._named, self._at + 1
        end = begin
        while end < len(self._lines) and not _closes(self._lines[end], mark):
            end += 1
        # A fence in a list is indented, and what it holds with it.
        line = self._lines[self._at]
        indent = line[: len(line) - len(line.lstrip())]
        inside = [each.removeprefix(indent) for each in self._lines[begin:end]]
        if any(_SEARCH.fullmatch(line.strip()) for line in inside):
            self._at = begin
            while self._at < len(self._lines) and not _closes(self._lines[self._at], mark):
                line = self._lines[self._at].strip()
                if _SEARCH.fullmatch(line):
                    self._block(path)
                    continue
                if line:
                    self._named = _path_in(line)
                self._at += 1
        elif any(self._begins_diff(n) for n in range(begin, end)):
            self._at = begin
            while self._at < len(self._lines) and not _closes(self._lines[self._at], mark):
                if self._begins_diff(self._at):
                    self._diff()
                    continue
                self._at += 1
        else:
            self._whole(path, inside, closed=end < len(self._lines))
            self._at = end
        self._at += 1
        self._named = ""

    def _whole(self, path: str, lines: Sequence[str], *, closed: bool) -> None:
        if not path and lines and (comment := _COMMENT.fullmatch(lines[0].strip())) and "/" in comment[1]:
            path = _path_in(comment[1])
            lines = lines[1:]
        if not path:
            return  # an example, a command, what was found: no change
        if not closed:
            raise UnreadError(f"{path}: the reply ends inside the file")
        self.found.append(Change(path, text="".join(f"{line}\n" for line in lines)))


def _closes(line: str, mark: str) -> bool:
    bare = line.strip()
    return bare.startswith(mark) and not bare.strip(mark[0])


def _ends_diff(line: str) -> bool:
    """Whether a line can belong to no hunk: a closing fence, talk, or the head of the next file."""
    return line[:1] not in {"+", "-", " ", "\\", "@", ""}


def _file_of(line: str) -> str:
    """The path in a line ``--- a/src/a.py``; empty for /dev/null."""
    match = _DIFF_FILE.fullmatch(line)
    path = match[1].strip('"') if match else ""
    return "" if path in ("/dev/null", "dev/null") else path


def _path_in(line: str) -> str:
    """The path that is all a line says; empty if it says anything else."""
    bare = re.sub(r"[`*\"']", "", line).strip().rstrip(":").strip()
    match = _NAME.fullmatch(bare)
    return match[1] if match and _LOOKS_LIKE_A_PATH.fullmatch(match[1]) else ""


def _path_in_fence(word: str) -> str:
    match = _IN_FENCE.fullmatch(word.rpartition(":")[2] if ":" in word else word)
    return match[1] if match and _LOOKS_LIKE_A_PATH.fullmatch(match[1]) else ""
