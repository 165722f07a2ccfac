"""What an error of some provider's client means for the loop: try again, count as data, or tell the user."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any, Literal, Self

from gristmill.sandbox.plain import plain

__all__ = [
    "Meaning",
    "UnreadableAnswerError",
    "kind_of",
    "meaning",
    "refused_parameter",
    "retry_after",
    "short",
    "stream_wanted",
    "uncharged",
]

Meaning = Literal["again", "too_long", "filtered", "setup", "unknown"]
"""`again`: overloaded, slow or unreachable; `too_long`: the prompt does not fit; `filtered`: the provider refused
this content; `setup`: only the user can mend it; `unknown`: none of these can be told."""

_AGAIN = frozenset({408, 409, 423, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_TOO_LONG = re.compile(
    r"context[ _](?:length|size)|maximum context|context[ _]window|prompt is too long|too many (?:input )?tokens"
    r"|input (?:tokens|is too long)|longer than the (?:model|maximum)"
    r"|exceeds? the (?:model|maximum).{0,30}(?:length|tokens)",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content[ _](?:filter|policy|management)|safety system", re.IGNORECASE)
_SPENT = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance", re.IGNORECASE)
_TRANSPORT = (
    "ConnectionError ConnectError Timeout TransportError ProtocolError ServiceUnavailable ResourceExhausted RateLimit "
    "Overloaded InternalServerError JSONDecodeError"
).split()
_DROPPABLE = ("seed", "top_p", "stop", "temperature")
# What LangChain says of a completion without `choices`.
_NO_CHOICES = re.compile(r"Response missing 'choices' key|null value for 'choices'")
# 'This model only supports streaming', 'parameter.enable_thinking only support stream call'
_STREAM = re.compile(r"\bstream(?:ing|ed|s)?\b", re.IGNORECASE)
_HTML = re.compile(r"<\s*(?:!doctype|html|head|body)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title>\s*(.{0,100}?)\s*</title>", re.IGNORECASE | re.DOTALL)


class UnreadableAnswerError(ValueError):
    """A server answered that all is well, and what it sent is no completion. Asking again may help.

    Attributes:
        status_code: of the error that the answer tells of, where it names one.
    """

    status_code: int | None = None

    @classmethod
    def of(cls, reason: Any) -> Self:
        """The error that an answer of status 200 tells of, as routers do that have begun to answer already."""
        message = reason.get("message") if isinstance(reason, dict) else reason
        error = cls(f"an answer that tells of an error: {message}")
        code = reason.get("code") if isinstance(reason, dict) else None
        error.status_code = code if type(code) is int and 400 <= code < 600 else None
        return error


def meaning(error: BaseException) -> Meaning:
    """What `error`, raised by any LangChain chat model, means.

    HTTP status codes come first, as most clients carry them; then LangChain's own classes; then transport errors, by
    class or by name, since each client has its own HTTP library.
    """
    status, text = _status(error), _text(error)
    if status is not None and 200 <= status < 300:
        # The server has answered, and whoever read the answer could not: a fault of passage, not of set-up.
        return "again"
    if status is not None:
        if status == 429 or status >= 500:
            return "setup" if _SPENT.search(text) else "again"
        if status in _AGAIN:
            return "again"
        if status == 413 or (status in {400, 422} and _TOO_LONG.search(text)):
            return "too_long"
        return "filtered" if status == 400 and _FILTERED.search(text) else "setup"
    return _meaning_of_class(error, text)


def _meaning_of_class(error: BaseException, text: str) -> Meaning:
    from langchain_core import exceptions

    if isinstance(error, exceptions.ContextOverflowError):
        return "too_long"
    if isinstance(error, exceptions.ModelError):
        return "again" if error.is_retryable else "setup"
    if isinstance(error, UnreadableAnswerError) or _NO_CHOICES.search(text):
        return "again"
    if isinstance(error, ImportError):
        return "setup"
    if isinstance(error, OSError | TimeoutError):
        return "again"
    names = [kind.__name__ for kind in type(error).__mro__]
    if any(part in name for name in names for part in _TRANSPORT):
        return "again"
    # LangChain's word for a body that is no completion (a gateway's error page with status 200), and what connections
    # say that a client shares between event loops.
    if "Unexpected response type" in text or "Event loop is closed" in text:
        return "again"
    return "too_long" if _TOO_LONG.search(text) else "unknown"


def retry_after(error: BaseException) -> float | None:
    """Seconds that the server asks to wait (``Retry-After`` in seconds or as a date, ``retry-after-ms``), or None."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    if not isinstance(headers, Mapping):
        return None
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * scale)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, email.utils.parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError, TypeError):
        return None


def refused_parameter(error: BaseException, sent: Mapping[str, Any]) -> str | None:
    """Which of the sampling parameters that were sent the server does not take, if that is what it says.

    Some models take no seed, no `top_p` together with a temperature, or one temperature only; the reply is then had
    without that parameter rather than not at all.
    """
    if _status(error) not in {400, 422}:
        return None
    named = getattr(error, "param", None)
    if named in _DROPPABLE and named in sent:
        return str(named)
    text = _text(error)
    return next((name for name in _DROPPABLE if name in sent and re.search(rf"\b{name}\b", text)), None)


def stream_wanted(error: BaseException) -> bool:
    """Whether a server refuses a whole answer since it gives streams only, or a stream since it gives none."""
    return _status(error) in {400, 405, 406, 415, 422} and bool(_STREAM.search(_text(error)))


def uncharged(error: BaseException) -> bool:
    """Whether a try that failed so cannot have cost anything: nobody was reached, or the request was refused.

    What broke off, was late or could not be read may have been paid for, and so may what a gateway has given up.
    """
    if isinstance(error, UnreadableAnswerError):
        return False
    status = _status(error)
    if status is not None:
        return (400 <= status < 500 and status not in {408, 499}) or status in {503, 529}
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, ConnectionRefusedError) or type(each).__name__ in {"ConnectError", "ConnectTimeout"}:
            return True
        each = each.__cause__
    return False


def kind_of(error: BaseException | None) -> str:
    """One name for errors of a kind, whatever else they say: they are counted by it."""
    status = _status(error) if error else None
    if status is not None and status >= 400:
        return f"status {status}"
    if isinstance(error, UnreadableAnswerError):
        return str(error).partition(":")[0]
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if status is not None:
        return "an answer that cannot be read"
    return type(error).__name__


def short(error: BaseException | None) -> str:
    """An error in one line, fit for terminals and logs whatever a server has said; a page of HTML by its title."""
    if error is None:
        return "nothing is known"
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer within the time of one call"
    text, cause = _line(str(error), 300), error.__cause__
    inner = f" ({_line(str(cause), 200)})" if cause is not None and str(cause) and str(cause) not in text else ""
    return f"{type(error).__name__}: {text}{inner}" if text else type(error).__name__


def _line(text: str, most: int) -> str:
    if (page := _HTML.search(text)) is not None:
        title = _TITLE.search(text)
        text = f"{text[: page.start()]} a page of HTML" + (f" ({title[1]})" if title and title[1] else "")
    return plain(" ".join(text.split())[:most])


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "http_status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and 100 <= value < 600:
                return value
    return None


def _text(error: BaseException) -> str:
    return f"{error} {getattr(error, 'body', '') or ''}"[:4000]
