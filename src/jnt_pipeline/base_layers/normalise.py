"""Normalise: bring a native layer to the twin's reference and schema, and set aside the records that cannot follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.quality.repair import repaired
from jnt_pipeline.base_layers.setting_aside import followed, require_one_srid, set_aside
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.systems import has_heights
from jnt_pipeline.crs.transform import transform_geometries, transformation
from jnt_pipeline.errors import CrsError, MissingHeightReferenceError, SchemaError

__all__ = ["as_kind", "normalise", "set_aside"]

_DTYPES: dict[str, Any] = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}
_GEOMETRY_TYPES: dict[str, tuple[str, ...]] = {
    "polygon": ("Polygon", "MultiPolygon"),
    "line": ("LineString", "MultiLineString"),
    "point": ("Point", "MultiPoint"),
    "any": ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"),
}


def normalise(
    layer: Layer,
    target: Reference,
    *,
    area: AreaOfInterest | None = None,
    undulation: DeclaredUndulation | None = None,
    repairs: list[pd.DataFrame] | None = None,
) -> Layer:
    """Return the base layer (*donnée socle*) made of a native ``layer``.

    Records are set aside, with these reason codes and in this order: ``missing_<column>``, ``bad_<column>`` (not of
    the form that the schema promises), ``duplicate_id`` (the first stays), ``missing_geometry``, ``wrong_geometry``,
    ``swapped_axes``, ``impossible_coordinates``, ``outside_crs_area`` (each with what the numbers look like),
    ``invalid_geometry`` (judged on the coordinates that are written), ``outside_area``. Rows are sorted by key. A
    record without elevation stays without; Z of geometries is left out, heights are columns.

    Nothing is repaired, unless there is a list ``repairs`` that takes the tables of what was done (``quality.repair``):
    then invalid polygons are repaired where that leaves no doubt, and only the others set aside.

    Parameters: ``target`` horizontal and vertical reference of the twin; ``area`` in its horizontal CRS.
    Raises ``SchemaError`` when a column of the schema is absent, ``CrsError`` when the layer cannot be transformed,
    ``MissingHeightReferenceError`` when it has elevations and no vertical reference, ``MixedReferencesError`` when its
    geometries state several references, or when a part of its records is in another one (``crs.mixture`` says when).
    """
    schema = layer.schema
    absent = [name for name in schema.column_names if name not in layer.frame and name != "area_m2"]
    if absent:
        raise SchemaError(
            "columns are missing",
            where=layer.name,
            found=", ".join(map(str, layer.frame.columns)),
            expected=", ".join(absent),
            remedy="the source must yield every column of the schema, empty where it knows nothing",
        )
    layer = _typed(layer, schema)
    for column in schema.columns:
        if column.required:
            missing = layer.frame[column.name].isna()
            layer = set_aside(layer, missing.to_numpy(), f"missing_{column.name}", f"no {column.name}")
        if column.pattern:
            layer = _of_pattern(layer, column)
    if schema.key:
        layer = set_aside(
            layer,
            layer.frame[schema.key].duplicated().to_numpy(),
            "duplicate_id",
            "the id was met before; the first stays",
        )
    if schema.shape != "none":
        try:
            layer = _placed(layer, schema, target, undulation, repairs)
        except CrsError as error:
            error.where = _where(layer, error)
            raise
        if area is not None:
            apart = ~shapely.intersects(np.asarray(layer.frame.geometry), area.polygon)
            layer = set_aside(layer, apart, "outside_area", "does not meet the area of interest")
        if "area_m2" in schema.column_names:
            frame = layer.frame.assign(area_m2=layer.frame.geometry.area.round(3))
            layer = replace(layer, frame=frame)
    return _ordered(layer, schema)


def _typed(layer: Layer, schema: LayerSchema) -> Layer:
    """Columns in the types of the schema."""
    frame = layer.frame.copy()
    for column in schema.columns:
        if column.name in frame:
            frame[column.name] = as_kind(frame[column.name], column, layer.name)
    return replace(layer, frame=frame)


def _of_pattern(layer: Layer, column: Column) -> Layer:
    """Without the records whose value is not of the form that the schema promises."""
    values = layer.frame[column.name]
    strange = (values.notna() & ~values.str.fullmatch(column.pattern).fillna(False)).to_numpy(dtype=bool)
    details = (
        column.name + " '" + values.astype("object").fillna("").astype(str) + f"' is not of the form {column.pattern}"
    )
    return set_aside(layer, strange, f"bad_{column.name}", details.to_numpy(dtype=object))


def as_kind(values: pd.Series[Any], column: Column, layer: str) -> pd.Series[Any]:
    """Values of a column in the type of its kind; raises ``SchemaError`` when they cannot be."""
    try:
        if column.kind == "instant":
            return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")
        if column.kind == "integers":
            return values.map(lambda items: [int(item) for item in items])
        typed: pd.Series[Any] = values.astype(_DTYPES[column.kind])
        if column.kind != "text":
            return typed
        text = typed.str.strip()
        return text.mask(text == "")
    except (ValueError, TypeError) as error:
        raise SchemaError(
            "values of the wrong type",
            where=f"{layer}.{column.name}",
            found=str(error),
            expected=column.kind,
            remedy="the source must set aside what it cannot read",
        ) from error


def _where(layer: Layer, error: CrsError) -> str:
    """Layer and files of an error that knows its operation alone."""
    files = ", ".join(file.name for file in layer.provenance.files)
    name = f"{layer.name} ({files})" if files else layer.name
    return name if error.where in {"", layer.name} else f"{name}, {error.where}"


def _placed(
    layer: Layer,
    schema: LayerSchema,
    target: Reference,
    undulation: DeclaredUndulation | None,
    repairs: list[pd.DataFrame] | None,
) -> Layer:
    """Geometry and elevations in ``target``."""
    native = layer.reference
    if native is None:
        raise SchemaError("features without a reference", where=layer.name, remedy="the source must state the CRS")
    geometries = np.asarray(layer.frame.geometry)
    nothing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    layer = set_aside(layer, nothing, "missing_geometry", "no geometry")
    types = np.asarray(layer.frame.geom_type, dtype=object)
    layer = set_aside(
        layer,
        ~np.isin(types, _GEOMETRY_TYPES[schema.shape]),
        "wrong_geometry",
        f"expected a {schema.shape}",
    )
    require_one_srid(layer, native)
    flat = transformation(native.flat(), target.flat(), undulation=undulation)
    layer = followed(layer, *_vertices(layer), flat)
    elevations = [name for name in schema.column_names if name.endswith("elevation_m")]
    known = [name for name in elevations if layer.frame[name].notna().any()]
    full = flat
    if known:
        if not (has_heights(native) and has_heights(target)):  # a 3D system states heights without a vertical datum
            raise MissingHeightReferenceError(
                "elevations without a vertical reference",
                where=layer.name,
                found=f"{', '.join(known)} in {native}, twin in {target}",
                remedy="declare `vertical:` on the source, or the vertical part of the twin's reference",
            )
        full = transformation(native, target, undulation=undulation)
        layer = followed(layer, *_points_in_space(layer, known), full)
    before = np.asarray(layer.frame.geometry)
    after = transform_geometries(shapely.force_2d(before), flat)
    provenance = layer.provenance.with_operation(flat.operation)
    frame = gpd.GeoDataFrame(layer.frame.drop(columns="geometry"), geometry=after, crs=target.horizontal)
    if known:
        points = shapely.get_coordinates(shapely.point_on_surface(before))
        for name in known:
            rows = frame[name].notna().to_numpy()
            heights = frame[name].to_numpy(dtype="float64", copy=True)
            heights[rows] = full.apply(np.column_stack([points[rows], heights[rows]]))[:, 2]
            frame[name] = heights
        provenance = provenance.with_operation(full.operation)
    layer = replace(
        layer,
        frame=frame,
        reference=target if known else target.flat(),
        provenance=provenance,
    )
    if repairs is not None:
        layer, told = repaired(layer)
        repairs.append(told)
        after = np.asarray(layer.frame.geometry)
    reasons = shapely.is_valid_reason(after)
    return set_aside(layer, ~shapely.is_valid(after), "invalid_geometry", np.asarray(reasons, dtype=object))


Vertices = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Coordinates, shape (n, 2) or (n, 3), and the position of the record that each belongs to, ascending."""


