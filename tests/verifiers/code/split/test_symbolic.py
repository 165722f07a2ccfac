"""Expressions of SymPy: trees that are made again, the plain form for `drive`, and a split test on them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.sandbox.pool import Pool
from gristmill.sandbox.wire.values import decode, encode
from gristmill.verifiers import Outcome, Strength, Verifiers
from gristmill.verifiers.code.guest.candidate.plain_form import plain
from gristmill.verifiers.code.guest.wire.library_values import form_of, value_of
from tests.verifiers.code.driven.everyday_files import FOLDER, read

N, A = sympy.Symbol("n", integer=True, positive=True), sympy.Symbol("a")
LEAVES = st.sampled_from([N, A, sympy.pi, sympy.I, sympy.E, sympy.oo, sympy.Float("0.1", 30)])
LEAVES |= st.builds(sympy.Rational, st.integers(), st.integers(1, 99))


def _vast(number: sympy.Float) -> bool:
    """``exp(-23023.9)`` has an exponent of five digits."""
    return bool(number) and not 1e-300 < abs(number) < 1e300


EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda one, other: one + other, inner, inner)
        | st.builds(lambda one, other: one * other, inner, inner)
        | st.builds(lambda one, power: one**power, inner, st.integers(-2, 3))
        | st.builds(lambda function, one: function(one), st.sampled_from([sympy.sin, sympy.exp, sympy.Abs]), inner)
    ),
    max_leaves=8,
).filter(lambda value: not value.has(sympy.AccumBounds) and not any(_vast(each) for each in value.atoms(sympy.Float)))


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS)
def test_an_expression_is_made_again(value: Any) -> None:
    form = form_of(value)
    assert form is not None
    again = value_of(*decode(encode(form)))
    assert sympy.srepr(again) == sympy.srepr(value)


@pytest.mark.parametrize(
    "value",
    [
        sympy.Eq(A, N),
        A >= 2,
        sympy.Sum(A**N, (N, 1, 5)),
        sympy.Matrix([[1, A], [N, 2]]),
        sympy.ImmutableMatrix([[sympy.pi]]),
        sympy.true,
        sympy.S.EmptySet,
        sympy.nan,
    ],
    ids=str,
)
def test_so_are_relations_sums_matrices_and_constants(value: Any) -> None:
    form = form_of(value)
    assert form is not None
    again = value_of(*decode(encode(form)))
    assert type(again) is type(value)
    assert again == value or value is again


class Sly(sympy.Symbol):  # type: ignore[misc]  # SymPy has no types
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = sympy.Symbol.__hash__


def test_what_is_not_of_sympys_own_classes_has_no_tree() -> None:
    assert form_of(Sly("x")) is None
    assert form_of(A + Sly("x")) is None
    assert form_of(sympy.Function("f")(A)) is None
    assert form_of(sympy.Dummy("x")) is None


TREES = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["Add", "Symbol", "Float", "S", "Matrix", "sympify"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_a_tree_of_anybodys_makes_an_expression_or_an_error(tree: Any) -> None:
    try:
        value = value_of("sympy", [tree])
    except Exception:  # what is no tree may raise anything
        return
    assert isinstance(value, sympy.Basic | sympy.MatrixBase)


@pytest.mark.parametrize(
    "tree",
    [
        ["sympify", "__import__('os')"],
        ["Float", "__import__('os')", 53],
        ["Float", "1", 10**9],
        ["S", "register"],
        ["Symbol"],
        ["Integer", "1 + 1"],
        ["Lambda", ["Symbol", "x", {}], ["Symbol", "x", {}]],
        ["Matrix", 10**6, 10**6, []],
    ],
    ids=str,
)
def test_no_tree_is_read_as_a_program_or_grows(tree: Any) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        value_of("sympy", [tree])


def test_a_power_is_not_computed_where_it_is_made() -> None:
    huge = ["Pow", ["Integer", 10], ["Pow", ["Integer", 10], ["Integer", 100]]]
    assert isinstance(value_of("sympy", [huge]), sympy.Pow)


def test_the_plain_form_for_drive() -> None:
    values = {"n": sympy.Integer(5), "half": sympy.S.Half, "yes": sympy.true, "sum": N * (N + 1) / 2}
    assert plain(values) == {"n": 5, "half": Fraction(1, 2), "yes": True, "sum": "n*(n + 1)/2"}
    assert plain(sympy.Matrix([[1, A], [sympy.S.Half, 2]])) == [[1, "a"], [Fraction(1, 2), 2]]
    assert type(plain(Sly("x"))) is str


@pytest.mark.asyncio(loop_scope="module")
async def test_a_team_s_test_on_expressions_is_split(bubblewrap: str) -> None:
    task = next(each for each in read(FOLDER / "scipy_sympy.yaml") if each.id == "sympy-closed-form-sum")
    async with Pool.open("bubblewrap", size=2) as pool:
        judging = Verifiers(pool, accept_split=True)
        verdict = await judging.verify(task.pytest_task(), task.right)
        assert (verdict.outcome, verdict.strength) == (Outcome.PASSED, Strength.SPLIT), verdict
        for name, source in task.wrong.items():
            assert not (await judging.verify_apart(task.pytest_task(), source)).passed, name


@pytest.mark.parametrize("value", [sympy.exp(sympy.Float(-23023.9)), sympy.sin(sympy.oo), sympy.pi.evalf(900)], ids=str)
def test_what_could_not_be_made_again_has_no_form(value: Any) -> None:
    assert form_of(value) is None
