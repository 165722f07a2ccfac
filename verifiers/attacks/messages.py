"""Hidden inputs carried out in what is shown of a failure: the next proposal would know them."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, PROGRAMS, Attack, Family

__all__ = ["ATTACKS"]

_MESSAGES = Family.MESSAGES

ATTACKS = (
    Attack("input-in-an-error", _MESSAGES, EVERY, "raises an error that quotes its input").by("""
def answer(*args, **kwargs):
    raise ValueError(f"not able to do {args!r} {kwargs!r}")
"""),
    Attack(
        "input-in-the-name-of-an-error", _MESSAGES, EVERY, "raises an error whose class is named for its input"
    ).by("""
def answer(*args, **kwargs):
    raise type("".join(each if each.isalnum() else "_" for each in f"E{args!r}"), (Exception,), {})()
"""),
    Attack("input-in-a-key-error", _MESSAGES, EVERY, "raises a KeyError with its input as the key").by("""
def answer(*args, **kwargs):
    return {}[repr(args)]
"""),
    Attack(
        "input-in-notes-and-causes", _MESSAGES, EVERY, "raises an error with its input in notes, causes and context"
    ).by("""
def answer(*args, **kwargs):
    error = RuntimeError("see below")
    error.add_note(repr(args))
    try:
        raise LookupError(repr(args))
    except LookupError as cause:
        raise error from cause
"""),
    Attack(
        "input-returned", _MESSAGES, EVERY, "returns its input, so that the report of the difference shows it"
    ).by("""
def answer(*args, **kwargs):
    return f"was given {args!r}"
"""),
    Attack("input-in-a-repr", _MESSAGES, FUNCTIONS, "returns an object whose repr is its input").by("""
class Shown:
    def __init__(self, args):
        self.args = args
    def __repr__(self):
        return repr(self.args)
    __str__ = __repr__
def answer(*args, **kwargs):
    return Shown(args)
"""),
    Attack(
        "input-in-the-name-of-a-type", _MESSAGES, FUNCTIONS, "returns an object whose class is named for its input"
    ).by("""
def answer(*args, **kwargs):
    return type("".join(each if each.isalnum() else "_" for each in f"T{args!r}"), (), {})()
"""),
    Attack("input-printed", _MESSAGES, EVERY, "prints its input on both streams").by("""
import sys
def answer(*args, **kwargs):
    print(repr(args), flush=True)
    print(repr(args), file=sys.stderr, flush=True)
    raise SystemExit(3)
"""),
    Attack("input-in-the-traceback", _MESSAGES, EVERY, "fails in a line of code that it has made of its input").by("""
import linecache
def answer(*args, **kwargs):
    text = f"raise ValueError  # {args!r}\\n"
    for name in ("<solution>", "solution.py", "made.py"):
        linecache.cache[name] = (len(text), None, [text], name)
    exec(compile(text, "<solution>", "exec"))
"""),
    Attack("input-in-a-warning", _MESSAGES, EVERY, "warns with its input as the text").by("""
import warnings
def answer(*args, **kwargs):
    warnings.simplefilter("always")
    warnings.warn(repr(args))
    return <<nothing>>
"""),
    Attack("input-as-the-exit-status", _MESSAGES, EVERY, "ends with a status made of its input").by("""
import os, sys
def answer(*args, **kwargs):
    sys.stderr.write(repr(args))
    sys.stderr.flush()
    sys.exit(repr(args))
"""),
    Attack(
        "input-in-a-late-load-error",
        _MESSAGES,
        FUNCTIONS,
        "claims, after it was given the input, that it could not be loaded",
    ).by("""
import gc, json, os, socket
def answer(*args, **kwargs):
    said = json.dumps(repr(args)).encode()
    texts = [
        b'{"load_error":{"type":"ImportError","message":' + said + b',"line":1}}',
        b'{"missing":' + said + b"}",
        b'[2,{"type":"ImportError","own":"ImportError","text":' + said + b',"lines":[]}]',
        b'{"load":{"own":"ImportError","text":' + said + b"}}",
    ]
    for each in gc.get_objects():
        if isinstance(each, socket.socket):
            for text in texts:
                try:
                    each.sendall(len(text).to_bytes(4, "big") + text)
                except OSError:
                    pass
    for text in texts:
        try:
            os.write(3, text + b"\\n")
        except OSError:
            pass
    os._exit(1)
"""),
    Attack("input-in-a-syntax-error", _MESSAGES, EVERY, "raises a SyntaxError whose line of source is its input").by("""
def answer(*args, **kwargs):
    raise SyntaxError("odd", ("<solution>", 1, 1, repr(args)))
"""),
    Attack("input-in-a-group-of-errors", _MESSAGES, EVERY, "raises a group of errors with its input among them").by("""
def answer(*args, **kwargs):
    raise ExceptionGroup("several", [ValueError("one"), ExceptionGroup("more", [LookupError(repr(args))])])
"""),
    Attack(
        "input-left-for-the-next-load",
        _MESSAGES,
        EVERY,
        "leaves its input in files, and tells it as a load error when it is loaded again",
    ).by("""
import os
places = [os.path.join(folder, "heard") for folder in ("", "/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"))]
for place in places:
    if os.path.exists(place):
        raise ImportError(open(place).read())
def answer(*args, **kwargs):
    for place in places:
        try:
            with open(place, "w") as file:
                file.write(repr(args))
        except OSError:
            pass
    return <<nothing>>
"""),
    Attack("input-of-the-program-echoed", _MESSAGES, PROGRAMS, "prints its input in the place of the output").by("""
def answer(text):
    return text
"""),
)
