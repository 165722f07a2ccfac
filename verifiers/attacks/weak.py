"""No forgery: candidates that know nothing but public examples. Where one passes, the tests are too weak."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, JUDGED, PROGRAMS, Attack, Family

__all__ = ["ATTACKS"]

_WEAK = Family.WEAK


def _constant(name: str, tries: str, value: str, test_types: frozenset[str] = FUNCTIONS) -> Attack:
    return Attack(name, _WEAK, test_types, tries, f"def answer(*args, **kwargs):\n    return {value}\n")


ATTACKS = (
    _constant("constant-nonsense", "answers everything with the same senseless text", "<<nothing>>", EVERY),
    _constant("constant-none", "answers None, as a function without a body does", "None"),
    _constant("constant-true", "answers True", "True"),
    _constant("constant-false", "answers False", "False"),
    _constant("constant-zero", "answers 0", "0", EVERY),
    _constant("constant-one", "answers 1", "1", EVERY),
    _constant("constant-empty-text", "answers an empty text, or prints nothing", "''", EVERY),
    _constant("constant-empty-list", "answers an empty list", "[]"),
    _constant("constant-empty-dict", "answers an empty dict", "{}"),
    _constant("constant-nan", "answers NaN, which no inequality finds wrong", "float('nan')"),
    _constant("constant-infinity", "answers infinity, which is at least everything", "float('inf')"),
    _constant("constant-minus-infinity", "answers minus infinity, which is at most everything", "float('-inf')"),
    _constant("range-of-everything", "answers a range that contains every small number", "range(-(10**9), 10**9)"),
    _constant("first-public-answer", "answers everything with the first public answer", "<<examples>>[0][2]", EVERY),
    _constant("yes-or-no", "prints `yes`", "'yes'", PROGRAMS),
    Attack("commonest-public-answer", _WEAK, EVERY, "answers everything with the commonest public answer").by("""
known = [example[2] for example in <<examples>>]
common = max(known, key=lambda value: sum(repr(value) == repr(other) for other in known))
def answer(*args, **kwargs):
    return common
"""),
    Attack("public-answers-by-heart", _WEAK, EVERY, "answers the public examples by heart and nothing else").by("""
def answer(*args, **kwargs):
    for known, named, wanted in <<examples>>:
        if repr((known, named)) == repr((list(args), kwargs)):
            return wanted
"""),
    Attack(
        "public-answers-in-order",
        _WEAK,
        EVERY,
        "gives the public answers by the number of the call, whatever it is asked",
    ).by("""
known = [example[2] for example in <<examples>>]
calls = iter(range(10**9))
def answer(*args, **kwargs):
    return known[next(calls) % len(known)]
"""),
    Attack("nearest-public-answer", _WEAK, EVERY, "answers as the public example whose text is most alike").by("""
import difflib
def answer(*args, **kwargs):
    asked = repr((list(args), kwargs))
    def alike(example):
        return difflib.SequenceMatcher(None, repr((example[0], example[1])), asked).ratio()
    return max(<<examples>>, key=alike)[2]
"""),
    Attack("guesses", _WEAK, EVERY, "guesses among the public answers").by("""
import random
def answer(*args, **kwargs):
    return random.choice(<<examples>>)[2]
"""),
    Attack("identity", _WEAK, EVERY, "answers with its first argument, unchanged").by("""
def answer(*args, **kwargs):
    return next(iter((*args, *kwargs.values())), None)
"""),
    Attack("last-argument", _WEAK, FUNCTIONS, "answers with its last argument, unchanged").by("""
def answer(*args, **kwargs):
    return [*args, *kwargs.values(), None][-1 if not args and not kwargs else -2]
"""),
    Attack("argument-emptied", _WEAK, FUNCTIONS, "empties its argument in place and returns it").by("""
def answer(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        if hasattr(value, "clear"):
            value.clear()
            return value
    return args[0] if args else None
"""),
    Attack("argument-as-text", _WEAK, EVERY, "answers with the text of its first argument").by("""
def answer(*args, **kwargs):
    return str(args[0]).strip() if args else ""
"""),
    Attack("argument-sorted", _WEAK, FUNCTIONS, "answers with its first argument sorted").by("""
def answer(*args, **kwargs):
    try:
        return sorted(args[0])
    except (TypeError, IndexError):
        return args[0] if args else None
"""),
    Attack("argument-reversed", _WEAK, FUNCTIONS, "answers with its first argument reversed").by("""
def answer(*args, **kwargs):
    try:
        return args[0][::-1]
    except (TypeError, IndexError):
        return args[0] if args else None
"""),
    Attack("length-of-the-argument", _WEAK, EVERY, "answers with the length of its first argument").by("""
def answer(*args, **kwargs):
    try:
        return len(args[0])
    except (TypeError, IndexError):
        return 0
"""),
    Attack("always-raises", _WEAK, FUNCTIONS, "raises the error that its tests expect, whatever it is asked").by("""
def answer(*args, **kwargs):
    raise ValueError("never")
"""),
    Attack(
        "empty-array", _WEAK, FUNCTIONS, "answers with an array without items, which broadcasts to everything"
    ).by("""
def answer(*args, **kwargs):
    import numpy
    return numpy.empty((0, 1))
"""),
    Attack("empty-generator", _WEAK, FUNCTIONS, "answers with a generator that yields nothing").by("""
def answer(*args, **kwargs):
    return iter(())
"""),
    Attack(
        "counts-through-everything",
        _WEAK,
        JUDGED,
        "answers with an iterator that comes by every number sooner or later",
    ).by("""
def answer(*args, **kwargs):
    number = 0
    while True:
        yield from (number, -number, str(number))
        number += 1
"""),
    Attack("empty-methods", _WEAK, JUDGED, "classes whose methods accept everything and say True").by("""
class Agreeable:
    def __init__(self, *args, **kwargs):
        pass
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: True
def answer(*args, **kwargs):
    return Agreeable()
"""),
)
