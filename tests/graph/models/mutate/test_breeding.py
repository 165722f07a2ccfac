"""Laws of programs that are bred: they parse, keep what they must, differ from parents, and follow from the seed."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.graph.models.mutate import Domain, NothingToChangeError, Rules, breeding, cross, mutate
from gristmill.graph.models.tune import skeleton

SEEDS = st.integers(0, 2**64 - 1)

WHOLE = '''"""Packs."""
import math
# how much room is left counts

WEIGHTS = [1.5, -2, 0.25]


@staticmethod
def unrelated():
    return "text", b"bytes"


def priority(item, bin, *, slack=3):
    """Higher is better."""
    rest = bin - item  # never negative
    total = 0.0
    for at in range(len(WEIGHTS)):
        if rest < slack and not at > 2:
            total += WEIGHTS[at] * math.sqrt(rest)
        else:
            total = max(total, item / (at + 1))
    names = [each for each in (1, 2, 3) if each > rest]
    try:
        return total if names else -total
    except ZeroDivisionError:
        return 0
'''
MARKED = """import math

LIMIT = 7   # outside

class Packer:
\tdef priority(self, item):
\t\tscore = 1.0   # outside too
\t\t# gristmill: change
\t\tif item > 3:
\t\t\tscore = score * 2 + item

\t\tscore -= item ** 2
\t\t# gristmill: end
\t\treturn score;  x = 1

# EVOLVE-BLOCK-START
def priority(item, bin=5):
    return item + bin * 2 if item else bin
# EVOLVE-BLOCK-END

TEXT = '''
# gristmill: change
left = 1
# gristmill: end
'''
"""
SHORT = "def priority(item, bin): return item * 2 + bin; y = 3\n"
OTHER = """import math


def helper(a):
    while a > 4:
        a = a // 2
    return a


def priority(item, bin, *, slack=3):
    one = item * item
    two = abs(bin) + helper(one)
    if one > two or bin == 3:
        return one - two
    return math.log(1 + two) % 3
