"""Templates → HTML. All that is put into one is text: escaped, and without characters that steer what shows it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup

from gristmill.graph.view.figures import figure
from gristmill.graph.view.registry import Asked, Tone, View, rooms_of
from gristmill.sandbox.plain import plain
from gristmill.verifiers.records import Outcome

__all__ = ["MOST_SHOWN", "Pages", "address"]

MOST_SHOWN = 60_000
"""Characters of one text that a page shows."""

_TONES: dict[str, Tone] = {"passed": "good", "unscored": "unscored", "refused": "refused", "flaky": "refused"}
_SIGNS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.ERROR: "!",
    Outcome.TIMEOUT: "⏱",
    Outcome.OUT_OF_MEMORY: "▦",
    Outcome.INVALID: "∅",
    Outcome.REFUSED: "⊘",
    Outcome.FLAKY: "≈",
    Outcome.UNSCORED: "?",
}


def address(asked: Asked) -> str:
    """Where a page is, as a path of this server's."""
    options = {"id": asked.id, **asked.options}
    query = urlencode([(name, value) for name, value in options.items() if value not in ("", None)])
    path = "/".join(quote(part, safe="") for part in (asked.kind, asked.owner) if part)
    return f"/{path}" + (f"?{query}" if query else "")


_SERVER = r"""(?<=@)https?://[^\s,;()<>"'`]+"""
"""What follows a model's name: `openai:NAME@URL`."""


def _shown(hidden: Sequence[str] | None) -> Callable[[Any], Any]:
    longest_first = [re.escape(each) for each in sorted(hidden or (), key=len, reverse=True)]
    places = [rf"(?:{'|'.join(longest_first)})(?!\w)"] if longest_first else []
    told = None if hidden is None else re.compile("|".join([*places, _SERVER]))

    def shown(value: Any) -> Any:
        """Every text that is no markup of ours."""
        if isinstance(value, Markup) or not isinstance(value, str | PurePath):
            return value
        return plain(str(value) if told is None else told.sub("…", str(value)))

    return shown


class Pages:
    """The templates of all rooms.

    Args:
        views: by kind.
        to: where a link leads; by itself an address of the server's. Where it is empty, the link is a word.
        static: where a static file is.
        home: where the start page is; empty where there is none.
        forms: whether somebody is there to answer them.
        hidden: what no text may show, the workspace's path say; dots stand in its place, and in that of addresses of
            models' servers. None: everything is shown.
    """

    def __init__(
        self,
        views: Mapping[str, View],
        *,
        to: Callable[[Asked], str] = address,
        static: Callable[[str], str] = lambda name: f"/static/{name}",
        home: str = "/",
        forms: bool = True,
        hidden: Sequence[str] | None = None,
    ) -> None:
        loaders = [jinja2.PackageLoader(room, "templates") for room in ["gristmill.graph.view", *rooms_of(views)]]
        environment = jinja2.Environment(
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_shown(hidden),
            loader=jinja2.ChoiceLoader(loaders),
        )
        environment.filters |= {"figure": figure, "short": _short, "last_of": _last_of, "percent": _percent}
        environment.globals |= {
            "to": lambda kind, owner, id="", **options: to(
                Asked(kind, owner, id, {name: str(value) for name, value in options.items()})
            ),
            "static": static,
            "home": home,
            "forms": forms,
            "most_shown": MOST_SHOWN,
            "tone_of": _tone,
            "sign_of": lambda outcome: _SIGNS.get(outcome, "…"),
        }
        self._environment = environment

    def page(
        self,
        template: str,
        it: Any,
        *,
        nonce: str = "",
        here: str = "",
        live: str | None = None,
        upto: int = 0,
        writes: bool = False,
        policy: str = "",
        left_out: str = "",
        style: Markup | None = None,
    ) -> str:
        """One page.

        Args:
            template: its file.
            it: the view model.
            nonce: names our scripts to the browser.
            here: the page's own address.
            live: where the page hears that it has changed, if it may.
            upto: number of an event that the page knows of, with all before it.
            writes: whether whoever reads it may send its forms.
            policy: what the page may load, where no server says so; then it is one that stays as it is.
            left_out: what the page has not, as anybody may read it.
            style: the styles themselves, of a page that has no file beside it, nor a script.
        """
        now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        return self._environment.get_template(template).render(
            it=it,
            nonce=nonce,
            here=here,
            live=live,
            upto=upto,
            writes=writes,
            policy=policy,
            left_out=left_out,
            style=style,
            now=now,
        )


def _tone(outcome: Outcome | None) -> Tone:
    return _TONES.get(outcome.value, "bad") if outcome is not None else "live"


def _short(text: str) -> str:
    return text[:MOST_SHOWN]


def _last_of(some: Sequence[Any], most: int) -> Sequence[Any]:
    return some[-most:]


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"
