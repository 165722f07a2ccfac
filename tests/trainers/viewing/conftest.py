"""The browser of `tests/graph/view`, on a workspace with what this room shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.graph.view.conftest import Served, browser, page, serving
from tests.trainers.viewing.learned import learn

__all__ = ["browser", "page", "served"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, bubblewrap: str) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("learned")
    learn(folder)
    with serving(folder) as there:
        yield there
