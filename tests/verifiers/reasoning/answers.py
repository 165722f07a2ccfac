"""Answers that are wrong by construction, right ones that differ from the generator's, and ones that attack a scorer.

Of each item: what follows from its expected answer by a change that makes any answer wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

Item = dict[str, Any]
# Where the case of a letter says nothing about the answer: closed choices, names, hexadecimal digits, a go board.
ANY_CASE = frozenset(
    "acre bitwise_arithmetic calendar_arithmetic color_cube_rotation course_schedule family_relationships figlet_font "
    "game_of_life_halting knights_knaves knight_swap mahjong_puzzle needle_haystack polynomial_equations syllogism "
    "tsumego zebra_puzzles".split()
)
BEHIND = (
    " or 7",
    "… or 7",
    ", 7",
    " (or 8)",
    " and more",
    ".",
    "!",
    "\n7",
    "\n\nDone.",
    " = 7",
    ";",
    "\\",
    "\x00",
    " |",
)
BEFORE = ("The answer is ", "7 or ", "answer: ", "not ", "= ", "~", "\\boxed{", "**")
# What finds the channel of the process that evaluates it, and what ends, blocks or fills that process.
ATTACKS = (
    "__import__('os')._exit(0)",
    "().__class__.__base__.__subclasses__()",
    "[o for o in __import__('gc').get_objects() if type(o).__name__ == 'JobContext'][0].send({'scores': [1.0]})",
    "__import__('sys')._getframe(5).f_locals['context'].send({'scores': [5.0]})",
    "[c.send({'read': [{'value': 1}]}) for c in __import__('gc').get_objects() if hasattr(c, 'send_bytes')]",
    "__builtins__['__import__']('os').system('true')",
    "(lambda: (yield))().gi_frame.f_back.f_back.f_locals",
    "[[0 for x in [().__class__.__mro__[1].__subclasses__()]][0]]",
    "{1: __import__('os').write(3, b'1.0')}",
    "Symbol('x').__class__.__init__.__globals__['__builtins__']['exec']('raise SystemExit')",
    "Integral(x, x) + __import__('gc').collect()",
    "lambda: 1",
    "9**9**9**9",
    "[" * 5000,
    "(" * 3000 + "1" + ")" * 3000,
    "-" * 4000 + "1",
    '{"a": ' * 1200 + "1" + "}" * 1200,
    "1e400",
    "1e999999999",
    "nan",
    "inf",
    "-0",
    "-0.0",
    "\N{FULLWIDTH DIGIT SEVEN}",
    "\ud800",
    "\u202e7",
    "a" * 9000,
    "9" * 9000,
    "neg",
    "sin",
    "x**(x**(x**(x**x)))",
    "True",
    "None",
    "0",
    "1",
    "yes",
    "[]",
    "{}",
    '""',
    "NaN",
    "[[0]]",
    '{"a": 1, "a": 2}',
)


def equal_numbers(one: str, other: str) -> bool:
    """Whether both are numbers, and the same one."""
    try:
        return Decimal(one.replace(",", "")) == Decimal(other.replace(",", ""))
    except InvalidOperation:
        return False


def wrong(name: str, item: Item) -> Iterator[str]:
    """Answers that are wrong, whatever the item is."""
    gold = str(item["answer"]).strip()
    for answer in _changed(name, gold):
        differs = answer.split() != gold.split() if name not in ("futoshiki", "modulo_grid") else answer != gold
        if differs and not equal_numbers(answer, gold):
            yield answer


def _changed(name: str, gold: str) -> Iterator[str]:
    yield from (gold + each for each in BEHIND)
    yield from (each + gold for each in BEFORE)
    if gold:
        if not re.search(r"\.\d*0$", gold):  # 1.50 is 1.5
            yield gold + gold[-1]
        yield gold + " " + gold
        yield gold + "\n" + gold
        yield gold + "\n" + gold.split("\n")[-1]
    if name not in ANY_CASE and name != "codeio":
        yield gold.swapcase()
    if "\n" in gold:
        yield from ("\n".join(gold.split("\n")[:-1]), "\n".join(reversed(gold.split("\n"))))
        yield gold.replace("\n", " ")
    if re.search(r"\d", gold) and name not in ("intermediate_integration", "simple_integration", "codeio", "jugs"):
        first = re.search(r"\d+(?:\.\d+)?(?:e[-+]\d+)?", gold)
        assert first is not None
        number = first[0]
        for other in (str(Decimal(number) * Decimal("1.0001")), str(Decimal(number) + 1), "-" + number, number + "1"):
            signed = name in ("countdown", "puzzle24") and other.startswith("-")  # 3 - -2 may well be right
            angle = gold.endswith("\N{DEGREE SIGN}") and other == number + "1"  # three places may be right
            if not signed and not angle and not equal_numbers(other, number):
                yield gold[: first.start()] + other + gold[first.end() :]
    if name.endswith("_integration"):
        yield from (
            "1.0001*x**3 + " + gold,
            gold + " + x",
            gold + " + X",
            gold + " + D",
            f"({gold})*C*x",
            gold + " + oo",
        )
    yield from ("-0", "-0.0", "\N{MINUS SIGN}0", "+-1", "0x", "")


def others(name: str, item: Item) -> Iterator[str]:
    """Right answers that are written in another way, or are other ones."""
    gold, metadata = str(item["answer"]), item["metadata"]
    yield f"  {gold}\n" if gold else ""
    match name:
        case "chain_sum" | "products" | "gsm_symbolic" | "basic_arithmetic":
            if re.fullmatch(r"-?\d+", gold):
                yield from (f"{int(gold):,}", gold + ".0", gold.replace("-", "\N{MINUS SIGN}"))
        case "decimal_chain_sum" | "decimal_arithmetic":
            yield gold + "0" if "." in gold else gold + ".0"
        case "zebra_puzzles" | "syllogism" | "course_schedule" | "acre" | "needle_haystack":
            yield from (gold.upper(), gold.title())
        case "bitwise_arithmetic":
            yield gold.upper().replace("X", "x")
        case "coin_flip":
            rational = metadata["rational"]
            yield f"{rational['numerator']}/{rational['denominator']}"
        case "fraction_simplification":
            top, bottom = metadata["simplified_numerator"], metadata["simplified_denominator"]
            yield from (f"{top}/{bottom}", f"$\\frac{{{top}}}{{{bottom}}}$", f"\\dfrac{{{top}}}{{{bottom}}}")
        case "power_function":
            yield f"{Decimal(str(metadata['base'])) ** metadata['exponent']:.2e}"
        case "prime_factorization":
            yield from ("x".join(reversed(gold.split(" × "))), gold.replace("×", "*"))
        case "polynomial_equations":
            yield ",".join(reversed(gold.split(", ")))
        case "number_filtering" | "number_sorting":
            yield from (gold.replace("'", '"'), gold.replace("'", ""))
        case "group_anagrams" | "palindrome_partitioning":
            yield json.dumps(json.loads(gold)[::-1])
        case "knights_knaves":
            yield ", ".join(reversed(gold.removesuffix(".").replace(", and ", ", ").split(", ")))
        case "cryptarithm":
            yield ", ".join(reversed(gold.split(",")))
        case "palindrome_generation":
            half = len(gold) // 2
            left, middle = gold[:half][::-1], gold[half : len(gold) - half]
            yield left + middle + left[::-1]
        case "jugs":
            yield json.dumps(["fill A", "empty A", *json.loads(gold)])
        case "countdown" | "puzzle24":
            yield from (f"({gold})", gold.replace(" ", ""), f"-(-({gold}))")
        case "simple_integration" | "intermediate_integration":
            if "Integral(" not in gold:
                yield from (gold.replace("**", "^"), gold + " + 3", f"-(-({gold}))")
        case "codeio":
            if gold.strip().startswith(("{", "[")):
                yield json.dumps(json.loads(gold), indent=1)
        case "quantum_lock":
            yield gold.replace("→", "->")
        case "n_queens":
            yield from metadata["valid_answers"]
        case "complex_arithmetic":
            real, part = metadata["result"]
            yield from (f"{real} {'-' if part < 0 else '+'} {abs(part)}i", f"({real}{part:+}i)")
        case "advanced_geometry" if metadata["task_type"] == "angle_measure":
            yield f"{metadata['angle_ABC_degrees']:.3f}"
        case "pool_matrix":
            yield "\n".join(" ".join(f"{cell:.2f}" for cell in row) for row in metadata["solution"])
        case _:
            pass
