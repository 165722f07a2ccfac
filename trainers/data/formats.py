"""Trajectories → rows of three shapes that trainers read, each row with where it comes from.

- `sft`: ``{"prompt": [messages], "completion": [message]}``, TRL's conversational prompt-completion form. The loss
  falls on the completion alone.
- `messages`: ``{"messages": [...]}`` with OpenAI's ``weight`` on assistant turns: 1 on the last, 0 on those before.
- `preference`: ``{"prompt", "chosen", "rejected"}``; both replies answer the same prompt.

What they ask and answer is said by `gristmill.trainers.data.prompting`: the task's bare prompt and the whole solution,
or what was sent and said. Where a row holds what was sent after a reflection, its prompt has the wrong answer and its
feedback as earlier turns. `prompt_sha` is always of the prompt that was sent, which the store keeps.

With `reasoning`, the last turn has what the model thought in ``reasoning_content``, and each row says that it was not
verified; without, it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import lcm
from typing import Any, Final, Literal, get_args

from gristmill.graph.records import Step, Trajectory
from gristmill.trainers.data.prompting import Prompting, RowTexts
from gristmill.verifiers.extraction.replies import part
from gristmill.verifiers.records import Outcome, Verdict
from gristmill.verifiers.settling import taken

__all__ = [
    "ACCEPTED",
    "FORMATS",
    "PAIRS",
    "Accepted",
    "Rows",
    "feedback",
    "messages_rows",
    "preference_rows",
    "sft_row",
    "sft_rows",
]

PAIRS = 4
"""Pairs of one prompt that was sent, or of one round, at most."""
_PLAIN = Prompting()

WRONG = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.INVALID})
"""What may be rejected. `unscored` says nothing about a reply, and `flaky` not enough."""

Accepted = Literal["verified", "split", "together", "judged"]
"""Which replies become rows, each taking more than the one before it: verified ones; passes of strength `split`; those
of strength `together`; whatever was judged, and, as the better one of a pair, whatever passed."""
ACCEPTED: Final[tuple[str, ...]] = get_args(Accepted)

Rows = Callable[..., Iterator[dict[str, Any]]]


def sft_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """A row for each different accepted solution to each prompt, in the order of tasks, rounds and samples.

    With `accept` "judged", replies that did not pass too. What is not verified is marked by ``verified: false``.
    """
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        for step in _kept(trajectory, texts, accept):
            yield sft_row(trajectory, step, texts, reasoning=reasoning)


def sft_row(trajectory: Trajectory, step: Step, texts: RowTexts, *, reasoning: bool = False) -> dict[str, Any]:
    """One step as a row, whatever its verdict; `sft_rows` and `curate` choose which steps become rows."""
    return {
        "prompt": _prompt(texts, step),
        "completion": [_reply(trajectory, texts, step, reasoning)],
        **_provenance(trajectory, step, reasoning),
    }


def messages_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """The rows of `sft_rows` as whole conversations whose last turn alone has a weight."""
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        for step in _kept(trajectory, texts, accept):
            turns: list[dict[str, Any]] = [
                {**turn, "weight": 0} if turn["role"] == "assistant" else turn for turn in _prompt(texts, step)
            ]
            yield {
                "messages": [*turns, {**_reply(trajectory, texts, step, reasoning), "weight": 1}],
                **_provenance(trajectory, step, reasoning),
            }


def preference_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """Accepted replies against replies to the very same prompt that were judged wrong.

    The i-th accepted one meets the i-th wrong one, both in (round, sample) order, the shorter list again from its
    start, until the longer one ends. Only different solutions count, and no two meet twice. Of what was sent as one
    prompt, or in one round, there are `PAIRS` at most; what those would have given each for itself, all together give.
    Those are chosen that `accept` takes; with "judged", all that passed.
    """
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        for steps in _grouped(_asked(trajectory), texts.prompt_key):
            chosen, rejected = _sides(steps, texts, accept)
            for better, worse in _pairs(chosen, rejected, _most(steps, texts, accept)):
                yield {
                    "prompt": _prompt(texts, better),
                    "chosen": [_reply(trajectory, texts, better, reasoning)],
                    "rejected": [_reply(trajectory, texts, worse, reasoning)],
                    **_provenance(trajectory, better, reasoning),
                    "rejected_hypothesis": worse.hypothesis.id,
                    "rejected_outcome": worse.verdict.outcome.value,
                    "rejected_feedback": feedback(worse.verdict),
                }


def _grouped(steps: Iterable[Step], key: Callable[[Step], str]) -> Iterable[list[Step]]:
    groups: dict[str, list[Step]] = {}
    for step in steps:
        groups.setdefault(key(step), []).append(step)
    return groups.values()


def _sides(steps: Sequence[Step], texts: RowTexts, accept: Accepted) -> tuple[list[Step], list[Step]]:
    """The different ones that may be chosen, and those that may be rejected."""
    chosen = _different((step for step in steps if _good(step.verdict, accept)), texts)
    return list(chosen), list(_different((step for step in steps if _wrong(step)), texts))


def _most(steps: Sequence[Step], texts: RowTexts, accept: Accepted) -> int:
    """How many pairs the steps of one prompt give at most."""
    each = 0
    for sent in _grouped(steps, lambda step: step.hypothesis.prompt_sha):
        chosen, rejected = _sides(sent, texts, accept)
        each += min(PAIRS, max(len(chosen), len(rejected))) if chosen and rejected else 0
    chosen, rejected = _sides(steps, texts, accept)
    rounds = len({step.hypothesis.round for step in steps})
    return max(each, min(PAIRS * rounds, max(len(chosen), len(rejected))))


def _pairs(chosen: Sequence[Step], rejected: Sequence[Step], most: int) -> Iterator[tuple[Step, Step]]:
    """Different pairs, every one of the longer list before any comes again."""
    cycle = lcm(len(chosen), len(rejected))
    for index in range(min(most, len(chosen) * len(rejected))):
        yield chosen[index % len(chosen)], rejected[(index + index // cycle) % len(rejected)]


FORMATS: dict[str, Rows] = {"sft": sft_rows, "preference": preference_rows, "messages": messages_rows}
"""Name → what makes its rows."""


def feedback(verdict: Verdict) -> str:
    """What the tools found, in words that were fit for the model's eyes; else how many checks passed."""
    if verdict.feedback:
        return _text(verdict.feedback)
    if not verdict.checks:
        return verdict.outcome.value
    passed = sum(check.outcome is Outcome.PASSED for check in verdict.checks)
    return f"{passed} of {len(verdict.checks)} checks passed"


