"""Which pairs are learned: pure, and told with the first reason against each that is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gristmill.trainers.data.curation.duplicates import NearDuplicates
from gristmill.trainers.data.curation.heldout import HeldOut
from gristmill.trainers.data.curation.words import words
from gristmill.trainers.recipes.isheep.asking.reading import refusal
from gristmill.trainers.recipes.isheep.config import Filtering
from gristmill.trainers.recipes.isheep.records import Filtered, Pair

__all__ = ["filtered", "language_of", "repeats"]

HELD_OUT = "a held-out prompt"
_RUN = 3
_TOLD_IN = 2_000


def filtered(pairs: Sequence[Pair], config: Filtering, held_out: HeldOut | None = None) -> Filtered:
    """What the filter keeps, in the order given.

    Prompts of the gate and test sets are left out whatever the filter: with `none` nothing else is.

    Args:
        held_out: what no row may repeat.
    """
    known = NearDuplicates(config.likeness)
    kept: list[str] = []
    rejected: Counter[str] = Counter()
    for pair in pairs:
        reason = ""
        if held_out is not None and held_out.by_task(pair.task) is not None:
            reason = HELD_OUT
        elif config.filter != "none":
            reason = _heuristics(pair, config) or _scores(pair, config) or _tool(pair, config)
            if not reason and known.known(pair.task.prompt, pair.reply):
                reason = "near duplicate"
        if reason:
            rejected[reason] += 1
        else:
            kept.append(pair.id)
    return Filtered(filter=config.filter, kept=tuple(kept), rejected=dict(rejected))


def _heuristics(pair: Pair, config: Filtering) -> str:
    said = words(pair.reply)
    if pair.cut:
        return "cut off"
    if len(said) < config.least_words:
        return "too short"
    if len(said) > config.most_words:
        return "too long"
    if refusal(pair.reply):
        return "a refusal"
    if repeats(said) > config.repeated:
        return "repeats itself"
    if said == words(pair.task.prompt):
        return "repeats the prompt"
    if (
        config.language != "any"
        and not _asks_for_language(pair)
        and language_of(pair.reply) not in ("", config.language)
    ):
        return "another language"
    return ""


def _scores(pair: Pair, config: Filtering) -> str:
    if "self" not in config.filter:
        return ""
    if pair.quality is None or pair.following is None:
        return "a score of its own could not be read"
    if pair.quality <= config.quality:
        return "low quality, it says"
    return "does not follow, it says" if pair.following <= config.following else ""


def _tool(pair: Pair, config: Filtering) -> str:
    if "tool" not in config.filter:
        return ""
    if pair.passed is None:
        # Beside the model's scores, these stand where no tool can decide; instead of them, there is nothing.
        return "no tool can check it" if config.filter == "tool" else ""
    return "" if pair.passed else "a tool refutes it"


def _asks_for_language(pair: Pair) -> bool:
    return any(each["id"] == "language:response_language" for each in pair.task.constraints)


def repeats(said: Sequence[str]) -> float:
    """The share of a text's runs of three words that were there before; 0 of a text without any."""
    runs = [tuple(said[at : at + _RUN]) for at in range(len(said) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def language_of(text: str) -> str:
    """The code of the language that a text is in, by langdetect, always the same; empty where none can be told.

    Of fewer than eight words nothing is told: short texts are taken for anything.

    Raises:
        UserError: the extra ``gristmill[instructions]`` is not installed.
    """
    from gristmill.verifiers.instructions.verifier import require_checkers

    require_checkers()
    from langdetect import DetectorFactory, LangDetectException, detect

    if len(words(text)) < 8:
        return ""
    DetectorFactory.seed = 0
    try:
        return str(detect(text[:_TOLD_IN].lower()))
    except LangDetectException:
        return ""
