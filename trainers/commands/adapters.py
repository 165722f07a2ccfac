"""The command `adapters`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.sandbox.plain import say, say_json

if TYPE_CHECKING:
    from gristmill.trainers.adapters import AdapterInfo, Adapters
    from gristmill.trainers.improve.gate import GateDecision
    from gristmill.trainers.measure.comparisons import ComparedRuns

__all__ = ["app"]

app = typer.Typer(help="List the adapters of a workspace, and choose which one is in use.")
Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Name = Annotated[str, typer.Argument(help="An adapter of the workspace.")]


@app.callback(invoke_without_command=True)
def adapters(context: typer.Context, workspace: Workspace = ".", json_: Json = False) -> None:
    """List the adapters of a workspace, and choose which one is in use.

    Without a command it lists them, a star at the one in use. `improve` promotes what its gate has kept.

    \b
    Examples:
      gristmill adapters
      gristmill adapters promote first
    """
    if context.invoked_subcommand is None:
        _list(workspace, json_)


@app.command("list")
def list_(workspace: Workspace = ".", json_: Json = False) -> None:
    """List them, the oldest first; a star stands at the one in use.

    \b
    Example:
      gristmill adapters list --workspace demo
    """
    _list(workspace, json_)


@app.command()
def show(name: Name, workspace: Workspace = ".", json_: Json = False) -> None:
    """Show where an adapter comes from (method, base, rows, knobs, versions), and what its gate has decided.

    \b
    Example:
      gristmill adapters show demo-round-1
    """
    import json

    from gristmill.trainers.adapters import flat

    info, decision = _home(workspace).get(name), _decision(workspace, name)
    if json_:
        gate = None if decision is None else decision.model_dump(mode="json")
        say_json(json.dumps({**info.model_dump(mode="json"), "gate": gate}, indent=1))
        return
    say(f"{info.name}, {info.created:%Y-%m-%d %H:%M}{', in use' if info.current else ''}: {info.path}")
    for key, value in flat(info.provenance):
        say(f"  {key}: {value}")
    if decision is not None:
        say(f"  gate: {'kept' if decision.kept else 'not kept'} — {decision.reason}")
        for guard in decision.guards:
            say(f"  gate, {guard.name}: {'held' if guard.ok else 'lost'}, {guard.words}")


@app.command()
def compare(
    first: Name,
    second: Annotated[str, typer.Argument(help="Another one.")],
    tasks: Annotated[
        str | None, typer.Option(help="Also measure both on this task file, as `gristmill compare --tasks` does.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="--tasks: only the tasks of this split.")] = None,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Say in what two adapters' origins differ; with --tasks, also how they answer.

    \b
    Examples:
      gristmill adapters compare demo-round-1 demo-round-2
      gristmill adapters compare demo-round-1 demo-round-2 --tasks tasks.jsonl --split test
    """
    import json

    from gristmill.trainers.adapters import flat

    home = _home(workspace)
    one, other = (dict(flat(home.get(name).provenance)) for name in (first, second))
    differing = {key: (one.get(key), other.get(key)) for key in [*one, *other] if one.get(key) != other.get(key)}
    answers = None if tasks is None else _answers(first, second, tasks, split, workspace)
    if json_:
        beside = {} if answers is None else {"compared": answers.model_dump(mode="json")}
        say_json(json.dumps({**differing, **beside}, indent=1, default=str))
        return
    for key, (before, after) in differing.items():
        say(f"{key}: {_said(before)} | {_said(after)}")
    if not differing:
        say(f"{first} and {second} say the same of where they come from")
    if answers is not None:
        from gristmill.trainers.commands.compare import print_comparison

        say("")
        print_comparison(answers, False)


def _answers(first: str, second: str, tasks: str, split: str | None, workspace: str) -> ComparedRuns:
    from gristmill.graph.storage.store import Store
    from gristmill.trainers.commands.compare import measure_both
    from gristmill.trainers.measure.comparisons import compare_runs

    asked = {"tasks": tasks, "split": split, "limit": None}
    with Store.open(workspace) as store:
        return compare_runs(
            store, *measure_both(store, asked, {"adapter": [first, second]}, None, None, None, workspace)
        )


@app.command()
def promote(name: Name, workspace: Workspace = ".") -> None:
    """Make an adapter the one in use.

    \b
    Example:
      gristmill adapters promote first
    """
    _home(workspace).promote(name)
    say(f"{name} is in use")


@app.command()
def rollback(workspace: Workspace = ".") -> None:
    """Put the adapter into use again that was before; before the first there is the base model.

    \b
    Example:
      gristmill adapters rollback
    """
    name = _home(workspace).roll_back()
    say(f"{name or 'the base model'} is in use")


@app.command()
def merge(
    name: Name,
    out: Annotated[Path, typer.Option(help="New folder for the model.")],
    base: Annotated[Path | None, typer.Option(help="Folder of the base; default: the one it was trained on.")] = None,
    workspace: Workspace = ".",
) -> None:
    """Write an adapter and its base as one model, in safetensors, for what takes no adapters.

    \b
    Example:
      gristmill adapters merge first --out first-merged/
    """
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.merging import merge as merged

    path = _home(workspace).get(name).path
    need_training()
    say(f"{merged(path, out, base=base)}: base and adapter in one")


def _home(workspace: str) -> Adapters:
    from gristmill.graph.storage.workspace import home_of
    from gristmill.trainers.adapters import Adapters

    return Adapters(home_of(workspace))


def _decision(workspace: str, name: str) -> GateDecision | None:
    from gristmill.graph.storage.store import Store
    from gristmill.graph.storage.workspace import database_at
    from gristmill.trainers.improve.asking.deciding import decision_about

    if not database_at(workspace).exists():  # adapters of `train` alone
        return None
    with Store.open(workspace, create=False) as store:
        return decision_about(store, name)


def _list(workspace: str, as_json: bool) -> None:
    import json

    home = _home(workspace)
    listed: list[AdapterInfo] = home.list()
    if as_json:
        say_json(json.dumps([info.model_dump(mode="json") for info in listed], indent=1))
        return
    for info in listed:
        mark = "*" if info.current else " "
        say(f"{mark} {info.name}  {info.created:%Y-%m-%d %H:%M}  {info.path}")
    if not listed:
        say(f"no adapters in {home.path}; `gristmill improve` and `gristmill train` make them")


def _said(value: Any) -> str:
    return "(not said)" if value is None else str(value)
