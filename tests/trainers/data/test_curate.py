"""What becomes a row, and what is left out for which reason."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.graph.prompts.messages import messages_for, prompt_sha
from gristmill.graph.records import Hypothesis, Message, Sampling, Step, StopReason, Trajectory
from gristmill.trainers.data.curate import CurateConfig, curate
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from gristmill.verifiers.settling import Accept

PROMPT = (Message(role="user", content="Do it."),)


def task(id: str, prompt: str) -> Task:
    return Task(id=id, kind="math", prompt=prompt, answer="1")


def step(sample: int, solution: str | None, outcome: Outcome, strength: Strength = Strength.TESTED) -> Step:
    hypothesis = Hypothesis(
        id=f"t/0/{sample}",
        task_id="t",
        round=0,
        sample=sample,
        text=solution or "?",
        solution=solution,
        proposer="test",
        model="test",
        sampling=Sampling(),
        prompt_sha=prompt_sha(PROMPT),
    )
    score = None if outcome is Outcome.UNSCORED else float(outcome is Outcome.PASSED)
    verdict = Verdict(outcome=outcome, score=score, strength=strength, verifier="test/1", feedback="as it was")
    return Step(hypothesis=hypothesis, verdict=verdict)


def trajectory(steps: Sequence[Step], prompt: str = "Return the sum of the even numbers of xs.") -> Trajectory:
    return Trajectory(
        run="r",
        task=task("t", prompt),
        prompts={prompt_sha(PROMPT): PROMPT},
        steps=tuple(steps),
        stop=StopReason.ROUNDS,
    )


def solutions(rows: Sequence[dict[str, object]]) -> list[object]:
    return [row["completion"][0]["content"] for row in rows]  # type: ignore[index]


def test_only_what_was_verified_becomes_a_row() -> None:
    curated = curate(
        [
            trajectory(
                [
                    step(0, "a", Outcome.PASSED),
                    step(1, "b", Outcome.FAILED),
                    step(2, "c", Outcome.UNSCORED),
                    step(3, "d", Outcome.FLAKY),
                    step(4, "e", Outcome.PASSED, Strength.SELF_ASSESSED),
                    step(5, "f", Outcome.PASSED, Strength.FORWARDED),
                    step(6, None, Outcome.INVALID),
                    step(7, "g", Outcome.REFUSED),
                    step(8, "h", Outcome.PASSED, Strength.TOGETHER),
                ]
            )
        ],
        held_out=[],
    )
    assert solutions(curated.rows) == ["a"]
    assert curated.dropped == {"not verified": 7, "without a usable solution": 1}
    assert curated.rows[0]["verifier"] == "test/1"
    bare = messages_for(task("t", "Return the sum of the even numbers of xs."), profile="chat", round=0)
    assert curated.rows[0]["prompt"] == [turn.model_dump() for turn in bare]
    assert curated.rows[0]["prompt_sha"] == prompt_sha(PROMPT)
    config = CurateConfig(prompts="asked")
    (row,) = curate([trajectory([step(0, "a", Outcome.PASSED)])], held_out=[], config=config).rows
    assert row["prompt"] == [{"role": "user", "content": "Do it."}]


def test_what_is_accepted_beside_becomes_rows_that_are_not_called_verified() -> None:
    steps = [
        step(place, strength.value, Outcome.PASSED, strength)
        for place, strength in enumerate((Strength.TESTED, Strength.SPLIT, Strength.TOGETHER, Strength.FORWARDED))
    ]
    story = trajectory([*steps, step(4, "refused", Outcome.REFUSED, Strength.TOGETHER)])
    accepts: tuple[Accept, ...] = ("verified", "split", "together")
    for many, accept in enumerate(accepts, 1):
        curated = curate([story], held_out=[], accept=accept)
        assert [row["strength"] for row in curated.rows] == ["tested", "split", "together"][:many]
        assert [row["verified"] for row in curated.rows] == [True, False, False][:many]
        assert sum(curated.dropped.values()) == 5 - many


def test_the_same_program_in_another_layout_is_a_duplicate() -> None:
    steps = [step(0, "f = 1  # one", Outcome.PASSED), step(1, "f=1", Outcome.PASSED), step(2, "f=2", Outcome.PASSED)]
    curated = curate([trajectory(steps)], held_out=[])
    assert solutions(curated.rows) == ["f = 1  # one", "f=2"]
    assert curated.dropped == {"duplicate": 1}


def test_a_task_gives_no_more_rows_than_its_bound() -> None:
    steps = [step(place, f"f={place}", Outcome.PASSED) for place in range(6)]
    curated = curate([trajectory(steps)], held_out=[], config=CurateConfig(per_task=2))
    assert len(curated.rows) == 2
    assert curated.dropped == {"over the bound per task": 4}


def test_held_out_tasks_and_near_copies_of_them_never_reach_the_rows() -> None:
    steps = [step(0, "f=1", Outcome.PASSED)]
    same_id = curate([trajectory(steps)], held_out=[task("t", "Something else altogether, at length.")])
    near = curate([trajectory(steps)], held_out=[task("other", "return the SUM of the even numbers of `xs`!")])
    assert same_id.rows == near.rows == ()
    assert near.dropped == {"of a held-out task or a near-copy of one": 1}


def test_a_sibling_task_with_another_rule_is_no_near_copy() -> None:
    held_out = [task("other", "Return the sum of the odd numbers of xs."), task("more", "Return the sum of the even.")]
    assert len(curate([trajectory([step(0, "f=1", Outcome.PASSED)])], held_out=held_out).rows) == 1


def test_the_control_draws_parsed_replies_of_the_size_asked_for_whatever_their_verdict() -> None:
    steps = [step(place, f"f={place}", Outcome.FAILED) for place in range(5)] + [step(9, None, Outcome.INVALID)]
    config = CurateConfig(verified=False, size=3)
    curated = curate([trajectory(steps)], held_out=[], config=config)
    assert len(curated.rows) == 3
    assert curated == curate([trajectory(steps)], held_out=[], config=config)
