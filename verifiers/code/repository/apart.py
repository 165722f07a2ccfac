"""Whether a patch that passes beside its repository's tests passes them split as well: then its pass is `split`.

The tests' flow runs beside the patched files, where no file of the tests is, and each assertion is evaluated in a
judge's process. Most tests of a repository pass before anything is changed, so what they want is no news: those that
fail at the commit are asked of a patch, and each of them must have an assertion that counts and that guesses do not
pass. Where none fails there, all are asked. It gives no pass by itself: pytest has the last word on that, as for every
patch. Against a patch that is told what is wanted by another run of it: this one comes first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gristmill.sandbox.records import Limits
from gristmill.verifiers import profiles
from gristmill.verifiers.code.driven.running import run_driven
from gristmill.verifiers.code.repository.parting import parts_of
from gristmill.verifiers.code.running import Setting
from gristmill.verifiers.code.split.running import Splits
from gristmill.verifiers.code.split.splitting import Split
from gristmill.verifiers.extraction.importing import image_of
from gristmill.verifiers.extraction.repositories import patched_tree
from gristmill.verifiers.records import Outcome, Task
from gristmill.verifiers.repositories.patches import PatchError
from gristmill.verifiers.repositories.paths import is_test
from gristmill.verifiers.repositories.trees import tree_of

if TYPE_CHECKING:
    from gristmill.sandbox.base import Jobs

__all__ = ["PartedTests"]

# What is laid goes as text through a source, once for each test function.
_MOST_BYTES: Final = 2 << 20
_MOST_KEPT: Final = 100
_EXTRA_MEMORY_MB, _EXTRA_DISK_MB = 256, 16


class PartedTests:
    """Runs the split tests of repositories, and knows which of them prove something: a matter of the task alone."""

    def __init__(self, pool: Jobs, splits: Splits) -> None:
        self._pool = pool
        self._splits = splits
        self._kept: OrderedDict[tuple[str, str, str], bool] = OrderedDict()

    async def pass_(self, task: Task, patch: str) -> bool:
        """Whether all tests that decide can be split, prove something, and are passed by the patch.

        Raises:
            SandboxError: nothing may be concluded about the patch.
            RepositoryError: the repository can no longer be read.
        """
        assert task.repo is not None
        parts = parts_of(task.repo)
        try:
            setting = None if isinstance(parts, str) else self._setting(task, patch)
        except PatchError:
            return False  # as the tests' own run will say
        if setting is None or isinstance(parts, str):
            return False
        if not await self._prove(task, parts):
            return False
        for part in parts:
            findings = await run_driven(setting, part.test)
            if not findings.passed:
                return False
        return True

    async def _prove(self, task: Task, parts: tuple[Split, ...]) -> bool:
        """Whether each test that is asked of a patch has an assertion that counts and withstands guesses."""
        assert task.repo is not None
        key = (task.repo.model_dump_json(), task.limits.model_dump_json(), image_of(task).image)
        if key not in self._kept:
            self._kept[key] = await self._withstand(task, parts)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    async def _withstand(self, task: Task, parts: tuple[Split, ...]) -> bool:
        setting = self._setting(task, "")
        if setting is None:
            return False
        single = [(part, alone) for part in parts for alone in _single(part)]
        failing = [alone for part, alone in single if alone.test.cases[0] in await self._failing(setting, part)]
        for alone in failing or [alone for _, alone in single]:
            if not alone.counted or not await self._splits.withstands(setting, alone):
                return False
        return True

    async def _failing(self, setting: Setting, part: Split) -> list[object]:
        findings = await run_driven(setting, part.test)
        if findings.broken is not None or len(findings.checks) != len(part.test.cases):
            return list(part.test.cases)
        pairs = zip(part.test.cases, findings.checks, strict=True)
        return [case for case, found in pairs if found.outcome is not Outcome.PASSED]

    def _setting(self, task: Task, patch: str) -> Setting | None:
        """Where the patched files are laid without those of the tests; None where they are too big for that."""
        repo = task.repo
        assert repo is not None
        tree = tree_of(repo)
        changed = patched_tree(tree, repo, patch) if patch else {}
        files = {path: data for path, data in tree.files.items() if path not in changed}
        files |= {path: text.encode() for path, text in changed.items() if text is not None}
        files = {path: data for path, data in files.items() if not is_test(path)}
        size = sum(map(len, files.values()))
        if size > _MOST_BYTES:
            return None
        programs = tuple(sorted(path for path in tree.programs if path in files))
        source = (
            "from gristmill.verifiers.code.guest.candidate.laying import lay\n"
            f"lay({files!r}, {programs!r}, {repo.setup!r})\n"
        )
        image = image_of(task)
        tests = (data.decode("utf-8", "replace") for path, data in tree.files.items() if path.endswith(".py"))
        libraries = profiles.libraries(patch, *tests, image=image)
        limits = _limits(task.limits, size)
        profile = profiles.candidate((*libraries, "pytest"), limits.memory_mb, image.image)
        return Setting(self._pool, source, limits, profile, public=False)


def _limits(limits: Limits, size: int) -> Limits:
    more = {
        "memory_mb": min(limits.memory_mb + _EXTRA_MEMORY_MB, 65536),
        "disk_mb": min(limits.disk_mb + 2 * (size >> 20) + _EXTRA_DISK_MB, 4096),
    }
    return limits.model_copy(update=more)


def _single(part: Split) -> list[Split]:
    """The split test by test functions."""
    return [
        replace(
            part,
            test=part.test.model_copy(update={"cases": (case,)}),
            sites=tuple(site for site in part.sites if site.step == case.given["step"]),
        )
        for case in part.test.cases
    ]