"""
PROGRAMS = st.sampled_from([WHOLE, MARKED, SHORT, OTHER, WHOLE.replace("\n", "\r\n"), MARKED.replace("\n", "\r\n")])
RULES = Rules(entry_points=("priority",))


def signatures(source: str) -> list[str]:
    tree = ast.parse(source)
    return [ast.dump(each.args) for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "priority"]


def outside(source: str) -> list[str]:
    """What stands before, between and after the two regions of `MARKED`."""
    before, _, rest = source.partition("# gristmill: change")
    _, end, rest = rest.partition("\t\t# gristmill: end")
    between, begin, rest = rest.partition("# EVOLVE-BLOCK-START")
    _, last, after = rest.partition("# EVOLVE-BLOCK-END")
    return [before, end, between, begin, last, after]


@given(source=PROGRAMS, seed=SEEDS, steps=st.integers(1, 5))
@settings(max_examples=15)
def test_a_mutation_parses_keeps_the_entry_point_differs_and_follows_from_the_seed(
    source: str, seed: int, steps: int
) -> None:
    child = mutate(source, RULES, seed, steps=steps)
    assert ast.dump(ast.parse(child.source)) != ast.dump(ast.parse(source))
    compile(child.source, "child", "exec")
    assert signatures(child.source) == signatures(source)
    assert 1 <= len(child.done) <= steps
    assert mutate(source, RULES, seed, steps=steps) == child


@given(seed=SEEDS, newline=st.sampled_from(["\n", "\r\n"]), steps=st.integers(1, 4))
@settings(max_examples=15)
def test_every_byte_outside_the_regions_is_kept(seed: int, newline: str, steps: int) -> None:
    source = MARKED.replace("\n", newline)
    child = mutate(source, RULES, seed, steps=steps).source
    assert outside(child) == outside(source)
    assert outside(cross(source, child, RULES, seed).source) == outside(source) if child else True


@given(one=PROGRAMS, two=PROGRAMS, seed=SEEDS)
@settings(max_examples=15)
def test_a_crossing_parses_keeps_the_entry_point_and_is_neither_parent(one: str, two: str, seed: int) -> None:
    if one == two:
        two = mutate(one, RULES, seed).source
    try:
        child = cross(one, two, RULES, seed).source
    except NothingToChangeError:
        return
    assert child not in (one, two)
    assert ast.dump(ast.parse(child)) != ast.dump(ast.parse(one))
    assert signatures(child) == signatures(one)
    assert cross(one, two, RULES, seed).source == child


def test_parents_that_are_kept_parsed_stay_as_they_are_written_and_are_few() -> None:
    breeding._READ.clear()
    pruned = "def priority(item, bin, *, slack=3):\n    left = abs(abs(bin - item)) + 0\n    return min(left, left)\n"
    for seed in range(30):
        cross(WHOLE, pruned, RULES, seed)
        cross(pruned, WHOLE, RULES, seed)
    for source, (_, parent) in breeding._READ.items():
        assert ast.dump(parent.program.tree, include_attributes=True) == ast.dump(
            ast.parse(source), include_attributes=True
        )
    for number in range(70):
        cross(pruned, f"{pruned}# {number}{'#' * (number // 64 * 60_000)}\n", RULES, number, how="expression")
    assert pruned in breeding._READ
    assert len(breeding._READ) <= 64
    assert sum(map(len, breeding._READ)) <= 100_000


@pytest.mark.parametrize("source", [WHOLE, OTHER], ids=["whole", "other"])
def test_programs_never_grow_without_bound(source: str) -> None:
    rules = Rules(entry_points=("priority",), most_nodes=150)
    most = max(150, sum(1 for _ in ast.walk(ast.parse(source))))
    for seed in range(40):
        source = mutate(source, rules, seed, steps=3).source
        assert sum(1 for _ in ast.walk(ast.parse(source))) <= most


@given(seed=SEEDS)
@settings(max_examples=20)
def test_literals_stay_within_their_domains_and_nothing_else_happens_to_them(seed: int) -> None:
    source = (
        "K = {'loader': 'a', 'depth': 2, 'other': [1, 2]}\nX = [0, 1, 0, 1]\n\n\n"
        "def f(scale=1.0):\n    return g(rate=0.5, size=-3), K, X\n"
    )
    rules = Rules(
        entry_points=("f",),
        domains={
            "loader": Domain(choices=("a", "b", "c")),
            "depth": Domain(low=1, high=3),
            "X": Domain(low=0, high=1),
            "rate": Domain(low=0, high=1, real=True),
            "size": Domain(low=-5, high=-1),
        },
    )
    for step in range(4):
        source = mutate(source, rules, seed + step).source
    # Whatever else has become of the program, what has a domain is there.
    assigned = {node.targets[0].id: node.value for node in ast.parse(source).body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]
    given = ast.literal_eval(assigned["X"])
    assert len(given) == 4
    assert set(given) <= {0, 1}
    table = assigned["K"]
    assert isinstance(table, ast.Dict)
    pairs = zip(table.keys, table.values, strict=True)
    keys = {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}
    assert ast.literal_eval(keys["loader"]) in {"a", "b", "c"}
    assert ast.literal_eval(keys["depth"]) in {1, 2, 3}
    named = {each.arg: each.value for each in ast.walk(ast.parse(source)) if isinstance(each, ast.keyword)}
    assert 0 <= ast.literal_eval(named["rate"]) <= 1
    assert -5 <= ast.literal_eval(named["size"]) <= -1


@given(seed=SEEDS, how=st.sampled_from(["slice", "uniform"]))
@settings(max_examples=20)
def test_literals_cross_in_one_run_or_each_by_itself(seed: int, how: str) -> None:
    form = "X = {}\n\n\ndef f():\n    return X\n"
    rules = Rules(entry_points=("f",), domains={"X": Domain(low=0, high=1)}, literals_only=True)
    child = cross(form.format([0] * 30), form.format([1] * 30), rules, seed, how=how).source  # type: ignore[arg-type]
    found = ast.literal_eval(ast.parse(child).body[0].value)  # type: ignore[attr-defined]
    edges = sum(one != two for one, two in zip([0, *found], [*found, 0], strict=True))
    assert 0 < sum(found) < 30
    if how == "slice":
        assert edges == 2
    again = cross(form.format([0] * 30), form.format([1] * 30), rules, seed, how=how).source  # type: ignore[arg-type]
    assert again == child


def test_only_what_the_rules_name_is_put_in() -> None:
    rules = Rules(entry_points=("f",), functions={"math.sin": 1, "math.exp": 1}, operators=("+", "*"), constants=())
    source = "import math\n\n\ndef f(x):\n    return x\n"
    called, operators = set(), set()
    for seed in range(200):
        source = mutate(source, rules, seed).source
        tree = ast.parse(source)
        called |= {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        operators |= {type(node.op).__name__ for node in ast.walk(tree) if isinstance(node, ast.BinOp)}
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert called == {"math.sin", "math.exp"}
    assert operators == {"Add", "Mult"}


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def f(:",
        "x = \x00",
        "import math\n",
        "a = 1\n# gristmill: change\n# gristmill: end\n",
        "(" * 5000 + ")" * 5000,
        "x = 1" + " + 1" * 60_000,
    ],
    ids=["empty", "torn", "null byte", "import", "empty region", "nested", "long"],
)
def test_what_cannot_change_is_named(source: str) -> None:
    with pytest.raises(NothingToChangeError):
        mutate(source, Rules(), 1)


def test_a_comment_outside_the_changed_statement_is_kept() -> None:
    kept = 0
    for seed in range(20):
        child = mutate(WHOLE, RULES, seed).source
        kept += "# how much room is left counts" in child
        assert "@staticmethod\ndef unrelated():" in child
    assert kept > 10


@pytest.mark.parametrize(
    "source",
    [
        "def priority(a):\n    return " + "a + " * 2000 + "1\n",
        "def priority(a):\n    if a:\n        a = 1\n" + "    elif a > 2:\n        a = 3\n" * 800 + "    return a\n",
        "def priority(a):\n    return a + " + "9" * 4000 + "\n",
        "def priority(a):\n    return [" + "[1, 2], " * 9000 + "a]\n",
        "# gristmill: change\nx = 1\n# gristmill: end\n" * 1500 + "def priority(a):\n    return a\n",
        "def priority(a):\n    return a + " + "-" * 80 + "1 + '\\ud800'\n",
    ],
    ids=["deep sum", "long chain", "huge number", "long list", "many regions", "signs"],
)
def test_whatever_a_model_has_written_is_changed_or_refused(source: str) -> None:
    for other in (None, SHORT):
        try:
            child = (mutate(source, RULES, 3) if other is None else cross(source, other, RULES, 3)).source
        except NothingToChangeError:
            continue
        compile(child, "child", "exec")
        assert child != source
    form = skeleton(source, RULES)
    assert form is None or skeleton(form.filled(form.values), RULES) is not None
