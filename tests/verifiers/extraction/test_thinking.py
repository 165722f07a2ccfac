"""What was thought and what was said, in the marks of model families."""

from __future__ import annotations

import pytest

from gristmill.verifiers.extraction.replies import extract, part
from gristmill.verifiers.extraction.thinking import parted
from gristmill.verifiers.records import CasesTest, Task


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("<think>draft</think>answer", "draft", "answer"),  # DeepSeek-R1, Qwen3
        ("draft\n</think>\n\nanswer", "draft", "\n\nanswer"),  # the same, where the chat template opens the tag
        ("<think>\n\n</think>\n\nanswer", "", "\n\nanswer"),  # Qwen3 told not to think
        ("<think>draft</think>```python\nx\n```", "draft", "```python\nx\n```"),  # without a line break between
        ("<think>draft without end", "draft without end", ""),
        ("<thought>draft</thought>answer", "draft", "answer"),
        ("<seed:think>draft</seed:think>answer", "draft", "answer"),  # Seed-OSS
        ("[THINK]draft[/THINK]answer", "draft", "answer"),  # Magistral
        ("◁think▷draft◁/think▷answer", "draft", "answer"),  # Kimi
        ("<|START_THINKING|>draft<|END_THINKING|>answer", "draft", "answer"),  # Cohere
        (
            "<|channel|>analysis<|message|>draft<|end|><|start|>assistant<|channel|>final<|message|>answer",
            "draft",
            "answer",
        ),  # gpt-oss
        ("<think>a</think>b<think>c</think>d", "a\nc", "bd"),
        ("answer with no mark", "", "answer with no mark"),
        ("split at '</think>' or `<think>`", "", "split at '</think>' or `<think>`"),
    ],
)
def test_reasoning_is_parted_from_the_answer(text: str, thought: str, said: str) -> None:
    assert parted(text) == (thought, said)


def test_a_program_that_handles_such_tags_is_whole() -> None:
    test = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [""], "expected": ""}]})
    task = Task(id="t", kind="code", prompt="f", tests=(test,))
    bare = "def f(x):  # <think>x</think> → x\n    return x.split('</think>')[-1]\n"
    assert part(task, bare) == ("", bare)
    fenced = "Here it is:\n```python\ndef f(x):\n    return x.split('</think>')[-1]\n```"
    assert part(task, fenced) == ("", fenced)
    solution = extract(task, fenced).solution
    assert solution
    assert "</think>" in solution
