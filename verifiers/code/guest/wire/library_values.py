"""Frames, tensors, expressions, paths and the like as plain values, and made again, for a judge that compares them.

What is made is of the libraries' own classes and holds nothing but values that have crossed. Against objects that
compare as they like: none crosses.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
from typing import Any

from gristmill.verifiers.code.guest.wire.symbolic import symbolic_form, symbolic_value

__all__ = ["form_of", "value_of"]


def form_of(value: Any) -> tuple[str, list[Any]] | None:
    """(kind, parts) of what `value_of` can make again; None for anything else."""
    if issubclass(type(value), pathlib.PurePath):
        return "path", [str.__str__(str(value))]
    uuid: Any = sys.modules.get("uuid")  # whoever has made one has imported it
    if uuid is not None and type(value) is getattr(uuid, "UUID", None):
        return "uuid", [str(value)]
    for telling in (_told_numpy, _told_pandas, _told_torch, symbolic_form):
        if (form := telling(value)) is not None:
            return form
    return None


def _told_numpy(value: Any) -> tuple[str, list[Any]] | None:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "dtype") or not issubclass(type(value), numpy.dtype):
        return None
    return "dtype", [[list(each) for each in value.descr] if value.names else value.str]


def _told_pandas(value: Any) -> tuple[str, list[Any]] | None:
    """A DataFrame, Series or Index, or one item of theirs."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return None
    kind = type(value)
    if issubclass(kind, pandas.DataFrame):
        columns = [_array(value.iloc[:, place].array) for place in range(value.shape[1])]
        return "frame", [_index(value.index), _index(value.columns), columns]
    if issubclass(kind, pandas.Series):
        return "series", [_index(value.index), _label(value.name), _array(value.array)]
    if issubclass(kind, pandas.Index):
        return "index", _index(value)
    if issubclass(kind, pandas.Period):
        return "period", [str(value), value.freqstr]
    if value is not pandas.NA and value is not pandas.NaT and not issubclass(kind, pandas.Timestamp):
        return None
    cell = _cell(value)
    return cell["\0is"], cell.get("parts", [])


def _index(index: Any) -> list[Any]:
    pandas: Any = sys.modules["pandas"]
    names = [_label(each) for each in index.names]
    if issubclass(type(index), pandas.MultiIndex):
        return ["multi", names, [_array(index.get_level_values(place).array) for place in range(index.nlevels)]]
    if issubclass(type(index), pandas.RangeIndex):
        return ["range", names, [index.start, index.stop, index.step]]
    freq = (
        getattr(index, "freqstr", None)
        if issubclass(type(index), (pandas.DatetimeIndex, pandas.TimedeltaIndex))
        else None
    )
    return ["plain", names, [_array(index.array), freq]]


def _label(value: Any) -> Any:
    return value if value is None or type(value) in (str, int, float, bool, tuple) else str(value)


def _array(array: Any) -> list[Any]:
    """[dtype, values] of one column."""
    pandas: Any = sys.modules["pandas"]
    numpy: Any = sys.modules["numpy"]
    dtype = array.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        return ["category", [_array(dtype.categories.array), bool(dtype.ordered), numpy.array(array.codes)]]
    if isinstance(dtype, pandas.PeriodDtype):
        return [str(dtype), ["period", numpy.array(array.asi8)]]
    if isinstance(dtype, pandas.DatetimeTZDtype) or getattr(dtype, "kind", "") in "mM":
        return [str(dtype), ["time", numpy.array(array.asi8)]]
    if isinstance(dtype, numpy.dtype) and dtype.kind in "biufc":
        return [str(dtype), ["numbers", numpy.array(array)]]
    return [str(dtype), ["items", [_cell(each) for each in array]]]


def _cell(value: Any) -> Any:
    """One item of a column of objects or of a masked one."""
    pandas: Any = sys.modules["pandas"]
    if value is pandas.NA:
        return {"\0is": "NA"}
    if value is pandas.NaT:
        return {"\0is": "NaT"}
    if issubclass(type(value), pandas.Timestamp):
        return {"\0is": "stamp", "parts": [str(value)]}
    item = getattr(value, "item", None)
    return item() if callable(item) and type(value).__module__ == "numpy" else value


