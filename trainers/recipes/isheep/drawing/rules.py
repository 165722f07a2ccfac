"""What a reply can be told to do so that a tool can check it: constraints of IFEval's, in words, with drawn values.

Every rule can be followed within about 96 tokens. Those of `HELD_OUT` are in the test set only: no training sees them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["HELD_OUT", "RULES", "Rule", "Told", "told"]


class Told(NamedTuple):
    """One constraint: how it is said, and what checks it."""

    words: str
    constraint: dict[str, Any]


class Rule(NamedTuple):
    """A kind of constraint, said in one of several ways; `values` draws what stands in the words and is checked."""

    name: str
    id: str
    wordings: tuple[str, ...]
    values: Callable[[random.Random], dict[str, Any]] = lambda rng: {}


def told(rule: Rule, rng: random.Random, wording: int | None = None) -> Told:
    """The rule with values that are drawn, in one of its wordings."""
    values = rule.values(rng)
    text = rule.wordings[rng.randrange(len(rule.wordings)) if wording is None else wording]
    shown = {name: _said(value) for name, value in values.items()}
    return Told(text.format(**shown), {"id": rule.id, "kwargs": values})


def _said(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


def _count(name: str, low: int, high: int, **more: Any) -> Callable[[random.Random], dict[str, Any]]:
    return lambda rng: {name: rng.randint(low, high), **more}


def _of(name: str, *choices: str) -> Callable[[random.Random], dict[str, Any]]:
    return lambda rng: {name: rng.choice(choices)}


_WORDS = (
    "river morning copper window lantern garden winter basket whistle orange harbour pencil velvet thunder bridge "
    "pepper candle feather mirror pocket meadow silver hammer ribbon island"
).split()
_COMMON = "very good people thing always because great important really nice".split()

RULES = (
    Rule(
        "fewer words",
        "length_constraints:number_words",
        (
            "Use fewer than {num_words} words.",
            "Your answer must have less than {num_words} words.",
            "Stay under {num_words} words.",
        ),
        lambda rng: {"num_words": rng.choice((20, 25, 30, 40, 50)), "relation": "less than"},
    ),
    Rule(
        "fewer sentences",
        "length_constraints:number_sentences",
        (
            "Answer in fewer than {num_sentences} sentences.",
            "Your reply should have less than {num_sentences} sentences.",
            "Keep it below {num_sentences} sentences.",
        ),
        _count("num_sentences", 2, 4, relation="less than"),
    ),
    Rule(
        "no comma",
        "punctuation:no_comma",
        ("Do not use any commas.", "Your answer must not contain a comma.", "Leave out all commas."),
    ),
    Rule(
        "lowercase",
        "change_case:english_lowercase",
        ("Write in lowercase letters only.", "Use no capital letters.", "Your whole answer must be in lowercase."),
    ),
    Rule(
        "capitals",
        "change_case:english_capital",
        ("Write in capital letters only.", "Your whole answer must be in capitals.", "Use only uppercase letters."),
    ),
    Rule(
        "keywords",
        "keywords:existence",
        ("Include the words {keywords}.", "Your answer must contain {keywords}.", "Make sure to use {keywords}."),
        lambda rng: {"keywords": rng.sample(_WORDS, 2)},
    ),
    Rule(
        "forbidden",
        "keywords:forbidden_words",
        (
            "Do not use the words {forbidden_words}.",
            "Avoid the words {forbidden_words}.",
            "Your answer must not contain {forbidden_words}.",
        ),
        lambda rng: {"forbidden_words": rng.sample(_COMMON, 2)},
    ),
    Rule(
        "bullets",
        "detectable_format:number_bullet_lists",
        (
            "Answer with exactly {num_bullets} bullet points that begin with an asterisk, such as * this.",
            "Give {num_bullets} bullet points, each starting with *.",
            "Your reply is a list of exactly {num_bullets} bullets in markdown, such as * this.",
        ),
        _count("num_bullets", 2, 4),
    ),
    Rule(
        "ending",
        "startend:end_checker",
        (
            "Finish with the exact words: {end_phrase}",
            "The last words of your reply must be: {end_phrase}",
            "End your answer with this phrase and nothing after it: {end_phrase}",
        ),
        _of("end_phrase", "That is all.", "Is there anything else?", "I hope this helps.", "Have a good day!"),
    ),
    Rule(
        "title",
        "detectable_format:title",
        (
            "Include a title in double angular brackets, such as <<my title>>.",
            "Your answer must have a title that is wrapped like <<this>>.",
            "Begin with a title inside << and >>.",
        ),
    ),
    Rule(
        "placeholders",
        "detectable_content:number_placeholders",
        (
            "Use at least {num_placeholders} placeholders in square brackets, such as [name].",
            "Your answer must contain {num_placeholders} or more placeholders like [place].",
            "Leave at least {num_placeholders} gaps to fill in, each written as [gap].",
        ),
        _count("num_placeholders", 1, 2),
    ),
    Rule(
        "postscript",
        "detectable_content:postscript",
        (
            "Add a postscript at the end that starts with {postscript_marker}",
            "Close with a postscript beginning with {postscript_marker}",
            "After your answer, write a line that starts with {postscript_marker}",
        ),
        _of("postscript_marker", "P.S."),
    ),
)

HELD_OUT = (
    Rule(
        "quotation",
        "startend:quotation",
        ("Wrap your whole answer in double quotation marks.", "Put double quotation marks around your entire reply."),
    ),
    Rule(
        "highlights",
        "detectable_format:number_highlighted_sections",
        (
            "Highlight at least {num_highlights} phrases with asterisks, like *this*.",
            "Your answer must have {num_highlights} or more parts set in *asterisks*.",
        ),
        _count("num_highlights", 1, 2),
    ),
    Rule(
        "frequency",
        "keywords:frequency",
        (
            "Use the word {keyword} at least {frequency} times.",
            "The word {keyword} should appear {frequency} times or more.",
        ),
        lambda rng: {"keyword": rng.choice(_WORDS), "frequency": rng.randint(2, 3), "relation": "at least"},
    ),
    Rule(
        "letters",
        "keywords:letter_frequency",
        (
            "Use the letter {letter} fewer than {let_frequency} times.",
            "The letter {letter} must appear less than {let_frequency} times.",
        ),
        lambda rng: {
            "letter": rng.choice("cdfghlmpu"),
            "let_frequency": rng.randint(3, 6),
            "let_relation": "less than",
        },
    ),
    Rule(
        "two answers",
        "combination:two_responses",
        (
            "Give two different answers, separated by six asterisks: ******",
            "Write two different replies with a line of ****** between them.",
        ),
    ),
    Rule(
        "more words",
        "length_constraints:number_words",
        ("Use at least {num_words} words.", "Your answer must have {num_words} words or more."),
        lambda rng: {"num_words": rng.choice((25, 30, 40)), "relation": "at least"},
    ),
)
