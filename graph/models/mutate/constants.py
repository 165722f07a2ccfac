"""Other values for a literal."""

from __future__ import annotations

import ast
import math
import random

from gristmill.graph.models.mutate.rules import Domain

__all__ = ["another", "within", "written"]

_LARGEST = 1e9


def another(value: bool | int | float | str, domain: Domain | None, chance: random.Random) -> bool | int | float | str:
    """A different value, near by more often than far away; the same where the domain has no other."""
    if domain is not None and domain.choices:
        others = [each for each in domain.choices if each != value or type(each) is not type(value)]
        return chance.choice(others) if others else value
    if isinstance(value, bool | str):
        return not value if isinstance(value, bool) else value
    if domain is not None and (not domain.real or chance.random() < 0.25):
        return _drawn(value, domain, chance)
    if isinstance(value, int) and (domain is None or not domain.real):
        return _whole(value, chance)
    return within(_real(float(value), domain, chance), value, domain)


def within(new: float, old: bool | int | float | str, domain: Domain | None) -> int | float:
    """A number as a literal of its kind may have it: whole where the old one is, inside its range."""
    real = domain.real if domain is not None and not domain.choices else isinstance(old, float)
    if not math.isfinite(new):
        new = float(old) if not isinstance(old, str) else 0.0
    new = max(-_LARGEST, min(_LARGEST, new))
    if domain is not None and domain.low is not None and domain.high is not None:
        new = max(domain.low, min(domain.high, new))
        if not real:
            return max(math.ceil(domain.low), min(math.floor(domain.high), round(new)))
    return new if real else round(new)


def written(value: bool | int | float | str) -> ast.expr:
    """The literal of a value."""
    if not isinstance(value, bool | str) and (value < 0 or (value == 0 and math.copysign(1, value) < 0)):
        return ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=-value))
    return ast.Constant(value=value)


def _drawn(value: int | float, domain: Domain, chance: random.Random) -> int | float:
    low, high = domain.low or 0.0, domain.high or 0.0
    if domain.real:
        return chance.uniform(low, high)
    first, last = math.ceil(low), math.floor(high)
    # All others alike: what a step of one would mean, nobody has said.
    if not first <= value <= last or value != int(value):
        return chance.randint(first, last)
    if last <= first:
        return value
    drawn = chance.randint(first, last - 1)
    return drawn + (drawn >= value)


def _whole(value: int, chance: random.Random) -> int:
    if abs(value) > _LARGEST:
        return int(math.copysign(_LARGEST, value))
    way = chance.random()
    if way < 0.5:
        return value + chance.choice((-1, 1))
    if way < 0.8:
        spread = max(2, abs(value) // 2)
        return value + chance.choice((-1, 1)) * chance.randint(1, spread)
    return chance.choice([new for new in (value * 2, value // 2, -value, 0, 1, value + 10) if new != value])


def _real(value: float, domain: Domain | None, chance: random.Random) -> float:
    way = chance.random()
    if domain is not None and domain.low is not None and domain.high is not None:
        return value + chance.gauss(0, (domain.high - domain.low) * 10 ** -chance.uniform(0.5, 3))
    if value == 0:
        return chance.gauss(0, 10 ** chance.uniform(-2, 1))
    if way < 0.8:
        # Steps of many sizes: coarse ones find the place, fine ones stay there.
        return value * (1 + chance.gauss(0, 10 ** -chance.uniform(0, 3)))
    if way < 0.95:
        return value + chance.gauss(0, 1)
    return -value
