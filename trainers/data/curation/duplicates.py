"""Rows that say again what another says: the same question, in other words or not, with nearly the same program.

Layout and comments aside is `normal_form`, which `curate` asks first. Here names are numbered too, and with a likeness
below 1 programs count as one whose runs of elements are that alike, by MinHash; answers that are no programs go by
their words. Questions must be as alike, and have the same numbers: siblings of a template are different questions.
"""

from __future__ import annotations

import re
from importlib.util import find_spec

from gristmill.graph.search.novelty import Alike
from gristmill.sandbox.errors import UserError
from gristmill.trainers.data.curation.words import neighbours, words
from gristmill.verifiers.extraction.canonical import canonical

__all__ = ["NearDuplicates"]

_RUN = 5
"""Neighbouring elements of a program, or words of an answer, that make one of what is compared."""


class NearDuplicates:
    """What was kept so far.

    Args:
        likeness: from which on two are one, in (0, 1]; 1 is the same but for names and layout, and needs no library.

    Raises:
        UserError: a likeness below 1 without `rensa`.
    """

    def __init__(self, likeness: float) -> None:
        if likeness < 1 and find_spec("rensa") is None:
            raise UserError(
                "near duplicates need rensa: pip install 'gristmill[train]', or rensa alone; or count copies only, "
                "with near_duplicate: 1"
            )
        self._likeness = likeness
        self._same: dict[tuple[str, str], list[frozenset[tuple[str, ...]]]] = {}
        self._near: dict[str, tuple[Alike, list[frozenset[tuple[str, ...]]]]] = {}

    def known(self, question: str, answer: str) -> bool:
        """Whether one like it was kept; if none was, this one is kept now."""
        said = words(question)
        numbers = " ".join(sorted(re.findall(r"\d+", question)))
        asked = neighbours(said)
        form = canonical(answer)
        elements = answer.split() if form is None else form.split()
        key = (numbers, " ".join(elements))
        same = self._same.setdefault(key, [])
        if any(self._alike(asked, other) for other in same):
            return True
        if self._likeness < 1:
            index, questions = self._near.setdefault(numbers, (Alike(self._likeness), []))
            runs = [" ".join(elements[at : at + _RUN]) for at in range(max(1, len(elements) - _RUN + 1))]
            if any(self._alike(asked, questions[number]) for number, _ in index.near(runs)):
                return True
            index.add(runs)
            questions.append(asked)
        same.append(asked)
        return False

    def _alike(self, one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
        return one == other or len(one & other) / len(one | other) >= self._likeness
