"""Any LangChain chat model as a proposer: sampling, usage, retries, and errors that say what to do."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.trouble import meaning, refused_parameter, retry_after
from gristmill.graph.records import Message, Reply, Request, Sampling, Tokens
from gristmill.sandbox.plain import plain

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage
    from tenacity import RetryCallState

__all__ = ["ChatProposer", "is_count"]

_log = logging.getLogger(__name__)

_FIELDS = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "max_tokens": ("max_tokens", "max_output_tokens", "num_predict", "max_new_tokens"),
    "seed": ("seed", "random_seed"),
}
"""What providers' chat models call our sampling parameters; one that a model does not have is not sent to it."""

_UNKNOWN_TRIES = 2
_MOST_TOKENS = 10**9  # of one call


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
        keywords: further keyword arguments of each call.
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
        keywords: Callable[[Sampling], dict[str, Any]] | None = None,
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
        self._refused: set[str] = set()
        self._counts = False

    async def __aenter__(self) -> Self:
        self._chat = await self._open.enter_async_context(self._opened())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chat = None
        await self._open.aclose()

    async def propose(self, request: Request) -> Reply:
        """One reply; see the class for what is tried again and what is raised."""
        import tenacity

        start = time.perf_counter()
        options = self._options
        after_attempts = tenacity.stop_after_attempt(options.attempts)
        before_delay = tenacity.stop_before_delay(options.retry_seconds)
        tries = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_worth_trying),
            stop=lambda state: after_attempts(state) or before_delay(state) or _beyond_knowing(state),
            wait=self._wait,
            before_sleep=self._tell,
        )
        try:
            message: AIMessage = await tries(self._once, request)
        except tenacity.RetryError as failure:
            error = failure.last_attempt.exception()
            raise self._gave_up(error, failure.last_attempt.attempt_number, time.perf_counter() - start) from error
        except _Told as told:
            return Reply(text="", model=self.model, finish=told.finish, seconds=time.perf_counter() - start)
        try:
            return self._reply(message, request, time.perf_counter() - start)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise ModelError(f"{self._where} sent an answer that cannot be read: {_short(error)}") from error

    def _reply(self, message: AIMessage, request: Request, seconds: float) -> Reply:
        told = message.response_metadata
        tokens = _tokens(message)
        if tokens is None:
            if not self._counts:
                _log.warning("%s tells no usage that can be counted with; tokens are estimated", self._where)
            self._counts = True
            tokens = _estimated(message, request)
        return Reply(
            text=str(message.text),
            tokens=tokens,
            model=str(told.get("model_name") or told.get("model") or self.model),
            finish=str(told.get("finish_reason") or told.get("stop_reason") or told.get("done_reason") or ""),
            seconds=seconds,
        )

    async def _once(self, request: Request) -> AIMessage:
        while True:
            chat, stop, sent = self._prepared(request.sampling)
            extra = self._keywords(request.sampling) if self._keywords else {}
            try:
                async with asyncio.timeout(self._options.timeout_seconds):
                    return await chat.ainvoke(_messages(request.messages), stop=stop, **extra)
            except Exception as error:
                refused = refused_parameter(error, sent)
                if refused is None:
                    raise self._explained(error) from error
                if refused not in self._refused:
                    _log.warning("%s does not take %s; it is not sent any more", self._where, refused)
                self._refused.add(refused)

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
                return _Told("context_length")
            case "filtered":
                return _Told("content_filter")
            case "setup":
                return ModelSetupError(
                    f"{self._where} refuses to answer: {_short(error)}\n"
                    f"Check the model's name ({self.model}), the key and the parameters; asking again would not help."
                )
            case _:
                return error

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = retry_after(error) if error else None
        if asked is not None:
            return asked
        # Full jitter: many calls fail at the same moment and must not come back at the same moment.
        return float(self._options.wait_seconds * min(2.0 ** (state.attempt_number - 1), 60.0) * random.uniform(0.5, 1))

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        _log.warning("%s: %s; attempt %d follows in %.1f s", self._where, _short(error), state.attempt_number + 1, wait)

    def _gave_up(self, error: BaseException | None, attempts: int, seconds: float) -> ModelError:
        return ModelError(
            f"{self._where} did not answer: {attempts} attempts in {seconds:.0f} s, the last one {_short(error)}\n"
            "What was done so far is kept. See that the server runs and is reachable, then go on with --resume."
        )


class _Told(Exception):  # noqa: N818  # no error: a way out of the retries with an answer that has no text
    def __init__(self, finish: str) -> None:
        self.finish = finish


def _worth_trying(error: BaseException) -> bool:
    if isinstance(error, _Told | ModelSetupError | asyncio.CancelledError):
        return False
    return isinstance(error, Exception) and meaning(error) in {"again", "unknown"}


def _beyond_knowing(state: RetryCallState) -> bool:
    """An error that says nothing to us may be a passing fault or a bug: it gets one more try, not minutes of them."""
    error = state.outcome.exception() if state.outcome else None
    return error is not None and meaning(error) == "unknown" and state.attempt_number >= _UNKNOWN_TRIES


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


def is_count(value: Any) -> bool:
    """Whether what a server tells of tokens is a number of tokens."""
    return type(value) is int and 0 <= value <= _MOST_TOKENS


def _tokens(message: AIMessage) -> Tokens | None:
    """Usage as the model reports it; None where what it reports is none, say negative, text or a fraction."""
    usage: Any = getattr(message, "usage_metadata", None)  # a server may name a role that has none
    told = [usage.get(name) for name in ("input_tokens", "output_tokens")] if isinstance(usage, dict) else []
    return Tokens(prompt=told[0], completion=told[1]) if told and all(map(is_count, told)) else None


def _estimated(message: AIMessage, request: Request) -> Tokens:
    """About four characters a token, so that budgets still bind."""
    from langchain_core.messages.utils import count_tokens_approximately

    return Tokens(
        prompt=count_tokens_approximately(_messages(request.messages)),
        completion=count_tokens_approximately([message]),
    )


def _short(error: BaseException | None) -> str:
    if error is None:
        return "nothing is known"
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer within the time of one call"
    # A server's words: they go to terminals and logs.
    text = plain(" ".join(str(error).split())[:300])
    cause = error.__cause__
    inner = (
        f" ({plain(' '.join(str(cause).split())[:200])})"
        if cause is not None and str(cause) and str(cause) not in text
        else ""
    )
    return f"{type(error).__name__}: {text}{inner}" if text else type(error).__name__
