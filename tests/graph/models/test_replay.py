"""Recordings: which row answers, what a file may hold, and that what was recorded is what is played."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gristmill.graph.models.errors import ReplayMissError
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.replay import answering
from gristmill.graph.models.replay.proposer import RecordingProposer, ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.models.replay.server import Failure, ReplayServer
from gristmill.graph.models.resolve import resolve
from gristmill.graph.prompts.messages import prompt_sha
from gristmill.graph.records import Message, Request, Sampling, Tokens
from gristmill.sandbox.errors import UserError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "models.md"


def request(
    task_id: str = "a", round: int = 0, sample: int = 0, *, text: str = "p", seed: int | None = None
) -> Request:
    return Request(
        task_id=task_id,
        round=round,
        sample=sample,
        messages=(Message(role="user", content=text),),
        sampling=Sampling(seed=seed),
    )


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


async def played(path: Path, *requests: Request) -> list[str]:
    async with resolve(f"replay:{path}") as proposer:
        return [(await proposer.propose(one)).text for one in requests]


async def test_the_row_that_says_most_answers(tmp_path: Path) -> None:
    path = written(
        tmp_path / "r.jsonl",
        {"text": "else"},
        {"match": "even", "text": "matched"},
        {"task_id": "a", "text": "task"},
        {"task_id": "a", "round": 1, "text": "round"},
        {"task_id": "a", "round": 1, "sample": 2, "text": "place"},
        {"task_id": "a", "round": 1, "sample": 2, "prompt_sha": "0" * 64, "text": "another prompt"},
    )
    asked = [
        request("b"),
        request("b", text="sum of the even ones"),
        request("a", 0, 5),
        request("a", 1, 0),
        request("a", 1, 2),
    ]
    assert await played(path, *asked) == ["else", "matched", "task", "round", "place"]


async def test_equal_rows_are_dealt_out_by_the_sample_and_so_the_same_after_a_resume(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", *({"task_id": "a", "text": text} for text in "xyz"))
    forwards = await played(path, *(request(sample=number) for number in range(5)))
    backwards = await played(path, *(request(sample=number) for number in reversed(range(5))))
    assert forwards == list("xyzxy") == backwards[::-1]


async def test_of_one_place_recorded_twice_the_last_counts(tmp_path: Path) -> None:
    row = {"task_id": "a", "round": 0, "sample": 1}
    path = written(tmp_path / "r.jsonl", row | {"text": "cut off"}, row | {"text": "again"})
    assert await played(path, request(sample=1)) == ["again"]


async def test_a_miss_is_the_user_s_to_mend_and_says_how(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", {"task_id": "a", "round": 0, "sample": 0, "prompt_sha": "0" * 64, "text": "x"})
    with pytest.raises(ReplayMissError, match="recorded with another prompt") as raised:
        await played(path, request())
    assert raised.value.exit_code == 2
    with pytest.raises(ReplayMissError, match="no reply for task 'b', round 2, sample 3"):
        await played(path, request("b", 2, 3))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b'{"text": "x"}\n{"text": ', "line 2: this is no JSON"),
        (b'{"text": "x"}\n\n{"task_id": "a"}', "line 3, text: Field required"),
        (b'{"text": "x", "tsk_id": "a"}', "line 1, tsk_id: Extra inputs"),
        (b'{"text": "x", "round": -1}', "line 1, round"),
        (b"[1]", "line 1, row"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
async def test_a_bad_file_is_named_with_line_and_field(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        await played(path, request())
    assert str(path) in str(raised.value)
    assert complaint in str(raised.value)


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.jsonl: the recording cannot be read"):
        await played(tmp_path / "nowhere.jsonl", request())


async def test_what_was_recorded_is_what_is_played_directly_and_over_http(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "r.jsonl"
    asked = [
        request(task, round, sample, text=f"{task}{round}", seed=hash((task, round, sample)) % 1000)
        for task in "ab"
        for round in range(2)
        for sample in range(4)
    ]
    quick = ModelOptions(wait_seconds=0.01)
    with ReplayServer(lambda call: f"{call.messages[-1].content}/{call.seed}\u2028é") as server:
        async with RecordingProposer(resolve(f"openai:replay@{server.url}", options=quick), path) as proposer:
            first = await asyncio.gather(*map(proposer.propose, asked))
    async with ReplayProposer(path) as replay:
        second = [await replay.propose(one) for one in reversed(asked)][::-1]
    said = [(reply.text, reply.tokens, reply.finish, reply.model) for reply in first]
    assert [(reply.text, reply.tokens, reply.finish, reply.model) for reply in second] == said
    with ReplayServer(Recording.read(path)) as server:
        async with resolve(f"openai:replay@{server.url}", options=quick) as proposer:
            third = await asyncio.gather(*map(proposer.propose, reversed(asked)))
    assert [(reply.text, reply.tokens, reply.finish, reply.model) for reply in third[::-1]] == said


async def test_recording_goes_on_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    for sample in range(2):
        async with RecordingProposer(ReplayProposer(Recording([Recorded(text=str(sample))])), path) as proposer:
            await proposer.propose(request(sample=sample))
    assert await played(path, request(sample=0), request(sample=1)) == ["0", "1"]


async def test_recording_where_nothing_can_be_written_is_the_user_s_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be recorded here"):
        await RecordingProposer(ReplayProposer(Recording([])), tmp_path / "file" / "r.jsonl").__aenter__()


def test_over_http_equal_prompts_are_answered_in_turn_and_failures_take_no_turn() -> None:
    sha = prompt_sha(request().messages)
    server = ReplayServer(
        Recording([Recorded(text=text, prompt_sha=sha) for text in "xy"]), failures=[Failure.parse("500")]
    )
    body = {"model": "replay", "messages": [{"role": "user", "content": "p"}]}
    answers = []
    for _ in range(4):
        call, failure = server.receive(body, "")
        answers.append(None if failure else getattr(server.answer(call), "text", None))
    assert answers == [None, "x", "y", "x"]
    server._http.server_close()


async def test_over_http_rows_of_a_task_and_a_round_are_played_to_whoever_names_them(tmp_path: Path) -> None:
    path = written(
        tmp_path / "r.jsonl",
        {"task_id": "é/1", "round": 0, "text": "first"},
        {"task_id": "é/1", "round": 1, "text": "again"},
        {"task_id": "é/1", "round": 1, "sample": 3, "text": "third"},
        {"text": "else"},
    )
    asked = [request("é/1", 0, 0), request("é/1", 1, 0), request("é/1", 1, 3), request("b", 1, 3)]
    with ReplayServer(Recording.read(path)) as server:
        async with resolve(f"openai:replay@{server.url}", options=ModelOptions(wait_seconds=0.01)) as proposer:
            replies = [(await proposer.propose(one)).text for one in asked]
    assert replies == ["first", "again", "third", "else"] == await played(path, *asked)
    assert [call.place for call in server.calls] == [(one.task_id, one.round, one.sample) for one in asked]


async def test_no_other_server_is_told_which_task_a_request_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    send = answering.Handler._send

    def without(self: Any, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        rows = [{"id": row["id"]} for row in value.get("data", [])]
        send(self, status, {**value, "data": rows} if rows else value, headers)

    monkeypatch.setattr(answering.Handler, "_send", without)
    with ReplayServer(lambda call: "x") as server:
        async with resolve(f"openai:replay@{server.url}", options=ModelOptions(wait_seconds=0.01)) as proposer:
            await proposer.propose(request("secret"))
    assert [call.place for call in server.calls] == [None]


def test_over_http_a_row_that_only_knows_its_task_is_never_played_for_another() -> None:
    recording = Recording([Recorded(text="a's", task_id="a")])
    assert recording.for_messages(request("b").messages, seed=None, turn=0) is None


def test_tokens_of_a_row_are_reported_as_they_were() -> None:
    row = Recorded(text="x", tokens=Tokens(prompt=3, completion=4))
    assert Recording([row]).for_request(request()) == row


async def test_the_server_runs_as_a_program(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", {"text": "from a program"}, {"task_id": "b", "round": 1, "text": "x"})
    # As docs/models.md calls it, on a free port, and without a pause.
    words = PAGE.read_text("utf-8").split("\n$ python ")[1].splitlines()[0].split()
    here = {"replies.jsonl": str(path), "8000": "0", "429:2,500,drop": "429:0,500,drop"}
    assert set(here) <= set(words)
    command = [sys.executable, *(here.get(word, word) for word in words)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        assert process.stdout is not None
        first_line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        option, _, model = first_line.partition(" ")
        assert option == "--model"
        assert process.stderr is not None
        said = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
        assert said.startswith("1 of 2 rows are for one task only, 1 for one round or sample.")
        assert "X-Gristmill-Task" in said
        async with resolve(model, options=ModelOptions(wait_seconds=0.01)) as proposer:
            assert (await proposer.propose(request())).text == "from a program"
    finally:
        process.terminate()
        await process.wait()


def test_the_program_refuses_a_file_that_cannot_be_played(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gristmill.graph.models.replay.server", str(tmp_path / "none")],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert b"cannot be read" in done.stderr
    assert b"Traceback" not in done.stderr
