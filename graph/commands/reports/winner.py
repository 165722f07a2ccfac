"""The command `winner`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.explaining import short_number
from gristmill.graph.commands.options import Json, Workspace
from gristmill.sandbox.plain import say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gristmill.verifiers.records import Task

__all__ = ["winner"]


def winner(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.")],
    out: Annotated[
        str,
        typer.Option("--out", help="File for the program, a folder for one of several; its evidence: FILE.json."),
    ],
    task: Annotated[str | None, typer.Option(help="Whose winner; not needed where the run has one task.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Write the best program of a run into a file, with its evidence beside it.

    FILE gets what was judged, to the letter: a program, an answer, or for a repository the patch that `git apply`
    takes. FILE.json says what is known of it: run, task, score, strength of the verdict, verifier, digest of the
    sandbox, model, parents, and the sha256 of FILE; nothing of what hidden tests hold. Of an open problem
    FILE.construction.json has what the program has made, as it was scored, and FILE.given.json what it was given to
    go on from. A reward or a loss is a module, and the line that uses it is printed. A program of several files is
    written as a folder FILE, which must be new or empty: its files by their paths, and the sha256 of each in
    FILE.json.

    A task with a score as its aim has a winner as soon as something was scored; any other one when something has
    passed. Exit code 1: there is none yet; 2: the files exist, or run or task do not.

    \b
    Examples:
      gristmill winner pack --out circles.py
      gristmill winner night --task HumanEval/32 --out solution.py --force
      gristmill winner planned --out planner/
      gristmill winner mended --out fines.patch --json
    """
    from pathlib import Path

    from gristmill.graph.commands.reports.course import one_task
    from gristmill.graph.commands.reports.summary import closing_lines
    from gristmill.graph.reports.winning import winner_of
    from gristmill.graph.storage.store import Store
    from gristmill.graph.tasks.output import refuse_existing, refuse_folder, write_file, write_folder
    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.records import Outcome
    from gristmill.verifiers.settling import outcome_words

    if out == "-":
        raise UserError(f"the evidence goes beside a file: name one, or print the program by `show {name} --best`")
    out = out.rstrip("/") or out
    paths = {
        "program": out,
        "construction": f"{out}.construction.json",
        "given": f"{out}.given.json",
        "evidence": f"{out}.json",
    }
    for part, path in paths.items():
        if part != "program" or not Path(path).is_dir():
            refuse_existing(path, force=force)
    with Store.open(workspace, create=False) as store:
        store.get_run(name)
        standing = one_task(name, store.standings(name), task, "a winner is")
        stored = {each.id: each for each in store.tasks(name)}
        found = winner_of(store, name, standing)
    if found.files:
        refuse_folder(out, force=force)
    else:
        refuse_existing(out, force=force)
    # Last the evidence: where that is, all that it names is there.
    told = f"{found.evidence.model_dump_json(indent=1)}\n".encode()
    files = {"program": found.program, "construction": found.construction, "given": found.given, "evidence": told}
    write_file(paths["evidence"], None)
    for part, path in paths.items():
        if part == "program" and found.files:
            write_folder(path, found.files)
        else:
            write_file(path, files[part])
    if json_:
        say_json(told.decode().rstrip())
        return
    evidence = found.evidence
    came = outcome_words(evidence.outcome, evidence.strength if evidence.outcome is Outcome.PASSED else None)
    say(f"{evidence.hypothesis}: {came}, score {short_number(evidence.score)}, after {evidence.calls} calls")
    for line in closing_lines(standing, alone=True):
        say(line)
    if evidence.stop is None:
        say(f"the search has not ended: `gristmill run TASKS --name {name} --resume` may find a better one", err=True)
    for part, path in paths.items():
        if files[part] is not None:
            say(f"wrote {path}")
    if use := _use(stored, standing.task, out):
        say(f"to use it: {use}")


def _use(tasks: Mapping[str, Task], name: str, out: str) -> str:
    """A line that uses a reward in gymnasium, or a loss of pairs in TRL; empty for what is neither."""
    from pathlib import Path

    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.trained.reward.environments import environment_spec

    task, module = tasks[name], Path(out).stem
    entry = task.settings.get("entry_point", task.kind)
    if task.kind == "loss" and str(task.problem).startswith("preference"):
        home = "gristmill.trainers.preferences.trainer"
        return f"from {module} import {entry}; from {home} import trainer_for; trainer_for({entry}, …)"
    if task.kind != "reward":
        return ""
    try:
        known = getattr(environment_spec(task.environment), "id", None)
    except UserError:
        known = None  # a plug-in's that is not here
    made, home = f"gymnasium.make({known!r})" if known else "…", "gristmill.verifiers.trained.reward.wrappers"
    return f"from {module} import {entry}; from {home} import RewardWrapper; env = RewardWrapper({made}, {entry})"
