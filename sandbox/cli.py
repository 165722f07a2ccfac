"""`gristmill sandbox build|shell|reap` and `gristmill doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gristmill.sandbox.doctor import Diagnosis

__all__ = ["doctor", "sandbox"]

sandbox = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build, enter and clean up sandboxes.")

Backend = Annotated[str, typer.Option("--backend", help="auto, docker or bubblewrap.")]
Variant = Annotated[str, typer.Option("--image", help="base, or torch (base with torch added).")]


@sandbox.command()
def build(backend: Backend = "auto", variant: Variant = "base") -> None:
    """Make the file system that jobs see from this Python, and hand it to the engine.

    \b
    Examples:
      gristmill sandbox build
      gristmill sandbox build --backend docker --image torch
    """
    import asyncio

    from gristmill.sandbox.backends.choosing import choose_factory
    from gristmill.sandbox.image.root import root

    chosen = asyncio.run(choose_factory(backend)).backend
    made = root(variant)
    typer.echo(f"image root {made.digest[:12]} at {made.path}")
    if chosen == "docker":
        from gristmill.sandbox.backends.engine import connect, docker_image

        client = connect()
        try:
            name, _ = docker_image(client, variant)
        finally:
            client.close()
        typer.echo(f"docker image {name}")


@sandbox.command()
def shell(backend: Backend = "auto", variant: Variant = "base") -> None:
    """Look round from inside: an interactive Python behind the same walls as a worker's.

    \b
    Example:
      gristmill sandbox shell --backend bubblewrap
    """
    import asyncio

    from gristmill.sandbox.backends.choosing import choose_factory
    from gristmill.sandbox.records import Profile
    from gristmill.sandbox.shell import enter

    chosen = asyncio.run(choose_factory(backend)).backend
    raise typer.Exit(enter(chosen, Profile(name="shell", image=variant)))


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
    typer.echo(f"removed {swept} leftover folder{'' if swept == 1 else 's'}")
    with contextlib.closing(connect()) as client:
        removed = remove(client)
    typer.echo(f"removed {removed} leftover container{'' if removed == 1 else 's'}")


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
        typer.echo(diagnosis.model_dump_json(indent=2))
    else:
        for line in _lines(diagnosis):
            typer.echo(line)
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
