"""Reads the source text of a solution for the classes whose objects a judge can hold by value, without running it.

The text is hostile, and a parser may have faults: it is read in a job of its own, which holds neither tests nor a
channel to them, and what comes of it is plain rows of a fixed form that the judge checks again (`judge.twins`). Against
names that pose as the standard library's: a name counts only if the module binds it once, by an import. Against
classes that decide comparisons themselves: one that defines any of `OWN`, takes a metaclass, a keyword or a decorator
that is not known, or leaves a field out of comparisons, gets no row.
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any

from gristmill.verifiers.code.guest.candidate.names import Names, constant, default

if TYPE_CHECKING:
    from gristmill.sandbox.guest.context import JobContext

__all__ = ["outline", "rows"]

# A class that defines one of these decides what its objects are; they stay behind a handle.
OWN = frozenset(
    f"__{name}__"
    for name in """
    eq ne hash new init getattr getattribute setattr delattr class dict bool instancecheck subclasscheck init_subclass
    class_getitem reduce reduce_ex getstate setstate match_args dataclass_fields dataclass_params set_name get set
    prepare mro_entries
    """.split()
)
_ENUMS = frozenset(("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"))
_OWN_ENUM = frozenset(("_missing_", "_generate_next_value_", "_ignore_", "_value_", "_name_", "_order_", "mro"))
_VALUES = frozenset(("int", "str", "float", "bytes"))
_CONTAINERS = frozenset(("list", "dict", "set", "collections.Counter", "collections.OrderedDict"))
# What a value's class may define besides: texts, and arithmetic, which counts as the candidate's own answer.
_OF_VALUES = frozenset(
    f"__{name}__"
    for name in "str repr format neg pos abs add sub mul truediv floordiv mod matmul radd rsub rmul rtruediv".split()
)
_MOST_CLASSES, _MOST_NAMES = 50, 100


class _NoTwinError(Exception):
    """A class is none that is carried by value."""


def outline(context: JobContext) -> None:
    """Send the rows of ``request["source"]``; an unreadable source has none."""
    context.send({"rows": rows(context.request["source"])})


def rows(source: str) -> list[dict[str, Any]]:
    """One row for each class at the top of a module that can be carried, bases first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            names = Names(tree)
            classes: dict[str, dict[str, Any]] = {}
            for node in tree.body:
                if len(classes) < _MOST_CLASSES and (row := _row(node, names, classes)) is not None:
                    classes[row["name"]] = row
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return list(classes.values())


