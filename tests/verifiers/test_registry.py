from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from gristmill.sandbox.backends.fake import FakeFactory
from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Job, Report
from gristmill.trainers.commands.failures import explain
from gristmill.verifiers import (
    Outcome,
    Strength,
    Task,
    UnknownKindError,
    Verdict,
    Verifiers,
    kinds,
    plugins,
    problems,
    registry,
)
from gristmill.verifiers.judging import judge_reply
from gristmill.verifiers.plugins import trust_files
from gristmill.verifiers.registry import verifier_class

TESTS: Any = [{"type": "cases", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]}]


def task(**fields: Any) -> Task:
    return Task(**{"id": "t", "kind": "code", "prompt": "p", "tests": TESTS} | fields)


def test_the_built_in_kinds_are_known() -> None:
    assert {"code", "math", "reward", "loss"} <= set(kinds())
    assert list(kinds()) == sorted(kinds())


def test_a_good_task_has_no_problems_and_an_unknown_kind_names_the_known_ones() -> None:
    assert problems(task()) == []
    (sentence,) = problems(task(kind="poetry"))
    assert "'poetry'" in sentence
    assert "code" in sentence
    assert "math" in sentence


def test_asking_for_problems_loads_no_heavy_library() -> None:
    script = (
        "import sys; from gristmill.verifiers import Task, problems, kinds; kinds();"
        "problems(Task(id='t', kind='code', prompt='p'));"
        "print({'torch', 'docker', 'sympy', 'langgraph', 'numpy', 'pytest'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tests": ()}, "needs `tests`, `public_tests` or a `repo`"),
        ({"tests": [{"type": "python", "entry_point": "f", "code": "assert f(1) =="}]}, "tests[0].code: is no Python"),
        ({"tests": [{"type": "python", "entry_point": "f", "code": "assert f()", "setup": "("}]}, "tests[0].setup"),
        ({"tests": [{"type": "python", "entry_point": "a b", "code": "assert 1"}]}, "'a b' is no Python name"),
        ({"tests": [{"type": "python", "entry_point": (), "code": "assert 1"}]}, "name at least one"),
        (
            {"tests": [{"type": "pytest", "entry_point": "test_it", "files": {"test_a.py": "assert 1"}}]},
            "pytest looks for",
        ),
        (
            {"tests": [{"type": "python", "entry_point": "f", "code": "import inspect\nassert inspect.getsource(f)"}]},
            "line 2: `getsource`",
        ),
        (
            {"tests": [{"type": "python", "entry_point": "f", "code": "from solution import *\nassert f()"}]},
            "instead of `*`",
        ),
        ({"tests": [{"type": "pytest", "entry_point": "f", "files": {"helper.py": "x = 1"}}]}, "would find no tests"),
        ({"tests": [{"type": "pytest", "entry_point": "f", "files": {"../test_a.py": ""}}]}, "relative path inside"),
        ({"tests": [{"type": "pytest", "entry_point": "f", "files": {"test_a.py": "", "solution.py": ""}}]}, "hide"),
        ({"tests": [{"type": "cases", "entry_point": "f", "cases": [{"raises": "NoError"}]}]}, "builtin exception"),
        ({"tests": [{"type": "cases", "entry_point": "f", "cases": [{"raises": "SystemExit"}]}]}, "builtin exception"),
        ({"tests": [{"type": "cases", "entry_point": "f", "cases": [{"args": [object()]}]}]}, "cannot be passed"),
        ({"public_tests": [{"type": "cases", "entry_point": "f g", "cases": [{}]}]}, "public_tests[0].entry_point"),
    ],
)
def test_what_cannot_be_judged_is_said_with_its_field(fields: dict[str, Any], words: str) -> None:
    assert any(words in sentence for sentence in problems(task(**fields))), problems(task(**fields))


def test_a_plug_in_adds_a_kind_but_cannot_take_over_a_built_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("poetry", f"{__name__}:Poetry", "gristmill.verifiers"),
        EntryPoint("code", f"{__name__}:Poetry", "gristmill.verifiers"),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    plugins.installed.cache_clear()
    try:
        assert "poetry" in kinds()
        assert registry.verifier_class("poetry").name == "poetry"
        assert registry.verifier_class("code").name == "code"
    finally:
        plugins.installed.cache_clear()


