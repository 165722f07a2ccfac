"""The command `audit`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import Sandbox, Workspace
from gristmill.sandbox.plain import console_for, say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from gristmill.graph.records import Trajectory
    from gristmill.graph.storage.store import Store
    from gristmill.trainers.data.auditing.again import Audited
    from gristmill.trainers.data.auditing.rows import Row
    from gristmill.verifiers.records import Task

__all__ = ["audit"]

_SHOWN = 40


def audit(
    dataset: Annotated[Path, typer.Argument(help="A folder that `gristmill export` has written.")],
    key: Annotated[
        Path | None,
        typer.Option(help="ed25519 key file: the private one to sign with; with --check the public one to trust."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Judge nothing: see that files, rows and tasks are as the manifest says.")
    ] = False,
    tasks: Annotated[
        str | None, typer.Option("--tasks", help="Task file, where the run is not in the workspace any more.")
    ] = None,
    sandbox: Sandbox = "auto",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Replies at a time. Default: what this machine holds.")
    ] = None,
    workspace: Workspace = ".",
    json_: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Judge every row of a dataset once more, and sign what holds; or check what was signed.

    Each row is held against the run that it says it comes from (in the workspace; without it, against --tasks), and
    each reply is judged again in a fresh sandbox: what stands there as right must pass as strongly as it says, what
    stands there as wrong must not. If all hold, `manifest.json` gets a hash of every file, row and task, and
    `manifest.sig` the signature by your key (ssh-keygen -t ed25519 makes one). Whoever has the folder finds with
    --check what was changed since, by file and line; --key says whose signature is trusted.

    Exit code 0: all hold. 1: something does not, which is named, and nothing is signed. 3: a reply could not be judged.

    \b
    Examples:
      gristmill audit night-sft --key audit-key
      gristmill audit night-sft --check --key audit-key.pub
    """
    from gristmill.sandbox.errors import InfrastructureError, UserError

    _need_cryptography()
    if not dataset.is_dir():
        raise UserError(f"{dataset} is no folder: `gristmill export RUN --out FOLDER` writes one")
    console = console_for(stderr=True)
    if check:
        _check(dataset, key, tasks, json_, console)
        return
    if key is None:
        raise UserError(
            "--key is missing: name the ed25519 key to sign with; make one: ssh-keygen -t ed25519 -N '' -f audit-key"
        )
    audited = _audit(dataset, key, tasks, sandbox, workers, workspace, console)
    problems = [*audited.problems, *audited.lost]
    _tell(dataset, problems, audited.notes, json_, console, judged=audited.judged, signed=not problems)
    if audited.problems:
        raise typer.Exit(1)
    if audited.lost:
        raise typer.Exit(InfrastructureError.exit_code)


def _check(dataset: Path, key: Path | None, tasks: str | None, json_: bool, console: Console) -> None:
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.trainers.data.auditing.again import task_rows
    from gristmill.trainers.data.auditing.manifest import differences, fingerprint, public_key, read_signed

    trusted = public_key(key) if key is not None else None
    manifest, problems = read_signed(dataset, trusted)
    problems += differences(manifest, dataset)
    if tasks is not None:
        here = task_rows(load_tasks(tasks))
        problems += [
            f"{tasks}: task {name!r}: {'was changed' if name in here else 'is not there'}"
            for name, then in manifest.tasks.items()
            if here.get(name) != then
        ]
    notes = []
    if trusted is None and not problems:
        notes.append(
            f"signed with the key {fingerprint(manifest.public_key)}, which stands in the manifest itself: --key says "
            "which one you trust"
        )
    notes += _other_versions(manifest.verifiers)
    _tell(dataset, problems, notes, json_, console, rows=manifest.rows, created=manifest.created)
    if problems:
        raise typer.Exit(1)


def _other_versions(verifiers: Mapping[str, str]) -> list[str]:
    """Where this gristmill judges by another version than the one that judged then."""
    from gristmill.verifiers.registry import UnknownKindError, verifier_class

    found = []
    for kind, then in verifiers.items():
        try:
            known = verifier_class(kind)
        except UnknownKindError:
            found.append(f"{kind} was judged by {then}; no verifier here judges that kind")
            continue
        if then != (now := f"{known.name}/{known.version}"):
            found.append(f"{kind} was judged by {then}, and would be judged by {now} here")
    return found


