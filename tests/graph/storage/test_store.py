"""The store keeps what it is given, once; on SQLite always, on PostgreSQL where one is installed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.graph.config import RunConfig
from gristmill.graph.errors import RunBusyError, RunExistsError, StoreError, UnknownRunError
from gristmill.graph.events import Event, Judged, LeftOut, RunEnded, RunStarted, Settled, Unanswered
from gristmill.graph.nodes.identity import hypothesis_id, prompt_sha, sample_seed
from gristmill.graph.records import Hypothesis, Message, Reflection, Reply, Sampling, StopReason, Tokens
from gristmill.graph.storage import entries
from gristmill.graph.storage.journal import Journal
from gristmill.graph.storage.reading.finding import Hit, Mark
from gristmill.graph.storage.store import Store
from gristmill.graph.storage.workspace import database_at, home_of
from gristmill.sandbox.errors import UserError
from gristmill.sandbox.records import Limits, Record
from gristmill.verifiers.records import Outcome, Strength, Task, Verdict

PROMPT = (Message(role="user", content="write f"),)
TASKS = [Task(id=f"t/{number}", kind="code", prompt="write f") for number in range(3)]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        with Store.open(tmp_path) as opened:
            yield opened
        return
    with Store.open(request.getfixturevalue("postgresql")) as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> str:
    """A new run; the database may hold those of earlier tests."""
    name = f"run-{uuid.uuid4().hex[:12]}"
    store.create_run(name, RunConfig(), TASKS)
    return name


def hypothesis_at(task_id: str = "t/0", round: int = 0, sample: int = 0, text: str = "def f(): ...") -> Hypothesis:
    return Hypothesis(
        id=hypothesis_id(task_id, round, sample),
        task_id=task_id,
        round=round,
        sample=sample,
        text=text,
        solution=text,
        proposer="p",
        model="m",
        sampling=Sampling(),
        prompt_sha=prompt_sha(PROMPT),
    )


def verdict(outcome: Outcome = Outcome.PASSED, score: float | None = 1.0) -> Verdict:
    return Verdict(outcome=outcome, score=score, strength=Strength.TESTED, verifier="v/1")


def finish(store: Store, run: str, task_id: str, best: str) -> None:
    ending = entries.ended(run, task_id, stop=StopReason.TARGET, detail="there", best=best, solved=True, seconds=1.5)
    store.save([ending])


def test_a_trajectory_comes_back_as_it_was(store: Store, run: str) -> None:
    steps = [hypothesis_at(sample=1), hypothesis_at(sample=0), hypothesis_at(round=1)]
    reflection = Reflection(round=0, parents=("t/0/0/0",), feedback="off by one")
    store.save([entry for step in steps for entry in entries.replied(run, step, PROMPT)])
    store.save([entries.judged(run, step, verdict()) for step in steps])
    store.save([entries.reflected(run, "t/0", reflection)])
    assert list(store.trajectories(run)) == []
    finish(store, run, "t/0", "t/0/1/0")
    (trajectory,) = store.trajectories(run)
    assert [step.hypothesis for step in trajectory.steps] == [steps[1], steps[0], steps[2]]
    assert [step.verdict for step in trajectory.steps] == [verdict()] * 3
    assert trajectory.prompts == {prompt_sha(PROMPT): PROMPT}
    assert (trajectory.reflections, trajectory.best, trajectory.stop) == ((reflection,), "t/0/1/0", StopReason.TARGET)
    assert trajectory.task == TASKS[0]


def test_writing_twice_changes_nothing(store: Store, run: str) -> None:
    for _ in range(2):
        store.save([*entries.replied(run, hypothesis_at(), PROMPT), entries.judged(run, hypothesis_at(), verdict())])
        store.save([*entries.replied(run, hypothesis_at(text="another reply"), PROMPT)])
        finish(store, run, "t/0", "t/0/0/0")
    (trajectory,) = store.trajectories(run)
    assert [step.hypothesis.text for step in trajectory.steps] == ["def f(): ..."]


def test_a_verdict_is_final_unless_it_was_unscored(store: Store, run: str) -> None:
    def outcome() -> Outcome:
        ((_, last),) = store.steps(run, "t/0")
        assert last
        return last.outcome

    unscored = verdict(Outcome.UNSCORED, None)
    store.save([*entries.replied(run, hypothesis_at(), PROMPT), entries.judged(run, hypothesis_at(), unscored)])
    assert outcome() is Outcome.UNSCORED
    finish(store, run, "t/0", "t/0/0/0")
    assert store.unended(run) == [(0, "t/0"), (1, "t/1"), (2, "t/2")], (
        "a task with an unscored verdict is to be retried"
    )
    store.save([entries.judged(run, hypothesis_at(), verdict(Outcome.FAILED, 0.0))])
    assert outcome() is Outcome.FAILED
    assert store.unended(run) == [(1, "t/1"), (2, "t/2")]
    assert store.unended(run, after=1) == [(2, "t/2")]
    assert store.unended(run, limit=1) == [(1, "t/1")]
    store.save([entries.judged(run, hypothesis_at(), verdict())])
    store.save([entries.judged(run, hypothesis_at(), unscored)])
    assert outcome() is Outcome.FAILED


def test_calls_that_were_cut_off_are_known(store: Store, run: str) -> None:
    reply = Reply(text="x", tokens=Tokens(prompt=7, completion=5))
    store.save([entries.call_started(run, "t/0/0/0", 1), entries.call_started(run, "t/0/0/1", 1)])
    assert store.cut_off(run) == {"t/0/0/0": 1, "t/0/0/1": 1}
    store.save([entries.call_finished(run, "t/0/0/0", 1, reply, started=1.0)])
    assert store.cut_off(run) == {"t/0/0/1": 1}
    store.save([entries.call_started(run, "t/0/0/1", 2)])
    store.save([entries.call_finished(run, "t/0/0/1", 2, reply, started=2.0)])
    assert store.spent(run) == (3, Tokens(prompt=14, completion=10))
    assert store.summary(run).repeated == 1


def test_a_summary_counts(store: Store, run: str) -> None:
    steps = [(hypothesis_at("t/0"), verdict()), (hypothesis_at("t/1"), verdict(Outcome.FAILED, 0.5))]
    steps.append((hypothesis_at("t/2"), verdict(Outcome.UNSCORED, None)))
    for hypothesis, each in steps:
        store.save([*entries.replied(run, hypothesis, PROMPT), entries.judged(run, hypothesis, each)])
    finish(store, run, "t/0", "t/0/0/0")
    summary = store.summary(run)
    assert (summary.tasks, summary.ended, summary.solved) == (3, 1, 1)
    assert (summary.hypotheses, summary.verified, summary.unscored) == (3, 1, 1)
    assert summary.verified_share == 0.5
    assert summary.outcomes == {Outcome.FAILED: 1, Outcome.PASSED: 1, Outcome.UNSCORED: 1}
    assert summary.stops == {StopReason.TARGET: 1}


def test_events_come_back_in_order(store: Store, run: str) -> None:
    events: list[Event] = [
        Judged(task_id="t", hypothesis="t/0/0", outcome=Outcome.PASSED, score=1.0, verified=True, seconds=0.1),
        RunEnded(run=run, status="finished"),
    ]
    store.save([entries.happened(run, event) for event in events])
    assert [event for _, event in store.events(run)] == events


def test_sessions_gaps_and_trouble_are_told(store: Store, run: str) -> None:
    begun = RunStarted(run=run, tasks=3)
    judged = Judged(task_id="t/0", hypothesis="t/0/0/0", outcome=Outcome.FAILED, score=0, verified=False, seconds=1)
    silent = Unanswered(task_id="t/0", hypothesis="t/0/0/1", detail="no route to host")
    story: list[tuple[float, Event]] = [
        (10, begun),
        (11, judged),
        (41, silent),  # and then it was killed
        (100, begun),
        (103, silent),
        (104, RunEnded(run=run, status="failed", detail="no room left")),
        (200, LeftOut(model="m", detail="gone")),  # told after its end, if ever
    ]
    for at, event in story:
        entry = entries.happened(run, event)
        entry.row["at"] = at
        store.save([entry])
    for number, trouble in enumerate(("no worker", "no worker", "tests[0]: no number")):
        lost = Verdict.model_validate({**verdict(Outcome.UNSCORED, None).model_dump(), "sandbox": trouble})
        store.save([entries.judged(run, hypothesis_at(sample=number), lost)])
    machine = store.glances.machine
    sessions, quiets = machine.sessions(run)
    assert sessions == [(10, 41, "open", "", 3), (100, 200, "failed", "no room left", 4)]
    assert quiets[:3] == [(104, 96), (11, 30), (100, 3)]
    assert [each[:2] + each[3:] for each in machine.troubles(run)] == [
        ("unscored", "t/0/0/0", 2),
        ("unanswered", "t/0/0/1", 2),
        ("unscored", "t/0/0/2", 1),
        ("given up", "m", 1),
    ]
    assert machine.troubles(run)[0].detail == "no worker"
    assert machine.doubts(run) == (0, [])
    flaky = hypothesis_at("t/1")
    store.save([entries.judged(run, flaky, verdict(Outcome.FLAKY, 0.0))])
    changed = Settled(task_id="t/1", hypothesis=flaky.id, before=Outcome.PASSED, outcome=Outcome.FLAKY)
    store.save([entries.happened(run, changed)])
    count, (doubt,) = machine.doubts(run)
    assert (count, doubt.id, doubt.before, doubt.verdict.outcome) == (1, flaky.id, Outcome.PASSED, Outcome.FLAKY)


def test_names_are_taken_once_and_must_be_usable(store: Store, run: str) -> None:
    with pytest.raises(RunExistsError, match="--resume"):
        store.create_run(run, RunConfig(), TASKS)
    for bad in ("", "a/b", "../up", "-x", "a" * 101, "a b"):
        with pytest.raises(UserError, match="run name"):
            store.create_run(bad, RunConfig(), TASKS)
    with pytest.raises(UnknownRunError, match=run):
        store.get_run("nobody")


def test_two_tasks_of_one_id_leave_no_run_behind(store: Store) -> None:
    name = f"run-{uuid.uuid4().hex[:12]}"
    with pytest.raises(UserError, match="t/0"):
        store.create_run(name, RunConfig(), [*TASKS, TASKS[0]])
    with pytest.raises(UnknownRunError):
        store.get_run(name)


def test_one_process_at_a_time_works_on_a_run(store: Store, run: str) -> None:
    location = str(store.url.render_as_string(hide_password=False))
    with store.claim(run):
        script = (
            "from gristmill.graph.storage.store import Store\n"
            f"with Store.open({location!r}).claim({run!r}): print('mine')"
        )
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "RunBusyError" in other.stderr
        with pytest.raises(RunBusyError), store.claim(run):
            pass
    with store.claim(run):
        pass


TEXTS = st.text(st.characters(blacklist_categories=()), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(text=TEXTS, score=st.floats(allow_nan=False))
def test_any_text_that_a_model_may_send_survives(store: Store, text: str, score: float) -> None:
    run = f"run-{uuid.uuid4().hex[:12]}"
    store.create_run(run, RunConfig(), TASKS)
    hypothesis = hypothesis_at(text=text)
    failed = verdict(Outcome.FAILED, score)
    store.save([*entries.replied(run, hypothesis, PROMPT), entries.judged(run, hypothesis, failed)])
    assert store.steps(run, "t/0") == [(hypothesis, failed)]


async def test_the_journal_commits_what_waits_together_and_keeps_what_a_cancelled_caller_left(
    store: Store, run: str
) -> None:
    async with Journal(store, run, lambda: 12.5) as journal:
        writes = [
            asyncio.create_task(journal.write(*entries.replied(run, hypothesis_at(sample=sample), PROMPT)))
            for sample in range(50)
        ]
        await asyncio.sleep(0)
        for write in writes[25:]:
            write.cancel()
        await asyncio.gather(*writes, return_exceptions=True)
    assert len(store.steps(run, "t/0")) == 50
    assert store.get_run(run).seconds == 12.5


@given(
    texts=st.lists(st.text('aAb%_\\"/\n', max_size=12), min_size=1, max_size=6),
    wanted=st.text('aAb%_\\"/', min_size=1, max_size=3),
    most=st.integers(1, 3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_a_text_is_found_where_it_stands_and_nowhere_else(
    store: Store, texts: list[str], wanted: str, most: int
) -> None:
    name = f"r{uuid.uuid4().hex}"
    store.create_run(name, RunConfig(), TASKS)
    for sample, text in enumerate(texts):
        step = hypothesis_at(sample=sample, text=text).model_copy(update={"reasoning": text[::-1]})
        store.save(list(entries.replied(name, step, PROMPT)))
    hits: list[Hit] = []
    after: Mark | None = None
    while True:
        # No time at all: a part is looked at all the same, and the next call goes on behind it.
        found = store.glances.find(wanted, run=name, places=("reply", "reasoning"), after=after, most=most, seconds=0)
        assert len({hit.id for hit in found.hits}) <= most
        hits += found.hits
        if (after := found.rest) is None:
            break
    for place, those in (("reply", texts), ("reasoning", [text[::-1] for text in texts])):
        right = {f"t/0/0/{n}": text.lower().count(wanted.lower()) for n, text in enumerate(those)}
        assert {hit.id: hit.times for hit in hits if hit.place == place} == {k: v for k, v in right.items() if v}
    assert all(hit.match.lower() == wanted.lower() for hit in hits)
    (asked,) = store.glances.find(PROMPT[-1].content.upper(), run=name, most=1).hits
    assert (asked.place, asked.id, asked.match) == ("prompt", "t/0/0/0", PROMPT[-1].content)
    assert not store.glances.find(wanted, run="nobody").hits


def test_seeds_differ_by_place_and_stay(tmp_path: Path) -> None:
    seeds = {
        sample_seed(run, f"t/{task}", round, sample)
        for run in range(3)
        for task in range(10)
        for round in range(3)
        for sample in range(4)
    }
    assert len(seeds) == 360
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert sample_seed(0, "t", 1, 2) == sample_seed(0, "t", 1, 2)
    # Where the parts are joined must not matter: task "a/1" in round 0 is not task "a" in round 1.
    assert sample_seed(0, "a/1", 0, 0) != sample_seed(0, "a", 1, 0)


def test_locations(tmp_path: Path) -> None:
    assert database_at(tmp_path).url.database == str(tmp_path / ".gristmill" / "gristmill.db")
    assert database_at(tmp_path / "mine.db").url.database == str(tmp_path / "mine.db")
    assert database_at(tmp_path / "new").url.database == str(tmp_path / "new" / ".gristmill" / "gristmill.db")
    assert database_at("postgresql://me@host/mill").url.drivername == "postgresql+psycopg"
    for bad in ("mysql://host/mill", "sqlite://", "://"):
        with pytest.raises(UserError):
            database_at(bad)


@pytest.mark.parametrize(
    ("change", "writer"),
    [
        ("UPDATE store_version SET version = 99, gristmill = '9.9'", "gristmill==9.9"),
        (
            "DROP TABLE store_version; CREATE TABLE store_version (version INTEGER);"
            "INSERT INTO store_version VALUES (1); DROP TABLE documents",
            "the gristmill that wrote it",
        ),
    ],
    ids=["later", "before writers were named"],
)
def test_a_store_of_another_format_is_left_alone_and_one_is_told_how_to_export_from_it(
    tmp_path: Path, change: str, writer: str
) -> None:
    import sqlite3

    Store.open(tmp_path).close()
    file = tmp_path / ".gristmill" / "gristmill.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(change)
        before = list(connection.iterdump())
    with pytest.raises(UserError, match=r"format (99|1)") as refused:
        Store.open(tmp_path)
    assert f"install {writer} beside this one and call its `gristmill export" in str(refused.value)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert list(connection.iterdump()) == before


class Note(Record):
    text: str
    score: float = 0.0


def test_documents_are_kept_by_kind_owner_and_key(store: Store) -> None:
    owner, documents = uuid.uuid4().hex, store.documents
    assert documents.get("note", owner, "a", Note) is None
    assert documents.add("note", owner, "b", Note(text="first"))
    assert not documents.add("note", owner, "b", Note(text="second"))
    documents.put("note", owner, "a", Note(text="later", score=float("-inf")))
    documents.put("other", owner, "a", Note(text="elsewhere"))
    documents.put("note", owner + "x", "a", Note(text="another's"))
    kept = {"b": Note(text="first"), "a": Note(text="later", score=float("-inf"))}
    assert documents.list("note", owner, Note) == kept
    assert {owner, owner + "x"} <= set(documents.owners("note"))
    documents.put("note", owner, "b", Note(text="second"))
    assert documents.get("note", owner, "b", Note) == Note(text="second")
    documents.remove("note", owner, "a", "never there")
    assert documents.list("note", owner, Note) == {"b": Note(text="second")}
    assert documents.get("other", owner, "a", Note) == Note(text="elsewhere")


def test_a_document_of_another_shape_is_named(store: Store) -> None:
    owner = uuid.uuid4().hex
    store.documents.put("note", owner, "a", Note(text="x"))
    with pytest.raises(UserError, match=f"'a' of the note '{owner}'"):
        store.documents.get("note", owner, "a", Limits)


def test_files_are_kept_beside_the_database_or_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for location in (None, ".", tmp_path, ".gristmill/gristmill.db", tmp_path / "mine.db", "postgresql://me@host/mill"):
        assert home_of(location) == tmp_path / ".gristmill"
    assert home_of("runs") == tmp_path / "runs" / ".gristmill"


def test_a_file_that_is_no_store_is_infrastructure_trouble(tmp_path: Path) -> None:
    (tmp_path / "noise.db").write_bytes(os.urandom(5000))
    with pytest.raises(StoreError, match=r"noise\.db"):
        Store.open(tmp_path / "noise.db")
    with pytest.raises(StoreError):
        Store.open("postgresql://nobody@127.0.0.1:1/none")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made_ = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if made_.returncode:
        pytest.skip(f"needs the right to mount: {made_.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_keeps_what_was_stored(mounted: Path) -> None:
    folder = mounted
    with Store.open(folder) as store:
        store.create_run("full", RunConfig(), TASKS)
        kept = 0

        def fill() -> None:
            nonlocal kept
            for sample in range(1000):
                store.save(entries.replied("full", hypothesis_at(sample=sample, text="x" * 4000), PROMPT))
                kept += 1

        with pytest.raises(StoreError, match="free some space"):
            fill()
        assert kept
        assert len(store.steps("full", "t/0")) == kept


def test_a_read_only_workspace_says_so(mounted: Path) -> None:
    folder = mounted
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(StoreError, match="--workspace"):
        Store.open(folder)
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    Store.open(folder).close()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(StoreError, match="--workspace"):
        Store.open(folder).create_run("x", RunConfig(), TASKS)


@pytest.mark.parametrize("folder", range(20))
def test_a_new_store_is_made_once_however_many_open_it(tmp_path: Path, folder: int) -> None:
    start = threading.Barrier(12)
    failures: list[Exception] = []

    def opened() -> None:
        start.wait()
        try:
            with Store.open(tmp_path) as store:
                store.runs()
        except Exception as error:  # seen by the test
            failures.append(error)

    threads = [threading.Thread(target=opened) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_document_is_changed_by_whoever_saw_it_last(store: Store) -> None:
    kept, owner = store.documents, uuid.uuid4().hex
    kept.add("tally", owner, "a", Limits(processes=1))
    met = 0

    def one_more(found: Limits) -> Limits:
        nonlocal met
        met += 1
        if met == 1:  # somebody else is faster
            kept.put("tally", owner, "a", found.model_copy(update={"processes": 40}))
        return found.model_copy(update={"processes": found.processes + 1})

    changed = kept.change("tally", owner, "a", Limits, one_more)
    assert changed is not None
    assert (met, changed.processes) == (2, 41)
    assert kept.some("tally", owner, ["a", "b"], Limits) == {"a": changed}
    assert kept.change("tally", owner, "a", Limits, lambda _: None) is None
    assert kept.change("tally", owner, "b", Limits, one_more) is None
    assert owner in kept.owners("tally", key="a")
    assert owner not in kept.owners("tally", key="b")
