"""Whether two forms are equal: which parts are to be compared, and the units between them.

Each part of the expected answer is matched by one of the answer's own, and none is left over. Against lists that name
many values, chains of equations of which one link is false, and units that do not fit.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding, decide
from gristmill.verifiers.mathematics.guest.judge.quantities import compatible
from gristmill.verifiers.mathematics.guest.judge.relations import as_set, is_solved, relations_equal
from gristmill.verifiers.mathematics.guest.judge.trees import rebuild

__all__ = ["compare"]

Form = dict[str, Any]
Heard = Callable[[Finding], None]
_RANK = {"form": 0, "symbolic": 1, "numeric": 2}
_NO: Finding = {"equal": False, "how": "symbolic", "detail": "another kind of answer was expected"}


def compare(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard = lambda finding: None) -> Finding:
    """``{"equal", "how", "detail"}``; `heard` gets a numeric agreement before its proof is tried.

    `settings.digits` allows an answer or expected answer that is a decimal to agree only so far behind the point.
    """
    return _compare(gold, answer, settings, heard)


def _compare(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    if gold["is"] == "about":
        gold = gold["value"]
    if answer["is"] == "about":
        return _about(gold, answer, settings, heard)
    if gold["is"] == "chain":
        gold = gold["parts"][-1]
    if answer["is"] == "chain":
        return _chain(gold, answer["parts"], settings, heard)
    if "named" in (gold["is"], answer["is"]):
        return _named(gold, answer, settings, heard)
    gold, answer = _lone(gold), _lone(answer)
    kinds = (gold["is"], answer["is"])
    if kinds == ("value", "value"):
        return _values(gold, answer, settings, heard)
    if "text" in kinds:
        return _texts(gold, answer)
    if kinds == ("list", "list") and _names_different(gold["parts"]) and not any(map(_is_named, answer["parts"])):
        return _ordered(gold["parts"], answer["parts"], settings, heard)
    if kinds[0] in ("list", "set") and kinds[1] in ("list", "set"):
        return _unordered(gold["parts"], answer["parts"], settings, heard)
    if gold["is"] == "list" and answer["is"] == "group" and all(part["is"] == "named" for part in gold["parts"]):
        return _ordered([part["value"] for part in gold["parts"]], answer["parts"], settings, heard)
    if kinds == ("ratio", "ratio"):
        return _ratios(gold, answer, settings, heard)
    if kinds == ("group", "group"):
        if (gold["open"], gold["close"]) != (answer["open"], answer["close"]):
            return {"equal": False, "how": "symbolic", "detail": "its brackets are others"}
        return _ordered(gold["parts"], answer["parts"], settings, heard)
    if kinds == ("matrix", "matrix"):
        ours, theirs = gold["rows"], answer["rows"]
        if (len(ours), len(ours[0])) != (len(theirs), len(theirs[0])):
            return {"equal": False, "how": "symbolic", "detail": "the matrices have different shapes"}
        return _ordered(_flat(ours), _flat(theirs), settings, heard)
    if set(kinds) == {"matrix", "group"}:
        return _vector(gold, answer, settings, heard)
    if kinds == ("relation", "relation"):
        found = relations_equal(gold, answer)
        if found["equal"] or _names_in(gold) != _names_in(answer):
            return found
        return _as_sets(gold, answer) or found
    return _as_sets(gold, answer) or _NO


def _is_named(form: Form) -> bool:
    return bool(form["is"] == "named")


def _names_different(parts: list[Form]) -> bool:
    """Whether parts are ``x = 1, y = 2``: which value is whose then is a matter of order."""
    return all(map(_is_named, parts)) and len({part["name"] for part in parts}) == len(parts)


def _lone(form: Form) -> Form:
    """A list of one is that one; `(C)` and `C` name one choice."""
    while form["is"] == "list" and len(form["parts"]) == 1:
        form = form["parts"][0]
    return form


def _values(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    import sympy

    undone = set(answer.get("open", ())) - set(gold.get("open", ()))
    if undone:
        return {"equal": False, "how": "symbolic", "detail": "it is not evaluated", "refused": "unevaluated"}
    ours, theirs = rebuild(gold["tree"]), rebuild(answer["tree"])
    # `5 m` without \\text reads as a product; the unit on the other side says what it is.
    ours, theirs = _without_unit(ours, theirs, answer), _without_unit(theirs, ours, gold)
    factor = compatible(gold.get("unit", ""), answer.get("unit", ""))
    if factor is None:
        return {"equal": False, "how": "symbolic", "detail": "its unit is another one"}
    if factor != 1:
        theirs = sympy.Mul(theirs.doit(), sympy.Rational(factor.numerator, factor.denominator))
    if gold.get("open") or answer.get("open"):
        same = _commuted(ours) == _commuted(theirs)
        return {"equal": same, "how": "symbolic", "detail": "compared as they stand, unevaluated"}
    digits = settings.get("digits")
    if (
        digits is not None
        and (gold.get("decimal") or answer.get("decimal"))
        and not ours.free_symbols | theirs.free_symbols
    ):
        near = _rounded(ours.doit() - theirs.doit(), int(digits))
        return {"equal": near, "how": "numeric", "detail": f"compared to {digits} digits behind the point"}
    return decide(ours, theirs, heard)


def _without_unit(found: Any, other: Any, form: Form) -> Any:
    """An expression without the factor that is the unit of the other side's form, such as ``m^2``."""
    import sympy

    name, _, power = form.get("unit", "").partition("^")
    unit = sympy.Pow(sympy.Symbol(name), int(power)) if name and power.isdigit() else None
    if unit is None or not found.is_Mul or sympy.Symbol(name) in other.free_symbols:
        return found
    kept = [part for part in found.args if part != unit]
    return sympy.Mul(*kept) if len(kept) < len(found.args) else found


