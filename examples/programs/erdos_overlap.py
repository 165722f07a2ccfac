"""Haugland's 51 steps of 2016; the rule restores the integral that rounding changed.

Numbers rounded from test-time-training/discover: results/mathematics/human_best_erdos.py
(MIT).
"""

NUMBERS = """
0 0 0 0 0 .0003 .5953 .7845 .895 .0598 .019 .7421 .6445 .3549 .8762 .5438 .268 .8519 .5211 1 .5506 .9008 .8229
.888 .9315 1 .9315 .888 .8229 .9008 .5506 1 .5211 .8519 .268 .5438 .8762 .3549 .6445 .7421 .019 .0598 .895
.7845 .5953 .0003 0 0 0 0 0
"""


def construct():
    return [float(number) for number in NUMBERS.split()]
