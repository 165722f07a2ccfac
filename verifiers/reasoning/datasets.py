"""Which of reasoning-gym's data sets can be judged, which are refused and why, and whose scorers are replaced.

Found by giving every scorer its own right answer and answers that are wrong for certain (`tests/verifiers/
reasoning/` does it again for all of them), with reasoning-gym 0.1.25.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EXACT", "NUMBER", "REFUSED", "refusal"]

_NO_ANSWER = "has no reference answer, so nothing shows that its scorer accepts a right one"
_UNSTEADY = "makes other items of the same seed in another process, as it walks through sets of text"
REFUSED: Final[dict[str, str]] = {
    "boxnet": _NO_ANSWER,
    "composite": "is a mixture of other data sets: import those by their names",
    "graph_color": _NO_ANSWER,
    "isomorphic_strings": _UNSTEADY,
    "polynomial_multiplication": _UNSTEADY,
    "propositional_logic": _NO_ANSWER,
    "ransom_note": _UNSTEADY,
    "rubiks_cube": _NO_ANSWER,
    "rush_hour": _NO_ANSWER,
    "word_ladder": _UNSTEADY,
}
"""Data set → why it is not imported and not judged."""

EXACT: Final = frozenset({"game_of_life_halting"})
"""Their own scorers accept anything: the text itself is compared, in lower case."""

NUMBER: Final = frozenset({"coin_flip"})
"""Their own scorers accept 0: the number is compared, to six digits."""


def refusal(name: str) -> str:
    """Why a data set is refused; empty if it is not."""
    return f"reasoning-gym's {name} {REFUSED[name]}" if name in REFUSED else ""
