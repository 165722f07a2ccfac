"""Patches over several files as text: made, read and applied here, in the one form that `diff` writes.

What is stored of a reply is such a patch, and what is judged is what comes of applying it. A patch in any other form
is refused, though git would take it: two readers of one patch may differ (fuzz, offsets, sections that come twice,
renames, modes, links, binary hunks), and then what is judged is not what its owner applies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gristmill.verifiers.repositories.differing import grouped
from gristmill.verifiers.repositories.paths import path_problem

__all__ = ["MOST_CHARACTERS", "PatchError", "diff", "patched", "text_problem"]

MOST_CHARACTERS = 1_000_000
"""The longest patch, and the longest text of one file that a patch may change."""

_SECTION = "diff --git "
_HUNK = re.compile(r"@@ -(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? @@")
_NO_NEWLINE = "\\ No newline at end of file"


class PatchError(ValueError):
    """A patch that is not in the form of `diff`, or does not fit the files; the message says where."""


def diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The patch that makes `after` of `before`, texts by path; `git apply` takes it. Empty if nothing differs.

    Raises:
        PatchError: a path or a text that no patch may hold.
    """
    parts: list[str] = []
    for path in sorted({*before, *after}):
        if before.get(path) != after.get(path):
            if problem := path_problem(path):
                raise PatchError(f"{path!r} {problem}")
            parts += _section(path, before.get(path), after.get(path))
    text = "".join(parts)
    if len(text) > MOST_CHARACTERS:
        raise PatchError(f"the changes have {len(text):,} characters as a patch; {MOST_CHARACTERS:,} are allowed")
    return text


def patched(before: Mapping[str, str], patch: str) -> dict[str, str]:
    """`before` with a patch applied to it: every line where the patch says.

    Raises:
        PatchError: it is not what `diff` writes for these two, letter by letter.
    """
    if len(patch) > MOST_CHARACTERS:
        raise PatchError("it is too long")
    after = dict(before)
    if not patch:
        return after
    lines = patch.split("\n")
    if lines.pop() != "":
        raise PatchError("its last line does not end")
    heads = [number for number, line in enumerate(lines) if line.startswith(_SECTION)]
    if heads[:1] != [0]:
        raise PatchError("it does not begin with `diff --git`")
    for begin, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        _apply_section(after, lines[begin:end])
    if diff(before, after) != patch:
        raise PatchError("it is not in the form in which patches are kept here")
    return after


def text_problem(text: str) -> str:
    """Why a text cannot stand in a patch, as the end of a sentence; empty if it can."""
    if len(text) > MOST_CHARACTERS:
        return f"has {len(text):,} characters; a file that is changed may have {MOST_CHARACTERS:,}"
    if "\0" in text:
        return "holds a zero character, as no text does"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which no file can hold"
    return ""


def _section(path: str, old: str | None, new: str | None) -> Iterator[str]:
    for text in (old, new):
        if problem := text_problem(text or ""):
            raise PatchError(f"{path}: the file {problem}")
    yield f"{_SECTION}a/{path} b/{path}\n"
    if old is None:
        yield "new file mode 100644\n"
    elif new is None:
        yield "deleted file mode 100644\n"
    lines, new_lines = _lines(old or ""), _lines(new or "")
    groups = grouped(lines, new_lines)
    if not groups:
        return  # an empty file comes, or goes
    # git ends a name that holds a blank by a tab, to tell where it ends.
    tab = "\t" if " " in path else ""
    yield f"--- a/{path}{tab}\n" if old is not None else "--- /dev/null\n"
    yield f"+++ b/{path}{tab}\n" if new is not None else "+++ /dev/null\n"
    for group in groups:
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for kind, begin, end, new_begin, new_end in group:
            if kind == "equal":
                yield from map(_line, " " * (end - begin), lines[begin:end])
                continue
            yield from map(_line, "-" * (end - begin), lines[begin:end])
            yield from map(_line, "+" * (new_end - new_begin), new_lines[new_begin:new_end])


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one, whatever else Python takes for an end."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _line(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n{_NO_NEWLINE}\n"


def _range(begin: int, end: int) -> str:
    """`5,2`; a single line goes without its number, and nothing is named by the line before it."""
    length = end - begin
    return f"{begin + 1}" if length == 1 else f"{begin + 1 if length else begin},{length}"


def _apply_section(files: dict[str, str], lines: list[str]) -> None:
    # A path stands there twice, and may hold what parts them: so its length is what tells.
    head = lines[0].removeprefix(_SECTION)
    path = head[2 : len(head) // 2]
    if head != f"a/{path} b/{path}":
        raise PatchError(f"cannot be read: {lines[0][:200]!r}")
    if problem := path_problem(path):
        raise PatchError(f"{path!r} {problem}")
    added, gone = lines[1:2] == ["new file mode 100644"], lines[1:2] == ["deleted file mode 100644"]
    if added == (path in files):
        raise PatchError(f"{path}: {'is there already' if added else 'is not there'}")
    old = _lines(files.get(path, ""))
    new: list[str] = []
    at = 0
    number = 1 + (added or gone)
    if number < len(lines):
        number += 2  # the names once more; the form is compared at the end
    while number < len(lines):
        hunk = _HUNK.fullmatch(lines[number])
        if hunk is None:
            raise PatchError(f"{path}: cannot be read: {lines[number][:200]!r}")
        number += 1
        begin = int(hunk[1]) - (hunk[2] != "0")
        if not at <= begin <= len(old):
            raise PatchError(f"{path}: a hunk is out of place")
        new += old[at:begin]
        at = begin
        while number < len(lines) and not lines[number].startswith("@@"):
            mark, line = lines[number][:1], lines[number][1:] + "\n"
            if number + 1 < len(lines) and lines[number + 1] == _NO_NEWLINE:
                line = line[:-1]
                number += 1
            if mark not in ("+", "-", " "):
                raise PatchError(f"{path}: cannot be read: {mark + line[:200]!r}")
            if mark != "+":
                if at >= len(old) or old[at] != line:
                    raise PatchError(f"{path}: line {at + 1} is not what the patch takes it for")
                at += 1
            if mark != "-":
                new.append(line)
            number += 1
    new += old[at:]
    if gone:
        if new:
            raise PatchError(f"{path}: more is there than the patch takes away")
        del files[path]
    else:
        files[path] = "".join(new)
