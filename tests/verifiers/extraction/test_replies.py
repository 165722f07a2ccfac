"""Replies as models write them, and replies that nobody would write."""

from __future__ import annotations

import ast
import gzip
import json
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.verifiers.extraction.replies import entry_points, extract, without_reasoning
from gristmill.verifiers.records import Case, CasesTest, PythonTest, StdioCase, StdioTest, Task

FUNCTION = "def f(x):\n    return x + 1"
OTHER = "def f(x):\n    return x + 2"
PREFIX = (
    'from typing import List\n\n\ndef double(x):\n    return 2 * x\n\n\ndef f(xs: List[int]) -> int:\n    """Sum."""\n'
)


def task(entry_point: str | tuple[str, ...] | None = "f", *, kind: str = "code", **more: Any) -> Task:
    tests: tuple[Any, ...] = (StdioTest(cases=(StdioCase(stdout="1"),)),)
    if isinstance(entry_point, str):
        tests = (CasesTest(entry_point=entry_point, cases=(Case(args=(1,), expected=2),)),)
    elif entry_point:
        tests = (PythonTest(entry_point=entry_point, code="assert f(1) == 2"),)
    return Task(id="t", kind=kind, prompt="Do it.", tests=() if kind in {"math", "reward", "loss"} else tests, **more)


def solution_in(reply: str, of: Task | None = None, **more: Any) -> str:
    solution = extract(of or task(), reply, **more).solution
    assert solution is not None, extract(of or task(), reply, **more).note
    return solution.strip()


@pytest.mark.parametrize(
    "reply",
    [
        FUNCTION,
        f"\n\n{FUNCTION}\n",
        f"```python\n{FUNCTION}\n```",
        f"```py\n{FUNCTION}\n```",
        f"```Python\n{FUNCTION}\n```",
        f"```\n{FUNCTION}\n```",
        f"~~~python\n{FUNCTION}\n~~~",
        f"````python\n{FUNCTION}\n````",
        f"Sure!\n```python\n{FUNCTION}\n```\nThis adds one.",
        f"Sure, here: ```python\n{FUNCTION}\n```",
        f"```python\n{FUNCTION}",
        f"Sure!\n\n```python\n{FUNCTION}\n\nThis is not closed, and goes on.",
        f'```python title="a.py"\n{FUNCTION}\n```',
        f"1. The code:\n\n   ```python\n{textwrap.indent(FUNCTION, '   ')}\n   ```\n",
        f"```python\r\n{FUNCTION}\n```".replace("\n", "\r\n"),
        f"Sure! Here it is:\n\n{FUNCTION}\n\nThis adds one.",
        f"{FUNCTION}\n\nThis adds one.",
        f"{FUNCTION}\n\nDone",
        f"Here:\n{FUNCTION}\n```",
        f"<think>First ```python\n{OTHER}\n``` no.</think>\n```python\n{FUNCTION}\n```",
        f"The template opened it.\n{OTHER}\n</think>\n{FUNCTION}",
        json.dumps({"thought": "add", "code": FUNCTION}),
        f"```json\n{json.dumps({'code': FUNCTION})}\n```",
        json.dumps({"solution": f"```python\n{FUNCTION}\n```"}),
        '{"thought": "raw newline", "code": "def f(x):\n    return x + 1"}',
        f"```python\n{OTHER}\n```\nThat is off by one.\n```python\n{FUNCTION}\n```",
        f"```python\n{FUNCTION}\n```\nUse it so:\n```python\nprint(f(1))\n```\n```\n2\n```",
        f"```bash\npip install x\n```\n```python\n{FUNCTION}\n```",
        f"```python\n{FUNCTION}\n```\n```python\ndef f(x:\n```",
        f"```python\ndef g():\n```python\n{FUNCTION}\n```",
    ],
)
def test_a_function_is_found_however_it_is_wrapped(reply: str) -> None:
    assert solution_in(reply) == FUNCTION


def test_a_bare_solution_comes_back_unchanged() -> None:
    source = '"""<think> ```python"""\nimport math\n\n\ndef f(x):\n    s = "```"\n    return x, s, "</think>"\n'
    assert extract(task(), source).solution == source


def test_line_separators_inside_strings_are_no_new_lines() -> None:
    source = "def f(x):\n    return 'a\u2028b\x0cc\x85d' + x"
    assert solution_in(f"Here:\n```python\n{source}\n```") == source
    assert solution_in(f"Here:\n\n{source}\n\nThis is it.") == source
    change = "<<<<<<< SEARCH\n    return y - 1\n=======\n    return y + 1\n>>>>>>> REPLACE"
    parent = PARENT.replace("y = x", "y = x; z = '\u2028'")
    assert solution_in(change, parent=parent) == parent.replace("- 1", "+ 1").strip()


