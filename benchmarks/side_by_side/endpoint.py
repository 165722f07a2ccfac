"""The model of the side by side: an OpenAI-compatible server on loopback, in a process of its own.

It finds the program that a prompt is about, changes it by `gristmill.graph.models.mutate` (with another program of the
prompt it crosses it, always where the prompt asks for that, else at times), and answers in the form that the prompt
asks for: SEARCH/REPLACE blocks, or the whole program. The same for all; nothing else that a prompt says is obeyed.
Each call is a line of the log: its number and the program that was answered, by its hash.

    python benchmarks/side_by_side/endpoint.py PROBLEM LOG [--seed N] [--seconds S] [--program FILE]

prints the address, and answers until standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

from side_by_side.problems import PROBLEMS, Problem

from gristmill.graph.models.mutate import NothingToChangeError, Rules, cross, mutate

__all__ = ["Model", "changes"]

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)\n?```", re.DOTALL)
_CURRENT = re.compile(r"# current program\b", re.IGNORECASE)
_CROSSING = re.compile(r"\bcross-?over\b|make one answer of the two", re.IGNORECASE)
_OFTEN = 0.15
"""How often two programs are crossed where nobody asked for it."""
_MORE = 0.35
"""Chance of one more change, each time."""


class Model:
    """Answers prompts of one problem."""

    def __init__(self, problem: Problem, seed: int, program: str | None = None) -> None:
        self._problem, self._seed, self._program = problem, seed, program
        self._rules = Rules.model_validate(problem.rules)
        self._defines = re.compile(rf"^def {problem.entry_point}\(", re.MULTILINE)
        self.calls = 0

    def answer(self, messages: list[dict[str, Any]]) -> tuple[str, str]:
        """The reply, and the program that it stands for."""
        self.calls += 1
        chance = random.Random(f"{self._seed} {self.calls}")
        texts = [_text(message) for message in messages]
        current, others = self._programs(messages, texts)
        asked = "\n".join(texts)
        new = self._program or self._child(current, others, asked, chance)
        blocks = "MUST use the exact SEARCH/REPLACE" in asked or "exact SEARCH/REPLACE diff format" in asked
        said = changes(current, new) if blocks else f"```python\n{new.rstrip()}\n```"
        named = f"<NAME>\nchange_{self.calls}\n</NAME>\n\n<DESCRIPTION>\nOne change.\n</DESCRIPTION>\n\n"
        if "<DIFF>" in asked:
            return f"{named}<DIFF>\n{said}\n</DIFF>\n", new
        return (f"{named}<CODE>\n{said}\n</CODE>\n" if "<CODE>" in asked else f"{said}\n"), new

    def _child(self, current: str, others: list[str], asked: str, chance: random.Random) -> str:
        seed = chance.getrandbits(64)
        if others and (_CROSSING.search(asked) or chance.random() < _OFTEN):
            try:
                return cross(current, chance.choice(others), self._rules, seed).source
            except NothingToChangeError:
                pass
        steps = 1
        while chance.random() < _MORE:
            steps += 1
        try:
            return mutate(current, self._rules, seed, steps=steps).source
        except NothingToChangeError:
            return current

    def _programs(self, messages: list[dict[str, Any]], texts: list[str]) -> tuple[str, list[str]]:
        """The one that the prompt is about, and all others that it shows in full."""
        answered = [text for message, text in zip(messages, texts, strict=True) if message["role"] == "assistant"]
        rest = "\n\n".join(
            text for message, text in zip(messages, texts, strict=True) if message["role"] != "assistant"
        )
        marked = list(_CURRENT.finditer(rest))
        about = answered[-1] if answered else rest[marked[-1].end() :] if marked else rest
        current = next(iter(self._fenced(about)), self._problem.start)
        return current, [each for each in self._fenced(rest) if each.strip() != current.strip()]

    def _fenced(self, text: str) -> list[str]:
        found = (f"{each.group(1).strip()}\n" for each in _FENCE.finditer(text))
        return [each for each in found if self._defines.search(each)]


def changes(old: str, new: str) -> str:
    """One SEARCH/REPLACE block between two programs, whose lines stand in the old one just once."""
    before, after = old.rstrip().split("\n"), new.rstrip().split("\n")
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    whole = "\n".join(before)

    def search() -> str:
        return "\n".join(before[first : len(before) - last])

    while not search().strip() or whole.count(search()) > 1:
        if first:
            first -= 1
        elif last:
            last -= 1
        else:
            break
    replaced = "\n".join(after[first : len(after) - last])
    return f"<<<<<<< SEARCH\n{search()}\n=======\n{replaced}\n>>>>>>> REPLACE"


def sha(source: str) -> str:
    """By which a program is known in all logs."""
    return hashlib.sha256(source.strip().encode()).hexdigest()[:16]


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


class _Server:
    def __init__(self, model: Model, log: Path, seconds: float) -> None:
        self._model, self._seconds = model, seconds
        self._log = log.open("a", buffering=1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                length = 0
                while (header := await reader.readline()) not in (b"\r\n", b"\n", b""):
                    name, _, value = header.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                body = await reader.readexactly(length) if length else b""
                said = json.dumps(await self._reply(line.split()[1].decode(), body)).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
                writer.write(head.encode() + said)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _reply(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/models"):
            return {"object": "list", "data": [{"id": "breeder", "object": "model"}]}
        asked = json.loads(body)
        if path.endswith("/embeddings"):
            texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
            rows = [{"object": "embedding", "index": at, "embedding": _vector(text)} for at, text in enumerate(texts)]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            return {"object": "list", "data": rows, "model": asked["model"], "usage": usage}
        text, program = self._model.answer(asked["messages"])
        number = self._model.calls
        self._log.write(json.dumps({"call": number, "at": time.time(), "program": sha(program)}) + "\n")
        if self._seconds:
            await asyncio.sleep(self._seconds)
        usage = {"prompt_tokens": len(body) // 4, "completion_tokens": len(text) // 4}
        return {
            "id": f"c{number}",
            "object": "chat.completion",
            "created": 1,
            "model": asked["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        }


def _vector(text: str) -> list[float]:
    """Counts of runs of three letters, by hash: what an embedding is to the novelty of a program."""
    counts = [0.0] * 64
    for at in range(len(text) - 2):
        counts[hashlib.blake2b(text[at : at + 3].encode(), digest_size=1).digest()[0] % 64] += 1
    return counts


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("log", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0, help="that each reply takes")
    parser.add_argument("--program", type=Path, help="what is answered always, instead of a change")
    arguments = parser.parse_args()
    program = arguments.program.read_text() if arguments.program else None
    model = Model(PROBLEMS[arguments.problem], arguments.seed, program)
    server = await asyncio.start_server(_Server(model, arguments.log, arguments.seconds).serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_main())
