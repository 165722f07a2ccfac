"""What `drive` returns, made of plain values: the form in which `judge` gets it.

It is made beside the candidate, so it is a claim like all that leaves this process: objects that lie about themselves
(classes with an equality of their own, texts and numbers of subclasses) are read through the builtin class's own
methods and leave as what they hold, and nothing of a candidate's class ever reaches the judge. Libraries are asked for
only where somebody else has imported them.

    dict, list, tuple, set, frozenset, deque, Counter, OrderedDict    the same; subclasses as their builtin class
    named tuple                                      the same
    enumeration's member                             its value
    data class, attrs class, pydantic model          a dict of its fields
    exception                                        (name of its class, message)
    Path, UUID                                       text
    sqlite3.Row                                      a tuple
    call of a Mock                                   (args, kwargs) or (name, args, kwargs)
    date and time with a zone                        the same moment with a fixed offset
    numpy array of numbers                           the same; of anything else nested lists
    torch tensor                                     numpy array
    pandas DataFrame                                 {"columns", "index", "dtypes", "rows"}
    pandas Series                                    {"name", "index", "dtype", "values"}
    pandas Index                                     a list
    SymPy integer, rational number, truth            int, Fraction, bool
    SymPy matrix; any other value of SymPy's         nested lists of these; text, as `str` writes it

In frames, missing values (`NaT`, `NA`) are None, times are datetimes, and a missing float stays NaN.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["NotPlainError", "plain"]

_MOST_LEVELS = 100
_AS_THEY_ARE = frozenset(
    (
        *(type(None), bool, int, float, str, bytes, bytearray, complex, range, slice, type(Ellipsis), type),
        *(decimal.Decimal, fractions.Fraction, datetime.date, datetime.timedelta),
    )
)


class NotPlainError(Exception):
    """`drive` returned what has no plain form; the message names the place, and never holds the value."""


def plain(value: Any, place: str = "values", level: int = 0) -> Any:
    """The plain form of a value; the codec checks it once more.

    Raises:
        NotPlainError: it has none, or nests deeper than 100 levels.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if level > _MOST_LEVELS:
        raise NotPlainError(f"`drive` returned what nests deeper than {_MOST_LEVELS} levels, or contains itself")
    make = _EXACT.get(kind)
    if make is not None:
        return make(value, place, level + 1)
    for make in _LIBRARIES:
        form = make(value, place, level + 1)
        if form is not _NOT_MINE:
            return form
    if _is(value, enum.Enum):
        return plain(value.value, f"{place}.value", level + 1)
    uuid: Any = sys.modules.get("uuid")
    if uuid is not None and _is(value, getattr(uuid, "UUID", ())):
        return str.__str__(str(value))
    for base, make in _BASES:
        if _is(value, base):
            return make(value, place, level + 1)
    fields = _fields(value)
    if fields is not None:
        return {name: plain(getattr(value, name), f"{place}.{name}", level + 1) for name in fields}
    raise NotPlainError(
        f"`{place}` is of type {_name(kind)}, which has no plain form: return what it holds, as numbers, text, "
        "lists or dicts"
    )


def _name(kind: type) -> str:
    return str(type.__getattribute__(kind, "__name__"))[:80]


def _is(value: Any, kinds: Any) -> bool:
    """`isinstance` without asking the value, which may claim another class."""
    return issubclass(type(value), kinds)


_NOT_MINE = object()
_Maker = Callable[[Any, str, int], Any]


def _items(values: Iterable[Any], place: str, level: int) -> list[Any]:
    return [plain(item, f"{place}[{number}]", level) for number, item in enumerate(values)]


def _pairs(value: Any, place: str, level: int) -> dict[Any, Any]:
    pairs = {}
    for key, item in dict.items(value):
        name = key if type(key) in _AS_THEY_ARE else plain(key, f"a key of {place}", level)
        shown = repr(name)[:40] if type(name) in (str, int) else "…"
        pairs[name] = plain(item, f"{place}[{shown}]", level)
    return pairs


def _members(value: Any, place: str, level: int) -> set[Any]:
    return {plain(item, f"an item of {place}", level) for item in value}


def _tuple(value: Any, place: str, level: int) -> Any:
    items = _items(tuple.__iter__(value), place, level)
    kind = type(value)
    if kind is not tuple and kind.__mro__[1:] == (tuple, object) and type(vars(kind).get("_fields")) is tuple:
        return tuple.__new__(kind, items)
    return tuple(items)


def _moment(value: Any, place: str, level: int) -> Any:
    if value.tzinfo is None or type(value.tzinfo) is datetime.timezone:
        return value
    offset = value.utcoffset()
    return value.replace(tzinfo=None if offset is None else datetime.timezone(offset))


def _error(value: BaseException, place: str, level: int) -> Any:
    try:
        message = str(value)[:1000]
    except Exception:  # its __str__ may be the candidate's
        message = ""
    return _name(type(value)), str.__str__(message)


