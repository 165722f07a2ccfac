"""What the page shows as a folder of files, by the same templates: it works without a server and without a network.

Pages are found as a reader finds them: from the start page, or from that of a named run, along every link. What needs
somebody who answers (a form, the mailbox) stays away, and so does what belongs to another run than those that were
named, or that the page of a named one leads to, as an improvement's does to its rounds.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import home_beside
from gristmill.graph.view.registry import Asked, View, registered
from gristmill.graph.view.rendering import Pages, address
from gristmill.graph.view.start import Start, start_page, static_folder
from gristmill.sandbox.errors import InfrastructureError, UserError

__all__ = ["MARKER", "write_bundle"]

MARKER = "gristmill-bundle.json"
"""The file by which a folder is known as a bundle; it names all others."""
_BEYOND = "beyond.html"


def write_bundle(
    store: Store,
    views: Iterable[View],
    folder: Path,
    names: Collection[str] = (),
    *,
    public: bool = False,
    written: Callable[[int, int], None] = lambda done, known: None,
) -> Path:
    """Write what a store holds as files; a bundle that is there already is replaced, and nothing else ever is.

    Args:
        store: what is shown.
        views: of the rooms.
        folder: where to; it is there whole or not at all.
        names: of runs, improvements and the like; none: all of them.
        public: leave out what only the owner may know: see `View.public`.
        written: is told after each page how many are written and how many are known of so far.

    Returns:
        The page to begin with.

    Raises:
        UserError: there is something else at `folder`, or nothing of such a name in the store.
        InfrastructureError: it cannot be written.
    """
    folder = folder.resolve()
    _replaceable(folder)
    made = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    aside = folder.with_name(f"{made.name}.old")
    try:
        (made / "pages").mkdir(parents=True)
        shutil.copytree(static_folder(), made / "static")
        _Bundle(store, views, made, names, public, written).write()
        listed = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
        of = {"public": True} if public else {"of": store.location}
        about = {**of, "names": sorted(names), "files": listed}
        (made / MARKER).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        _replaceable(folder)
        if folder.exists():
            folder.rename(aside)
        made.rename(folder)
    except OSError as error:
        raise InfrastructureError(f"the bundle cannot be written to {folder}: {error.strerror or error}") from error
    finally:
        # Also where Ctrl-C came between: what was there before is put back.
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        for rest in (made, aside):
            shutil.rmtree(rest, ignore_errors=True)
    return folder / "index.html"


def _replaceable(folder: Path) -> None:
    """See that nothing of anybody's is lost.

    Raises:
        UserError: something would be.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: name a folder for the bundle")
    listed: Any = None
    with suppress(OSError, ValueError, RecursionError):
        listed = json.loads((folder / MARKER).read_text("utf-8"))
    listed = listed.get("files") if isinstance(listed, dict) else None
    if not isinstance(listed, list):
        # Before anything is looked through, which of a home folder, or of all there is, takes long.
        if folder.name and not any(folder.iterdir()):
            return
        raise UserError(f"{folder} is there and no bundle ({MARKER} is missing or torn): it is left as it is")
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    if other := sorted(there - {*map(str, listed), MARKER}):
        raise UserError(f"{folder} holds {other[0]}, which is none of its bundle's files: it is left as it is")


class _Bundle:
    """Pages that are to be written, and those that are."""

    def __init__(
        self,
        store: Store,
        views: Iterable[View],
        folder: Path,
        names: Collection[str],
        public: bool,
        written: Callable[[int, int], None],
    ) -> None:
        self._store, self._folder, self._names, self._told = store, folder, frozenset(names), written
        self._public = public
        self._where = "" if public else store.location
        self._scope: set[str] | None = set(names) or None
        """Whose pages are written; None where all are."""
        self._widens = True
        self._kinds = registered(views)
        # A form needs somebody who answers it.
        still = {kind: view for kind, view in self._kinds.items() if view.form is None and view.write is None}
        self._still = {kind: view for kind, view in still.items() if not public or view.public is not None}
        self._known: dict[str, str] = {}
        self._waiting: deque[Asked] = deque()

    def write(self) -> None:
        """All of them."""
        at_root, inside = self._pages("pages/", "", "index.html"), self._pages("", "../", "../index.html")
        start = self._start()
        self._save("index.html", at_root, "start.html", start)
        self._save(f"pages/{_BEYOND}", inside, "beyond.html", self._where)
        done, named = 0, len(self._waiting)
        while self._waiting:
            self._widens = done < named
            asked = self._waiting.popleft()
            view = self._still[asked.kind]
            it = view.page(self._store, replace(asked, public=self._public))
            template, it = ("beyond.html", self._where) if it is None else (view.template, it)
            left_out = (view.public or "") if self._public else ""
            self._save(f"pages/{self._known[address(asked)]}", inside, template, it, left_out)
            done += 1
            self._told(done, len(self._known))

    def _start(self) -> Start:
        """The start page, with what was asked for alone."""
        start = start_page(self._store, self._still.values())
        found: set[str] = set()
        listings = []
        for shown in start.listings:
            owners = [{cell.to.owner for cell in row if cell.to is not None} for row in shown.listing.rows]
            rows = [
                row
                for row, theirs in zip(shown.listing.rows, owners, strict=True)
                if not self._names or theirs & self._names
            ]
            found.update(*owners)
            if rows or not self._names:
                listings.append(replace(shown, listing=replace(shown.listing, rows=rows), form=None, count=len(rows)))
        if missing := sorted(self._names - found):
            there = ", ".join(sorted(found)[-10:]) or "nothing yet"
            raise UserError(f"nothing is called {missing[0]!r} in {self._store.location}; there: {there}")
        return Start(self._where, [], listings)

    def _pages(self, pages: str, static: str, home: str) -> Pages:
        """Templates whose links lead to files, as seen from one folder of the bundle."""
        return Pages(
            self._kinds,
            to=lambda asked: pages + self._file(asked),
            static=lambda name: f"{static}static/{name}",
            home=home,
            forms=False,
            hidden=_places(self._store) if self._public else None,
        )

    def _file(self, asked: Asked) -> str:
        """The file of a page, which will be written if it is not yet."""
        if asked.kind not in self._still:
            return _BEYOND
        if self._scope is not None and asked.owner not in self._scope:
            if not self._widens:
                return _BEYOND
            self._scope.add(asked.owner)
        where = address(asked)
        if where not in self._known:
            # Ids may be long, or alike but for what no file can be called.
            words = re.sub(r"[^a-z0-9]+", "-", f"{asked.kind} {asked.owner} {asked.id}".lower())[:60].strip("-")
            self._known[where] = f"{words}-{hashlib.sha256(where.encode()).hexdigest()[:16]}.html"
            self._waiting.append(asked)
        return self._known[where]

    def _save(self, file: str, pages: Pages, template: str, it: Any, left_out: str = "") -> None:
        nonce = secrets.token_urlsafe(16)
        text = pages.page(template, it, nonce=nonce, policy=_policy(nonce), left_out=left_out)
        (self._folder / file).write_text(text, "utf-8", errors="replace")


def _places(store: Store) -> list[str]:
    """Where the workspace lies, in the ways in which a text may say it."""
    home = home_beside(store.database)
    folder = Path(store.location).absolute().parent  # as it was named, through a link say
    folder = folder.parent if folder.name == home.name else folder
    named = {store.location, *map(str, (home, home.parent, folder))}
    return [each for each in named if len(Path(each).parts) > 1]


def _policy(nonce: str) -> str:
    """As the server's, for what has no server: a file has no origin by which all browsers know its neighbours."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; "
        "form-action 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
