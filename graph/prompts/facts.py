"""What a model may know of a task beside its prompt: limits, what can be imported, how it is scored, what is known.

Nothing hidden can come in: of tests only their types and the names they ask for are read, of a `check` only which
property it names, and the reference, answers and constraints not at all. What a task's own prompt says already, such as
one in an environment's words, is not said again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping

from gristmill.graph.stopping.ranking import declared_target
from gristmill.sandbox.errors import SandboxError, UserError
from gristmill.sandbox.records import DATA, Limits
from gristmill.verifiers.extraction.forms.starting import changeable
from gristmill.verifiers.extraction.importing import PACKAGES, image_of
from gristmill.verifiers.extraction.replies import entry_points
from gristmill.verifiers.languages.limits import compile_limits
from gristmill.verifiers.languages.registry import language
from gristmill.verifiers.plugins import reads_code
from gristmill.verifiers.records import Direction, ScoreTest, StdioTest, Task

__all__ = ["facts", "signature", "target"]


def facts(task: Task) -> tuple[str, ...]:
    """One sentence or more a line, in a fixed order; equal for equal tasks on one machine."""
    tell = _TELL.get(task.kind, _general)
    return tuple(line for line in (*tell(task), *_changeable(task)) if line not in task.prompt)


def _changeable(task: Task) -> Iterator[str]:
    if (marks := changeable(task)) is not None:
        yield (
            f"What may change of the program: what stands between the lines `{marks[0]}` and `{marks[1]}`. These lines "
            "and all else stay, and are put back where an answer has them otherwise."
        )


def target(task: Task) -> float | None:
    """The score that passes, of tasks whose score says how good a solution is; None where nobody says."""
    if (declared := declared_target(task)) is not None:
        return declared
    if task.kind == "program":
        from gristmill.verifiers.constructions.catalogue import problem, problem_names

        return float(problem(str(task.problem)).best_known) if task.problem in problem_names() else None
    return None


def signature(task: Task, name: str) -> str:
    """``median(values)`` where the text that the model is shown has it, else the name alone.

    It is read in the prompt, the beginning of the code and the template; never in tests or the reference.
    """
    shown = [task.settings.get(field) for field in ("prefix", "signature", "template")]
    texts = [text for text in (*shown, task.prompt) if isinstance(text, str)]
    called = re.escape(name)
    for shape in (
        rf"\bdef\s+{called}\s*(\([^()\n]{{0,300}}\)(?:\s*->[^:\n]{{1,80}})?)",
        rf"`?\b{called}(\([^()\n]{{0,200}}\))",
    ):
        for text in texts:
            if match := re.search(shape, text):
                return f"{name}{match[1].rstrip()}"
    return name


def _uses(limits: Limits, of: str) -> str:
    clock = "" if limits.wall_seconds == limits.cpu_seconds else f" ({limits.wall_seconds:g} s by the clock)"
    return (
        f"Limits {of}: {limits.cpu_seconds:g} s of processor time{clock}, {limits.memory_mb} MiB of memory, one core."
    )


def _defines(task: Task) -> Iterator[str]:
    names = [f"`{signature(task, name)}`" for name in entry_points(task)]
    if names:
        yield f"What is called: {', '.join(names)}."


def _imports(task: Task) -> str:
    try:
        words = image_of(task).words()
    except SandboxError:  # of which a run tells its owner before it begins
        named = task.settings.get(PACKAGES)
        words = f"Python's standard library, numpy, scipy, sympy and {', '.join(map(str, named or ()))}"
    return f"What can be imported: {words}."


def _scored(task: Task, test: ScoreTest) -> Iterator[str]:
    yield from _defines(task)
    yield _imports(task)
    yield _uses(task.limits, "of all calls for one instance together, the way there and back left out")
    number, all_ = f", by the number called {test.main}" if test.main else "", len(test.instances)
    how = {"mean": "the mean over", "sum": "the sum over", "worst": "the worst of"}[test.total]
    noisy = f", each evaluated {test.repeats} times with other seeds" if test.repeats > 1 else ""
    staged = " Who falls short on the first ones is not run on the others." if test.cascade else ""
    if given := [f"{DATA}/{each.called}" for each in test.data if each.candidate]:
        yield f"Data that it may read: {', '.join(given)}."
    yield _score(task, test.direction, f"It is {how} {all_} instance{'s' * (all_ != 1)}{number}{noisy}.{staged}")


def _code(task: Task) -> Iterator[str]:
    if task.scored is not None:
        yield from _scored(task, task.scored)
        return
    tests = (*task.tests, *task.public_tests)
    programs = bool(tests) and all(isinstance(test, StdioTest) for test in tests)
    if not programs:
        yield from _defines(task)
    spoken = language(task)
    if spoken is None:
        yield _imports(task)
    else:
        with contextlib.suppress(ValueError, TypeError):  # a setting that is wrong, as `tasks check` says
            yield _uses(compile_limits(task, spoken), "of compiling")
    yield _uses(task.limits, "of each run" if programs else "of all calls of one test together")
    yield (
        "The score is the share of tests that pass, more is better; what passes them all is run once more, and must "
        "pass again."
    )


def _math(task: Task) -> Iterator[str]:
    from gristmill.verifiers.mathematics.jobs import LIMITS
    from gristmill.verifiers.mathematics.property_catalogue import PROPERTIES

    asked = PROPERTIES.get(str((task.check or {}).get("property")))
    if asked is not None:
        yield f"What is asked for: {asked.asks_for}. Its form is like this: {asked.form}."
        yield f"How it is checked, without any answer to compare with: {asked.checked_by}."
    else:
        yield "How it is checked: as mathematics, so that any form of the value will do that is worked out."
    if task.settings.get("program"):
        yield _uses(task.limits, "of a program")
    yield _uses(LIMITS, "of reading and checking the answer")
    yield "The score is 1 for a right answer, else 0."


def _instruction(task: Task) -> Iterator[str]:
    from gristmill.verifiers.instructions.verifier import LIMITS

    yield "The score is the share of the requirements that are met, more is better; all must be."
    yield _uses(LIMITS, "of checking the reply")


def _reasoning(task: Task) -> Iterator[str]:
    from gristmill.verifiers.reasoning.datasets import READINGS
    from gristmill.verifiers.reasoning.verifier import LIMITS

    form = READINGS.get(str((task.check or {}).get("dataset")))
    if form is not None:
        yield f"The answer is read as: {form[0].replace('-', ' ')}."
    yield "The score goes from 0 to 1, more is better; 1 passes."
    yield _uses(LIMITS, "of reading and scoring the answer")


def _program(task: Task) -> Iterator[str]:
    from gristmill.verifiers.constructions.catalogue import problem, problem_names

    # What stands in the prompt is how the statement names it; what the judge gives it is this.
    begun = any(isinstance(task.settings.get(field), str) for field in ("prefix", "signature"))
    names = [signature(task, name) if begun else f"{name}(best=None)" for name in entry_points(task)]
    yield f"What is called: {', '.join(f'`{name}`' for name in names)}."
    yield _imports(task)
    yield _uses(task.limits, "of one run")
    if task.problem not in problem_names():
        return
    asked = problem(str(task.problem))
    if asked.statement not in task.prompt:
        yield asked.prompt()
    yield _score(task, asked.direction, "It is computed exactly from what is returned.")


def _score(task: Task, direction: Direction, how: str) -> str:
    better = "more" if direction is Direction.MAXIMIZE else "less"
    wanted = target(task)
    return f"The score: {better} is better{'' if wanted is None else f', and the target is {wanted!r}'}. {how}"


def _known(scores: Mapping[str, float]) -> Iterator[str]:
    if scores:
        yield f"Known scores: {', '.join(f'{name} {score:.2f}' for name, score in scores.items())}."


def _reward(task: Task) -> Iterator[str]:
    from gristmill.verifiers.trained.reward.environments import environment_spec, world_facts
    from gristmill.verifiers.trained.verifier import SEEDS

    yield f"What is called: `{task.settings.get('entry_point', 'reward')}(obs, action, next_obs, info)`."
    yield "What can be imported: Python's standard library and numpy."
    yield _uses(task.limits, "of all its answers in one training together")
    try:
        world = environment_spec(task.environment)
    except UserError:  # which `tasks check` says
        return
    if world.dynamics not in task.prompt:
        yield from world_facts(world)
    settings, seeds = world.training, task.settings.get("seeds", SEEDS)
    yield (
        f"How it is trained: PPO, {settings.steps:,} steps of {settings.episodes} episodes side by side, discount "
        f"{settings.discount:g}, entropy {settings.entropy:g}; rewards are divided by their running deviation, so only "
        "the proportions of terms count."
    )
    how = f"It is {world.grading}, of {settings.graded_episodes} episodes, in the mean over {seeds} trainings."
    yield _score(task, Direction.MAXIMIZE, how)
    yield from _known(getattr(world, "known", {}))


def _ranges(task: Task) -> Iterator[str]:
    from gristmill.verifiers.trained.reward.environments import environment
    from gristmill.verifiers.trained.verifier import SEEDS

    yield (
        "How it is read: one line `name = [low, high]` for each parameter that is drawn, with two plain numbers; text "
        "stands in comments. It is data, and nothing in it runs."
    )
    with contextlib.suppress(UserError):  # which `tasks check` says
        settings = environment(task.environment).training
        yield (
            f"How it is trained: PPO, {settings.steps:,} steps of {settings.episodes} episodes side by side, whatever "
            "is randomised: wider ranges leave less for each world."
        )
    seeds = task.settings.get("seeds", SEEDS)
    yield _score(
        task, Direction.MAXIMIZE, f"It is a mean over {seeds} trainings, and the same worlds for every answer."
    )


def _command(task: Task) -> Iterator[str]:
    from gristmill.verifiers.trained.verifier import SEEDS

    if names := entry_points(task):
        yield f"What the file must define: {', '.join(f'`{name}`' for name in names)}."
    seeds = task.settings.get("seeds", SEEDS)
    yield _score(task, Direction.MAXIMIZE, f"It is what the program gives, in the mean over {seeds} of its trainings.")


def _loss(task: Task) -> Iterator[str]:
    from gristmill.verifiers.trained.loss.problems import problem_of
    from gristmill.verifiers.trained.loss.verifier import TORCH_MB
    from gristmill.verifiers.trained.verifier import SEEDS

    try:
        learned = problem_of(task)
    except UserError:  # which `tasks check` says
        learned = None
    arguments = ", ".join(learned.arguments) if learned else "outputs, targets"
    yield f"What is called: `{task.settings.get('entry_point', 'loss')}({arguments})`."
    yield "What can be imported: Python's standard library, numpy and torch."
    memory = task.limits.model_copy(update={"memory_mb": max(task.limits.memory_mb, TORCH_MB)})
    yield _uses(memory, "of all its answers in one training together")
    if learned is None:
        return
    settings, seeds = learned.training, task.settings.get("seeds", SEEDS)
    if learned.received not in task.prompt:
        yield f"{learned.story} {learned.received}. {learned.model}."
    yield (
        f"How it is trained: {settings.epochs} epochs with Adam in batches of {settings.batch}, learning rate "
        f"{settings.learning_rate:g}; the gradient must be the loss's own, so nothing may be detached."
    )
    yield _score(task, Direction.MAXIMIZE, f"It is {learned.grading}, in the mean over {seeds} trainings.")
    yield from _known(getattr(learned, "known", {}))


def _general(task: Task) -> Iterator[str]:
    if reads_code(task.kind):
        yield from _defines(task)
        yield _uses(task.limits, "of one run")
    if task.target is not None:
        yield _score(task, task.direction or Direction.MAXIMIZE, "")


_TELL = {
    "code": _code,
    "math": _math,
    "instruction": _instruction,
    "reasoning": _reasoning,
    "program": _program,
    "reward": _reward,
    "loss": _loss,
    "ranges": _ranges,
    "command": _command,
}
