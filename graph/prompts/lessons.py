"""What a model has learned of a round, in its own words: how it is asked for them, and what of its reply is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gristmill.graph.prompts.feedback import clip
from gristmill.graph.prompts.ideas import flat, idea
from gristmill.graph.prompts.ledger import came, numbered
from gristmill.graph.prompts.messages import rendered
from gristmill.graph.prompts.tokens import fitted, tokens
from gristmill.graph.records import Message, Step
from gristmill.graph.search.history import Row
from gristmill.verifiers.records import Task

__all__ = ["WORDS", "lesson_of", "lessons_within", "messages_for_lesson"]

WORDS = 80
_CHARACTERS = 700
_ATTEMPTS = 16
_FEEDBACK = 600


def messages_for_lesson(task: Task, rows: Sequence[Row], steps: Mapping[str, Step], lesson: str) -> tuple[Message, ...]:
    """The messages that ask for the lesson of one round.

    Args:
        task: what is worked on.
        rows: the round's attempts.
        steps: their texts, as a model may know them.
        lesson: the one before; empty where there is none.
    """
    attempts = []
    for row in rows[:_ATTEMPTS]:
        step = steps[row.id]
        feedback = clip(step.verdict.feedback or step.hypothesis.note, _FEEDBACK)
        about = idea(task, step.hypothesis, None)
        text = "\n".join(part for part in (about, feedback) if part.strip())
        attempts.append({"at": numbered(row), "came": came(row), "text": text or "(nothing)"})
    return rendered("chat_lesson", task, {"attempts": attempts, "lesson": lesson})


def lesson_of(said: str) -> str:
    """What is kept of a reply: its first 80 words, as one line of data."""
    words = said.split()
    cut = " ".join(words[:WORDS])
    return flat(cut if len(words) <= WORDS else f"{cut} …", _CHARACTERS)


def lessons_within(lessons: Mapping[int, str], most: int) -> str:
    """The newest lessons that fit, a line each, the oldest first; of the last one at least its beginning."""
    lines: list[str] = []
    for round in sorted(lessons, reverse=True):
        line = f"after round {round}: {lessons[round]}"
        line = line if lines else fitted(line, most - 1)
        if not lessons[round] or tokens(line) + 1 > most:
            continue
        most -= tokens(line) + 1
        lines.append(line)
    return "\n".join(reversed(lines))
