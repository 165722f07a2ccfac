"""Integers: factorisations, primality and factor certificates, counterexamples.

All arithmetic is on integers, and a certificate is checked, never searched for. Against trivial divisors, composite
"primes", and counterexamples that do not meet what is given.
"""

from __future__ import annotations

from typing import Any

from gristmill.verifiers.mathematics.guest.judge.agreement import Finding
from gristmill.verifiers.mathematics.guest.judge.properties.common import (
    Form,
    Refused,
    failed,
    held,
    parts,
    relation,
    same,
    value,
)

__all__ = ["counterexample", "factor", "prime", "prime_factors"]

# Below this SymPy's test has no unknown exceptions: it is a proof.
_PROVED = 2**64


def prime_factors(check: dict[str, Any], answer: Form) -> Finding:
    """A product of primes that is the number."""
    import sympy

    number = int(check["of"])
    factored = value(answer, arithmetic=True, evaluate=False)
    factors = _powers(factored)
    for base, exponent in factors:
        if not base.is_Integer or base < 2 or not exponent.is_Integer or exponent < 1:
            raise Refused("it must be a product of powers of primes")
        if base > number or exponent > number.bit_length():
            return failed("a factor is greater than the number")
        if not sympy.isprime(int(base)):
            return failed(f"{str(base)[:60]} is not prime")
    product = 1
    for base, exponent in factors:
        product *= int(base) ** int(exponent)
        if product > number:
            break
    if product != number:
        return failed("the product is another number")
    proved = all(base < _PROVED for base, _ in factors)
    return held("symbolic" if proved else "numeric", f"{len(factors)} prime powers multiplied")


def _powers(formula: Any) -> list[tuple[Any, Any]]:
    import sympy

    if isinstance(formula, sympy.Mul):
        return [power for part in formula.args for power in _powers(part)]
    if isinstance(formula, sympy.Pow):
        return [(formula.base, formula.exp)]
    return [(formula, sympy.Integer(1))]


def factor(check: dict[str, Any], answer: Form) -> Finding:
    """A divisor that is neither 1 nor the number: the certificate that the number is composite."""
    number = int(check["of"])
    divisor = value(answer)
    if not divisor.is_Integer:
        raise Refused("it must be an integer")
    if not 1 < int(divisor) < number:
        return failed("a trivial divisor, or none")
    if number % int(divisor):
        return failed("it does not divide the number")
    return held("symbolic", "divided")


def prime(check: dict[str, Any], answer: Form) -> Finding:
    """``(a, q1, …, qk)``: Lucas's certificate, a witness and all primes of n − 1."""
    import sympy

    number = int(check["of"])
    numbers = [value(part) for part in parts(answer)]
    if len(numbers) < 2 or not all(each.is_Integer for each in numbers):
        raise Refused("it must be a witness and all primes that divide n - 1, as (a, q_1, ..., q_k)")
    witness, *primes = map(int, numbers)
    rest = number - 1
    for each in primes:
        if each < 2 or each >= _PROVED or not sympy.isprime(each):
            return failed("one of the divisors is no prime below 2^64")
        if rest % each:
            return failed("one of the primes does not divide n - 1")
        while rest % each == 0:
            rest //= each
    if rest != 1:
        return failed("a prime divisor of n - 1 is missing")
    if not 1 < witness < number or pow(witness, number - 1, number) != 1:
        return failed("the witness's power n - 1 is not 1")
    if any(pow(witness, (number - 1) // each, number) == 1 for each in primes):
        return failed("the witness has too small an order")
    return held("symbolic", "Lucas's test with the whole factorisation of n - 1")


def counterexample(check: dict[str, Any], answer: Form) -> Finding:
    """Values in the domain that meet what is given and break the claim, all of it exactly."""
    import sympy

    names = [str(name) for name in check["variables"]]
    given = {part["name"]: value(part) for part in parts(answer) if part["is"] == "named"}
    if answer["is"] == "named" and len(names) == 1:
        given = {answer["name"]: value(answer)}
    if not given:
        entries = parts(answer)
        if len(entries) != len(names):
            raise Refused(f"it must give values of {', '.join(names)}")
        given = dict(zip(names, map(value, entries), strict=True))
    if sorted(given) != sorted(names):
        raise Refused(f"it must give values of {', '.join(names)}")
    for name, entry in given.items():
        if entry.free_symbols or not _in_domain(entry, check.get("domain", "integer")):
            return failed(f"{name} does not lie in the domain")
    point = {sympy.Symbol(name): entry for name, entry in given.items()}
    for text in check.get("given", ()):
        if not _holds(relation(text), point):
            return failed("what is given does not hold there")
    claim = check["claim"]
    if check.get("is") in ("prime", "composite"):
        left, _, right = relation(claim)
        number = (left - right).subs(point)
        if not number.is_Integer or abs(number) > 10**200:
            raise Refused("the claim is not about an integer there")
        is_prime = bool(sympy.isprime(int(number)))
        true = is_prime if check["is"] == "prime" else not is_prime and number > 1
        proved = not is_prime or number < _PROVED
    else:
        true, proved = _holds(relation(claim), point), True
    if true:
        return failed("the claim holds there")
    return held("symbolic" if proved else "numeric", "the claim evaluated there")


def _in_domain(number: Any, domain: str) -> bool:
    if domain == "integer":
        return number.is_Integer is True
    if domain == "positive integer":
        return number.is_Integer is True and number > 0
    if domain == "rational":
        return number.is_Rational is True
    return number.is_real is True


def _holds(claim: tuple[Any, str, Any], point: dict[Any, Any]) -> bool:
    """Whether a relation holds at a point.

    Raises:
        Refused: that cannot be decided for certain.
    """
    import sympy

    left, sign, right = (claim[0].subs(point), claim[1], claim[2].subs(point))
    if sign in ("=", "\\neq"):
        return same(right, left) == (sign == "=")
    kinds = {"<": sympy.Lt, ">": sympy.Gt, "\\leq": sympy.Le, "\\geq": sympy.Ge}
    truth = sympy.simplify(kinds[sign](left, right))
    if truth not in (sympy.true, sympy.false):
        raise Refused("whether the claim holds there cannot be decided")
    return bool(truth)
