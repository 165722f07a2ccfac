"""LangChain's real OpenAI client against a real server over HTTP: what it answers, and every way in which it fails."""

from __future__ import annotations

import asyncio
import email.utils
import itertools
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient
from pydantic import SecretStr

from gristmill.graph.models.chat import ChatProposer
from gristmill.graph.models.errors import ModelError, ModelSetupError
from gristmill.graph.models.openai import OpenAIProposer
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.replay import answering as replay_answers
from gristmill.graph.models.replay.recording import Recorded
from gristmill.graph.models.replay.server import Call, Failure, ReplayServer
from gristmill.graph.models.resolve import resolve
from gristmill.graph.models.trouble import meaning, retry_after
from gristmill.graph.records import Message, Reply, Request, Sampling, Tokens
from gristmill.sandbox.plain import plain

QUICK = ModelOptions(timeout_seconds=5, retry_seconds=20, wait_seconds=0.01, attempts=4)


def request(text: str = "Say hello.", sample: int = 0, **sampling: Any) -> Request:
    return Request(
        task_id="t",
        round=0,
        sample=sample,
        messages=(Message(role="system", content="Be brief."), Message(role="user", content=text)),
        sampling=Sampling(**{"seed": 7, **sampling}),
    )


def served(failures: Iterable[Failure] = (), answer: Callable[[Call], str] = lambda call: "hello") -> ReplayServer:
    return ReplayServer(answer, failures=failures)


async def ask(server: ReplayServer, options: ModelOptions = QUICK, **sampling: Any) -> Any:
    async with resolve(f"openai:replay@{server.url}", options=options) as proposer:
        return await proposer.propose(request(**sampling))


async def test_a_reply_carries_text_usage_model_and_finish() -> None:
    with served() as server:
        reply = await ask(server, temperature=0.3, top_p=0.5, max_tokens=99, stop=("\n\n",))
    assert (reply.text, reply.model, reply.finish) == ("hello", "replay", "stop")
    assert reply.tokens == Tokens(prompt=(9 + 10) // 4 + 1, completion=2)
    assert reply.seconds > 0
    (call,) = server.calls
    assert [message.role for message in call.messages] == ["system", "user"]
    sent = {name: call.body.get(name) for name in ("temperature", "top_p", "max_tokens", "seed", "stop", "stream")}
    assert sent == {"temperature": 0.3, "top_p": 0.5, "max_tokens": 99, "seed": 7, "stop": ["\n\n"], "stream": False}


@pytest.mark.parametrize(
    ("usage", "cached"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 6}}, 6),
        ({"prompt_tokens_details": {"cached_tokens": 600}}, 9),
        ({"prompt_tokens_details": {"cached_tokens": None}}, 0),
        ({"prompt_tokens_details": None}, 0),
    ],
)
async def test_what_a_server_had_in_its_cache_is_read(
    monkeypatch: pytest.MonkeyPatch, usage: dict[str, Any], cached: int
) -> None:
    answering(monkeypatch, usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, **usage})
    with served() as server:
        assert (await ask(server)).tokens == Tokens(prompt=9, completion=2, cached=cached)


async def test_many_requests_at_once_each_get_their_own_sampling() -> None:
    with served(answer=lambda call: f"{call.seed}/{call.body['temperature']}") as server:
        async with resolve(f"openai:replay@{server.url}", options=QUICK) as proposer:
            replies = await asyncio.gather(
                *(proposer.propose(request(seed=number, temperature=number / 100)) for number in range(64))
            )
    assert [reply.text for reply in replies] == [f"{number}/{number / 100}" for number in range(64)]


@pytest.mark.parametrize("text", ["", "  \n", "é\u2028 <think>", "x" * 300_000])
async def test_whatever_the_model_says_is_data(text: str) -> None:
    with served(answer=lambda call: text) as server:
        assert (await ask(server)).text == text


@pytest.mark.parametrize(
    "failure",
    [
        *("429", "500", "502", "503", "504", "529", "408", "drop", "garbage", "429:0.01"),
        *("malformed", "no_choices", "empty", "reasoning"),
    ],
)
async def test_a_passing_failure_is_tried_again(failure: str) -> None:
    with served([Failure.parse(failure), Failure.parse(failure)]) as server:
        assert (await ask(server)).text == "hello"
    assert len(server.calls) == 3


