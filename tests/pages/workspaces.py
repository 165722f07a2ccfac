"""What a page's blocks find when they are run: files that the page takes for granted, and commands that came before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CODES", "NAMES", "PLACES", "Place"]


@dataclass(frozen=True)
class Place:
    """What is there when a section begins.

    Args:
        files: by name; None takes a file away that an earlier section left.
        commands: run before the section's first block.
    """

    files: Mapping[str, str | None] = field(default_factory=dict)
    commands: Sequence[str] = ()


def lines(*rows: Any) -> str:
    """JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def task(id_: str, split: str | None = None, **more: Any) -> dict[str, Any]:
    """A task of code, with its reference."""
    fields = {
        "id": id_,
        "kind": "code",
        "prompt": f"Write f(n) that doubles n. ({id_})",
        "reference": "def f(n): return 2 * n",
        "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [n], "expected": 2 * n} for n in (3, -4)]}],
    }
    return fields | ({"split": split} if split else {}) | more


DICE = task(
    "dice",
    tests=[{"type": "python", "entry_point": "f", "code": "import random\nrandom.seed(1)\nassert f(3) == 6\n"}],
)
TWICE = task(
    "double",
    tests=[{"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": each} for each in (2, 3)]}],
)
BROKEN = (
    lines(task("a"), task("b") | {"id": 3}, *(task(each) for each in "cdef"))
    + '{"id": \n'
    + lines(task("g"), task("sum", kind="cod"))
)
ROWS = {
    # As they are published: https://github.com/google-research/google-research/tree/master/mbpp and
    # https://github.com/openai/grade-school-math
    "sanitized-mbpp.json": json.dumps(
        [
            {
                "source_file": "x",
                "task_id": 2,
                "prompt": "Write a function to find the shared elements from the given two lists.",
                "code": "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
                "test_imports": [],
                "test_list": [
                    "assert set(similar_elements((3, 4, 5, 6),(5, 7, 4, 10))) == set((4, 5))",
                    "assert set(similar_elements((1, 2, 3, 4),(5, 4, 3, 7))) == set((3, 4))",
                ],
            }
        ]
    ),
    "train.jsonl": lines(
        {"question": "Mimi has 2 dozen shells, Kyle twice as many. How many has Kyle?", "answer": "2*24=48\n#### 48"}
    ),
}
PROMPTS = lines(
    {
        "key": 1,
        "prompt": "Describe the sea. Use no commas.",
        "instruction_id_list": ["punctuation:no_comma"],
        "kwargs": [{}],
    }
)
DOUBLED = "def f(n): return n + n"
CANDIDATES = lines(
    {"task_id": "double", "id": "a", "text": DOUBLED},
    {"task_id": "double", "id": "b", "text": "def f(n): return n * n"},
    {"task_id": "double", "id": "c", "text": "I would double it."},
)

# Commands that end with another code than 0, which is what their page tells of; a shown `Error:` means 2.
CODES = {"gristmill tasks check twice.jsonl --run-references --explain": 1}

# By page and section; "" is the page's beginning.
PLACES: dict[str, dict[str, Place]] = {
    "docs/attacks.md": {
        "": Place({"tasks.jsonl": lines({"id": "m", "kind": "math", "prompt": "What is 17 + 25?", "answer": "42"})})
    },
    "docs/models.md": {
        "": Place({"tasks.jsonl": lines(task("a"), task("b")), "replies.jsonl": lines({"text": DOUBLED})}),
    },
    "docs/plugins.md": {"": Place({"recorded.jsonl": lines({"text": "Air scatters blue light more than red light."})})},
    "docs/measuring.md": {
        "": Place({"tasks.jsonl": lines(task("a", "test"), task("b", "train"))}),
        "Benchmarks by name": Place({"sanitized-mbpp.json": ROWS["sanitized-mbpp.json"]}),
    },
    "docs/running.md": {"": Place({"tasks.jsonl": lines(task("HumanEval/32", "test"), task("HumanEval/33", "train"))})},
    "docs/ser.md": {
        "": Place(
            {
                "pairs.jsonl": lines(
                    *({"prompt": f"Say {n}.", "chosen": f"{n}", "rejected": f"not {n}"} for n in range(80))
                )
            }
        )
    },
    "docs/tasks.md": {
        "": Place({"broken.jsonl": BROKEN, "dice.jsonl": lines(DICE), "twice.jsonl": lines(TWICE), **ROWS}),
        "Candidates and verdicts": Place({"tasks.jsonl": lines(task("double")), "candidates.jsonl": CANDIDATES}),
        "Datasets": Place(commands=["gristmill run tasks.jsonl --name night"]),
    },
    "docs/verifiers.md": {"": Place({"input_data.jsonl": PROMPTS})},
}


def _of_models() -> dict[str, Any]:
    from pathlib import Path

    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    from gristmill.graph import RunConfig, Store, load_tasks, resolve, run_campaign

    return {
        "MyChatModel": lambda *_: FakeListChatModel(responses=[DOUBLED]),
        "Path": Path,
        "config": RunConfig.of(rounds=1, hypotheses=1),
        "resolve": resolve,
        "run_campaign": run_campaign,
        "store": Store.open("."),
        "tasks": load_tasks("tasks.jsonl"),
    }


# What Python blocks of a page find by name, beside what its earlier blocks have made.
NAMES: dict[str, Any] = {"docs/models.md": _of_models}
