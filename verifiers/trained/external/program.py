"""A program of the owner's own that trains with a candidate: it gets its file and a seed, and writes what came of it.

For trainers that nothing here knows: Isaac, MJX, a code base of one's own. The program is named by whoever starts the
process, never by a task, and is trusted. It runs outside of every sandbox, and whatever it does with the candidate's
source, which is hostile, it does with the rights of the user: what it writes proves nothing, so verdicts by it have the
strength `external`. What it writes is read as data, under bounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.plain import plain

__all__ = ["Commanded", "OwnTrainer", "SilenceError", "TrainerReport"]

_MOST: Final = 1 << 20
_METRICS, _FEEDBACK, _TAIL, _NAME = 64, 8000, 300, 64
# What opens doors is no business of a process that runs a candidate. A trainer that needs such a thing reads a file.
_KEYS: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


class SilenceError(Exception):
    """The program has said nothing about the candidate; the text says why. Whose fault that is, is not known."""


@dataclass(frozen=True)
class TrainerReport:
    """What the program wrote of one training: a score in [0, 1], or in `error` what the candidate did wrong."""

    score: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    feedback: str = ""
    error: str | None = None


class OwnTrainer:
    """The program, and how it is called: ``PROGRAM … CANDIDATE SEED OUT``.

    CANDIDATE is a file with the source, SEED a whole number, OUT a file that is not there yet, into which it writes one
    JSON object: ``score`` from 0 to 1, and, if it likes, ``metrics`` (numbers by name) and ``feedback`` (text for
    whoever wrote the candidate); or ``error``, what the candidate did wrong. It runs in a folder of its own that is
    removed afterwards; the folder that it was named in is in ``GRISTMILL_HOME``.

    Args:
        line: program and arguments, as a shell would part them; no shell runs them. What is a file from here is handed
            over by its whole path.
        seconds: for one training; then it and all processes of its group are killed.
        at_once: trainings side by side.

    Raises:
        UserError: the line names no program.
    """

    def __init__(self, line: str, seconds: float = 3600.0, at_once: int = 1) -> None:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UserError(f"PROGRAM: {line!r} cannot be parted into words: {error}") from None
        if not words:
            raise UserError("PROGRAM: name one, as in 'python train.py'")
        self._words = [str(Path(word).resolve()) if Path(word).is_file() else word for word in words]
        self._home = str(Path.cwd())
        self._seconds, self._gate = seconds, asyncio.Semaphore(at_once)

    async def train(self, source: str, seed: int) -> TrainerReport:
        """One training.

        Raises:
            SilenceError: nothing is said about the candidate.
            UserError: there is no such program.
        """
        async with self._gate:
            with tempfile.TemporaryDirectory(prefix="gristmill-training-", ignore_cleanup_errors=True) as folder:
                candidate, out = Path(folder, "candidate.py"), Path(folder, "out.json")
                await asyncio.to_thread(candidate.write_bytes, source.encode("utf-8", "replace"))
                status, told = await self._run([*self._words, str(candidate), str(seed), str(out)], folder)
                words = f"; its last words: {told}" if told else ""
                # What it wrote before it failed may be half of it.
                if status != 0:
                    raise SilenceError(f"the program ended with status {status}{words}")
                return await asyncio.to_thread(_read, out, words)

    async def _run(self, words: list[str], folder: str) -> tuple[int, str]:
        """(exit status, its last words)."""
        environment = {name: value for name, value in os.environ.items() if not _KEYS.search(name)}
        environment |= {"GRISTMILL_HOME": self._home}
        # A pipe of our own: asyncio's would keep a process from ending that has left a child at its output.
        heard, said = os.pipe()
        os.set_blocking(heard, False)
        last = _LastWords(heard)
        try:
            try:
                work = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise UserError(f"PROGRAM: {words[0]} cannot be started: {error.strerror or error}") from None
            finally:
                os.close(said)
            asyncio.get_running_loop().add_reader(heard, last.hear)
            try:
                async with asyncio.timeout(self._seconds):
                    status = await work.wait()
            except TimeoutError:
                raise SilenceError(f"the program took longer than {self._seconds:g} s") from None
            finally:
                # Its whole group, also where it has ended by itself: nothing of one training takes from the next.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(work.pid, signal.SIGKILL)
                await work.wait()
                last.hear()
            return status, last.words
        finally:
            asyncio.get_running_loop().remove_reader(heard)
            os.close(heard)


class _LastWords:
    """The last of what comes through a pipe that does not block, however much that is."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._tail = b""

    def hear(self) -> None:
        """Read what is there, a block at a time."""
        with contextlib.suppress(BlockingIOError):
            block = os.read(self._pipe, 1 << 16)
            self._tail = (self._tail + block)[-4 * _TAIL :]
            if not block:
                asyncio.get_running_loop().remove_reader(self._pipe)

    @property
    def words(self) -> str:
        """As they may be shown."""
        return plain(self._tail.decode("utf-8", "replace")).strip()[-_TAIL:]


@runtime_checkable
class Commanded(Protocol):
    """A verifier whose verdicts are the word of a program of the owner's, which no task names."""

    trainer: OwnTrainer | None
    """`gristmill.verifiers.registry.Verifiers` sets it; None where nobody has named one."""


def _read(out: Path, words: str) -> TrainerReport:
    try:
        if out.is_symlink() or not out.is_file():
            raise SilenceError(f"the program wrote no file where its last argument says{words}")
        with out.open("rb") as file:
            text = file.read(_MOST + 1)
    except OSError as error:
        raise SilenceError(f"what the program wrote cannot be read: {error}") from None
    if len(text) > _MOST:
        raise SilenceError(f"the program wrote more than {_MOST:,} bytes")
    try:
        said = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise SilenceError(f"what the program wrote is no JSON: {error}") from None
    if not isinstance(said, dict):
        raise SilenceError("what the program wrote is no JSON object")
    if unknown := sorted(set(said) - {"score", "metrics", "feedback", "error"}):
        raise SilenceError(
            f"the program wrote {plain(unknown[0][:_NAME])!r}; known are score, metrics, feedback and error"
        )
    if "error" in said:
        if "score" in said:
            raise SilenceError("the program wrote both `score` and `error`")
        return TrainerReport(error=_text(said, "error"))
    if "score" not in said:
        raise SilenceError("the program wrote no `score`")
    score, metrics = said["score"], said.get("metrics", {})
    if not _is_number(score) or not 0 <= score <= 1:
        raise SilenceError(f"`score` must be a number from 0 to 1, not {plain(str(score)[:40])}")
    if not isinstance(metrics, dict) or len(metrics) > _METRICS or not all(map(_is_number, metrics.values())):
        raise SilenceError(f"`metrics` must be at most {_METRICS} numbers by name")
    return TrainerReport(
        float(score), {name[:_NAME]: float(each) for name, each in metrics.items()}, _text(said, "feedback")
    )


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


def _text(said: dict[str, Any], name: str) -> str:
    text = said.get(name, "")
    if type(text) is not str:
        raise SilenceError(f"`{name}` must be text")
    return plain(text[:_FEEDBACK])
