"""How tasks' public examples, and what tools found, are shown to a model: as bounded text that cannot act as markup."""

from __future__ import annotations

import math
import re
from typing import Any

from gristmill.graph.records import Step
from gristmill.sandbox.plain import plain
from gristmill.sandbox.records import Record
from gristmill.sandbox.wire.files import is_data
from gristmill.verifiers.extraction.forms.packages import files_of
from gristmill.verifiers.extraction.forms.starting import PUT_BACK
from gristmill.verifiers.records import CasesTest, CodeTest, DrivenTest, PythonTest, ScoreTest, StdioTest, Task

__all__ = ["ShownHypothesis", "attempt", "clip", "examples", "fenced", "figure", "first_line", "program"]

_ANSWER = 8000
_SAID = 1000
_FEEDBACK = 4000
_NOTES = 1100
_EXAMPLE = 2000
_EXAMPLES = 20
# What may begin markup: '<|im_end|>', '</s>', '[INST]', ']~b]' of MiniMax, '[e~[', and wide brackets, which some
# tokenizers take for the others.
# One set of characters comes first: Python looks for that alone, and at the rest of it where it has found one.
_BRACKET = re.compile(
    r"[<＜﹤\[［\]](?:"
    r"(?<=[<＜﹤])(?:(?=[|｜︱¦])|(?=([^\s<>＜＞﹥]{1,40})[>＞﹥]))"
    r"|(?<=[\[［])(?=([^\s\[\]［］]{1,40})[\]］])|(?<=\])(?=~)|(?<=\[)(?=e~))"
)
# '/s', 'start_of_turn', '/SYS', 'think', 'seed:bos', 'turn|', '_user', 'extra_id_0', 'SPECIAL_10', '0x0A', '[SEP]'
_ANGLED = re.compile(
    r"/?(?:"
    r"s|bos|eos|unk|pad|mask|cls|sep|eod|eot|eop|sop|bom|eom|eoh|eoa|eob|sys|ai|user|bot|assistant|human|system|用户"
    r"|turn|role|message|channel|developer|think|thinking|thought|reasoning|image|audio|video|img|vision|gmask"
    r"|tools?|tool_\w+|function|function_\w+|arg_\w+|im_\w+|fim_\w+|repo_\w+|file_\w+|gh_\w+|issue_\w+|jupyter_\w+"
    r"|\w*(?:start|begin|end)_?of_?\w+|\w+_token|_\w+|[a-z]+_(?:user|assistant|system|bot|start|end|pad|image)"
    r"|[a-z]+:\w+|(?:unused|reserved|special|extra|dummy|placeholder|ctrl|control|seg|loc|mask|pad|token|vocab)\w*\d\w*"
    r"|0x[0-9a-f]{2}|\[\w+\]|.*[|｜]"
    r")",
    re.IGNORECASE,
)
# 'INST', '/INST', 'TOOL_CALLS', 'gMASK'; in small letters such words are places in lists
_SQUARED = re.compile(
    r"/?(?:INST|SYS|SYSTEM|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOLS?|TOOL_\w+|ARGS|CALL_ID|PREFIX|SUFFIX|MIDDLE|IMG\w*|IMAGE"
    r"|(?:BEGIN_)?AUDIO|TRANSCRIBE|THINK|MODEL_SETTINGS|CONTROL_\d+|CLS|SEP|MASK|PAD|UNK|BOS|EOS|END|EOT|USER|HUMAN"
    r"|ASSISTANT|BOT|MULTITURN|[gs]MASK)"
)
_TICKS = re.compile(r"`+")


class ShownHypothesis(Record):
    """A hypothesis and its verdict as a prompt shows them.

    `answer` is the solution, fenced where it is code; `said` the bounded raw reply, for models that imitate its form;
    `finding` the outcome and score in words; `feedback` what the verifier lets the model read; `cut` whether the reply
    ended where it had reached the greatest length. `notes` is what the candidate says of its own work, bounded and to
    be fenced; `hands_on` which construction the next program is given, in words, if any.
    """

    answer: str
    said: str
    finding: str
    feedback: str
    notes: str
    hands_on: str
    passed: bool
    cut: bool


def figure(score: float) -> str:
    """A score as it is told: what is no share is often told apart late, as packings of circles by the sixth decimal."""
    return f"{score:.6g}" if abs(score) <= 1 else f"{score:.8g}"


