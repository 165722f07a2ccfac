"""The command `attack`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import Sandbox
from gristmill.sandbox.plain import console_for, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gristmill.verifiers.attacks.records import Attack
    from gristmill.verifiers.attacks.suite import Attempt, TaskReport
    from gristmill.verifiers.records import Task

__all__ = ["attack"]

_KINDS = ("code", "math", "reasoning", "reward", "loss")


def attack(
    tasks: Annotated[
        str, typer.Argument(help="Task file (JSONL or YAML), of code, math, reasoning, reward or loss tasks.")
    ],
    sandbox: Sandbox = "auto",
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A mechanism or a family, say weak; may be repeated.")
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="Most time that an attack gets, where the task allows more.")
    ] = 2.0,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Candidates at a time. Default: what this machine holds.")
    ] = None,
    accept: Annotated[
        str, typer.Option("--accept", help="verified, or split: attack tests as --accept split takes them as well.")
    ] = "verified",
    out: Annotated[str | None, typer.Option("--out", help="Also write every attempt there, a JSON row a task.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")] = False,
) -> None:
    """Attack the tests of tasks, to see what they would let through.

    Runs some 260 ways to cheat against each code task: candidates that know nothing (constants, public answers by
    heart, the argument unchanged), which only weak tests let through, and forgeries (exit codes, lying values,
    patched runners, leaks), which must never pass. Of repositories, the same as patches, and patches that change tests
    or settings. Of math and reasoning tasks, replies that are wrong by construction; of reward and loss tasks,
    functions that cheat their training: that takes minutes each.
    docs/attacks.md says how to read what is found.

    Exit code 0: nothing passed and nothing was told; 1: something did, which is named; 3: nothing could be judged.

    \b
    Examples:
      gristmill attack tasks.jsonl
      gristmill attack tasks.jsonl --accept split --only driven
      gristmill attack tasks.jsonl --only weak
      gristmill attack tasks.jsonl --only input-in-an-error --only runner --json
    """
    import asyncio

    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.graph.tasks.output import refuse_existing
    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.extraction.importing import need_packages

    if accept not in ("verified", "split"):
        raise UserError(f"--accept: {accept!r} is none of verified and split; beside the tests every forgery may pass")
    if out is not None:
        refuse_existing(out, force=force)
    attacks = _chosen(only or [])
    loaded = load_tasks(tasks)
    wanted = [task for task in loaded if task.kind in _KINDS]
    if not wanted:
        raise UserError(f"{tasks} holds no task of the kinds that attacks exist for: {', '.join(_KINDS)}")
    need_packages(wanted)
    console = console_for(stderr=True)
    if len(wanted) < len(loaded):
        console.print(f"{len(loaded) - len(wanted)} tasks of other kinds are skipped")
    reports = asyncio.run(_attack(wanted, attacks, sandbox, workers, seconds, out, console, split=accept == "split"))
    _say(reports, attacks, console, json_)
    tried = sum(report.tried for report in reports)
    if tried and tried == sum(len(report.unscored) for report in reports):
        raise typer.Exit(3)
    if not all(report.clean for report in reports):
        raise typer.Exit(1)


def _chosen(words: list[str]) -> tuple[Attack, ...]:
    from difflib import get_close_matches

    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.attacks.catalogue import ATTACKS, OTHERS, chosen
    from gristmill.verifiers.attacks.records import Family

    try:
        return chosen(words)
    except KeyError as error:
        word = str(error.args[0])
    families = [family.value for family in Family]
    near = get_close_matches(word, [*families, *(each.name for each in (*ATTACKS, *OTHERS))], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the families are {', '.join(families)}"
    raise UserError(f"--only: there is no attack or family {word!r}; {hint}")


async def _attack(
    tasks: Sequence[Task],
    attacks: Sequence[Attack],
    sandbox: str,
    workers: int | None,
    seconds: float,
    out: str | None,
    console: Console,
    *,
    split: bool,
) -> list[TaskReport]:
    from contextlib import ExitStack

    from gristmill.graph.commands.progress import Display
    from gristmill.graph.tasks.output import row_writer
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.attacks.suite import attack_task, limited, prepared
    from gristmill.verifiers.registry import Verifiers

    total = sum(len(prepared(task, attacks, split=split)) for task in tasks)
    reports: list[TaskReport] = []
    done = 0

    def count_attempt(attempt: Attempt | None = None) -> None:
        """Count an attempt. What has passed so far may fail in the consistency run, so findings come with reports."""
        nonlocal done
        done += attempt is not None
        findings = sum(each.findings for each in reports)
        display.update(done, total, f"{findings} to report" if findings else "")

    async with Pool.open(sandbox, workers) as pool:
        # What passes beside a repository's tests is named, though it counts only where somebody takes that.
        verifiers, beside = Verifiers(pool, accept_split=split), Verifiers(pool, accept_together=True)
        with ExitStack() as stack:
            display = stack.enter_context(Display(console, "attacking", unit="tried"))
            write = stack.enter_context(row_writer(out, force=True)) if out is not None else None
            for task in tasks:
                report = await attack_task(
                    limited(task, seconds),
                    attacks,
                    verifiers if task.repo is None else beside,
                    at_a_time=pool.size + 2,
                    split=split,
                    on_attempt=count_attempt,
                )
                reports.append(report)
                count_attempt()
                if write is not None:
                    write(report.model_dump(mode="json"))
    return reports


def _say(reports: Sequence[TaskReport], attacks: Sequence[Attack], console: Console, as_json: bool) -> None:
    """The findings, each with what the attack does, and the table."""
    import json

    if as_json:
        rows = [report.model_dump(mode="json", exclude={"attempts"}) for report in reports]
        say_json(json.dumps({"attacks": len(attacks), "clean": all(each.clean for each in reports), "tasks": rows}))
        return
    tries = {each.name: each.tries for each in attacks}
    meanings = {
        "weak": "the tests are too weak: passed by a candidate that",
        "unverified": "passed only by the candidate's own operators, so not called verified:",
        "holes": "a HOLE in gristmill, please report it:",
        "leaks": "a LEAK of hidden values by gristmill, please report it:",
        "unscored": "not judged:",
    }
    for report in reports:
        for field, meaning in meanings.items():
            for name in getattr(report, field):
                console.print(f"{report.task_id}: {meaning} {tries[name]} ({name})", soft_wrap=True)
        if report.apart:
            console.print(
                f"{report.task_id}: {len(report.apart)} passed where the judge runs apart, and failed in the "
                f"consistency run: {', '.join(report.apart)}",
                soft_wrap=True,
            )
        if report.together:
            console.print(
                f"{report.task_id}: {len(report.together)} forgeries pass beside the tests, as in plain pytest: "
                f"--accept together would take them, and without it they are refused: {', '.join(report.together)}",
                soft_wrap=True,
            )
        if report.masked:
            console.print(
                f"{report.task_id}: {len(report.masked)} forgeries passed as well, which says nothing where candidates "
                f"that know nothing pass: {', '.join(report.masked)}",
                soft_wrap=True,
            )
    headings = ("tried", "weak", "unverified", "holes", "leaks", "unscored")
    say_table(
        ("task", *headings),
        [(each.task_id, str(each.tried), *(str(len(getattr(each, field))) for field in meanings)) for each in reports],
        right=headings,
    )
