"""The command `config`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gristmill.graph.commands.options import ConfigFile, Flags, Json, Models, Workspace, options_of
from gristmill.graph.config import RunConfig
from gristmill.graph.roster import Member
from gristmill.sandbox.plain import say_json, say_table

__all__ = ["config"]


@options_of(RunConfig(), leave_out=("models",), repeated=("model",))
def config(
    *,
    file: ConfigFile = None,
    run: Annotated[
        str | None, typer.Option(help="What this run would be resumed with, by --name NAME --resume.")
    ] = None,
    models: Models = None,
    flags: Flags,
    workspace: Workspace = ".",
    json_: Json = False,
) -> None:
    """Print each knob of `run` as these options, this file and the environment make it, and where each comes from.

    Options go before the file, the file before the defaults. The environment says where things are
    (GRISTMILL_WORKSPACE, GRISTMILL_SANDBOX, DOCKER_HOST, XDG_CACHE_HOME) and holds keys, nothing else.

    \b
    Examples:
      gristmill config
      gristmill config --config night.yaml --rounds 8
      gristmill config --run night --json
    """
    import json

    from gristmill.graph.commands.settings import chosen_models, settle
    from gristmill.graph.config import knobs, paths
    from gristmill.graph.storage.store import Store

    stored = None
    if run is not None:
        with Store.open(workspace, create=False) as store:
            stored = (f"the run {run}", store.get_run(run).config)
    settings = settle(RunConfig(), chosen_models(flags, models), file=file, stored=stored)
    rows = [
        (".".join(path), value, settings.sources[knob])
        for (knob, value), path in zip(knobs(settings.config).items(), paths(settings.config).values(), strict=True)
    ]
    if json_:
        whole = {knob: {"value": value, "from": source} for knob, value, source in rows}
        say_json(json.dumps(whole, indent=1, default=lambda record: record.model_dump(mode="json")))
        return
    say_table(
        ("knob", "value", "from"),
        [(knob, _in_words(value), source) for knob, value, source in rows],
    )


def _in_words(value: Any) -> str:
    if isinstance(value, tuple) and value and all(isinstance(each, Member) for each in value):
        return ", ".join(f"{each.name} × {each.weight:g}" for each in value)
    return "" if value in (None, (), {}) else str(value)
