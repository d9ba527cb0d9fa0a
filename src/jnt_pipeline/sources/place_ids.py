"""Ids from the place for layers that come in batches: the same as for the layer held whole, in bounded memory.

Two things that share an id may stand in any two batches: the batches wait on disk until all are known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.streams import GEOMETRY, NativeBatch
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.sources.footprint_ids import shared_ids, told_apart

__all__ = ["with_place_ids"]

_IN_MEMORY = 1 << 23  # bytes of waiting batches, beyond which they go to disk


def with_place_ids(
    batches: Iterable[NativeBatch], key: str, *, letter: str, reference: Reference
) -> Iterator[NativeBatch]:
    """The batches with ids of ``footprint_ids`` in the column ``key``; needs ``insee_code``, and all geometries."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="jnt-") as file:
        waiting: list[NativeBatch] = []
        ids: list[pa.Array] = []
        writer = None
        for batch in batches:
            shapes = _shapes(batch.table)
            codes = np.asarray(batch.table.column("insee_code").to_pylist(), dtype=object)
            ids.append(pa.array(shared_ids(codes, shapes, letter=letter, reference=reference), pa.string()))
            waiting.append(replace(batch, table=batch.table.slice(0, 0)))
            if writer is None:
                writer = pa.ipc.new_file(file, batch.table.schema)
            writer.write_batch(batch.table)
        if writer is None:
            return
        writer.close()
        file.seek(0)
        yield from _named(waiting, ids, pa.ipc.open_file(file), key)


def _named(
    waiting: list[NativeBatch], ids: list[pa.Array], tables: pa.ipc.RecordBatchFileReader, key: str
) -> Iterator[NativeBatch]:
    counts = pc.value_counts(pa.chunked_array(ids))
    values, n = counts.field("values"), counts.field("counts")
    shared = values.filter(pc.and_(pc.greater(n, 1), pc.is_valid(values)))
    rows = [np.flatnonzero(pc.is_in(one, shared).to_numpy(zero_copy_only=False)) for one in ids]
    apart = iter(_told_apart(rows, ids, tables))
    for i, batch in enumerate(waiting):
        names = ids[i].to_pylist()
        for row in rows[i]:
            names[int(row)] = next(apart)
        table = tables.get_batch(i)
        place = table.schema.get_field_index(key)
        yield replace(batch, table=table.set_column(place, key, pa.array(names, pa.string())))


def _told_apart(
    rows: list[NDArray[np.intp]], ids: list[pa.Array], tables: pa.ipc.RecordBatchFileReader
) -> NDArray[np.object_]:
    """New ids of the rows that share theirs, in their order over all batches."""
    names, shapes = [np.zeros(0, dtype=object)], [np.zeros(0, dtype=object)]
    for i, some in enumerate(rows):
        if some.size:
            names.append(np.asarray(ids[i].take(pa.array(some)).to_pylist(), dtype=object))
            shapes.append(_shapes(tables.get_batch(i).take(pa.array(some))))
    return told_apart(np.concatenate(names), np.concatenate(shapes))


def _shapes(table: pa.RecordBatch) -> NDArray[np.object_]:
    shapes: NDArray[np.object_] = shapely.from_wkb(table.column(GEOMETRY).to_numpy(zero_copy_only=False))
    return shapes
