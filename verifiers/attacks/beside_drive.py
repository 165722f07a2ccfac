"""The process of `drive` taken over, of driven tests and of split ones: its case, its text, what it sends.

Whoever is fooled believes what that process says, or lays what is wanted beside the candidate.
"""

from __future__ import annotations

from typing import Final

from gristmill.verifiers.attacks.records import BESIDE_DRIVE, Attack, Family

__all__ = ["ATTACKS", "taking"]

_NOTHING: Final = """
def answer(*args, **kwargs):
    return <<nothing>>
"""
_MODULES: Final = """
import sys
_beside = "gristmill.verifiers.code.guest.candidate."
_reports = sys.modules.get(_beside + "splitting")
_driving = sys.modules.get(_beside + "driving")
"""


def taking(name: str, tries: str, source: str, answer: str = _NOTHING) -> Attack:
    """An attack whose source knows `_reports` and `_driving`, the modules that stand beside it, or None for each."""
    return Attack(name, Family.DRIVEN, BESIDE_DRIVE, tries, f"{_MODULES}{source}{answer}")


ATTACKS = (
    taking(
        "case-read",
        "answers what the case of drive holds, found in frames, for what is wanted",
        "",
        """
def answer(*args, **kwargs):
    frame, found = sys._getframe(), []
    while frame:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            if type(value) is dict and "expected" in value:
                return value["expected"]
            if type(value) is dict and ("step" in value or "given" in value or "cases" in value):
                found += value.values()
        frame = frame.f_back
    return found[-1] if found else <<nothing>>
""",
    ),
    taking(
        "case-rewritten",
        "writes what it answers into the case of drive as the expected value",
        "",
        """
def answer(*args, **kwargs):
    frame = sys._getframe()
    while frame:
        case = frame.f_locals.get("case")
        if type(case) is dict:
            for name in [*case, "expected"]:
                case[name] = <<nothing>>
        frame = frame.f_back
    return <<nothing>>
""",
    ),
    taking(
        "cases-among-objects",
        "looks through all objects for cases, expected values and the text of judge",
        "",
        """
import gc
def answer(*args, **kwargs):
    for each in gc.get_objects():
        if type(each) is dict and each is not globals():
            if "expected" in each:
                return each["expected"]
            if "judge" in each and "cases" in each:
                return each["cases"][0]["expected"]
    return <<nothing>>
""",
    ),
    taking(
        "literals-of-drive",
        "reads the text of drive and of all that has a text, and answers its literals in turn",
        "",
        """
import ast, linecache
_seen = []
def answer(*args, **kwargs):
    if not _seen:
        for name in [*linecache.cache, "<drive>"]:
            try:
                tree = ast.parse("".join(linecache.getlines(name)))
            except (SyntaxError, ValueError):
                continue
            if "drive" in name or "test" in name:
                _seen.extend(node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        _seen.append(<<nothing>>)
    return _seen.pop(0)
""",
    ),
    taking(
        "drive-compiled-otherwise",
        "replaces compile, so that another drive is made of its text",
        """
import builtins
_real = builtins.compile
def _compile(source, name, *more, **how):
    if name == "<drive>":
        source = "def drive(solution, case):\\n    return {name: True for name in ('value', *case)}\\n"
    return _real(source, name, *more, **how)
builtins.compile = _compile
""",
    ),
    taking(
        "loader-of-drive-replaced",
        "replaces the function that loads drive",
        """
import types
if _driving is not None:
    _driving.load = lambda *given: types.SimpleNamespace(drive=lambda solution, case: True)
""",
    ),
    taking(
        "asyncio-run-replaced",
        "replaces the functions that run what drive and tests await",
        """
import asyncio
asyncio.run = asyncio.Runner.run = lambda *given, **how: True
""",
    ),
    taking(
        "plain-form-replaced",
        "replaces the functions that make plain values of what drive returns",
        """
for _name in ("splitting", "driving", "plain_form"):
    _module = sys.modules.get(_beside + _name)
    for _each in ("plain", "encode", "_form", "_is_plain", "_message"):
        if hasattr(_module, _each):
            setattr(_module, _each, lambda *given, **how: {"value": True})
""",
    ),
    taking(
        "message-in-the-place-of-all",
        "sends a message of values by the channel of the process, found through gc, and leaves",
        "",
        """
import gc, os
def answer(*args, **kwargs):
    for each in gc.get_objects():
        if type(each).__name__ == "JobContext":
            from gristmill.sandbox.wire.answers import Value, encode_answer
            each.send_bytes(encode_answer(Value([[site, [], True, [True]] for site in range(9)])))
            os._exit(0)
    return <<nothing>>
""",
    ),
    taking(
        "values-on-every-descriptor",
        "writes values and a verdict into every descriptor, and leaves",
        "",
        """
import os
def answer(*args, **kwargs):
    for text in (b'{"value":{"value":true}}', b'{"case":0,"outcome":"passed","asserted":1}'):
        for number in range(3, 256):
            try:
                os.write(number, len(text).to_bytes(4, "big") + text)
            except OSError:
                pass
    os._exit(0)
""",
    ),
    taking(
        "names-beside-it-patched",
        "replaces builtins, takes away json, and puts other functions into its own module while drive runs",
        "",
        """
import builtins
def answer(*args, **kwargs):
    builtins.dict = builtins.list
    sys.modules["json"] = None
    for name, value in list(globals().items()):
        if value is answer:
            globals()[name] = lambda *args, **kwargs: args[0] if args else None
    return args[0] if args else None
""",
    ),
    taking(
        "thread-that-goes-on",
        "leaves a thread that goes on when drive has ended",
        "",
        """
import threading, time
def answer(*args, **kwargs):
    threading.Thread(target=time.sleep, args=(5,)).start()
    return <<nothing>>
""",
    ),
    taking(
        "assertion-of-its-own",
        "raises an AssertionError where an answer is due",
        "",
        "\ndef answer(*args, **kwargs):\n    raise AssertionError\n",
    ),
    taking(
        "trace-of-drive",
        "traces drive, and empties the case and what was reported when it returns",
        "",
        """
def _trace(frame, event, value):
    if event == "return" and frame.f_code.co_name in ("drive", "report", "reported"):
        for each in frame.f_locals.values():
            if type(each) in (dict, list):
                each.clear()
    return _trace
def answer(*args, **kwargs):
    sys.settrace(_trace)
    frame = sys._getframe(1)
    while frame:
        frame.f_trace = _trace
        frame = frame.f_back
    return <<nothing>>
""",
    ),
)
