"""Thousands of answers wrong by construction and a hundred hostile ones: none passes, none outlives its limit."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import json
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio

from gristmill.sandbox.pool import Pool
from gristmill.verifiers.mathematics.verifier import MathVerifier
from gristmill.verifiers.records import Outcome, Task, Verdict

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def loaded(name: str) -> ModuleType:
    """A module of benchmarks/, which is no package."""
    import sys

    place = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules[name] = module
    place.loader.exec_module(module)
    return module


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def verifier(bubblewrap: str) -> AsyncIterator[MathVerifier]:
    async with Pool.open("bubblewrap") as pool:
        yield MathVerifier(pool, confirm=False)


async def judged(verifier: MathVerifier, gold: str, reply: str) -> Verdict:
    return await verifier.verify(Task(id="t", kind="math", prompt="?", answer=gold), reply)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_no_answer_that_is_wrong_by_construction_passes(
    verifier: MathVerifier, shared_data: Path, every: int
) -> None:
    wrong_answers = loaded("math_wrong").wrong_answers
    with gzip.open(shared_data / "math500" / "math500.jsonl.gz", "rt", encoding="utf-8") as file:
        golds = [json.loads(line)["answer"] for line in file]
    with gzip.open(shared_data / "gsm8k" / "test.jsonl.gz", "rt", encoding="utf-8") as file:
        golds += [json.loads(line)["answer"].rsplit("####", 1)[1].strip() for line in file]
    answers = [wrong for gold in dict.fromkeys(golds) for wrong in wrong_answers(gold)]
    answers = random.Random(0).sample(answers, 5200)[::every]
    passed = []
    for start in range(0, len(answers), 64):
        batch = answers[start : start + 64]
        verdicts = await asyncio.gather(*(judged(verifier, each.gold, f"\\boxed{{{each.answer}}}") for each in batch))
        for each, verdict in zip(batch, verdicts, strict=True):
            assert verdict.outcome is not Outcome.UNSCORED
            if verdict.passed:
                passed.append(each)
    assert passed == []


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_no_hostile_answer_passes_or_outlives_its_limit(verifier: MathVerifier) -> None:
    hostile = loaded("math_hostile").HOSTILE
    assert len(hostile) >= 60
    for name, reply in hostile:
        verdict = await judged(verifier, "5", reply)
        assert verdict.outcome in (Outcome.FAILED, Outcome.INVALID, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY), name
    assert (await judged(verifier, "5", "\\boxed{10/2}")).passed


def test_answers_are_judged_from_any_thread(bubblewrap: str) -> None:
    passes: list[bool] = []

    async def judge() -> None:
        async with Pool.open("bubblewrap", size=1) as pool:
            passes.append((await judged(MathVerifier(pool, confirm=False), r"2\sqrt{2}", r"\boxed{\sqrt{8}}")).passed)

    thread = threading.Thread(target=lambda: asyncio.run(judge()))
    thread.start()
    thread.join()
    assert passes == [True]
