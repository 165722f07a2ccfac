"""Which constraints of a task no reply can follow together, as IFEval's checkers read them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gristmill.verifiers.instructions.constraints import arguments

__all__ = ["contradictions"]

_LOWER, _CAPITAL = "change_case:english_lowercase", "change_case:english_capital"
_NO_COMMA = "punctuation:no_comma"
# (constraint that bounds a count, its count, its relation, what else must be the same)
_COUNTS = {
    "length_constraints:number_words": ("num_words", "relation", ()),
    "length_constraints:number_sentences": ("num_sentences", "relation", ()),
    "keywords:frequency": ("frequency", "relation", ("keyword",)),
    "keywords:letter_frequency": ("let_frequency", "let_relation", ("letter",)),
    "change_case:capital_word_frequency": ("capital_frequency", "capital_relation", ()),
}
# Constraints that name one exact number.
_EXACT = {
    "length_constraints:number_paragraphs": "num_paragraphs",
    "length_constraints:nth_paragraph_first_word": "num_paragraphs",
    "detectable_format:number_bullet_lists": "num_bullets",
}
# Texts that a checker looks for as they are written; the others are found in either case.
_CASED = {"detectable_format:multiple_sections": "section_spliter"}
_CHOSEN = "detectable_format:constrained_response"
Given = tuple[str, Mapping[str, Any]]


def contradictions(constraints: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each pair that contradicts itself; needs constraints without `constraint_problems`."""
    given: list[Given] = [(str(each["id"]), arguments(each)) for each in constraints]
    sentences = (
        f"constraints[{first}] ({one[0]}) and constraints[{second}] ({other[0]}) contradict each other: {why}"
        for (first, one), (second, other) in itertools.combinations(enumerate(given), 2)
        for why in itertools.islice(_whys(one, other), 1)
    )
    return list(sentences)


def _whys(one: Given, other: Given) -> Iterator[str]:
    for rule in (_bounds, _exact):
        if why := rule(one, other):
            yield why
    for first, second in ((one, other), (other, one)):
        for rule in (_required, _cased, _begins, _language):
            if why := rule(first, second):
                yield why


def _texts(given: Given) -> list[str]:
    """Texts that a reply must hold."""
    name, values = given
    match name:
        case "combination:repeat_prompt":
            return [values["prompt_to_repeat"]]
        case "keywords:existence":
            return list(values["keywords"])
        case "startend:end_checker":
            return [values["end_phrase"]]
        case "keywords:frequency" if values["relation"] == "at least":
            return [values["keyword"]]
        case "keywords:letter_frequency" if values["let_relation"] == "at least":
            return [values["letter"]]
        case "length_constraints:nth_paragraph_first_word":
            return [values["first_word"]]
    return []


def _required(one: Given, other: Given) -> str:
    """A text that one asks for, and the other forbids or bounds."""
    name, values = other
    for text in _texts(one):
        if name == _NO_COMMA and "," in text:
            return f"the text that must stand in the reply has a comma ({_short(text)})"
        if name == "keywords:forbidden_words":
            for word in values["forbidden_words"]:
                if re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE):
                    return f"the text that must stand in the reply holds {word!r}, which is forbidden"
        if (counted := _counted(name, values)) and counted(text) >= values[_COUNTS[name][0]]:
            return f"the text that must stand in the reply holds more than is allowed ({_short(text)})"
    return ""


def _counted(name: str, values: Mapping[str, Any]) -> Callable[[str], int] | None:
    """How to count in a text what a constraint allows less than a number of."""
    if name not in _COUNTS or values[_COUNTS[name][1]] != "less than":
        return None
    if name == "length_constraints:number_words":
        return lambda text: len(re.findall(r"\w+", text))
    if name == "keywords:frequency":
        return lambda text: len(re.findall(re.escape(values["keyword"]), text, re.IGNORECASE))
    if name == "keywords:letter_frequency":
        return lambda text: text.lower().count(values["letter"].lower())
    return None


def _bounds(one: Given, other: Given) -> str:
    """At least so many of something, and fewer than that."""
    if one[0] != other[0] or one[0] not in _COUNTS:
        return ""
    count, relation, same = _COUNTS[one[0]]
    if any(str(one[1][key]).lower() != str(other[1][key]).lower() for key in same):
        return ""
    least = max((each[1][count] for each in (one, other) if each[1][relation] == "at least"), default=None)
    below = min((each[1][count] for each in (one, other) if each[1][relation] == "less than"), default=None)
    if least is None or below is None or below > least:
        return ""
    return f"at least {least} are asked for, and less than {below}"


def _exact(one: Given, other: Given) -> str:
    """Two numbers of one thing."""
    if one[0] != other[0] or one[0] not in _EXACT:
        return ""
    numbers = [each[1][_EXACT[one[0]]] for each in (one, other)]
    return f"exactly {numbers[0]} are asked for, and exactly {numbers[1]}" if numbers[0] != numbers[1] else ""


def _cased(one: Given, other: Given) -> str:
    """Letters of one case where the other asks for another."""
    if one[0] not in (_LOWER, _CAPITAL):
        return ""
    lower = one[0] == _LOWER
    if {one[0], other[0]} == {_LOWER, _CAPITAL}:
        return "no letter is both a capital and a small one"
    if lower and other[0] == "change_case:capital_word_frequency" and other[1]["capital_relation"] == "at least":
        return "words in capitals are asked for, and no capital letter"
    if other[0] == _CHOSEN:
        return "the answers to choose from are written in both cases"
    text = other[1].get(_CASED.get(other[0], ""), "")
    if text and text != (text.lower() if lower else text.upper()):
        return f"{text!r} is looked for as it is written"
    return ""


def _begins(one: Given, other: Given) -> str:
    """A reply begins in one way: with the repeated text, with a quotation mark, as JSON, with a first word."""
    if one[0] != "combination:repeat_prompt":
        return ""
    text = str(one[1]["prompt_to_repeat"]).strip()
    if other[0] == "startend:quotation" and not text.startswith('"'):
        return "the reply begins with the repeated text, and with a quotation mark"
    if other[0] == "detectable_format:json_format" and not text.startswith(("{", "[", '"', "`")):
        return "the reply begins with the repeated text, and is JSON"
    if other[0] == "length_constraints:nth_paragraph_first_word" and other[1]["nth_paragraph"] == 1:
        words = re.findall(r"\w+", text)
        if words and words[0].lower() != str(other[1]["first_word"]).lower():
            return f"the reply begins with the repeated text, and with {other[1]['first_word']!r}"
    return ""


def _language(one: Given, other: Given) -> str:
    if one[0] != "language:response_language":
        return ""
    if other[0] == one[0] and other[1]["language"] != one[1]["language"]:
        return "a reply is in one language"
    if other[0] in (_LOWER, _CAPITAL) and one[1]["language"] != "en":
        return "the case is asked for in English, and the reply in another language"
    return ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
