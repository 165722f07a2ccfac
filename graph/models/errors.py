"""What can go wrong between the loop and a model, and who can mend it.

    UserError                  exit code 2
    ├── UnknownModelError      a `--model` string that nobody knows
    ├── ModelSetupError        wrong key, wrong model name, refused parameter, missing package: asking again is useless
    ├── ReplayMissError        the recording holds no reply for this request
    └── AnswerRefusedError     an answer by hand to what nobody asks, or not any more
    InfrastructureError        exit code 3
    └── ModelError             unreachable, overloaded or dead after all retries; the run ends with its work kept

What a model *answers* is never one of these: an empty reply, nonsense, a refusal, a prompt that does not fit into the
context window (a `Reply` with empty text and finish ``context_length``) are data, and the loop goes on.
"""

from __future__ import annotations

from gristmill.sandbox.errors import InfrastructureError, UserError

__all__ = [
    "AnswerRefusedError",
    "ModelError",
    "ModelSetupError",
    "NoRoomError",
    "ReplayMissError",
    "UnknownModelError",
]


class ModelError(InfrastructureError):
    """The model could not be had after retries. The message names the server and what to do next."""


class NoRoomError(ModelError):
    """The budget has no room for another try of a call: the loop ends for that budget, and nobody sees this."""


class ModelSetupError(UserError):
    """The server answered, and what it said can only be mended by the user: key, model name, parameters, package."""


class UnknownModelError(UserError):
    """A model string of no known form. The message lists the forms, each with an example."""


class ReplayMissError(UserError):
    """A recording was asked for a reply that it does not hold: another task file, seed or prompt than was recorded."""


class AnswerRefusedError(UserError):
    """An answer to a request of the mailbox that is not there, is answered, or has expired, or whose run has ended."""
