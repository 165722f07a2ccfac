r"""What a reply holds of what an instruction counts: how often, and where first. It decides nothing.

Against a reply that makes the search for places slow, or is shown back at any length: each search is of fixed text or a
linear pattern, of replies with more than `_MOST` characters nothing is said, and what is quoted is cut. Nothing hidden
lies here: what a constraint asks for stands in the prompt, and what is quoted is the model's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

__all__ = ["seen"]

_MOST = 50_000
_AROUND = 12
_LONGEST = 240


def seen(reply: str, constraint: dict[str, Any], counted: Callable[[str], int]) -> str:
    """``c: 23 times, first in 'slightly different'``: what of the reply bears on one constraint; empty if nothing does.

    `counted` gives the library's own numbers of what this module cannot count alike: "words", "sentences" and
    "capitals".
    """
    say = _SAYS.get(constraint["id"])
    if say is None or len(reply) > _MOST:
        return ""
    return say(reply, constraint["kwargs"], counted)[:_LONGEST]


_Counted = Callable[[str], int]
_Say = Callable[[str, dict[str, Any], _Counted], str]


def _quoted(text: str, start: int, end: int) -> str:
    """Some characters on both sides of a place, to where words end."""
    left, right = max(0, start - _AROUND), min(len(text), end + _AROUND)
    begin = text.find(" ", left, start) + 1 if left else 0
    stop = text.rfind(" ", end, right) if right < len(text) else right
    return repr(" ".join(text[begin or left : right if stop < 0 else stop].split())[:60])


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _places(name: str, text: str, places: list[tuple[int, int]]) -> str:
    if not places:
        return f"{name}: not once"
    return f"{name}: {_times(len(places))}, first in {_quoted(text, *places[0])}"


def _words(text: str, word: str) -> list[tuple[int, int]]:
    """Where a word stands, as text, in whatever case."""
    return [match.span() for match in re.finditer(re.escape(word), text, re.IGNORECASE)]


def _letters(text: str, kwargs: dict[str, Any], _: _Counted) -> str:
    letter = kwargs["letter"].lower()
    return _places(letter, text, [(at, at + 1) for at, each in enumerate(text) if each.lower() == letter])


def _keyword(text: str, kwargs: dict[str, Any], _: _Counted) -> str:
    return _places(kwargs["keyword"], text, _words(text, kwargs["keyword"]))


def _keywords(text: str, kwargs: dict[str, Any], _: _Counted) -> str:
    missing = [word for word in kwargs["keywords"] if not _words(text, word)]
    return f"missing: {', '.join(missing)}" if missing else ""


def _forbidden(text: str, kwargs: dict[str, Any], _: _Counted) -> str:
    found = {
        word: [match.span() for match in re.finditer(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)]
        for word in kwargs["forbidden_words"]
    }
    return "; ".join(_places(word, text, places) for word, places in found.items() if places)


def _commas(text: str, _: dict[str, Any], __: _Counted) -> str:
    return _places("commas", text, _words(text, ","))


def _many(number: int, one: str, rest: str = "") -> str:
    return f"{number} {one}{'' if number == 1 else 's'}{rest}"


def _number(one: str, key: str, rest: str = "") -> _Say:
    return lambda text, kwargs, counted: _many(counted(key), one, rest)


def _found(what: str, pattern: str) -> _Say:
    def say(text: str, kwargs: dict[str, Any], counted: _Counted) -> str:
        return _places(what, text, [match.span() for match in re.finditer(pattern, text, re.MULTILINE)])

    return say


def _case(what: str, wrong: Callable[[str], bool]) -> _Say:
    def say(text: str, kwargs: dict[str, Any], counted: _Counted) -> str:
        return _places(what, text, [(at, at + 1) for at, letter in enumerate(text) if wrong(letter)])

    return say


def _highlights(text: str, _: dict[str, Any], __: _Counted) -> str:
    parts = re.findall(r"\*[^\n*]*\*", text)
    return _many(sum(bool(part.strip("* ")) for part in parts), "highlighted part")


def _parted(what: str, by: str) -> _Say:
    def say(text: str, kwargs: dict[str, Any], counted: _Counted) -> str:
        parts = [part for part in text.split(by) if part.strip()]
        return _many(len(parts), what, f", parted by {by}")

    return say


def _first_word(text: str, kwargs: dict[str, Any], _: _Counted) -> str:
    parts = [part for part in text.split("\n\n") if part.strip()]
    said = _many(len(parts), "paragraph", ", parted by an empty line")
    place = kwargs["nth_paragraph"]
    if place <= len(parts):
        said += f"; paragraph {place} begins with {parts[place - 1].split()[0][:40]!r}"
    return said


def _sections(text: str, kwargs: dict[str, Any], _: _Counted) -> str:
    splitter = kwargs["section_spliter"]
    places = [match.span() for match in re.finditer(rf"{re.escape(splitter)}\s?\d", text)]
    return _places(f"{splitter} with a number", text, places)


def _end(text: str, _: dict[str, Any], __: _Counted) -> str:
    return f"it ends with {text.strip()[-40:]!r}"


def _start(text: str, _: dict[str, Any], __: _Counted) -> str:
    return f"it begins with {text.strip()[:40]!r}"


def _both_ends(text: str, _: dict[str, Any], __: _Counted) -> str:
    stripped = text.strip()
    return f"it begins with {stripped[:10]!r} and ends with {stripped[-10:]!r}"


def _json(text: str, _: dict[str, Any], __: _Counted) -> str:
    body = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        body = body.removeprefix(fence)
    try:
        json.loads(body.removesuffix("```").strip())
    except ValueError as error:
        return f"it is no JSON: {str(error)[:120]}"
    except RecursionError:
        return "it is no JSON: nested too deep"
    return ""


_SAYS: dict[str, _Say] = {
    "change_case:capital_word_frequency": _number("word", "capitals", " in capitals"),
    "change_case:english_capital": _case("small letters", str.islower),
    "change_case:english_lowercase": _case("capital letters", str.isupper),
    "combination:repeat_prompt": _start,
    "combination:two_responses": _parted("response", "******"),
    "detectable_content:number_placeholders": _found("placeholders in [ ]", r"\[[^\[\]\n]*\]"),
    "detectable_content:postscript": _end,
    "detectable_format:json_format": _json,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:number_bullet_lists": _found("bullet points", r"^[ \t]*(?:\*[^*\n]|-).*$"),
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:title": _found("titles in << >>", r"<<[^\n<>]+>>"),
    "keywords:existence": _keywords,
    "keywords:forbidden_words": _forbidden,
    "keywords:frequency": _keyword,
    "keywords:letter_frequency": _letters,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "length_constraints:number_paragraphs": _parted("paragraph", "***"),
    "length_constraints:number_sentences": _number("sentence", "sentences"),
    "length_constraints:number_words": _number("word", "words"),
    "punctuation:no_comma": _commas,
    "startend:end_checker": _end,
    "startend:quotation": _both_ends,
}
