"""What a model thought before it answered, told apart from what it said.

Model families mark it in their own ways: ``<think>`` and its like, Magistral's ``[THINK]``, Kimi's ``◁think▷``,
Cohere's ``<|START_THINKING|>``, the channels of gpt-oss. A tag in quotes or backticks is spoken of, not used.
"""

from __future__ import annotations

import re

__all__ = ["parted", "without_reasoning"]

_NAMES = r"(?:seed:)?think|thinking|thought|reasoning"
# A fence that follows at once is the answer, no quote: '</think>```python'
_APART = r"(?<!['\"`])(?:{})(?!['\"]|`(?!``))"
# '<think>', '[THINK]', '◁think▷', '<|START_THINKING|>', '<|channel|>analysis<|message|>'
_OPEN = re.compile(
    _APART.format(
        rf"<(?:{_NAMES})>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<\|channel\|>(?:analysis|commentary)<\|message\|>"
    )
)
# '</think>', '[/THINK]', '◁/think▷', '<|END_THINKING|>', '<|end|><|start|>assistant<|channel|>final<|message|>'
_CLOSE = re.compile(
    _APART.format(
        rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>"
        r"|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>"
    )
)
# What each of the tags holds: whether one of these is there at all costs a hundredth of looking for the tags.
_SIGNS = ("think>", "thinking>", "thought>", "reasoning>", "THINK]", "think▷", "THINKING|>", "<|channel|>")


def parted(text: str) -> tuple[str, str]:
    """(what was thought, what was said); the second is `text` itself where it holds no reasoning.

    One of two tags may be missing: what is never closed was thought to the end, and what stands before a lone closing
    one was thought, since a chat template may have opened it.
    """
    if not any(sign in text for sign in _SIGNS):
        return "", text
    thought: list[str] = []
    said: list[str] = []
    at = 0
    while opening := _OPEN.search(text, at):
        said.append(text[at : opening.start()])
        end = _CLOSE.search(text, opening.end())
        thought.append(text[opening.end() : end.start() if end else len(text)])
        at = end.end() if end else len(text)
        if end is None:
            break
    *before, last = _CLOSE.split("".join([*said, text[at:]]))
    return "\n".join(part.strip() for part in (*before, *thought) if part.strip()), last


def without_reasoning(text: str) -> str:
    """What was said; empty where the model never came to an answer."""
    return parted(text)[1]
