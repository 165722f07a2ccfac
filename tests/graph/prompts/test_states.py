"""What is asked in every state of every kind: the page `docs/prompts.md`, and the facts that each state requires.

After a wanted change of a prompt, write the page anew and read the difference before you commit it::

    PYTHONPATH=. .venv/bin/python tests/graph/prompts/test_states.py && git diff docs/prompts.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from gristmill.graph.records import Message
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import CasesTest, Task
from tests.graph.prompts.states import KINDS, REPLIES, STATES, prompts_of, task_of_kind, verdicts

PAGE = Path(__file__).resolve().parents[3] / "docs" / "prompts.md"
GRADED = ("program", "reward", "loss", "ranges")
CODE = tuple(kind for kind in KINDS if reads_code(kind) and kind != "ranges")
LATER = STATES[1:]
PARENT = {"invalid": "invalid", "failed": "failed", "improved": "improved", "stuck": "improved"}
SHARED = ("math", "reasoning", "reward")
"""Kinds of which several replies here score the same: of such the one tried least is built on."""


@dataclass(frozen=True)
class Fact:
    """Something that the prompts of some states and kinds must say: `holds` looks for it in the whole text."""

    words: str
    holds: Callable[[str, str], bool]
    """Of the whole text and the state."""
    kinds: tuple[str, ...] = KINDS
    states: tuple[str, ...] = STATES


def says(*patterns: str) -> Callable[[str, str], bool]:
    """Each of these regular expressions is found."""
    return lambda text, _: all(re.search(pattern, text) for pattern in patterns)


def fits(by_state: Mapping[str, str]) -> Callable[[str, str], bool]:
    """The state's own regular expression is found."""
    return lambda text, state: re.search(by_state[state], text) is not None


