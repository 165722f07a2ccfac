"""What a model wrote, read: a new instruction, or a score.

The text is hostile: it is data, bounded; nothing in it is run, looked up, or believed beyond what it says of itself.
"""

from __future__ import annotations

import re

__all__ = ["READ_AT_MOST", "instruction_in", "refusal", "score_in"]

READ_AT_MOST = 4_000
_LEAST, _MOST = 3, 80
_MARK = re.compile(
    r"^\s*(?:\*\*\s*)?(?:[-•#>]+\s*|\*\s+|\(?\d{1,3}[.):]\s*|(?:new\s+)?(?:instruction|prompt|task|question)\s*\d*\s*:)[\s*]*",
    re.IGNORECASE,
)
_CHAT = re.compile(r"<\|[^|>\n]{0,40}\|>|\[/?INST\]|<</?SYS>>|</?(?:s|system|user|assistant|think)>", re.I)
_REFUSING = re.compile(
    r"\b(?:i(?:'m| am) sorry|i apologi[sz]e|i can(?:not|'t| not)|i(?:'m| am) (?:unable|not able)|"
    r"as an? (?:ai|artificial|language)\b|i (?:won't|will not) be able)",
    re.I,
)
_LABELLED = re.compile(
    r"\b(?:score|rating|points?)\b\s*(?:\(1\s*-\s*10\))?\s*(?:is|of|:|=)?\s*\**\s*(\d{1,3}(?:\.\d+)?)", re.I
)
_OUT_OF = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)\s*(?:/|out of)\s*10\b", re.I)
_NUMBER = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d+)?)(?![\w%]|\.\d)")


def refusal(text: str) -> bool:
    """Whether a reply begins by saying that it will not, or cannot, answer."""
    return _REFUSING.search(text[:200].replace("’", "'")) is not None


def instruction_in(text: str) -> tuple[str | None, str]:
    """The instruction that a reply consists of, in one line, or None and the reason against it.

    Only the first paragraph counts: small models go on to answer what they have asked.
    """
    text = text[:READ_AT_MOST].replace("\r", "\n").strip()
    if not text:
        return None, "empty"
    if _CHAT.search(text):
        return None, "chat markup"
    if refusal(text):
        return None, "a refusal"
    lines: list[str] = []
    for raw in text.split("\n"):
        begins_anew = _MARK.match(raw) is not None
        line = _MARK.sub("", raw).strip()
        if lines and (not line or begins_anew):
            break
        if line:
            lines.append(line)
    said = re.sub(r"\s+", " ", " ".join(lines)).strip(" \"'`*_“”")
    said = "".join(character for character in said if character.isprintable())
    words = said.split()
    if "```" in said or said.startswith(("def ", "import ", "{", "<")):
        return None, "no instruction"
    if len(words) < _LEAST:
        return None, "too short"
    if len(words) > _MOST:
        return None, "too long"
    if not any(character.isalpha() for character in said):
        return None, "no instruction"
    return said, ""


def score_in(text: str) -> int | None:
    """The score from 1 to 10 that a reply gives; None where it gives none, or several that differ.

    What is labelled goes before what is out of ten, and that before a bare number. Anything else than a whole number
    from 1 to 10 is no score: an unreadable one is not a low one.
    """
    text = text[:READ_AT_MOST]
    for pattern in (_LABELLED, _OUT_OF, _NUMBER):
        found = {float(value) for value in pattern.findall(text)}
        if pattern is _NUMBER and len(found) == 2 and 10.0 in found and re.search(r"(?:of|to|-|–)\s*10\b", text):
            found.discard(10.0)
        if found:
            value = found.pop() if len(found) == 1 else 0.0
            return int(value) if 1 <= value <= 10 and value == int(value) else None
    return None
