"""Extent: the ground a sample covers, cut into the kilometre tiles of LiDAR HD."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import ConfigError

__all__ = ["SEAM_EASTING_M", "SampleExtent", "sample_extent", "tile_name"]

SEAM_EASTING_M = 619_000
"""Easting (Lambert-93) of the edge between the two middle tiles."""
CENTRE_NORTHING_M = 6_754_500
NORTH_M = 6_755_000
CLIPPED_HALF_WIDTH_M, CLIPPED_HEIGHT_M = 250, 300
SMALLEST_KM, LARGEST_KM = 0.5, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleExtent:
    """A box in Lambert-93, metres."""

    west: int
    south: int
    east: int
    north: int

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north), EPSG:2154, metres."""
        return (float(self.west), float(self.south), float(self.east), float(self.north))

    @property
    def area_m2(self) -> int:
        """Area of the box, m²."""
        return (self.east - self.west) * (self.north - self.south)

    @property
    def tiles(self) -> tuple[tuple[int, int], ...]:
        """The tiles it meets, as (km of the west edge, km of the NORTH edge), sorted."""
        columns = range(self.west // 1000, -(-self.east // 1000))
        rows = range(self.south // 1000 + 1, -(-self.north // 1000) + 1)
        return tuple((column, row) for column in columns for row in rows)


def tile_name(tile: tuple[int, int]) -> str:
    """File name of a LiDAR HD tile, named after its north-west corner in kilometres."""
    return f"LHD_FXX_{tile[0]:04d}_{tile[1]:04d}_PTS_LAMB93_IGN69.laz"


def sample_extent(size_km: float | None) -> SampleExtent:
    """The box for a size: ``size_km`` kilometres on each side of the seam, and as many north to south.

    None gives the committed sample, 500 m x 300 m around the seam; 1 gives two whole tiles; more grows south.
    Raises ``ConfigError`` for a size at which the town does not fit or that no test should write by accident.
    """
    if size_km is None:
        half, south = CLIPPED_HALF_WIDTH_M, CENTRE_NORTHING_M - CLIPPED_HEIGHT_M // 2
        north = south + CLIPPED_HEIGHT_M
    elif not (math.isfinite(size_km) and SMALLEST_KM <= size_km <= LARGEST_KM):
        raise ConfigError(
            "the sample cannot have this size",
            where="size_km",
            found=f"{size_km}",
            expected=f"kilometres between {SMALLEST_KM} and {LARGEST_KM}",
            remedy="choose a size in that range",
        )
    else:
        half = round(size_km * 1000)
        north = CENTRE_NORTHING_M + half // 2 if half < 1000 else NORTH_M
        south = north - half
    return SampleExtent(west=SEAM_EASTING_M - half, south=south, east=SEAM_EASTING_M + half, north=north)
