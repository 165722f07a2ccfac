"""Images with packages: what may go in, what stays outside, and which image a task runs in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.image import packaged as found
from gristmill.sandbox.image.joining import join
from gristmill.sandbox.image.packaged import LacksPackagesError, Packaged, image_for, lacking, packaged, record
from gristmill.sandbox.image.requirements import one, problems, split
from gristmill.sandbox.image.root import cache_folder, root
from tests.sandbox.image.installing import install, own_packages

MILL = {"mill/__init__.py": "from grain import GRAIN\n", "mill/stones.py": "TWO = 2\n"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return own_packages(tmp_path, monkeypatch)


def built(packages: dict[str, str], **others: object) -> Packaged:
    """An image that is recorded, with nothing in it."""
    digest = hashlib.sha256(repr(packages).encode()).hexdigest()
    image = Packaged.model_validate({"digest": digest, "packages": packages, **others})
    (cache_folder() / image.digest).mkdir(parents=True)
    record(image)
    return image


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pandas", ["pandas"]),
        ("pandas, networkx==3.1", ["pandas", "networkx==3.1"]),
        ("networkx>=3,<4,pandas", ["networkx>=3,<4", "pandas"]),
    ],
)
def test_commas_part_packages_and_versions(text: str, parts: list[str]) -> None:
    assert split(text) == parts
    assert [one(part).name for part in parts] == [part.split("=")[0].split(">")[0] for part in parts]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "../a",
        "a[b]",
        "a @ http://x/a.whl",
        'a; python_version > "3"',
        "-r x",
        "a" * 201,
        "a=1",
        "a>=1,2",
        "ä",
    ],
)
def test_what_is_no_name_with_versions_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="name"):
        one(text)
    assert problems([text])[0].startswith("settings.packages[0]: ")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_any_setting_is_told_in_sentences(value: object) -> None:
    assert all(sentence.startswith("settings.packages") for sentence in problems(value))


def test_an_image_is_the_standard_one_with_more(site: Path) -> None:
    start_up = {"mill.pth": "import mill_start\n", "mill_start.py": "", "sitecustomize.py": "", "usercustomize.py": ""}
    install(site, "mill-stones", "2.1", MILL | start_up, needs=["grain>=1", "numpy", "absent; extra == 'more'"])
    install(site, "grain", "1.5", {"grain.py": "GRAIN = 1\n"})
    base = root("base")
    before = {path.name: path.stat().st_mtime_ns for path in base.path.glob("python/lib/*/site-packages/*")}
    joined = join(["Mill_Stones>=2"])
    assert joined.image.packages == {"mill-stones": "2.1"}
    assert joined.image.others == {"grain": "1.5"}
    assert joined.public == ("mill", "mill_start")
    assert joined.left_out == (
        "mill-stones: mill.pth",
        "mill-stones: sitecustomize.py",
        "mill-stones: usercustomize.py",
    )
    made = root(joined.image.image)
    (packages,) = made.path.glob("python/lib/*/site-packages")
    assert (packages / "mill" / "stones.py").read_text() == "TWO = 2\n"
    assert list((packages / "mill" / "__pycache__").glob("stones.*.pyc"))
    assert not [*made.path.rglob("*.pth"), *packages.glob("*customize*")]
    theirs = {path.name: path.stat().st_mtime_ns for path in packages.iterdir() if path.name in before}
    assert theirs.keys() == before.keys()
    assert not list((base.path / packages.relative_to(made.path)).glob("mill*"))
    # Nobody finds it before it is recorded; then a task that names it does, in whatever spelling.
    with pytest.raises(LacksPackagesError):
        image_for(["mill-stones"])
    record(joined.image)
    assert image_for(["MILL.stones>=2,<3", "grain", "numpy"]) == joined.image
    assert image_for(["numpy>=1"]).image == "base"


def test_its_digest_holds_names_versions_and_contents(site: Path) -> None:
    digests = []
    for version, text in (("1.0", ""), ("1.0", "A = 1\n"), ("1.1", "A = 1\n")):
        install(site, "grain", version, {"grain.py": text})
        digests.append(join(["grain"]).image.digest)
        assert join(["grain"]).image.digest == digests[-1]
        for path in site.glob("grain*/*"):
            path.unlink()
    assert len(set(digests)) == 3


@pytest.mark.parametrize("name", ["json", "_socket", "gristmill", "solution", "numpy", "pytest"])
def test_no_package_stands_in_the_place_of_what_judges(site: Path, name: str) -> None:
    install(site, "grain", files={f"{name}/__init__.py": "raise SystemExit\n"})
    with pytest.raises(UserError, match=f"`{name}`"):
        join(["grain"])
    assert not list(site.parent.glob("cache/**/*.draft"))


def test_no_package_puts_files_into_anothers_folder(site: Path) -> None:
    install(site, "grain", files={"numpy/more.py": ""})
    with pytest.raises(UserError, match="numpy"):
        join(["grain"])
    install(site, "one", files={"same/a.py": "A = 1\n"}, needs=["two"])
    install(site, "two", files={"same/a.py": "A = 2\n"})
    with pytest.raises(UserError, match=r"same/a\.py"):
        join(["one"])


def test_what_cannot_go_in_says_what_to_do(site: Path) -> None:
    install(site, "grain", "1.5", {"grain.py": ""})
    install(site, "hungry", files={"hungry.py": ""}, needs=["grain>=2", "absent"])
    install(site, "ours", files={"ours.py": ""}, needs=["gristmill"])
    install(site, "stubs", files={"grain-stubs/x.pyi": ""})
    install(site, "edited", metadata={"direct_url.json": '{"url": "file:///x", "dir_info": {"editable": true}}'})
    install(site, "listless", files={"listless.py": ""})
    (site / "listless-1.0.dist-info" / "RECORD").unlink()
    for text, words in {
        "no-such-package": "pip install --only-binary :all: 'no-such-package'",
        "grain==2": "1.5 is installed here: pip install --only-binary :all: 'grain==2'",
        "hungry": "hungry needs",
        "ours": "never goes into a sandbox",
        "stubs": "no module",
        "edited": "editable",
        "listless": "RECORD",
        "numpy": "nothing to build",
        "grain[x]": "--with",
    }.items():
        with pytest.raises(UserError, match="--with" if text == "grain[x]" else words.replace("(", r"\(")):
            join([text])
    assert packaged() == ()
    assert [path.name for path in cache_folder().iterdir()] == [root("base").digest]


def test_a_file_that_was_changed_after_it_was_installed_goes_into_no_image(site: Path) -> None:
    install(site, "grain", files={"grain.py": "GRAIN = 1\n"})
    (site / "grain.py").write_text("GRAIN = 2\n")
    with pytest.raises(UserError, match="changed after it was installed"):
        join(["grain"])
    assert {path.suffix for path in cache_folder().iterdir()} <= {"", ".lock"}
    assert len([path for path in cache_folder().iterdir() if path.is_dir()]) == 1


def test_a_task_runs_in_the_image_that_holds_least(site: Path) -> None:
    small = built({"a": "1.0", "b": "2.0"})
    large = built({"a": "1.5", "c": "1"}, others={"d": "1", "e": "1"})
    assert image_for(["a"]) == small
    assert image_for(["a>=1.2"]) == large
    assert image_for(["C", "e"]) == large
    with pytest.raises(LacksPackagesError, match="gristmill sandbox build --with b,c"):
        image_for(["b", "c"])
    said = lacking({"x": ["a"], "y": ["b", "f>=1"], "z": ["g"]})
    assert "task 'y' and 1 more" in said
    assert said.endswith("gristmill sandbox build --with 'b,f>=1,g'")
    assert not lacking({"x": ["a"], "y": []})


@pytest.mark.parametrize("change", [{"layout": "0"}, {"python": "2.7"}])
def test_an_image_of_another_layout_or_python_is_not_taken(site: Path, change: dict[str, str]) -> None:
    built({"a": "1"}, **change)
    assert packaged() == ()


def test_a_broken_record_and_a_root_that_is_gone_hide_nothing_else(site: Path) -> None:
    image = built({"a": "1"})
    gone = built({"b": "1"})
    (cache_folder() / gone.digest).rmdir()
    (cache_folder() / "x.json").write_text("{")
    assert packaged() == (image,)


def test_modules_are_told_that_an_image_cannot_import(site: Path) -> None:
    image = Packaged(modules=("mill",))
    assert found.not_in(image, ["mill", "numpy", "mpmath", "os", "pandas"]) == ["pandas"]
