"""Where systems, operations and grids are valid, and pairs of references that hold nowhere together (*emprises*)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.france.territories import (
    AREAS,
    TERRITORIES,
    FrenchTerritory,
    french_name,
    territories_of,
    territory_of,
)
from jnt_pipeline.crs.operations import PinnedOperation
from jnt_pipeline.crs.systems import System
from jnt_pipeline.errors import CrsError, DisjointAreasError

__all__ = [
    "AREA_MARGIN_DEG",
    "HEIGHT_MARGIN_DEG",
    "PER_SIDE",
    "Domain",
    "domains_of",
    "legal_reference_text",
    "require_area",
    "require_meeting",
]

AREA_MARGIN_DEG = 0.5
"""Added around EPSG's rectangle of a horizontal system, degrees: CC zones and UTM are used a little beyond it."""

HEIGHT_MARGIN_DEG = 0.1
"""Added around EPSG's rectangle of an operation that takes heights from a grid, degrees."""

PER_SIDE = 16
"""Points on each side of the box in the quick test."""


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
        room = float(max(np.ptp(lon), np.ptp(lat))) / PER_SIDE + 1e-9
        west, south, east, north = self.bounds
        box = shapely.box(lon.min() - room, lat.min() - room, lon.max() + room, lat.max() + room)
        if self.outline is not None:
            return bool(self.outline.contains(box))
        return west <= east and bool(shapely.box(west, south, east, north).contains(box))

    @property
    def shape(self) -> BaseGeometry:
        """The domain as a geometry, degrees; in two parts across the antimeridian."""
        if self.outline is not None:
            return self.outline
        west, south, east, north = self.bounds
        if west <= east:
            return shapely.box(west, south, east, north)
        return MultiPolygon([shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north)])


def _rectangle(label: str, bounds: Bounds, margin: float) -> Domain:
    west, south, east, north = bounds
    wide = (west - margin, south - margin, east + margin, north + margin)
    return Domain(label=f"{label} and {margin}° around it", bounds=wide, outline=None)


def _within(territory: FrenchTerritory, label: str) -> Domain:
    outline = territory.outline
    shapely.prepare(outline)
    return Domain(
        label=f"{label}: {territory.name}, coarse outline with at least {territory.buffer_km:g} km around",
        bounds=outline.bounds,
        outline=outline,
    )


def _is_world(bounds: Bounds) -> bool:
    west, south, east, north = bounds
    return east - west >= 360 and north - south >= 180


def _of_crs(end: System) -> list[Domain]:
    code = end.reference.horizontal
    area = None if end.flat is None else end.flat.area_of_use
    bounds = AREAS.get(code, None if area is None else area.bounds)
    if bounds is None or _is_world(bounds):
        return []
    return [_rectangle(f"area of use of {code}", bounds, AREA_MARGIN_DEG)]


def _of_vertical(code: str | None) -> list[Domain]:
    if code is None:
        return []
    row = territory_of(vertical=code)
    if row is not None:
        return [_within(row, f"heights in {code}")]
    area = pyproj.CRS(code).area_of_use
    if area is None or _is_world(area.bounds):
        return []
    return [_rectangle(f"area of use of {code}", area.bounds, HEIGHT_MARGIN_DEG)]


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
    """All places where a transformation has to be valid: its operations, its systems, its vertical systems.

    Parameters
    ----------
    shifted_vertical
        Vertical system whose heights a declared undulation changes; None when there is none.
    """
    domains = [*_of_crs(source), *_of_crs(target)]
    for operation in operations:
        domains += _of_operation(operation)
    for vertical in (shifted_vertical, source.reference.vertical, target.reference.vertical):
        domains += _of_vertical(vertical)
    # One test per place: the first label stays, which says most.
    return tuple({(d.bounds, d.outline is None): d for d in reversed(domains)}.values())[::-1]


# ---- references that hold nowhere together ----------------------------------------------------------------------


