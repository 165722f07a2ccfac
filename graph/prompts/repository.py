"""What a prompt shows of a task's repository: its files' names, the tests to mend, and as many files as there is room.

Files of tests are not shown, nor what lies beside them: they hold what the tests expect. The author may call some of
them public. Of the others a model gets names and places. Which files are shown follows from the task alone, so that a
resumed run shows the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from gristmill.graph.prompts.feedback import clip, fenced
from gristmill.sandbox.records import Record
from gristmill.verifiers.records import Repo, Task
from gristmill.verifiers.repositories.paths import is_test, locked, matches
from gristmill.verifiers.repositories.tests import bare, file_of, line_of, parsed
from gristmill.verifiers.repositories.trees import Tree, tree_of

__all__ = ["ShownRepository", "shown_repository"]

TOKENS = "prompt_tokens"
"""The setting of a task that says for how many tokens of files there is room in its prompt."""

_TOKENS, _CHARACTERS_A_TOKEN = 8000, 3  # code has more characters a token, and nobody knows which model will read it
_MOST_PATHS, _MOST_TESTS, _LONGEST_FILE = 400, 40, 200_000
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class ShownRepository(Record):
    """Texts for a prompt: `tree` a line a file, `tests` a line a test, `files` fenced with their paths."""

    tree: str
    editable: str
    tests: str
    files: str


def shown_repository(task: Task, repo: Repo) -> ShownRepository:
    """What a model is shown of a repository.

    Raises:
        RepositoryError: it cannot be read.
    """
    tree = tree_of(repo)
    tests = [_test_line(tree, repo, test) for test in repo.tests[:_MOST_TESTS]]
    if len(repo.tests) > _MOST_TESTS:
        tests.append(f"- and {len(repo.tests) - _MOST_TESTS} more")
    return ShownRepository(
        tree="\n".join(_tree_lines(tree, repo)),
        editable=", ".join(f"`{each}`" for each in repo.editable),
        tests="\n".join(dict.fromkeys(tests)),
        files="\n\n".join(_files(task, tree, repo)),
    )


def _test_line(tree: Tree, repo: Repo, test: str) -> str:
    line = line_of(test, tree.text(file_of(test)))
    place = file_of(test) if line is None else f"{file_of(test)}:{line}"
    return f"- `{test if test not in repo.hidden else bare(test)}` ({place})"


def _tree_lines(tree: Tree, repo: Repo) -> Iterator[str]:
    paths = sorted(tree.files)
    # What may be changed is named first where there is no room for all.
    paths.sort(key=lambda path: not _editable(path, repo)) if len(paths) > _MOST_PATHS else None
    for path in sorted(paths[:_MOST_PATHS]):
        yield f"{path}{'  (editable)' if _editable(path, repo) else ''}"
    if len(paths) > _MOST_PATHS:
        yield f"… and {len(paths) - _MOST_PATHS} more files"


def _editable(path: str, repo: Repo) -> bool:
    return matches(path, repo.editable) and not locked(path)


def _files(task: Task, tree: Tree, repo: Repo) -> Iterator[str]:
    """Public tests, files that the task names, then those nearest in words to it; whole, while there is room."""
    room = int(task.settings.get(TOKENS, _TOKENS)) * _CHARACTERS_A_TOKEN
    named = [path for path in _readable(tree) if path not in repo.public and _names(task.prompt, path)]
    nearest = [path for path in _nearest(task, tree, repo) if path not in named]
    first = [*repo.public, *named]
    for place, path in enumerate([*first, *nearest]):
        text = tree.text(path)
        if text is None or room <= 0:
            continue
        shown = text
        if len(text) > room:
            if place and path not in first:
                continue  # a smaller one may have room
            shown = clip(text, room)
        block = f"`{path}`:\n{fenced(shown, 'python' if path.endswith('.py') else '')}"
        room -= len(block)
        yield block


def _readable(tree: Tree) -> Iterator[str]:
    """The files that any model may read; empty ones say nothing."""
    for path in sorted(tree.files):
        if not is_test(path) and 0 < len(tree.files[path]) <= _LONGEST_FILE and tree.text(path) is not None:
            yield path


def _names(prompt: str, path: str) -> bool:
    """Whether a prompt names a file: by its path, its name, or as a module with a dot."""
    module = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    names = [path, path.rpartition("/")[2], *([module] if "." in module else [])]
    return any(re.search(rf"(?<![\w./]){re.escape(name)}(?![\w/])", prompt) for name in names if name != "__init__.py")


def _nearest(task: Task, tree: Tree, repo: Repo) -> list[str]:
    asked = [task.prompt, *map(bare, repo.tests)]
    for path in dict.fromkeys(map(file_of, repo.tests)):
        # What a test imports is no value that it expects.
        asked += _imports(tree.text(path) or "")
    return _ranked(tuple((path, tree.text(path) or "") for path in _readable(tree)), tuple(_words(asked)))


@lru_cache(maxsize=32)
def _ranked(files: tuple[tuple[str, str], ...], asked: tuple[str, ...]) -> list[str]:
    """Paths by BM25, the nearest first, those of no word in common left out; ties by name."""
    if not files or not asked:
        return []
    from bm25s import BM25

    index = BM25()
    index.index([list(_words([path, text])) or [""] for path, text in files], show_progress=False)
    known = [word for word in asked if word in index.vocab_dict]
    if not known:
        return []
    scores = index.get_scores(known)
    rows = sorted((-round(float(score), 4), path) for score, (path, _) in zip(scores, files, strict=True))
    return [path for score, path in rows if score < 0]


def _words(texts: Iterable[str]) -> Iterator[str]:
    """Parts of names in small letters: `total_price`, `TotalPrice` and `total price` have the same."""
    for text in texts:
        yield from (word.lower() for word in _WORD.findall(text) if len(word) > 1)


def _imports(source: str) -> list[str]:
    tree = parsed(source)
    names: list[str] = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom):
            names += [node.module or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names
