"""A run's secret: the same when it is resumed, its own for every run, and what its verifiers draw from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gristmill.graph.judging.secret import kept_secret
from gristmill.graph.storage.store import Store
from gristmill.verifiers.registry import Verifiers


def test_a_run_keeps_its_secret_and_no_two_have_the_same(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        first = kept_secret(store, "a")
        assert len(first) == 32
        assert kept_secret(store, "b") != first
    with Store.open(tmp_path) as store:
        assert kept_secret(store, "a") == first


def test_verifiers_of_searched_functions_draw_from_the_secret_that_they_are_given() -> None:
    pool: Any = None  # nothing is run
    for kind in ("reward", "loss"):
        given: Any = Verifiers(pool, secret=b"given").for_kind(kind)
        drawn: Any = [Verifiers(pool).for_kind(kind) for _ in range(2)]
        assert given.secret == b"given"
        assert drawn[0].secret != drawn[1].secret
