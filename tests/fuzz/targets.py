"""What is fuzzed: bytes go in, and a target raises `FuzzFinding` (or anything else) if they do what no bytes may do."""

from __future__ import annotations

import ast
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from gristmill.sandbox.wire.values import Bounds, DecodeError, decode, encode
from gristmill.verifiers import Task
from gristmill.verifiers.code.guest.judge.proxies import CandidateError
from gristmill.verifiers.code.guest.judge.remote import RemoteCandidate
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Case, CasesTest

__all__ = ["CORPUS", "TARGETS", "FuzzFinding", "explore", "mutated", "seeds"]

CORPUS = Path(__file__).parent / "corpus"
BOUNDS = Bounds(nodes=20_000, size=1 << 20)
SECONDS = 5.0

_CASES = (CasesTest(entry_point="f", cases=(Case(args=(1,), expected=2),)),)
_TASKS = (
    Task(id="code", kind="code", prompt="p", tests=_CASES),
    Task(id="prefix", kind="code", prompt="p", tests=_CASES, settings={"prefix": "def f(x):\n"}),
    Task(id="template", kind="code", prompt="p", tests=_CASES, settings={"template": "def f(x):\n    return {answer}"}),
    Task(id="reward", kind="reward", prompt="p"),
    Task(id="math", kind="math", prompt="p", answer="1"),
)


class FuzzFinding(Exception):  # what fuzzing looks for
    """Bytes did what no bytes may do."""


def codec(data: bytes) -> None:
    """Bytes are refused as `DecodeError`, or mean a value that can be sent on and means itself."""
    try:
        value = decode(data, BOUNDS)
    except DecodeError:
        return
    once = encode(value)
    if encode(decode(once)) != once:
        raise FuzzFinding("a value changes when it is sent on")


def parser(data: bytes) -> None:
    """A reply never raises; a solution in code parses. The first byte chooses the task; a NUL begins the parent."""
    task = _TASKS[data[0] % len(_TASKS)] if data else _TASKS[0]
    reply, split, parent = data[1:].partition(b"\0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        extraction = extract(
            task, reply.decode(errors="surrogateescape"), parent=parent.decode(errors="replace") if split else None
        )
        if not extraction.note:
            raise FuzzFinding("an extraction says nothing")
        if extraction.solution is not None and task.kind != "math":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(extraction.solution)


def channel(data: bytes) -> None:
    """A candidate that answers a judge with these bytes can raise what it may, and nothing of the judge's own.

    The bytes are all that it ever says: to being loaded, and to calls with a list, a function and an iterator.
    """
    near, far = socket.socketpair()
    with near, far:
        writing = threading.Thread(target=_say, args=(far, data), daemon=True)
        writing.start()
        near.settimeout(SECONDS)
        candidate = RemoteCandidate(near, ("f", "K"), BOUNDS)
        numbers, text = [1, 2, [3]], {"a": {1, 2}}
        try:
            candidate.load()
            for name in ("f", "K"):
                if callable(point := candidate.entry_points.get(name)):
                    _use(candidate, point, numbers, text)
        except CandidateError:
            pass
        near.close()
        writing.join(SECONDS)
        if type(numbers) is not list or type(text) is not dict or set(candidate.entry_points) - {"f", "K"}:
            raise FuzzFinding("the judge's own values have changed their types")


def _use(candidate: RemoteCandidate, point: Callable[..., Any], numbers: list[Any], text: dict[str, Any]) -> None:
    for arguments in ((numbers, text), (lambda x: x,), (iter([1, 2]), numbers, numbers)):
        candidate.raised = None
        try:
            point(*arguments)
        except CandidateError:
            raise
        except Exception as error:
            # What the candidate has raised, as it may; anything else has come out of the judge's own code.
            if error is not candidate.raised:
                raise FuzzFinding(f"the judge raised {error!r} by itself") from error


def _say(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass
    except OSError:
        return  # the judge has hung up, as it may


TARGETS: Mapping[str, Callable[[bytes], None]] = {"codec": codec, "parser": parser, "channel": channel}

_WORDS = (
    b'["$',
    b'{"$',
    b'"]',
    b"[]",
    b"{}",
    b"null",
    b"true",
    b"NaN",
    b"1e999",
    b"-0.0",
    b"\0\0\0\0\x05",
    b'"f"',
    b'"K"',
    b"```",
    b"```python\n",
    b"def f(x):\n",
    b"    return x",
    b"<think>",
    b"</think>",
    b"<<<<<<< SEARCH\n",
    b"=======\n",
    b">>>>>>> REPLACE\n",
    b"\\",
    b'"""',
    b"\n",
    b"\r",
    b"\xed\xa0\x80",
    b"(" * 50,
    b"[" * 500,
    b"9" * 5000,
    b'["$m","GristmillRemote",["kind","number","flags","name"],["mine",0,"c",""]]',
    b'"ref"',
    b'"yours"',
)


def seeds(name: str) -> list[bytes]:
    """The kept corpus of a target."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutated(data: bytes, other: bytes, random: Random) -> bytes:
    """Some bytes changed, cut out, doubled, or taken from elsewhere."""
    text = bytearray(data)
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice((0, 1, 2, 4, 16, 64)))
        cut = random.randint(0, len(other))
        text[start:end] = random.choice(
            (
                b"",
                bytes([random.randrange(256)]),
                random.choice(_WORDS),
                text[start:end] * 2,
                other[cut : cut + random.choice((4, 16, 64))],
            )
        )
    if _is_one_frame(data) and random.random() < 0.8:
        # The frame's length must fit, or nothing behind it is ever looked at.
        text[:4] = max(len(text) - 4, 0).to_bytes(4, "big")
    return bytes(text[: 1 << 16])


def _is_one_frame(data: bytes) -> bool:
    """Whether bytes look like one whole frame of a line."""
    return len(data) > 4 and int.from_bytes(data[:4], "big") == len(data) - 4


def explore(name: str, runs: int, seed: int = 0) -> list[bytes]:
    """Fuzz a target so often; what reached lines that nothing had reached before.

    Raises:
        Exception: the target's, with a note that holds the bytes.
    """
    random, target, pool = Random(seed), TARGETS[name], seeds(name)
    reached: set[tuple[str, int, int]] = set()
    kept: list[bytes] = []
    waiting = list(pool)
    for _ in range(runs):
        is_seed = bool(waiting)
        data = waiting.pop() if is_seed else mutated(random.choice(pool), random.choice(pool), random)
        try:
            new = _traced(target, data) - reached
        except Exception as error:
            error.add_note(f"the bytes were: {data!r}")
            raise
        if new:
            reached |= new
            if not is_seed:
                pool.append(data)
                kept.append(data)
    return kept


def _traced(target: Callable[[bytes], None], data: bytes) -> set[tuple[str, int, int]]:
    """The steps from line to line in this program's own files."""
    steps: set[tuple[str, int, int]] = set()

    def local(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            before = last.get(id(frame), 0)
            last[id(frame)] = frame.f_lineno
            steps.add((frame.f_code.co_filename, before, frame.f_lineno))
        return local

    def called(frame: FrameType, event: str, _: object) -> Any:
        return local if "/gristmill/" in frame.f_code.co_filename else None

    last: dict[int, int] = {}
    outside = sys.gettrace()
    sys.settrace(called)
    try:
        target(data)
    finally:
        sys.settrace(outside)
    return steps
