"""The README of an exported dataset: what it holds, how each row was verified, how to load it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import yaml

from gristmill.sandbox.plain import plain

__all__ = ["ANSWERLESS", "card", "cell", "table", "unverified"]

_SIZES = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
# What Markdown or HTML reads as more than text; "-" and "." begin no line inside a cell.
_MARKUP = re.compile(r"[^\w\s.,/+()=-]|_|(?<=www)\.", re.ASCII | re.IGNORECASE)
_EARLIER = (
    "Most trainers of this form learn earlier turns too; ask for bare prompts, and there are none that are wrong."
)
_HIDDEN = (
    "**It holds the tasks' hidden tests, answers and references**: it is for whoever trains, and not to be learned or "
    "published where tests should stay hidden."
)
ANSWERLESS = ("grpo", "verl", "nemo_gym")
"""Formats whose rows are tasks, with all that judges them."""
_USE = {
    "sft": "`prompt` and `completion` are chat messages. Train on the completion only (TRL's default for this form). "
    "Where a prompt is what was sent after a reflection, it holds the wrong answer and the feedback on it as earlier "
    "turns, and the completion is the turn that fixes it.",
    "messages": "`messages` is a whole conversation. Assistant turns carry a `weight`: 1 on the last one, which was "
    "accepted, and 0 on those before it, which must not be learned: train with something that honours `weight`.",
    "preference": "`chosen` was accepted, as `strength` says; `rejected` answers the very same prompt and was judged "
    "wrong (never merely unjudged). The i-th accepted reply meets the i-th wrong one, the shorter list again from its "
    "start; no two meet twice.",
    "unpaired": "`label` says whether the reply was accepted or judged wrong (never merely unjudged), as TRL's KTO "
    "reads it.",
    "stepwise": "`completions` are the attempts of one lineage, the oldest first, and `labels` say which of them was "
    "accepted. They are whole attempts, not steps within one: those no tool has judged.",
    "sharegpt": "`conversations` is a whole conversation; what the last `gpt` says was accepted. " + _EARLIER,
    "alpaca": "`output` answers `instruction`, and was accepted; `history` holds earlier turns in pairs. " + _EARLIER,
    "grpo": "`prompt` is chat messages, and there is no answer: the trainer samples. `specification` is the task as "
    "JSON, from which `gristmill.trainers.rewards.reward_function` judges what it samples. " + _HIDDEN,
    "verl": "verl's columns, a file a split. `gristmill.trainers.rewards.compute_score` is its reward function: "
    "`reward.custom_reward_function.path` and `.name`. " + _HIDDEN,
    "nemo_gym": "A row is what NeMo Gym sends to an agent; `verifier_metadata.task` is the task as JSON, for whoever "
    "answers `/verify`. " + _HIDDEN,
}

_COLUMNS = (
    "`task`, `kind`, `split`, `tags`, `hypothesis`, `round`, `parents`, `best` (the construction that a program was "
    "given, by its sha256), `model`, `adapter`, `run` and `prompt_sha` say where a row comes from; `verified`, "
    "`outcome`, `strength`, `feedback`, `verifier`, `sandbox` and `tree` (a repository's commit and content) what was "
    "found about it."
)
_TASK_COLUMNS = (
    "`task`, `kind`, `split`, `tags` and `run` say where a row comes from; `replies` is how many of the run's replies "
    "were judged, and `share` the share of them that was accepted (a trainer in groups learns most between .2 and .8). "
    "`verified`, `outcome`, `strength`, `verifier`, `sandbox`, `model` and `adapter` are of the first accepted reply, "
    "else of the first."
)
_WEAKER = {
    "split": " (only the assertions of its test were apart from the reply)",
    "together": " (its tests ran beside the reply, in one process, where it could have forged that)",
}
_THOUGHT = (
    "\n\n`reasoning_content` of the last turn is what the model thought before it answered. **It was not verified**: "
    "tools have judged the answer alone, and each row says `reasoning_verified: false`."
)


def card(
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    format: str,
    run: str,
    license: str,
    extension: str,
) -> str:
    """The card as Markdown with YAML front matter, as Hugging Face's hub reads it.

    Args:
        splits: rows by split, in the order of the files ``data/{split}.{extension}``.
        format: one of `gristmill.trainers.data.export.FORMATS`.
        run: where the rows come from.
        license: an identifier of the hub's list, say ``apache-2.0``.
        extension: of the data files.
    """
    rows = [row for split in splits.values() for row in split]
    verified = sum(bool(row["verified"]) for row in rows)
    files = [{"split": name, "path": f"data/{name}.{extension}"} for name in splits]
    front = {
        "license": license,
        "tags": ["gristmill", "verified" if verified == len(rows) else "partly-verified" if verified else "unverified"],
        "task_categories": ["text-generation"],
        "size_categories": [_size(len(rows))],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    parts = [
        "---\n" + yaml.safe_dump(front, sort_keys=False, allow_unicode=True) + "---",
        f"# {cell(run)}: {format}",
        f"Written by gristmill {version('gristmill')} from the run {cell(run)}. A model proposed every reply; tools, "
        "never the model, decided which hold.",
        table(["split", "rows", "tasks"], [_split_line(name, split) for name, split in splits.items()]),
        f"## Use\n\n{_USE[format]}"
        + (_THOUGHT if any("reasoning_verified" in row for split in splits.values() for row in split) else ""),
        "## How rows were verified\n\n"
        + (_tried(rows, verified) if format in ANSWERLESS else _verified(rows, verified))
        + "\n\n"
        + table(["kind", "verifier", "strength", "outcome", "sandbox", "rows"], _counted(rows)),
        "## Columns\n\n" + (_TASK_COLUMNS if format in ANSWERLESS else _COLUMNS),
        "## Models\n\n" + table(["model", "adapter", "rows"], _group(rows, "model", "adapter")),
    ]
    return "\n\n".join(parts) + "\n"


def unverified(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows passed and are not verified, by strength."""
    found = Counter(str(row["strength"]) for row in rows if row["outcome"] == "passed" and not row["verified"])
    return dict(sorted(found.items()))


