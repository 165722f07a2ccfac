"""The mailbox of a store: who asks, who reads and who answers meet here, each from a process of its own.

What decides is one row each, written once: a slip is given to whoever changes it first, and the first answer stays.
Nothing hangs on a process that lives on: an answer waits in the store until a run takes it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence

from gristmill.graph.models.errors import AnswerRefusedError
from gristmill.graph.models.mailbox.records import ANSWERS, REQUESTS, SLIPS, Answer, Letter, Slip, letter_id
from gristmill.graph.records import Request
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import Run
from gristmill.sandbox.errors import UserError

__all__ = ["FORM", "Mailbox"]

FORM = "mailbox"
"""The model string."""


class Mailbox:
    """Requests and answers of the runs of a store. All methods block, and may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._documents = store.documents

    def ask(self, run: str, request: Request) -> str:
        """Put a request in, or open it again; its id. What was answered stays answered."""
        id_ = letter_id(run, request)
        # The request first: whoever finds a slip finds what it is of.
        self._documents.add(REQUESTS, run, id_, request)
        slip = Slip(task_id=request.task_id, round=request.round, sample=request.sample, asked=time.time())
        if not self._documents.add(SLIPS, run, id_, slip):
            again = {"expired": False, "until": 0.0, "asked": slip.asked}
            self._documents.change(
                SLIPS, run, id_, Slip, lambda found: found.model_copy(update=again) if found.expired else None
            )
        return id_

    def give_up(self, run: str, ids: Collection[str]) -> None:
        """Nobody may answer these any more, until they are asked again."""
        for id_ in ids:
            self._documents.change(
                SLIPS, run, id_, Slip, lambda slip: slip.model_copy(update={"expired": True}) if slip.open else None
            )

    def answers(self, run: str, ids: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there to these requests."""
        return self._documents.some(ANSWERS, run, ids, Answer)

    def slips(self, run: str, ids: Sequence[str]) -> dict[str, Slip]:
        """Where these requests stand."""
        return self._documents.some(SLIPS, run, ids, Slip)

    def open_places(self, run: str) -> dict[tuple[str, int, int], set[str]]:
        """The ids of what waits, by the place that is asked for."""
        places: dict[tuple[str, int, int], set[str]] = defaultdict(set)
        for id_, slip in self._open(run).items():
            places[slip.place].add(id_)
        return places

    def waiting(self, run: str) -> tuple[int, int]:
        """How many requests of a run wait for an answer, and how many of these somebody has read."""
        slips = self._open(run).values()
        return len(slips), sum(slip.taken for slip in slips)

    def letters(self, run: str) -> list[Letter]:
        """What waits for an answer of a run, the longest first; whoever looks is given nothing, and hinders nobody."""
        found = sorted(self._open(run).items(), key=lambda each: (each[1].asked, each[1].place, each[0]))
        return [Letter(id=id_, run=run, slip=slip, request=self._request(run, id_)) for id_, slip in found]

    def runs(self, name: str | None) -> list[Run]:
        """The runs that ask the mailbox and have not finished, or this one.

        Raises:
            UnknownRunError: there is none of that name.
            UserError: it asks something else.
        """
        asking = set(self._documents.owners(SLIPS))
        runs = self._store.runs() if name is None else [self._store.get_run(name)]
        ours = [run for run in runs if _asks(run) or run.name in asking]
        if name is not None and not ours:
            raise UserError(
                f"the run {name!r} asks the model {runs[0].config.member_names}: nothing waits in the mailbox"
            )
        return [run for run in ours if run.status != "finished"]

    def take(self, runs: Sequence[Run], *, seconds: float, again: bool = False) -> Letter | None:
        """The request that has waited longest, for whoever asks first; None where there is none to be had.

        Args:
            runs: whose requests.
            seconds: how long nobody else is given it.
            again: those too that somebody has read and not answered.
        """
        found = [(slip, run.name, id_) for run in runs for id_, slip in self._open(run.name).items()]
        # What nobody has comes first, whatever `again` says.
        for _, run, id_ in sorted(found, key=lambda each: (each[0].taken, each[0].asked, each[0].place, each[1])):
            letter = self._lend(run, id_, seconds, again)
            if letter is not None:
                return letter
        return None

    def read(self, id_: str, *, seconds: float) -> Letter:
        """This request, whoever has it.

        Raises:
            AnswerRefusedError: it waits for no answer.
        """
        run, _ = self._answerable(id_)
        letter = self._lend(run, id_, seconds, True)
        if letter is None:
            raise AnswerRefusedError(f"the request {id_} has just been answered: `gristmill next` reads another")
        return letter

    def answer(self, id_: str, text: str, by: str) -> Letter:
        """Keep an answer; what it is to.

        Raises:
            AnswerRefusedError: nobody asks that, or not any more.
        """
        run, slip = self._answerable(id_)
        if not self._documents.add(ANSWERS, run, id_, Answer(text=text, by=by, at=time.time())):
            raise _answered(id_)
        self._mark_answered(run, id_)
        return Letter(id=id_, run=run, slip=slip, request=self._request(run, id_))

    def _open(self, run: str) -> dict[str, Slip]:
        slips = self._documents.list(SLIPS, run, Slip)
        return {id_: slip for id_, slip in slips.items() if slip.open}

    def _lend(self, run: str, id_: str, seconds: float, again: bool) -> Letter | None:
        """The letter, if it is still to be had by the time that it is ours."""

        def lent(slip: Slip) -> Slip | None:
            if not slip.open or (slip.taken and not again):
                return None
            return slip.model_copy(update={"read": slip.read + 1, "until": time.time() + seconds})

        slip = self._documents.change(SLIPS, run, id_, Slip, lent)
        if slip is None:
            return None
        if self.answers(run, [id_]):
            # Whoever answered was killed before the slip followed.
            self._mark_answered(run, id_)
            return None
        return Letter(id=id_, run=run, slip=slip, request=self._request(run, id_))

    def _mark_answered(self, run: str, id_: str) -> None:
        self._documents.change(SLIPS, run, id_, Slip, lambda slip: slip.model_copy(update={"answered": True}))

    def _request(self, run: str, id_: str) -> Request:
        request = self._documents.get(REQUESTS, run, id_, Request)
        if request is None:
            raise UserError(f"the request {id_} of the run {run!r} has no prompt: the store was changed by hand")
        return request

    def _answerable(self, id_: str) -> tuple[str, Slip]:
        """The run that asks this, and where the request stands, if it takes an answer."""
        owners = self._documents.owners(SLIPS, key=id_)
        slip = self._documents.get(SLIPS, owners[0], id_, Slip) if owners else None
        if slip is None:
            raise AnswerRefusedError(
                f"no request has the id {id_!r} in {self._store.location}: `gristmill next` shows the id of what "
                "waits, --workspace names another store"
            )
        run = owners[0]
        if slip.answered or self.answers(run, [id_]):
            raise _answered(id_)
        if self._store.get_run(run).status == "finished":
            raise AnswerRefusedError(f"the run {run!r}, which asked {id_}, has finished: it takes no answer any more")
        if slip.expired:
            raise AnswerRefusedError(
                f"the request {id_} has expired: the run {run!r} waited for --call-timeout and gave it up, or asks "
                "something else there by now; --resume asks again what is still wanted"
            )
        return run, slip


def _asks(run: Run) -> bool:
    return any(each.model == FORM for each in run.config.members)


def _answered(id_: str) -> AnswerRefusedError:
    return AnswerRefusedError(f"the request {id_} is answered already; the first answer stays")
