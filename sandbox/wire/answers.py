"""What a candidate's process says came of one call: the forms, once for the end that writes and the end that reads.

One message of the canonical encoding, a dict with exactly one key::

    {"value": v}                                          it returned this
    {"raised": {"type", "message", "line"}}               it raised; the type is a builtin's name
    {"load_error": {"type", "message", "line"}}           there is nothing to call: loading the source raised
    {"missing": name}                                     there is nothing to call by that name
    {"unencodable": reason}                               it returned what may not cross
    {"malformed": reason}                                of a judge, that has read another message and passes that on

Whoever writes such a message shares a process with the candidate, so it may be anything: `decode_answer` returns one
of the classes below whatever the bytes are. Types are compared exactly, text is cut, and no number is ever written out:
one may have more digits than Python writes. A form that is not agreed is `Malformed`, never a `Value`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gristmill.sandbox.wire.values import DEEP, Bounds, DecodeError, decode, encode

__all__ = [
    "MESSAGE_CHARACTERS",
    "Answer",
    "LoadError",
    "Malformed",
    "Missing",
    "Raised",
    "Unencodable",
    "Value",
    "bounded_line",
    "bounded_text",
    "decode_answer",
    "encode_answer",
]

MESSAGE_CHARACTERS: Final = 500
_NAME_CHARACTERS: Final = 200
_MOST_LINES: Final = 1_000_000
_ANOTHER_FORM: Final = "a message of another form"


class Value(NamedTuple):
    """The call returned: new objects of plain types, as the encoding made them."""

    value: Any


class Raised(NamedTuple):
    """The call raised."""

    type: str
    message: str
    line: int | None


class LoadError(NamedTuple):
    """Loading the source raised."""

    type: str
    message: str
    line: int | None


class Missing(NamedTuple):
    """The source defines nothing of that name that can be called."""

    name: str


class Unencodable(NamedTuple):
    """The call returned what may not cross."""

    reason: str


class Malformed(NamedTuple):
    """The message is none of the above."""

    reason: str


Answer = Value | Raised | LoadError | Missing | Unencodable | Malformed

_ERRORS: Final[dict[str, type[Raised] | type[LoadError]]] = {"raised": Raised, "load_error": LoadError}
_TEXTS: Final[dict[str, type[Missing] | type[Unencodable] | type[Malformed]]] = {
    "missing": Missing,
    "unencodable": Unencodable,
    "malformed": Malformed,
}
_KEYS: Final[dict[type, str]] = {
    Value: "value",
    **{form: key for key, form in _ERRORS.items()},
    **{form: key for key, form in _TEXTS.items()},
}


def encode_answer(answer: Answer, bounds: Bounds = DEEP) -> bytes:
    """The message that says `answer`.

    Raises:
        EncodeError: the value may not cross.
    """
    content = answer._asdict() if isinstance(answer, Raised | LoadError) else answer[0]
    # The message is one level around the value.
    return encode({_KEYS[type(answer)]: content}, bounds._replace(depth=bounds.depth + 1))


def decode_answer(message: bytes, bounds: Bounds) -> Answer:
    """What a message says that a candidate's process has sent; raises nothing, whatever it holds."""
    try:
        said = decode(message, bounds._replace(depth=bounds.depth + 1))
    except DecodeError as error:
        return Malformed(str(error)[:MESSAGE_CHARACTERS])
    if type(said) is not dict or len(said) != 1:
        return Malformed(_ANOTHER_FORM)
    ((key, content),) = said.items()
    if type(key) is not str:
        return Malformed(_ANOTHER_FORM)
    if key == "value":
        return Value(content)
    if key in _TEXTS and type(content) is str:
        return _TEXTS[key](content[: _NAME_CHARACTERS if key == "missing" else MESSAGE_CHARACTERS])
    if key in _ERRORS and type(content) is dict and content.keys() == {"type", "message", "line"}:
        kind, message_, line = content["type"], content["message"], content["line"]
        if type(kind) is str and type(message_) is str and (line is None or type(line) is int):
            return _ERRORS[key](bounded_text(kind, _NAME_CHARACTERS), bounded_text(message_), bounded_line(line))
    return Malformed(_ANOTHER_FORM)


def bounded_text(value: Any, most: int = MESSAGE_CHARACTERS) -> str:
    """Text that a candidate's process has sent, cut; nothing where it is no text."""
    return value[:most] if type(value) is str else ""


def bounded_line(value: Any) -> int | None:
    """A line's number that a candidate's process has sent; None where it cannot be one."""
    return value if type(value) is int and 0 < value < _MOST_LINES else None
