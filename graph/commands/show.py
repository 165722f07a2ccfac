"""The commands `runs`, `show` and `graph`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.explaining import came_words, say_task
from gristmill.graph.commands.options import SANDBOX_VARIABLE, Json, Workspace
from gristmill.sandbox.plain import console_for, say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gristmill.graph.storage.store import Store
    from gristmill.graph.summary import TaskStanding

__all__ = ["graph", "runs", "show"]


def runs(
    every: Annotated[bool, typer.Option("--all", help="Also evaluations, which `eval` and `improve` make.")] = False,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """List the runs of a workspace, oldest first.

    \b
    Examples:
      gristmill runs
      gristmill runs --all
      gristmill runs --workspace postgresql://user@host/mill --json
    """
    import json

    from gristmill.graph.storage.store import Store

    with Store.open(workspace, create=False) as store:
        listed = [run for run in store.runs() if every or run.purpose == "search"]
    if json_:
        say_json(json.dumps([run.model_dump(mode="json") for run in listed], indent=1))
        return
    if not listed:
        say("no runs yet: gristmill run TASKS")
        return
    head = ("run", "status", "tasks", "ended", "solved", "model", "seconds", "created (UTC)")
    rows = [
        (
            run.name,
            run.status,
            *(str(count) for count in (run.tasks, run.ended, run.solved)),
            run.config.member_names,
            f"{run.seconds:.1f}",
            run.created.strftime("%Y-%m-%d %H:%M"),
        )
        for run in listed
    ]
    say_table(head, rows, right=("tasks", "ended", "solved", "seconds"))


def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.")],
    task: Annotated[str | None, typer.Option(help="Show one task: every hypothesis with its verdict.")] = None,
    unsolved: Annotated[bool, typer.Option("--unsolved", help="Only tasks that nothing has passed yet.")] = False,
    best: Annotated[
        bool, typer.Option("--best", help="Print the best solution of --task, or of the only task, and nothing else.")
    ] = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="With --task: also what the model was asked.")] = False,
    recording: Annotated[
        bool,
        typer.Option("--recording", help="Print what the model said as a recording (JSONL), for --model replay:FILE."),
    ] = False,
    evidence: Annotated[
        bool,
        typer.Option("--evidence", help="With --task: also what only you may read, of hidden tests too; for no model."),
    ] = False,
    curve: Annotated[
        bool,
        typer.Option("--curve", help="How the best score of --task, or of the only task, grew over calls and money."),
    ] = False,
    family: Annotated[
        bool, typer.Option("--family", help="As --curve: what the best goes back to, each step as a difference.")
    ] = False,
    gains: Annotated[
        bool,
        typer.Option(
            "--gains", help="As --curve: how much of the gain each operator, model and instruction has brought."
        ),
    ] = False,
    population: Annotated[
        bool,
        typer.Option("--population", help="As --curve: islands, archives and the front that the strategy builds on."),
    ] = False,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="Of a reward or a loss: execute rate, the best of each round, and the winner beside the baselines, "
            "which are trained as long as candidates are, once.",
        ),
    ] = False,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            "--held-out",
            metavar="ID",
            help="Score this hypothesis on the instances that its task holds out; may be given repeatedly.",
        ),
    ] = None,
    again: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Judge this hypothesis once more, say what comes of it, and keep nothing."),
    ] = None,
    sandbox: Annotated[
        str | None,
        typer.Option(envvar=SANDBOX_VARIABLE, help="For --held-out, --again and --baselines; default: the run's."),
    ] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Show one run with a table of its tasks, or one task of it with all its hypotheses.

    The table has each task's best hypothesis: its outcome and score, after how many rounds and calls. Of a graded
    task (program, reward, loss, or with a target) it has the best score, the baseline (the best of the first round,
    before any feedback) and the target. Numbers are rounded; --json has them exactly. Exit code 1: --best finds none.

    --curve, --family and --gains tell how a search went, together or each by itself; with --json all of that.
    --population shows what the strategy holds by now: islands with their archives, and who is best at which instance.
    `gristmill winner` writes the best with its evidence.

    --held-out ID scores any hypothesis on what was held out from the search, once; the scores are kept for you, and
    no model is told of them, also where the search goes on. --again ID judges any hypothesis in a fresh sandbox, to see
    why it failed; exit code 1: it came out otherwise than it had.

    \b
    Examples:
      gristmill show night
      gristmill show night --unsolved
      gristmill show night --task HumanEval/32 --prompt
      gristmill show night --task HumanEval/32 --evidence
      gristmill show night --task HumanEval/32 --best > solution.py
      gristmill show pack --curve --gains
      gristmill show night --task HumanEval/32 --family
      gristmill show pack --population
      gristmill show car --baselines
      gristmill show pack --held-out pack/3/0 --held-out pack/7/2
      gristmill show night --again HumanEval/32/0/1
      gristmill show night --json
      gristmill show night --recording > replies.jsonl
    """
    import json

    from gristmill.graph.commands.reports.course import one_task, say_course, say_shortly
    from gristmill.graph.commands.reports.population import say_population
    from gristmill.graph.commands.reports.summary import of_prices, of_ranking, print_standings, print_summary
    from gristmill.graph.models.prices import PRICES, Prices
    from gristmill.graph.reports.ranking import saved_by_ranking
    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError

    if task is None and (prompt or evidence):
        option = "--prompt shows what was asked" if prompt else "--evidence shows what came of the tests"
        raise UserError(f"{option} for one task: name it with --task")
    with Store.open(workspace, create=False) as store:
        store.get_run(name)
        standings = store.standings(name)
        if task is not None and task not in {each.task for each in standings}:
            raise UserError(f"the run {name!r} has no task {task!r}")
        if recording:
            _recording(store, name, [each.task for each in standings if task in (None, each.task)])
        elif held_out:
            from gristmill.graph.commands.reports.held_out import say_held_out

            say_held_out(store, name, list(dict.fromkeys(held_out)), sandbox, json_)
        elif again is not None:
            from gristmill.graph.commands.reports.again import say_again

            if not say_again(store, name, again, sandbox, json_):
                raise typer.Exit(1)
        elif baselines:
            from gristmill.graph.commands.reports.trained import say_trained

            say_trained(store, name, one_task(name, standings, task, "baselines are"), sandbox, json_)
        elif best:
            _best(store, name, standings, task)
        elif curve or family or gains:
            chosen = one_task(name, standings, task, "how a search went is told")
            say_course(store, name, chosen, (curve, family, gains), json_)
        elif population:
            say_population(store, name, one_task(name, standings, task, "a population is"), json_)
        elif task is not None:
            say_task(store, name, task, prompt, evidence, json_)
        elif json_:
            rows = [each.model_dump(mode="json") for each in standings if not (unsolved and each.solved)]
            prices = store.documents.get(PRICES, name, "", Prices)
            whole = {
                **store.summary(name).model_dump(mode="json"),
                "prices": prices and prices.model_dump(mode="json"),
                "ranking": (saved := saved_by_ranking(store, name)) and saved.model_dump(mode="json"),
                "waiting": _waiting(store, name),
                "table": rows,
            }
            say_json(json.dumps(whole, indent=1))
        else:
            print_summary(
                console_for(), store.summary(name), standings, of_prices(store, name), of_ranking(store, name)
            )
            if waiting := _waiting(store, name):
                say(f"waiting      {waiting} for an answer by hand: `gristmill next {name}` shows what is asked")
            say_shortly(store, name, standings)
            say("")
            print_standings([each for each in standings if not (unsolved and each.solved)])


