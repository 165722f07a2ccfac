"""What a room shows: its kinds of pages. The page itself knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from gristmill.graph.storage.store import Store

__all__ = ["Asked", "Cell", "Field", "Form", "Listing", "Tone", "View", "link_to", "registered", "rooms_of"]

Some = TypeVar("Some")
Tone = Literal["", "good", "bad", "unscored", "refused", "soft", "live"]
"""How something is set off; a colour, and beside it always a word or a sign."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page is asked for: `/KIND/OWNER?id=ID`, and of a long one, which part; `/KIND` where it is nobody's."""

    kind: str
    owner: str
    id: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
    """Whether anybody may read the page: then it holds nothing that only the owner may know. No part of the address."""

    def number(self, name: str) -> int:
        """An option that is a whole number from 0; 0 where it is none."""
        text = self.options.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    def part(self, size: int, read: Callable[[int, int], tuple[int, Some]]) -> tuple[int, int, Some]:
        """Of something long the part that is asked for, or the last one where it is not that long.

        Args:
            size: of a part.
            read: (how many to skip, how many to take) → (how many there are, those).

        Returns:
            (number of the part from 0, how many there are, those of it).
        """
        page = self.number("page")
        count, some = read(page * size, size)
        if (last := max(0, -(-count // size) - 1)) < page:
            page = last
            count, some = read(page * size, size)
        return page, count, some


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a listing."""

    text: str
    to: Asked | None = None
    tone: Tone = ""
    number: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of the start page."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    none: str = "none yet"
    filters: Sequence[str] = ()
    """Columns by whose values it can be filtered, and then by any text too."""


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a form asks for: one of some values, or a text where there are none to choose from."""

    name: str
    label: str
    value: str = ""
    choices: Sequence[str] = ()
    all: str = ""
    """What the choice of none of them is called; without it one has to be chosen."""


@dataclass(frozen=True, slots=True)
class Form:
    """Asks for a page: what is filled in stands in its address, so that nothing is written and the address stays."""

    heading: str
    to: Asked
    fields: Sequence[Field]
    button: str


@dataclass(frozen=True, slots=True)
class View:
    """One kind of page.

    Args:
        kind: the first part of its address; lower case.
        package: whose folder `templates` holds the template.
        template: its file, which extends ``base.html``.
        page: the view model from the store; None where there is nothing of that name.
        listing: what the start page has of it, if anything; None where there is nothing to say today.
        live: the run whose events change the page; None where nothing does.
        form: what the start page has to ask for a page of this kind, if anything.
        write: what its form sends → the page that is shown next; None where nothing of the kind can be written. It
            raises UserError where it does not write, and then has written nothing.
        public: what the page leaves out where it is `Asked.public`, in words, empty where it need leave out nothing;
            None: it is no page for the public, and is not there then.
    """

    kind: str
    package: str
    template: str
    page: Callable[[Store, Asked], Any | None]
    listing: Callable[[Store], Listing | None] | None = None
    live: Callable[[Asked], str | None] = lambda asked: None
    form: Callable[[Store], Form | None] | None = None
    write: Callable[[Store, Asked, Mapping[str, str]], Asked] | None = None
    public: str | None = None


def registered(views: Iterable[View]) -> dict[str, View]:
    """Views by their kinds.

    Raises:
        ValueError: two are of one kind, or a kind's name is taken by the page itself.
    """
    found: dict[str, View] = {}
    for view in views:
        if view.kind in found or view.kind in ("static", "live", "index") or not view.kind.isalpha():
            raise ValueError(f"two views are of the kind {view.kind!r}, or it is none that an address can have")
        found[view.kind] = view
    return found


def rooms_of(views: Mapping[str, View]) -> list[str]:
    """The packages that have templates, each once."""
    return list(dict.fromkeys(view.package for view in views.values()))


def link_to(kind: str, owner: str, id: str = "", **options: str) -> Asked:
    """A link, for templates."""
    return Asked(kind, owner, id, options)
