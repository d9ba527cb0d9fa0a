"""Which attributes of a thing differ between two editions, and by what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.territory.changes.editions import Edition, Index, Masks
from jnt_pipeline.territory.changes.parameters import ChangeParameters

__all__ = ["attribute_changes", "compared_columns", "dates_of", "plain"]

Differences = dict[str, list[Any]]
"""Old and new value by column."""


def compared_columns(old: Edition, new: Edition, schema: LayerSchema, parameters: ChangeParameters) -> tuple[str, ...]:
    """Columns that both editions have, without the key and the ignored ones; those of the schema come first."""
    left_out = {schema.key, *parameters.ignored_columns}
    others = sorted(set(map(str, old.frame.columns)) & set(map(str, new.frame.columns)) - set(schema.column_names))
    names = [*(name for name in schema.column_names if name in old.frame and name in new.frame), *others]
    return tuple(name for name in names if name not in left_out)


def attribute_changes(
    old: Edition, new: Edition, pairs: tuple[Index, Index], columns: tuple[str, ...], parameters: ChangeParameters
) -> dict[int, Differences]:
    """Old and new values of the columns that differ, by number of the pair; a pair without a difference has none."""
    found: dict[int, Differences] = {}
    for name in columns:
        before = old.frame[name].iloc[pairs[0]].reset_index(drop=True)
        after = new.frame[name].iloc[pairs[1]].reset_index(drop=True)
        for pair in np.flatnonzero(_differ(before, after, parameters.number_tolerance)).tolist():
            found.setdefault(pair, {})[name] = [plain(before.iloc[pair]), plain(after.iloc[pair])]
    return found


def dates_of(edition: Edition, row: int, parameters: ChangeParameters) -> dict[str, Any]:
    """The producer's dates of a record, where it states them."""
    names = [name for name in parameters.ignored_columns if name.endswith("_on") and name in edition.frame]
    stated = {name: plain(edition.frame[name].iloc[row]) for name in names}
    return {name: value for name, value in stated.items() if value is not None}


def plain(value: Any) -> Any:
    """The value as JSON has it; None where there is none, whole numbers without a fraction."""
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else str(float(value))
    return str(value)


def _differ(before: pd.Series[Any], after: pd.Series[Any], tolerance: float) -> Masks:
    absent = before.isna().to_numpy(dtype=bool), after.isna().to_numpy(dtype=bool)
    if all(is_numeric_dtype(values) and not is_bool_dtype(values) for values in (before, after)):
        left, right = (values.to_numpy(dtype=np.float64, na_value=np.nan) for values in (before, after))
        unlike = ~np.isclose(left, right, rtol=0, atol=tolerance, equal_nan=True)
    else:
        objects = [_objects(values) for values in (before, after)]
        unlike = np.asarray(objects[0] != objects[1], dtype=np.bool_)
    result: Masks = np.where(absent[0] | absent[1], absent[0] != absent[1], unlike)
    return result


def _objects(values: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Python values that compare one by one; lists as text, the absent as None."""
    plainly = values.astype("object").where(values.notna(), None)
    objects = plainly.to_numpy(dtype=object)
    if any(isinstance(value, np.ndarray | list | tuple) for value in objects):
        return np.array([str(plain(value)) for value in objects], dtype=object)
    return objects
