"""Which packages somebody asks for: names as pip takes them, with versions, and nothing that pip would fetch or run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["command", "met", "one", "problems", "split"]

_MOST_CHARACTERS = 200
_MOST = 50
# A comma parts names, and stands inside versions as well: networkx>=3,<4,pandas is two packages.
_BETWEEN = re.compile(r",(?=\s*[A-Za-z])")


def split(text: str) -> list[str]:
    """The packages of one option's value: ``networkx>=3,<4,pandas`` is two."""
    return [part.strip() for part in _BETWEEN.split(text)]


def one(text: str) -> Requirement:
    """A package name and the versions that will do.

    Raises:
        ValueError: says what is wrong with it.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text) if len(text) <= _MOST_CHARACTERS else None
    except InvalidRequirement:
        requirement = None
    if requirement is None:
        raise ValueError(f"{text[:60]!r} is no name of a package, such as pandas or networkx>=3")
    if requirement.url or requirement.marker or requirement.extras:
        raise ValueError(f"{text[:60]!r}: name packages and versions only, without addresses, conditions or [extras]")
    return requirement


def problems(value: object) -> list[str]:
    """What is wrong with a task's ``settings.packages``, one sentence each."""
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value) or len(value) > _MOST:
        return ['settings.packages: must be a list of packages, such as ["pandas", "networkx>=3"]']
    sentences = []
    for place, text in enumerate(value):
        try:
            one(text)
        except ValueError as error:
            sentences.append(f"settings.packages[{place}]: {error}")
    return sentences


def met(asked: Iterable[Requirement], versions: Mapping[str, str]) -> bool:
    """Whether all that is asked for is among these packages; names are in their canonical form."""
    from packaging.utils import canonicalize_name

    return all(
        (version := versions.get(canonicalize_name(each.name))) is not None
        and each.specifier.contains(version, prereleases=True)
        for each in asked
    )


def command(asked: Iterable[str]) -> str:
    """The command that builds an image with these packages, to be copied into a shell."""
    return f"gristmill sandbox build --with {shlex.quote(','.join(sorted(set(asked))))}"
