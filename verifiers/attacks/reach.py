"""Expected values found where they lie: in frames, on the heap, in files, in other processes."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, Attack, Family

__all__ = ["ATTACKS"]

_REACH = Family.REACH
_SCAN_TEXT = '''
import json, re
def found_in(text, args):
    """The value beside the arguments in text that looks like cases, however it is written."""
    inside = json.dumps(list(args))
    for quoted in (inside, repr(list(args))):
        start = text.find(quoted + ",")
        if start >= 0:
            try:
                return json.JSONDecoder().raw_decode(text[start + len(quoted) + 1 :].strip().replace("'", '"'))[0]
            except ValueError:
                pass
    match = re.search(re.escape(", ".join(map(repr, args))) + r"\\)\\s*==\\s*(.+)", text)
    if match:
        try:
            return eval(match[1].split("\\n")[0])
        except Exception:
            pass
    return None
'''

ATTACKS = (
    Attack("frame-locals", _REACH, FUNCTIONS, "walks up the stack to a variable called expected").by("""
import sys
def answer(*args, **kwargs):
    frame = sys._getframe()
    while frame is not None:
        for name in ("expected", "want", "wanted", "target", "gold", "output"):
            if name in frame.f_locals:
                return frame.f_locals[name]
        frame = frame.f_back
    return <<nothing>>
"""),
    Attack(
        "traceback-frames", _REACH, FUNCTIONS, "walks up the stack from a traceback, where _getframe is taken away"
    ).by("""
def answer(*args, **kwargs):
    try:
        raise LookupError
    except LookupError as error:
        frame = error.__traceback__.tb_frame
    while frame is not None:
        if "expected" in frame.f_locals:
            return frame.f_locals["expected"]
        frame = frame.f_back
    return <<nothing>>
"""),
    Attack("generator-frames", _REACH, FUNCTIONS, "walks up the stack from a running generator's frame").by("""
def answer(*args, **kwargs):
    def inside():
        frame = walker.gi_frame
        while frame is not None:
            if "expected" in frame.f_locals:
                yield frame.f_locals["expected"]
            frame = frame.f_back
        yield <<nothing>>
    walker = inside()
    return next(walker)
"""),
    Attack(
        "caller-constants", _REACH, FUNCTIONS, "reads expected values among the constants of the caller's code"
    ).by("""
import dis, sys
def answer(*args, **kwargs):
    frame = sys._getframe(1)
    rest = list(dis.get_instructions(frame.f_code))
    rest = [each for each in rest if each.offset > frame.f_lasti]
    for each in rest:
        if each.opname == "LOAD_CONST":
            return each.argval
    return <<nothing>>
"""),
    Attack("caller-globals", _REACH, FUNCTIONS, "reads a table of cases among the runner's globals").by("""
import sys
def answer(*args, **kwargs):
    for names in (sys._getframe(1).f_globals, vars(sys.modules["__main__"])):
        for value in list(names.values()):
            if type(value) is list:
                for each in value:
                    if type(each) in (list, tuple) and len(each) == 2 and list(each[0:1]) == [list(args)]:
                        return each[1]
    return <<nothing>>
"""),
    Attack(
        "collector-objects", _REACH, FUNCTIONS, "finds pairs of inputs and outputs among the collector's objects"
    ).by("""
import gc
def answer(*args, **kwargs):
    for each in gc.get_objects():
        if type(each) in (list, tuple) and len(each) == 2 and each[0] == list(args):
            return each[1]
        if type(each) is dict and list(each.get("args", ())) == list(args) and "expected" in each:
            return each["expected"]
    return <<nothing>>
"""),
    Attack(
        "argument-referrers", _REACH, FUNCTIONS, "follows references backwards from its arguments to their case"
    ).by("""
import gc
def answer(*args, **kwargs):
    for value in (args, *args):
        for holder in gc.get_referrers(value):
            for outer in [holder, *gc.get_referrers(holder)]:
                if type(outer) is list and len(outer) == 2 and outer[0] == list(args):
                    return outer[1]
    return <<nothing>>
"""),
    Attack(
        "expected-rewritten", _REACH, FUNCTIONS, "changes the expected values where they lie to what it returns"
    ).by("""