def _kept(trajectory: Trajectory, texts: RowTexts, accept: Accepted) -> Iterator[Step]:
    steps = (
        step
        for step in _asked(trajectory)
        if taken(step.verdict, accept)
        or (accept == "judged" and step.verdict.outcome is not Outcome.UNSCORED and not _unjudged(step))
    )
    return _different((step for step in steps if step.hypothesis.text.strip()), texts)


def _asked(trajectory: Trajectory) -> Iterator[Step]:
    """What a model was asked for: a program that the task begins with is nobody's answer to anything."""
    return (step for step in trajectory.steps if not step.hypothesis.given)


def _different(steps: Iterable[Step], texts: RowTexts) -> Iterator[Step]:
    """The first of those whose solutions (or replies, where none was found) to one prompt are the same."""
    seen: set[tuple[str, str]] = set()
    for step in steps:
        solution = step.hypothesis.solution
        key = (texts.prompt_key(step), (step.hypothesis.text if solution is None else solution).strip())
        if key not in seen:
            seen.add(key)
            yield step


def _good(verdict: Verdict, accept: Accepted) -> bool:
    return taken(verdict, accept) or (accept == "judged" and verdict.passed)


def _wrong(step: Step) -> bool:
    return step.verdict.outcome in WRONG and bool(step.hypothesis.text.strip()) and not _unjudged(step)


def _unjudged(step: Step) -> bool:
    """Whether it repeats another under other names: nobody has found out what it does."""
    return step.verdict.repeats is not None and step.verdict.outcome is Outcome.INVALID


def _prompt(texts: RowTexts, step: Step) -> list[dict[str, Any]]:
    return [{"role": turn.role, "content": _text(turn.content)} for turn in texts.prompt(step)]


def _reply(trajectory: Trajectory, texts: RowTexts, step: Step, reasoning: bool) -> dict[str, Any]:
    """The reply as a message. What was thought before it is a field of its own, or left out: nobody has judged it."""
    # Runs of earlier versions have both in one text.
    thought, said = part(trajectory.task, step.hypothesis.text)
    thought = step.hypothesis.reasoning or thought
    kept = {"reasoning_content": _text(thought)} if reasoning and thought else {}
    return {"role": "assistant", "content": _text(texts.answer(step, said)), **kept}


def _provenance(trajectory: Trajectory, step: Step, reasoning: bool) -> dict[str, Any]:
    hypothesis, verdict = step.hypothesis, step.verdict
    return {
        "task": trajectory.task.id,
        "kind": trajectory.task.kind,
        "split": trajectory.task.split,
        "hypothesis": hypothesis.id,
        "round": hypothesis.round,
        "parents": list(hypothesis.parents),
        "best": hypothesis.best,
        "model": hypothesis.model,
        "adapter": hypothesis.adapter,
        "verified": verdict.verified,
        **({"reasoning_verified": False} if reasoning else {}),
        "outcome": verdict.outcome.value,
        "strength": verdict.strength.value,
        "feedback": feedback(verdict),
        "verifier": verdict.verifier,
        "sandbox": verdict.sandbox,
        "tree": verdict.tree,
        "run": trajectory.run,
        "prompt_sha": hypothesis.prompt_sha,
    }


def _text(text: str) -> str:
    """Text that can be written: halves of surrogate pairs, which models can produce, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
