"""Conway's set, which has more sums than differences."""


def construct():
    return [0, 2, 3, 4, 7, 11, 12, 14]