def test_an_assigned_or_imported_name_counts_as_defined() -> None:
    assert solution_in("f = lambda x: x + 1") == "f = lambda x: x + 1"
    assert solution_in("```python\nfrom math import sqrt as f\n```") == "from math import sqrt as f"
    assert "f = g" in solution_in(
        "```python\ntry:\n    from a import g\nexcept ImportError:\n    g = f = None\nf = g\n```"
    )


def test_blocks_that_define_what_the_answer_uses_come_along() -> None:
    helper = "import math\n\ndef helper(x):\n    return math.ceil(x)"
    reply = f"```python\n{helper}\n```\nand\n```python\ndef f(x):\n    return helper(x)\n```"
    solution = solution_in(reply)
    names: dict[str, Any] = {}
    exec(solution, names)
    assert names["f"](1.5) == 2


def test_entry_points_in_two_blocks_are_taken_together() -> None:
    both = task(("encode", "decode"))
    reply = "```python\ndef encode(s):\n    return s\n```\n```python\ndef decode(s):\n    return s\n```"
    assert {"encode", "decode"} <= {node.name for node in ast.parse(solution_in(reply, both)).body}  # type: ignore[attr-defined]


def test_code_that_defines_something_else_is_kept_and_said() -> None:
    result = extract(task(), "```python\ndef g(x):\n    return x\n```")
    assert result.solution == "def g(x):\n    return x"
    assert "does not define `f`" in result.note


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "empty"),
        ("   \n ", "empty"),
        ("<think>Let me see", "inside its reasoning"),
        ("I cannot help with that.", "no code"),
        ("Sorry", "no code"),
        ("```python\ndef f(x:\n    return\n```", "does not parse: line 1"),
        ("```python\n```", "no code"),
        ("```json\n[1, 2]\n```", "no code"),
        ("```text\nhello there\n```", "no code"),
    ],
)
def test_the_note_says_why_nothing_was_found(reply: str, why: str) -> None:
    result = extract(task(), reply)
    assert result.solution is None
    assert why in result.note


def test_whole_programs_need_no_entry_point() -> None:
    program = "n = int(input())\nprint(n + 1)"
    assert solution_in(program, task(None)) == program
    assert solution_in(f"Here:\n```python\n{program}\n```\nGood luck", task(None)) == program
    assert extract(task(None), "Sorry").solution is None


@pytest.mark.parametrize(
    "body",
    [
        "    return sum(xs)",
        "    total = 0\n    for x in xs:\n        total += x\n    return total",
        "return sum(xs)",
        "total = 0\nfor x in xs:\n    total += x\nreturn total",
        "total = 0\n    for x in xs:\n        total += x\n    return total",
    ],
)
@pytest.mark.parametrize("wrap", ["{}", "\n{}\n", "```python\n{}\n```", "```python\n{}", "{}\n\nThis sums the list."])
def test_a_body_is_joined_with_the_given_beginning(body: str, wrap: str) -> None:
    solution = solution_in(wrap.format(body), task(settings={"prefix": PREFIX}))
    names: dict[str, Any] = {}
    exec(solution, names)
    assert names["f"]([1, 2, 3]) == 6


def test_a_rewrite_gets_the_imports_and_helpers_of_the_given_beginning() -> None:
    reply = "```python\ndef f(xs: List[int]) -> int:\n    return double(sum(xs))\n```"
    names: dict[str, Any] = {}
    exec(solution_in(reply, task(settings={"prefix": PREFIX})), names)
    assert names["f"]([1, 2]) == 6


def test_a_docstring_alone_is_no_body() -> None:
    result = extract(task(settings={"prefix": PREFIX}), "I would sum the list.")
    assert result.solution is None


TEMPLATE = "def f(xs):\n    return {answer}\n"


@pytest.mark.parametrize(
    "reply",
    [
        "sum(x for x in xs if x > 0)",
        " sum(x for x in xs if x > 0) ",
        "`sum(x for x in xs if x > 0)`",
        "return sum(x for x in xs if x > 0)",
        "Answer: sum(x for x in xs if x > 0)",
        "sum(x for x in xs if x > 0)\n\nThis sums them.",
        "```python\nsum(x for x in xs if x > 0)\n```",
        "sum(\n    x for x in xs\n    if x > 0\n)",
        "lambda xs: sum(x for x in xs if x > 0)",
        "def f(xs): return sum(x for x in xs if x > 0)",
        "def g(xs): return sum(x for x in xs if x > 0)",
        "def f(xs):\n    return sum(x for x in xs if x > 0)",
        "Sure, the expression is this one:\nsum(x for x in xs if x > 0)",
    ],
)
def test_an_expression_is_put_into_the_template(reply: str) -> None:
    names: dict[str, Any] = {}
    exec(solution_in(reply, task(settings={"template": TEMPLATE})), names)
    assert names["f"]([-1, 2, 3]) == 5


