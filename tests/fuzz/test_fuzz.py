"""Fuzzing of what reads untrusted bytes: the codec, the parser of replies, and the judge's channel.

The corpus is kept beside this file and replayed with each run of the tests. `python tests/fuzz/test_fuzz.py RUNS`
explores on, and keeps what reaches new lines; a finding is kept too, so that it stays found.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_FILE = Path(__file__).with_name("targets.py")
_spec = importlib.util.spec_from_file_location("gristmill_fuzz_targets", _FILE)
assert _spec is not None
assert _spec.loader is not None
targets = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(targets)

NAMES = ("codec", "parser", "channel")


@pytest.mark.parametrize("name", NAMES)
def test_the_kept_corpus_finds_nothing(name: str) -> None:
    kept = targets.seeds(name)
    assert len(kept) > 10
    for data in kept:
        targets.TARGETS[name](data)


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_resembles_the_corpus_finds_nothing(name: str, data: st.DataObject) -> None:
    kept = targets.seeds(name)
    one, other = data.draw(st.sampled_from(kept)), data.draw(st.sampled_from(kept))
    targets.TARGETS[name](targets.mutated(one, other, Random(data.draw(st.integers(0, 1 << 64)))))


def test_a_mistake_of_the_judges_own_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus reaches what a candidate raises, and a judge that trips over it shows."""
    monkeypatch.setattr("gristmill.verifiers.code.guest.judge.remote.said", lambda value: value.upper())
    with pytest.raises((AttributeError, targets.FuzzFinding)):
        list(map(targets.channel, targets.seeds("channel")))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_exploring_finds_nothing(name: str) -> None:
    targets.explore(name, runs=5000, seed=Random().randrange(1 << 32))


def main(runs: int) -> None:
    """Explore, keep what is new, and say how much that was."""
    for name in NAMES:
        kept = targets.explore(name, runs, seed=Random().randrange(1 << 32))
        for data in kept:
            (targets.CORPUS / name / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        print(f"{name}: {len(kept)} kept")


if __name__ == "__main__":
    main(int(sys.argv[1]))
