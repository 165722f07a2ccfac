"""An answer's text → a form: values, lists, sets, tuples, intervals, matrices, relations, text. Plain data throughout.

A form is a dict with ``is`` naming its kind. Structure is split off here at the top level only; every expression in
it is read by `gristmill.verifiers.mathematics.guest.judge.text.latex`. Against text that takes its process over: a
candidate's is read in a job that knows no expected answer, and a form is all that leaves it.
"""

from __future__ import annotations

import re
from typing import Any

from gristmill.verifiers.mathematics.guest.judge.size import too_large
from gristmill.verifiers.mathematics.guest.judge.text import dates, latex, words
from gristmill.verifiers.mathematics.guest.judge.text.quantities import split_quantity
from gristmill.verifiers.mathematics.guest.judge.text.splitting import encloses, pieces_of, separators, split
from gristmill.verifiers.mathematics.guest.judge.trees import rebuild

__all__ = ["Form", "pieces", "read"]

Form = dict[str, Any]
_DEPTH = 8
_PARTS = 200
# 'x \leq 5' → '\leq'
_RELATIONS = re.compile(
    r"\\leq(?![a-zA-Z])|\\geq(?![a-zA-Z])|\\neq(?![a-zA-Z])|\\approx(?![a-zA-Z])|\\in(?![a-zA-Z])|<|>|="
)
# '= 18' → '= '
_LEADING = re.compile(r"\A(?:=|\\approx(?![a-zA-Z]))\s*(?=[^=<>\s])")
# 'A \cup B' → '\cup'
_SETS = re.compile(r"\\cup(?![a-zA-Z])|\\cap(?![a-zA-Z])|\\setminus(?![a-zA-Z])")
# '2 and 3' → ' and '
_AND = re.compile(
    r"\s*(?:,\s*)?(?:\\text\{\s*(?:,\s*)?(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))\s*(?:,\s*)?"
)
# 'x = 2 or x = 3' → 'or'
_OR = re.compile(r"\\text\{\s*or\s*\}|(?<![A-Za-z\\])or(?![A-Za-z])|\\lor(?![A-Za-z])|\\vee(?![A-Za-z])")
# '1,234,567' → '1,234,567'
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
# '1{,}234' → '{,}'
_TIGHT_THOUSANDS = re.compile(
    r"(?<=\d)\{\s*,\s*\}\s*(?=\d{3}(?!\d))|(?<=\d),\s*\\!\s*(?=\d{3}(?!\d))|(?<=\d)\s*\{\s*,\s*\}\s*(?=\d{3}(?!\d))"
)
# '1 234 567' → '1 234 567'
_SPACED = re.compile(r"\s*-?\d{1,3}(?: \d{3})+(?:\.\d+)?\s*")
# '3,14' → '3,14'
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])(\d+),(\d+)(?![\d,.])")
# '\begin{pmatrix}1\\2\end{pmatrix}' → 'pmatrix', '1\\2'
_MATRIX = re.compile(
    r"(?:\[\s*)?\\begin\{([pbBv]?matrix|array)\}(?:\{[lcr| ]*\})?(.*?)\\end\{\1\}\s*(?:\])?", re.DOTALL
)
# '\angle A' → '\angle A'; '\Delta p', 'v_{\text{max}}' and '|AB|' name what the value is of, too
_NAME = re.compile(
    r"\\[Dd]elta\s*\{?[A-Za-z]\}?(?:_\{?\w+\}?)?|\|\s*[A-Z]{2}\s*\||\\text\{[A-Za-z][A-Za-z ]{0,60}\}(?:\s*[A-Z]{1,4})?"
    r"|\[[A-Z]{3,4}\]|(?:\\mathbb\{[EP]\}|[A-Z][a-z]{0,3})\s*(?:\([^()=\d]{1,30}\)|\[[^\[\]=\d]{1,30}\])"
    r"|(?:[A-Za-z]|\\[a-zA-Z]+)_\{?\s*\\text\{\s*\w+\s*\}\s*\}?"
    r"|\\(?:vec|bar|hat|dot|tilde|overrightarrow)\s*\{?\s*[A-Za-z]{1,2}\s*\}?(?:_\{?\w+\}?)?|"
    r"(?:m?\\angle|\\triangle|\\overline|\\widehat|\\measuredangle|\\mathrm|\\operatorname)?\s*\{?\s*"
    r"(?:[A-Za-z]|\\[a-zA-Z]+|[A-Z]{2,4}|[a-z]{4,12})(?:_prime|')*\s*\}?(?:_\{?\w+\}?)?"
    r"(?:\^\{-1\})?(?:\s*\(\s*[\w\s,\\]*\))?"
)


