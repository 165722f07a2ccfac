"""Makes a driven test of a `python` or `pytest` test: what uses the solution in `drive`, its assertions in `judge`.

Pure: it reads the test's text, and runs nothing of it.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from functools import lru_cache

from gristmill.verifiers.code.split.checks import REPORTS, Site, asserts
from gristmill.verifiers.code.split.flows import (
    Flows,
    Step,
    arguments,
    fixtures_of,
    is_case,
    parameters_of,
    rows_of,
    steps_of,
)
from gristmill.verifiers.code.split.levels import (
    CLEAN,
    STRONG,
    Function,
    Names,
    SplitError,
    free,
    made_plainly,
)
from gristmill.verifiers.code.split.program import Program, program_of
from gristmill.verifiers.code.split.slicing import used_by_name
from gristmill.verifiers.code.split.trimming import Sides, trimmed
from gristmill.verifiers.code.split.walking import Walker
from gristmill.verifiers.records import DrivenCase, DrivenTest, PytestTest, PythonTest

__all__ = ["Split", "parted", "split"]

_GUEST = "gristmill.verifiers.code.guest"
_PASSES = 4
_MOST_SITES = 2000


@dataclass(frozen=True)
class Split:
    """A split test: the driven test that it is, and its assertions; `counted` are those that may prove something."""

    test: DrivenTest
    sites: tuple[Site, ...]
    uses_pytest: bool

    @property
    def counted(self) -> tuple[Site, ...]:
        """Equality with what is beside no candidate, made once on the way through each case."""
        return tuple(site for site in self.sites if site.counted)


def split(test: PythonTest | PytestTest) -> Split | str:
    """The split test, or why it cannot be split, with the field and the line of what is in the way, if it has one."""
    made = parted(test)
    return made if isinstance(made, str) or made.counted else "none of its assertions says what a value equals"


def parted(test: PythonTest | PytestTest) -> Split | str:
    """As `split`, also of a test whose assertions prove nothing by themselves."""
    return _split(test.model_dump_json(), type(test))


@lru_cache(maxsize=256)
def _split(text: str, kind: type[PythonTest] | type[PytestTest]) -> Split | str:
    test = kind.model_validate_json(text)
    names = (test.entry_point,) if isinstance(test.entry_point, str) else tuple(test.entry_point)
    program = None
    try:
        program = program_of(test, names)
        return _made(program)
    except SplitError as error:
        return program.placed(str(error)) if program is not None else str(error)
    except RecursionError:
        return "it nests too deeply"


def _made(program: Program) -> Split:
    given: dict[tuple[str, str], int] = {}
    for _ in range(_PASSES):
        maker = _Maker(copy.deepcopy(program), dict(given))
        sides = maker.sides()
        if maker.flows.given == given:
            break
        given = maker.flows.given
    if len(maker.flows.sites) > _MOST_SITES:
        raise SplitError("it has too many assertions")
    drive, judge = trimmed(sides, maker.flows.sites)
    steps = [step.name for step in maker.steps] or ["flat"]
    cases = tuple(DrivenCase(given={"step": step}) for step in steps)
    return Split(DrivenTest(drive=drive, judge=judge, cases=cases), tuple(maker.flows.sites), not program.flat)


class _Maker:
    """Both sides of one program, with levels of parameters as far as they are known."""

    def __init__(self, program: Program, given: dict[tuple[str, str], int]) -> None:
        self.program = program
        self.flows = Flows(asserting=program.asserting, given=given)
        self.names = Names()
        self.steps = [] if program.flat else steps_of(program.module)
        self.fixtures = fixtures_of(program.module)
        for step in self.steps:
            self._parametrize(step)
        self._numbers = {id(step.function): step for step in self.steps}

    def _parametrize(self, step: Step) -> None:
        """The rows of the fixtures that a test function uses, at whatever remove."""
        known = {name for names, _ in step.marks for name in names}
        waiting = [*parameters_of(step.function), *used_by_name(step.function)]
        seen: list[str] = []
        while waiting:
            name = waiting.pop(0)
            if name in seen or name in known or name not in self.fixtures:
                continue
            seen.append(name)
            waiting += [*parameters_of(self.fixtures[name]), *used_by_name(self.fixtures[name])]
            if (found := rows_of(self.fixtures[name])) is not None:
                rows, is_plain = found
                own = is_plain and name in arguments(step.function)
                step.marks.append(([name if own else f"row_of_{name}"], rows))
                step.tellers.append(name)

    def sides(self) -> Sides:
        """Beside the candidate and at the judge, before what is not needed there has gone."""
        body = self.program.module.body
        self._levels(body)
        self._levels(body)
        beside: list[ast.stmt] = []
        judge: list[ast.stmt] = []
        flat: list[ast.stmt] = []
        top = Walker(self.flows, self.names, "flat")
        for node in body:
            first, second = self._top(top, node)
            beside += first
            is_flow = self.program.flat and not isinstance(node, Function | ast.ClassDef | ast.Import | ast.ImportFrom)
            (flat if is_flow else judge).extend(second)
        if self.program.flat:
            judge.append(_flow("flat", [REPORTS], [*flat, *top.loose], is_global=True))
            self.flows.everywhere.clear()
        steps = [each for each in judge if isinstance(each, ast.FunctionDef) and each.name.startswith("step_")]
        for each in steps:
            each.body += copy.deepcopy([*top.loose, *self.flows.everywhere])
        marks = {step.name: step.marks for step in self.steps}
        values = {name for name in self.fixtures if self.names.level_of(name) < STRONG}
        names = {step.name: step.function.name for step in self.steps}
        tellers = {step.name: step.tellers for step in self.steps}
        told = (set(self.fixtures), values, names, self.flows.asserting)
        return Sides(beside, judge, marks, tellers, *told, self.program.flat)

    def _levels(self, body: list[ast.stmt]) -> None:
        """The levels of all names of the module."""
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.names.imports(node)
            elif isinstance(node, Function | ast.ClassDef):
                level = STRONG if isinstance(node, ast.ClassDef) and asserts(node) else self.names.level(node)
                self.names.bind(node.name, level)
                self.names.alike[node.name] = free(node)
        for name, node in self.fixtures.items():
            self.names.levels[name] = self._fixture_level(name, node)

    def _fixture_level(self, name: str, node: Function, seen: tuple[str, ...] = ()) -> int:
        if name in seen or any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node)):
            return STRONG
        levels = [self.names.level(ast.Module(node.body, []))]
        for parameter in parameters_of(node):
            other = self.fixtures.get(parameter)
            levels.append(STRONG if other is None else self._fixture_level(parameter, other, (*seen, name)))
        return max(levels)

    def _top(self, top: Walker, node: ast.stmt) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Both sides of a statement of the module."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {each.asname or each.name.partition(".")[0] for each in node.names}
            return [node], [copy.deepcopy(node)] if max(map(self.names.level_of, names)) < STRONG else []
        if isinstance(node, ast.ClassDef):
            return self._class(top, node)
        if isinstance(node, Function):
            if id(node) in self._numbers:
                beside, judge = self._test(self._numbers[id(node)])
                return [beside], [judge]
            if node.name in self.fixtures:
                return [node], self._judges_fixture(node)
            if node.name in self.flows.asserting:
                told, asked = top.asserting(node)
                return [told], [asked]
            if asserts(node):
                return [top.callback(node)], []
            return [node], [copy.deepcopy(node)] if self.names.level_of(node.name) < STRONG else []
        if not self.program.flat and asserts(node):
            raise SplitError(f"line {node.lineno}: asserts outside a test function")
        return top.statement(node)

    def _class(self, top: Walker, node: ast.ClassDef) -> tuple[list[ast.stmt], list[ast.stmt]]:
        if not any(id(each) in self._numbers for each in node.body):
            if not asserts(node):
                return [node], [copy.deepcopy(node)] if self.names.level_of(node.name) < STRONG else []
            told = copy.copy(node)
            told.body = [
                top.callback(each) if isinstance(each, Function) and asserts(each) else each for each in node.body
            ]
            return [told], []
        told, judge = copy.copy(node), []
        told.name = f"Steps_{min(self.steps.index(step) for step in self.steps if step.holder is node) + 1}"
        told.body = []
        for each in node.body:
            if id(each) in self._numbers:
                beside, asked = self._test(self._numbers[id(each)])
                told.body.append(beside)
                judge.append(asked)
            else:
                told.body.append(each)
        return [told], judge

    def _test(self, step: Step) -> tuple[ast.stmt, ast.stmt]:
        """Both sides of a test function."""
        walker = Walker(self.flows, Names(outer=self.names), step.name)
        rows = {name: table for names, table in step.marks for name in names}
        prelude: list[ast.stmt] = []
        if any(self.names.level(table) == STRONG for table in rows.values()):
            raise SplitError(f"line {step.function.lineno}: its parameters are the candidate's")
        for name in arguments(step.function):
            if name in rows:
                level = self.names.level(rows[name])
                walker.names.bind(name, level, rows[name] if level == CLEAN else None)
            elif name in self.fixtures and self.names.level_of(name) < STRONG:
                fixture = self.fixtures[name]
                walker.names.bind(name, self.names.level_of(name), _like(fixture, self.names))
                walker.names.alike[name] = set(parameters_of(fixture)) | free(fixture)
                prelude.append(ast.parse(f"{name} = fixture_{name}()").body[0])
            else:
                walker.names.bind(name, STRONG)
                if name in self.fixtures:
                    walker.names.alike[name] = set(parameters_of(self.fixtures[name]))
        # What a fixture is made with is handed to whoever is handed the fixture.
        for name in arguments(step.function):
            if walker.names.level_of(name) == STRONG and name in self.fixtures:
                walker.names.hand_over([ast.Name(each, ast.Load()) for each in parameters_of(self.fixtures[name])])
        told = copy.copy(step.function)
        beside, judge = walker.block(step.function.body)
        told.name = step.name if step.holder is None else f"test_{step.name}" if is_case(step.holder) else step.name
        told.body = beside or [ast.Pass()]
        parameters = [REPORTS, *(name for names, _ in step.marks for name in names)]
        return told, _flow(step.name, parameters, [*prelude, *judge, *walker.loose])

    def _judges_fixture(self, node: Function) -> list[ast.stmt]:
        if self.names.level_of(node.name) == STRONG:
            return []
        prelude = [ast.parse(f"{name} = fixture_{name}()").body[0] for name in parameters_of(node)]
        return [_flow(f"fixture_{node.name}", [], [*prelude, *copy.deepcopy(node.body)])]


def _like(fixture: Function, names: Names) -> ast.expr | None:
    """An expression that is made as plainly as a fixture's value; None for what is no plain value."""
    inner = Names(outer=names)
    for each in ast.walk(fixture):
        if isinstance(each, Function) and each is not fixture:
            return None
    plainly = all(made_plainly(each, inner) for each in fixture.body)
    return ast.List([], ast.Load()) if plainly else None


def _flow(name: str, parameters: list[str], body: list[ast.stmt], *, is_global: bool = False) -> ast.FunctionDef:
    given = ast.arguments([], [ast.arg(each) for each in parameters], None, [], [], None, [])
    if is_global:
        stored = {
            each.id
            for node in body
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and not each.id.startswith("seen_")
        }
        body = [ast.Global(sorted(stored)), *body] if stored else body
    return ast.fix_missing_locations(ast.FunctionDef(name, given, body or [ast.Pass()], [], lineno=1, col_offset=0))
