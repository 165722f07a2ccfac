"""The repository of a task: what is checked out, what a reply may change, which tests decide."""

from __future__ import annotations

from pydantic import Field

from gristmill.sandbox.records import Record

__all__ = ["Repo"]

_PATH = "folder of a git repository on this machine; in a file of tasks, from where that file is"
_COMMIT = "what replies are changes to; files of tasks are read with its full hash, whatever they name it by"
_EDITABLE = (
    "files, folders and patterns (`src/**/*.py`) that a reply may change; never tests, `conftest.py` or settings"
)
_TESTS = "pytest's names of the tests that decide: `tests/test_a.py::test_b`; without its parameters all of them count"
_PUBLIC = "those files of tests that a model may read, with all that comes of the tests in them"
_PLUGINS = (
    "pytest's plug-ins that the tests need, as its `-p` takes them: `pytest_asyncio.plugin`; none loads by itself"
)
_SETUP = "Python that runs in the folder before the tests: makes what a build would make. Not hidden from candidates"


class Repo(Record):
    """A repository at a commit, whose own pytest tests decide; a solution is a patch against that commit."""

    path: str = Field(min_length=1, description=_PATH)
    commit: str = Field("HEAD", min_length=1, description=_COMMIT)
    editable: tuple[str, ...] = Field(min_length=1, description=_EDITABLE)
    tests: tuple[str, ...] = Field(min_length=1, description=_TESTS)
    public: tuple[str, ...] = Field((), description=_PUBLIC)
    plugins: tuple[str, ...] = Field((), description=_PLUGINS)
    setup: str = Field("", description=_SETUP)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The tests that no model may read."""
        return tuple(test for test in self.tests if test.partition("::")[0] not in self.public)
