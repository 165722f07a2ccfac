"""Who may read the page: checked before any of it is made.

What a browser holds against us is its user's own browser on another site. So a request must name a host that is ours
(a name that was bound to this machine's address by somebody's DNS is none), must not come from a page of another
origin, and brings a token wherever more than this machine can reach the server. Whoever writes brings a token in any
case, and a browser names our own page as the origin of what it sends. What is sent runs no script but those
of our own files, which the nonce of the answer names, and nothing of it may be framed or read from elsewhere.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from gristmill.sandbox.errors import UserError

__all__ = ["COOKIE", "LOOPBACK", "Access", "Guard", "is_loopback"]

COOKIE = "gristmill-view"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all, a browser hides the origin of our own forms from us too
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access(NamedTuple):
    """Who is let in."""

    hosts: frozenset[str]
    """Names by which the server may be called, in lower case, without ports."""
    token: str | None = None
    """What every request must bring; None where only this machine reaches the server."""
    addresses: bool = False
    """Whether any address in figures will do as well: no DNS can point one elsewhere."""
    writing: str | None = None
    """What every request that writes must bring; None where nothing may be written."""

    @classmethod
    def at(cls, host: str, allowed: Iterable[str] = (), token: str | None = None, *, writes: bool = True) -> Access:
        """What is right for a server at `host`: there is always a token where more than this machine reaches it.

        To write takes a token at any address, one that is drawn if need be; with `writes` false none is enough.

        Raises:
            UserError: an allowed host is none: it has a scheme, a port or a path; or a cookie cannot hold the token.
        """
        if token is not None and not re.fullmatch(r"[A-Za-z0-9._~-]+", token):
            raise UserError(
                "--token (or GRISTMILL_VIEW_TOKEN) is empty or has other characters than letters, figures and . _ ~ -; "
                "without it one is drawn where it is needed"
            )
        for each in allowed:
            if not each or any(letter in each for letter in "/@? *") or each.count(":") == 1:
                raise UserError(f"--allow-host {each!r}: a name as mill.example.org, without scheme, port and path")
        hosts = LOOPBACK | {host.lower()} | {each.lower().strip("[]") for each in allowed}
        drawn = token or secrets.token_urlsafe(24)
        local = is_loopback(host)
        return cls(frozenset(hosts), token if local else drawn, not local, drawn if writes else None)


class Guard:
    """An ASGI application around another, which sees no request that is not let in."""

    def __init__(self, app: App, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {}).update(nonce=nonce, writes=False)

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = [pair for pair in message["headers"] if pair[0].lower().decode("latin-1") not in _ALWAYS]
                ours = {**_ALWAYS, "content-security-policy": _policy(nonce)}
                message["headers"] = [*given, *((name.encode(), value.encode()) for name, value in ours.items())]
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._ours(hosts[0]):
            named = hosts[0] if hosts else "nothing"
            return _no(f"this server is not called {named[:100]!r}: name it with --allow-host where it is yours")
        if any(_parted(each).netloc.lower() != hosts[0].lower() for each in headers.get("origin", [])):
            return _no("asked from a page of another origin")
        site, mode = (headers.get(f"sec-fetch-{name}", [""])[0] for name in ("site", "mode"))
        followed = mode == "navigate" and headers.get("sec-fetch-dest", [""])[0] == "document"
        # Another port of this machine is the same site and another origin. To follow a link from there is no reading.
        if site in ("cross-site", "same-site") and not (followed and scope["method"] == "GET"):
            return _no("asked from a page of another origin")
        return self._unwritable(scope, headers, hosts[0]) or self._untold(scope, headers)

    def _unwritable(self, scope: Scope, headers: dict[str, list[str]], host: str) -> Response | None:
        """The answer to who would write and may not; what a request may do is kept beside it for the pages."""
        may = self.access.writing is not None and _brings(headers, self.access.writing)
        scope["state"]["writes"] = may
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        if self.access.writing is None:
            return _no("nothing can be written here")
        if not may:
            return _no("writing takes a token: open the address with one that `gristmill view` has printed")
        # The cookie comes along whoever has the browser send it; who sends the token itself has made the request.
        cookie_alone = not _brings({**headers, "cookie": []}, self.access.writing)
        if cookie_alone and not headers.get("origin"):
            return _no("what is written must name the page that it comes from")
        return None

    def _ours(self, host: str) -> bool:
        name = _parted(f"//{host}").hostname if not any(letter in host for letter in "/@?#") else None
        if name is None:
            return False
        if name in self.access.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.access.addresses

    def _untold(self, scope: Scope, headers: dict[str, list[str]]) -> Response | None:
        """The answer to who has not brought the token, or has it in the address, which goes into a cookie."""
        token = self.access.token or self.access.writing
        if token is None:
            return None
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["method"] == "GET" and any(name == "token" and _same(value, token) for name, value in asked):
            rest = urlencode([pair for pair in asked if pair[0] != "token"])
            # One address of ours: a path that begins with two slashes would be another host's.
            path = "/" + scope["path"].lstrip("/\\")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, status_code=303)
            # Cookies know no ports: two servers of one machine would take each other's away.
            port = headers["host"][0].rpartition(":")[2]
            name = f"{COOKIE}-{port}" if port.isascii() and port.isdigit() else COOKIE
            answer.set_cookie(name, token, httponly=True, samesite="strict", path="/")
            return answer
        if self.access.token is None or _brings(headers, token):
            return None
        return _no("a token is needed: open the address that `gristmill view` has printed", 401)


def _brings(headers: dict[str, list[str]], token: str) -> bool:
    """Whether a request has the token, in a header or in our cookie."""
    brought = [each.removeprefix("Bearer ") for each in headers.get("authorization", [])]
    for line in headers.get("cookie", []):
        pairs = (pair.strip().partition("=") for pair in line.split(";"))
        brought += [value for name, _, value in pairs if name == COOKIE or name.startswith(f"{COOKIE}-")]
    return any(_same(each, token) for each in brought)


def _parted(address: str) -> SplitResult:
    """The parts of an address; all of them are empty where it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _policy(nonce: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types htmx"
    )


def _no(reason: str, code: int = 403) -> Response:
    return PlainTextResponse(f"refused: {reason}\n", status_code=code)