def _rounded(difference: Any, digits: int) -> bool:
    import sympy

    return bool(abs(difference).evalf(30) <= sympy.Rational(1, 2 * 10**digits))


def _commuted(found: Any) -> Any:
    """An unevaluated expression with its factors and terms in SymPy's own order."""
    return found.func(*(_commuted(part) for part in found.args)) if found.args else found


def _texts(gold: Form, answer: Form) -> Finding:
    def words(form: Form) -> str | None:
        if form["is"] == "text":
            return str(form["text"])
        if form["is"] == "value":
            single = re.fullmatch(r"Symbol\('([A-Za-z])'\)", form["tree"])
            return single[1] if single else None
        return None

    ours, theirs = words(gold), words(answer)
    same = ours is not None and ours == theirs
    return {"equal": same, "how": "form", "detail": "the same words" if same else "other words were expected"}


def _ordered(ours: list[Form], theirs: list[Form], settings: dict[str, Any], heard: Heard) -> Finding:
    if len(ours) != len(theirs):
        return {"equal": False, "how": "symbolic", "detail": "it has another number of parts"}
    found = [_compare(one, other, settings, lambda finding: None) for one, other in zip(ours, theirs, strict=True)]
    return _together(found)


def _unordered(ours: list[Form], theirs: list[Form], settings: dict[str, Any], heard: Heard) -> Finding:
    if len(ours) != len(theirs):
        return {"equal": False, "how": "symbolic", "detail": "it has another number of parts"}
    left, found = list(theirs), []
    for one in ours:
        for place, other in enumerate(left):
            finding = _compare(one, other, settings, lambda finding: None)
            if finding["equal"]:
                found.append(finding)
                del left[place]
                break
        else:
            return {"equal": False, "how": "symbolic", "detail": "one of the expected parts is missing"}
    return _together(found)


def _together(found: list[Finding]) -> Finding:
    """All of them, as strong as the weakest."""
    wrong = next((each for each in found if not each["equal"]), None)
    if wrong is not None:
        return wrong
    how = max((each["how"] for each in found), key=_RANK.__getitem__, default="form")
    return {"equal": True, "how": how, "detail": f"{len(found)} parts, each equal"}


