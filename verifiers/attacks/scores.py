"""Scores that an evaluator never gave: forged where it runs, in what it computes with, or in what it computes from."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import Attack, Family

__all__ = ["ATTACKS"]

_SCORES = Family.SCORES
_SCORE = frozenset(("score",))
_EVERY_LINE = """
import os, threading
def send_everywhere(frame):
    for number in range(3, 64):
        try:
            os.write(number, frame)
        except OSError:
            pass
"""


def _attack(name: str, tries: str, source: str) -> Attack:
    return Attack(name, _SCORES, _SCORE, tries).by(source)


ATTACKS = (
    _attack(
        "score-in-a-frame",
        "walks up the stack and writes 999.0 over every number in it, as was believed elsewhere",
        """
import sys, ctypes
def answer(*args, **kwargs):
    frame = sys._getframe()
    while frame is not None:
        for space in (frame.f_locals, frame.f_globals):
            for name, value in list(space.items()):
                if type(value) in (int, float) or name in ("score", "total", "result", "metrics", "combined_score"):
                    space[name] = 999.0
        frame = frame.f_back
    return <<nothing>>
""",
    ),
    _attack(
        "score-on-the-heap",
        "replaces every function called evaluate and every dict of scores that the collector knows",
        """
import gc, types
def answer(*args, **kwargs):
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and each.__name__ in ("evaluate", "_numbers", "run_evaluator"):
            each.__code__ = (lambda *args: 999.0).__code__
        elif type(each) is dict and {"score", "combined_score", "numbers", "metrics"} & set(map(str, each)):
            each.update(score=999.0, combined_score=999.0, numbers={"": 999.0})
    return <<nothing>>
""",
    ),
    _attack(
        "score-message",
        "writes the judge's own message, a number and an end, to every descriptor",
        _EVERY_LINE
        + """
def framed(text):
    return len(text).to_bytes(4, "big") + text
END = b'{"end": {"calls": 9, "decisions": 0, "trouble": [], "lost": "", "late": false, "waited": 0.0, "crossing": 0.0}}'
def answer(*args, **kwargs):
    for text in (b'{"load": null, "missing": []}', b'{"numbers": {"": 999.0}}', END):
        send_everywhere(framed(text))
    os._exit(0)
""",
    ),
    _attack(
        "score-as-a-short-answer",
        "answers from a thread, again and again, whatever is asked",
        _EVERY_LINE
        + """
import struct
def answer(*args, **kwargs):
    frame = b"\\x02f" + struct.pack("<d", 999.0)
    def flood():
        for _ in range(100):
            send_everywhere(len(frame).to_bytes(4, "big") + frame)
    threading.Thread(target=flood, daemon=True).start()
    return <<nothing>>
""",
    ),
    _attack(
        "short-question-to-the-judge",
        "asks the judge by a short question, which unmarshals what it is sent",
        _EVERY_LINE
        + """
import marshal
def answer(*args, **kwargs):
    frame = b"\\x01" + marshal.dumps(("call", "evaluate", [999.0], None), 2)
    send_everywhere(len(frame).to_bytes(4, "big") + frame)
    return <<nothing>>
""",
    ),
    _attack(
        "patched-arithmetic",
        "replaces sum, len, max, min, abs, sorted, float and the mean of numpy",
        """
import builtins, math, statistics
for space in (builtins, math, statistics):
    for name in ("sum", "len", "max", "min", "abs", "round", "sorted", "float", "fsum", "dist", "sqrt", "mean"):
        if hasattr(space, name):
            setattr(space, name, lambda *args, **kwargs: 999.0)
def answer(*args, **kwargs):
    return <<nothing>>
""",
    ),
    _attack(
        "number-of-its-own-class",
        "returns a float that adds, compares and converts to 999.0",
        """
class Best(float):
    def __add__(self, other): return Best(999.0)
    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__
    def __abs__(self): return Best(999.0)
    __neg__ = __abs__
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __eq__ = __lt__
    def __hash__(self): return 0
    def __float__(self): return 999.0
    def __index__(self): return 999
    def __array__(self, *args, **kwargs): import numpy; return numpy.array(999.0)
