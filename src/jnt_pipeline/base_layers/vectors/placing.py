"""Place the records of a batch in the twin's reference: coordinates changed inside their WKB, validity judged there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.vectors.arrays import flags, numbers
from jnt_pipeline.base_layers.vectors.records import Records
from jnt_pipeline.base_layers.vectors.refusals import Refusals, by_record, suspects
from jnt_pipeline.base_layers.vectors.shapes import plain_wkb
from jnt_pipeline.base_layers.vectors.validity import areas_and_boxes, proved_valid
from jnt_pipeline.base_layers.vectors.wkb import gathered, put_back
from jnt_pipeline.crs.transform import Transformation, transform_geometries
from jnt_pipeline.errors import CrsError, MissingHeightReferenceError

__all__ = ["Places", "placed"]

Array = NDArray[np.float64]
_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Geometries in the twin's reference, one for each record that is left."""

    geometry: pa.Array
    """Little-endian ISO WKB of two dimensions."""
    areas: Array
    """Shape (n,), square units of the reference, rounded to the thousandth."""
    boxes: Array
    """Shape (n, 4): west, south, east, north."""
    types: frozenset[str]
    """Which types of geometry there are."""


def placed(records: Records, change: Transformation, refusals: Refusals, area: Bounds | None) -> Places:
    """Transform and judge the geometries of a batch that ``read_shapes`` has seen; sets records aside.

    Reasons: ``invalid_geometry`` (judged on the coordinates that are written, with GEOS's words), ``outside_area``;
    what the transformation refuses waits in ``refusals``.
    """
    assert records.shapes is not None
    while True:
        is_plain = shapely.is_missing(records.shapes)
        geometry = records.table["geometry"]
        plain = geometry if is_plain.all() else geometry.filter(flags(is_plain))
        polygons = gathered(plain)
        try:
            moved = change.apply(polygons.coordinates)
            shapes = transform_geometries(shapely.force_2d(records.shapes[~is_plain]), change)
            break
        except MissingHeightReferenceError:
            raise
        except CrsError:
            rows = np.flatnonzero(is_plain), np.flatnonzero(~is_plain)
            vertices = (polygons.coordinates, polygons.vertex_records), _vertices(records.shapes[~is_plain])
            bad = [suspects(change, *some) for some in vertices]
            if not sum(map(len, bad)):
                raise
            refused = np.zeros(len(records), dtype=bool)
            for at, some, these in zip(rows, vertices, bad, strict=True):
                names = records.names(at[these])
                for name, one in zip(names, by_record(*some, these.tolist()), strict=True):
                    refusals.refuse(name, one)
                refused[at[these]] = True
            records.drop(refused)
    first = np.empty((len(records), 2))
    first[is_plain] = polygons.coordinates[polygons.ring_starts[polygons.record_rings[:-1]]]
    if len(shapes):
        coordinates, owner = _vertices(records.shapes[~is_plain])
        first[~is_plain] = coordinates[np.searchsorted(owner, np.arange(len(shapes)))]
    refusals.note_sound(first)
    written = put_back(plain, polygons, moved)
    areas, boxes = areas_and_boxes(polygons, moved)
    valid = proved_valid(polygons, moved)
    reasons = _mended(written, valid)
    if len(shapes):
        own = shapely.is_valid(shapes)
        told = iter(shapely.is_valid_reason(shapes[~own]).tolist())
        plain_rows, other_rows = np.flatnonzero(is_plain).tolist(), np.flatnonzero(~is_plain).tolist()
        reasons = {plain_rows[row]: text for row, text in reasons.items()}
        reasons |= {other_rows[row]: next(told) for row in np.flatnonzero(~own).tolist()}
        valid, areas, boxes = (
            _merged(is_plain, *pair)
            for pair in ((valid, own), (areas, shapely.area(shapes)), (boxes, shapely.bounds(shapes).reshape(-1, 4)))
        )
        written = _joined(is_plain, written, shapes)
    invalid = ~valid
    records.set_aside(invalid, "invalid_geometry", [reasons[row] for row in np.flatnonzero(invalid).tolist()])
    kept = valid
    if area is not None:
        apart = _apart(boxes[valid], written.filter(flags(valid)), area)
        records.set_aside(apart, "outside_area", "does not meet the area of interest")
        kept = valid.copy()
        kept[valid] = ~apart
    if not kept.all():
        written, areas, boxes = written.filter(flags(kept)), areas[kept], boxes[kept]
    types = polygons.types(kept[is_plain]) | {shape.geom_type for shape in shapes[kept[~is_plain]]}
    return Places(geometry=written, areas=np.round(areas, 3), boxes=boxes, types=frozenset(types))


def _vertices(shapes: NDArray[np.object_]) -> tuple[Array, NDArray[np.int64]]:
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    return coordinates, np.asarray(owner, dtype=np.int64)


def _mended(written: pa.Array, valid: NDArray[np.bool_]) -> dict[int, str]:
    """Let GEOS judge what is not proved valid: marks the valid ones in ``valid``, returns its words on the others."""
    doubtful = np.flatnonzero(~valid)
    if not doubtful.size:
        return {}
    shapes = shapely.from_wkb(np.array(written.take(numbers(doubtful)).to_pylist(), dtype=object))
    valid[doubtful] = shapely.is_valid(shapes)
    wrong = ~valid[doubtful]
    told = shapely.is_valid_reason(shapes[wrong]).tolist()
    return dict(zip(doubtful[wrong].tolist(), told, strict=True))


def _merged(is_plain: NDArray[np.bool_], plain: NDArray[_T], others: NDArray[_T]) -> NDArray[_T]:
    whole = np.empty((len(is_plain), *plain.shape[1:]), dtype=plain.dtype)
    whole[is_plain], whole[~is_plain] = plain, others
    return whole


def _joined(is_plain: NDArray[np.bool_], written: pa.Array, shapes: NDArray[np.object_]) -> pa.Array:
    others = pa.array(plain_wkb(shapes).tolist(), written.type)
    order = np.empty(len(is_plain), dtype=np.int64)
    order[is_plain] = np.arange(len(written))
    order[~is_plain] = len(written) + np.arange(len(others))
    return pa.concat_arrays([written, others]).take(numbers(order))


def _apart(boxes: Array, written: pa.Array, area: Bounds) -> NDArray[np.bool_]:
    """Which geometries do not meet a box: told by their own box, except where that crosses its edge."""
    west, south, east, north = area
    apart = (boxes[:, 0] > east) | (boxes[:, 2] < west) | (boxes[:, 1] > north) | (boxes[:, 3] < south)
    inside = (boxes[:, 0] >= west) & (boxes[:, 2] <= east) & (boxes[:, 1] >= south) & (boxes[:, 3] <= north)
    crossing = np.flatnonzero(~apart & ~inside)
    if crossing.size:
        shapes = shapely.from_wkb(np.array(written.take(numbers(crossing)).to_pylist(), dtype=object))
        apart[crossing] = ~shapely.intersects(shapes, shapely.box(*area))
    return np.asarray(apart, dtype=bool)
