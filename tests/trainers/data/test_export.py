"""From a stored run to datasets: what is a row, what is left out, and what the files hold."""

from __future__ import annotations

import hashlib
import html
import json
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gristmill.graph.prompts.messages import messages_for, prompt_sha
from gristmill.graph.records import Hypothesis, Message, Sampling, Step, StopReason, Trajectory
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.plain import plain
from gristmill.trainers.cli import app
from gristmill.trainers.commands.learn import _rows
from gristmill.trainers.data.export import FORMATS, export_rows, write_dataset
from gristmill.trainers.data.formats import PAIRS
from gristmill.trainers.data.prompting import Profile
from gristmill.trainers.rewards import compute_score
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Apart, Check, Outcome, Strength, Task, Verdict
from gristmill.verifiers.standing.judge import standing

as_sent = partial(export_rows, prompts="asked")
ANSWERLESS = ("grpo", "verl", "nemo_gym")
ASK = (Message(role="system", content="Be brief."), Message(role="user", content="Double n."))
SHA = hashlib.sha256(b"ask").hexdigest()


def step(
    sample: int,
    outcome: Outcome,
    text: str,
    *,
    round: int = 0,
    prompt: str = SHA,
    strength: Strength = Strength.TESTED,
    feedback: str = "",
    parents: tuple[str, ...] = (),
) -> Step:
    hypothesis = Hypothesis(
        id=f"t/{round}/{sample}",
        task_id="t",
        round=round,
        sample=sample,
        text=text,
        solution=text.strip() or None,
        parents=parents,
        proposer="chat",
        model="small-1",
        adapter="night-1",
        sampling=Sampling(),
        prompt_sha=prompt,
    )
    verdict = Verdict(
        outcome=outcome,
        score=None if outcome is Outcome.UNSCORED else float(outcome is Outcome.PASSED),
        strength=strength,
        feedback=feedback,
        checks=(Check(name="case 1", outcome=outcome),),
        verifier="code/1",
        sandbox="bubblewrap abc",
    )
    return Step(hypothesis=hypothesis, verdict=verdict)


def trajectory(
    *steps: Step, name: str = "t", split: str | None = "train", **prompts: tuple[Message, ...]
) -> Trajectory:
    task = Task(id=name, kind="code", prompt="Double n.", split=split)
    return Trajectory(run="night", task=task, prompts={SHA: ASK, **prompts}, steps=steps, stop=StopReason.TARGET)


FIXED = trajectory(
    step(0, Outcome.FAILED, "wrong", feedback="f(2) returned 3, expected 4"),
    step(0, Outcome.PASSED, "right", round=1, prompt="second", parents=("t/0/0",)),
    second=(*ASK, Message(role="assistant", content="wrong"), Message(role="user", content="f(2) returned 3. Again.")),
)


def test_only_verified_replies_are_rows() -> None:
    others = [outcome for outcome in Outcome if outcome is not Outcome.PASSED]
    steps = [
        *(step(n, outcome, f"not {outcome}") for n, outcome in enumerate(others)),
        step(50, Outcome.PASSED, "weak", strength=Strength.NUMERIC),
        step(51, Outcome.PASSED, "good"),
        step(52, Outcome.PASSED, "proved", strength=Strength.PROVED),
    ]
    for format in ("sft", "messages"):
        rows = as_sent([trajectory(*steps)], format)
        assert [row["hypothesis"] for row in rows] == ["t/0/51", "t/0/52"]
        assert all(row["verified"] for row in rows)
        all_rows = as_sent([trajectory(*steps)], format, accept="judged")
        assert [row["verified"] for row in all_rows].count(True) == 2
        assert "unscored" not in {row["outcome"] for row in all_rows}
        assert len(all_rows) == len(steps) - 1


WEAK = [
    step(0, Outcome.PASSED, "good"),
    step(1, Outcome.PASSED, "split", strength=Strength.SPLIT),
    step(2, Outcome.PASSED, "together", strength=Strength.TOGETHER),
    step(3, Outcome.PASSED, "forwarded", strength=Strength.FORWARDED),
    step(4, Outcome.FAILED, "bad"),
    step(5, Outcome.REFUSED, "refused", strength=Strength.TOGETHER),
]


