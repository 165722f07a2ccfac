"""The folder that a worker mounts holds the guest modules and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Profile
from gristmill.sandbox.workers.staging import guest_modules, stage


def staged(*guest: str) -> set[str]:
    folder = stage(Profile(name="test", guest=guest))
    try:
        assert {path.stat().st_mode & 0o777 for path in folder.rglob("*.py")} == {0o644}
        assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o755}
        return {str(path.relative_to(folder / "lib")) for path in (folder / "lib").rglob("*") if path.is_file()}
    finally:
        shutil.rmtree(folder)


def test_staging_holds_what_both_ends_speak_and_the_guests_but_no_package_files() -> None:
    files = staged()
    assert {"gristmill/sandbox/wire/values.py", "gristmill/sandbox/guest/confinement/confine.py"} <= files
    assert all(name.startswith(("gristmill/sandbox/wire/", "gristmill/sandbox/guest/")) for name in files)
    assert not any(name.endswith("__init__.py") for name in files)


def test_a_folder_brings_all_of_its_modules_and_a_module_itself() -> None:
    room = Path("gristmill/verifiers/code/guest")
    own = Path(__file__).parents[2] / "verifiers/code/guest"
    wanted = {
        str(room / path.relative_to(own))
        for side in ("wire", "candidate")
        for path in (own / side).rglob("*.py")
        if path.stem != "__init__"
    }
    guest = tuple(f"gristmill.verifiers.code.guest.{side}" for side in ("wire", "candidate"))
    assert staged(*guest, "gristmill.sandbox.records") - staged() == wanted | {"gristmill/sandbox/records.py"}


def test_what_a_zygote_imports_are_the_modules_of_its_folders() -> None:
    profile = Profile(name="test", guest=("gristmill.verifiers.mathematics.guest.candidate",))
    assert guest_modules(profile) == ["gristmill.verifiers.mathematics.guest.candidate.answer_of"]


def test_staging_refuses_a_module_that_is_not_there() -> None:
    before = set(Path("/tmp").glob("gristmill-*"))
    with pytest.raises(SandboxError, match="nothing_here"):
        stage(Profile(name="test", guest=("gristmill.sandbox.nothing_here",)))
    assert set(Path("/tmp").glob("gristmill-*")) - before == set()
