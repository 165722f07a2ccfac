"""The commands `runs`, `show` and `graph`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.graph.commands.options import Json, Workspace
from gristmill.sandbox.plain import console_for, say, say_json

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.graph.summary import CampaignSummary

__all__ = ["graph", "print_summary", "runs", "show"]


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

    from rich.table import Table

    from gristmill.graph.storage.store import Store

    with Store.open(workspace, create=False) as store:
        found = [known for known in store.runs() if every or known.purpose == "search"]
    if json_:
        say_json(json.dumps([known.model_dump(mode="json") for known in found], indent=1))
        return
    if not found:
        say("no runs yet: gristmill run TASKS")
        return
    table = Table("run", "status", "tasks", "ended", "solved", "model", "seconds", "created (UTC)", box=None)
    for known in found:
        created = known.created.strftime("%Y-%m-%d %H:%M")
        numbers = (str(known.tasks), str(known.ended), str(known.solved))
        table.add_row(known.name, known.status, *numbers, known.config.model, f"{known.seconds:.1f}", created)
    console_for().print(table)


def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="Name of the run.")],
    task: Annotated[str | None, typer.Option(help="Show one task: every hypothesis with its verdict.")] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Show one run, or one task of it with all its hypotheses.

    \b
    Examples:
      gristmill show night
      gristmill show night --task HumanEval/32
      gristmill show night --json
    """

    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError
    from gristmill.verifiers.settling import reason

    with Store.open(workspace, create=False) as store:
        store.get_run(name)
        if task is None:
            summary = store.summary(name)
            if json_:
                say_json(summary.model_dump_json(indent=1))
            else:
                print_summary(console_for(), summary)
            return
        if task not in {known.id for known in store.tasks(name)}:
            raise UserError(f"the run {name!r} has no task {task!r}")
        steps = store.steps(name, task)
    if json_:
        import json

        rows = [
            {"hypothesis": made.model_dump(mode="json"), "verdict": verdict and verdict.model_dump(mode="json")}
            for made, verdict in steps
        ]
        say_json(json.dumps(rows, indent=1))
        return
    for made, verdict in steps:
        found = "not judged yet" if verdict is None else f"{verdict.outcome.value}, score {verdict.score}"
        if verdict is not None and (why := reason(verdict)):
            found = f"{found} ({why})"
        built = f", built on {', '.join(made.parents)}" if made.parents else ""
        say(f"{made.id}: {found}{built}\n  {made.note}")
        say("\n".join(f"    {line}" for line in (made.solution or made.text).splitlines()))
        if verdict is not None and verdict.feedback:
            say("\n".join(f"  > {line}" for line in verdict.feedback.splitlines()))


def graph() -> None:
    """Print the loop as a Mermaid picture, drawn from the graph itself.

    \b
    Example:
      gristmill graph > loop.mmd
    """
    from gristmill.graph.build import mermaid

    say(mermaid(), nl=False)


def print_summary(console: Console, summary: CampaignSummary) -> None:
    """What a run came to, for people."""

    from gristmill.verifiers.records import Outcome

    def counts(values: dict[Any, int]) -> str:
        return ", ".join(f"{count} {key.value}" for key, count in values.items()) or "none"

    scored = summary.hypotheses - summary.unscored
    reasons = ", ".join(f"{reason.value} ({count})" for reason, count in summary.stops.items()) or "none"
    lines = [
        f"run          {summary.run}: {summary.status}" + (f" ({summary.detail})" if summary.detail else ""),
        f"tasks        {summary.tasks}: {summary.ended} ended, {summary.solved} solved",
        f"ended by     {reasons}",
        f"hypotheses   {summary.hypotheses}: {counts(summary.outcomes)}",
        f"verified     {summary.verified} of {scored} scored ({100 * summary.verified_share:.1f}%)",
        f"calls        {summary.calls}, {summary.repeated} of them repeated after an interruption",
        f"tokens       {summary.tokens.prompt} prompt, {summary.tokens.completion} completion",
        f"seconds      {summary.seconds:.1f}",
    ]
    if summary.cut:
        lines.append(f"cut off      {summary.cut} replies, which had reached --max-tokens")
    if refused := summary.outcomes.get(Outcome.REFUSED, 0):
        lines.append(f"refused      {refused}: they pass beside their tests alone; --accept together takes them")
    if summary.unscored:
        lines.append(f"unscored     {summary.unscored}: not judged for want of a sandbox; --resume tries them again")
    for line in lines:
        console.print(line, soft_wrap=True)