@pytest.mark.parametrize(
    ("accept", "taken", "said", "tag"),
    [
        ("verified", [0], "All rows are verified", "verified"),
        ("split", [0, 1], "1 of 2 rows are verified", "partly-verified"),
        ("together", [0, 1, 2], "1 passed with the strength `together`", "partly-verified"),
        ("judged", [0, 1, 2, 3, 4, 5], "2 did not pass", "partly-verified"),
    ],
)
def test_passes_that_are_accepted_are_rows_that_say_what_they_are(
    accept: str, taken: list[int], said: str, tag: str, tmp_path: Path
) -> None:
    pending = Apart(outcome=Outcome.PASSED, score=1.0, strength=Strength.SPLIT)
    waits = step(6, Outcome.PASSED, "waits", strength=Strength.SPLIT)
    waits = waits.model_copy(update={"verdict": waits.verdict.model_copy(update={"apart": pending})})
    story = trajectory(*WEAK, *([waits] if accept != "judged" else []))
    rows = as_sent([story], "sft", accept=accept)
    assert [row["hypothesis"] for row in rows] == [f"t/0/{place}" for place in taken]
    assert [row["verified"] for row in rows] == [place == 0 for place in taken]
    assert [row["strength"] for row in rows[:3]] == ["tested", "split", "together"][: len(rows)]
    chosen = {row["hypothesis"]: row["verified"] for row in as_sent([story], "preference", accept=accept)}
    assert chosen == {f"t/0/{place}": place == 0 for place in taken if place < 4}
    written = write_dataset(rows, tmp_path / "set", format="sft", run="night")
    weaker = {strength: 1 for place, strength in ((3, "forwarded"), (1, "split"), (2, "together")) if place in taken}
    assert (written.verified, written.unverified) == (1, weaker)
    card = (tmp_path / "set/README.md").read_text()
    assert said in card
    assert yaml.safe_load(card.split("---")[1])["tags"] == ["gristmill", tag]
    with pytest.raises(UserError, match="is none of verified, split, together, judged"):
        export_rows([story], "sft", accept="all")


def test_a_row_says_where_it_comes_from_and_what_was_found() -> None:
    (row,) = as_sent([trajectory(step(3, Outcome.PASSED, "good", feedback="all 3 passed"))], "sft")
    assert row == {
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Double n."}],
        "completion": [{"role": "assistant", "content": "good"}],
        "task": "t",
        "kind": "code",
        "split": "train",
        "tags": [],
        "hypothesis": "t/0/3",
        "round": 0,
        "parents": [],
        "best": None,
        "model": "small-1",
        "adapter": "night-1",
        "verified": True,
        "outcome": "passed",
        "strength": "tested",
        "feedback": "all 3 passed",
        "verifier": "code/1",
        "sandbox": "bubblewrap abc",
        "tree": "",
        "run": "night",
        "prompt_sha": SHA,
    }


def test_the_same_solution_to_the_same_prompt_is_one_row() -> None:
    steps = [step(0, Outcome.PASSED, "a"), step(1, Outcome.PASSED, "a\n"), step(2, Outcome.PASSED, "b")]
    assert [row["hypothesis"] for row in as_sent([trajectory(*steps)], "sft")] == ["t/0/0", "t/0/2"]


def test_after_reflection_the_loss_falls_on_the_turn_that_fixes() -> None:
    (sft,) = as_sent([FIXED], "sft")
    assert [turn["role"] for turn in sft["prompt"]] == ["system", "user", "assistant", "user"]
    assert sft["prompt"][2]["content"] == "wrong"
    assert sft["completion"] == [{"role": "assistant", "content": "right"}]
    (whole,) = as_sent([FIXED], "messages")
    assert [(turn["role"], turn.get("weight")) for turn in whole["messages"]] == [
        ("system", None),
        ("user", None),
        ("assistant", 0),
        ("user", None),
        ("assistant", 1),
    ]
    assert whole["messages"][-1]["content"] == "right"


