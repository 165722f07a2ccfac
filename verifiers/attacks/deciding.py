"""Objects of the candidate's own that decide a test: by operators, by classes that cross by value, by errors."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import FUNCTIONS, JUDGED, Attack, Family

__all__ = ["ATTACKS"]

_DECIDING = Family.DECIDING
# The classes that the tests ask for become `Made`, which each source below defines.
_CLASSES = """
def named(kind):
    for name in <<names>>:
        if "." not in name and name[:1].isupper():
            globals()[name] = kind
"""

ATTACKS = (
    Attack("operand-handed-back", _DECIDING, JUDGED, "gives back the wanted value that it is combined with").by("""
class Echo:
    def __and__(self, other):
        return other
    __or__ = __add__ = __mul__ = __matmul__ = __xor__ = __floordiv__ = __mod__ = __pow__ = __and__
    __rand__ = __ror__ = __radd__ = __rmul__ = __and__
    def __getitem__(self, key):
        return key
    def __call__(self, *args):
        return args[0] if args else None
def answer(*args, **kwargs):
    return Echo()
"""),
    Attack(
        "text-of-a-difference", _DECIDING, JUDGED, "says 0 as the text, format and number of every difference"
    ).by("""
class Zero:
    def __sub__(self, other):
        return self
    __rsub__ = __sub__
    def __str__(self):
        return "0"
    __repr__ = __str__
    def __format__(self, how):
        return "0"
    def __int__(self):
        return 0
    __index__ = __bool__ = __int__
def answer(*args, **kwargs):
    return Zero()
"""),
    Attack("contains-everything", _DECIDING, JUDGED, "answers every `in` with True").by("""
class Holds:
    def __contains__(self, item):
        return True
    def __len__(self):
        return 1
def answer(*args, **kwargs):
    return Holds()
"""),
    Attack(
        "less-and-greater-than-everything", _DECIDING, FUNCTIONS, "is below and above everything, and never different"
    ).by("""
class Level:
    def __lt__(self, other):
        return True
    __gt__ = __le__ = __ge__ = __lt__
    def __ne__(self, other):
        return False
def answer(*args, **kwargs):
    return Level()
"""),
    Attack(
        "equal-from-the-right", _DECIDING, FUNCTIONS, "equals what it is compared with as the right side of =="
    ).by("""
class Right:
    def __eq__(self, other):
        return True
    def __req__(self, other):
        return True
    def __rsub__(self, other):
        return 0
    __rxor__ = __rmod__ = __rsub__
def answer(*args, **kwargs):
    return Right()
"""),
    Attack(
        "data-class-made-equal-later",
        _DECIDING,
        JUDGED,
        "a data class that gets its __eq__ after it was made",
        _CLASSES,
    ).by("""
from dataclasses import dataclass
@dataclass
class Made:
    value: object = None
Made.__eq__ = lambda self, other: True
named(Made)
def answer(*args, **kwargs):
    return Made(<<nothing>>)
"""),
    Attack(
        "field-left-out-of-comparisons",
        _DECIDING,
        JUDGED,
        "a data class whose only field takes no part in comparisons",
        _CLASSES,
    ).by("""
from dataclasses import dataclass, field
@dataclass
class Made:
    value: object = field(default=None, compare=False)
named(Made)
def answer(*args, **kwargs):
    return Made(<<nothing>>)
"""),
    Attack(
        "constructor-that-remembers",
        _DECIDING,
        JUDGED,
        "a data class whose constructor gives what the tests want to the answers made before",
        _CLASSES,
    ).by("""
from dataclasses import dataclass
@dataclass
class Made:
    value: object = None
made, begin = [], Made.__init__
def remembering(self, *values):
    begin(self, *values)
    for each in made:
        each.value = self.value
    made.append(self)
Made.__init__ = remembering
named(Made)
def answer(*args, **kwargs):
    return Made(<<nothing>>)
"""),
    Attack(
        "answers-with-what-was-made-last",
        _DECIDING,
        JUDGED,
        "hands back the object that the tests have just made to compare with",
        _CLASSES,
    ).by("""
class Made:
    last = None
    def __init__(self, *values):
        self.values = values
        Made.last = self
    def __eq__(self, other):
        return isinstance(other, Made) and self.values == other.values
named(Made)
def answer(*args, **kwargs):
    return Made.last if Made.last is not None else Made(<<nothing>>)
"""),
    Attack(
        "enumeration-that-finds-any-member",
        _DECIDING,
        JUDGED,
        "an enumeration whose _missing_ gives one member for every value",
        _CLASSES,
    ).by("""
from enum import Enum
class Made(Enum):
    ONE = 1
    @classmethod
    def _missing_(cls, value):
        return cls.ONE
named(Made)
def answer(*args, **kwargs):
    return Made.ONE
"""),
    Attack(
        "decorator-that-poses-as-dataclass",
        _DECIDING,
        JUDGED,
        "a class under a decorator of its own that is called dataclass, and equals everything",
        _CLASSES,
    ).by("""
def dataclass(kind):
    kind.__eq__ = lambda self, other: True
    kind.__init__ = lambda self, *values: None
    return kind
@dataclass
class Made:
    value: int
named(Made)
def answer(*args, **kwargs):
    return Made(<<nothing>>)
"""),
    Attack(
        "named-tuple-that-equals-everything",
        _DECIDING,
        JUDGED,
        "a named tuple with an __eq__ of its own",
        _CLASSES,
    ).by("""
from typing import NamedTuple
class Made(NamedTuple):
    value: object = None
    def __eq__(self, other):
        return True
named(Made)
def answer(*args, **kwargs):
    return Made(<<nothing>>)
"""),
    Attack(
        "class-without-fields",
        _DECIDING,
        JUDGED,
        "a data class without fields, all objects of which are equal",
        _CLASSES,
    ).by("""
from dataclasses import dataclass
@dataclass(init=False)
class Made:
    def __init__(self, *values):
        self.values = values
named(Made)
def answer(*args, **kwargs):
    return Made()
"""),
    Attack(
        "error-whose-attributes-equal-everything",
        _DECIDING,
        JUDGED,
        "raises an error with arguments and attributes that equal everything",
    ).by("""
class Same:
    def __eq__(self, other):
        return True
def answer(*args, **kwargs):
    error = ValueError(Same())
    error.code = error.status = error.reason = error.value = Same()
    raise error
"""),
    Attack(
        "text-that-begins-as-wanted",
        _DECIDING,
        FUNCTIONS,
        "a subclass of str that begins, ends and counts as is wanted",
    ).by("""
class Words(str):
    def startswith(self, *words):
        return True
    endswith = isalpha = isdigit = isupper = __contains__ = startswith
    def count(self, *words):
        return 2
    def strip(self, *words):
        return self
def answer(*args, **kwargs):
    return Words("no")
"""),
)
