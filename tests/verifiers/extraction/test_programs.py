"""Programs in other languages are found in replies by what their fences say."""

from __future__ import annotations

import pytest

from gristmill.verifiers import Task
from gristmill.verifiers.extraction.replies import extract, part

CPP = "#include <iostream>\nint main() {\n    std::cout << 1;\n}"
JS = "const x = require('fs').readFileSync(0, 'utf8');\nconsole.log(x);"


def task(language: str) -> Task:
    test = {"type": "stdio", "language": language, "cases": [{"stdin": "", "stdout": "1"}]}
    return Task.model_validate({"id": "t", "kind": "code", "prompt": "p", "tests": [test]})


@pytest.mark.parametrize("mark", ["cpp", "c++", "C++", "cc", "cxx", "c++17", ""])
def test_a_fence_of_the_language_holds_the_solution(mark: str) -> None:
    extraction = extract(task("c++"), f"Think first.\n\n```{mark}\n{CPP}\n```\nThat is all.")
    assert (extraction.solution, extraction.note) == (CPP, "fenced block")


@pytest.mark.parametrize("mark", ["js", "javascript", "node", "JavaScript", ""])
def test_so_it_is_with_javascript(mark: str) -> None:
    assert extract(task("js"), f"~~~{mark}\n{JS}\n~~~").solution == JS


def test_parts_of_a_program_before_and_after_it_are_not_taken_for_it() -> None:
    reply = f"Use\n```cpp\nstd::cin >> n;\n```\nso\n```cpp\n{CPP}\n```\nNote\n```cpp\nstd::cout << 1;\n```\n"
    reply += "and build it:\n```bash\ng++ main( solution.cpp\n```"
    assert extract(task("c++"), reply).solution == CPP


def test_a_fence_that_was_never_closed_and_one_behind_prose() -> None:
    assert extract(task("c++"), f"Here it is: ```cpp\n{CPP}").solution == CPP


@pytest.mark.parametrize(("language", "source"), [("c++", CPP), ("javascript", JS)])
def test_a_bare_program_is_the_solution_as_it_is(language: str, source: str) -> None:
    extraction = extract(task(language), source + "\n")
    assert (extraction.solution, extraction.note) == (source + "\n", "bare code")
    assert part(task(language), source) == ("", source)


def test_code_without_a_fence_begins_behind_the_prose() -> None:
    assert extract(task("c++"), f"This is my program.\n\n{CPP}\n").solution == CPP + "\n"


def test_reasoning_is_no_part_of_it() -> None:
    reply = f"<think>\n```cpp\nint main() {{ wrong }}\n```\n</think>\n```cpp\n{CPP}\n```"
    assert extract(task("c++"), reply).solution == CPP


def test_json_may_hold_it() -> None:
    assert extract(task("js"), '{"code": "console.log(1);"}').solution == "console.log(1);"


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        ("I do not know.", "no code was found in the reply"),
        ("```python\nprint(1)\n```", "the code in the reply is said to be python, not C++"),
        ("", "the reply is empty"),
        (f"```cpp\n{CPP}{' ' * 100_001}x\n```", "the code is longer than 100000 characters"),
    ],
)
def test_a_reply_without_a_program_says_why(reply: str, note: str) -> None:
    extraction = extract(task("c++"), reply)
    assert (extraction.solution, extraction.note) == (None, note)


CHANGE = "<<<<<<< SEARCH\n    std::cout << 1;\n=======\n    std::cout << 2;\n>>>>>>> REPLACE"


def test_changes_apply_to_the_parent() -> None:
    extraction = extract(task("c++"), CHANGE, parent=CPP)
    assert extraction.solution == CPP.replace("<< 1", "<< 2") + "\n"
    diff = "```diff\n@@ -1,4 +1,4 @@\n int main() {\n-    std::cout << 1;\n+    std::cout << 2;\n }\n```"
    assert extract(task("c++"), diff, parent=CPP).solution == extraction.solution


def test_changes_that_do_not_apply_leave_a_full_rewrite() -> None:
    extraction = extract(task("c++"), f"{CHANGE}\n```cpp\n{CPP}\n```", parent="int main() {}")
    assert (extraction.solution, extraction.note) == (
        CPP,
        "the changes do not apply to the parent; fenced block instead",
    )
    extraction = extract(task("c++"), CHANGE)
    assert extraction.note == "changes, but there is nothing to change, and there is no full rewrite"


def test_a_python_task_still_takes_no_other_language() -> None:
    assert extract(task("python"), f"```cpp\n{CPP}\n```").solution is None
