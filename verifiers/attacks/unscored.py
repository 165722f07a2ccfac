"""Trouble that looks like the infrastructure's: whoever is not judged has not failed."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, Attack, Family

__all__ = ["ATTACKS"]

_UNSCORED = Family.UNSCORED
_SEND = """
import gc, socket
def send_everywhere(text):
    for each in gc.get_objects():
        if isinstance(each, socket.socket):
            try:
                each.sendall(len(text).to_bytes(4, "big") + text)
            except OSError:
                pass
"""

ATTACKS = (
    Attack("sleeps", _UNSCORED, EVERY, "sleeps, for runners that count no timeouts").by("""
import time
def answer(*args, **kwargs):
    time.sleep(60)
"""),
    Attack("crash", _UNSCORED, EVERY, "crashes the interpreter").by("""
import ctypes
def answer(*args, **kwargs):
    ctypes.string_at(0)
"""),
    Attack("stack-overflow", _UNSCORED, EVERY, "overflows the C stack").by("""
import sys
sys.setrecursionlimit(1 << 30)
class Deep:
    def __getattr__(self, name):
        return getattr(self, name)
def answer(*args, **kwargs):
    value = []
    for _ in range(1_000_000):
        value = [value]
    return repr(value) == Deep().any
"""),
    Attack("abort", _UNSCORED, EVERY, "aborts, as a broken runner would").by("""
import os
def answer(*args, **kwargs):
    os.abort()
"""),
    Attack("odd-exit-status", _UNSCORED, EVERY, "ends with statuses that runners keep for themselves").by("""
import os
def answer(*args, **kwargs):
    os._exit(87)
"""),
    Attack("memory-error", _UNSCORED, EVERY, "claims to be out of memory").by("""
def answer(*args, **kwargs):
    raise MemoryError
"""),
    Attack("descriptors-closed", _UNSCORED, EVERY, "closes all that it has inherited").by("""
import os
def answer(*args, **kwargs):
    os.closerange(0, 256)
    return <<nothing>>
"""),
    Attack("descriptors-used-up", _UNSCORED, EVERY, "opens files until none can be opened").by("""
kept = []
def answer(*args, **kwargs):
    try:
        while True:
            kept.append(open("/dev/null"))
    except OSError:
        pass
    return <<nothing>>
"""),
    Attack(
        "garbage-on-the-channel", _UNSCORED, EVERY, "writes garbage to every descriptor, so that no report can be read"
    ).by("""
import os
def answer(*args, **kwargs):
    for number in range(64):
        for text in (b"\\xff\\xff\\xff\\xff", b"\\x00\\x00\\x00\\x02{]", b"not json at all\\n"):
            try:
                os.write(number, text)
            except OSError:
                pass
    return <<nothing>>
"""),
    Attack("half-a-message", _UNSCORED, EVERY, "announces a long message and sends none of it").by("""
import os, time
def answer(*args, **kwargs):
    for number in range(3, 64):
        try:
            os.write(number, b"\\x00\\x00\\xff\\xff{")
        except OSError:
            pass
    time.sleep(60)
"""),
    Attack(
        "numbers-too-long-to-print", _UNSCORED, FUNCTIONS, "reports numbers that str() refuses to write", _SEND
    ).by("""
def answer(*args, **kwargs):
    huge = b'{"$i":"' + b"f" * 5000 + b'"}'
    send_everywhere(b'{"raised":{"type":' + huge + b',"message":' + huge + b',"line":' + huge + b"}}")
    send_everywhere(b'[2,{"own":' + huge + b',"text":' + huge + b',"type":' + huge + b"}]")
    return 10**5000
"""),
    Attack(
        "named-tuple-called-dict", _UNSCORED, FUNCTIONS, "returns a named tuple whose type's name sends reprlib astray"
    ).by("""
from collections import namedtuple
def answer(*args, **kwargs):
    return namedtuple("dict", "a b")("x", "y")
"""),
    Attack(
        "keys-too-long-to-print", _UNSCORED, FUNCTIONS, "returns keys and items that no comparison can write out"
    ).by("""
from collections import Counter, deque, namedtuple
from fractions import Fraction
Long = namedtuple("Long", "value")
def answer(*args, **kwargs):
    huge = Fraction(10**5000, 3)
    parts = [huge, range(10**5000), Long(10**5000), deque([10**5000]), Counter([huge]), {huge}, slice(10**5000)]
    return {huge: parts, Long(10**5000): parts, range(10**5000): parts}
"""),
    Attack("text-that-cannot-be-written", _UNSCORED, EVERY, "raises and prints halves of surrogate pairs").by("""
