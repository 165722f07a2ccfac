"""Who may read the page: other sites, other names, and who has no token, may not; and what is sent runs no script."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gristmill.graph.storage.store import Store
from gristmill.graph.view.own import VIEWS
from gristmill.graph.view.security import COOKIE, Access
from gristmill.graph.view.server import application
from gristmill.graph.view.start import static_folder
from gristmill.sandbox.errors import UserError

HERE = "http://127.0.0.1:8765"


def get(folder: Path, access: Access, path: str = "/", method: str = "GET", **headers: str) -> httpx.Response:
    """The answer to one request; underscores of names of headers are dashes."""

    async def ask() -> httpx.Response:
        with Store.open(folder) as store:
            transport = httpx.ASGITransport(application(store, VIEWS, access))  # type: ignore[arg-type]  # ASGI it is
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, path, headers=named)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost:1", 200),
        ("[::1]:8765", 200),
        ("mill.example.org", 200),  # by --allow-host
        ("evil.example:8765", 403),  # DNS rebinding
        ("127.0.0.1.evil.example", 403),
        ("evil.example@127.0.0.1", 403),
        ("127.0.0.1#evil.example", 403),
        ("192.168.1.7:8765", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_a_name_that_is_not_ours_is_refused(tmp_path: Path, host: str, code: int) -> None:
    access = Access.at("127.0.0.1", ["Mill.example.org"])
    assert get(tmp_path, access, host=host).status_code == code
    assert get(tmp_path, access, "/static/page.js", host=host).status_code == code


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"origin": HERE}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),  # another server of this machine
        ({"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}, 200),
        ({"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, 200),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"}, 403),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, 200),  # a link
    ],
)
def test_a_page_of_another_origin_cannot_ask(tmp_path: Path, headers: dict[str, str], code: int) -> None:
    assert get(tmp_path, Access.at("127.0.0.1"), **headers).status_code == code


def test_nothing_is_written_without_the_token(tmp_path: Path) -> None:
    access = Access.at("127.0.0.1")
    assert access.token is None
    assert len(access.writing or "") > 30
    token, origin = str(access.writing), {"origin": HERE}
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/", "/run/night", f"/mailbox/night?id=x&token={token}"):
            assert get(tmp_path, access, path, method, **origin).status_code == 403
            assert get(tmp_path, access, path, method, **origin, cookie=f"{COOKIE}=x").status_code == 403
    # With it: what takes no form takes none, and one that takes one wants a form.
    brought = {"cookie": f"{COOKIE}={token}"}
    assert get(tmp_path, access, "/", "POST", **brought, **origin).status_code == 405
    assert get(tmp_path, access, "/run/night", "POST", **brought, **origin).status_code == 405
    assert get(tmp_path, access, "/mailbox/night?id=x", "POST", **brought, **origin).status_code == 415
    assert get(tmp_path, access, "/mailbox/night?id=x", "POST", authorization=f"Bearer {token}").status_code == 415
    # The cookie alone is no proof of who made the request.
    for wrong in ({}, {"origin": "null"}, {"origin": "http://127.0.0.1:9999"}, {"origin": "http://evil.example"}):
        for more in ({}, {"authorization": "Basic x"}):
            assert get(tmp_path, access, "/mailbox/night?id=x", "POST", **brought, **wrong, **more).status_code == 403
    site = {"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert get(tmp_path, access, "/mailbox/night?id=x", "POST", **brought, **origin, **site).status_code == 403
    # Where nothing may be written no token is enough.
    closed = Access.at("127.0.0.1", token=token, writes=False)
    assert get(tmp_path, closed, "/mailbox/night?id=x", "POST", **brought, **origin).status_code == 403


def test_any_bind_but_loopback_asks_for_a_token(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        assert Access.at(host).token is None
    access = Access.at("0.0.0.0")
    assert len(access.token or "") > 30
    assert access.token != Access.at("0.0.0.0").token
    # Any address in figures is ours there, and no name.
    assert get(tmp_path, access, host="192.168.1.7:8765").status_code == 401
    assert get(tmp_path, access, host="evil.example").status_code == 403
    for wrong in ("", "x", f"{access.token}x"):
        assert get(tmp_path, access, f"/?token={wrong}").status_code == 401
        assert get(tmp_path, access, "/static/page.js", authorization=f"Bearer {wrong}").status_code == 401
        assert get(tmp_path, access, cookie=f"{COOKIE}={wrong}").status_code == 401
    assert get(tmp_path, access, authorization=f"Bearer {access.token}").status_code == 200
    assert get(tmp_path, access, cookie=f"a=b; {COOKIE}={access.token}").status_code == 200
    moved = get(tmp_path, access, f"{HERE}//evil.example/?token={access.token}&id=1")
    assert moved.status_code == 303
    assert moved.headers["location"] == "/evil.example/?id=1"
    assert all(word in moved.headers["set-cookie"].lower() for word in ("httponly", "samesite=strict"))
    # Browsers send a cookie to all ports: one of another server's takes none of ours away.
    kept, other = (
        get(tmp_path, access, f"/?token={access.token}", host=f"127.0.0.1:{port}").headers["set-cookie"].split(";")[0]
        for port in (8765, 8766)
    )
    assert kept.partition("=")[0] != other.partition("=")[0]
    assert get(tmp_path, access, cookie=f"{COOKIE}-8766=x; {kept}").status_code == 200


@pytest.mark.parametrize("token", ["", "a b", "a;b", "a&b", "é", "a\nb"])
def test_a_token_that_no_cookie_or_address_holds_is_refused(token: str) -> None:
    """Else the page would be locked from whoever has started it."""
    for host in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(UserError, match="--token"):
            Access.at(host, token=token)


@pytest.mark.parametrize("name", ["http://x", "x:80", "x/y", "*", "", "a b"])
def test_an_allowed_host_is_a_name(name: str) -> None:
    with pytest.raises(UserError, match="--allow-host"):
        Access.at("127.0.0.1", [name])


def test_every_answer_runs_our_scripts_only_and_is_framed_by_none(tmp_path: Path) -> None:
    nonces = set()
    for path, code in (("/", 200), ("/static/page.js", 200), ("/run/none", 404), ("/none", 404)):
        found = get(tmp_path, Access.at("127.0.0.1"), path)
        assert found.status_code == code
        policy: Any = dict(part.strip().split(" ", 1) for part in found.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in found.headers["content-security-policy"]
        assert policy["style-src"] == policy["connect-src"] == "'self'"
        nonces.add(policy["script-src"])
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["cross-origin-resource-policy"] == "same-origin"
        assert len(found.headers.get_list("cache-control")) == 1
    assert len(nonces) == 4
    assert all(nonce.startswith("'nonce-") for nonce in nonces)


def test_what_is_vendored_is_what_npm_has() -> None:
    folder = static_folder() / "vendor"
    listed = json.loads((folder / "vendored.json").read_text())
    assert {each["file"] for each in listed} == {
        path.name for path in folder.iterdir() if path.suffix in (".js", ".css")
    }
    for each in listed:
        assert hashlib.sha256((folder / each["file"]).read_bytes()).hexdigest() == each["sha256"]
        assert (folder / each["licence"]).read_text().strip()