def test_rows_ask_the_bare_prompt_and_name_the_one_that_was_sent() -> None:
    bare = [turn.model_dump() for turn in messages_for(FIXED.task, profile="chat", round=0)]
    (row,) = export_rows([FIXED], "sft")
    assert (row["prompt"], row["prompt_sha"], row["round"], row["parents"]) == (bare, "second", 1, ["t/0/0"])
    assert row["completion"] == [{"role": "assistant", "content": "right"}]
    (whole,) = export_rows([FIXED], "messages")
    assert [(turn["role"], turn.get("weight")) for turn in whole["messages"]] == [
        ("system", None),
        ("user", None),
        ("assistant", 1),
    ]
    # What was right after reflection and what was wrong before it now answer the same.
    (pair,) = export_rows([FIXED], "preference")
    assert (pair["prompt"], pair["prompt_sha"]) == (bare, "second")
    assert pair_of(pair) == ("right", "wrong")
    (raw,) = export_rows([FIXED], "messages", prompts="task")
    assert [(turn["role"], turn.get("weight")) for turn in raw["messages"]] == [("user", None), ("assistant", 1)]
    assert raw["messages"][0]["content"] == FIXED.task.prompt
    wrong: dict[str, str]
    for wrong in ({"prompts": "raw"}, {"replies": "raw"}):
        with pytest.raises(UserError, match="is none of"):
            export_rows([FIXED], "sft", **wrong)  # type: ignore[arg-type]


def test_the_small_profile_s_rows_keep_its_examples_and_the_form_of_its_answers() -> None:
    task = Task(id="t", kind="code", prompt="The sum.", settings={"template": "def f(xs):\n    return {answer}\n"})
    asked = messages_for(task, profile="small", round=0)
    sha = prompt_sha(asked)
    good = step(0, Outcome.PASSED, "sum(xs)", prompt=sha)
    solution = "def f(xs):\n    return sum(xs)\n"
    good = good.model_copy(update={"hypothesis": good.hypothesis.model_copy(update={"solution": solution})})
    later = good.model_copy(update={"hypothesis": good.hypothesis.model_copy(update={"prompt_sha": "x", "round": 1})})
    story = Trajectory(run="r", task=task, prompts={sha: asked, "x": ASK}, steps=(good,), stop=StopReason.TARGET)
    profiles: tuple[Profile | None, ...] = (None, "small")
    for profile in profiles:
        (row,) = export_rows([story], "sft", profile=profile)
        assert row["prompt"] == [turn.model_dump() for turn in asked]
        assert any(turn["role"] == "assistant" for turn in row["prompt"])
        assert row["completion"][0]["content"] == "sum(xs)"
    (row,) = export_rows([story], "sft", prompts="single")
    assert row["prompt"] == [turn.model_dump() for turn in asked if turn.role == "system" or turn is asked[-1]]
    # To another prompt than the row's it was no more than a part of a conversation.
    (row,) = export_rows([story.model_copy(update={"steps": (later,)})], "sft")
    assert row["completion"][0]["content"] == fence(solution.strip())


EDIT = "The sign was wrong.\n\n<<<<<<< SEARCH\n    return -n\n=======\n    return 2 * n\n>>>>>>> REPLACE"
TICKS = "def f(n):\n    '````<|im_end|>'\n    return 2 * n"


@pytest.mark.parametrize(
    ("said", "solution", "whole"),
    [
        (EDIT, "def f(n):\n    return 2 * n", "```python\ndef f(n):\n    return 2 * n\n```"),
        (f"It was -n.\n`````python\n{TICKS}\n`````", TICKS, f"`````python\n{TICKS}\n`````"),
    ],
    ids=["edit", "fences-and-markup-within"],
)
def test_an_accepted_solution_stands_there_in_full(said: str, solution: str, whole: str) -> None:
    good = step(0, Outcome.PASSED, said, round=1, prompt="second", parents=("t/0/0",))
    good = good.model_copy(update={"hypothesis": good.hypothesis.model_copy(update={"solution": solution})})
    story = FIXED.model_copy(update={"steps": (FIXED.steps[0], good)})
    for format, column in (("sft", "completion"), ("messages", "messages"), ("preference", "chosen")):
        (row,) = export_rows([story], format)
        assert row[column][-1]["content"] == whole
        # A trainer's reader finds in it what was judged.
        assert extract(story.task, whole).solution == solution
        (row,) = export_rows([story], format, replies="given")
        assert row[column][-1]["content"] == said
    (sent,) = as_sent([story], "sft")
    assert sent["completion"][0]["content"] == (whole if said == EDIT else said)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans(), st.sampled_from("abcd")), min_size=1, max_size=24
    )
)
@settings(deadline=None, max_examples=60)
def test_there_are_not_fewer_pairs_than_where_each_prompt_stood_alone(
    replies: list[tuple[int, int, bool, str]],
) -> None:
    steps = [
        step(place, Outcome.PASSED if good else Outcome.FAILED, f"{'good' if good else 'bad'} {name}", round=round)
        for place, (round, _, good, name) in enumerate(replies)
    ]
    # As a search asked before this: a prompt for each parent of a round, several replies to each.
    before = sent([f"{round}/{parent}" for round, parent, _, _ in replies], steps)
    alone = {pair_of(row) for row in as_sent([before], "preference")}
    now = [pair_of(row) for row in export_rows([before], "preference", replies="given")]
    assert len(set(now)) == len(now) >= len(alone)
    # As it asks now, no two prompts alike: nothing would be left of them otherwise.
    after = sent([str(place) for place in range(len(steps))], steps)
    assert not as_sent([after], "preference")
    both = len({good for _, _, good, _ in replies}) == 2
    assert bool(export_rows([after], "preference")) is both


