"""GeoParquet written batch by batch: the metadata that only the last record decides goes into the footer."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jnt_pipeline.base_layers.parquet_layout import COVERING, ROW_GROUP_SIZE, SIDES, geo_metadata, no_covering_column
from jnt_pipeline.base_layers.vectors.arrays import numbers
from jnt_pipeline.errors import SchemaError

__all__ = ["LayerWriter"]

_AS_THEY_ARE = ("geometry", *(f"{COVERING}.{side}" for side in SIDES))
"""Columns that are not compressed: coordinates hardly shrink. A million parcels take 236 MB, 184 MB by zstd at level 1,
which costs a tenth of the way from file to layer, and again whenever a later stage reads them. Exports compress."""

_NUMPY_TYPES = {"string": ("object", "str"), "int64": ("int64", "Int64"), "bool": ("bool", "boolean")}


class LayerWriter:
    """Writes the records of one layer in the layout of ``write_layer_parquet``, row group by row group."""

    def __init__(self, path: Path, first: pa.RecordBatch, *, crs: dict[str, Any] | None) -> None:
        """Open ``path`` for batches like the ``first``, which is still to be added.

        ``crs`` is PROJJSON, None for a table without ``geometry``.
        """
        schema = first.schema
        no_covering_column(schema.names, path)
        self._path = path
        self._crs = crs
        self._schema = schema if crs is None else schema.append(pa.field(COVERING, _box_type()))
        self._pending: list[pa.RecordBatch] = []
        self._n_pending = 0
        self._types: set[str] = set()
        self._bounds: NDArray[np.float64] = np.array([np.inf, np.inf, -np.inf, -np.inf])
        self._is_done = False
        told = [item.name for item in schema if not pa.types.is_binary(item.type)]
        if crs is not None:
            told += [f"{COVERING}.{side}" for side in SIDES]
        self._file = pq.ParquetWriter(
            path,
            self._schema.with_metadata({b"pandas": _pandas_metadata(schema)}),
            version="2.6",
            compression={name: "none" if name in _AS_THEY_ARE else "zstd" for name in _leaves(self._schema)},
            use_dictionary=_repetitive(first),
            write_statistics=told,  # nothing is sought between the least and the greatest WKB
        )

    def add(self, table: pa.RecordBatch, boxes: NDArray[np.float64] | None, types: set[str]) -> None:
        """Write some records; their boxes, shape (n, 4), and the types of their geometries where they have one."""
        if not table.num_rows:
            return
        columns = list(table.columns)
        if boxes is not None:
            sides = [numbers(boxes[:, i]) for i in range(4)]
            columns.append(pa.StructArray.from_arrays(sides, names=list(SIDES)))
            self._bounds[:2] = np.minimum(self._bounds[:2], boxes[:, :2].min(axis=0))
            self._bounds[2:] = np.maximum(self._bounds[2:], boxes[:, 2:].max(axis=0))
        self._types |= types
        names = table.schema.names
        if names != [name for name in self._schema.names if boxes is None or name != COVERING]:
            raise self._other_columns(", ".join(names))
        for i, item in enumerate(self._schema):
            if columns[i].type != item.type:
                columns[i] = self._cast(columns[i], item)
        self._pending.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        self._n_pending += table.num_rows
        if self._n_pending >= ROW_GROUP_SIZE:
            self._flush(self._n_pending // ROW_GROUP_SIZE * ROW_GROUP_SIZE)

    def finish(self, metadata: dict[str, str]) -> None:
        """Write what is left, and the metadata of the file."""
        self._flush(self._n_pending)
        extra = dict(metadata)
        if self._crs is not None:
            bounds = self._bounds.tolist() if np.isfinite(self._bounds).all() else None
            geo = geo_metadata("geometry", self._crs, sorted(self._types), bounds)
            extra["geo"] = json.dumps(geo, sort_keys=True, ensure_ascii=False)
        self._file.add_key_value_metadata(dict(sorted(extra.items())))
        self._is_done = True

    def close(self) -> None:
        """Close the file; remove it unless ``finish`` was reached."""
        self._file.close()
        if not self._is_done:
            self._path.unlink(missing_ok=True)

    def _flush(self, n: int) -> None:
        if not n:
            return
        table = pa.Table.from_batches(self._pending, schema=self._schema)
        self._file.write_table(table.slice(0, n), row_group_size=ROW_GROUP_SIZE)
        rest = table.slice(n)
        self._pending = rest.to_batches() if rest.num_rows else []
        self._n_pending = rest.num_rows

    def _cast(self, values: pa.Array, item: pa.Field) -> pa.Array:
        try:
            return values.cast(item.type)
        except pa.ArrowException as error:
            raise self._other_columns(f"{item.name} as {values.type}, first {item.type}") from error

    def _other_columns(self, found: str) -> SchemaError:
        return SchemaError(
            "the columns of a layer change from one batch to the next",
            where=self._path.name,
            found=found,
            expected=", ".join(f"{item.name} {item.type}" for item in self._schema),
            remedy="the source must yield the same columns with the same types in every batch",
        )


def _box_type() -> pa.DataType:
    return pa.struct([(side, pa.float64()) for side in SIDES])


def _repetitive(batch: pa.RecordBatch) -> list[str]:
    """Columns of text in which most values come again: the others, keys above all, gain nothing by a dictionary."""
    texts = [name for name in batch.schema.names if pa.types.is_string(batch[name].type)]
    return [name for name in texts if 2 * pc.count_distinct(batch[name]).as_py() < batch.num_rows]


def _leaves(schema: pa.Schema) -> list[str]:
    """Paths of the columns that Parquet makes of these."""
    paths = []
    for item in schema:
        if pa.types.is_struct(item.type):
            paths += [f"{item.name}.{inner.name}" for inner in item.type]
        else:
            paths.append(f"{item.name}.list.element" if pa.types.is_list(item.type) else item.name)
    return paths


def _pandas_metadata(schema: pa.Schema) -> bytes:
    """What ``pyarrow.Table.from_pandas`` would say of these columns: integers that may be absent stay integers."""
    columns = []
    for item in schema:
        timezone = None
        kind, numpy_kind = _NUMPY_TYPES.get(str(item.type), (str(item.type), str(item.type)))
        if pa.types.is_floating(item.type):
            kind = numpy_kind = item.type.to_pandas_dtype().__name__
        elif pa.types.is_timestamp(item.type):
            kind = "datetime" if item.type.tz is None else "datetimetz"
            numpy_kind = f"datetime64[{item.type.unit}]"
            timezone = None if item.type.tz is None else {"timezone": item.type.tz}
        elif pa.types.is_list(item.type):
            kind, numpy_kind = f"list[{item.type.value_type}]", "object"
        elif pa.types.is_binary(item.type):
            kind, numpy_kind = "bytes", "object"
        elif not (pa.types.is_integer(item.type) or str(item.type) in _NUMPY_TYPES):
            kind, numpy_kind = "object", "object"
        columns.append(
            {
                "name": item.name,
                "field_name": item.name,
                "pandas_type": kind,
                "numpy_type": numpy_kind,
                "metadata": timezone,
            }
        )
    document = {
        "index_columns": [],
        "column_indexes": [],
        "columns": columns,
        "attributes": {},
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": version("pandas"),
    }
    return json.dumps(document).encode()
