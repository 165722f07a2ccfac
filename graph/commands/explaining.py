"""Verdicts and evidence in words, for whoever owns the tasks; and the references of tasks, judged with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gristmill.sandbox.plain import say, say_json

if TYPE_CHECKING:
    from gristmill.graph.storage.store import Store
    from gristmill.verifiers.records import CheckEvidence, Evidence, Task, Verdict

__all__ = [
    "Review",
    "came_words",
    "evidence_lines",
    "evidence_rows",
    "judge_references",
    "say_references",
    "say_task",
    "short_lines",
    "short_number",
    "summary_of",
    "with_examples",
]

_SHORT, _FULL, _LINE = 5, 20, 400
_FIELD = re.compile(r"`(limits\.\w+)`")  # 512 MiB (`limits.memory_mb`)
_BESIDE = {
    "split": "their tests split, assertions apart from them",
    "together": "beside the tests of their repositories, or their evaluators",
}
_REFERENCE = "reference"
_NEXT = {
    "raises by itself": "mend the test: no solution has a part in what it raises",
    "asserts nothing": "let it assert something, or leave it out: it says the same of every solution",
    "contradicts another test": "decide which of the two is right: no solution meets both",
    "never calls the candidate": "let it call the solution, or leave it out: it says the same of every solution",
}


class Review(NamedTuple):
    """A verdict on a reference, or on what a task begins with, and what only the task's owner may read beside it."""

    verdict: Verdict
    evidence: Evidence

    @property
    def suspicious(self) -> bool:
        """Whether one of the tests is at fault by itself, whatever came of it."""
        return any(each.fault for each in self.evidence.checks)

    @property
    def runs(self) -> bool:
        """Whether it could be judged to its end, right or wrong: so it can be begun with."""
        return self.verdict.outcome.value in ("passed", "failed")


async def judge_references(
    tasks: Sequence[Task], sandbox: str, workers: int | None
) -> tuple[dict[str, Review], dict[str, list[Review]]]:
    """What came of the reference of each task that has one, and of the programs that each begins with, by task's id.

    Where tests or evaluator share a process with it, it can pass as `together` and no better, so there that is a pass.
    """
    from contextlib import aclosing

    from gristmill.graph.judging.candidates import judge_all
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.extraction.forms.starting import starts
    from gristmill.verifiers.records import Candidate
    from gristmill.verifiers.registry import Verifiers

    candidates = [
        Candidate(task_id=task.id, id=id_, text=text)
        for task in tasks
        for id_, text in ((_REFERENCE, task.reference), *((str(n), each) for n, each in enumerate(starts(task))))
        if text is not None
    ]
    found: dict[tuple[str, str], Review] = {}
    if not candidates:
        return {}, {}
    by_id = {task.id: task for task in tasks}

    def keep(candidate: Candidate, verdict: Verdict, evidence: Evidence) -> None:
        found[candidate.task_id, candidate.id] = Review(verdict, evidence)

    async with Pool.open(sandbox, workers) as pool:
        for shared in (False, True):
            some = [each for each in candidates if by_id[each.task_id].shares_a_process is shared]
            judge = Verifiers(pool, accept_together=shared)
            async with aclosing(judge_all(by_id, some, judge, on_evidence=keep)) as verdicts:
                async for _ in verdicts:
                    pass
    references: dict[str, Review] = {}
    begun: dict[str, list[Review]] = {}
    for each in candidates:
        if each.id == _REFERENCE:
            references[each.task_id] = found[each.task_id, each.id]
        else:
            begun.setdefault(each.task_id, []).append(found[each.task_id, each.id])
    return references, begun


def with_examples(tasks: Sequence[Task], sandbox: str) -> list[Task]:
    """The tasks with the examples of their docstrings as public tests; says for how many, and what was left out."""
    import asyncio

    from gristmill.graph.judging.exemplary import with_public_examples

    made, left_out = asyncio.run(with_public_examples(tasks, sandbox))
    changed = sum(before is not after for before, after in zip(tasks, made, strict=True))
    say(f"{changed} of {len(made)} tasks have their examples as public tests", err=True)
    for name, assertions in left_out.items():
        say(f"  {name}: its reference does otherwise: {'; '.join(assertions)}", err=True)
    return made


def evidence_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """The checks that did not pass or are at fault, as rows; empty fields are left out."""
    return [each.model_dump(mode="json", exclude_defaults=True) for each in _telling(evidence)]


