"""From model strings to proposers, without importing or starting anything too early."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gristmill.graph.models.base import Proposer
from gristmill.graph.models.errors import ModelSetupError, UnknownModelError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.resolve import FORMS, resolve
from gristmill.sandbox.errors import UserError


@pytest.mark.parametrize(
    "model",
    [
        "",
        "bogus",
        "Local",
        "local:",
        "vllm",
        "vllm:",
        "replay:",
        ":x",
        "openai:@http://h/v1",
        "foo:bar",
        "mutate:x",
        "tuned",
    ],
)
def test_an_unknown_model_is_answered_with_every_form_and_an_example(model: str) -> None:
    with pytest.raises(UnknownModelError) as raised:
        resolve(model)
    assert raised.value.exit_code == 2
    for form, meaning in FORMS.items():
        assert form in str(raised.value)
        assert meaning in str(raised.value)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://h/v1", "http://", "https:///v1"])
def test_an_address_that_is_none_is_shown_how_to_write_it(url: str) -> None:
    with pytest.raises(ModelSetupError, match=r"http://HOST:PORT/v1"):
        resolve(f"openai:m@{url}")


@pytest.mark.parametrize(
    ("model", "name", "asked"),
    [
        ("openai:Qwen/Qwen3-4B@http://127.0.0.1:8000/v1", "openai", "Qwen/Qwen3-4B"),
        ("openai:a@b@https://user@host/v1/", "openai", "a@b"),
        ("openai:gpt-5", "openai", "gpt-5"),
        ("replay:some/file.jsonl", "replay", "replay:some/file.jsonl"),
        ("mutate", "mutate", "mutate"),
        ("tune", "tune", "tune"),
    ],
)
def test_forms_become_proposers(model: str, name: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    proposer = resolve(model)
    assert isinstance(proposer, Proposer)
    assert (proposer.name, proposer.model, proposer.adapter) == (name, asked, None)


def test_a_provider_without_its_package_or_key_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelSetupError, match="OPENAI_API_KEY"):
        resolve("openai:gpt-5")
    with pytest.raises(ModelSetupError, match="pip install"):
        resolve("upstage:solar")


def test_a_provider_cannot_load_an_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(ModelSetupError, match="cannot load the adapter"):
        resolve("openai:gpt-5", adapter="somewhere")


def test_vllm_without_an_interpreter_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelSetupError, match="--vllm-python"):
        resolve("vllm:m")
    with pytest.raises(ModelSetupError, match="no such program"):
        resolve("vllm:m", options=ModelOptions(vllm_python=tmp_path / "python"))
    with pytest.raises(UserError, match="holds no LoRA adapter"):
        resolve("vllm:m", adapter=str(tmp_path), options=ModelOptions(vllm_python=Path(sys.executable)))


def test_a_local_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelSetupError, match="no such folder"):
        resolve(f"local:{tmp_path / 'none'}")


def test_looking_at_a_model_string_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom gristmill.graph.models.resolve import resolve\nresolve('replay:x')\n"
        "heavy = {'torch', 'transformers', 'langchain', 'langchain_core', 'langchain_openai', 'openai', 'langgraph'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
