"""A stored hypothesis judged once more, as an owner copies it from the page to see why it failed; nothing is kept."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from gristmill.graph.commands.explaining import evidence_lines, evidence_rows, short_number
from gristmill.graph.judging.constructions import StoredShelf
from gristmill.graph.judging.hypotheses import as_given
from gristmill.graph.judging.secret import kept_secret
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.plain import say, say_json
from gristmill.verifiers.constructions.shelf import MemoryShelf
from gristmill.verifiers.extraction.replies import Extraction
from gristmill.verifiers.judging import explain_extraction
from gristmill.verifiers.records import Apart, Evidence, Outcome, Verdict
from gristmill.verifiers.settling import reason

if TYPE_CHECKING:
    from gristmill.graph.records import Step
    from gristmill.verifiers.records import Task

__all__ = ["say_again"]


def say_again(store: Store, run: str, id_: str, sandbox: str | None, as_json: bool) -> bool:
    """Judge a hypothesis in a fresh sandbox, and print what comes beside what came; whether that is the same.

    Args:
        sandbox: where it runs; None is what the run has been begun with.

    Raises:
        UserError: the run has judged no hypothesis of that id.
        InfrastructureError: it could not be judged here.
    """
    step = store.steps_of(run, [id_]).get(id_)
    if step is None:
        raise UserError(
            f"the run {run!r} has no judged hypothesis {id_!r}; `gristmill show {run} --task TASK` lists them"
        )
    task = next(each for each in store.tasks(run) if each.id == step.hypothesis.task_id)
    verdict, evidence = asyncio.run(_judged(store, run, task, step, sandbox))
    then = step.verdict.searched or step.verdict  # the close of a search has looked with other seeds
    same = (verdict.outcome, verdict.score) == (then.outcome, then.score)
    if as_json:
        row = {
            "hypothesis": id_,
            "then": {"outcome": then.outcome.value, "score": then.score, "strength": then.strength.value},
            "now": {"outcome": verdict.outcome.value, "score": verdict.score, "strength": verdict.strength.value},
            "same": same,
            "evidence": evidence_rows(evidence),
        }
        say_json(json.dumps(row, indent=1))
    else:
        say(f"{id_}: {_words(verdict)}{' again' if same else f', and then {_words(then)}'}")
        for line in evidence_lines(evidence):
            say(f"  {line}")
    if verdict.outcome is Outcome.UNSCORED:
        raise InfrastructureError(f"{id_} could not be judged here; `gristmill doctor` may say why")
    return same


async def _judged(store: Store, run: str, task: Task, step: Step, sandbox: str | None) -> tuple[Verdict, Evidence]:
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.registry import Verifiers

    config, hypothesis, shelf = store.get_run(run).config, step.hypothesis, MemoryShelf()
    if hypothesis.best is not None and (made := await StoredShelf(store, run).find(hypothesis.best)) is not None:
        await shelf.keep(hypothesis.best, made)
    # As the run has read the reply: that may be changes to a program that is not known here.
    extraction, task = Extraction(solution=hypothesis.solution, note=hypothesis.note), as_given(task, hypothesis)
    async with Pool.open(sandbox or config.sandbox, 1) as pool:
        judge = Verifiers(
            pool,
            confirm=config.confirm,
            secret=kept_secret(store, run),
            shelf=shelf,
            accept_split=config.accept == "split",
            accept_together=config.accept == "together",
        )
        verdict, evidence = await explain_extraction(task, extraction, judge)
        if verdict.pending and hypothesis.solution is not None:
            (verdict,) = await judge.settle_all(task, [(hypothesis.solution, verdict)])
    return verdict, evidence.model_copy(update={"reason": reason(verdict)})


def _words(verdict: Verdict | Apart) -> str:
    return verdict.outcome.value + (f" with score {short_number(verdict.score)}" if verdict.score is not None else "")