def test_a_lone_word_is_an_answer_only_if_it_is_an_argument() -> None:
    assert solution_in("xs", task(settings={"template": TEMPLATE})) == "def f(xs):\n    return xs"
    result = extract(task(settings={"template": TEMPLATE}), "Hello")
    assert result.solution is None
    assert "'Hello' is a word" in result.note


def test_an_expression_that_does_not_parse_is_answered_with_what_python_says() -> None:
    result = extract(task(settings={"template": TEMPLATE}), "sum(x for x in xs if x != 9) if len(xs)")
    assert result.solution is None
    assert "no expression was found: line 1: expected 'else'" in result.note


SEARCH = "<<<<<<< SEARCH\n    return y - 1   \n=======\n    return y + 1\n>>>>>>> REPLACE"
HUNK = "@@ -1,3 +1,3 @@\n def f(x):\n     y = x\n-    return y - 1\n+    return y + 1"
PARENT = "def f(x):\n    y = x\n    return y - 1\n"


@pytest.mark.parametrize(
    "reply",
    [
        "<<<<<<< SEARCH\n    return y - 1\n=======\n    return y + 1\n>>>>>>> REPLACE",
        f"The sign is wrong.\n```python\n{SEARCH}\n```",
        f"```diff\n--- a/solution.py\n+++ b/solution.py\n{HUNK}\n```",
        "```diff\n@@ -99 +99 @@\n-    return y - 1\n+    return y + 1\n```\n\nThat is all.",
        "@@\n-    return y - 1\n+    return y + 1\n",
    ],
)
def test_changes_are_applied_to_the_parent(reply: str) -> None:
    assert solution_in(reply, parent=PARENT) == "def f(x):\n    y = x\n    return y + 1"


def test_changes_that_do_not_apply_fall_back_to_a_full_rewrite() -> None:
    change = "<<<<<<< SEARCH\n    return z\n=======\n    return y + 1\n>>>>>>> REPLACE"
    result = extract(task(), f"{change}\n\nOr in full:\n```python\n{FUNCTION}\n```", parent=PARENT)
    assert result.solution == FUNCTION
    assert "do not apply" in result.note
    alone = extract(task(), change, parent=PARENT)
    assert alone.solution is None
    assert "do not apply" in alone.note
    assert "no full rewrite" in alone.note
    assert "nothing to change" in extract(task(), change).note


def test_changes_that_break_the_code_are_not_taken() -> None:
    change = "<<<<<<< SEARCH\n    return y - 1\n=======\n    return (\n>>>>>>> REPLACE"
    result = extract(task(), change, parent=PARENT)
    assert result.solution is None
    assert "does not parse" in result.note


def test_for_mathematics_the_whole_reply_is_the_solution() -> None:
    reply = "<think>2 + 2 is 5? no</think>\nSo 2 + 2 = 4, \\boxed{4}. ```python\nx\n```"
    assert extract(task(kind="math", answer="4"), reply).solution == reply.partition("</think>")[2].strip()
    assert extract(task(kind="math", answer="4"), " ").solution is None


def test_rewards_and_losses_define_functions_of_those_names() -> None:
    for kind in ("reward", "loss"):
        source = f"def {kind}(a, b):\n    return a"
        assert solution_in(f"Idea.\n```python\n{source}\n```", task(kind=kind)) == source
    assert entry_points(task(kind="reward", settings={"entry_point": "shape"})) == ("shape",)


def test_reasoning_is_dropped_wherever_it_stands() -> None:
    assert without_reasoning("a<think>b</think>c<thinking>d</thinking>e") == "ace"
    assert without_reasoning("b</think>c") == "c"
    assert without_reasoning("a<think>b") == "a"


def test_humaneval_completions_are_read_in_every_form(shared_data: Path) -> None:
    with gzip.open(shared_data / "humaneval" / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) == 164
    for row in rows:
        name, prompt, body = row["entry_point"], row["prompt"], row["canonical_solution"]
        of = Task(
            id=row["task_id"],
            kind="code",
            prompt=prompt,
            settings={"prefix": prompt},
            tests=(PythonTest(entry_point=name, code=row["test"]),),
        )
        wanted = ast.dump(_function(prompt + body, name))
        stripped, fence = body.strip("\n").lstrip(), "```python\n{}\n```"
        replies = [body, prompt + body, stripped, fence.format(body), fence.format(prompt + body)]
        replies += [fence.format(textwrap.dedent(body)), f"Here it is:\n\n{prompt}{body}\n\nIt works like this."]
        for reply in replies:
            solution = solution_in(reply, of)
            assert ast.dump(_function(solution, name)) == wanted, (row["task_id"], reply, solution)
            assert _names(prompt + body) == _names(solution)


