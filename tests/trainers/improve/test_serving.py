"""One server through the rounds of an improvement: what of the model is loaded again, and when."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.vllm.environment import Installed
from gristmill.graph.records import Message, Request, Sampling
from gristmill.trainers.improve.context import Mill

STANDIN = Path(__file__).parents[2] / "graph" / "models" / "vllm_standin.py"
REQUEST = Request(
    task_id="t", round=0, sample=0, messages=(Message(role="user", content="hi"),), sampling=Sampling(max_tokens=16)
)


def environment(folder: Path) -> Path:
    """The interpreter of a finished environment for CPUs, which plays vLLM."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" "$@"\n')
    python.chmod(0o755)
    (folder / "gristmill-vllm.json").write_text(Installed(device="cpu", python=python, versions={}).model_dump_json())
    return python


def adapter(folder: Path) -> str:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": 8, "effect": 0.25}))
    (folder / "adapter_model.safetensors").write_bytes(folder.name.encode())
    return str(folder)


async def test_a_mill_has_one_server_for_all_its_adapters(tmp_path: Path) -> None:
    python, logs = environment(tmp_path / "env"), tmp_path / "logs"
    options = ModelOptions(vllm_python=python, lora_rank=16, log_folder=logs)
    unused = cast(Any, None)
    mill = Mill(
        name="served",
        config=unused,
        splits=unused,
        home=tmp_path,
        store=unused,
        pool=unused,
        proposer=lambda chosen: resolve("vllm:m", adapter=chosen, options=options),
        base=tmp_path,
        progress=unused,
    )
    one, two = adapter(tmp_path / "one"), adapter(tmp_path / "two")
    said = []
    try:
        for chosen in (None, None, one, two, one):
            said.append((await (await mill.model(chosen)).propose(REQUEST)).text.rpartition("-")[0])
            await mill.rest()  # as before each training
        assert len(list(logs.glob("vllm-*.log"))) == 1
        await mill.close()
        said.append((await (await mill.model(two)).propose(REQUEST)).text.rpartition("-")[0])
    finally:
        await mill.close()
    assert said == ["", "", "from one", "from two", "from one", "from two"]
    assert len(list(logs.glob("vllm-*.log"))) == 2, "what was closed is started again"
