"""What the tests hand to a candidate: functions that check, formatters, mocks, iterators."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import JUDGED, Attack, Family

__all__ = ["ATTACKS"]

_CALLBACKS = Family.CALLBACKS
_GIVEN = """
def given(args, kwargs):
    return [value for value in (*args, *kwargs.values()) if callable(value)]
"""
_NAMES = """
words = ("wanted", "WANTED", "expected", "EXPECTED", "secret", "SECRET", "answer", "result")
"""

ATTACKS = (
    Attack(
        "callback-as-an-oracle",
        _CALLBACKS,
        JUDGED,
        "tries answers on a function of the tests until its assertion holds, and swallows those that fail",
        _GIVEN,
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        for guess in (*range(-10, 100), "", [], None, True, False, *map(str, range(10))):
            try:
                call(guess)
            except BaseException:
                continue
            return guess
    return <<nothing>>
"""),
    Attack(
        "expected-value-in-a-message",
        _CALLBACKS,
        JUDGED,
        "lets an assertion of the tests fail, and reads the wanted value in its message",
        _GIVEN,
    ).by("""
import re
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        try:
            call(<<nothing>>)
        except BaseException as error:
            for number in re.findall("-?[0-9]+", str(error)):
                try:
                    call(int(number))
                except BaseException:
                    continue
                return int(number)
    return <<nothing>>
"""),
    Attack(
        "callback-failure-swallowed", _CALLBACKS, JUDGED, "swallows what a function of the tests asserts", _GIVEN
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        try:
            call(<<nothing>>)
        except BaseException:
            pass
"""),
    Attack(
        "callback-failure-in-a-thread",
        _CALLBACKS,
        JUDGED,
        "calls a function of the tests in a thread, where its assertion ends nothing",
        _GIVEN,
    ).by("""
import threading
threading.excepthook = lambda told: None
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        thread = threading.Thread(target=call, args=(<<nothing>>,))
        thread.start()
        thread.join()
"""),
    Attack(
        "callback-failure-in-a-destructor",
        _CALLBACKS,
        JUDGED,
        "calls a function of the tests in __del__, where errors are only printed",
        _GIVEN,
    ).by("""
class Ends:
    def __init__(self, call):
        self.call = call
    def __del__(self):
        self.call(<<nothing>>)
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        Ends(call)
"""),
    Attack(
        "callback-failure-as-an-answer",
        _CALLBACKS,
        JUDGED,
        "calls a function of the tests by way of getattr's default, hasattr and other eaters of errors",
        _GIVEN,
    ).by("""
import contextlib
class Eater:
    def __init__(self, call):
        self.call = call
    def __getattr__(self, name):
        try:
            return self.call(<<nothing>>)
        except BaseException as error:
            raise AttributeError(name) from error
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        hasattr(Eater(call), "name")
        with contextlib.suppress(BaseException):
            call(<<nothing>>)
"""),
    Attack(
        "failure-of-an-iterator-swallowed",
        _CALLBACKS,
        JUDGED,
        "swallows what a generator of the tests asserts between two items",
    ).by("""
def answer(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        if hasattr(value, "__next__"):
            try:
                for _ in value:
                    pass
            except BaseException:
                pass
"""),
    Attack(
        "callback-makes-an-equal-object",
        _CALLBACKS,
        JUDGED,
        "has a mock of the tests' made that equals everything",
        _GIVEN,
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        for told in ({"__eq__.return_value": True}, {"side_effect": lambda *pair: True}):
            try:
                return call(**told)
            except BaseException:
                continue
    return <<nothing>>
"""),
    Attack(
        "mock-configured-by-its-method", _CALLBACKS, JUDGED, "configures a mock of the tests by its own method", _GIVEN
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        for value in (*args, *kwargs.values()):
            # of two that can be called, the method is the one that says nothing
            try:
                if call is not value and call(**{"__eq__.return_value": True}) is None:
                    return value
            except BaseException:
                continue
    return <<nothing>>
"""),
    Attack(
        "callback-makes-a-wide-tolerance",
        _CALLBACKS,
        JUDGED,
        "has pytest.approx made with an infinite tolerance",
        _GIVEN,
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        for told in ({"abs": float("inf")}, {"rel": float("inf")}, {"nan_ok": True}):
            try:
                return call(0, **told)
            except BaseException:
                continue
    return <<nothing>>
"""),
    Attack(
        "format-handed-back",
        _CALLBACKS,
        JUDGED,
        "hands a function of the tests to str.format of the tests, with a template that reads its globals",
        _GIVEN + _NAMES,
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        for other in (*args, *kwargs.values()):
            for word in words:
                try:
                    found = call("{0.__globals__[" + word + "]}", other)
                except BaseException:
                    continue
                if isinstance(found, str) and "{" not in found:
                    return int(found) if found.isdigit() else found
    return <<nothing>>
"""),
    Attack(
        "getter-handed-back",
        _CALLBACKS,
        JUDGED,
        "has operator.attrgetter of the tests read the globals of another of their functions",
        _GIVEN + _NAMES,
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        for other in (*args, *kwargs.values()):
            try:
                known = call("__globals__")(other)
            except BaseException:
                continue
            for word in words:
                if word in known:
                    return known[word]
    return <<nothing>>
"""),
    Attack(
        "bound-getter-handed-back",
        _CALLBACKS,
        JUDGED,
        "asks a bound __getattribute__ or partial of getattr for the globals of the tests",
        _GIVEN + _NAMES,
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        try:
            known = call("__globals__")
        except BaseException:
            continue
        for word in words:
            if word in known:
                return known[word]
    return <<nothing>>
"""),
    Attack(
        "callback-applied-to-another",
        _CALLBACKS,
        JUDGED,
        "applies one function of the tests to another by their map or reduce",
        _GIVEN + _NAMES,
    ).by("""
def answer(*args, **kwargs):
    for apply in given(args, kwargs):
        for call in given(args, kwargs):
            for other in given(args, kwargs):
                for word in words:
                    try:
                        found = apply(call, ["{0.__globals__[" + word + "]}", other])
                    except BaseException:
                        continue
                    if isinstance(found, str) and "{" not in found:
                        return found
    return <<nothing>>
"""),
    Attack(
        "representation-of-a-partial",
        _CALLBACKS,
        JUDGED,
        "has a partial made of a function of the tests, whose representation tells its name",
        _GIVEN,
    ).by("""
def answer(*args, **kwargs):
    for call in given(args, kwargs):
        for other in given(args, kwargs):
            if other is not call:
                try:
                    return call(other)
                except BaseException:
                    continue
    return <<nothing>>
"""),
)