def _audit(
    dataset: Path, key: Path, tasks: str | None, sandbox: str, workers: int | None, workspace: str, console: Console
) -> Audited:
    import asyncio
    from contextlib import ExitStack
    from datetime import UTC, datetime
    from importlib.metadata import version

    from gristmill.graph.storage.store import Store
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.data.auditing.again import Audited, row_problems, task_rows
    from gristmill.trainers.data.auditing.manifest import Manifest, hashed_files, private_key, raw, tree, write_signed
    from gristmill.trainers.data.auditing.rows import claims, read_rows
    from gristmill.verifiers.extraction.importing import need_packages

    signing = private_key(key)
    files = hashed_files(dataset)
    rows = read_rows(dataset)
    held = [claim for row in rows for claim in claims(row)]
    runs = sorted({str(row.data["run"]) for row in rows})
    with ExitStack() as stack:
        store: Store | None = None
        trajectories: dict[tuple[str, str], Trajectory] = {}
        if tasks is None:
            if len(runs) > 1:
                raise UserError(f"{dataset} has rows of the runs {', '.join(runs)}: audit one run's rows at a time")
            store = stack.enter_context(Store.open(workspace, create=False))
            trajectories = {(run, each.task.id): each for run in runs for each in store.trajectories(run)}
        known = {each.task.id: each.task for each in trajectories.values()}
        if tasks is not None:
            known = {task.id: task for task in load_tasks(tasks)}
        audited = Audited()
        for row in rows:
            audited.problems += row_problems(row, known, trajectories)
        if audited.problems:
            return audited
        used = {str(row.data["task"]) for row in rows}
        need_packages([known[name] for name in used])
        label = asyncio.run(_judge(rows, known, audited, store, runs, sandbox, workers, len(held), console))
    if not audited.problems and not audited.lost:
        if hashed_files(dataset) != files:
            raise UserError(f"{dataset} was changed while it was judged; nothing is signed")
        manifest = Manifest(
            gristmill=version("gristmill"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            tree=tree(files),
            files=files,
            tasks=task_rows(known[name] for name in sorted(used)),
            verifiers=audited.verifiers,
            sandbox=label,
            rows=len(rows),
            judged=audited.judged,
            unverified=sum(row.data["verified"] is not True for row in rows),
            public_key=raw(signing.public_key()),
        )
        write_signed(dataset, manifest, signing)
    return audited


async def _judge(
    rows: Sequence[Row],
    tasks: Mapping[str, Task],
    audited: Audited,
    store: Store | None,
    runs: Sequence[str],
    sandbox: str,
    workers: int | None,
    count: int,
    console: Console,
) -> str:
    """Judge all again; the sandbox that did."""
    from contextlib import aclosing

    from gristmill.graph.commands.progress import Display
    from gristmill.graph.judging.constructions import StoredShelf
    from gristmill.sandbox.pool import Pool
    from gristmill.trainers.data.auditing.again import audit as judge_again
    from gristmill.trainers.data.auditing.again import note
    from gristmill.verifiers.registry import Verifiers

    if not count:
        return ""
    weaker = {str(row.data["strength"]) for row in rows}
    label = ""
    async with Pool.open(sandbox, workers) as pool:
        shelf = StoredShelf(store, runs[0]) if store is not None and runs else None
        verifiers = Verifiers(
            pool, shelf=shelf, accept_split="split" in weaker, accept_together=bool(weaker & {"together"})
        )
        with Display(console, "judging again", unit="judged") as display:
            async with aclosing(judge_again(rows, tasks, verifiers)) as verdicts:
                done = 0
                async for claim, verdict in verdicts:
                    done += 1
                    display.update(done, count)
                    note(audited, claim, verdict, tasks[str(claim.row.data["task"])].kind)
                    label = verdict.sandbox or label
    return label


def _tell(
    dataset: Path,
    problems: Sequence[str],
    notes: Sequence[str],
    json_: bool,
    console: Console,
    **more: object,
) -> None:
    import json

    from gristmill.trainers.data.auditing.manifest import MANIFEST, SIGNATURE

    if json_:
        said = {"dataset": str(dataset), "holds": not problems, "problems": problems, "notes": notes, **more}
        say_json(json.dumps(said, indent=1))
        return
    for name, lines in (("", problems), ("note: ", notes)):
        for line in lines[:_SHOWN]:
            say(f"{name}{line}", err=True)
        if len(lines) > _SHOWN:
            say(f"{name}and {len(lines) - _SHOWN} more; --json lists all", err=True)
    if problems:
        console.print(f"{dataset} does not hold: {len(problems)} problems")
    elif "signed" in more:
        say(f"{dataset}: {more['judged']} replies judged again, all hold; signed: {MANIFEST}, {SIGNATURE}")
    else:
        say(f"{dataset}: {more['rows']} rows are as they were audited on {more['created']}")


def _need_cryptography() -> None:
    from importlib.util import find_spec

    from gristmill.sandbox.errors import UserError

    if find_spec("cryptography") is None:
        raise UserError("audits need cryptography: pip install 'gristmill[audit]'")