def read(text: str, settings: dict[str, Any]) -> Form:
    """The form of one answer.

    Args:
        text: an answer without the prose around it.
        settings: ``percent`` ("fraction" or "number"), ``decimal`` ("point" or "comma"), ``date`` (None, or the order
            of numeric dates: "ymd", "dmy", "mdy").

    Raises:
        latex.Unreadable: it is no answer; the message says why.
    """
    if settings.get("date"):
        day = dates.read(text, settings["date"])
        if day is None:
            raise latex.Unreadable("it is not a date")
        return {"is": "text", "text": day}
    if (day := dates.undeclared(text)) is not None:
        return {"is": "text", "text": day}
    text = _commas(text, settings)
    return _form(latex.canonical(text), settings, 0)


def _commas(text: str, settings: dict[str, Any]) -> str:
    text = _TIGHT_THOUSANDS.sub("", text)
    # '12\,345' → '12345'
    text = re.sub(r"(?<![\d.])(\d{1,3}(?:\\[,; ]\d{3})+)(?!\d)", lambda number: re.sub(r"\\.", "", number[0]), text)
    if settings.get("decimal") == "comma":
        text = _DECIMAL_COMMA.sub(
            lambda each: each[0] if len(each[2]) == 3 and each[1] != "0" else f"{each[1]}.{each[2]}", text
        )
    if _SPACED.fullmatch(text):
        text = text.replace(" ", "")
    # Within brackets a comma parts two numbers; an exponent's braces are none.
    # '(1,234', but not 'x^{1}'
    if not re.search(r"[(\[{]", re.sub(r"\\[a-zA-Z]+\{|[\^_]\{[^{}]*\}|\}\s*\{", "", text)):
        text = _THOUSANDS.sub(lambda number: number[0].replace(",", ""), text)
    return text


def _form(text: str, settings: dict[str, Any], depth: int) -> Form:
    if depth > _DEPTH:
        raise latex.Unreadable("it is nested too deeply")
    text = text.strip().strip("$").strip().rstrip(".;").strip()
    if depth == 0:
        # '= 18' and '\approx 0.577' leave out what stands on their left.
        text = _LEADING.sub("", text)
    if (inner := words.undressed(text)) is not None:
        return _form(inner, settings, depth + 1)
    for reading in (words.as_text, words.as_clock, words.as_base):
        if (said := reading(text)) is not None:
            return said
    for structure in (_as_choice, _as_list, _as_relation, _as_sets, _as_matrix, _as_group, _as_ratio, _as_plus_minus):
        if (parsed := structure(text, settings, depth)) is not None:
            return parsed
    return _value(text, settings)