def legal_reference_text(territory: FrenchTerritory) -> str:
    """What to write for data of a territory: ``EPSG:5490+5756 (UTM 20N (RGAF09) + MART87)``."""
    horizontal, vertical = territory.legal
    code = f"{horizontal}+{vertical[5:]}"
    return f"{code} ({french_name(code)})"


def _codes(end: System) -> list[str]:
    reference = end.reference
    return [reference.horizontal, *([reference.vertical] if reference.vertical is not None else [])]


@lru_cache(maxsize=4096)
def _meet(source: System, target: System) -> bool:
    shared = set(TERRITORIES)
    for code in (*_codes(source), *_codes(target)):
        shared &= set(territories_of(code)) or shared  # systems of the whole world exclude nothing
    if not shared:
        return False
    common: BaseGeometry = shapely.box(-540.0, -90.0, 540.0, 90.0)
    for end in (source, target):
        for domain in (*_of_crs(end), *_of_vertical(end.reference.vertical)):
            common = common.intersection(domain.shape)
    return bool(common.area > 0)


def require_meeting(source: System, target: System) -> None:
    """Raise unless there is a place where both references hold; PROJ is not asked for any operation.

    Systems of the table must share a territory, so that a strip of sea between two margins does not count; the areas
    of use, margins included, must meet as well.

    Raises
    ------
    DisjointAreasError
        Names where each code holds.
    """
    if _meet(source, target):
        return
    ends = (source, target)
    alone = next((end for end in ends if not _meet(end, end)), None)
    codes = {code: end for end in (ends if alone is None else (alone,)) for code in _codes(end)}
    holding = {code: territories_of(code) for code in codes}
    # Where a code holds in many places, its vertical system says which was meant.
    rows = list(dict.fromkeys(row for places in holding.values() if len(places) <= 2 for row in places))
    raise DisjointAreasError(
        "the two references hold in places that do not meet"
        if alone is None
        else "the codes of this reference hold in places that do not meet",
        where=f"{source.reference} to {target.reference}" if alone is None else alone.reference.code,
        found="; ".join(_place(code, end) for code, end in codes.items()),
        expected="codes that hold in one and the same territory",
        remedy="state the reference that these coordinates are really in"
        + (f"; legal are {_advice(rows)}" if rows else ""),
    )


def require_area(source: System, target: System, area: Bounds) -> None:
    """Raise unless a place that is asked for is one, and lies where both systems hold.

    Parameters
    ----------
    area
        West, south, east, north, degrees; west > east across the antimeridian. It may have no size.

    Raises
    ------
    CrsError
        These are not four numbers in that order.
    DisjointAreasError
        One of the systems does not hold there; PROJ would call that a pair without any operation.
    """
    where = f"{source.reference} to {target.reference}"
    if (
        len(area) != 4
        or not all(abs(v) <= limit for v, limit in zip(area, (180, 90) * 2, strict=True))
        or area[1] > area[3]
    ):
        raise CrsError(
            "the area is not a box in degrees",
            where=where,
            found=str(area),
            expected="west, south, east, north: longitudes from −180 to 180, latitudes from −90 to 90",
            remedy="give the box of the place in degrees, longitude first",
        )
    box = Domain(label="", bounds=area, outline=None).shape
    for end in (source, target):
        for domain in (*_of_crs(end), *_of_vertical(end.reference.vertical)):
            if not domain.shape.intersects(box):
                raise DisjointAreasError(
                    "the area asked for lies where one of the references does not hold",
                    where=where,
                    found=f"west, south, east, north {', '.join(f'{v:g}' for v in area)}",
                    expected=domain.label,
                    remedy="give the place where the coordinates lie, longitude first, or none",
                )


def _place(code: str, end: System) -> str:
    rows = territories_of(code)
    if rows:
        return f"{code} ({french_name(code)}) in {', '.join(row.name for row in rows)}"
    area = pyproj.CRS(code).area_of_use
    return f"{code} ({end.crs.name})" + ("" if area is None else f" in {area.name}")


def _advice(rows: list[FrenchTerritory]) -> str:
    return "; ".join(f"in {row.name} {legal_reference_text(row)}" for row in rows)