def _function(source: str, name: str) -> ast.stmt:
    return [node for node in ast.parse(source).body if getattr(node, "name", None) == name][-1]


BITS = st.sampled_from(
    [
        "```",
        "```python\n",
        "~~~",
        "\n",
        "def f(x):\n",
        "    return x",
        "<think>",
        "</think>",
        "{",
        "}",
        '{"code": "',
        "<<<<<<< SEARCH\n",
        "=======\n",
        ">>>>>>> REPLACE\n",
        "@@ -1 +1 @@\n",
        "-",
        "+",
        " ",
        "\t",
        "(",
        ")",
        "\\",
        "'",
        '"""',
        "\x00",
        "\ud800",
        "\u2028",
        "\r",
        "é",
        "import os\n",
        "class A:\n",
        "@",
        "#",
        "x",
        "1" * 5000,
        "f(",
        "[",
        "lambda ",
        "return ",
        '{"arguments": "{\\"code\\": \\"',
        "<code>",
        "</code>",
        ">>> ",
        "... ",
        "    ",
        "class Solution:\n    def f(self, x): return x\n",
        "from solution import f\n",
        "# wrong\n",
        "A common mistake:\n",
        "\xa0",
        "\ufeff",
        "1 | ",
        "&gt;",
        "cat << 'EOF'\n",
        "EOF\n",
        "input()",
    ]
)
REPLIES = st.one_of(st.text(max_size=300), st.lists(BITS, max_size=40).map("".join))
TASKS = st.sampled_from(
    [
        task(),
        task(None),
        task(("f", "g")),
        task(kind="math", answer="1"),
        task(kind="reward"),
        task(settings={"prefix": PREFIX}),
        task(settings={"template": TEMPLATE}),
        task(settings={"prefix": "\x00("}),
        task(settings={"template": "{answer"}),
    ]
)


@given(TASKS, REPLIES, st.one_of(st.none(), REPLIES))
@settings(max_examples=600, deadline=None)
def test_nothing_raises_and_what_is_found_parses(of: Task, reply: str, parent: str | None) -> None:
    result = extract(of, reply, parent=parent)
    assert result.note
    if result.solution is not None and of.kind != "math":
        ast.parse(result.solution)


@given(TASKS, REPLIES)
@settings(max_examples=300, deadline=None)
def test_a_solution_is_its_own_extraction(of: Task, reply: str) -> None:
    first = extract(of, reply).solution
    if first is not None and of.kind != "math" and all(name in _names(first) for name in entry_points(of)):
        assert extract(of, first).solution == first


def _names(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


MEGABYTE = 1_000_000


@pytest.mark.third
@pytest.mark.parametrize(
    "reply",
    [
        "```" * (MEGABYTE // 3),
        "```python\n" * (MEGABYTE // 10),
        "```python\nx = 1\n```\n" * (MEGABYTE // 20),
        "<think>" * (MEGABYTE // 7),
        "<think></think>" * (MEGABYTE // 15),
        "</think>" * (MEGABYTE // 8),
        "(" * MEGABYTE,
        "{" * MEGABYTE,
        '{"code": ' * (MEGABYTE // 9),
        "def f(x):\n" * (MEGABYTE // 10),
        "def f(x): return x\nno code\n" * (MEGABYTE // 27),
        "def f(x):\n    return x\n" * (MEGABYTE // 23) + "(",
        "<<<<<<< SEARCH\n" * (MEGABYTE // 15),
        "<<<<<<< SEARCH\n\n=======\nx\n>>>>>>> REPLACE\n" * (MEGABYTE // 45),
        "@@ -1 +1 @@\n-\n+a\n" * (MEGABYTE // 18),
        "-" * MEGABYTE,
        "a." * (MEGABYTE // 2),
        " " * MEGABYTE + "x",
        "\n" * MEGABYTE,
        "`" * MEGABYTE,
        "answer: " * (MEGABYTE // 8),
        "\r" * MEGABYTE,
    ],
    ids=lambda reply: repr(reply[:24]),
)
@pytest.mark.parametrize(
    "of", [task(), task(settings={"prefix": PREFIX, "template": TEMPLATE})], ids=["plain", "settings"]
)
def test_a_megabyte_of_anything_takes_bounded_time(of: Task, reply: str) -> None:
    start = time.process_time()
    extract(of, reply, parent="\n" * 100_000)
    # Not a benchmark: quadratic work on a megabyte takes minutes, linear work on a slow machine never does.
    assert time.process_time() - start < 60
