"""Text that others wrote, made fit to be kept and to be shown.

What a candidate, a model, a server or a file says is a sequence of code points. Lone surrogates among them can be
written to no file and no database; control characters steer a terminal (OSC 52 fills its clipboard, CSI moves and
erases what stands there); marks of direction make a line read as another one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console_for", "plain", "plain_json", "say", "say_json", "say_table", "writable"]

_SHOWN = frozenset("\n\t ")
_SURROGATE = re.compile("[\ud800-\udfff]")


def writable(text: str) -> str:
    """`text` with lone surrogates replaced by ``�``: any file and any database takes it."""
    return text if text.isascii() else _SURROGATE.sub("�", text)


def plain(text: str) -> str:
    """`text` as it may be shown: line breaks and tabs stay, all else that has no shape of its own becomes ``�``.

    That takes control characters of both sets, escape sequences' first characters, marks of direction, invisible
    format characters, separators other than the blank, private code points and lone surrogates. Every blank becomes
    the common one.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if each in _SHOWN or each.isprintable() else " " if each.isspace() and ord(each) >= 0xA0 else "�"
        for each in text.replace("\r\n", "\n")
    )


def plain_json(text: str) -> str:
    """A JSON document as it may be shown: the same document, unprintable characters in its strings escaped."""
    if text.isprintable() or (text.isascii() and "\x7f" not in text):
        return text
    return "".join(each if each == "\n" or each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print `text` for a person: nothing in it steers the terminal. Commands print by this, or by a `console_for`."""
    import typer

    typer.echo(plain(text), err=err, nl=nl)


def say_json(text: str, *, err: bool = False) -> None:
    """Print a JSON document: see `plain_json`."""
    import typer

    typer.echo(plain_json(text), err=err)


def say_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Print rows under a head; no cell is cut or folded on a narrow terminal: names are to be copied.

    Args:
        head: names of the columns.
        rows: cells, as many as there are columns.
        right: columns that are set to the right, as numbers are.
    """
    from rich.cells import cell_len

    lines = [[" ".join(plain(cell).split()) for cell in row] for row in (head, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = []
        for cell, width, name in zip(line, widths, head, strict=True):
            blanks = " " * (width - cell_len(cell))
            padded.append(blanks + cell if name in right else cell + blanks)
        say("  ".join(padded).rstrip())


def console_for(*, stderr: bool = False, file: IO[str] | None = None, **how: Any) -> Console:
    """A console of rich that shows every text `plain`, and as it is; the only one that commands print to.

    Rich itself lets escape sequences in texts through, and reads markup (``[red]x[/red]``) and emoji (``r.py:boom:``)
    in them. What is printed here are ids, feedback and names that others wrote, so that is off and cannot be put on;
    styles are given by `rich.text.Text`.
    """
    from rich.console import Console
    from rich.segment import Segment

    class PlainConsole(Console):
        def render(self, renderable: Any, options: Any = None) -> Any:
            for each in super().render(renderable, options):
                # Control segments are rich's own; texts' styles become escape sequences after this.
                yield each if each.control else Segment(plain(each.text), each.style)

    return PlainConsole(stderr=stderr, file=file, **how | {"markup": False, "emoji": False, "highlight": False})
