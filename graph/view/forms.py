"""What a form sends: read within bounds, before anybody makes anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response

from gristmill.graph.view.registry import Asked

__all__ = ["MOST_FIELDS", "MOST_SENT", "Refused", "form_of"]

MOST_SENT = 4 << 20
"""Bytes of one form: three for each of the largest answer, as a form writes them, and its other fields."""
MOST_FIELDS = 10
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Refused:
    """What was not written, and why; the text is not lost."""

    reason: str
    to: Asked
    sent: Mapping[str, str]


async def form_of(request: Request) -> Mapping[str, str] | Response:
    """The fields of a form by their names, lines ended as in a file; the answer to what is none, or too long."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return PlainTextResponse(f"what is written is sent as {_FORM}\n", status_code=415)
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > MOST_SENT:
            return PlainTextResponse(f"at most {MOST_SENT:,} bytes can be sent at once\n", status_code=413)
    try:
        pairs = parse_qsl(
            read.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:  # no ASCII, no UTF-8 behind it, no pairs, or too many
        return PlainTextResponse(f"this is no form: {error}\n", status_code=400)
    if len(dict(pairs)) != len(pairs):
        return PlainTextResponse("this is no form: a field is there twice\n", status_code=400)
    # Browsers end the lines of what was typed with two characters.
    return {name: value.replace("\r\n", "\n") for name, value in pairs}
