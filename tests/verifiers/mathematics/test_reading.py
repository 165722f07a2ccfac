"""How answers are read and when two are equal: the stages by themselves, in this process, on text that is ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.verifiers.mathematics.extraction import expected, final_answers, normal
from gristmill.verifiers.mathematics.guest.judge.comparing import compare
from gristmill.verifiers.mathematics.guest.judge.forms import wrong_form
from gristmill.verifiers.mathematics.guest.judge.text import dates
from gristmill.verifiers.mathematics.guest.judge.text.latex import Unreadable
from gristmill.verifiers.mathematics.guest.judge.text.quantities import compatible, split_quantity
from gristmill.verifiers.mathematics.guest.judge.text.reading import read
from gristmill.verifiers.mathematics.refusals import refusal


def equal(gold: str, answer: str, **settings: Any) -> str | None:
    """How the two are equal; None if they are not, or one of them is no answer."""
    try:
        forms = [read(text, settings) for text in (gold, answer)]
    except Unreadable:
        return None
    assert all(wrong_form(form) is None for form in forms)
    finding = compare(forms[0], forms[1], settings)
    return str(finding["how"]) if finding["equal"] else None


EQUAL = [
    ("300000000", "3e8", "form"),
    (r"\emptyset", r"\varnothing", "form"),
    (r"\ln 2", r"\log_e 2", "form"),
    ("5000000", "5 million", "form"),
    (r"(-\infty,-2)\cup(2,\infty)", r"x<-2 \text{ or } x>2", "symbolic"),
    ("5", "x = 2 + 3 = 5", "form"),
    (r"15\mbox{ cm}^2", r"\left(15\mbox{ cm}^2\right)", "form"),
    (r"\sqrt{x-100}", r"\frac{x-100}{\sqrt{x-100}}", "symbolic"),
    ("x=1, y=2", "1, 2", "form"),
    ("1/2", "0.5", "form"),
    (r"\frac{1}{3}", r"0.\overline{3}", "form"),
    ("5/2", "2 1/2", "form"),
    (r"\frac{9}{5}", r"1\frac{4}{5}", "form"),
    ("1500", r"1.5\times 10^3", "form"),
    (r"\sin(2x)", r"2\sin x\cos x", "symbolic"),
    (r"\sqrt{5+2\sqrt6}", r"\sqrt2+\sqrt3", "symbolic"),
    ("1", r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "symbolic"),
    ("-2", r"\sqrt[3]{-8}", "form"),
    (r"2\ln x", r"\ln(x^2)", "numeric"),
    (r"\frac12", r"\cos\frac{\pi}{7}-\cos\frac{2\pi}{7}+\cos\frac{3\pi}{7}", "symbolic"),
    (r"\binom{n}{2}", r"\frac{n(n-1)}{2}", "symbolic"),
    ("n!", "n(n-1)!", "symbolic"),
    ("2^{x+1}", r"2\cdot 2^x", "symbolic"),
    (r"\log_2 8", "3", "form"),
    (r"\frac{1}{1+i}", r"\frac{1-i}{2}", "symbolic"),
    (r"e^{i\pi}", "-1", "form"),
    (r"\sqrt{x^2}", "|x|", "symbolic"),
    (r"\$3.50", "350 cents", "form"),
    (r"1\text{ hour}", "60 minutes", "form"),
    ("5 m", r"5\text{ m}", "form"),
    (r"15\mbox{ cm}^2", "15", "form"),
    (r"\$10", "10 dollars", "form"),
    ("72 degrees", r"72^\circ", "form"),
    ("3", "3 apples", "form"),
    (r"2\text{ m}^2", r"20000\text{ cm}^2", "form"),
    (r"\{1,2\}\cup\{3\}", "{1,2,3}", "symbolic"),
    (r"(-\infty,1)\cup(1,\infty)", r"\mathbb{R}\setminus\{1\}", "symbolic"),
    (r"x\neq 1", r"(-\infty,1)\cup(1,\infty)", "symbolic"),
    ("[0,5)", r"0\le x<5", "symbolic"),
    ("x < 1", "-x > -1", "symbolic"),
    ("2 > x", "x<2", "symbolic"),
    ("y=2x+3", "2x-y+3=0", "symbolic"),
    ("x-2y+z-1=0", "2z+2x-4y=2", "symbolic"),
    ("(p,q)=(3,2)", "(3,2)", "form"),
    ("x=1, y=2", "y=2, x=1", "form"),
    (r"1 \pm \sqrt{19}", r"1-\sqrt{19}, 1+\sqrt{19}", "form"),
    ("19, 46, and 82", "82,19,46", "form"),
    (r"\langle 1,2\rangle", "(1,2)", "form"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)", "form"),
    (r"\frac{1}{2}", r"x = \frac{2}{4} = 0.5", "form"),
    (r"\frac{\sqrt3}{3}", r"\frac{\sqrt3}{3} \approx 0.577", "form"),
    (r"\text{(C)}", "C", "form"),
    (r"\text{even}", "Even", "form"),
    ("12:00", r"12{:}00", None),
    ("204_5", "204_{5}", "form"),
    ("3:4", "3:4", "form"),
    (r"F_n = \sum_{k=0}^{n-1} F_k F_{n-k-1}", r"F_n = \sum_{k=0}^{n-1} F_{n-k-1} F_k", "symbolic"),
]


@pytest.mark.parametrize(("gold", "answer", "how"), EQUAL)
def test_equal_answers_are_equal_as_strongly_as_can_be_known(gold: str, answer: str, how: str | None) -> None:
    assert equal(gold, answer) == how


UNEQUAL = [
    ("5", "5 million"),
    ("5", r"5 \text{ million}"),
    ("5", "5 squared"),
    ("5", r"5\text{ factorial}"),
    ("5", r"5 \text{ dozen}"),
    ("5", "5 halves"),
    ("5", "mx = 5"),
    ("5", "xyz = 5"),
    (r"5\text{ m}^2", "5 m"),
    ("x=1, y=2", "2, 1"),
    ("-2<x<2", "-2<y<2"),
    ("-2<x<2", "x^2<4"),
    (r"x \geq 0", r"x^3 \geq 0"),
    (r"\sqrt{x-100}", r"i\sqrt{100-x}"),
    ("x", "x+10^{-400}"),
    ("I", "i"),
    ("I", "I_{0}"),
    ("9", "v_{9000}"),
    ("5", "3=5"),
    ("5", "x = 3 = 5"),
    ("5", "2+3"),
    ("5", r"5\cos(10^{-40})"),
    ("5", "5+10^{-60}"),
    ("|x|", "x"),
    ("x+C", "x+c"),
    ("R^2", "r^2"),
    ("23", "2 3"),
    ("5", "(2)(3)"),
    ("5", "{2}{3}"),
    ("204_5", "204"),
    ("204_5", "204_6"),
    ("204_5", "54"),
    ("f", "f'"),
    ("13", "1 3"),
    ("1.5", "1,5"),
    ("(0,1)", "[0,1]"),
    ("(0,1)", "(1,0)"),
    ("(0,1)", "0,1"),
    ("(3,1)", r"\{1,3\}"),
    ("5", "5, 6"),
    ("5", "5 or 6"),
    ("5", r"5 \pm 0.1"),
    ("1:2", "2:1"),
    ("12:00", "1:00"),
    ("5 cm", r"5\text{ m}"),
    (r"\$10", "10 cents"),
    ("5 hours", "5 minutes"),
    (r"15\text{ cm}^2", r"15\text{ cm}^3"),
    (r"5\text{ km/h}", r"5\text{ m/s}"),
    ("x < 1", "x > 1"),
    ("x < 1", r"x \leq 1"),
    ("a+3z=0", "0"),
    ("x=5", "2x=10"),
    ("x=5", "y=5"),
    (r"\frac{1}{3}", "0.333"),
    (r"\pi", "3.14159265358979"),
    (r"\frac{1}{3}", r"\frac13 \approx 1.3"),
    (r"\frac{1}{3}", r"\int_0^1 x^2 dx"),
    ("0", "10^{-20}"),
    ("3^{2025}", "2^{2025}"),
    (r"\text{odd}", r"\text{oddd}"),
    (r"\{1,2,3\}", r"\{1,2\}"),
    (r"\{1,2\}", r"\{1,2,2\}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&5\end{pmatrix}"),
    ("x", r"\frac{x^2}{x+10^{-30}}"),
]


@pytest.mark.parametrize(("gold", "answer"), UNEQUAL)
def test_what_is_not_equal_is_not(gold: str, answer: str) -> None:
    assert equal(gold, answer) is None


def test_settings_say_what_percent_commas_and_rounding_mean() -> None:
    assert equal(".1", r"10\%")
    assert not equal("10", r"10\%")
    assert equal("10", r"10\%", percent="number")
    assert not equal(".1", r"10\%", percent="number")
    assert equal("1000.99", "1000,99", decimal="comma")
    assert equal("1,234", "1234", decimal="comma")
    assert equal(r"\frac{1}{12}", "0.083333", digits=6) == "numeric"
    assert not equal(r"\frac{1}{12}", "0.083335", digits=6)
    assert not equal(r"\frac{1}{12}", "0.083333")
    assert equal("2024-06-20", "June 20, 2024", date="mdy")
    assert equal("20 June 2024", "20.6.2024", date="dmy")
    assert not equal("2024-06-20", "June 21, 2024", date="mdy")
    assert not equal("2024-03-04", "3/4/2024", date="dmy")


def test_dates_are_read_in_the_order_that_the_task_names() -> None:
    assert dates.read("3/4/2024", "mdy") == "2024-03-04"
    assert dates.read("3/4/2024", "dmy") == "2024-04-03"
    assert dates.read("Thursday, the 20th of June 2024", "dmy") == "2024-06-20"
    assert dates.read("2024-02-30", "ymd") is None
    assert dates.read("June 2024", "ymd") is None


def test_units_convert_exactly_or_contradict() -> None:
    assert split_quantity(r"5\text{ square meters}") == ("5", "meters^2", False)
    assert split_quantity("5x") == ("5x", "", False)
    assert split_quantity(r"10\%") == ("10", "", True)
    assert compatible("cm^2", "m^2") == 10000
    assert compatible("cm^1", "cm^2") is None
    assert compatible("cm^1", "hour^1") is None
    assert compatible("", "cm^1") == 1


def test_a_space_between_digits_is_not_nothing() -> None:
    assert normal("1 3") != normal("13")
    assert normal(r"1\,3") != normal("13")
    assert normal("x y") == normal("xy")


def test_boxes_that_belong_together_are_one_answer_and_others_compete() -> None:
    assert final_answers(r"\boxed{1}, \boxed{2} and \boxed{3}") == ["1, 2, 3"]
    assert final_answers(r"\boxed{\frac{1}{2}}, or \boxed{0.5}") == [r"\frac{1}{2}", "0.5"]
    assert final_answers(r"\boxed{1} no no no \boxed{2}") == ["1", "2"]
    assert final_answers(r"$k$ is \boxed{4}." "\n\n" r"Wait. It is \boxed{5}.") == ["5"]
    assert final_answers(r"\boxed{\boxed{5}}") == [r"\boxed{5}"]
    assert final_answers(r"\boxed{28}\%", percent=True) == [r"28\%"]
    assert final_answers(r"\boxed{28}\%") == ["28"]
    assert expected(r"We get $x=3$, so \boxed{3}.") == "3"
    assert expected("so\n#### 18") == "18"
    assert final_answers("<think>5?</think> <answer>$42$</answer>") == ["42"]
    assert expected("$x$ and $y$") == "x  and  y"


@given(st.text(max_size=3000))
def test_extraction_never_raises(reply: str) -> None:
    assert all(isinstance(each, str) for each in final_answers(reply))
    refusal(reply)


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(2, 50))
def test_a_fraction_equals_itself_in_any_terms_and_no_other(top: int, bottom: int, factor: int) -> None:
    assert equal(f"{top}/{bottom}", rf"\frac{{{top * factor}}}{{{bottom * factor}}}")
    assert not equal(f"{top}/{bottom}", rf"\frac{{{top + 1}}}{{{bottom}}}")


FIELDS = st.sampled_from(["is", "parts", "tree", "name", "value", "open", "rows", "signs"])


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_a_form_of_another_shape_is_refused_and_never_raises(form: object) -> None:
    wrong = wrong_form(form)
    assert wrong is None or isinstance(wrong, str)
    if not isinstance(form, dict):
        assert wrong is not None
