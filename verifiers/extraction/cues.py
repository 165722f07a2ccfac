"""What the words around a block of code say that it is: the answer, something beside it, or what not to write.

Words rank blocks, and take none away: where there is but one, they change nothing.
"""

from __future__ import annotations

import re

from gristmill.verifiers.extraction.fences import Block

__all__ = ["is_called_wrong", "standing"]

# "avoids the common mistake": what takes back the word behind it
_TAKEN_BACK = re.compile(
    r"\b(?:avoid(?:s|ing)?|without|instead of|rather than|unlike|prevents?|handles?|correct(?:s|ing)?|"
    r"fix(?:es|ed|ing)?|never|not|n['’]t|cannot)\b[^.:\n]{0,40}?\b(?:mistakes?|errors?|bugs?|pitfalls?|problems?|wrong|fail\w*|break\w*)",
    re.IGNORECASE,
)
_MISTAKE = re.compile(
    r"\b(?:common|typical|frequent|usual|classic|easy|subtle|popular) (?:\w+ )?(?:mistake|error|bug|pitfall|trap)s?\b"
    r"|\bpitfalls?\b|\banti-?patterns?\b|❌|\btempt(?:ing|ed)\b|\bbeginners?\b|\bpeople (?:often|might|may|tend)"
    r"|\b(?:don['’]?t|do not|never|should(?:n['’]t| not)) (?:do|write|use|try|be)\b|\bwhat not to\b|\bnot like this\b",
    re.IGNORECASE,
)
_WRONG = (
    r"\bmistak\w+|\bwrong(?:ly)?\b|\bincorrect(?:ly)?\b|\bbuggy\b|\bbroken\b|\bfail(?:s|ed|ing)?\b|\boff[- ]by[- ]one\b"
    r"|\bdo(?:es)?(?:n['’]t| not) work\b|\bnot (?:correct|right|work)\w*|\bbad\b|\btoo slow\b|\btimes? out\b"
)
_RIGHT = r"\bcorrect\w*|\bfix\w*|\bright\b|\bfinal\b|\bproper\w*|\bimproved\b|\brevised\b|\bshould be\b|✅|\bworks\b"
_SAID = re.compile(f"(?P<wrong>{_WRONG})|(?P<right>{_RIGHT})", re.IGNORECASE)
_ALTERNATIVE = re.compile(
    r"\balternativ|\bbrute[- ]?force|\bna[iï]ve|\bfor (?:comparison|reference)\b|\bslower\b|\binefficient"
    r"|\bless efficient|\banother (?:way|approach|option|version|solution)|\bone-?liner\b|\bif you prefer|\bbonus\b"
    r"|\boptional|\bvariant|\b(?:could|can|might) also\b|\b(?:old|original|previous|your) (?:code|version|attempt)"
    r"|\bpseudo-?code|\bskeleton|\bfirst attempt|\bsimplif|\bsketch\b",
    re.IGNORECASE,
)
# "# WRONG: …" as a block's first line
_COMMENT = re.compile(
    r"#\s{0,4}(?:❌|✗|(?:wrong|incorrect|bad|buggy|broken|common|mistake|don['’]?t|do not|anti)\b)", re.I
)
_SENTENCE = re.compile(r"[.!?]\s")
_POINTS_BACK = re.compile(
    r"(?:this|that|it|the (?:above|code above|second|latter|last|version above))\b", re.IGNORECASE
)


def standing(block: Block) -> int:
    """0 for what may be the answer, 1 for what is said to be beside it, 2 for what is said to be wrong."""
    lead = [part for part in _SENTENCE.split(block.lead) if part.strip()]
    said = _said(lead[-1]) if lead else None
    if said is None and any(_COMMENT.match(line.strip()) for line in block.text.lstrip().split("\n", 2)[:2]):
        said = 2
    if said is None and _POINTS_BACK.match(block.after):
        said = 2 if _said(_SENTENCE.split(block.after)[0]) == 2 else None
    if said is None:
        said = _said(block.heading)
    return said or 0


def _said(text: str) -> int | None:
    """What words make of the block behind them: 0 right, 1 an alternative, 2 wrong; None where they do not say."""
    left = _TAKEN_BACK.sub("", text)
    if _MISTAKE.search(left):
        return 2
    cues = [match.lastgroup for match in _SAID.finditer(left)]
    if cues and cues[-1] == "wrong":
        return 2
    if _ALTERNATIVE.search(left):
        return 1
    return 0 if cues or len(left) < len(text) else None


def is_called_wrong(comment: str) -> bool:
    """Whether a comment says that the code below it is wrong."""
    return _COMMENT.match(comment) is not None or _said(comment) == 2
