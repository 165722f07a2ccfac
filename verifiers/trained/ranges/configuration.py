"""What a search for ranges searches: a configuration, which is data and never runs.

Its form is the published one: ``name = [low, high]``, one constant a line, comments after ``#``. It is read by a
pattern, not by Python. A constant that it does not name stays as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.reward.environment import Ranges

__all__ = ["ConfigurationError", "parse", "priors_of", "written"]

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LINE: Final = re.compile(
    rf"([A-Za-z_]\w{{0,79}})[ \t]*=[ \t]*\[[ \t]*({_NUMBER})[ \t]*,[ \t]*({_NUMBER})[ \t]*,?[ \t]*\]", re.ASCII
)
_LONGEST, _LINES, _SLACK = 20_000, 400, 1e-9


class ConfigurationError(Exception):
    """Why a text is no configuration, in a sentence that its author may read."""


def parse(text: str, priors: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The ranges that a text says, in the order of the priors.

    Args:
        text: the lines.
        priors: the names that there are, and between what each must lie.

    Raises:
        ConfigurationError: it is not of this form, names a constant twice or one that there is none of, a bound is not
            finite, the low one is greater than the high one, or a range goes beyond its prior.
    """
    if len(text) > _LONGEST:
        raise ConfigurationError(f"A configuration has at most {_LONGEST:,} characters.")
    found: dict[str, tuple[float, float]] = {}
    for name, low, high in _of_lines(text):
        if name not in priors:
            raise ConfigurationError(f"There is no constant `{name[:80]}` here; there are {', '.join(priors)}.")
        if name in found:
            raise ConfigurationError(f"`{name}` is given twice.")
        found[name] = _checked(name, low, high, priors[name])
    if not found:
        raise ConfigurationError(f"It names no constant; there are {', '.join(priors)}, written as {_EXAMPLE}.")
    return {name: found[name] for name in priors if name in found}


_EXAMPLE: Final = "`name = [low, high]`"


def _checked(name: str, low: float, high: float, bounds: tuple[float, float]) -> tuple[float, float]:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigurationError(f"`{name}`: both bounds must be finite numbers.")
    if low > high:
        raise ConfigurationError(f"`{name}`: the low bound {low:g} is greater than the high bound {high:g}.")
    # What is written with six digits may miss a bound in the last one.
    slack = _SLACK * max(abs(bounds[0]), abs(bounds[1]))
    if low < bounds[0] - slack or high > bounds[1] + slack:
        raise ConfigurationError(
            f"`{name}`: [{low:.9g}, {high:.9g}] goes beyond its valid range [{bounds[0]:.9g}, {bounds[1]:.9g}]."
        )
    return min(max(low, bounds[0]), bounds[1]), min(max(high, bounds[0]), bounds[1])


def _of_lines(text: str) -> Iterable[tuple[str, float, float]]:
    lines = text.split("\n")
    if len(lines) > _LINES:
        raise ConfigurationError(f"A configuration has at most {_LINES} lines.")
    for number, line in enumerate(lines, 1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        match = _LINE.fullmatch(said)
        if match is None:
            raise ConfigurationError(
                f"Line {number} is not of the form {_EXAMPLE} with two plain numbers: {said[:80]!r}. Write all else "
                "as comments."
            )
        yield match[1], float(match[2]), float(match[3])


def written(ranges: Ranges) -> str:
    """A configuration as lines."""
    return "".join(f"{name} = [{low!r}, {high!r}]\n" for name, (low, high) in ranges.items())


def priors_of(task: Task) -> dict[str, tuple[float, float]]:
    """Between what each constant may be drawn, by name, as a task says."""
    return {name: (float(low), float(high)) for name, (low, high) in task.settings["priors"].items()}
