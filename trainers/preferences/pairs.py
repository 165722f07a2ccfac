"""Pairs to learn from: of a small model's answers to one generated task, a verified one before a refuted one.

    python -m gristmill.trainers.preferences.pairs [--tasks 128] [--samples 6] [--seed 0]

makes them once, with the reference's log-probabilities, in a folder of the cache. The same arguments give the same
pairs: tasks, draws and their order follow from the seed.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any, Final

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.plain import say

__all__ = ["BETA", "MODEL", "load_pairs", "make_pairs", "pairs_folder"]

BETA: Final = 0.1
MODEL: Final = "SmolLM2-135M-Instruct"
_HEAT: Final = 0.8
_OF_ONE_TASK: Final = 3
"""Pairs at most: a task that is easy to get half right must not fill the data."""
_FILE: Final = "pairs.jsonl"


def pairs_folder() -> Path:
    """Where pairs are kept: beside the models, ``~/.cache/gristmill/pairs`` by default."""
    from gristmill.graph.models.local.fetch import model_cache

    return model_cache().with_name("pairs")


def load_pairs(folder: Path | None = None) -> list[dict[str, Any]]:
    """Rows of ``task, prompt, chosen, rejected, ref_chosen_logps, ref_rejected_logps``.

    Raises:
        UserError: none have been made, or the file is damaged (with the line).
    """
    file = (folder or pairs_folder()) / _FILE
    if not file.is_file():
        raise UserError(
            f"there are no pairs at {file}: python -m gristmill.trainers.preferences.pairs makes them, once"
        )
    rows = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            texts = (row["task"], row["prompt"], row["chosen"], row["rejected"])
            figures = (row["ref_chosen_logps"], row["ref_rejected_logps"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file}, line {number}: {type(error).__name__}: {error}; make the pairs again") from None
        if not all(type(each) is str for each in texts) or not all(type(each) is float for each in figures):
            raise UserError(f"{file}, line {number}: texts and log-probabilities are expected; make the pairs again")
        rows.append(row)
    return rows


def make_pairs(
    base: Path, folder: Path, *, tasks: int = 128, samples: int = 6, seed: int = 0, sandbox: str = "auto"
) -> list[dict[str, Any]]:
    """Draw answers, verify them, pair them, and write the pairs; the folder appears whole or not at all.

    Raises:
        UserError: no task had a verified and a refuted answer, or pairs are there already.
    """
    from gristmill.graph.models.local.generation import Generator
    from gristmill.graph.models.local.weights import load_model
    from gristmill.graph.tasks.generate import generate_list_functions
    from gristmill.trainers.preferences.answers import answer, prompt_of, verified

    if (folder / _FILE).exists():
        raise UserError(f"{folder} holds pairs already: pairs are never overwritten, delete it or choose --out")
    asked = [each for each in generate_list_functions(seed=seed, train=tasks, gate=1, test=1) if each.split == "train"]
    answers = answer(Generator(*load_model(base)), asked, samples=samples, heat=_HEAT)
    passed = verified(asked, answers, sandbox)
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for task, texts, good in zip(asked, answers, passed, strict=True):
        by = {
            right: sorted({text for text, ok in zip(texts, good, strict=True) if ok is right})
            for right in (True, False)
        }
        both = [(chosen, rejected) for chosen in by[True] for rejected in by[False] if rejected.strip()]
        rows += [
            {"task": task.id, "prompt": prompt_of(task), "chosen": chosen, "rejected": rejected}
            for chosen, rejected in chance.sample(both, min(len(both), _OF_ONE_TASK))
        ]
    if not rows:
        raise UserError(f"none of {tasks} tasks has a verified and a refuted answer among {samples}: ask for more")
    share = sum(map(sum, passed)) / (tasks * samples)
    say(f"{tasks} tasks, {share:.1%} of {tasks * samples} answers verified: {len(rows)} pairs", err=True)
    rows = _with_reference(rows, base)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
        made = Path(partial) / "made"
        made.mkdir()
        (made / _FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        origin = {"model": MODEL, "tasks": tasks, "samples": samples, "seed": seed, "heat": _HEAT, "verified": share}
        (made / "origin.json").write_text(json.dumps(origin) + "\n", "utf-8")
        made.rename(folder)
    return rows


def _with_reference(rows: list[dict[str, Any]], base: Path) -> list[dict[str, Any]]:
    """The rows with the log-probabilities that the model gives to both answers, summed over tokens."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from gristmill.trainers.methods.lora import quiet
    from gristmill.trainers.preferences.trainer import trainer_for

    with quiet(), tempfile.TemporaryDirectory() as scratch:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        trainer = trainer_for(
            lambda *given: given[0].sum(),  # nothing is trained here
            model,
            AutoTokenizer.from_pretrained(base),
            rows,
            folder=scratch,
            batch=4,
            learning_rate=0.0,
            beta=BETA,
        )
        chosen, rejected = (list(trainer.train_dataset[f"ref_{side}_logps"]) for side in ("chosen", "rejected"))
    return [
        row | {"ref_chosen_logps": float(one), "ref_rejected_logps": float(other)}
        for row, one, other in zip(rows, chosen, rejected, strict=True)
    ]


def main() -> None:
    """Make the pairs of the command line."""
    from gristmill.graph.models.local.fetch import fetch

    parser = argparse.ArgumentParser(
        prog="python -m gristmill.trainers.preferences.pairs",
        description=f"Make the pairs of answers that the problem preference_lm trains {MODEL} on.",
        epilog="example: python -m gristmill.trainers.preferences.pairs --tasks 128 --samples 6",
    )
    parser.add_argument("--tasks", type=int, default=128)
    parser.add_argument("--samples", type=int, default=6, help="answers that are drawn for each task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--out", type=Path, help="folder of the pairs; default: the cache, where the problem looks")
    given = parser.parse_args()
    try:
        make_pairs(
            fetch(),
            given.out or pairs_folder(),
            tasks=given.tasks,
            samples=given.samples,
            seed=given.seed,
            sandbox=given.sandbox,
        )
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
