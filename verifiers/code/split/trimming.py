"""Puts the two sides of a split test into words, each without what it does not need."""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass

from gristmill.verifiers.code.split.checks import REPORTS, Site
from gristmill.verifiers.code.split.columns import first_name, is_mark, names_of, narrowed, narrowed_rows
from gristmill.verifiers.code.split.levels import Function, bound_in
from gristmill.verifiers.code.split.slicing import CLEAN_MARK, commented, is_removable, loads, sliced, without_words
from gristmill.verifiers.code.split.visible import uncount

__all__ = ["Sides", "trimmed"]

# By this name both processes have a half of what reports take: a task file has to outlast the names of our folders.
_REPORTS = "gristmill_reports"
_ROUNDS = 8
_DRIVE = "\ndef drive(solution, case):\n    return play(globals(), case['step'])\n"
_DRIVE_FLAT = "\ndef drive(solution, case):\n    return reported()\n"
_JUDGE_TEXT = """
def judge(values, case):
    reports = Reports(values, case)
    step, marks = STEPS[case["step"]]
    assert reports.play(step, marks()), "more was reported than is asked for"
"""


@dataclass
class Sides:
    """Statements beside the candidate and at the judge.

    `marks`: the parameters of each step; the last ones are those of the fixtures that `tellers` names. `values`: the
    fixtures that do nothing but make a value. `names`: what each step was called in the test. `asserting`: the
    functions that assert and that the test itself calls.
    """

    beside: list[ast.stmt]
    judge: list[ast.stmt]
    marks: dict[str, list[tuple[list[str], ast.expr]]]
    tellers: dict[str, list[str]]
    fixtures: set[str]
    values: set[str]
    names: dict[str, str]
    asserting: set[str]
    flat: bool


def trimmed(sides: Sides, sites: list[Site]) -> tuple[str, str]:
    """(source of `drive`, source of `judge`); the sites that a look at `drive` answers count no more."""
    drive = ast.Module(sides.beside, [])
    without_words(drive)
    kept = _Drive(drive, sides).trim()
    judge, steps = _judge(sides, kept)
    uncount(drive, judge, sites)
    _without_proof(judge, sites)
    return _drive_text(drive, sides.flat), commented(_judge_text(judge, steps), sites, sides.names)


