"""From a `--model` string to a `Proposer`. Nothing heavy is imported before its form is asked for."""

from __future__ import annotations

from gristmill.graph.models.base import Proposer
from gristmill.graph.models.errors import UnknownModelError
from gristmill.graph.models.options import ModelOptions

__all__ = ["FORMS", "ModelOptions", "is_small", "resolve"]

FORMS: dict[str, str] = {
    "local": "the small instruct model that the set-up fetched; no server, no key",
    "local:PATH": "a folder in Hugging Face's format, e.g. local:models/SmolLM2-360M-Instruct",
    "vllm:NAME_OR_PATH": "start a vLLM server for the run, e.g. vllm:Qwen/Qwen3-4B (with --vllm-python)",
    "openai:NAME@URL": "any OpenAI-compatible server, e.g. openai:qwen3@http://127.0.0.1:8000/v1",
    "PROVIDER:NAME": "a provider of LangChain's init_chat_model, e.g. anthropic:claude-sonnet-4-5 or openai:gpt-5",
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
    raise UnknownModelError(_unknown(model))


def is_small(model: str) -> bool:
    """Whether `--profile auto` means the few-shot prompts for small models: true of `local` and `local:PATH`."""
    return model == "local" or model.startswith("local:")


def _unknown(model: str) -> str:
    width = max(map(len, FORMS))
    forms = "\n".join(f"  {form:<{width}}  {meaning}" for form, meaning in FORMS.items())
    return f"unknown model {model!r}; --model takes one of\n{forms}"
