"""The check that every point lies where a transformation is valid, and the error that says why one does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.areas import (
    AREA_MARGIN_DEG,
    HEIGHT_MARGIN_DEG,
    PER_SIDE,
    Domain,
    domains_of,
    legal_reference_text,
)
from jnt_pipeline.crs.france.territories import territories_of, territory_at
from jnt_pipeline.crs.guessing.likeness import looks_like
from jnt_pipeline.crs.possible import impossible_heights, impossible_places, places_on_earth
from jnt_pipeline.crs.systems import System
from jnt_pipeline.errors import ImpossibleValueError, OutsideAreaError, SwappedAxesError

__all__ = ["AREA_MARGIN_DEG", "HEIGHT_MARGIN_DEG", "Domain", "check_inside", "domains_of", "outside_error"]

Array = NDArray[np.float64]

EARTH = Domain(
    label="a place on Earth: longitude from −180° to 180°, latitude from −90° to 90°",
    bounds=(-180.0 - 1e-9, -90.0 - 1e-9, 180.0 + 1e-9, 90.0 + 1e-9),
    outline=None,
)
"""Where points must lie when no system or operation is narrower."""


def check_inside(source: System, coordinates: Array, domains: tuple[Domain, ...], *, where: str) -> None:
    """Raise unless every point lies in every domain.

    Parameters
    ----------
    coordinates : (n, 2) or (n, 3) float64
        In the units and axis order (x or longitude first) of ``source``; finite.

    Raises
    ------
    SwappedAxesError
        Most of the points outside would lie inside with their two axes the other way round.
    ImpossibleValueError
        Most of them are no coordinates of the system at all, or a height is no height.
    OutsideAreaError
        Otherwise. Each names how many points, the first of them, and what its numbers look like.
    """
    _check_heights(source, coordinates, where)
    if source.is_geocentric and not domains:
        return
    if domains and _box_is_inside(source, coordinates, domains):
        return
    lon, lat = places_on_earth(source, coordinates)
    for domain in domains or (EARTH,):
        outside = np.flatnonzero(~domain.contains(lon, lat))
        if outside.size:
            raise outside_error(
                source, coordinates, (lon, lat), outside, expected=domain.label, where=where, domains=domains
            )


def _check_heights(source: System, coordinates: Array, where: str) -> None:
    bad, limits = impossible_heights(source, coordinates)
    if bad.size:
        first = int(bad[0])
        raise ImpossibleValueError(
            f"{bad.size} of {len(coordinates)} points have a height that is no height",
            where=where,
            found=f"first: point {first} ({_numbers(coordinates[first])})",
            expected=limits,
            remedy="set these records aside (−9999 and the like mean no data), or state the unit of the heights",
        )


def _box_is_inside(source: System, coordinates: Array, domains: tuple[Domain, ...]) -> bool:
    """Quick test on the box of the points: a tile deep inside the territory needs no test point by point."""
    if source.is_geocentric or len(coordinates) <= 4 * PER_SIDE:
        return False
    (west, south), (east, north) = coordinates[:, :2].min(axis=0), coordinates[:, :2].max(axis=0)
    along = np.linspace(0.0, 1.0, PER_SIDE + 1)
    x, y = west + along * (east - west), south + along * (north - south)
    ring = np.concatenate(
        [
            np.column_stack((x, np.full_like(x, south))),
            np.column_stack((np.full_like(y, east), y)),
            np.column_stack((x, np.full_like(x, north))),
            np.column_stack((np.full_like(y, west), y)),
        ]
    )
    lon, lat = places_on_earth(source, ring)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return False
    return all(domain.holds_hull(lon, lat) for domain in domains)


def outside_error(
    source: System,
    coordinates: Array,
    places: tuple[Array, Array],
    outside: NDArray[np.intp],
    *,
    expected: str,
    where: str,
    domains: tuple[Domain, ...] = (),
) -> OutsideAreaError:
    """The error that names how many points are outside, the first of them, and the most likely mistake.

    Parameters
    ----------
    places
        Longitude and latitude of all points, degrees; infinite where there is none.
    outside
        Indices of the points that are outside.
    expected
        Where they should be, in words.
    domains
        All places where the transformation is valid, to try the swapped axes on; none to leave that out.
    """
    first = int(outside[0])
    lon, lat = (float(place[first]) for place in places)
    found = f"first: point {first} ({_numbers(coordinates[first])}) = {_place(lon, lat)}"
    count = f"{outside.size} of {len(coordinates)} points"
    if domains and _lie_inside_when_swapped(source, coordinates[outside], domains):
        return SwappedAxesError(
            f"{count} lie outside the area where the operation is valid, with their two axes swapped",
            where=where,
            found=found,
            expected=f"x or longitude first; {expected}",
            remedy=f"{_hint(source, coordinates[first])}exchange the two columns",
        )
    bad = impossible_places(source, coordinates[outside], (places[0][outside], places[1][outside]))
    if 2 * np.count_nonzero(bad) > outside.size:
        return ImpossibleValueError(
            f"{count} lie outside the area where the operation is valid, and have no place on Earth in this system",
            where=where,
            found=found,
            expected=expected,
            remedy=f"{_hint(source, coordinates[first])}state the right reference for these numbers, or set them aside",
        )
    return OutsideAreaError(
        f"{count} lie outside the area where the operation is valid",
        where=where,
        found=found,
        expected=expected,
        remedy=f"{_hint(source, coordinates[first])}{_neighbour(source, lon, lat)}"
        "state the right reference for these coordinates, or leave these points out",
    )


def _lie_inside_when_swapped(source: System, outside: Array, domains: tuple[Domain, ...]) -> bool:
    """Whether more than half of the points outside lie inside once their axes are exchanged."""
    if source.is_geocentric:
        return False
    swapped = outside.copy()
    swapped[:, :2] = outside[:, 1::-1]
    lon, lat = places_on_earth(source, swapped)
    inside = np.ones(len(outside), dtype=bool)
    for domain in domains:
        inside &= domain.contains(lon, lat)
    return 2 * int(np.count_nonzero(inside)) > len(outside)


def _numbers(point: Array) -> str:
    return ", ".join(f"{float(value):.10g}" for value in point)


def _place(lon: float, lat: float) -> str:
    if not np.isfinite(lon + lat):
        return "no place on Earth"
    row = territory_at(lon, lat)
    return f"longitude {lon:.5f}, latitude {lat:.5f}" + ("" if row is None else f" ({row.name})")


def _hint(source: System, point: Array) -> str:
    likeness = looks_like(*(float(value) for value in point))
    said = source.reference.horizontal
    if source.is_degrees and abs(point[0]) <= 180 and abs(point[1]) <= 90 and "swapped" not in likeness:
        # Degrees that were said to be degrees: a place abroad, or Paris grades by chance. Zeros alone are worth a word.
        likeness = likeness if likeness.startswith("zeros") else ""
    shown = likeness and (f"({said})" not in likeness or "swapped" in likeness)
    return f"the numbers look like {likeness}; " if shown else ""


def _neighbour(source: System, lon: float, lat: float) -> str:
    """The territory that the first point is really in, when the source does not belong there."""
    row = territory_at(lon, lat) if np.isfinite(lon + lat) else None
    reference = source.reference
    if row is None:
        return ""
    alien = reference.vertical is not None and reference.vertical not in row.verticals
    if not alien and (not territories_of(reference.horizontal) or row in territories_of(reference.horizontal)):
        return ""
    return f"in {row.name} the legal reference is {legal_reference_text(row)}; "
