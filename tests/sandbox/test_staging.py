"""The folder that a worker mounts holds the guest modules and nothing else."""

from __future__ import annotations

import importlib.util
import marshal
import os
import shutil
from pathlib import Path

import pytest

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.records import Profile
from gristmill.sandbox.workers.compiling import compiled, compiled_name
from gristmill.sandbox.workers.staging import guest_modules, stage


def staged(*guest: str) -> set[str]:
    folder = stage(Profile(name="test", guest=guest))
    try:
        assert {path.stat().st_mode & 0o777 for path in folder.rglob("*.py")} == {0o644}
        assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} == {0o755}
        files = {path.relative_to(folder / "lib") for path in (folder / "lib").rglob("*") if path.is_file()}
        sources = {path for path in files if path.suffix == ".py"}
        # Beside each source its bytecode, and nothing else.
        assert files - sources == {Path(importlib.util.cache_from_source(str(path))) for path in sources}
        return set(map(str, sources))
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


def test_bytecode_is_that_of_the_source_and_names_no_place_of_this_machine() -> None:
    folder = stage(Profile(name="test"))
    try:
        for path in (folder / "lib").rglob("*.py"):
            made = Path(importlib.util.cache_from_source(str(path))).read_bytes()
            assert str(folder).encode() not in made
            assert str(Path(__file__).parents[2]).encode() not in made
            inside = f"/gristmill/lib/{path.relative_to(folder / 'lib')}"
            assert marshal.loads(made[16:]) == compile(path.read_bytes(), inside, "exec", dont_inherit=True)
            # Python takes it for the source's without looking at that again: see PEP 552.
            assert made[:8] == importlib.util.MAGIC_NUMBER + b"\1\0\0\0"
    finally:
        shutil.rmtree(folder)


def test_bytecode_counts_only_for_the_source_that_it_was_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one, two = b"answer = 1\n", b"answer = 2\n"
    kept = tmp_path / "gristmill/guests" / compiled_name("a.b")

    def answer(source: bytes) -> int:
        names: dict[str, int] = {}
        exec(marshal.loads(compiled("a.b", source, "/b.py")[16:]), names)
        return names["answer"]

    assert [answer(one), answer(one), answer(two), answer(one)] == [1, 1, 2, 1]
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    elsewhere = compiled("a.b", one, "/c.py")
    assert marshal.loads(elsewhere[16:]).co_filename == "/c.py"
    for damaged in (b"", elsewhere[:12], bytes(len(elsewhere))):
        kept.write_bytes(damaged)
        assert answer(one) == 1
    # Where nothing can be kept, everything is compiled.
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert [answer(one), answer(two)] == [1, 2]


def test_workers_share_their_modules_where_they_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "gristmill/guests"
    folders: list[Path] = []

    def lib(*guest: str) -> Path:
        folders.append(stage(Profile(name="test", guest=guest), shared=True))
        return (folders[-1] / "lib").resolve()

    try:
        first = lib()
        times = first.stat()
        assert lib() == first
        assert first.is_relative_to(kept)
        # Nothing that a worker sees tells when another one has started.
        assert first.stat() == times
        # They hold what a worker's own would, and who needs other modules has another one.
        own = stage(Profile(name="test"))
        folders.append(own)
        held = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
        assert held == {path.relative_to(own / "lib"): path.read_bytes() for path in own.rglob("lib/**/*.py*")}
        assert {path.stat().st_mode & 0o777 for path in (first, *first.rglob("*")) if path.is_dir()} == {0o755}
        assert lib("gristmill.sandbox.records") != first
        # What has not been wanted for long goes when another one is made.
        os.utime(first.parent, (0, 0))
        lib("gristmill.sandbox.errors")
        assert not first.exists()
        assert lib() == first
        # Where nothing can be kept, each has its own.
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
        assert lib().is_relative_to(folders[-1])
    finally:
        for folder in folders:
            shutil.rmtree(folder)
    assert first.is_dir()
    assert not [path for path in kept.iterdir() if path.is_dir() and len(path.name) != 64]


def test_what_a_zygote_imports_are_the_modules_of_its_folders() -> None:
    profile = Profile(name="test", guest=("gristmill.verifiers.mathematics.guest.candidate",))
    assert guest_modules(profile) == ["gristmill.verifiers.mathematics.guest.candidate.answer_of"]


def test_staging_refuses_a_module_that_is_not_there() -> None:
    before = set(Path("/tmp").glob("gristmill-*"))
    with pytest.raises(SandboxError, match="nothing_here"):
        stage(Profile(name="test", guest=("gristmill.sandbox.nothing_here",)))
    assert set(Path("/tmp").glob("gristmill-*")) - before == set()