def sent(shas: list[str], steps: list[Step]) -> Trajectory:
    asked = [
        each.model_copy(update={"hypothesis": each.hypothesis.model_copy(update={"prompt_sha": sha})})
        for each, sha in zip(steps, shas, strict=True)
    ]
    return trajectory(*asked).model_copy(update={"prompts": dict.fromkeys(shas, ASK)})


def pair_of(row: dict[str, Any]) -> tuple[str, str]:
    return row["chosen"][0]["content"], row["rejected"][0]["content"]


def fence(code: str) -> str:
    return f"```python\n{code}\n```"


@pytest.mark.parametrize("name", ["x.csv", "rows.json", "deep/set.txt", "rows.jsonl.gz", "rows.JSONL"])
def test_a_file_of_another_kind_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"written as \.jsonl or \.parquet"):
        write_dataset(as_sent([FIXED], "sft"), tmp_path / name, format="sft", run="night")
    assert list(tmp_path.iterdir()) == []
    done = CliRunner().invoke(app, ["export", "night", "--out", str(tmp_path / name), "--workspace", str(tmp_path)])
    assert done.exit_code == 2
    assert "written as .jsonl or .parquet" in done.output
    assert list(tmp_path.iterdir()) == []
    write_dataset(as_sent([FIXED], "sft"), tmp_path / "set-v1.5", format="sft", run="night")


def test_what_is_exported_can_be_trained_on_as_it_lies(tmp_path: Path) -> None:
    rows = as_sent([FIXED], "sft")
    for name, parquet in (("a", False), ("b", True)):
        write_dataset(rows, tmp_path / name, format="sft", run="night", parquet=parquet)
    (tmp_path / "b/data/train.jsonl").unlink()
    write_dataset(rows, tmp_path / "one.parquet", format="sft", run="night")
    write_dataset(rows, tmp_path / "c", format="sft", run="night", prompts="single")
    write_dataset(rows, tmp_path / "d", format="sft", run="night", prompts="asked")
    cards = [(tmp_path / name / "README.md").read_text() for name in ("a", "c", "d")]
    assert ["asked without a search" in text for text in cards] == [True, True, False]
    assert ["without examples" in text for text in cards] == [False, True, False]
    for place in ("a", "a/data", "b", "a/data/train.jsonl", "b/data/train.parquet", "one.parquet"):
        assert same(_rows(tmp_path / place), rows), place
    write_dataset(as_sent([FIXED], "messages"), tmp_path / "m.parquet", format="messages", run="night")
    with pytest.raises(UserError, match="--format sft"):
        _rows(tmp_path / "m.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(UserError, match="no Parquet file"):
        _rows(tmp_path / "bad.parquet")
    with pytest.raises(UserError, match=r"no data/train\.jsonl"):
        _rows(tmp_path)


def test_pairs_answer_the_same_prompt_and_reject_only_what_was_judged_wrong() -> None:
    assert as_sent([FIXED], "preference") == []  # right and wrong answer different prompts
    steps = [
        step(0, Outcome.PASSED, "good"),
        step(1, Outcome.UNSCORED, "lost"),
        step(2, Outcome.FLAKY, "by chance"),
        step(7, Outcome.REFUSED, "beside its tests"),
        step(8, Outcome.PASSED, "beside its tests, and taken", strength=Strength.TOGETHER),
        step(3, Outcome.FAILED, "bad", feedback="no"),
        step(4, Outcome.TIMEOUT, "slow"),
        step(5, Outcome.FAILED, "bad"),
        step(6, Outcome.INVALID, "  "),
    ]
    rows = as_sent([trajectory(*steps)], "preference")
    assert [(row["hypothesis"], row["rejected_hypothesis"]) for row in rows] == [("t/0/0", "t/0/3"), ("t/0/0", "t/0/4")]
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "good"}]
    assert rows[0]["rejected"] == [{"role": "assistant", "content": "bad"}]
    assert (rows[0]["rejected_outcome"], rows[0]["rejected_feedback"]) == ("failed", "no")


