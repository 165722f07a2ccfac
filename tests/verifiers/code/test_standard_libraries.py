"""What solutions find in the standard image as on any machine: time zones, and libraries that have threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Task, Verdict, Verifiers, profiles

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


async def judged(pool: Pool, source: str, args: list[Any], expected: Any, **limits: int) -> Verdict:
    test = {"type": "cases", "entry_point": "f", "cases": [{"args": args, "expected": expected}]}
    fields = {"id": "f", "kind": "code", "prompt": "f", "tests": [test], "limits": limits}
    return await Verifiers(pool, confirm=False).verify(Task.model_validate(fields), source)


async def test_time_zones_are_there(pool: Pool) -> None:
    source = """
from datetime import datetime
from zoneinfo import ZoneInfo
def f(text, zone):
    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).isoformat()
"""
    args, expected = ["2024-03-31T01:30:00+00:00", "Europe/Berlin"], "2024-03-31T03:30:00+02:00"
    verdict = await judged(pool, source, args, expected)
    assert verdict.passed, verdict


async def test_a_library_that_wants_a_thread_for_each_core_has_one(pool: Pool) -> None:
    """By its name in an import it would be loaded beforehand; `os.environ` is empty all the same."""
    source = """
import importlib, os
def f(rows):
    return [round(float(importlib.import_module("scipy.linalg").det(rows))), dict(os.environ)]
"""
    verdict = await judged(pool, source, [[[2, 1], [1, 3]]], [5, {}], processes=1)
    assert verdict.passed, verdict


async def test_scipy_is_loaded_beforehand_where_something_imports_it(pool: Pool) -> None:
    source = "import scipy\nimport sys\ndef f():\n    return 'scipy.optimize' in sys.modules\n"
    assert (await judged(pool, source, [], True)).passed
    profile = profiles.candidate(profiles.libraries("from scipy.stats import norm\n", "import os\n"))
    assert profiles.loaded(profile) == ("scipy",)
