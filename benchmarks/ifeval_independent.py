"""Hand IFEval's instructions to an implementation that others wrote: AllenAI's `open_instruct/if_functions.py`.

It was written anew for reinforcement learning with verifiable rewards, covers all 25 types, and is not part of this
repository: where to get it says `SOURCE`. This module only translates the arguments; it judges nothing. What it has no
word for: «fewer than n» is asked as «at most n − 1», or, where it only knows «exactly n», as «one of 0 … n − 1»; its
paragraph divider is `* * *`, IFEval's prompts say `***`, so the reply's is rewritten. It has no loose reading, so it
judges IFEval's eight readings one by one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ifeval_second import OPTIONS, readings

__all__ = ["SHARED", "SOURCE", "Independent", "independent"]

Arguments = Mapping[str, Any]
Independent = Callable[[str, str, Arguments], tuple[bool, bool]]

SOURCE = (
    "https://github.com/allenai/open-instruct, open_instruct/if_functions.py at commit "
    "021dd069c1afa0b7327bd669e4826a78f98bedb0 (Apache-2.0)"
)
FUNCTIONS = (
    "validate_choice validate_end validate_forbidden_words validate_frequency_capital_words "
    "validate_highlighted_sections validate_json_format validate_lowercase validate_no_commas validate_paragraphs "
    "validate_placeholders validate_quotation validate_repeat_prompt validate_response_language validate_sections "
    "validate_title validate_two_responses validate_uppercase validate_word_constraint verify_bullet_points "
    "verify_keyword_frequency verify_keywords verify_letter_frequency verify_paragraph_count verify_postscript "
    "verify_sentence_constraint"
).split()
# Where it is no independent witness: it calls the same detector, or takes its pattern from IFEval's own checker.
SHARED = {
    "language:response_language": "langdetect too",
    "detectable_format:multiple_sections": "IFEval's pattern, by its own account",
}


def independent(path: Path) -> Independent:
    """(strict, loose) of a reply, by the functions of the file at `path`.

    Raises:
        OSError: there is no such file.
        AttributeError: it is another file, or another version of it.
    """
    spec = importlib.util.spec_from_file_location("if_functions", path)
    if spec is None or spec.loader is None:
        raise OSError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if missing := [name for name in FUNCTIONS if not hasattr(module, name)]:
        raise AttributeError(f"{path} has no {', '.join(missing)}; get {SOURCE}")
    from langdetect import DetectorFactory

    DetectorFactory.seed = 0
    checks = _checks(module)

    def holds(text: str, name: str, arguments: Arguments) -> bool:
        from langdetect.lang_detect_exception import LangDetectException

        try:
            return bool(text.strip()) and bool(checks[name](text, arguments))
        except LangDetectException:  # a text without letters: it is in no language
            return False

    def follows(reply: str, name: str, arguments: Arguments) -> tuple[bool, bool]:
        strict, *others = (holds(text, name, arguments) for text in readings(reply))
        return strict, strict or any(others)

    return follows


def _checks(f: Any) -> dict[str, Callable[[str, Arguments], bool]]:
    def counted(check: Callable[..., bool], count: int, relation: str, *given: Any) -> bool:
        fewer = any(check(*given, each) for each in range(count))
        return fewer if relation == "less than" else not fewer

    def bounded(check: Callable[..., bool], text: str, count: int, relation: str) -> bool:
        return check(text, count - 1, "at most") if relation == "less than" else check(text, count, "at least")

    return {
        "change_case:capital_word_frequency": lambda t, a: bounded(
            f.validate_frequency_capital_words, t, a["capital_frequency"], a["capital_relation"]
        ),
        "change_case:english_capital": lambda t, a: f.validate_uppercase(t),
        "change_case:english_lowercase": lambda t, a: f.validate_lowercase(t),
        "combination:repeat_prompt": lambda t, a: f.validate_repeat_prompt(t, a["prompt_to_repeat"]),
        "combination:two_responses": lambda t, a: f.validate_two_responses(t),
        "detectable_content:number_placeholders": lambda t, a: f.validate_placeholders(t, a["num_placeholders"]),
        "detectable_content:postscript": lambda t, a: f.verify_postscript(t, a["postscript_marker"]),
        "detectable_format:constrained_response": lambda t, a: f.validate_choice(t, list(OPTIONS)),
        "detectable_format:json_format": lambda t, a: f.validate_json_format(t),
        "detectable_format:multiple_sections": lambda t, a: f.validate_sections(
            t, a["num_sections"], a["section_spliter"]
        ),
        "detectable_format:number_bullet_lists": lambda t, a: f.verify_bullet_points(t, a["num_bullets"]),
        "detectable_format:number_highlighted_sections": lambda t, a: f.validate_highlighted_sections(
            t, a["num_highlights"]
        ),
        "detectable_format:title": lambda t, a: f.validate_title(t),
        "keywords:existence": lambda t, a: f.verify_keywords(t, a["keywords"]),
        "keywords:forbidden_words": lambda t, a: f.validate_forbidden_words(t, a["forbidden_words"]),
        "keywords:frequency": lambda t, a: counted(
            f.verify_keyword_frequency, a["frequency"], a["relation"], t, a["keyword"]
        ),
        "keywords:letter_frequency": lambda t, a: counted(
            f.verify_letter_frequency, a["let_frequency"], a["let_relation"], t, a["letter"]
        ),
        "language:response_language": lambda t, a: f.validate_response_language(t, a["language"]),
        "length_constraints:nth_paragraph_first_word": lambda t, a: f.validate_paragraphs(
            t, a["num_paragraphs"], a["first_word"], a["nth_paragraph"]
        ),
        "length_constraints:number_paragraphs": lambda t, a: f.verify_paragraph_count(
            t.replace("***", "* * *"), a["num_paragraphs"]
        ),
        "length_constraints:number_sentences": lambda t, a: bounded(
            f.verify_sentence_constraint, t, a["num_sentences"], a["relation"]
        ),
        "length_constraints:number_words": lambda t, a: bounded(
            f.validate_word_constraint, t, a["num_words"], a["relation"]
        ),
        "punctuation:no_comma": lambda t, a: f.validate_no_commas(t),
        "startend:end_checker": lambda t, a: f.validate_end(t, a["end_phrase"]),
        "startend:quotation": lambda t, a: f.validate_quotation(t),
    }
