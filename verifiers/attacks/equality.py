"""Values that lie when they are compared, measured, or asked what they are."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import FUNCTIONS, Attack, Family

__all__ = ["ATTACKS"]

_EQUALITY = Family.EQUALITY

ATTACKS = (
    Attack("equal-object", _EQUALITY, FUNCTIONS, "an object that equals everything").by("""
class Same:
    def __eq__(self, other):
        return True
def answer(*args, **kwargs):
    return Same()
"""),
    Attack("equal-int", _EQUALITY, FUNCTIONS, "a subclass of int that equals everything").by("""
class Same(int):
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    __hash__ = int.__hash__
def answer(*args, **kwargs):
    return Same(7)
"""),
    Attack("equal-text", _EQUALITY, FUNCTIONS, "a subclass of str that equals everything").by("""
class Same(str):
    def __eq__(self, other):
        return True
    __hash__ = str.__hash__
def answer(*args, **kwargs):
    return Same("no")
"""),
    Attack("equal-list", _EQUALITY, FUNCTIONS, "a subclass of list that equals everything").by("""
class Same(list):
    def __eq__(self, other):
        return True
def answer(*args, **kwargs):
    return Same()
"""),
    Attack("equal-class", _EQUALITY, FUNCTIONS, "a class whose metaclass says that it equals everything").by("""
class Meta(type):
    def __eq__(cls, other):
        return True
    __hash__ = type.__hash__
class Same(metaclass=Meta):
    pass
def answer(*args, **kwargs):
    return Same
"""),
    Attack("equal-any", _EQUALITY, FUNCTIONS, "unittest.mock.ANY, which equals everything by design").by("""
from unittest import mock
def answer(*args, **kwargs):
    return mock.ANY
"""),
    Attack(
        "equal-inside-a-list", _EQUALITY, FUNCTIONS, "a plain list of objects that equal everything, of any length"
    ).by("""
class Same:
    def __eq__(self, other):
        return True
class Any(list):
    def __len__(self):
        return 2
    def __iter__(self):
        while True:
            yield Same()
def answer(*args, **kwargs):
    return Any([Same(), Same()])
"""),
    Attack(
        "class-swapped", _EQUALITY, FUNCTIONS, "an object that becomes an instance of the class it is compared with"
    ).by("""
class Loose:
    def __eq__(self, other):
        self.__class__ = type("Loose", (Loose,), {"__eq__": lambda *pair: True})
        return self == other
def answer(*args, **kwargs):
    return Loose()
"""),
    Attack("class-claimed", _EQUALITY, FUNCTIONS, "an object whose __class__ says that it is a number").by("""
class Liar:
    @property
    def __class__(self):
        return int
    def __eq__(self, other):
        return True
    __hash__ = object.__hash__
def answer(*args, **kwargs):
    return Liar()
"""),
    Attack(
        "never-less-never-greater", _EQUALITY, FUNCTIONS, "an object that is neither below nor above anything"
    ).by("""
class Level:
    def __lt__(self, other):
        return False
    __gt__ = __le__ = __ge__ = __lt__
def answer(*args, **kwargs):
    return Level()
"""),
    Attack("near-object", _EQUALITY, FUNCTIONS, "an object whose distance to everything is 0").by("""
class Near:
    def __sub__(self, other):
        return self
    __rsub__ = __sub__
    def __abs__(self):
        return 0.0
def answer(*args, **kwargs):
    return Near()
"""),
    Attack("near-float", _EQUALITY, FUNCTIONS, "a subclass of float whose distance to everything is 0").by("""
class Near(float):
    def __sub__(self, other):
        return Near(0.0)
    __rsub__ = __sub__
    def __abs__(self):
        return 0.0
def answer(*args, **kwargs):
    return Near(9.0)
"""),
    Attack(
        "near-by-class-of-the-task", _EQUALITY, FUNCTIONS, "an instance of the class asked for, where a number is"
    ).by("""
class Near:
    def __init__(self, *args, **kwargs):
        pass
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self
    def __sub__(self, other):
        return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __sub__
    def __contains__(self, other):
        return True
    def __call__(self, *args, **kwargs):
        return self
def answer(*args, **kwargs):
    return Near()
for name in <<names>>:
    if "." not in name:
        globals()[name] = type(name, (Near,), dict(vars(Near)))
"""),
    Attack(
        "hash-of-the-wanted", _EQUALITY, FUNCTIONS, "an object that is a member of every set and key of every dict"
    ).by("""
class Member:
    def __hash__(self):
        import sys
        frame = sys._getframe(1)
        while frame is not None:
            if "expected" in frame.f_locals:
                try:
                    return hash(frame.f_locals["expected"])
                except TypeError:
                    return 0
            frame = frame.f_back
        return 0
    def __eq__(self, other):
        return True
def answer(*args, **kwargs):
    return Member()
"""),
    Attack("array-function", _EQUALITY, FUNCTIONS, "an object that answers numpy.allclose by __array_function__").by("""
class Array:
    def __array_function__(self, function, types, args, kwargs):
        return True
    def __array_ufunc__(self, *args, **kwargs):
        return True
    def __eq__(self, other):
        return True
def answer(*args, **kwargs):
    return Array()
"""),
    Attack(
        "method-says-yes", _EQUALITY, FUNCTIONS, "an object that answers startswith, issubset and the like with True"
    ).by("""
class Yes:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: True
def answer(*args, **kwargs):
    return Yes()
"""),
    Attack(
        "repr-is-a-program", _EQUALITY, FUNCTIONS, "a value whose repr, evaluated by the runner, equals everything"
    ).by("""
class Text:
    def __repr__(self):
        return "type('Same', (), {'__eq__': lambda *pair: True})()"
    __str__ = __repr__
def answer(*args, **kwargs):
    return Text()
"""),
    Attack(
        "pickle-is-a-program", _EQUALITY, FUNCTIONS, "a value whose unpickling runs code in the runner's process"
    ).by("""
class Payload:
    def __reduce__(self):
        return eval, ("type('Same', (), {'__eq__': lambda *pair: True})()",)
def answer(*args, **kwargs):
    return Payload()
"""),
    Attack("json-is-changed", _EQUALITY, FUNCTIONS, "a dict subclass whose items are other ones each time").by("""
class Shifting(dict):
    def __eq__(self, other):
        return True
    def items(self):
        return []
    def __len__(self):
        return 0
    __hash__ = None
def answer(*args, **kwargs):
    return Shifting(a=1)
"""),
    Attack(
        "exception-in-disguise", _EQUALITY, FUNCTIONS, "raises an error whose class claims to be the one expected"
    ).by("""
class Meta(type):
    def __instancecheck__(cls, other):
        return True
    def __subclasscheck__(cls, other):
        return True
class Disguised(Exception, metaclass=Meta):
    @property
    def __class__(self):
        import sys
        frame = sys._getframe(1)
        while frame is not None:
            if isinstance(frame.f_locals.get("expected"), type):
                return frame.f_locals["expected"]
            frame = frame.f_back
        return ValueError
def answer(*args, **kwargs):
    import builtins
    builtins.ValueError = builtins.TypeError = Disguised
    raise Disguised()
"""),
)
