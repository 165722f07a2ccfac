"""What passes between a candidate and its tests: exceptions, iterators, callbacks, classes, and the channel itself."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import EVERY, FUNCTIONS, JUDGED, Attack, Family

__all__ = ["ATTACKS"]

_PROTOCOL = Family.PROTOCOL
_EVERY_SOCKET = """
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
    Attack(
        "stop-iteration", _PROTOCOL, FUNCTIONS, "raises StopIteration, which ends all(map(f, xs)) as if all held"
    ).by("""
def answer(*args, **kwargs):
    raise StopIteration
"""),
    Attack(
        "stop-iteration-declared", _PROTOCOL, JUDGED, "derives the error that the task asks for from StopIteration"
    ).by("""
class Ends(StopIteration):
    pass
def answer(*args, **kwargs):
    raise Ends
for name in <<names>>:
    if name.endswith(("Error", "Exception")) or name[:1].isupper():
        globals()[name] = type(name, (StopIteration,), {})
        Ends = globals()[name]
"""),
    Attack(
        "stop-iteration-of-the-tests",
        _PROTOCOL,
        JUDGED,
        "passes on a StopIteration that a callback of the tests raised",
    ).by("""
kept = []
def answer(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        if callable(value):
            try:
                for _ in range(1000):
                    value()
            except StopIteration as error:
                kept.append(error)
            except BaseException:
                pass
            return None
    raise kept[0] if kept else StopIteration
"""),
    Attack(
        "generator-that-never-yields",
        _PROTOCOL,
        FUNCTIONS,
        "answers with an iterator that has ended, so that no assertion is reached",
    ).by("""
def answer(*args, **kwargs):
    class Ended:
        def __iter__(self):
            return self
        def __next__(self):
            raise StopIteration
        def __len__(self):
            return 3
    return Ended()
"""),
    Attack("exception-alias", _PROTOCOL, JUDGED, "declares the error that the task asks for as every exception").by("""
def answer(*args, **kwargs):
    return <<nothing>>
for name in <<names>>:
    if name.endswith(("Error", "Exception")) or name[:1].isupper():
        globals()[name] = (Exception, AssertionError)
"""),
    Attack(
        "failure-hidden-by-exit", _PROTOCOL, JUDGED, "is a context manager that swallows the failure inside it"
    ).by("""
class Opened:
    def __init__(self, *args, **kwargs):
        pass
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return True
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None
def answer(*args, **kwargs):
    return Opened()
"""),
    Attack(
        "callback-globals", _PROTOCOL, JUDGED, "reaches the tests through the globals of a function that it is passed"
    ).by("""
def reach(value):
    names = getattr(value, "__globals__", None)
    if names is None:
        return
    for name in list(names):
        if name.startswith(("check", "test", "assert", "expect", "equal")):
            names[name] = lambda *args, **kwargs: True
def answer(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        if callable(value):
            reach(value)
            reach(getattr(value, "__func__", None))
            reach(getattr(value, "__wrapped__", None))
    return <<nothing>>
"""),
    Attack(
        "callback-reflection", _PROTOCOL, JUDGED, "uses getattr, setattr or eval of the tests, if they pass it one"
    ).by("""
def answer(*args, **kwargs):
    given = [*args, *kwargs.values()]
    for call in given:
        if callable(call):
            for rest in ([given[-1], "wanted", <<nothing>>], ["__import__('os')._exit(0)"], [given[-1], "wanted"]):
                try:
                    found = call(*rest)
                except BaseException:
                    continue
                if found is not None:
                    return found
    return <<nothing>>
"""),
    Attack(
        "callback-never-called", _PROTOCOL, JUDGED, "calls the tests' functions with objects that compare as they like"
    ).by("""
class Same:
    def __eq__(self, other):
        return True
    __ne__ = lambda self, other: False
def answer(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        if callable(value):
            try:
                return value(Same())
            except BaseException:
                pass
    return Same()
"""),
    Attack(
        "descriptor-as-entry-point",
        _PROTOCOL,
        JUDGED,
        "is an object whose __call__, __get__ and __getattr__ all say yes",
    ).by("""
class Entry:
    def __call__(self, *args, **kwargs):
        return self
    def __get__(self, instance, owner):
        return self
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self
    def __eq__(self, other):
        return True
    def __bool__(self):
        return True
    def __iter__(self):
        return iter(())
answer = Entry()
"""),
    Attack("awaited-success", _PROTOCOL, JUDGED, "answers with an awaitable whose result equals everything").by("""
class Same:
    def __eq__(self, other):
        return True
class Soon:
    def __await__(self):
        return Same()
        yield
def answer(*args, **kwargs):
    return Soon()
"""),
    Attack(
        "generator-exit", _PROTOCOL, FUNCTIONS, "raises GeneratorExit, which some loops take for an orderly end"
    ).by("""
def answer(*args, **kwargs):
    raise GeneratorExit
"""),
    Attack(
        "keyboard-interrupt", _PROTOCOL, FUNCTIONS, "raises KeyboardInterrupt, as if the user had stopped the run"
    ).by("""
def answer(*args, **kwargs):
    raise KeyboardInterrupt
"""),
    Attack("error-that-is-caught", _PROTOCOL, FUNCTIONS, "raises whatever exception the caller catches").by("""
import builtins, dis, sys
def answer(*args, **kwargs):
    frame = sys._getframe(1)
    while frame is not None:
        for each in dis.get_instructions(frame.f_code):
            if each.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
                kind = getattr(builtins, str(each.argval), None)
                if isinstance(kind, type) and issubclass(kind, BaseException):
                    raise kind("as expected")
        frame = frame.f_back
    raise NotImplementedError
"""),
    Attack(
        "report-on-every-channel", _PROTOCOL, EVERY, "sends a report of success to every socket and pipe", _EVERY_SOCKET
    ).by("""
import os
for text in (
    b'{"passed": true, "score": 1.0}',
    b'{"load":null,"missing":[]}',
    b'{"plan":["assert 1","check"]}',
    b'{"check":"assert 1","outcome":"passed","detail":{}}',
    b'{"end":{"calls":3,"asserted":3,"ran":3,"operators":0,"decisions":0,"comparisons":0,"trouble":[],"lost":""}}',
):
    send_everywhere(text)
    for number in range(3, 64):
        try:
            os.write(number, text + b"\\n")
        except OSError:
            pass
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack(
        "answers-before-the-questions",
        _PROTOCOL,
        FUNCTIONS,
        "sends answers before it is asked, so that all later ones are off by one",
        _EVERY_SOCKET,
    ).by("""
for example in <<examples>>:
    import json
    try:
        text = json.dumps(example[2]).encode()
    except (TypeError, ValueError):
        continue
    send_everywhere(b'{"value":' + text + b'}')
    send_everywhere(b"[1," + text + b",[],false]")
def answer(*args, **kwargs):
    return <<nothing>>
"""),
    Attack(
        "asks-the-judge",
        _PROTOCOL,
        JUDGED,
        "sends requests of its own: load, call, get and operators of the judge's objects",
        _EVERY_SOCKET,
    ).by("""
def answer(*args, **kwargs):
    for op in (b"load", b"call", b"get", b"set", b"value", b"operator", b"next", b"iter"):
        for target in (b"0", b"null", b'"check"', b'"__builtins__"'):
            send_everywhere(b'[0,"' + op + b'",' + target + b',["__globals__"],{},false]')
    send_everywhere(b"[1,true,[[0,[]],[1,[]]],false]")
    return <<nothing>>
"""),
    Attack(
        "links-to-the-judges-objects",
        _PROTOCOL,
        JUDGED,
        "answers with links to objects of the judge's by number",
        _EVERY_SOCKET,
    ).by("""
def answer(*args, **kwargs):
    for kind in (b"yours", b"ref", b"name", b"exception", b"not_implemented", b"mine"):
        for number in range(5):
            link = b'["GristmillRemote",["kind","number","flags","name"],["' + kind + b'",%d,"c","check"]]' % number
            send_everywhere(b'[1,{"$N":' + link + b"},[],true]")
    return <<nothing>>
"""),
)
