"""Rows in the shapes of other trainers, made from the same replies as those of `gristmill.trainers.data.formats`.

- `unpaired`: ``{"prompt", "completion", "label"}``, TRL's form for KTO: a reply and whether it was accepted.
- `stepwise`: ``{"prompt": text, "completions": [text], "labels": [bool]}``, TRL's form for process rewards. The steps
  are the attempts of one lineage, oldest first, and a label says whether that attempt was accepted.
- `sharegpt`: ``{"conversations": [{"from", "value"}]}``; `alpaca`: ``{"instruction", "input", "output", "system",
  "history"}``, where history holds earlier turns in pairs, as LLaMA-Factory reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from gristmill.graph.records import Step, Trajectory
from gristmill.trainers.data.formats import sft_rows
from gristmill.trainers.data.prompting import Prompting, RowTexts
from gristmill.trainers.data.steps import (
    Accepted,
    accepted_steps,
    asked_steps,
    is_accepted,
    is_wrong,
    prompt_turns,
    provenance,
    reply_turn,
    unique_steps,
)

__all__ = ["alpaca_rows", "sharegpt_rows", "stepwise_rows", "unpaired_rows"]

_PLAIN: Final = Prompting()
_SPEAKERS: Final = {"system": "system", "user": "human", "assistant": "gpt"}


def unpaired_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """A row for each different reply that was accepted or judged wrong; `label` is true for the former."""
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        said = (
            step for step in asked_steps(trajectory) if is_accepted(step.verdict, accept) or is_wrong(texts.task, step)
        )
        for step in unique_steps(said, texts):
            yield {
                "prompt": prompt_turns(texts, step),
                "completion": [reply_turn(trajectory, texts, step, reasoning)],
                "label": is_accepted(step.verdict, accept),
                **provenance(trajectory, step, reasoning),
            }


def stepwise_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """A row for each different accepted reply: the attempts that it was built on, one on the other, and itself.

    Of several parents the first counts. A lineage with an attempt that was not judged is left out.
    """
    for trajectory in trajectories:
        texts = RowTexts(trajectory, prompting)
        by_id = {step.hypothesis.id: step for step in trajectory.steps}
        for step in accepted_steps(trajectory, texts, accept):
            line = _lineage(step, by_id)
            if any(not (is_accepted(each.verdict, accept) or is_wrong(texts.task, each)) for each in line):
                continue
            yield {
                "prompt": "\n\n".join(turn["content"] for turn in prompt_turns(texts, line[0])),
                "completions": [reply_turn(trajectory, texts, each, False)["content"] for each in line],
                "labels": [is_accepted(each.verdict, accept) for each in line],
                **provenance(trajectory, step, False),
            }


def sharegpt_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """The rows of `sft`, as conversations between a human and a GPT."""
    for turns, rest in _conversations(trajectories, accept, prompting):
        said = [{"from": _SPEAKERS[turn["role"]], "value": turn["content"]} for turn in turns]
        yield {"conversations": said, **rest}


def alpaca_rows(
    trajectories: Iterable[Trajectory],
    *,
    accept: Accepted = "verified",
    reasoning: bool = False,
    prompting: Prompting = _PLAIN,
) -> Iterator[dict[str, Any]]:
    """The rows of `sft`, as an instruction and its output; turns before the last question are `history`."""
    for turns, rest in _conversations(trajectories, accept, prompting):
        system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
        said = [turn["content"] for turn in turns if turn["role"] != "system"]
        *earlier, question, answer = said
        yield {
            "instruction": question,
            "input": "",
            "output": answer,
            "system": system,
            "history": [list(pair) for pair in zip(earlier[::2], earlier[1::2], strict=True)],
            **rest,
        }


def _conversations(
    trajectories: Iterable[Trajectory], accept: Accepted, prompting: Prompting
) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """The turns of each row of `sft`, the answer last, and its provenance. None of these shapes holds reasoning."""
    for row in sft_rows(trajectories, accept=accept, prompting=prompting):
        yield [*row.pop("prompt"), *row.pop("completion")], row


def _lineage(step: Step, by_id: Mapping[str, Step]) -> Sequence[Step]:
    """A step and what it was built on, the oldest first; programs that the task begins with are nobody's attempt."""
    line = [step]
    while (parents := line[0].hypothesis.parents) and (above := by_id.get(parents[0])) and not above.hypothesis.given:
        line.insert(0, above)
    return line
