"""Programs in C++ and JavaScript: each variant has an outcome of its own, on both backends.

The corpus is in `languages/`. Of a fixed third of it, another one on each backend, one variant in turn runs with the
slow tests; with GRISTMILL_TEST_WHOLE=1 all of it runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gristmill.sandbox.image.toolchains import toolchain
from gristmill.sandbox.pool import Pool
from gristmill.verifiers import Outcome, Strength, Task, Verdict, Verifiers
from gristmill.verifiers.languages.registry import VARIABLE, use
from tests.verifiers.code.languages.corpus import OUTCOMES, corpus

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["docker", "bubblewrap"])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    request.getfixturevalue("docker_engine" if request.param == "docker" else "bubblewrap")
    async with Pool.open(request.param, size=1) as opened:
        yield opened


def needs(language: str) -> None:
    """Skip where this machine cannot make the language's image."""
    chain = toolchain(language)
    if chain is not None and chain.missing:
        pytest.skip(chain.missing)


def task(language: str, *cases: tuple[str, str], public: bool = True, **more: object) -> Task:
    test = {
        "type": "stdio",
        "language": language,
        "cases": [{"stdin": stdin, "stdout": stdout} for stdin, stdout in cases],
    }
    row = {"id": "one", "kind": "code", "prompt": "Do it.", "public_tests" if public else "tests": [test], **more}
    return Task.model_validate(row)


async def judge(pool: Pool, task: Task, source: str, *, confirm: bool = False) -> Verdict:
    return await Verifiers(pool, confirm=confirm).verify(task, source)


async def test_the_corpus_is_as_wide_as_it_says() -> None:
    rows = corpus()
    assert Counter(row.language for row in rows) == {"c++": 20, "javascript": 20}
    assert min(len(row.cases) for row in rows) >= 3
    assert all(len({row.source(variant) for variant in OUTCOMES}) == len(OUTCOMES) for row in rows)


def _first(pool: Pool, every: int) -> int:
    """Which row is the first one: another on each backend, where not all of them are tried."""
    return ("bubblewrap", "docker").index(pool.backend) if every > 1 else 0


@pytest.mark.slow
@pytest.mark.parametrize("language", ["c++", "javascript"])
async def test_each_variant_has_its_own_outcome(pool: Pool, language: str, every: int) -> None:
    needs(language)
    rows = [row for row in corpus() if row.language == language][_first(pool, every) :: every]
    wrong = []
    for place, row in enumerate(rows):
        for variant in OUTCOMES if every == 1 else [list(OUTCOMES)[place % len(OUTCOMES)]]:
            verdict = await judge(pool, row.task(variant), row.source(variant))
            if verdict.outcome is not OUTCOMES[variant]:
                wrong.append((row.name, variant, verdict.outcome, verdict.feedback))
            elif variant == "compile error":
                assert "does not compile" in verdict.feedback
    assert not wrong


WALLS = Path(__file__).parent / "languages"


@pytest.mark.parametrize(("language", "file"), [("c++", "walls.cpp"), ("javascript", "walls.js")])
async def test_a_program_gets_no_further_than_any_other_job(pool: Pool, language: str, file: str) -> None:
    needs(language)
    verdict = await judge(pool, task(language, ("", "tried")), (WALLS / file).read_text())
    assert verdict.feedback == "Public tests: 1 of 1 passed."
    assert (verdict.outcome, verdict.strength) == (Outcome.PASSED, Strength.TESTED)


STAYS = {
    "c++": r"""
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
int main() {
    const std::string places[] = {"/tmp/left", std::string(getenv("TMPDIR")) + "/left", "left", "/dev/shm/left"};
    int seen = kill(-1, 0) == 0;
    for (const std::string &path : places) seen += access(path.c_str(), F_OK) == 0;
    for (const std::string &path : places)
        if (FILE *file = std::fopen(path.c_str(), "w")) std::fclose(file);
    for (int i = 0; i < 3; ++i)
        if (fork() == 0) {
            setsid();
            signal(SIGTERM, SIG_IGN);
            for (;;) sleep(60);
        }
    std::printf("%d\n", seen);
    std::fflush(stdout);
    _exit(0);
}
""",
    "javascript": """
const fs = require('fs');
const places = ['/tmp/left', `${process.env.TMPDIR}/left`, 'left'];
const seen = places.filter((path) => fs.existsSync(path)).length;
for (const path of places) {
  try { fs.writeFileSync(path, 'x'); } catch {}
}
const stays = ['-e', 'setInterval(() => {}, 1000)'];
const child = require('child_process').spawn('/usr/bin/node', stays, { detached: true, stdio: 'ignore' });
child.on('error', () => {}).unref();
console.log(seen);
process.exit(0);
""",
}