def answer(*args, **kwargs):
    raise ValueError("\\udcff" * 10)
"""),
    Attack("error-that-cannot-be-printed", _UNSCORED, EVERY, "raises an error whose text raises another").by("""
class Silent(Exception):
    def __str__(self):
        raise Silent()
    __repr__ = __str__
def answer(*args, **kwargs):
    raise Silent()
"""),
    Attack("error-with-an-endless-text", _UNSCORED, EVERY, "raises an error whose text takes for ever to make").by("""
class Endless(Exception):
    def __str__(self):
        while True:
            pass
    __repr__ = __str__
def answer(*args, **kwargs):
    raise Endless()
"""),
    Attack("value-too-deep", _UNSCORED, FUNCTIONS, "returns a list nested beyond every recursion limit").by("""
def answer(*args, **kwargs):
    value = []
    for _ in range(100_000):
        value = [value]
    return value
"""),
    Attack(
        "value-that-is-exponential", _UNSCORED, FUNCTIONS, "returns a small value that is vast once it is compared"
    ).by("""
def answer(*args, **kwargs):
    value = []
    for _ in range(64):
        value = [value, value]
    return value
"""),
    Attack("value-that-contains-itself", _UNSCORED, FUNCTIONS, "returns a value that contains itself").by("""
def answer(*args, **kwargs):
    value = {}
    value["value"] = [value]
    return value
"""),
    Attack("hashes-that-collide", _UNSCORED, FUNCTIONS, "returns keys that all share one hash").by("""
def answer(*args, **kwargs):
    return {number * (2**61 - 1): 0 for number in range(4000)}
"""),
    Attack(
        "collisions-sent-directly",
        _UNSCORED,
        FUNCTIONS,
        "sends keys that share one hash, without having to build them",
        _SEND,
    ).by("""
def answer(*args, **kwargs):
    keys = b",".join(b"%d" % (number * (2**61 - 1)) for number in range(1, 30_000))
    send_everywhere(b'{"value":{"$s":[' + keys + b"]}}")
    send_everywhere(b'[1,{"$s":[' + keys + b"]},[],false]")
    return <<nothing>>
"""),
    Attack("endless-iterator", _UNSCORED, FUNCTIONS, "answers with an iterator without end").by("""
import itertools
def answer(*args, **kwargs):
    return itertools.count()
"""),
    Attack(
        "type-that-cannot-be-read", _UNSCORED, FUNCTIONS, "returns a value whose metaclass raises whatever is asked"
    ).by("""
class Meta(type):
    def __getattribute__(cls, name):
        raise KeyboardInterrupt
    def __instancecheck__(cls, other):
        raise KeyboardInterrupt
class Odd(metaclass=Meta):
    pass
def answer(*args, **kwargs):
    return Odd()
"""),
    Attack(
        "fractions-too-long-to-print", _UNSCORED, FUNCTIONS, "returns keys that are fractions of too many digits"
    ).by("""
from fractions import Fraction
def answer(*args, **kwargs):
    return {Fraction(10**5000, 3): 1, Fraction(3, 10**5000): 2}
"""),
    Attack(
        "odd-containers-too-long-to-print",
        _UNSCORED,
        FUNCTIONS,
        "returns keys and items of ranges, deques and named tuples, which cannot be shown",
    ).by("""
import collections
Pair = collections.namedtuple("Pair", "one other")
def answer(*args, **kwargs):
    long = 10**5000
    return {(Pair(long, 1), range(long), frozenset((long, range(3)))): collections.deque([long, {long}])}
"""),
    Attack("modules-taken-away", _UNSCORED, EVERY, "takes away the modules that its runner needs to report").by("""
import sys
for name in [name for name in sys.modules if name.startswith(("gristmill", "json", "socket", "pickle"))]:
    sys.modules[name] = None
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack(
        "named-pipe-in-place-of-output",
        _UNSCORED,
        EVERY,
        "puts a named pipe where its reader expects a file, so that it waits",
    ).by("""
import os
def answer(*args, **kwargs):
    for name in ("output.txt", "result.json"):
        try:
            if os.path.exists(name):
                os.unlink(name)
            os.mkfifo(name)
        except OSError:
            pass
    return <<nothing>>
"""),
    Attack("syntax-that-crashes-parsers", _UNSCORED, EVERY, "is a source text that overflows parsers").by("""
def answer(*args, **kwargs):
    compile("(" * 200 + ")" * 200, "deep", "eval")
    return eval("-" * 100_000 + "1")
"""),
)
