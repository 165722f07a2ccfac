"""Any LangChain chat model as a proposer: sampling, usage, retries, and errors that say what to do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from gristmill.graph.models.completion import estimated, reasoning_of, reported
from gristmill.graph.models.errors import ModelError, ModelSetupError, NoRoomError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.retrying import Retries, Withheld
from gristmill.graph.models.trouble import (
    UnreadableAnswerError,
    meaning,
    refused_parameter,
    short,
    stream_wanted,
    uncharged,
)
from gristmill.graph.records import Message, Reply, Request, Sampling, Tokens
from gristmill.verifiers.extraction.replies import without_reasoning

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration

__all__ = ["ChatProposer"]

_log = logging.getLogger(__name__)

_FIELDS = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_tokens", "max_output_tokens", "num_predict", "max_new_tokens"),
    "seed": ("seed", "random_seed"),
}
"""What providers' chat models call our sampling parameters; one that a model does not have is not sent to it."""

_TOLD = ("context_length", "content_filter")
_SHORTEST = 512
"""Tokens below which a reply is not made shorter to fit into the context with its prompt."""
_SILENT_TRIES = 4
"""Tries of a call that is answered by nothing, or by reasoning only."""
_VAIN = 3
"""So many calls in a row for which asking again brought nothing either, and it is not done any more."""


