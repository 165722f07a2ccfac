"""Honest programs get the verdict that plain execution gives them, and wrong variants of them do not pass.

The corpus is in `honest/`. All programs run on bubblewrap, a fixed third on Docker, each with one of its wrong
variants; with GRISTMILL_TEST_WHOLE=1 all of it runs on both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome
from tests.verifiers.code.honest.corpus import corpus
from tests.verifiers.code.honest.measure import judge, plainly

# Of what docs/security.md does not name as refused; 6 of 253 were when this was last measured.
MOST_REFUSED = 0.05


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


def test_the_corpus_is_as_wide_as_it_says() -> None:
    rows = corpus()
    assert len(rows) >= 250
    assert min(Counter(row.kind for row in rows).values()) >= 25
    assert {row.kind for row in rows} == {"cases", "stdio", "python", "pytest"}
    assert [row.name for row in rows if not row.source or not 2 <= len(row.mutants) <= 4] == []


@pytest.mark.slow
def test_plain_execution_passes_each_program_and_rejects_each_mutant(every: int) -> None:
    rows = corpus()[::every]
    pairs = [(row, row.solution) for row in rows]
    wrong = [(row, mutant) for row in rows for mutant in row.mutants]
    said = plainly([*pairs, *wrong])
    assert [row.name for (row, _), plain in zip(pairs, said, strict=False) if plain != "passes"] == []
    rejected = said[len(pairs) :]
    assert [(row.name, mutant) for (row, mutant), plain in zip(wrong, rejected, strict=True) if plain != "fails"] == []


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_no_honest_program_is_called_wrong_and_no_mutant_passes(pool: Pool, every: int) -> None:
    rows = corpus() if pool.backend == "bubblewrap" else corpus()[::every]
    if every > 1:
        chosen = (row.mutants[place % len(row.mutants)] for place, row in enumerate(rows))
        rows = tuple(replace(row, mutants=(mutant,)) for row, mutant in zip(rows, chosen, strict=True))
    verdicts = dict(zip([row.name for row in rows], await judge(pool, rows), strict=True))
    honest = {row.name: verdicts[row.name][0] for row in rows}
    decided = (Outcome.PASSED, Outcome.REFUSED)
    assert {name: verdict.outcome for name, verdict in honest.items() if verdict.outcome not in decided} == {}
    unexplained = [row.name for row in rows if honest[row.name].outcome is Outcome.REFUSED and not row.reason]
    assert unexplained == []
    others = [row for row in rows if not row.reason.startswith("listed:")]
    refused = [row.name for row in others if honest[row.name].outcome is Outcome.REFUSED]
    assert len(refused) <= MOST_REFUSED * len(others), refused
    mutants = {
        (name, place): verdict.outcome for name, all_ in verdicts.items() for place, verdict in enumerate(all_[1:])
    }
    assert {place: outcome for place, outcome in mutants.items() if outcome in decided} == {}
