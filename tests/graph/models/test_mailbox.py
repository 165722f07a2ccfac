"""The mailbox: requests wait in a real store, on both databases, for answers from anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.errors import StoreError, UnknownRunError
from gristmill.graph.models.base import Waiting
from gristmill.graph.models.errors import AnswerRefusedError, ModelError, ModelSetupError
from gristmill.graph.models.mailbox.box import Mailbox
from gristmill.graph.models.mailbox.proposer import MailboxProposer
from gristmill.graph.models.mailbox.records import SLIPS, Letter, Slip, letter_id
from gristmill.graph.models.options import ModelOptions
from gristmill.graph.models.replay.proposer import ReplayProposer
from gristmill.graph.models.replay.recording import Recorded, Recording
from gristmill.graph.models.resolve import resolve
from gristmill.graph.records import Message, Request, Sampling
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary
from gristmill.sandbox.errors import UserError
from gristmill.verifiers.records import CasesTest, Outcome, Strength, Task, Verdict
from gristmill.verifiers.scripted import ScriptedJudge

TEST = CasesTest.model_validate({"entry_point": "f", "cases": [{"args": [0], "expected": 0}]})
TASKS = [Task(id=f"t/{number}", kind="code", prompt=f"Task {number}.", tests=(TEST,)) for number in range(2)]
CONFIG = RunConfig.of(model="mailbox", hypotheses=2, rounds=2, patience=2, call_timeout=600)
RIGHT = "```python\ndef f(x):\n    return x\n```"
WRONG = "```python\ndef f(x):\n    return x + 1\n```"


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that each process opens for itself."""
    return str(tmp_path) if request.param == "sqlite" else str(request.getfixturevalue("postgresql"))


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    with Store.open(where) as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> str:
    return begin(store)


def begin(store: Store, name: str = "") -> str:
    """A new run; the database may hold those of earlier tests."""
    name = name or f"run-{uuid.uuid4().hex[:12]}"
    store.create_run(name, CONFIG, TASKS)
    return name


def request(number: int = 0, words: str = "write f") -> Request:
    said = (Message(role="user", content=words),)
    return Request(task_id="t/0", round=0, sample=number, messages=said, sampling=Sampling())


def take(box: Mailbox, run: str, seconds: float = 3600, again: bool = False) -> Letter | None:
    return box.take(box.runs(run), seconds=seconds, again=again)


def judge() -> ScriptedJudge:
    def find(task: Task, solution: str) -> Verdict:
        outcome = Outcome.FAILED if "+" in solution else Outcome.PASSED
        return Verdict(outcome=outcome, score=float("+" not in solution), strength=Strength.TESTED, verifier="v/1")

    return ScriptedJudge(find)


def test_what_is_asked_is_read_once_and_answered_once(store: Store, run: str) -> None:
    box = Mailbox(store)
    ids = [box.ask(run, request(number)) for number in range(3)]
    assert len(set(ids)) == 3
    assert [box.ask(run, request(number)) for number in range(3)] == ids
    letters = [take(box, run) for _ in range(3)]
    assert [letter and letter.id for letter in letters] == ids
    assert letters[1] is not None
    assert letters[1].request == request(1)
    assert take(box, run) is None
    assert box.waiting(run) == (3, 3)
    box.answer(ids[2], RIGHT, "somebody")
    assert {id_: answer.text for id_, answer in box.answers(run, ids).items()} == {ids[2]: RIGHT}
    assert box.waiting(run) == (2, 2)
    again = take(box, run, again=True)
    assert again is not None
    assert again.id == ids[0]
    assert box.read(ids[1], seconds=60).slip.read == 2


def test_a_lease_ends_and_the_next_one_is_given_the_request(store: Store, run: str) -> None:
    box = Mailbox(store)
    id_ = box.ask(run, request())
    assert [letter and letter.id for letter in (take(box, run, 0), take(box, run, 3600), take(box, run))] == [
        id_,
        id_,
        None,
    ]
    # Whoever was late may answer all the same: it is the first answer that counts.
    box.answer(id_, WRONG, "late")
    with pytest.raises(AnswerRefusedError, match="answered already"):
        box.answer(id_, RIGHT, "later")
    assert box.answers(run, [id_])[id_].by == "late"


