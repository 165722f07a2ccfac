"""The two forms of a program tell apart exactly what its syntax tree and, numbered name by name, its text do."""

from __future__ import annotations

import ast
import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.tasks.importers import import_tasks
from gristmill.verifiers.extraction.canonical import canonical, exact
from tests.verifiers.code.mutants import mutants
from tests.verifiers.extraction.numbered import numbered

NAMES = ("a", "b", "f")
LINES = ("return", "a = 1", "'text'", "yield", "# nothing", "a: int", "b: int = 2", "global a", "f(a=1)", "pass", "[]")
SIMPLE = (
    *(
        "$n = $e",
        "$n: $e = $e",
        "$n: $e",
        "$n += $e",
        "$n.$n = $e",
        "del $n",
        "return $e",
        "raise $e",
        "global $n",
        "nonlocal $n",
        "$e",
    ),
    *(
        "import $n",
        "import $n as $n",
        "import $n.$n",
        "from $n import $n as $n",
        "from $n import *",
        "'text'",
        "u'text'",
        "pass",
    ),
    *(
        "break",
        "continue",
        "assert $e, $e",
        "$n, *$n = $e",
        "$n[$e] = $e",
        "($n): $e = $e",
        "yield $e",
        "await $e",
        "x = [1, 2]",
    ),
)
HEADS = (
    *(
        "def $n($n, $n=$e, *$n, $n: $e = $e) -> $e:",
        "def $n($n, /, $n):",
        "@$e|def $n(**$n):",
        "async def $n($n: $e):",
        "class $n($e, $n=$e):",
    ),
    *(
        "if $e:|else:",
        "if $e:|elif $e:",
        "for $n in $e:|else:",
        "while $e:|else:",
        "with $e as $n, $e:",
        "async for $n in $e:",
    ),
    *("try:|except $e as $n:|else:|finally:", "try:|except* $e as $n:", "match $e:|    case [$n, *$n] if $e:"),
    *("match $e:|    case {'a': $n, **$n} | $n($n=$n):", "match $e:|    case $n.$n | None as $n:", "async with $e:"),
)
EXPRESSIONS = (
    *(
        "$n",
        "$n",
        "$n",
        "1",
        "1.0",
        "'a'",
        "u'a'",
        "b'a'",
        "None",
        "-$e",
        "$e + $e",
        "$e - $e",
        "($e)",
        "$e < $e <= $e",
        "$e and $e",
    ),
    *(
        "$n($e, $n=$e, **$e)",
        "$n.$n",
        "$n[$e:$e]",
        "$n[$e, $e]",
        "[$e, *$e]",
        "($e,)",
        "{$e: $e, **$e}",
        "{$e}",
        "f'{$e!r:>{$n}}a'",
        "u'a' f'{$n}'",
    ),
    *(
        "lambda $n, *$n, $n=$e: $e",
        "[$e for $n in $e if $e for $n in $e]",
        "{$e: $e for $n, $n in $e}",
        "($n := $e)",
        "(yield $e)",
        "not $e",
    ),
    *(
        "{($n := $e) for $n.$n in $e}",
        "$e if $e else $e",
        "f'{$n=}'",
        "($e for $n in $e)",
        "(await $e)",
        "0x10",
        "16",
        "1j",
        "...",
    ),
)


def split(programs: Iterable[str], form: Callable[[str], str | None]) -> set[frozenset[str]]:
    """The classes of programs of one form."""
    classes: dict[str | None, set[str]] = {}
    for each in programs:
        classes.setdefault(form(each), set()).add(each)
    return {frozenset(each) for each in classes.values()}


def check(programs: Iterable[str]) -> int:
    """The forms make the classes of what they are held against; how many that is."""
    there = [each for each in dict.fromkeys(programs) if _parses(each)]
    for keep in ((), ("f",)):
        ours = split(there, partial(canonical, keep=keep))
        assert ours == split(there, partial(numbered, keep=keep))
    assert split(there, exact) == split(there, lambda each: ast.dump(ast.parse(each)))
    return len(ours)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def beside(source: str, chance: random.Random) -> Iterator[str]:
    """Copies of a program, and what is nearly one: names changed or changed for each other, a line more somewhere."""
    yield source
    plain = ast.unparse(ast.parse(source))
    yield plain
    names = [*re.findall(r"\b[a-z]\w*\b", plain), "fresh"]
    one, other = chance.choice(names), chance.choice(names)
    yield re.sub(rf"\b(?:{one}|{other})\b", lambda found: other if found[0] == one else one, plain)
    yield re.sub(rf"\b{one}\b", "fresh", plain)
    lines = plain.split("\n")
    at = chance.randrange(len(lines) + 1)
    indent = " " * (len(lines[at - 1]) - len(lines[at - 1].lstrip())) if at else ""
    for line in LINES:
        yield "\n".join((*lines[:at], indent + line, *lines[at:]))


def test_published_solutions_their_mutants_and_copies_fall_into_the_same_classes(shared_data: Path) -> None:
    chance, classes = random.Random(1), 0
    for task in import_tasks("humaneval", shared_data / "humaneval" / "HumanEval.jsonl.gz"):
        assert task.reference is not None
        made = [task.reference, *itertools.islice(mutants(task), 2)]
        classes += check(copy for each in made for copy in beside(each, chance))
    assert classes > 1000


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_made_programs_of_few_names_fall_into_the_same_classes(seed: int) -> None:
    chance = random.Random(seed)
    made = [Made(chance).module() for _ in range(8)]
    check(copy for each in made if _parses(each) for copy in beside(each, chance))


class Made:
    """Programs of few names that bind them in all ways, so that many are alike."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def module(self) -> str:
        return "\n".join(self._block("", 3)) + "\n"

    def _block(self, indent: str, deep: int) -> list[str]:
        return [line for _ in range(self._chance.randint(1, 3)) for line in self._statement(indent, deep)]

    def _statement(self, indent: str, deep: int) -> list[str]:
        head = self._fill(self._chance.choice(HEADS if deep and self._chance.random() < 0.5 else SIMPLE), 2)
        lines = []
        for part in head.split("|"):
            lines.append(indent + part)
            if part.endswith(":") and deep:
                lines += self._block(indent + "    ", deep - 1)
        return lines

    def _fill(self, text: str, deep: int) -> str:
        """Expressions and names for their marks."""
        inner = EXPRESSIONS if deep else ("$n", "1")

        def expression(_: re.Match[str]) -> str:
            return self._fill(self._chance.choice(inner), deep - 1)

        def name(_: re.Match[str]) -> str:
            return self._chance.choice(NAMES)

        return re.sub(r"\$n", name, re.sub(r"\$e", expression, text))
