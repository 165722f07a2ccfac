"""The command `recipe rank`: what a reward model would save as a ranker. Heavy imports wait inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.graph.commands.options import Json, Workspace
from gristmill.graph.commands.tracing.telling import Trace, Tracing
from gristmill.graph.events import staged
from gristmill.sandbox.plain import console_for, say, say_json, say_table

if TYPE_CHECKING:
    from gristmill.trainers.recipes.ser.ranking import Ranking

__all__ = ["rank"]


def rank(
    model: Annotated[str, typer.Argument(help="A SER of this workspace that has ended, or a reward model's folder.")],
    run: Annotated[str, typer.Argument(help="A run of this workspace: its verdicts are known.")],
    *,
    base: Annotated[
        Path | None, typer.Option(help="Folder of the base model; default: the one that it was trained on.")
    ] = None,
    workspace: Workspace = ".",
    trace: Trace = False,
    json_: Json = False,
) -> None:
    """Say how many judgements a run had needed until each task's first pass, had a reward model set their order.

    It scores the stored hypotheses, and counts judgements in its order, in the order of arrival, and in a random one
    (expected). It ranks within a round only. Tasks whose prompts a SER of this workspace was trained on are left out;
    of a folder that is not known. A reward is no verdict: its strength is `self_assessed`, and nothing is stored.

    \b
    Examples:
      gristmill recipe ser --run training --name night
      gristmill recipe rank night another-run
      gristmill recipe rank .gristmill/recipes/night/round-2 another-run --json
    """
    import sys
    import time

    from gristmill.graph.commands.progress import Display
    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.commands.extras import need_training
    from gristmill.trainers.recipes.ser.ranking import judged_of, ranking_of
    from gristmill.trainers.recipes.ser.records import model_of

    with Store.open(workspace) as store:
        store.get_run(run)
        folder, seen = model_of(store, model)
        judged, left_out = judged_of(store.trajectories(run), frozenset(seen or ()))
        if not judged:
            gone = f", {left_out} tasks left out: the model was trained on them" if left_out else ""
            raise UserError(f"the run {run!r} has no ended task with a hypothesis that took a judgement{gone}")
        need_training()
        from gristmill.trainers.recipes.ser.scoring import load_reward_model

        console = console_for(file=sys.stderr if json_ else sys.stdout)
        score, begun = load_reward_model(folder, base), time.monotonic()
        rewards = []
        tracing = Tracing(store, on=trace, over="recipe rank")
        with tracing, staged("rewards", hypotheses=len(judged)), Display(console, unit="hypotheses") as progress:
            progress.stage("rewards")
            for done, each in enumerate(judged, 1):
                rewards.append(score(each.turns))
                progress.update(done, len(judged))
        scoring = (time.monotonic() - begun) / len(judged)
        found = ranking_of(judged, rewards).model_copy(update={"left_out": left_out, "scoring": scoring})
    if json_:
        say_json(found.model_dump_json(indent=1))
    else:
        _print(found, known=seen is not None)


def _print(found: Ranking, *, known: bool) -> None:
    say(
        f"{found.tasks} tasks with a pass, of {found.hypotheses} judgements; the order matters in {found.matters}. "
        f"{found.without} tasks without a pass take all of theirs in any order"
    )
    if found.left_out:
        say(f"{found.left_out} tasks left out: the model was trained on their prompts")
    if not known:
        say("what the model was trained on is not known: tasks among that would flatter it")
    say_table(
        ["judgements until the first pass", "in all", "share"],
        [
            [title, f"{count:.1f}", f"{count / found.hypotheses:.3f}" if found.hypotheses else ""]
            for title, count in (
                ("as they came", found.arrival),
                ("in a random order, expected", found.random),
                ("in the model's order", found.ranked),
            )
        ],
        right=("in all", "share"),
    )
    for name, words in (("arrival", "the order of arrival"), ("random", "a random order")):
        saving = found.saved[name]
        said = "" if saving.interval is None else " (95% {:+.1%} to {:+.1%})".format(*saving.interval)
        say(f"saved against {words}: {saving.share:+.1%}{said}")
    if found.right is not None:
        say(f"a pass is ranked above another of its round in {found.right:.1%}")
    say(f"a hypothesis takes {found.scoring:.2f} s to score, and took {found.judging:.2f} s to judge")
    say("a reward is self_assessed: it may set an order, and is no verdict")
