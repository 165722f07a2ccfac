"""String functions: one expression over the words of a text.

At difficulty 1 a task takes some words and closes; at 2 it changes each between; at 3 it has two conditions.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from gristmill.graph.tasks.families.composing import Combination, Composed, Draft
from gristmill.graph.tasks.families.pipelines import Change, Close, Inputs, Keep, Pipeline

__all__ = ["STRING_FUNCTIONS"]

_WORDS = (
    "a I to of at on Bob cat dog sun Tom red eel mom tea Ann noon tree blue moon star Anna Rome deed nose "
    "Paris level apple radar stone Green river mango Diana taste Dubai orange banana Dublin rabbit kitten window "
    "Madrid tomato redder picture freedom station Alabama America readers elephant Scotland umbrella notebook Atlantic "
    "crocodile chocolate Tennessee nonsense"
).split()
_LETTERS = "aeionrtsbdmlcgkpuw"


def _keeps(rng: random.Random) -> list[Keep]:
    """Every condition, with its parameters drawn."""
    n, c = rng.randint(2, 7), rng.choice(_LETTERS)
    return [
        Keep(
            "longer",
            (f"have more than {n} letters", f"are longer than {n} letters"),
            f"len(w) > {n}",
            lambda w: len(w) > n,
        ),
        Keep(
            "shorter",
            (f"have fewer than {n} letters", f"are shorter than {n} letters"),
            f"len(w) < {n}",
            lambda w: len(w) < n,
        ),
        Keep(
            "exactly",
            (f"have exactly {n} letters", f"are {n} letters long"),
            f"len(w) == {n}",
            lambda w: len(w) == n,
        ),
        Keep(
            "starting",
            (f"start with '{c}'", f"begin with the letter '{c}'"),
            f"w.startswith('{c}')",
            lambda w: w.startswith(c),
        ),
        Keep("ending", (f"end with '{c}'", f"have '{c}' at the end"), f"w.endswith('{c}')", lambda w: w.endswith(c)),
        Keep("holding", (f"contain '{c}'", f"have the letter '{c}' in them"), f"'{c}' in w", lambda w: c in w),
        Keep("lacking", (f"do not contain '{c}'", f"have no '{c}' in them"), f"'{c}' not in w", lambda w: c not in w),
        Keep(
            "capital",
            ("start with a capital letter", "begin with an upper case letter"),
            "w[0].isupper()",
            lambda w: w[0].isupper(),
        ),
        Keep(
            "alike",
            ("start and end with the same character", "have the same first and last character"),
            "w[0] == w[-1]",
            lambda w: w[0] == w[-1],
        ),
    ]


def _changes(rng: random.Random) -> list[Change]:
    n, (a, b) = rng.randint(2, 4), rng.sample(_LETTERS, 2)
    return [
        Change("upper", ("write each in upper case", "capitalize all letters of each"), {"w": "w.upper()"}, str.upper),
        Change("backwards", ("reverse each", "write each backwards"), {"w": "w[::-1]"}, lambda w: w[::-1]),
        Change(
            "initial", ("take the first letter of each", "keep only each first letter"), {"w": "w[0]"}, lambda w: w[0]
        ),
        Change(
            "final", ("take the last letter of each", "keep only each last letter"), {"w": "w[-1]"}, lambda w: w[-1]
        ),
        Change(
            "front",
            (f"take the first {n} letters of each", f"cut each to {n} letters"),
            {"w": f"w[:{n}]"},
            lambda w: w[:n],
        ),
        Change(
            "tail",
            ("drop the first letter of each", "take each without its first letter"),
            {"w": "w[1:]"},
            lambda w: w[1:],
        ),
        Change("doubled", ("write each twice in a row", "repeat each once"), {"w": "w * 2"}, lambda w: w * 2),
        Change(
            "swapped",
            (f"replace '{a}' by '{b}' in each", f"put '{b}' for every '{a}' in each"),
            {"w": f"w.replace('{a}', '{b}')"},
            lambda w: w.replace(a, b),
        ),
    ]


def _closes(rng: random.Random) -> list[Close]:
    mark = rng.choice("-+/_.,:;")
    return [
        Close(
            "listed",
            ("Return a list of {things}.", "Keep only {things}."),
            ("return them as a list", "put them in a list"),
            "[{w} for {loop}]",
        ),
        Close(
            "joined",
            (f"Join {{things}} with '{mark}'.", f"Return {{things}}, with '{mark}' between them."),
            (f"join them with '{mark}'", f"return them with '{mark}' between them"),
            f"'{mark}'.join({{w}} for {{loop}})",
            (mark.join,),
        ),
        Close(
            "glued",
            ("Join {things} without spaces.", "Write {things} together, with nothing between."),
            ("write them together without spaces", "join them with nothing between"),
            "''.join({w} for {loop})",
            ("".join,),
        ),
        Close(
            "ordered",
            ("Sort {things}.", "Return {things}, sorted."),
            ("sort them", "return them sorted"),
            "sorted({w} for {loop})",
            (sorted,),
        ),
        Close(
            "unlike",
            ("Count {things}, each only once.", "Return how many of {things} are different."),
            ("count the different ones", "return how many different ones there are"),
            "len(set({w} for {loop}))",
            (lambda some: list(dict.fromkeys(some)), len),
        ),
        Close(
            "letters",
            ("Add up the lengths of {things}.", "Return how many letters {things} have together."),
            ("return how many letters they have together", "add up their lengths"),
            "sum(len({w}) for {loop})",
            (lambda some: [len(w) for w in some], sum),
        ),
        Close(
            "reach",
            (
                "Return the length of the longest of {things}, or 0.",
                "Return the greatest length of {things}, or 0 without any.",
            ),
            ("return the length of the longest, or 0", "return the greatest length, or 0 without any"),
            "max((len({w}) for {loop}), default=0)",
            (lambda some: [len(w) for w in some], lambda some: max(some, default=0)),
        ),
        Close(
            "tally",
            ("Count {things}.", "Return the number of {things}."),
            ("count them", "return how many there are"),
            "len([{w} for {loop}])",
            (len,),
        ),
    ]


def _texts(rng: random.Random, keeps: Sequence[Keep]) -> Inputs | None:
    """Texts of words: mixed ones, with repeats, then only of words that are taken, and only of others."""
    taken = [word for word in _WORDS if all(each.test(word) for each in keeps)]
    others = [word for word in _WORDS if word not in taken]
    if len(taken) < 2 or len(others) < 2:
        return None
    texts = []
    for length in (5, 6, 6, 7, 8, 9, 10):
        words = [rng.choice(taken if place % 2 else others) for place in range(length)]
        words.append(words[1])
        rng.shuffle(words)
        texts.append(" ".join(words))
    # Words of every length, letter and case: a bound that is off by one, or a case that is not told apart, shows.
    texts += [" ".join(rng.sample(_WORDS, len(_WORDS))[:40]), " ".join(rng.sample(_WORDS, len(_WORDS)))]
    texts += [" ".join(rng.choice(taken) for _ in range(5)), " ".join(rng.sample(others, 2)), "", rng.choice(taken)]
    return texts[:2], texts[2:]


_PIPELINE = Pipeline(
    what="the words in s",
    loop="w in s.split()",
    variables=("w",),
    template="def f(s):\n    return {answer}",
    begin=str.split,
    inputs=_texts,
)


def _make(rng: random.Random, combination: Combination, wordings: tuple[int, ...]) -> Draft:
    close = next(each for each in _closes(rng) if each.name == combination[-1])
    change = next((each for each in _changes(rng) if each.name in combination), None)
    names = combination[: -1 if change is None else -2]
    keeps = [next(each for each in _keeps(rng) if each.name == name) for name in names]
    return _PIPELINE.draft(keeps, change, close, wordings)


_ANY = random.Random("names")
_KEEPS, _CHANGES, _CLOSES = (tuple(each.name for each in some(_ANY)) for some in (_keeps, _changes, _closes))
# How many there are is the same for every change.
_COMBINATIONS: dict[int, tuple[Combination, ...]] = {
    1: tuple(itertools.product(_KEEPS, _CLOSES)),
    2: tuple(itertools.product(_KEEPS, _CHANGES, _CLOSES[:-1])),
    3: tuple(
        (*pair, change, close)
        for pair in itertools.combinations(_KEEPS, 2)
        for change in _CHANGES
        for close in _CLOSES[:-1]
    ),
}
STRING_FUNCTIONS = Composed(
    name="string-functions",
    usual=(1,),
    few_shot=(
        "starting/tally",
        "longer/listed",
        "holding/joined",
        "capital/ordered",
        "shorter/letters",
        "ending/glued",
        "lacking/unlike",
        "exactly/reach",
        "alike/listed",
        "ending/upper/listed",
        "longer/backwards/joined",
        "lacking/initial/glued",
        "holding/front/unlike",
        "holding/swapped/ordered",
        "starting/doubled/reach",
        "alike/tail/listed",
        "shorter/final/joined",
        "capital/front/letters",
        "longer/starting/backwards/listed",
        "shorter/holding/upper/joined",
        "ending/lacking/tail/ordered",
        "exactly/capital/doubled/glued",
        "longer/alike/initial/unlike",
    ),
    combinations=_COMBINATIONS,
    wordings=dict.fromkeys((*_KEEPS, *_CHANGES, *_CLOSES), 2),
    make=_make,
)
"""Difficulties 1 to 3."""
