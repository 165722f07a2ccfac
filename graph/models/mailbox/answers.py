"""What may be an answer, wherever it is written: in a file, at standard input, or in the browser."""

from __future__ import annotations

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.extraction.replies import without_reasoning

__all__ = ["MOST_BYTES", "answer_text"]

MOST_BYTES = 1 << 20
"""Of one answer: far more than models say, and what a store holds with ease."""


def answer_text(read: bytes, name: str) -> str:
    """What an answer says.

    Args:
        read: the whole of it, in UTF-8; one byte more than there may be is enough to be refused.
        name: where it comes from, for messages.

    Raises:
        UserError: it says nothing, too much, or no text.
    """
    if len(read) > MOST_BYTES:
        raise UserError(f"{name}: an answer has at most {MOST_BYTES:,} bytes, and this has more")
    try:
        text = read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: the answer is no text in UTF-8: {error.reason} at byte {error.start}") from error
    if not text.strip():
        raise UserError(f"{name}: the answer is empty; to leave a request to others, do not answer it")
    if not without_reasoning(text).strip():
        raise UserError(f"{name}: reasoning only, and no answer behind it")
    return text
