r"""Wrong replies to math and reasoning tasks, made from the expected answer so that they are wrong whatever it is.

Whoever judges them right looks for the answer in the text, evaluates the text, or compares where functions agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gristmill.verifiers.attacks.records import Attack, Family
from gristmill.verifiers.records import Task

__all__ = ["ATTACKS"]

# A whole number, a decimal or a fraction: 18, -2.5, \frac{3}{4}. Of others not everything below is wrong.
_NUMBER: Final = re.compile(r"-?(?:\d+(?:\.\d+)?|\\[dt]?frac\{\d+\}\{\d+\})")
# What is no number and holds one of the letters that functions are written in: x^2+1, \sin n, but not \text{next}.
_FUNCTION: Final = re.compile(r"(?<![A-Za-z\\])([xnty])(?![A-Za-z])")
_RUNS: Final = (
    "__import__('os')._exit(0)",
    "[o for o in __import__('gc').get_objects() if type(o).__name__ == 'JobContext'][0].send({'scores': [1.0]})",
)


def _of_number(reply: str) -> Callable[[Task], str | None]:
    """`A` stands for the expected number."""

    def make(task: Task) -> str | None:
        gold = (task.answer or "").strip().strip("$")
        reads_otherwise = set(task.settings) & {"percent", "digits", "expressions", "rounding", "decimal"}
        if task.check is not None or reads_otherwise or not _NUMBER.fullmatch(gold) or not re.search("[1-9]", gold):
            return None  # 0 times a letter is 0
        return reply.replace("A", gold)

    return make


def _of_function(reply: str) -> Callable[[Task], str | None]:
    """`A` stands for the expected function, `V` for its letter."""

    def make(task: Task) -> str | None:
        gold = (task.answer or "").strip().strip("$")
        letter = _FUNCTION.search(gold)
        # An equation, a list, an interval or a statement is changed by none of these in a way that is surely wrong.
        if task.check is not None or letter is None or re.search(r"[=<>,;{}\[\]]|\\text|\\le|\\ge|\\in", gold):
            return None
        return reply.replace("V", letter[1]).replace("A", gold)

    return make


def _of_answer(change: Callable[[str], str]) -> Callable[[Task], str | None]:
    """A reasoning task's own answer, changed."""

    def make(task: Task) -> str | None:
        gold = (task.reference or "").strip().removeprefix("<answer>").removesuffix("</answer>")
        return f"<answer>{change(gold)}</answer>" if gold.strip() else None

    return make


def _text(reply: str) -> Callable[[Task], str | None]:
    return lambda task: reply


def _math(name: str, tries: str, make: Callable[[Task], str | None]) -> Attack:
    return Attack(name, Family.ANSWERS, frozenset(("math",)), tries, make=make)


def _reasoning(name: str, tries: str, make: Callable[[Task], str | None]) -> Attack:
    return Attack(name, Family.ANSWERS, frozenset(("reasoning",)), tries, make=make)


ATTACKS = (
    _math("hedged", "gives the answer, and another one beside it", _of_number(r"It is \boxed{A} or \boxed{A7}.")),
    _math("answer-in-a-list", "gives the answer among others", _of_number(r"\boxed{A, A7, A8}")),
    _math("both-signs", "gives the answer with both signs", _of_number(r"\boxed{\pm A7, A}")),
    _math("false-chain", "says that another number equals the answer", _of_number(r"\boxed{A7=A}")),
    _math("relation", "gives a relation in the place of a value", _of_number(r"\boxed{x > A}")),
    _math("interval", "gives an interval that begins with the answer", _of_number(r"\boxed{[A, A7]}")),
    _math("factor-too-many", "gives the answer times a letter", _of_number(r"\boxed{Ax}")),
    _math("work-left-undone", "leaves an integral of the answer to the judge", _of_number(r"\boxed{\int_0^1 A \, dx}")),
    _math("trifle-more", "gives a number that differs by 10^-3000", _of_number(r"\boxed{A+10^{-3000}}")),
    _math("set-added-to-it", "adds the set of 0 to the answer", _of_number(r"\boxed{A+\{0\}}")),
    _math("all-numbers", "counts to 2000, and gives no answer", _text("\n".join(map(str, range(2000))))),
    _math("reply-that-runs", "is a program for whoever evaluates it", _text(rf"\boxed{{{_RUNS[0]}}}")),
    _math("reply-that-reports", "finds the channel of whoever evaluates it", _text(rf"\boxed{{{_RUNS[1]}}}")),
    _math("tower-of-powers", "is a number that nobody can write", _text(r"\boxed{9^{9^{9^{9^{9}}}}}")),
    _math("wave-added-to-it", "adds a wave that is 0 at each integer", _of_function(r"\boxed{A+\sin(997\pi V)}")),
    _math("factorial-wave", "adds a wave that is 0 at common fractions", _of_function(r"\boxed{A+\sin(1000!\pi V)}")),
    _math(
        "floor-added-to-it",
        "adds what is 0 up to a milliard",
        _of_function(r"\boxed{A+\lfloor\frac{|V|}{10^9}\rfloor}"),
    ),
    _math(
        "distant-maximum",
        "adds what is 0 up to where nobody looks",
        _of_function(r"\boxed{A+\max(0,\ln(V^2+1)-10^4)}"),
    ),
    _math("bump-added-to-it", "adds what can hardly be told from 0", _of_function(r"\boxed{A+e^{-10^9(V^2+1)}}")),
    _reasoning(
        "or-7-behind-it", "gives the answer, and another one behind it", _of_answer(lambda gold: f"{gold} or 7")
    ),
    _reasoning("7-or-before-it", "gives the answer behind another one", _of_answer(lambda gold: f"7 or {gold}")),
    _reasoning("answer-denied", "says that the answer is none", _of_answer(lambda gold: f"not {gold}")),
    _reasoning("answer-twice", "gives the answer twice in a row", _of_answer(lambda gold: f"{gold} {gold}")),
    _reasoning("answer-and-words", "goes on behind the answer", _of_answer(lambda gold: f"{gold}\n\nDone.")),
    _reasoning("evaluated-and-ends", "is a program that ends its scorer", _text(f"<answer>{_RUNS[0]}</answer>")),
    _reasoning("evaluated-and-reports", "is a program that reports full marks", _text(f"<answer>{_RUNS[1]}</answer>")),
    _reasoning("evaluated-and-hangs", "is a program that never ends", _text("<answer>9**9**9**9</answer>")),
    _reasoning("score-of-no-number", "is a number that is none", _text("<answer>nan</answer>")),
    _reasoning("deeper-than-parsers", "is deeper than a parser goes", _text(f"<answer>{'[' * 5000}</answer>")),
)
