"""A server that draws what calls cost as badly as it may, lies about it, and keeps the true bill; and a campaign on it
that kills itself (SIGKILL); run by test_budgets.py.

    python charging.py WORKSPACE URL RESUME COUNT KNOBS

KNOBS are those of the run, in JSON. The process dies where the COUNT-th call is written down and about to be made.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from gristmill.graph.amounts import NOTHING, Amount, charged
from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.roster.proposer import proposer_of
from gristmill.graph.records import Tokens
from gristmill.graph.roster import Price
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

NAME = "charged"
PRICE = Price(input=3.7, output=11.3, cached=0.19)
MOST, IN_FLIGHT = 300, 16
LIES = ("missing", "negative", "text", "nothing")
"""What is told instead of the truth; `beyond`, which ends a run, is asked for by itself."""
TROUBLES = ("429", "500", "drop", "empty", "garbage")


class Charging:
    """The server, as a context manager. `bill` is what all calls have really cost.

    Args:
        how: `honest`, `lying` (one of `LIES` in three), or `beyond`.
        trouble: the share of calls that fail after all that they cost was spent, 429 for nothing.
        greatest: each call costs the most that it may; else any draw up to that.
    """

    def __init__(self, how: str = "honest", *, trouble: float = 0.0, greatest: bool = False, seed: int = 7) -> None:
        self.how, self.trouble, self.greatest = how, trouble, greatest
        self.bill, self.calls, self.most_at_once = NOTHING, 0, 0
        self._open = 0
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                self.send(200, {"data": [{"id": "m"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server._lock:
                    server._open += 1
                    server.most_at_once = max(server.most_at_once, server._open)
                server.closing.wait(0.02)
                answer = server.answer(body)
                with server._lock:
                    server._open -= 1
                if answer == "drop":
                    self.close_connection = True
                    self.connection.shutdown(2)
                elif isinstance(answer, int):
                    self.send(answer, {"error": {"message": "trouble"}})
                else:
                    self.send(200, answer)

            def send(self, status: int, value: Any) -> None:
                text = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed is no news."""

        self.closing = threading.Event()
        self._http = Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def model(self) -> str:
        return f"openai:m@http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, body: dict[str, Any]) -> Any:
        with self._lock:
            self.calls += 1
            chance = self._chance
            trouble = chance.choice(TROUBLES) if chance.random() < self.trouble else ""
            if trouble == "429":
                self.bill = self.bill.plus(Amount(calls=1))
                return 429
            # A tokenizer that makes a token of every byte, in a template with a prompt of its own.
            prompt = sum(len(each["content"].encode()) + 8 for each in body["messages"]) + 300
            completion = body["max_tokens"]
            cached = 0
            if not self.greatest:
                prompt, completion = chance.randint(1, prompt), chance.randint(1, completion)
                cached = chance.choice((0, prompt // 2))
            true = Tokens(prompt=prompt, completion=completion, cached=cached)
            self.bill = self.bill.plus(charged(PRICE, true)._replace(calls=1))
            number = chance.randrange(10**6)
            lie = chance.choice(LIES) if self.how == "lying" and chance.random() < 0.34 else ""
        if trouble in ("drop", "500", "garbage"):
            return {"drop": "drop", "500": 500, "garbage": b'{"choices": [{"message'}[trouble]
        text = "" if trouble == "empty" else f"```python\ndef f(x):\n    return x + {number}\n```"
        usage: Any = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        if self.how == "beyond":
            usage["completion_tokens"] = 3 * body["max_tokens"]
        elif lie:
            told = {"missing": None, "negative": -5, "text": "many", "nothing": 0}[lie]
            usage = None if told is None else {"prompt_tokens": told, "completion_tokens": told}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": usage,
        }


def tasks(count: int) -> list[Task]:
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
    return [Task(id=f"t/{number}", kind="code", prompt=f"{number}: f(x) ✓", tests=(test,)) for number in range(count)]


async def judge(task: Task, solution: str) -> Verdict:
    found = re.search(r"x \+ (\d+)", solution)
    score = int(found[1]) / 10**6 if found else 0.0
    return Verdict(outcome=Outcome.FAILED, score=score, strength=Strength.TESTED, feedback="more", verifier="more/1")


def config(model: str, **knobs: Any) -> RunConfig:
    how = {"hypotheses": 4, "rounds": 4, "patience": 9, "profile": "chat", "max_tokens": MOST, "price": PRICE}
    return RunConfig.of(**{**how, "model": model, "concurrency": IN_FLIGHT, "seed": 3, **knobs})


async def campaign(
    store: Store, asked: RunConfig, *, count: int = 8, resume: bool = False, on_event: Any = None
) -> CampaignSummary:
    options = ModelOptions.of(asked.calls, wait_seconds=0.001)
    async with proposer_of(asked.members, options) as proposer:
        return await run_campaign(
            tasks(count),
            asked,
            name=NAME,
            store=store,
            proposer=proposer,
            verifiers=ScriptedJudge(judge),
            resume=resume,
            on_event=on_event,
        )


def command() -> None:
    """The whole program."""
    workspace, model, how, last, knobs = sys.argv[1:]
    seen = 0

    def hear(event: Any) -> None:
        nonlocal seen
        seen += event.kind == "call_started"
        if seen == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

    with Store.open(workspace) as store:
        asyncio.run(campaign(store, config(model, **json.loads(knobs)), resume=how == "resume", on_event=hear))


if __name__ == "__main__":
    command()
