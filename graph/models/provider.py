"""``PROVIDER:NAME``: any provider that LangChain's `init_chat_model` knows, with its own package and its own key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from gristmill.graph.models.chat import ChatProposer
from gristmill.graph.models.errors import ModelSetupError
from gristmill.graph.models.openai import run_connections
from gristmill.graph.models.options import ModelOptions

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["provider_proposer", "providers"]


def provider_proposer(provider: str, name: str, *, options: ModelOptions | None = None) -> ChatProposer:
    """A proposer for a hosted model.

    Raises:
        ModelSetupError: `langchain` or the provider's package is not installed, or its key is not set.
    """
    options = options or ModelOptions()
    label = f"{provider}:{name}"
    # Made once now, so that a missing package or key is known before anything else is done.
    _chat_model(provider, name, options, {})

    @asynccontextmanager
    async def opened() -> AsyncIterator[BaseChatModel]:
        if provider == "openai":
            # Connections of this run's own: those that LangChain shares belong to the first event loop that uses them.
            async with run_connections(None, options.timeout_seconds) as connections:
                yield _chat_model(provider, name, options, {"http_async_client": connections, "openai_proxy": ""})
        else:
            yield _chat_model(provider, name, options, {})

    more: dict[str, Any] = options.request
    if more and provider == "openai":
        more = {"extra_body": {**more, **more.get("extra_body", {})}}
        more["extra_body"].pop("extra_body", None)
    keywords = (lambda request, stream: more) if more else None
    return ChatProposer(opened, name=provider, model=name, where=label, options=options, keywords=keywords)


def _chat_model(provider: str, name: str, options: ModelOptions, more: dict[str, Any]) -> BaseChatModel:
    label = f"{provider}:{name}"
    init_chat_model = _init_chat_model()
    try:
        return init_chat_model(name, model_provider=provider, max_retries=0, timeout=options.timeout_seconds, **more)
    except ImportError as error:
        raise ModelSetupError(f"{label}: {error}") from error
    except Exception as error:  # every provider has its own class for a key that is missing
        raise ModelSetupError(
            f"{label} cannot be set up: {' '.join(str(error).split())[:400]}\n"
            f"Set the key in the environment variable that the provider's client reads."
        ) from error


def providers() -> frozenset[str]:
    """Names of the providers that the installed `langchain` knows; empty without it."""
    try:
        from langchain.chat_models.base import _BUILTIN_PROVIDERS
    except ImportError:
        return frozenset()
    return frozenset(_BUILTIN_PROVIDERS)


def _init_chat_model() -> Callable[..., BaseChatModel]:
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as error:
        raise ModelSetupError('models of providers need LangChain: pip install "gristmill[providers]"') from error
    return cast("Callable[..., BaseChatModel]", init_chat_model)
