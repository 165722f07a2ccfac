"""13 points in a convex region.

Numbers rounded from google-deepmind/alphaevolve_results: mathematical_results.ipynb
(CC-BY-4.0).
"""

NUMBERS = """
.72625 .43889 .57005 .30794 .63279 .53285 .64162 .3127 .51485 .33951 .56792 .53906 .49513 .41236 .58001 .46772
.64993 .39108 .55842 .38652 .70521 .48703 .70559 .3663 .50968 .49886
"""


def construct():
    numbers = [float(number) for number in NUMBERS.split()]
    return [numbers[place : place + 2] for place in range(0, len(numbers), 2)]
