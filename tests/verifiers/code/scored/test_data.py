"""Folders of data: evaluators read them, nobody writes them, a candidate sees them only where the task says so."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from gristmill.graph.resuming import _difference
from gristmill.graph.tasks.loading import TaskFileError, load_tasks
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Seeds, Task, Verifiers
from gristmill.verifiers.testing.data import DataError, pinned, unchanged

inside = pytest.mark.asyncio(loop_scope="module")
SECRET = "4711-in-the-data"
EVALUATE = """
import os


def evaluate(candidate, instance):
    words = open("/work/corpus/a link").read().split()
    for path in ("/work/corpus/new", "/work/new", "/work/corpus/words"):
        try:
            open(path, "a")
        except OSError:
            continue
        return -1
    return {"share": sum(candidate(place) == word for place, word in enumerate(words)) / len(words)}
"""
READS = "def guess(n):\n    return open('/work/corpus/words').read().split()[n]\n"
# All that can be listed from the root and from its own folder, and the places that it might be told of.
LOOKS = """
import os


def guess(n):
    found = ["/work: " + ("there" if os.path.exists("/work/corpus") else "not there")]
    for start in ("/", "/work", "/work/corpus", "/proc", "/proc/self", "/gristmill", "/tmp", os.getcwd()):
        for folder, _, files in os.walk(start):
            if folder.startswith("/python/lib"):
                continue
            found += [os.path.join(folder, each) for each in files]
    for place in ("/proc/self/mountinfo", "/proc/1/mountinfo", "/proc/mounts", "/work/corpus/words", "/work/corpus"):
        try:
            found.append(open(place).read())
        except OSError:
            pass
    raise ValueError(repr([each for each in found if "corpus" in each or "4711" in each or "there" in each])[:400])
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["bubblewrap", "docker"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=2) as opened:
        yield opened


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "sub").mkdir(parents=True)
    (folder / "words").write_text(f"one {SECRET}")
    (folder / "a link").symlink_to("words")
    (folder / "sub" / "more").write_bytes(b"\0" * 1000)
    for each in (folder, *folder.rglob("*")):
        each.chmod(0o755)
    return folder


def loaded(folder: Path, **data: Any) -> Task:
    test: dict[str, Any] = {
        "type": "score",
        "entry_point": "guess",
        "direction": "maximize",
        "main": "share",
        "code": EVALUATE,
    }
    test |= {"instances": [0], "held_out": [1], "data": [{"path": "corpus", **data}], "public": [0]}
    row: dict[str, Any] = {"id": "words", "kind": "code", "prompt": "Guess.", "tests": [test]}
    row["reference"] = f"def guess(n):\n    return ['one', '{SECRET}'][n]\n"
    (folder.parent / "task.yaml").write_text(yaml.dump([row]))
    return load_tasks(folder.parent / "task.yaml")[0]


@inside
async def test_the_evaluator_reads_data_that_no_candidate_finds(pool: Pool, corpus: Path) -> None:
    verifiers, task = Verifiers(pool), loaded(corpus)
    assert task.reference is not None
    verdict = await verifiers.verify(task, task.reference)
    assert verdict.score == 1.0
    held_out = await verifiers.held_out(task, task.reference)
    assert held_out is not None
    assert held_out.score == 1.0
    assert await verifiers.reproduces(task, task.reference, verdict, Seeds(count=1))
    assert (await verifiers.verify(task, READS)).outcome is Outcome.ERROR
    looked = await verifiers.verify(task, LOOKS)
    assert looked.outcome is Outcome.ERROR
    assert "['/work: not there']" in looked.feedback


@inside
async def test_a_candidate_reads_them_where_the_task_says_so(pool: Pool, corpus: Path) -> None:
    task = loaded(corpus, candidate=True)
    assert (await Verifiers(pool).verify(task, READS)).score == 1.0
    writes = "def guess(n):\n    open('/work/corpus/words', 'a')\n"
    assert (await Verifiers(pool).verify(task, writes)).outcome is Outcome.ERROR
    assert SECRET in (corpus / "words").read_text()


@inside
async def test_a_file_that_changes_ends_the_judging(bubblewrap: str, corpus: Path) -> None:
    async with Pool.open("bubblewrap", size=1) as pool:
        task = loaded(corpus)
        assert task.reference is not None
        assert (await Verifiers(pool).verify(task, task.reference)).score == 1.0
        (corpus / "words").write_text("one two")
        with pytest.raises(DataError, match="another file 'words' than before"):
            await Verifiers(pool).verify(task, task.reference)


def test_a_resume_with_other_data_names_the_file(corpus: Path) -> None:
    before = loaded(corpus)
    assert _difference([before], [loaded(corpus)]) is None
    (corpus / "sub" / "more").write_bytes(b"\1" * 1000)
    assert "another file 'sub/more'" in str(_difference([before], [loaded(corpus)]))
    (corpus / "sub" / "more").unlink()
    assert "no file 'sub/more'" in str(_difference([before], [loaded(corpus)]))
    (corpus / "sub" / "more").write_bytes(b"\0" * 1000)
    (corpus / "other").write_text("")
    assert "a new file 'other'" in str(_difference([before], [loaded(corpus)]))


def test_a_folder_that_has_moved_is_the_same(corpus: Path, tmp_path: Path) -> None:
    before = loaded(corpus)
    corpus.rename(tmp_path / "elsewhere")
    again = pinned(before.scored.data[0].model_copy(update={"path": "elsewhere"}), tmp_path)  # type: ignore[union-attr]
    unchanged([again])
    test = before.scored.model_copy(update={"data": (again,)})  # type: ignore[union-attr]
    assert _difference([before], [before.model_copy(update={"tests": (test,)})]) is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "out").symlink_to("../task.yaml"), "leads out of the folder"),
        (lambda folder: (folder / "sub" / "out").symlink_to(folder / "words"), "leads out of the folder"),
        (lambda folder: (folder / "out").symlink_to("sub/../../corpus/words"), "leads out of the folder"),
        (lambda folder: (folder / "none").symlink_to("nothing"), "leads out of the folder"),
        (lambda folder: os.mkfifo(folder / "pipe"), "neither a file nor a folder"),
        (lambda folder: (folder / "words").chmod(0o600), "chmod -R o"),
        (lambda folder: (folder / "sub").chmod(0o750), "chmod -R o"),
    ],
)
def test_what_cannot_be_mounted_is_a_mistake_with_its_line(corpus: Path, spoil: Any, words: str) -> None:
    spoil(corpus)
    with pytest.raises(TaskFileError, match=words) as error:
        loaded(corpus)
    assert error.value.problems[0].field == "tests[0].data[0]"
    assert error.value.problems[0].line


def test_a_stated_hash_holds(corpus: Path) -> None:
    stated = loaded(corpus).scored.data[0].sha256  # type: ignore[union-attr]
    assert loaded(corpus, sha256=stated)
    with pytest.raises(TaskFileError, match="not the folder whose sha256 is stated"):
        loaded(corpus, sha256="0" * 64)
    with pytest.raises(TaskFileError, match="cannot be a folder's name"):
        loaded(corpus, name="../words")
    with pytest.raises(TaskFileError, match="there is no folder"):
        loaded(corpus, path="nowhere")
