"""Which languages are known, and what is said of a file of them, or a task, that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gristmill.sandbox.errors import UserError
from gristmill.sandbox.image import toolchains
from gristmill.verifiers import Task, problems
from gristmill.verifiers.languages import registry

RUBY = """\
ruby:
  extension: rb
  aliases: [rb]
  compile: [/usr/bin/ruby, -c, solution.rb]
  run: [/usr/bin/ruby, solution.rb]
  programs: [ruby]
"""


@pytest.fixture(autouse=True)
def _no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(registry.VARIABLE, raising=False)
    monkeypatch.setattr(toolchains, "_KNOWN", dict(toolchains._KNOWN))


def task(*languages: str | None, **more: Any) -> Task:
    cases = [{"stdin": "", "stdout": "1"}]
    tests = [{"type": "stdio", "cases": cases} | ({"language": name} if name else {}) for name in languages]
    return Task.model_validate({"id": "t", "kind": "code", "prompt": "p", "tests": tests, **more})


@pytest.mark.parametrize(
    ("said", "meant"),
    [("C++", "c++"), ("cpp", "c++"), (" js ", "javascript"), ("Node", "javascript"), ("py", "python"), ("go", "go")],
)
def test_a_language_is_known_by_its_other_names(said: str, meant: str) -> None:
    assert registry.canonical(said) == meant
    assert registry.of_task(task(said)) == meant


def test_python_is_what_a_test_asks_for_that_says_nothing() -> None:
    assert registry.of_task(task(None)) == "python"
    assert registry.language(task(None)) is None
    assert problems(task(None)) == []


def test_an_unknown_language_is_a_mistake_of_the_task() -> None:
    (said,) = problems(task("cobol"))
    assert said.startswith("tests[0].language: nobody knows the language 'cobol'; known are python, c++, javascript")


def test_a_language_that_this_machine_has_no_compiler_for_is_a_mistake_of_the_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (said,) = problems(task("cpp"))
    assert said == (
        "tests[0].language: there is no g++ on this machine, which builds the image for c++: "
        "install g++ (Debian: apt install g++)"
    )


def test_a_task_has_one_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchains.Toolchain, "missing", "")
    assert problems(task("js", "javascript")) == []
    (said,) = problems(task("js", "c++"))
    assert said == "tests[1]: is for a solution in c++, and other tests of the task are for one in javascript"
    other = {"type": "cases", "entry_point": "f", "cases": [{"args": [], "expected": 1}]}
    row = task("js").model_dump() | {"public_tests": [other]}
    (said,) = problems(Task.model_validate(row))
    assert said.startswith("public_tests[0]: is for a solution in python")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"wall_seconds": 60}, None),
        ({"wall_seconds": -1}, "settings.compile_limits.wall_seconds: input should be greater than 0"),
        ({"seconds": 1}, "settings.compile_limits.seconds: extra inputs are not permitted"),
        ([1], "settings.compile_limits: must be an object of limits"),
    ],
)
def test_what_a_compiler_may_use_is_the_tasks_to_say(
    given: Any, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchains.Toolchain, "missing", "")
    assert problems(task("c++", settings={"compile_limits": given})) == ([said] if said else [])


def test_nothing_is_compiled_of_python() -> None:
    assert problems(task(None, settings={"compile_limits": {}})) == [
        "settings.compile_limits: nothing is compiled in a task of python"
    ]


def test_a_file_adds_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.yaml").write_text(RUBY)
    monkeypatch.setenv(registry.VARIABLE, "")  # so that it is put back
    registry.use(str(tmp_path / "own.yaml"))
    assert registry.canonical("rb") == "ruby"
    ruby = registry.named("ruby")
    assert ruby is not None
    assert (ruby.source, sorted(ruby.marks)) == ("solution.rb", ["rb", "ruby"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert problems(task("ruby")) == [
        "tests[0].language: there is no ruby on this machine, which builds the image for ruby: "
        "install it, or take the language out"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RUBY.replace("extension: rb", "extension: .rb"), "line 2: ruby.extension: string should match pattern"),
        (RUBY.replace("  run: ", "  start: "), "line 1: ruby.run: field required"),
        (RUBY + "  colour: red\n", "line 7: ruby.colour: extra inputs are not permitted"),
        (RUBY.replace("run: [/usr/bin/ruby", "run: [ruby"), "line 5: ruby.run: must begin with a path"),
        (RUBY.replace("[rb]", "[js]"), "line 1: 'js' is a name of javascript already"),
        (RUBY.replace("programs: [ruby]", "programs: [../ruby]"), "line 6: ruby.programs: '../ruby' must be a name"),
        (RUBY + "  folders: [/home/me/.ssh]\n", "line 7: ruby.folders: '/home/me/.ssh' must lie in /usr"),
        (RUBY + "  folders: [/usr/../root/x]\n", "line 7: ruby.folders: '/usr/../root/x' must lie in /usr"),
        (RUBY + "  files: {solution.rb: ''}\n", "line 7: ruby.files: 'solution.rb' is the solution's own file"),
        (RUBY + "  compile_limits: {memory_mb: 1}\n", "line 7: ruby.compile_limits.memory_mb: input should be greater"),
        ("ruby: 3\n", "line 1: ruby: must be a mapping"),
        ("[ruby]\n", "must be a mapping of names of languages"),
        ("ruby: {\n", "is no YAML file"),
        ("python:\n  extension: py\n  run: [/usr/bin/python]\n", "line 1: 'python' is a name of Python already"),
    ],
)
def test_what_is_wrong_in_a_file_of_languages_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(UserError, match=r"own\.yaml") as caught:
        registry.read(tmp_path / "own.yaml")
    assert said in str(caught.value)


def test_a_file_of_languages_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        registry.read(tmp_path / "none.yaml")
