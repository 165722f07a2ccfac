"""The verdict on a patch: its tests run twice, on workers that nothing else has used.

The first run is told test by test, by a process that holds the patch; against one that tells of passes which are none,
the second is pytest's alone, and says nothing but how it has ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gristmill.verifiers.code import feedback
from gristmill.verifiers.code.findings import Broken, Finding, Findings
from gristmill.verifiers.code.repository.running import (
    Row,
    passes_plainly,
    profile_of,
    repository_text,
    run_repository,
)
from gristmill.verifiers.records import Check, CheckEvidence, Evidence, Outcome, Strength, Task, Verdict
from gristmill.verifiers.repositories.trees import tree_of

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.code.repository.apart import PartedTests

__all__ = ["judge_repository"]

_NOT_AGAIN = Finding("plain pytest", Outcome.FAILED, "run once more, by pytest alone, the tests do not pass")
_EMPTY = Broken(Outcome.INVALID, "there is no change in the reply")


async def judge_repository(
    pool: Jobs, task: Task, patch: str, name: str, parted: PartedTests | None = None
) -> tuple[Verdict, Evidence]:
    """The verdict, of strength `together`, and the evidence for the task's owner.

    With `parted`, a pass is of strength `split` where the tests pass split as well.

    Raises:
        SandboxError: nothing may be concluded about the patch.
        RepositoryError: the repository can no longer be read.
    """
    assert task.repo is not None
    tree = await asyncio.to_thread(tree_of, task.repo)
    profile = profile_of(task, patch)
    told: list[Row] = [("repo", True, Findings((), _EMPTY))]
    flaky = split = False
    if patch.strip():
        # Before it stands beside the tests, where it can read what is wanted: a clock could tell a later job of that.
        split = parted is not None and await parted.pass_(task, patch)
        told = await run_repository(pool, task, patch, profile)
        flaky = _outcome(told) is Outcome.PASSED and not await passes_plainly(pool, task, patch, profile)
    rows = [*told, *([("repo.tests", False, Findings((_NOT_AGAIN,)))] if flaky else ())]
    outcome = Outcome.FLAKY if flaky else _outcome(told)
    checks = [(public, each) for _, public, findings in rows for each in findings.checks]
    broken = _broken(rows)
    text = repository_text(told, feedback.FLAKY if flaky else "") if broken is None else broken.reason
    verdict = Verdict(
        outcome=outcome,
        score=sum(each.outcome is Outcome.PASSED for _, each in checks) / len(checks) if checks else 0.0,
        metrics={"assertions": sum(findings.metrics.get("assertions", 0.0) for _, _, findings in rows)},
        checks=tuple(_check(public, each, number) for number, (public, each) in enumerate(checks, 1)),
        strength=Strength.SPLIT if split and outcome is Outcome.PASSED else Strength.TOGETHER,
        feedback=feedback.clean(text[:1].upper() + text[1:]),
        verifier=name,
        sandbox=pool.info(profile).label,
        tree=tree.label,
    )
    return verdict, Evidence.of(name, _shown(rows))


def _broken(rows: list[Row]) -> Broken | None:
    return next((findings.broken for _, _, findings in rows if findings.broken is not None), None)


def _outcome(rows: list[Row]) -> Outcome:
    """Passed only if every test has; a refusal says nothing where another test found something wrong."""
    if (broken := _broken(rows)) is not None:
        return broken.outcome
    found = [each.outcome for _, _, findings in rows for each in findings.checks]
    wrong = sorted((each for each in found if each is not Outcome.PASSED), key=lambda each: each is Outcome.REFUSED)
    return wrong[0] if wrong else Outcome.PASSED if found else Outcome.ERROR


def _check(public: bool, finding: Finding, number: int) -> Check:
    name = finding.name if public else feedback.anonymous(finding.name, number)
    detail = feedback.clean(finding.text) if public else ""
    return Check(name=feedback.clean(name), outcome=finding.outcome, public=public, detail=detail)


def _shown(rows: list[Row]) -> list[CheckEvidence]:
    shown = []
    for field, public, findings in rows:
        if findings.broken is not None:
            shown.append(
                CheckEvidence(name=field, outcome=findings.broken.outcome, public=public, detail=findings.broken.reason)
            )
        for each in findings.checks:
            row = {"place": each.place, "value": feedback.clean(each.value), "limit": each.limit, "fault": each.fault}
            detail = feedback.clean(each.text)
            shown.append(
                CheckEvidence(name=feedback.clean(each.name), outcome=each.outcome, public=public, detail=detail, **row)
            )
    return shown
