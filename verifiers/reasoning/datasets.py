"""How the answers of each of reasoning-gym's data sets are read and scored, and which sets are refused and why.

None of the library's own scorers is used: fourteen of them parse an answer by evaluating it, and of the others more
than a dozen give full marks to answers that are wrong (`tests/verifiers/reasoning/`, with reasoning-gym 0.1.25). An
answer is read as a form, by a grammar of `gristmill.verifiers.reasoning.guest.wire`, and scored by a rule of
`gristmill.verifiers.reasoning.guest.judge`. A data set that is not named here is refused.
"""

from __future__ import annotations

from typing import Final

__all__ = ["READINGS", "REFUSED", "refusal"]

_NO_ANSWER = "has no reference answer, so nothing shows that a scorer accepts a right one"
_UNSTEADY = "makes other items of the same seed in another process, as it walks through sets of text"
REFUSED: Final[dict[str, str]] = {
    "boxnet": _NO_ANSWER,
    "composite": "is a mixture of other data sets: import those by their names",
    "graph_color": _NO_ANSWER,
    "isomorphic_strings": _UNSTEADY,
    "polynomial_multiplication": _UNSTEADY,
    "propositional_logic": _NO_ANSWER,
    "ransom_note": _UNSTEADY,
    "rubiks_cube": _NO_ANSWER,
    "rush_hour": _NO_ANSWER,
    "word_ladder": _UNSTEADY,
}
"""Data set → why it is not imported and not judged."""

_BY_READING: Final[dict[tuple[str, str], str]] = {
    ("integer", "equal"): "aiw basic_arithmetic binary_alternation chain_sum circuit_logic count_bits count_primes gcd "
    "largest_island lcm leg_counting letter_counting maze number_sequence products rectangle_count rotten_oranges "
    "self_reference simple_equations",
    ("decimal", "number"): "decimal_arithmetic decimal_chain_sum gsm_symbolic simple_geometry",
    ("decimal", "power"): "power_function",
    ("decimal", "candidate"): "number_format",
    ("number", "probability"): "coin_flip",
    ("fraction", "equal"): "dice fraction_simplification",
    ("bitwise", "equal"): "bitwise_arithmetic",
    ("complex", "complex"): "complex_arithmetic",
    ("measure", "measured"): "advanced_geometry",
    ("decimals", "roots"): "polynomial_equations",
    ("quoted-decimals", "numbers"): "number_filtering number_sorting",
    ("factors", "unordered"): "prime_factorization",
    ("duration", "lasted"): "time_intervals",
    ("word", "equal"): "acre calendar_arithmetic color_cube_rotation course_schedule family_relationships figlet_font "
    "game_of_life_halting mahjong_puzzle needle_haystack syllogism zebra_puzzles",
    ("text", "equal"): "ab base_conversion bf caesar_cipher emoji_mystery letter_jumble sentence_reordering "
    "spell_backward string_insertion string_manipulation",
    ("text", "palindrome"): "palindrome_generation",
    ("commas", "equal"): "word_sequence_reversal word_sorting",
    ("lines", "equal"): "futoshiki modulo_grid",
    ("data", "equal"): "codeio",
    ("point", "equal"): "tsumego",
    ("roles", "unordered"): "knights_knaves",
    ("groups", "grouped"): "group_anagrams",
    ("groups", "unordered"): "palindrome_partitioning",
    ("grid", "cells"): "arc_1d arc_agi binary_matrix manipulate_matrix path_star rearc rotate_matrix spiral_matrix "
    "string_splitting string_synthesis",
    ("decimal-grid", "pooled"): "pool_matrix",
    ("json-grid", "cells"): "game_of_life",
    ("json-list", "equal"): "list_functions",
    ("grid", "sudoku"): "mini_sudoku sudoku",
    ("grid", "kakurasu"): "kakurasu",
    ("grid", "survo"): "survo",
    ("board", "queens"): "n_queens",
    ("mapping", "cryptarithm"): "cryptarithm",
    ("pours", "jugs"): "jugs",
    ("swaps", "knights"): "knight_swap",
    ("hanoi", "hanoi"): "tower_of_hanoi",
    ("directions", "path"): "shortest_path",
    ("presses", "lock"): "quantum_lock",
    ("pushes", "sokoban"): "sokoban",
    ("term", "countdown"): "countdown",
    ("term", "twenty-four"): "puzzle24",
    ("formula", "integral"): "intermediate_integration simple_integration",
}
READINGS: Final[dict[str, tuple[str, str]]] = {
    name: reading for reading, names in _BY_READING.items() for name in names.split()
}
"""Data set → the form of its answers and the rule that scores them."""


def refusal(name: str) -> str:
    """Why a data set is refused; empty if it is not."""
    if name in READINGS:
        return ""
    return f"reasoning-gym's {name} {REFUSED.get(name, 'is not known here, so nothing says how its answers are read')}"
