"""GeoJSON feature collections as producers write them: features that cannot be read are named, none is repaired.

Source: RFC 7946 (a ring has four or more positions, and the last repeats the first).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry import shape

from jnt_pipeline.crs.identify import reference_of
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import system
from jnt_pipeline.errors import CrsError, MissingCrsError, MixedReferencesError, UnreadableError, UnsupportedError
from jnt_pipeline.sources.files import read_bytes

__all__ = [
    "FeatureCollection",
    "Geometries",
    "attributes_of",
    "geometries_of",
    "parse_json",
    "read_feature_collection",
    "require_longitude_latitude",
    "stated_crs_name",
    "stated_projection",
]

_LONGITUDE_FIRST = ("CRS84", "EPSG::4326", "EPSG:4326")
_DEFAULT_CRS = "CRS84"
_POLYGONAL = ("Polygon", "MultiPolygon")
_OTHERS = ("Point", "MultiPoint", "LineString", "MultiLineString")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCollection:
    """The features of one file, in its order."""

    features: list[Any]
    """Whatever stands in ``features``: a member may be anything."""
    attributes: frozenset[str]
    """Names of the properties met in any feature."""
    projection: Reference | None = None
    """The projection that the collection names, where the reader takes one; None for longitude, latitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometries:
    """The geometries of a list of features, and what is wrong with those that could not be read."""

    values: NDArray[np.object_]
    """Shape (n,): shapely geometries, lon/lat; None where the feature has none or it could not be read."""
    faults: dict[int, tuple[str, str]]
    """Position of the feature → reason code and detail."""


def parse_json(path: Path) -> Any:
    """The JSON value of a file (UTF-8, with or without BOM, gzip or not). Raises ``UnreadableError``."""
    content = read_bytes(path)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableError(
            "the text is not UTF-8",
            where=path.name,
            found=f"byte {content[error.start]:#04x} at position {error.start}",
            expected="UTF-8, as RFC 8259 requires",
            remedy="ask the producer for UTF-8, or convert the file",
        ) from error
    except (json.JSONDecodeError, RecursionError) as error:
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "nesting"
        raise UnreadableError(
            "not a JSON document, or one that is cut short",
            where=path.name,
            found=f"{error} ({where}; {len(content):,} bytes)",
            expected="one whole JSON value",
            remedy="download the file again; no text may stand before or after the JSON",
        ) from error


def read_feature_collection(path: Path, *, declared: bool = False, takes_projection: bool = False) -> FeatureCollection:
    """Read a GeoJSON ``FeatureCollection`` whose coordinates are longitude, latitude (WGS 84).

    Parameters: ``declared`` whether the user has declared the reference, so that the file's own word does not count;
    ``takes_projection`` whether it may name a projection instead, as answers of a WFS do.
    Raises ``UnreadableError`` when it is not one; ``UnsupportedError`` when its ``crs`` member names another CRS,
    ``MixedReferencesError`` when its members name several.
    """
    document = parse_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        found = document.get("type", "an object") if isinstance(document, dict) else type(document).__name__
        raise UnreadableError(
            "not a GeoJSON feature collection",
            where=path.name,
            found=str(found),
            expected='{"type": "FeatureCollection", "features": […]}',
            remedy="give the GeoJSON file of the producer",
        )
    projection = stated_projection(document, path) if takes_projection and not declared else None
    require_longitude_latitude(document, path, declared=declared, projection=projection)
    features = document["features"]
    return FeatureCollection(features=features, attributes=attributes_of(features), projection=projection)


def attributes_of(features: list[Any]) -> frozenset[str]:
    """Names of the properties met in any of the features."""
    return frozenset(
        name
        for feature in features
        if isinstance(feature, dict) and isinstance(feature.get("properties"), dict)
        for name in feature["properties"]
    )


def geometries_of(features: list[Any]) -> Geometries:
    """Geometries of ``features`` (longitude, latitude; a third coordinate is left out).

    Faults: ``unreadable_feature`` (not a feature, or a geometry that is none), ``broken_ring`` (fewer than four
    positions, or the last does not repeat the first), ``bad_coordinates`` (not finite numbers). A feature without
    geometry gives None and no fault.
    """
    values: NDArray[np.object_] = np.full(len(features), None, dtype=object)
    faults: dict[int, tuple[str, str]] = {}
    rings: list[NDArray[np.float64]] = []
    ring_polygon: list[int] = []
    polygon_feature: list[int] = []
    multi: set[int] = set()
    for i, feature in enumerate(features):
        try:
            found = _rings(feature)
        except _FaultError as fault:
            faults[i] = (fault.reason, fault.detail)
            continue
        if not isinstance(found, list):
            values[i] = found
            continue
        if feature["geometry"]["type"] == "MultiPolygon":
            multi.add(i)
        for polygon in found:
            ring_polygon.extend([len(polygon_feature)] * len(polygon))
            polygon_feature.append(i)
            rings.extend(polygon)
    if rings:
        lengths = np.array([len(ring) for ring in rings])
        owner = np.repeat(np.arange(len(rings)), lengths)
        lines = np.atleast_1d(np.asarray(shapely.linearrings(np.concatenate(rings), indices=owner), dtype=object))
        polygons = np.atleast_1d(np.asarray(shapely.polygons(lines, indices=np.array(ring_polygon)), dtype=object))
        owners, first = np.unique(polygon_feature, return_index=True)
        for i, start, stop in zip(owners, first, [*first[1:], len(polygon_feature)], strict=True):
            values[i] = shapely.multipolygons(polygons[start:stop]) if int(i) in multi else polygons[start]
    return Geometries(values=values, faults=faults)


class _FaultError(Exception):
    """A feature that cannot be read; never leaves this module."""

    def __init__(self, reason: str, detail: str):
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