@pytest.mark.parametrize("format", ["preference", "unpaired"])
def test_who_was_stopped_early_is_wrong_only_where_the_target_was_out_of_reach(format: str) -> None:
    def stopped(sample: int, text: str, **metrics: float) -> Step:
        made = step(sample, Outcome.FAILED, text)
        return made.model_copy(update={"verdict": made.verdict.model_copy(update={"metrics": metrics})})

    open, beaten = stopped(1, "slow", stopped=1.0, undecided=1.0), stopped(2, "poor", stopped=1.0)
    steps = [step(0, Outcome.PASSED, "good"), open, beaten]

    def wrong(kind: str) -> list[str]:
        task = Task(id="t", kind=kind, prompt="?", split="train", environment="pendulum" if kind == "reward" else None)
        rows = as_sent([trajectory(*steps).model_copy(update={"task": task})], format)
        return [row.get("rejected_hypothesis", row["hypothesis"]) for row in rows if not row.get("label")]

    assert wrong("reward") == ["t/0/2"]
    # A metric that an evaluator of the task's author calls so says nothing of the kind.
    assert wrong("code") == ["t/0/1", "t/0/2"]


def test_pairs_are_different_and_bounded() -> None:
    steps = [step(n, Outcome.PASSED, f"good {n}") for n in range(3)]
    steps += [step(10 + n, Outcome.FAILED, f"bad {n}") for n in range(9)]
    rows = as_sent([trajectory(*steps)], "preference")
    pairs = {(row["hypothesis"], row["rejected_hypothesis"]) for row in rows}
    assert len(pairs) == len(rows) == PAIRS
    assert len({row["rejected_hypothesis"] for row in rows}) == PAIRS


def test_halves_of_surrogate_pairs_do_not_break_a_file(tmp_path: Path) -> None:
    rows = as_sent([trajectory(step(0, Outcome.PASSED, "a\ud800b"))], "sft")
    written = write_dataset(rows, tmp_path / "d", format="sft", run="night", parquet=True)
    assert len(written.files) == 3
    assert rows[0]["completion"][0]["content"] == "a\ufffdb"


@pytest.mark.parametrize("format", FORMATS)
def test_folder_holds_a_file_for_each_split_and_a_card(format: str, tmp_path: Path) -> None:
    both = (step(0, Outcome.PASSED, "good"), step(1, Outcome.FAILED, "bad"))
    stories = [trajectory(*both), trajectory(*both, name="u", split="test"), trajectory(*both, name="v", split=None)]
    rows = export_rows(stories, format)
    out = tmp_path / "set"
    written = write_dataset(rows, out, format=format, run="night", license="apache-2.0", parquet=True)
    each = 2 if format == "unpaired" else 1
    assert written.rows == {"train": 2 * each, "test": each}
    for split, names in (("train", ["t", "v"]), ("test", ["u"])):
        lines = [json.loads(line) for line in (out / "data" / f"{split}.jsonl").read_text().splitlines()]
        assert [row["task"] for row in lines[::each]] == names
        assert same(pq.read_table(out / "data" / f"{split}.parquet").to_pylist(), lines)
    text = (out / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "apache-2.0"
    assert front["size_categories"] == ["n<1K"]
    assert front["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train.parquet"},
        {"split": "test", "path": "data/test.parquet"},
    ]
    assert f"| train | {2 * each} | 2 |" in text
    assert "| code | code/1 | tested | passed | bubblewrap abc | 3 |" in text


