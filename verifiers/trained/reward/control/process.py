"""A training by stable-baselines3 in a process of its own, which asks here for rewards.

torch and stable-baselines3 draw from generators that belong to the process. With a process for each training, equal
seeds give equal trainings whatever else is being judged, several take several cores, and one that meets its deadline
can be ended.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from gristmill.sandbox.errors import SandboxError
from gristmill.verifiers.plugins import ContractError
from gristmill.verifiers.trained.reward.control.environment import Simulation, require_control
from gristmill.verifiers.trained.reward.environment import PolicySettings
from gristmill.verifiers.trained.reward.trainer import RewardFunction, TrainedPolicy
from gristmill.verifiers.trained.verifier import Deadline, Watch

__all__ = ["train"]

_WORKER = "gristmill.verifiers.trained.reward.control.worker"
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def train(
    reward: RewardFunction,
    world: Simulation,
    seed: int,
    settings: PolicySettings | None = None,
    deadline: float | None = None,
    watch: Watch | None = None,
) -> TrainedPolicy:
    """As `gristmill.verifiers.trained.reward.trainer.train`, for worlds of gymnasium's.

    Raises:
        Deadline: it had not ended by then; its process is gone.
        UserError: the extra ``control`` is not installed.
        SandboxError: the process was lost; nothing may be concluded about the reward.
    """
    require_control(f"environment: {world.name!r}")
    ours, theirs = multiprocessing.Pipe()
    path = os.pathsep.join(each for each in sys.path if each)
    child = subprocess.Popen(
        # -P: nothing in the folder we were called in takes the place of a module.
        [sys.executable, "-P", "-m", _WORKER, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env=os.environ | _ONE_THREAD | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    try:
        with _lost(child):
            ours.send_bytes(_packed(world, seed, settings or world.training))
        while True:
            with _lost(child):
                kind, what = _received(ours, deadline)
            if kind == "trained":
                return what  # type: ignore[no-any-return]  # what our own worker says
            if kind == "grade":
                if watch is not None:
                    watch(what)
                continue
            if kind == "error":
                raise ContractError(type(world), f"in a training: {what}")
            rewards = np.ascontiguousarray(reward(what))
            with _lost(child):
                ours.send(rewards)
    finally:
        ours.close()
        child.kill()
        child.wait()


@contextlib.contextmanager
def _lost(child: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        child.kill()
        raise SandboxError(f"a training's process was lost (exit status {child.wait()})") from error


def _packed(*what: Any) -> bytes:
    """Pickled; a world of the user's own by value, as its module need not be there to import."""
    import cloudpickle

    module = sys.modules.get(type(what[0]).__module__)
    own = module is not None and not module.__name__.startswith(("gristmill.", "__main__"))
    if own:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(what))
    finally:
        if own:
            cloudpickle.unregister_pickle_by_value(module)


def _received(end: Connection, deadline: float | None) -> tuple[str, Any]:
    while not end.poll(1.0):
        if deadline is not None and time.monotonic() > deadline:
            raise Deadline
    if deadline is not None and time.monotonic() > deadline:
        raise Deadline
    answer: tuple[str, Any] = end.recv()
    return answer
