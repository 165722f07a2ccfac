"""A short form for what crosses most where a score is computed: calls with scalars and flat lists, and their values.

Beside the canonical form, which takes whatever does not fit here. A question is the judge's own and is read by the
candidate alone. Against an answer that is made up: it is a letter and numbers of eight bytes each, as many as the
bounds allow, and nothing of it is run.
"""

from __future__ import annotations

import marshal
import struct
import sys
from array import array
from typing import Any, Final

from gristmill.sandbox.wire.values import Bounds, DecodeError

__all__ = ["ANSWER", "QUESTION", "answer", "question", "read_answer", "read_question"]

# The canonical form begins with a bracket, a digit or a zero byte.
QUESTION: Final = 1
ANSWER: Final = 2
_ASKS, _SAYS = bytes([QUESTION]), bytes([ANSWER])
_PLAIN: Final = frozenset((type(None), bool, int, float, str))
# It has no references, whose making depends on who else holds a value.
_VERSION: Final = 2
_FLOAT, _INT = struct.Struct("<d"), struct.Struct("<q")
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_LITTLE: Final = sys.byteorder == "little"
_CODES: Final = {"<f8": "f8", "<i8": "i8"}


def question(op: str, target: Any, args: Any, bounds: Bounds) -> bytes | None:
    """A call of `target` with values that are flat, or for `map` many; None where they are not, or it is no call."""
    if op == "map":
        return _many(target, args[0], bounds)
    if op != "call":
        return None
    apart: list[tuple[int, str, bytes]] = []
    sent = list(args)
    for place, value in enumerate(args):
        kind = type(value)
        if kind in _PLAIN:
            continue
        # One list that is given twice stays one list, which the canonical form says.
        if apart and any(value is other for other in args[:place]):
            return None
        if kind is list or kind is tuple:
            held = _marshalled(value)
            if not held:
                return None
            apart.append((place, "", held))
        elif code := _array_code(value):
            apart.append((place, code, value.tobytes()))
        else:
            return None
        sent[place] = None
    return _within(bounds, _ASKS + marshal.dumps((op, target, sent, apart), _VERSION))


def _marshalled(value: Any) -> bytes:
    """A list or tuple of plain values; empty where it holds others, which marshal would not take as what they are."""
    if value and type(value[0]) in (float, int):
        try:
            held = marshal.dumps(value, _VERSION)
        except ValueError:
            return b""
        if _all_of(held, len(value)):
            return held
    return marshal.dumps(value, _VERSION) if set(map(type, value)) <= _PLAIN else b""


def _all_of(held: bytes, number: int) -> bool:
    """Whether a marshalled list holds exact floats only, or small exact ints: each is its letter and as many bytes."""
    return (len(held) == 5 + 9 * number and held[5::9] == b"g" * number) or (
        len(held) == 5 + 5 * number and held[5::5] == b"i" * number
    )


def _many(target: Any, rows: list[tuple[Any, ...]], bounds: Bounds) -> bytes | None:
    for row in rows:
        for value in row:
            kind = type(value)
            if kind not in _PLAIN and not ((kind is list or kind is tuple) and set(map(type, value)) <= _PLAIN):
                return None
    if len({id(each) for row in rows for each in row if type(each) is list}) < sum(
        type(each) is list for row in rows for each in row
    ):
        return None
    return _within(bounds, _ASKS + marshal.dumps(("map", target, [rows], ()), _VERSION))


def _within(bounds: Bounds, data: bytes) -> bytes | None:
    return data if len(data) <= bounds.size else None


def read_question(data: bytes) -> tuple[str, Any, list[Any]]:
    """(what is asked, target, arguments), all of them new."""
    op, target, args, apart = marshal.loads(memoryview(data)[1:])  # noqa: S302  # the judge's; the candidate reads it
    for place, code, held in apart:
        args[place] = _numpy().frombuffer(bytearray(held), dtype=code) if code else marshal.loads(held)  # noqa: S302
    return op, target, args


def answer(value: Any) -> bytes | None:
    """A scalar, or a flat list, tuple or array of numbers; None for what the canonical form has to take."""
    kind = type(value)
    if kind is float:
        return _SAYS + b"f" + _FLOAT.pack(value)
    if kind is int:
        return _SAYS + b"i" + _INT.pack(value) if _LEAST <= value <= _MOST else None
    if kind is bool:
        return _SAYS + (b"t" if value else b"u")
    if value is None:
        return _SAYS + b"n"
    if kind is list or kind is tuple:
        kinds = set(map(type, value))
        code = "d" if kinds == {float} else "q" if kinds == {int} else ""
        if not code or not _LITTLE:
            return None
        try:
            numbers = array(code, value).tobytes()
        except OverflowError:
            return None
        letter = code if kind is list else code.upper()
        return _SAYS + letter.encode() + numbers
    code = _array_code(value)
    return _SAYS + (b"a" if code == "f8" else b"b") + value.tobytes() if code else None


def read_answer(data: bytes, bounds: Bounds) -> Any:
    """The value of an answer.

    Raises:
        DecodeError: it is none.
    """
    letter, numbers = data[1:2], data[2:]
    if letter == b"n" or letter == b"t" or letter == b"u":
        if numbers:
            raise DecodeError("a short answer is malformed")
        return None if letter == b"n" else letter == b"t"
    if len(numbers) % 8:
        raise DecodeError("a short answer is malformed")
    if letter == b"f" or letter == b"i":
        if len(numbers) != 8:
            raise DecodeError("a short answer is malformed")
        return _FLOAT.unpack(numbers)[0] if letter == b"f" else _INT.unpack(numbers)[0]
    if len(numbers) // 8 > bounds.nodes:
        raise DecodeError(bounds.too_many())
    if letter == b"a" or letter == b"b":
        numpy = _numpy()
        if numpy is None:
            raise DecodeError("an array came, and this process has none")
        return numpy.frombuffer(bytearray(numbers), dtype="<f8" if letter == b"a" else "<i8")
    if letter not in (b"d", b"q", b"D", b"Q") or not _LITTLE:
        raise DecodeError("a short answer is malformed")
    values = array(letter.decode().lower(), numbers).tolist()
    return values if letter in (b"d", b"q") else tuple(values)


def _array_code(value: Any) -> str:
    """``f8`` or ``i8`` of a numpy array of one dimension; empty for all else."""
    numpy = _numpy()
    if numpy is None or type(value) is not numpy.ndarray or value.ndim != 1:
        return ""
    return _CODES.get(value.dtype.str, "") if value.dtype.isnative else ""


def _numpy() -> Any:
    return sys.modules.get("numpy")
