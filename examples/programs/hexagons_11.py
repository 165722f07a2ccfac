"""11 hexagons in one, moved a little apart as rounding pushed some together; the rule finds the outer side.

Numbers rounded from google-deepmind/alphaevolve_results: mathematical_results.ipynb
(CC-BY-4.0).
"""

NUMBERS = """
7.2275 1.4062 64.9684 9.1089 6.2823 82.7839 9.9531 4.7579 22.7594 9.1191 1.3635 64.9842 8.2029 4.7291 22.7024
7.2721 3.2603 202.6842 9.0552 3.2081 82.703 11.6051 3.9103 120.9724 10.6311 2.2241 244.9979 6.4272 4.7844
262.6855 7.3578 6.2531 22.7013
"""
X, Y, ANGLE = 8.6755, 3.8610, 60.9637


def construct():
    numbers = [float(number) for number in NUMBERS.split()]
    rows = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    apart = 1.0003
    inner = [(X + (x - X) * apart, Y + (y - Y) * apart, angle) for x, y, angle in rows]
    return inner, (X, Y, 3.9, ANGLE)
