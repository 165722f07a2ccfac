"""Rows by stratum, so that none outweighs: what a model learns of a part depends on the rows that show it.

Where the verified rows of an improvement come from easy tasks, the rest is drowned; where a stratum has none, held-out
tasks of it are not solved. Filling strata is the campaign's work; here none may take more than its share.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import median_low
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record

__all__ = ["Balanced", "balance", "family_of", "strata_of"]


class Balanced(Record):
    """Rows that were kept, in the order given, and what became of the strata.

    A row of several strata counts in each of them.
    """

    rows: tuple[dict[str, Any], ...]
    strata: dict[str, int]
    before: dict[str, int]
    dropped: dict[str, int]


def strata_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The strata of a row: its task's ``stratum:`` tags; else what it shares with its siblings; else its task."""
    tags = [str(tag) for tag in row.get("tags") or ()]
    strata = sorted({tag for tag in tags if tag.startswith("stratum:")})
    return tuple(strata) or (family_of(str(row["task"]), tags),)


def family_of(task: str, tags: Iterable[str]) -> str:
    """What templated siblings share: the first ``combo:`` tag, or else ``family:``; without one, a name of the task."""
    tags = list(tags)
    for kind in ("combo:", "family:"):
        for tag in tags:
            if tag.startswith(kind):
                return tag
    return f"task:{task}"


def balance(
    rows: Sequence[Mapping[str, Any]],
    *,
    per_stratum: int | None = None,
    outweigh: float | None = None,
    size: int | None = None,
    seed: int = 0,
) -> Balanced:
    """Rows of which no stratum has more than its share.

    The rarest stratum is served first, again and again, each time with a row of another task where it has one. A row of
    several strata is kept while one of them has room: a rare one never loses a row to the bound of a common one, which
    may so exceed its own. Which rows are kept follows from the rows and `seed`, not from their order.

    Args:
        rows: of any format of `gristmill.trainers.data.export.FORMATS`.
        per_stratum: rows of a stratum at most.
        outweigh: no stratum has more than this many times the rows of the median one.
        size: rows at most, as evenly over the strata as they have rows.

    Raises:
        UserError: a bound is less than 1.
    """
    for name, bound in (("per_stratum", per_stratum), ("outweigh", outweigh), ("size", size)):
        if bound is not None and bound < 1:
            raise UserError(f"{name}: must be at least 1, not {bound:g}")
    strata = [strata_of(row) for row in rows]
    before = Counter(stratum for names in strata for stratum in names)
    room = _room(before, per_stratum, outweigh)
    waiting = _queues(rows, strata, seed)
    counts: Counter[str] = Counter()
    kept: set[int] = set()
    heap = [(0, _drawn(seed, name), name) for name in waiting]
    heapq.heapify(heap)
    while heap and (size is None or len(kept) < size):
        count, drawn, name = heapq.heappop(heap)
        queue = waiting[name]
        while queue and queue[-1] in kept:
            queue.pop()
        if not queue or counts[name] >= room[name]:
            continue
        if count != counts[name]:
            heapq.heappush(heap, (counts[name], drawn, name))
            continue
        chosen = queue.pop()
        kept.add(chosen)
        counts.update(strata[chosen])
        heapq.heappush(heap, (counts[name], drawn, name))
    # Nobody can have them: each of their strata is full, whatever the size.
    full = sum(all(counts[name] >= room[name] for name in names) for at, names in enumerate(strata) if at not in kept)
    reasons = {"over the bound of its stratum": full, "over the size asked for": len(rows) - len(kept) - full}
    return Balanced(
        rows=tuple(dict(rows[at]) for at in sorted(kept)),
        strata=dict(sorted(counts.items())),
        before=dict(sorted(before.items())),
        dropped={reason: count for reason, count in reasons.items() if count},
    )


def _room(before: Mapping[str, int], per_stratum: int | None, outweigh: float | None) -> dict[str, float]:
    bounds = [float("inf")]
    if per_stratum is not None:
        bounds.append(per_stratum)
    if outweigh is not None and before:
        bounds.append(ceil(outweigh * median_low(before.values())))
    return dict.fromkeys(before, min(bounds))


def _queues(rows: Sequence[Mapping[str, Any]], strata: Sequence[tuple[str, ...]], seed: int) -> dict[str, list[int]]:
    """The rows of each stratum, the first to be kept last: another task before a further row of the same one."""
    keys = [_drawn(seed, json.dumps(row, sort_keys=True, default=str)) for row in rows]
    nth: dict[tuple[str, str], int] = defaultdict(int)
    members: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for at in sorted(range(len(rows)), key=keys.__getitem__):
        for name in strata[at]:
            place = (name, str(rows[at]["task"]))
            members[name].append((nth[place], keys[at], at))
            nth[place] += 1
    return {name: [at for _, _, at in sorted(those, reverse=True)] for name, those in members.items()}


def _drawn(seed: int, text: str) -> str:
    return hashlib.sha256(f"{seed}/{text}".encode("utf-8", "surrogatepass")).hexdigest()
