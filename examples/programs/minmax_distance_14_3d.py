"""14 points in space whose distances differ little.

Numbers rounded from google-deepmind/alphaevolve_results: mathematical_results.ipynb
(CC-BY-4.0).
"""

NUMBERS = """
-5.596 -5.695 4.959 5.117 -2.909 -2.884 -6.606 1.198 4.205 .333 -9.152 3.542 -.44 .218 7.387 -1.048 5.032
2.332 .338 -8.01 -3.372 4.746 -3.983 5.248 -2.144 -2.301 -6.588 -.809 -1.773 .679 5.335 2.167 1.942 -6.84
-4.339 -1.802 -5.346 2.464 -2.571 1.516 3.021 -3.872
"""


def construct():
    numbers = [float(number) for number in NUMBERS.split()]
    return [numbers[place : place + 3] for place in range(0, len(numbers), 3)]
