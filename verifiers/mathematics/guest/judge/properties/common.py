"""What properties share: reading a task's own mathematics, and taking an answer's form apart.

A task's text may be evaluated; an answer's must have the shape that the property asks for, or is refused. Against an
answer that leaves the work undone for SymPy to do.
"""

from __future__ import annotations

from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding, decide
from gristmill.verifiers.mathematics.guest.judge.evaluation import ARITHMETIC, undone
from gristmill.verifiers.mathematics.guest.judge.size import too_large
from gristmill.verifiers.mathematics.guest.judge.text import latex, reading
from gristmill.verifiers.mathematics.guest.judge.trees import rebuild

__all__ = [
    "Form",
    "Refused",
    "equal",
    "expression",
    "failed",
    "held",
    "matrix",
    "parts",
    "relation",
    "same",
    "value",
    "weakest",
]

Form = dict[str, Any]
_RANK = ("form", "symbolic", "tested", "numeric")


class Refused(Exception):  # noqa: N818  # what it says of an answer; nothing is wrong with the program
    """The answer has not the shape that the property asks for; the message says which it must have."""


def held(how: str, detail: str) -> Finding:
    """The property holds, and how that is known."""
    return {"equal": True, "how": how, "detail": detail}


def failed(detail: str) -> Finding:
    """The property does not hold, and what shows it."""
    return {"equal": False, "how": "symbolic", "detail": detail}


def weakest(findings: list[Finding], detail: str) -> Finding:
    """All of them held: as strong as the weakest."""
    wrong = next((each for each in findings if not each["equal"]), None)
    return wrong or held(max((each["how"] for each in findings), key=_RANK.index, default="form"), detail)


def equal(first: Any, second: Any) -> Finding:
    """`decide`, where one form is as good as a proof."""
    finding = decide(first, second)
    return {**finding, "how": "symbolic"} if finding["how"] == "form" else finding


def same(first: Any, second: Any) -> bool:
    """Whether two expressions are equal for all that is known."""
    return bool(decide(first, second)["equal"])


def expression(text: str) -> Any:
    """A task's expression.

    Raises:
        latex.Unreadable: it is none.
    """
    return latex.expression(latex.canonical(str(text))).doit()


def relation(text: str) -> tuple[Any, str, Any]:
    """(left, sign, right) of a task's equation or inequality; an expression alone is meant to be 0."""
    pieces = reading.pieces(latex.canonical(str(text)))
    if len(pieces) == 1:
        return expression(pieces[0][0]), "=", expression("0")
    (left, sign), (right, _) = pieces[0], pieces[-1]
    if len(pieces) != 2 or sign not in ("=", "<", ">", "\\leq", "\\geq", "\\neq"):
        raise latex.Unreadable(f"{text!r} is no single equation or inequality")
    return expression(left), sign, expression(right)


def value(form: Form, *, arithmetic: bool = False, evaluate: bool = True) -> Any:
    """The expression of a form that is one value, or that of ``y = …``.

    Args:
        form: an answer.
        arithmetic: whether arithmetic may be left to do, as in a factorisation.
        evaluate: whether to evaluate it.

    Raises:
        Refused: it is something else, or is not evaluated.
    """
    if form["is"] == "named":
        form = form["value"]
    if form["is"] in ("list", "set") and len(form["parts"]) == 1:
        form = form["parts"][0]
    if form["is"] != "value":
        raise Refused("it must be one expression")
    rebuilt = rebuild(form["tree"])
    if too_large(rebuilt):
        raise Refused("it is too large to be evaluated")
    if undone(rebuilt) - ({ARITHMETIC} if arithmetic else set()):
        raise Refused("it is not evaluated: give the value, not the problem")
    return rebuilt.doit() if evaluate else rebuilt


def parts(form: Form) -> list[Form]:
    """The parts of a list, set or tuple; of one value, that value alone."""
    if form["is"] == "named":
        form = form["value"]
    return list(form["parts"]) if form["is"] in ("list", "set", "group") else [form]


def matrix(source: Form | str) -> Any:
    """A SymPy matrix of a form (or of a task's text): a tuple is a column.

    Raises:
        Refused: it is no matrix.
    """
    import sympy

    form: Form = reading.read(source, {}) if isinstance(source, str) else source
    if form["is"] == "named":
        form = form["value"]
    if form["is"] == "matrix":
        return sympy.Matrix([[value(cell) for cell in row] for row in form["rows"]])
    if form["is"] == "group":
        return sympy.Matrix([[value(cell)] for cell in form["parts"]])
    raise Refused("it must be a matrix or a vector")
