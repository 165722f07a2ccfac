"""Code that Python would read but for how it was put down: brought back to what was meant, and only if it then parses.

Nothing is touched in source that parses as it stands, so nothing of an answer in good form can be changed here: a
non-breaking space inside a string stays one. Every step is one pass over the text.
"""

from __future__ import annotations

import ast
import html
import itertools
import json
import re
import textwrap
from collections.abc import Callable

from gristmill.verifiers.extraction.source import LIMIT, tree

__all__ = ["clean_reply", "readable", "with_plain_blanks"]

_WIDE = dict.fromkeys((0xA0, 0x1680, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x200B)), " ")
_NOTHING = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xAD), "")
_BLANKS: dict[int, str] = {**_WIDE, **_NOTHING}
_PLAIN: dict[int, str] = {**_BLANKS, **{ord(each): '"' for each in "“”„"}, **{ord(each): "'" for each in "‘’"}}
_ODD = re.compile("[\xa0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff\xad“”„‘’]")
# A string or a comment of Python, closed or not: """a\"""  'a'  # a
_ASIDE = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\\?\Z)'
    r"|'''(?:[^'\\]|\\.|'(?!''))*+(?:'''|\\?\Z)"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'(?:[^'\\\n]|\\.)*+'?"
    r"|#[^\n]*",
    re.DOTALL,
)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"?', re.DOTALL)
# '  12 | x'  '12: x'  '12    x'
_NUMBER = re.compile(r"[ \t]{0,8}(\d{1,5})(?:[ \t]?[|:.)│]|\t|(?=[ \t]{2}|$))(?: |$)?")
# '>>> x'  '... x'  'In [3]: x'  '   ...: x'
_PROMPT = re.compile(r"[ \t]{0,8}(?:>>>|In \[\d{1,5}\]:)(?: |$)")
_MORE = re.compile(r"[ \t]{0,12}\.\.\.:?(?: |$)")
# '> ```python'
_QUOTED = re.compile(r"^> ?(?:`{3}|~{3})", re.MULTILINE)
_QUOTE = re.compile(r"^>(?!>) ?", re.MULTILINE)
# '%%writefile a.py'  '!pip install x'  '$ python a.py'
_SHELL = re.compile(r"[%!$](?:%| ?[A-Za-z])")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#39|#x27|nbsp);")
# cat > solution.py << 'EOF'
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)(\w{1,40})\1[ \t]*(?:>[^\n]{0,200})?$")
# def is\_even(x):
_ESCAPED = re.compile(r"\\([_*\[\]<>#()])")


def clean_reply(text: str) -> str:
    """A reply without a byte order mark, and without the marks of a quotation around its fences."""
    text = text.lstrip("\ufeff")
    return _QUOTE.sub("", text) if ">" in text and _QUOTED.search(text) else text


def readable(source: str, *, program: bool = False) -> str:
    """`source` if it parses, or if nothing helps; else what it says once it is freed of its dress.

    Args:
        source: of one block.
        program: a transcript's calls are what the program does; else they only show how a function is used.
    """
    if len(source) > LIMIT:
        return source
    if (module := tree(source)) is not None:
        said = _said_in_a_string(module)
        return said if said and tree(said) is not None else source
    if _transcript_in(source):
        told = _transcript(source, program=program)
        return told if tree(told) is not None else source
    if (inner := _heredoc(source)) and tree(inner) is not None:
        return inner
    for repair in _REPAIRS:
        repaired = repair(source)
        if repaired != source and tree(repaired) is not None:
            return repaired
        # What does not help by itself may be in the way of the next: non-breaking spaces and line numbers, say.
        source = repaired if repair in _HARMLESS else source
    return source


def with_plain_blanks(source: str) -> str:
    """Source of a language that nobody here parses: odd blanks outside its strings as plain ones."""
    return _translated(source, _STRING, _BLANKS)


def _with_plain_spaces(source: str) -> str:
    """Odd blanks and quotes outside strings and comments as the plain ones, what has no width left out."""
    return _translated(source, _ASIDE, _PLAIN)


