"""The workers on which patches are judged."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["bubblewrap", "docker"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened
