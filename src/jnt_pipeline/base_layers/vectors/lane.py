"""The fast lane: a native stream becomes a base layer on disk, a batch at a time, by the rules of ``normalise``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.vectors.arrays import flags, numbers
from jnt_pipeline.base_layers.vectors.attributes import ARROW_TYPES, missing, not_of_pattern, typed
from jnt_pipeline.base_layers.vectors.key_set import KeySet
from jnt_pipeline.base_layers.vectors.placing import Places, placed
from jnt_pipeline.base_layers.vectors.records import Records, SetAside
from jnt_pipeline.base_layers.vectors.refusals import Refusals, by_record, suspects
from jnt_pipeline.base_layers.vectors.shapes import read_shapes
from jnt_pipeline.base_layers.vectors.writer import LayerWriter
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.systems import has_heights, system
from jnt_pipeline.crs.transform import Transformation, transformation
from jnt_pipeline.errors import CrsError, MissingHeightReferenceError
from jnt_pipeline.provenance import Counts, Provenance

if TYPE_CHECKING:
    from jnt_pipeline.base_layers.streams import LayerStream

__all__ = ["Outcome", "write_base_layer"]

Rejection = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a stream."""

    reference: Reference
    provenance: Provenance
    counts: Counts
    rejected: tuple[Rejection, ...]


def write_base_layer(
    stream: LayerStream,
    target: Reference,
    *,
    area: AreaOfInterest | None,
    undulation: DeclaredUndulation | None,
    path: Path,
    metadata: Callable[[Outcome], dict[str, str]],
) -> Outcome:
    """Write the base layer made of ``stream`` to ``path``; ``metadata`` makes the further keys of the file.

    Rows keep the order of the source: to sort them by key, the whole layer would have to be held. Raises as
    ``normalise``; no file is left behind then.
    """
    schema, native = stream.schema, stream.reference
    has_shape = schema.shape != "none"
    aside, keys = SetAside(), KeySet(stream.n_records or 0)
    placing = _Placing(stream, target, area, undulation) if has_shape else None
    n_read = n_kept = 0
    crs = system(target.flat()).crs.to_json_dict() if has_shape else None
    writer: LayerWriter | None = None
    try:
        for batch in stream.batches():
            n_read += batch.table.num_rows + len(batch.rejected)
            aside.rows += batch.rejected
            records = Records(typed(batch.table, schema), batch.first_record, schema, aside)
            _judge_attributes(records, schema, keys)
            places = None if placing is None else placing.place(records)
            table = _in_order(records, schema, places)
            writer = writer or LayerWriter(path, table, crs=crs)
            writer.add(table, None if places is None else places.boxes, set() if places is None else {*places.types})
            n_kept += len(records)
        writer = writer or LayerWriter(path, _empty(schema), crs=crs)
        if placing is not None:
            aside.rows += placing.judged()
        outcome = Outcome(
            reference=native if placing is None else target if placing.has_elevations else target.flat(),
            provenance=stream.provenance if placing is None else placing.provenance,
            counts=Counts(read=n_read, kept=n_kept, rejected=aside.counts),
            rejected=tuple(aside.rows),
        )
        writer.finish(metadata(outcome))
        return outcome
    finally:
        if writer is not None:
            writer.close()


def _judge_attributes(records: Records, schema: LayerSchema, keys: KeySet) -> None:
    """Set aside what lacks a value, has one of another form, or has a key met before."""
    for column in schema.columns:
        if column.required:
            absent = missing(records.table[column.name])
            records.set_aside(absent, f"missing_{column.name}", f"no {column.name}")
        if column.pattern:
            strange = not_of_pattern(records.table[column.name], column.pattern)
            if strange.any():
                values = records.table[column.name].filter(flags(strange)).to_pylist()
                told = [f"{column.name} '{value}' is not of the form {column.pattern}" for value in values]
                records.set_aside(strange, f"bad_{column.name}", told)
    if schema.key:
        met = keys.met_before(records.table[schema.key].cast(pa.string()))
        records.set_aside(met, "duplicate_id", "the id was met before; the first stays")


