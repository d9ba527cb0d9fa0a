"""Cadastral records in GeoJSON: the files of Etalab, and answers of API Carto.

Coordinates are longitude, latitude as RFC 7946 wants (CRS84), or in the projection that the collection names. The
layers say EPSG:4326, whose official axis order is latitude first: the code is what other tools know, and every
transformation of this package takes easting or longitude first. Sheets are put side by side by the producer without
topological correction: gaps and overlaps at their edges are normal, and nothing is repaired here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from jnt_pipeline.base_layers.layers import Layer, empty_rejections
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.base_layers.streams import LayerStream, NativeBatch, collected
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import EmptySourceError, SourceError, UnsupportedError
from jnt_pipeline.provenance import Counts, SourceFile
from jnt_pipeline.sources.cadastre.deliveries import layer_of_name
from jnt_pipeline.sources.cadastre.dialects import BUILDING_TYPES, Dialect, dialect_of
from jnt_pipeline.sources.cadastre.large_geojson import scanned
from jnt_pipeline.sources.geojson import (
    attributes_of,
    geometries_of,
    read_feature_collection,
    require_longitude_latitude,
    stated_projection,
)
from jnt_pipeline.sources.geojson_chunks import FEATURES_AT_ONCE, feature_chunks
from jnt_pipeline.sources.place_ids import with_place_ids
from jnt_pipeline.sources.protocol import SourceDeclaration

__all__ = ["LONLAT", "absent_layer", "read_geojson"]

LONLAT = Reference(horizontal="EPSG:4326")
LARGE_BYTES = 32 << 20
"""Size of a file, unpacked, from which it is read in batches: a commune of a hundred thousand parcels is smaller."""
_LOOK_AT = 256  # features that show what a large file is
_PACKED = 8  # by how much gzip makes cadastral GeoJSON smaller

Chunks = Iterator[list[Any]]


def read_geojson(
    path: Path, file: SourceFile, source: SourceDeclaration, declared: Reference | None = None
) -> Layer | LayerStream:
    """The layer of one GeoJSON file: a ``Layer``, or a ``LayerStream`` when the file is large.

    Records that cannot be read are set aside: ``unreadable_feature``, ``broken_ring``, ``bad_coordinates``,
    ``bad_insee_code``, ``bad_parcel_id``, ``bad_registered_area``, ``bad_survey_flag``, … and ``missing_geometry`` for
    a building or a named place, whose id comes from where it lies.

    Parameters: ``declared`` reference of the coordinates, where the user has declared one; else longitude, latitude,
    or the projection that the collection names (answers of IGN's WFS).
    Raises ``UnreadableError``, ``UnsupportedError``, ``EmptySourceError``, ``SourceError``.
    """
    packed = path.name.lower().endswith(".gz")
    if file.n_bytes * (_PACKED if packed else 1) >= LARGE_BYTES:
        return _streamed(path, file, source, declared)
    collection = read_feature_collection(path, declared=declared is not None, takes_projection=True)
    named = layer_of_name(path)
    if not collection.features:
        if named is None:
            raise EmptySourceError(
                "no parcel found: the collection is empty",
                where=path.name,
                expected="at least one feature",
                remedy="check the commune or the parcel that was asked for",
            )
        return absent_layer(named, (file,), source)
    dialect = _dialect(path, collection.features, collection.attributes)
    reference = declared or collection.projection
    stream = _stream(lambda: iter([_batch(collection.features, 0, dialect)]), dialect, file, source, reference)
    return _with_known_types(_typed(collected(stream)))


def absent_layer(name: str, files: tuple[SourceFile, ...], source: SourceDeclaration) -> Layer:
    """An empty layer that says so."""
    frame = _in_types(pd.DataFrame(columns=list(SCHEMAS[name].column_names)), name)
    return Layer(
        name=name,
        frame=gpd.GeoDataFrame(frame, geometry=[], crs=LONLAT.horizontal),
        reference=LONLAT,
        provenance=source.provenance(files, f"no {name} in the files delivered"),
        counts=Counts(read=0, kept=0),
        rejected=empty_rejections(),
    )


def _streamed(path: Path, file: SourceFile, source: SourceDeclaration, declared: Reference | None) -> LayerStream:
    head = next(feature_chunks(path, at_once=1), ([], {}))[1]  # members that stand before the features
    projection = stated_projection(head, path) if declared is None else None

    def chunks(at_once: int = FEATURES_AT_ONCE) -> Chunks:
        for features, members in feature_chunks(path, at_once=at_once):
            document = {**members, "features": features}
            require_longitude_latitude(document, path, declared=declared is not None, projection=projection)
            if features:
                yield features

    first = next(chunks(_LOOK_AT), [])
    dialect = _dialect(path, first, attributes_of(first))

    def batches() -> Iterator[NativeBatch]:
        return scanned(path, dialect, first, chunks, lambda features, number: _batch(features, number, dialect))

    return _stream(batches, dialect, file, source, declared or projection)


def _dialect(path: Path, features: list[Any], attributes: frozenset[str]) -> Dialect:
    dialect, named = dialect_of(attributes, is_points=_are_points(features)), layer_of_name(path)
    if dialect is None:
        raise UnsupportedError(
            "features whose attributes are those of no cadastral layer that is read",
            where=path.name,
            found=", ".join(sorted(attributes)[:12]) or "no attribute",
            expected="a layer of Etalab (communes, sections, parcelles, batiments, feuilles, …) or of API Carto",
            remedy="give one of these files, or read it as `kind: vector` with a mapping of its columns",
        )
    if named is not None and named != dialect.layer:
        raise SourceError(
            "the file does not hold what its name says",
            where=path.name,
            found=f"attributes of {dialect.layer}",
            expected=named,
            remedy="download the file again, or correct its name",
        )
    return dialect


def _are_points(features: list[Any]) -> bool:
    for feature in features:
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if isinstance(geometry, dict):
            return geometry.get("type") in {"Point", "MultiPoint"}
    return False


def _stream(
    plain: Callable[[], Iterator[NativeBatch]],
    dialect: Dialect,
    file: SourceFile,
    source: SourceDeclaration,
    declared: Reference | None,
) -> LayerStream:
    reference = LONLAT if declared is None else declared.flat()  # the plan has no heights
    schema = dialect.mapping.schema

    def batches() -> Iterator[NativeBatch]:
        if not dialect.letter:
            return plain()
        return with_place_ids(plain(), schema.key, letter=dialect.letter, reference=reference)

    return LayerStream(schema=schema, reference=reference, provenance=source.provenance((file,)), batches=batches)


def _batch(features: list[Any], first: int, dialect: Dialect) -> NativeBatch:
    geometries = geometries_of(features)
    properties = [_properties(feature) for feature in features]
    batch = dialect.prepared(_attributes(properties, geometries.values, dialect))
    table, faults = dialect.mapping.judged(batch)
    faults |= geometries.faults  # a geometry that cannot be read counts before an attribute
    keep = np.ones(len(features), dtype=bool)
    keep[list(faults)] = False
    return NativeBatch(
        table=table.filter(pa.array(keep)) if faults else table,
        first_record=first,
        rejected=tuple((_name(properties[i], first + i), *fault) for i, fault in sorted(faults.items())),
    )


def _properties(feature: Any) -> dict[str, Any]:
    found = feature.get("properties") if isinstance(feature, dict) else None
    return found if isinstance(found, dict) else {}


def _name(properties: dict[str, Any], position: int) -> str:
    key = properties.get("id") or properties.get("idu")
    return f"{key}" if key else f"feature {position}"


def _attributes(properties: list[dict[str, Any]], shapes: np.ndarray[Any, Any], dialect: Dialect) -> pa.RecordBatch:
    """The attributes that the dialect takes, all of them, as text or whole numbers; with the geometries as WKB."""
    met = {name for row in properties for name in row}
    names = sorted(name for name in met if name.lower() in dialect.taken)
    columns = [_column([row.get(name) for row in properties]) for name in names]
    missing = _missing(dialect, names)
    columns += [pa.nulls(len(properties), pa.string()) for _ in missing]
    wkb = pa.array(shapely.to_wkb(shapes), pa.binary())
    return pa.RecordBatch.from_arrays([*columns, wkb], [*names, *missing, "geometry"])


def _missing(dialect: Dialect, names: list[str]) -> list[str]:
    there = {name.lower() for name in names}
    return sorted(dialect.present - there)


def _column(values: list[Any]) -> pa.Array:
    if all(value is None or type(value) is int for value in values):
        try:
            return pa.array(values, pa.int64())
        except OverflowError:
            pass  # as text
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        # a lone surrogate is JSON, and no text
        return value if value is None or value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return str(value)


_DTYPES = {"text": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}


def _typed(layer: Layer) -> Layer:
    """With empty columns of what the normaliser measures, and the types of the schema."""
    names = list(layer.schema.column_names)
    table = pd.DataFrame(layer.frame.drop(columns="geometry")).reindex(columns=names)
    frame = gpd.GeoDataFrame(_in_types(table, layer.name), geometry=layer.frame.geometry, crs=layer.frame.crs)
    return replace(layer, frame=frame, own_schema=None)


def _in_types(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame.astype({column.name: _DTYPES[column.kind] for column in SCHEMAS[name].columns})


def _with_known_types(layer: Layer) -> Layer:
    """Footprints without the codes of building types that nobody knows; they are counted in a note."""
    if layer.name != "footprints":
        return layer
    types = layer.frame["building_type"]
    strange = types.notna() & ~types.isin([word for _, word in BUILDING_TYPES])
    if not strange.any():
        return layer
    codes = dict(sorted(Counter(types[strange]).items()))
    note = f"building types unknown, left empty: {codes}"
    provenance = layer.provenance.model_copy(update={"notes": (*layer.provenance.notes, note)})
    return replace(layer, frame=layer.frame.assign(building_type=types.mask(strange)), provenance=provenance)