@pytest.mark.parametrize(
    "name",
    [
        "a | b\n---\nlicense: evil\n---\n# Title",
        "![](http://x/pixel.png)](http://x) <img src=x onerror=y> <script>",
        "\r\n\r\n## Heading\n- item\n```\ncode",
        "\x1b]52;c;aGk=\x07\u202e\u2028{{ x }} `a` $b$ *c* _d_ ~e~ @all #1 www.evil.example :smile: &lt;",
    ],
    ids=ascii,
)
def test_the_name_that_a_server_gives_its_model_is_text_in_the_card(name: str, tmp_path: Path) -> None:
    named = step(0, Outcome.PASSED, "good")
    named = named.model_copy(
        update={"hypothesis": named.hypothesis.model_copy(update={"model": name, "adapter": name})}
    )
    for number, story in enumerate((trajectory(named), FIXED)):
        write_dataset(as_sent([story], "sft"), tmp_path / str(number), format="sft", run="night")
    texts = [(tmp_path / str(number) / "README.md").read_text() for number in (0, 1)]
    fronts = [yaml.safe_load(text.split("---\n")[1]) for text in texts]
    assert fronts[0].keys() == fronts[1].keys()
    table = texts[0].partition("## Models\n\n")[2].partition("\n## ")[0]
    (row,) = table.strip().split("\n")[2:]
    assert re.fullmatch(r"\| [\w .,/+()=&#;-]+ \| [\w .,/+()=&#;-]+ \| 1 \|", row)
    assert "_" not in row
    assert "www." not in row
    # Whoever reads the page sees the name: all that was taken out are breaks and what has no shape.
    shown = " ".join(plain(name).split())
    assert [html.unescape(cell.strip()) for cell in row.strip("|").split("|")] == [shown, shown, "1"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_folder_loads_with_datasets(format: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = export_rows([trajectory(step(0, Outcome.PASSED, "good"), step(1, Outcome.FAILED, "bad"))], format)
    for parquet in (False, True):
        out = tmp_path / f"set-{parquet}"
        write_dataset(rows, out, format=format, run="night", parquet=parquet)
        loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / f"cache-{parquet}"))
        assert list(loaded) == ["train"]
        assert same(loaded["train"].to_list(), rows)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dataset(as_sent([FIXED], "sft"), tmp_path / name, format="sft", run="night", parquet=True)
    for file in ("README.md", "data/train.jsonl", "data/train.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_one_file_can_be_named_and_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    rows = as_sent([FIXED], "sft")
    for name in ("rows.jsonl", "rows.parquet", "folder"):
        write_dataset(rows, tmp_path / name, format="sft", run="night")
        with pytest.raises(UserError, match="exists already"):
            write_dataset(rows, tmp_path / name, format="sft", run="night")
        write_dataset(rows, tmp_path / name, format="sft", run="night", force=True)
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 1
    with pytest.raises(UserError, match="sft, preference, messages"):
        as_sent([FIXED], "vicuna")
    for format in ANSWERLESS:
        with pytest.raises(UserError, match="no one prompt that was sent"):
            as_sent([FIXED], format)


def test_a_folder_that_cannot_be_made_is_infrastructure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match="cannot write"):
        write_dataset(as_sent([FIXED], "sft"), tmp_path / "file" / "set", format="sft", run="night")


