"""Which naive checker each attack fools. Those that need a test program of their own have it in ``fooled.txt``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.verifiers.code.line import sections

__all__ = ["FOOLED", "STDIO", "Trick"]


class Trick(NamedTuple):
    """`tests` and `before` are a test program that is fooled; ours must not be by the same one, unless it is weak."""

    checker: str
    tests: str = ""
    before: str = ""
    names: tuple[str, ...] = ("double",)


# checker → attacks, as `naive_checkers` names checkers
_CHECKERS = {
    "namespace": "exit-at-import exit-in-call exit-hook exit-by-finalizer exec-of-success descriptor-as-entry-point",
    "pytest": (
        "os-exit-at-import os-exit-in-call libc-exit exit-by-atexit exit-by-thread exit-by-signal "
        "exit-of-the-parent pytest-runtest-patched pytest-report-patched pytest-plugin pytest-skip "
        "pytest-xfail pytest-exit pytest-marks"
    ),
    "grader": (
        "exit-redirected equal-object equal-text equal-list equal-class equal-any class-swapped frame-locals "
        "caller-globals collector-objects argument-referrers expected-rewritten locals-rewritten "
        "type-slot-rewritten tracing argument-file comparison-replaced code-object-replaced "
        "order-of-the-calls keyboard-interrupt"
    ),
    "grader:channel=marker": "printed-marker marker-on-every-descriptor",
    "grader:channel=last": "silence-after-the-marker output-replaced",
    "grader:mode=typed": "equal-int class-claimed",
    "grader:mode=order": "never-less-never-greater",
    "grader:mode=close": "near-object near-float",
    "grader:mode=member": "hash-of-the-wanted",
    "grader:mode=allclose": "array-function",
    "grader:mode=evaluated": "repr-is-a-program",
    "grader:mode=pickled": "pickle-is-a-program",
    "grader:mode=items": "json-is-changed",
    "grader:no_frames=1": "traceback-frames generator-frames",
    "grader:forget=1": "proc-command-line files-nearby",
    "grader:cases_in=environment": "parent-environment",
    "grader:forget=1,delete=file": "open-descriptors",
    "grader:forget=1,delete=memory": "memory-of-the-process",
    "namespace:file=1": "source-of-the-runner",
    "grader:channel=file": "result-file-at-exit json-patched",
    "grader:mode=raced": "thread-that-races",
    "unittest": "unittest-skip unittest-result-patched unittest-assertions-patched",
    "module": "serving-functions-patched",
    "two_steps": "file-that-shadows start-up-file",
    "stdio:how=zip": "prefix-of-the-output",
    "stdio:how=in": "garbage-behind-the-output",
    "stdio:how=both": "output-on-the-error-stream",
    "stdio:how=words": "output-with-control-characters",
    "stdio:how=status": "right-then-crash right-then-abort",
    "retry": "second-run",
    "grader:mode=later,only_lists=1": "changes-after-it-answered",
    "grader:mode=twice": "learns-from-the-first-call",
    "grader:mode=threaded": "generator-exit",
    "pipe": "report-on-every-channel",
    "protocol": "answers-before-the-questions",
    "obliging": "asks-the-judge links-to-the-judges-objects",
    "harm:of=processes": "fork-bomb",
    "harm:of=threads": "thread-bomb",
    "harm:of=memory": "memory-bomb memory-in-many-processes",
    "harm:of=raised": "limits-raised",
    "harm:of=disk": "disk-filler",
    "harm:of=files": "file-swarm",
    "harm:of=output": "output-flood",
    "harm:of=endless": "endless-loop",
    "harm:of=outlives": "signals-ignored daemon pipe-held-open stops-itself",
    "harm:of=segment": "system-v-memory",
    "harm:of=queue": "message-queue",
    "harm:of=shared": "shared-memory-file",
    "harm:of=left": "file-for-the-next",
    "drop_nested": "kills-the-parent stops-the-parent kills-everything",
    "harm:of=seized": "ptrace",
    "harm:of=memory-of-others": "memory-of-others",
    "harm:of=connection": "network unix-socket",
    "harm:of=sockets": "odd-socket-families",
    "harm:of=ring": "io-uring",
    "harm:of=namespace": "new-namespaces",
    "harm:of=key": "keyring",
    "harm:of=unnamed": "file-without-a-name",
    "harm:of=started": "other-program",
    "harm:of=loot": "secrets-of-the-host",
    "harm:of=link": "link-in-place-of-output",
    "drop": (
        "sleeps crash stack-overflow abort odd-exit-status memory-error descriptors-closed "
        "descriptors-used-up garbage-on-the-channel half-a-message numbers-too-long-to-print keys-too-long-to-print "
        "fractions-too-long-to-print odd-containers-too-long-to-print "
        "named-tuple-called-dict text-that-cannot-be-written error-that-cannot-be-printed "
        "error-with-an-endless-text value-too-deep value-that-is-exponential value-that-contains-itself "
        "hashes-that-collide endless-iterator type-that-cannot-be-read modules-taken-away "
        "named-pipe-in-place-of-output syntax-that-crashes-parsers"
    ),
    "protocol_drop": "collisions-sent-directly",
    "feedback": (
        "input-in-an-error input-in-the-name-of-an-error input-in-a-key-error input-in-notes-and-causes "
        "input-returned input-in-a-repr input-in-the-name-of-a-type input-printed input-in-the-traceback "
        "input-in-a-warning input-as-the-exit-status input-in-a-syntax-error input-in-a-group-of-errors"
    ),
    "feedback_again": "input-left-for-the-next-load",
    "feedback_of_loading": "input-in-a-late-load-error",
    "stdio:how=shown,shown=1": "input-of-the-program-echoed",
}
FOOLED: dict[str, Trick] = {name: Trick(checker) for checker, names in _CHECKERS.items() for name in names.split()} | {
    part.name: Trick("namespace", part.tests, part.source.strip("\n"), tuple(part.names))
    for part in sections(Path(__file__).with_name("fooled.txt"))
}
# Judged by a weak test of ours only: what is read, and the one thing that is ever to be printed.
STDIO = {"yes-or-no": ("3\n", "yes\n")}
