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
    held_out: Annotated[
        list[str] | None,
        typer.Option("--held-out", help="A task file that no row may share anything with; may be given again."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Benchmarks that no row may share anything with: humaneval, mbpp, gsm8k, math500, ifeval, each "
            "with the file as it is published, mbpp=FILE,gsm8k=FILE. What is not at hand is said; nothing is fetched.",
        ),
    ] = None,
    words: Annotated[
        int, typer.Option("--words", min=5, help="Words in a row that make a row one of a held-out task.")
    ] = 13,
    show_words: Annotated[
        bool, typer.Option("--show-words", help="Write these words into decontamination.json, not their hash alone.")
    ] = False,
    near_duplicate: Annotated[
        float | None,
        typer.Option("--near-duplicate", min=0.0, max=1.0, help="Likeness from which two answers are one, say .9."),
    ] = None,
    per_stratum: Annotated[int | None, typer.Option("--per-stratum", min=1, help="Rows of a stratum at most.")] = None,
    outweigh: Annotated[
        float | None,
        typer.Option("--outweigh", min=1.0, help="No stratum has more than this many times the median one's rows."),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option("--validation", help="Share of the rows of train for a split `validation`, by family, say .1."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of what is drawn: rows of a stratum, families.")] = 0,
    push: Annotated[
        str | None,
        typer.Option(
            "--push",
            help="Upload the folder as the dataset OWNER/NAME of Hugging Face's hub, private, with the token HF_TOKEN.",
        ),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="With --push: for everybody to read.")] = False,
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
    names what was sent.
    Rows to train on that share words, a prompt or a solution with the run's gate and test tasks are left out, and all
    rows that do with --held-out and --against; decontamination.json says which, for what.
    With --prompts asked, rows of `messages` need a trainer that honours `weight`: others learn the
    wrong answers of earlier turns too.

    \b
    Examples:
      gristmill export night --out night-sft
      gristmill export night --format preference --parquet --license apache-2.0 --out night-pairs
      gristmill export night --format messages --out night.jsonl
      gristmill export night --against humaneval,mbpp=mbpp.jsonl --held-out exam.jsonl --out night-clean
      gristmill export night --validation .1 --outweigh 3 --out night-even
      gristmill export night --license apache-2.0 --out night-sft --push me/night
      gristmill export night --format verl --out night-verl
      gristmill export night --reasoning keep --out night-thoughts
      gristmill export night --accept together --out night-patches
      gristmill export night --prompts asked --replies given --format messages --out night-as-sent
    """
    from functools import partial

    from gristmill.graph.storage.store import Store
    from gristmill.sandbox.errors import UserError
    from gristmill.trainers.data.card import ANSWERLESS
    from gristmill.trainers.data.curation.cleaning import Cleaning, clean
    from gristmill.trainers.data.curation.counting import not_rows
    from gristmill.trainers.data.curation.heldout import DecontaminationConfig
    from gristmill.trainers.data.export import export_rows, refuse_ending, write_dataset
    from gristmill.trainers.data.publishing import check_options
    from gristmill.trainers.data.publishing import push as push_folder
    from gristmill.verifiers.repositories.git import RepositoryError
    from gristmill.verifiers.settling import weaker_words

    refuse_ending(out)
    check_options(out, push=push, public=public, format=format)
    if include_unverified and accept not in (None, "judged"):
        raise UserError(f"--include-unverified is --accept judged; leave it out, or --accept {accept}")
    accepted = "judged" if include_unverified else accept or "verified"

    with Store.open(workspace) as store:
        stored = store.get_run(run)
        try:
            trajectories = list(store.trajectories(run))
            rows = export_rows(
                trajectories,
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
        tasks = store.tasks(run)
    if not rows:
        word = "a verified" if accepted == "verified" else "an accepted"
        missing = f"a prompt with both {word} and a wrong reply" if format == "preference" else f"{word} reply"
        say(f"the run {run!r} has not {missing} in its {stored.ended} ended tasks; nothing is written", err=True)
        if weaker:
            say(f"replies that passed and are not verified: {weaker}; --accept says which to take", err=True)
        raise typer.Exit(1)
    cleaned = clean(
        rows,
        trajectories,
        tasks,
        Cleaning(
            held_out=tuple(held_out or ()),
            against=against,
            config=DecontaminationConfig(words=words),
            show_words=show_words,
            near_duplicate=near_duplicate or None,
            per_stratum=per_stratum,
            outweigh=outweigh,
            seed=seed,
        ),
        format=format,
    )
    left_out = not_rows(trajectories, rows, accepted, format)
    for because, count in cleaned.left_out.items():
        left_out[because] = left_out.get(because, 0) + count
    for name, why in cleaned.decontamination.unchecked.items():
        say(f"not checked against {name}: {why}", err=True)
    if not cleaned.rows:
        counted = ", ".join(f"{count} {because}" for because, count in cleaned.left_out.items())
        say(f"of {len(rows)} rows none is left ({counted}); nothing is written", err=True)
        raise typer.Exit(1)
    written = write_dataset(
        cleaned.rows,
        out,
        format=format,
        run=run,
        prompts=prompts,
        license=license,
        parquet=parquet,
        force=force,
        decontamination=cleaned.decontamination,
        left_out=left_out,
        seeds={"the run": stored.config.seed, "what was drawn for this dataset": seed},
        validation=validation,
        validation_seed=seed,
    )
    if push is not None:
        upload = partial(push_folder, verified=written.verified, public=public, hidden=format in ANSWERLESS)
        written = written.model_copy(update={"pushed": upload(out, push, tell=partial(say, err=True))})
    if json_:
        say_json(written.model_dump_json(indent=1), err=out == "-")
        return
    counts = ", ".join(f"{count} {name}" for name, count in written.rows.items())
    weaker = f", {passed}" if (passed := weaker_words(written.unverified)) else ""
    say(
        f"{len(cleaned.rows)} rows ({counts}) of {written.tasks} tasks; {written.verified} verified{weaker}",
        err=out == "-",
    )
    if left_out:
        say("left out: " + ", ".join(f"{count} {because}" for because, count in left_out.items()), err=out == "-")
    for file in written.files:
        say(f"  {file}", err=out == "-")
    if written.pushed:
        say(f"uploaded: {written.pushed}")


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
