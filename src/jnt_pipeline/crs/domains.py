"""Where a transformation is valid, and the check that every point lies there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.likeness import looks_like
from jnt_pipeline.crs.operations import PinnedOperation
from jnt_pipeline.crs.systems import System, lonlat
from jnt_pipeline.crs.territories import AREAS, Territory, territory_of
from jnt_pipeline.errors import OutsideAreaError

__all__ = ["AREA_MARGIN_DEG", "HEIGHT_MARGIN_DEG", "Domain", "check_inside", "domains_of"]

AREA_MARGIN_DEG = 0.5
"""Added around EPSG's rectangle of a horizontal system, degrees: CC zones and UTM are used a little beyond it."""

HEIGHT_MARGIN_DEG = 0.1
"""Added around EPSG's rectangle of an operation that takes heights from a grid, degrees."""

_PER_SIDE = 16  # points on each side of the box in the quick test


@dataclass(frozen=True, kw_only=True, eq=False)
class Domain:
    """A part of the world, and why points must lie in it."""

    label: str
    """Words for the message."""
    bounds: Bounds
    """West, south, east, north, degrees, margin included; west > east across the antimeridian."""
    outline: Polygon | None
    """Coarse outline that replaces the rectangle; None for the rectangle itself."""

    def contains(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points lie inside; infinite ones never do."""
        west, south, east, north = self.bounds
        across = (lon >= west) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
        inside = across & (lat >= south) & (lat <= north)
        if self.outline is not None and inside.any():
            inside[inside] = shapely.contains_xy(self.outline, lon[inside], lat[inside])
        return inside

    def holds_hull(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> bool:
        """Whether the ring drawn through these points lies inside, with room for the curvature between them."""
        room = float(max(np.ptp(lon), np.ptp(lat))) / _PER_SIDE + 1e-9
        west, south, east, north = self.bounds
        box = shapely.box(lon.min() - room, lat.min() - room, lon.max() + room, lat.max() + room)
        if self.outline is not None:
            return bool(self.outline.contains(box))
        return west <= east and bool(shapely.box(west, south, east, north).contains(box))


def _rectangle(label: str, bounds: Bounds, margin: float) -> Domain:
    west, south, east, north = bounds
    wide = (west - margin, south - margin, east + margin, north + margin)
    return Domain(label=f"{label} and {margin}° around it", bounds=wide, outline=None)


def _within(territory: Territory, label: str) -> Domain:
    outline = territory.outline
    shapely.prepare(outline)
    return Domain(
        label=f"{label}: {territory.name}, coarse outline with at least {territory.buffer_km:g} km around",
        bounds=outline.bounds,
        outline=outline,
    )


def _of_crs(crs: pyproj.CRS | None, code: str) -> list[Domain]:
    area = None if crs is None else crs.area_of_use
    bounds = AREAS.get(code, None if area is None else area.bounds)
    if bounds is None or _is_world(bounds):
        return []
    return [_rectangle(f"area of use of {code}", bounds, AREA_MARGIN_DEG)]


def _is_world(bounds: Bounds) -> bool:
    west, south, east, north = bounds
    return east - west >= 360 and north - south >= 180


def _of_operation(operation: PinnedOperation) -> list[Domain]:
    territories = [territory_of(grid=grid.name) for grid in operation.grids]
    rows = {t.name: t for t in territories if t is not None}
    domains = [_within(row, f"grids of « {operation.description} »") for row in rows.values()]
    if not rows and operation.bounds is not None and not _is_world(operation.bounds):
        margin = HEIGHT_MARGIN_DEG if operation.grids and operation.n_columns == 3 else AREA_MARGIN_DEG
        domains.append(_rectangle(f"area of use of « {operation.description} »", operation.bounds, margin))
    return domains


def domains_of(
    source: System, target: System, operations: list[PinnedOperation], shifted_vertical: str | None
) -> tuple[Domain, ...]:
    """All places where a transformation has to be valid.

    Parameters
    ----------
    shifted_vertical
        Vertical system whose heights a declared undulation changes; None when there is none.
    """
    domains = [
        *_of_crs(source.flat, source.reference.horizontal),
        *_of_crs(target.flat, target.reference.horizontal),
    ]
    for operation in operations:
        domains += _of_operation(operation)
    if shifted_vertical is not None:
        row = territory_of(vertical=shifted_vertical)
        area = pyproj.CRS(shifted_vertical).area_of_use
        if row is not None:
            domains.append(_within(row, f"heights in {shifted_vertical}"))
        elif area is not None:
            domains.append(_rectangle(f"area of use of {shifted_vertical}", area.bounds, HEIGHT_MARGIN_DEG))
    return tuple({domain.label: domain for domain in domains}.values())


def check_inside(source: System, coordinates: NDArray[np.float64], domains: tuple[Domain, ...], *, where: str) -> None:
    """Raise unless every point lies in every domain.

    Parameters
    ----------
    coordinates : (n, 2) or (n, 3) float64
        In the units and axis order (x or longitude first) of ``source``; finite.

    Raises
    ------
    OutsideAreaError
        Names how many points are outside, the first of them, and what its numbers look like.
    """
    if not domains or _box_is_inside(source, coordinates, domains):
        return
    lon, lat = lonlat(source, coordinates)
    for domain in domains:
        outside = np.flatnonzero(~domain.contains(lon, lat))
        if outside.size:
            raise outside_error(source, coordinates, (lon, lat), outside, expected=domain.label, where=where)


def _box_is_inside(source: System, coordinates: NDArray[np.float64], domains: tuple[Domain, ...]) -> bool:
    """Quick test on the box of the points: a tile deep inside the territory needs no test point by point."""
    if source.is_geocentric or len(coordinates) <= 4 * _PER_SIDE:
        return False
    (west, south), (east, north) = coordinates[:, :2].min(axis=0), coordinates[:, :2].max(axis=0)
    along = np.linspace(0.0, 1.0, _PER_SIDE + 1)
    x, y = west + along * (east - west), south + along * (north - south)
    ring = np.concatenate(
        [
            np.column_stack((x, np.full_like(x, south))),
            np.column_stack((np.full_like(y, east), y)),
            np.column_stack((x, np.full_like(x, north))),
            np.column_stack((np.full_like(y, west), y)),
        ]
    )
    lon, lat = lonlat(source, ring)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return False
    return all(domain.holds_hull(lon, lat) for domain in domains)


def outside_error(
    source: System,
    coordinates: NDArray[np.float64],
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
    outside: NDArray[np.intp],
    *,
    expected: str,
    where: str,
) -> OutsideAreaError:
    """The error that names how many points are outside, and the first of them."""
    first = int(outside[0])
    numbers = [float(value) for value in coordinates[first]]
    likeness = looks_like(*numbers)
    said = source.reference.horizontal
    hint = (
        f"the numbers look like {likeness}; "
        if likeness and (f"({said})" not in likeness or "swapped" in likeness)
        else ""
    )
    lon, lat = (float(place[first]) for place in places)
    place = f"longitude {lon:.5f}, latitude {lat:.5f}" if np.isfinite(lon + lat) else "no place on Earth"
    return OutsideAreaError(
        f"{outside.size} of {len(coordinates)} points lie outside the area where the operation is valid",
        where=where,
        found=f"first: point {first} ({', '.join(f'{v:.10g}' for v in numbers)}) = {place}",
        expected=expected,
        remedy=f"{hint}state the right reference for these coordinates, or leave these points out",
    )
