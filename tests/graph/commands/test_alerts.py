"""`--alert`: what is due is pure; what is sent arrives at a real receiver, once, and slows nothing down."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.graph.commands.alerts.due import SHARES, Alert, Course
from gristmill.graph.commands.alerts.telling import Alerts, without_addresses
from gristmill.graph.config import RunConfig
from gristmill.graph.events import (
    CallStarted,
    Event,
    Judged,
    Replied,
    RoundRanked,
    RunEnded,
    RunStarted,
    ServerTrouble,
    TaskEnded,
    Unanswered,
)
from gristmill.graph.records import StopReason, Tokens
from gristmill.graph.storage.store import Store
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import Outcome
from tests.receiver import Receiver

BEGUN = RunStarted(run="night", tasks=1)
CALL = CallStarted(task_id="t", hypothesis="t/0/0", attempt=1)


def ranked(round_: int, best: str | None, score: float | None = None) -> RoundRanked:
    return RoundRanked(task_id="t", round=round_, best=best, score=score, passed=0)


def keys(*events: Event, part: bool = False, **knobs: object) -> list[str]:
    course = Course(RunConfig.of(**knobs), part=part)
    for event in events:
        course.hear(event)
    return [alert.key for alert in course.due()]


def judged(outcome: Outcome) -> Judged:
    return Judged(task_id="t", hypothesis="t/0/0", outcome=outcome, score=None, verified=False, seconds=1.0)


def task_ended(stop: StopReason, *, solved: bool = False) -> TaskEnded:
    return TaskEnded(task_id="t", stop=stop, solved=solved, best=None)


@given(calls=st.integers(0, 40), bound=st.integers(1, 30), before=st.integers(0, 20))
def test_each_share_of_a_budget_is_due_from_when_it_is_reached(calls: int, bound: int, before: int) -> None:
    started = RunStarted(run="night", tasks=1, calls=before)
    reached = [share for share in SHARES if 100 * (before + calls) >= share * bound]
    assert keys(started, *[CALL] * calls, calls=bound) == [f"spent {share}% of calls" for share in reached]


def test_tokens_money_and_seconds_are_told_of_and_a_budget_is_spent_when_no_call_fits_any_more() -> None:
    reply = Replied(task_id="t", hypothesis="t", usable=True, tokens=Tokens(), counted=85, money=0.6, seconds=1)
    assert keys(BEGUN, reply, tokens=100) == ["spent 50% of tokens", "spent 80% of tokens"]
    assert keys(BEGUN, reply, money=1.0) == ["spent 50% of money"]
    assert keys(BEGUN, task_ended(StopReason.TOKENS), tokens=100) == [f"spent {share}% of tokens" for share in SHARES]
    assert keys(BEGUN, reply) == []


def test_wall_time_is_told_of() -> None:
    course = Course(RunConfig.of(seconds=10.0))
    course.hear(BEGUN)
    course.hear(CALL, 8.0)
    assert [alert.key for alert in course.due()] == ["spent 50% of seconds", "spent 80% of seconds"]


def test_a_search_is_stuck_after_half_its_patience_without_a_better_best_and_not_before() -> None:
    rounds = [ranked(round_, "t/0/0", 0.5) for round_ in range(4)]
    assert keys(BEGUN, *rounds[:3], patience=6) == []
    assert keys(BEGUN, *rounds, patience=6) == ["stuck"]
    better = [*rounds[:3], ranked(3, "t/3/0", 0.6)]
    assert keys(BEGUN, *better, patience=6) == []
    assert keys(BEGUN, *rounds, patience=6, part=True) == []


def test_a_run_of_many_tasks_is_stuck_when_half_of_them_are() -> None:
    def given_up(tasks: int) -> list[str]:
        return keys(RunStarted(run="night", tasks=tasks), task_ended(StopReason.PATIENCE))

    assert (given_up(2), given_up(3)) == (["stuck"], [])
    assert keys(BEGUN, task_ended(StopReason.PATIENCE, solved=True)) == []


def test_trouble_with_the_sandbox_is_no_wrong_answer() -> None:
    assert keys(BEGUN, judged(Outcome.UNSCORED)) == ["sandbox"]
    assert keys(BEGUN, *map(judged, set(Outcome) - {Outcome.UNSCORED})) == []


def test_trouble_with_a_model_is_told_of_where_it_costs_a_call_or_many_tries() -> None:
    again = [ServerTrouble(model="m", detail="status 429", times=5) for _ in range(4)]
    assert keys(BEGUN, *[CALL] * 40, *again[:1]) == []
    assert keys(BEGUN, CALL, *again[:1]) == []
    assert keys(BEGUN, CALL, *again[:2]) == ["model"]
    assert keys(BEGUN, *[CALL] * 40, *again) == ["model"]
    assert keys(BEGUN, CALL, Unanswered(task_id="t", hypothesis="t/0/0", detail="gone")) == ["model"]


@pytest.mark.parametrize("status", get_args(RunEnded.model_fields["status"].annotation))
def test_only_a_run_that_finished_is_told_to_have(status: str) -> None:
    told = keys(BEGUN, RunEnded.model_validate({"run": "night", "status": status}))
    assert told == ["finished"] * (status == "finished")


ALERT = Alert(key="stuck", title="stuck", text="1 of 1 task.")
MORE = ["gristmill", "show", "night"]


def test_an_alert_is_sent_once_over_all_sessions_with_the_command_that_shows_more(tmp_path: Path) -> None:
    more = [*MORE, "--workspace", "postgresql://me:password@host/db"]
    with Receiver() as receiver:
        for _ in range(2):
            with Store.open(tmp_path) as store, Alerts([receiver.url], store, "night", more) as alerts:
                alerts.tell(ALERT, ALERT)
                alerts.tell(ALERT)
        (told,) = receiver.told
    assert told["title"] == "gristmill night: stuck"
    assert told["message"] == "1 of 1 task.\nMore: gristmill show night --workspace WORKSPACE"


def test_what_did_not_arrive_is_told_once_and_sent_by_the_next_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Receiver(status=500, key="hidden-key") as broken:
        with Store.open(tmp_path) as store, Alerts([broken.url], store, "night", MORE) as alerts:
            alerts.tell(ALERT)
        assert len(broken.told) == 1
    said = capsys.readouterr()
    assert said.err.count("1 of 1 alerts were not sent (json://…)") == 1
    assert "hidden-key" not in said.err + said.out
    with Receiver() as receiver:
        with Store.open(tmp_path) as store, Alerts([receiver.url], store, "night", MORE) as alerts:
            alerts.tell(ALERT)
        assert len(receiver.told) == 1


def test_a_receiver_that_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    # It answers only after all has been told, many times more than may wait: telling waits for nobody.
    with Receiver(holds=True) as receiver, Store.open(tmp_path) as store:
        with Alerts([receiver.url], store, "night", MORE) as alerts:
            for number in range(500):
                alerts.tell(ALERT.model_copy(update={"key": str(number)}))
            assert receiver.told == []
            receiver.release.set()
        assert 1 <= len(receiver.told) < 500


def test_an_error_is_told_without_what_it_quotes(tmp_path: Path) -> None:
    def fail() -> None:
        with Store.open(tmp_path) as store, Alerts([receiver.url], store, "night", MORE):
            raise ValueError("a server said <secret>")

    with Receiver() as receiver:
        with pytest.raises(ValueError, match="server"):
            fail()
        (told,) = receiver.told
    assert told["title"] == "gristmill night: failed"
    assert "ValueError" in told["message"]
    assert "secret" not in told["message"]


@pytest.mark.parametrize("url", ["nonsense", "json:/", "unknown://hidden-key@host", "tgram://hidden-key"])
def test_an_address_that_cannot_be_used_is_refused_and_not_shown(
    url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Store.open(tmp_path) as store, pytest.raises(UserError, match="address 1 of 1") as refused:
        Alerts([url], store, "night", MORE)
    captured = capfd.readouterr()
    assert "hidden-key" not in f"{refused.value}{captured.out}{captured.err}"


def test_a_command_is_printed_without_its_addresses() -> None:
    words = ["improve", "--alert", "json://a/key", "t.jsonl", "--alert=json://b/key", "--resume"]
    assert without_addresses(words) == ["improve", "t.jsonl", "--resume"]


TASK = {"id": "m", "kind": "math", "prompt": "What is 2 * 3?", "answer": "6"}


@pytest.mark.bubblewrap
def test_a_run_tells_its_receiver_and_keeps_the_address_nowhere(
    forked_gristmill: str, workspace: Path, bubblewrap: str
) -> None:
    (workspace / "tasks.jsonl").write_text(json.dumps(TASK) + "\n")
    (workspace / "r.jsonl").write_text(json.dumps({"text": "\\boxed{6}"}) + "\n")
    page = (Path(__file__).parents[3] / "docs/running.md").read_text("utf-8").splitlines()
    (line,) = (line for line in page if line.startswith("gristmill ") and "--alert ntfy://my-topic" in line)
    # As the page has it, where this machine's receiver answers; of its options a later one counts.
    more = ["--model", "replay:r.jsonl", "--rounds", "1", "--hypotheses", "1", "--calls", "1"]
    more += ["--sandbox", "bubblewrap", "--workers", "1"]
    with Receiver(key="hidden-key") as receiver:
        words = [receiver.url if word == "ntfy://my-topic" else word for word in line.split()[1:]]
        done = subprocess.run(
            [forked_gristmill, *words, *more], cwd=workspace, capture_output=True, text=True, timeout=240, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    titles = [told["title"].removeprefix("gristmill night: ") for told in receiver.told]
    assert titles == [*(f"{share}% of the calls are spent" for share in SHARES), "finished"]
    assert all("More: gristmill show night" in told["message"] for told in receiver.told)
    assert "hidden-key" not in done.stdout + done.stderr
    for path in workspace.rglob("*"):
        assert path.is_dir() or b"hidden-key" not in path.read_bytes(), path