class _Drive:
    """The side beside the candidate."""

    def __init__(self, module: ast.Module, sides: Sides) -> None:
        self.module = module
        self.fixtures = sides.fixtures
        self.values = sides.values
        self.asserting = sides.asserting

    def trim(self) -> dict[str, list[str | None]]:
        """Take out what nobody reads; gives the parameter that tells each mark's row, by step."""
        before = ""
        for _ in range(_ROUNDS):
            self._slice()
            self._columns()
            for name in sorted(self.asserting):
                self._parameters(name)
            if (now := ast.dump(self.module)) == before:
                break
            before = now
        return {
            node.name.removeprefix("test_"): [first_name(each) for each in node.decorator_list if is_mark(each)]
            for node in ast.walk(self.module)
            if isinstance(node, Function) and "step_" in node.name
        }

    def _slice(self) -> None:
        for node in ast.walk(self.module):
            if isinstance(node, Function):
                needed = {
                    name
                    for each in ast.walk(node)
                    if isinstance(each, ast.Nonlocal | ast.Global)
                    for name in each.names
                }
                node.body[:] = sliced(node.body, is_removable, needed) or [ast.Pass()]
                if "step_" in node.name:
                    read = loads(ast.Module(node.body, []))
                    node.args.args = [
                        each for each in node.args.args if each.arg in read or each.arg not in self.values
                    ]
        self.module.body[:] = sliced(self.module.body, self._goes, set())

    def _goes(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return False
        if isinstance(node, Function | ast.ClassDef) and ("step_" in node.name or node.name.startswith("Steps_")):
            return False
        return is_removable(node)

    def _parameters(self, name: str) -> None:
        """Take out parameters of a function that asserts which it reads at the judge alone, and what is handed there.

        Whoever calls it may have made that of anything but the candidate.
        """
        functions = [each for each in ast.walk(self.module) if isinstance(each, Function) and each.name == name]
        calls = [
            each
            for each in ast.walk(self.module)
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == name
        ]
        if len(functions) != 1:
            return
        given = functions[0].args
        read = loads(ast.Module(functions[0].body, []))
        for argument in [*given.posonlyargs, *given.args, *given.kwonlyargs]:
            places = [each.arg for each in (*given.posonlyargs, *given.args)]
            place = places.index(argument.arg) if argument.arg in places else len(places)
            handed = [value for call in calls for value in _handed(call, place, argument.arg)]
            if argument.arg not in read and all(getattr(each, CLEAN_MARK, False) for each in handed):
                for call in calls:
                    call.args = [each for each in call.args if each not in handed]
                    call.keywords = [each for each in call.keywords if each.value not in handed]
                _without(given, argument)

    def _columns(self) -> None:
        for node in ast.walk(self.module):
            if isinstance(node, Function):
                self._marks(node)
                for call in (each for each in node.decorator_list if isinstance(each, ast.Call)):
                    call.keywords = [each for each in call.keywords if each.arg != "ids"]
                for each in ast.walk(node):
                    if isinstance(each, ast.For):
                        self._loop(each, node)
        for each in self.module.body:
            if isinstance(each, ast.For):
                self._loop(each, self.module)

    def _loop(self, loop: ast.For, holder: ast.AST) -> None:
        read = {each.id for each in ast.walk(holder) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
        unused = bound_in([loop.target]) - read
        if unused and (found := narrowed(loop.target, loop.iter, unused, lambda name: self._named(name, holder))):
            loop.target, loop.iter = copy.deepcopy(found[0]), copy.deepcopy(found[1])

    def _named(self, name: str, holder: ast.AST) -> ast.expr | None:
        """The expression that a name is bound to once, in the function or in the module."""
        for place in (holder, self.module):
            values = [
                each.value
                for each in ast.walk(place)
                if isinstance(each, ast.Assign)
                and any(isinstance(to, ast.Name) and to.id == name for to in each.targets)
            ]
            if values:
                return values[0] if len(values) == 1 else None
        return None

    def _marks(self, node: Function) -> None:
        """Columns of `parametrize` that the function reads no more, and the words for its rows."""
        read = {
            each.id
            for part in node.body
            for each in ast.walk(part)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
        }
        for mark in node.decorator_list:
            if not (is_mark(mark) and isinstance(mark, ast.Call)):
                continue
            mark.keywords = []
            names = names_of(mark)
            kept = [place for place, name in enumerate(names) if name in read or name in self.fixtures]
            # One column has to be left, to tell the row by: a number.
            if len(kept) == len(names):
                continue
            rows = narrowed_rows(mark.args[1], kept, len(names), lambda name: self._named(name, self.module))
            if not kept and isinstance(rows, ast.List):
                kept = [0]
                rows = ast.List([ast.Tuple([ast.Constant(None)], ast.Load()) for _ in rows.elts], ast.Load())
                if names == [names[0]] and names[0] == "row":
                    continue
            if rows is None or not kept:
                continue
            gone = {name for place, name in enumerate(names) if place not in kept}
            mark.args = [ast.Tuple([ast.Constant(names[place]) for place in kept], ast.Load()), copy.deepcopy(rows)]
            node.args.args = [each for each in node.args.args if each.arg not in gone]
            node.args.kwonlyargs = [each for each in node.args.kwonlyargs if each.arg not in gone]


def _handed(call: ast.Call, place: int, name: str) -> list[ast.expr]:
    """What a call hands to a parameter."""
    return [*call.args[place : place + 1], *(each.value for each in call.keywords if each.arg == name)]


def _without(given: ast.arguments, argument: ast.arg) -> None:
    """Take a parameter and its default out."""
    if argument in given.kwonlyargs:
        place = given.kwonlyargs.index(argument)
        del given.kwonlyargs[place], given.kw_defaults[place]
        return
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + [*given.defaults]
    kept = [default for each, default in zip(plain, defaults, strict=True) if each is not argument]
    given.defaults = [each for each in kept if each is not None]
    given.posonlyargs = [each for each in given.posonlyargs if each is not argument]
    given.args = [each for each in given.args if each is not argument]


def _drive_text(module: ast.Module, flat: bool) -> str:
    futures = [each for each in module.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    rest = [each for each in module.body if each not in futures]
    lines = [*map(ast.unparse, futures)]
    needed = ("expected", "report", "reported") if flat else ("expected", "play", "report")
    read = loads(module) | {"reported", "play"}
    if not flat and "pytest" not in bound_in(rest):
        lines.append("import pytest")  # which `play` needs
    lines.append(f"from {_REPORTS} import {', '.join(name for name in needed if name in read)}")
    lines.append(ast.unparse(ast.fix_missing_locations(ast.Module(rest, []))))
    return "\n".join(lines) + "\n\n" + (_DRIVE_FLAT if flat else _DRIVE)


def _judge(sides: Sides, told_by: dict[str, list[str | None]]) -> tuple[ast.Module, list[str]]:
    """(functions of the judge, lines of the table of them)."""
    module = ast.Module(sides.judge, [])
    without_words(module)
    steps = ["flat"] if sides.flat else list(sides.marks)
    needed: set[str] = set(steps)
    marks = []
    for step in steps:
        told = [*told_by.get(step, []), *sides.tellers.get(step, [])]
        rows = [
            ast.Tuple(
                [ast.Constant(name), ast.List([ast.Constant(each) for each in names], ast.Load()), table], ast.Load()
            )
            for name, (names, table) in zip(told, sides.marks.get(step, []), strict=True)
        ]
        for each in rows:
            needed |= loads(each)
        marks.append(f"    {step!r}: ({step}, lambda: [{', '.join(map(ast.unparse, rows))}]),")
    for node in module.body:
        if isinstance(node, Function):
            node.body[:] = _judges_body(node)
    module.body[:] = sliced(module.body, lambda each: True, needed)
    return module, ["STEPS = {", *marks, "}"]


def _without_proof(judge: ast.Module, sites: list[Site]) -> None:
    """Say of each assertion that does not count that it does not."""
    counted = {site.number for site in sites if site.counted}
    for node in ast.walk(judge):
        match node:
            case ast.Call(ast.Attribute(ast.Name("reports"), "next") as asking, [ast.Constant(number)]):
                asking.attr = "next" if number in counted else "also"


def _judge_text(module: ast.Module, steps: list[str]) -> str:
    read = loads(module)
    futures = [each for each in module.body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    lines = [*map(ast.unparse, futures)]
    if "mock_call" in read:
        lines.append("from unittest.mock import call as mock_call")
    helpers = [name for name in ("has_calls", "matches") if name in read]
    lines.append(f"from {_REPORTS} import {', '.join(['Reports', *helpers])}")
    rest: list[ast.stmt] = [each for each in module.body if each not in futures]
    lines.append(ast.unparse(ast.fix_missing_locations(ast.Module(rest, []))))
    return "\n".join([*lines, "", *steps, "", _JUDGE_TEXT])


def _judges_body(node: Function) -> list[ast.stmt]:
    if not any(isinstance(each, ast.arg) and each.arg == REPORTS for each in node.args.args):
        return node.body
    for each in ast.walk(node):
        if isinstance(each, Function) and each is not node:
            each.body[:] = _judges_body(each)
    return sliced(node.body, _judge_goes, set()) or [ast.Pass()]


def _judge_goes(node: ast.stmt) -> bool:
    """Whether the judge needs a statement only for what it makes."""
    if isinstance(node, ast.Assert | ast.Return | ast.Global | ast.Nonlocal | ast.Break | ast.Continue):
        return False
    return not any(isinstance(each, ast.Name) and each.id == REPORTS for each in ast.walk(node)) and not any(
        isinstance(each, ast.arg) and each.arg == REPORTS for each in ast.walk(node)
    )
