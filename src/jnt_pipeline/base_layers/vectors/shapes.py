"""Geometries that the kernels do not take as they are: read by GEOS, judged by kind, polygons brought to plain WKB."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.vectors.arrays import numbers
from jnt_pipeline.base_layers.vectors.records import Records
from jnt_pipeline.base_layers.vectors.wkb import kinds_of
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import canonical
from jnt_pipeline.errors import MixedReferencesError

__all__ = ["GEOMETRY_TYPES", "plain_wkb", "read_shapes", "require_srid"]

GEOMETRY_TYPES: dict[str, tuple[str, ...]] = {
    "polygon": ("Polygon", "MultiPolygon"),
    "line": ("LineString", "MultiLineString"),
    "point": ("Point", "MultiPoint"),
    "any": ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"),
}
"""Names of the geometries that each shape of a schema takes."""

_NAMES = np.array(
    [
        *("Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"),
        *("GeometryCollection", "CircularString", "CompoundCurve", "CurvePolygon", "MultiCurve", "MultiSurface", ""),
    ],
    dtype=object,
)  # by shapely's number; the last is for none


def read_shapes(records: Records, schema: LayerSchema, native: Reference) -> NDArray[np.uint8]:
    """Set aside what has no geometry of the schema's shape, and read what the kernels do not take.

    Afterwards ``records.shapes`` holds the geometries to be treated by GEOS. Polygons of other layouts (Z, big-endian,
    extended) are brought to the plain one. Returns the kinds of the records that are left, as ``wkb.kinds_of``.
    Raises ``MixedReferencesError`` when a geometry states another reference than ``native``.
    """
    kinds = kinds_of(records.table["geometry"])
    shapes: NDArray[np.object_] = np.full(len(records), None, dtype=object)
    others = np.flatnonzero(kinds == 0)
    if not others.size and "Polygon" in GEOMETRY_TYPES[schema.shape]:
        records.shapes = shapes
        return kinds
    faults: dict[int, str] = {}
    if others.size:
        content = records.table["geometry"].take(numbers(others)).to_pylist()
        shapes[others], found = _parsed(content)
        faults = {int(others[row]): told for row, told in found.items()}
        require_srid(shapes[others], native, layer=schema.name)
    records.shapes = shapes
    broken = np.zeros(len(records), dtype=bool)
    broken[list(faults)] = True
    records.set_aside(broken, "invalid_geometry", [faults[row] for row in sorted(faults)])
    kinds = kinds[~broken]
    nothing = kinds == 0
    nothing[nothing] = shapely.is_missing(records.shapes[nothing]) | shapely.is_empty(records.shapes[nothing])
    records.set_aside(nothing, "missing_geometry", "no geometry")
    kinds = kinds[~nothing]
    names = _NAMES[shapely.get_type_id(records.shapes)]
    names[kinds > 0] = "Polygon"
    wrong = ~np.isin(names, GEOMETRY_TYPES[schema.shape])
    records.set_aside(wrong, "wrong_geometry", f"expected a {schema.shape}")
    kinds = kinds[~wrong]
    polygonal = (kinds == 0) & np.isin(names[~wrong], GEOMETRY_TYPES["polygon"])
    if polygonal.any():
        _replace(records, polygonal)
        kinds = kinds_of(records.table["geometry"])
        kinds[(kinds > 0) & ~polygonal & ~shapely.is_missing(records.shapes)] = 0
        records.shapes[kinds > 0] = None
    return kinds


def plain_wkb(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Little-endian ISO WKB of two dimensions, shape (n,)."""
    with np.errstate(invalid="ignore"):
        written = shapely.to_wkb(shapely.force_2d(shapes), output_dimension=2, byte_order=1, flavor="iso")
    return np.asarray(written, dtype=object)


def require_srid(shapes: NDArray[np.object_], native: Reference, *, layer: str) -> None:
    """Refuse geometries that state another reference than the layer."""
    srids = shapely.get_srid(shapes)
    codes, counts = np.unique(srids[srids > 0], return_counts=True)
    if any(canonical(f"EPSG:{code}").horizontal != canonical(native).horizontal for code in codes):
        told = ", ".join(f"{n} in EPSG:{code}" for code, n in zip(codes, counts, strict=True))
        raise MixedReferencesError(
            "geometries state another reference than their layer",
            where=layer,
            found=f"{told}; the layer in {native}",
            expected="one reference for the whole layer",
            remedy="ask the producer for one reference, or read each part as a source of its own",
        )


def _parsed(content: list[bytes | None]) -> tuple[NDArray[np.object_], dict[int, str]]:
    """Geometries of WKB, shape (n,), and what GEOS says about those that it cannot read, by position."""
    shapes = np.empty(len(content), dtype=object)
    array = np.array(content, dtype=object)
    faults: dict[int, str] = {}
    with suppress(ShapelyError), np.errstate(invalid="ignore"):  # coordinates that are no number are judged later
        shapes[:] = shapely.from_wkb(array)
        return shapes, faults
    with np.errstate(invalid="ignore"):
        for row, one in enumerate(content):
            try:
                shapes[row] = shapely.from_wkb(one)
            except ShapelyError as error:
                faults[row] = str(error)
    return shapes, faults


def _replace(records: Records, mask: NDArray[np.bool_]) -> None:
    """Put plain WKB in the place of the records of ``mask``."""
    assert records.shapes is not None
    geometry = records.table["geometry"]
    written = pa.array(plain_wkb(records.shapes[mask]).tolist(), geometry.type)
    order = np.arange(len(records))
    order[mask] = len(records) + np.arange(int(mask.sum()))
    joined = pa.concat_arrays([geometry, written]).take(numbers(order))
    records.table = records.table.set_column(records.table.schema.names.index("geometry"), "geometry", joined)