def _waiting(store: Store, run: str) -> int:
    """How many requests of a run wait for somebody to answer them."""
    from gristmill.graph.models.mailbox.box import Mailbox

    return Mailbox(store).waiting(run)[0] if store.get_run(run).status != "finished" else 0


def _recording(store: Store, run: str, tasks: Sequence[str]) -> None:
    from gristmill.graph.models.replay.recording import Recorded
    from gristmill.graph.records import CONTEXT_WINDOW, ContextWindow

    window = store.documents.get(CONTEXT_WINDOW, run, "", ContextWindow)
    for task in tasks:
        for hypothesis, _ in store.each_step(run, task):
            if not hypothesis.given:
                say_json(Recorded.of(hypothesis, None if window is None else window.tokens).line())


def _best(store: Store, run: str, standings: Sequence[TaskStanding], task: str | None) -> None:
    import sys

    from gristmill.sandbox.errors import UserError
    from gristmill.sandbox.plain import writable

    chosen = [each for each in standings if task in (None, each.task)]
    if len(chosen) > 1:
        raise UserError(f"--best prints one solution, and {run!r} has {len(chosen)} tasks: name one with --task")
    best = chosen[0].best if chosen else None
    step = store.steps_of(run, [best]).get(best) if best is not None else None
    if step is None or step.hypothesis.solution is None:
        say(f"the run {run!r} has no solution yet for {chosen[0].task if chosen else 'any task'}", err=True)
        raise typer.Exit(1)
    say(f"{step.hypothesis.id}: {came_words(step.verdict)}", err=True)
    if step.hypothesis.best is not None:
        say(f"its `best` is the construction {step.hypothesis.best}: without it, it makes another one", err=True)
    solution = step.hypothesis.solution
    if sys.stdout.isatty():
        say(solution)
    else:
        # A file gets what was judged, to the letter.
        sys.stdout.write(writable(solution) if solution.endswith("\n") else f"{writable(solution)}\n")


def graph() -> None:
    """Print the loop as a Mermaid picture, drawn from the graph itself.

    \b
    Example:
      gristmill graph > loop.mmd
    """
    from gristmill.graph.build import mermaid

    say(mermaid(), nl=False)
