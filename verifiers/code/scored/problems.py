"""What can be wrong with a score test, found without running anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image.packaged import STANDARD
from gristmill.sandbox.wire.values import DEEP, EncodeError, encode
from gristmill.verifiers.code.driven.forms import function, imports_solution, takes, tree
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.records import ScoreTest, Task
from gristmill.verifiers.repositories.modules import files_problems

__all__ = ["RESERVED", "score_problems", "score_warnings"]

RESERVED: Final = frozenset({"map", "reject", "timed"})
"""What `candidate` has by itself, so that no entry point may be called that."""
_MOST_CHARACTERS: Final = 1_000_000
# Tasks are stored as JSON, whose writer takes 255 levels around a value for a circle.
_IN_A_FILE: Final = DEEP._replace(depth=200)


def score_problems(task: Task) -> Iterator[str]:
    """One sentence for each problem of a task that has a score test, naming the field."""
    test = task.scored
    if test is None:
        if any(isinstance(each, ScoreTest) for each in task.public_tests):
            yield "public_tests: a score test stands in `tests`; its `public` says which instances a model may read"
        return
    if len(task.tests) + len(task.public_tests) > 1:
        yield "tests: a score test stands alone: put what else must hold into its evaluator, as `candidate.reject(why)`"
    if test.timed and test.together:
        yield "together: `candidate.timed` measures a solution apart from its evaluator"
    if test.timed and task.reference is None:
        yield "reference: `candidate.timed` measures a solution beside the task's reference, and there is none"
    for name in ("direction", "target"):
        own, said = getattr(test, name), getattr(task, name)
        if own is not None and own != said:
            yield f"{name}: the task says {said}, and its score test {own}: say it once"
    yield from (f"tests[{task.tests.index(test)}].{problem}" for problem in (*_problems(test), *_files(task, test)))


def _problems(test: ScoreTest) -> Iterator[str]:
    if not test.entry_points:
        yield "entry_point: name at least one"
    for name in test.entry_points:
        if not name.isidentifier() or name.startswith("__"):
            yield f"entry_point: {name!r} is no Python name"
        elif name in RESERVED or (test.together and name == "path"):
            yield f"entry_point: `candidate.{name}` is the candidate's own; rename it"
    yield from _evaluator_problems(test)
    for field, instances in (("instances", test.instances), ("held_out", test.held_out)):
        for place, instance in enumerate(instances):
            try:
                encode(instance, _IN_A_FILE)
            except EncodeError as error:
                yield f"{field}[{place}]: a value cannot be passed to a sandbox: {error}"
    seen: dict[str, int] = {}
    for place, name in enumerate(test.names):
        if name in seen:
            yield f"instances[{place}]: is called {name!r}, as instances[{seen[name]}] is: give each a name of its own"
        seen.setdefault(name, place)
    for place, number in enumerate(test.public):
        if not 0 <= number < len(test.instances):
            yield f"public[{place}]: there is no instances[{number}]; the last one is {len(test.instances) - 1}"
    yield from _cascade_problems(test)
    names = [each.called for each in test.data]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield f"data[{place}]: is called {name!r}, as data[{names.index(name)}] is: give one of them another `name`"
    if test.main == "":
        yield "main: name the number that counts, or leave it out"


def _files(task: Task, test: ScoreTest) -> Iterator[str]:
    """What keeps the evaluator's modules from being imported."""
    if not test.files:
        return
    try:
        image = image_of(task)
    except SandboxError:
        image = STANDARD  # which is said elsewhere
    yield from (f"files: {problem}" for problem in files_problems(test.files, image))
    for path, text in test.files.items():
        if len(text) > _MOST_CHARACTERS:
            yield f"files[{path!r}]: has {len(text):,} characters; a module may have {_MOST_CHARACTERS:,}"
            continue
        try:
            tree(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            yield f"files[{path!r}]: is no Python program: {error}"


def _cascade_problems(test: ScoreTest) -> Iterator[str]:
    if test.cascade and test.floor is None:
        yield (
            "cascade: needs `floor`, the worst that an instance can score: it is what those count as that are not "
            "run, so that who is stopped ranks below who gets further"
        )
    if test.floor is not None and not test.cascade:
        yield "floor: means nothing without a `cascade`"
    seen: dict[int, int] = {}
    for number, stage in enumerate(test.cascade):
        for place, instance in enumerate(stage.instances):
            field = f"cascade[{number}].instances[{place}]"
            if not 0 <= instance < len(test.instances):
                yield f"{field}: there is no instances[{instance}]; the last one is {len(test.instances) - 1}"
            elif instance in seen:
                yield f"{field}: instances[{instance}] stands in cascade[{seen[instance]}] already"
            seen.setdefault(instance, number)
    if test.cascade and len(seen) >= len(test.instances) and not list(_stray(test)):
        yield "cascade: its stages hold all instances, so the last threshold spares nothing: leave the last stage out"


def _stray(test: ScoreTest) -> Iterator[int]:
    return (each for stage in test.cascade for each in stage.instances if not 0 <= each < len(test.instances))


def _evaluator_problems(test: ScoreTest) -> Iterator[str]:
    source = test.code
    if len(source) > _MOST_CHARACTERS:
        yield f"code: has {len(source):,} characters; an evaluator may have {_MOST_CHARACTERS:,}: part it"
        return
    try:
        module = tree(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield f"code: is no Python program: {error}"
        return
    evaluate = function(module, "evaluate")
    if evaluate is None:
        yield "code: defines no function `evaluate(candidate, instance)` at its top level"
        return
    line = evaluate.lineno
    if isinstance(evaluate, ast.AsyncFunctionDef):
        yield f"code: line {line}: `evaluate` must be a plain function"
    if test.repeats > 1 and not takes(evaluate, 3):
        yield f"repeats: `evaluate` (code: line {line}) must take a third argument, the seed that each repeat draws by"
        return
    if not takes(evaluate, 2) and not takes(evaluate, 3):
        yield (
            f"code: line {line}: `evaluate` must take two arguments, the candidate and the instance, or three with "
            "the seed"
        )
        return
    inside = list(ast.walk(evaluate))
    first = [*evaluate.args.posonlyargs, *evaluate.args.args][0].arg
    if not any(isinstance(node, ast.Name) and node.id == first for node in inside):
        yield f"code: line {line}: `evaluate` never uses the candidate (`{first}`), so every solution scores alike"
    if not any(isinstance(node, ast.Return) and node.value is not None for node in inside):
        yield f"code: line {line}: `evaluate` returns nothing that could be a score"
    for node in ast.walk(module):
        if imports_solution(node):
            line = getattr(node, "lineno", 0)
            yield f"code: line {line}: imports the solution, which is not there: `evaluate` is handed the candidate"


def score_warnings(task: Task, test: ScoreTest) -> Iterator[str]:
    """What the author of a score test without problems should know, one sentence each."""
    if task.reference is None:
        yield (
            "code: the task has no `reference`: where `evaluate` raises on what a candidate has returned, nobody can "
            "say whose fault that is, so that candidate stays unscored"
        )
    if test.together:
        yield (
            "together: evaluator and solution share a process, so that a solution can forge its score: nothing passes "
            "but with --accept together, and nothing of it is called verified"
        )
    if test.timed and test.public:
        yield (
            "public: what a solution prints on these is told to a model, so that a later one can know the inputs that "
            "it is timed on: make none public"
        )
    steering: dict[bytes, int] = {_key(each): place for place, each in reversed(list(enumerate(test.instances)))}
    for place, instance in enumerate(test.held_out):
        if (same := steering.get(_key(instance))) is not None:
            yield f"held_out[{place}]: is instances[{same}] again, which steers the search: it says nothing new"


def _key(instance: Any) -> bytes:
    return encode(instance, _IN_A_FILE)
