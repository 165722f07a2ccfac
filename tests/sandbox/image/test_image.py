"""The image root: complete enough to run, and nothing of this machine but a Python and a few libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill.sandbox.errors import SandboxError
from gristmill.sandbox.image import root as image

BUILD = "from gristmill.sandbox.image import root as image; print(image.root().path)"


@pytest.fixture(scope="module")
def built() -> image.ImageRoot:
    return image.root("base")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gristmill" / "images"


def inside(root: Path, program: str, bwrap: str) -> str:
    command = [bwrap, "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    command += ["--unshare-all", "--clearenv", "--", image.PYTHON, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.bubblewrap
def test_its_python_is_this_python_and_its_libraries_load(built: image.ImageRoot, bubblewrap: str) -> None:
    program = (
        "import sys, numpy, numpy.testing, scipy.optimize, scipy.spatial, sympy, math_verify\n"
        "import ctypes, ssl, sqlite3, hashlib, lzma, bz2, decimal\n"
        "print(sys.version); print(sys.prefix); print(numpy.linalg.norm([3, 4]), sympy.factor('x**2-1'))"
    )
    version, rest = inside(built.path, program, bubblewrap).split("/python", 1)
    assert version.strip() == sys.version
    assert rest.strip().endswith("5.0 (x - 1)*(x + 1)")


@pytest.mark.bubblewrap
def test_nothing_is_compiled_again_inside(built: image.ImageRoot, bubblewrap: str) -> None:
    program = (
        "import sys, sympy, argparse\n"
        "print([m.__name__ for m in list(sys.modules.values()) if getattr(m, '__cached__', None)"
        " and not __import__('os').path.exists(m.__cached__)])"
    )
    assert inside(built.path, program, bubblewrap).strip() == "[]"


def test_there_is_no_shell_no_tool_and_no_users_file(built: image.ImageRoot) -> None:
    programs = {path.name for path in built.path.rglob("bin/*")}
    assert all(name.startswith("python") for name in programs), programs
    top = {path.name for path in built.path.iterdir()}
    assert top <= {"dev", "etc", "gristmill", "lib", "lib64", "proc", "python", "tmp", "usr", "work", "nix", "gnu"}
    assert (built.path / "etc" / "passwd").read_text().count("\n") == 2


def test_every_file_can_be_read_by_every_user(built: image.ImageRoot) -> None:
    closed = [path for path in built.path.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o004 == 0]
    assert not closed


def test_it_is_built_once_and_found_again(empty_cache: Path) -> None:
    first = image.root()
    stamp = first.path.stat().st_mtime_ns
    assert image.root() == first
    assert first.path.stat().st_mtime_ns == stamp
    assert first.path.parent == empty_cache
    assert image.digest_of("base") == first.digest != image.digest_of("torch")


def test_two_processes_may_build_at_once(empty_cache: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(empty_cache.parent.parent)}
    both = [
        subprocess.Popen([sys.executable, "-c", BUILD], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = {process.communicate(timeout=300)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(printed) == 1
    assert not list(empty_cache.glob("*.draft"))


def test_a_build_that_breaks_off_leaves_no_half_image(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image, "put_libraries", full)
    with pytest.raises(SandboxError, match="No space left"):
        image.root()
    assert [path.suffix for path in empty_cache.iterdir()] == [".lock"]


def test_an_unusable_cache_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(SandboxError, match="XDG_CACHE_HOME"):
        image.root()


def test_an_unknown_variant_or_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SandboxError, match="base, torch"):
        image.root("tensorflow")
    monkeypatch.setitem(image.VARIANTS, "base", ("numpy", "no-such-package"))
    with pytest.raises(SandboxError, match="pip install no-such-package"):
        image.root()


@pytest.mark.docker
def test_the_engine_gets_it_once_and_finds_it_by_its_digest(docker_engine: str) -> None:
    from gristmill.sandbox.backends.engine import connect, docker_image

    client = connect()
    try:
        first, digest = docker_image(client)
        assert docker_image(client) == (first, digest) == (first, image.digest_of("base"))
        assert client.images.get(first).labels["org.gristmill.variant"] == "base"
    finally:
        client.close()