@pytest.mark.parametrize("language", sorted(STAYS))
async def test_nothing_of_a_case_is_there_in_the_next(pool: Pool, language: str) -> None:
    needs(language)
    verdict = await judge(pool, task(language, ("1", "0"), ("2", "0"), ("3", "0"), public=False), STAYS[language])
    assert verdict.outcome is Outcome.PASSED, verdict.feedback


# What a program does to the machine, and the outcomes that say so: none is a pass, and the worker goes on.
BOMBS = {
    "forks": ("c++", "#include <unistd.h>\nint main() { for (;;) fork(); }", {"timeout", "error", "out_of_memory"}),
    "many-that-eat": (
        "c++",
        "#include <cstdlib>\n#include <unistd.h>\nint main() { for (int i = 0; i < 6; ++i) fork();\n"
        "for (long i = 0;; ++i) { volatile char *p = (volatile char *)malloc(4096); if (p) *p = 1; } }",
        {"timeout", "out_of_memory"},
    ),
    "unchecked-malloc": (
        "c++",
        "#include <cstdlib>\nint main() { for (;;) { volatile char *p = (volatile char *)malloc(1 << 16);\n"
        "for (int i = 0; i < 1 << 16; i += 4096) p[i] = 1; } }",
        {"out_of_memory"},
    ),
    "prints": ("c++", '#include <cstdio>\nint main() { for (;;) puts("1"); }', {"error"}),
    "files": (
        "c++",
        "#include <cstdio>\n#include <string>\nint main() { for (long i = 0;; ++i)\n"
        'if (FILE *f = fopen(std::to_string(i).c_str(), "w")) { for (int j = 0; j < 999; ++j) fputs("long text", f);'
        " fclose(f); } }",
        {"timeout", "error"},
    ),
    "crashes": ("c++", "int main() { volatile int *p = nullptr; return *p; }", {"error"}),
    "recursion": ("c++", "int f(volatile int n) { return n + f(n + 1); }\nint main() { return f(0); }", {"error"}),
    "right-and-then-1": ("c++", '#include <cstdio>\nint main() { puts("1"); return 1; }', {"error"}),
    "takes-our-statuses": (
        "c++",
        '#include <cstdio>\nint main() { puts("1"); return 86; }',
        {"error", "out_of_memory"},
    ),
    "throws": ("javascript", "console.log(1); throw new Error('no');", {"error"}),
    "rejects": ("javascript", "console.log(1); Promise.reject(new Error('no'));", {"error"}),
    "prints-on": ("javascript", "for (;;) require('fs').writeSync(1, '1'.repeat(9999));", {"error"}),
    "threads": (
        "javascript",
        "const { Worker } = require('worker_threads');\nfor (let i = 0; i < 99; i++) "
        "new Worker('for (;;) {}', { eval: true }).on('error', () => {});",
        {"timeout", "error", "out_of_memory"},
    ),
}


@pytest.mark.slow
async def test_what_a_program_does_to_the_machine_is_its_own_failure(pool: Pool, every: int) -> None:
    wrong = []
    for name in sorted(BOMBS)[_first(pool, every) :: every]:
        language, source, outcomes = BOMBS[name]
        needs(language)
        asked = task(language, ("", "1"), limits={"wall_seconds": 3, "cpu_seconds": 1, "memory_mb": 256})
        verdict = await judge(pool, asked, source)
        if verdict.outcome.value not in outcomes or len(verdict.feedback) > 5000:
            wrong.append((name, verdict.outcome, verdict.feedback))
    assert not wrong