_EXACT: dict[type, _Maker] = {
    list: _items,
    tuple: _tuple,
    dict: _pairs,
    defaultdict: _pairs,
    set: _members,
    frozenset: lambda value, place, level: frozenset(_members(value, place, level)),
    deque: lambda value, place, level: deque(_items(value, place, level), value.maxlen),
    Counter: lambda value, place, level: Counter(_pairs(value, place, level)),
    OrderedDict: lambda value, place, level: OrderedDict(_pairs(value, place, level)),
    datetime.datetime: _moment,
    datetime.time: _moment,
}
# A subclass leaves as its base, read by the base's own methods; the first that fits.
_BASES: tuple[tuple[type, _Maker], ...] = (
    (BaseException, _error),
    (pathlib.PurePath, lambda value, place, level: str.__str__(str(value))),
    (Counter, lambda value, place, level: Counter(_pairs(value, place, level))),
    (dict, _pairs),
    (list, lambda value, place, level: _items(list.__iter__(value), place, level)),
    (tuple, _tuple),
    (set, lambda value, place, level: _members(set.__iter__(value), place, level)),
    (frozenset, lambda value, place, level: frozenset(_members(frozenset.__iter__(value), place, level))),
    (deque, lambda value, place, level: deque(_items(deque.__iter__(value), place, level), value.maxlen)),
    (str, lambda value, place, level: str.__str__(value)),
    (bytes, lambda value, place, level: bytes(memoryview(value))),
    (bytearray, lambda value, place, level: bytearray(memoryview(value))),
    (int, lambda value, place, level: int.__int__(value)),
    (float, lambda value, place, level: float.__float__(value)),
    (complex, lambda value, place, level: complex(complex.real.__get__(value), complex.imag.__get__(value))),
)


def _fields(value: Any) -> list[str] | None:
    """The names of the fields of a data class, an attrs class or a pydantic model; None for other objects."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    attributes = getattr(kind, "__attrs_attrs__", None)
    if isinstance(attributes, tuple):
        return [str(each.name) for each in attributes]
    pydantic: Any = sys.modules.get("pydantic")
    if pydantic is not None and _is(value, pydantic.BaseModel):
        return list(kind.model_fields)
    return None


def _of_numpy(value: Any, place: str, level: int) -> Any:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not _is(value, (numpy.ndarray, numpy.generic)):
        return _NOT_MINE
    if _is(value, numpy.ma.MaskedArray):
        return plain(value.tolist(), place, level)
    array = numpy.array(value, subok=False)
    if array.dtype.kind in "biufc" and array.dtype.itemsize <= (16 if array.dtype.kind == "c" else 8):
        return array if _is(value, numpy.ndarray) else array[()]
    if array.dtype.kind in "mM":
        # Python's own times know no less than a microsecond.
        if numpy.datetime_data(array.dtype)[0] in ("ns", "ps", "fs", "as"):
            array = array.astype(f"{array.dtype.kind}8[us]")
    elif array.dtype.kind in "fc":  # numbers longer than those that cross
        return array.astype("c16" if array.dtype.kind == "c" else "f8")
    return plain(array.tolist(), place, level)


def _of_torch(value: Any, place: str, level: int) -> Any:
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "Tensor") or not _is(value, torch.Tensor):
        return _NOT_MINE
    tensor = value.detach().cpu()
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    return plain(tensor.resolve_conj().resolve_neg().numpy(), place, level)


def _of_pandas(value: Any, place: str, level: int) -> Any:
    pandas: Any = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return _NOT_MINE
    if _is(value, pandas.DataFrame):
        columns = [_cells(value.iloc[:, at], f"{place} column {at}", level) for at in range(value.shape[1])]
        return {
            "columns": _cells(value.columns, f"{place}.columns", level),
            "index": _cells(value.index, f"{place}.index", level),
            "dtypes": [str(each) for each in value.dtypes],
            "rows": [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(len(value))],
        }
    if _is(value, pandas.Series):
        return {
            "name": _cell(value.name, f"{place}.name", level),
            "index": _cells(value.index, f"{place}.index", level),
            "dtype": str(value.dtype),
            "values": _cells(value, place, level),
        }
    if _is(value, (pandas.Index, pandas.api.extensions.ExtensionArray)):
        return _cells(value, place, level)
    if (
        value is pandas.NaT
        or value is pandas.NA
        or _is(value, (pandas.Timestamp, pandas.Timedelta, pandas.Period, pandas.Interval))
    ):
        return _cell(value, place, level)
    return _NOT_MINE


def _cells(values: Any, place: str, level: int) -> list[Any]:
    return [_cell(each, f"{place}[{number}]", level) for number, each in enumerate(values.tolist())]


def _cell(value: Any, place: str, level: int) -> Any:
    pandas: Any = sys.modules["pandas"]
    if type(value) is tuple:
        return tuple(_cell(each, place, level) for each in value)
    if value is pandas.NaT or value is pandas.NA:
        return None
    if _is(value, pandas.Timestamp):
        return plain(value.to_pydatetime(warn=False), place, level)
    if _is(value, pandas.Timedelta):
        return value.to_pytimedelta()
    if _is(value, (pandas.Period, pandas.Interval)):
        return str(value)
    return plain(value, place, level)


def _of_sympy(value: Any, place: str, level: int) -> Any:
    sympy: Any = sys.modules.get("sympy")
    if sympy is None or not hasattr(sympy, "Basic") or not _is(value, (sympy.Basic, sympy.MatrixBase)):
        return _NOT_MINE
    if _is(value, sympy.Rational):
        number = fractions.Fraction(int(value.p), int(value.q))
        return int(number) if _is(value, sympy.Integer) else number
    if _is(value, (type(sympy.true), type(sympy.false))):
        return value is sympy.true
    if _is(value, sympy.MatrixBase):
        return plain(value.tolist(), place, level)
    return str.__str__(str(value))


def _of_sqlite(value: Any, place: str, level: int) -> Any:
    sqlite: Any = sys.modules.get("sqlite3")
    if sqlite is None or not _is(value, sqlite.Row):
        return _NOT_MINE
    return tuple(_items(tuple(value), place, level))


_LIBRARIES: tuple[_Maker, ...] = (_of_numpy, _of_torch, _of_pandas, _of_sympy, _of_sqlite)