@pytest.mark.parametrize("failure", ["stream", "slow:0.01"])
async def test_an_answer_in_another_form_or_late_is_an_answer(failure: str) -> None:
    with served([Failure.parse(failure)], answer=lambda call: "hel\u2028lo\n\ndata: x") as server:
        reply = await ask(server)
    assert (reply.text, reply.finish, reply.tokens.completion) == ("hel\u2028lo\n\ndata: x", "stop", 15 // 4 + 1)
    assert len(server.calls) == 1


async def test_a_server_that_gives_streams_only_is_asked_for_streams_from_then_on() -> None:
    with served(itertools.repeat(Failure.parse("stream_only"))) as server:
        async with resolve(f"openai:replay@{server.url}", options=QUICK) as proposer:
            assert [(await proposer.propose(request())).text for _ in range(2)] == ["hello"] * 2
    assert [call.body["stream"] for call in server.calls] == [False, True, True]


MALFORMED = [
    '{"choices": [{"message"',
    "{not json",
    "",
    "null",
    "[]",
    "3",
    '{"choices": null}',
    "{}",
    '{"error": {"message": "upstream overloaded", "code": 503}}',
    "[" * 100_000,
    'data: {"choices": [{"index": 0, "delta": {"content": "hal"}}]}\n\n',
    "data: {oops\n\n",
    'data: {"error": {"message": "upstream overloaded"}}\n\n',
]


async def test_an_answer_that_is_none_is_tried_again_and_never_taken_for_a_mistake_of_the_user_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = ("application/json", "text/plain", "text/event-stream")
    bodies = itertools.cycle([(body, kind) for body in MALFORMED for kind in kinds])

    def write_next(self: replay_answers.Handler, failure: Failure, call: Call) -> None:
        body, kind = next(bodies)
        self._write(200, body.encode(), kind, {})

    monkeypatch.setattr(replay_answers.Handler, "_fail", write_next)
    bad = [Failure.parse("garbage")] * (3 * len(MALFORMED))
    with served(bad) as server:
        assert (await ask(server, ModelOptions(wait_seconds=0, attempts=100))).text == "hello"
    assert len(server.calls) == len(bad) + 1
    with served(bad) as server, pytest.raises(ModelError, match="did not answer"):
        await ask(server)
    assert len(server.calls) == QUICK.attempts


async def test_a_whole_completion_under_another_content_type_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write = replay_answers.Handler._write
    monkeypatch.setattr(
        replay_answers.Handler,
        "_write",
        lambda self, status, body, kind, more: write(self, status, body, "text/x", more),
    )
    with served() as server:
        assert (await ask(server)).text == "hello"
    assert len(server.calls) == 1


async def test_a_key_that_is_refused_in_an_answer_of_status_200_is_the_user_s_to_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, error={"message": "no such key", "code": 401})
    with served() as server, pytest.raises(ModelSetupError, match="no such key"):
        await ask(server)


@pytest.mark.parametrize("kind", ["empty", "reasoning"])
async def test_nothing_is_data_once_asking_again_was_in_vain(kind: str) -> None:
    with served(itertools.repeat(Failure.parse(kind))) as server:
        async with resolve(f"openai:replay@{server.url}", options=QUICK) as proposer:
            replies, calls = [], []
            for _ in range(5):
                replies.append(await proposer.propose(request()))
                calls.append(len(server.calls))
    assert {reply.text for reply in replies} == {""}
    assert calls == [4, 8, 12, 13, 14], "a model that says nothing is not paid four times for ever"
    assert replies[0].tokens.completion == 4 * replies[-1].tokens.completion, "what was thrown away is counted"
    assert replies[0].finish == ("stop" if kind == "empty" else "length")


async def test_retries_are_told_one_line_a_kind_without_pages(caplog: pytest.LogCaptureFixture) -> None:
    page = "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body>" + "<p>sorry</p>" * 400
    kinds = [Failure(kind="status", status=502, message=page), *map(Failure.parse, ("429", "drop", "garbage"))]
    with served([failure for failure in kinds for _ in range(12)]) as server:
        async with resolve(
            f"openai:replay@{server.url}", options=QUICK.model_copy(update={"attempts": 100})
        ) as proposer:
            await asyncio.gather(*(proposer.propose(request(seed=number)) for number in range(12)))
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(lines) == len(kinds) + 1, lines
    assert all(len(line) < 500 and "\n" not in line and "<" not in line for line in lines)
    assert any("a page of HTML (Bad gateway)" in line for line in lines)
    assert "was asked again 48 times: " in lines[-1]
    assert "12 × status 502" in lines[-1]


