"""What is to be known of a language to judge programs in it, and the two that are built in."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from gristmill.sandbox.records import Limits, Record

__all__ = ["BUILT_IN", "PYTHON", "Language"]

PYTHON: Final = "python"
_WORDS = (
    "words of a command, the first a path: `/usr/bin/NAME` of a program of the image, or `./NAME` of a file it made"
)


class Language(Record):
    """How sources of one language become programs. Commands are run in the sandbox only, in the job's own folder."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9+#._-]{0,29}$", description="as tests write it, in small letters")
    title: str = Field("", description="what a model is told that it is called; `name` if empty")
    extension: str = Field(pattern=r"^[A-Za-z0-9]{1,10}$", description="the source is `solution.EXTENSION`")
    fences: tuple[str, ...] = Field((), description="what fences of its code say beside the name, in small letters")
    aliases: tuple[str, ...] = Field((), description="what tests may call it beside the name")
    compile: tuple[str, ...] = Field((), description=f"{_WORDS}; none where there is nothing to compile")
    run: tuple[str, ...] = Field(min_length=1, description=f"{_WORDS}; `{{memory_mb}}` stands for the limit")
    programs: tuple[str, ...] = Field((), description="names on this machine's PATH, to be at `/usr/bin` in the image")
    folders: tuple[str, ...] = Field((), description="this machine's folders that the image needs, at their own paths")
    files: dict[str, str] = Field({}, description="name and text of what lies beside the source")
    environment: dict[str, str] = Field({}, description="variables of both commands")
    pipes: bool = Field(False, description="whether it ends at once where it may make no pipes (docs/security.md)")
    hints: str = Field("", description="what a model should know to write a program that is run like this")
    signs: tuple[str, ...] = Field((), description="texts that tell a program from prose and parts, surest first")
    begins: tuple[str, ...] = Field((), description="what the first line of a program may begin with")
    memory: tuple[str, ...] = Field((), description="what its programs, or its compiler, say when memory runs out")
    compile_limits: Limits = Field(
        Limits(wall_seconds=30, cpu_seconds=30, memory_mb=1024, processes=16, output_kb=32768, disk_mb=128),
        description="of compiling; `settings.compile_limits` of a task changes them for that task",
    )

    @property
    def source(self) -> str:
        """The name of the source's file."""
        return f"solution.{self.extension}"

    @property
    def called(self) -> str:
        """What it is called in prompts."""
        return self.title or self.name

    @property
    def marks(self) -> frozenset[str]:
        """What a fence of its code may say."""
        return frozenset((self.name, self.extension.lower(), *self.aliases, *self.fences))


# Programs are often written to read /dev/stdin, which a job does not have.
_STDIN: Final = """\
'use strict';
const fs = require('fs');
const { openSync, readFileSync, readFile, createReadStream } = fs;
const isInput = (path) => path === '/dev/stdin';
fs.openSync = (path, ...rest) => (isInput(path) ? 0 : openSync(path, ...rest));
fs.readFileSync = (path, ...rest) => readFileSync(isInput(path) ? 0 : path, ...rest);
fs.readFile = (path, ...rest) => readFile(isInput(path) ? 0 : path, ...rest);
fs.createReadStream = (path, options) =>
  isInput(path) ? createReadStream('', { ...(typeof options === 'object' ? options : {}), fd: 0 })
                : createReadStream(path, options);
"""

BUILT_IN: Final = (
    Language(
        name="c++",
        title="C++",
        extension="cpp",
        fences=("cc", "cxx", "c++17", "c++20", "cpp17", "cpp20", "hpp"),
        aliases=("cpp", "cxx"),
        # Whole messages of templates take pages, and the first errors are those that count.
        compile=(
            *("/usr/bin/g++", "-std=gnu++20", "-O2", "-fmax-errors=5", "-ftemplate-backtrace-limit=4"),
            *("-fdiagnostics-color=never", "-o", "solution", "solution.cpp"),
        ),
        run=("./solution",),
        programs=("g++",),
        hints="It is compiled with g++ -std=gnu++20 -O2; only the standard library is there.",
        signs=("main(", "main (", "#include"),
        begins=("#include", "#define", "#pragma", "using ", "import ", "template", "int main", "//", "/*"),
        memory=("std::bad_alloc", "std::bad_array_new_length", "out of memory allocating", "memory exhausted"),
    ),
    Language(
        name="javascript",
        title="JavaScript",
        extension="js",
        fences=("node", "nodejs", "mjs", "cjs", "jsx"),
        aliases=("js", "node"),
        compile=("/usr/bin/node", "--check", "solution.js"),
        run=("/usr/bin/node", "--max-old-space-size={memory_mb}", "--require", "./stdin.js", "solution.js"),
        programs=("node",),
        files={"stdin.js": _STDIN},
        environment={"UV_THREADPOOL_SIZE": "1"},
        pipes=True,
        hints="It is run with Node.js as a CommonJS script; read all input with require('fs').readFileSync(0, 'utf8').",
        signs=("readFileSync", "stdin", "console.log", "stdout", "(", "="),
        begins=("const ", "let ", "var ", "function ", "async ", "class ", "'use s", '"use s', "//", "/*", "require("),
        memory=("heap out of memory", "process out of memory", "allocation failed", "Invalid array buffer length"),
        compile_limits=Limits(
            wall_seconds=30, cpu_seconds=30, memory_mb=1024, processes=32, output_kb=4096, disk_mb=16
        ),
    ),
)
