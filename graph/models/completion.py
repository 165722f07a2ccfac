"""What a chat model answered, read: whatever a server sends is a reply or trouble to retry, never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gristmill.graph.models.trouble import UnreadableAnswerError
from gristmill.graph.records import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

__all__ = ["estimated", "is_count", "readable", "reasoning_of", "reported"]

_MOST_TOKENS = 10**9  # of one call


def readable(response: Any) -> dict[str, Any]:
    """The body of an answer to a chat completion, in the form in which it should have come.

    A stream that nobody asked for is put together, JSON under another content type is read, a `usage` that is none is
    left out, and content is text, a list of parts, or nothing.

    Raises:
        UnreadableAnswerError: it is none, or tells of an error.
    """
    if isinstance(response, str):
        response = _of_text(response)
    elif not isinstance(response, dict) and hasattr(response, "model_dump"):
        response = response.model_dump(warnings=False)
    if not isinstance(response, dict):
        raise UnreadableAnswerError("an answer that is no completion")
    if response.get("error"):
        raise UnreadableAnswerError.of(response["error"])
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UnreadableAnswerError("an answer without choices")
    usage = response.get("usage")
    return {
        **response,
        "choices": [_choice(choice) for choice in choices],
        # Whoever counts tokens finds none told, and counts by itself.
        "usage": usage if _is_usage(usage) else None,
    }


def _choice(choice: Any) -> dict[str, Any]:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise UnreadableAnswerError("an answer without a message")
    content = message.get("content")
    if isinstance(content, list):
        content = [part for part in content if isinstance(part, str | dict)]
    elif content is not None and not isinstance(content, str):
        raise UnreadableAnswerError("an answer whose content is no text")
    return {**choice, "message": {**message, "content": content}}


def _of_text(text: str) -> Any:
    if text.lstrip().startswith(("data:", "event:", ":")):
        return _of_events(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableAnswerError("an answer that is no JSON") from error


def _of_events(text: str) -> dict[str, Any]:
    """A stream of server-sent events as the answer that it would have been in one piece."""
    whole: dict[str, Any] = {}
    said: dict[str, list[str]] = {"content": [], "reasoning_content": []}
    finish, ended = None, False
    for event in _events(text):
        if event is None:
            ended = True
            continue
        if event.get("error"):
            raise UnreadableAnswerError.of(event["error"])
        whole |= {name: event[name] for name in ("id", "model", "usage") if event.get(name)}
        for choice in event.get("choices") or ():
            if not isinstance(choice, dict) or choice.get("index", 0) != 0:
                continue
            finish = choice.get("finish_reason") or finish
            delta = choice.get("delta") or choice.get("message")
            if isinstance(delta, dict):
                for name, text_ in (
                    ("content", delta.get("content")),
                    ("reasoning_content", delta.get("reasoning_content") or delta.get("reasoning")),
                ):
                    said[name] += [text_] if isinstance(text_, str) else []
    if finish is None and not ended:
        raise UnreadableAnswerError("a stream that breaks off")
    message = {"role": "assistant", **{name: "".join(parts) for name, parts in said.items()}}
    return {**whole, "choices": [{"index": 0, "message": message, "finish_reason": finish or "stop"}]}


def _events(text: str) -> Iterator[dict[str, Any] | None]:
    """The events of a stream; None is the word that it has ended."""
    for line in text.split("\n"):
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            yield None
            continue
        try:
            event = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise UnreadableAnswerError("a stream that cannot be read") from error
        if isinstance(event, dict):
            yield event


def _is_usage(usage: Any) -> bool:
    """Whether counts are counts, or there are none."""
    if not isinstance(usage, dict):
        return usage is None
    named = ("prompt_tokens", "completion_tokens", "total_tokens")
    details = [usage.get(f"{name}_details") for name in named[:2]]
    fit = all(each is None or isinstance(each, dict) for each in details)
    return fit and all(usage.get(name) is None or is_count(usage[name]) for name in named)


def is_count(value: Any) -> bool:
    """Whether what a server tells of tokens is a number of tokens."""
    return type(value) is int and 0 <= value <= _MOST_TOKENS


def reported(message: BaseMessage) -> Tokens | None:
    """Usage as the model reports it; None where what it reports is none, say negative, text or a fraction."""
    usage: Any = getattr(message, "usage_metadata", None)  # a server may name a role that has none
    counts = [usage.get(name) for name in ("input_tokens", "output_tokens")] if isinstance(usage, dict) else []
    if not counts or not all(map(is_count, counts)):
        return None
    details = usage.get("input_token_details")
    # OpenAI's tiers of service stand before the name: `priority_cache_read`.
    read = [each for name, each in details.items() if str(name).endswith("cache_read")] if _is_dict(details) else []
    cached = sum(filter(is_count, read))
    return Tokens(prompt=counts[0], completion=counts[1], cached=min(cached, counts[0]))


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def estimated(message: BaseMessage, asked: Sequence[BaseMessage]) -> Tokens:
    """About four characters a token, so that budgets still bind."""
    from langchain_core.messages.utils import count_tokens_approximately

    thought = len(reasoning_of(message)) // 4
    return Tokens(prompt=count_tokens_approximately(asked), completion=count_tokens_approximately([message]) + thought)


def reasoning_of(message: BaseMessage) -> str:
    """What the model thought before it answered, where its client tells that apart; else empty."""
    reasoning = message.additional_kwargs.get("reasoning_content")
    if isinstance(reasoning, str):
        return reasoning
    parts = [part for part in message.content if isinstance(part, dict)] if isinstance(message.content, list) else []
    # Anthropic's blocks have `thinking`, LangChain's own `reasoning`.
    said = [part.get("thinking") or part.get("reasoning") for part in parts]
    return "\n".join(text for text in said if isinstance(text, str))
