"""Code inside data: JSON with a field for it, calls of tools as servers and models write them, tags.

OpenAI's ``{"function": {"arguments": "{\\"code\\": …}"}}``, Anthropic's ``{"input": {"code": …}}``, Hermes'
``<tool_call>``, Mistral's ``[TOOL_CALLS]``, parameters in tags, notebooks. A field counts by itself where the data is
the whole reply, a fence, or the inside of a tag; amid prose it must be an argument of a call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gristmill.verifiers.extraction.fences import Block
from gristmill.verifiers.extraction.source import LIMIT

__all__ = ["codes_in"]

_FIELDS = ("code", "solution", "program", "python", "source", "content", "function", "completion", "answer", "text")
_INSIDE = frozenset(("arguments", "input", "parameters", "args", "kwargs"))
_MOST_TRIES, _MOST_MENDED, _MOST_NODES, _MOST_FOUND = 24, 3, 2000, 16
_BEGINS = re.compile(r'\{\s*["\']|\[\s*\{')
_FENCES = frozenset(("", "json", "jsonc", "json5", "tool_call", "tool_code", "tool_use", "yaml", "text", "ipynb"))
# {"code": """def f(x): …"""}
_TRIPLE = re.compile(r'"(code|solution|program|python|answer)"\s{0,9}:\s{0,9}(?:"""|\'\'\'|`)')
# <parameter name="code">  <parameter=code>  <code>  <solution>
_TAG = re.compile(
    r"<(?:(parameter|argument)(?:=| name=[\"']?)(?:code|solution|source|python|program|answer|content)[\"']?"
    r"|(code|solution|answer|final_answer|python|program|pre|submission))>"
)
# A backslash in JSON and what may follow it; by itself it was meant as one: "\d"
_SLASH = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')


def codes_in(text: str, fenced: list[Block]) -> list[str]:
    """Texts that may hold the code of a reply, surest first; each is read as a reply of its own."""
    found: list[tuple[int, int, str]] = []

    def note(field: int, code: str) -> None:
        if code.strip() and len(found) < _MOST_FOUND:
            found.append((field, -len(found), code))

    whole = text.strip()
    pieces = [whole] if whole.startswith(("{", "[")) else []
    pieces += [block.text for block in fenced if block.language in _FENCES and block.text.lstrip()[:1] in {"{", "["}]
    for piece in pieces:
        values = list(_values(piece.lstrip(), tries=1))
        for value in values:
            for field, code in _codes(value, direct=True):
                note(field, code)
        if not values and (triple := _triple(piece)):
            note(0, triple)
    if "<" in text:
        for inner in _tagged(text):
            note(0, inner)
    if not found and _BEGINS.search(text):
        for value in _values(text, tries=_MOST_TRIES):
            for field, code in _codes(value, direct=False):
                note(field, code)
    return [code for _, _, code in sorted(found)]


def _values(text: str, *, tries: int) -> Iterator[Any]:
    """The JSON values in a text, at places where one may begin; after one that is read, those behind it."""
    decoder = json.JSONDecoder(strict=False)
    at = 0
    for number in range(tries):
        if (begins := _BEGINS.search(text, at)) is None:
            return
        value, end = _decoded(decoder, text, begins.start(), mend=number < _MOST_MENDED)
        if end:
            yield value
        at = end or begins.end()


def _decoded(decoder: json.JSONDecoder, text: str, at: int, *, mend: bool) -> tuple[Any, int]:
    """(value, where it ends), or (None, 0)."""
    try:
        return decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        pass
    # Models write regular expressions into JSON as they are. Places move by that, so what follows is not looked at.
    rest = text[at : at + 2 * LIMIT] if mend else ""
    mended = _SLASH.sub(lambda slash: slash[0] if len(slash[0]) > 1 else "\\\\", rest)
    if len(mended) == len(rest):
        return None, 0
    try:
        value, _ = decoder.raw_decode(mended)
    except (ValueError, RecursionError):
        return None, 0
    return value, len(text)


def _codes(value: Any, *, direct: bool) -> Iterator[tuple[int, str]]:
    """(rank of its field, text) of what may be code in a value, in its order; bounded however deep it nests."""
    waiting: list[tuple[Any, bool]] = [(value, direct)]
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        node, counts = waiting.pop()
        if isinstance(node, list):
            waiting.extend((each, counts) for each in reversed(node[:_MOST_NODES]))
        if not isinstance(node, dict):
            continue
        inner: list[tuple[Any, bool]] = []
        for name, held in list(node.items())[:_MOST_NODES]:
            if isinstance(held, list) and held and all(isinstance(each, str) for each in held):
                held = "".join(held) if name == "source" else "\n".join(held)
            if isinstance(held, str):
                if name in _INSIDE:
                    arguments = _argument(held)
                    if isinstance(arguments, str):
                        yield 0, arguments
                    else:
                        inner.append((arguments, True))
                elif counts and name in _FIELDS:
                    yield _FIELDS.index(name), held
            else:
                inner.append((held, counts or name in _INSIDE))
        waiting.extend(reversed(inner))


def _argument(text: str) -> Any:
    """What arguments that came as text hold: an object in JSON, or code."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    return next(_values(text.lstrip(), tries=1), text)


def _triple(text: str) -> str:
    """The code in what would be JSON but for a Python or JavaScript string in it."""
    begun = _TRIPLE.search(text)
    if begun is None:
        return ""
    mark = begun[0][-1] if begun[0].endswith("`") else begun[0][-3:]
    end = text.find(mark, begun.end())
    return text[begun.end() : end] if end > 0 else ""


def _tagged(text: str) -> Iterator[str]:
    """What stands between tags that say that it is the code."""
    at, lost = 0, set()
    while tag := _TAG.search(text, at):
        name = tag[1] or tag[2]
        end = -1 if name in lost else text.find(f"</{name}>", tag.end())
        if end < 0:
            lost.add(name)
            at = tag.end()
            continue
        yield text[tag.end() : end]
        at = end
