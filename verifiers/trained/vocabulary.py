"""What rewards and losses are written with: typed pieces, for whoever makes programs without a model.

A reward or a loss is a formula over arrays, of which only those of one shape go together. Put together by the forms of
plain Python, most are no function at all (a truth value of an array, a column that is not there). So here stand what a
program is given, what it may call, and the shape of each: the same for every search, whatever it looks for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Final, Literal, get_args

from pydantic import Field, model_validator

from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Task

__all__ = ["SHAPES", "Shape", "Vocabulary", "hole_of", "holed", "vocabulary"]

Shape = Literal["number", "row", "table", "boolean"]
"""One number; one number a step or an example; one for each of its classes; a truth value for each, as comparisons of
rows give."""
SHAPES: Final[frozenset[str]] = frozenset(get_args(Shape))
_HOLE = re.compile(r"\{(number|row|table|boolean)\}")
_NAMED = re.compile(r"_(number|row|table|boolean)_\Z")


class Vocabulary(Record):
    """Pieces and calls of one sort of program, with the shape that each has."""

    pieces: dict[str, Shape] = Field({}, description="expressions of what the program is given")
    calls: dict[str, Shape] = Field(
        {}, description="calls as `np.abs({row})`, and what they give; one that keeps shapes stands there once a shape"
    )
    imports: tuple[str, ...] = Field((), description="statements that bind what is called")
    returns: Shape | None = Field(None, description="what the function gives, also where its own words do not tell")

    @model_validator(mode="after")
    def _readable(self) -> Vocabulary:
        for each in (*self.pieces, *self.calls):
            try:
                node = ast.parse(holed(each), mode="eval").body
            except SyntaxError:
                raise ValueError(f"`{each}` is no Python expression") from None
            if each in self.calls and not isinstance(node, ast.Call):
                raise ValueError(f"`{each}` is no call")
        for each in self.imports:
            if not re.fullmatch(r"import [\w.]+( as \w+)?", each):
                raise ValueError(f"`{each}` is not `import MODULE as NAME`")
        return self

    @cached_property
    def written(self) -> Mapping[str, Shape]:
        """The pieces as `ast.unparse` writes them."""
        return {ast.unparse(ast.parse(text, mode="eval")): shape for text, shape in self.pieces.items()}

    @cached_property
    def results(self) -> Mapping[str, frozenset[Shape]]:
        """What a function gives, by its dotted name."""
        found: dict[str, frozenset[Shape]] = {}
        for text, shape in self.calls.items():
            name = text.partition("(")[0]
            found[name] = found.get(name, frozenset()) | {shape}
        return found

    @cached_property
    def guards(self) -> Mapping[str, tuple[ast.expr, ...]]:
        """What stands around a call's first argument so that it has a value there, by the call's dotted name.

        Of `torch.log(torch.clamp({row}, min=0.0001))` it is the clamp.
        """
        found: dict[str, tuple[ast.expr, ...]] = {}
        for text in self.calls:
            made = ast.parse(holed(text), mode="eval").body
            if isinstance(made, ast.Call) and made.args and hole_of(made.args[0]) is None:
                name = text.partition("(")[0]
                found[name] = (*found.get(name, ()), made.args[0])
        return found

    @cached_property
    def bound(self) -> Mapping[str, str]:
        """The imports by the name that they bind."""
        return {each.split()[-1].partition(".")[0]: each for each in self.imports}


def holed(call: str) -> str:
    """A call as Python reads it, each ``{row}`` a name that `hole_of` knows."""
    return _HOLE.sub(r"_\1_", call)


def hole_of(node: ast.expr) -> Shape | None:
    """The shape of what belongs here, where this is a hole."""
    found = _NAMED.match(node.id) if isinstance(node, ast.Name) else None
    shape: Shape | None = found.group(1) if found else None  # type: ignore[assignment]
    return shape


def vocabulary(task: Task) -> Vocabulary | None:
    """The vocabulary of a task's programs; None where nothing is said of them.

    Raises:
        UserError: there is no such environment or problem.
    """
    if task.kind == "reward":
        return _of_reward(task.environment)
    if task.kind == "loss":
        from gristmill.verifiers.trained.loss.problems import problem_of

        learned = problem_of(task)
        return _of_loss(learned.arguments, learned.outputs)
    return None


_ELEMENTWISE: Final = ("np.abs", "np.square", "np.sign", "np.tanh", "np.sin", "np.cos")
_ROWS: Final[dict[str, Shape]] = {
    **{f"{name}({{row}})": "row" for name in _ELEMENTWISE},
    "np.exp(-np.abs({row}))": "row",
    "np.sqrt(np.abs({row}))": "row",
    "np.minimum({row}, {row})": "row",
    "np.maximum({row}, {row})": "row",
    "np.minimum({row}, {number})": "row",
    "np.maximum({row}, {number})": "row",
    "np.where({boolean}, {row}, {row})": "row",
}


@lru_cache(maxsize=64)
def _of_reward(environment: str | None) -> Vocabulary:
    from gristmill.verifiers.trained.reward.environment import is_continuous
    from gristmill.verifiers.trained.reward.environments import environment_spec

    world = environment_spec(environment)
    columns = [f"{name}[:, {at}]" for at in range(len(world.observation)) for name in ("next_obs", "obs")]
    actions = [f"action[:, {at}]" for at in range(len(world.actions))] if is_continuous(world.actions) else ["action"]
    changes = [f"next_obs[:, {at}] - obs[:, {at}]" for at in range(len(world.observation))]
    pieces: dict[str, Shape] = dict.fromkeys([*columns, *changes, *actions], "row")
    return Vocabulary(pieces=pieces, calls=_ROWS, imports=("import numpy as np",), returns="row")


_SHAPES: Final[tuple[Shape, ...]] = ("row", "table")
_TENSORS: Final = (
    "torch.exp(-torch.abs({}))",
    "torch.log(torch.clamp({}, min=0.0001))",
    "torch.sqrt(torch.clamp({}, min=1e-06))",
    "torch.square({})",
    "torch.abs({})",
    "torch.tanh({})",
    "torch.sigmoid({})",
    "F.logsigmoid({})",
    "F.softplus({})",
    "F.relu({})",
    "torch.pow(torch.clamp({}, min=1e-06), {{number}})",
    "torch.clamp({}, min={{number}})",
    "torch.clamp({}, max={{number}})",
)


@lru_cache(maxsize=64)
def _of_loss(arguments: tuple[str, ...], outputs: int) -> Vocabulary:
    pairs = len(arguments) > 2
    shapes = _SHAPES[:1] if pairs else _SHAPES
    calls: dict[str, Shape] = {each.format(f"{{{shape}}}"): shape for each in _TENSORS for shape in shapes}
    calls |= {
        "torch.mean({row})": "number",
        "torch.minimum({row}, {row})": "row",
        "torch.maximum({row}, {row})": "row",
        "torch.where({boolean}, {row}, {row})": "row",
        "torch.softmax({row}, dim=0)": "row",
    }
    pieces: dict[str, Shape]
    if pairs:
        policy, beta = arguments[:4], arguments[4]
        chosen, rejected, before, after = policy
        pieces = dict.fromkeys([*policy, f"{chosen} - {before}", f"{rejected} - {after}"], "row")
        pieces[beta] = "number"
    else:
        logits, labels = arguments
        calls |= {
            "torch.sum({table}, dim=1)": "row",
            "torch.amax({table}, dim=1)": "row",
            "torch.mean({table})": "number",
            "F.softmax({table}, dim=1)": "table",
            "F.log_softmax({table}, dim=1)": "table",
        }
        pieces = {
            logits: "table",
            f"F.softmax({logits}, 1)": "table",
            f"F.log_softmax({logits}, 1)": "table",
            f"F.one_hot({labels}, {outputs}).to({logits}.dtype)": "table",
            f"F.softmax({logits}, 1).gather(1, {labels}[:, None])[:, 0]": "row",
            f"F.cross_entropy({logits}, {labels}, reduction='none')": "row",
            f"F.cross_entropy({logits}, {labels})": "number",
            # How large the outputs are, how undecided they are between the classes, and the share of the likeliest one.
            f"torch.sum(torch.square({logits}), dim=1)": "row",
            f"torch.sum(F.softmax({logits}, 1) * -F.log_softmax({logits}, 1), dim=1)": "row",
            f"torch.amax(F.softmax({logits}, 1), dim=1)": "row",
        }
    imports = ("import torch", "import torch.nn.functional as F")
    return Vocabulary(pieces=pieces, calls=calls, imports=imports, returns="number")