def test_many_who_read_at_once_never_get_the_same(where: str, store: Store, run: str) -> None:
    ids = {Mailbox(store).ask(run, request(number)) for number in range(12)}
    got: list[str] = []
    start = threading.Barrier(4)

    def read() -> None:
        with Store.open(where) as own:
            box = Mailbox(own)
            start.wait()
            while letter := take(box, run):
                got.append(letter.id)

    at_once(*[read] * 4)
    assert sorted(got) == sorted(ids)


def test_many_who_answer_at_once_leave_one_answer(where: str, store: Store, run: str) -> None:
    id_ = Mailbox(store).ask(run, request())
    kept: list[str] = []
    start = threading.Barrier(4)

    def answer(name: str) -> None:
        with Store.open(where) as own:
            start.wait()
            try:
                Mailbox(own).answer(id_, RIGHT, name)
            except AnswerRefusedError:
                return
            kept.append(name)

    at_once(*[functools.partial(answer, name) for name in "abcd"])
    assert kept == [Mailbox(store).answers(run, [id_])[id_].by]


def at_once(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_answer_to_what_nobody_asks_is_refused(store: Store, run: str, tmp_path: Path) -> None:
    box = Mailbox(store)
    id_ = box.ask(run, request())
    for wrong in ("nothing", "", "%", f"{id_} "):
        with pytest.raises(AnswerRefusedError, match="no request has the id"):
            box.answer(wrong, RIGHT, "")
    with Store.open(tmp_path / "other") as other, pytest.raises(AnswerRefusedError, match="--workspace"):
        Mailbox(other).answer(id_, RIGHT, "")
    box.give_up(run, [id_])
    assert take(box, run) is None
    with pytest.raises(AnswerRefusedError, match="expired"):
        box.answer(id_, RIGHT, "")
    with pytest.raises(AnswerRefusedError, match="expired"):
        box.read(id_, seconds=1)
    assert box.ask(run, request()) == id_
    store.set_status(run, "finished", seconds=1)
    assert box.runs(run) == []
    with pytest.raises(AnswerRefusedError, match="has finished"):
        box.answer(id_, RIGHT, "")
    store.set_status(run, "interrupted", seconds=1)
    assert box.answer(id_, RIGHT, "").request == request()


def test_another_prompt_for_a_place_is_another_request(store: Store, run: str) -> None:
    other = begin(store)
    assert len({letter_id(run, request()), letter_id(run, request(words="write g")), letter_id(other, request())}) == 3


def test_runs_that_ask_somebody_else_are_told_from_those_that_do_not(store: Store, run: str) -> None:
    box = Mailbox(store)
    assert [each.name for each in box.runs(run)] == [run]
    store.create_run(f"{run}-other", RunConfig.of(model="replay:x"), TASKS)
    with pytest.raises(UserError, match="replay:x"):
        box.runs(f"{run}-other")
    with pytest.raises(UnknownRunError):
        box.runs("none")
    assert run in {each.name for each in box.runs(None)}
    assert f"{run}-other" not in {each.name for each in box.runs(None)}


def test_an_answer_whose_slip_did_not_follow_is_not_asked_again(store: Store, run: str) -> None:
    box = Mailbox(store)
    id_ = box.ask(run, request())
    box.answer(id_, RIGHT, "")
    # As a kill between the two would leave it.
    store.documents.change(SLIPS, run, id_, Slip, lambda slip: slip.model_copy(update={"answered": False}))
    assert take(box, run) is None
    assert box.waiting(run) == (0, 0)


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(30_000):
        if reached():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


async def answer_all(where: str, run: str, text: Callable[[Letter], str], count: int) -> list[Letter]:
    """Read and answer so many requests, as another process would."""
    letters: list[Letter] = []

    def work() -> None:
        with Store.open(where) as own:
            box = Mailbox(own)
            while len(letters) < count:
                letter = take(box, run) if any(each.name == run for each in own.runs()) else None
                if letter is not None:
                    box.answer(letter.id, text(letter), "a person")
                    letters.append(letter)

    await asyncio.to_thread(work)
    return letters


async def campaign(where: str, store: Store, run: str, *, resume: bool = False, **knobs: float) -> CampaignSummary:
    config = CONFIG.changed(**knobs)
    options = ModelOptions.of(config.calls, workspace=where, run=run)
    async with resolve("mailbox", options=options) as proposer:
        return await run_campaign(
            TASKS, config, name=run, store=store, proposer=proposer, verifiers=judge(), resume=resume
        )


async def test_a_run_waits_for_answers_and_its_recording_gives_the_same_again(where: str, store: Store) -> None:
    name = f"run-{uuid.uuid4().hex[:12]}"

    def text(letter: Letter) -> str:
        if letter.request.task_id == "t/0" and letter.request.round == 0:
            return f"<think>One more, I think.</think>\n{WRONG}"
        return RIGHT

    summary, letters = await asyncio.gather(campaign(where, store, name), answer_all(where, name, text, 6))
    assert (summary.status, summary.solved, summary.hypotheses, summary.unanswered) == ("finished", 2, 6, 0)
    assert len({letter.id for letter in letters}) == 6
    assert summary.tokens.prompt > 0 < summary.tokens.completion
    steps = [step for task in TASKS for step in store.steps(name, task.id)]
    assert {hypothesis.model for hypothesis, _ in steps} == {"a person"}
    thought = [hypothesis.reasoning for hypothesis, _ in steps if hypothesis.round == 0]
    assert thought == ["One more, I think."] * 2 + [""] * 2
    recording = Recording([Recorded.of(hypothesis) for hypothesis, _ in steps])
    async with ReplayProposer(recording) as proposer:
        again = f"{name}-again"
        await run_campaign(TASKS, CONFIG, name=again, store=store, proposer=proposer, verifiers=judge())
    for task in TASKS:
        before, after = (
            [
                (hypothesis.model_copy(update={"proposer": ""}), verdict)
                for hypothesis, verdict in store.steps(each, task.id)
            ]
            for each in (name, again)
        )
        assert before == after


async def test_what_was_answered_while_no_run_was_alive_is_taken_and_not_asked_again(where: str, store: Store) -> None:
    name = f"run-{uuid.uuid4().hex[:12]}"
    first = asyncio.create_task(campaign(where, store, name))
    [letter] = await answer_all(where, name, lambda _: WRONG, 1)
    await until(lambda: bool(store.steps(name, letter.request.task_id)))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert store.get_run(name).status == "interrupted"
    others = await answer_all(where, name, lambda _: RIGHT, 3)
    assert letter.id not in {each.id for each in others}
    summary = await campaign(where, store, name, resume=True)
    assert (summary.status, summary.solved, summary.hypotheses) == ("finished", 2, 4)
    assert Mailbox(store).waiting(name) == (0, 0)


async def test_nobody_answers_and_the_run_ends_as_with_a_silent_model(where: str, store: Store) -> None:
    name = f"run-{uuid.uuid4().hex[:12]}"
    with pytest.raises(ModelError, match=rf"--call-timeout.*gristmill next {name}"):
        await campaign(where, store, name, rounds=1, call_timeout=0.01)
    assert store.get_run(name).status == "failed"
    assert store.summary(name).unanswered == 4
    slips = store.documents.list(SLIPS, name, Slip)
    assert all(slip.expired for slip in slips.values())
    summary, letters = await asyncio.gather(
        campaign(where, store, name, resume=True, rounds=1, call_timeout=600),
        answer_all(where, name, lambda _: RIGHT, 4),
    )
    assert {letter.id for letter in letters} == set(slips)
    assert (summary.solved, summary.unanswered, summary.hypotheses) == (2, 0, 4)


async def test_a_request_that_somebody_has_is_not_given_up(where: str, store: Store, run: str) -> None:
    box = Mailbox(store)
    held = box.ask(run, request(0))
    assert take(box, run) is not None
    async with MailboxProposer(where, run, options=ModelOptions(timeout_seconds=0.01)) as proposer:
        assert isinstance(proposer, Waiting)
        waits = asyncio.create_task(proposer.propose(request(0)))
        with pytest.raises(ModelError):
            await proposer.propose(request(1))
        assert "1 waits for an answer: gristmill next" in proposer.waiting()
        box.answer(held, RIGHT, "")
        assert (await waits).text == RIGHT
        assert proposer.waiting() == ""


async def test_what_an_earlier_session_asked_otherwise_is_withdrawn(where: str, store: Store, run: str) -> None:
    box = Mailbox(store)
    before = box.ask(run, request(words="as it was"))
    async with MailboxProposer(where, run) as proposer:
        waits = asyncio.create_task(proposer.propose(request(words="as it is")))
        await until(lambda: bool(proposer.waiting()))
        with pytest.raises(AnswerRefusedError, match="asks something else"):
            box.answer(before, RIGHT, "")
        await answer_all(where, run, lambda letter: letter.request.messages[0].content, 1)
        assert (await waits).text == "as it is"


async def test_a_lost_store_ends_the_call(tmp_path: Path) -> None:
    with Store.open(tmp_path) as opened:
        name = begin(opened)
    async with MailboxProposer(tmp_path, name) as proposer:
        waits = asyncio.create_task(proposer.propose(request()))
        await until(lambda: bool(proposer.waiting()))
        with contextlib.closing(
            sqlite3.connect(tmp_path / ".gristmill" / "gristmill.db", isolation_level=None)
        ) as database:
            database.execute("DROP TABLE documents")
        with pytest.raises(StoreError, match="no such table"):
            await waits


def test_the_mailbox_needs_a_run_and_takes_no_adapter() -> None:
    with pytest.raises(ModelSetupError, match="gristmill run"):
        resolve("mailbox")
    with pytest.raises(ModelSetupError, match="--adapter"):
        resolve("mailbox", adapter="a", options=ModelOptions(run="night"))


def test_a_password_is_not_shown() -> None:
    assert "secret" not in MailboxProposer("postgresql://me:secret@host/mill", "night").command


class Post(RuleBasedStateMachine):
    """Whatever order things come in: an answer stays, and what is answered or given up is given to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, str] = {}
        self.asked: set[str] = set()
        self.given_up: set[str] = set()
        self.held: set[str] = set()

    @initialize()
    def opened(self) -> None:
        from tempfile import mkdtemp

        self.store = Store.open(mkdtemp(prefix="gristmill-mailbox-"))
        self.run_name = begin(self.store)
        self.box = Mailbox(self.store)

    @rule(number=st.integers(0, 2))
    def ask(self, number: int) -> None:
        id_ = self.box.ask(self.run_name, request(number))
        if id_ in self.given_up:
            self.held.discard(id_)
        self.asked.add(id_)
        self.given_up.discard(id_)

    @rule(again=st.booleans(), seconds=st.sampled_from([0.0, 3600.0]))
    def take(self, again: bool, seconds: float) -> None:
        free = self.asked - self.given_up - set(self.answers)
        letter = take(self.box, self.run_name, seconds, again)
        if letter is None:
            assert not (free if again else free - self.held)
            return
        assert letter.id in free
        assert again or letter.id not in self.held
        (self.held.add if seconds else self.held.discard)(letter.id)

    @rule(number=st.integers(0, 2), text=st.text(min_size=1, max_size=5))
    def answer(self, number: int, text: str) -> None:
        id_ = letter_id(self.run_name, request(number))
        try:
            self.box.answer(id_, text, "")
        except AnswerRefusedError:
            assert id_ in set(self.answers) | self.given_up or id_ not in self.asked
            return
        assert id_ in self.asked - self.given_up - set(self.answers)
        self.answers[id_] = text

    @rule(number=st.integers(0, 2))
    def give_up(self, number: int) -> None:
        id_ = letter_id(self.run_name, request(number))
        self.box.give_up(self.run_name, [id_])
        if id_ in self.asked - set(self.answers):
            self.given_up.add(id_)

    @invariant()
    def answers_stay(self) -> None:
        if hasattr(self, "box"):
            found = self.box.answers(self.run_name, list(self.asked))
            assert {id_: answer.text for id_, answer in found.items()} == self.answers

    def teardown(self) -> None:
        import shutil

        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(Path(self.store.location).parents[1])


TestPost = Post.TestCase
TestPost.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
