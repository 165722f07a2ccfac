"""The forms that an answer may have, each with its grammar: from text to a canonical value of plain builtins.

Both sides read by it: the process that meets a reply, and, elsewhere, the one that holds the generator's answer. An
answer that is not wholly of its form is none: against ``12 or 7``, and against whatever a library would find inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gristmill.verifiers.reasoning.guest.wire import expressions, moves, numbers, tables

__all__ = ["FORMS", "read"]

FORMS: Final[dict[str, Callable[[str], Any]]] = {
    "bitwise": numbers.bitwise,
    "board": tables.board,
    "commas": tables.commas,
    "complex": numbers.complex_number,
    "data": tables.data,
    "decimal": numbers.decimal,
    "decimal-grid": tables.decimal_grid,
    "decimals": tables.decimals,
    "directions": moves.directions,
    "duration": moves.duration,
    "factors": tables.factors,
    "formula": expressions.formula,
    "fraction": numbers.fraction,
    "grid": tables.grid,
    "groups": tables.groups,
    "hanoi": moves.hanoi,
    "integer": numbers.integer,
    "json-grid": tables.json_grid,
    "json-list": tables.json_list,
    "lines": tables.lines,
    "mapping": moves.mapping,
    "measure": numbers.measure,
    "number": numbers.number,
    "point": moves.point,
    "pours": moves.pours,
    "presses": moves.presses,
    "pushes": moves.pushes,
    "quoted-decimals": tables.quoted_decimals,
    "roles": moves.roles,
    "swaps": moves.swaps,
    "term": expressions.term,
    "text": tables.text,
    "word": tables.word,
}
"""Form → what reads it; it raises ValueError where a text is not of the form."""


def read(form: str, text: str) -> Any:
    """The canonical value of a text.

    Raises:
        ValueError: it is not of the form.
    """
    try:
        return FORMS[form](text)
    except (RecursionError, OverflowError) as error:
        raise ValueError("beyond all bounds") from error