async def test_a_call_that_hangs_is_given_up_and_tried_again() -> None:
    with served([Failure(kind="hang")]) as server:
        reply = await ask(server, QUICK.model_copy(update={"timeout_seconds": 1.0}))
    assert reply.text == "hello"
    assert len(server.calls) == 2


@pytest.mark.parametrize("kind", ["429", "500", "drop", "hang", "garbage"])
async def test_a_model_that_never_answers_is_an_infrastructure_error_that_names_the_server(kind: str) -> None:
    options = QUICK.model_copy(update={"timeout_seconds": 1.0, "attempts": 2} if kind == "hang" else {})
    with served(itertools.repeat(Failure.parse(kind))) as server, pytest.raises(ModelError) as raised:
        await ask(server, options)
    assert raised.value.exit_code == 3
    assert server.url in str(raised.value)
    assert "--resume" in str(raised.value)
    assert len(server.calls) == options.attempts


async def test_attempts_end_when_the_time_is_up_and_no_wait_outlasts_it() -> None:
    options = QUICK.model_copy(update={"attempts": 1000, "retry_seconds": 1.0})
    with served(itertools.repeat(Failure.parse("429:3600"))) as server, pytest.raises(ModelError):
        await ask(server, options)  # does not return for an hour if it waits as long as the server asks for
    assert len(server.calls) == 1


async def test_retry_after_is_kept_to() -> None:
    with served([Failure.parse("429:1.2")]) as server:
        start = time.monotonic()
        await ask(server)
        assert time.monotonic() - start >= 1.2


def test_retry_after_is_read_as_seconds_milliseconds_and_dates() -> None:
    def wait(**headers: str) -> float | None:
        import httpx

        response = httpx.Response(429, headers={name.replace("_", "-"): text for name, text in headers.items()})
        return retry_after(httpx.HTTPStatusError("busy", request=httpx.Request("POST", "http://h"), response=response))

    assert wait(retry_after="2.5") == 2.5
    assert wait(retry_after_ms="1500", retry_after="9") == 1.5
    later = wait(retry_after=email.utils.formatdate(time.time() + 100, usegmt=True))
    assert later is not None
    assert 90 < later <= 101
    assert wait(retry_after=email.utils.formatdate(0, usegmt=True)) == 0.0
    assert wait(retry_after="soon") is None
    assert wait() is None


@pytest.mark.parametrize(
    "failure",
    [
        Failure(kind="status", status=401),
        Failure(kind="status", status=403),
        Failure(kind="status", status=404, code="model_not_found"),
        Failure(kind="status", status=400, message="tools are not supported"),
        Failure(kind="status", status=429, code="insufficient_quota", message="You exceeded your current quota"),
    ],
    ids=lambda failure: str(failure.status),
)
async def test_what_only_the_user_can_mend_is_said_at_once(failure: Failure) -> None:
    with served(itertools.repeat(failure)) as server, pytest.raises(ModelSetupError) as raised:
        await ask(server)
    assert raised.value.exit_code == 2
    assert server.url in str(raised.value)
    assert failure.message in str(raised.value)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("message", "finish"),
    [
        ("This model's maximum context length is 2048 tokens. However, you requested 4000.", "context_length"),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 512. "
            "This model's maximum context length is 256 tokens",
            "context_length",
        ),
        ("prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
        ("the request exceeds the available context size. try increasing the context size", "context_length"),
        (
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy",
            "content_filter",
        ),
    ],
)
async def test_a_prompt_that_cannot_be_answered_is_data(message: str, finish: str) -> None:
    with served([Failure(kind="status", status=400, message=message)]) as server:
        reply = await ask(server)
    assert (reply.text, reply.finish) == ("", finish)
    assert len(server.calls) == 1


@pytest.mark.parametrize("name", ["seed", "top_p", "temperature", "stop"])
async def test_a_parameter_that_the_server_refuses_is_left_out_from_then_on(name: str) -> None:
    refusal = Failure(kind="status", status=400, message=f"Unsupported parameter: '{name}' is not supported here")
    with served([refusal]) as server:
        async with resolve(f"openai:replay@{server.url}", options=QUICK) as proposer:
            for _ in range(2):
                assert (await proposer.propose(request(stop=("x",)))).text == "hello"
    assert [name in call.body and call.body[name] is not None for call in server.calls] == [True, False, False]


