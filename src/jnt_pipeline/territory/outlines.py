"""Outlines: footprints repaired, flattened into edges for the kernels, and made sound for solids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

__all__ = [
    "OUTLINE_GRID_M",
    "OutlineEdges",
    "makes_solids",
    "sound_polygons",
    "surfaces",
]

OUTLINE_GRID_M = 0.001
"""Solids stand on a grid of 1 mm: the resolution of LAS files and of CityJSON's usual quantisation, so that
no exporter can make two of their vertices fall together."""

_THICKENING_M = 0.01
# Half side of the square put on a point where an outline touches itself: ten times the grid, a tenth of the
# best cadastral accuracy (classe de précision de 10 cm).

_POLYGON, _MULTIPOLYGON, _COLLECTION = 3, 6, 7

Geometries = NDArray[np.object_]
"""Array (n,) of shapely geometries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineEdges:
    """The edges of n outlines, flat, holes and parts together (even-odd rule)."""

    xyxy: NDArray[np.float64]
    """Shape (m, 4): x1, y1, x2, y2, metres, the end with the lower y first (then the lower x).

    The canonical order makes two adjoining outlines do the same arithmetic on their common edge: a point near
    it falls into exactly one of them.
    """
    starts: NDArray[np.int64]
    """Shape (n + 1,): the edges of outline i are ``starts[i]`` to ``starts[i + 1]``."""
    bounds: NDArray[np.float64]
    """Shape (n, 4): west, south, east, north, metres; NaN for an empty outline."""

    @staticmethod
    def of(outlines: Geometries) -> OutlineEdges:
        """Flatten valid polygons and multipolygons; an empty outline has no edges."""
        parts, owner = shapely.get_parts(outlines, return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        same_ring = ring[:-1] == ring[1:]
        start, end = xy[:-1][same_ring], xy[1:][same_ring]
        of_outline = owner[part[ring[:-1][same_ring]]]
        swap = (start[:, 1] > end[:, 1]) | ((start[:, 1] == end[:, 1]) & (start[:, 0] > end[:, 0]))
        low, high = np.where(swap[:, None], end, start), np.where(swap[:, None], start, end)
        starts = np.searchsorted(of_outline, np.arange(len(outlines) + 1)).astype(np.int64)
        return OutlineEdges(
            xyxy=np.ascontiguousarray(np.hstack([low, high])), starts=starts, bounds=shapely.bounds(outlines)
        )


def surfaces(geometries: Geometries) -> Geometries:
    """The valid flat surface of each geometry: what has area, in two dimensions; empty polygon for the rest.

    Overlapping parts are united and self-crossing rings repaired (GEOS ``make_valid``, structure method, which
    keeps the area that the rings enclose); points and lines have no surface.
    """
    flat: Geometries = shapely.force_2d(np.asarray(geometries, dtype=object))
    kind = shapely.get_type_id(flat)
    flat[(kind != _POLYGON) & (kind != _MULTIPOLYGON) & (kind != _COLLECTION)] = Polygon()
    bad = ~shapely.is_valid(flat) | (shapely.get_type_id(flat) == _COLLECTION)
    for i in np.flatnonzero(bad):
        flat[i] = _repaired(flat[i])
    return flat


def _repaired(geometry: BaseGeometry) -> BaseGeometry:
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        return Polygon()
    repaired = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    polygons = [part for part in _leaves(repaired) if isinstance(part, Polygon) and not part.is_empty]
    return shapely.union_all(polygons) if polygons else Polygon()


def _leaves(geometry: BaseGeometry) -> list[BaseGeometry]:
    parts = shapely.get_parts(geometry)
    if len(parts) == 1 and parts[0].equals(geometry):
        return [geometry]
    return [leaf for part in parts for leaf in _leaves(part)]


def makes_solids(outlines: Geometries) -> NDArray[np.bool_]:
    """Whether at least one solid can stand on each outline (valid surfaces, see ``surfaces``)."""
    snapped = shapely.set_precision(outlines, OUTLINE_GRID_M)
    plain = (shapely.get_type_id(snapped) == _POLYGON) & ~shapely.is_empty(snapped) & ~_touch_themselves(snapped)
    for i in np.flatnonzero(~plain):
        plain[i] = len(sound_polygons(outlines[i])) > 0
    return np.asarray(plain, dtype=np.bool_)


def sound_polygons(outline: Polygon | MultiPolygon) -> tuple[Polygon, ...]:
    """The polygons on which closed solids can stand, exterior counter-clockwise, in canonical order.

    Vertices are snapped to ``OUTLINE_GRID_M``; parts that vanish there are left out. An outline that touches
    itself in a point (a courtyard that meets the street in a corner) would give a solid with an edge of four
    walls, which ISO 19107 refuses (the shell must be a 2-manifold): a square of 2 cm is added on that point.
    """
    snapped = shapely.set_precision(shapely.force_2d(outline), OUTLINE_GRID_M)
    sound: list[Polygon] = []
    for part in shapely.get_parts(snapped):
        sound.extend((part,) if _is_simple(part) else filter(_is_simple, _thickened(part)))
    kept = [part for part in sound if not part.is_empty]
    if len(kept) > 1:
        kept = list(shapely.get_parts(shapely.normalize(MultiPolygon(kept))))
    return tuple(shapely.orient_polygons(shapely.normalize(part), exterior_cw=False) for part in kept)


def _is_simple(polygon: Polygon) -> bool:
    """Whether no vertex occurs twice among the rings (each ring says its first vertex again at its end)."""
    xy = shapely.get_coordinates(polygon).tolist()
    return len(set(map(tuple, xy))) == len(xy) - 1 - len(polygon.interiors)


def _thickened(polygon: Polygon) -> tuple[Polygon, ...]:
    xy, count = np.unique(_open_coordinates(np.array([polygon]))[0], axis=0, return_counts=True)
    reach = _THICKENING_M
    squares = [shapely.box(x - reach, y - reach, x + reach, y + reach) for x, y in xy[count > 1]]
    joined = shapely.set_precision(shapely.union_all([polygon, *squares]), OUTLINE_GRID_M)
    return tuple(part for part in shapely.get_parts(joined) if isinstance(part, Polygon))


def _open_coordinates(polygons: Geometries) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (m, 2) of all rings without the repeated last one, and the polygon (m,) of each."""
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    is_last = np.append(ring[:-1] != ring[1:], True)[: len(ring)]
    return xy[~is_last], owner[part[ring[~is_last]]]


def _touch_themselves(polygons: Geometries) -> NDArray[np.bool_]:
    """Whether a vertex occurs twice among the rings of each geometry."""
    xy, owner = _open_coordinates(polygons)
    order = np.lexsort((xy[:, 1], xy[:, 0], owner))
    xy, owner = xy[order], owner[order]
    twice = (owner[1:] == owner[:-1]) & (xy[1:] == xy[:-1]).all(axis=1)
    touching = np.zeros(len(polygons), dtype=np.bool_)
    touching[owner[1:][twice]] = True
    return touching