class ChatProposer:
    """Asks a `BaseChatModel`; what it answers is data, and what it cannot answer is told apart by who can mend it.

    Timeouts, refused connections and the statuses 429 and 5xx are tried again, with growing random waits or as long
    as ``Retry-After`` says, until `ModelOptions.attempts` or `retry_seconds` are used up; then `ModelError`. A wrong
    key or name or a refused request is a `ModelSetupError` at once. A prompt that does not fit into the context window
    and content that the provider filters are replies with empty text and finish ``context_length`` and
    ``content_filter``: other tasks go on.

    Args:
        chat: the model, or a function whose result, entered, gives the model for the length of a run; its own retries
            should be off. Its fields `temperature`, `top_p`, `max_tokens` and `seed` are set as each request says,
            where it has them.
        name: the form of the model string, for provenance.
        model: the model's name, for provenance; None asks the chat model.
        adapter: the adapter that the server applies under this name, for provenance.
        where: what an error message calls the server; a URL if there is one.
        options: bounds of time and attempts.
        keywords: further keyword arguments of each call, from the request and from whether its answer is to be a
            stream; None where the model cannot be told.
        context: tokens that its context holds, as the server said when it was entered; None is what LangChain knows.
    """

    def __init__(
        self,
        chat: BaseChatModel | Callable[[], AbstractAsyncContextManager[BaseChatModel]],
        *,
        name: str = "chat",
        model: str | None = None,
        adapter: str | None = None,
        where: str | None = None,
        options: ModelOptions | None = None,
        keywords: Callable[[Request, bool], dict[str, Any]] | None = None,
        context: Callable[[], int | None] | None = None,
    ) -> None:
        self.name = name
        self.model = model or _name_of(chat)
        self.adapter = adapter
        self._chat: BaseChatModel | None = None
        self._opened = chat if callable(chat) else partial(nullcontext, chat)
        self._open = AsyncExitStack()
        self._where = where or f"the model {self.model}"
        self._options = options or ModelOptions()
        self._keywords = keywords
        self._context = context
        self._refused: set[str] = set()
        self._counts = False
        self._stream = False
        self._vain = 0
        self._retries = Retries(self._where, self._options)

    async def __aenter__(self) -> Self:
        self._chat = await self._open.enter_async_context(self._opened())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chat = None
        self._retries.close()
        await self._open.aclose()

    @property
    def context(self) -> int | None:
        """Tokens that the context of the entered model holds, where somebody says it."""
        if self._chat is None:
            return None
        if self._context is not None:
            return self._context()
        return (self._chat.profile or {}).get("max_input_tokens")

    async def propose(self, request: Request) -> Reply:
        """One reply; see the class for what is tried again and what is raised."""
        start, tokens, asked = time.perf_counter(), Tokens(), 0
        while True:
            try:
                reply = await self._ask(request)
            except NoRoomError:
                if not asked:
                    raise
                break
            asked += 1
            tokens += reply.tokens
            seconds = time.perf_counter() - start
            silent = _silent(reply)
            most = 1 if self._vain >= _VAIN else _SILENT_TRIES
            if not silent or asked >= most or seconds > self._options.retry_seconds:
                break
            self._retries.count(silent, silent, most, request)
        self._vain = self._vain + 1 if silent else 0
        return reply.model_copy(update={"tokens": tokens, "seconds": seconds})

    async def _ask(self, request: Request) -> Reply:
        """What the model answers, after as many tries as trouble takes."""
        import tenacity

        start = time.perf_counter()
        try:
            message: BaseMessage = await self._retries.calls(request)(self._once, request)
        except tenacity.RetryError as failure:
            error = failure.last_attempt.exception()
            raise self._gave_up(error, failure.last_attempt.attempt_number, time.perf_counter() - start) from error
        except Withheld as withheld:
            return Reply(text="", model=self.model, finish=withheld.finish)
        try:
            return self._reply(message, request)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise ModelError(f"{self._where} sent an answer that cannot be read: {short(error)}") from error

    def _reply(self, message: BaseMessage, request: Request) -> Reply:
        metadata = message.response_metadata
        tokens = reported(message)
        text, reasoning = str(message.text), reasoning_of(message)
        if request.tries is not None:
            # Of a prompt and of what is said some token is told, or it is no word to be charged by.
            told = tokens is not None and tokens.prompt and (tokens.completion or not (text or reasoning))
            request.tries.over(tokens if told else None)
        if tokens is None:
            if not self._counts:
                _log.warning("%s tells no usage that can be counted with; tokens are estimated", self._where)
            self._counts = True
            tokens = estimated(message, _messages(request.messages))
        return Reply(
            text=text,
            reasoning=reasoning,
            tokens=tokens,
            model=str(metadata.get("model_name") or metadata.get("model") or self.model),
            finish=str(
                metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason") or ""
            ),
        )

    async def _once(self, request: Request) -> BaseMessage:
        stream, turned = self._stream, False
        while True:
            sampling = request.sampling
            chat, stop, sent = self._prepared(sampling)
            extra = self._keywords(request, stream) if self._keywords else {}
            if request.tries is not None and not await request.tries.again():
                raise NoRoomError(f"{self._where}: the budget has no room for another try")
            try:
                async with asyncio.timeout(self._options.timeout_seconds):
                    answer = await chat.agenerate([_messages(request.messages)], stop=stop, **extra)
            except Exception as error:
                if request.tries is not None:
                    request.tries.over(Tokens() if uncharged(error) else None)
                refused = refused_parameter(error, sent)
                if refused is not None:
                    if refused not in self._refused:
                        _log.warning("%s does not take %s; it is not sent any more", self._where, refused)
                    self._refused.add(refused)
                    continue
                if meaning(error) == "too_long" and sampling.max_tokens > _SHORTEST:
                    # Servers add the greatest length to the prompt's. The prompt alone may well fit.
                    fewer = {"max_tokens": max(_SHORTEST, sampling.max_tokens // 2)}
                    request = request.model_copy(update={"sampling": sampling.model_copy(update=fewer)})
                    continue
                if self._keywords and stream_wanted(error):
                    if turned:
                        raise UnreadableAnswerError("neither a whole answer nor a stream") from error
                    stream, turned = not stream, True
                    continue
                raise self._explained(error) from error
            if not answer.generations or not answer.generations[0]:
                raise UnreadableAnswerError("an answer without choices")
            self._stream = stream
            return cast("ChatGeneration", answer.generations[0][0]).message

    def _prepared(self, sampling: Sampling) -> tuple[BaseChatModel, list[str] | None, dict[str, Any]]:
        """The chat model set to `sampling` (a shallow copy that shares its connections), and what it will be sent."""
        if self._chat is None:
            raise ModelError(f"{self._where} is asked outside of `async with`: enter the proposer first")
        wanted = {name: getattr(sampling, name) for name in _FIELDS if name not in self._refused}
        fields = type(self._chat).model_fields
        update: dict[str, Any] = {}
        sent: dict[str, Any] = {}
        for name, value in wanted.items():
            field = next((field for field in _FIELDS[name] if field in fields), None)
            if field is not None and value is not None:
                update[field] = sent[name] = value
        stop = list(sampling.stop) if sampling.stop and "stop" not in self._refused else None
        return self._chat.model_copy(update=update), stop, sent | ({"stop": stop} if stop else {})

    def _explained(self, error: Exception) -> Exception:
        """`error` itself if it may be tried again, else what to raise for it."""
        match meaning(error):
            case "too_long":
                return Withheld("context_length")
            case "filtered":
                return Withheld("content_filter")
            case "setup":
                return ModelSetupError(
                    f"{self._where} refuses to answer: {short(error)}\n"
                    f"Check the model's name ({self.model}), the key and the parameters; asking again would not help."
                )
            case _:
                return error

    def _gave_up(self, error: BaseException | None, attempts: int, seconds: float) -> ModelError:
        return ModelError(
            f"{self._where} did not answer: {attempts} attempts in {seconds:.0f} s, the last one {short(error)}\n"
            "What was done so far is kept. See that the server runs and is reachable, then go on with --resume."
        )


def _silent(reply: Reply) -> str:
    """Why a reply says nothing, in words; empty where it says something, or the server has told why it does not."""
    if reply.finish in _TOLD or without_reasoning(reply.text).strip():
        return ""
    return "a reply with reasoning only" if reply.reasoning or reply.text.strip() else "an empty reply"


def _name_of(chat: object) -> str:
    return str(getattr(chat, "model_name", None) or getattr(chat, "model", None) or getattr(chat, "_llm_type", "chat"))


def _messages(messages: tuple[Message, ...]) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds: dict[str, Callable[..., BaseMessage]] = {
        "system": SystemMessage,
        "user": HumanMessage,
        "assistant": AIMessage,
    }
    return [kinds[message.role](content=message.content) for message in messages]