FACTS: tuple[Fact, ...] = (
    Fact(
        "limits: processor seconds, memory, cores",
        says(r"Limits .*\d+ s of processor time.*\d+ MiB of memory, one core"),
        tuple(kind for kind in KINDS if kind != "ranges"),  # of these nothing runs
    ),
    Fact(
        "how the score is computed, and which way it goes",
        says(r"[Tt]he score", r"(?:more is better|1 for a right answer)"),
    ),
    Fact(
        "the exact call",
        says(
            r"What is called: `(?:median\(values\)|construct\(best=None\)|reward\(obs, action, next_obs, info\)"
            r"|loss\(logits, labels\))`"
        ),
        CODE,
    ),
    Fact(
        "what can be imported",
        says(
            r"What can be imported: Python's standard library"
            r"(?:, numpy, scipy and sympy| and numpy|, numpy and torch)\."
        ),
        CODE,
    ),
    Fact("the target", says(r"the target is \d"), GRADED),
    Fact(
        "the best that is known",
        says(r"Best known: 2\.63598|Known scores: .*(?:by hand 1\.00|symmetric cross entropy 0\.95)"),
        GRADED[:3],
    ),
    Fact("public examples in full", says(r"median\(\[4, 1\]\) == 2\.5"), ("code",)),
    Fact(
        "the property and its form, and no true answer",
        lambda text, _: (
            "What is asked for: an antiderivative" in text
            and "x^2/2 + C" in text
            and not re.search("true (?:one|answer)|expected (?:one|answer)|correct answer", text)
        ),
        ("math",),
    ),
    Fact(
        "the form in which the answer is read",
        says(r"The answer is read as: integer", r"<answer>"),
        ("reasoning",),
    ),
    Fact("each requirement", says("no commas", "at least 3 sentences", "quotation marks"), ("instruction",)),
    Fact(
        "the dynamics, and what is observed",
        says(r"velocity \+= 0\.001", r"position in \[-1\.2, 0\.6\]", r"PPO"),
        ("reward",),
    ),
    Fact(
        "what is trained, and how",
        says(r"two hidden layers of 128", r"Adam in batches of 128", r"60 epochs"),
        ("loss",),
    ),
    Fact(
        "the valid range of each parameter, what it is without one, and how ranges are read",
        says(r"gravity = \[5, 11\]", r"stays as it is: gravity 10", r"one line `name = \[low, high\]`"),
        ("ranges",),
    ),
    Fact("an approach of its own", says(r"more than one way to do this\. Yours: \w"), states=("first",)),
    Fact("its own answer, and what came of it", lambda text, state: "was checked by tools: " in text, states=LATER),
    Fact(
        "what was tried before, a line each, with outcome and idea",
        says(r"What was tried before", r"\n0\.0 \w+ \d", r"\n0\.1 \w+"),
        states=LATER,
    ),
    Fact("what this place is to do", says(r"This time |Start from scratch|keep nothing of your answer"), states=LATER),
    Fact(
        "why nothing was judged",
        fits({"invalid": r"checked by tools: invalid.*\n\n```text\n[\w`]"}),
        states=("invalid",),
    ),
    Fact(
        "that a better one is wanted, from where to where, and what is missing",
        says(r"a better one is wanted", r"more is better: the target is [\d.]+, and [\d.e-]+ is missing"),
        GRADED,
        ("failed", "duplicate", "improved", "stuck"),
    ),
    Fact("never which assumption was wrong", lambda text, _: "assumption" not in text),
    Fact(
        "that the cause is looked for",
        says(r"about the cause"),
        ("code", "math", "reasoning"),
        ("failed", "duplicate", "improved", "stuck"),
    ),
    Fact(
        "what failed, of public tests in full, of hidden ones counts",
        says(r"median\(\[4, 1\]\) returned [\d.]+, expected 2\.5", r"Hidden tests: \d of 4 passed"),
        ("code",),
        ("failed", "duplicate", "improved", "stuck"),
    ),
    Fact(
        "counts and places of what is not followed",
        says(r"In your reply: commas: \w+.* first in '"),
        ("instruction",),
        ("failed", "duplicate", "improved", "stuck"),
    ),
    Fact(
        "how the answer was read, and what is wrong with it",
        says(r"[Yy]our (?:final )?answer was read as"),
        ("math", "reasoning"),
        ("failed", "duplicate", "improved", "stuck"),
    ),
    Fact(
        "the curves over training, weakest run first",
        says(r"The weakest run", r"(?:success rate|held-out accuracy): [\d.]+, [\d.]+"),
        ("reward", "loss"),
        ("failed", "duplicate", "improved", "stuck"),
    ),
    Fact(
        "how much of its limits it used",
        says(r"It used (?:under )?\d+ of 60 s of processor time and (?:under )?\d+ of 1024 MiB"),
        ("program",),
        ("failed", "duplicate", "improved", "stuck"),
    ),
    Fact(
        "which attempt is the same as an earlier one",
        says(r"\n1\.0 .*the same as 0\.0"),
        states=("duplicate", "improved", "stuck"),
    ),
    Fact(
        "where the answer comes from",
        says(r"How your answer came about, the oldest first: .* → 2\.0 "),
        tuple(kind for kind in KINDS if kind not in SHARED),
        ("improved", "stuck"),
    ),
    Fact(
        "each of the attempts that led nowhere",
        lambda text, _: all(re.search(rf"\n{number}\.{place} ", text) for number in range(5) for place in (0, 1)),
        states=("stuck",),
    ),
    Fact(
        "what the image lacks, once and for all",
        says(r"Answers run where this is not installed, so do not import it: pandas"),
        ("code",),
        ("stuck",),
    ),
)


@cache
def text_of(kind: str, state: str) -> str:
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompts_of(kind)[state])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_says_each_fact_that_its_state_requires(kind: str, state: str) -> None:
    text = text_of(kind, state)
    missing = [
        fact.words for fact in FACTS if kind in fact.kinds and state in fact.states and not fact.holds(text, state)
    ]
    assert not missing


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_shows_the_answer_that_it_asks_to_change_and_its_evidence(kind: str) -> None:
    for state, name in PARENT.items():
        if kind in ("math", "reasoning") and state in ("improved", "stuck"):
            continue
        if (kind, state) == ("reward", "failed"):
            name = "stuck_1"  # in the same round, and it came a little farther
        answer, *_ = REPLIES[kind][name].split("\n\n```")
        shown = [message.content for message in prompts_of(kind)[state] if message.role == "assistant"][-1]
        source = REPLIES[kind][name].partition("```python\n")[2].rpartition("\n```")[0]
        assert (source or answer or "(nothing)") in shown
        first = verdicts(kind)[name].feedback.splitlines()
        assert not first or first[0] in text_of(kind, state)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_prompts_of_a_search_are_equal_and_what_comes_before_the_parent_is_shared(kind: str) -> None:
    texts = [text_of(kind, state) for state in STATES]
    assert len(set(texts)) == len(texts)
    task = task_of_kind(kind).prompt.strip()
    assert all(task in _begin([text, texts[0]]) for text in texts)


