"""The one console script. Rooms' commands are named here and imported when they are used, so that help is quick."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from gristmill.graph.judging.rankers import provide
from gristmill.sandbox.plain import say

__all__ = ["COMMANDS", "Mount", "app", "main"]


class Mount(NamedTuple):
    """Where a command lives, and what the overview says about it."""

    where: str
    summary: str


_GRAPH, _TRAINERS = "gristmill.graph.commands", "gristmill.trainers.commands"
# Section → name → command. The overview shows them in this order.
COMMANDS: dict[str, dict[str, Mount]] = {
    "Search": {
        "run": Mount(f"{_GRAPH}.run:run", "Propose, verify and reflect until each task of a file is solved."),
        "search": Mount(
            f"{_GRAPH}.functions.command:app", "Search for a reward, a loss, ranges, or what a trainer of yours scores."
        ),
        "runs": Mount(f"{_GRAPH}.show:runs", "List the runs of a workspace."),
        "show": Mount(f"{_GRAPH}.show:show", "Show one run, or one task of it."),
        "view": Mount(
            "gristmill.trainers.viewing.command:view", "Open a page on runs, tasks and hypotheses in the browser."
        ),
        "watch": Mount(f"{_GRAPH}.viewing.watching:watch", "Follow a run in the terminal until it ends."),
        "winner": Mount(f"{_GRAPH}.reports.winner:winner", "Write the best program of a run with its evidence."),
        "next": Mount(f"{_GRAPH}.mailbox.reading:read_next", "Read what a run with --model mailbox asks."),
        "answer": Mount(f"{_GRAPH}.mailbox.answering:answer", "Answer it, by hand or from another program."),
        "config": Mount(f"{_GRAPH}.config:config", "Print each knob of a run and where its value comes from."),
        "graph": Mount(f"{_GRAPH}.show:graph", "Print the loop as a Mermaid picture."),
    },
    "Judge": {
        "new": Mount(f"{_GRAPH}.beginning.new:new", "Write a task to begin with, explained, that runs as it stands."),
        "tasks": Mount(f"{_GRAPH}.tasks:app", "Check, list, import and generate task files."),
        "verify": Mount(f"{_GRAPH}.verify:verify", "Judge a file of candidates."),
        "attack": Mount(f"{_GRAPH}.attack:attack", "Find out what the tests of tasks let through."),
    },
    "Learn": {
        "improve": Mount(f"{_TRAINERS}.improve:improve", "Rounds of run, train and gate: a better adapter."),
        "train": Mount(f"{_TRAINERS}.learn:train", "Train a LoRA adapter on exported rows."),
        "eval": Mount(f"{_TRAINERS}.evaluate:evaluate", "Measure a model on a file of tasks."),
        "compare": Mount(f"{_TRAINERS}.compare:compare", "Set two evaluations, runs or models side by side."),
        "regress": Mount(f"{_TRAINERS}.regress:regress", "Fail if tasks that passed do not pass any more."),
        "calibrate": Mount(
            f"{_TRAINERS}.calibrate:calibrate", "Say what the agreement of replies is worth as confidence."
        ),
        "recipe": Mount(
            f"{_TRAINERS}.recipes.group:app",
            "Run a published system by stages of ours: isheep, ser, its RL and ranker.",
        ),
        "adapters": Mount(f"{_TRAINERS}.adapters:app", "List, show, compare, promote and roll back adapters."),
        "export": Mount(f"{_TRAINERS}.export:export", "Write what a run verified as a dataset."),
        "audit": Mount(f"{_TRAINERS}.audit:audit", "Judge a dataset once more, and sign it; or check that."),
    },
    "Machine": {
        "doctor": Mount("gristmill.sandbox.cli:doctor", "Say what this machine has and what it lacks."),
        "sandbox": Mount("gristmill.sandbox.cli:sandbox", "Build, enter and clean up sandboxes."),
        "vllm": Mount(f"{_GRAPH}.serving.vllm:app", "Make the environment that vLLM lives in."),
    },
}


provide("reward", "gristmill.trainers.recipes.ser.ranking:reward_ranker")
_ANYWHERE = ("--debug", "--plugin-files")


class _Group(TyperGroup):
    """Imports a command when it is called, lists all of them without, and turns errors into exit codes."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own base takes its vendored Context
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # as above
        for section in COMMANDS.values():
            if cmd_name in section:
                return _load(cmd_name, section[cmd_name].where)
        return None

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]  # as above
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], names, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"The commands are {', '.join(names)}."
            ctx.fail(f"No such command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # as above
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, mount.summary) for name, mount in section.items()])

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # as above
        # These two hold for all of a call, so they may stand behind the command as well.
        end = args.index("--") if "--" in args else len(args)
        ours = [each for each in args[:end] if each in _ANYWHERE]
        rest = [each for each in args[:end] if each not in _ANYWHERE]
        return list(super().parse_args(ctx, [*ours, *rest, *args[end:]]))

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # as above
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            from gristmill.trainers.commands.failures import explain

            code, message = explain(error)
            if code is None:
                raise
            if ctx.params.get("debug"):
                import traceback

                # Not by typer's own handler: it prints what an error quotes by a console that reads markup in it.
                say("".join(traceback.format_exception(error)), err=True)
                raise typer.Exit(code) from None
            if message:
                say(message, err=True)
            raise typer.Exit(code) from None


def _load(name: str, where: str) -> Any:
    module, _, attribute = where.partition(":")
    command = getattr(import_module(module), attribute)
    if isinstance(command, typer.Typer):
        command.rich_markup_mode = None
        group = typer.main.get_group(command)
        group.name = name
        return group
    single = typer.Typer(rich_markup_mode=None, add_completion=False)
    single.command(name)(command)
    return typer.main.get_command(single)


# Plain help and one-line errors: they read the same on a terminal, in a pipe and in a log.
app = typer.Typer(cls=_Group, rich_markup_mode=None, add_completion=False, no_args_is_help=True)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        say(f"gristmill {version('gristmill')}")
        raise typer.Exit


@app.callback(context_settings={"help_option_names": ["-h", "--help"]})
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    plugin_files: Annotated[
        bool, typer.Option("--plugin-files", help="Run verifiers that tasks name as path.py:Name, outside any sandbox.")
    ] = False,
) -> None:
    """A tool-verified improvement engine.

    A model proposes, tools decide, and what was verified trains the next adapter.

    \b
    Exit codes: 0 done; 1 it ran and the answer is no; 2 a mistake in what was asked; 3 trouble with the machine.
    --debug and --plugin-files may stand behind the command too.
    \b
    Example:
      gristmill tasks generate list-functions --out tasks.jsonl
      gristmill improve tasks.jsonl
    """
    _tell_of_plugins(debug)
    if plugin_files:
        from gristmill.verifiers.plugins import trust_files

        trust_files()


def _tell_of_plugins(debug: bool) -> None:
    """Print each fault of a plug-in when it is met: a judge's own verdicts may show no more than that it failed."""
    import logging

    class Said(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage(), err=True)

    log = logging.getLogger("gristmill.plugins")
    log.handlers = [Said()]
    log.propagate = False
    log.setLevel(logging.DEBUG if debug else logging.WARNING)


def main() -> None:
    """Run the command line of this process and exit."""
    # Modules and models that are imported stay, so looking for garbage among them all the while finds none. With
    # Python's thresholds that is a tenth of what a start costs.
    gc.set_threshold(50_000, 20, 20)
    for stream in (sys.stdout, sys.stderr):
        # Model text may hold any character; an ASCII locale must not end a run.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    typer.main.get_command(app)(prog_name="gristmill")
