"""Files of tasks and candidates: what is read, and what is said about what cannot be."""

from __future__ import annotations

import gzip
import json
import math
import tracemalloc
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.tasks import rows as reading
from gristmill.graph.tasks.loading import TaskFileError, load_candidates, load_tasks, task_row
from gristmill.graph.tasks.rows import read_rows
from gristmill.verifiers.records import Case, CasesTest, PytestTest, PythonTest, StdioCase, StdioTest, Task

GOOD: dict[str, Any] = {
    "id": "add",
    "kind": "code",
    "prompt": "Add two numbers.",
    "tests": [{"type": "cases", "entry_point": "add", "cases": [{"args": [1, 2], "expected": 3}]}],
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(TaskFileError) as caught:
        load_tasks(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_json_lines_yaml_array_and_gzip_give_the_same_tasks(tmp_path: Path) -> None:
    lines = write(tmp_path / "t.jsonl", GOOD, {**GOOD, "id": "more"})
    array = tmp_path / "t.json"
    array.write_text(json.dumps([GOOD, {**GOOD, "id": "more"}], indent=2))
    yaml = tmp_path / "t.yaml"
    yaml.write_text(
        "- &add\n  id: add\n  kind: code\n  prompt: Add two numbers.\n  tests:\n"
        "    - {type: cases, entry_point: add, cases: [{args: [1, 2], expected: 3}]}\n"
        "- id: more\n  kind: code\n  prompt: Add two numbers.\n  tests:\n"
        "    - {type: cases, entry_point: add, cases: [{args: [1, 2], expected: 3}]}\n"
    )
    documents = tmp_path / "d.yml"
    documents.write_text("---\n" + yaml.read_text().replace("- &add\n  id", "  id", 1).replace("- id", "---\n  id"))
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(lines.read_bytes()))
    wanted = load_tasks(lines)
    assert [task.id for task in wanted] == ["add", "more"]
    for other in (array, yaml, documents, packed):
        assert load_tasks(other) == wanted, other


def test_a_byte_order_mark_blank_lines_and_windows_ends_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n  \n")
    assert [task.id for task in load_tasks(path)] == ["add"]


def test_infinity_and_nan_may_be_expected_but_no_target(tmp_path: Path) -> None:
    row = json.loads(json.dumps(GOOD))
    row["tests"][0]["cases"] = [{"args": [math.inf, -math.inf], "expected": math.nan}]
    (task,) = load_tasks(write(tmp_path / "t.jsonl", row))
    test = task.tests[0]
    assert isinstance(test, CasesTest)
    assert test.cases[0].args == (math.inf, -math.inf)
    assert math.isnan(test.cases[0].expected)
    assert "`target` must be a finite number" in complaint(write(tmp_path / "u.jsonl", {**GOOD, "target": math.inf}))


def test_every_mistake_of_a_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    message = complaint(
        write(
            tmp_path / "t.jsonl",
            GOOD,
            {**GOOD, "id": 3},
            "",
            {key: value for key, value in GOOD.items() if key != "prompt"} | {"id": "b", "question": "?"},
            {**GOOD, "id": "c", "promt": "x"},
            GOOD,
            '{"id": "d", "kind": }',
            {**GOOD, "id": "e", "kind": "poetry"},
            {**GOOD, "id": "f", "tests": []},
            {**GOOD, "id": "g", "limits": {"wall_seconds": 1e9}},
            {**GOOD, "id": "h", "tests": [{**GOOD["tests"][0], "type": "doctest"}]},
            {**GOOD, "id": "i", "tests": [{"type": "python", "code": "assert f() == 1"}]},
            {**GOOD, "id": "j", "tests": [{"type": "python", "entry_point": 3, "code": ""}]},
            {**GOOD, "id": ""},
            "[1, 2]",
        )
    )
    for wanted in (
        "line 2: `id` must be text (in quotes), not the number 3",
        "line 4: the field `prompt` is missing; rename `question` to `prompt`",
        "line 5: `promt` is not a field of a task; did you mean `prompt`?",
        "line 6: `id`: 'add' is already the id of the task on line 1; ids must differ",
        "line 7: broken JSON: Expecting value at column 21; a line must be one JSON object",
        "line 8: task 'e': kind: nobody judges 'poetry'; the kinds known here are code,",
        "line 9: task 'f': tests",
        "line 10: `limits.wall_seconds` must be at most 3600",
        "line 11: `tests[0].type` must be one of 'cases', 'stdio', 'python', 'pytest', 'driven', 'score', not",
        "line 12: the field `tests[0].entry_point` is missing",
        "line 13: `tests[0].entry_point` must be text (in quotes) or a list, not the number 3",
        "line 14: `id` is empty",
        "line 15: a row must be one JSON object, not a list",
    ):
        assert wanted in message, message


def test_no_more_than_twenty_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as caught:
        load_tasks(write(tmp_path / "t.jsonl", *["{"] * 3, *["nothing"] * 50))
    assert len(caught.value.problems) == 20 or "several lines" in str(caught.value)
    with pytest.raises(TaskFileError, match="the first 20 problems") as caught:
        load_tasks(write(tmp_path / "t.jsonl", GOOD, *["nothing"] * 50))
    assert len(caught.value.problems) == 20
    assert caught.value.problems[0].line == 2


def test_yaml_mistakes_name_the_line_of_the_field(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "- id: a\n  kind: math\n  prompt: 1+1\n  answer: 2\n"
        "- id: b\n  kind: math\n  prompt: 2+2\n  answer: '4'\n  limits:\n    memory_mb: 1\n"
    )
    message = complaint(path)
    assert "line 4: `answer` must be text (in quotes), not the number 2" in message
    assert "line 10: `limits.memory_mb` must be at least 32, not 1" in message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- id: a\n  kind: [", "line 2: broken YAML"),
        ("- id: a\n  id: b\n", "line 2: the key 'id' occurs twice"),
        ("- id: !!python/object/apply:os.system [id]\n", "is not used in task files"),
        ("- id: !!binary aGk=\n", "'binary' is not used in task files"),
        ("- 3\n", "line 1: a row must be a mapping"),
        ("- &a\n  id: *a\n", "must not contain itself"),
        ("- 1: x\n", "a key must be text"),
        ("# nothing\n", "the file is empty"),
        ("[]\n", "the file is empty"),
    ],
)
def test_yaml_that_is_no_list_of_tasks_is_refused(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    assert wanted in complaint(path)


def test_aliases_that_expand_without_bound_are_refused(tmp_path: Path) -> None:
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10))
    path = tmp_path / "t.yaml"
    path.write_text("- settings:\n    l0: &l0 [x]\n" + levels.replace("  l", "    l"))
    assert "aliases stand for more than" in complaint(path)