def _named(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    """A name says what the value is of: it may be missing on one side, but not be another one."""
    if gold["is"] == answer["is"]:
        if gold["name"] == answer["name"]:
            return _compare(gold["value"], answer["value"], settings, heard)
        if _is_curve(gold) and _is_curve(answer):
            return relations_equal(_equation(gold), _equation(answer))
        return {"equal": False, "how": "symbolic", "detail": "it is the value of something else"}
    if gold["is"] == "named":
        if answer["is"] == "relation":
            found = relations_equal(_equation(gold), answer) if _is_curve(gold) else _NO
            return found if found["equal"] else _as_sets(gold, answer) or found
        return _compare(gold["value"], answer, settings, heard)
    if gold["is"] == "relation":
        found = relations_equal(gold, _equation(answer))
        return found if found["equal"] else _as_sets(gold, answer) or found
    return _compare(gold, answer["value"], settings, heard)


def _is_curve(form: Form) -> bool:
    return form["value"]["is"] == "value" and "Symbol" in form["value"]["tree"]


def _equation(form: Form) -> Form:
    name = {"is": "value", "tree": f"Symbol({form['name']!r})"}
    return {"is": "relation", "signs": ["="], "parts": [name, form["value"]]}


def _chain(gold: Form, parts: list[Form], settings: dict[str, Any], heard: Heard) -> Finding:
    """``x = 1/2 = 0.5``: every link must hold, or it says two things."""
    plain = [{**part, "open": []} if part.get("open") == ["arithmetic"] else part for part in parts]
    links = [_compare(one, other, settings, lambda finding: None) for one, other in itertools.pairwise(plain)]
    if not all(link["equal"] for link in links):
        return {"equal": False, "how": "symbolic", "detail": "it says that unequal things are equal"}
    return _together([*links, _compare(gold, parts[-1], settings, heard)])


def _about(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    """``e ≈ d``: the exact side is the answer, and the rounded one must be it, rounded."""
    exact, about = answer["value"], answer["about"]
    value = exact["value"] if exact["is"] == "named" else exact
    if value["is"] == "value" and about["is"] == "value":
        difference = abs(rebuild(value["tree"]).doit() - rebuild(about["tree"]).doit())
        size = abs(rebuild(about["tree"]).doit())
        if not difference.free_symbols and not bool(difference.evalf(20) <= (size.evalf(20) + 1) / 100):
            return {"equal": False, "how": "numeric", "detail": "its rounded value is not near its exact one"}
    return _compare(gold, exact, settings, heard)


def _ratios(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    ours, theirs = gold["parts"], answer["parts"]
    if len(ours) != len(theirs) or any(part["is"] != "value" for part in (*ours, *theirs)):
        return _NO
    return _ordered(ours, theirs, settings, heard)


def _vector(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    """A column (or row) matrix and the tuple of its entries."""
    matrix, group = (gold, answer) if gold["is"] == "matrix" else (answer, gold)
    rows = matrix["rows"]
    if (group["open"], group["close"]) != ("(", ")") or (len(rows) > 1 and len(rows[0]) > 1):
        return _NO
    entries = _flat(rows)
    ours, theirs = (entries, group["parts"]) if matrix is gold else (group["parts"], entries)
    return _ordered(ours, theirs, settings, heard)


def _flat(rows: list[list[Form]]) -> list[Form]:
    return [cell for row in rows for cell in row]


def _names_in(form: Form) -> set[str]:
    return set(re.findall(r"Symbol\('([^']*)'", str(form).replace('"', "")))


def _as_sets(gold: Form, answer: Form) -> Finding | None:
    if is_solved(gold) and not is_solved(answer):
        return {"equal": False, "how": "symbolic", "detail": "it is not solved"}
    ours, theirs = as_set(gold), as_set(answer)
    if ours is None or theirs is None:
        return None
    if ours == theirs or ours.symmetric_difference(theirs).is_empty:
        return {"equal": True, "how": "symbolic", "detail": "the same set"}
    return {"equal": False, "how": "symbolic", "detail": "another set"}
