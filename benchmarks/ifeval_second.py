"""A second implementation of IFEval's 25 checks, written from the paper's descriptions (arXiv:2311.07911, appendix).

It shares no code with the library that `gristmill.verifiers.instructions` uses: no regular expressions where string
methods do, its own sentence and word splitting, and py3langid for languages. Only `ifeval_agreement.py` uses it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["CHECKS", "OPTIONS", "follows", "readings"]

Arguments = Mapping[str, Any]


def follows(reply: str, name: str, arguments: Arguments) -> tuple[bool, bool]:
    """(strict, loose): whether the reply follows the instruction as it stands, or in one of IFEval's eight readings."""
    results = [bool(text.strip()) and CHECKS[name](text, arguments) for text in readings(reply)]
    return results[0], any(results)


def readings(reply: str) -> list[str]:
    """The reply, and IFEval's seven looser readings of it: without first or last line or both, without asterisks."""
    lines = reply.split("\n")
    shapes = [lines[1:], lines[:-1], lines[1:-1]]
    texts = [reply, *("\n".join(shape).strip() for shape in shapes)]
    return texts + [text.replace("*", "") for text in texts]


def _compares(count: int, relation: str, wanted: int) -> bool:
    return count < wanted if relation == "less than" else count >= wanted


def _language(text: str) -> str:
    import py3langid

    return str(py3langid.classify(text)[0])


def _words(text: str) -> list[str]:
    """Runs of letters, digits and underscores, as the paper's word count has them."""
    return "".join(each if each.isalnum() or each == "_" else " " for each in text).split()


_TITLES = frozenset("mr mrs ms dr prof st vs etc e.g i.e inc ltd jr sr u.s no a.m p.m".split())


def _sentences(text: str) -> int:
    """Runs that end with . ! or ? before a blank or the end; titles and single initials end none."""
    count, open_ = 0, False
    for token in text.split():
        open_ = True
        bare = token.rstrip("\"')]}*_”’»")
        if bare.endswith((".", "!", "?")):
            word = bare.rstrip(".!?").lstrip("\"'([{*_“‘«").lower()
            if bare.endswith(("!", "?")) or (word not in _TITLES and not (len(word) == 1 and word.isalpha())):
                count, open_ = count + 1, False
    return count + open_


def _count_of(text: str, word: str) -> int:
    return text.lower().count(word.lower())


def _whole_word(text: str, word: str) -> bool:
    low, wanted, start = text.lower(), word.lower(), 0
    while (place := low.find(wanted, start)) >= 0:
        before, after = low[place - 1 : place], low[place + len(wanted) : place + len(wanted) + 1]
        if not (before.isalnum() or before == "_") and not (after.isalnum() or after == "_"):
            return True
        start = place + 1
    return False


def _highlights(text: str) -> int:
    """Stretches between asterisks on one line; double ones count once more, as in the published checker."""
    count = 0
    for line in text.split("\n"):
        for mark in ("*", "**"):
            place = 0
            while (opened := line.find(mark, place)) >= 0:
                closed = line.find("*", opened + len(mark))
                if closed < 0:
                    break
                inner = line[opened + len(mark) : closed]
                if mark == "**" and not line.startswith("**", closed):
                    place = opened + 1
                    continue
                count += bool(inner.strip())
                place = closed + len(mark)
    return count


def _bullets(text: str) -> int:
    lines = [line.lstrip() for line in text.split("\n")]
    return sum(line.startswith("-") or (line[:1] == "*" and len(line) > 1 and line[1] != "*") for line in lines)


def _placeholders(text: str) -> int:
    count = 0
    for line in text.split("\n"):
        place = 0
        while (opened := line.find("[", place)) >= 0 and (closed := line.find("]", opened)) >= 0:
            count, place = count + 1, closed + 1
    return count


def _sections(text: str, word: str) -> int:
    """Occurrences of the word with a number right behind it."""
    count, start = 0, 0
    while (place := text.find(word, start)) >= 0:
        rest = text[place + len(word) :]
        rest = rest[1:] if rest[:1].isspace() else rest
        count += rest[:1].isdigit()
        start = place + len(word)
    return count


def _paragraphs(text: str, wanted: int) -> bool:
    parts = [part.strip() for part in text.split("***")]
    middle = parts[1:-1]
    return all(middle) and sum(bool(part) for part in parts) == wanted


