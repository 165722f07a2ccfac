"""What one attempt is about, and what it has found missing, read in texts that a model and tools wrote.

What comes out is one bounded line of data each: no other line can begin in it, no fence end, no turn of a chat stand.
"""

from __future__ import annotations

import re
from collections import Counter

from gristmill.graph.prompts.feedback import tame
from gristmill.graph.records import Hypothesis, Step
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import Task

__all__ = ["IDEA", "flat", "idea", "lacking"]

IDEA = 160
"""Characters of an idea."""
_READ = 20_000
"""Characters of a reply in which its idea is looked for."""

_FENCE = re.compile(
    r"^[ \t]*(?:`{3,}|~{3,})|^<{5,} ?SEARCH|^(?:def |class |import |from \w+ import |@\w)", re.MULTILINE
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\d\"'(*`])|\n+")
_MARKS = re.compile(
    r"^[\s#>*_\-+\d.)]*(?:(?:idea|approach|plan|change|fix|strategy)\s*:[\s*_]*)?|[*_]{2,}", re.IGNORECASE
)
# 'Here is the corrected code:', 'The following program …', 'Sure!', 'All else stays.'
_EMPTY = re.compile(
    r"(?:(?:so|thus|now|and|then)[, ]+)?(?:here(?: is|'s|’s| are)\b|below\b|the (?:following|corrected|fixed|new|full|"
    r"complete|final|updated|improved|whole) |sure\b|certainly\b|of course\b|okay\b|ok\b|solution\b|answer\b|code\b"
    r"|output\b|(?:all|everything|nothing) else\b|the rest\b)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"^[\s#>*_-]*(?:idea|approach|plan|change|fix|strategy)\s*:", re.IGNORECASE)
# "There is no pandas, foo here: what can be imported is …", "ModuleNotFoundError: No module named 'pandas'"
_LACKS = re.compile(
    r"^There is no ([\w., -]{1,400}) here: what can be imported is |No module named '([\w.]{1,60})'", re.M
)

_IMPORT = re.compile(r"\s*(?:import|from)\s")
_WORD = re.compile(r"\w+")
# 'a | b', which would be two fields of a line
_BETWEEN = re.compile(r"(?<= )\|(?= )")


def idea(task: Task, hypothesis: Hypothesis, parent: str | None) -> str:
    """What an attempt is about, in at most 160 characters of one line.

    The last sentence before the code that says something, or the one that is marked as the idea; where there is none,
    what has changed against the parent, or what the code says of itself or returns. Of answers without code it is the
    line that holds the answer, or the first line of the text.
    """
    text = hypothesis.text[:_READ]
    code = reads_code(task.kind) or bool(task.tests)
    if not code and (hypothesis.solution is not None) and task.kind in ("math", "reasoning"):
        return flat(next((each for each in reversed(text.splitlines()) if each.strip()), ""), IDEA)
    if not code or hypothesis.solution is None:
        return flat(next((each for each in text.splitlines() if each.strip()), ""), IDEA)
    if said := _sentence(text):
        return said
    return flat(_changes(hypothesis.solution[:_READ], (parent or "")[:_READ]), IDEA)


def _sentence(text: str) -> str:
    match = _FENCE.search(text)
    before = text[: match.start()] if match else ""
    sentences = [each.strip() for each in _SENTENCE.split(before[-4000:]) if each.strip()]
    telling = [each for each in sentences if not each.endswith(":") and not _EMPTY.match(_MARKS.sub("", each))]
    telling = [each for each in telling if len(each.split()) > 2]
    named = [each for each in telling if _NAMED.match(each)]
    chosen = (named or telling)[-1:]
    return flat(_MARKS.sub("", chosen[0]), IDEA) if chosen else ""


def _changes(solution: str, parent: str) -> str:
    """What the code has that its parent has not: counts and the first such line; without a parent, what it returns."""
    new, old = (Counter(line.strip() for line in text.splitlines() if line.strip()) for text in (solution, parent))
    lines = [line.strip() for line in solution.splitlines() if line.strip()]
    if not parent:
        told = next((line for line in lines if line.startswith(("#", "//", '"""', "'''"))), "").strip("#/\"' ")
        return told or next(
            (line for line in reversed(lines) if line.startswith("return ")), lines[-1] if lines else ""
        )
    added, gone = new - old, old - new
    first = next((line for line in lines if line in added), "") or next(iter(gone), "")
    return f"+{added.total()} -{gone.total()} lines: {first}"


def flat(text: str, most: int) -> str:
    """One line of data: no line of its own can begin in it, no fence can end, and no markup of a chat can stand."""
    visible = text[: 8 * most].replace("`", "'")
    if not visible.isprintable():
        visible = "".join(each if each.isprintable() else " " for each in visible)
    words = _BETWEEN.sub("/", tame(" ".join(visible.split())))
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def lacking(task: Task, step: Step) -> list[str]:
    """Names of what the solution imports and its image does not hold, as the feedback says."""
    if not reads_code(task.kind) and not task.tests:
        return []
    names: list[str] = []
    for listed, single in _LACKS.findall(step.verdict.feedback[:_READ]):
        names += [name.strip() for name in (listed or single).split(",")]
    if not names:
        return []
    lines = (step.hypothesis.solution or "").splitlines()
    imported = {word for line in lines if _IMPORT.match(line) for word in _WORD.findall(line)}
    return [name for name in names if name.partition(".")[0] in imported]