def _vertices(layer: Layer) -> Vertices:
    """The vertices of all geometries, in two dimensions."""
    coordinates, owner = shapely.get_coordinates(np.asarray(layer.frame.geometry), return_index=True)
    return coordinates, np.asarray(owner, dtype=np.int64)


def _points_in_space(layer: Layer, names: list[str]) -> Vertices:
    """For each record its place with each of its known elevations."""
    places = shapely.get_coordinates(shapely.point_on_surface(np.asarray(layer.frame.geometry)))
    heights = layer.frame[names].to_numpy(dtype="float64")
    owner, column = np.nonzero(~np.isnan(heights))
    return np.column_stack((places[owner], heights[owner, column])), owner.astype(np.int64)


def _ordered(layer: Layer, schema: LayerSchema) -> Layer:
    """Columns of the schema only, rows by key, numbered from 0."""
    names = [*schema.column_names]
    if schema.keeps_other_columns:
        names += [str(name) for name in layer.frame.columns if name not in {*names, "geometry"}]
    if schema.shape != "none":
        names.append("geometry")
    frame = layer.frame[names]
    # Without a key: in time, then by what remains.
    kinds = sorted(schema.columns, key=lambda column: column.kind != "instant")
    by = [schema.key] if schema.key else [column.name for column in kinds if column.kind in {"instant", "text"}]
    frame = frame.sort_values(by, kind="stable", ignore_index=True)
    return replace(layer, frame=frame)
