"""Errors, and who is at fault.

    GristmillError
    ├── UserError            the user's mistake: arguments, files, names           exit code 2
    │   └── (rooms add their own: TaskFileError, UnknownModelError, …)
    └── InfrastructureError  no sandbox, unreachable server, full disk             exit code 3
        └── SandboxError     an engine vanished, a channel broke
            └── WorkerLostError  a worker that had been started died, whoever killed it

A candidate that fails, hangs or dies is *data* (a report, a verdict), never one of these.
"""

from __future__ import annotations

__all__ = ["GristmillError", "InfrastructureError", "SandboxError", "UserError", "WorkerLostError"]


class GristmillError(Exception):
    """Base of every error that this program raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class UserError(GristmillError):
    """The user's mistake. The message names the file, line, field or option and says what to do next."""

    exit_code = 2


class InfrastructureError(GristmillError):
    """The machine's trouble: nothing can be concluded about any candidate. What was done so far is kept."""

    exit_code = 3


class SandboxError(InfrastructureError):
    """A sandbox could not be had or was lost. The job that was in it may be retried on another worker."""


class WorkerLostError(SandboxError):
    """A worker died that had been started already. Another one may well live: starting one more is worth it."""
