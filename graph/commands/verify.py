"""The command `verify`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.graph.commands.options import Accept, Languages, Sandbox
from gristmill.sandbox.plain import console_for, say_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from gristmill.graph.commands.tally import Tally
    from gristmill.verifiers.records import Candidate, Evidence, Task, Verdict

__all__ = ["verify"]


def verify(
    tasks: Annotated[str, typer.Argument(help="Task file (JSONL or YAML).")],
    candidates: Annotated[
        str, typer.Argument(help="JSONL file of {task_id, id, text}: raw replies or bare solutions; - is stdin.")
    ],
    out: Annotated[str, typer.Option("--out", help="Where verdicts go, one row a candidate; - is stdout.")],
    evidence: Annotated[
        str | None,
        typer.Option(
            "--evidence",
            metavar="FILE",
            help="Also write what only you may read, one row a verdict: which hidden check, where, on which values.",
        ),
    ] = None,
    sandbox: Sandbox = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Candidates at a time. Default: what this machine holds.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Run a pass again on a fresh worker before it counts.")
    ] = True,
    accept: Accept = "verified",
    languages: Languages = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the rows that --out holds and go on after them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out and --evidence.")] = False,
    require_pass: Annotated[bool, typer.Option("--require-pass", help="Exit with 1 unless all pass.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")] = False,
) -> None:
    """Judge a file of candidates against a file of tasks, many at once.

    Verdicts are written in the order of the candidates, each as soon as its turn has come, so Ctrl-C (exit code 130)
    keeps what is written and --resume goes on. Those on one task's test programs come when all its candidates have been
    judged: then they also run together with their tests. Exit code 0: all were judged, whatever the verdicts; 3: some
    could not be judged (they are `unscored`, never wrong).

    Of hidden tests the verdicts hold counts only, as a model may read them. --evidence FILE holds the rest, for you.

    \b
    Examples:
      gristmill verify tasks.jsonl replies.jsonl --out verdicts.jsonl
      gristmill verify tasks.jsonl replies.jsonl --out verdicts.jsonl --resume
      gristmill verify tasks.jsonl replies.jsonl --out verdicts.jsonl --evidence evidence.jsonl
      gristmill verify tasks.jsonl replies.jsonl --out - --json 2>summary.txt | jq .outcome
    """
    import asyncio

    from gristmill.graph.commands.resuming import cut_evidence, refuse_evidence, written_rows
    from gristmill.graph.commands.tally import Tally
    from gristmill.graph.tasks.loading import load_candidates, load_tasks
    from gristmill.graph.tasks.output import refuse_existing
    from gristmill.sandbox.errors import InfrastructureError, UserError
    from gristmill.verifiers.extraction.importing import need_packages

    if accept not in ("verified", "split", "together"):
        raise UserError(f"--accept: {accept!r} is none of verified, split and together")
    if resume and (force or out == "-"):
        raise UserError("--resume goes on with a file: it does not go with --force or --out -")
    if evidence is not None:
        refuse_evidence(evidence, (out, tasks, candidates))
    loaded = load_tasks(tasks)
    need_packages(loaded)
    asked = load_candidates(candidates, loaded)
    tally = Tally({task.id: task.kind for task in loaded}, len(asked))
    if resume:
        for candidate, row in zip(asked, written_rows(out, asked), strict=False):
            tally.add(candidate, row["outcome"], row.get("strength"), earlier=True)
        if evidence is not None:
            cut_evidence(evidence, asked[: tally.written])
    else:
        for path in (out, evidence):
            if path is not None:
                refuse_existing(path, force=force)
    console = console_for(stderr=True)
    try:
        left = asked[tally.written :]
        asyncio.run(_judge(loaded, left, out, evidence, sandbox, workers, confirm, accept, resume, tally, console))
    except (KeyboardInterrupt, InfrastructureError):
        if tally.written:
            where = "" if out == "-" else f" to {out}; go on with --resume"
            console.print(f"{tally.written} of {len(asked)} verdicts are written{where}")
        raise
    _report(tally, out, json_, console, evidence)
    if tally.unscored:
        raise typer.Exit(InfrastructureError.exit_code)
    if require_pass and not tally.all_passed:
        raise typer.Exit(1)


async def _judge(
    tasks: Sequence[Task],
    candidates: Sequence[Candidate],
    out: str,
    evidence: str | None,
    sandbox: str,
    workers: int | None,
    confirm: bool,
    accept: str,
    append: bool,
    tally: Tally,
    console: Console,
) -> None:
    from contextlib import ExitStack, aclosing

    from gristmill.graph.commands.progress import Display
    from gristmill.graph.commands.tally import telling
    from gristmill.graph.judging.candidates import evidence_row, judge_all, verdict_row
    from gristmill.graph.tasks.output import row_writer
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.registry import Verifiers

    if not candidates:
        return
    async with Pool.open(sandbox, workers) as pool:
        verifiers = Verifiers(
            pool, confirm=confirm, accept_split=accept == "split", accept_together=accept == "together"
        )
        by_id = {task.id: task for task in tasks}
        with (
            row_writer(out, force=True, append=append) as write,
            ExitStack() as stack,
            Display(console, "judging", unit="judged") as display,
        ):
            on_evidence: Callable[[Candidate, Verdict, Evidence], None] | None = None
            if evidence is not None:
                write_evidence = stack.enter_context(row_writer(evidence, force=True, append=append))
                on_evidence = lambda *judged: write_evidence(evidence_row(*judged))  # noqa: E731  # one name, or None
            ahead = max(64, 8 * pool.size)
            telling_all = telling(display, tally)
            judged = judge_all(
                by_id, candidates, verifiers, ahead=ahead, on_verdict=telling_all, on_evidence=on_evidence
            )
            async with aclosing(judged) as verdicts:
                async for candidate, verdict in verdicts:
                    write(verdict_row(candidate, verdict))
                    tally.add(candidate, verdict.outcome, verdict.strength)


def _report(tally: Tally, out: str, as_json: bool, console: Console, evidence: str | None = None) -> None:
    import json

    summary: dict[str, Any] = {"out": out, **({"evidence": evidence} if evidence else {}), **tally.summary()}
    if as_json:
        # Rows own standard output if they go there.
        say_json(json.dumps(summary, indent=1), err=out == "-")
        return
    tell: Callable[..., None] = console.print
    for line in tally.lines():
        tell(line)
    if tally.refused:
        tell(
            f"{tally.refused} refused: they pass beside their tests, as in plain Python, and not where the judge runs "
            "apart, so this judge cannot decide them. They count as not passed; --accept together takes them",
        )
    if out != "-":
        tell(f"verdicts: {out}")
    if evidence is not None:
        tell(f"evidence: {evidence}, which tells what is hidden: keep it from models")
    if tally.unscored:
        tell(
            f"{tally.unscored} could not be judged; `gristmill doctor` may say why, --resume tries them again",
        )
