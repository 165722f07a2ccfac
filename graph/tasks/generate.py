"""Task generators. `list-functions`: one expression over a list, with whole combinations held out.

A task is a filter × a reduction (× sometimes a map between them), each with its parameters, said in one of several
ways. What a model can learn from the training tasks is how the parts are written and put together; the gate and test
splits ask for combinations of filter and reduction that training never shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Case, CasesTest, Task

__all__ = ["FEW_SHOT_COMBINATIONS", "generate_list_functions"]

Test = Callable[[int], bool]


@dataclass(frozen=True)
class _Filter:
    """Which numbers are kept: as words, as Python, and as the truth that expected values come from."""

    name: str
    phrases: tuple[tuple[str, str], ...]
    """What is kept, as a plural noun phrase, and what each of it is, as a predicate."""
    condition: str
    test: Test
    edges: tuple[int, ...]
    """Numbers at which a slightly wrong condition shows."""


@dataclass(frozen=True)
class _Reduction:
    """What becomes of the numbers that were kept."""

    name: str
    phrases: tuple[str, ...]
    """Sentences with ``{numbers}`` or ``{predicate}``, a phrase of the filter."""
    source: str
    """Python with ``{condition}``, on x."""
    result: Callable[[list[int]], Any] | None
    """Of the numbers that were kept; None asks whether all were."""


def _filters(rng: random.Random) -> list[_Filter]:
    """Every filter, with parameters drawn for this task."""
    k = rng.randint(1, 9)
    d = rng.choice((3, 4, 5, 6, 7))
    near = (k, k + 1, k - 1, k + 2)
    far = (d, -d, 2 * d, d + 1, d + 2)
    even, odd = ("even numbers", "even"), ("odd numbers", "odd")
    positive, negative = ("positive numbers", "positive"), ("negative numbers", "negative")
    multiple = (_that(f"divisible by {d}"), (f"multiples of {d}", f"a multiple of {d}"))
    others = (_that(f"not divisible by {d}"), (f"numbers that are not multiples of {d}", f"not a multiple of {d}"))
    at_least = (_that(f"greater than or equal to {k}"), (f"numbers that are at least {k}", f"at least {k}"))
    at_most = (_that(f"less than or equal to {k}"), (f"numbers that are at most {k}", f"at most {k}"))
    return [
        _Filter("even", (even, _that("divisible by 2")), "x % 2 == 0", lambda x: x % 2 == 0, (0, -2, 3)),
        _Filter("odd", (odd, _that("not divisible by 2")), "x % 2 == 1", lambda x: x % 2 == 1, (-1, -3, 2)),
        _Filter("positive", (positive, _that("greater than zero")), "x > 0", lambda x: x > 0, (0, 1, -1)),
        _Filter("negative", (negative, _that("less than zero")), "x < 0", lambda x: x < 0, (0, 1, -1)),
        _Filter("above", (_that(f"greater than {k}"), _that(f"above {k}")), f"x > {k}", lambda x: x > k, near),
        _Filter("below", (_that(f"less than {k}"), _that(f"below {k}")), f"x < {k}", lambda x: x < k, near),
        _Filter("at_least", at_least, f"x >= {k}", lambda x: x >= k, near),
        _Filter("at_most", at_most, f"x <= {k}", lambda x: x <= k, near),
        _Filter("multiple", multiple, f"x % {d} == 0", lambda x: x % d == 0, far),
        _Filter("not_multiple", others, f"x % {d} != 0", lambda x: x % d != 0, far),
        _Filter(
            "different",
            (_that(f"not equal to {k}"), _that(f"different from {k}")),
            f"x != {k}",
            lambda x: x != k,
            near,
        ),
    ]


def _that(predicate: str) -> tuple[str, str]:
    return f"numbers {predicate}", predicate


_EACH = "x for x in xs if {condition}"
_REDUCTIONS = [
    _Reduction("sum", ("Return the sum of the {numbers} in xs.", "Add up the {numbers} in xs."), f"sum({_EACH})", sum),
    _Reduction(
        "count",
        ("Return how many {numbers} there are in xs.", "Count the {numbers} in xs."),
        "len([x for x in xs if {condition}])",
        len,
    ),
    _Reduction("list", ("Return a list of the {numbers} in xs.", "Keep only the {numbers} in xs."), f"[{_EACH}]", list),
    _Reduction(
        "squares",
        ("Return a list of the squares of the {numbers} in xs.", "Square each of the {numbers} in xs."),
        "[x ** 2 for x in xs if {condition}]",
        lambda kept: [x**2 for x in kept],
    ),
    _Reduction(
        "doubles",
        ("Return a list of the {numbers} in xs, each multiplied by 2.", "Multiply each of the {numbers} in xs by 2."),
        "[x * 2 for x in xs if {condition}]",
        lambda kept: [2 * x for x in kept],
    ),
    _Reduction(
        "sum_of_squares",
        ("Return the sum of the squares of the {numbers} in xs.", "Add up the squares of the {numbers} in xs."),
        "sum(x ** 2 for x in xs if {condition})",
        lambda kept: sum(x**2 for x in kept),
    ),
    _Reduction(
        "absolutes",
        (
            "Return a list of the absolute values of the {numbers} in xs.",
            "Take the absolute value of each of the {numbers} in xs.",
        ),
        "[abs(x) for x in xs if {condition}]",
        lambda kept: [abs(x) for x in kept],
    ),
    _Reduction(
        "cubes",
        ("Return a list of the cubes of the {numbers} in xs.", "Cube each of the {numbers} in xs."),
        "[x ** 3 for x in xs if {condition}]",
        lambda kept: [x**3 for x in kept],
    ),
    _Reduction(
        "ascending",
        ("Return the {numbers} in xs, sorted in ascending order.", "Sort the {numbers} in xs, smallest first."),
        f"sorted({_EACH})",
        sorted,
    ),
    _Reduction(
        "any",
        ("Return True if any number in xs is {predicate}.", "Check if any number in xs is {predicate}."),
        "any({condition} for x in xs)",
        bool,
    ),
    _Reduction(
        "increments",
        ("Return a list of the {numbers} in xs, each increased by 1.", "Add 1 to each of the {numbers} in xs."),
        "[x + 1 for x in xs if {condition}]",
        lambda kept: [x + 1 for x in kept],
    ),
    _Reduction(
        "distinct",
        ("Return how many different {numbers} there are in xs.", "Count the distinct {numbers} in xs."),
        f"len(set({_EACH}))",
        lambda kept: len(set(kept)),
    ),
]

FEW_SHOT_COMBINATIONS = (
    "even/sum",
    "positive/count",
    "above/cubes",
    "multiple/sum_of_squares",
    "below/ascending",
    "odd/doubles",
    "not_multiple/any",
    "negative/absolutes",
    "different/distinct",
    "at_least/list",
)
"""The combinations that `prompts/small_code.md` shows; never in the gate or test split."""

_TEST_SHARE, _GATE_SHARE = 0.24, 0.13
_EDGE_LISTS: tuple[list[int], ...] = ([], [0], [-7, -2, -2, 7, 4, 4], [5, 5, 5], [8, -6, 3, 0, -3, 8])


def generate_list_functions(*, seed: int, train: int = 128, gate: int = 96, test: int = 192) -> list[Task]:
    """Tasks of the kind code, each a filter × reduction (× sometimes a map) with its parameters and a phrasing.

    No filter × reduction combination occurs in two splits; every filter and every reduction occurs in training. Each
    task carries its `split`, a tag ``combo:FILTER/REDUCTION``, a reference solution, hidden and public cases, and
    ``settings.template``, so that a reply is one expression. The same arguments give the same tasks.

    Args:
        seed: which combinations are held out, and every parameter and phrasing.
        train: tasks to learn from; no two prompts are the same anywhere.
        gate: tasks to decide on an adapter.
        test: tasks to report on.

    Raises:
        UserError: a split would be empty, or more different tasks are asked for than can be found.
    """
    rng = random.Random(f"list-functions/{seed}")
    tasks: list[Task] = []
    seen: set[str] = set()
    sizes = {"train": train, "gate": gate, "test": test}
    for split, combinations in _split(rng).items():
        size = sizes[split]
        if size < 1:
            raise UserError(f"{split}: a split of {size} tasks cannot be generated; ask for at least 1")
        count = misses = 0
        while count < size:
            # After a miss the next combination is tried: one may have no more wordings.
            combination = combinations[(count + misses) % len(combinations)]
            task = _task(rng, combination, split, f"list-{split}-{count:04d}")
            if task is None or task.prompt in seen:
                misses += 1
                if misses > 50 * len(combinations) + 20 * count:
                    raise UserError(f"{split}: only {count} different tasks were found; ask for no more than that")
                continue
            seen.add(task.prompt)
            tasks.append(task)
            count += 1
    return tasks


def _split(rng: random.Random) -> dict[str, list[tuple[str, str]]]:
    """Combinations by split: drawn at random, but no filter or reduction loses most of its training combinations."""
    names = [filter_.name for filter_ in _filters(rng)]
    every = [(name, reduction.name) for name in names for reduction in _REDUCTIONS]
    rng.shuffle(every)
    wanted = {"test": round(_TEST_SHARE * len(every)), "gate": round(_GATE_SHARE * len(every))}
    held: dict[str, int] = {}
    splits: dict[str, list[tuple[str, str]]] = {"train": [], "gate": [], "test": []}
    for combination in every:
        filter_, reduction = combination
        split = next((name for name, size in wanted.items() if len(splits[name]) < size), "train")
        spent = held.get(filter_, 0) >= len(_REDUCTIONS) // 2 or held.get(reduction, 0) >= len(names) // 2
        if "/".join(combination) in FEW_SHOT_COMBINATIONS or spent:
            split = "train"
        if split != "train":
            held[filter_] = held.get(filter_, 0) + 1
            held[reduction] = held.get(reduction, 0) + 1
        splits[split].append(combination)
    return splits


def _task(rng: random.Random, combination: tuple[str, str], split: str, identifier: str) -> Task | None:
    """One task, or None where its cases would not tell the filter from keeping everything or nothing."""
    filter_ = next(filter_ for filter_ in _filters(rng) if filter_.name == combination[0])
    reduction = next(reduction for reduction in _REDUCTIONS if reduction.name == combination[1])
    numbers, predicate = rng.choice(filter_.phrases)
    prompt = rng.choice(reduction.phrases).format(numbers=numbers, predicate=predicate)
    expression = reduction.source.format(condition=filter_.condition)
    lists = _lists(rng, filter_)
    kept = [[x for x in xs if filter_.test(x)] for xs in lists]
    result = reduction.result
    outcomes = [result(some) if result else some == xs for xs, some in zip(lists, kept, strict=True)]
    if all(outcome == outcomes[0] for outcome in outcomes):
        return None
    cases = [Case(args=(xs,), expected=outcome) for xs, outcome in zip(lists, outcomes, strict=True)]
    return Task(
        id=identifier,
        kind="code",
        prompt=prompt,
        split=split,
        tags=("list-functions", "combo:" + "/".join(combination)),
        settings={"template": "def f(xs):\n    return {answer}"},
        tests=(CasesTest(entry_point="f", cases=tuple(cases[2:])),),
        public_tests=(CasesTest(entry_point="f", cases=tuple(cases[:2])),),
        reference=f"def f(xs):\n    return {expression}",
    )


def _lists(rng: random.Random, filter_: _Filter) -> list[list[int]]:
    """Two public lists that show something, then hidden ones: random, with boundary numbers and repeats, and edges."""
    lists = []
    for length in (6, 7, 8, 9, 10, 12):
        xs = [rng.randint(-12, 15) for _ in range(length)]
        xs[: len(filter_.edges)] = filter_.edges
        xs[-1] = xs[0]
        rng.shuffle(xs)
        lists.append(xs)
    # All at once at a boundary: `any` and the like see a wrong bound only where nothing else decides.
    lists += [[edge] * rng.randint(2, 3) for edge in filter_.edges]
    keeps = [x for x in range(-12, 16) if filter_.test(x)]
    drops = [x for x in range(-12, 16) if not filter_.test(x)]
    lists.append([rng.choice(drops) for _ in range(4)])
    lists.append([rng.choice(keeps) for _ in range(4)] * 2)
    return [*lists, *(list(xs) for xs in _EDGE_LISTS)]
