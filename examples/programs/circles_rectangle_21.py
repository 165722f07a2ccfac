"""21 circles in a rectangle of perimeter 4; the rule shrinks what rounding makes overlap.

Numbers rounded from google-deepmind/alphaevolve_results: mathematical_results.ipynb
(CC-BY-4.0).
"""

NUMBERS = """
.12396 .12396 .12396 .07474 .31647 .07474 .1274 .51163 .1274 .07474 .7068 .07474 .12396 .89931 .12396 .36284
.11508 .11508 .25917 .31453 .1097 .37244 .51163 .11764 .25917 .70874 .1097 .36284 .90819 .11508 .59084 .11292
.11292 .48083 .30914 .11203 .62891 .51163 .13883 .48083 .71412 .11203 .59084 .91035 .11292 .67853 .29193
.08641 .85767 .39257 .11906 .85767 .6307 .11906 .67853 .73134 .08641 .83966 .8862 .13707 .83966 .13707 .13707
"""


def construct():
    numbers = [float(number) for number in NUMBERS.split()]
    return [numbers[place : place + 3] for place in range(0, len(numbers), 3)]
