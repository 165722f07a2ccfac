"""The process in which one training by stable-baselines3 runs: ``python -m …worker FD``. Trusted; no candidate here."""

from __future__ import annotations

import contextlib
import pickle
import sys
import warnings
from multiprocessing.connection import Connection
from typing import Any

from gristmill.verifiers.trained.reward.environment import Floats
from gristmill.verifiers.trained.reward.trainer import Batch

__all__ = ["main"]


def main(number: int) -> None:
    """Read what to train from a connection, ask it for rewards, and tell it what came of it."""
    warnings.simplefilter("ignore")  # of libraries, on the user's screen
    with Connection(number) as end, contextlib.suppress(KeyboardInterrupt, EOFError, BrokenPipeError):
        end.send(_trained(end))


def _trained(end: Connection) -> tuple[str, Any]:
    def reward(batch: Batch) -> Floats:
        end.send(("batch", batch))
        answer: Floats = end.recv()
        return answer

    try:
        world, seed, settings = pickle.loads(end.recv_bytes())  # noqa: S301 - from the judge, which started this

        from gristmill.verifiers.trained.reward.control.ppo import train

        return "trained", train(reward, world, seed, settings, lambda grade: end.send(("grade", grade)))
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - whose it is, is found out there
        return "error", f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(int(sys.argv[1]))
