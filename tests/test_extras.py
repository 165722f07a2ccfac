"""Each extra with the base install and nothing else: what it is there for works. No environment is made for it.

What the other extras bring cannot be imported (base_install.py), so what an extra needs and does not name is missed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import httpx
import pytest

from gristmill.graph.models.replay.server import ReplayServer
from gristmill.graph.storage.store import Store
from tests.base_install import asked_by
from tests.receiver import Receiver
from tests.test_base_install import ROOT, called

pytestmark = pytest.mark.bubblewrap

EXAMPLES = ROOT / "examples"
BUBBLEWRAP = ["--sandbox", "bubblewrap", "--workers", "1"]
ONCE = ["--rounds", "1", "--hypotheses", "1", *BUBBLEWRAP]
ROW = {"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}
DOUBLE = {"id": "m", "kind": "math", "prompt": "What is 2 * 3?", "answer": "6"}
# What only that extra brings, and what another one does.
OWN = {
    "local": ("transformers", "trl"),
    "train": ("trl", "lm_eval"),
    "losses": ("sklearn", "peft"),
    "control": ("stable_baselines3", "trl"),
    "instructions": ("lm_eval", "reasoning_gym"),
    "reasoning": ("reasoning_gym", "langdetect"),
    "postgres": ("psycopg", "torch"),
    "audit": ("cryptography", "torch"),
    "providers": ("langchain", "psycopg"),
    "view": ("uvicorn", "torch"),
    "alerts": ("apprise", "torch"),
    "otel": ("opentelemetry", "torch"),
}
ELSEWHERE = {
    "dev": "all other tests run with it",
    "vllm": "it pins a torch of its own and needs an environment of its own: test_vllm.py, GRISTMILL_VLLM_PYTHON",
}


def smoke(extra: str, folder: Path, *commands: list[str], **more: str) -> list[str]:
    """What the commands print, where exactly base and that extra are installed."""
    for wanted in asked_by(extra):
        try:
            distribution(wanted.name)
        except PackageNotFoundError:
            pytest.skip(f"{wanted.name} of the extra {extra!r} is not installed here")
    answers, blocked = called(folder, list(commands), extra, **more)
    own, other = OWN[extra]
    assert own not in blocked
    assert other in blocked
    for arguments, (code, text) in zip(commands, answers, strict=True):
        assert code == 0, f"{' '.join(arguments)}\n{text}"
        assert "Traceback" not in text
    return [text for _, text in answers]


def written(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def example(candidate: str, folder: Path) -> list[str]:
    """Files with one candidate of the examples, and its task."""
    ids, files = {"tasks": candidate.partition("#")[0], "candidates": candidate}, []
    for name, id_ in ids.items():
        rows = map(json.loads, (EXAMPLES / name / "mixed.jsonl").read_text("utf-8").splitlines())
        files.append(written(folder / f"{name}.jsonl", *(row for row in rows if row["id"] == id_)))
    return files


@pytest.mark.slow
def test_local_a_model_of_this_machine_is_asked(bubblewrap: str, tiny_model: Path, tmp_path: Path) -> None:
    tasks = written(tmp_path / "t.jsonl", DOUBLE)
    (said,) = smoke("local", tmp_path, ["run", tasks, "--model", f"local:{tiny_model}", "--max-tokens", "4", *ONCE])
    assert "1 replies" in said


@pytest.mark.slow
def test_train_an_adapter_is_trained(bubblewrap: str, tiny_model: Path, tmp_path: Path) -> None:
    rows = written(tmp_path / "rows.jsonl", ROW)
    command = ["train", rows, "--base", str(tiny_model), "--epochs", "1", "--rank", "2", "--name", "first"]
    _, said = smoke("train", tmp_path, command, ["adapters"])
    assert "first" in said


@pytest.mark.slow
def test_losses_a_loss_is_called_on_digits(bubblewrap: str, tmp_path: Path) -> None:
    # One that is found out before a training, which takes long; test_mixed.py trains.
    files = example("loss/digits-label-noise#not-a-scalar", tmp_path)
    (said,) = smoke("losses", tmp_path, ["verify", *files, "--out", "v.jsonl", *BUBBLEWRAP])
    assert "loss: 1 invalid" in said
    assert "scalar" in json.loads((tmp_path / "v.jsonl").read_text())["feedback"]


@pytest.mark.slow
def test_control_a_search_in_gymnasium_is_timed(tmp_path: Path) -> None:
    (said,) = smoke("control", tmp_path, ["search", "reward", "reacher", "--estimate"])
    assert "102,400 steps" in said


def test_instructions_a_reply_is_judged(bubblewrap: str, tmp_path: Path) -> None:
    files = example("instruction/sea#good", tmp_path)
    (said,) = smoke("instructions", tmp_path, ["verify", *files, "--out", "v.jsonl", *BUBBLEWRAP, "--no-confirm"])
    assert "instruction: 1 passed" in said


def test_reasoning_tasks_are_made_and_judged(bubblewrap: str, tmp_path: Path) -> None:
    imported = ["tasks", "import", "reasoning-gym:chain_sum", "--size", "2", "--out", "s.jsonl"]
    checked = ["tasks", "check", "s.jsonl", "--run-references", *BUBBLEWRAP]
    _, said = smoke("reasoning", tmp_path, imported, checked)
    assert "2 of 2" in said


def test_postgres_a_run_is_kept_there(bubblewrap: str, postgresql: str, tmp_path: Path) -> None:
    tasks, replies = written(tmp_path / "t.jsonl", DOUBLE), written(tmp_path / "r.jsonl", {"text": "I do not know."})
    name = f"kept-{tmp_path.name}"[:60]
    run = ["run", tasks, "--model", f"replay:{replies}", "--name", name, *ONCE]
    _, said = smoke("postgres", tmp_path, [*run, "--workspace", postgresql], ["runs", "--workspace", postgresql])
    assert name in said


def test_audit_a_dataset_is_signed(bubblewrap: str, tmp_path: Path) -> None:
    tasks, replies = written(tmp_path / "t.jsonl", DOUBLE), written(tmp_path / "r.jsonl", {"text": "\\boxed{6}"})
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    ran = ["run", tasks, "--model", f"replay:{replies}", "--name", "r", *ONCE]
    exported = ["export", "r", "--out", "rows"]
    *_, said = smoke("audit", tmp_path, ran, exported, ["audit", "rows", "--key", "key", *BUBBLEWRAP])
    assert "1 replies judged again, all hold" in said


def test_providers_a_model_of_langchain_s_is_asked(bubblewrap: str, tmp_path: Path) -> None:
    tasks = written(tmp_path / "t.jsonl", DOUBLE)
    with ReplayServer(lambda call: "I do not know.", models=("gpt",)) as server:
        where = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "none"}
        (said,) = smoke("providers", tmp_path, ["run", tasks, "--model", "openai:gpt", *ONCE], **where)
        assert [call.model for call in server.calls] == ["gpt"]
    assert "1 replies" in said


def test_view_a_page_is_served(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.base_install", json.dumps([["view", "--port", str(port)]]), "view"]
    paths = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / '.dev'}"}
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ | paths) as process:
        while process.poll() is None:
            try:
                assert "no runs yet" in httpx.get(f"http://127.0.0.1:{port}/").text
                break
            except httpx.TransportError:
                time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        (code, said), blocked = (json.loads(line) for line in process.communicate(timeout=60)[0].splitlines())
    assert (code, "uvicorn" in blocked, "torch" in blocked) == (0, False, True), said


def test_alerts_the_end_of_a_run_is_told(bubblewrap: str, tmp_path: Path) -> None:
    tasks, replies = written(tmp_path / "t.jsonl", DOUBLE), written(tmp_path / "r.jsonl", {"text": "\\boxed{6}"})
    with Receiver() as receiver:
        command = ["run", tasks, "--model", f"replay:{replies}", "--name", "r", "--alert", receiver.url, *ONCE]
        smoke("alerts", tmp_path, command)
    assert [told["title"] for told in receiver.told] == ["gristmill r: finished"]


def test_otel_a_collector_is_sent_spans(bubblewrap: str, tmp_path: Path) -> None:
    from tests.collector import Collector

    tasks, replies = written(tmp_path / "t.jsonl", DOUBLE), written(tmp_path / "r.jsonl", {"text": "\\boxed{6}"})
    with Collector() as collector:
        command = ["run", tasks, "--model", f"replay:{replies}", "--name", "r", "--trace", *ONCE]
        smoke("otel", tmp_path, command, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert {"run r", "round", "verdict"} <= set(collector.names)


@pytest.mark.parametrize("extra", ELSEWHERE)
def test_an_extra_that_is_not_tried_here_says_why(extra: str) -> None:
    pytest.skip(ELSEWHERE[extra])


def test_every_extra_is_tried_or_says_why_not() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(extras) == set(OWN) | set(ELSEWHERE)
    tested = {name.split("_")[1] for name in globals() if name.startswith("test_")}
    assert set(OWN) <= tested
