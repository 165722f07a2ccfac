"""Instructions: labels that follow by construction, hostile replies, and arguments that leave nothing to chance."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.backends.fake import FakeFactory
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Job, Report
from gristmill.sandbox.wire.values import decode, encode
from gristmill.trainers.measure.benchmarks import accuracies, judge_replies, read_replies
from gristmill.verifiers.instructions.constraints import INSTRUCTIONS, constraint_problems
from gristmill.verifiers.instructions.verifier import INSTRUCTION_PROFILE, LIMITS, InstructionVerifier
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems

_spec = importlib.util.spec_from_file_location(
    "ifeval_constructed", Path(__file__).resolve().parents[3] / "benchmarks" / "ifeval_constructed.py"
)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
ENGLISH, constructed = _module.ENGLISH, _module.constructed

for needed in ("lm_eval", "nltk", "langdetect", "punkt"):
    pytest.importorskip(needed)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
in_module = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", 2) as opened:
        yield opened


def task(*constraints: tuple[str, dict[str, Any]], **fields: Any) -> Task:
    rows = tuple({"id": name, "kwargs": kwargs} for name, kwargs in constraints)
    return Task(**{"id": "i", "kind": "instruction", "prompt": "Write.", "constraints": rows} | fields)


async def verdict(pool: Pool, asked: Task, reply: str) -> Verdict:
    return await InstructionVerifier(pool).verify(asked, reply)


@in_module
async def test_every_reply_made_to_follow_or_not_is_judged_so(pool: Pool) -> None:
    labelled = list(constructed())
    assert len(labelled) >= 300
    assert {name for _, name, _, _ in labelled} == set(INSTRUCTIONS)
    assert {(name, label) for _, name, _, label in labelled} == {
        (name, label) for name in INSTRUCTIONS for label in (True, False)
    }
    items = [{"reply": reply, "constraints": [{"id": name, "kwargs": given}]} for reply, name, given, _ in labelled]
    job = Job(program="gristmill.verifiers.instructions.guest.checkers:check", request={"items": items}, limits=LIMITS)
    report = await pool.run(job, INSTRUCTION_PROFILE)
    strict = [decode(message)[0]["strict"] for message in report.messages]
    assert strict == [label for _, _, _, label in labelled]


@in_module
async def test_a_reply_that_follows_all_passes_and_the_feedback_says_which_it_does_not(pool: Pool) -> None:
    asked = task(("punctuation:no_comma", {}), ("startend:quotation", {}))
    good = await verdict(pool, asked, '"No commas here."')
    assert (good.outcome, good.score, good.strength, good.verified) == (Outcome.PASSED, 1.0, Strength.TESTED, True)
    half = await verdict(pool, asked, "No commas here.")
    assert (half.outcome, half.score) == (Outcome.FAILED, 0.5)
    assert half.feedback.splitlines()[0].startswith("Followed: ")
    assert half.feedback.splitlines()[0].endswith("commas.")
    assert half.feedback.splitlines()[1].startswith("Not followed: Wrap your entire response")
    assert "In your reply: it begins with 'No commas ' and ends with 'mmas here.'." in half.feedback
    counted = task(
        ("length_constraints:number_words", {"num_words": 9, "relation": "at least"}), ("punctuation:no_comma", {})
    )
    few = await verdict(pool, counted, "Two words, and four.")
    assert "In your reply: 4 words." in few.feedback
    assert "In your reply: commas: once, first in 'Two words, and four.'." in few.feedback


@in_module
async def test_the_loose_reading_forgives_a_first_line_and_asterisks(pool: Pool) -> None:
    asked = task(("detectable_format:json_format", {}))
    reply = 'Sure, here it is:\n{"a": "*b*"}'
    strict = await verdict(pool, asked, reply)
    assert (strict.outcome, strict.metrics) == (Outcome.FAILED, {"strict": 0.0, "loose": 1.0})
    loose = await verdict(pool, asked.model_copy(update={"settings": {"reading": "loose"}}), reply)
    assert loose.outcome is Outcome.PASSED


HOSTILE = {
    "a megabyte of one letter": "a" * 999_000,
    "a megabyte of line ends": "\n" * 999_000,
    "blanks before a star": " " * 300_000 + "x",
    "brackets that open": "[" * 500_000,
    "stars": "* " * 300_000,
    "angles": "<<" * 200_000,
    "deep json": "[" * 100_000 + "]" * 100_000,
    "lone surrogates": "\ud800 a",
    "control characters": "\x00\x1b[2J" * 1000,
    "one long sentence": "a." * 200_000,
    "nothing": "",
    "blanks": " \n\t ",
}
ALL = task(
    ("change_case:capital_word_frequency", {"capital_frequency": 3, "capital_relation": "at least"}),
    ("change_case:english_capital", {}),
    ("detectable_content:number_placeholders", {"num_placeholders": 3}),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}),
    ("detectable_format:json_format", {}),
    ("detectable_format:number_bullet_lists", {"num_bullets": 3}),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 3}),
    ("detectable_format:multiple_sections", {"section_spliter": "SECTION", "num_sections": 3}),
    ("detectable_format:title", {}),
    ("language:response_language", {"language": "de"}),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": "at least"}),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 3}),
)


@pytest.mark.third
@in_module
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_reply_ends_and_never_passes(pool: Pool, name: str) -> None:
    hostile = await verdict(pool, ALL, HOSTILE[name])
    assert hostile.outcome in (Outcome.FAILED, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.INVALID, Outcome.ERROR)
    after = await verdict(pool, task(("punctuation:no_comma", {})), "Still here.")
    assert after.passed


@in_module
async def test_a_mark_that_is_no_letter_is_counted_itself_and_never_drawn_at_random(pool: Pool) -> None:
    asked = task(("keywords:letter_frequency", {"letter": "!", "let_frequency": 3, "let_relation": "at least"}))
    for _ in range(5):
        assert (await verdict(pool, asked, "Yes!!!")).passed
        assert not (await verdict(pool, asked, "Yes!! " + ENGLISH)).passed


@in_module
async def test_a_keyword_is_text_and_no_pattern(pool: Pool) -> None:
    asked = task(
        ("keywords:existence", {"keywords": ["2.5"]}), ("keywords:forbidden_words", {"forbidden_words": ["a.b"]})
    )
    assert (await verdict(pool, asked, "It is 2.5 and axb.")).passed
    assert (await verdict(pool, asked, "It is 215 and a.b.")).score == 0.0


@in_module
async def test_judging_the_same_reply_again_gives_the_same_verdict(pool: Pool) -> None:
    asked = task(("language:response_language", {"language": "es"}), ("change_case:english_lowercase", {}))
    verdicts = {
        (await verdict(pool, asked, "la casa. the house. el gato.")).model_copy(update={"seconds": 0}).model_dump_json()
        for _ in range(6)
    }
    assert len(verdicts) == 1


@in_module
@pytest.mark.parametrize(
    ("name", "given", "reply", "follows"),
    [
        # As they stand, langdetect takes the first two for German, and lm-eval passes what it cannot detect.
        ("change_case:english_capital", {}, "SO I HAVE BEEN SEEING THIS GUY FOR A FEW MONTHS. HE'S 23 BTW.", True),
        ("change_case:english_capital", {}, '"PRESERVING NATURE\'S SYMPHONY: HARMONIZING FOR WILDLIFE"', True),
        ("change_case:english_capital", {}, "ES WAR EINMAL EINE ALTE MÜHLE AM FLUSS.", False),
        ("language:response_language", {"language": "de"}, "ES WAR EINMAL EINE ALTE MÜHLE AM FLUSS.", True),
        ("language:response_language", {"language": "sw"}, "|1| |5|\n| |3| |", False),
        ("language:response_language", {"language": "en"}, "42", False),
    ],
)
async def test_capitals_are_read_as_words_and_digits_are_in_no_language(
    pool: Pool, name: str, given: dict[str, Any], reply: str, follows: bool
) -> None:
    assert (await verdict(pool, task((name, given)), reply)).passed is follows


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ({}, "none of IFEval's 25"),
        ({"id": "punctuation:no_commas"}, "none of IFEval's 25"),
        ({"id": "punctuation:no_comma", "arguments": {}}, "arguments"),
        ({"id": "punctuation:no_comma", "kwargs": []}, "must be an object"),
        ({"id": "punctuation:no_comma", "kwargs": {"n": 1}}, "`kwargs.n` means nothing"),
        ({"id": "length_constraints:number_words", "kwargs": {"num_words": 3}}, "`kwargs.relation` is missing"),
        ({"id": "length_constraints:number_words", "kwargs": {"num_words": "3", "relation": "at least"}}, "num_words"),
        ({"id": "length_constraints:number_words", "kwargs": {"num_words": 3, "relation": "more"}}, "'less than'"),
        ({"id": "keywords:existence", "kwargs": {"keywords": []}}, "a list of texts"),
        ({"id": "keywords:forbidden_words", "kwargs": {"forbidden_words": ["c++"]}}, "begin and end"),
        (
            {
                "id": "keywords:letter_frequency",
                "kwargs": {"letter": "ab", "let_frequency": 1, "let_relation": "at least"},
            },
            "one letter",
        ),
        ({"id": "language:response_language", "kwargs": {"language": "tlh"}}, "'tlh'"),
        (
            {
                "id": "length_constraints:nth_paragraph_first_word",
                "kwargs": {"num_paragraphs": 1, "nth_paragraph": 2, "first_word": "a"},
            },
            "greater",
        ),
    ],
)
def test_a_constraint_that_would_leave_something_to_chance_is_refused(constraint: dict[str, Any], words: str) -> None:
    assert any(words in sentence for sentence in constraint_problems(constraint))


def test_what_a_task_lacks_is_said() -> None:
    assert "constraints" in problems(task())[0]
    assert "reading" in problems(task(("punctuation:no_comma", {}), settings={"reading": "lenient"}))[0]
    assert "constraints[0]" in problems(task(("punctuation", {})))[0]


def test_all_prompts_of_ifeval_can_be_judged(shared_data: Path) -> None:
    tasks = import_tasks("ifeval", shared_data / "ifeval" / "ifeval.jsonl.gz")
    assert len(tasks) == 541
    assert sum(len(each.constraints) for each in tasks) == 834
    assert [problems(each) for each in tasks] == [[]] * 541


@in_module
async def test_the_four_accuracies_count_prompts_and_instructions(pool: Pool, tmp_path: Path) -> None:
    asked = [
        task(("punctuation:no_comma", {}), ("startend:quotation", {}), id="a", prompt="A?"),
        task(("detectable_format:json_format", {}), id="b", prompt="B?"),
        task(("punctuation:no_comma", {}), id="c", prompt="C?"),
    ]
    file = tmp_path / "replies.jsonl"
    rows = [{"prompt": "A?", "response": "no, never"}, {"task_id": "b", "text": "Here:\n[1]"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    measured = accuracies(asked, await judge_replies(asked, read_replies(file, asked), Verifiers(pool)))
    shares = {name: (share.passed, share.total) for name, share in measured if name != "unscored"}
    assert shares == {
        "prompt_strict": (0, 3),
        "instruction_strict": (0, 4),
        "prompt_loose": (1, 3),
        "instruction_loose": (1, 4),
    }


RIGHT = {"strict": True, "loose": True, "says": "No comma.", "seen": ""}
FORGED: tuple[Any, ...] = (
    None,
    [],
    [None],
    [RIGHT, RIGHT],
    [RIGHT | {"strict": 1}],
    [RIGHT | {"loose": False}],
    [RIGHT | {"says": None}],
    [RIGHT | {"says": "x" * 501}],
    [RIGHT | {"seen": "x" * 241}],
    [RIGHT | {"seen": None}],
    [{name: value for name, value in RIGHT.items() if name != "seen"}],
    [RIGHT | {"score": math.nan}],
    [{"strict": True, "loose": True}],
    {"0": RIGHT},
    [["strict", "loose", "says", "seen"]],
)


@in_module
@pytest.mark.parametrize("said", [[message] for message in FORGED] + [[[RIGHT], [RIGHT]], [b"\xff"], []])
async def test_checkers_that_were_taken_over_can_neither_end_verify_nor_leave_a_reply_unscored(said: list[Any]) -> None:
    messages = tuple(message if type(message) is bytes else encode(message) for message in said)
    report = Report(ending=Ending.FINISHED, messages=messages, seconds=0.0)
    async with Pool(FakeFactory(lambda job, sockets: report), size=1) as pool:
        refused = await Verifiers(pool).verify(task(("punctuation:no_comma", {})), "Yes, no.")
    assert (refused.outcome, refused.score) == (Outcome.ERROR, 0.0)
    assert refused.feedback == "The reply could not be checked."


def test_nothing_of_a_reply_is_ever_executed() -> None:
    """Python tells an audit hook of each `eval`, `exec`, `compile`, import and opened file: no reply causes one."""
    from gristmill.verifiers.instructions.guest.checkers import follows

    rows = [{"id": each["id"], "kwargs": each["kwargs"]} for each in ALL.constraints]
    texts = [
        "__import__('os')._exit(1)",
        '{"a": eval("1")}',
        "\\(",
        "* a\n* b",
        *(text[:2000] for text in HOSTILE.values()),
    ]
    labelled = [(reply, {"id": name, "kwargs": given}) for reply, name, given, _ in constructed()]
    pairs = labelled[::7] + [(text, row) for text in texts for row in rows]
    for reply, row in pairs:  # what is imported late is imported now
        follows(reply, row)
    seen: list[str] = []
    watching = True

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if watching and event in ("exec", "compile", "import", "open", "pickle.find_class", "os.system"):
            seen.append(event)

    sys.addaudithook(hook)
    try:
        for reply, row in pairs:
            follows(reply, row)
    finally:
        watching = False
    assert not seen
    watching = True
    eval("1")  # that the hook would have seen it
    watching = False
    assert seen == ["compile", "exec"]