def _row(node: ast.stmt, names: Names, classes: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    try:
        if isinstance(node, ast.ClassDef) and _usable(node.name) and names.is_single(node.name):
            return _class(node, names, classes)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            return _factory(node, node.value, names)
    except _NoTwinError:
        pass
    return None


def _usable(name: str) -> bool:
    return name.isascii() and name.isidentifier() and not name.startswith("_") and len(name) <= 80


def _class(node: ast.ClassDef, names: Names, classes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if node.keywords:
        raise _NoTwinError
    body = _Body(node, names)
    bases = [names.meaning(base) or getattr(base, "id", "") for base in node.bases]
    decorators = [names.meaning(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list]
    row: dict[str, Any] = {"name": node.name, "methods": body.methods, "own": sorted(body.special)}
    if decorators == ["dataclasses.dataclass"]:
        body.refuse()
        return row | _dataclass(node, body, bases, names, classes)
    if bases and bases[-1].removeprefix("enum.") in _ENUMS and bases[-1].startswith("enum."):
        if not set(decorators) <= {"enum.unique"}:
            raise _NoTwinError
        body.refuse("__init__")
        return row | _enum(body, bases, names)
    if decorators:
        raise _NoTwinError
    base = bases[0].removeprefix("builtins.") if len(bases) == 1 and not body.assigned else ""
    if base == "typing.NamedTuple" and body.special <= _OF_VALUES:
        return row | {"kind": "tuple", "fields": [[each.target.id, *default(each.value)] for each in body.annotated]}
    imported = bases != [base] or base.startswith("collections.")
    if base in _VALUES | {"tuple"} and imported and body.special <= _OF_VALUES | {"__new__"}:
        return row | {"kind": "value", "base": base}
    if base in _CONTAINERS and imported:
        body.refuse("__init__")
        return row | {"kind": "contents", "base": base.removeprefix("collections.")}
    raise _NoTwinError


class _Body:
    """What the body of a class defines.

    Raises:
        _NoTwinError: something in it decides what its objects are, or is none of what is known.
    """

    def __init__(self, node: ast.ClassDef, names: Names) -> None:
        self.methods: list[list[str]] = []
        self.special: set[str] = set()
        self.annotated: list[Any] = []
        self.assigned: list[tuple[str, ast.expr]] = []
        self._names = names
        for each in node.body:
            self._read(each)
        defined = [name for name, _ in self.methods] + [name for name, _ in self.assigned]
        defined += [each.target.id for each in self.annotated]
        if len(set(defined)) < len(defined) or len(defined) > _MOST_NAMES:
            raise _NoTwinError

    def refuse(self, *allowed: str) -> None:
        """Let no class have a twin that defines a method of `OWN`, except those."""
        if (self.special - set(allowed)) & OWN:
            raise _NoTwinError

    def _read(self, each: ast.stmt) -> None:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            if each.name.startswith("__"):
                self.special.add(each.name)
            elif each.name in _OWN_ENUM:
                raise _NoTwinError
            else:
                self.methods.append([each.name, self._manner(each)])
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            if each.target.id.startswith("__"):
                raise _NoTwinError
            self.annotated.append(each)
        elif isinstance(each, ast.Assign) and len(each.targets) == 1 and isinstance(each.targets[0], ast.Name):
            name = each.targets[0].id
            if name == "__slots__":
                return
            if name.startswith("__") or name in _OWN_ENUM:
                raise _NoTwinError
            self.assigned.append((name, each.value))
        elif not isinstance(each, ast.Pass) and not (
            isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        ):
            raise _NoTwinError

    def _manner(self, each: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        """How a method is reached: from an object by a call or by being read, or from the class."""
        decorators = [self._names.meaning(decorator) for decorator in each.decorator_list]
        if not decorators:
            return "call"
        if decorators in (["builtins.property"], ["functools.cached_property"]):
            return "get"
        if decorators in (["builtins.classmethod"], ["builtins.staticmethod"]):
            return "class"
        raise _NoTwinError


def _options(node: ast.ClassDef) -> dict[str, bool]:
    options = {"frozen": False, "order": False, "eq": True, "repr": True, "kw_only": False, "unsafe_hash": False}
    options |= {"slots": False, "init": True, "match_args": True}
    (decorator,) = node.decorator_list
    if isinstance(decorator, ast.Call):
        for each in decorator.keywords:
            value = each.value.value if isinstance(each.value, ast.Constant) else None
            if each.arg not in options or type(value) is not bool:
                raise _NoTwinError
            options[each.arg] = value
        if decorator.args:
            raise _NoTwinError
    if not (options["eq"] and options["init"] and options["match_args"]) or options["unsafe_hash"]:
        raise _NoTwinError
    return options


def _dataclass(
    node: ast.ClassDef, body: _Body, bases: list[str], names: Names, classes: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    options = _options(node)
    fields: dict[str, list[Any]] = {}
    post = "__post_init__" in body.special
    base = ""
    if bases not in ([], ["builtins.object"]):
        above = classes.get(bases[0]) if len(bases) == 1 else None
        if above is None or above["kind"] != "dataclass" or above["frozen"] is not options["frozen"]:
            raise _NoTwinError
        fields |= {field[0]: field for field in above["fields"]}
        post, base = post or above["post"], above["name"]
    kw_only = options["kw_only"]
    for each in body.annotated:
        text = ast.unparse(each.annotation)
        if names.meaning(each.annotation) == "dataclasses.KW_ONLY":
            kw_only = True
        elif "InitVar" in text or (isinstance(each.annotation, ast.Constant) and "ClassVar" in text):
            raise _NoTwinError
        elif "ClassVar" not in text:
            fields[each.target.id] = [each.target.id, kw_only, *_field(each.value, names)]
    if not fields:
        raise _NoTwinError  # all objects of such a class are equal
    return {
        "kind": "dataclass",
        "base": base,
        "fields": list(fields.values()),
        "post": post,
        **{option: options[option] for option in ("frozen", "order", "repr")},
    }


def _field(value: ast.expr | None, names: Names) -> list[Any]:
    """Whether its text shows the field, and its default as `default` tells it."""
    if not (isinstance(value, ast.Call) and names.meaning(value.func) == "dataclasses.field"):
        return [True, *default(value)]
    arguments = {each.arg: each.value for each in value.keywords}
    if value.args or not set(arguments) <= {"default", "default_factory", "repr", "metadata"}:
        raise _NoTwinError
    shown = constant(arguments["repr"]) if "repr" in arguments else [True]
    if shown not in ([True], [False]):
        raise _NoTwinError
    if "default" in arguments:
        return [*shown, *default(arguments["default"])]
    return [*shown, False] if "default_factory" in arguments else shown


def _enum(body: _Body, bases: list[str], names: Names) -> dict[str, Any]:
    mixin = bases[0].removeprefix("builtins.") if len(bases) == 2 else ""
    if len(bases) > 2 or (mixin and (mixin not in _VALUES or not bases[0].startswith("builtins."))) or body.annotated:
        raise _NoTwinError
    if "__init__" in body.special and mixin:
        raise _NoTwinError
    members: list[list[Any]] = []
    for name, value in body.assigned:
        plain = constant(value)
        automatic = isinstance(value, ast.Call) and names.meaning(value.func) == "enum.auto" and not value.args
        if not plain and not automatic:
            members.append([name, "of", *_joined(value, {each[0] for each in members})])
        else:
            members.append([name, "auto"] if automatic else [name, "is", plain[0]])
    if not members:
        raise _NoTwinError
    return {"kind": "enum", "base": bases[-1].removeprefix("enum."), "mixin": mixin, "members": members}


def _joined(node: ast.expr, members: set[str]) -> list[str]:
    """The names in ``READ | WRITE``."""
    if isinstance(node, ast.Name) and node.id in members:
        return [node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_joined(node.left, members), *_joined(node.right, members)]
    raise _NoTwinError


def _factory(node: ast.Assign, call: ast.Call, names: Names) -> dict[str, Any]:
    """``Point = namedtuple("Point", "x y")``."""
    target = node.targets[0]
    if len(node.targets) != 1 or not isinstance(target, ast.Name) or not _usable(target.id):
        raise _NoTwinError
    if names.meaning(call.func) != "collections.namedtuple" or call.keywords or not names.is_single(target.id):
        raise _NoTwinError
    match [
        constant(each) if not isinstance(each, ast.List) else constant(ast.Tuple(each.elts, ast.Load()))
        for each in call.args
    ]:
        case [[str(name)], [str() | tuple() as declared]] if name == target.id:
            fields = declared.replace(",", " ").split() if isinstance(declared, str) else list(declared)
            return {"name": name, "kind": "tuple", "methods": [], "own": [], "fields": [[each] for each in fields]}
    raise _NoTwinError