def _verified(rows: Sequence[Mapping[str, Any]], verified: int) -> str:
    if verified == len(rows):
        return "All rows are verified: the verdict is `passed`, with a strength of `tested` or more."
    weaker = unverified(rows)
    parts = [f"{verified} of {len(rows)} rows are verified. The others are marked by `verified: false`"]
    parts += [f"{count} passed with the strength `{name}`{_WEAKER.get(name, '')}" for name, count in weaker.items()]
    if others := len(rows) - verified - sum(weaker.values()):
        parts.append(f"{others} did not pass")
    return "; ".join(parts) + "."


def _tried(rows: Sequence[Mapping[str, Any]], verified: int) -> str:
    return f"A row is a task, not an answer. For {verified} of {len(rows)} the run found an answer that tools verified."


def _size(count: int) -> str:
    return next((name for bound, name in _SIZES if count < bound), "n>1M")


def _split_line(name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [name, len(rows), len({row["task"] for row in rows})]


def _counted(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    return _group(rows, "kind", "verifier", "strength", "outcome", "sandbox")


def _group(rows: Sequence[Mapping[str, Any]], *columns: str) -> list[list[Any]]:
    counts = Counter(tuple(str(row[column] or "") for column in columns) for row in rows)
    return [[*key, count] for key, count in sorted(counts.items())]


def table(head: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """A table of Markdown, whatever its cells say."""
    cells = [[cell(each) for each in line] for line in (head, *lines)]
    cells.insert(1, ["---"] * len(head))
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def cell(value: Any) -> str:
    """Text in a table that is nothing but text: a server may call its model ``](http://…)``, or ``| <img …>``."""
    return _MARKUP.sub(lambda mark: f"&#{ord(mark[0])};", " ".join(plain(str(value)).split()))
