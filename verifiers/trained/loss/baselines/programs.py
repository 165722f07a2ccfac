"""The published losses by name: as functions, and as the text of candidate programs to start from or compare with.

torch is needed for `function` only.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from gristmill.sandbox.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Form", "function", "names", "program"]

Form = Literal["labels", "pairs"]
"""What a loss is of: logits and labels, or the four log-probabilities of a pair of answers and beta."""
_MODULES: Final[dict[Form, tuple[str, ...]]] = {"labels": ("labels",), "pairs": ("preferences", "discovered")}


def names(form: Form) -> tuple[str, ...]:
    """The published losses of a form, in the order in which they are written down."""
    return tuple(name for name, (of, _) in _programs().items() if of == form)


def program(name: str) -> str:
    """A published loss as a candidate program, which defines `loss`.

    Raises:
        UserError: there is none of that name; the known ones are listed.
    """
    return _known(name)[1]


def function(name: str) -> Callable[..., Tensor]:
    """A published loss as a function of torch tensors.

    Raises:
        UserError: as `program`.
    """
    form, _ = _known(name)
    modules = [import_module(f"gristmill.verifiers.trained.loss.baselines.{each}") for each in _MODULES[form]]
    found: Callable[..., Tensor] = next(getattr(each, name) for each in modules if hasattr(each, name))
    return found


def _known(name: str) -> tuple[Form, str]:
    try:
        return _programs()[name]
    except KeyError:
        raise UserError(f"there is no published loss {name!r}; there are {', '.join(_programs())}") from None


@cache
def _programs() -> dict[str, tuple[Form, str]]:
    found: dict[str, tuple[Form, str]] = {}
    for form, modules in _MODULES.items():
        for module in modules:
            text = Path(__file__).with_name(f"{module}.py").read_text("utf-8")
            tree = ast.parse(text)
            imports = [each for each in tree.body if isinstance(each, (ast.Import, ast.ImportFrom))]
            for each in tree.body:
                if isinstance(each, ast.FunctionDef):
                    found[each.name] = form, _alone(text, each, imports)
    return found


def _alone(text: str, wanted: ast.FunctionDef, imports: list[ast.Import | ast.ImportFrom]) -> str:
    """A function under the name `loss`, with the imports that it uses."""
    used = {node.id for node in ast.walk(wanted) if isinstance(node, ast.Name)}
    bound = [(each, each.names[0].asname or each.names[0].name) for each in imports]
    head = [ast.unparse(each) for each, name in bound if name in used]
    body = ast.get_source_segment(text, wanted) or ""
    return "\n".join([*head, "", "", body.replace(f"def {wanted.name}(", "def loss(", 1), ""])
