"""What crosses the sandbox's border: a `Job` goes in, a `Report` comes out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError, to_json

from gristmill.sandbox.plain import plain, writable

__all__ = [
    "CANDIDATE",
    "DATA",
    "Ending",
    "Job",
    "Limits",
    "Mounted",
    "Name",
    "Profile",
    "Programs",
    "Record",
    "Report",
    "SandboxInfo",
    "Text",
    "candidate_profile",
]

_NAME_CHARACTERS = 200

DATA = "/work"
"""Where a worker finds the folders that its profile mounts."""

Text = Annotated[str, AfterValidator(writable)]
"""Text that a candidate or a model may have had a part in: lone surrogates are replaced, so that it can be kept."""

Name = Annotated[str, AfterValidator(lambda text: " ".join(plain(text[:_NAME_CHARACTERS]).split()))]
"""What somebody else calls a thing, a server its model for one: a line of at most 200 characters that can be shown."""


class Record(BaseModel):
    """Frozen pydantic model that refuses unknown fields; the base of every record in the program."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def model_dump_json(self, *, indent: int | None = None, **how: Any) -> str:
        """The record as JSON text, whatever its texts hold: what is to be kept must not end a run."""
        try:
            return super().model_dump_json(indent=indent, **how)
        except PydanticSerializationError:
            # A lone surrogate in a field that is not `Text`, or in a copy that was not validated.
            return to_json(_writable(self.model_dump(**how)), indent=indent, inf_nan_mode="constants").decode()


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else value


class Limits(Record):
    """What one job may use. All are enforced by the sandbox, never by the code inside it."""

    wall_seconds: float = Field(
        10.0, gt=0, le=3600, description="from handing the job over to killing it, whatever it does"
    )
    cpu_seconds: float = Field(10.0, gt=0, le=3600, description="processor time of one process")
    memory_mb: int = Field(512, ge=32, le=65536, description="address space and resident memory of the job")
    processes: int = Field(16, ge=1, le=512, description="processes and threads at a time, the job's own included")
    output_kb: int = Field(1024, ge=1, le=65536, description="stdout, stderr and replies, each; more ends the job")
    value_mb: int = Field(
        64, ge=1, le=1024, description="one value that crosses between a solution and its tests, as it is sent"
    )
    disk_mb: int = Field(16, ge=1, le=4096, description="what the job may hold in its own directory")

    @classmethod
    def of_processor(cls, seconds: float, **others: Any) -> Self:
        """Limits of which the processor time counts, in seconds; `others` are further fields.

        The clock is set to 4 times that and 15 s: it ends what waits, and nothing that computes on a core which a few
        others want as well.
        """
        return cls(cpu_seconds=seconds, wall_seconds=min(4 * seconds + 15, 3600), **others)


class Programs(StrEnum):
    """Which programs the jobs of a worker may start; what else holds for jobs holds for these."""

    NONE = ""
    COMPILED = "compiled"  # those of the image's language, and what they have made in the job's own folder
    RUNTIME = "runtime"  # those, and they may make pipes, without which some runtimes end at once


class Ending(StrEnum):
    """How a job ended. None of these is a verdict: an honest-looking `finished` proves nothing by itself."""

    FINISHED = "finished"  # exit status 0
    FAILED = "failed"  # another exit status, or a signal that we did not send
    TIMEOUT = "timeout"  # wall clock or CPU limit
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_LIMIT = "output_limit"


class Mounted(Record):
    """A folder of this machine that the workers of a profile find, read-only, at `DATA`/`name`."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    path: str = Field(min_length=1, description="absolute")


class Profile(Record):
    """A kind of worker: what its zygote has imported before it forks.

    `guest` are dotted names of guest folders, all of whose modules are staged for the sandbox and imported in the
    zygote, and of single modules of other packages (and only those: the packages' `__init__` files are not there, so
    a guest module imports nothing but the standard library, libraries of the image, the wire and guest modules of its
    side). Always staged: `gristmill.sandbox.wire` and `gristmill.sandbox.guest`. `preload` are library modules
    imported once, in the zygote, before those. `image` names the
    image variant: "base" holds Python, numpy, sympy and math-verify; "torch" adds torch. `programs`: see `Programs`.
    `data`: see `Mounted`.
    """

    name: str
    guest: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    image: str = "base"
    programs: Programs = Programs.NONE
    data: tuple[Mounted, ...] = ()
    memory_mb: int = Field(2048, description="cap of one whole worker, the sum over a job's processes")
    template: bool = Field(False, description="it runs no jobs: it has imported all this, and is forked into workers")


CANDIDATE = Profile(name="candidate")


def candidate_profile(
    *, preload: Sequence[str] = (), guest: Sequence[str] = (), image: str = "base", memory_mb: int = 2048
) -> Profile:
    """A profile for candidates that need more than the standard library, named for what it has loaded."""
    name = "-".join(["candidate", *(module.replace(".", "_") for module in preload)])
    return Profile(name=name, preload=tuple(preload), guest=tuple(guest), image=image, memory_mb=memory_mb)


class Job(Record):
    """One process to run behind the wall.

    `program` is ``module:function`` of a guest module, say ``gristmill.sandbox.guest.candidate:cases``; it is
    called in the confined child with a `gristmill.sandbox.guest.context.JobContext`. `request` is sent to the child
    over its private channel in the canonical encoding; the zygote never sees it.

    `clocked`: whoever holds the other end of the job's last socket, which the job does not get, sends a byte there for
    the nanoseconds of processor time that the job has used so far, eight bytes, little end first. They are read outside
    of it, from the kernel; so such a job is one process and one thread, whatever its limits say.
    """

    program: str
    request: Any
    limits: Limits = Limits()
    stdin: bytes = b""
    clocked: bool = False


class Report(Record):
    """What is known, from outside, about a job that has ended."""

    ending: Ending
    exit_status: int | None = Field(None, description="exit code, or minus the signal number; None if we killed it")
    messages: tuple[bytes, ...] = Field(
        (), description="frames that the job sent over its channel, undecoded and untrusted"
    )
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = Field(description="wall time from handing the job over to the last of it being gone")
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    note: Text = Field("", description="what the sandbox adds: why it killed the job, or which trouble followed it")


class SandboxInfo(Record):
    """Which wall stood around a job; part of every verdict's provenance."""

    backend: str
    image: str = Field(description="digest of the image, or of the image root")
    covers: tuple[str, ...] = ()
    gaps: tuple[str, ...] = Field((), description="what this machine cannot enforce, in words")

    @property
    def label(self) -> str:
        """Backend and digest, as verdicts name them; the backend alone before its first worker has started."""
        return f"{self.backend} {self.image}".strip()
