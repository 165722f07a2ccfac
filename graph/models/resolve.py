"""From a `--model` string to a `Proposer`. Nothing heavy is imported before its form is asked for."""

from __future__ import annotations

import re
from pathlib import Path

from gristmill.graph.models.base import Proposer
from gristmill.graph.models.errors import ModelSetupError, UnknownModelError
from gristmill.graph.models.options import ModelOptions

__all__ = ["FORMS", "ModelOptions", "resolve"]

_PROVIDER = re.compile(r"[a-z][a-z0-9_]{1,40}")

FORMS: dict[str, str] = {
    "local": "the small instruct model that the set-up fetched; no server, no key",
    "local:PATH": "a folder in Hugging Face's format, e.g. local:models/SmolLM2-360M-Instruct",
    "vllm:NAME_OR_PATH": "start a vLLM server for the run, e.g. vllm:Qwen/Qwen3-4B (with --vllm-python)",
    "openai:NAME@URL": "any OpenAI-compatible server, e.g. openai:qwen3@http://127.0.0.1:8000/v1",
    "PROVIDER:NAME": "a provider of LangChain's init_chat_model, e.g. anthropic:claude-sonnet-4-5 or openai:gpt-5",
    "mailbox": "whoever is at hand: `gristmill next` reads what is asked, `gristmill answer` answers it",
    "mutate": "no model: programs changed and crossed by their syntax trees",
    "tune": "no model: the numbers in the best program, fitted",
    "replay:FILE": "recorded replies, e.g. replay:examples/replies.jsonl",
}


def resolve(model: str, *, adapter: str | None = None, options: ModelOptions | None = None) -> Proposer:
    """The proposer that a model string names; nothing is loaded, started or called before it is entered.

    Args:
        model: one of `FORMS`.
        adapter: name or path of a LoRA adapter, for the forms that can load one.
        options: how to reach the model; None for the defaults.

    Raises:
        UnknownModelError: the string has no known form; the message lists them with examples.
        ModelSetupError: the form is known, but a package is missing or the form cannot use an adapter.
    """
    options = options or ModelOptions()
    form, colon, rest = model.partition(":")
    if form == "local" and (rest or not colon):
        return _local(rest, adapter, options)
    if model == "mailbox":
        return _mailbox(adapter, options)
    if model in ("mutate", "tune"):
        return _without_model(model, adapter)
    if not rest or not form:
        raise UnknownModelError(_unknown(model))
    if form == "vllm":
        from gristmill.graph.models.vllm.proposer import VllmProposer

        return VllmProposer(rest, adapter=adapter, options=options)
    if form == "replay":
        from gristmill.graph.models.replay.proposer import ReplayProposer

        return ReplayProposer(Path(rest), adapter=adapter)
    if form == "openai" and "@" in rest:
        from gristmill.graph.models.openai import OpenAIProposer

        at = rest.find("@http") if "@http" in rest else rest.index("@")
        name, url = rest[:at], rest[at + 1 :]
        if not name:
            raise UnknownModelError(_unknown(model))
        return OpenAIProposer(name, url, adapter=adapter, options=options)
    return _provider(model, form, rest, adapter, options)


def _local(path: str, adapter: str | None, options: ModelOptions) -> Proposer:
    if options.request:
        raise ModelSetupError("--request is for models behind a server; the local model takes no further fields")
    if path and not Path(path).is_dir():
        raise ModelSetupError(f"local:{path}: there is no such folder; it must hold a model in Hugging Face's format")
    try:
        from gristmill.graph.models.local.proposer import LocalProposer
    except ImportError as error:
        raise ModelSetupError(f'local models need torch and more: pip install "gristmill[local]" ({error})') from error
    return LocalProposer(Path(path) if path else None, adapter=adapter, options=options)


def _mailbox(adapter: str | None, options: ModelOptions) -> Proposer:
    if adapter is not None:
        raise ModelSetupError(f"whoever answers the mailbox cannot load the adapter {adapter!r}: leave --adapter out")
    if options.run is None:
        raise ModelSetupError(
            "the mailbox keeps the requests of a run: it is for `gristmill run` and `gristmill eval`; in Python, give "
            "ModelOptions its `workspace` and `run`"
        )
    from gristmill.graph.models.mailbox.proposer import MailboxProposer

    return MailboxProposer(options.workspace, options.run, options=options)


def _without_model(model: str, adapter: str | None) -> Proposer:
    if adapter is not None:
        raise ModelSetupError(f"{model} is no model, and cannot load the adapter {adapter!r}: leave --adapter out")
    if model == "tune":
        from gristmill.graph.models.tune.proposer import TuneProposer

        return TuneProposer()
    from gristmill.graph.models.mutate.proposer import MutateProposer

    return MutateProposer()


def _provider(model: str, provider: str, name: str, adapter: str | None, options: ModelOptions) -> Proposer:
    from gristmill.graph.models.provider import provider_proposer, providers

    supported = providers()
    if supported and provider not in supported:
        raise UnknownModelError(_unknown(model))
    if not supported and not _PROVIDER.fullmatch(provider):
        raise UnknownModelError(_unknown(model))
    if adapter is not None:
        raise ModelSetupError(f"{model} cannot load the adapter {adapter!r}: only local, vllm and openai:NAME@URL can")
    return provider_proposer(provider, name, options=options)


def _unknown(model: str) -> str:
    width = max(map(len, FORMS))
    forms = "\n".join(f"  {form:<{width}}  {meaning}" for form, meaning in FORMS.items())
    return f"unknown model {model!r}; --model takes one of\n{forms}"
