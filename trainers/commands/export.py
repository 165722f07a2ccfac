"""The command `export`. Mounted by `gristmill.trainers.cli`; heavy imports wait inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gristmill.graph.commands.options import Workspace
from gristmill.sandbox.plain import say, say_json

if TYPE_CHECKING:
    from gristmill.graph.config import RunConfig

__all__ = ["export"]


def export(
    run: Annotated[str, typer.Argument(help="Name of a run; `gristmill runs` lists them.")],
    out: Annotated[
        str,
        typer.Option("--out", help="A new folder (data files by split, and a card), or one .jsonl or .parquet file."),
    ],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="Of answers: sft, preference, unpaired (KTO), stepwise, messages (OpenAI), sharegpt, alpaca. Of tasks "
            "with how they are judged, hidden tests too: grpo, verl, nemo_gym.",
        ),
    ] = "sft",
    prompts: Annotated[
        str,
        typer.Option(
            "--prompts",
            help="bare: the task as an evaluation asks it. asked: all that the model was sent, earlier attempts too. "
            "single: as bare, without examples. task: the task's own words and nothing around them.",
        ),
    ] = "bare",
    replies: Annotated[
        str,
        typer.Option(
            "--replies",
            help="whole: the accepted solution in full, where the reply answered another prompt than the row's or was "
            "an edit. given: as the model wrote it, edits included.",
        ),
    ] = "whole",
    parquet: Annotated[bool, typer.Option("--parquet", help="Also write Parquet files into the folder.")] = False,
    license: Annotated[
        str, typer.Option("--license", help="For the card: an identifier such as apache-2.0 or cc-by-4.0.")
    ] = "unknown",
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            help="verified, the default. split: also passes of that strength; together: those too; judged: all that "
            "was judged. What is not verified says so, with its strength, in every row.",
        ),
    ] = None,
    include_unverified: Annotated[bool, typer.Option("--include-unverified", help="The same as --accept judged.")] = (
        False
    ),
    reasoning: Annotated[
        Literal["keep", "drop"],
        typer.Option("--reasoning", help="What a model thought before it answered: keep or drop."),
    ] = "drop",
    workspace: Workspace = ".",
    force: Annotated[bool, typer.Option("--force", help="Write over what is at --out.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print what was written as one JSON object.")] = False,
) -> None:
    """Write what a run verified as a dataset, every row with what it was verified by.

    Only replies whose verdict is `passed` with a strength of `tested` or more are written, unless --accept takes weaker
    passes: such rows say `verified: false` and their `strength`. Exit code 1: there is none.
    What a model thought before it answered is left out; with --reasoning keep it stands in `reasoning_content` of the
    last turn, and each row says `reasoning_verified: false`, since no tool has judged it.
    Rows ask the task's bare prompt, whatever the search had sent, and answer it with the whole solution; `prompt_sha`
    names what was sent. With --prompts asked, rows of `messages` need a trainer that honours `weight`: others learn the
    wrong answers of earlier turns too.

    \b
    Examples:
      gristmill export night --out night-sft
      gristmill export night --format preference --parquet --license apache-2.0 --out night-pairs
      gristmill export night --format messages --out night.jsonl
      gristmill export night --format verl --out night-verl
      gristmill export night --reasoning keep --out night-thoughts
      gristmill export night --accept together --out night-patches
      gristmill export night --prompts asked --replies given --format messages --out night-as-sent
    """
    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.data.export import export_rows, refuse_ending, write_dataset
    from gristmill.verifiers.repositories.git import RepositoryError
    from gristmill.verifiers.settling import weaker_words

    refuse_ending(out)
    if include_unverified and accept not in (None, "judged"):
        raise UserError(f"--include-unverified is --accept judged; leave it out, or --accept {accept}")
    accepted = "judged" if include_unverified else accept or "verified"

    with Store.open(workspace) as store:
        stored = store.get_run(run)
        try:
            rows = export_rows(
                store.trajectories(run),
                format,
                prompts=prompts,
                replies=replies,
                profile=_profile(stored.config),
                accept=accepted,
                reasoning=reasoning == "keep",
            )
        except RepositoryError as error:
            raise UserError(
                f"{error}: rows are worded by what that repository holds. Bring it back to where it was, or export "
                "what was sent and said, which the run has kept: --prompts asked --replies given"
            ) from error
        weaker = weaker_words({} if rows else store.summary(run).unverified)
    if not rows:
        word = "a verified" if accepted == "verified" else "an accepted"
        missing = f"a prompt with both {word} and a wrong reply" if format == "preference" else f"{word} reply"
        say(f"the run {run!r} has not {missing} in its {stored.ended} ended tasks; nothing is written", err=True)
        if weaker:
            say(f"replies that passed and are not verified: {weaker}; --accept says which to take", err=True)
        raise typer.Exit(1)
    written = write_dataset(
        rows,
        out,
        format=format,
        run=run,
        prompts=prompts,
        license=license,
        parquet=parquet,
        force=force,
    )
    if json_:
        say_json(written.model_dump_json(indent=1), err=out == "-")
        return
    counts = ", ".join(f"{count} {name}" for name, count in written.rows.items())
    weaker = f", {words}" if (words := weaker_words(written.unverified)) else ""
    say(f"{len(rows)} rows ({counts}) of {written.tasks} tasks; {written.verified} verified{weaker}", err=out == "-")
    for file in written.files:
        say(f"  {file}", err=out == "-")


def _profile(config: RunConfig) -> Literal["chat", "small"] | None:
    """The prompts of a run; None, to be found out from what was sent, where its models had different ones."""
    from gristmill.graph.models.base import UNPROMPTED
    from gristmill.graph.prompts.messages import choose_profile

    profiles = {
        choose_profile(each.profile or config.prompts.profile, each.model)
        for each in config.members
        if each.model not in UNPROMPTED or len(config.members) == 1
    }
    return profiles.pop() if len(profiles) == 1 else None
