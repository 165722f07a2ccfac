"""The job that checks a property. It holds the task's check and an answer's form, and trusts neither with the other.

Against a form that a reading job was made to send: it passes `wrong_form` before anything else, and what it breaks in
SymPy counts against the answer. Only a mistake in the task's own text is told as the task's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gristmill.sandbox.guest.context import JobContext
from gristmill.verifiers.mathematics.guest.judge.agreement import Finding
from gristmill.verifiers.mathematics.guest.judge.forms import wrong_form
from gristmill.verifiers.mathematics.guest.judge.properties import (
    calculus,
    equations,
    matrices,
    numbers,
    optimisation,
    sequences,
)
from gristmill.verifiers.mathematics.guest.judge.properties.common import Refused
from gristmill.verifiers.mathematics.guest.judge.text import latex

__all__ = ["check_property"]

_Check = Callable[[dict[str, Any], dict[str, Any]], Finding]
_CHECKS: dict[str, _Check] = {
    "antiderivative": calculus.antiderivative,
    "ode": calculus.ode,
    "roots": equations.roots,
    "system": equations.system,
    "inequality": equations.inequality,
    "factorisation": equations.factorisation,
    "prime_factors": numbers.prime_factors,
    "factor": numbers.factor,
    "prime": numbers.prime,
    "counterexample": numbers.counterexample,
    "recurrence": sequences.recurrence,
    "sequence": sequences.sequence,
    "closed_form": sequences.closed_form,
    "matrix": matrices.matrix_identity,
    "optimum": optimisation.optimum,
}


def check_property(context: JobContext) -> None:
    """``{"check", "form"}`` → ``{"equal", "how", "detail"}``, or one of ``{"wrong_form"}``, ``{"refused", "detail"}``,
    ``{"task": mistake}``.
    """
    request = context.request
    wrong = wrong_form(request["form"])
    if wrong is not None:
        context.send({"wrong_form": wrong})
        return
    try:
        context.send(_CHECKS[request["check"]["property"]](request["check"], request["form"]))
    except Refused as error:
        context.send({"refused": True, "detail": str(error)})
    except latex.Unreadable as error:
        context.send({"task": str(error)})
    except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError) as error:
        context.send(
            {"refused": True, "detail": "it could not be checked", "error": f"{type(error).__name__}: {error}"[:200]}
        )
