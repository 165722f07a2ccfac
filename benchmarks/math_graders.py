"""Three graders that others use, for comparison: `(gold, reply) -> bool`, each as its public description has it.

* hendrycks-style: both texts are normalised as text and compared as text (Hendrycks et al., MATH, arXiv:2103.03874;
  github.com/hendrycks/math, modeling/math_equivalence.py). Written anew from its description.
* PRM800K-style: the same idea with a stronger normalisation, then tuples part by part, fractions and integers only in
  lowest terms, everything else by SymPy's simplification of the difference (Lightman et al., arXiv:2305.20050;
  github.com/openai/prm800k, prm800k/grading). Written anew from its description.
* math-verify: the library as its documentation says, its own time limits on.
"""

from __future__ import annotations

import re
import warnings

__all__ = ["GRADERS", "hendrycks", "math_verify", "prm800k"]


def last_box(text: str) -> str:
    """The last boxed text, else what follows the last "answer is", else everything."""
    start = text.rfind("\\boxed{")
    if start >= 0:
        depth = 0
        for place in range(start + 6, len(text)):
            depth += (text[place] == "{") - (text[place] == "}")
            if depth == 0:
                return text[start + 7 : place]
    if "####" in text:
        return text.rsplit("####", 1)[1].strip()
    said = re.findall(r"answer is:?\s*(.+?)(?:\. I hope|\n|$)", text)
    return str(said[-1] if said else text).strip().strip("$").strip()


def _strip(text: str) -> str:
    text = (
        text.replace("\n", "")
        .replace("\\!", "")
        .replace("\\\\", "\\")
        .replace("tfrac", "frac")
        .replace("dfrac", "frac")
    )
    text = text.replace("\\left", "").replace("\\right", "").replace("^{\\circ}", "").replace("^\\circ", "")
    text = text.replace("\\$", "").replace("$", "").split("\\text{ ")[0].replace("\\%", "").replace("%", "")
    text = text.replace(" .", " 0.").replace("{.", "{0.").strip()
    text = "0" + text if text.startswith(".") else text
    if text.count("=") == 1 and len(text.split("=")[0]) <= 2:
        text = text.split("=")[1]
    text = re.sub(r"\\sqrt(\w)", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac(\w)(\w)", r"\\frac{\1}{\2}", text)
    text = "\\frac{1}{2}" if text == "0.5" else text
    return re.sub(r"^(-?\d+)/(-?\d+)$", r"\\frac{\1}{\2}", text)


def hendrycks(gold: str, reply: str) -> bool:
    """Normalised text against normalised text."""
    return _strip(last_box(gold)) == _strip(last_box(reply))


_UNITS = "degree|cm|centimeter|meter|mile|second|minute|hour|day|week|month|year|foot|feet|inch|yard|dollar|cent|unit"


def _normalise(text: str) -> str:
    text = re.sub(r"\\text\{(.+?)\}", r"\1", _strip(text.replace("\\text{ ", "\\text{")))
    text = text.replace(" or ", ",").replace(" and ", ",").replace("million", "*10^6").replace("billion", "*10^9")
    text = re.sub(rf"({_UNITS})(es|s)?(\^\d)?", "", text).replace("^\\circ", "").strip(". ")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"(\d) +(\d+/\d+)", r"\1+\2", text)
    text = re.sub(r"\\frac\{([^{}]+)\}\{([^{}]+)\}", r"((\1)/(\2))", text)
    text = re.sub(r"\\sqrt\{([^{}]+)\}", r"sqrt(\1)", text)
    text = re.sub(r"(\d)(?=[a-z(\\])", r"\1*", text.replace("\\pi", "pi").replace("\\cdot", "*"))
    return text.replace("^", "**").replace("{", "(").replace("}", ")").replace("-(", "-1*(").lower()


def _parts(text: str) -> list[str]:
    if len(text) > 2 and text[0] in "([" and text[-1] in ")]" and "," in text:
        return [text[0], *(part.strip() for part in text[1:-1].split(",")), text[-1]]
    return [text]


def prm800k(gold: str, reply: str) -> bool:
    """Normalised text, then part by part: numbers in lowest terms, the rest by SymPy."""
    ours, theirs = _normalise(last_box(gold)), _normalise(last_box(reply))
    if ours == theirs and ours:
        return True
    if not theirs:
        return False
    first, second = _parts(ours), _parts(theirs)
    if len(first) != len(second) or (len(first) > 1 and (first[0], first[-1]) != (second[0], second[-1])):
        return False
    return all(_same(one, other) for one, other in zip(first, second, strict=True))


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    fraction = re.compile(r"-?\(*-?\d+\)*/\(*\d+\)*\)?")
    if fraction.fullmatch(one) and fraction.fullmatch(other):
        return False
    if re.fullmatch(r"-?\d+", one) and not re.fullmatch(r"-?\d+(?:\.0+)?", other):
        return False
    if len(set(re.findall("[a-z]", re.sub("sqrt|pi", "", one + other)))) > 2 or any(
        bad in other for bad in ("^{", "^(")
    ):
        return False
    if any(re.search(bad, other) for bad in (r"\*\*[0-9]+\*\*", r"\*\*[0-9][0-9]+")):
        return False
    import sympy
    from sympy.parsing.sympy_parser import implicit_multiplication_application, parse_expr, standard_transformations

    rules = (*standard_transformations, implicit_multiplication_application)
    try:
        return bool(sympy.simplify(parse_expr(f"({one})-({other})", transformations=rules)) == 0)
    except Exception:
        return False


def math_verify(gold: str, reply: str) -> bool:
    """The library's own way: parse both, verify. A gold without formula marks gets them."""
    from math_verify import parse, verify

    marked = gold if "$" in gold or "\\boxed" in gold or "\\(" in gold else f"${gold}$"
    return bool(verify(parse(marked), parse(reply)))


warnings.simplefilter("ignore")
GRADERS = {"math-verify": math_verify, "PRM800K-style": prm800k, "hendrycks-style": hendrycks}
