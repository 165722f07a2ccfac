"""How `view` serves a page; the command itself is the room's above, with its views. Heavy imports wait inside."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.sandbox.plain import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gristmill.graph.storage.store import Store
    from gristmill.graph.view.registry import View
    from gristmill.graph.view.security import Access

__all__ = ["PORT", "AllowHost", "Host", "Port", "Token", "browser_address", "need_view", "show_views"]

PORT = 8765

Host = Annotated[str, typer.Option(help="Address to listen at. Any but this machine's own asks for a token.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host", metavar="NAME", help="A name by which the page is called too, through a tunnel say; repeatable."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="GRISTMILL_VIEW_TOKEN", help="Ask for this token; where one is needed and none given, it is drawn."
    ),
]


def need_view() -> None:
    """See that the server's packages are there.

    Raises:
        UserError: a package of the extra `view` is missing.
    """
    from importlib.util import find_spec

    from gristmill.sandbox.errors import UserError

    for package in ("fastapi", "uvicorn"):
        if find_spec(package) is None:
            raise UserError(f"the page needs the package {package!r}, which is missing: pip install 'gristmill[view]'")


def show_views(
    views: Sequence[View],
    host: str,
    port: int,
    workspace: str,
    allow_host: Sequence[str],
    token: str | None,
    *,
    writes: bool = True,
) -> None:
    """Serve the views of all rooms until Ctrl-C; without `writes` nothing can be answered there.

    Raises:
        UserError: the extra is missing, there is no store, or an option is wrong.
        InfrastructureError: nothing can listen there.
    """
    need_view()
    from gristmill.graph.storage.store import Store
    from gristmill.graph.view.security import Access

    access = Access.at(host, allow_host, token, writes=writes)
    with Store.open(workspace, create=False) as store:
        _serve(store, views, access, host, port)


def _serve(store: Store, views: Sequence[View], access: Access, host: str, port: int) -> None:
    import socket

    import uvicorn

    from gristmill.graph.view.server import application
    from gristmill.sandbox.errors import InfrastructureError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen()  # now, so that whoever reads the address next waits for the server and is not refused
        except OSError as error:
            raise InfrastructureError(
                f"nothing can listen at {host}:{port}: {error.strerror or error}; --port names another, 0 a free one"
            ) from error
        taken = listening.getsockname()[1]
        say(browser_address(host, taken, access))
        if access.token is None and access.writing is not None:
            say(f"To answer what the mailbox asks: {browser_address(host, taken, access, True)}", err=True)
        writes = "It writes answers of yours, and nothing else." if access.writing is not None else "It writes nothing."
        say(f"Ctrl-C ends it. {writes}", err=True)
        # Tabs that wait for news hold their connections open: they end with the server.
        config = uvicorn.Config(
            application(store, views, access),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            proxy_headers=False,
            ws="none",
        )
        # Whoever looks waits for the run that is looked at, and not the other way about.
        with suppress(OSError):
            os.nice(10)
        # Ctrl-C is how it ends: no mistake, and nothing is cut off.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def browser_address(host: str, port: int, access: Access, writing: bool = False) -> str:
    """The address that people open, with the token where one is needed, to read or for `writing`."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "localhost") else "[::1]" if host == "::" else host  # noqa: S104  # words
    shown = f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown
    token = access.writing if writing else access.token
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