def _first_word(text: str, a: Arguments) -> bool:
    parts = text.split("\n\n")
    if sum(bool(part.strip()) for part in parts) != a["num_paragraphs"] or a["nth_paragraph"] > len(parts):
        return False
    words = parts[a["nth_paragraph"] - 1].split()
    if not words:
        return False
    word = words[0].lstrip("'").lstrip('"')
    for mark in ".,?!'\"":
        word = word.split(mark)[0]
    return bool(word.lower() == a["first_word"])


def _postscript(text: str, marker: str) -> bool:
    low = text.lower()
    forms = {"P.S.": ["p.s.", "p. s."], "P.P.S": [f"p.{a}p.{b}s" for a in ("", " ") for b in ("", " ")]}
    return any(form in low for form in forms.get(marker, [marker.lower()]))


def _json(text: str) -> bool:
    bare = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        bare = bare.removeprefix(fence)
    try:
        json.loads(bare.removesuffix("```").strip())
    except ValueError:
        return False
    return True


def _title(text: str) -> bool:
    for line in text.split("\n"):
        opened, closed = line.find("<<"), line.rfind(">>")
        if 0 <= opened < closed - 2 and line[opened:closed].strip("<>").strip():
            return True
    return False


def _two(text: str) -> bool:
    parts = [part.strip() for part in text.split("******")]
    said = [part for part in parts if part]
    return all(parts[1:-1]) and len(said) == 2 and said[0] != said[1]


def _capital_words(text: str) -> int:
    """Tokens in capitals: what blanks and punctuation leave, except that hyphens and dots inside stay."""
    marks = "\"'()[]{},;:!?*<>“”‘’`…#$%&@/=|~"
    tokens = "".join(" " if each in marks else each for each in text).split()
    return sum(token.strip("-–—.").isupper() for token in tokens)


def _quoted(text: str) -> bool:
    bare = text.strip()
    return len(bare) > 1 and bare[0] == '"' and bare[-1] == '"'


def _ends(text: str, phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(phrase.strip().lower())


OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
CHECKS: dict[str, Callable[[str, Arguments], bool]] = {
    "change_case:capital_word_frequency": lambda t, a: _compares(
        _capital_words(t), a["capital_relation"], a["capital_frequency"]
    ),
    "change_case:english_capital": lambda t, a: t.isupper() and _language(t.lower()) == "en",
    "change_case:english_lowercase": lambda t, a: t.islower() and _language(t) == "en",
    "combination:repeat_prompt": lambda t, a: t.strip().lower().startswith(a["prompt_to_repeat"].strip().lower()),
    "combination:two_responses": lambda t, a: _two(t),
    "detectable_content:number_placeholders": lambda t, a: _placeholders(t) >= a["num_placeholders"],
    "detectable_content:postscript": lambda t, a: _postscript(t, a["postscript_marker"].strip()),
    "detectable_format:constrained_response": lambda t, a: any(option in t for option in OPTIONS),
    "detectable_format:json_format": lambda t, a: _json(t),
    "detectable_format:multiple_sections": lambda t, a: _sections(t, a["section_spliter"].strip()) >= a["num_sections"],
    "detectable_format:number_bullet_lists": lambda t, a: _bullets(t) == a["num_bullets"],
    "detectable_format:number_highlighted_sections": lambda t, a: _highlights(t) >= a["num_highlights"],
    "detectable_format:title": lambda t, a: _title(t),
    "keywords:existence": lambda t, a: all(word.lower() in t.lower() for word in a["keywords"]),
    "keywords:forbidden_words": lambda t, a: not any(_whole_word(t, word) for word in a["forbidden_words"]),
    "keywords:frequency": lambda t, a: _compares(_count_of(t, a["keyword"].strip()), a["relation"], a["frequency"]),
    "keywords:letter_frequency": lambda t, a: _compares(
        _count_of(t, a["letter"]), a["let_relation"], a["let_frequency"]
    ),
    "language:response_language": lambda t, a: _language(t) == a["language"],
    "length_constraints:nth_paragraph_first_word": _first_word,
    "length_constraints:number_paragraphs": lambda t, a: _paragraphs(t, a["num_paragraphs"]),
    "length_constraints:number_sentences": lambda t, a: _compares(_sentences(t), a["relation"], a["num_sentences"]),
    "length_constraints:number_words": lambda t, a: _compares(len(_words(t)), a["relation"], a["num_words"]),
    "punctuation:no_comma": lambda t, a: "," not in t,
    "startend:end_checker": lambda t, a: _ends(t, a["end_phrase"]),
    "startend:quotation": lambda t, a: _quoted(t),
}
