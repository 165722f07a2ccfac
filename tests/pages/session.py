"""A page, run from its first block to its last in one workspace: the real command line, judges and model server.

Two things are done so that all pages take seconds. Commands run in this process and share one warm pool, which each
would open for itself. And where a command would ask the small model of this machine, it asks a server on loopback that
knows the references: the first sample of a round is right, the others are prose. The examples, and what `tasks import`
and `tasks generate` write, are cut to two rows.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import CodeType
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from gristmill.graph.models.replay.server import Call, ReplayServer
from gristmill.sandbox.pool import Pool
from gristmill.trainers.cli import app
from tests.pages.blocks import BLOCKS, Block, Step
from tests.pages.workspaces import CODES, NAMES, PLACES, Place
from tests.test_docs import ROOT

__all__ = ["Session", "one_pool"]

ADDRESS = "127.0.0.1:8000"
"""What the pages call a server of one's own."""
_ROWS = 2
_SLOW = ("program", "reward", "loss")
"""Kinds whose references compute for long; test_mixed.py and test_every_kind.py judge those."""


@contextmanager
def one_pool(patch: pytest.MonkeyPatch) -> Iterator[asyncio.Runner]:
    """Every command of this process runs on one loop and judges in one pool of bubblewrap's, which stays warm."""
    with asyncio.Runner() as runner:
        opened = Pool.open("bubblewrap", 2)
        pool = runner.run(opened.__aenter__())

        @asynccontextmanager
        async def shared(cls: type[Pool], backend: str = "auto", *_: Any, **__: Any) -> Any:
            assert backend in ("auto", "bubblewrap"), f"the pages are run on bubblewrap, not on {backend}"
            yield pool

        patch.setattr(Pool, "open", classmethod(shared))
        patch.setattr(asyncio, "run", lambda main, **_: runner.run(main))
        try:
            yield runner
        finally:
            runner.run(opened.__aexit__(None, None, None))


class Session:
    """One page's workspace, which is the current folder."""

    def __init__(self, page: Path, folder: Path, runner: asyncio.Runner) -> None:
        self.page = str(page.relative_to(ROOT))
        self._folder, self._runner = folder, runner
        self._server = ReplayServer(self._answer, models=("qwen3", "replay"))
        self._names: dict[str, Any] | None = None
        self._sections: set[str] = set()

    def __enter__(self) -> Session:
        for file in (ROOT / "examples" / "tasks").glob("*.jsonl"):
            copy = self._folder / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(_cut(file), "utf-8")
        for block in BLOCKS:
            if block.file and str(block.page.relative_to(ROOT)) == self.page:
                (self._folder / block.file).write_text(block.text.replace(ADDRESS, self._address), "utf-8")
        self._server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._names is not None and hasattr(self._names.get("store"), "close"):
            self._names["store"].close()
        self._server.__exit__(None, None, None)

    def run(self, block: Block) -> None:
        """Run one block, after what its section needs.

        Raises:
            AssertionError: it does not do what the page says.
        """
        for section in ("", block.section):
            if section not in self._sections:
                self._sections.add(section)
                self._prepare(PLACES.get(self.page, {}).get(section, Place()))
        if block.file:
            return  # it was there from the beginning
        if block.is_shell:
            for step in block.steps:
                self._command(step)
        elif block.language == "python":
            self._program(block)

    def _prepare(self, place: Place) -> None:
        for name, text in place.files.items():
            if text is None:
                Path(name).unlink()
            else:
                Path(name).write_text(text, "utf-8")
        for line in place.commands:
            self._command(Step(line))

    def _command(self, step: Step) -> None:
        words = shlex.split(step.line.replace(ADDRESS, self._address), comments=True)
        assert words[0] == "gristmill", f"`{words[0]}` is not run by this test"
        target = None
        if ">" in words:
            at = words.index(">")
            target, words = words[at + 1], words[:at]
        assert not {"|", "&&", ";", "<", "2>"} & set(words), "only `> FILE` is understood here"
        arguments = self._arguments(words[1:])
        done = CliRunner().invoke(app, arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        said = done.stdout + done.stderr
        code = CODES.get(step.line, 2 if any(line.startswith("Error:") for line in step.shown) else 0)
        assert done.exit_code == code, f"exit code {done.exit_code}, not {code}: {step.line}\n{said}"
        assert "Traceback" not in said
        _shows(step, said)
        if target is not None:
            Path(target).write_text(done.stdout, "utf-8")
        if arguments[:2] in (["tasks", "import"], ["tasks", "generate"]):
            written = Path(arguments[arguments.index("--out") + 1])
            written.write_text(_cut(written), "utf-8")

    def _arguments(self, words: list[str]) -> list[str]:
        """As the page gives them, but with the server instead of the model of this machine."""
        model = f"openai:qwen3@http://{self._address}/v1"
        if "--model" in words:
            return [model if word == "local" else word for word in words]
        asks = words[0] in ("run", "eval", "regress") or (words[0] == "compare" and "--tasks" in words)
        if asks and not {"--resume", "--config", "--replies"} & set(words):
            return [*words, "--model", model]
        return words

    def _program(self, block: Block) -> None:
        if self._names is None:
            self._names = {"__name__": "page"} | NAMES.get(self.page, dict)()
        before = set(self._names)
        source = block.text.replace(ADDRESS, self._address)
        code = compile(source, block.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

        async def awaited() -> None:
            value = eval(cast("CodeType", code), cast("dict[str, Any]", self._names))
            if inspect.isawaitable(value):
                await value
            # A page shows how something is written, and leaves the call to the reader.
            for name in set(self._names or ()) - before:
                defined = (self._names or {})[name]
                if inspect.iscoroutinefunction(defined) and defined.__module__ == "page" and not _takes(defined):
                    await defined()

        self._runner.run(awaited())

    @property
    def _address(self) -> str:
        return self._server.url.removeprefix("http://").removesuffix("/v1")

    def _answer(self, call: Call) -> str:
        """The reference of the task, as the first sample of a round."""
        task_id, _, sample = call.place or ("", 0, 1)
        return str(self._references().get(task_id)) if sample == 0 else "I do not know."

    def _references(self) -> dict[str, str]:
        references: dict[str, str] = {}
        for file in self._folder.rglob("*.jsonl"):
            for line in file.read_text("utf-8").splitlines():
                row = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
                if row.get("reference") and row.get("kind") not in _SLOW:
                    references[str(row["id"])] = row["reference"]
        return references


def _cut(file: Path) -> str:
    return "".join(file.read_text("utf-8").splitlines(keepends=True)[:_ROWS])


def _takes(function: Any) -> bool:
    return bool(inspect.signature(function).parameters)


def _shows(step: Step, said: str) -> None:
    """What a page shows is printed so, line by line and in this order, but for numbers and what … stands for."""
    left = iter(said.splitlines())
    for line in step.shown:
        parts = re.split(r"(\d[\d.,]*|…)", line)
        shape = "".join(
            ".*" if part == "…" else r"\d[\d.,]*" if part[:1].isdigit() else re.escape(part) for part in parts
        )
        assert any(re.fullmatch(shape, each) for each in left), f"`{step.line}` does not print {line!r}:\n{said}"
