"""Both backends pass the public suite, and the suite notices one that does not."""

from __future__ import annotations

import pytest

from gristmill.sandbox import Ending, FakeFactory, Report
from gristmill.sandbox.backends.choosing import choose_factory
from gristmill.sandbox.conformance import CHECKS, CONTRACT, ISOLATION, KNOWN_GAPS, LEAVING, PLAIN, check


@pytest.mark.docker
@pytest.mark.bubblewrap
@pytest.mark.parametrize("name", [each.__name__ for each in (*CONTRACT, *ISOLATION, *LEAVING, *PLAIN)])
async def test_backend_keeps_the_rule(backend: str, name: str) -> None:
    (result,) = await check(await choose_factory(backend), names=[name])
    assert result.acceptable, f"{result.rule} {result.detail or 'A known gap has closed: take it off the list.'}"


async def test_a_backend_that_runs_nothing_fails_every_check_but_those_of_absence() -> None:
    idle = Report(ending=Ending.FINISHED, exit_status=0, seconds=0.1)
    results = await check(FakeFactory(lambda job, sockets: idle), known_gaps={})
    passed = {result.name for result in results if result.passed}
    assert len(results) == len(CHECKS)
    # These two ask only that a refused job is an error, and that nothing piles up here.
    assert passed <= {"leaving_twice_is_fine", "nothing_outlives_a_job"}


async def test_a_gap_that_has_closed_is_not_acceptable() -> None:
    idle = Report(ending=Ending.FINISHED, exit_status=0, seconds=0.1)
    name = "nothing_outlives_a_job"
    (result,) = await check(FakeFactory(lambda job, sockets: idle), names=[name], known_gaps={name: "said to be open"})
    assert result.passed is not result.acceptable


def test_every_known_gap_names_a_check_and_a_reason() -> None:
    for gaps in KNOWN_GAPS.values():
        assert set(gaps) <= set(CHECKS)
        assert all(len(reason) > 20 for reason in gaps.values())
