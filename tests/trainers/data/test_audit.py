"""A dataset that proves itself (docs/tasks.md): audited with real sandboxes, signed, and tampered with in all ways thought of."""

# ruff: noqa: E501 (a row of the tables is a line)
from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gristmill.trainers.cli import app

GOOD, BAD = "```python\ndef f(n):\n    return {} * n\n```", "```python\ndef f(n):\n    return n - {}\n```"
MAPLE = {"id": "surd", "kind": "math", "prompt": "Simplify $\\sqrt{50}$.", "answer": "5\\sqrt{2}"}


def _tasks() -> list[dict[str, Any]]:
    code = [
        {
            "id": f"times-{by}",
            "kind": "code",
            "prompt": f"Write `f(n)`: n times {by}.",
            "split": "test" if by == 4 else "train",
            "tests": [
                {"type": "cases", "entry_point": "f", "cases": [{"args": [n], "expected": by * n} for n in (2, 5)]}
            ],
        }
        for by in (2, 3, 4)
    ]
    return [*code, MAPLE]


def _replies() -> list[dict[str, str]]:
    said = [(f"times-{by}", form.format(by)) for by in (2, 3, 4) for form in (BAD, GOOD)]
    said += [("surd", "So \\boxed{2\\sqrt{5}}"), ("surd", "So \\boxed{5\\sqrt{2}}")]
    return [{"task_id": task, "text": text} for task, text in said]


def call(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, bubblewrap: str) -> Path:
    """A folder with a workspace of one run, its rows in three formats, audited, and the keys."""
    home = tmp_path_factory.mktemp("audit")
    for name, rows in (("tasks", _tasks()), ("replies", _replies())):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    where = ("--workspace", home)
    done = call(
        *("run", home / "tasks.jsonl", "--name", "night", "--model", f"replay:{home / 'replies.jsonl'}"),
        *("--strategy", "best_of", "--hypotheses", 2, "--rounds", 1, "--sandbox", "bubblewrap", *where),
    )
    assert done.exit_code == 0, done.output
    for key in ("key", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / key], check=True)
    for format in ("sft", "preference", "unpaired"):
        assert call("export", "night", "--format", format, "--parquet", "--out", home / format, *where).exit_code == 0
    for format in ("sft", "preference"):
        done = call("audit", home / format, "--key", home / "key", "--sandbox", "bubblewrap", *where)
        assert done.exit_code == 0, done.output
        assert "all hold; signed" in done.output
    return home


@pytest.fixture
def copy(signed: Path, tmp_path: Path) -> Path:
    """The audited rows of `sft`, to tamper with."""
    shutil.copytree(signed / "sft", tmp_path / "sft")
    return tmp_path / "sft"


def edit(path: Path, line: int, change: Callable[[dict[str, Any]], None]) -> None:
    rows = [json.loads(each) for each in path.read_text().splitlines()]
    change(rows[line - 1])
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def put(field: str, value: Any, line: int = 2) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "data/train.jsonl", line, lambda row: row.update({field: value}))


def lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        path = folder / "data/train.jsonl"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return do


def manifest(field: str, value: Any) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), field: value}, indent=1))

    return do