def hidden(task: Task) -> list[str]:
    """What of a task no model may see: inputs of hidden tests, the reference line by line, the names of what judges."""
    found = [str(case.args[0]) for test in task.tests if isinstance(test, CasesTest) for case in test.cases]
    public = {str(case.args[0]) for test in task.public_tests if isinstance(test, CasesTest) for case in test.cases}
    lines = [line.strip() for line in (task.reference or "").splitlines()]
    # Lines that say something, and that no baseline or answer has in common with it.
    told = [line for line in lines if len(line) > 24 and not line.startswith(("def ", "import ", "from "))]
    return [each for each in found if each not in public] + told


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_hidden_is_told_in_any_state(kind: str) -> None:
    task = task_of_kind(kind)
    texts = "\n".join(text_of(kind, state) for state in STATES)
    for secret in hidden(task):
        assert secret not in texts
    if task.check is not None and kind == "reasoning":
        assert "chain_sum" not in texts


# Peers' prompts, point by point: what theirs show (FIELD.md §1, §6, §9), and where ours show it.
PEERS: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "Eureka",
        "the environment and the task in a sentence",
        "reward",
        "first",
        r"A car stands in a valley.*(?:.|\n)*velocity \+= 0\.001",
    ),
    ("Eureka", "the signature of the reward", "reward", "first", r"`reward\(obs, action, next_obs, info\)`"),
    ("Eureka", "tips for writing rewards", "reward", "first", r"Keep its terms on comparable scales"),
    (
        "Eureka",
        "the best reply and its feedback, no other conversation",
        "reward",
        "stuck",
        r"\[assistant\]\n```python(?:.|\n)*was checked by tools",
    ),
    ("Eureka", "the task's score at checkpoints", "reward", "failed", r"success rate: [\d.]+(?:, [\d.]+){5}"),
    (
        "Eureka",
        "each component with mean, smallest and largest (here of the reward; components where an answer names them)",
        "reward",
        "failed",
        r"reward of a step, mean: .*smallest .*largest",
    ),
    (
        "Eureka",
        "the rule for a score that stays near nothing: write it anew",
        "reward",
        "failed",
        r"[Tt]he goal was never reached: the reward must point the way",
    ),
    ("Eureka", "errors of the code, as they came", "reward", "invalid", r"shape \(2,\) for 64 steps"),
    ("ShinkaEvolve", "the parent with its score", "program", "improved", r"failed, score 2\.541"),
    (
        "ShinkaEvolve",
        "earlier programs with their scores, in place of an archive's samples",
        "program",
        "stuck",
        r"\n1\.0 failed 2\.16",
    ),
    (
        "ShinkaEvolve",
        "an operator for each sample (diff, full, cross)",
        "program",
        "stuck",
        r"This time |from scratch|keep nothing",
    ),
    ("ShinkaEvolve", "that an idea was there before (its novelty check)", "program", "stuck", r"the same as 0\.0"),
    (
        "ShinkaEvolve",
        "what it is to be scored by, and its direction",
        "program",
        "first",
        r"more is better, and the target is 2\.635",
    ),
    (
        "GEPA",
        "traces for each instance: every public test that failed",
        "code",
        "failed",
        r"case 2: median\(\[4, 1\]\) returned",
    ),
    ("GEPA", "for each requirement whether it is met", "instruction", "failed", r"Not followed: (?:.|\n)*Followed: "),
    ("GEPA", "a reflection on the evidence before the next answer", "code", "failed", r"First reason about the cause"),
    ("GEPA", "ancestry, so that what was learned is not lost", "code", "improved", r"How your answer came about"),
    (
        "DiscoPOP",
        "the whole archive of losses with their fitness",
        "loss",
        "stuck",
        r"\n0\.1 failed 0\.\d+ (?:.|\n)*\n4\.0 \w+ (?:.|\n)*\n4\.1 failed 0\.\d+",
    ),
    ("AIDE", "a memory of all designs with a line of analysis each", "loss", "stuck", r"\n0\.0 failed .*\| .*\| "),
)


