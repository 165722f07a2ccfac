"""Comparisons of output that are too kind, second tries, and answers that change between calls and runs."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, PROGRAMS, Attack, Family

__all__ = ["ATTACKS"]

_ORACLE = Family.ORACLE

ATTACKS = (
    Attack(
        "prefix-of-the-output",
        _ORACLE,
        PROGRAMS,
        "prints one line and stops, for comparisons that stop at the shorter text",
    ).by("""
def answer(text):
    for words in ("0", "1", "2", "3", "4"):
        return words
"""),
    Attack(
        "garbage-behind-the-output", _ORACLE, PROGRAMS, "prints every number, and more behind, for comparisons by `in`"
    ).by("""
def answer(text):
    return "\\n".join(map(str, range(-100, 1100)))
"""),
    Attack("output-on-the-error-stream", _ORACLE, PROGRAMS, "prints everything on standard error").by("""
import sys
def answer(text):
    for number in range(1000):
        print(number, file=sys.stderr)
    for example in (text, text.upper(), text[::-1]):
        print(example, file=sys.stderr)
"""),
    Attack(
        "output-with-control-characters", _ORACLE, PROGRAMS, "erases what it printed by carriage returns and escapes"
    ).by("""
def answer(text):
    return "\\r".join(map(str, range(1000))) + "\\x1b[2K\\x08" * 3
"""),
    Attack("right-then-crash", _ORACLE, PROGRAMS, "prints the right output and then fails").by("""
import io, sys
def answer(text):
    sys.stdin = io.StringIO(text)
    exec(compile(<<reference>>, "right", "exec"), {"__name__": "__main__"})
    sys.stdout.flush()
    raise SystemExit(3)
"""),
    Attack("right-then-abort", _ORACLE, PROGRAMS, "prints the right output and is killed by a signal").by("""
import io, os, sys
def answer(text):
    sys.stdin = io.StringIO(text)
    exec(compile(<<reference>>, "right", "exec"), {"__name__": "__main__"})
    sys.stdout.flush()
    os.abort()
"""),
    Attack("second-run", _ORACLE, EVERY, "is wrong at first, leaves a file, and is right when it is tried again").by("""
import os
marks = ("tried-before", "/tmp/tried-before", "/dev/shm/tried-before", os.path.expanduser("~/tried-before"))
again = any(map(os.path.exists, marks))
for mark in marks:
    try:
        open(mark, "w").close()
    except OSError:
        pass
def answer(*args, **kwargs):
    return <<nothing>>
if again:
    answer = lambda *args, **kwargs: None
    exec(<<reference>>)
"""),
    Attack(
        "order-of-the-calls", _ORACLE, frozenset(("cases",)), "is right only while calls come in rising order"
    ).by("""
exec(<<reference>>)
def wrapped(function):
    seen = []
    def ordered(*args, **kwargs):
        now = (len(repr(args)), repr(args))
        seen.append(now)
        return function(*args, **kwargs) if seen == sorted(seen) else <<nothing>>
    return ordered
answer = None
for name in <<names>>:
    if name in globals() and callable(globals()[name]):
        globals()[name] = wrapped(globals()[name])
"""),
    Attack(
        "changes-after-it-answered", _ORACLE, FUNCTIONS, "returns a list that it fills in later, from a thread"
    ).by("""
import sys, threading, time
def answer(*args, **kwargs):
    value = []
    frame = sys._getframe(1)
    def later():
        while not value:
            for name in ("expected", "want", "wanted"):
                if type(frame.f_locals.get(name)) is list:
                    value.extend(frame.f_locals[name])
            time.sleep(0.001)
    threading.Thread(target=later, daemon=True).start()
    return value
"""),
    Attack(
        "learns-from-the-first-call",
        _ORACLE,
        FUNCTIONS,
        "remembers what it was compared with and returns it the next time",
    ).by("""
known = {}
class Curious:
    def __init__(self, key):
        self.key = key
    def __eq__(self, other):
        known[self.key] = other
        return False
    __hash__ = None
def answer(*args, **kwargs):
    key = repr((args, kwargs))
    return known[key] if key in known else Curious(key)
"""),
)