def _this() -> Any:
    import types

    module = types.ModuleType(__name__)
    module.Poetry = Poetry  # type: ignore[attr-defined]
    return module


class Poetry:
    name, version, kind = "poetry", 1, "poetry"

    def __init__(self, pool: Any, *, confirm: bool = True) -> None:
        self.pool = pool

    @staticmethod
    def problems(task: Task) -> list[str]:
        return []

    async def verify(self, task: Task, solution: str) -> Verdict:
        return Verdict(outcome=Outcome.PASSED, score=1.0, strength=Strength.TESTED, verifier="poetry/1")


async def test_an_unknown_kind_is_the_users_mistake() -> None:
    async with Pool(FakeFactory([]), size=1) as pool:
        with pytest.raises(UnknownKindError, match="poetry") as raised:
            Verifiers(pool).for_kind("poetry")
    assert isinstance(raised.value, UserError)


async def test_infrastructure_trouble_is_unscored_and_never_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PAUSE_SECONDS", 0.0)

    def broken(job: Job, sockets: Sequence[socket.socket]) -> Report | SandboxError:
        return SandboxError("the engine is gone")

    async with Pool(FakeFactory(broken), size=1) as pool:
        # No worker of such an engine passes its canary.
        monkeypatch.setattr(pool._workers, "take", _no_worker)
        verdict = await Verifiers(pool).verify(task(), "def f(x):\n    return 2\n")
    assert verdict.outcome is Outcome.UNSCORED
    assert verdict.score is None
    assert "engine is gone" in verdict.sandbox


async def _no_worker(*args: Any, **kwargs: Any) -> Any:
    raise SandboxError("the engine is gone")


async def test_trouble_that_follows_a_candidate_is_its_own_failure() -> None:
    lost = [SandboxError("the worker died")] * 3
    async with Pool(FakeFactory(list(lost)), size=1) as pool:
        verdict = await Verifiers(pool).verify(task(), "def f(x):\n    return 2\n")
    assert verdict.outcome is Outcome.ERROR
    assert verdict.score == 0.0


ODD = """
class Answers:
    name, version, kind = "answers", 1, "answers"
    def __init__(self, pool, *, confirm=True): pass
    @staticmethod
    def problems(task): return [] if task.prompt != "broken" else 1 / 0
    async def verify(self, task, solution): return solution == "yes"

def source(task, found):
    return found.strip() == "x = 1"
source.reads = "code"

def half(task, found): return "half"
def neither(task, found): return True
neither.reads = "everything"
"""


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "odd.py"
    file.write_text(ODD)
    trust_files()
    yield file
    trust_files(False)


async def judged(kind: str, reply: str) -> Verdict:
    task = Task(id="t", kind=kind, prompt="p")
    async with Pool(FakeFactory(lambda job, sockets: Report(ending=Ending.FINISHED, seconds=0.0)), size=1) as pool:
        return (await judge_reply(task, reply, Verifiers(pool)))[1]


async def test_what_a_plug_in_answers_wrongly_is_its_own_fault_and_named(odd: Path) -> None:
    for name, said in (("Answers", "Answers.verify gave a bool, no Verdict"), ("half", "half gave half, which is no")):
        verdict = await judged(f"{odd}:{name}", "yes")
        assert (verdict.outcome, verdict.score) == (Outcome.UNSCORED, None)
        assert str(odd) in verdict.sandbox
        assert said in verdict.sandbox
    code, message = explain(raised_by(lambda: problems(Task(id="t", kind=f"{odd}:Answers", prompt="broken"))))
    assert code == 2
    assert f"{odd}, line 6, in problems: ZeroDivisionError" in message
    with pytest.raises(UserError, match="'everything' is neither 'reply' nor 'code'"):
        verifier_class(f"{odd}:neither")


async def test_a_plug_in_that_reads_code_gets_the_source_of_a_reply(odd: Path) -> None:
    kind = f"{odd}:source"
    assert (await judged(kind, "Here:\n```python\nx = 1\n```\nIs it right?")).passed
    assert (await judged(kind, "x = 1")).passed
    assert (await judged(kind, "There is no way to say it.")).outcome is Outcome.INVALID


def raised_by(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")
