"""What can go wrong around a run, and who is at fault (see `gristmill.sandbox.errors` for the tree)."""

from __future__ import annotations

from gristmill.sandbox.errors import InfrastructureError, UserError

__all__ = ["RunBusyError", "RunExistsError", "RunFinishedError", "RunMismatchError", "StoreError", "UnknownRunError"]


class StoreError(InfrastructureError):
    """The store cannot be opened, read or written: no such folder, read-only, full disk, lost server.

    What was stored before is kept, and `gristmill run … --resume` goes on from there.
    """


class RunExistsError(UserError):
    """A run of that name is already in the store."""


class UnknownRunError(UserError):
    """No run of that name is in the store."""


class RunFinishedError(UserError):
    """A finished run was to be resumed; there is nothing left to do."""


class RunMismatchError(UserError):
    """A run was to be resumed with other tasks or another configuration than it was started with."""


class RunBusyError(UserError):
    """Another process is working on this run."""
