"""What every command of `search` has in common: its options, and the call that they make. Heavy imports wait inside."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.alerts.telling import AlertTo
from gristmill.graph.commands.options import ConfigFile, Flags, Json, Models, Workspace, options_of
from gristmill.graph.commands.tracing.telling import Trace, TraceContent
from gristmill.graph.config import RunConfig

if TYPE_CHECKING:
    from gristmill.graph.commands.run import Call

__all__ = ["FinalSeeds", "Given", "Seeds", "Target", "search_options"]

Seeds = Annotated[int, typer.Option(min=1, max=20, help="Trainings of each candidate.")]
FinalSeeds = Annotated[
    int,
    typer.Option(
        min=0,
        max=20,
        help="Trainings of the winner in the end, by seeds on which nothing was chosen; before that up to four "
        "finalists get as many in the mean, by others, to find it. 0: the best of the search is the winner.",
    ),
]
Target = Annotated[float, typer.Option(min=0.0, max=1.0, help="The mean score that ends the search.")]


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options of all searches, as they were given; a field is an option."""

    name: Annotated[
        str | None,
        typer.Option(help="Name of the run, new in the workspace. Default: what is searched for and a number."),
    ] = None
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run of this name.")] = False
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what the search may take and cost at most, and do nothing else.")
    ] = False
    config: ConfigFile = None
    models: Models = None
    flags: Flags
    vllm_python: Annotated[Path | None, typer.Option(help="Interpreter of vLLM's environment, for vllm:NAME.")] = None
    workspace: Workspace = "."
    alert: AlertTo = field(default=None, repr=False)  # addresses that may hold keys
    trace: Trace = False
    trace_content: TraceContent = False
    json_: Json = False

    def call(self, words: tuple[str, ...], stem: str) -> Call:
        """A call of ``search`` with these words; `stem`, without its file, begins the name of a run without one."""
        from gristmill.graph.commands.run import Call

        return Call(
            words=("search", *words),
            stem=stem.rpartition(":")[2] or stem,
            name=self.name,
            resume=self.resume,
            estimate=self.estimate,
            config=self.config,
            models=self.models,
            flags=self.flags,
            vllm_python=self.vllm_python,
            workspace=self.workspace,
            json=self.json_,
            alert=tuple(self.alert or ()),
            trace=self.trace,
            trace_content=self.trace_content,
        )


def search_options(default: RunConfig) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of all searches, in the place of its parameter `given`, and `default`'s knobs."""
    shared = list(inspect.signature(Given, eval_str=True).parameters.values())

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            keyword = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters += shared if parameter.name == "given" else [keyword]

        @functools.wraps(command)
        def called(**options: object) -> None:
            given = {each.name: options.pop(each.name) for each in shared}
            command(given=Given(**given), **options)  # type: ignore[arg-type]  # typer has read them by their types

        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what `options_of` reads
        return options_of(default, leave_out=("models",), repeated=("model",))(called)

    return decorate
