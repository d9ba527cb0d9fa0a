"""Columns of a batch in the types of their schema, and the records that lack a value or its form."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jnt_pipeline.base_layers.columns import Column, Kind, LayerSchema
from jnt_pipeline.base_layers.vectors.arrays import mask
from jnt_pipeline.base_layers.vectors.wkb import parts_of
from jnt_pipeline.errors import SchemaError
from jnt_pipeline.libraries.compiled import compiled

__all__ = ["ARROW_TYPES", "missing", "not_of_pattern", "typed"]

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("us", tz="UTC"),
    "integers": pa.list_(pa.int64()),
}
"""Arrow type of each kind of column, in memory and on disk."""


def typed(table: pa.RecordBatch, schema: LayerSchema) -> pa.RecordBatch:
    """Columns of the schema in their types, then the others, then ``geometry``; text without blanks around it.

    Raises ``SchemaError`` when a column is absent or holds what its kind cannot.
    """
    wanted = [column for column in schema.columns if column.name != "area_m2"]
    absent = [column.name for column in wanted if column.name not in table.schema.names]
    if absent:
        raise SchemaError(
            "columns are missing",
            where=schema.name,
            found=", ".join(table.schema.names),
            expected=", ".join(absent),
            remedy="the source must yield every column of the schema, empty where it knows nothing",
        )
    names = [column.name for column in wanted]
    columns = [_of_kind(table[column.name], column, schema.name) for column in wanted]
    if schema.keeps_other_columns:
        others = [name for name in table.schema.names if name not in {*names, "area_m2", "geometry"}]
        columns += [_plain(table[name]) for name in others]
        names += others
    return pa.RecordBatch.from_arrays([*columns, table["geometry"]], [*names, "geometry"])


def missing(values: pa.Array) -> NDArray[np.bool_]:
    """Which values are absent, shape (n,)."""
    return mask(values.is_null())


def not_of_pattern(values: pa.Array, pattern: str) -> NDArray[np.bool_]:
    """Which texts do not match ``pattern`` as a whole, shape (n,); an absent one is not among them."""
    try:
        fits = pc.match_substring_regex(values, pattern=f"^(?:{pattern})$")
    except pa.ArrowInvalid:  # Arrow's regular expressions know no look-ahead
        whole = re.compile(pattern)
        fits = pa.array([text is None or whole.fullmatch(text) is not None for text in values.to_pylist()])
    return mask(pc.invert(fits.fill_null(True) if fits.null_count else fits))


def _of_kind(values: pa.Array, column: Column, layer: str) -> pa.Array:
    kind = ARROW_TYPES[column.kind]
    found = _plain(values)
    try:
        if column.kind == "text" and (pa.types.is_string(found.type) or pa.types.is_null(found.type)):
            if pa.types.is_string(found.type) and _is_trimmed(found):
                return found
            text = pc.utf8_trim_whitespace(found.cast(kind))
            return pc.replace_with_mask(text, pc.equal(text, "").fill_null(False), pa.scalar(None, kind))
        if column.kind in {"integer", "number"} and _is_number(found.type):
            return _without_nan(found).cast(kind)
        if column.kind == "instant" and pa.types.is_timestamp(found.type):
            return found.cast(kind, safe=False)  # what is finer than a microsecond is left out
        if found.type == kind or pa.types.is_null(found.type):
            return found.cast(kind)
    except pa.ArrowInvalid as error:
        raise SchemaError(
            "values of the wrong type",
            where=f"{layer}.{column.name}",
            found=str(error),
            expected=column.kind,
            remedy="the source must set aside what it cannot read",
        ) from error
    return _as_normalise_does(found, column, layer)


def _as_normalise_does(values: pa.Array, column: Column, layer: str) -> pa.Array:
    """The rules of ``normalise`` for types that no source of this package yields."""
    from jnt_pipeline.base_layers.normalise import as_kind

    typed_values = as_kind(values.to_pandas(), column, layer)
    return pa.array(typed_values, type=ARROW_TYPES[column.kind], from_pandas=True)


def _plain(values: pa.Array) -> pa.Array:
    """Without dictionary, and text with 32-bit offsets."""
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    is_text = pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type)
    return values.cast(pa.string()) if is_text else values


def _without_nan(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type) or not pc.any(pc.is_nan(values)).as_py():
        return values
    return pc.replace_with_mask(values, pc.is_nan(values).fill_null(False), pa.scalar(None, values.type))


def _is_trimmed(text: pa.Array) -> bool:
    """Whether no text is empty or has a blank at an end, beyond doubt; False says nothing."""
    data, starts = parts_of(text)
    is_absent = missing(text) if text.null_count else np.zeros(0, dtype=bool)
    return bool(_ends_are_letters(data, starts, is_absent))


@compiled
def _ends_are_letters(data: Any, starts: Any, is_absent: Any) -> bool:
    """Whether the first and the last character are ASCII letters, digits, signs, or of U+00C0 to U+00FF."""
    for row in range(len(starts) - 1):
        if len(is_absent) and is_absent[row]:
            continue
        first, last = starts[row], starts[row + 1] - 1
        if last < first:
            return False
        is_first = 33 <= data[first] <= 126 or data[first] == 0xC3
        is_last = 33 <= data[last] <= 126 or (last > first and data[last - 1] == 0xC3)
        if not (is_first and is_last):
            return False
    return True


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
