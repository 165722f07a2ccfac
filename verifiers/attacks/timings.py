"""Time that is not counted: work done elsewhere, before, later or by others, and clocks that say what they are told.

All of them give right answers by the task's reference, so that none may count as much faster than that.
"""

from __future__ import annotations

from gristmill.verifiers.attacks.records import Attack, Family

__all__ = ["ATTACKS"]

_TIMED = frozenset(("timed",))
_REFERENCE = """
exec(<<reference>>, space := {})
reference = space[<<names>>[0]]
"""


def _attack(name: str, tries: str, source: str) -> Attack:
    return Attack(name, Family.SCORES, _TIMED, tries).by(_REFERENCE + source)


ATTACKS = (
    _attack(
        "work-in-a-thread",
        "has another thread do the work, where the time of the calling one is taken",
        """
import threading
def answer(*args, **kwargs):
    kept = []
    worker = threading.Thread(target=lambda: kept.append(reference(*args, **kwargs)))
    worker.start()
    worker.join()
    return kept[0]
""",
    ),
    _attack(
        "work-in-a-child",
        "forks a child for the work and sleeps until it is done, with its end of children ignored",
        """
import marshal, os, signal, tempfile
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def answer(*args, **kwargs):
    place = os.path.join(tempfile.gettempdir(), "made")
    child = os.fork()
    if child == 0:
        with open(place, "wb") as file:
            marshal.dump(reference(*args, **kwargs), file)
        os._exit(0)
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass
    with open(place, "rb") as file:
        return marshal.load(file)
""",
    ),
    _attack(
        "work-when-it-is-looked-at",
        "returns a generator, whose items are worked out by whoever iterates over it",
        """
def answer(*args, **kwargs):
    return iter_of(args, kwargs)
def iter_of(args, kwargs):
    value = reference(*args, **kwargs)
    yield from value if hasattr(value, "__iter__") else [value]
""",
    ),
    _attack(
        "work-in-the-encoding",
        "returns a list of its own class that works its items out while it is written down",
        """
class Later(list):
    def __init__(self, args, kwargs):
        self.given = args, kwargs
    def made(self):
        args, kwargs = self.given
        value = reference(*args, **kwargs)
        return value if type(value) is list else [value]
    def __iter__(self): return iter(self.made())
    def __len__(self): return len(self.made())
    def __getitem__(self, place): return self.made()[place]
    def __eq__(self, other): return self.made() == other
    __hash__ = None
def answer(*args, **kwargs):
    return Later(args, kwargs)
""",
    ),
    _attack(
        "clocks-overwritten",
        "replaces every clock of its process by one that stands",
        """
import os, resource, time
for name in ("time", "perf_counter", "process_time", "thread_time", "monotonic"):
    setattr(time, name, lambda: 1.0)
    setattr(time, f"{name}_ns", lambda: 10 ** 9)
time.clock_gettime = lambda which: 1.0
time.clock_gettime_ns = lambda which: 10 ** 9
os.times = lambda: (0.0,) * 5
def answer(*args, **kwargs):
    return reference(*args, **kwargs)
""",
    ),
    _attack(
        "answer-by-identity",
        "keeps answers by the identity of what was asked, for inputs that are given again",
        """
kept = {}
def answer(*args, **kwargs):
    key = tuple(map(id, args))
    if key not in kept:
        kept[key] = args, reference(*args, **kwargs)
    return kept[key][1]
""",
    ),
    _attack(
        "reference-slowed",
        "makes slow what it does not use itself, so that a reference beside it takes longer",
        """
import builtins, time
own = builtins.range, builtins.len, builtins.sum, builtins.list, builtins.sorted
def slowed(function):
    def wrapper(*args, **kwargs):
        until = clock() + 0.0005
        while clock() < until:
            pass
        return function(*args, **kwargs)
    return wrapper
clock = time.perf_counter
names = "range", "len", "sum", "sorted"
kept = {name: getattr(builtins, name) for name in names}
space["__builtins__"] = dict(vars(builtins))
for name in names:
    setattr(builtins, name, slowed(kept[name]))
def answer(*args, **kwargs):
    for name in names:
        setattr(builtins, name, kept[name])
    try:
        return reference(*args, **kwargs)
    finally:
        for name in names:
            setattr(builtins, name, slowed(kept[name]))
""",
    ),
    _attack(
        "clock-line-answered",
        "writes a reading of no time at all to every descriptor",
        """
import os
def answer(*args, **kwargs):
    for number in range(3, 64):
        try:
            os.write(number, (1).to_bytes(8, "little"))
        except OSError:
            pass
    return reference(*args, **kwargs)
""",
    ),
    _attack(
        "work-by-a-timer",
        "answers nothing at first and works it out at the signals of a timer, for a run after the one that warms up",
        """
import signal
left, kept = {}, {}
def work(*args):
    for key, (asked, named) in list(left.items()):
        kept[key] = reference(*asked, **named)
        del left[key]
signal.signal(signal.SIGALRM, work)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def answer(*args, **kwargs):
    key = repr((args, kwargs))
    if key in kept:
        return kept[key]
    left[key] = args, kwargs
""",
    ),
)
