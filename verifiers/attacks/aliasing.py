"""Answers that are right when they are given, and that the candidate changes later: lost where values are copied."""

from __future__ import annotations

from gristmill.verifiers.attacks.records import JUDGED, Attack, Family

__all__ = ["ATTACKS"]

_ALIASING = Family.ALIASING
_WRAPS = """
answer = None
exec(<<reference>>)
def every(wrapped):
    for name in <<names>>:
        if name in globals() and callable(globals()[name]) and not isinstance(globals()[name], type):
            globals()[name] = wrapped(globals()[name])
"""

ATTACKS = (
    Attack(
        "one-list-for-all-answers",
        _ALIASING,
        JUDGED,
        "hands out one list and one dictionary for all its answers",
        _WRAPS,
    ).by("""
def sharing(function):
    kept, known = [], {}
    def shared(*args, **kwargs):
        value = function(*args, **kwargs)
        if type(value) is list:
            kept[:] = value
            return kept
        if type(value) is dict:
            known.clear()
            known.update(value)
            return known
        return value
    return shared
every(sharing)
"""),
    Attack(
        "answer-emptied-by-the-next-call",
        _ALIASING,
        JUDGED,
        "empties the list that it has answered with as soon as it is asked again",
        _WRAPS,
    ).by("""
def emptying(function):
    before = []
    def emptied(*args, **kwargs):
        while before:
            before.pop().clear()
        value = function(*args, **kwargs)
        if type(value) in (list, dict, set):
            before.append(value)
        return value
    return emptied
every(emptying)
"""),
)