async def test_an_unreachable_server_ends_the_run_before_it_begins() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ModelError, match=r"no server answers at http://127\.0\.0\.1") as raised:
            await resolve(f"openai:m@{url}", options=QUICK).__aenter__()
    assert raised.value.exit_code == 3


async def test_a_server_that_goes_away_during_a_run_is_an_infrastructure_error() -> None:
    server = served()
    with server:
        async with resolve(f"openai:replay@{server.url}", options=QUICK) as proposer:
            assert (await proposer.propose(request())).text == "hello"
            server.__exit__(None, None, None)
            with pytest.raises(ModelError, match="did not answer"):
                await proposer.propose(request())


async def test_a_model_that_the_server_does_not_have_is_named_with_those_it_has() -> None:
    with served() as server, pytest.raises(ModelSetupError, match="'other'; it serves replay"):
        await resolve(f"openai:other@{server.url}", options=QUICK).__aenter__()
    assert server.calls == []


async def test_the_key_comes_from_the_variable_that_the_options_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("MY_KEY", "sesame")
    with ReplayServer(lambda call: "hello", key="sesame") as server:
        with pytest.raises(ModelSetupError, match="OPENAI_API_KEY") as raised:
            await ask(server)
        assert raised.value.exit_code == 2
        assert (await ask(server, QUICK.model_copy(update={"api_key_env": "MY_KEY"}))).text == "hello"
    assert server.calls[0].key == "sesame"


async def test_an_adapter_is_not_believed_without_proof() -> None:
    """The server knows the name, but tells no probabilities, as a replay has none."""
    with ReplayServer(lambda call: "hello", models=("base", "adapter")) as server:
        proposer = OpenAIProposer("base", server.url, adapter="adapter", options=QUICK)
        with pytest.raises(ModelSetupError, match="cannot be checked"):
            await proposer.__aenter__()


def test_a_proposer_can_be_entered_again_in_another_event_loop() -> None:
    """Rounds of learning do so; connections that LangChain shares between its clients would not survive it."""
    with served() as server:
        proposer = resolve(f"openai:replay@{server.url}", options=QUICK)

        async def once() -> str:
            async with proposer:
                return (await proposer.propose(request())).text

        assert [asyncio.run(once()) for _ in range(3)] == ["hello"] * 3
    assert len(server.calls) == 3


def test_a_provider_s_model_is_reached_through_langchain_in_every_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with served() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        proposer = resolve("openai:replay", options=QUICK)

        async def once() -> str:
            async with proposer:
                return (await proposer.propose(request(max_tokens=9))).text

        assert [asyncio.run(once()) for _ in range(2)] == ["hello"] * 2
    assert [(call.key, call.seed, call.body["max_completion_tokens"]) for call in server.calls] == [
        ("sesame", 7, 9)
    ] * 2


async def test_a_proposer_that_was_not_entered_says_so() -> None:
    with pytest.raises(ModelError, match="enter the proposer first"):
        await resolve("openai:m@http://127.0.0.1:9/v1", options=QUICK).propose(request())


async def test_no_proxy_of_the_environment_stands_before_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "OPENAI_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with served() as server:
        assert (await ask(server)).text == "hello"


async def test_cancelling_a_call_ends_it_at_once() -> None:
    with served(itertools.repeat(Failure(kind="hang"))) as server:
        call = asyncio.ensure_future(ask(server, ModelOptions(timeout_seconds=600)))
        while not server.calls:  # noqa: ASYNC110  # the server is a thread, it sets no event of ours
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_any_chat_model_will_do() -> None:
    """One without usage, without sampling fields, and without a name."""
    chat = GenericFakeChatModel(
        messages=iter([AIMessage(content="one two three"), AIMessage(content=[{"type": "text", "text": "4"}])])
    )
    async with ChatProposer(chat) as proposer:
        first, second = await proposer.propose(request()), await proposer.propose(request())
    assert first.text == "one two three"
    assert first.tokens.prompt > 0
    assert first.tokens.completion > 0
    assert second.text == "4"
    assert proposer.model