def attempt(step: Step, *, code: bool, fence: str = "python") -> ShownHypothesis:
    """What a model is shown of a step: the solution without the talk around it, the outcome, the feedback."""
    hypothesis, verdict = step.hypothesis, step.verdict
    # A refused construction's score is infinite where less is better: no number to think about.
    score = "" if verdict.score is None or not math.isfinite(verdict.score) else f", score {figure(verdict.score)}"
    if hypothesis.solution is None:
        answer = fenced(clip(hypothesis.text, _ANSWER) or "(nothing)", "text")
        parts = dict.fromkeys((hypothesis.note, verdict.feedback))  # a verifier may say what the parser said
        feedback = "\n".join(part for part in parts if part)
    else:
        solution = hypothesis.solution
        answer = program(solution, fence, _ANSWER) if code else tame(clip(solution, _ANSWER))
        put_back = f"({PUT_BACK})" if (hypothesis.note or "").endswith(PUT_BACK) else ""
        feedback = "\n".join(part for part in (verdict.feedback, put_back) if part)
    return ShownHypothesis(
        answer=answer,
        said=tame(clip(hypothesis.text.strip(), _SAID)) or "(nothing)",
        finding=f"{verdict.outcome.value.replace('_', ' ')}{score}",
        feedback=clip(feedback.strip(), _FEEDBACK),
        notes=clip(plain(verdict.notes).strip(), _NOTES),
        hands_on=_hands_on(step),
        passed=verdict.passed,
        cut=hypothesis.cut,
    )


def _hands_on(step: Step) -> str:
    if step.verdict.construction is not None and step.verdict.construction != step.hypothesis.best:
        return "the construction that this answer has returned"
    return "the one that this answer was given" if step.handed_on else ""


def examples(task: Task) -> str:
    """The public tests in full, as a reader would write them down; empty where there are none."""
    return "\n\n".join(_example(test) for test in task.public_tests)


def fenced(text: str, language: str = "") -> str:
    """`text` in a Markdown fence that nothing inside it can close."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0) if "`" in text else 0
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{tame(text.rstrip())}\n{ticks}"


def program(text: str, fence: str, most: int) -> str:
    """A program in a fence; of several files each in its own, below its path."""
    files = files_of(text)
    if not files:
        return fenced(clip(text, most), fence)
    return "\n\n".join(
        f"`{path}`:\n{fenced(clip(own, most), '' if is_data(path) else fence)}" for path, own in files.items()
    )


def tame(text: str) -> str:
    """`text` with chat markup taken apart, so that no tokenizer and no chat template reads a turn in it.

    That is `<|im_end|>` and all that begins so, whatever stands in such brackets, and what other families write:
    `<start_of_turn>`, `</s>`, `<<SYS>>`, `[INST]`, `<think>`, `[gMASK]`. A blank follows the first bracket; nothing is
    taken away, so nothing new comes together.
    """
    return _BRACKET.sub(_apart, text)


def _apart(match: re.Match[str]) -> str:
    angled, squared = match.groups()
    mere = (angled and not _ANGLED.fullmatch(angled)) or (squared and not _SQUARED.fullmatch(squared))
    return match[0] if mere else f"{match[0]} "


def clip(text: str, limit: int) -> str:
    """`text`, or its beginning and end with a note in between of how much is left out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… ({len(text) - 2 * half} characters left out) …\n{text[-half:]}"


def first_line(text: str) -> str:
    """The first line of `text` that says something, tamed and bounded: feedback for models with little attention."""
    return next((tame(clip(line.strip(), 200)) for line in text.splitlines() if line.strip()), "")


def _example(test: CodeTest) -> str:
    if isinstance(test, CasesTest):
        shown = test.cases[:_EXAMPLES]
        calls = (
            f"{test.entry_point}({_arguments(case.args, case.kwargs)})"
            + (f"  # raises {case.raises}" if case.raises else f" == {case.expected!r}")
            for case in shown
        )
        return fenced("\n".join(clip(call, _EXAMPLE) for call in calls), "python")
    if isinstance(test, StdioTest):
        return "\n\n".join(
            f"Input:\n{fenced(clip(case.stdin, _EXAMPLE))}\nOutput:\n{fenced(clip(case.stdout, _EXAMPLE))}"
            for case in test.cases[:_EXAMPLES]
        )
    if isinstance(test, PythonTest):
        return fenced(clip(test.code, 2 * _EXAMPLE), "python")
    if isinstance(test, DrivenTest):
        return _driven(test)
    if isinstance(test, ScoreTest):
        return ""  # its instances are shown by `graph.prompts.scored`
    return "\n\n".join(f"{name}:\n{fenced(clip(text, 2 * _EXAMPLE), 'python')}" for name, text in test.files.items())


def _driven(test: DrivenTest) -> str:
    """Both functions and the cases, as one would run them by hand; `solution` is the module of the answer."""
    cases = [{**case.given, "expected": case.expected} for case in test.cases[:_EXAMPLES]]
    drive, judge = clip(test.drive.strip("\n"), 2 * _EXAMPLE), clip(test.judge.strip("\n"), 2 * _EXAMPLE)
    run = "\n".join(clip(f"judge(drive(solution, case), case) with case = {case!r}", _EXAMPLE) for case in cases)
    return (
        f"`solution` is the module that your code makes. It is used like this:\n{fenced(drive, 'python')}\n"
        f"What that returns must pass this:\n{fenced(judge, 'python')}\nfor each of:\n{fenced(run)}"
    )


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return ", ".join([*(repr(value) for value in args), *(f"{name}={value!r}" for name, value in kwargs.items())])
