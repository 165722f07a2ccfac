"""Lattice points of a simplex, written as numbers: they have many more differences than sums.

After Gyarmati, Hennecart and Ruzsa 2007.
"""

from itertools import product

DIMENSION, SIZE = 7, 3


def construct():
    base = 2 * SIZE + 1
    points = (point for point in product(range(SIZE + 1), repeat=DIMENSION) if sum(point) <= SIZE)
    return sorted(sum(digit * base**place for place, digit in enumerate(point)) for point in points)