class _Placing:
    """Geometries and elevations of all batches, brought to the reference of the twin."""

    def __init__(
        self,
        stream: LayerStream,
        target: Reference,
        area: AreaOfInterest | None,
        undulation: DeclaredUndulation | None,
    ) -> None:
        self._stream = stream
        self._target = target
        self._undulation = undulation
        self._area = None if area is None else area.bbox
        with self._errors_named():
            self._flat = transformation(stream.reference.flat(), target.flat(), undulation=undulation)
        self._refusals = Refusals(stream.name, self._flat)
        self._heights: tuple[Transformation, Refusals] | None = None

    @property
    def has_elevations(self) -> bool:
        """Whether an elevation was met."""
        return self._heights is not None

    @property
    def provenance(self) -> Provenance:
        """That of the stream, with the operations used."""
        found = self._stream.provenance.with_operation(self._flat.operation)
        return found if self._heights is None else found.with_operation(self._heights[0].operation)

    def place(self, records: Records) -> Places:
        """Geometries of the records that are left, with their elevations put into the table."""
        read_shapes(records, self._stream.schema, self._stream.reference)
        with self._errors_named():
            places = self._raised(records)
            assert len(places.boxes) == len(records)
            return places

    def judged(self) -> list[Rejection]:
        """The records that a transformation refused; raises where the layer is at fault."""
        with self._errors_named():
            found = self._refusals.judged()
            return found if self._heights is None else found + self._heights[1].judged()

    def _raised(self, records: Records) -> Places:
        schema = self._stream.schema
        names = [name for name in schema.column_names if name.endswith("elevation_m")]
        known = [name for name in names if not missing(records.table[name]).all()]
        if not known:
            return placed(records, self._flat, self._refusals, self._area)
        if self._heights is None:
            if not (has_heights(self._stream.reference) and has_heights(self._target)):
                raise MissingHeightReferenceError(
                    "elevations without a vertical reference",
                    where=schema.name,
                    found=f"{', '.join(known)} in {self._stream.reference}, twin in {self._target}",
                    remedy="declare `vertical:` on the source, or the vertical part of the twin's reference",
                )
            full = transformation(self._stream.reference, self._target, undulation=self._undulation)
            self._heights = full, Refusals(schema.name, full)
        self._drop_unplaced(records)
        self._move_heights(records, known, *self._heights)
        return placed(records, self._flat, self._refusals, self._area)

    def _drop_unplaced(self, records: Records) -> None:
        """What has no place in the plane is refused for that, before its elevation is asked for."""
        coordinates, owner = shapely.get_coordinates(_native(records), return_index=True)
        bad = suspects(self._flat, coordinates, np.asarray(owner, dtype=np.int64))
        _refuse(records, self._refusals, coordinates, np.asarray(owner, dtype=np.int64), bad)

    def _move_heights(self, records: Records, known: list[str], full: Transformation, refusals: Refusals) -> None:
        """Elevations at the point on the surface of each geometry."""
        while True:
            places = shapely.get_coordinates(shapely.point_on_surface(_native(records)))
            heights = np.column_stack(
                [records.table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in known]
            )
            owner, column = np.nonzero(~np.isnan(heights))
            points = np.column_stack((places[owner], heights[owner, column]))
            try:
                heights[owner, column] = full.apply(points)[:, 2]
                break
            except MissingHeightReferenceError:
                raise
            except CrsError:
                bad = suspects(full, points, owner)
                if not bad.size:
                    raise
                _refuse(records, refusals, points, owner, bad)
        refusals.note_sound(places)
        for i, name in enumerate(known):
            values = pa.array(heights[:, i], from_pandas=True)
            records.table = records.table.set_column(records.table.schema.names.index(name), name, values)

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """Name layer and files in an error that knows its operation alone."""
        try:
            yield
        except CrsError as error:
            files = ", ".join(file.name for file in self._stream.provenance.files)
            name = f"{self._stream.name} ({files})" if files else self._stream.name
            error.where = name if error.where in {"", self._stream.name} else f"{name}, {error.where}"
            raise


def _native(records: Records) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.asarray(shapely.from_wkb(np.array(records.table["geometry"].to_pylist(), dtype=object)), dtype=object)


def _refuse(
    records: Records,
    refusals: Refusals,
    coordinates: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    owner: np.ndarray[tuple[int], np.dtype[np.int64]],
    bad: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    """Take records out and hand them over with their vertices."""
    for name, vertices in zip(records.names(bad), by_record(coordinates, owner, bad.tolist()), strict=True):
        refusals.refuse(name, vertices)
    mask = np.zeros(len(records), dtype=bool)
    mask[bad] = True
    records.drop(mask)


def _in_order(records: Records, schema: LayerSchema, places: Places | None) -> pa.RecordBatch:
    """Columns in the order of the schema, then the others, then the geometry."""
    table = records.table
    columns = dict(zip(table.schema.names, table.columns, strict=True))
    geometry = columns.pop("geometry")
    if "area_m2" in schema.column_names:
        columns["area_m2"] = numbers(np.full(len(records), np.nan) if places is None else places.areas)
    others = [name for name in columns if name not in schema.column_names]
    names = [*schema.column_names, *others]
    arrays = [columns[name] for name in names]
    if places is not None:
        names, arrays = [*names, "geometry"], [*arrays, places.geometry]
    del geometry
    return pa.RecordBatch.from_arrays(arrays, names)


def _empty(schema: LayerSchema) -> pa.RecordBatch:
    fields = [pa.field(column.name, ARROW_TYPES[column.kind]) for column in schema.columns]
    fields += [] if schema.shape == "none" else [pa.field("geometry", pa.binary())]
    return pa.RecordBatch.from_pylist([], pa.schema(fields))