def require_longitude_latitude(
    document: dict[str, Any], path: Path, *, declared: bool = False, projection: Reference | None = None
) -> None:
    """Refuse another CRS than longitude, latitude, and two in one file: GeoJSON of 2008 let any object name one.

    Parameters: ``document`` with its ``features``, or some of them; ``declared`` whether the reference is declared: one
    that the file names is then not judged; ``projection`` what the collection names, where the reader takes that.
    """
    names: Counter[str] = Counter()
    first: dict[str, str] = {}
    own = stated_crs_name(document, path)
    if document.get("crs") is not None:
        names[own] = 0
    for i, feature in enumerate(document["features"]):
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        stated = [
            _crs_name(thing["crs"], path)
            for thing in (feature, geometry)
            if isinstance(thing, dict) and thing.get("crs") is not None
        ]
        for name in stated or [own]:
            names[name] += 1
            first.setdefault(name, f"feature {i}")
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(_DEFAULT_CRS if name.endswith((_DEFAULT_CRS, *_LONGITUDE_FIRST)) else _plain(name), name)
    if len(known) > 1:
        told = "; ".join(
            f"{name} ({names[name]} features, first: {first[name]})" if name in first else f"{name} (the collection)"
            for name in names
        )
        raise MixedReferencesError(
            "the features of one file state different references",
            where=path.name,
            found=told,
            expected="one CRS for the whole collection; RFC 7946: longitude, latitude",
            remedy="ask the producer for RFC 7946 GeoJSON, or for one file per reference",
        )
    if _DEFAULT_CRS not in known and known and not declared and projection is None:
        raise UnsupportedError(
            "GeoJSON in another CRS than WGS 84 longitude, latitude: not read by this version",
            where=path.name,
            found=next(iter(known.values())),
            expected="RFC 7946: CRS84",
            remedy="ask for the GeoJSON in longitude, latitude, or bring it there: "
            f"jnt crs transform auto EPSG:4326 {path.name}",
        )


def stated_projection(document: dict[str, Any], path: Path) -> Reference | None:
    """The projection that the ``crs`` member of a collection names; None for degrees, or a system that is not known.

    GeoJSON of 2008 could name one, and services still do where they are asked for it. Degrees of another datum are not
    taken: their axes may stand in either order. Raises ``MissingCrsError`` for a member without a name.
    """
    try:
        reference = reference_of(stated_crs_name(document, path), where=path.name).flat()
    except CrsError:
        if document.get("crs") is not None:
            _crs_name(document["crs"], path)
        return None
    one = system(reference)
    return None if one.is_degrees or one.is_geocentric else reference


def stated_crs_name(document: dict[str, Any], path: Path) -> str:
    """The name in the ``crs`` member of a collection, ``CRS84`` without one. Raises ``MissingCrsError``."""
    return _DEFAULT_CRS if document.get("crs") is None else _crs_name(document["crs"], path)


def _crs_name(crs: Any, path: Path) -> str:
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = str(properties.get("name", "")) if isinstance(properties, dict) else ""
    if not name:
        raise MissingCrsError(
            "the crs member of the GeoJSON does not name a CRS",
            where=path.name,
            found=json.dumps(crs)[:80],
            expected="no crs member, null, or a name",
            remedy="ask the producer for RFC 7946 GeoJSON",
        )
    return name


def _plain(name: str) -> str:
    """``urn:ogc:def:crs:EPSG::2154`` and ``EPSG:2154`` are one name."""
    return name.upper().replace("::", ":").rsplit("CRS:", 1)[-1]


def _rings(feature: Any) -> list[list[NDArray[np.float64]]] | shapely.Geometry | None:
    """Polygons as lists of rings; another geometry as shapely reads it; None without geometry."""
    if not isinstance(feature, dict) or not isinstance(feature.get("properties"), dict | None):
        raise _FaultError("unreadable_feature", "not a GeoJSON feature")
    geometry = feature.get("geometry")
    if geometry is None:
        return None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind in _OTHERS:
        return _other(geometry)
    if kind not in _POLYGONAL or not isinstance(geometry.get("coordinates"), list):
        raise _FaultError("unreadable_feature", f"geometry of type {kind!r}")
    polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
    if not polygons or not all(isinstance(polygon, list) and polygon for polygon in polygons):
        raise _FaultError("unreadable_feature", f"a {kind} without rings")
    return [[_ring(ring, number) for number, ring in enumerate(polygon)] for polygon in polygons]


def _ring(positions: Any, number: int) -> NDArray[np.float64]:
    if not isinstance(positions, list):
        raise _FaultError("unreadable_feature", f"ring {number} is not a list of positions")
    if len(positions) < 4:
        raise _FaultError("broken_ring", f"ring {number} has {len(positions)} positions, at least 4 are needed")
    try:
        ring = np.array([position[:2] for position in positions], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _FaultError("bad_coordinates", f"ring {number}: {error}") from error
    if ring.ndim != 2 or ring.shape[1] != 2 or not np.isfinite(ring).all():
        raise _FaultError("bad_coordinates", f"ring {number} holds positions that are not two finite numbers")
    if not np.array_equal(ring[0], ring[-1]):
        raise _FaultError(
            "broken_ring", f"ring {number} is not closed: it ends {tuple(ring[-1])}, not {tuple(ring[0])}"
        )
    return ring


def _other(geometry: Any) -> shapely.Geometry:
    try:
        found = shapely.force_2d(shape(geometry))
    except (ShapelyError, TypeError, ValueError, IndexError, KeyError) as error:
        raise _FaultError("unreadable_feature", f"{geometry['type']}: {error}") from error
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise _FaultError("bad_coordinates", f"{geometry['type']} with coordinates that are not finite")
    return found
