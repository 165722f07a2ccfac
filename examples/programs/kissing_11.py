"""438 vectors of the laminated lattice in dimension 11, from the extended Hamming code of length 16."""

from itertools import combinations, product


def construct():
    # The words of weight 4 are the planes of the affine space over F_2: quadruples of points that sum to zero.
    planes = [four for four in combinations(range(16), 4) if four[0] ^ four[1] ^ four[2] ^ four[3] == 0]
    left_out = max(combinations(range(16), 5), key=lambda five: sum(not set(five) & set(four) for four in planes))
    places = [place for place in range(16) if place not in left_out]
    vectors = []
    for place in range(11):
        vectors += [[sign if each == place else 0 for each in range(11)] for sign in (2, -2)]
    for four in planes:
        if not set(four) & set(left_out):
            for signs in product((1, -1), repeat=4):
                at = dict(zip(four, signs, strict=True))
                vectors.append([at.get(place, 0) for place in places])
    return vectors
