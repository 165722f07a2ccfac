"""Nothing held out gets through, in whatever clothes; what only shares a template or an idiom does."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Hypothesis, Message, Sampling, Step, StopReason, Trajectory
from gristmill.graph.tasks.families.registry import FAMILIES
from gristmill.graph.tasks.generate import generate_list_functions
from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.curate import CurateConfig, Curated, curate
from gristmill.trainers.data.curation.contamination import decontaminate
from gristmill.trainers.data.curation.heldout import HeldOut
from gristmill.trainers.data.curation.sources import benchmarks
from gristmill.trainers.data.export import FORMATS, export_rows
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict

pytest.importorskip("rensa")
PUBLIC = Path("/work/shared/data")
ASK = (Message(role="user", content="Do it."),)
PROGRAM = """def running(numbers, limit):
    total = 0
    found = []
    for number in numbers:
        if number > limit:
            total += number * 2
            found.append(total)
    return found"""
SECRET = Task(
    id="secret",
    kind="code",
    split="test",
    prompt="Given numbers and a limit, walk over all of them and keep the doubled running total of what exceeds it.",
    reference=PROGRAM,
)
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau".split()


def story(task: Task, *solutions: str, run: str = "r", outcome: Outcome = Outcome.PASSED) -> Trajectory:
    steps = []
    for sample, solution in enumerate(solutions):
        hypothesis = Hypothesis(
            id=f"{task.id}/0/{sample}", task_id=task.id, round=0, sample=sample, text=f"```python\n{solution}\n```",
            solution=solution, proposer="t", model="t", sampling=Sampling(), prompt_sha=prompt_sha(ASK),
        )  # fmt: skip
        verdict = Verdict(
            outcome=outcome, score=float(outcome is Outcome.PASSED), strength=Strength.TESTED, verifier="code/1"
        )
        steps.append(Step(hypothesis=hypothesis, verdict=verdict))
    return Trajectory(run=run, task=task, prompts={prompt_sha(ASK): ASK}, steps=tuple(steps), stop=StopReason.ROUNDS)


def asked(name: str, prompt: str, *tags: str) -> Task:
    return Task(id=name, kind="code", prompt=prompt, split="train", tags=tags)


def unlike(seed: int, length: int = 20) -> str:
    """A question that shares no run of words with any other."""
    chance = random.Random(seed)
    return " ".join(f"{chance.choice(WORDS)}{chance.randrange(1000)}" for _ in range(length))


def why(curated: Curated) -> list[tuple[str, str, str]]:
    assert curated.decontamination is not None
    return [(each.source, each.held_out, each.by) for each in curated.decontamination.matches]


RENAMES = {"running": "walk", "numbers": "xs", "number": "x", "limit": "top", "total": "acc", "found": "out"}


def dressed(choice: Sequence[bool], names: Sequence[str]) -> str:
    """The secret program under other names, in another layout, commented, documented, annotated, with a helper."""
    text = PROGRAM
    renamed, wide, commented, documented, helped = choice
    if renamed:
        for old, new in zip(RENAMES, names, strict=True):
            text = re.sub(rf"\b{old}\b", f"{new}_", text)
    if wide:
        text = text.replace("    ", "\t").replace(" = ", "=").replace("\n", "\r\n")
    if commented:
        text = text.replace("\n", "  # and so on\n", 1)
    if documented:
        head, _, rest = text.partition("\n")
        indent = "\t" if wide else "    "
        text = f'{head}\n{indent}"""Says what it does."""\n{rest}'
    if helped:
        text = f"import math\n\ndef other(a):\n    return math.sqrt(a)\n\n{text}"
    return text


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(*[st.booleans()] * 5),
    st.permutations(sorted(RENAMES.values())),
    st.integers(0, 9),
)
def test_a_held_out_solution_is_found_in_other_clothes(choice: tuple[bool, ...], names: list[str], seed: int) -> None:
    curated = curate(
        [story(asked("t", unlike(seed)), dressed(choice, names), "def f(a):\n    return a")], held_out=[SECRET]
    )
    assert why(curated) == [("test", "secret", "structure")]
    assert [row["hypothesis"] for row in curated.rows] == ["t/0/1"]
    assert curated.dropped == {"solves as a held-out task is solved": 1}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 6), st.integers(0, 99), st.sampled_from(["\n", "\t", "  ", " – ", ", "]), st.booleans())
def test_a_held_out_prompt_is_found_in_part_and_however_it_is_written(
    start: int, seed: int, space: str, loud: bool
) -> None:
    words = SECRET.prompt.rstrip(".").split()
    shared = space.join(words[start : start + 13])
    prompt = f"{unlike(seed, 30)} {shared.upper() if loud else shared} {unlike(seed + 1, 30)}"
    curated = curate([story(asked("t", prompt), "def f(a):\n    return a")], held_out={"mine": [SECRET]})
    assert why(curated) == [("mine", "secret", "words")]
    assert not curated.rows
    fewer = f"{unlike(seed, 30)} {space.join(words[start : start + 12])} {unlike(seed + 1, 30)}"
    assert not why(curate([story(asked("t", fewer), "def f(a):\n    return a")], held_out=[SECRET]))


def test_a_reply_that_says_what_is_held_out_is_found_whatever_it_solves() -> None:
    told = f'def f(a):\n    """{SECRET.prompt}"""\n    return a'
    assert why(curate([story(asked("t", unlike(1)), told)], held_out=[SECRET])) == [("test", "secret", "words")]


def test_words_of_a_template_count_for_nothing_and_whole_prompts_within_others_do() -> None:
    preamble = "You are given a list of whole numbers and shall write one function in Python that is called f."
    held = [Task(id="h", kind="code", split="gate", prompt=f"{preamble} {unlike(0, 12)}")]
    many = [
        story(asked(f"t{n}", f"{preamble} {unlike(n + 1, 12)}"), f"def f(a):\n    return a + {n}") for n in range(12)
    ]
    curated = curate(many, held_out=held)
    assert len(curated.rows) == 12
    assert curated.decontamination is not None
    assert curated.decontamination.templates > 0
    assert len(curate(many[:2], held_out=held).rows) == 0, "two tasks make no template"
    copied = [
        story(asked(f"c{n}", f"{unlike(n + 50, 9)} {held[0].prompt}"), "def f(a):\n    return a") for n in range(12)
    ]
    curated = curate([*many, *copied], held_out=held)
    assert {row["task"] for row in curated.rows} == {each.task.id for each in many}
    assert curated.dropped["of a held-out task or a near-copy of one"] == 12


def test_held_out_combinations_of_a_generated_family_are_no_contamination() -> None:
    tasks = generate_list_functions(seed=3, train=96, gate=48, test=96)
    preamble = "Write one expression in Python on the list of whole numbers xs which comes to what is said here: "
    tasks = [task.model_copy(update={"prompt": preamble + task.prompt}) for task in tasks]
    train, held = ([task for task in tasks if (task.split == "train") is side] for side in (True, False))
    curated = curate([story(task, task.reference or "") for task in train], held_out=held)
    assert len(curated.rows) == 96
    sibling = train[0].model_copy(update={"id": "copy", "prompt": held[0].prompt})
    assert why(curate([story(sibling, "def f(xs):\n    return xs")], held_out=held))[0][2] == "prompt"
    solved = curate([story(train[0], held[0].reference or "")], held_out=held)
    assert why(solved)[0][2] == "structure"


def test_short_solutions_are_anybodys() -> None:
    held = [Task(id="h", kind="code", prompt=unlike(0), reference="def total(xs):\n    return sum(xs)")]
    assert (
        len(curate([story(asked("t", unlike(1)), "def f(values):\n    return sum(values)")], held_out=held).rows) == 1
    )


def stories(seed: int) -> list[Trajectory]:
    """Tasks of two runs, some with a template, some that took from what is held out, some that nearly say it again."""
    chance = random.Random(seed)
    template = " ".join(WORDS[:15])
    made = []
    for n in range(chance.randint(3, 14)):
        prompt = chance.choice([template + " ", "", SECRET.prompt[: chance.randint(40, 110)] + " "]) + unlike(n, 6)
        solutions = chance.sample(
            [PROGRAM, *(f"def f(a):\n    return a + {k}" for k in range(4))], chance.randint(1, 4)
        )
        for run in chance.sample(["one", "two"], chance.randint(1, 2)):
            made.append(story(asked(f"t{n}", prompt), *solutions, run=run))
    return made


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_what_was_curated_stays_and_no_order_matters(seed: int) -> None:
    template = Task(id="k", kind="code", split="gate", prompt=" ".join(WORDS[:15]) + " omega9 omega8 omega7")
    held, given_ = [SECRET, template], stories(seed)
    first = curate(given_, held_out=held)
    assert len(first.rows) + sum(first.dropped.values()) == sum(len(each.steps) for each in given_)
    shuffled = list(given_)
    random.Random(seed).shuffle(shuffled)
    again = curate(shuffled, held_out=held)
    assert names(again) == names(first)
    assert again.dropped == first.dropped
    kept = [
        each.model_copy(update={"steps": tuple(s for s in each.steps if (each.run, s.hypothesis.id) in names(first))})
        for each in given_
    ]
    assert curate(kept, held_out=held).rows == first.rows
    text = json.dumps(first.rows)
    assert "doubled running total of what exceeds it" not in text
    assert "total += number * 2" not in text


def names(curated: Curated) -> set[tuple[str, str]]:
    return {(row["run"], row["hypothesis"]) for row in curated.rows}


def of(task: Task, step: Step) -> Step:
    """The step as another one of this task."""
    changed = step.hypothesis.model_copy(update={"id": f"{task.id}/0/9", "task_id": task.id})
    return step.model_copy(update={"hypothesis": changed})


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_looked_through(format: str) -> None:
    good = "def f(a):\n    return a"
    runs = [
        story(asked("clean", unlike(1)), good),
        story(asked("says", unlike(2)), good),
        story(asked("copies", unlike(3) + " " + SECRET.prompt), good),
    ]
    wrong = story(asked("x", unlike(1)), "def f(a):\n    return 1", outcome=Outcome.FAILED).steps[0]
    runs = [each.model_copy(update={"steps": (*each.steps, of(each.task, wrong))}) for each in runs]
    held = {"mine": [SECRET, asked("other", "unlike").model_copy(update={"prompt": unlike(2)})]}
    rows = export_rows(runs, format)
    assert {row["task"] for row in rows} == {"clean", "says", "copies"}
    kept, report = decontaminate(rows, HeldOut(held), runs)
    assert {row["task"] for row in kept} == {"clean"}
    assert report.rows == len(rows) == len(kept) + len(report.matches)
    assert all(each.words is None for each in report.matches)
    assert "doubled" not in report.model_dump_json()
    told = decontaminate(rows, HeldOut(held), runs, show_words=True)[1]
    assert "doubled" in told.model_dump_json()


def test_benchmarks_that_are_not_at_hand_are_said(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps({"question": "How many?", "answer": "So #### 4"}) + "\n")
    read, left = benchmarks(f"gsm8k={file},mbpp, ifeval")
    assert [task.prompt for task in read["gsm8k"]] == ["How many?"]
    assert set(left) == {"mbpp", "ifeval"}
    assert "mbpp=FILE" in left["mbpp"]
    assert benchmarks(None) == ({}, {})
    for wrong, said in (
        ("mmlu", "no benchmark is called 'mmlu'"),
        ("mbpp,mbpp", "named twice"),
        ("mbpp=hub", "a file"),
    ):
        with pytest.raises(UserError, match=said):
            benchmarks(wrong)


def test_files_and_benchmarks_of_the_config_are_held_out_too(tmp_path: Path) -> None:
    exam, rows = tmp_path / "exam.jsonl", tmp_path / "gsm8k.jsonl"
    case = {"type": "cases", "entry_point": "running", "cases": [{"args": [[1], 0], "expected": [2]}]}
    whole = SECRET.model_dump(mode="json", exclude_unset=True) | {"tests": [case]}
    exam.write_text(json.dumps(whole) + "\n")
    (tmp_path / "other").mkdir()
    same = tmp_path / "other/exam.jsonl"
    same.write_text(json.dumps(whole | {"id": "more", "prompt": unlike(9)}) + "\n")
    rows.write_text(json.dumps({"question": unlike(7), "answer": "So #### 4"}) + "\n")
    config = CurateConfig(held_out=(str(exam), str(same)), against=f"gsm8k={rows},math500")
    told = [story(asked("t", unlike(1)), PROGRAM), story(asked("u", "First: " + unlike(7)), "def f(a):\n    return a")]
    curated = curate(told, held_out=[], config=config)
    assert why(curated) == [("exam.jsonl", "secret", "structure"), ("gsm8k", "gsm8k/0", "prompt")]
    assert curated.decontamination is not None
    assert set(curated.decontamination.unchecked) == {"math500"}
    assert curated.decontamination.checked == {"exam.jsonl": 1, f"file {same}": 1, "gsm8k": 1}


@pytest.mark.parametrize("name", FAMILIES)
def test_no_row_of_a_family_is_left_out_for_its_wording(name: str) -> None:
    train, held = (FAMILIES[name].draw(split=split, seed=0, draw=0, count=40) for split in ("train", "test"))
    curated = curate([story(task, task.reference or task.answer or "") for task in train], held_out=held)
    # The same program may answer two wordings; whoever draws the tasks is to see that it does not.
    assert {by for _, _, by in why(curated)} <= {"structure"}
    assert len(curated.rows) >= 38


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public data sets of /work/shared/data are not here")
def test_of_unrelated_benchmarks_only_what_both_ask_is_left_out() -> None:
    files = {"humaneval": "humaneval/HumanEval.jsonl.gz", "mbpp": "mbpp/mbpp.jsonl.gz"}
    code = {name: import_tasks(name, PUBLIC / file) for name, file in files.items()}
    # The greatest common divisor, the greatest number, Fibonacci's, and the area of a triangle.
    both = {("HumanEval/13", "MBPP/45"), ("HumanEval/35", "MBPP/517"), ("HumanEval/55", "MBPP/960")}
    both |= {("HumanEval/71", "MBPP/334")}
    for one, other in (("humaneval", "mbpp"), ("mbpp", "humaneval")):
        runs = [story(task, task.reference or "") for task in code[one]]
        report = decontaminate(export_rows(runs, "sft"), HeldOut({other: code[other]}), runs)[1]
        pairs = {tuple(sorted((each.task, each.held_out))) for each in report.matches}
        assert pairs == both
        assert not decontaminate(export_rows(runs, "sft"), HeldOut({one: code[one]}), runs)[0]
