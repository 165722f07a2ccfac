"""``openai:NAME@URL``: any server that speaks OpenAI's chat completions, through LangChain's own client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from gristmill.graph.models.adapters import adapter_difference, is_adapter, served_name, served_path
from gristmill.graph.models.chat import ChatProposer
from gristmill.graph.models.completion import readable
from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.replay.calls import headers_of
from gristmill.graph.records import Request

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.outputs import ChatResult

__all__ = ["OpenAIProposer", "is_loopback", "run_connections", "served_models"]

_CHECKS = 4
_CONTEXTS = ("max_model_len", "context_length", "context_window")
"""What vLLM and SGLang, OpenRouter, and Groq call the tokens of a model's context; llama.cpp has `meta.n_ctx`."""


def OpenAIProposer(  # noqa: N802  # reads as the other proposers do; it only wires a ChatProposer
    name: str,
    url: str,
    *,
    adapter: str | None = None,
    options: ModelOptions | None = None,
    key: str | None = None,
    form: str = "openai",
) -> ChatProposer:
    """A proposer for one model of an OpenAI-compatible server.

    Entering checks that the server answers at all, so that a wrong address ends a run in seconds, not minutes. With
    an adapter, which the server must serve as a model of that name, it also checks that the adapter changes the
    probabilities of tokens against `name`: servers have silently sampled the base model.

    Args:
        name: the model as the server calls it.
        url: up to and with ``/v1``.
        adapter: name under which the server offers a LoRA adapter on that model; or the folder of one, which it is told
            to load (a vLLM that runs with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and reads this machine's files).
        options: bounds of time and attempts, and the variable that holds the key.
        key: instead of that variable.
        form: name of the proposer, for provenance.

    Raises:
        ModelSetupError: `url` is no http address.
    """
    options = options or ModelOptions()
    url = url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ModelSetupError(f"{url!r} is no address of a server; write openai:{name}@http://HOST:PORT/v1")
    # A server without keys wants some key all the same. It is the user who names both the address and the variable.
    secret = key or os.environ.get(options.api_key_env) or "EMPTY"
    places, holds = False, None
    official = parts.hostname == "api.openai.com"

    @asynccontextmanager
    async def opened() -> AsyncIterator[BaseChatModel]:
        nonlocal places, holds
        served, places = await _served(url, secret)
        wanted = adapter or name
        if adapter is not None and is_adapter(Path(adapter)):
            wanted = await _load_adapter(url, secret, Path(adapter))
            served, places = await _served(url, secret)
        if served and wanted not in served and not official and not _nearly(wanted, served):
            raise ModelSetupError(f"{url} serves no model {wanted!r}; it serves {', '.join(sorted(served)[:20])}")
        holds = served.get(wanted) or served.get(name)
        if adapter is not None:
            await _check_adapter(url, secret, name, wanted)
        async with run_connections(url, options.timeout_seconds) as connections:
            yield _chat(wanted, url, secret, options.timeout_seconds, connections)

    def keywords(request: Request, stream: bool) -> dict[str, Any]:
        # The client sends `max_completion_tokens`, which some servers overlook and then never stop; OpenAI itself takes
        # only that one.
        body: dict[str, Any] = {} if official else {"max_tokens": request.sampling.max_tokens}
        # In the body only: the client then reads the stream as one text, which `readable` puts together.
        more = {**options.request, **options.request.get("extra_body", {})}
        body |= {name: value for name, value in more.items() if name != "extra_body"}
        said: dict[str, Any] = {"extra_body": body | ({"stream": True} if stream else {})}
        if places:
            said["extra_headers"] = headers_of(request.task_id, request.round, request.sample)
        return said

    return ChatProposer(
        opened,
        name=form,
        model=name,
        adapter=adapter,
        where=url,
        options=options,
        keywords=keywords,
        context=lambda: holds,
    )


