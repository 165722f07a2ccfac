"""`--trace`: a real collector is sent what a run did, without texts, and never what a hidden test expects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gristmill.graph.commands.tracing.telling import Tracing
from gristmill.graph.events import staged
from gristmill.graph.storage.store import Store
from gristmill.trainers.cli import app
from tests.collector import Collector

pytest.importorskip("opentelemetry.sdk", reason="the extra 'otel' is not installed")

SECRET = 7_340_033
TASK = {
    "id": "double",
    "kind": "code",
    "prompt": "Double a number, quite.",
    "tests": [
        {"type": "cases", "entry_point": "f", "cases": [{"args": [3], "expected": 6}]},
        {"type": "cases", "entry_point": "f", "cases": [{"args": [5], "expected": SECRET}]},
    ],
}
REPLY = "```python\ndef f(n):\n    return 2 * n  # the reply's own words\n```"


@pytest.fixture
def traced(workspace: Path, bubblewrap: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    Path("tasks.jsonl").write_text(json.dumps(TASK) + "\n")
    rows = [
        {"task_id": "double", "round": n, "sample": 0, "text": REPLY.replace("2 *", f"{n + 2} *")} for n in range(2)
    ]
    Path("said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("GRISTMILL_SANDBOX", "bubblewrap")
    return workspace


def run(name: str, *more: str, code: int = 0) -> Result:
    words = ["--model", "replay:said.jsonl", "--hypotheses", "1", "--rounds", "2", "--name", name, *more]
    return gristmill("run", "tasks.jsonl", *words, code=code)


def gristmill(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def known(span: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def test_a_run_is_sent_as_spans_without_its_texts(traced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        assert "Traces" not in run("night", "--trace").output
    assert collector.services == {"gristmill"}
    assert [collector.names.count(name) for name in ("run night", "round", "verdict")] == [1, 2, 2]
    (whole,) = (span for span in collector.spans if span.name == "run night")
    rounds = {span.span_id: known(span)["gristmill.round"] for span in collector.spans if span.name == "round"}
    calls = [span for span in collector.spans if span.name.startswith("chat ")]
    verdicts = [span for span in collector.spans if span.name == "verdict"]
    assert [rounds[span.parent_span_id] for span in calls] == [0, 1]
    assert [rounds[span.parent_span_id] for span in verdicts] == [0, 1]
    assert {span.trace_id for span in collector.spans} == {whole.trace_id}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in collector.spans)
    call, verdict = known(calls[0]), known(verdicts[0])
    assert call["gen_ai.operation.name"] == "chat"
    assert call["gen_ai.request.model"]
    assert call["gen_ai.usage.input_tokens"] >= 0
    assert call["gristmill.hypothesis"] == verdict["gristmill.hypothesis"] == "double/0/0"
    assert verdict["gristmill.outcome"] == "failed"
    jobs = [span for span in collector.spans if span.name == "sandbox job"]
    assert {known(job)["gristmill.sandbox"] for job in jobs} == {"bubblewrap"}
    judged = {span.span_id: known(span)["gristmill.hypothesis"] for span in verdicts}
    assert {judged.get(job.parent_span_id) for job in jobs} == {"double/0/0", "double/1/0"}
    assert all(judged[job.parent_span_id] == known(job)["gristmill.hypothesis"] for job in jobs)
    assert known(whole)["gristmill.status"] == "finished"
    for text in ("quite", "own words", "return", str(SECRET)):
        assert text.encode() not in collector.raw


def test_texts_are_sent_on_request_and_hidden_tests_never(traced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mill")
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        run("night", "--trace", "--trace-content")
    assert collector.services == {"mill"}
    call = next(known(span) for span in collector.spans if span.name.startswith("chat "))
    assert "Double a number, quite." in json.loads(call["gen_ai.input.messages"])[-1]["parts"][0]["content"]
    assert "the reply's own words" in call["gen_ai.output.messages"]
    assert str(SECRET).encode() not in collector.raw
    assert "needs --trace" in run("day", "--trace-content", code=2).stderr


def test_an_evaluation_is_sent_too(traced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        gristmill("eval", "tasks.jsonl", "--model", "replay:said.jsonl", "--name", "first", "--trace")
    assert [collector.names.count(name) for name in ("run first", "round", "verdict")] == [1, 1, 1]
    assert str(SECRET).encode() not in collector.raw


def test_the_runs_of_something_larger_lie_in_one_trace(traced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with Store.open(traced) as store, Tracing(store, on=True, over="improve whole"):
            run("night")
            run("day")
        run("unheard")
    spans = {span.name: span for span in collector.spans}
    assert spans["run night"].parent_span_id == spans["run day"].parent_span_id == spans["improve whole"].span_id
    assert "run unheard" not in spans
    assert {span.trace_id for span in collector.spans} == {spans["improve whole"].trace_id}
    called = {span.span_id: span for span in collector.spans}
    rounds = [span for span in collector.spans if span.name == "round"]
    assert [called[span.parent_span_id].name for span in rounds] == ["run night"] * 2 + ["run day"] * 2


def test_a_comparison_a_regression_and_a_stage_are_sent_too(traced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.jsonl").write_text(Path("said.jsonl").read_text())
    both = ["--tasks", "tasks.jsonl", "--model", "replay:said.jsonl", "--model", "replay:other.jsonl"]
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        gristmill("compare", *both, "--trace")
        gristmill("regress", "tasks.jsonl", "--model", "replay:said.jsonl", "--name", "held", "--trace")
        with Store.open(traced) as store, Tracing(store, on=True, over="recipe x"):
            with staged("training", method="sft", rows=3):
                pass
            with pytest.raises(ZeroDivisionError), staged("training", method="dpo", rows=4):
                _ = 1 / 0
    spans = {span.name: span for span in collector.spans}
    measured = [span for span in collector.spans if span.name.startswith("run compare-")]
    assert [span.parent_span_id for span in measured] == [spans["compare"].span_id] * 2
    assert collector.names.count("run held") == 1
    trainings = [span for span in collector.spans if span.name == "training"]
    assert {span.parent_span_id for span in trainings} == {spans["recipe x"].span_id}
    told = [(known(span)["gristmill.method"], known(span)["gristmill.rows"], span.status.code) for span in trainings]
    assert told == [("sft", 3, 0), ("dpo", 4, 2)]
    assert str(SECRET).encode() not in collector.raw


def test_a_job_for_several_hypotheses_names_them(traced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the consistency run is, in whose worker all of a task's are run one after another."""
    code = f"x = f(3)\nassert isinstance(x, int)\nassert x != {SECRET}"
    Path("tasks.jsonl").write_text(json.dumps(TASK | {"tests": [{"type": "python", "entry_point": "f", "code": code}]}))
    rows = [{"task_id": "double", "round": 0, "sample": n, "text": REPLY.replace("2 *", f"{n} *")} for n in range(2)]
    Path("said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--model", "replay:said.jsonl", "--hypotheses", "2", "--rounds", "1", "--name", "night"]
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        gristmill("run", "tasks.jsonl", *words, "--trace")
    whole = next(span for span in collector.spans if span.name == "run night")
    several = [span for span in collector.spans if "gristmill.hypotheses.count" in known(span)]
    assert several
    assert {span.parent_span_id for span in several} == {whole.span_id}
    for span in several:
        named = [each.string_value for each in known(span)["gristmill.hypotheses"].values]
        assert (sorted(named), known(span)["gristmill.hypotheses.count"]) == (["double/0/0", "double/0/1"], 2)
    assert str(SECRET).encode() not in collector.raw


@pytest.mark.parametrize(
    "words",
    [
        "eval tasks.jsonl --model replay:said.jsonl",
        "search reward mountain_car --model replay:said.jsonl",
        "improve --family list-functions",
        "recipe isheep --prompts 20",
        "compare first day",
        "regress tasks.jsonl --model replay:said.jsonl",
    ],
)
def test_every_command_that_makes_runs_can_be_traced(traced: Path, words: str) -> None:
    assert "it needs --trace" in gristmill(*words.split(), "--trace-content", code=2).stderr


@pytest.mark.parametrize("holds", [False, True], ids=["down", "silent"])
def test_a_collector_that_takes_nothing_ends_no_run_and_is_told_once(
    traced: Path, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    with Collector(holds=holds) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url if holds else "http://127.0.0.1:9")
        said = run("night", "--trace")
    assert said.stderr.count("Traces: ") == 1
    assert "were not sent" in said.stderr
    assert "127.0.0.1" not in said.output


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_TRACES_EXPORTER", "zipkin")]
)
def test_what_cannot_be_sent_is_refused_beforehand(
    traced: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert f"{name}={value}" in run("night", "--trace", code=2).stderr
