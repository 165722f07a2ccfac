"""What can be wrong with a code task, found without running anything."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import PurePosixPath

from pydantic import ValidationError

from gristmill.sandbox.image.requirements import problems as package_problems
from gristmill.sandbox.wire.values import DEEP, EncodeError, encode
from gristmill.verifiers.code.driven.forms import tree
from gristmill.verifiers.code.driven.problems import driven_problems
from gristmill.verifiers.code.repository.problems import repository_problems
from gristmill.verifiers.code.scored.problems import score_problems
from gristmill.verifiers.extraction.forms.packages import several_files_problems
from gristmill.verifiers.languages.limits import COMPILE_LIMITS, compile_limits
from gristmill.verifiers.languages.records import PYTHON
from gristmill.verifiers.languages.registry import canonical, language_problem, of_task
from gristmill.verifiers.languages.registry import language as language_of
from gristmill.verifiers.records import (
    CasesTest,
    CodeTest,
    DrivenTest,
    PytestTest,
    PythonTest,
    ScoreTest,
    StdioTest,
    Task,
)

__all__ = ["SETTINGS", "task_problems"]

SETTINGS = frozenset(
    {
        "compile_limits",
        "entry_point",
        "hint",
        "main_file",
        "mutate",
        "packages",
        "prefix",
        "prompt_tokens",
        "signature",
        "start",
        "template",
    }
)
"""What a code task may set."""

# These look at the solution's source or at frames: they see the judge's proxies instead, so the test proves nothing.
_TOGETHER_ONLY = {
    *("getsource", "getsourcelines", "getsourcefile", "_getframe", "currentframe", "__code__", "__globals__"),
    *("__closure__", "settrace", "setprofile"),
}

# Reading a program takes the host a second for each million characters, and every job of its test is sent it.
_MOST_CHARACTERS = 1_000_000

# Tasks are stored as JSON, whose writer takes 255 levels around a value for a circle.
_IN_A_FILE = DEEP._replace(depth=200)


def task_problems(task: Task) -> list[str]:
    """One sentence for each problem, naming the field; empty when the task can be judged."""
    if task.repo is not None:
        return package_problems(task.settings.get("packages", ())) + repository_problems(task, task.repo)
    if not task.tests and not task.public_tests:
        return ["tests: a code task needs `tests`, `public_tests` or a `repo`; give it at least one test"]
    problems = package_problems(task.settings.get("packages", ())) + list(score_problems(task))
    for field, tests in (("public_tests", task.public_tests), ("tests", task.tests)):
        for place, test in enumerate(tests):
            problems += [f"{field}[{place}].{problem}" for problem in _problems(test)]
    return problems + list(_language_problems(task)) + list(several_files_problems(task))


def _language_problems(task: Task) -> Iterator[str]:
    """What keeps programs in the task's language from being judged; a task has one language, and only programs have."""
    name, placed = (
        of_task(task),
        [
            (f"{field}[{place}]", test)
            for field, tests in (("public_tests", task.public_tests), ("tests", task.tests))
            for place, test in enumerate(tests)
        ],
    )
    for place, test in placed:
        own = canonical(test.language) if isinstance(test, StdioTest) else PYTHON
        if why := language_problem(own):
            yield f"{place}.language: {why}"
        elif own != name:
            yield f"{place}: is for a solution in {own}, and other tests of the task are for one in {name}"
    language = language_of(task)
    given = task.settings.get(COMPILE_LIMITS)
    if given is None:
        return
    if language is None:
        yield f"settings.{COMPILE_LIMITS}: nothing is compiled in a task of {name}"
        return
    try:
        compile_limits(task, language)
    except (ValueError, TypeError) as error:
        detail = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
        where = ".".join(map(str, detail["loc"])) if detail else ""
        words = str(detail["msg"]).lower() if detail else "must be an object of limits"
        yield f"settings.{COMPILE_LIMITS}{f'.{where}' if where else ''}: {words}"


