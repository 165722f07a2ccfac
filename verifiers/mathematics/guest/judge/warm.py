"""Imported once, before workers fork: the parser builds its tables on first use, which takes most of a second.

Importing this module *is* its use. The samples are ours, so no text of a candidate is ever read by the zygote, which
all later jobs are forked from.
"""

from __future__ import annotations

from gristmill.verifiers.mathematics.guest.judge import comparing
from gristmill.verifiers.mathematics.guest.judge.text import latex, reading

__all__ = ["SAMPLES"]

SAMPLES = (
    ("\\frac{1}{2}x^2+3x-1", "0.5x^2-1+3x"),
    ("2\\sin x\\cos x", "\\sin(2x)"),
    ("\\sqrt{8}", "2\\sqrt{2}"),
    ("\\{1,2,3\\}", "3,2,1"),
    ("[0,\\infty)", "x \\geq 0"),
    ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",) * 2,
    ("x_{1}+\\log_2 8", "3+x_1"),
    ("e^{i\\pi}", "-1"),
    ("(x+1)(x-2)", "x^2-x-2"),
    ("f(x)=|x|+5!", "f(x)=120+|x|"),
    ("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt3}"),
    ("1/(2+\\sqrt{3})", "2-\\sqrt{3}"),
    ("10\\%", "\\frac{1}{10}"),
)


def _warm() -> None:
    for gold, answer in SAMPLES:
        try:
            comparing.compare(reading.read(gold, {}), reading.read(answer, {}), {})
        except latex.Unreadable:  # another version of the library reads less: slower, not wrong
            continue


_warm()
