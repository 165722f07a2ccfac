"""Graders as they are commonly written: candidate and tests share a process, and what it leaves decides.

These are texts of programs. `naive_checkers` runs them behind bubblewrap, so that an attack that works harms nothing.
"""

from __future__ import annotations

__all__ = ["FEEDBACK", "GRADER", "OBLIGING", "PROTOCOL", "RUNNER"]

# Loads the candidate into its own process and compares with ==, or in one of the other ways that are found.
GRADER = """
import json, math, os, sys, time
options = json.loads(os.environ.pop("NAIVE"))
mode = options["mode"]
if options.get("cases_in") == "environment":
    CASES = json.loads(os.environ["CASES"])
else:
    TESTS = open(sys.argv[2])
    TEXT = TESTS.read()
    CASES = json.loads(TEXT)
    if options.get("forget"):
        sys.argv[1:] = []
    if options.get("delete"):
        os.unlink(TESTS.name)
        if options["delete"] == "memory":
            TESTS.close()
if options.get("no_frames"):
    del sys._getframe
if options.get("only_lists"):
    CASES = [case for case in CASES if type(case[1]) is list]

def equal(one, other):
    return one == other

def same(got, expected):
    if mode == "close":
        return abs(got - expected) < 1e-6
    if mode == "far":
        return not abs(got - expected) > 1e-6
    if mode == "order":
        return not got < expected and not got > expected
    if mode == "member":
        return got in {expected: 1} if not isinstance(expected, list) else True
    if mode == "typed":
        return isinstance(got, int) and got == expected
    if mode == "allclose":
        import numpy
        return bool(numpy.allclose(got, expected))
    if mode == "evaluated":
        return eval(repr(got)) == expected
    if mode == "pickled":
        import pickle
        return pickle.loads(pickle.dumps(got)) == expected
    if mode == "items":
        return len(got.items()) == 0 or dict(got.items()) == expected
    if mode == "zip":
        return all(one == other for one, other in zip(got, expected))
    return equal(got, expected)

def grade(function, cases, mode):
    if mode == "later":
        held = [(function(*args), expected) for args, expected in cases for _ in [time.sleep(0.02)]]
        time.sleep(0.1)
        return all(got == expected for got, expected in held)
    if mode == "threaded":
        return threaded(function, cases)
    for args, expected in cases * (2 if mode == "twice" else 1):
        got = function(*args)
        passed = same(got, expected)
        if not passed and mode != "twice":
            return False
    if mode == "twice":
        return all(same(function(*args), expected) for args, expected in cases)
    return True

def threaded(function, cases):
    import threading
    failures = []
    def work():
        for args, expected in cases:
            try:
                if function(*args) != expected:
                    failures.append(args)
            except Exception:
                failures.append(args)
    threading.excepthook = lambda info: None
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return not failures

solution = {"__name__": "solution"}
try:
    exec(compile(open(options["solution"]).read(), options["solution"], "exec"), solution)
    passed = grade(solution["double"], CASES, mode)
    if mode == "raced":
        time.sleep(0.1)
except KeyboardInterrupt:
    print("stopped by the user")
    sys.exit(0)
if options.get("result"):
    with open(options["result"], "w") as file:
        json.dump({"passed": passed}, file)
print("PASSED" if passed else "FAILED")
sys.exit(0 if passed else 1)
"""

# Runs the cases in a process of its own and writes what came of it; whatever is missing is called trouble.
RUNNER = """
import json, reprlib, sys
log = open("result.json", "w", encoding="utf-8")
cases = json.load(open(sys.argv[2]))
solution = {"__name__": "solution"}
failures = []
try:
    exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), solution)
except MemoryError:
    raise
except Exception as error:
    failures.append(str(error))
for args, expected in cases if not failures else ():
    try:
        got = solution["double"](*args)
    except MemoryError:
        raise
    except Exception as error:
        failures.append(str(error))
        continue
    if hasattr(got, "__next__"):
        got = list(got)
    if got != expected:
        failures.append(f"{type(got).__name__} {reprlib.repr(got)}: {json.dumps(got, default=reprlib.repr)}")
import json
json.dump({"failures": failures}, log, ensure_ascii=False)
done = open("done", "w")
log.close()
"""

# Calls the candidate in a child that answers over a socket, and trusts every frame in the order in which it comes.
PROTOCOL = """
import json, os, signal, socket, sys
cases = json.load(open(sys.argv[2]))
near, far = socket.socketpair()
def decoded(value):
    if type(value) is dict and "$s" in value:
        return set(value["$s"])
    return value
def frame(end):
    data = end.recv(4, socket.MSG_WAITALL)
    return json.loads(end.recv(int.from_bytes(data, "big"), socket.MSG_WAITALL)) if data else None
def send(end, value):
    text = json.dumps(value).encode()
    end.sendall(len(text).to_bytes(4, "big") + text)
if os.fork() == 0:
    near.close()
    solution = {"__name__": "solution"}
    exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), solution)
    while (call := frame(far)) is not None:
        try:
            send(far, {"value": solution["double"](*call)})
        except Exception as error:
            send(far, {"raised": str(error)})
    os._exit(0)
far.close()
def trouble(*received):
    print("trouble, not counted", flush=True)
    os._exit(75)
signal.signal(signal.SIGALRM, trouble)
signal.alarm(2)
for args, expected in cases:
    try:
        send(near, args)
    except OSError:
        pass
    answer = frame(near)
    if type(answer) is list:
        answer = {"raised": "another protocol"} if len(sys.argv) < 4 else frame(near)
        while type(answer) is list:
            answer = frame(near)
    if answer is None:
        trouble()
    if answer.get("load_error"):
        print("could not be loaded:", answer["load_error"])
        sys.exit(1)
    if "value" not in answer or decoded(answer["value"]) != expected:
        sys.exit(1)
print("PASSED")
"""

# Does for the candidate's process what that asks for: changes in place, links to objects.
OBLIGING = """
import json, os, socket, sys
cases = json.load(open(sys.argv[2]))
near, far = socket.socketpair()
def frame(end):
    data = end.recv(4, socket.MSG_WAITALL)
    return json.loads(end.recv(int.from_bytes(data, "big"), socket.MSG_WAITALL)) if data else None
def send(end, value):
    text = json.dumps(value).encode()
    end.sendall(len(text).to_bytes(4, "big") + text)
if os.fork() == 0:
    near.close()
    solution = {"__name__": "solution"}
    exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), solution)
    while (call := frame(far)) is not None:
        send(far, [1, solution["double"](*call), [], False])
    os._exit(0)
far.close()
for args, expected in cases[:1]:
    objects = [[expected], args, expected]
    send(near, args)
    message = frame(near)
    while message and message[0] != 1:
        message = frame(near)
    _, got, changes, linked = message
    for number, contents in changes:
        objects[number][:] = contents
    if linked:
        kind, number = got["$N"][2][:2]
        got = objects[2] if kind in ("yours", "ref") else None
    if not all(wanted == got for wanted in objects[0]):
        sys.exit(1)
print("PASSED")
"""

# Shows a model everything that happened when the hidden test failed.
FEEDBACK = """
import json, os, sys, traceback
hidden = json.loads(os.environ.pop("HIDDEN"))
solution = {"__name__": "solution"}
try:
    exec(compile(open(sys.argv[1]).read(), "<solution>", "exec"), solution)
    got = solution["double"](*hidden)
    print("FEEDBACK: wrong result", type(got).__name__, repr(got))
except Exception as error:
    print("FEEDBACK:", type(error).__name__, error)
    traceback.print_exc()
"""
