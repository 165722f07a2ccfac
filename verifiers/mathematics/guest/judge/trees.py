"""SymPy expressions as text of one strict form: what ``srepr`` writes, from a table of constructors, and nothing else.

What a reading job that was taken over sends as an expression may be any text. Here it is taken apart by `ast`, checked
node by node, and built by calling constructors out of a table: no text is ever executed, nor given to SymPy as one.
"""

from __future__ import annotations

import ast
import re
from typing import Any

__all__ = ["NAMES", "check", "natural", "rebuild"]

NAMES = frozenset(
    "Add Mul Pow Integer Rational Float Symbol Dummy Tuple FiniteSet Interval Union Intersection Complement "
    "EmptySet Reals Integers Naturals Naturals0 Rationals UniversalSet ImmutableDenseMatrix MutableDenseMatrix "
    "Matrix Equality Eq Unequality Ne StrictLessThan LessThan StrictGreaterThan GreaterThan And Or Not Sum "
    "Product Integral Limit Derivative Contains sin cos tan cot sec csc asin acos atan acot sinh cosh tanh exp "
    "log sqrt Abs sign floor ceiling re im conjugate factorial binomial gamma Max Min Mod Function ProductSet "
    "true false".split()
)
_CONSTANTS = frozenset("pi E I oo zoo nan EulerGamma GoldenRatio S".split())
_FIELDS = frozenset(
    "Infinity NegativeInfinity Pi Exp1 ImaginaryUnit Half One Zero NegativeOne ComplexInfinity "
    "EmptySet Reals Integers Naturals Naturals0 Rationals UniversalSet true false".split()
)
# 'x_1' → 'x_1'
_NAMED = re.compile(r"[A-Za-z\u0370-\u03ff\\][\w\\^*, +()/-]{0,60}", re.ASCII)
_TEXTS = {
    **dict.fromkeys(("Symbol", "Dummy", "Function"), _NAMED),
    "Float": re.compile(r"-?[0-9.]{1,200}(?:[eE][+-]?[0-9]{1,4})?"),  # '-1.5e-3'
}
_NODES = 3000
_DIGITS = 2000


def check(text: str) -> str | None:
    """What is wrong with the text of an expression; None if it may be rebuilt."""
    if len(text) > 200_000:
        return "the expression is too long"
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "the expression cannot be read"
    nodes = list(ast.walk(tree))
    named = {id(part) for node in nodes if isinstance(node, ast.Call) for part in _texts(node)}
    if len(nodes) > _NODES:
        return "the expression has too many parts"
    for node in nodes:
        match node:
            case ast.Expression() | ast.Load() | ast.List() | ast.Tuple() | ast.USub():
                continue
            case ast.Call(func=ast.Name(id=name)) if name in NAMES:
                continue
            case ast.Call(func=ast.Call(func=ast.Name(id="Function"))):
                continue
            case ast.Name(id=name) if name in NAMES or name in _CONSTANTS:
                continue
            case ast.Attribute(value=ast.Name(id="S"), attr=name) if name in _FIELDS:
                continue
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() | ast.Name(id="oo")):
                continue
            case ast.keyword(arg=("precision" | "real" | "positive" | "integer" | "commutative" | "nonnegative")):
                continue
            # SymPy evaluates any text that it is given as an expression: a name or a float is all that text may be.
            case ast.Constant(value=str()) if id(node) not in named:
                return "the expression holds text, which no answer needs"
            case ast.Constant(value=value) if _small(value):
                continue
        return f"the expression holds a {type(node).__name__}, which no answer needs"
    return None


def rebuild(text: str) -> Any:
    """The expression, unevaluated as far as SymPy lets it be.

    Raises:
        ValueError: `check` has something against it.
    """
    import sympy

    wrong = check(text)
    if wrong is not None:
        raise ValueError(wrong)
    with sympy.evaluate(False):
        return _built(ast.parse(text, mode="eval").body)


def natural(form: Any) -> Any:
    """A checked form with every logarithm of base 10 in its expressions as the natural one."""
    if isinstance(form, dict):
        return {name: _natural(value) if name == "tree" else natural(value) for name, value in form.items()}
    return [natural(part) for part in form] if isinstance(form, list) else form


def _natural(text: str) -> str:
    tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="log"), args=[_, ast.Call(func=ast.Name(id="Integer"), args=[base])]):
                if isinstance(base, ast.Constant) and base.value == 10:
                    node.args[1] = ast.Name(id="E")
    return ast.unparse(tree)


def _built(node: ast.expr) -> Any:
    """What a checked node stands for."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=parts):
            return [_built(part) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_built(part) for part in parts)
        case ast.UnaryOp(operand=operand):
            return -_built(operand)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _named(name)
        case ast.Call(func=function, args=args, keywords=keywords):
            options = {str(each.arg): _built(each.value) for each in keywords}
            return _built(function)(*map(_built, args), **options)
    raise ValueError(f"the expression holds a {type(node).__name__}, which no answer needs")


def _named(name: str) -> Any:
    """A constructor or constant of the table; matrices are those that nobody can change."""
    import sympy

    if name in _FIELDS:
        return getattr(sympy.S, name)
    if name == "MutableDenseMatrix":
        return sympy.ImmutableDenseMatrix
    return getattr(sympy, name)


def _texts(call: ast.Call) -> list[ast.expr]:
    """Where a call may hold text: the first argument of what takes it as a name, or as digits."""
    if not isinstance(call.func, ast.Name) or not call.args or not isinstance(call.args[0], ast.Constant):
        return []
    text = call.args[0].value
    if not isinstance(text, str):
        return []
    shape = _TEXTS.get(call.func.id)
    return [call.args[0]] if shape is not None and shape.fullmatch(text) else []


def _small(value: object) -> bool:
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return value.bit_length() < _DIGITS * 4
    return isinstance(value, str) and len(value) <= _DIGITS
