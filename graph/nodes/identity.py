"""Names and seeds that are the same in every run of the same tasks and configuration, killed or not."""

from __future__ import annotations

import hashlib

from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import INSTRUCTION, LESSON

__all__ = ["hypothesis_id", "instruction_id", "lesson_id", "prompt_sha", "sample_seed", "start_id"]


def hypothesis_id(task_id: str, round: int, sample: int) -> str:
    """``{task_id}/{round}/{sample}``."""
    return f"{task_id}/{round}/{sample}"


def start_id(task_id: str, number: int) -> str:
    """``{task_id}/start/{number}``: of a program that the task begins with."""
    return f"{task_id}/start/{number}"


def instruction_id(task_id: str, round: int) -> str:
    """``{task_id}/{round}/instruction``: of the call by which a model writes an instruction after a round."""
    return f"{task_id}/{round}{INSTRUCTION}"


def lesson_id(task_id: str, round: int) -> str:
    """``{task_id}/{round}/lesson``: of the call by which a model writes down what a round has taught it."""
    return f"{task_id}/{round}{LESSON}"


def sample_seed(run_seed: int, task_id: str, round: int, sample: int) -> int:
    """A seed in [0, 2**31) for one reply: sha256 over the run's seed and the reply's place.

    Neighbouring places get unrelated seeds, and adding tasks, rounds or samples changes no other seed.
    """
    place = f"{run_seed}\n{task_id}\n{round}\n{sample}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(place).digest()[:4], "big") >> 1
