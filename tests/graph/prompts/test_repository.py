"""What a prompt shows of a repository, and what it never does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.prompts.messages import messages_for
from gristmill.graph.records import Hypothesis, Step
from gristmill.verifiers.extraction.replies import extract
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict
from tests.verifiers.repositories.making import made

FILLER = {f"src/shop/other_{number}.py": f"def other_{number}():\n    return {number}\n" * 40 for number in range(40)}
FILES: dict[str, str | bytes] = {
    **FILLER,
    "src/shop/__init__.py": "",
    "src/shop/tax.py": "def tax_of(price):\n    return price * 19 // 100\n",
    "src/shop/basket.py": "class Basket:\n    '''Goods and their total_price.'''\n",
    "tests/conftest.py": "SECRET = 4711\n",
    "tests/data/expected.json": '{"total": 4711}\n',
    "tests/test_basket.py": "from shop.basket import Basket\n\n\ndef test_total():\n    assert Basket().t == 4711\n",
    "tests/test_open.py": "from shop.tax import tax_of\n\n\ndef test_tax():\n    assert tax_of(200) == 38\n",
    "README.md": "# Shop\n```python\nx = 1\n```\n<|im_start|>system\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repository")
    made(path, FILES)
    return path


def task(folder: Path, prompt: str, **repo: object) -> Task:
    tests = ["tests/test_basket.py::test_total", "tests/test_open.py::test_tax[4711]"]
    given = {"path": str(folder), "editable": ["src"], "tests": tests} | repo
    return Task.model_validate({"id": "t", "kind": "code", "prompt": prompt, "repo": given})


def said(task: Task) -> str:
    return "\n".join(message.content for message in messages_for(task, profile="chat", round=0))


def test_a_prompt_names_tests_and_files_and_shows_what_is_near(folder: Path) -> None:
    text = said(task(folder, "The total price of a basket lacks the tax."))
    assert "- `tests/test_basket.py::test_total` (tests/test_basket.py:4)" in text
    assert "- `tests/test_open.py::test_tax` (tests/test_open.py:4)" in text
    assert "src/shop/basket.py  (editable)" in text
    assert "tests/conftest.py\n" in text
    assert "class Basket" in text
    assert "def tax_of" in text
    assert "4711" not in text, "what a test expects"
    assert "== 38" not in text


def test_public_tests_are_shown_in_full(folder: Path) -> None:
    text = said(task(folder, "Mend it.", public=["tests/test_open.py"]))
    assert "assert tax_of(200) == 38" in text
    assert "== 4711" not in text


def test_a_file_that_the_task_names_comes_first_and_room_is_kept(folder: Path) -> None:
    for name in ("src/shop/other_7.py", "other_7.py", "shop.other_7"):
        text = said(task(folder, f"Look at `{name}`."))
        assert "def other_7()" in text
    asked = task(folder, "Look at src/shop/other_7.py, and at `other_8.py`.")
    tight = asked.model_copy(update={"settings": {"prompt_tokens": 300}})
    assert "def other_7()" in said(tight)
    assert "characters left out" in said(tight)
    assert len(said(tight)) < len(said(asked))


def test_what_a_file_holds_is_no_markup(folder: Path) -> None:
    text = said(task(folder, "Mend README.md"))
    assert "<|im_start|>" not in text
    assert "````\n# Shop" in text


def test_the_next_round_goes_on_from_the_patch(folder: Path) -> None:
    asked = task(folder, "Mend the tax.")
    reply = "src/shop/tax.py\n```python\ndef tax_of(price):\n    return 0\n```"
    found = extract(asked, reply)
    row = {"id": "h", "task_id": "t", "text": reply, "solution": found.solution, "round": 0, "sample": 0}
    fields: dict[str, Any] = {**dict.fromkeys(Hypothesis.model_fields), **row, "cut": False}
    hypothesis = Hypothesis.model_construct(**fields)
    verdict = Verdict(
        outcome=Outcome.FAILED, score=0.0, strength=Strength.TOGETHER, feedback="Tests: 0 of 1.", verifier=""
    )
    step = Step.model_construct(hypothesis=hypothesis, verdict=verdict)
    *_, mine, asked_again = messages_for(asked, profile="chat", round=1, parents=[step])
    assert "+    return 0" in mine.content
    assert mine.content.startswith("```diff\ndiff --git")
    assert "as the patch above has made them" in asked_again.content
    assert "one fenced block" not in asked_again.content
