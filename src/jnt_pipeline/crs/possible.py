"""Numbers that are no coordinates of a system anywhere on Earth (*valeurs impossibles*)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.systems import System, back_to_plane, lonlat

__all__ = ["HIGHEST_M", "LOWEST_M", "impossible_heights", "impossible_places", "places_on_earth"]

Array = NDArray[np.float64]

LOWEST_M = -12_000.0
"""No point of the sea floor is lower, metres: the Challenger Deep is 10,935 m deep (GEBCO)."""

HIGHEST_M = 100_000.0
"""Above it begins space, metres (Kármán line, Fédération aéronautique internationale)."""

NO_DATA_M = -9_999.0
"""A height of exactly this value is a no-data mark (IGN's rasters, GDAL, ESRI), not a height."""

_HALF_TURN_M = math.pi * 6_378_137.0
"""Half the Earth's equator (GRS 80), metres: no place is farther from the origin of a projection."""

_CLOSES_M = 1.0  # a place that comes back to other numbers than it came from is not their place
_MARGIN_DEG = 1e-9  # rounding of ±90 and ±180


def impossible_heights(source: System, coordinates: Array) -> tuple[NDArray[np.intp], str]:
    """Indices of the points whose height cannot be one, and the limits in words.

    Parameters
    ----------
    coordinates : (n, 2) or (n, 3) float64
        Only the third column is looked at, and only where ``source`` states heights; X, Y, Z are looked at together.
    """
    limits = f"heights from {LOWEST_M:.0f} to {HIGHEST_M:.0f} m"
    none = np.empty(0, dtype=np.intp)
    if coordinates.shape[1] != 3 or not len(coordinates) or not source.has_heights:
        return none, limits
    if source.is_geocentric:
        # The ellipsoid's radius goes from 6,356,752 m at the poles to 6,378,137 m at the equator (GRS 80).
        size = np.sqrt((coordinates**2).sum(axis=1))
        low, high = 6_356_752.0 + LOWEST_M, 6_378_137.0 + HIGHEST_M
        bad = np.flatnonzero((size < low) | (size > high))
        return bad, f"a distance of {low:.0f} to {high:.0f} m from the Earth's centre"
    axis = source.crs.axis_info[2]
    per_unit = float(axis.unit_conversion_factor)
    sign = -1.0 if axis.direction == "down" else 1.0
    column = coordinates[:, 2]
    first, last = sorted((sign * LOWEST_M / per_unit, sign * HIGHEST_M / per_unit))
    if first <= column.min() and column.max() <= last and not (column == NO_DATA_M).any():
        return none, limits
    return np.flatnonzero((column < first) | (column > last) | (column == NO_DATA_M)), limits


def impossible_places(source: System, coordinates: Array, places: tuple[Array, Array]) -> NDArray[np.bool_]:
    """Which points have no place on Earth.

    Degrees beyond the poles or beyond half a turn (ISO 6709); eastings and northings farther from the projection's
    origin than half the equator; numbers that the projection cannot give, because the place that PROJ computes for
    them projects to other numbers (a cone does not cover its plane).

    Parameters
    ----------
    coordinates : (n, 2) or (n, 3) float64
        In the units of ``source``, x or longitude first.
    places
        Longitude and latitude from Greenwich, degrees, as :func:`~jnt_pipeline.crs.systems.lonlat` gives them.
    """
    lon, lat = places
    bad = ~(np.isfinite(lon) & np.isfinite(lat))
    bad |= _beyond_half_a_turn(source, coordinates, places)
    if source.is_degrees or source.flat is None:
        return bad
    per_unit = float(source.flat.axis_info[0].unit_conversion_factor)
    rest = np.flatnonzero(~bad)
    if rest.size:
        again = back_to_plane(source, lon[rest], lat[rest])
        apart = np.abs(again - coordinates[rest, :2]).max(axis=1) * per_unit
        bad[rest] |= ~(apart <= _CLOSES_M)
    return bad


def places_on_earth(source: System, coordinates: Array) -> tuple[Array, Array]:
    """Longitude and latitude as :func:`~jnt_pipeline.crs.systems.lonlat` gives them, infinite for impossible numbers.

    PROJ takes turns of the Earth off: a northing of UTM and the same one with 39,992 km more would be one place.
    """
    lon, lat = lonlat(source, coordinates)
    if not source.is_geocentric:
        beyond = _beyond_half_a_turn(source, coordinates, (lon, lat))
        if beyond.any():
            lon, lat = np.where(beyond, np.inf, lon), np.where(beyond, np.inf, lat)
    return lon, lat


def _beyond_half_a_turn(source: System, coordinates: Array, places: tuple[Array, Array]) -> NDArray[np.bool_]:
    """Degrees, or eastings and northings, that are more than half a turn from where they are counted."""
    if source.is_degrees:
        lon, lat = places
        return np.asarray((np.abs(lon) > 180.0 + _MARGIN_DEG) | (np.abs(lat) > 90.0 + _MARGIN_DEG))
    if source.flat is None:
        return np.zeros(len(coordinates), dtype=bool)
    limit = _HALF_TURN_M / float(source.flat.axis_info[0].unit_conversion_factor)
    east, north = _origin(source)
    x, y = coordinates[:, 0], coordinates[:, 1]
    return np.asarray((np.abs(x - east) > limit) | (np.abs(y - north) > limit))


@lru_cache(maxsize=256)
def _origin(source: System) -> tuple[float, float]:
    """False easting and northing, in the units of the system."""
    operation = None if source.flat is None else source.flat.coordinate_operation
    found = {"easting": 0.0, "northing": 0.0}
    for parameter in [] if operation is None else operation.params:
        for word in found:
            if word in parameter.name.lower():
                found[word] = float(parameter.value)
    return found["easting"], found["northing"]
