"""A trainer of one's own: what it says is a verdict of strength `external`; what it leaves unsaid is told apart."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.pool import Pool
from gristmill.verifiers.records import Outcome, Seeds, Strength, Task, Verdict
from gristmill.verifiers.registry import Verifiers, problems
from gristmill.verifiers.trained.external.program import OwnTrainer, SilenceError, TrainerReport

# It does what the candidate says, as a trainer that trusts its candidates would.
TRAINER = """
import json, os, sys
candidate, seed, out = sys.argv[1:]
def say(**said):
    open(out, "w").write(json.dumps(said))
def raw(text):
    open(out, "w").write(text)
exec(open(candidate).read())
"""
GOOD = "say(score=0.5 + int(seed) % 2 / 4, metrics={'deaths': 2, 'score': 1}, feedback='walks')"
TASK = Task(id="walk", kind="command", prompt="?", target=0.9, settings={"seeds": 2, "final_seeds": 3})


@pytest.fixture
def line(tmp_path: Path) -> str:
    (tmp_path / "train.py").write_text(TRAINER, encoding="utf-8")
    return f"{sys.executable} {tmp_path / 'train.py'}"


@pytest.fixture
async def pool(bubblewrap: str) -> AsyncIterator[Pool]:
    async with Pool.open("bubblewrap", size=1) as opened:
        yield opened


NOTHING = {
    "raise SystemExit(3)": "ended with status 3",
    "say(score=1.0); print('out of memory'); raise SystemExit(1)": "its last words: out of memory",
    "os.kill(os.getpid(), 9)": "ended with status -9",
    "pass": "wrote no file",
    "os.symlink('/etc/hostname', out)": "wrote no file",
    "os.mkfifo(out)": "wrote no file",
    "os.mkdir(out)": "wrote no file",
    "raw('')": "is no JSON",
    "raw('{')": "is no JSON",
    "raw('[' * 100000)": "is no JSON",
    "raw('0.9')": "no JSON object",
    "raw('{\"score\": NaN}')": "NaN is no number",
    "raw('{\"score\": Infinity}')": "Infinity is no number",
    "raw('{\"score\": 1e999}')": "must be a number from 0 to 1, not inf",
    "raw('{\"score\": ' + '9' * 5000 + '}')": "is no JSON",
    "say(score=True)": "must be a number from 0 to 1, not True",
    "say(score='1')": "must be a number from 0 to 1",
    "say(score=None)": "must be a number from 0 to 1",
    "say(score=1.0000001)": "must be a number from 0 to 1",
    "say(score=-1)": "must be a number from 0 to 1",
    "say(metrics={})": "wrote no `score`",
    "say(score=1, error='')": "both `score` and `error`",
    "say(score=1, verified=True)": "'verified'",
    "say(score=1, metrics={'a': True})": "`metrics` must be",
    "say(score=1, metrics={str(n): n for n in range(100)})": "`metrics` must be",
    "say(score=1, feedback=['x'])": "`feedback` must be text",
    "say(score=1, feedback='x' * 2000000)": "more than 1,048,576 bytes",
}


async def test_what_says_nothing_of_a_candidate_is_no_score_of_it(line: str) -> None:
    trainer = OwnTrainer(line, 60, at_once=4)

    async def said(source: str) -> str:
        with pytest.raises(SilenceError) as caught:
            await trainer.train(source, 0)
        return str(caught.value)

    told = await asyncio.gather(*map(said, NOTHING))
    assert [words for words, wanted in zip(told, NOTHING.values(), strict=True) if wanted not in words] == []


async def test_what_it_prints_and_leaves_behind_costs_nobody_anything(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "open sesame")
    pid, asleep = tmp_path / "pid", "import time; time.sleep(3600)"
    kept = await OwnTrainer(line, 60).train(
        # Much on both streams, a child that holds the output open, and a key that is not there.
        "os.set_blocking(1, True)\nfor _ in range(256): os.write(1, b'x' * (1 << 20))\n"
        "import subprocess\n"
        f"child = subprocess.Popen([sys.executable, '-c', {asleep!r}])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "say(score=1.0, feedback=str(os.environ.get('SOME_API_KEY')) + os.environ['GRISTMILL_HOME'])",
        7,
    )
    assert kept == TrainerReport(1.0, {}, f"None{Path.cwd()}")
    child = int(pid.read_text(encoding="utf-8"))
    await _until(lambda: not _lives(child))  # it has been killed; init may take its time to hear of it
    # It closes its output and goes on: that is not its end.
    with pytest.raises(SilenceError, match="took longer than 1 s"):
        await OwnTrainer(line, 1).train("say(score=1.0); os.close(1); os.close(2)\nwhile True: pass", 0)


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # another process's doing
        await asyncio.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_one_that_hangs_takes_no_time_from_the_others(line: str, pool: Pool, tmp_path: Path) -> None:
    done = tmp_path / "done"
    judge = Verifiers(pool, trainer=OwnTrainer(line, 600, at_once=2))
    # The first goes on until the second has its verdict, and then for good.
    hung = asyncio.create_task(
        judge.verify(TASK, f"import time\nwhile not os.path.exists({str(done)!r}): time.sleep(.01)\n{GOOD}")
    )
    assert (await judge.verify(TASK, GOOD)).outcome is Outcome.FAILED
    assert not hung.done()
    done.write_text("", encoding="utf-8")
    assert (await hung).outcome is Outcome.FAILED


async def test_a_verdict_is_external_and_never_verified(line: str, pool: Pool) -> None:
    judge = Verifiers(pool, trainer=OwnTrainer(line), secret=b"a secret")

    async def judged(source: str, **fields: object) -> Verdict:
        return await judge.verify(TASK.model_copy(update=fields), source)

    found = await judged(GOOD)
    assert (found.outcome, found.strength, found.verified) == (Outcome.FAILED, Strength.EXTERNAL, False)
    assert found.score == sum(found.replicates) / 2
    assert found.metrics | {"own.deaths": 2, "own.score": 1, "seeds": 2, "score": found.score} == found.metrics
    assert "walks" in found.feedback
    passed = await judged("say(score=1)")
    assert (passed.outcome, passed.strength, passed.verified, passed.decided_by_tools) == (
        Outcome.PASSED,
        Strength.EXTERNAL,
        False,
        False,
    )
    # What it says of a candidate is the candidate's, with its words.
    wrong = await judged("say(error='no function rate')")
    assert (wrong.outcome, wrong.score, wrong.feedback) == (Outcome.ERROR, 0.0, "no function rate")
    assert (await judged(" ")).outcome is Outcome.INVALID
    # Seeds: the same by the same secret, others for finalists and in the end, and a bar stops by whole seeds.
    assert (await judged(GOOD)).replicates == found.replicates
    seeds = "say(score=0, feedback=seed)"
    by_draw = [(await judge.verify(TASK, seeds, seeds=Seeds(draw=draw, count=3))).feedback for draw in ("", "again")]
    final = await judge.held_out(TASK, "say(score=int(seed) / 2**31)")
    assert final is not None
    assert len(set(final.scores.values())) == 3
    assert by_draw[0] != by_draw[1]
    stopped = await judged("say(score=0.1)", bar=((0.9,), (0.9,)))
    assert (stopped.outcome, stopped.metrics["stopped"], stopped.metrics["seeds"]) == (Outcome.FAILED, 1, 1)


async def test_whose_fault_a_silence_is_tells_a_candidate_that_was_scored(
    line: str, pool: Pool, tmp_path: Path
) -> None:
    judge = Verifiers(pool, trainer=OwnTrainer(line, 60))
    # Nobody was scored yet, and what stands in says nothing either: the program may be broken.
    assert (await judge.verify(TASK, "raise SystemExit(1)")).outcome is Outcome.UNSCORED
    assert (await judge.verify(TASK, GOOD)).score is not None
    # Now it is known to work: nobody may choose to be unscored.
    guilty = await judge.verify(TASK, "raise SystemExit(1)")
    assert (guilty.outcome, guilty.score) == (Outcome.ERROR, 0.0)
    assert not guilty.verified
    # A machine that is in trouble meets the canary as well: a good one is not to blame.
    (tmp_path / "train.py").write_text("raise SystemExit(1)", encoding="utf-8")
    lost = await judge.verify(TASK, GOOD)
    assert (lost.outcome, lost.score) == (Outcome.UNSCORED, None)
    assert "ended with status 1" in lost.sandbox


async def test_no_task_names_a_program(pool: Pool) -> None:
    assert [each.partition(":")[0] for each in problems(TASK)] == ["kind"]
    named = TASK.model_copy(update={"settings": {"command": "touch /tmp/pwned"}})
    assert [each.partition(":")[0] for each in problems(named)] == ["kind", "settings"]
    with pytest.raises(UserError, match="gristmill search command"):
        await Verifiers(pool).verify(TASK, GOOD)
    with pytest.raises(UserError, match="name one"):
        OwnTrainer("  ")
    with pytest.raises(UserError, match="cannot be parted"):
        OwnTrainer("python 'train.py")
    with pytest.raises(UserError, match="no-such-program cannot be started"):
        await OwnTrainer("no-such-program").train(GOOD, 0)


async def test_a_search_that_is_cancelled_leaves_no_training_behind(line: str, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    source = f"import time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(3600)"
    work = asyncio.create_task(OwnTrainer(line).train(source, 0))
    await _until(lambda: pid.exists() and bool(pid.read_text(encoding="utf-8")))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await _until(lambda: not _lives(int(pid.read_text(encoding="utf-8"))))
