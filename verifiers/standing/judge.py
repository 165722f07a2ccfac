"""Judging by one call, sync or async, from any thread: the pool of sandboxes stays, on a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from functools import cache
from typing import Any, NamedTuple, Self, TypeVar
from weakref import WeakSet

from pydantic import ValidationError

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.judging import judge_reply
from gristmill.verifiers.records import Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems

__all__ = ["StandingJudge", "judge", "judge_async", "standing"]

T = TypeVar("T")


class StandingJudge:
    """Judges raw replies; its pool opens with the first one and stays until `close`, or the end of the process.

    Safe to call from any thread, and inside a running event loop: the pool lives on a loop of its own.

    Args:
        sandbox: auto, docker, docker:RUNTIME or bubblewrap; None asks GRISTMILL_SANDBOX, as the commands do.
        workers: replies judged at a time; None fits it to the machine.
        confirm: run a pass again on a fresh worker before it counts.
    """

    def __init__(self, sandbox: str | None = None, *, workers: int | None = None, confirm: bool = True) -> None:
        self._sandbox = sandbox or os.environ.get("GRISTMILL_SANDBOX") or "auto"
        self._workers, self._confirm = workers, confirm
        self._lock = threading.Lock()
        self._serving: _Serving | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether no worker of its own is up: before the first reply, and after `close`."""
        return self._serving is None or not self._serving.alive()

    def judge(self, task: Task | Mapping[str, Any], reply: str) -> Verdict | None:
        """The verdict on a raw reply, the consistency run included; None if it holds no solution (prose, say).

        Trouble of this machine is a verdict with the outcome `unscored` and no score: never None, never wrong.

        Raises:
            UserError: the task cannot be judged; every reason is named.
            SandboxError: no sandbox works here.
        """
        checked = _checked(task)
        return self.call(lambda verifiers: _judged(verifiers, checked, reply))

    async def judge_async(self, task: Task | Mapping[str, Any], reply: str) -> Verdict | None:
        """As `judge`, without blocking the loop that awaits it. Cancelling it stops the judging."""
        checked = _checked(task)
        return await asyncio.wrap_future(await asyncio.to_thread(self._begin, lambda v: _judged(v, checked, reply)))

    def call(self, function: Callable[[Verifiers], Coroutine[Any, Any, T]]) -> T:
        """What a coroutine makes of the standing verifiers; it runs on their loop."""
        future = self._begin(function)
        try:
            return future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        """End the workers. A later call starts new ones."""
        with self._lock:
            serving, self._serving = self._serving, None
        if serving is not None:
            serving.close()

    def _begin(self, function: Callable[[Verifiers], Coroutine[Any, Any, T]]) -> Future[T]:
        with self._lock:
            # A process that was forked off has the thread of its parent no more, and none of its workers.
            serving = self._serving
            if serving is None or not serving.alive():
                serving = self._serving = _Serving(self._sandbox, self._workers, self._confirm)
        return serving.begin(function)


class _Open(NamedTuple):
    """What a thread offers whose pool is open."""

    verifiers: Verifiers
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event


class _Serving:
    """A thread with a loop, and on it a pool that is open."""

    def __init__(self, sandbox: str, workers: int | None, confirm: bool) -> None:
        self._pid = os.getpid()
        self._opened: Future[_Open] = Future()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(sandbox, workers, confirm),), name="gristmill-judge", daemon=True
        )
        self._thread.start()
        # Waits until the pool is open, so that the first caller hears why it cannot be.
        self._open = self._opened.result()
        _SERVING.add(self)

    def alive(self) -> bool:
        return self._pid == os.getpid() and self._thread.is_alive()

    def begin(self, function: Callable[[Verifiers], Coroutine[Any, Any, T]]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(function(self._open.verifiers), self._open.loop)

    def close(self) -> None:
        if self.alive():
            with contextlib.suppress(RuntimeError):  # it has ended by itself meanwhile
                self._open.loop.call_soon_threadsafe(self._open.stop.set)
            self._thread.join()

    async def _serve(self, sandbox: str, workers: int | None, confirm: bool) -> None:
        try:
            async with Pool.open(sandbox, workers) as pool:
                stop = asyncio.Event()
                self._opened.set_result(_Open(Verifiers(pool, confirm=confirm), asyncio.get_running_loop(), stop))
                await stop.wait()
                under_way = asyncio.all_tasks() - {asyncio.current_task()}
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)
        except BaseException as error:  # whoever waits for the pool raises it
            if self._opened.done():
                raise
            self._opened.set_exception(error)


def _close_all() -> None:
    for serving in list(_SERVING):
        serving.close()


_SERVING: WeakSet[_Serving] = WeakSet()
# What `atexit` runs comes too late: by then no executor takes work, and a worker's end needs one. Hooks of threading
# run before, the latest first; concurrent.futures registers the one that ends executors when it is imported.
importlib.import_module("concurrent.futures.thread")
getattr(threading, "_register_atexit", atexit.register)(_close_all)


def _checked(task: Task | Mapping[str, Any]) -> Task:
    if not isinstance(task, Task):
        try:
            task = Task.model_validate(task)
        except ValidationError as error:
            raise UserError(f"this is no task: {error}") from error
    if mistakes := problems(task):
        raise UserError(f"task {task.id!r} cannot be judged: {'; '.join(mistakes)}")
    return task


async def _judged(verifiers: Verifiers, task: Task, reply: str) -> Verdict | None:
    extraction, verdict = await judge_reply(task, reply, verifiers)
    return None if extraction.solution is None else verdict


@cache
def standing() -> StandingJudge:
    """The one that `judge` asks, for all of this process."""
    return StandingJudge()


def judge(task: Task | Mapping[str, Any], reply: str) -> Verdict | None:
    """The verdict on a raw reply; None if it holds no solution. The pool stays for the next call.

    See `StandingJudge.judge`, which this asks on one for the whole process.
    """
    return standing().judge(task, reply)


async def judge_async(task: Task | Mapping[str, Any], reply: str) -> Verdict | None:
    """As `judge`, to be awaited; many may be under way at once."""
    return await standing().judge_async(task, reply)
