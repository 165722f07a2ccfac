"""Each limit, proven by a program that breaks it, on both backends."""

from __future__ import annotations

import pytest

from gristmill.sandbox.backends.choosing import choose_factory
from gristmill.sandbox.conformance import LIMITS, check

pytestmark = [pytest.mark.docker, pytest.mark.bubblewrap]


@pytest.mark.parametrize("name", [each.__name__ for each in LIMITS])
async def test_limit_holds(backend: str, name: str) -> None:
    (result,) = await check(await choose_factory(backend), names=[name])
    assert result.acceptable, f"{result.rule} {result.detail or 'A known gap has closed: take it off the list.'}"
