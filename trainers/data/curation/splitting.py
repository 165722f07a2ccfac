"""A share of the rows to train on kept for validation, by family: siblings of a template stay on one side."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.curation.balance import family_of

__all__ = ["validation_families"]


def validation_families(rows: Sequence[Mapping[str, Any]], share: float, seed: int = 0) -> frozenset[str]:
    """The families (`family_of`) that are for validation: drawn at random, about `share` of the rows, at least one.

    Raises:
        UserError: the share is not between 0 and 1, or all rows are of one family.
    """
    if not 0 < share < 1:
        raise UserError(f"--validation: must be a share between 0 and 1, not {share:g}")
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        sizes[family_of(str(row["task"]), row.get("tags") or ())] += 1
    if len(sizes) < 2:
        raise UserError(
            f"--validation: the {len(rows)} rows to train on are of {len(sizes)} family, and families are not parted"
        )
    drawn = sorted(sizes, key=lambda family: hashlib.sha256(f"{seed}/{family}".encode("utf-8", "replace")).digest())
    chosen: set[str] = set()
    count = 0
    for family in drawn:
        if count + sizes[family] <= share * len(rows):
            chosen.add(family)
            count += sizes[family]
    # No family is that small: the smallest, rather than none.
    return frozenset(chosen or {min(drawn, key=lambda family: (sizes[family], drawn.index(family)))})
