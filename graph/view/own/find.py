"""Where a text stands in prompts and replies, of a run or of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.graph.storage.reading.finding import PLACES, Hit, Mark
from gristmill.graph.storage.store import Store
from gristmill.graph.view.registry import Asked, Field, Form

__all__ = ["KIND", "FindPage", "find_form", "find_page"]

KIND = "find"
LEAST, MOST = 2, 200
"""Characters that may be looked for."""


@dataclass(frozen=True, slots=True)
class FindPage:
    """What the page of a search over texts shows."""

    run: str
    """Where alone was looked; empty for everywhere."""
    text: str
    form: Form
    trouble: str
    """Why nothing was looked for; empty where it was."""
    hits: Sequence[tuple[str, str, Sequence[Hit]]]
    """(run, hypothesis, where in it)."""
    looked: int
    go_on: Asked | None
    """The page of what is behind; None where everything was looked at."""


def find_form(run: str = "", text: str = "", place: str = "") -> Form:
    """Asks for a text, in a run or everywhere."""
    fields = [Field("text", "find the text", text), Field("in", "in", place, PLACES, all="prompts and replies")]
    return Form("Find in prompts and replies", Asked(KIND, run), fields, "Find")


def find_page(store: Store, asked: Asked) -> FindPage | None:
    """The page of `/find/RUN?text=TEXT`, or `/find?text=TEXT` for all runs; None where there is no such run."""
    run, text, given = asked.owner, asked.options.get("text", ""), asked.options.get("in", "")
    if run and run not in {each.name for each in store.runs()}:
        return None
    form, places = find_form(run, text, given), [each for each in PLACES if given in (each, "")] or PLACES
    if not LEAST <= len(text.strip()) <= MOST:
        trouble = f"write what to look for: {LEAST} characters at least, {MOST} at most"
        return FindPage(run, text, form, trouble, [], 0, None)
    mark = Mark(asked.options.get("run", ""), asked.id)
    found = store.glances.find(text, run=run or None, places=places, after=mark if mark.run else None)
    rest = found.rest
    options = {"text": text, "in": given, "run": rest.run if rest is not None else ""}
    by_hypothesis: dict[tuple[str, str], list[Hit]] = {}
    for hit in found.hits:
        by_hypothesis.setdefault((hit.run, hit.id), []).append(hit)
    return FindPage(
        run=run,
        text=text,
        form=form,
        trouble="",
        hits=[(*of, some) for of, some in by_hypothesis.items()],
        looked=found.looked,
        go_on=Asked(KIND, run, rest.id, options) if rest is not None else None,
    )