def test_a_real_run_is_exported_by_the_command(workspace: Path, gristmill_command: str, bubblewrap: str) -> None:
    """Replayed replies, real judging, real store, real export."""
    task = {
        "id": "double",
        "kind": "code",
        "prompt": "Double a number.",
        "tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [n], "expected": 2 * n} for n in (2, 5)]}],
    }
    Path("tasks.jsonl").write_text(json.dumps(task) + "\n")
    good, bad = "```python\ndef f(n):\n    return 2 * n\n```", "```python\ndef f(n):\n    return n\n```"
    Path("replies.jsonl").write_text(
        "".join(json.dumps({"task_id": "double", "text": text}) + "\n" for text in (bad, good))
    )
    subprocess.run(
        [
            gristmill_command,
            "run",
            "tasks.jsonl",
            "--name",
            "night",
            "--model",
            "replay:replies.jsonl",
            "--strategy",
            "best_of",
            "--hypotheses",
            "2",
            "--rounds",
            "1",
            "--sandbox",
            "bubblewrap",
        ],
        check=True,
        timeout=300,
    )
    for format in FORMATS:
        done = subprocess.run(
            [gristmill_command, "export", "night", "--format", format, "--out", f"set-{format}", "--parquet", "--json"],
            check=True,
            timeout=120,
            capture_output=True,
            text=True,
        )
        assert json.loads(done.stdout)["rows"] == {"train": 2 if format == "unpaired" else 1}
        row, *wrong = [json.loads(line) for line in Path(f"set-{format}/data/train.jsonl").read_text().splitlines()]
        if wrong:
            row, wrong = wrong[0], [row]
            assert [each["label"] for each in (row, *wrong)] == [True, False]
        assert row["verified"] is True
        assert (json.dumps(good)[1:-1] in json.dumps(row)) == (format not in ANSWERLESS)
        specified = row.get("specification") or row.get("reward_model", {}).get("ground_truth")
        if specified:
            try:
                scores = [compute_score("gristmill/code", reply, specified)["score"] for reply in (good, bad)]
            finally:
                standing().close()  # other tests count what of this process is left
            assert scores == [1.0, 0.0]
            assert row["share"] == 0.5


LINE = trajectory(
    step(0, Outcome.FAILED, "first", feedback="no"),
    step(0, Outcome.TIMEOUT, "second", round=1, parents=("t/0/0",)),
    step(1, Outcome.UNSCORED, "lost", round=1, parents=("t/0/0",)),
    step(0, Outcome.PASSED, "third", round=2, parents=("t/1/0",)),
    step(1, Outcome.PASSED, "other", round=2, parents=("t/1/1",)),
)


def test_a_lineage_is_a_row_of_attempts_each_with_its_label() -> None:
    (row,) = export_rows([LINE], "stepwise")
    assert row["completions"] == ["first", "second", "third"]
    assert row["labels"] == [False, False, True]
    assert "Double n." in row["prompt"]
    assert row["hypothesis"] == "t/2/0"


def test_unpaired_rows_say_which_replies_were_right() -> None:
    rows = export_rows([LINE, FIXED], "unpaired")
    said = [(row["completion"][0]["content"], row["label"]) for row in rows]
    assert said == [
        ("first", False),
        ("second", False),
        ("third", True),
        ("other", True),
        ("wrong", False),
        ("right", True),
    ]


def test_conversations_have_the_words_that_their_readers_know() -> None:
    (row,) = as_sent([FIXED], "sharegpt")
    assert [turn["from"] for turn in row["conversations"]] == ["system", "human", "gpt", "human", "gpt"]
    assert row["conversations"][-1]["value"] == "right"
    (row,) = as_sent([FIXED], "alpaca")
    assert (row["system"], row["history"]) == ("Be brief.", [["Double n.", "wrong"]])
    assert (row["instruction"], row["input"], row["output"]) == ("f(2) returned 3. Again.", "", "right")


def test_rows_without_answers_say_what_the_run_came_to() -> None:
    lost = trajectory(step(0, Outcome.UNSCORED, "lost"), name="u")
    solved, unknown = export_rows([LINE, lost], "verl")
    assert Task.model_validate_json(solved["reward_model"]["ground_truth"]) == LINE.task
    assert (solved["replies"], solved["share"], solved["verified"]) == (4, 0.5, True)
    assert (unknown["replies"], unknown["share"], unknown["verified"]) == (0, None, False)
    assert solved["extra_info"] == {"index": 0, "split": "train", "task": "t", "share": 0.5}
    (row,) = export_rows([LINE], "nemo_gym")
    assert row["responses_create_params"]["input"][-1]["role"] == "user"
    assert not any(word in json.dumps(row["responses_create_params"]) for word in ("first", "second", "third"))


def same(rows: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Equal but for keys that a table must fill with None."""
    return [bare(row) for row in rows] == [bare(row) for row in wanted]


def bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items() if item is not None}
    return [bare(item) for item in value] if isinstance(value, list) else value
