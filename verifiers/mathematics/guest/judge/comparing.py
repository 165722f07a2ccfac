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
from gristmill.verifiers.mathematics.guest.judge.evaluation import undone
from gristmill.verifiers.mathematics.guest.judge.relations import compare_sets, relations_equal
from gristmill.verifiers.mathematics.guest.judge.size import too_large
from gristmill.verifiers.mathematics.guest.judge.trees import rebuild
from gristmill.verifiers.mathematics.guest.judge.values import compare_values

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


def _compare(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard = lambda finding: None) -> Finding:
    if gold["is"] == "about":
        gold = gold["value"]
    if answer["is"] == "about":
        return _about(gold, answer, settings, heard)
    if gold["is"] == "chain":
        gold = gold["parts"][-1]
    if gold["is"] == "relation" and _is_chain(gold) and "Symbol" not in str(gold["parts"]):
        gold = gold["parts"][-1]
    if answer["is"] == "chain" or (gold["is"] == "value" and _is_chain(answer)):
        return _chain(gold, answer["parts"], settings, heard)
    if "choice" in (gold["is"], answer["is"]):
        return _choices(gold, answer, settings, heard)
    if "named" in (gold["is"], answer["is"]):
        return _named(gold, answer, settings, heard)
    gold, answer = _lone(gold), _lone(answer)
    kinds = (gold["is"], answer["is"])
    if kinds == ("value", "value"):
        return compare_values(gold, answer, settings, heard)
    if "text" in kinds:
        return _texts(gold, answer)
    if kinds == ("value", "list") and all(_compare(gold, part, settings)["equal"] for part in answer["parts"]):
        return {"equal": False, "how": "form", "detail": "it is given several times", "refused": "several"}
    if kinds == ("list", "list") and _names_different(gold["parts"]) and not any(map(_is_named, answer["parts"])):
        return _ordered(gold["parts"], answer["parts"], settings)
    if kinds[0] in ("list", "set") and kinds[1] in ("list", "set"):
        return _unordered(gold["parts"], answer["parts"], settings)
    if gold["is"] == "list" and answer["is"] == "group" and all(part["is"] == "named" for part in gold["parts"]):
        return _ordered([part["value"] for part in gold["parts"]], answer["parts"], settings)
    if kinds == ("clock", "clock"):
        return {"equal": gold == answer, "how": "form", "detail": "compared as times"}
    if kinds in (("ratio", "ratio"), ("ratio", "clock")):
        return _ratios(gold, answer, settings)
    if kinds == ("group", "group"):
        if (gold["open"], gold["close"]) != (answer["open"], answer["close"]):
            return {"equal": False, "how": "symbolic", "detail": "its brackets are others"}
        return _ordered(gold["parts"], answer["parts"], settings)
    if kinds == ("matrix", "matrix"):
        ours, theirs = gold["rows"], answer["rows"]
        if (len(ours), len(ours[0])) != (len(theirs), len(theirs[0])):
            return {"equal": False, "how": "symbolic", "detail": "the matrices have different shapes"}
        return _ordered(_flat(ours), _flat(theirs), settings)
    if set(kinds) == {"matrix", "group"}:
        return _vector(gold, answer, settings, heard)
    if kinds == ("relation", "relation"):
        finding = relations_equal(gold, answer)
        if finding["equal"] or _names_in(gold) != _names_in(answer):
            return finding
        return compare_sets(gold, answer, settings) or finding
    return compare_sets(gold, answer, settings) or _NO


def _is_chain(form: Form) -> bool:
    r"""Whether a relation is one of equations alone, as ``\frac12 = 0.5``."""
    return bool(form["is"] == "relation" and set(form["signs"]) == {"="})


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


def _texts(gold: Form, answer: Form) -> Finding:
    def words(form: Form) -> str | None:
        if form["is"] == "text":
            return str(form["text"])
        if form["is"] == "value":
            # "Symbol('x')" → 'x'
            single = re.fullmatch(r"Symbol\('([A-Za-z])'\)", form["tree"])
            return single[1] if single else None
        return None

    ours, theirs = words(gold), words(answer)
    same = ours is not None and ours == theirs
    if gold["is"] == "value" and answer["is"] == "text" and len(answer["text"]) > 1:
        return {"equal": False, "how": "form", "detail": "it is given in words", "refused": "words"}
    return {"equal": same, "how": "form", "detail": "the same words" if same else "other words were expected"}


def _ordered(ours: list[Form], theirs: list[Form], settings: dict[str, Any]) -> Finding:
    if len(ours) != len(theirs):
        return {"equal": False, "how": "symbolic", "detail": "it has another number of parts"}
    findings = [_compare(one, other, settings) for one, other in zip(ours, theirs, strict=True)]
    return _together(findings)


def _unordered(ours: list[Form], theirs: list[Form], settings: dict[str, Any]) -> Finding:
    if len(ours) != len(theirs):
        return {"equal": False, "how": "symbolic", "detail": "it has another number of parts"}
    left, findings = list(theirs), []
    refused: Finding = {"equal": False, "how": "symbolic", "detail": "one of the expected parts is missing"}
    for one in ours:
        for place, other in enumerate(left):
            finding = _compare(one, other, settings)
            if finding["equal"]:
                findings.append(finding)
                del left[place]
                break
            refused = finding if "refused" in finding else refused
        else:
            return refused
    return _together(findings)


