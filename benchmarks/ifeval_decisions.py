"""Who is right where two checkers of an IFEval instruction differ: decided pair by pair, and kept.

`DECISIONS` holds one row for every difference that occurred. A row is decided by one of the `RULES`, which look at that
pair and put what they measured into the reason, or `by hand`, by reading it. What decides is the instruction as the
prompt states it. In the loose reading an instruction is followed when one of the reply's eight readings follows it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ifeval_second import readings

__all__ = ["BY_HAND", "DECISIONS", "FIELDS", "RULES", "Difference", "check", "decide", "load"]

DECISIONS = Path(__file__).with_name("ifeval_differences.jsonl")
BY_HAND = "by hand"
# What tells a difference from all others, what was decided about it, and of which reply.
PLACE = ("key", "instruction", "place", "reading", "against")
FIELDS = (*PLACE, "ours", "theirs", "right", "rule", "reason", "reply_sha256")


class Difference(NamedTuple):
    """Our checkers and others (`against`) do not agree on one reading of reply number `place` to one instruction."""

    key: str
    instruction: str
    place: int
    reading: str
    against: str
    ours: bool
    theirs: bool
    reply: str
    given: Mapping[str, Any]

    @property
    def where(self) -> tuple[Any, ...]:
        """What tells it apart."""
        return tuple(getattr(self, name) for name in PLACE)

    def row(self, right: str, rule: str, reason: str) -> dict[str, Any]:
        """The difference with its decision, as `DECISIONS` has it."""
        fields = {name: getattr(self, name) for name in (*PLACE, "ours", "theirs")}
        return fields | {"right": right, "rule": rule, "reason": reason, "reply_sha256": digest(self.reply)}


def digest(reply: str) -> str:
    """The first 16 hex digits of the SHA-256 of a reply."""
    return hashlib.sha256(reply.encode()).hexdigest()[:16]


def holds(count: int, relation: str, wanted: int) -> bool:
    """Whether a count is as the instruction wants it."""
    return count < wanted if relation == "less than" else count >= wanted


def words(text: str, given: Mapping[str, Any]) -> tuple[bool, str]:
    """Words as word processors count them: what blanks divide, if there is a letter or digit in it."""
    parts = text.split()
    count = sum(any(each.isalnum() for each in part) for part in parts)
    pieces, wanted = len(re.findall(r"\w+", text)), f"{given['relation']} {given['num_words']}"
    return holds(count, given["relation"], given["num_words"]), (
        f"{count} words by blanks, a contraction or hyphenated word being one and a lone mark none, {wanted} asked; "
        f"{pieces} runs of letters and digits, {len(parts)} runs of non-blanks"
    )


def forbidden(text: str, given: Mapping[str, Any]) -> tuple[bool, str]:
    """A word that only occurs within another is not used."""
    low, wanted = text.lower(), [word.lower() for word in given["forbidden_words"]]
    words = re.findall(r"[^\W_]+", low)
    used = sorted({word for word in wanted if word in words})
    inside = sorted({each for each in words for word in wanted if word in each and each not in wanted})
    return (
        not used,
        f"forbidden words used: {', '.join(used) or 'none'}; within other words: {', '.join(inside) or 'none'}",
    )


def letters(text: str, given: Mapping[str, Any]) -> tuple[bool, str]:
    """A capital is the same letter: the prompts speak of the letter, not of its case."""
    small, capital = text.count(given["letter"].lower()), text.count(given["letter"].upper())
    wanted = f"{given['let_relation']} {given['let_frequency']}"
    return holds(small + capital, given["let_relation"], given["let_frequency"]), (
        f"the letter {given['letter']!r} stands there {small} times small and {capital} times capital, {wanted} asked"
    )


def paragraphs(text: str, given: Mapping[str, Any]) -> tuple[bool, str]:
    """Paragraphs are the texts between dividers; a divider at the very edge makes no further one."""
    parts = [part.strip() for part in text.split("***")]
    count = sum(map(bool, parts))
    edges = [edge for edge, part in (("start", parts[0]), ("end", parts[-1])) if not part]
    return all(parts[1:-1]) and count == given["num_paragraphs"], (
        f"{count} paragraphs with text, {given['num_paragraphs']} asked; edge dividers: {', '.join(edges) or 'none'}"
    )


def responses(text: str, given: Mapping[str, Any]) -> tuple[bool, str]:
    """Two responses are two texts, neither empty, that differ."""
    said = [part.strip() for part in text.split("******") if part.strip()]
    alike = ", all the same" if len(said) > 1 and len(set(said)) == 1 else ""
    return len(said) == 2 and said[0] != said[1], f"{len(said)} responses with text{alike}, two different ones asked"


Rule = Callable[[str, Mapping[str, Any]], tuple[bool, str]]
RULES: dict[str, Rule] = {
    "length_constraints:number_words": words,
    "keywords:forbidden_words": forbidden,
    "keywords:letter_frequency": letters,
    "length_constraints:number_paragraphs": paragraphs,
    "combination:two_responses": responses,
}
"""Instruction → the rule that decides its pairs: (whether the text follows, what was measured)."""


def decide(difference: Difference) -> dict[str, Any] | None:
    """The row that a rule decides; None where none does, and somebody has to read the pair."""
    rule = RULES.get(difference.instruction)
    if rule is None:
        return None
    texts = readings(difference.reply) if difference.reading == "loose" else [difference.reply]
    rulings = [(*rule(text, difference.given), number) for number, text in enumerate(texts) if text.strip()]
    follows, reason, number = max(rulings, key=lambda one: (one[0], -one[2]))
    if difference.reading == "loose":
        which = f"reading {number + 1} of 8" if follows else "none of 8 readings; as it stands"
        reason = f"{which}: {reason}"
    return difference.row("ours" if follows == difference.ours else "theirs", rule.__name__, reason)


def load(path: Path = DECISIONS) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The decisions, by what tells their differences apart.

    Raises:
        ValueError: a row lacks a field, has another one, or is there twice.
    """
    decisions: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        row = json.loads(line)
        if tuple(row) != FIELDS or row["right"] not in ("ours", "theirs") or row["ours"] == row["theirs"]:
            raise ValueError(f"{path}:{number}: needs {', '.join(FIELDS)} in this order, and one that is right")
        if row["rule"] not in (BY_HAND, getattr(RULES.get(row["instruction"]), "__name__", BY_HAND)):
            raise ValueError(f"{path}:{number}: {row['rule']!r} is no rule for {row['instruction']}")
        place = tuple(row[name] for name in PLACE)
        if place in decisions or not row["reason"].strip():
            raise ValueError(f"{path}:{number}: decided twice, or without a reason: {place}")
        decisions[place] = row
    return decisions


def check(differences: Iterable[Difference], decided: Mapping[tuple[Any, ...], dict[str, Any]]) -> list[str]:
    """What is wrong with the decisions about these differences, one sentence each."""
    problems = []
    for one in differences:
        row = decided.get(one.where)
        name = f"{one.key} {one.instruction}, reply {one.place}, {one.reading}, against {one.against}"
        if row is None:
            problems.append(f"no decision about {name}: we say {one.ours}, they {one.theirs}: {one.reply[:100]!r}")
        elif (row["ours"], row["reply_sha256"]) != (one.ours, digest(one.reply)):
            problems.append(f"the decision about {name} is of another reply or result")
        elif row["rule"] != BY_HAND and row != decide(one):
            problems.append(f"the rule {row['rule']} no longer says what is kept about {name}")
    return problems
