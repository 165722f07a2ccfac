"""What may be put into a program, and how large it may become."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Record
from gristmill.verifiers.extraction.replies import entry_points
from gristmill.verifiers.records import Task
from gristmill.verifiers.trained.vocabulary import Vocabulary, vocabulary

__all__ = ["Domain", "Rules"]

Scalar = bool | int | float | str


class Domain(Record):
    """Which values a literal may have: `choices`, or all from `low` to `high`, whole numbers unless `real`."""

    choices: tuple[Scalar, ...] = ()
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)
    real: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        ranged = self.low is not None and self.high is not None
        if bool(self.choices) == ranged or (self.low is None) != (self.high is None):
            raise ValueError("a domain has either `choices`, or both `low` and `high`")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("`low` is above `high`")
        return self


class Rules(Record):
    """How programs of one task may be changed; a task's `settings.mutate` has these fields.

    A domain belongs to a name: to all literals in what is assigned to it, passed as the keyword argument, or stands
    under it as the key of a dict. Such literals change within their domain only and nothing else happens to them. With
    `functions` or `operators` nothing else is put into a program; without, those that the program calls itself, `abs`,
    `min`, `max`, and all operators of arithmetic.
    """

    domains: dict[str, Domain] = {}
    functions: dict[str, int] = Field({}, description="functions that may be called, with their number of arguments")
    operators: tuple[str, ...] = Field((), description="of arithmetic, e.g. `+`; none: all of Python's")
    constants: tuple[int | float, ...] | None = Field(None, description="new constants; None: small ones, as they fit")
    literals_only: bool = Field(False, description="nothing but literals changes")
    most_nodes: int = Field(400, ge=1, description="of the syntax tree, unless the parents have more")
    vocabulary: Vocabulary | None = Field(
        None, description="typed pieces and calls, and nothing else; of rewards and losses their own"
    )
    entry_points: tuple[str, ...] = Field((), description="functions that keep their name and signature")

    @classmethod
    def of(cls, task: Task) -> Self:
        """The rules of a task.

        Raises:
            UserError: its `settings.mutate` is not such a record.
        """
        given: Any = task.settings.get("mutate") or {}
        try:
            return cls.model_validate({"entry_points": entry_points(task), "vocabulary": vocabulary(task), **given})
        except (ValidationError, TypeError) as error:
            raise UserError(f"task {task.id!r}: settings.mutate: {error}") from error