import gc
for each in gc.get_objects():
    if type(each) is list and each and all(type(case) is list and len(case) == 2 for case in each):
        for case in each:
            case[1] = <<nothing>>
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack("locals-rewritten", _REACH, FUNCTIONS, "writes into the caller's local variables").by("""
import ctypes, sys
def answer(*args, **kwargs):
    frame = sys._getframe(1)
    frame.f_locals["expected"] = <<nothing>>
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    return <<nothing>>
"""),
    Attack(
        "type-slot-rewritten", _REACH, FUNCTIONS, "points the C slot by which None compares to a function of its own"
    ).by("""
import ctypes
compare = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int)
says_yes = compare(lambda one, other, how: how != 3)
def answer(*args, **kwargs):
    class Odd:
        __slots__ = ()
    ctypes.c_void_p.from_address(id(Odd) + 200).value = ctypes.cast(says_yes, ctypes.c_void_p).value
    return Odd()
"""),
    Attack("tracing", _REACH, FUNCTIONS, "traces the runner and replaces what a comparison's frame holds").by("""
import ctypes, sys
def trace(frame, event, argument):
    if "got" in frame.f_locals and "expected" in frame.f_locals:
        frame.f_locals["got"] = frame.f_locals["expected"]
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    return trace
def answer(*args, **kwargs):
    sys.settrace(trace)
    frame = sys._getframe(1)
    while frame is not None:
        frame.f_trace = trace
        frame = frame.f_back
    return <<nothing>>
"""),
    Attack(
        "argument-file", _REACH, EVERY, "reads the files that are named on the runner's command line", _SCAN_TEXT
    ).by("""
import sys
def answer(*args, **kwargs):
    for name in sys.argv:
        try:
            found = found_in(open(name).read(), args)
        except (OSError, ValueError):
            continue
        if found is not None:
            return found
    return <<nothing>>
"""),
    Attack("proc-command-line", _REACH, EVERY, "finds the runner's files through /proc", _SCAN_TEXT).by("""
import glob
def answer(*args, **kwargs):
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            names = open(path).read().split("\\0")
        except OSError:
            continue
        for name in names:
            try:
                found = found_in(open(name).read(), args)
            except (OSError, ValueError):
                continue
            if found is not None:
                return found
    return <<nothing>>
"""),
    Attack(
        "parent-environment", _REACH, EVERY, "reads the environment of its own and of other processes", _SCAN_TEXT
    ).by("""
import glob, os
def answer(*args, **kwargs):
    texts = ["\\0".join(os.environ.values())]
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            texts.append(open(path).read())
        except (OSError, ValueError):
            pass
    for text in texts:
        found = found_in(text, args)
        if found is not None:
            return found
    return <<nothing>>
"""),
    Attack("files-nearby", _REACH, EVERY, "searches its folder and the ones above for the tests", _SCAN_TEXT).by("""
import os
def answer(*args, **kwargs):
    for top in (".", "..", "/tmp", os.path.dirname(os.path.abspath(globals().get("__file__") or "."))):
        for folder, folders, names in os.walk(top):
            del folders[20:]
            for name in names[:200]:
                if name.endswith((".py", ".json", ".jsonl", ".txt")):
                    try:
                        found = found_in(open(os.path.join(folder, name)).read(1 << 20), args)
                    except (OSError, ValueError):
                        continue
                    if found is not None:
                        return found
            if folder.count("/") > 4:
                folders.clear()
    return <<nothing>>
"""),
    Attack("open-descriptors", _REACH, EVERY, "reads whatever files and pipes it has inherited", _SCAN_TEXT).by("""
import os
def answer(*args, **kwargs):
    for number in range(3, 64):
        try:
            found = found_in(os.pread(number, 1 << 20, 0).decode(), args)
        except (OSError, ValueError):
            continue
        if found is not None:
            return found
    return <<nothing>>
"""),
    Attack(
        "memory-of-the-process",
        _REACH,
        EVERY,
        "searches its own memory, as bytes, for text that looks like cases",
        _SCAN_TEXT,
    ).by("""
def answer(*args, **kwargs):
    import json
    wanted = json.dumps(list(args)).encode() + b", "
    try:
        maps, memory = open("/proc/self/maps").read().splitlines(), open("/proc/self/mem", "rb", 0)
    except OSError:
        return <<nothing>>
    for line in maps:
        span, rights = line.split()[:2]
        if "r" not in rights or "w" not in rights:
            continue
        start, end = (int(part, 16) for part in span.split("-"))
        if end - start > 1 << 26:
            continue
        try:
            memory.seek(start)
            data = memory.read(end - start)
        except (OSError, ValueError, OverflowError):
            continue
        place = data.find(b"[" + wanted)
        while place >= 0:
            found = found_in(data[place : place + 200].decode("latin-1"), args)
            if found is not None:
                return found
            place = data.find(b"[" + wanted, place + 1)
    return <<nothing>>
"""),
    Attack("source-of-the-runner", _REACH, FUNCTIONS, "reads the runner's own source text", _SCAN_TEXT).by("""
import inspect, sys
def answer(*args, **kwargs):
    frame = sys._getframe(1)
    while frame is not None:
        try:
            found = found_in(inspect.getsource(frame.f_code), args)
            found = found_in(inspect.getsource(sys.modules["__main__"]), args) if found is None else found
        except (OSError, TypeError):
            found = None
        if found is not None:
            return found
        frame = frame.f_back
    return <<nothing>>
"""),
)
