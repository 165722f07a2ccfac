"""`gristmill sandbox build|list|shell|check|reap` and `gristmill doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.plain import say, say_json

if TYPE_CHECKING:
    from gristmill.sandbox.doctor import Diagnosis

__all__ = ["doctor", "sandbox"]

sandbox = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build, enter and clean up sandboxes.")

Backend = Annotated[str, typer.Option("--backend", help="auto, docker, docker:RUNTIME or bubblewrap.")]
Variant = Annotated[str, typer.Option("--image", help="base, or torch (base with torch added).")]


@sandbox.command()
def build(
    backend: Backend = "auto",
    variant: Variant = "base",
    packages: Annotated[
        list[str] | None,
        typer.Option("--with", help="Packages to add: NAME or NAME==VERSION, with commas between or several times."),
    ] = None,
    languages: Annotated[
        str,
        typer.Option(
            "--languages", help="Instead: images of languages, from this machine's compilers: c++,javascript."
        ),
    ] = "",
) -> None:
    """Make the file system that jobs see from this Python, and hand it to the engine.

    What is not built beforehand is built when it is first needed, but for packages: with --with, the standard image
    and those packages, in the versions that are installed here, with what they need. Nothing is fetched, and no line of
    a package is run on this machine: that each can be imported is tried in a sandbox. Tasks whose `settings.packages`
    it meets run in it from then on. Exit code 2: a package is not here, or may not go in; nothing is kept then.

    \b
    Examples:
      gristmill sandbox build
      gristmill sandbox build --backend docker --image torch
      gristmill sandbox build --with pandas,networkx
      gristmill sandbox build --with 'networkx>=3,<4' --with scikit-learn==1.9.1
      gristmill sandbox build --languages c++,javascript
    """
    import asyncio

    from gristmill.sandbox.backends.choosing import choose_factory
    from gristmill.sandbox.image.root import root
    from gristmill.sandbox.image.toolchains import variant_of

    if packages is not None:
        if variant != "base" or languages:
            raise UserError("--with adds to the standard image: leave --image and --languages out")
        _build_with(backend, packages)
        return
    variants = [variant_of(name.strip()) for name in languages.split(",")] if languages else [variant]
    chosen = asyncio.run(choose_factory(backend)).backend
    for each in variants:
        image = root(each)
        say(f"image root {image.digest[:12]} at {image.path}")
        if chosen == "docker":
            from gristmill.sandbox.backends.engine import connect, docker_image

            client = connect()
            try:
                name, _ = docker_image(client, each)
            finally:
                client.close()
            say(f"docker image {name}")


def _build_with(backend: str, packages: list[str]) -> None:
    import asyncio

    from gristmill.sandbox.adding import Added, add
    from gristmill.sandbox.backends.choosing import choose_factory
    from gristmill.sandbox.image.requirements import split

    texts = [text for option in packages for text in split(option)]

    async def work() -> Added:
        return await add(texts, await choose_factory(backend))

    added = asyncio.run(work())
    image = added.image
    say(f"image {image.digest[:12]}: {image.words()}, and pytest; {image.megabytes:g} MiB more than the standard one")
    if image.others:
        say("  they came with " + ", ".join(f"{name} {version}" for name, version in sorted(image.others.items())))
    for module, seconds in added.seconds.items():
        loaded = "workers have it loaded" if module in image.preload else "each job loads it by itself"
        say(f"  import {module}: {seconds:.1f} s in a sandbox; {loaded} where a solution or its tests import it")
    for file in added.left_out:
        say(f"  left out, as Python would run it by itself: {file}")
    say(f"Tasks ask for them by `settings.packages`: {sorted(image.packages)}")


@sandbox.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False) -> None:
    """List the images that are built here, and the packages in them.

    \b
    Examples:
      gristmill sandbox list
      gristmill sandbox list --json
    """
    import json

    from gristmill.sandbox.image.listing import listed

    rows = listed()
    if as_json:
        say_json(json.dumps(rows, indent=1))
        return
    for row in rows:
        held = ", ".join(f"{name} {version}" for name, version in row["packages"].items())
        say(f"{row['digest'][:12]}  {row['image']:<10} {held}")
    if not rows:
        say("none is built yet; the first candidate builds what it needs, or `gristmill sandbox build`")


@sandbox.command()
def shell(
    backend: Backend = "auto",
    variant: Variant = "base",
    packages: Annotated[
        list[str] | None, typer.Option("--with", help="In the image that holds these packages.")
    ] = None,
) -> None:
    """Look round from inside: an interactive Python behind the same walls as a worker's.

    \b
    Examples:
      gristmill sandbox shell --backend bubblewrap
      gristmill sandbox shell --with pandas
    """
    import asyncio

    from gristmill.sandbox.backends.choosing import choose_factory
    from gristmill.sandbox.records import Profile
    from gristmill.sandbox.shell import enter

    if packages is not None:
        variant = _holding(packages)
    chosen = asyncio.run(choose_factory(backend)).backend
    raise typer.Exit(enter(chosen, Profile(name="shell", image=variant)))


def _holding(packages: list[str]) -> str:
    from gristmill.sandbox.image.packaged import image_for
    from gristmill.sandbox.image.requirements import split

    try:
        return image_for([text for option in packages for text in split(option)]).image
    except ValueError as error:
        raise UserError(f"--with: {error}") from None


@sandbox.command()
def check(
    backend: Backend = "auto",
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Check this rule only; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a rule.")] = False,
) -> None:
    """Break every rule of the sandbox on purpose, from inside a job, and say which held.

    The suite is `gristmill.sandbox.conformance`; it takes about half a minute. Exits with 3 if a rule is broken that
    is no known gap of that backend, or if a known gap has closed.

    \b
    Examples:
      gristmill sandbox check
      gristmill sandbox check --backend bubblewrap
      gristmill sandbox check --backend docker:runsc --only there_is_no_network
    """
    import asyncio
    from collections import Counter

    from gristmill.sandbox.backends.choosing import choose_factory
    from gristmill.sandbox.conformance.suite import CHECKS, Result, run_checks

    if unknown := sorted(set(only or ()) - set(CHECKS)):
        raise UserError(f"there is no rule {unknown[0]!r}; the rules are: {', '.join(CHECKS)}")
    counts: Counter[str] = Counter()

    async def run() -> None:
        async for result in run_checks(await choose_factory(backend), names=only or CHECKS):
            counts[result.state] += 1
            for line in [result.model_dump_json()] if as_json else _as_lines(result):
                say(line)

    def _as_lines(result: Result) -> list[str]:
        marks = {"held": "ok", "known gap": "--"}
        lines = [f"{marks.get(result.state, '!!')}  {result.state:<10} {result.name}"]
        return lines if result.state == "held" else [*lines, f"      → {result.known_gap or result.detail}"]

    asyncio.run(run())
    if not as_json:
        say(", ".join(f"{count} {state}" for state, count in counts.items()))
    if set(counts) - {"held", "known gap"}:
        raise typer.Exit(3)


@sandbox.command()
def reap() -> None:
    """Remove containers and files whose owner is gone. Pools do this themselves when they start.

    \b
    Example:
      gristmill sandbox reap
    """
    import contextlib

    from gristmill.sandbox.backends.engine import connect
    from gristmill.sandbox.backends.engine import reap as remove
    from gristmill.sandbox.workers.staging import sweep

    swept = sweep()
    say(f"removed {swept} leftover folder{'' if swept == 1 else 's'}")
    with contextlib.closing(connect()) as client:
        removed = remove(client)
    say(f"removed {removed} leftover container{'' if removed == 1 else 's'}")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what this machine has and what it lacks, by trying each kind of sandbox. Exits with 3 if none works.

    \b
    Examples:
      gristmill doctor
      gristmill doctor --json
    """
    import asyncio

    from gristmill.sandbox.doctor import diagnose

    diagnosis = asyncio.run(diagnose())
    if as_json:
        say_json(diagnosis.model_dump_json(indent=2))
    else:
        for line in _lines(diagnosis):
            say(line)
    if not diagnosis.sandboxed:
        raise typer.Exit(3)


def _lines(diagnosis: Diagnosis) -> list[str]:
    marks = {True: "ok", False: "!!", None: "  "}
    lines = []
    for fact in diagnosis.facts:
        lines.append(f"{marks[fact.good]}  {fact.name:<16} {fact.value}")
        lines += [f"      → {fact.advice}"] if fact.advice else []
    for backend in diagnosis.backends:
        state = f"works, image {backend.image[:12]}" if backend.works else "does not work"
        lines += ["", f"{marks[backend.works]}  sandbox {backend.name}: {state}"]
        lines += [f"      → {backend.trouble}"] if backend.trouble else []
        lines += [f"      + {text}" for text in backend.covers]
        lines += [f"      - not covered: {text}" for text in backend.gaps]
    if not diagnosis.sandboxed:
        lines += ["", "No sandbox works here. Candidates never run without one; start a Docker engine, or see above."]
    return lines
