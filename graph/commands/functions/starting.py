"""What a search for a function begins with, by name or from files, and the settings of a problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gristmill.sandbox.errors import UserError

__all__ = ["command_starts", "loss_starts", "prompt_of", "reward_source", "reward_starts", "settings_of"]


def reward_starts(environment: str, asked: Sequence[str]) -> list[str]:
    """The programs: baselines of an environment by name, or files.

    Raises:
        UserError: there is neither.
    """
    if not asked:
        return []
    from gristmill.verifiers.trained.reward.environments import environment_spec as world

    return _programs(asked, dict(world(environment).baselines))


def reward_source(environment: str, asked: str, workspace: str) -> str:
    """The source of one reward: a baseline of an environment by name, a file, or the winner of a run.

    Raises:
        UserError: there is none of these, or the run searches for something else.
    """
    from gristmill.graph.commands.reports.course import one_task
    from gristmill.graph.reports.winning import winner_of
    from gristmill.graph.storage.store import Store
    from gristmill.verifiers.trained.reward.environments import environment as world

    known = dict(world(environment).baselines)
    if asked in known:
        return known[asked]
    if asked.endswith(".py"):
        return _file(asked, "REWARD")
    with Store.open(workspace) as store:
        runs = [each.name for each in store.runs()]
        if asked not in runs:
            raise UserError(
                f"REWARD: {asked!r} is none of {', '.join(known) or 'nothing'}, no FILE.py, and no run of the "
                f"workspace ({', '.join(runs) or 'which has none'})"
            )
        standing = one_task(asked, store.standings(asked), None, "a reward is the winner")
        task = next(each for each in store.tasks(asked) if each.id == standing.task)
        if task.kind != "reward" or task.settings.get("entry_point", "reward") != "reward":
            raise UserError(f"REWARD: the run {asked!r} searches for a {task.kind}, not for a function `reward`")
        return winner_of(store, asked, standing).program.decode("utf-8")


def command_starts(asked: Sequence[str]) -> list[str]:
    """The programs, from files.

    Raises:
        UserError: one cannot be read, or is no FILE.py.
    """
    return _programs(asked, {})


def prompt_of(file: Path) -> str:
    """What a model is told of the task.

    Raises:
        UserError: the file cannot be read, or says nothing.
    """
    text = _file(str(file), "PROMPT").strip()
    if not text:
        raise UserError(f"PROMPT: {file} says nothing")
    return text


def loss_starts(problem: str, asked: Sequence[str]) -> list[str]:
    """The programs: published losses of the problem's form by name, or files.

    Raises:
        UserError: there is neither.
    """
    if not asked:
        return []
    from gristmill.verifiers.trained.loss.baselines.programs import names, program
    from gristmill.verifiers.trained.loss.problems import problem as learned

    made = learned(problem)
    known = {name: program(name) for name in names("labels" if len(made.arguments) == 2 else "pairs")}
    return _programs(asked, {**made.baselines, **known})


def settings_of(problem: str, given: Sequence[str]) -> dict[str, float]:
    """``NAME=NUMBER`` as settings of a problem.

    Raises:
        UserError: one is written otherwise, or the problem has no such setting; those that it has are listed.
    """
    from gristmill.verifiers.trained.loss.problems import options

    settings: dict[str, float] = {}
    for each in given:
        name, sign, text = each.partition("=")
        try:
            settings[name] = float(text)
        except ValueError:
            sign = ""
        if not name or not sign:
            raise UserError(f"--set {each!r} is not NAME=NUMBER, as in --set flips=0.3")
        if name not in options(problem):
            raise UserError(f"--set {each!r}: {problem} takes {', '.join(options(problem)) or 'no settings'}")
    return settings


def _programs(asked: Iterable[str], known: Mapping[str, str]) -> list[str]:
    programs = []
    for name in (part.strip() for each in asked for part in each.split(",")):
        if name in known:
            programs.append(known[name])
        elif name.endswith(".py"):
            programs.append(_file(name, "--start"))
        else:
            raise UserError(f"--start: {name!r} is none of {', '.join(known) or 'nothing'}, and no FILE.py")
    return programs


def _file(name: str, option: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{option}: {name} cannot be read: {error}") from None
