"""reasoning-gym's generators as a source of tasks (Stojanovski et al. 2025, arXiv:2505.24760)."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import version
from importlib.util import find_spec

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.reasoning.datasets import READINGS, refusal
from gristmill.verifiers.reasoning.verifier import ASK
from gristmill.verifiers.records import Task

__all__ = ["reasoning_tasks"]


def reasoning_tasks(name: str, *, size: int = 100, seed: int = 0) -> list[Task]:
    """`size` tasks of one of reasoning-gym's data sets; the same seed gives the same tasks.

    Raises:
        UserError: the package is not installed, or the data set is unknown or refused.
    """
    if find_spec("reasoning_gym") is None:
        raise UserError("reasoning-gym is not installed: pip install 'gristmill[reasoning]'")
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

    if name not in DATASETS:
        near = get_close_matches(name, DATASETS, n=1)
        names = ", ".join(sorted(set(DATASETS) & set(READINGS)))
        raise UserError(
            f"reasoning-gym has no data set {name!r}; {f'did you mean {near[0]}?' if near else f'it has {names}'}"
        )
    if reason := refusal(name):
        raise UserError(reason)
    dataset = reasoning_gym.create_dataset(name, seed=seed, size=size)
    made_by = version("reasoning-gym")
    return [
        Task(
            id=f"reasoning-gym/{name}/{seed}/{index}",
            kind="reasoning",
            prompt=entry["question"] + ASK,
            tags=("reasoning-gym", f"family:{name}"),
            check={"dataset": name, "seed": seed, "size": size, "index": index, "version": made_by},
            # An integral that is only written down again is no answer, though SymPy gives some so.
            reference=None if "Integral(" in entry["answer"] else f"<answer>{entry['answer']}</answer>",
        )
        for index, entry in enumerate(dataset[index] for index in range(size))
    ]
