"""11 points in a triangle, drawn a little towards its middle, as rounding moved some outside.

Numbers rounded from google-deepmind/alphaevolve_results: mathematical_results.ipynb
(CC-BY-4.0).
"""

NUMBERS = """
.855969 0 .295651 0 .508439 .738488 .432841 .327449 .67577 .291885 .138726 .240281 .11467 .05646 .647826
.609984 .361274 .625744 .585106 .134849 .927985 .124734
"""


def construct():
    numbers = [float(number) for number in NUMBERS.split()]
    rows = [numbers[place : place + 2] for place in range(0, len(numbers), 2)]
    return [(0.5 + (x - 0.5) * (1 - 1e-5), 0.2886751 + (y - 0.2886751) * (1 - 1e-5)) for x, y in rows]