def _as_choice(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    choice = words.choice(text)
    return {"is": "choice", "name": choice[0], "value": _form(choice[1], settings, depth + 1)} if choice else None


def _as_list(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    outer = split(text, re.compile(";"))
    if len(outer) > 1:
        return _listed([_tuple_of(part, settings, depth) for part in outer])
    chosen = split(text, _OR)
    if len(chosen) > 1 and all(
        separators(part, _RELATIONS) and "=" not in separators(part, _RELATIONS) for part in chosen
    ):
        return {"is": "union", "parts": [_form(part, settings, depth + 1) for part in chosen]}
    parts = [piece for part in split(text, _AND) for piece in split(part, re.compile(","))]
    if len(parts) == 1:
        return None
    forms = [(part, _form(part, settings, depth + 1)) for part in parts]
    flat = [form["parts"] if "\\pm" in part and form["is"] == "list" else [form] for part, form in forms]
    return _listed([each for several in flat for each in several])


def _tuple_of(part: str, settings: dict[str, Any], depth: int) -> Form:
    """``p=5,q=2`` between semicolons is one solution."""
    inner = split(part, re.compile(","))
    if len(inner) == 1:
        return _form(part, settings, depth + 1)
    return {"is": "group", "open": "(", "close": ")", "parts": [_form(each, settings, depth + 1) for each in inner]}


def _listed(parts: list[Form]) -> Form:
    """``n = 1, 2, 3`` names all three, ``x = 1, x = 2`` too; ``x = 1, y = 2`` is one solution."""
    if len(parts) > _PARTS:
        raise latex.Unreadable("it has too many parts")
    names = [part.get("name") for part in parts]
    if names[0] and all(name in (None, names[0]) for name in names[1:]):
        inner = [part["value"] if part["is"] == "named" else part for part in parts]
        return {"is": "named", "name": names[0], "value": {"is": "list", "parts": inner}}
    return {"is": "list", "parts": parts}


def _as_relation(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    parts, signs = split(text, _RELATIONS), separators(text, _RELATIONS)
    if not signs:
        return None
    if any(not part.strip() for part in parts):
        raise latex.Unreadable("a side of its relation is empty")
    if signs[-1] == "\\approx":
        # The exact side is the answer; what it is about must agree with it.
        if len(signs) == 1 and _is_name(parts[0]):
            return {"is": "named", "name": _plain(parts[0]), "value": _form(parts[1], settings, depth + 1)}
        exact = text[: text.rindex("\\approx")]
        about = _form(parts[-1], settings, depth + 1)
        return {"is": "about", "value": _form(exact, settings, depth + 1), "about": about}
    if "\\approx" in signs or ("\\in" in signs and len(signs) > 1):
        raise latex.Unreadable("its relations contradict each other's form")
    if set(signs) <= {"=", "\\in"} and _is_name(parts[0]):
        values = [_form(part, settings, depth + 1) for part in parts[1:]]
        value = values[0] if len(values) == 1 else {"is": "chain", "parts": values}
        return {"is": "named", "name": _plain(parts[0]), "value": value}
    if signs == ["="] and _is_name(parts[1]) and not _is_name(parts[0]):
        return {"is": "named", "name": _plain(parts[1]), "value": _form(parts[0], settings, depth + 1)}
    if "\\in" in signs:
        raise latex.Unreadable("it is not said what lies in the set")
    return {"is": "relation", "signs": signs, "parts": [_form(part, settings, depth + 1) for part in parts]}


def _is_name(text: str) -> bool:
    """Whether what stands left of ``=`` only says what the value is of."""
    text = text.strip()
    if text in ("e", "i", "\\pi", "\\infty"):
        return False
    if _NAME.fullmatch(text):
        return True
    ratio = re.fullmatch(r"\\frac\{(.*)\}\{(.*)\}|([A-Z]+)\s*[:/]\s*([A-Z]+)", text)  # 'AB:CD' → 'AB', 'CD'
    if ratio:
        return all(re.fullmatch(r"[A-Z]{1,3}", part) for part in ratio.groups() if part is not None)
    inner = re.fullmatch(r"\((.*)\)", text)  # '(x,y)' → 'x,y'
    return inner is not None and "," in inner[1] and all(_NAME.fullmatch(each.strip()) for each in inner[1].split(","))


def _plain(text: str) -> str:
    return re.sub(r"[\s{}\\]", "", text)  # '\{1, 2\}' → '1,2'


def _as_sets(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    signs = separators(text, _SETS)
    if not signs:
        return None
    if len(set(signs)) > 1:
        raise latex.Unreadable("it mixes set operations without brackets")
    kind = {"\\cup": "union", "\\cap": "intersection"}.get(signs[0], "without")
    return {"is": kind, "parts": [_form(part, settings, depth + 1) for part in split(text, _SETS)]}


def _as_matrix(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    matched = _MATRIX.fullmatch(text)
    if not matched or matched[1] == "vmatrix" or "\\begin" in matched[2]:
        return None
    rows = [row for row in re.split(r"\\\\", matched[2]) if row.strip(" \\")]  # '1\\2' → '1', '2'
    cells = [[_form(cell, settings, depth + 1) for cell in row.split("&")] for row in rows]
    if not cells or len({len(row) for row in cells}) != 1 or len(cells) * len(cells[0]) > _PARTS:
        raise latex.Unreadable("its matrix has rows of different lengths, or too many")
    return {"is": "matrix", "rows": cells}


def _as_group(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    if text in ("\\emptyset", "\\varnothing"):
        return {"is": "set", "parts": []}
    if text == "\\mathbb{R}":
        text = "(-\\infty,\\infty)"
    opened = next((each for each in ("\\{", "{", "(", "[") if text.startswith(each)), None)
    closed = next((each for each in ("\\}", "}", ")", "]") if text.endswith(each)), None)
    if opened is None or closed is None or not encloses(text):
        return None
    inner = text[len(opened) : -len(closed)]
    if opened.endswith("{") != closed.endswith("}"):
        return None
    if opened.endswith("{"):
        if opened == "\\{" and re.search(r"\\mid|(?<!\\)\||:", inner):  # 'x : x>0'
            raise latex.Unreadable("it describes a set instead of listing it")
        if not inner.strip():
            return {"is": "set", "parts": []}
        form = _form(inner, settings, depth + 1)
        if opened == "{" and form["is"] != "list":
            return form  # braces of TeX, which set nothing apart
        return {"is": "set", "parts": form["parts"] if form["is"] == "list" else [form]}
    parts = split(inner, re.compile("[,;]"))
    if len(parts) == 1:
        return _form(inner, settings, depth + 1) if (opened, closed) == ("(", ")") else None
    return {
        "is": "group",
        "open": opened,
        "close": closed,
        "parts": [_form(part, settings, depth + 1) for part in parts],
    }


def _as_ratio(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    parts = split(text, re.compile(":"))
    if len(parts) == 1:
        return None
    return {"is": "ratio", "parts": [_form(part, settings, depth + 1) for part in parts]}


def _as_plus_minus(text: str, settings: dict[str, Any], depth: int) -> Form | None:
    if not re.search(r"\\(?:pm|mp)(?![a-zA-Z])", text):  # '1\pm2'
        return None
    both = [text.replace("\\pm", first).replace("\\mp", second) for first, second in ("+-", "-+")]
    return {"is": "list", "parts": [_worked(_form(each.lstrip("+ "), settings, depth + 1)) for each in both]}


def _worked(form: Form) -> Form:
    """One of the two values of ``5 \\pm 1``, worked out: the sign says that both are meant."""
    import sympy

    if form["is"] != "value":
        return form
    expression = rebuild(form["tree"])
    return form if too_large(expression) else {**form, "tree": sympy.srepr(expression.doit())}


def _value(text: str, settings: dict[str, Any]) -> Form:
    import sympy

    bare, unit, percent = split_quantity(text)
    matched = latex.expression(bare)
    if percent and settings.get("percent", "fraction") == "fraction":
        matched = sympy.Mul(matched, sympy.Rational(1, 100), evaluate=bool(matched.is_Rational))
    return {
        "is": "value",
        "tree": sympy.srepr(matched),
        "unit": unit,
        "decimal": latex.is_decimal(bare),
    }


def pieces(text: str) -> list[tuple[str, str]]:
    """(side, the relation sign behind it) of canonical text."""
    return pieces_of(text, _RELATIONS)
