"""A hypothesis: what was asked and answered, what came of it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from gristmill.graph.amounts import in_words
from gristmill.graph.records import Hypothesis, Step
from gristmill.graph.reports.course import operator_of
from gristmill.graph.storage.store import Store
from gristmill.graph.view.figures import figure
from gristmill.graph.view.own.last import Line, changes
from gristmill.graph.view.own.trust.attacks import WORDS, told
from gristmill.graph.view.registry import Asked
from gristmill.graph.view.terminal import in_terminal
from gristmill.verifiers.records import CheckEvidence, Evidence, Outcome, Verdict
from gristmill.verifiers.settling import outcome_words, reason

__all__ = ["HypothesisPage", "hypothesis_page"]


@dataclass(frozen=True, slots=True)
class HypothesisPage:
    """What the page of a hypothesis shows."""

    run: str
    hypothesis: Hypothesis
    verdict: Verdict | None
    came: str
    """Outcome and strength in words."""
    spared: bool
    """Whether its task has ended without a verdict on it, as what a ranker has set behind one that passed."""
    score: str
    why: str
    """Why it is refused or settled otherwise; empty where nothing is to be said."""
    evidence: Evidence | None
    telling: Sequence[CheckEvidence]
    """Checks that did not pass, or whose test is at fault."""
    at_fault: Sequence[CheckEvidence]
    """Of these, the ones whose test is at fault by itself."""
    attempts: Sequence[tuple[str, str, str]]
    """What was seen of attempts on the judge: (mechanism, how often and what, what is known)."""
    prompt: Sequence[tuple[str, str]]
    parent: str | None
    changes: Sequence[Line]
    operator: str
    children: Sequence[str]
    calls: int
    money: str
    reproduce: Sequence[str]
    public: bool
    """Whether what only the owner may know is left out."""


def hypothesis_page(store: Store, asked: Asked) -> HypothesisPage | None:
    """The page of a hypothesis; None where the run has none of that id."""
    run = asked.owner
    found = store.glances.one(run, asked.id)
    if found is None:
        return None
    hypothesis, verdict = found
    if asked.public:
        hypothesis, verdict = _published(hypothesis, verdict)
    evidence = None if asked.public else store.evidence(run, [hypothesis.id]).get(hypothesis.id)
    telling = [each for each in evidence.checks if each.outcome != "passed" or each.fault] if evidence else []
    spent = store.account.of(run, hypothesis.id)
    return HypothesisPage(
        run=run,
        hypothesis=hypothesis,
        verdict=verdict,
        came="not judged" if verdict is None else outcome_words(verdict.outcome, verdict.strength),
        spared=verdict is None and hypothesis.task_id in store.glances.endings(run),
        score=figure(verdict.score) if verdict is not None else "",
        why=(reason(verdict) or "") if verdict is not None else "",
        evidence=evidence,
        telling=telling,
        at_fault=[each for each in telling if each.fault],
        attempts=[(*told(each), WORDS[each.mechanism].known) for each in evidence.incidents] if evidence else [],
        prompt=store.glances.prompt(hypothesis.prompt_sha),
        parent=next(iter(hypothesis.parents), None),
        changes=changes(store, run, Step(hypothesis=hypothesis, verdict=verdict)) if verdict is not None else [],
        operator=operator_of(hypothesis),
        children=_children(store, run, hypothesis),
        calls=spent.calls,
        money=in_words(spent.money),
        reproduce=[] if asked.public else _reproduce(store, asked, hypothesis, verdict is not None),
        public=asked.public,
    )


def _published(hypothesis: Hypothesis, verdict: Verdict | None) -> tuple[Hypothesis, Verdict | None]:
    """Without the adapter's folder, and without what the machine has said of its own trouble."""
    if hypothesis.adapter is not None:
        hypothesis = hypothesis.model_copy(update={"adapter": PurePath(hypothesis.adapter).name})
    if verdict is not None and verdict.outcome is Outcome.UNSCORED:
        verdict = verdict.model_copy(update={"sandbox": ""})
    return hypothesis, verdict


def _children(store: Store, run: str, hypothesis: Hypothesis) -> list[str]:
    """Those that build on it, as far as the reflections of its task name it."""
    rounds = {
        each.round + 1
        for each in store.reflections(run, hypothesis.task_id)
        if hypothesis.id in each.parents and each.round >= hypothesis.round
    }
    if not rounds:
        return []
    ids = [each.id for each in store.glances.hypotheses(run, hypothesis.task_id, rounds)]
    steps = store.steps_of(run, ids[:500])
    return [id_ for id_, step in steps.items() if hypothesis.id in step.hypothesis.parents]


def _reproduce(store: Store, asked: Asked, hypothesis: Hypothesis, judged: bool) -> list[str]:
    """What happens once more: its judging, with what only the owner may read; and what is stored, in a terminal.

    An id that begins with a dash is no option.
    """
    show = "show", asked.owner
    again = [in_terminal(store, asked, *show, f"--again={hypothesis.id}")] if judged else []
    return [*again, in_terminal(store, asked, *show, f"--task={hypothesis.task_id}", "--prompt", "--evidence")]
