"""A program of several files as one text, which is what records hold, what is compared, and what a sandbox is sent.

Each file begins with a line ``# gristmill: file PATH``, the one with the entry points first, others by path. Nothing
else may look like such a line, so a text has one reading. As the lines are comments, the whole parses as Python does,
and a line number means the same on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HEAD", "joined", "parted", "placed", "with_heads"]

HEAD = "# gristmill: file "


def joined(files: Mapping[str, str], main: str) -> str:
    """The text of several files; each ends with a line feed.

    Raises:
        ValueError: `main` is none of them, or one of them has a line that begins as those between them do.
    """
    if main not in files:
        raise ValueError(f"there is no file {main}")
    parts = []
    for path in (main, *sorted(each for each in files if each != main)):
        text = files[path]
        text = text if text.endswith("\n") or not text else f"{text}\n"
        if any(line.startswith(HEAD) for line in text.split("\n")):
            raise ValueError(f"{path} has a line that begins with {HEAD.strip()!r}")
        parts.append(f"{HEAD}{path}\n{text}")
    return "".join(parts)


def parted(text: str) -> dict[str, str]:
    """The files of such a text, the one with the entry points first; none where it is a program of one file.

    Raises:
        ValueError: it names a path twice.
    """
    files: dict[str, str] = {}
    if not text.startswith(HEAD):
        return files
    lines = text.split("\n")
    heads = [at for at, line in enumerate(lines) if line.startswith(HEAD)]
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        path, own = lines[head][len(HEAD) :], lines[head + 1 : end]
        if path in files:
            raise ValueError(f"{path} stands there twice")
        files[path] = "\n".join(own) if end == len(lines) else "".join(f"{line}\n" for line in own)
    return files


def placed(text: str) -> dict[str, str]:
    """As `parted`, each file below as many empty lines as stand before it in the whole.

    Raises:
        ValueError: see `parted`.
    """
    above, found = 0, {}
    for path, own in parted(text).items():
        found[path] = "\n" * (above + 1) + own
        above += 1 + own.count("\n")
    return found


def with_heads(text: str) -> str:
    """The text with the lines between its files as assignments, so that a syntax tree holds them."""
    if not text.startswith(HEAD):
        return text
    lines = text.split("\n")
    return "\n".join(f"__file__ = {line[len(HEAD) :]!r}" if line.startswith(HEAD) else line for line in lines)
