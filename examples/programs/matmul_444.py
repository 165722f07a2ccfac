"""Strassen's 7 multiplications for 2 x 2 matrices, applied to blocks: 49 for 4 x 4."""

# Columns are products; rows are entries of A, B and the transposed C.
STRASSEN = (
    ((1, 0, 1, 0, 1, -1, 0), (0, 0, 0, 0, 1, 0, 1), (0, 1, 0, 0, 0, 1, 0), (1, 1, 0, 1, 0, 0, -1)),
    ((1, 1, 0, -1, 0, 1, 0), (0, 0, 1, 0, 0, 1, 0), (0, 0, 0, 1, 0, 0, 1), (1, 0, -1, 0, 1, 0, 1)),
    ((1, 0, 0, 1, -1, 0, 1), (0, 1, 0, 1, 0, 0, 0), (0, 0, 1, 0, 1, 0, 0), (1, -1, 1, 0, 0, 1, 0)),
)


def squared(factor):
    """The Kronecker square, with rows brought from (block, inner) order into row-major order of a 4 x 4 matrix."""
    rows = {}
    for block in range(4):
        for inner in range(4):
            row, column = block // 2 * 2 + inner // 2, block % 2 * 2 + inner % 2
            rows[4 * row + column] = [a * b for a in factor[block] for b in factor[inner]]
    return [rows[place] for place in range(16)]


def construct():
    return [squared(factor) for factor in STRASSEN]
