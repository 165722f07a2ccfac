"""The families by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from gristmill.graph.tasks.families.base import Family
from gristmill.graph.tasks.families.dictionary_programs import DICTIONARY_PROGRAMS
from gristmill.graph.tasks.families.list_functions import LIST_FUNCTIONS
from gristmill.graph.tasks.families.reasoning_puzzles import REASONING_PUZZLES
from gristmill.graph.tasks.families.string_functions import STRING_FUNCTIONS
from gristmill.sandbox.errors import UserError

__all__ = ["FAMILIES", "family"]

_EVERY = (LIST_FUNCTIONS, STRING_FUNCTIONS, DICTIONARY_PROGRAMS, REASONING_PUZZLES)
FAMILIES: Final[Mapping[str, Family]] = {each.name: each for each in _EVERY}
"""Name → family."""


def family(name: str) -> Family:
    """The family of that name.

    Raises:
        UserError: there is none; the message names those there are.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    near = get_close_matches(name, FAMILIES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(FAMILIES))}"
    raise UserError(f"no generator is called {name!r}; {hint}")
