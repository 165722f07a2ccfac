"""Reading and comparing answers with math-verify and SymPy; runs in the sandbox, where both may hang or be attacked.

Two jobs, so that whoever takes over the first learns nothing and decides nothing: `read` holds the untrusted text and
not the gold answer, and can only say which expression it found; `compare` holds the gold answer and an expression that
passed an allowlist (`gristmill.verifiers.mathematics.trees`). Staged: libraries of the image and guest modules only.
"""

from __future__ import annotations

import re
from typing import Any

from gristmill.sandbox.guest.context import Context
from gristmill.verifiers.mathematics.trees import check, rebuild

__all__ = ["compare", "read"]

_PERCENT = re.compile(r"^(.*?)\s*(?:\\?%|\\text\{\s*(?:percent|\\%)\s*\}|percent)$", re.DOTALL)
_POINTS = (0.37, 1.61, 2.23, -0.71, 3.19)
_CLOSE = 1e-12


def read(context: Context) -> None:
    """Answer text → ``{"tree": srepr}`` or ``{"refused": why}``."""
    request = context.request
    found = _parse(request["text"], request["percent"])
    if found is None:
        context.send({"refused": "it could not be read as mathematics"})
        return
    import sympy

    if found.has(sympy.zoo, sympy.nan):
        context.send({"refused": "it could not be read as mathematics"})
        return
    if _is_unevaluated(found):
        context.send({"refused": "it is not evaluated: give the value, not the problem"})
        return
    context.send({"tree": sympy.srepr(found)})


def compare(context: Context) -> None:
    """Gold text and answer tree → ``{"equal": bool, "how": "symbolic" | "numeric" | "form"}``."""
    request = context.request
    gold = _parse(request["gold"], request["percent"])
    if gold is None:
        context.send({"gold": "unreadable"})
        return
    import sympy

    if check(sympy.srepr(gold)) is None:
        gold = rebuild(sympy.srepr(gold))
    answer = rebuild(request["tree"])
    gold, answer = _unwrapped(gold, answer)
    if sympy.srepr(gold) == sympy.srepr(answer):
        context.send({"equal": True, "how": "form"})
        return
    context.send(_decide(_done(gold), _done(answer)))


def _parse(text: str, percent: str) -> Any:
    """The expression of an answer's text; None where there is none."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    whole = text.strip()
    share = _PERCENT.match(whole)
    if share:
        whole = share.group(1)
    whole = re.sub(r"^\\?\$\s*", "", whole)
    configuration = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    found = parse(
        f"\\boxed{{{whole}}}", configuration, extraction_mode="first_match", parsing_timeout=None
    )  # no alarm: the sandbox has the clock
    expressions = [each for each in found if not isinstance(each, str)]
    if not expressions:
        return None
    if share and percent == "fraction":
        import sympy

        return sympy.Mul(expressions[0], sympy.Rational(1, 100))
    return expressions[0]


def _is_unevaluated(found: Any) -> bool:
    """Whether an answer restates a computation: an integral or sum, or arithmetic on plain numbers left undone."""
    import sympy

    heads = (sympy.Integral, sympy.Sum, sympy.Product, sympy.Derivative, sympy.Limit)
    for part in sympy.preorder_traversal(found):
        if isinstance(part, heads):
            return True
        if isinstance(part, sympy.Add) and sum(each.is_Rational or False for each in part.args) > 1:
            return True
        if isinstance(part, sympy.Mul):
            plain = [each for each in part.args if each.is_Integer and each != -1]
            if len(plain) > 1:
                return True
    return False


def _unwrapped(gold: Any, answer: Any) -> tuple[Any, Any]:
    """``x = 5`` against ``5``: a name on the left says what the value is of. ``3 = 5`` is no value."""
    import sympy

    if isinstance(gold, sympy.Eq) and isinstance(answer, sympy.Eq) and gold.lhs == answer.lhs:
        # Also because a set on the right would make SymPy call any two such equations equal.
        return gold.rhs, answer.rhs
    if isinstance(gold, sympy.Eq) != isinstance(answer, sympy.Eq):
        if isinstance(answer, sympy.Eq) and isinstance(answer.lhs, sympy.Symbol):
            answer = answer.rhs
        elif isinstance(gold, sympy.Eq) and isinstance(gold.lhs, sympy.Symbol):
            gold = gold.rhs
    return gold, answer


def _done(found: Any) -> Any:
    """The expression evaluated, where that is possible."""
    try:
        return found.doit()
    except (AttributeError, TypeError, ValueError, ArithmeticError):
        return found


def _decide(gold: Any, answer: Any) -> dict[str, Any]:
    import sympy
    from math_verify import verify

    if isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr):
        return _decide_values(gold, answer)
    if isinstance(gold, sympy.Expr) or isinstance(answer, sympy.Expr):
        return {"equal": False, "how": "symbolic"}
    # Sets, tuples, intervals, matrices, relations: math-verify's rules, in its strict mode.
    return {"equal": bool(verify(gold, answer, strict=True, timeout_seconds=None)), "how": "symbolic"}


def _decide_values(gold: Any, answer: Any) -> dict[str, Any]:
    import sympy

    if gold.free_symbols != answer.free_symbols:
        return {"equal": False, "how": "symbolic"}
    if gold.has(sympy.Float) or answer.has(sympy.Float):
        exact = [sympy.nsimplify(each, rational=True) for each in (gold, answer)]
        if exact[0] == exact[1]:
            return {"equal": True, "how": "symbolic"}
        gold, answer = exact
    if not gold.free_symbols:
        near = _near(gold, answer, {})
        if near is False:
            return {"equal": False, "how": "numeric"}
    else:
        for place, point in enumerate(_POINTS):
            values = {
                symbol: point + 0.1 * at + 0.01 * place for at, symbol in enumerate(sorted(gold.free_symbols, key=str))
            }
            if _near(gold, answer, values) is False:
                return {"equal": False, "how": "numeric"}
    difference = sympy.simplify(gold - answer)
    if difference == 0:
        return {"equal": True, "how": "symbolic"}
    if difference.is_zero is False:
        return {"equal": False, "how": "symbolic"}
    return {"equal": _near(gold, answer, {}) is True and not gold.free_symbols, "how": "numeric"}


def _near(gold: Any, answer: Any, values: dict[Any, float]) -> bool | None:
    """Whether two values agree to 12 digits; None where one cannot be computed there."""
    import sympy

    try:
        first, second = (sympy.N(each.subs(values), 30) for each in (gold, answer))
        # Not floats: two numbers beyond 1e308 would both be infinite, and so equal.
        distance, size = abs(first - second), abs(first)
        if not (distance.is_Float or distance.is_Integer) or not (size.is_Float or size.is_Integer):
            return None
        return bool(distance <= _CLOSE * max(sympy.Integer(1), size))
    except (TypeError, ValueError, ArithmeticError):
        return None
