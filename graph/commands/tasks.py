"""The commands `tasks …`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from gristmill.graph.commands.beginning.importing import Force, Out, import_
from gristmill.graph.commands.options import Languages, Sandbox
from gristmill.sandbox.plain import console_for, say, say_json

if TYPE_CHECKING:
    from gristmill.graph.commands.explaining import Review

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check, list, import and generate task files.")

File = Annotated[str, typer.Argument(help="Task file: JSONL, a JSON array or YAML, gzipped or not; - is stdin.")]
Split: TypeAlias = Literal["train", "gate", "test"]
_FAMILIES = "list-functions, string-functions, dictionary-programs or reasoning-puzzles"
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@app.command()
def check(
    file: File,
    run_references: Annotated[
        bool,
        typer.Option(
            "--run-references", help="Also judge `reference`, which must pass, and `settings.start`, which must run."
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="With --run-references: all that is known of those that fail, of hidden tests too, and which tests "
            "are at fault themselves.",
        ),
    ] = False,
    sandbox: Sandbox = "auto",
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="References at a time.")] = None,
    languages: Languages = None,
    json_: Json = False,
) -> None:
    """Say whether a task file can be used, with the line and the field of every mistake; and what is doubtful in it.

    Exit code 0: it can. 1: a reference does not pass, a `start` does not run, or there is neither. 2: it has mistakes.
    3: not on this machine yet, where no sandbox works, or no image holds the packages that a task names.

    \b
    Examples:
      gristmill tasks check tasks.jsonl
      gristmill tasks check tasks.jsonl --run-references
      gristmill tasks check tasks.jsonl --run-references --explain
    """
    import asyncio
    import json

    from gristmill.graph.commands.explaining import judge_references, say_references, summary_of
    from gristmill.graph.judging.examining import examine
    from gristmill.graph.judging.exemplary import weaker_than_examples
    from gristmill.graph.tasks.loading import TaskFileError, load_tasks
    from gristmill.graph.tasks.output import count_kinds, counted
    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.extraction.importing import short_of_packages
    from gristmill.verifiers.registry import warnings
    from gristmill.verifiers.testing.data import in_words

    if explain and not run_references:
        raise UserError("--explain says why references fail: it goes with --run-references")
    try:
        tasks = load_tasks(file)
    except TaskFileError as error:
        if json_:
            mistakes = [{"line": one.line, "field": one.field, "message": one.message} for one in error.problems]
            say_json(json.dumps({"file": file, "tasks": None, "problems": mistakes}, indent=1))
        raise
    summary: dict[str, Any] = {"file": file, "tasks": len(tasks), "problems": [], "kinds": count_kinds(tasks)}
    if lacking := short_of_packages(tasks):
        summary["lacking"] = lacking
    data = {task.id: task.scored.data for task in tasks if task.scored is not None and task.scored.data}
    summary["data"] = {name: [each.model_dump(exclude={"files"}) for each in some] for name, some in data.items()}
    summary["warnings"] = {task.id: said for task in tasks if (said := warnings(task))}
    # What lacks its packages is not run.
    for tried, some in ((examine, tasks), (weaker_than_examples, [] if lacking else tasks)):
        for name, found in asyncio.run(tried(some, sandbox, workers)).items():
            summary["warnings"][name] = summary["warnings"].get(name, []) + found
    judged, begun = dict[str, "Review"](), dict[str, list["Review"]]()
    if run_references and not lacking:
        judged, begun = asyncio.run(judge_references(tasks, sandbox, workers))
        summary |= summary_of(judged, begun, explain)
    if json_:
        say_json(json.dumps(summary, indent=1))
    else:
        say(f"{file}: {counted(tasks)}, no mistakes")
        for name, folders in data.items():
            for each in folders:
                say(f"  {name}: {in_words(each)}")
        if lacking:
            say(f"  not to be judged on this machine yet: {lacking}")
        elif run_references:
            say_references(judged, begun, explain)
        for name, said in summary["warnings"].items():
            say(f"  {name}: warning: {' '.join('; '.join(said).split())}")
    first = [each for some in begun.values() for each in some]
    if lacking or any(each.verdict.score is None for each in (*judged.values(), *first)):
        raise typer.Exit(3)
    good = [each.verdict.passed for each in judged.values()] + [each.runs for each in first]
    if run_references and not (good and all(good)):
        raise typer.Exit(1)


@app.command("list")
def list_(
    file: File,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only this split.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only with this tag.")] = None,
    json_: Json = False,
) -> None:
    """List the tasks of a file.

    \b
    Examples:
      gristmill tasks list tasks.jsonl
      gristmill tasks list tasks.jsonl --kind code --split test --json | jq '.[].id'
    """
    import json

    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.graph.tasks.output import counted, first_line

    tasks = [
        task
        for task in load_tasks(file)
        if kind in (None, task.kind) and split in (None, task.split) and (tag is None or tag in task.tags)
    ]
    if json_:
        rows = [
            {
                "id": task.id,
                "kind": task.kind,
                "split": task.split,
                "tags": task.tags,
                "tests": len(task.tests) + len(task.public_tests) + len(task.repo.tests if task.repo else ()),
                "reference": task.reference is not None,
                "prompt": task.prompt,
            }
            for task in tasks
        ]
        say_json(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "kind", "split", "tags", "prompt", box=None)
    for task in tasks:
        cells = (task.id, task.kind, task.split or "", " ".join(task.tags), first_line(task.prompt))
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    console_for().print(table)
    say(counted(tasks))


app.command("import")(import_)


@app.command()
def generate(
    name: Annotated[str, typer.Argument(help=f"Family: {_FAMILIES}.")],
    out: Out = "-",
    seed: Annotated[
        int,
        typer.Option("--seed", help="Which combinations of parts are held out; the same seed gives the same tasks."),
    ] = 0,
    draw: Annotated[
        int | None, typer.Option("--draw", min=0, help="Number of a fresh draw: other tasks, the same held out.")
    ] = None,
    difficulty: Annotated[
        int | None, typer.Option("--difficulty", help="How hard, from 1 on. Default: what a small model can do partly.")
    ] = None,
    split: Annotated[Split | None, typer.Option("--split", help="Only this split, of --count tasks.")] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="With --split: tasks. [128]")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A stratum that each task has, one in turn; --list shows them.")
    ] = None,
    seen: Annotated[
        list[str] | None, typer.Option("--seen", help="Task file whose prompts must not come again; may be repeated.")
    ] = None,
    train: Annotated[int, typer.Option("--train", min=1, help="Tasks to learn from.")] = 128,
    gate: Annotated[int, typer.Option("--gate", min=1, help="Tasks to decide on an adapter.")] = 96,
    test: Annotated[int, typer.Option("--test", min=1, help="Tasks to report on.")] = 192,
    list_strata: Annotated[
        bool, typer.Option("--list", help="Print the strata, a line each, and generate none.")
    ] = False,
    force: Force = False,
) -> None:
    """Generate tasks whose held-out splits hold kinds of task that training never shows.

    Without --draw, --difficulty and --split, list-functions gives the tasks of the demonstration.

    \b
    Examples:
      gristmill tasks generate list-functions --out tasks.jsonl
      gristmill tasks generate string-functions --difficulty 2 --train 200 --test 300 --out more.jsonl
      gristmill tasks generate string-functions --split train --draw 7 --count 500 --seen more.jsonl --out fresh.jsonl
      gristmill tasks generate dictionary-programs --list
    """
    from gristmill.graph.tasks.families.registry import family
    from gristmill.graph.tasks.generate import generate_list_functions, generate_tasks
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.graph.tasks.writing import write_tasks
    from gristmill.sandbox.errors import UserError

    made_by = family(name)
    if list_strata:
        for stratum in made_by.strata(difficulty):
            say(stratum)
        return
    if count is not None and split is None:
        raise UserError("--count is of one split: say --split too, or --train, --gate and --test")
    drawn = any(each is not None for each in (draw, difficulty, split, only, seen))
    if name == "list-functions" and not drawn:
        write_tasks(out, generate_list_functions(seed=seed, train=train, gate=gate, test=test), force=force)
        return
    sizes: dict[Split, int] = {split: count or 128} if split else {"train": train, "gate": gate, "test": test}
    known = [task.prompt for file in seen or () for task in load_tasks(file)]
    tasks = generate_tasks(
        made_by, sizes, seed=seed, draw=draw or 0, difficulty=difficulty, only=only or None, seen=known
    )
    write_tasks(out, tasks, force=force)


@app.command("from-tests")
def from_tests(
    repository: Annotated[str, typer.Argument(help="Folder of a git repository.")],
    failing: Annotated[bool, typer.Option("--failing", help="A task for each failing test that is picked.")] = False,
    pick: Annotated[
        list[str] | None,
        typer.Option("--pick", help="Which: numbers of the list, names, patterns of names, or all. Default: it asks."),
    ] = None,
    commit: Annotated[str, typer.Option("--commit", help="What the changes are to.")] = "HEAD",
    editable: Annotated[
        list[str] | None, typer.Option("--editable", help="What may be changed. Default: src, or the packages.")
    ] = None,
    packages: Annotated[list[str] | None, typer.Option("--package", help="What its code and tests need.")] = None,
    plugins: Annotated[
        list[str] | None, typer.Option("--plugin", help="Its plug-ins of pytest, as -p takes them.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="For all its tests at once.")] = 60.0,
    out: Out = "-",
    sandbox: Sandbox = "auto",
    force: Force = False,
) -> None:
    """Run a repository's tests at a commit, in a sandbox, and make tasks of those that fail.

    The tests that pass there are tests of each task as well: mending one may not break another.

    \b
    Examples:
      gristmill tasks from-tests path/to/repo --failing
      gristmill tasks from-tests path/to/repo --failing --pick 1,3 --out tasks.jsonl
    """
    from gristmill.graph.tasks.from_tests import found_in, pick_from, tasks_from
    from gristmill.graph.tasks.output import refuse_existing
    from gristmill.graph.tasks.writing import write_tasks
    from gristmill.sandbox.errors import UserError

    if not failing:
        raise UserError("say --failing: tasks are made of failing tests")
    refuse_existing(out, force=force)
    asked = (editable or (), packages or (), plugins or ())
    repo, found, limits = found_in(repository, commit, *asked, seconds, sandbox)
    if picked := pick_from(found, pick or ()):
        write_tasks(out, tasks_from(repo, picked, found, limits, packages or ()), force=force)


@app.command()
def drive(file: File, out: Out = "-", force: Force = False) -> None:
    """Write `python` and `pytest` tests as driven ones, which you read and confirm: what passes them is `tested`.

    Others stay as they are. Exit code 0: all are driven. 1: some cannot be, and are named. 2: none can.

    \b
    Example:
      gristmill tasks drive tasks.jsonl --out driven.yaml
    """
    from gristmill.graph.tasks.driving import write_driven

    if not write_driven(file, out, force=force):
        raise typer.Exit(1)
