"""16 points in the plane whose distances differ little.

Numbers rounded from google-deepmind/alphaevolve_results: mathematical_results.ipynb
(CC-BY-4.0).
"""

NUMBERS = """
.847 .2918 -.2375 -.8572 .3558 .2791 -.8607 -.1509 -.4727 .7174 -.3788 -.0547 -.0376 -.4083 .48 .7545 -.001
.8552 -.7798 .3338 -.6542 -.5968 .6682 -.6282 .9029 -.1964 .4117 -.2091 .2528 -.8907 -.1276 .3676
"""


def construct():
    numbers = [float(number) for number in NUMBERS.split()]
    return [numbers[place : place + 2] for place in range(0, len(numbers), 2)]
