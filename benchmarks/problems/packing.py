"""Online bin packing: items come one after another, and each goes at once into the bin with the highest priority.

A priority of (item, room) is tabulated, and bins are counted by their free room: of two with the same room it cannot
matter which is taken, so an item costs at most as many looks as there are rooms. Of equal priorities the least room
is taken. `simulate` is the C of `levels.c` where there is a compiler, else `simulate_plainly`; a test holds both, and
the evaluator of `examples/tasks/packing.yaml`, to a packing bin by bin.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import operator
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy

__all__ = [
    "CLASSES",
    "MOST_NODES",
    "START",
    "Instance",
    "Priority",
    "best_fit",
    "excess",
    "instances",
    "rule",
    "simulate",
    "simulate_plainly",
    "table",
]

Priority = Callable[[int, int], float]
Table = dict[int, list[float]]
"""For each item size the priorities of the rooms from that size to the capacity."""
MOST_NODES = 100
START = """def priority(item, room):
    left = room - item
    return -left
"""
"""Best fit."""


class Instance(NamedTuple):
    """Items, in the order in which they come."""

    capacity: int
    items: tuple[int, ...]

    @property
    def bound(self) -> int:
        """Bins that are needed at least: all sizes together, by the capacity."""
        return -(-sum(self.items) // self.capacity)


def _weibull(shape: float, scale: float, chance: numpy.random.Generator, count: int) -> Instance:
    sizes = numpy.clip(numpy.round(chance.weibull(shape, count) * scale), 1, 100)
    return Instance(100, tuple(int(size) for size in sizes))


def _uniform(chance: numpy.random.Generator, count: int) -> Instance:
    return Instance(150, tuple(int(size) for size in chance.integers(20, 101, count)))


CLASSES: dict[str, Callable[[numpy.random.Generator, int], Instance]] = {
    "Weibull(3)·45": functools.partial(_weibull, 3.0, 45.0),
    "Weibull(1.5)·30": functools.partial(_weibull, 1.5, 30.0),
    "U[20, 100] in 150": _uniform,
}


def instances(kind: str, seed: int, many: int = 5, count: int = 5000) -> list[Instance]:
    """Instances of a class; equal seeds give equal ones."""
    return [CLASSES[kind](numpy.random.default_rng([seed, each]), count) for each in range(many)]


def table(priority: Priority, sizes: Sequence[int], capacity: int) -> Table:
    """All that can be asked of a priority.

    Raises:
        ValueError: it returns something else than a number, or NaN.
        Exception: whatever it raises.
    """
    found = {size: [priority(size, room) for room in range(size, capacity + 1)] for size in sizes}
    for row in found.values():
        if not set(map(type, row)) <= {int, float} or any(map(operator.ne, row, row)):
            raise ValueError("a priority is a number, and not NaN")
    return found


def simulate(instance: Instance, priorities: Table) -> int:
    """Bins in use when all items are packed."""
    return simulate_all([instance], priorities)[0]


def simulate_all(given: Sequence[Instance], priorities: Table) -> list[int]:
    """The same for several with one capacity."""
    pack = _compiled()
    if pack is None:
        return [simulate_plainly(each, priorities) for each in given]
    capacity = given[0].capacity
    order = numpy.zeros((capacity + 1, capacity + 2), numpy.int32)
    worth = numpy.full((len(priorities), capacity + 1), -numpy.inf)
    for at, (size, row) in enumerate(priorities.items()):
        worth[at, size:] = row
    fits = numpy.arange(capacity + 1) >= numpy.array(list(priorities))[:, None]
    # Among rooms of -inf, too, those where it fits come first.
    by = numpy.lexsort((numpy.broadcast_to(numpy.arange(capacity + 1), worth.shape), -worth, ~fits), axis=1)
    order[list(priorities), : capacity + 1] = by
    return [int(pack(len(each.items), _array(each).ctypes.data, capacity, order.ctypes.data)) for each in given]


def simulate_plainly(instance: Instance, priorities: Table) -> int:
    """The same in Python."""
    capacity, bins = instance.capacity, 0
    order = {
        size: [size + at for at in sorted(range(len(row)), key=lambda at, row=row: -float(row[at]))]  # type: ignore[misc]
        for size, row in priorities.items()
    }
    open_ = [0] * (capacity + 1)
    for item in instance.items:
        for room in order[item]:
            if open_[room] or room == capacity:
                break
        if room == capacity:
            bins += 1
        else:
            open_[room] -= 1
        open_[room - item] += 1
    return bins


def best_fit(item: int, room: int) -> float:
    """Into the fullest bin."""
    return item - room


def rule(tight: int, loose: int) -> Priority:
    """Best fit where at most `tight` is left, then where at least `loose` is, and only then the others."""

    def priority(item: int, room: int) -> float:
        left = room - item
        return 1000 - left if left <= tight else -left if left >= loose else -1000 - left

    return priority


def excess(priority: Priority, given: Sequence[Instance]) -> float:
    """Bins beyond the bound as a share of it, in the mean; less is better."""
    priorities = table(priority, _sizes(tuple(given)), given[0].capacity)
    bins = simulate_all(given, priorities)
    return sum(count / each.bound - 1 for count, each in zip(bins, given, strict=True)) / len(given)


@functools.lru_cache(64)
def _array(instance: Instance) -> numpy.ndarray:
    return numpy.asarray(instance.items, numpy.int32)


@functools.lru_cache(64)
def _sizes(given: tuple[Instance, ...]) -> list[int]:
    return sorted({item for each in given for item in each.items})


@functools.cache
def _compiled() -> Any:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source = Path(__file__).with_name("levels.c")
    name = f"gristmill-levels-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    with tempfile.TemporaryDirectory(prefix=name) as folder:
        built = Path(folder) / "levels.so"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(built), str(source)], check=True)
        pack = ctypes.CDLL(str(built)).pack
    pack.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    return pack