def short_lines(evidence: Evidence) -> Iterator[str]:
    """A line for each of the first checks that did not pass or are at fault."""
    for each in _telling(evidence)[:_SHORT]:
        fault = f" ({each.fault.value})" if each.fault else ""
        yield _line(f"{each.place or each.name}: {_outcome(each)}{fault}: {each.detail}", 200)


def evidence_lines(evidence: Evidence, *, reference: bool = False) -> Iterator[str]:
    """All that evidence says of checks that did not pass or are at fault, for people.

    Args:
        evidence: beside a verdict.
        reference: whether it is of a reference: then the test may be wrong as well as the solution.
    """
    telling = _telling(evidence)
    reason = [f"together: {evidence.reason}"] if evidence.reason else []
    yield from map(_line, [*reason, *(f"seen: {each.words}" for each in evidence.incidents)])
    for each in telling[:_FULL]:
        yield _line(f"{each.place or each.name}: {_outcome(each)}{_name_of(each)}")
        said = [("asked", each.asked), ("came", each.value), ("expected", each.expected), ("limit", each.limit)]
        if not (each.asked or each.value):
            said.append(("detail", each.detail))
        elif "The test: " in each.detail:
            said.append(("test", each.detail.rpartition("The test: ")[2]))
        said += [("fault", f"the test {each.fault.value}")] if each.fault else []
        said.append(("next", _next(each, reference)))
        for name, text in said:
            if text:
                yield f"  {name:9} {_line(text)}"
    more = len(telling) - _FULL
    if more > 0 or evidence.left_out:
        yield f"and {max(more, 0) + evidence.left_out} more"


def _telling(evidence: Evidence) -> list[CheckEvidence]:
    return [each for each in evidence.checks if each.outcome.value != "passed" or each.fault]


def _outcome(each: CheckEvidence) -> str:
    return each.outcome.value.replace("_", " ")


def _name_of(each: CheckEvidence) -> str:
    """The check's name, where the place does not say it already."""
    name = each.name.rpartition("/")[2]
    return f" ({name})" if each.place and name and not name.startswith(("case ", "line ")) else ""


def _next(each: CheckEvidence, reference: bool) -> str:
    if each.fault:
        return _NEXT[each.fault.value]
    if field := _FIELD.search(each.limit):
        return f"raise {field[1]} of the task" + (", or let the reference take less" if reference else "")
    if not reference:
        return ""
    if each.outcome.value == "failed":
        return "is what the test expects right? Then mend the reference; else the test"
    if each.outcome.value == "refused":
        return "docs/security.md lists what cannot be judged apart; ask for it in another way"
    if each.outcome.value == "unscored":
        return "`gristmill doctor` says what is wrong with this machine"
    return "mend the reference, if it may be called like this; else the test"


