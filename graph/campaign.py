"""Run the loop over many tasks: the one entry point of this room."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig

from gristmill.graph.build import campaign_graph
from gristmill.graph.config import Budget, RunConfig
from gristmill.graph.context import Context, MessagesFor, SeedFor
from gristmill.graph.errors import StoreError
from gristmill.graph.events import (
    RUN_LISTENER,
    CallStarted,
    Event,
    LeftOut,
    Listener,
    NodeEntered,
    RunEnded,
    RunStarted,
    WorkerTrouble,
)
from gristmill.graph.judging.closing import Closings
from gristmill.graph.judging.constructions import StoredShelf
from gristmill.graph.judging.evaluations import Evaluations
from gristmill.graph.judging.hypotheses import Verification
from gristmill.graph.judging.ordering import Ordering
from gristmill.graph.judging.rankers import Ranker, ranker_named
from gristmill.graph.judging.secret import kept_secret
from gristmill.graph.models.base import Proposer, context_of
from gristmill.graph.models.prices import PRICES, Prices, prices_of
from gristmill.graph.models.roster.choosing import Choice
from gristmill.graph.models.roster.reusing import Reuse
from gristmill.graph.models.silence import Outlasted, Silence
from gristmill.graph.nodes.campaign import WAVE
from gristmill.graph.nodes.identity import sample_seed
from gristmill.graph.records import CONTEXT_WINDOW, ContextWindow
from gristmill.graph.resuming import call_levels, decide_run
from gristmill.graph.search.registry import strategy
from gristmill.graph.state import CampaignState
from gristmill.graph.stopping.sharing import Sharing
from gristmill.graph.stopping.spending import Spending
from gristmill.graph.storage.entries import LEFT_OUT, happened
from gristmill.graph.storage.journal import Journal
from gristmill.graph.storage.store import Store
from gristmill.graph.summary import CampaignSummary, Purpose, Run
from gristmill.sandbox.base import Telling
from gristmill.sandbox.plain import plain
from gristmill.verifiers.extraction.importing import need_packages
from gristmill.verifiers.judging import Judge, Rescoring
from gristmill.verifiers.records import Task

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs
    from gristmill.verifiers.trained.external.program import OwnTrainer

__all__ = ["CampaignSummary", "MessagesFor", "left_out", "run_campaign"]

_NODES_PER_ROUND = 5
_SLOTS = 32
"""Tasks at work at least; more where more calls may be in flight, so that every one of them has a task to serve."""


async def run_campaign(
    tasks: Sequence[Task],
    config: RunConfig,
    *,
    name: str,
    store: Store,
    proposer: Proposer,
    pool: Jobs | None = None,
    verifiers: Judge | None = None,
    resume: bool = False,
    on_event: Listener | None = None,
    messages_for: MessagesFor | None = None,
    seed_for: SeedFor | None = None,
    purpose: Purpose = "search",
    trainer: OwnTrainer | None = None,
    ranker: Ranker | None = None,
) -> CampaignSummary:
    """Run the loop over `tasks` and store everything; returns when all tasks have ended or a budget is spent.

    Args:
        tasks: what to solve; ids must differ.
        config: how; stored with the run.
        name: of the run, new in this store unless `resume`.
        store: an open store; it stays open.
        proposer: an entered proposer (``async with``); it stays entered, so that several campaigns may share it. For
            `config.models` a `RosterProposer` of these.
        pool: warm sandboxes for the verifiers; None opens one as `config.sandbox` says, for this campaign only.
        verifiers: who judges; None takes `gristmill.verifiers.registry.Verifiers` on the pool.
        resume: go on with a stored run: no stored reply is bought again, `unscored` verdicts are retried. With more
            rounds or a larger budget, tasks that had ended for want of these go on too. A run that has finished and
            is given nothing more is left as it is, and its summary returned.
        on_event: hears what happens, as it happens.
        messages_for: makes the prompts instead of the built-in ones.
        seed_for: gives each reply its seed; None takes one that differs from that of every other place.
        purpose: stored with the run; an evaluation is not listed among the searches.
        trainer: the user's own program that scores `command` tasks; stored nowhere.
        ranker: sets a round in order where `config.search.rank` is said; None takes the one of that name.

    Raises:
        RunExistsError, UnknownRunError, RunMismatchError, RunBusyError: the user's mistakes.
        UserError: there is a budget of money, and a model has no price.
        ModelError: the model did not answer several calls in a row (`graph.models.silence`), or none at all; what
            was done is kept. One call that is not answered, after all its tries, leaves its place empty until a resume.
            Of several models one that does not answer is left out, and the run ends with the last.
        StoreError: the store could not be written; what was written before is kept.
        InfrastructureError: verdicts could no longer be had (no sandbox); what was done is kept.
        asyncio.CancelledError: cancelled from outside (Ctrl-C under `asyncio.run`); work in flight was dropped,
            everything that had arrived is stored and the run is marked as interrupted.
    """
    prices = prices_of(config, store.documents.get(PRICES, name, "", Prices) if resume else None)
    chosen = strategy(config.search.strategy, config.search, [each.name for each in config.models])
    decision = decide_run(store, name, config, tasks, resume=resume, purpose=purpose)
    if decision.step == "nothing":
        return store.summary(name)
    if ranker is None and config.search.rank is not None:
        ranker = ranker_named(config.search.rank, store)
    async with AsyncExitStack() as stack:
        # Before the run is written down: a machine without a sandbox leaves no empty run behind.
        judge, jobs = verifiers, pool
        if judge is None:
            need_packages(tasks)
            made = await stack.enter_async_context(_verifiers(config, pool, store, name, trainer))
            judge, jobs = made[0], made[1]  # mypy narrows no type by an unpacked tuple
        if decision.step == "begin":
            store.create_run(name, config, tasks, purpose=purpose)
            store.documents.add(PRICES, name, "", prices)
            store.documents.add(CONTEXT_WINDOW, name, "", ContextWindow(tokens=context_of(proposer)))
        with store.claim(name):
            if decision.wider:
                # Tasks go on that had ended at a bound which is now wider.
                store.reopen(name, config, decision.reasons)
            run = store.get_run(name)
            spending = Spending(config.budget, spent=store.account.spending(name), seconds=run.seconds)
            bounded = config.budget != Budget()
            journal = Journal(store, name, spending.seconds)
            listeners = tuple(each for each in (on_event, RUN_LISTENER.get()) if each is not None)
            tell = functools.partial(_tell, name, journal, listeners)
            verification = Verification(name, len(tasks), judge, journal, tell)
            silence = Silence([each.name for each in config.members], left_out(store, name) if resume else ())
            context = Context(
                run=name,
                tasks={task.id: task for task in tasks},
                config=_within(store.documents.get(CONTEXT_WINDOW, name, "", ContextWindow), config),
                choice=Choice(config, proposer, silence.lost),
                strategy=chosen,
                proposer=proposer,
                messages_for=messages_for,
                seed_for=seed_for or functools.partial(sample_seed, config.seed),
                store=store,
                journal=journal,
                verification=verification,
                closings=_closings(name, store, journal, judge) if config.confirm and purpose == "search" else None,
                ordering=None if ranker is None else Ordering(name, store, journal, ranker, config.search.judge_first),
                with_starts=purpose == "search",
                spending=spending,
                silence=silence,
                outlasted=Outlasted(tell),
                sharing=Sharing(spending, call_levels(store, name)),
                calls=asyncio.Semaphore(config.calls.concurrency),
                # What is bounded is shared by all tasks, so all of them must be there to take their part.
                slots=asyncio.Semaphore(max(_SLOTS, config.calls.concurrency, WAVE if bounded else 0)),
                reuse=Reuse(store, name, config, proposer),
                cut_off=store.cut_off(name) if resume else {},
                prices=prices,
                tell=tell,
            )
            await _session(context, run, jobs, listeners, resume=resume)
    return store.summary(name)


def _within(window: ContextWindow | None, config: RunConfig) -> RunConfig:
    """The configuration with the context that models have by what they said, where none was given."""
    if window is None or window.tokens is None or config.prompts.context is not None:
        return config
    prompts = config.prompts.model_copy(update={"context": window.tokens})
    return config.model_copy(update={"prompts": prompts})


def left_out(store: Store, run: str) -> frozenset[str]:
    """Names of the models of a run that were given up."""
    return frozenset(store.documents.list(LEFT_OUT, run, LeftOut))


async def _session(
    context: Context, run: Run, jobs: Jobs | None, listeners: Sequence[Listener], *, resume: bool
) -> None:
    """Walk the graph and say in the store how it ended, whatever happens; what befalls the sandbox is told too."""

    def worse(trouble: str) -> None:
        context.tell(WorkerTrouble(detail=plain(trouble)[:1000]))

    ending = RunEnded(run=run.name, status="failed")
    context.store.set_status(run.name, "running", seconds=run.seconds)
    try:
        async with context.journal:
            context.tell(_started(context, run, resume=resume))
            try:
                with jobs.telling(worse) if isinstance(jobs, Telling) else contextlib.nullcontext():
                    await _walk(context)
                context.silence.close()
                ending = RunEnded(run=run.name, status="finished")
            except asyncio.CancelledError:
                ending = RunEnded(run=run.name, status="interrupted")
                raise
            except Exception as error:
                ending = RunEnded(run=run.name, status="failed", detail=plain(f"{type(error).__name__}: {error}"))
                raise
            finally:
                await context.land()
                context.outlasted.close()
                await context.verification.close()
    finally:
        # Only now, when all else is written, may the run be called finished; and its end is told when that is stored,
        # so that whoever hears of it, or sees the event, finds the status. Where the store itself is the trouble, that
        # error is already on its way.
        try:
            with contextlib.suppress(*([StoreError] if ending.status == "failed" else [])):
                seconds = context.spending.seconds()
                context.store.set_status(run.name, ending.status, detail=ending.detail, seconds=seconds)
                context.store.save([happened(run.name, ending)])
        finally:
            for listener in listeners:
                listener(ending)


def _started(context: Context, run: Run, *, resume: bool) -> RunStarted:
    """With what earlier sessions have come to, so that whoever listens counts it too."""
    about = {"run": run.name, "tasks": run.tasks, "resumed": resume, "model": context.proposer.model}
    if not resume:
        return RunStarted.model_validate(about)
    before = context.store.summary(run.name)
    return RunStarted(
        **about,
        ended=before.ended,
        solved=before.solved,
        calls=before.calls,
        tokens=before.tokens.prompt + before.tokens.completion,
        counted=before.counted,
        money=before.money,
        replies=before.hypotheses,
        outcomes=before.outcomes,
    )


async def _walk(context: Context) -> None:
    """Walk the graph in an empty contextvars context.

    LangGraph hands a parent graph's checkpointer and runtime down by a context variable. A campaign inside someone
    else's graph (`gristmill improve`) is not part of that graph.
    """
    config: RunnableConfig = {
        "recursion_limit": _NODES_PER_ROUND * (context.config.search.rounds + len(context.tasks) // WAVE + 2)
    }
    start: CampaignState = {"pending": [], "after": -1}
    walk = campaign_graph().ainvoke(start, config, context=context)
    await asyncio.create_task(walk, context=contextvars.Context(), name=f"campaign {context.run}")


def _closings(run: str, store: Store, journal: Journal, judge: Judge) -> Closings | None:
    return Closings(Evaluations(run, store, journal, judge)) if isinstance(judge, Rescoring) else None


def _tell(run: str, journal: Journal, listeners: Sequence[Listener], event: Event) -> None:
    if not isinstance(event, (NodeEntered, CallStarted)):
        journal.note(happened(run, event))
    for listener in listeners:
        listener(event)


@asynccontextmanager
async def _verifiers(
    config: RunConfig, pool: Jobs | None, store: Store, run: str, trainer: OwnTrainer | None
) -> AsyncIterator[tuple[Judge, Jobs]]:
    from gristmill.sandbox.pool import Pool
    from gristmill.verifiers.registry import Verifiers

    how: dict[str, Any] = {
        "confirm": config.confirm,
        "accept_split": config.accept == "split",
        "accept_together": config.accept == "together",
        "secret": kept_secret(store, run),
        "shelf": StoredShelf(store, run),
        "trainer": trainer,
    }
    if pool is not None:
        yield Verifiers(pool, **how), pool
        return
    async with Pool.open(config.sandbox, config.workers) as opened:
        yield Verifiers(opened, **how), opened
