"""A search that kills itself (SIGKILL) in the midst of its close; run by test_closing.py.

    python closing_kill.py WORKSPACE LOG RESUME COUNT NOISY

It dies in the COUNT-th look, after that has found what it finds and before anything of it is stored. Every look is a
line of LOG.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys

from gristmill.graph.campaign import run_campaign
from gristmill.graph.config import RunConfig
from gristmill.graph.models.scripted import ScriptedProposer
from gristmill.graph.storage.store import Store
from gristmill.verifiers.records import Evidence, Outcome, Seeds, Strength, Task, Verdict
from gristmill.verifiers.scripted import RescoringJudge

ROUNDS = 10


def task(noisy: bool) -> Task:
    test = {"type": "score", "entry_point": "f", "instances": [1], "held_out": [2], "direction": "maximize"}
    test["code"] = f"def evaluate(candidate, instance{', seed' if noisy else ''}):\n    return candidate(instance)"
    row = {"id": "t", "kind": "code", "prompt": "f", "tests": [test | ({"repeats": 2} if noisy else {})]}
    return Task.model_validate(row)


def found(score: float) -> Verdict:
    return Verdict(outcome=Outcome.PASSED, score=score, strength=Strength.TESTED, verifier="scripted/1")


def worth(solution: str, replicate: int, noisy: bool) -> float:
    """The number that is returned; noise is the same whenever it is asked for."""
    noise = random.Random(f"{solution} {replicate}").gauss(0, 3) if noisy else 0.0
    # Of the steady ones, the second best comes out otherwise when it is scored again.
    return int(solution.split()[-1]) + noise - (not noisy and replicate == 0 and solution == "return 8")


class Killed(RescoringJudge):
    """Writes each look down, and dies in one."""

    def __init__(self, log: str, count: int, noisy: bool) -> None:
        super().__init__(
            lambda task, solution: found(worth(solution, -1, noisy)),
            lambda task, solution, number: found(worth(solution, number, noisy)),
        )
        self._log, self._count, self._seen = log, count, 0

    async def rescore(self, task: Task, solution: str, seeds: Seeds) -> Verdict:
        verdict = await super().rescore(task, solution, seeds)
        self._look(f"{solution} #{seeds.first}")
        return verdict

    async def reproduces(self, task: Task, solution: str, verdict: Verdict, seeds: Seeds) -> bool | None:
        self._look(f"{solution} together")
        # The first of the race is refuted, so that the next steps up.
        return solution != "return 9"

    async def held_out(self, task: Task, solution: str, *, seeds: Seeds) -> Evidence | None:
        self._look(f"{solution} held out")
        return Evidence(verifier="scripted/1", score=7.0)

    def _look(self, what: str) -> None:
        with open(self._log, "a") as log:
            log.write(f"{what}\n")
        self._seen += 1
        if self._seen == self._count:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(workspace: str, log: str, resume: bool, count: int, noisy: bool) -> None:
    config = RunConfig.of(hypotheses=1, rounds=ROUNDS, patience=ROUNDS, novelty=False)
    model = ScriptedProposer(lambda request: f"```python\nreturn {request.round}\n```")
    with Store.open(workspace) as store:
        judge = Killed(log, count, noisy)
        await run_campaign([task(noisy)], config, name="r", store=store, proposer=model, verifiers=judge, resume=resume)
        print(store.standings("r")[0].model_dump_json())


def command() -> None:
    """The whole program."""
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] == "resume", int(sys.argv[4]), sys.argv[5] == "noisy"))


if __name__ == "__main__":
    command()