async def test_a_chat_model_of_the_user_s_own_is_not_changed() -> None:
    async with DefaultAsyncHttpxClient() as connections:
        with served() as server:
            chat = ChatOpenAI(
                model="replay",
                base_url=server.url,
                api_key=SecretStr("k"),
                temperature=0.1,
                max_retries=0,
                http_async_client=connections,
            )
            async with ChatProposer(chat, options=QUICK) as proposer:
                await proposer.propose(request(temperature=0.9))
    assert server.calls[0].body["temperature"] == 0.9
    assert chat.temperature == 0.1


async def test_an_error_that_says_nothing_gets_one_more_try() -> None:
    calls = 0

    def broken() -> Iterable[AIMessage]:
        nonlocal calls
        while True:
            calls += 1
            raise KeyError("choices")

    class Broken(GenericFakeChatModel):
        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            return next(iter(broken()))

    with pytest.raises(ModelError, match="KeyError"):
        async with ChatProposer(Broken(messages=iter([])), options=QUICK) as proposer:
            await proposer.propose(request())
    assert calls == 2


def test_transport_errors_of_other_clients_are_known_by_name() -> None:
    class ReadTimeout(Exception):
        pass

    class APIConnectionError(Exception):
        pass

    assert meaning(ReadTimeout()) == meaning(APIConnectionError()) == meaning(ConnectionResetError()) == "again"
    assert meaning(ValueError("input is too long for the context window")) == "too_long"
    assert meaning(ValueError("what")) == "unknown"


USAGES: list[Any] = [
    {"prompt_tokens": -5, "completion_tokens": 2, "total_tokens": -3},
    {"prompt_tokens": "many", "completion_tokens": "few", "total_tokens": "all"},
    {"prompt_tokens": 1.5, "completion_tokens": 2, "total_tokens": 3.5},
    {"prompt_tokens": 10**30, "completion_tokens": 2, "total_tokens": 10**30},
    {"prompt_tokens": 1e30, "completion_tokens": float("inf"), "total_tokens": float("nan")},
    {"prompt_tokens": True, "completion_tokens": [], "total_tokens": {}},
    {"prompt_tokens": 3},
    {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": "x", "completion_tokens_details": [1]},
    {"prompt_tokens": None, "completion_tokens": None},
    {},
    "much",
    7,
    [1, 2],
    None,
]


def answering(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """Let the server answer with other fields than a server should."""
    completion = replay_answers._completion
    monkeypatch.setattr(replay_answers, "_completion", lambda call, row: {**completion(call, row), **changed})


@pytest.mark.parametrize("usage", USAGES, ids=repr)
async def test_usage_that_is_none_is_unknown_and_the_reply_counts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, usage: Any
) -> None:
    answering(monkeypatch, usage=usage)
    with served() as server:
        async with resolve(f"openai:replay@{server.url}", options=QUICK) as proposer:
            replies = [await proposer.propose(request()) for _ in range(3)]
    assert len(server.calls) == 3
    for reply in replies:
        assert reply.text == "hello"
        assert 0 <= reply.tokens.prompt <= 1000
        assert 0 <= reply.tokens.completion <= 1000
    assert sum("no usage" in record.message for record in caplog.records) <= 1


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "\x1b]52;c;aGk=\x07gpt\n| x |\u202e\ud800" + "m" * 5000},
        {"model": ["a"]},
        {"model": None},
        {"choices": []},
        {"choices": None},
        {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": {"a": 1}}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": 5}, "finish_reason": None}]},
        {"choices": [{"index": 0, "message": {"role": "robot", "content": "hi"}, "finish_reason": "\ud800"}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "\ud800\x00"}, "finish_reason": "s"}]},
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": [{"type": "x"}, 3]}}]},
        {"choices": "abc"},
        {"error": {"message": "\x1b]52;c;aGk=\x07\ud800"}},
        {"error": "\x1b[2J"},
        {"service_tier": {"a": 1}, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}},
    ],
    ids=lambda changed: repr(changed)[:60].encode("ascii", "backslashreplace").decode(),
)
async def test_whatever_a_server_answers_is_a_reply_that_can_be_kept_or_its_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, changed: dict[str, Any]
) -> None:
    answering(monkeypatch, **changed)
    with served() as server:
        reply: Reply | None = None
        trouble = ""
        try:
            reply = await ask(server, QUICK.model_copy(update={"attempts": 2}))
        except ModelError as error:
            trouble = str(error)
        assert plain(trouble) == trouble
        if reply is not None:
            assert Reply.model_validate_json(reply.model_dump_json()) == reply
            assert len(reply.model) <= 200
            assert plain(reply.model + reply.finish) == reply.model + reply.finish
    assert all(plain(record.getMessage()) == record.getMessage() for record in caplog.records)