def _chat(model: str, url: str, key: str, seconds: float, connections: Any) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    class Chat(ChatOpenAI):
        """Reads whatever a server answers, by the client's rules only where it is what it should be."""

        def _get_request_payload(self, input_: Any, *, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
            # The same body, byte by byte: the client looks at each character of what a model has said, and at each
            # field of each message by its declared type, which took a third of a call's processor time.
            messages = self._convert_input(input_).to_messages()
            if not all(isinstance(message.content, str) for message in messages):
                return super()._get_request_payload(messages, stop=stop, **kwargs)
            bare = [message.model_copy(update={"content": ""}) for message in messages]
            payload = super()._get_request_payload(bare, stop=stop, **kwargs)
            said = [
                {**each, "content": message.content}
                for each, message in zip(payload["messages"], messages, strict=True)
            ]
            body = {"messages": said, **(payload.get("extra_body") or {})}
            return {**payload, "messages": [], "extra_body": body}

        def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
            said = readable(response)
            result = super()._create_chat_result(said, generation_info)
            for generation, choice in zip(result.generations, said["choices"], strict=True):
                # LangChain drops what is not of OpenAI's own interface.
                thought = choice["message"].get("reasoning_content") or choice["message"].get("reasoning")
                if isinstance(thought, str):
                    generation.message.additional_kwargs["reasoning_content"] = thought
            return result

    return Chat(
        model=model,
        base_url=url,
        api_key=SecretStr(key),
        use_responses_api=False,
        disable_streaming=True,
        max_retries=0,
        timeout=seconds,
        http_async_client=connections,
        openai_proxy="",  # a proxy of the environment is read by the connections themselves
    )


def run_connections(url: str | None, seconds: float) -> Any:
    """Connections of one run's own, to be entered: those that LangChain shares between clients belong to the first
    event loop that uses them. `url` None is the client's own default."""
    from openai import DefaultAsyncHttpxClient

    return DefaultAsyncHttpxClient(timeout=seconds, trust_env=url is None or not is_loopback(url))


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own, to which no proxy of the environment leads."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


async def served_models(url: str, key: str) -> frozenset[str]:
    """Names of the models that a server lists; empty where it keeps no list.

    Raises:
        ModelError: nothing answers there.
        ModelSetupError: the key is wrong.
    """
    return frozenset((await _served(url, key))[0])


async def _served(url: str, key: str) -> tuple[dict[str, int | None], bool]:
    """The models with what the server says of their contexts, and whether it asks for the places of a run, as a replay
    server does."""
    async with _client(url, key, 20) as client:
        for attempt in range(_CHECKS):
            try:
                answer = await client.get(f"{url}/models")
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if attempt + 1 == _CHECKS:
                    raise ModelError(
                        f"no server answers at {url}: {type(error).__name__}: {error}\n"
                        "Start it, or correct the address after the @ (it ends in /v1 on most servers)."
                    ) from error
                await asyncio.sleep(0.5 * 2**attempt)
            else:
                break
    if answer.status_code in {401, 403}:
        raise ModelSetupError(f"{url} refuses the key ({answer.status_code}); set OPENAI_API_KEY, or name the variable")
    try:
        rows = answer.json()["data"]
        asked = any(isinstance(row.get("gristmill"), dict) and row["gristmill"].get("headers") for row in rows)
        holds = {str(row["id"]): _context(row) for row in rows}
        # vLLM says it of the base only, and names that as an adapter's parent.
        return {str(row["id"]): holds[str(row["id"])] or holds.get(str(row.get("parent"))) for row in rows}, asked
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, False  # a server without a list; the first call will tell


def _client(url: str, key: str, seconds: float) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(headers=headers, timeout=seconds, trust_env=not is_loopback(url))


def _context(row: dict[str, Any]) -> int | None:
    """Tokens of a listed model's context, by whichever name this server has for it."""
    meta = row.get("meta")
    said = [row.get(name) for name in _CONTEXTS] + [meta.get("n_ctx") if isinstance(meta, dict) else None]
    whole = [each for each in said if isinstance(each, int) and not isinstance(each, bool) and each > 0]
    return min(whole, default=None)


def _nearly(name: str, served: Collection[str]) -> bool:
    """Ollama lists `qwen3:latest` and answers to `qwen3`; llama.cpp lists a path and answers to anything."""
    return any(other.startswith(f"{name}:") or other.endswith((".gguf", f"/{name}")) for other in served)


async def _load_adapter(url: str, key: str, folder: Path) -> str:
    """Have a server load the adapter in `folder`; the name that it has there.

    Raises:
        ModelSetupError: it does not.
    """
    name = served_name(folder)
    async with _client(url, key, 300) as client:
        answer = await client.post(
            f"{url}/load_lora_adapter", json={"lora_name": name, "lora_path": served_path(folder)}
        )
    if answer.status_code == 200 or "already been loaded" in answer.text:
        return name
    why = answer.text[:500]
    if answer.status_code in {404, 405}:
        why = "start vLLM with --enable-lora, and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment"
    raise ModelSetupError(f"{url} does not load the adapter {folder}: {why}")


async def _check_adapter(url: str, key: str, base: str, adapter: str) -> None:
    async with _client(url, key, 120) as client:
        difference = await adapter_difference(client, url, base, adapter)
    if difference is None:
        raise ModelSetupError(
            f"{url} tells no probabilities, so it cannot be checked that the adapter {adapter!r} is used; "
            f"ask for it as a model if you trust the server: openai:{adapter}@{url}"
        )
    if difference == 0.0:
        raise ModelError(
            f"the adapter {adapter!r} at {url} changes nothing: the server samples the base model {base!r}"
        )
