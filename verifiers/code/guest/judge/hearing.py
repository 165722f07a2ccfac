"""What a candidate says of its exceptions and functions, and prints, put where a test program looks for it.

Everything here is a plain value and the candidate's own word. Against names that a test runner asks by itself, and
against text without end: underscored names are left out, and what is printed has a bound.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from gristmill.verifiers.code.guest.judge.showing import exception_type, said

__all__ = ["Printout", "exception_class", "furnish", "write_down"]

_MOST, _MOST_CHARACTERS = 50, 1 << 24


def exception_class(name: str, base: type[BaseException]) -> type[BaseException]:
    """The class of a declared exception, whose text is what the candidate's said of itself."""

    def text(self: BaseException) -> str:
        own_text = vars(self).get("_gristmill_text")
        return own_text if type(own_text) is str else base.__str__(self)

    return type(name, (base,), {"__module__": "solution", "__str__": text})


def furnish(error: BaseException, description: dict[str, Any], *, declared: bool) -> None:
    """Give an exception the attributes, the notes and the causes that the candidate's has."""
    extras = description.get("extras")
    extras = extras if type(extras) is dict else {}
    attributes = extras.get("attributes")
    for name, value in list(attributes.items())[:_MOST] if type(attributes) is dict else ():
        if type(name) is str and name.isidentifier() and not _is_asked(error, name):
            vars(error)[name] = value
    if declared and said(description.get("text")):
        vars(error)["_gristmill_text"] = said(description["text"])[:1000]
    for note in _listed(extras.get("notes")):
        error.add_note(said(note)[:1000])
    last = error
    for cause in _listed(extras.get("causes")):
        kind, args, text = cause if type(cause) is list and len(cause) == 3 else ("", None, "")
        try:
            last.__cause__ = exception_type(kind)(*(args if type(args) is list else [said(text)]))
        except Exception:  # a builtin that wants other arguments than it was sent with
            return
        last = last.__cause__


def _is_asked(error: BaseException, name: str) -> bool:
    """Whether the language or a test runner has a meaning for the name."""
    return name.startswith(("_", "pytest")) or hasattr(type(error), name)


def _listed(value: Any) -> list[Any]:
    return value[:_MOST] if type(value) is list else []


def write_down(stand_in: Any, row: dict[str, Any]) -> Any:
    """Give what stands for a function or class its docstring; a function its signature and annotations too."""
    if type(row.get("doc")) is str:
        type.__setattr__(stand_in, "__doc__", row["doc"]) if isinstance(stand_in, type) else setattr(
            stand_in, "__doc__", row["doc"]
        )
    annotations, parameters = row.get("annotations"), row.get("parameters")
    if isinstance(stand_in, type) or type(annotations) is not dict or type(parameters) is not list:
        return stand_in
    stand_in.__annotations__ = annotations
    empty = inspect.Parameter.empty
    try:
        stand_in.__signature__ = inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect._ParameterKind(kind),
                    default=default[0] if default else empty,
                    annotation=annotations.get(name, empty),
                )
                for name, kind, default in parameters
            ],
            return_annotation=annotations.get("return", empty),
        )
    except (TypeError, ValueError):
        return stand_in
    return stand_in


class Printout:
    """Writes what a candidate has printed where the test has sent its own output; else it is for nobody."""

    def __init__(self) -> None:
        self._own = (sys.stdout, sys.stderr)
        self._left = _MOST_CHARACTERS

    def write(self, texts: list[Any]) -> None:
        """Take the texts of standard output and of standard error."""
        for text, own, now in zip(texts, self._own, (sys.stdout, sys.stderr), strict=False):
            if now is not own and type(text) is str and text:
                now.write(text[: self._left])
                self._left -= min(len(text), self._left)
