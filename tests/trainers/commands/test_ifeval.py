"""`gristmill eval ifeval` as a user meets it: the installed command, a server on loopback, a real sandbox."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gristmill.graph.models.replay.server import Call, ReplayServer

pytestmark = pytest.mark.bubblewrap

ROWS = [
    {"key": 1, "prompt": "Name the sea. No commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
    {
        "key": 2,
        "prompt": "Praise the sea in quotation marks. No commas.",
        "instruction_id_list": ["punctuation:no_comma", "startend:quotation"],
        "kwargs": [{}, {}],
    },
]


def test_the_model_gets_the_published_prompts_alone_and_the_four_accuracies_are_counted(
    workspace: Path, bubblewrap: str, gristmill_command: str
) -> None:
    pytest.importorskip("lm_eval")
    source = workspace / "input_data.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def answer(call: Call) -> str:
        return "The sea" if "Name" in call.messages[-1].content else "O wide and deep sea"

    with ReplayServer(answer) as server:
        model = f"openai:replay@{server.url}"
        arguments = ["eval", "ifeval", str(source), "--model", model, "--sandbox", "bubblewrap", "--json"]
        done = subprocess.run([gristmill_command, *arguments], capture_output=True, text=True, timeout=240, check=False)
        asked = sorted(tuple((message.role, message.content) for message in call.messages) for call in server.calls)
    assert done.returncode == 0, done.stdout + done.stderr
    assert asked == [(("user", row["prompt"]),) for row in ROWS]
    printed = json.loads(done.stdout)
    shares = {
        name: (printed[name]["passed"], printed[name]["total"]) for name in ("prompt_strict", "instruction_strict")
    }
    assert shares == {"prompt_strict": (1, 2), "instruction_strict": (2, 3)}
