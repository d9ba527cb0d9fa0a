"""Where an easting and northing fall: area of use, grid scale and convergence of a projection, and near misses.

Uses the projection alone (its own datum): no layer is transformed here. Comparing with WGS 84 goes through ``crs``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyproj

from jnt_pipeline.crs.france.territories import french_name
from jnt_pipeline.crs.guessing.readings import RARE, UNITS, sheets
from jnt_pipeline.errors import CrsError

__all__ = ["MapPosition", "distance_to_site_m", "position_of", "readings_inside", "unit_of_crs_m"]

_AREA_MARGIN_DEG = 0.5  # EPSG's rectangles are rounded and drawn to coasts; half a degree is 40–55 km
_OWN_DATUM_M = 1000.0  # latitude on an old datum differs from WGS 84 by less (NTF, ED50, Bessel: 50–250 m)
_UNITS = (("metres", 1.0), *((name, UNITS[name]) for name in ("millimetres", "centimetres", "feet")))
_HINTS = 3  # readings named in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPosition:
    """A point of a projection, inside its area of use."""

    eastings_m: float
    northings_m: float
    longitude_deg: float
    """In the datum of the CRS itself."""
    latitude_deg: float
    """In the datum of the CRS itself."""
    grid_scale: float
    """Map length over ellipsoidal length along the meridian (k)."""
    convergence_deg: float
    """Angle from grid north to true north."""

    @staticmethod
    def looks_like(code: str, eastings_m: float, northings_m: float) -> tuple[str, ...]:
        """In words, which other readings of two numbers would make sense (France)."""
        hints = []
        if position_of(code, northings_m, eastings_m) is not None:
            hints.append("with easting and northing swapped it would be inside")
        point = np.array([[eastings_m, northings_m]])
        hints += [
            f"it looks like {sheet.code} ({french_name(sheet.code)})"
            for sheet in sheets()
            if not sheet.is_degrees and sheet.code not in RARE and code not in sheet.codes and sheet.holds(point).all()
        ]
        return tuple(hints[:_HINTS])


def position_of(
    code: str, eastings_m: float, northings_m: float, margin_deg: float = _AREA_MARGIN_DEG
) -> MapPosition | None:
    """The point in the area of use of a projected CRS; None outside of it (or where the projection breaks down)."""
    projection, metres_per_unit, (west, south, east, north) = _projection(code)
    lon, lat = projection(eastings_m / metres_per_unit, northings_m / metres_per_unit, inverse=True)
    inside = (
        math.isfinite(lon)
        and math.isfinite(lat)
        and south - margin_deg <= lat <= north + margin_deg
        and (lon - west + margin_deg) % 360 <= (east - west) % 360 + 2 * margin_deg
    )
    if not inside and (east - west) < 360:
        return None
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= 90):
        return None
    factors = projection.get_factors(lon, lat)
    return MapPosition(
        eastings_m=eastings_m,
        northings_m=northings_m,
        longitude_deg=lon,
        latitude_deg=lat,
        grid_scale=float(factors.meridional_scale),
        convergence_deg=float(factors.meridian_convergence),
    )


def readings_inside(code: str, eastings: float, northings: float) -> tuple[tuple[str, float], ...]:
    """Units (name, metres) in which two plain numbers would fall into the area of use."""
    return tuple((name, metres) for name, metres in _UNITS if position_of(code, eastings * metres, northings * metres))


def unit_of_crs_m(code: str) -> float:
    """Metres in the unit of a projected CRS's axes."""
    return _projection(code)[1]


def distance_to_site_m(
    code: str, points_m: Sequence[tuple[float, float]], lon_lat_deg: tuple[float, float]
) -> tuple[float | None, str]:
    """Distance on the ellipsoid from the nearest of some map points to a WGS 84 position, and a remark.

    Parameters: ``points_m`` eastings and northings, metres; ``lon_lat_deg`` longitude, latitude, WGS 84.
    Where ``crs`` refuses the transformation, the latitude on the CRS's own datum (within 1 km of WGS 84) decides
    only what is certain; otherwise the distance is None and the remark says why.
    """
    from jnt_pipeline.crs.transform import transform

    _, metres_per_unit, _ = _projection(code)
    geod = pyproj.Geod(ellps="WGS84")
    try:
        coords, _ = transform(np.asarray(points_m) / metres_per_unit, code, "EPSG:4326")
    except CrsError as error:
        own = [position_of(code, *point) for point in points_m]
        distances = [_between(geod, (p.longitude_deg, p.latitude_deg), lon_lat_deg) for p in own if p]
        if distances and min(distances) > 2 * _OWN_DATUM_M:
            return min(distances), f" (within 1 km, without a datum transformation: {error.what})"
        return None, error.what
    return min(_between(geod, (float(lon), float(lat)), lon_lat_deg) for lon, lat in coords[:, :2]), ""


def _between(geod: pyproj.Geod, a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(geod.inv(*a, *b)[2])


@cache
def _projection(code: str) -> tuple[pyproj.Proj, float, tuple[float, float, float, float]]:
    crs = pyproj.CRS.from_user_input(code)
    area = crs.area_of_use
    bounds = area.bounds if area else (-180.0, -90.0, 180.0, 90.0)
    return pyproj.Proj(crs), float(crs.axis_info[0].unit_conversion_factor), bounds