def _translated(source: str, asides: re.Pattern[str], table: dict[int, str]) -> str:
    if not _ODD.search(source):
        return source
    parts, at = [], 0
    for aside in asides.finditer(source):
        parts += [source[at : aside.start()].translate(table), aside[0]]
        at = aside.end()
    return "".join([*parts, source[at:].translate(table)])


def _said_in_a_string(module: ast.Module) -> str:
    """The text of source that is one string of several lines, and nothing else."""
    only = module.body[0] if len(module.body) == 1 else None
    value = only.value.value if isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant) else None
    return value if isinstance(value, str) and "\n" in value.strip() else ""


def _dedented(source: str) -> str:
    return textwrap.dedent(source).strip("\n")


def _unnumbered(source: str) -> str:
    """Without line numbers, if every line that says something has one, each the one after the last."""
    lines, numbers = [], []
    for line in source.split("\n"):
        if not line.strip():
            lines.append("")
            continue
        if not (match := _NUMBER.match(line)):
            return source
        numbers.append(int(match[1]))
        lines.append(line[match.end() :])
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    if len(numbers) < 2 or min(steps) < 1 or max(steps) > 50:
        return source
    return _dedented("\n".join(lines))


def _without_shell(source: str) -> str:
    """Without the lines that are for a notebook or a shell."""
    return "\n".join(line for line in source.split("\n") if not _SHELL.match(line))


def _unescaped(source: str) -> str:
    """What a text says that was printed as one line of JSON or Python: ``def f(x):\\n    return x``."""
    bare = source.strip()
    if "\n" in bare or "\\n" not in bare:
        return source
    if bare[:1] in "\"'" and bare[-1:] == bare[:1]:
        bare = bare[1:-1]
    try:
        return str(json.loads('"' + re.sub(r'\\.|"', lambda m: '\\"' if m[0] in ('"', '\\"') else m[0], bare) + '"'))
    except (ValueError, RecursionError):
        return source


def _unentitied(source: str) -> str:
    return html.unescape(source).translate({0xA0: " "}) if _ENTITY.search(source) else source


def _unescaped_markdown(source: str) -> str:
    return _ESCAPED.sub(r"\1", source)


_REPAIRS: tuple[Callable[[str], str], ...] = (
    _with_plain_spaces,
    _dedented,
    _unnumbered,
    _without_shell,
    _unentitied,
    _unescaped,
    _unescaped_markdown,
)
_HARMLESS = (_with_plain_spaces, _without_shell)


def _transcript_in(source: str) -> bool:
    return any(_PROMPT.match(line) for line in source.split("\n"))


def _transcript(source: str, *, program: bool) -> str:
    """What was typed in a session of Python or IPython, without what was printed.

    Unless it is a `program`, calls that stand by themselves are left out: they show how a function is used, and may
    raise on purpose.
    """
    typed: list[str] = []
    open_ = False
    for line in source.split("\n"):
        if prompt := _PROMPT.match(line):
            typed.append(line[prompt.end() :])
            open_ = True
        elif open_ and (more := _MORE.match(line)):
            typed.append(line[more.end() :])
        else:
            open_ = False
    whole = "\n".join(typed)
    module = tree(whole)
    if module is None or program:
        return whole
    lines = whole.split("\n")
    for node in reversed(module.body):
        if isinstance(node, ast.Expr | ast.Assert):
            lines[node.lineno - 1 : node.end_lineno] = [""]
    return "\n".join(lines).strip("\n")


def _heredoc(source: str) -> str:
    """What a shell would write into a file: the longest text between ``<< 'EOF'`` and ``EOF``."""
    lines = source.split("\n")
    found: list[str] = []
    at = 0
    while at < len(lines):
        begun = _HEREDOC.search(lines[at][-300:])
        at += 1
        if begun is None:
            continue
        inside = []
        while at < len(lines) and lines[at].strip() != begun[2]:
            inside.append(lines[at])
            at += 1
        if at < len(lines):
            found.append("\n".join(inside))
    return max(found, key=len, default="")
