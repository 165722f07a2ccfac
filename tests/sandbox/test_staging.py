"""The folder that a worker mounts holds the guest modules and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Profile
from gristmill.sandbox.workers.staging import ALWAYS, stage


def test_staging_holds_the_named_modules_and_no_package_files() -> None:
    folder = stage(Profile(name="test", guest=("gristmill.sandbox.records",)))
    try:
        files = {str(path.relative_to(folder / "lib")) for path in (folder / "lib").rglob("*") if path.is_file()}
        names = {name.replace(".", "/") + ".py" for name in (*ALWAYS, "gristmill.sandbox.records")}
        assert names <= files
        assert not any(name.endswith("__init__.py") for name in files)
        assert all(name.startswith("gristmill/sandbox/guest/") for name in files - names)
        assert {path.stat().st_mode & 0o777 for path in folder.rglob("*.py")} == {0o644}
        assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o755}
    finally:
        shutil.rmtree(folder)


def test_staging_refuses_a_module_that_is_not_there() -> None:
    before = set(Path("/tmp").glob("gristmill-*"))
    with pytest.raises(SandboxError, match="nothing_here"):
        stage(Profile(name="test", guest=("gristmill.sandbox.nothing_here",)))
    assert set(Path("/tmp").glob("gristmill-*")) - before == set()
