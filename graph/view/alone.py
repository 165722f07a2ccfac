"""One page, or one picture, as one file: to keep or to send, with its styles in it, and without a script or a link."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from pathlib import Path

from markupsafe import Markup

from gristmill.graph.storage.store import Store
from gristmill.graph.view.charts import Chart
from gristmill.graph.view.registry import Asked, View
from gristmill.graph.view.rendering import Pages
from gristmill.graph.view.start import static_folder
from gristmill.sandbox.errors import InfrastructureError, UserError

__all__ = ["need_svg", "write_alone", "write_picture"]


def write_alone(store: Store, view: View, asked: Asked, path: Path) -> Path:
    """Write a page by the template that the server shows it by; what its links are called stays, as words.

    Args:
        store: what is shown.
        view: of the page's kind; one whose template makes its links with `link` of ``parts.html``.
        asked: which page.
        path: the file; its folder is made, and a file that is there is replaced, whole or not at all.

    Returns:
        The file.

    Raises:
        UserError: there is no such page.
        InfrastructureError: it cannot be written.
    """
    it = view.page(store, asked)
    if it is None:
        raise UserError(f"{store.location} has no page of the kind {view.kind!r} for {asked.owner!r}")
    nonce = secrets.token_urlsafe(16)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'none'; base-uri 'none'"
    # Markup, as a style sheet is no text of a page: quotes in it would be escaped. It is a file of this package.
    style = Markup((static_folder() / "page.css").read_text("utf-8"))  # noqa: S704
    pages = Pages({view.kind: view}, to=lambda asked: "", home="", forms=False)
    text = pages.page(view.template, it, nonce=nonce, policy=policy, style=style)
    _write(text, path)
    return path


def need_svg(path: Path) -> None:
    """See that a picture can be written there, before anything long is begun.

    Raises:
        UserError: the file is to be another kind of picture.
    """
    if path.suffix.lower() != ".svg":
        raise UserError(f"{path}: pictures are SVG; name a file that ends in .svg")


def write_picture(chart: Chart, path: Path) -> None:
    """Write a chart as SVG, as pages draw it; a file that is there is replaced.

    Raises:
        UserError: the file is to be another kind of picture.
        InfrastructureError: it cannot be written.
    """
    need_svg(path)
    css = (static_folder() / "page.css").read_text("utf-8")
    # Most of what reads an SVG file besides browsers knows no custom properties: the light scheme's values stand here.
    values = dict(re.findall(r"--(\w+): (#\w+)", css[: css.index("@media")]))
    rules = "\n".join(line for line in css.splitlines() if line.startswith(".chart "))
    style = Markup(re.sub(r"var\(--(\w+)\)", lambda found: values[found[1]], rules))  # noqa: S704
    _write(Pages({}).page("picture.svg", chart, style=style).lstrip(), path)


def _write(text: str, path: Path) -> None:
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text, "utf-8", errors="replace")
        made.replace(path)
    except OSError as error:
        raise InfrastructureError(
            f"cannot write to {path.parent}: {error.strerror}; what was done so far is kept"
        ) from error
    finally:
        with suppress(OSError):
            made.unlink()