def value_of(kind: str, parts: Any) -> Any:
    """What `form_of` has given.

    Raises:
        Exception: it is no such thing; parts of a candidate's may be anything.
    """
    if kind in ("tensor", "torch type"):
        torch: Any = importlib.import_module("torch")

        if kind == "torch type":
            return getattr(torch, _torch_type(parts[0]))
        return torch.tensor(parts[0]).to(getattr(torch, _torch_type(parts[1])))
    if kind == "sympy":
        return symbolic_value(parts[0])
    if kind == "path":
        return pathlib.PurePosixPath(parts[0])
    if kind == "uuid":
        return importlib.import_module("uuid").UUID(parts[0])
    if kind == "dtype":
        numpy: Any = importlib.import_module("numpy")

        return numpy.dtype([tuple(each) for each in parts[0]] if type(parts[0]) is list else parts[0])
    pandas: Any = importlib.import_module("pandas")

    if kind == "period":
        return pandas.Period(parts[0], freq=parts[1])
    if kind in ("NA", "NaT", "stamp"):
        return _made_cell({"\0is": kind, "parts": parts})
    if kind == "frame":
        columns = {place: _column(each) for place, each in enumerate(parts[2])}
        index = _made_index(parts[0])
        frame = pandas.DataFrame(columns, index=index) if columns else pandas.DataFrame(index=index)
        frame.columns = _made_index(parts[1])
        return frame
    if kind == "series":
        return pandas.Series(_column(parts[2]), index=_made_index(parts[0]), name=parts[1])
    return _made_index(parts)


def _made_index(parts: list[Any]) -> Any:
    pandas: Any = importlib.import_module("pandas")

    kind, names, rest = parts
    if kind == "multi":
        return pandas.MultiIndex.from_arrays([_column(each) for each in rest], names=names)
    if kind == "range":
        return pandas.RangeIndex(*rest, name=names[0])
    index = pandas.Index(_column(rest[0]), name=names[0])
    if rest[1] is not None:
        index.freq = rest[1]
    return index


def _column(parts: list[Any]) -> Any:
    numpy: Any = importlib.import_module("numpy")
    pandas: Any = importlib.import_module("pandas")

    dtype, value = parts
    if dtype == "category":
        categories, ordered, codes = value
        return pandas.Categorical.from_codes(codes, categories=_column(categories), ordered=ordered)
    how, values = value
    if how == "period":
        return pandas.PeriodIndex.from_ordinals(values, freq=dtype.removeprefix("period[").removesuffix("]")).array
    if how == "time":
        if "," in dtype:
            unit = dtype.partition("[")[2].partition(",")[0]
            naive = pandas.array(numpy.array(values, "int64").view(f"M8[{unit}]"))
            return pandas.DatetimeIndex(naive).tz_localize("UTC").tz_convert(dtype.partition(", ")[2].rstrip("]")).array
        return pandas.array(numpy.array(values, "int64").view(numpy.dtype(dtype)))
    if how == "numbers":
        return numpy.array(values, dtype)
    return pandas.array([_made_cell(each) for each in values], dtype=dtype)


def _made_cell(value: Any) -> Any:
    pandas: Any = importlib.import_module("pandas")

    if type(value) is dict and "\0is" in value:
        kind = value["\0is"]
        if kind == "stamp":
            return pandas.Timestamp(value["parts"][0])
        return {"NA": pandas.NA, "NaT": pandas.NaT}[kind]
    return value


def _told_torch(value: Any) -> tuple[str, list[Any]] | None:
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "Tensor"):
        return None
    if type(value) is torch.dtype:
        return "torch type", [str(value).removeprefix("torch.")]
    if not issubclass(type(value), torch.Tensor):
        return None
    tensor = value.detach().cpu().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    return "tensor", [(tensor.float() if name in ("bfloat16", "float16") else tensor).numpy().copy(), name]


def _torch_type(name: str) -> str:
    known = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
    return name if name in known else "float32"
