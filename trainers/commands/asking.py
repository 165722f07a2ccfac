"""Asking a model for replies to measured tasks: what `eval`, `compare` and `regress` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.graph.config import RunConfig
from gristmill.sandbox.plain import console_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gristmill.graph.commands.options import Flags
    from gristmill.graph.events import Listener
    from gristmill.graph.models.options import ModelOptions
    from gristmill.graph.storage.store import Store
    from gristmill.trainers.measure.records import Evaluation
    from gristmill.verifiers.records import Task

__all__ = [
    "GREEDY",
    "LEFT_OUT",
    "PUBLISHED_PROMPTS",
    "adapter_path",
    "ask",
    "check_sampling",
    "measured_tasks",
    "sampled",
]

GREEDY = RunConfig.of(hypotheses=1, temperature=0.0, top_p=1.0)
"""What holds where nothing is said: one greedy reply a task."""
LEFT_OUT = (
    "models",
    "strategy",
    "hypotheses",
    "rounds",
    "first_pass",
    "rank",
    "judge_first",
    "patience",
    "same",
    "ahead",
    "concurrency",
)
"""Knobs of a search, which mean nothing here."""
PUBLISHED_PROMPTS = ("ifeval", "ifbench")
"""Benchmarks whose prompts are sent as they are published, with nothing around them."""


def measured_tasks(name: str, source: str | None, split: str | None = None, limit: int | None = None) -> list[Task]:
    """The tasks of a file, or of a benchmark by its name.

    Raises:
        UserError: a `source` where `name` is no benchmark's, or no task is left.
        Others: see `load_tasks` and `import_tasks`.
    """
    from gristmill.graph.tasks.importers import SOURCES, import_tasks
    from gristmill.graph.tasks.loading import load_tasks
    from gristmill.sandbox.errors import UserError

    if name not in SOURCES and source is not None:
        raise UserError(f"a second file is for a benchmark, one of {', '.join(SOURCES)}; leave it out")
    loaded = import_tasks(name, source) if name in SOURCES else load_tasks(name)
    chosen = [task for task in loaded if split is None or task.split == split][:limit]
    if not chosen:
        raise UserError(f"--split: no task of {name} is in the split {split!r}")
    return chosen


def adapter_path(adapter: str, workspace: str) -> str:
    """The path of an adapter that is named, or that is one."""
    from gristmill.graph.storage.workspace import home_of
    from gristmill.trainers.adapters import Adapters

    return adapter if Path(adapter).exists() else str(Adapters(home_of(workspace)).get(adapter).path)


def sampled(flags: Flags, samples: int | None, workspace: str) -> Flags:
    """The options of how replies are drawn, completed: where the adapter is, and what goes with a temperature."""
    flags = dict(flags)
    if "adapter" in flags:
        flags["adapter"] = adapter_path(flags["adapter"], workspace)
    if flags.get("temperature"):
        flags.setdefault("top_p", 0.95)
    if samples is not None:
        flags["hypotheses"] = samples
    return flags


def check_sampling(config: RunConfig, command: str) -> None:
    """See that a configuration can be measured.

    Raises:
        UserError: several models, or several greedy replies.
    """
    from gristmill.graph.commands.settings import one_model
    from gristmill.sandbox.errors import UserError

    one_model(config, command)
    # A recording gives what was drawn when it was made.
    recorded = config.model.startswith("replay:")
    if config.search.hypotheses > 1 and config.calls.temperature == 0 and not recorded:
        raise UserError("--samples above 1 needs a --temperature above 0: greedy replies are all the same")


def ask(
    tasks: Sequence[Task],
    config: RunConfig,
    name: str,
    store: Store,
    resume: bool,
    bare: bool,
    options: ModelOptions,
    *,
    command: str = "eval",
) -> Evaluation:
    """Evaluate with progress on standard error; Ctrl-C keeps what was done and says how to go on."""
    import sys

    from gristmill.graph.commands.run_progress import run_shown
    from gristmill.graph.models.resolve import resolve
    from gristmill.trainers.measure.evaluation import evaluate

    proposer = resolve(config.model, adapter=config.adapter, options=options)
    onward = f"--name {name} --resume" if command == "eval" else "the same command"

    async def work(progress: Listener) -> Evaluation:
        return await evaluate(
            tasks,
            config,
            name=name,
            store=store,
            proposer=proposer,
            resume=resume,
            bare=bare,
            on_event=progress,
        )

    return run_shown(
        work,
        proposer,
        config.budget,
        console_for(file=sys.stderr),
        store=store,
        name=name,
        go_on=f"gristmill eval … --name {name} --resume",
        interrupted=f" {onward}",
    )
