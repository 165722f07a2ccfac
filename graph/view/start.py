"""The start page: what a workspace holds, room by room, filtered as its address says, and forms that ask for more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from gristmill.graph.storage.store import Store
from gristmill.graph.view.registry import Asked, Field, Form, Listing, View

__all__ = ["Shown", "Start", "start_page", "static_folder"]

_LIST, _TEXT = "list", "text"


@dataclass(frozen=True, slots=True)
class Shown:
    """A listing as it is shown."""

    listing: Listing
    """With those rows only that the filter lets through."""
    form: Form | None
    """Its filter, where it can be filtered and there is something."""
    count: int
    """Rows that there are without the filter."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the start page shows."""

    where: str
    forms: Sequence[Form]
    listings: Sequence[Shown]


def start_page(store: Store, views: Iterable[View], options: Mapping[str, str] | None = None) -> Start:
    """What there is in a workspace.

    Args:
        options: `list`, the heading of a listing, and what its rows are to have: values by column, or a `text`.
    """
    views = list(views)
    asked = [view.form(store) for view in views if view.form is not None]
    listings = [view.listing(store) for view in views if view.listing is not None]
    return Start(
        where=store.location,
        forms=[form for form in asked if form is not None],
        listings=[_shown(each, options or {}) for each in listings if each is not None],
    )


def _shown(listing: Listing, options: Mapping[str, str]) -> Shown:
    if not listing.filters or not listing.rows:
        return Shown(listing, None, len(listing.rows))
    given = options if options.get(_LIST) == listing.heading else {}
    places = {name: listing.columns.index(name) for name in listing.filters}
    fields, rows = [], listing.rows
    for name, place in places.items():
        wanted = given.get(name, "")
        values = sorted({row[place].text for row in listing.rows})
        fields.append(Field(name, name, wanted, values, all="any"))
        rows = [row for row in rows if not wanted or row[place].text == wanted]
    text = given.get(_TEXT, "")
    fields.append(Field(_TEXT, "with the text", text))
    if text:
        rows = [row for row in rows if any(text.casefold() in cell.text.casefold() for cell in row)]
    form = Form(f"Filter {listing.heading}", Asked("", "", options={_LIST: listing.heading}), fields, "Filter")
    return Shown(replace(listing, rows=rows, none="none of them is so"), form, len(listing.rows))


def static_folder() -> Path:
    """Scripts and styles."""
    return Path(str(files("gristmill.graph.view").joinpath("static")))