async def test_a_long_reply_is_made_shorter_where_the_context_has_no_room_for_it() -> None:
    """Servers add the greatest length, which nobody may have chosen, to the length of the prompt."""
    refusal = Failure(kind="status", status=400, message="This model's maximum context length is 2048 tokens")
    with served([refusal, refusal]) as server:
        assert (await ask(server, max_tokens=4096)).text == "hello"
    assert [call.body["max_tokens"] for call in server.calls] == [4096, 2048, 1024]
    with served(itertools.repeat(refusal)) as server:
        assert (await ask(server, max_tokens=4096)).finish == "context_length"
    assert [call.body["max_tokens"] for call in server.calls] == [4096, 2048, 1024, 512]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_what_a_server_tells_as_reasoning_is_a_field_of_its_own(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    message = {"role": "assistant", "content": "42", name: "6 times 7"}
    answering(monkeypatch, choices=[{"index": 0, "message": message, "finish_reason": "stop"}], usage=None)
    with served() as server:
        reply = await ask(server)
    assert (reply.text, reply.reasoning) == ("42", "6 times 7")
    assert reply.tokens.completion >= 2, "thoughts are counted where tokens are estimated"


async def test_reasoning_in_a_stream_and_in_blocks_of_a_chat_model_s_own_is_read_too() -> None:
    row = Recorded(text="42", reasoning="6 times 7")
    with ReplayServer(lambda call: row, failures=[Failure.parse("stream")]) as server:
        reply = await ask(server)
    assert (reply.text, reply.reasoning) == ("42", "6 times 7")
    blocks = [{"type": "thinking", "thinking": "6 times 7"}, {"type": "text", "text": "42"}]
    async with ChatProposer(GenericFakeChatModel(messages=iter([AIMessage(content=blocks)]))) as proposer:  # type: ignore[arg-type]  # as Anthropic's
        reply = await proposer.propose(request())
    assert (reply.text, reply.reasoning) == ("42", "6 times 7")


async def test_further_fields_reach_the_body_of_each_request() -> None:
    fields = {"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}, "extra_body": {"min_p": 0.1}}
    with served() as server:
        await ask(server, QUICK.model_copy(update={"request": fields}))
    (call,) = server.calls
    assert {name: call.body.get(name) for name in ("top_k", "min_p", "chat_template_kwargs", "max_tokens")} == {
        "top_k": 20,
        "min_p": 0.1,
        "chat_template_kwargs": {"enable_thinking": False},
        "max_tokens": 512,
    }
    with pytest.raises(ModelSetupError, match="--request"):
        resolve("local", options=ModelOptions(request={"top_k": 20}))


async def test_a_request_is_sent_as_langchain_s_own_client_sends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    async def hear(outgoing: Any) -> None:
        sent.append(outgoing.content)

    def heard(url: str | None, seconds: float) -> Any:
        return DefaultAsyncHttpxClient(timeout=seconds, trust_env=False, event_hooks={"request": [hear]})

    monkeypatch.setattr("gristmill.graph.models.openai.run_connections", heard)
    said = Message(role="assistant", content='He said: "hello" {"a": 1} \U0001f600\n\t\\')
    asked = request("Say «hello».", temperature=0.3, top_p=0.5, max_tokens=99, stop=("\n\n",))
    asked = asked.model_copy(update={"messages": (*asked.messages, said, Message(role="user", content=" \n"))})
    options = ModelOptions(request={"extra_body": {"a": [1]}})
    with served() as server:
        async with OpenAIProposer("replay", server.url, options=options) as ours:
            await ours.propose(asked)
        fields = {"temperature": 0.3, "top_p": 0.5, "max_tokens": 99, "seed": 7}
        messages = [(message.role, message.content) for message in asked.messages]
        async with heard(None, 5) as connections:
            theirs = ChatOpenAI(
                model="replay",
                base_url=server.url,
                api_key=SecretStr("EMPTY"),
                disable_streaming=True,
                http_async_client=connections,
            ).model_copy(update=fields)
            await theirs.ainvoke(messages, stop=["\n\n"], extra_body={"max_tokens": 99, "a": [1]})
    assert sent[0] == sent[1]