def answer(*args, **kwargs):
    return Best(1.0)
""",
    ),
    _attack(
        "list-of-its-own-class",
        "returns a list whose length, sum and items are what is asked for",
        """
class Everything(list):
    def __len__(self): return 10 ** 6
    def __iter__(self): return iter(())
    def __contains__(self, item): return True
    def __getitem__(self, place): return 999.0
    def __eq__(self, other): return True
    __hash__ = None
def answer(*args, **kwargs):
    return Everything([0])
""",
    ),
    _attack(
        "instance-changed-in-place",
        "empties and rewrites what it is given, so that the evaluator measures against that",
        """
def worn(value):
    if type(value) is dict:
        for key in list(value):
            value[key] = worn(value[key])
    elif type(value) is list:
        value[:] = [worn(each) for each in value] * 2
    elif type(value) in (int, float):
        return type(value)(999)
    elif hasattr(value, "fill"):
        value.fill(999)
    return value
def answer(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        worn(value)
    return args[0] if args and type(args[0]) is list else <<nothing>>
""",
    ),
    _attack(
        "change-of-the-instance-sent",
        "has its side of the line say that the call has changed every argument",
        """
import sys
def answer(*args, **kwargs):
    for name, module in list(sys.modules.items()):
        if name.endswith("wire.peer"):
            module.changes_in = lambda *args: [[0, [999.0]], [1, [999.0]]]
            module.flat.answer = lambda value: None
    return <<nothing>>
""",
    ),
    _attack(
        "score-that-is-no-number",
        "returns NaN and infinities, for evaluators and archives that take them for a best",
        """
import itertools
kinds = itertools.cycle((float("nan"), float("inf"), -float("inf"), 1e308, 10 ** 400))
def answer(*args, **kwargs):
    return next(kinds)
""",
    ),
    _attack(
        "fault-of-the-evaluator",
        "returns what makes any evaluator raise, to be excused instead of scored",
        """
import itertools
kinds = itertools.cycle((None, "x", {}, [], (), object(), lambda: 0, {"a": [None]}))
def answer(*args, **kwargs):
    return next(kinds)
""",
    ),
    _attack(
        "remembered-instance",
        "keeps what it was asked in files, modules and the environment, to answer the next instance by it",
        """
import os, sys, pathlib
places = [pathlib.Path(each) / "seen" for each in ("/tmp", "/dev/shm", "/var/tmp", ".", os.path.expanduser("~"))]
def answer(*args, **kwargs):
    if any(place.exists() for place in places) or hasattr(sys, "seen") or "SEEN" in os.environ:
        exec(<<reference>>, space := {})
        return space[<<names>>[0]](*args, **kwargs)
    for place in places:
        try:
            place.write_text("x")
        except OSError:
            pass
    return <<nothing>>
""",
    ),
    _attack(
        "evaluator-read",
        "looks for the evaluator's text in memory, in files and in the processes beside it",
        """
import gc, glob, linecache
def answer(*args, **kwargs):
    texts = [each for each in gc.get_objects() if type(each) is str] + ["".join(linecache.getlines("<evaluator>"))]
    for each in gc.get_objects():
        if type(each) is dict:
            texts += [value for value in list(each.values()) if type(value) is str]
    for name in glob.glob("/proc/*/cmdline") + glob.glob("/tmp/**", recursive=True):
        try:
            texts.append(open(name, errors="replace").read(1 << 16))
        except OSError:
            pass
    if any("def " + "evaluate(candidate" in text for text in texts):
        exec(<<reference>>, space := {})
        return space[<<names>>[0]](*args, **kwargs)
    return <<nothing>>
""",
    ),
    _attack(
        "end-of-the-evaluation",
        "raises what would end the evaluator's loop as if it had come to its end",
        """
import itertools
kinds = itertools.cycle((StopIteration(999.0), GeneratorExit(), SystemExit(0), KeyboardInterrupt()))
def answer(*args, **kwargs):
    raise next(kinds)
""",
    ),
)
