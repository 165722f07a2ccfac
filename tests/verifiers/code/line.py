"""A judge and a candidate in two plain processes of this machine, for tests of the line alone; trusted code only."""

from __future__ import annotations

import gc
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gristmill.sandbox.wire.values import decode, encode

BOUNDS = [1_000_000, 200, 8 << 20, 100_000]


class PlainContext:
    """What a guest program gets, without a sandbox."""

    def __init__(self, request: Any, sock: socket.socket) -> None:
        self.request = request
        self.sockets = [sock]
        self.limits: dict[str, Any] = {}
        self.sent: list[Any] = []

    def send(self, value: Any) -> None:
        self.sent.append(decode(encode(value)))


def serve(
    source: str, names: list[str], shared: str = "", bounds: list[Any] = BOUNDS
) -> Callable[[socket.socket], None]:
    """The honest candidate's side."""

    def side(sock: socket.socket) -> None:
        from gristmill.verifiers.code.guest.candidate.answering import answer

        request = {"source": source, "entry_points": names, "bounds": bounds, "shared": shared}
        answer(PlainContext(request, sock))  # type: ignore[arg-type]

    side.__doc__ = source
    return side


def judged(
    candidate: Callable[[socket.socket], None], tests: str | dict[str, str], names: list[str], **request: Any
) -> list[dict[str, Any]]:
    """All messages of the judge's; `candidate` runs in a process of its own."""
    from gristmill.verifiers.code.guest.candidate.outline import rows
    from gristmill.verifiers.code.guest.judge.main import run_tests

    kind = {"type": "python", "code": tests} if isinstance(tests, str) else {"type": "pytest", "files": tests}
    asked = {"entry_points": names, "setup": "", "public": True, "bounds": BOUNDS, **kind, **request}
    asked.setdefault("outline", rows(candidate.__doc__ or ""))
    ours, theirs = socket.socketpair()

    def answering() -> None:
        ours.close()
        candidate(theirs)

    serving = _child(answering)
    theirs.close()
    read, write = os.pipe()

    def judging() -> None:
        os.close(read)
        context = PlainContext(asked, ours)
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            run_tests(context)  # type: ignore[arg-type]
            os.chdir("/")
        with os.fdopen(write, "wb") as pipe:
            pipe.write(encode(context.sent))

    watching = _child(judging)
    os.close(write)
    ours.close()
    try:
        with os.fdopen(read, "rb") as pipe:
            sent = pipe.read()
    finally:
        for child in (watching, serving):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return list(decode(sent)) if sent else []


def _child(work: Callable[[], Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    # As in a worker: pytest collects garbage five times when it ends, and all that this suite has loaded is none.
    gc.freeze()
    try:
        work()
    finally:
        os._exit(0)


def wrong(messages: list[dict[str, Any]]) -> list[str]:
    """The checks that did not pass, with what was said about them; also what makes a pass worthless."""
    complaints = [
        f"{each['check']}: {each['detail']}" for each in messages if each.get("outcome", "passed") != "passed"
    ]
    end = next((each["end"] for each in messages if "end" in each), None)
    if end is None:
        return [*complaints, f"no end: {messages}"]
    return [*complaints, *end["trouble"], *([] if end["calls"] and end["asserted"] else ["nothing shown"])]


class Section(NamedTuple):
    """One example of a text file: ``### name | entry points | words``, a solution, ``--- tests``, the tests.

    Before the tests may stand ``--- shared`` and what both sides load.
    """

    name: str
    names: list[str]
    words: str
    source: str
    tests: str
    shared: str = ""


def sections(file: Path) -> list[Section]:
    """The examples of a file."""
    text = file.read_text()
    examples = []
    for part in text.removeprefix("### ").split("\n### "):
        head, _, body = part.partition("\n")
        name, names, words = ([each.strip() for each in head.split("|")] + [""])[:3]
        source, _, tests = body.partition("\n--- tests\n")
        source, _, shared = source.partition("\n--- shared\n")
        examples.append(Section(name, names.split(), words, source, tests.rstrip("\n"), shared))
    return examples
