"""Nobody chooses to be unscored: a verifier's exception that comes again for one candidate, and for no canary."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gristmill.graph.judging.candidates import judge_all
from gristmill.sandbox.backends.fake import FakeFactory
from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.sandbox.pool import Pool
from gristmill.sandbox.records import Ending, Report
from gristmill.verifiers import registry
from gristmill.verifiers.judging import Losses, short_error
from gristmill.verifiers.records import Candidate, Direction, Evidence, Outcome, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers

TASK = Task(id="t", kind="trying", prompt="?", reference="right")


class Trying:
    """A verifier that raises where `raises` says so."""

    name, version, kind = "trying", 1, "trying"
    raises: Callable[[str], Exception | None]
    direction = Direction.MAXIMIZE
    judged: list[str]

    def __init__(self, pool: object, *, confirm: bool = True) -> None:
        self.pool = pool

    @staticmethod
    def problems(task: Task) -> list[str]:
        return []

    async def verify(self, task: Task, solution: str) -> Verdict:
        type(self).judged.append(solution)
        if (error := type(self).raises(solution)) is not None:
            raise error
        outcome = Outcome.PASSED if solution == "right" else Outcome.FAILED
        return Verdict(
            outcome=outcome, score=1.0, direction=self.direction, strength=Strength.TESTED, verifier="trying/1"
        )


async def verdict_on(
    monkeypatch: pytest.MonkeyPatch, solution: str, raises: Callable[[str], Exception | None], task: Task = TASK
) -> tuple[Verdict, Evidence]:
    monkeypatch.setattr(Trying, "raises", staticmethod(raises), raising=False)
    monkeypatch.setattr(Trying, "judged", [], raising=False)
    monkeypatch.setattr(registry, "verifier_class", lambda kind: Trying)
    async with Pool(FakeFactory(lambda job, sockets: Report(ending=Ending.FINISHED, seconds=0.0)), size=1) as pool:
        return await Verifiers(pool).explain(task, solution)


def bad(solution: str) -> Exception | None:
    return ValueError(f"cannot show {solution}") if solution.startswith("bad") else None


@pytest.mark.parametrize("direction", [*Direction])
async def test_a_fault_that_one_candidate_alone_meets_is_its_error(
    monkeypatch: pytest.MonkeyPatch, direction: Direction
) -> None:
    monkeypatch.setattr(Trying, "direction", direction)
    verdict, evidence = await verdict_on(monkeypatch, "bad", bad)
    assert verdict.outcome is Outcome.ERROR
    assert verdict.score == (float("inf") if direction is Direction.MINIMIZE else 0.0)
    assert "cannot show" not in verdict.feedback  # the text may hold what is hidden
    assert "cannot show bad" in evidence.checks[0].detail
    assert Trying.judged == ["bad", "right", "bad"]


async def test_a_fault_that_every_canary_meets_says_nothing_about_the_candidate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict, _ = await verdict_on(monkeypatch, "bad", lambda solution: KeyError("no key"))
    assert (verdict.outcome, verdict.score) == (Outcome.UNSCORED, None)
    assert "no key" in verdict.sandbox


async def test_a_fault_that_does_not_come_again_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def once(solution: str) -> Exception | None:
        seen.append(solution)
        return ValueError("once") if len(seen) == 1 else None

    verdict, _ = await verdict_on(monkeypatch, "right", once)
    assert verdict.passed


async def test_without_a_reference_words_that_say_nothing_are_the_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, _ = await verdict_on(monkeypatch, "bad", bad, TASK.model_copy(update={"reference": None}))
    assert verdict.outcome is Outcome.ERROR


@pytest.mark.parametrize("reference", [None, "bad reference"])
async def test_what_was_judged_well_before_is_the_best_canary(
    monkeypatch: pytest.MonkeyPatch, reference: str | None
) -> None:
    def only_json(solution: str) -> Exception | None:
        return None if solution.startswith("{") else ValueError("no JSON")

    monkeypatch.setattr(Trying, "raises", staticmethod(only_json), raising=False)
    monkeypatch.setattr(Trying, "judged", [], raising=False)
    monkeypatch.setattr(registry, "verifier_class", lambda kind: Trying)
    task = TASK.model_copy(update={"reference": reference})
    async with Pool(FakeFactory(lambda job, sockets: Report(ending=Ending.FINISHED, seconds=0.0)), size=1) as pool:
        verifiers = Verifiers(pool)
        assert (await verifiers.verify(task, "bad")).outcome is Outcome.UNSCORED
        await verifiers.verify(task, "{}")
        assert (await verifiers.verify(task, "bad")).outcome is Outcome.ERROR


async def test_trouble_of_the_machine_and_mistakes_of_the_user_stay_what_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict, _ = await verdict_on(monkeypatch, "bad", lambda solution: SandboxError("gone"))
    assert verdict.outcome is Outcome.UNSCORED
    with pytest.raises(UserError):
        await verdict_on(monkeypatch, "bad", lambda solution: UserError("no"))


async def test_a_crowd_of_such_candidates_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trying, "raises", staticmethod(bad), raising=False)
    monkeypatch.setattr(Trying, "judged", [], raising=False)
    monkeypatch.setattr(registry, "verifier_class", lambda kind: Trying)
    candidates = [Candidate(task_id="t", id=str(n), text=f"bad {n}") for n in range(3 * Losses.MOST)]
    candidates.append(Candidate(task_id="t", id="honest", text="right"))
    async with Pool(FakeFactory(lambda job, sockets: Report(ending=Ending.FINISHED, seconds=0.0)), size=2) as pool:
        verdicts = [verdict async for _, verdict in judge_all({"t": TASK}, candidates, Verifiers(pool))]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.ERROR] * 3 * Losses.MOST + [Outcome.PASSED]


def test_the_text_of_an_error_is_anybodys() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise Silent

    assert short_error(Silent()) == "Silent"
    assert "\x1b" not in short_error(ValueError("\x1b]52;c;x\x07\ud800"))
    assert len(short_error(ValueError("x" * 10_000))) < 500