def test_yaml_dates_are_text_as_they_would_be_in_json(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "- {id: 2024-01-02, kind: code, prompt: x, tests: [{type: stdio, cases: [{stdout: 2024-01-02}]}]}\n"
    )
    (task,) = load_tasks(path)
    assert task.id == "2024-01-02"
    assert task.tests == (StdioTest(cases=(StdioCase(stdout="2024-01-02"),)),)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"\x7fELF\x00\x01\x02", "binary file"),
        (b"PAR1\x15\x04", "Parquet"),
        ('{"id": 1}'.encode("utf-16"), "UTF-16"),
        (b'{"id": "caf\xe9"}\n', "line 1: byte 12 of the line is not UTF-8"),
        (b"\x1f\x8b\x08\x00garbage", "gzip file is damaged"),
        (gzip.compress(b'{"id": 1}\n' * 99, mtime=0)[:-12], "gzip file is damaged"),
        (b'{\n  "id": "a"\n}\n', "spread over several lines"),
        (b'[{"id": "a"},\n{"id": }]', "line 2: broken JSON"),
        (b'[{"id": "a"}', "the array is not closed"),
        (b'{"id": "a", "id": "b"}\n', "line 1: broken JSON: the key 'id' occurs twice"),
        (b'{"id": "\\ud800"}\n', "surrogate"),
        (b'{"id": ' + b"9" * 5000 + b"}\n", "line 1: broken JSON: Exceeds the limit"),
        (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_a_task_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes, wanted: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    assert wanted in complaint(path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert "no such file" in complaint(tmp_path / "nowhere.jsonl")
    assert "this is a folder" in complaint(tmp_path)


def test_candidates_keep_their_text_and_order(tmp_path: Path) -> None:
    tasks = load_tasks(write(tmp_path / "t.jsonl", GOOD))
    rows = [{"task_id": "add", "id": str(n), "text": text} for n, text in enumerate(["", "a\u2028b", "```\nx\n```"])]
    candidates = load_candidates(write(tmp_path / "c.jsonl", *rows), tasks)
    assert [candidate.model_dump() for candidate in candidates] == rows


def test_candidates_with_mistakes_are_told_with_their_lines(tmp_path: Path) -> None:
    tasks = load_tasks(write(tmp_path / "t.jsonl", GOOD))
    path = write(
        tmp_path / "c.jsonl",
        {"task_id": "add", "id": "1", "text": "x"},
        {"task_id": "ad", "id": "2", "text": "x"},
        {"task_id": "add", "id": "1", "text": "y"},
        {"task_id": "add", "id": "3", "completion": "y"},
        {"task_id": "add", "id": "4", "text": None},
    )
    with pytest.raises(TaskFileError) as caught:
        load_candidates(path, tasks)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 4, 5]
    message = str(caught.value)
    assert "no task has the id 'ad'; did you mean 'add'?" in message
    assert "the candidate '1' of task 'add' is on line 1 already" in message
    assert "the field `text` is missing; rename `completion` to `text`" in message
    assert "`text` must be text (in quotes), not null" in message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
TESTS = st.one_of(
    st.builds(
        CasesTest,
        entry_point=WORDS,
        cases=st.lists(st.builds(Case, args=st.lists(VALUES, max_size=2).map(tuple), expected=VALUES), min_size=1).map(
            tuple
        ),
    ),
    st.builds(StdioTest, cases=st.lists(st.builds(StdioCase, stdin=WORDS, stdout=WORDS), min_size=1).map(tuple)),
    st.builds(PythonTest, entry_point=WORDS, code=WORDS, setup=WORDS),
    st.builds(
        PytestTest, entry_point=st.lists(WORDS, min_size=1).map(tuple), files=st.dictionaries(WORDS, WORDS, min_size=1)
    ),
)
TASKS = st.builds(
    Task,
    id=WORDS,
    kind=st.just("code"),
    prompt=WORDS,
    split=st.none() | WORDS,
    tags=st.lists(WORDS, max_size=2).map(tuple),
    tests=st.lists(TESTS, max_size=2).map(tuple),
    public_tests=st.lists(TESTS, max_size=2).map(tuple),
    target=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    reference=st.none() | WORDS,
)


@given(task=TASKS)
def test_a_task_written_as_a_row_is_read_back_the_same(tmp_path_factory: pytest.TempPathFactory, task: Task) -> None:
    path = tmp_path_factory.mktemp("row") / "t.jsonl"
    write(path, task_row(task))
    (row,) = read_rows(path)
    assert Task.model_validate(row.value) == task  # type: ignore[union-attr]


@given(content=st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_task_file_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    for suffix in (".jsonl", ".yaml"):
        path = tmp_path_factory.mktemp("bytes") / f"t{suffix}"
        path.write_bytes(content)
        with pytest.raises(TaskFileError):
            load_tasks(path)


@pytest.mark.parametrize("content", [b" ", b'{"id": "' + b"x" * 1000, b"[[],"], ids=["blank", "text", "array"])
@pytest.mark.parametrize("name", ["t.jsonl.gz", "t.yaml.gz"])
def test_a_small_packed_file_cannot_take_the_memory(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    with gzip.open(path, "wb") as file:
        for _ in range(64):
            file.write(content * ((1 << 20) // len(content)))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(TaskFileError, match="MiB") as raised:
            load_tasks(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(path) in str(raised.value)
    assert peak < 200 << 20


def test_a_file_that_packs_as_task_files_do_is_read_whatever_its_size(tmp_path: Path) -> None:
    random = Random(7)
    path = tmp_path / "t.jsonl.gz"
    rows = [{**GOOD, "id": f"t{number}", "prompt": random.randbytes(30_000).hex()} for number in range(400)]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    assert len(load_tasks(path)) == len(rows)


def test_a_line_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_ROW", 1 << 20)
    assert "line 2" in complaint(write(tmp_path / "t.jsonl", GOOD, {**GOOD, "id": "b", "prompt": "x" * (1 << 20)}))


@pytest.mark.parametrize(
    ("test", "field"),
    [
        ({"type": "python", "entry_point": "f", "code": "x = 1\n" * 200_000}, "tests[0].code"),
        (
            {"type": "python", "entry_point": "f", "code": "assert f() == 1", "setup": "\n" * 1_000_001},
            "tests[0].setup",
        ),
        (
            {"type": "pytest", "entry_point": "f", "files": {"test_a.py": "#" * 1_000_001}},
            "tests[0].files['test_a.py']",
        ),
    ],
)
def test_a_test_program_has_a_bound(tmp_path: Path, test: dict[str, Any], field: str) -> None:
    message = complaint(write(tmp_path / "t.jsonl", GOOD, {**GOOD, "id": "long", "tests": [test]}))
    assert "line 2" in message
    assert f"{field}: has 1," in message
