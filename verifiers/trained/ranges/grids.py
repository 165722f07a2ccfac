"""At which values of a constant of the physics a policy is tried, one constant at a time (DrEureka, Ma et al. 2024).

The published grids are absolute. Departures: of a constant that is not 0 they are multiplied by its value, so that one
grid serves a mass of 1 and a force of .001; a value beyond the range in which the constant makes sense is tried at the
end of that range.
"""

from __future__ import annotations

from typing import Final

from gristmill.verifiers.trained.reward.environment import Parameter

__all__ = ["GRIDS", "grid_of", "values_of"]

GRIDS: Final = {
    "min_0": (0.0, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0),
    "limit_01": tuple(number / 10 for number in range(11)),
    "centred_0": (-10.0, -5.0, -1.0, -0.5, -0.1, -0.01, 0.0, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0),
    "centred_1": (0.0, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0),
}
"""By their published names."""


def grid_of(parameter: Parameter) -> str:
    """Which grid a constant has: an offset (its value is 0), a share (from 0 to 1), a factor, or what may go to 0.

    `centred_0` and, where nothing lies below 0, `min_0` are for offsets, and absolute; `limit_01` is for shares, and
    absolute too. Of all others the grid is multiplied by the constant's value: `min_0` where the range goes from 0 to
    five times the value or more, else `centred_1`.
    """
    if parameter.default == 0:
        return "centred_0" if parameter.low < 0 else "min_0"
    if (parameter.low, parameter.high) == (0, 1):
        return "limit_01"
    return "min_0" if parameter.low == 0 and parameter.high >= 5 * parameter.default else "centred_1"


def values_of(parameter: Parameter) -> tuple[float, ...]:
    """The values, rising, the constant's own among them; none lies beyond its range."""
    grid = grid_of(parameter)
    unit = 1.0 if parameter.default == 0 or grid == "limit_01" else parameter.default
    # Twelve digits, so that 0.9 * 0.001 is 0.0009.
    values = {min(max(float(f"{each * unit:.12g}"), parameter.low), parameter.high) for each in GRIDS[grid]}
    return tuple(sorted(values | {parameter.default}))