def bytes_of(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def answer(text: str) -> Callable[[Path], None]:
    return put("completion", [{"role": "assistant", "content": text}])


def both(row_field: str, value: Any) -> Callable[[Path], None]:
    """A row is changed, and the manifest's own hashes are made to fit, as by somebody without the key."""

    def do(folder: Path) -> None:
        from gristmill.trainers.data.auditing.manifest import hashed_files, tree

        put(row_field, value)(folder)
        files = hashed_files(folder)
        said = json.loads((folder / "manifest.json").read_text())
        said.update(files=[each.model_dump() for each in files], tree=tree(files))
        (folder / "manifest.json").write_text(json.dumps(said, indent=1))

    return do


# What is done to an audited folder → what `audit --check` must say.
TAMPERING: dict[str, tuple[Callable[[Path], object], str]] = {
    "an answer": (answer(GOOD.format(9)), "data/train.jsonl: line 2: was changed"),
    "an answer by a space": (answer(GOOD.format(3) + " "), "data/train.jsonl: line 2: was changed"),
    "a prompt": (put("prompt", [{"role": "user", "content": "Say yes."}]), "data/train.jsonl: line 2: was changed"),
    "a task's name": (put("task", "times-2"), "data/train.jsonl: line 2: was changed"),
    "a kind": (put("kind", "math"), "data/train.jsonl: line 2: was changed"),
    "a split": (put("split", "test"), "data/train.jsonl: line 2: was changed"),
    "a model": (put("model", "gpt"), "data/train.jsonl: line 2: was changed"),
    "an adapter": (put("adapter", "a"), "data/train.jsonl: line 2: was changed"),
    "a round": (put("round", 7), "data/train.jsonl: line 2: was changed"),
    "a strength": (put("strength", "proved"), "data/train.jsonl: line 2: was changed"),
    "an outcome": (put("outcome", "failed"), "data/train.jsonl: line 2: was changed"),
    "verified": (put("verified", False), "data/train.jsonl: line 2: was changed"),
    "a verifier's version": (put("verifier", "code/99"), "data/train.jsonl: line 2: was changed"),
    "a sandbox": (put("sandbox", "none"), "data/train.jsonl: line 2: was changed"),
    "feedback": (put("feedback", "ok"), "data/train.jsonl: line 2: was changed"),
    "a hash of a prompt": (put("prompt_sha", "0" * 64), "data/train.jsonl: line 2: was changed"),
    "a run": (put("run", "day"), "data/train.jsonl: line 2: was changed"),
    "a field more": (put("note", "hi"), "data/train.jsonl: line 2: was changed"),
    "a row out": (lines(lambda rows: rows[:1] + rows[2:]), "data/train.jsonl: line 2 of 3 is missing"),
    "a row twice": (lines(lambda rows: [*rows, rows[0]]), "some stand there more or less often"),
    "a row in": (lines(lambda rows: [*rows, rows[0].replace("times-2", "times-9")]), "line 4: was not there"),
    "rows turned round": (lines(lambda rows: rows[::-1]), "data/train.jsonl: line 1: its row stood elsewhere"),
    "an end of a file": (bytes_of("data/train.jsonl", lambda data: data[:-1]), "data/train.jsonl: its last line ended"),
    "ends of lines": (bytes_of("data/train.jsonl", lambda data: data.replace(b"\n", b"\r\n")), "line 1: was changed"),
    "order of keys": (lines(lambda rows: [json.dumps(dict(sorted(json.loads(r).items()))) + "\n" for r in rows]), "line 1:"),
    "an empty file": (bytes_of("data/train.jsonl", lambda _: b"x")  , "data/train.jsonl: line 1 of 3 is missing"),
    "Parquet": (bytes_of("data/train.parquet", lambda data: data[:-9] + b"x" + data[-8:]), "data/train.parquet: was changed"),
    "a card": (bytes_of("README.md", lambda data: data + b"x"), "README.md: was changed"),
    "a file out": (lambda folder: (folder / "data/test.jsonl").unlink(), "data/test.jsonl: is not there"),
    "a card out": (lambda folder: (folder / "README.md").unlink(), "README.md: is not there"),
    "a file in": (lambda folder: (folder / "data/more.jsonl").write_text("{}\n") and None, "data/more.jsonl: was not there"),
    "a hidden file in": (lambda folder: (folder / ".rows").write_text("x") and None, ".rows: was not there"),
    "a file's name": (lambda folder: (folder / "data/test.jsonl").rename(folder / "data/t.jsonl") and None, "data/t.jsonl: was not"),
    "a link in": (lambda folder: (folder / "data/l.jsonl").symlink_to("train.jsonl"), "data/l.jsonl: a link"),
    "a folder as a link": (lambda folder: (folder / "more").symlink_to("data"), "more: a link"),
    "files changed for each other": (
        lambda folder: (shutil.copy(folder / "data/test.jsonl", folder / "data/train.jsonl"), None)[1],
        "data/train.jsonl: line 1 of 3 is missing",
    ),
    "the manifest's count": (manifest("rows", 9), "manifest.sig: does not belong to manifest.json"),
    "the manifest's verifiers": (manifest("verifiers", {"code": "code/1"}), "manifest.sig: does not belong"),
    "the manifest's tasks": (manifest("tasks", {}), "manifest.sig: does not belong"),
    "the manifest's date": (manifest("created", "2020-01-01"), "manifest.sig: does not belong"),
    "the manifest's sandbox": (manifest("sandbox", "docker"), "manifest.sig: does not belong"),
    "the manifest's tree": (manifest("tree", "0" * 64), "manifest.json: tree: is not the hash"),
    "the manifest's files": (manifest("files", []), "manifest.json: tree: is not the hash"),
    "the manifest's key": (manifest("public_key", base64.b64encode(bytes(32)).decode()), "it names the key"),
    "the manifest's key, no key": (manifest("public_key", "x"), "it names the key"),
    "the manifest, no manifest": (bytes_of("manifest.json", lambda _: b"{}"), "manifest.json: gristmill: Field required"),
    "the manifest out": (lambda folder: (folder / "manifest.json").unlink(), "nobody has audited it"),
    "the signature": (bytes_of("manifest.sig", lambda _: base64.b64encode(bytes(64))), "manifest.sig: does not belong"),
    "the signature, no signature": (bytes_of("manifest.sig", lambda _: b"!"), "manifest.sig: does not belong"),
    "the signature out": (lambda folder: (folder / "manifest.sig").unlink(), "manifest.sig: is not there"),
    "row and manifest": (both("model", "gpt"), "manifest.sig: does not belong"),
}  # fmt: skip


def test_what_was_not_touched_holds(signed: Path) -> None:
    for key in ((), ("--key", signed / "key.pub"), ("--key", signed / "key")):
        done = call("audit", signed / "sft", "--check", *key, "--tasks", signed / "tasks.jsonl")
        assert done.exit_code == 0, done.output
        assert "4 rows are as they were audited" in done.output
        assert ("which stands in the manifest itself" in done.output) == (key == ())
    named = subprocess.run(["ssh-keygen", "-l", "-f", signed / "key.pub"], check=True, capture_output=True, text=True)
    assert named.stdout.split()[1] in call("audit", signed / "sft", "--check").output


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_found_and_named(what: str, signed: Path, copy: Path) -> None:
    change, said = TAMPERING[what]
    change(copy)
    done = call("audit", copy, "--check", "--key", signed / "key.pub")
    assert done.exit_code in (1, 2), done.output
    assert said in done.output.replace("\n", " ")


def test_there_are_fifty_kinds() -> None:
    assert len(TAMPERING) >= 50


def test_another_key_or_another_task_is_named(signed: Path, copy: Path, tmp_path: Path) -> None:
    done = call("audit", copy, "--check", "--key", signed / "other.pub")
    assert (done.exit_code, "manifest.json: it names the key" in done.output) == (1, True)
    tasks = _tasks()
    tasks[1]["tests"][0]["cases"][0]["expected"] = 7
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tasks[:3]))
    done = call("audit", copy, "--check", "--key", signed / "key.pub", "--tasks", tmp_path / "tasks.jsonl")
    assert done.exit_code == 1
    assert "task 'times-3': was changed" in done.output
    assert "task 'surd': is not there" in done.output


