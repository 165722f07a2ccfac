"""From a task and what is known about it to the messages that a model is sent.

Prompts are the Markdown files in `gristmill.graph.prompts`. A comment ``<!-- system -->``, ``<!-- user -->`` or
``<!-- assistant -->`` on a line of its own begins a message; messages are cut apart *before* anything is filled in, so
no text of a task, a model or a tool can begin one, and one that comes out empty is left out. A name that is not given
is an error.

What is filled in is data. It never runs as a template; text that models and tools wrote stands in fences longer than
any fence inside it, and chat markup such as ``<|im_start|>`` is taken apart there, so that a tokenizer cannot read it
as a turn. Hidden tests, answers and reference solutions are not given to the templates at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal, cast

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gristmill.graph.prompts.asking import standing, state
from gristmill.graph.prompts.assignments import hints
from gristmill.graph.prompts.briefing import Briefing, Remembered
from gristmill.graph.prompts.eureka import is_published, published_reply, published_values
from gristmill.graph.prompts.facts import facts
from gristmill.graph.prompts.feedback import attempt, clip, examples, fenced, first_line, program, tame
from gristmill.graph.prompts.repository import shown_repository
from gristmill.graph.prompts.scored import description, instances
from gristmill.graph.records import Hypothesis, Message, Step
from gristmill.verifiers.extraction.forms.packages import main_file
from gristmill.verifiers.extraction.forms.starting import starts
from gristmill.verifiers.extraction.replies import entry_points
from gristmill.verifiers.languages.registry import language, version_of
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import StdioTest, Task

__all__ = ["Opening", "choose_profile", "messages_for", "names", "prompt_sha", "rendered", "repairing"]

_ROLE = re.compile(r"<!-- (system|user|assistant) -->\s*")
_WHOLE = frozenset({"chat_instruction", "chat_general"})
"""Prompts to which the whole reply is the answer: a model that reasons aloud there spoils it."""
_TORN, _WHOLE_CODE = 4000, 20_000
_LONG = 60
"""Lines from which on a model may answer with changes instead of the whole."""


class Opening:
    """What the prompts of one round of a task begin with, made once for all of its places."""

    def __init__(self, task: Task, *, profile: Literal["chat", "small"], round: int) -> None:
        self.name = _name(task, profile)
        self.values = _task_values(task) | {
            "round": round,
            "whole": self.name in _WHOLE,
            "lineage": "",
            "tried": "",
            "best_known": "",
        }
        self._made: dict[tuple[bool, Remembered | None], tuple[Message, ...]] = {}

    def messages(self, *, begun: bool, remembered: Remembered | None) -> tuple[Message, ...]:
        """The task; with what there is to begin with, where `begun`; and with what was tried before."""
        key = begun, remembered
        if key not in self._made:
            messages = _render(self.name, self.values)
            if self.values["begun"] and begun:
                messages = _joined(messages, _render("chat_start", self.values))
            if remembered is not None:
                messages = _joined(messages, _render("chat_ledger", self.values | _remembered_values(remembered)))
            self._made[key] = messages
        return self._made[key]


def messages_for(
    task: Task,
    *,
    profile: Literal["chat", "small"],
    round: int,
    parents: Sequence[Step] = (),
    briefing: Briefing | None = None,
    form: Literal["whole", "edit"] | None = None,
    opening: Opening | None = None,
) -> tuple[Message, ...]:
    """The messages of one request.

    With parents, the conversation goes on: the best one stands as the assistant's own answer, then comes the feedback
    about it and about the others, and the request to reason about what failed before answering again; without, what the
    task has to begin with follows, if it has any. With `briefing`, the
    task is followed by what was tried before, which is the same for all places of a round, and all ends with what this
    place is to do. A reward that is searched for as published gets Eureka's messages, whatever else is given.

    Args:
        task: what is asked.
        profile: `chat` for capable chat models; `small` for few-shot prompts with short answers: those of the family
            and the difficulty that tags name, if there are some, else those of the kind, else as for `chat`.
        round: number of the round, from 0.
        parents: the hypotheses to build on, best first.
        briefing: what is known beside these; None is the bare prompt.
        form: of an answer that builds on a parent: the whole program, or changes to it where it likes; None offers
            changes from a length on at which they save much.
        opening: that of this task, profile and round, where it was made for other places; None makes it.
    """
    if is_published(task):
        messages = _render("eureka_reward", published_values(task))
        return messages + _render("eureka_reflect", published_reply(parents[0])) if parents else messages
    opening = opening or Opening(task, profile=profile, round=round)
    messages = opening.messages(begun=not parents, remembered=briefing.remembered if briefing else None)
    values = opening.values | (_briefing_values(task, briefing) if briefing else {})
    if parents:
        best, *others = (attempt(step, code=reads_code(task.kind), fence=values["fence"]) for step in parents)
        long = len((parents[0].hypothesis.solution or "").splitlines()) >= _LONG
        edits = long if form is None else form == "edit" and bool(parents[0].hypothesis.solution)
        values |= {"best": best, "others": others, "long": long, "edits": edits}
        values |= {"state": state(task, parents[0]), "standing": standing(task, parents[0])}
        messages = _joined(messages, _render(f"{opening.name.partition('_')[0]}_reflect", values))
    return messages if briefing is None else _joined(messages, _render("chat_assignment", values))


def _joined(messages: tuple[Message, ...], more: tuple[Message, ...]) -> tuple[Message, ...]:
    """Turns of one speaker are one turn."""
    if not messages or not more or messages[-1].role != more[0].role:
        return messages + more
    seam = Message(role=more[0].role, content=f"{messages[-1].content}\n\n{more[0].content}")
    return (*messages[:-1], seam, *more[1:])


def _remembered_values(remembered: Remembered) -> dict[str, Any]:
    return {
        "attempts": remembered.attempts,
        "left_out": remembered.left_out,
        "lessons": remembered.lessons,
        "lacking": tame(remembered.lacking),
    }


def _briefing_values(task: Task, briefing: Briefing) -> dict[str, Any]:
    return {
        **_remembered_values(briefing.remembered),
        "lineage": briefing.lineage,
        "tried": briefing.tried,
        "best_known": briefing.best,
        "instruction": briefing.instruction,
        "operator": briefing.operator,
        # What is said of one function to write is beside the point where something in many files is wrong, or where
        # there is no right answer, only better ones.
        **hints(
            "repository" if task.repo else "score" if task.scored else task.kind, briefing.operator, briefing.place
        ),
    }


def repairing(task: Task, messages: tuple[Message, ...], torn: Hypothesis, parent: Step) -> tuple[Message, ...]:
    """The messages that ask once more for a reply whose changes did not apply: what it was asked, what it said, why."""
    values = {
        "reply": tame(clip(torn.text.strip(), _TORN)),
        "why": tame(clip(torn.note, _TORN)),
        "parent": program(parent.hypothesis.solution or "", _task_values(task)["fence"], _WHOLE_CODE),
        "main_file": main_file(task) or "",
        "fence": _task_values(task)["fence"],
    }
    return messages + _render("chat_repair", values)


def rendered(name: str, task: Task, values: dict[str, Any]) -> tuple[Message, ...]:
    """The messages of a prompt of another purpose, about a task."""
    return _render(name, _task_values(task) | values)


def choose_profile(profile: Literal["auto", "chat", "small"], model: str) -> Literal["chat", "small"]:
    """What `auto` means for a model string: `small` for `local` and `local:PATH`, else `chat`."""
    if profile == "auto":
        return "small" if model.partition(":")[0] == "local" else "chat"
    return profile


@cache
def names() -> tuple[str, ...]:
    """Names of the prompts in `gristmill.graph.prompts`, sorted."""
    entries = (entry.name for entry in files("gristmill.graph").joinpath("prompts").iterdir())
    return tuple(sorted(name.removesuffix(".md") for name in entries if name.endswith(".md")))


def prompt_sha(messages: Sequence[Message]) -> str:
    """sha256 of the canonical JSON of messages: what a `Hypothesis` and a recording know a prompt by."""
    return _sha(tuple(messages))


@lru_cache(maxsize=8)  # of one call it is asked for twice: for the hypothesis, and for where its reply is found again
def _sha(messages: tuple[Message, ...]) -> str:
    rows = [{"role": message.role, "content": message.content} for message in messages]
    text = json.dumps(rows, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _name(task: Task, profile: Literal["chat", "small"]) -> str:
    if task.repo is not None:
        return "chat_repository"
    if task.scored is not None:
        return "chat_score"
    # Small prompts show by example how to answer, in Python.
    profile = "chat" if language(task) is not None or main_file(task) else profile
    said = dict(tag.split(":", 1) for tag in task.tags if ":" in tag)
    family, difficulty = said.get("family", ""), said.get("difficulty", "")
    own = (f"{profile}_family_{family}_{difficulty}", f"{profile}_family_{family}")
    for name in (*own, f"{profile}_{task.kind}", f"chat_{task.kind}"):
        if name in names():
            return name
    return "chat_general"


def _task_values(task: Task) -> dict[str, Any]:
    points = entry_points(task)
    start = task.settings.get("prefix") or task.settings.get("signature")
    template, packages = task.settings.get("template"), task.settings.get("packages")
    spoken = language(task)
    return {
        "language": spoken.called if spoken else "Python",
        "fence": "diff" if task.repo is not None else spoken.extension if spoken else "python",
        "hints": f"{spoken.hints} {version_of(spoken)}".strip() if spoken else "",
        "task": {"id": task.id, "kind": task.kind, "prompt": task.prompt.strip()},
        "facts": facts(task),
        "property": task.check is not None,
        "code": reads_code(task.kind),
        "program": bool(task.settings.get("program")),
        "whole_program": bool(task.tests) and all(isinstance(test, StdioTest) for test in task.tests),
        "entry_points": " and ".join(f"`{name}`" for name in points) or "the function that the task names",
        "start": str(start).rstrip() if start and str(start).strip() not in task.prompt else "",
        "begun": tuple(each for each in starts(task) if each.strip() not in task.prompt),
        "template": str(template) if template else "",
        "packages": ", ".join(map(str, packages)) if isinstance(packages, list | tuple) else "",
        "seconds": f"{min(task.limits.cpu_seconds, task.limits.wall_seconds):g}",
        "main_file": main_file(task) or "",
        "examples": examples(task),
        "evaluator": description(task),
        "beside": task.scored is not None and task.scored.together,
        "instances": instances(task),
        "repository": shown_repository(task, task.repo) if task.repo is not None else None,
    }


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    # Prompts are plain text for a model, not HTML: escaping would change the code that is shown.
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"fenced": fenced, "clip": clip, "first_line": first_line, "program": program}
    return environment


@cache
def _sections(name: str) -> tuple[tuple[Literal["system", "user", "assistant"], Template], ...]:
    source = files("gristmill.graph").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    parts: list[tuple[str, list[str]]] = []
    for line in source.splitlines(keepends=True):
        if mark := _ROLE.fullmatch(line):
            parts.append((mark[1], []))
        elif parts:
            parts[-1][1].append(line)
    return tuple(
        (cast("Literal['system', 'user', 'assistant']", role), _environment().from_string("".join(lines)))
        for role, lines in parts
    )


def _render(name: str, values: dict[str, Any]) -> tuple[Message, ...]:
    rendered = ((role, template.render(values).strip()) for role, template in _sections(name))
    return tuple(Message(role=role, content=content) for role, content in rendered if content)
