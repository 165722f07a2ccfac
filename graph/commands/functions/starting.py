"""What a search for a function begins with, by name or from files, and the settings of a problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gristmill.sandbox.errors import UserError

__all__ = ["loss_starts", "reward_starts", "settings_of"]


def reward_starts(environment: str, asked: Sequence[str]) -> list[str]:
    """The programs: baselines of an environment by name, or files.

    Raises:
        UserError: there is neither.
    """
    if not asked:
        return []
    from gristmill.verifiers.trained.reward.environments import environment_spec as world

    return _programs(asked, dict(world(environment).baselines))


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
            try:
                programs.append(Path(name).read_text("utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                raise UserError(f"--start: {name} cannot be read: {error}") from None
        else:
            raise UserError(f"--start: {name!r} is none of {', '.join(known) or 'nothing'}, and no FILE.py")
    return programs
