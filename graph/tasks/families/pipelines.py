"""Tasks that take some things, change each, and do something with them: in one expression."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gristmill.graph.tasks.families.composing import Draft, Step, cases_of, piped
from gristmill.verifiers.records import CasesTest

__all__ = ["Change", "Close", "Keep", "Pipeline"]

Inputs: TypeAlias = tuple[list[Any], list[Any]]
"""Public and hidden arguments."""


@dataclass(frozen=True)
class Keep:
    """Which of them are taken."""

    name: str
    phrases: tuple[str, ...]
    """Behind "that": ``start with 'b'``."""
    condition: str
    test: Callable[[Any], bool]


@dataclass(frozen=True)
class Change:
    """What is done with each."""

    name: str
    phrases: tuple[str, ...]
    sources: Mapping[str, str]
    """Variable of the loop → what stands in its place."""
    change: Callable[[Any], Any]


@dataclass(frozen=True)
class Close:
    """What is done with all of them."""

    name: str
    plain: tuple[str, ...]
    """Whole sentences with ``{things}``, where nothing is changed."""
    phrases: tuple[str, ...]
    """Behind what is changed: "and …"."""
    source: str
    """With ``{loop}`` and the variables of the loop."""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """Over what such tasks go."""

    what: str
    loop: str
    variables: tuple[str, ...]
    template: str
    begin: Step
    """From the argument to a list of things."""
    inputs: Callable[[random.Random, Sequence[Keep]], Inputs | None]
    """Arguments at which it shows; None where nothing, or everything, is taken."""
    entry_point: str = field(default="f")

    def draft(self, keeps: Sequence[Keep], change: Change | None, close: Close, wordings: Sequence[int]) -> Draft:
        """The task of these parts, each in its wording."""
        predicates = [each.phrases[way] for each, way in zip(keeps, wordings, strict=False)]
        condition = " and ".join(each.condition for each in keeps)
        ending = close.phrases[wordings[-1]]
        plain = {name: name for name in self.variables}
        changed = plain | dict(change.sources) if change else plain
        source = close.source.format(loop=f"{self.loop} if {condition}", **changed)
        hints = [f"{said}: `{each.condition}`" for said, each in zip(predicates, keeps, strict=True)]
        things = f"{self.what} that {' and that '.join(predicates)}"
        prompt = close.plain[wordings[-1]].format(things=things)
        steps: list[Step] = [self.begin, *(_taking(each) for each in keeps)]
        if change:
            phrase = change.phrases[wordings[-2]]
            prompt = f"Take {things}, {phrase}, and {ending}."
            steps.append(_changing(change))
            hints.append(f"{phrase}: `{', '.join(change.sources.values())}`")
        closing = ending if change else close.plain[wordings[-1]].format(things="…")
        hints.append(f"{closing}: `{close.source.format(loop=f'{self.loop} if …', **plain)}`")

        def rest(rng: random.Random) -> dict[str, Any] | None:
            inputs = self.inputs(rng, keeps)
            if inputs is None:
                return None
            whole, fewer = piped([*steps, *close.steps])
            cases = cases_of(whole, fewer[1:], *inputs)
            if cases is None:
                return None
            return {
                "kind": "code",
                "settings": {"template": self.template, "hint": "; ".join(hints)},
                "tests": (CasesTest(entry_point=self.entry_point, cases=cases[1]),),
                "public_tests": (CasesTest(entry_point=self.entry_point, cases=cases[0]),),
                "reference": self.template.replace("{answer}", source),
            }

        return Draft(prompt, rest)


def _taking(keep: Keep) -> Step:
    return lambda things: [each for each in things if keep.test(each)]


def _changing(change: Change) -> Step:
    return lambda things: [change.change(each) for each in things]
