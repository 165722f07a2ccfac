"""An error that reached the top → the exit code and the message that the user sees."""

from __future__ import annotations

import errno
import os
import sys

from gristmill.sandbox.errors import GristmillError

__all__ = ["explain"]

USER, INFRASTRUCTURE, INTERRUPTED, CLOSED_PIPE, BUG = 2, 3, 130, 141, 70

_EXTRAS = {
    "torch": "local",
    "transformers": "local",
    "gguf": "local",
    "safetensors": "local",
    "trl": "train",
    "peft": "train",
    "datasets": "train",
    "accelerate": "train",
    "sklearn": "losses",
    "vllm": "vllm",
    "langchain": "providers",
    "psycopg": "postgres",
}
_USERS = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
_PUBLIC = ("typer.", "click.")


def explain(error: BaseException) -> tuple[int | None, str]:
    """The exit code and the message for an error; (None, "") leaves it to typer (usage errors, exits)."""
    cause = _innermost(error)
    if isinstance(cause, GristmillError):
        return cause.exit_code, f"Error: {cause}"
    if isinstance(cause, KeyboardInterrupt):
        return INTERRUPTED, "Interrupted; what was done so far is kept."
    if isinstance(cause, BrokenPipeError):
        _silence_stdout()
        return CLOSED_PIPE, ""
    if type(cause).__module__.startswith(_PUBLIC):
        return None, ""
    if isinstance(cause, ModuleNotFoundError):
        extra = _EXTRAS.get((cause.name or "").partition(".")[0])
        if extra is not None:
            return USER, f"Error: this needs the package {cause.name!r}: pip install 'gristmill[{extra}]'"
    if isinstance(cause, OSError):
        where = f"{cause.filename}: " if cause.filename else ""
        reason = cause.strerror or str(cause)
        code = USER if cause.errno in _USERS else INFRASTRUCTURE
        kept = "" if code == USER else "; what was done so far is kept"
        return code, f"Error: {where}{reason}{kept}"
    if isinstance(cause, MemoryError):
        return INFRASTRUCTURE, "Error: this machine has no memory left; what was done so far is kept"
    from gristmill.verifiers.plugins import fault_in

    if (fault := fault_in(cause)) is not None:
        return USER, f"Error: a plug-in went wrong: {fault}; `gristmill --debug …` shows the traceback"
    description = f"{type(cause).__name__}: {cause}".rstrip(": ")
    return (
        BUG,
        f"Internal error: {description}\nThis is a bug in gristmill: please report it with `gristmill --debug …`.",
    )


def _innermost(error: BaseException) -> BaseException:
    """The error that says most: out of a group the first of ours, else the first."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(GristmillError)
        error = (ours or error).exceptions[0]
    return error


def _silence_stdout() -> None:
    """Whoever read our output is gone: do not let the interpreter complain when it flushes at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # it lives as long as the process
