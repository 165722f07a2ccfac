"""A whole program in a reply, in a language that nobody here parses: its fences say which it is.

Nothing of it is looked at but the marks of fences and a few texts that tell a program from prose; whether it is one,
its compiler says.
"""

from __future__ import annotations

from gristmill.verifiers.extraction.cues import standing
from gristmill.verifiers.extraction.fences import Block, blocks, indented
from gristmill.verifiers.extraction.forms.cleaning import with_plain_blanks
from gristmill.verifiers.extraction.forms.structured import codes_in
from gristmill.verifiers.extraction.source import LIMIT
from gristmill.verifiers.languages.records import Language

__all__ = ["bare_program", "program"]

_NEUTRAL = frozenset({"", "code", "text", "txt", "plaintext"})


def program(language: Language, text: str) -> tuple[str | None, str]:
    """(the source, how it was found), or (None, why there is none)."""
    fenced = [block for block in blocks(text) if block.text.strip()]
    for code in codes_in(text, fenced):
        source, note = _in_text(language, code, [block for block in blocks(code) if block.text.strip()])
        if source is not None:
            return source, f"in a field or tag: {note}"
    return _in_text(language, text, fenced)


def _in_text(language: Language, text: str, fenced: list[Block]) -> tuple[str | None, str]:
    if not fenced:
        source = _between_prose(language, text) or next(
            (block.text for block in reversed(indented(text)) if _surest(language, block.text)), None
        )
        source = source and with_plain_blanks(source)
        return (source, "code between prose") if source else (None, "no code was found in the reply")
    own = [block for block in fenced if block.language in language.marks]
    neutral = [block for block in fenced if block.language in _NEUTRAL and _surest(language, block.text)]
    if not own and not neutral:
        others = " and ".join(sorted({block.language for block in fenced if block.language})) or "no language"
        return None, f"the code in the reply is said to be {others[:100]}, not {language.called}"
    chosen = _chosen(language, own or neutral)
    if len(chosen.text) > LIMIT:
        return None, f"the code is longer than {LIMIT} characters"
    return with_plain_blanks(chosen.text), "fenced block" if chosen.closed else "unclosed fenced block"


def bare_program(language: Language, text: str) -> bool:
    """Whether a reply is a program and nothing else, as far as its first line tells."""
    start = text.lstrip()
    return bool(start.startswith(language.begins) and _surest(language, text) and not blocks(text))


def _chosen(language: Language, fenced: list[Block]) -> Block:
    """The last one with the surest sign that any of them has: parts of a program are shown before and after it.

    One that is said to be wrong, or beside the answer, comes after those that are not.
    """
    least = min(standing(block) for block in fenced if _surest(language, block.text) or len(fenced) == 1)
    fenced = [block for block in fenced if standing(block) <= least]
    surest = max(_surest(language, block.text) for block in fenced)
    return next(block for block in reversed(fenced) if _surest(language, block.text) == surest)


def _surest(language: Language, text: str) -> int:
    """0 where no sign is in the text, and the more the surer the best one is; 1 where a language has no signs."""
    if not language.signs:
        return 1
    best = next((place for place, sign in enumerate(language.signs) if sign in text), len(language.signs))
    return len(language.signs) - best


def _between_prose(language: Language, text: str) -> str | None:
    """From the first line on that may begin a program; all of it where none may."""
    if not _surest(language, text) or len(text) > LIMIT:
        return None
    lines = text.split("\n")
    start = next((place for place, line in enumerate(lines) if language.begins and line.startswith(language.begins)), 0)
    source = "\n".join(lines[start:])
    return source if source.strip() else None
