"""The browser of `tests/graph/view`, on a workspace with what this room shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.graph.view.conftest import Served, browser, page, serving

__all__ = ["browser", "page", "served"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, bubblewrap: str, tiny_model: Path) -> Iterator[Served]:
    from tests.trainers.viewing.learned import learn  # what is missing skips the tests, not all of the folder

    folder = tmp_path_factory.mktemp("learned")
    learn(folder, tiny_model)
    with serving(folder) as there:
        yield there
