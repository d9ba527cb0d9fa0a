"""Large GeoJSON of the cadastre: scanned by compiled code, record by record only where a record is at fault.

The scanner gives coordinates and properties of sound features. A batch in which anything is not as it should be is
read again with the reader of small files, which tells what is wrong with each record: both give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from jnt_pipeline.base_layers.streams import GEOMETRY, NativeBatch
from jnt_pipeline.errors import UnsupportedError
from jnt_pipeline.sources.cadastre.dialects import Dialect

__all__ = ["scanned"]

_AT_ONCE = 16_384  # features in a batch

OneByOne = Callable[[list[Any], int], NativeBatch]
"""Reads a list of features, the first of which has this number, telling every fault."""


def scanned(
    path: Path, dialect: Dialect, first: list[Any], chunks: Callable[[], Iterator[list[Any]]], one_by_one: OneByOne
) -> Iterator[NativeBatch]:
    """The records of a file in their order, as ``one_by_one`` would give them for all its features.

    Parameters: ``first`` some features, whose properties show the types; ``chunks`` all features, a list at a time.
    Raises ``UnreadableError``, and what ``chunks`` raises.
    """
    from jnt_pipeline.sources.geojson_scan.reader import read_batches

    columns = _columns(first, dialect.taken)
    batches = read_batches(path, columns, _AT_ONCE)
    slowly = _InOrder(chunks)
    n_read = 0
    while True:
        try:
            batch = next(batches, None)
        except UnsupportedError:
            break  # values of another type than before, a reference named by a feature: the scanner leaves these
        if batch is None:
            return
        table = _sound(batch, dialect)
        if table is None:
            yield one_by_one(slowly.take(n_read, n_read + len(batch)), n_read)
        else:
            yield NativeBatch(table=table, first_record=n_read)
        n_read += len(batch)
    for features in slowly.rest(n_read):
        yield one_by_one(features, n_read)
        n_read += len(features)


def _sound(batch: pa.RecordBatch, dialect: Dialect) -> pa.RecordBatch | None:
    """The batch in the columns of the schema; None when a record of it is not as it should be."""
    shapes = shapely.from_wkb(batch.column(GEOMETRY).to_numpy(zero_copy_only=False), on_invalid="ignore")
    if shapely.is_missing(shapes).any() or shapely.is_empty(shapes).any():
        return None
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        return None
    table, faults = dialect.mapping.judged(dialect.prepared(batch))
    return None if faults else table


def _columns(features: list[Any], taken: frozenset[str]) -> pa.Schema:
    """The properties that the dialect takes, with the types that they have in ``features``; text for those not met."""
    rows = [one.get("properties") for one in features if isinstance(one, dict)]
    met: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items() if isinstance(row, dict) else ():
            if name.lower() in taken:
                met.setdefault(name, set()).add(type(value))
    types = {frozenset({int}): pa.int64(), frozenset({bool}): pa.bool_()}
    fields = [(name, types.get(frozenset(kinds - {type(None)}), pa.string())) for name, kinds in sorted(met.items())]
    absent = sorted(taken - {name.lower() for name in met})
    return pa.schema([*fields, *((name, pa.string()) for name in absent)])


class _InOrder:
    """Features by their numbers, asked for in ascending order; what was passed is forgotten."""

    def __init__(self, chunks: Callable[[], Iterator[list[Any]]]):
        self._chunks = chunks
        self._open: Iterator[list[Any]] | None = None
        self._held: list[Any] = []
        self._start = 0

    def take(self, start: int, stop: int) -> list[Any]:
        while self._start + len(self._held) < stop:
            self._forget(start)
            self._held += next(self._iterator())
        self._forget(start)
        return self._held[: stop - start]

    def rest(self, start: int) -> Iterator[list[Any]]:
        for chunk in self._iterator():
            self._held += chunk
            self._forget(start)
            if self._held:
                yield self._held
                start += len(self._held)
        self._forget(start)
        if self._held:
            yield self._held

    def _iterator(self) -> Iterator[list[Any]]:
        if self._open is None:
            self._open = self._chunks()
        return self._open

    def _forget(self, start: int) -> None:
        gone = min(max(start - self._start, 0), len(self._held))
        self._held = self._held[gone:]
        self._start += gone
