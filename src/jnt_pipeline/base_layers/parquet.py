"""Layers on disk: GeoParquet 1.1 for features, plain Parquet for tables; same frame, same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.parquet_layout import COVERING, ROW_GROUP_SIZE, SIDES, geo_metadata, no_covering_column
from jnt_pipeline.errors import MissingCrsError, SchemaError, UnreadableError

__all__ = ["ROW_GROUP_SIZE", "layer_bounds", "read_layer_metadata", "read_layer_parquet", "write_layer_parquet"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


def write_layer_parquet(frame: pd.DataFrame, path: Path, *, metadata: Mapping[str, str] = _NOTHING) -> None:
    """Write the records of a layer (*couche*): rows and columns in their order, no index, no time of writing.

    Parameters
    ----------
    frame
        A ``GeoDataFrame`` with one geometry column and a CRS gives GeoParquet 1.1 (WKB, PROJJSON, covering
        box ``bbox``); a ``DataFrame`` gives plain Parquet. Text is pandas ``str``, integers that may be
        absent ``Int64``, instants ``datetime64[us, UTC]``; an ``object`` column holds lists of integers.
    path
        File to write; its folder exists.
    metadata
        Further key-value pairs of the file, e.g. provenance as JSON under ``jnt``.

    Raises ``MissingCrsError`` for features without a CRS, ``SchemaError`` for a column of mixed types.

    Source: GeoParquet 1.1.0, https://geoparquet.org/releases/v1.1.0/.
    """
    extra = {key.encode(): value.encode() for key, value in sorted(metadata.items())}
    if isinstance(frame, gpd.GeoDataFrame):
        table, geo = _features_table(frame, path)
        extra[b"geo"] = json.dumps(geo, sort_keys=True, ensure_ascii=False).encode()
    else:
        table = _plain_table(frame, path)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **extra})
    pq.write_table(table, path, version="2.6", compression="zstd", compression_level=9, row_group_size=ROW_GROUP_SIZE)


def read_layer_parquet(path: Path, *, columns: Sequence[str] | None = None, bbox: Bounds | None = None) -> pd.DataFrame:
    """The records of one file: a ``GeoDataFrame`` where it is GeoParquet, else a ``DataFrame``.

    ``bbox`` (CRS of the file) reads only features whose own box meets it; it needs a GeoParquet file.
    Raises ``UnreadableError`` when the file is not Parquet.
    """
    chosen = None if columns is None else list(columns)
    if "geo" not in read_layer_metadata(path):
        return pd.read_parquet(path, columns=chosen)
    frame: pd.DataFrame = gpd.read_parquet(path, columns=chosen, bbox=bbox)
    return frame


def read_layer_metadata(path: Path) -> dict[str, str]:
    """The key-value metadata of one file, without reading its records; raises ``UnreadableError``."""
    try:
        found = pq.read_metadata(path).metadata or {}
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableError(
            "not a readable Parquet file",
            where=path,
            found=str(error),
            expected="Parquet",
            remedy="make the layer again: delete the file and run the pipeline",
        ) from error
    return {key.decode(): value.decode() for key, value in found.items() if key not in {b"ARROW:schema", b"pandas"}}


def layer_bounds(path: Path) -> Bounds | None:
    """Box of the features of one GeoParquet file, from its metadata; None without features. No record is read."""
    geo: dict[str, Any] = json.loads(read_layer_metadata(path).get("geo", "null")) or {}
    box = geo["columns"][geo["primary_column"]].get("bbox") if geo else None
    return None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def _plain_table(frame: pd.DataFrame, path: Path, *, binary: str = "") -> pa.Table:
    columns = {binary: pa.field(binary, pa.binary())} if binary else {}
    for name in frame.columns:
        if name != binary and frame[name].dtype == object:
            columns[name] = pa.field(name, _type_of_objects(frame[name], path))
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SchemaError(
            "a column holds values of mixed types",
            where=path,
            found=str(error),
            expected="one type per column",
            remedy="set the dtype of the column before writing",
        ) from error
    fields = []
    for field in table.schema:
        if field.name in columns:
            fields.append(columns[field.name])
        elif pa.types.is_large_string(field.type):
            fields.append(pa.field(field.name, pa.string()))
        else:
            fields.append(field)
    return table.cast(pa.schema(fields, metadata=table.schema.metadata))


def _type_of_objects(column: pd.Series[Any], path: Path) -> pa.DataType:
    """Type of an ``object`` column: what Arrow finds, lists of integers where all values are absent."""
    try:
        found = pa.array(column, from_pandas=True).type
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SchemaError(
            "a column holds values of mixed types",
            where=f"{path.name}, column {column.name}",
            found=str(error),
            expected="text, or lists of integers",
            remedy="set the dtype of the column before writing",
        ) from error
    integers = pa.list_(pa.int64())
    nothing = pa.types.is_null(found) or (pa.types.is_list(found) and pa.types.is_null(found.value_type))
    return integers if nothing else found


def _features_table(frame: gpd.GeoDataFrame, path: Path) -> tuple[pa.Table, dict[str, Any]]:
    if frame.crs is None:
        raise MissingCrsError(
            "features without a CRS",
            where=path,
            expected="a GeoDataFrame with a CRS",
            remedy="state it with set_crs",
        )
    name = frame.geometry.name
    geometry = np.asarray(frame.geometry.array, dtype=object)
    no_covering_column(map(str, frame.columns), path)
    # The geometry stays among the columns as WKB, so that a layer without attributes keeps its length.
    flat = pd.DataFrame({column: frame[column] for column in frame.columns if column != name}, index=frame.index)
    flat[name] = pd.Series(shapely.to_wkb(geometry, flavor="iso"), index=frame.index, dtype=object)
    table = _plain_table(flat, path, binary=name)
    boxes = shapely.bounds(geometry).reshape(-1, 4)
    absent = np.isnan(boxes).any(axis=1)
    covering = pa.StructArray.from_arrays(
        [pa.array(boxes[:, i]) for i in range(4)], names=list(SIDES), mask=pa.array(absent)
    )
    table = table.append_column(pa.field(COVERING, covering.type), covering)
    known = boxes[~absent]
    bounds = [*known[:, :2].min(axis=0).tolist(), *known[:, 2:].max(axis=0).tolist()] if len(known) else None
    return table, geo_metadata(name, frame.crs.to_json_dict(), _geometry_types(geometry), bounds)


def _geometry_types(geometry: np.ndarray[Any, np.dtype[np.object_]]) -> list[str]:
    return sorted(
        {f"{shape.geom_type} Z" if shape.has_z else shape.geom_type for shape in geometry if shape is not None}
    )
