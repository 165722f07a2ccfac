"""The winner of a task, with what somebody else needs to believe it and to judge it once more.

Of what its tests hold nothing is told: the evidence lies beside the program, and goes where that goes.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import NamedTuple

from pydantic import Field

from gristmill.graph.judging.constructions import StoredShelf
from gristmill.graph.records import Sampling, Step, StopReason
from gristmill.graph.reports.course import family, operator_of
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Closing, TaskStanding
from gristmill.sandbox.errors import GristmillError
from gristmill.sandbox.plain import writable
from gristmill.sandbox.records import Record
from gristmill.verifiers.constructions.shelf import construction_of
from gristmill.verifiers.extraction.forms.packages import files_of
from gristmill.verifiers.records import Direction, Outcome, Strength

__all__ = ["NoWinnerError", "Winner", "WinnerEvidence", "winner_of"]


class NoWinnerError(GristmillError):
    """A task has nothing yet that may be called its winner; the message says why, and what to do."""


class WinnerEvidence(Record):
    """What is known of a winner; no test, no expected value and no hidden input is in it."""

    gristmill: str = Field(description="the release that wrote this")
    run: str
    task: str
    kind: str
    hypothesis: str
    outcome: Outcome
    score: float | None
    direction: Direction
    target: float | None = Field(None, description="the score from which a hypothesis passes, where there is one")
    rescore: float | None = Field(None, description="what it came to on fresh workers, before it was announced")
    held_out: float | None = Field(None, description="the total over instances that the search was not steered by")
    closing: Closing | None = Field(None, description="all that was found of the best, and who stepped down for it")
    metrics: dict[str, float]
    strength: Strength
    verified: bool
    together: bool | None = Field(None, description="whether the consistency run has passed; None where there was none")
    verifier: str
    sandbox: str = Field(description="backend and image digest")
    tree: str = Field("", description="for a repository: the full commit, and the sha256 of its files")
    strategy: str
    proposer: str
    model: str
    adapter: str | None
    operator: str
    sampling: Sampling
    prompt_sha: str
    parents: tuple[str, ...]
    family: tuple[str, ...] = Field(description="the winner and what it goes back to by first parents, oldest first")
    calls: int = Field(description="model calls that were started for the task")
    stop: StopReason | None = Field(description="why the search ended; None: it had not, when this was written")
    sha256: str = Field(description="of the program's file")
    files: dict[str, str] = Field({}, description="of a program of several files: the sha256 of each, by its path")
    construction: str | None = Field(None, description="sha256 of the file of what the program has made")
    given: str | None = Field(None, description="sha256 of the file of the construction that the program was given")


class Winner(NamedTuple):
    """A winner's files, each whole."""

    program: bytes
    construction: bytes | None
    given: bytes | None
    evidence: WinnerEvidence
    files: dict[str, bytes] = {}
    """Of a program of several files, each of them by its path; then `program` is the text that was judged."""


def winner_of(store: Store, run: str, standing: TaskStanding) -> Winner:
    """The winner of a task.

    Raises:
        NoWinnerError: there is none yet.
        InfrastructureError: its construction is not in the store, or is another one there.
    """
    step = store.steps_of(run, [standing.best]).get(standing.best) if standing.best is not None else None
    if step is None or (solution := step.hypothesis.solution) is None:
        raise NoWinnerError(f"{standing.task} has no solution yet: {_go_on(run)}")
    _need_won(run, standing, step)
    hypothesis, verdict = step.hypothesis, step.verdict
    text = writable(solution)
    files = files_of(text)
    program = (text if text.endswith("\n") else f"{text}\n").encode()
    looked = standing.closing.of_winner if standing.closing is not None else None
    evidence = WinnerEvidence(
        gristmill=_release(),
        run=run,
        task=standing.task,
        kind=standing.kind,
        hypothesis=hypothesis.id,
        outcome=verdict.outcome,
        score=verdict.score,
        direction=verdict.direction,
        target=standing.target,
        rescore=looked and looked.rescore,
        held_out=looked and looked.held_out,
        closing=standing.closing,
        metrics=verdict.metrics,
        strength=verdict.strength,
        verified=verdict.verified,
        together=verdict.together,
        verifier=verdict.verifier,
        sandbox=verdict.sandbox,
        tree=verdict.tree,
        strategy=store.get_run(run).config.search.strategy,
        proposer=hypothesis.proposer,
        model=hypothesis.model,
        adapter=hypothesis.adapter,
        operator=operator_of(hypothesis),
        sampling=hypothesis.sampling,
        prompt_sha=hypothesis.prompt_sha,
        parents=hypothesis.parents,
        family=tuple(each.hypothesis for each in family(store, run, hypothesis.id)),
        calls=standing.calls,
        stop=standing.stop,
        sha256=hashlib.sha256(program).hexdigest(),
        files={path: hashlib.sha256(own.encode()).hexdigest() for path, own in files.items()},
        construction=verdict.construction,
        given=hypothesis.best,
    )
    made, given = (_construction(store, run, name) for name in (verdict.construction, hypothesis.best))
    return Winner(program, made, given, evidence, {path: own.encode() for path, own in files.items()})


def _need_won(run: str, standing: TaskStanding, step: Step) -> None:
    """A search for the best has a winner where something was scored; a search for a solution, where one passes."""
    verdict = step.verdict
    if verdict.pending:
        raise NoWinnerError(
            f"the best of {standing.task}, {step.hypothesis.id}, is still to be confirmed, when its search ends: "
            f"{_go_on(run)}; `gristmill show {run} --task {standing.task} --best` prints it as it is"
        )
    if verdict.passed or (standing.graded and verdict.outcome in (Outcome.FAILED, Outcome.FLAKY)):
        return
    raise NoWinnerError(
        f"nothing has passed for {standing.task} (its best, {step.hypothesis.id}: {verdict.outcome.value}): "
        f"{_go_on(run)}; `gristmill show {run} --task {standing.task}` says what came of each hypothesis"
    )


def _go_on(run: str) -> str:
    return f"go on with `gristmill run TASKS --name {run} --resume`, with more --rounds where it has ended"


def _construction(store: Store, run: str, name: str | None) -> bytes | None:
    return None if name is None else asyncio.run(construction_of(StoredShelf(store, run), name))


def _release() -> str:
    from importlib.metadata import version

    return version("gristmill")
