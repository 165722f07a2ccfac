"""A push, against a server of the test's own that speaks the hub's endpoints for making, asking, uploading, committing.

Files go as the server asks: within the commit, or by Git LFS, as Parquet does on the real hub. The hub's protocol for
large files, Xet, was not spoken to: it has no server that could run here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.trainers.cli import app
from gristmill.trainers.data.publishing import check_push, push

pytest.importorskip("huggingface_hub")
# How `huggingface_hub` uploads by LFS, its HTTP library does not like any more.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
TOKEN = "hf_" + "x" * 34


class Hub(ThreadingHTTPServer):
    """A hub with one repository, or none."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.repo: dict[str, Any] | None = None
        self.files: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.messages: list[str] = []
        self.asked: list[str] = []
        self.cards: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args: object) -> None: ...

    def reply(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        path, hub = self.path.partition("?")[0], self.server
        hub.asked.append(f"GET {path}")
        if hub.repo is None:
            self.reply(404, {"error": "Repository not found"})
        elif "/tree/" in path:
            each = {"type": "file", "oid": "0" * 40}
            self.reply(200, [{**each, "path": name, "size": len(data)} for name, data in hub.files.items()])
        else:
            siblings = [{"rfilename": name} for name in hub.files]
            self.reply(200, {"id": "me/night", "sha": "a" * 40, "siblings": siblings, "tags": [], **hub.repo})

    def do_POST(self) -> None:
        path, hub, data = self.path.partition("?")[0], self.server, self.body()
        hub.asked.append(f"POST {path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.reply(401, {"error": "Invalid credentials"})
        elif path == "/api/repos/create":
            said = json.loads(data)
            assert (said["type"], f"{said.get('organization', 'me')}/{said['name']}") == ("dataset", "me/night")
            there = hub.repo is not None
            hub.repo = hub.repo or {"private": said.get("visibility") == "private" or bool(said.get("private"))}
            url = f"{hub.address}/datasets/me/night"
            self.reply(409 if there else 200, {"url": url, "error": "You already created it"})
        elif path == "/api/validate-yaml":
            hub.cards.append(json.loads(data)["content"])
            self.reply(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = json.loads(data)["files"]
            modes = ["lfs" if each["path"].endswith(".parquet") else "regular" for each in files]
            said = [
                {"path": each["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}
                for each, mode in zip(files, modes, strict=True)
            ]
            self.reply(200, {"files": said})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(data)["objects"]
            said = [{**each, "actions": {"upload": {"href": f"{hub.address}/put/{each['oid']}"}}} for each in objects]
            self.reply(200, {"transfer": "basic", "objects": said})
        elif "/commit/" in path:
            for line in data.splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "header":
                    hub.messages.append(value["summary"])
                elif entry["key"] == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "lfsFile":
                    hub.files[value["path"]] = hub.blobs[value["oid"]]
                elif entry["key"] == "deletedFile":
                    hub.files.pop(value["path"])
            oid = hashlib.sha1(data).hexdigest()
            url = f"{hub.address}/datasets/me/night/commit/{oid}"
            self.reply(200, {"success": True, "commitOid": oid, "commitUrl": url})
        else:
            self.reply(404, {"error": path})

    def do_PUT(self) -> None:
        data = self.body()
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(data).hexdigest() == oid
        self.server.blobs[oid] = data
        self.reply(200, {})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server
        server.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "set"
    (made / "data").mkdir(parents=True)
    (made / "README.md").write_text("---\nlicense: mit\n---\n# night\n")
    (made / "data/train.jsonl").write_text('{"task": "a", "verified": true}\n')
    (made / "data/train.parquet").write_bytes(b"PAR1" * 100)
    return made


def held(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_a_push_says_what_it_uploads_and_uploads_that_privately(hub: Hub, folder: Path) -> None:
    said: list[str] = []
    (folder / "link").symlink_to("/etc/hostname")
    address = push(folder, "me/night", verified=1, tell=said.append)
    (folder / "link").unlink()
    assert hub.repo == {"private": True}
    assert hub.files == held(folder)
    assert hub.blobs, "Parquet went by Git LFS"
    assert set(hub.cards) == {(folder / "README.md").read_text()}, "the hub was asked whether it can read the card"
    assert address.startswith(f"{hub.address}/datasets/me/night/commit/")
    assert "not audited" in said[0]
    assert said[1] == "uploading to the private dataset me/night:"
    assert [line.split()[0] for line in said[2:]] == sorted(held(folder))
    # An earlier export's splits go, what is not a dataset's stays.
    hub.files |= {"data/old.jsonl": b"{}", "notes.txt": b"mine", "manifest.json": b"{}"}
    (folder / "data/train.jsonl").write_text('{"task": "b", "verified": true}\n')
    push(folder, "me/night", verified=1)
    assert hub.files == {**held(folder), "notes.txt": b"mine"}


@pytest.mark.bubblewrap
def test_the_command_uploads_what_a_run_verified(hub: Hub, tmp_path: Path, bubblewrap: str) -> None:
    task: dict[str, Any] = {"id": "sum", "kind": "code", "prompt": "Write `f(n)`: n plus one."}
    task["tests"] = [{"type": "cases", "entry_point": "f", "cases": [{"args": [2], "expected": 3}]}]
    (tmp_path / "tasks.jsonl").write_text(json.dumps(task) + "\n")
    (tmp_path / "said.jsonl").write_text(
        "".join(
            json.dumps({"task_id": "sum", "text": f"```python\ndef f(n):\n    return n {sign} 1\n```"}) + "\n"
            for sign in "-+"
        )
    )
    where, out = ("--workspace", str(tmp_path)), tmp_path / "set"
    run = ["run", str(tmp_path / "tasks.jsonl"), "--name", "night", "--model", f"replay:{tmp_path / 'said.jsonl'}"]
    run += ["--strategy", "best_of", "--hypotheses", "2", "--rounds", "1", "--sandbox", "bubblewrap", *where]
    export = ["export", "night", "--format", "sft", "--parquet", "--out", str(out), "--push", "me/night", *where]
    for words in (run, export):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
    assert hub.repo == {"private": True}
    assert hub.files == held(out)
    rows = [json.loads(line) for line in hub.files["data/train.jsonl"].splitlines()]
    assert [(row["task"], row["verified"]) for row in rows] == [("sum", True)]
    assert "n + 1" in rows[0]["completion"][0]["content"]
    assert hub.blobs
    assert f"uploaded: {hub.address}/datasets/me/night/commit/" in done.output.replace("\n", " ")
    assert TOKEN not in done.output
    # A repository that has become public meanwhile is not written to unasked, and the folder stays.
    hub.repo, before = {"private": False}, dict(hub.files)
    done = CliRunner().invoke(app, [*export, "--force"])
    assert (done.exit_code, hub.files) == (2, before)
    assert "is public: give --public" in " ".join(done.output.split())
    assert held(out)


def test_what_is_public_is_public_on_request_alone(hub: Hub, folder: Path) -> None:
    hub.repo = {"private": False}
    with pytest.raises(UserError, match="is public: give --public"):
        push(folder, "me/night", verified=1)
    assert not hub.files
    push(folder, "me/night", verified=1, public=True)
    assert hub.files == held(folder)
    with pytest.raises(UserError, match="hidden tests"):
        push(folder, "me/night", verified=1, public=True, hidden=True)


def test_what_cannot_be_pushed_is_refused_before_anything_is_asked(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="none of its rows is verified"):
        push(folder, "me/night", verified=0)
    with pytest.raises(UserError, match="OWNER/NAME"):
        check_push("night")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="HF_TOKEN"):
        push(folder, "me/night", verified=1)
    assert not hub.asked


def test_a_stale_audit_is_no_audit(hub: Hub, folder: Path) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from gristmill.trainers.data.auditing.manifest import Manifest, hashed_files, raw, tree, write_signed

    key = ed25519.Ed25519PrivateKey.generate()
    files = hashed_files(folder)
    manifest = Manifest(
        gristmill="0", created="today", tree=tree(files), files=files, tasks={}, verifiers={}, sandbox="", rows=1,
        judged=1, unverified=0, public_key=raw(key.public_key()),
    )  # fmt: skip
    write_signed(folder, manifest, key)
    said: list[str] = []
    push(folder, "me/night", verified=1, tell=said.append)
    assert said[0] == "audited on today, and unchanged since"
    assert "manifest.sig" in hub.files
    (folder / "data/train.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"stale: data/train.jsonl: line 1"):
        push(folder, "me/night", verified=1)


def test_a_token_that_is_refused_and_a_hub_that_is_not_there_are_told_apart(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UserError, match=r"refuses \(401\)") as refused:
        push(folder, "me/night", verified=1)
    assert "hf_wrong" not in str(refused.value)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InfrastructureError, match="could not be uploaded"):
        push(folder, "me/night", verified=1)


def test_options_that_do_not_go_together_are_refused_before_any_work() -> None:
    for words, said in (
        (("--public",), "how --push uploads"),
        (("--push", "me/night", "--out", "rows.jsonl"), "is one file"),
        (("--push", "me/night", "--public", "--format", "verl"), "must not be public"),
        (("--push", "night"), "OWNER/NAME"),
    ):
        done = CliRunner().invoke(app, ["export", "no-such-run", "--out", "set", *words])
        assert done.exit_code == 2
        assert said in done.output
