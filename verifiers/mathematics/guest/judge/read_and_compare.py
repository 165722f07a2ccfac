"""Reading and comparing answers with SymPy; runs in the sandbox, where both may hang or be attacked.

Two jobs, so that whoever takes over the first learns nothing and decides nothing: `read` holds the untrusted text and
not the expected answer, and can only say which form it found; `compare` holds the expected answer and a form whose
every expression passes an allowlist before anything else is done (see `forms` and `trees`).
"""

from __future__ import annotations

import re
from typing import Any

from gristmill.sandbox.guest.context import JobContext
from gristmill.verifiers.mathematics.guest.judge import comparing
from gristmill.verifiers.mathematics.guest.judge.forms import wrong_form
from gristmill.verifiers.mathematics.guest.judge.prompt_hints import hints
from gristmill.verifiers.mathematics.guest.judge.text import latex, reading
from gristmill.verifiers.mathematics.guest.judge.trees import natural

__all__ = ["compare", "read", "read_expected"]

# '\log 2' → 'log'; '\log_3 2' names its base
_BARE_LOG = re.compile(r"(?<![A-Za-z])log(?![A-Za-z])(?!\s*_)")


def read(context: JobContext) -> None:
    """``{"text", "settings"}`` → ``{"form": form}`` or ``{"refused": why}``."""
    request = context.request
    try:
        context.send({"form": reading.read(request["text"], request["settings"])})
    except latex.Unreadable as error:
        context.send({"refused": str(error)})


def compare(context: JobContext) -> None:
    """``{"gold", "form", "settings", "prompt"}`` → ``{"equal", "how", "detail"}``, or ``{"wrong_form"}``.

    What is said last counts. A wrong form is refused before the expected answer is read.
    """
    request = context.request
    wrong = wrong_form(request["form"])
    if wrong is not None:
        context.send({"wrong_form": wrong})
        return
    try:
        gold = read_expected(request["gold"], request["settings"])
    except latex.Unreadable as error:
        context.send({"gold": f"unreadable: {error}"})
        return
    settings = {**request["settings"], "hints": hints(request.get("prompt", ""))}
    finding = comparing.compare(gold, request["form"], settings, context.send)
    if (
        not finding["equal"]
        and "refused" not in finding
        and (request.get("bare_log") or _BARE_LOG.search(request["gold"]))
    ):
        form = request["form"]
        sides = [pair for pair in ((gold, natural(form)), (natural(gold), form)) if pair != (gold, form)]
        if any(comparing.compare(one, other, settings)["equal"] for one, other in sides):
            finding = {**finding, "refused": "log"}
    context.send(finding)


def read_expected(text: str, settings: dict[str, Any]) -> reading.Form:
    """An expected answer, which is trusted: of a chain of equations that cannot be read whole, the last link counts.

    Raises:
        latex.Unreadable: not even that.
    """
    try:
        return reading.read(text, settings)
    except latex.Unreadable:
        last = re.split(r"(?<![<>!])=", text)[-1]  # 'x = 2+3 = 5' → 'x ', ' 2+3 ', ' 5'
        if last == text or not last.strip():
            raise
        return reading.read(last, settings)
