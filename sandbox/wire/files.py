"""A program of several files as one text, which is what records hold, what is compared, and what a sandbox is sent.

Each file begins with a line ``# gristmill: file PATH``, the one with the entry points first, others by path. Nothing
else may look like such a line, so a text has one reading. A file that is no Python is data: each of its lines stands
behind ``#:``. As all of these are comments, the whole parses as Python does, and a line number means the same on both
sides.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HEAD", "is_data", "joined", "parted", "placed", "with_heads"]

HEAD = "# gristmill: file "
_DATA = "#:"


def is_data(path: str) -> bool:
    """Whether a file of a program is none of its modules."""
    return not path.endswith(".py")


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
        if is_data(path):
            text = "".join(f"{_DATA}{line}\n" for line in text.split("\n")[:-1])
        if any(line.startswith(HEAD) for line in text.split("\n")):
            raise ValueError(f"{path} has a line that begins with {HEAD.strip()!r}")
        parts.append(f"{HEAD}{path}\n{text}")
    return "".join(parts)


def parted(text: str) -> dict[str, str]:
    """The files of such a text, the one with the entry points first; none where it is a program of one file.

    Raises:
        ValueError: it names a path twice, or has a line that cannot be one of a file of data.
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
        if is_data(path):
            own = own[:-1] if end == len(lines) and own[-1:] == [""] else own
            if not all(line.startswith(_DATA) for line in own):
                raise ValueError(f"{path} is data, and has a line that does not begin with {_DATA!r}")
            files[path] = "".join(f"{line[len(_DATA) :]}\n" for line in own)
            continue
        files[path] = "\n".join(own) if end == len(lines) else "".join(f"{line}\n" for line in own)
    return files


def placed(text: str) -> dict[str, str]:
    """As `parted`, each module below as many empty lines as stand before it in the whole.

    Raises:
        ValueError: see `parted`.
    """
    above, found = 0, {}
    for path, own in parted(text).items():
        found[path] = own if is_data(path) else "\n" * (above + 1) + own
        above += 1 + own.count("\n")
    return found


def with_heads(text: str) -> str:
    """The text with the lines between its files, and those of data, as assignments: so a syntax tree holds them."""
    if not text.startswith(HEAD):
        return text
    lines, data = text.split("\n"), False
    for at, line in enumerate(lines):
        if line.startswith(HEAD):
            data = is_data(line)
            lines[at] = f"__file__ = {line[len(HEAD) :]!r}"
        elif data and line.startswith(_DATA):
            lines[at] = f"__file__ = {line!r}"
    return "\n".join(lines)
