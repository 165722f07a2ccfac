"""Twenty small problems in C++ and in JavaScript: right, wrong, slow, hungry, and one that does not compile.

`programs.txt` holds the problems, the right programs and what makes each wrong. Whatever is slow, hungry or does not
compile is made of the right program by one of the ways below, in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gristmill.verifiers import Outcome, Task

__all__ = ["OUTCOMES", "Problem", "corpus"]

FILE = Path(__file__).with_name("programs.txt")
OUTCOMES = {
    "right": Outcome.PASSED,
    "wrong": Outcome.FAILED,
    "slow": Outcome.TIMEOUT,
    "memory": Outcome.OUT_OF_MEMORY,
    "compile error": Outcome.ERROR,
}
_MEMORY_MB = {"c++": 128, "javascript": 256}
# Put in front of the program, and at the beginning of its main function.
_SLOW: dict[str, list[tuple[str, str]]] = {
    "c++": [
        ("", "for (volatile long spin = 0;;) spin = spin + 1;"),
        (
            "static unsigned long f(unsigned long n) { return n < 2 ? n : f(n - 1) + f(n - 2); }",
            "if (!f(90)) return 0;",
        ),
        ("#include <chrono>\n#include <thread>", "std::this_thread::sleep_for(std::chrono::hours(1));"),
        ("#include <mutex>", "static std::mutex one; one.lock(); one.lock();"),
    ],
    "javascript": [
        ("for (;;) {}", ""),
        ("const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2)); if (!fib(90)) process.exit(0);", ""),
        ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);", ""),
        # It prints what is right, and does not come to its end.
        ("setInterval(() => {}, 1000);", ""),
    ],
}
_HUNGRY: dict[str, list[tuple[str, str]]] = {
    "c++": [
        (
            "#include <string>\n#include <vector>",
            "std::vector<std::string> eaten; for (;;) eaten.emplace_back(1 << 20, 'x');",
        ),
        ("#include <string>", "std::string eaten(1, 'x'); for (;;) eaten += eaten;"),
        ("", "for (;;) { volatile char *p = new char[1 << 20]; for (int i = 0; i < 1 << 20; i += 512) p[i] = 1; }"),
        (
            "#include <map>\n#include <string>",
            "std::map<long, std::string> eaten; for (long i = 0;; ++i) eaten[i].assign(999, 'y');",
        ),
    ],
    "javascript": [
        ("const kept = []; for (;;) kept.push(new Array(1e5).fill(0.5));", ""),
        ("const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1));", ""),
        ("const kept = new Map(); for (let i = 0; ; i++) kept.set(i, `${i}`.repeat(200).split(''));", ""),
        ("const kept = []; for (;;) kept.push(new Float64Array(1 << 17).fill(1));", ""),
    ],
}
_BROKEN: dict[str, list[tuple[str, str]]] = {
    "c++": [
        ("", "int broken = ;"),
        ("", "undeclared_name();"),
        ("#include <no_such_header.h>", ""),
        ("#include <string>\n#include <vector>", "std::string all = 5 + std::vector<int>{};"),
        ('static_assert(sizeof(int) == 3, "no");', ""),
        ("template <int N> struct T { static const int v = T<N + 1>::v; };\nint endless = T<0>::v;", ""),
        ('asm(".incbin \\"/etc/shadow\\"");', ""),
    ],
    "javascript": [
        ("const = 1;", ""),
        ("function (", ""),
        ("let twice; let twice;", ""),
        ("const text = 'never closed;", ""),
        ("if (true) {", ""),
    ],
}
_WAYS = {"slow": _SLOW, "memory": _HUNGRY, "compile error": _BROKEN}
# What is slow need not be waited for as long as a right program is, on a machine that is slow itself.
_LIMITS: dict[str, dict[str, Any]] = {"slow": {"wall_seconds": 2, "cpu_seconds": 1}}


@dataclass(frozen=True)
class Problem:
    """One problem in one language. `number` is its place among the problems."""

    name: str
    number: int
    language: str
    prompt: str
    cases: tuple[tuple[str, str], ...]
    right: str
    edit: tuple[str, str]

    def source(self, variant: str) -> str:
        """The program of a variant, a key of `OUTCOMES`."""
        if variant == "right":
            return self.right
        if variant == "wrong":
            assert self.edit[0] in self.right
            return self.right.replace(self.edit[0], self.edit[1], 1)
        ways = _WAYS[variant][self.language]
        before, inside = ways[self.number % len(ways)]
        main = "int main() {\n"
        assert self.language != "c++" or main in self.right
        return f"{before}\n{self.right.replace(main, main + inside + chr(10))}"

    def task(self, variant: str, *, public: bool = False) -> Task:
        """The task that the variant is judged by: one case is enough for what does not come to its end."""
        cases = self.cases[:1] if variant in ("slow", "memory") else self.cases
        test = {
            "type": "stdio",
            "language": self.language,
            "cases": [{"stdin": stdin, "stdout": stdout} for stdin, stdout in cases],
        }
        return Task.model_validate(
            {
                "id": f"{self.name} {self.language}",
                "kind": "code",
                "prompt": self.prompt,
                "public_tests" if public else "tests": [test],
                "limits": {"memory_mb": _MEMORY_MB[self.language]} | _LIMITS.get(variant, {}),
            }
        )


@cache
def corpus() -> tuple[Problem, ...]:
    """All problems, those of one language after the other's."""
    problems: list[Problem] = []
    for number, part in enumerate(FILE.read_text().split("\n## ")[1:]):
        head, *programs = part.split("\n@ ")
        name, prompt, *rows = head.strip().split("\n")
        cases = tuple(tuple(side.strip().replace("/", "\n") for side in row.split("=>")) for row in rows)
        for program in programs:
            language, *lines = program.strip("\n").split("\n")
            source, old, new = "\n".join(lines[:-2]) + "\n", lines[-2].removeprefix("- "), lines[-1].removeprefix("+ ")
            problems.append(Problem(name, number, language, prompt, cases, source, (old, new)))  # type: ignore[arg-type]  # pairs
    return tuple(sorted(problems, key=lambda each: (each.language, each.number)))
