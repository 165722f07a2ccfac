"""Programs that go on from an earlier construction: what they are given, what they may say, what they cannot forge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.errors import InfrastructureError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Limits
from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers.constructions.catalogue import task_of
from gristmill.verifiers.constructions.guest.score import parted
from gristmill.verifiers.constructions.shelf import MOST_BYTES, MOST_NOTES, MemoryShelf, construction_of, name_of
from gristmill.verifiers.judging import judge_reply
from gristmill.verifiers.records import Outcome, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems

GRID = "[((2 * i + 1) / 12, (2 * j + 1) / 12, {radius}) for i in range(6) for j in range(6)][:26]"
FIRST = f"def construct(best=None):\n    assert best is None\n    return {GRID.format(radius=0.0625)}"
LIMITS = Limits(wall_seconds=5, cpu_seconds=5, memory_mb=256, output_kb=8192)
in_module = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", 2) as opened:
        yield opened


class Judged:
    """A shelf and a judge for one test."""

    def __init__(self, pool: Pool) -> None:
        self.shelf = MemoryShelf()
        self._judge = Verifiers(pool, shelf=self.shelf)

    async def __call__(self, source: str, best: str | None = None, name: str = "circles_26", **fields: Any) -> Verdict:
        task = task_of(name, **({"limits": LIMITS} | fields)).model_copy(update={"best": best})
        _, verdict = await judge_reply(task, source, self._judge)
        return verdict

    async def first(self) -> str:
        verdict = await self(FIRST)
        assert (verdict.outcome, verdict.score) == (Outcome.FAILED, 1.625), verdict.feedback
        assert verdict.construction is not None
        return verdict.construction


@pytest.fixture
def judged(pool: Pool) -> Judged:
    return Judged(pool)


@in_module
async def test_a_program_goes_on_from_what_was_scored_and_says_what_it_did(judged: Judged) -> None:
    best = await judged.first()
    kept = decode(await construction_of(judged.shelf, best))
    assert (len(kept), kept[0]) == (26, [1 / 12, 1 / 12, 0.0625])
    grown = (
        "def construct(best=None):\n"
        "    assert type(best) is list and type(best[0]) is list\n"
        "    return [(x, y, r + 0.01) for x, y, r in best], f'from {sum(r for *_, r in best)}'"
    )
    verdict = await judged(grown, best, target=1.7)
    assert (verdict.outcome, verdict.notes, verdict.verified) == (Outcome.PASSED, "from 1.625", True)
    assert verdict.score is not None
    assert 1.88 < verdict.score < 1.89
    # A later judge gives the row's program the same construction, and finds the same; without it there is nothing.
    assert (await judged(grown, best, target=1.7)).construction == verdict.construction
    assert (await judged(grown, target=1.7)).outcome is Outcome.ERROR


@in_module
@pytest.mark.parametrize(
    "define",
    [
        "def construct():\n    return {grid}",
        "def construct(count=26, *rest, **options):\n    assert not options\n    return {grid}[:count]",
        "construct = lambda: {grid}",
        "class Maker:\n    def __call__(self):\n        return {grid}\nconstruct = Maker()",
        "import functools\n@functools.partial\ndef construct(radius=1):\n    return {grid}",
        "def polish(best):\n    return best\ndef construct():\n    return polish({grid})",
    ],
    ids=["none", "others", "lambda", "object", "partial", "helper"],
)
async def test_programs_without_the_parameter_are_called_as_before(judged: Judged, define: str) -> None:
    best = await judged.first()
    # What they return is what the earlier one has, and none of theirs.
    verdict = await judged(define.format(grid=GRID.format(radius=0.0625)), best)
    assert (verdict.outcome, verdict.score, verdict.notes) == (Outcome.FAILED, 1.625, ""), verdict.feedback


@in_module
@pytest.mark.parametrize(
    "how",
    [
        "return best",
        "return best, 'much better than before'",
        "return [tuple(row) for row in best]",
        "import numpy\n    return numpy.array(best)",
        "from fractions import Fraction\n    return [[Fraction(x) for x in row] for row in best]",
        "best[0][0] += 1\n    best[0][0] = 1 / 12\n    return best",
    ],
    ids=["itself", "notes", "tuples", "array", "fractions", "changed-and-back"],
)
async def test_best_returned_as_it_was_is_a_duplicate_whatever_holds_it(judged: Judged, how: str) -> None:
    best = await judged.first()
    # Though its score would reach the target: nobody passes with what was there already.
    verdict = await judged(f"def construct(best=None):\n    {how}", best, target=1.0)
    assert (verdict.outcome, verdict.score, verdict.construction) == (Outcome.FAILED, 0.0, best), verdict.feedback
    assert "`best` unchanged: a duplicate" in verdict.feedback
    assert "reached" not in verdict.feedback


@in_module
@pytest.mark.parametrize(
    "define",
    [
        "import functools\ndef search(steps, best):\n    return best\nconstruct = functools.partial(search, 3)",
        "construct = lambda best: best",
        "def construct(*, best):\n    return best",
        "import functools\ndef plain(f):\n    @functools.wraps(f)\n    def g(*a, **k):\n        return f(*a, **k)\n"
        "    return g\n@plain\ndef construct(best=None):\n    return best",
    ],
    ids=["partial", "lambda", "keyword", "decorated"],
)
async def test_the_parameter_is_found_however_the_function_is_made(judged: Judged, define: str) -> None:
    assert "unchanged" in (await judged(define, await judged.first())).feedback
    assert "None" in (await judged(define)).feedback


@in_module
async def test_a_process_that_did_not_ask_holds_no_earlier_construction(judged: Judged) -> None:
    seeks = (
        "import gc\ndef construct():\n"
        "    held = [o for o in gc.get_objects() if type(o) is dict and o.get('offered')]\n"
        "    return 1 / len([d for d in held if any(len(v) > 99 for v in d['offered'].values())])"
    )
    best = await judged.first()
    assert "ZeroDivisionError" in (await judged(seeks, best)).feedback
    # The same search finds it where it is.
    asks = seeks.replace("construct()", "construct(best=None)").replace("return 1 /", "return 7 //")
    assert "must be a list, not a int" in (await judged(asks, best)).feedback


@in_module
async def test_a_program_changes_no_best_but_its_own(judged: Judged) -> None:
    best = await judged.first()
    # The second run is given what the first was given, so the same comes of it.
    shrinks = "def construct(best=None):\n    for row in best:\n        row[2] /= 2\n    return best"
    verdict = await judged(shrinks, best, target=0.8)
    assert (verdict.outcome, verdict.score) == (Outcome.PASSED, 0.8125)
    assert decode(await construction_of(judged.shelf, best))[0][2] == 0.0625


@in_module
@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("return [(0.5, 0.5, -1)] * 26, 'n'", Outcome.INVALID),
        ("return 1 / 0", Outcome.ERROR),
        ("return 'text', 'n'", Outcome.INVALID),
        ("return [[(0.5, 0.5, 'a')] * 26, 'n']", Outcome.INVALID),
        ("return ({grid}, b'n')", Outcome.INVALID),
        ("return ({grid}, 'n', 'm')", Outcome.INVALID),
        ("return {{'value': {grid}, 'notes': 'n'}}", Outcome.INVALID),
        ("import os\n    os._exit(0)", Outcome.ERROR),
    ],
    ids=["refused", "raises", "text", "text-within", "bytes", "three", "dict", "ends"],
)
async def test_what_was_not_scored_is_handed_to_nobody(judged: Judged, source: str, outcome: Outcome) -> None:
    body = source.format(grid=GRID.format(radius=0.06))
    verdict = await judged(f"def construct(best=None):\n    {body}", target=1.0)
    assert (verdict.outcome, verdict.construction) == (outcome, None), verdict
    assert not vars(judged.shelf)["_made"]


@in_module
async def test_a_shelf_that_holds_another_thing_or_nothing_is_not_believed(judged: Judged) -> None:
    best, taker = await judged.first(), "def construct(best=None):\n    return best"
    other = encode([[0.5, 0.5, 0.5]] * 26)
    with pytest.raises(InfrastructureError, match="not kept here"):
        await construction_of(judged.shelf, name_of(other))
    await judged.shelf.keep(best, other)
    with pytest.raises(InfrastructureError, match="was changed"):
        await construction_of(judged.shelf, best)
    for name, says in ((best, "was changed"), (name_of(other), "not kept here")):
        verdict = await judged(taker, name)
        # Nobody's fault but the store's, and nothing is known about the program.
        assert (verdict.outcome, verdict.score) == (Outcome.UNSCORED, None)
        assert says in verdict.sandbox


@in_module
async def test_a_construction_too_long_to_be_handed_on_is_scored_all_the_same(judged: Judged) -> None:
    longest = "def construct(best=None):\n    return [1 / 3 + i / 7e9 for i in range(60000)], 'as long as is allowed'"
    verdict = await judged(longest, name="autocorrelation_1")
    assert verdict.construction is not None
    assert 60_000 * 15 < len(await construction_of(judged.shelf, verdict.construction)) < MOST_BYTES
    longer = (
        "from fractions import Fraction\ndef construct(best=None):\n"
        "    return [Fraction(2 ** 60 + i, 2 ** 61) for i in range(60000)]"
    )
    verdict = await judged(longer, name="autocorrelation_1")
    assert (verdict.outcome, verdict.construction) == (Outcome.FAILED, None)
    assert "more than 2 MiB" in verdict.feedback


@pytest.mark.parametrize("character", ["a", "\x1b", "é", "€", "\U0001f600", "\udc80"], ids=ascii)
def test_notes_have_a_kilobyte_at_most(character: str) -> None:
    for length in (0, 1, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 10**6):
        made, notes = parted(([1], character * length), MOST_NOTES)
        size = len(notes.encode("utf-8", "replace"))
        assert made == [1]
        assert size <= MOST_NOTES
        if len(character.encode("utf-8", "replace")) * length <= MOST_NOTES:
            assert notes == character * length
        else:
            assert notes.endswith("(cut)")
            assert size > MOST_NOTES - 8


def test_a_pair_without_text_is_a_construction() -> None:
    for pair in ([1, 2], ([(0, 0, 0)], (0, 0, 1, 0)), (1, b"a"), ([1], ["a"])):
        assert parted(pair, MOST_NOTES) == (pair, "")
    assert parted(([1], None), MOST_NOTES) == ([1], "")


def test_only_a_search_says_what_a_program_is_given() -> None:
    assert "best: " in problems(task_of("circles_26", best="0" * 64))[0]
    assert "best: " in problems(Task(id="t", kind="math", prompt="?", answer="1", best="0" * 64))[0]
