"""The server of the page: what was asked for → the room's view model → HTML. What a form sends, a room writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from fastapi.sse import format_sse_event
from fastapi.staticfiles import StaticFiles

from gristmill.graph.errors import StoreError
from gristmill.graph.storage.store import Store
from gristmill.graph.view.forms import Refused, form_of
from gristmill.graph.view.live import PAUSE_SECONDS, Watcher
from gristmill.graph.view.registry import Asked, View, registered
from gristmill.graph.view.rendering import Pages, address
from gristmill.graph.view.security import Access, Guard
from gristmill.graph.view.start import start_page, static_folder
from gristmill.sandbox.errors import UserError

__all__ = ["application"]


def application(store: Store, views: Iterable[View], access: Access, *, pause: float = PAUSE_SECONDS) -> Guard:
    """The whole server as an ASGI application.

    Args:
        store: what is shown; it stays the caller's to close.
        views: of the rooms.
        access: who is let in.
        pause: seconds between two looks for new events.
    """
    kinds = registered(views)
    pages, watcher = Pages(kinds), Watcher(store, pause)
    # Its pages about itself come from a network, and there is no interface to describe.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/static", StaticFiles(directory=static_folder()))

    def shown(
        request: Request, template: str, it: Any, *, here: str = "/", live: str | None = None, upto: int = 0
    ) -> HTMLResponse:
        state = request.state
        text = pages.page(template, it, nonce=state.nonce, here=here, live=live, upto=upto, writes=state.writes)
        return HTMLResponse(text)

    @app.get("/")
    def start(request: Request) -> HTMLResponse:
        return shown(request, "start.html", start_page(store, kinds.values(), request.query_params))

    @app.get("/live/{run}")
    async def live(request: Request, run: str) -> StreamingResponse:
        async def told() -> AsyncIterator[bytes]:
            async for number in watcher.stored(run):
                yield b": quiet\n\n" if number is None else format_sse_event(event="stored", data_str=str(number))

        return StreamingResponse(told(), media_type="text/event-stream")

    @app.get("/{kind}")
    @app.get("/{kind}/{owner}")
    def page(request: Request, kind: str, owner: str = "") -> Response:
        view = kinds.get(kind)
        options = {name: value for name, value in request.query_params.items() if name != "id"}
        asked = Asked(kind, owner, request.query_params.get("id", ""), options)
        run = view.live(asked) if view is not None else None
        upto = store.glances.latest(run) if run is not None else 0  # before the page: it may know more, never less
        it = view.page(store, asked) if view is not None else None
        if view is None or it is None:
            return PlainTextResponse("there is nothing here\n", status_code=404)
        where = None if run is None else address(Asked("live", run))
        return shown(request, view.template, it, here=address(asked), live=where, upto=upto)

    @app.post("/{kind}/{owner}")
    async def write(request: Request, kind: str, owner: str) -> Response:
        view = kinds.get(kind)
        if view is None or view.write is None:
            return PlainTextResponse("nothing can be written here\n", status_code=405)
        sent = await form_of(request)
        if isinstance(sent, Response):
            return sent
        asked = Asked(kind, owner, request.query_params.get("id", ""))
        try:
            shown_next = await asyncio.to_thread(view.write, store, asked, sent)
        except StoreError:
            raise
        except UserError as error:
            it = Refused(str(error), asked, sent)
            answer = shown(request, "refused.html", it)
            answer.status_code = 409
            return answer
        return RedirectResponse(address(shown_next), status_code=303)

    @app.exception_handler(StoreError)
    @app.exception_handler(UserError)
    async def failed(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{error}\n", status_code=503)

    return Guard(app, access)
