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
from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.base_layers.schema import SCHEMAS, Column, LayerSchema
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.transform import Transformation, transform_geometries, transformation
from jnt_pipeline.errors import MissingHeightReferenceError, OutsideAreaError, SchemaError
from jnt_pipeline.provenance import Counts

__all__ = ["normalise", "set_aside"]

_DTYPES: dict[str, Any] = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}
_GEOMETRY_TYPES = {"polygon": {"Polygon", "MultiPolygon"}, "point": {"Point"}, "none": set()}


def normalise(
    layer: Layer,
    target: Reference,
    *,
    area: AreaOfInterest | None = None,
    undulation: DeclaredUndulation | None = None,
) -> Layer:
    """Return the base layer (*donnée socle*) made of a native ``layer``.

    Records are set aside, with these reason codes and in this order: ``missing_<column>``, ``duplicate_id`` (the first
    stays), ``missing_geometry``, ``wrong_geometry``, ``outside_crs_area``, ``invalid_geometry`` (judged on the
    coordinates that are written), ``outside_area``. Nothing is repaired. Rows are sorted by key.

    Parameters: ``target`` horizontal and vertical reference of the twin; ``area`` in its horizontal CRS.
    Raises ``SchemaError`` when a column of the schema is absent, ``CrsError`` when the layer cannot be transformed,
    ``MissingHeightReferenceError`` when it has elevations and no vertical reference.
    """
    schema = SCHEMAS[layer.name]
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
    if schema.key:
        layer = set_aside(
            layer,
            layer.frame[schema.key].duplicated().to_numpy(),
            "duplicate_id",
            "the id was met before; the first stays",
        )
    if schema.shape != "none":
        layer = _placed(layer, schema, target, undulation)
        if area is not None:
            apart = ~shapely.intersects(np.asarray(layer.frame.geometry), area.polygon)
            layer = set_aside(layer, apart, "outside_area", "does not meet the area of interest")
        if "area_m2" in schema.column_names:
            frame = layer.frame.assign(area_m2=layer.frame.geometry.area.round(3))
            layer = replace(layer, frame=frame)
    return _ordered(layer, schema)


def set_aside(layer: Layer, mask: NDArray[np.bool_], reason: str, detail: str | NDArray[np.object_]) -> Layer:
    """The layer without the records of ``mask`` (n,), which go to its rejected ones with ``reason`` and ``detail``."""
    if not mask.any():
        return layer
    frame = layer.frame
    key = SCHEMAS[layer.name].key
    names = frame[key].astype("object").where(frame[key].notna(), "") if key else pd.Series("", index=frame.index)
    numbers = frame.index.astype("str")
    records = np.where(names.to_numpy() == "", "record " + numbers.to_numpy().astype(object), names.to_numpy())
    details = np.broadcast_to(np.asarray(detail, dtype=object), mask.shape)
    rows = list(zip(records[mask], [reason] * int(mask.sum()), details[mask], strict=True))
    reasons = dict(layer.counts.rejected)
    reasons[reason] = reasons.get(reason, 0) + len(rows)
    return replace(
        layer,
        frame=frame[~mask],
        rejected=pd.concat([layer.rejected, rejections(rows)], ignore_index=True),
        counts=Counts(read=layer.counts.read, kept=layer.counts.kept - len(rows), rejected=reasons),
    )


def _typed(layer: Layer, schema: LayerSchema) -> Layer:
    """Columns in the types of the schema."""
    frame = layer.frame.copy()
    for column in schema.columns:
        if column.name in frame:
            frame[column.name] = _as_kind(frame[column.name], column, layer.name)
    return replace(layer, frame=frame)


def _as_kind(values: pd.Series[Any], column: Column, layer: str) -> pd.Series[Any]:
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


def _placed(layer: Layer, schema: LayerSchema, target: Reference, undulation: DeclaredUndulation | None) -> Layer:
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
        ~np.isin(types, list(_GEOMETRY_TYPES[schema.shape])),
        "wrong_geometry",
        f"expected a {schema.shape}",
    )
    flat = transformation(native.flat(), target.flat(), undulation=undulation)
    outside = "coordinates outside the area of use"
    places = [shapely.get_coordinates(geometry) for geometry in layer.frame.geometry]
    layer = set_aside(layer, _refused(places, flat), "outside_crs_area", outside)
    elevations = [name for name in schema.column_names if name.endswith("elevation_m")]
    known = [name for name in elevations if layer.frame[name].notna().any()]
    full = flat
    if known:
        if native.vertical is None or target.vertical is None:
            raise MissingHeightReferenceError(
                "elevations without a vertical reference",
                where=layer.name,
                found=f"{', '.join(known)} in {native}, twin in {target}",
                remedy="declare `vertical:` on the source, or the vertical part of the twin's reference",
            )
        full = transformation(native, target, undulation=undulation)
        layer = set_aside(layer, _refused(_points_in_space(layer, known), full), "outside_crs_area", outside)
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
    reasons = shapely.is_valid_reason(after)
    return set_aside(layer, ~shapely.is_valid(after), "invalid_geometry", np.asarray(reasons, dtype=object))


def _points_in_space(layer: Layer, names: list[str]) -> list[NDArray[np.float64]]:
    """For each record its place with each of its known elevations, shape (k, 3)."""
    places = shapely.get_coordinates(shapely.point_on_surface(np.asarray(layer.frame.geometry)))
    heights = layer.frame[names].to_numpy(dtype="float64")
    return [
        np.array([(*place, height) for height in row[~np.isnan(row)]]).reshape(-1, 3)
        for place, row in zip(places, heights, strict=True)
    ]


def _refused(coordinates: list[NDArray[np.float64]], change: Transformation) -> NDArray[np.bool_]:
    """Which records (arrays of coordinates) the transformation refuses; raises ``OutsideAreaError`` if all of them."""
    refused = np.zeros(len(coordinates), dtype=bool)

    def search(rows: NDArray[np.int64]) -> None:
        if not len(rows):
            return
        try:
            change.apply(np.concatenate([coordinates[row] for row in rows]))
        except OutsideAreaError:
            if len(rows) == 1:
                refused[rows] = True
                return
            half = len(rows) // 2
            search(rows[:half])
            search(rows[half:])

    search(np.arange(len(coordinates)))
    if len(coordinates) and refused.all():
        change.apply(np.concatenate(coordinates))
    return refused


def _ordered(layer: Layer, schema: LayerSchema) -> Layer:
    """Columns of the schema only, rows by key, numbered from 0."""
    names = [*schema.column_names, *(["geometry"] if schema.shape != "none" else [])]
    frame = layer.frame[names]
    # Without a key: in time, then by what remains.
    kinds = sorted(schema.columns, key=lambda column: column.kind != "instant")
    by = [schema.key] if schema.key else [column.name for column in kinds if column.kind in {"instant", "text"}]
    frame = frame.sort_values(by, kind="stable", ignore_index=True)
    return replace(layer, frame=frame)