@pytest.mark.parametrize(
    ("peer", "point", "kind", "state", "pattern"), PEERS, ids=[f"{row[0]}-{at}" for at, row in enumerate(PEERS)]
)
def test_what_a_peer_s_prompt_shows_ours_shows_too(peer: str, point: str, kind: str, state: str, pattern: str) -> None:
    assert re.search(pattern, text_of(kind, state))


HEAD = """# Prompts

What a capable model is asked, for every kind of task and in every state of a search. The page is made by
`tests/graph/prompts/test_states.py`, which holds it to these very words. The searches are played through the graph
with replies that make ordinary mistakes, and with verdicts of the verifiers that `tests/graph/prompts/states.py` has
recorded. Two hypotheses a round, of which the first is shown; small models and `best_of` are asked the bare prompt
([models](models.md)).

A prompt is: system · task, and what to know of it · what was tried before, in the order of places · the answer that
this one builds on, as the model's own turn · what the tools found, where the answer comes from, what was tried from
it · what to do this time. What stands before the model's own turn is the same for all places of a round and begins
like that of the round before, so that a server's prefix cache holds. Nothing hidden is in any of it: of hidden tests
counts, of references and expected values nothing ([security](security.md)).

| state | what has happened |
|---|---|
| first | nothing yet |
| invalid | nothing in the replies could be judged |
| failed | answers were judged, and none passed; of graded kinds: all are below the target |
| duplicate | the same answer came again |
| improved | a better one came |
| stuck | two more rounds without a better one |

What other systems show, and one prompt in which ours shows it:

"""


def page() -> str:
    """The page, made of the prompts."""
    rows = "".join(f"| {peer} | {point} | {kind}, {state} |\n" for peer, point, kind, state, _ in PEERS)
    parts = [HEAD, "| system | what its prompt shows | here, for one, in |\n|---|---|---|\n", rows]
    return "".join([*parts, *map(_section, KINDS)])


def _section(kind: str) -> str:
    marks = "".join(
        f"| {fact.words} | {' | '.join('✓' if state in fact.states else '' for state in STATES)} |\n"
        for fact in FACTS
        if kind in fact.kinds
    )
    lines = [f"\n## {kind}\n\n| the prompt says | {' | '.join(STATES)} |\n|{'---|' * (len(STATES) + 1)}\n", marks]
    prompts = prompts_of(kind)
    shared = _shared(prompts)
    lines.append(f"\nAll of them begin so:\n\n{_indented(shared)}\n")
    lines += [f"\n### {kind}, {state}\n\n{_indented(_whole(prompts[state])[len(shared) :])}\n" for state in STATES]
    return "".join(lines)


def _whole(messages: tuple[Message, ...]) -> str:
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)


def _shared(prompts: Mapping[str, tuple[Message, ...]]) -> str:
    """What all begin with, up to the end of a paragraph."""
    return _begin([_whole(messages) for messages in prompts.values()]).rpartition("\n\n")[0]


def _begin(texts: Sequence[str]) -> str:
    """What all texts begin with."""
    first, last = min(texts), max(texts)
    same = next((at for at, (one, two) in enumerate(zip(first, last, strict=False)) if one != two), len(first))
    return first[:same]


def _indented(text: str) -> str:
    """A block of code that no fence in a prompt can end, and that is none of the pages' blocks which are run."""
    return "\n".join(f"    {line}" if line else "" for line in text.strip().splitlines())


def test_the_page_shows_the_prompts_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "if wanted: PYTHONPATH=. .venv/bin/python tests/graph/prompts/test_states.py"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