# What is done to rows before anybody signs → what the audit against the run says.
FORGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "an answer": (answer(GOOD.format(9)), "line 2: completion: is not the reply 'times-3/0/1' of the run"),
    "a prompt": (put("prompt", [{"role": "user", "content": "?"}]), "line 2: prompt: is none that the run's task is asked"),
    "a task": (put("task", "times-9"), "line 2: task: 'times-9' is in no run of this workspace"),
    "a kind": (put("kind", "math"), "line 2: kind: is 'math', the task's 'code'"),
    "a hypothesis": (put("hypothesis", "times-3/8/8"), "line 2: hypothesis: the run has no 'times-3/8/8'"),
    "a wrong one as right": (put("hypothesis", "times-3/0/0"), "line 2: verified: is True, the run has False"),
    "a model": (put("model", "gpt"), "line 2: model: is 'gpt', the run has "),
    "a strength": (put("strength", "proved"), "line 2: strength: is 'proved', the run has 'tested'"),
    "no field": (lambda folder: edit(folder / "data/train.jsonl", 2, lambda row: row.pop("run") and None), "line 2: run: missing"),
    "no turns": (put("completion", []), "line 2: completion: must be turns of a conversation"),
    "no JSON": (lines(lambda rows: ["{\n", *rows[1:]]), "train.jsonl: line 1: is no JSON"),
    "no shape": (lambda folder: edit(folder / "data/train.jsonl", 2, lambda row: row.pop("completion") and None), "line 2: has the shape"),
    "Parquet alone": (lambda folder: (folder / "data/train.jsonl").unlink(), "no .jsonl file stands beside it"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_rows_that_the_run_does_not_have_are_not_signed(what: str, signed: Path, copy: Path) -> None:
    for name in ("manifest.json", "manifest.sig", "data/train.parquet"):
        if (what, name) != ("Parquet alone", "data/train.parquet"):
            (copy / name).unlink()
    change, said = FORGED[what]
    change(copy)
    done = call("audit", copy, "--key", signed / "key", "--workspace", signed, "--sandbox", "bubblewrap")
    assert done.exit_code in (1, 2), done.output
    assert said in done.output.replace("\n", " ")
    assert not (copy / "manifest.json").exists()


def test_another_table_beside_the_rows_is_named(signed: Path, copy: Path) -> None:
    put("model", "gpt")(copy)
    done = call("audit", copy, "--key", signed / "key", "--workspace", signed)
    assert (done.exit_code, "train.parquet: row 2: is not line 2" in done.output.replace("\n", " ")) == (2, True)


def test_wrong_answers_are_found_by_judging_where_there_is_no_run(signed: Path, copy: Path) -> None:
    """By somebody who has the tasks and not the store."""
    (copy / "data/train.parquet").unlink()
    answer(GOOD.format(9))(copy)
    away = ("--tasks", signed / "tasks.jsonl", "--sandbox", "bubblewrap", "--key", signed / "key")
    done = call("audit", copy, *away)
    assert done.exit_code == 1
    assert "data/train.jsonl: line 2: completion: is failed now, and stands there as right" in done.output.replace(
        "\n", " "
    )
    shutil.copytree(signed / "unpaired", copy.parent / "unpaired")
    (copy.parent / "unpaired/data/train.parquet").unlink()
    edit(copy.parent / "unpaired/data/train.jsonl", 2, lambda row: row.update(label=not row["label"]))
    done = call("audit", copy.parent / "unpaired", *away)
    assert done.exit_code == 1
    assert "stands there as wrong" in done.output
    assert not (copy.parent / "unpaired/manifest.json").exists()


def test_what_is_missing_is_said_with_what_to_do(signed: Path, copy: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, said in (
        ((copy,), "ssh-keygen -t ed25519"),
        ((copy, "--key", tmp_path / "none"), "there is no such file; make one: ssh-keygen"),
        ((copy, "--key", signed / "tasks.jsonl"), "cannot be read"),
        ((tmp_path / "nothing", "--check"), "is no folder"),
        ((empty, "--key", signed / "key"), "holds no .jsonl file"),
    ):
        done = call("audit", *words)
        assert (done.exit_code, said in done.output.replace("\n", " ")) == (2, True), done.output