def _line(text: str, most: int = _LINE) -> str:
    """One line, not too long for a terminal."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def summary_of(judged: dict[str, Review], begun: dict[str, list[Review]], explain: bool) -> dict[str, Any]:
    """What came of references and of what tasks begin with, as a document."""
    wrong = {name: each for name, each in judged.items() if not each.verdict.passed}
    shown = {name: each for name, each in judged.items() if name in wrong or (explain and each.suspicious)}
    return {
        "references": len(judged),
        "wrong": {name: each.verdict.outcome.value for name, each in wrong.items()},
        "reasons": {name: each.evidence.reason for name, each in wrong.items() if each.evidence.reason},
        "starts": {name: [each.verdict.outcome.value for each in some] for name, some in begun.items()},
        "evidence": {name: evidence_rows(each.evidence) for name, each in shown.items()},
    }


def say_references(judged: dict[str, Review], begun: dict[str, list[Review]], explain: bool) -> None:
    """What came of references, for people; what is hidden is told as well, as it is the owner who asks.

    Programs that tasks begin with follow: they need not pass, but they must run.
    """
    wrong = [name for name, each in judged.items() if not each.verdict.passed]
    passed = f"{len(judged) - len(wrong)} of {len(judged)} references pass"
    for strength, how in _BESIDE.items():
        if count := sum(verdict.passed and verdict.strength == strength for verdict, _ in judged.values()):
            passed += f", {count} of them as `{strength}`: {how}"
    nothing = "no task has a `reference`"
    say(passed if judged else nothing if begun else f"{nothing}: nothing was judged")
    for name, (verdict, evidence) in judged.items():
        if verdict.passed:
            continue
        detail = verdict.feedback or verdict.sandbox
        say(f"  {name}: {verdict.outcome.value}{': ' if detail else ''}{' '.join(detail.split())[:200]}")
        if evidence.reason and not explain:
            say(f"    {evidence.reason}")
        for line in evidence_lines(evidence, reference=True) if explain else short_lines(evidence):
            say(f"    {line}")
    if wrong and not explain:
        say("  --explain says all that is known of each, and what to do next")
    for name, each in judged.items() if explain else ():
        if each.verdict.passed and each.suspicious:
            say(f"  {name}: passed, and yet its tests are not in order")
            for line in evidence_lines(each.evidence, reference=True):
                say(f"    {line}")
    for name, number, each in ((name, *numbered) for name, some in begun.items() for numbered in enumerate(some)):
        how = "runs" if each.runs else f"does not run: {each.verdict.feedback or each.verdict.sandbox}"
        say("  " + _line(f"{name}: `start` {number} ({came_words(each.verdict)}) {how}"))


def say_task(store: Store, run: str, task: str, prompt: bool, with_evidence: bool, as_json: bool) -> None:
    """Print one task's hypotheses with what came of each."""
    import json

    from gristmill.verifiers.settling import reason

    steps = store.steps(run, task)
    asked = store.prompts({hypothesis.prompt_sha for hypothesis, _ in steps}) if prompt else {}
    judged = store.evidence(run, [hypothesis.id for hypothesis, _ in steps]) if with_evidence else {}
    if as_json:
        rows = [
            {"hypothesis": hypothesis.model_dump(mode="json"), "verdict": verdict and verdict.model_dump(mode="json")}
            | ({"prompt": [turn.model_dump() for turn in asked[hypothesis.prompt_sha]]} if prompt else {})
            | ({"evidence": judged[hypothesis.id].model_dump(mode="json")} if hypothesis.id in judged else {})
            for hypothesis, verdict in steps
        ]
        say_json(json.dumps(rows, indent=1))
        return
    shown: set[str] = set()
    reflections = list(store.reflections(run, task))
    written = [(each.round, f"learned of round {each.round}: {each.lesson}") for each in reflections if each.lesson]
    advice = [(each.round, each.instruction) for each in reflections if each.instruction]
    written = sorted([*written, *((of, f"instruction after round {of}: {text}") for of, text in advice)])
    for hypothesis, verdict in steps:
        while written and written[0][0] < hypothesis.round:
            say(written.pop(0)[1])
        if prompt and hypothesis.prompt_sha not in shown:
            # Once, where it was asked first.
            shown.add(hypothesis.prompt_sha)
            for turn in asked[hypothesis.prompt_sha]:
                say("\n".join(f"{turn.role:>9} | {line}" for line in turn.content.splitlines()))
        came = "not judged" if verdict is None else came_words(verdict)
        if verdict is not None and (why := reason(verdict)):
            came = f"{came} ({why})"
        built = f", built on {', '.join(hypothesis.parents)}" if hypothesis.parents else ""
        given = f", given the construction {hypothesis.best[:12]}" if hypothesis.best else ""
        given += f", told the instruction after round {hypothesis.instruction}" if hypothesis.instruction else ""
        say(f"{hypothesis.id}: {came}{built}{given}\n  {hypothesis.note}")
        say("\n".join(f"    {line}" for line in (hypothesis.solution or hypothesis.text).splitlines()))
        if verdict is not None and verdict.feedback:
            say("\n".join(f"  > {line}" for line in verdict.feedback.splitlines()))
        if verdict is not None and verdict.notes:
            say("\n".join(f"  notes | {line}" for line in verdict.notes.splitlines()))
        if hypothesis.id in judged:
            say("\n".join(f"  = {line}" for line in evidence_lines(judged[hypothesis.id])) or "  = every check passed")
        elif with_evidence and verdict is not None:
            say("  = no evidence is kept of it")


def came_words(verdict: Verdict) -> str:
    """Outcome and score; a pass that is not verified says its strength."""
    from gristmill.verifiers.settling import outcome_words

    return f"{outcome_words(verdict.outcome, verdict.strength)}, score {short_number(verdict.score)}"


def short_number(value: float | None) -> str:
    """A number for people: six digits that count, and nothing where there is none."""
    return "" if value is None else f"{value:.6g}"