def _together(findings: list[Finding]) -> Finding:
    """All of them, as strong as the weakest."""
    wrong = next((each for each in findings if not each["equal"]), None)
    if wrong is not None:
        return wrong
    how = max((each["how"] for each in findings), key=_RANK.__getitem__, default="form")
    return {"equal": True, "how": how, "detail": f"{len(findings)} parts, each equal"}


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
            finding = relations_equal(_equation(gold), answer) if _is_curve(gold) else _NO
            return finding if finding["equal"] else compare_sets(gold, answer, settings) or finding
        return _compare(gold["value"], answer, settings, heard)
    if gold["is"] == "relation":
        finding = relations_equal(gold, _equation(answer))
        return finding if finding["equal"] else compare_sets(gold, answer, settings) or finding
    return _compare(gold, answer["value"], settings, heard)


def _is_curve(form: Form) -> bool:
    return form["value"]["is"] == "value" and "Symbol" in form["value"]["tree"]


def _equation(form: Form) -> Form:
    name = {"is": "value", "tree": f"Symbol({form['name']!r})"}
    return {"is": "relation", "signs": ["="], "parts": [name, form["value"]]}


def _chain(gold: Form, parts: list[Form], settings: dict[str, Any], heard: Heard) -> Finding:
    """``x = 1/2 = 0.5``: every link must hold, or it says two things."""
    pairs = [*itertools.pairwise(parts)]
    links = [_compare(one, other, {**settings, "links": True}) for one, other in pairs]
    wrong = [pair for pair, link in zip(pairs, links, strict=True) if not link["equal"]]
    if any("Symbol" in str(pair) for pair in wrong):
        return {"equal": False, "how": "symbolic", "detail": "it is an equation", "refused": "unsolved"}
    if wrong:
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


def _ratios(gold: Form, answer: Form, settings: dict[str, Any]) -> Finding:
    """Each part of one is the same multiple of the other's, by a positive number: ``14:6`` is ``7:3``."""
    import sympy

    if answer["is"] == "clock" and not answer["half"]:
        parts = [{"is": "value", "tree": f"Integer({number})"} for number in answer["numbers"]]
        answer = {"is": "ratio", "parts": parts}
    if answer["is"] != "ratio" or len(gold["parts"]) != len(answer["parts"]):
        return _NO
    plain = _ordered(gold["parts"], answer["parts"], settings)
    forms = (*gold["parts"], *answer["parts"])
    if plain["equal"] or any(part["is"] != "value" or part.get("unit") for part in forms):
        return plain
    ours, theirs = ([rebuild(part["tree"]) for part in each["parts"]] for each in (gold, answer))
    if any(undone(part) for part in theirs) or any(map(too_large, (*ours, *theirs))):
        return plain
    factors = [sympy.simplify(other / one) for one, other in zip(ours, theirs, strict=True) if one.doit() != 0]
    if not factors or not factors[0].is_number or factors[0].is_positive is not True:
        return plain
    findings = [decide(one.doit() * factors[0], other) for one, other in zip(ours, theirs, strict=True)]
    return _together([{**each, "how": max(each["how"], "symbolic", key=_RANK.__getitem__)} for each in findings])


def _choices(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    """A letter out of several, with what stands beside it: what the expected answer names counts, and all of it."""
    letter = _letter(gold)
    if answer["is"] != "choice":
        if (given := _letter(answer)) is not None:
            return {"equal": given == letter, "how": "form", "detail": "the letters compared"}
        return _compare(gold["value"], answer, settings, heard)
    if gold["is"] == "choice":
        if gold["name"] != answer["name"]:
            return {"equal": False, "how": "form", "detail": "another choice was expected"}
        return _compare(gold["value"], answer["value"], settings, heard)
    if letter is not None:
        return {"equal": answer["name"] == letter, "how": "form", "detail": "the letters compared"}
    return _compare(gold, answer["value"], settings, heard)


def _letter(form: Form) -> str | None:
    """The letter of a choice, alone or with something beside it."""
    if form["is"] == "choice":
        return str(form["name"])
    if form["is"] == "text":
        return form["text"] if len(form["text"]) == 1 else None
    # "Symbol('B')" → 'B'
    single = re.fullmatch(r"Symbol\('([A-Z])'\)", form["tree"]) if form["is"] == "value" else None
    return single[1] if single else None


def _vector(gold: Form, answer: Form, settings: dict[str, Any], heard: Heard) -> Finding:
    """A column (or row) matrix and the tuple of its entries."""
    matrix, group = (gold, answer) if gold["is"] == "matrix" else (answer, gold)
    rows = matrix["rows"]
    if (group["open"], group["close"]) != ("(", ")") or (len(rows) > 1 and len(rows[0]) > 1):
        return _NO
    entries = _flat(rows)
    ours, theirs = (entries, group["parts"]) if matrix is gold else (group["parts"], entries)
    return _ordered(ours, theirs, settings)


def _flat(rows: list[list[Form]]) -> list[Form]:
    return [cell for row in rows for cell in row]


def _names_in(form: Form) -> set[str]:
    return set(re.findall(r"Symbol\('([^']*)'", str(form).replace('"', "")))  # "Symbol('x'), Symbol('y')" → 'x', 'y'