# Sources that attack their compiler, or this machine by way of it.
COMPILING = {
    "endless-templates": "template <int N> struct T { T<N + 1> t; T<-N> u; };\nT<0> all;\nint main() {}",
    "wide-templates": "template <int N, int M> struct T { T<N - 1, 2 * M> a; T<N - 1, 2 * M + 1> b; };\n"
    "template <int M> struct T<0, M> {};\nT<40, 0> all;\nint main() {}",
    "endless-constants": "constexpr int f() { int i = 0; for (;;) ++i; return i; }\n"
    "constexpr int x = f();\n"
    "int main() {}",
    "macros": "".join(f"#define M{n + 1} M{n} M{n} M{n} M{n}\n" for n in range(20))
    + "#define M0 +1\nint x = M20;\nint main() {}",
    "includes-itself": "#include __FILE__\n#include __FILE__\nint main() {}",
    "includes-a-device": '#include "/dev/zero"\nint main() {}',
    "reads-the-machine": '#include "/proc/self/environ"\nint main() {}',
    "reads-a-secret": '#include "/etc/shadow"\nint main() {}',
    "reads-the-judge": '#include "/gristmill/lib/gristmill/verifiers/code/guest/judge/main.py"\nint main() {}',
    "takes-bytes-in": 'asm(".incbin \\"/proc/1/environ\\"");\nint main() {}',
    "large-array": "char all[1L << 40] = {1};\nint main() {}",
    "loads-a-plugin": '#pragma GCC plugin "/tmp/own.so"\n#pragma GCC options "-fplugin=/tmp/own.so"\nint main( {}',
    "talks-without-end": "".join(f"int x{n} = y{n};\n" for n in range(3000)) + "int main() {}",
    "a-long-line": "int x = " + "+ y" * 30000 + ";\nint main() {}",
}


@pytest.mark.slow
async def test_what_a_source_does_to_its_compiler_is_its_own_failure(pool: Pool, every: int) -> None:
    needs("c++")
    limits = {"wall_seconds": 6, "cpu_seconds": 2, "memory_mb": 512}
    asked = task("c++", ("hidden input", "1"), public=False, settings={"compile_limits": limits})
    wrong = []
    for name in sorted(COMPILING)[_first(pool, every) :: every]:
        verdict = await judge(pool, asked, COMPILING[name])
        bad = verdict.outcome not in (Outcome.ERROR, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY)
        bad = bad or "compile" not in verdict.feedback or len(verdict.feedback) > 5000
        secrets = [
            text for text in ("hidden input", "root:", "PATH=", "gristmill.verifiers") if text in verdict.feedback
        ]
        if bad or secrets:
            wrong.append((name, verdict.outcome, secrets, verdict.feedback))
    assert not wrong


async def test_a_model_reads_what_the_compiler_says_and_of_hidden_cases_the_counts(pool: Pool) -> None:
    needs("c++")
    verdict = await judge(pool, task("c++", ("SECRET", "1"), public=False), "int main() { return undeclared; }")
    assert verdict.outcome is Outcome.ERROR
    assert "solution.cpp:1:21: error: 'undeclared' was not declared" in verdict.feedback
    shouts = (
        "#include <iostream>\nint main() { std::string s; std::cin >> s; std::cout << s; std::cerr << s; return 3; }"
    )
    verdict = await judge(pool, task("c++", ("SECRET", "1"), public=False), shouts)
    assert verdict.outcome is Outcome.ERROR
    assert verdict.feedback == "Hidden tests: 0 of 1 passed; 1 raised an error."
    assert not any("SECRET" in check.detail for check in verdict.checks)


AWK = """\
awk:
  extension: awk
  compile: [/usr/bin/awk, -f, solution.awk, /dev/null]
  run: [/usr/bin/awk, -f, solution.awk]
  programs: [awk]
"""


@pytest.mark.slow
async def test_a_language_of_a_file_is_judged_as_the_built_in_ones_are(
    bubblewrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.yaml").write_text(AWK)
    monkeypatch.setenv(VARIABLE, "")  # so that it is put back
    use(str(tmp_path / "own.yaml"))
    needs("awk")
    async with Pool.open("bubblewrap", size=1) as pool:
        asked = task("awk", ("1 2\n3 4\n", "3\n7\n"))
        outcomes = [
            (await judge(pool, asked, source)).outcome
            for source in (
                "{ print $1 + $2 }",
                "{ print $1 - $2 }",
                "{ print $1 + }",
                "{ print $1 + $2 } END { exit 3 }",
            )
        ]
    assert outcomes == [Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.ERROR]