def _problems(test: CodeTest) -> Iterator[str]:
    if isinstance(test, StdioTest):
        for place, case in enumerate(test.cases):
            if _unprintable(case.stdin + case.stdout):
                yield f"cases[{place}]: holds half of a surrogate pair, which no program can read or print"
        return
    if isinstance(test, DrivenTest):
        yield from driven_problems(test)
        return
    if isinstance(test, ScoreTest):
        texts = {"code": test.code} | {f"files[{path!r}]": text for path, text in test.files.items()}
        for field, text in texts.items():
            if len(text) <= _MOST_CHARACTERS:
                yield from _peeking(field, text)
        return
    names = [test.entry_point] if isinstance(test.entry_point, str) else list(test.entry_point)
    if not names:
        yield "entry_point: name at least one"
    if isinstance(test, CasesTest):
        if not all(part.isidentifier() for part in test.entry_point.split(".")):
            yield f"entry_point: {test.entry_point!r} is no (dotted) Python name"
        yield from _case_problems(test)
        return
    for name in names:
        if not name.isidentifier():
            yield f"entry_point: {name!r} is no Python name"
        elif isinstance(test, PytestTest) and name.lower().startswith(("test", "pytest", "_pytest", "__")):
            yield f"entry_point: {name!r} is a name that pytest looks for; rename it"
    yield from _shared_problems(test.shared, names)
    if isinstance(test, PythonTest):
        yield from _source_problems("setup", test.setup)
        yield from _source_problems("code", test.code)
    else:
        yield from _file_problems(test)


def _unprintable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _case_problems(test: CasesTest) -> Iterator[str]:
    for place, case in enumerate(test.cases):
        if case.raises is not None:
            kind = vars(builtins).get(case.raises)
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                yield f"cases[{place}].raises: {case.raises!r} is no builtin exception; name one, such as ValueError"
        try:
            encode([list(case.args), case.kwargs, case.expected], _IN_A_FILE)
        except EncodeError as error:
            yield f"cases[{place}]: a value cannot be passed to a sandbox: {error}"


def _file_problems(test: PytestTest) -> Iterator[str]:
    if not any(_is_test_file(name) for name in test.files):
        yield "files: none is named test_….py or …_test.py, so pytest would find no tests"
    for name, text in test.files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
            yield f"files: {name!r} must be a relative path inside the tests' folder"
        if path.parts and path.parts[0] in ("solution.py", "solution"):
            yield f"files: {name!r} would hide the solution; rename it"
        if test.shared and path.parts and path.parts[0] in ("shared.py", "shared"):
            yield f"files: {name!r} would hide what is shared; rename it"
        if path.suffix == ".py":
            yield from _source_problems(f"files[{name!r}]", text)


def _shared_problems(source: str, names: list[str]) -> Iterator[str]:
    problems = list(_source_problems("shared", source))
    yield from problems
    if problems or not source:
        return
    for node in ast.parse(source).body:
        bound = {getattr(node, "name", "")}
        if isinstance(node, ast.Assign | ast.AnnAssign):
            bound = {
                each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound = {each.asname or each.name for each in node.names}
            if "solution" in (getattr(node, "module", ""), *(each.name for each in node.names)):
                yield f"shared: line {node.lineno}: imports the solution, which is not loaded yet when this runs"
        for name in sorted(bound & set(names)):
            yield f"shared: line {node.lineno}: `{name}` is an entry point, which the solution has to define itself"


def _is_test_file(name: str) -> bool:
    file = PurePosixPath(name).name
    return file.endswith(".py") and (file.startswith("test_") or file.endswith("_test.py"))


def _source_problems(field: str, source: str) -> Iterator[str]:
    if len(source) > _MOST_CHARACTERS:
        yield f"{field}: has {len(source):,} characters; a test program may have {_MOST_CHARACTERS:,}: part it"
        return
    try:
        parsed = tree(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield f"{field}: is no Python program: {error}"
        return
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and node.module == "solution" and any(a.name == "*" for a in node.names):
            yield f"{field}: line {node.lineno}: name what you import from the solution instead of `*`"
    yield from _peeking(field, source)


def _peeking(field: str, source: str) -> Iterator[str]:
    try:
        nodes = list(ast.walk(tree(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in nodes:
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in _TOGETHER_ONLY:
            line = getattr(node, "lineno", 0)
            yield f"{field}: line {line}: `{name}` looks into the solution's process; such a test cannot be run apart"
