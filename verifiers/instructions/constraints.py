"""IFEval's 25 types of instruction and the arguments that each needs (Zhou et al. 2023, arXiv:2311.07911)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gristmill.verifiers.instructions.ifbench_constraints import COUNT, IFBENCH, IFBENCH_LEFT_OUT, PLACE, TEXT

__all__ = ["INSTRUCTIONS", "arguments", "constraint_problems"]

_RELATIONS: Final = ("less than", "at least")
_COUNT = COUNT
_RELATION = "'less than' or 'at least'"
_TEXT = TEXT
_TEXTS = "a list of texts"
_LETTER = "one letter"

INSTRUCTIONS: Final[dict[str, dict[str, str]]] = {
    "change_case:capital_word_frequency": {"capital_frequency": _COUNT, "capital_relation": _RELATION},
    "change_case:english_capital": {},
    "change_case:english_lowercase": {},
    "combination:repeat_prompt": {"prompt_to_repeat": _TEXT},
    "combination:two_responses": {},
    "detectable_content:number_placeholders": {"num_placeholders": _COUNT},
    "detectable_content:postscript": {"postscript_marker": _TEXT},
    "detectable_format:constrained_response": {},
    "detectable_format:json_format": {},
    "detectable_format:multiple_sections": {"section_spliter": _TEXT, "num_sections": _COUNT},
    "detectable_format:number_bullet_lists": {"num_bullets": _COUNT},
    "detectable_format:number_highlighted_sections": {"num_highlights": _COUNT},
    "detectable_format:title": {},
    "keywords:existence": {"keywords": _TEXTS},
    "keywords:forbidden_words": {"forbidden_words": _TEXTS},
    "keywords:frequency": {"keyword": _TEXT, "frequency": _COUNT, "relation": _RELATION},
    "keywords:letter_frequency": {"letter": _LETTER, "let_frequency": _COUNT, "let_relation": _RELATION},
    "language:response_language": {"language": _TEXT},
    "length_constraints:nth_paragraph_first_word": {
        "num_paragraphs": _COUNT,
        "nth_paragraph": _COUNT,
        "first_word": _TEXT,
    },
    "length_constraints:number_paragraphs": {"num_paragraphs": _COUNT},
    "length_constraints:number_sentences": {"num_sentences": _COUNT, "relation": _RELATION},
    "length_constraints:number_words": {"num_words": _COUNT, "relation": _RELATION},
    "punctuation:no_comma": {},
    "startend:end_checker": {"end_phrase": _TEXT},
    "startend:quotation": {},
}
"""Id → what it takes. The library draws missing arguments at random, which no judge may do: all are required."""

_WORD: Final = re.compile(r"\w(?:.*\w)?", re.DOTALL)
# ISO codes that the detector knows.
_LANGUAGES: Final = frozenset(
    "af ar bg bn ca cs cy da de el en es et fa fi fr gu he hi hr hu id it ja kn ko lt lv mk ml mr ne nl no pa pl pt ro "
    "ru sk sl so sq sv sw ta te th tl tr uk ur vi zh-cn zh-tw".split()
)


def arguments(constraint: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a constraint gives; IFEval's files write null for those it has not."""
    kwargs = constraint.get("kwargs")
    return {name: value for name, value in (kwargs or {}).items() if value is not None}


def constraint_problems(constraint: Mapping[str, Any]) -> list[str]:
    """What is wrong with one constraint, one sentence each without its place; empty when it can be checked."""
    name = constraint.get("id")
    if name in IFBENCH_LEFT_OUT:
        return [f"`id` {name!r} cannot be checked here: it {IFBENCH_LEFT_OUT[name]}"]
    if name not in INSTRUCTIONS and name not in IFBENCH:
        return [f"`id` {name!r} is none of IFEval's 25, nor of IFBench's: {', '.join(INSTRUCTIONS)}"]
    if unknown := set(constraint) - {"id", "kwargs"}:
        return [f"{', '.join(sorted(unknown))} mean nothing here; a constraint has `id` and `kwargs`"]
    if not isinstance(constraint.get("kwargs", {}), Mapping | None):
        return ["`kwargs` must be an object"]
    given, wanted = arguments(constraint), INSTRUCTIONS.get(name) or IFBENCH.get(name, {})
    problems = [f"`kwargs.{key}` means nothing for {name}" for key in given if key not in wanted]
    for key, what in wanted.items():
        if key not in given:
            problems.append(f"`kwargs.{key}` is missing: {name} needs it, {what}")
        elif not _fits(given[key], what):
            problems.append(f"`kwargs.{key}` must be {what}, not {given[key]!r}")
    if not problems and name.startswith("keywords:") and "letter" not in name:
        words = given.get("keywords") or given.get("forbidden_words") or [given["keyword"]]
        # The library looks for them between word boundaries, which `c++` has none of.
        problems += [
            f"{word!r} must begin and end with a letter or digit" for word in words if not _WORD.fullmatch(word)
        ]
    if name == "language:response_language" and not problems and given["language"] not in _LANGUAGES:
        problems.append(f"`kwargs.language` {given['language']!r} is not the code of a language that can be told")
    if name.endswith("first_word") and not problems and given["nth_paragraph"] > given["num_paragraphs"]:
        problems.append("`kwargs.nth_paragraph` is greater than `num_paragraphs`")
    return problems


def _fits(value: Any, what: str) -> bool:
    if what == _COUNT:
        return type(value) is int and 0 < value < 1_000_000
    if what == PLACE:
        return type(value) is int and 0 <= value < 1_000_000
    if what == _RELATION:
        return value in _RELATIONS
    if what == _LETTER:
        return type(value) is str and len(value) == 1
    if what == _TEXTS:
        return isinstance(value, list | tuple) and bool(value) and all(type(each) is str and each for each in value)
    return type(value) is str and bool(value.strip())
