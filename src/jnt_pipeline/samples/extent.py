"""Extent: the ground a sample covers, cut into the kilometre tiles of LiDAR HD."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jnt_pipeline.area import Bounds
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.samples.sites import Site

__all__ = ["SampleExtent", "sample_extent"]

SMALLEST_KM, LARGEST_KM = 0.5, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleExtent:
    """A box in the projection of the site, metres."""

    west: int
    south: int
    east: int
    north: int

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north), metres."""
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


def sample_extent(site: Site, size_km: float | None) -> SampleExtent:
    """The box for a size: ``size_km`` kilometres on each side of the seam, and as many north to south.

    None gives the committed sample, clipped around the seam; 1 gives two whole tiles; more grows south, and west as
    far as the site does.
    Raises ``ConfigError`` for a size at which the town does not fit or that no test should write by accident.
    """
    if size_km is None:
        width, height = site.clip_m
        half, south = width // 2, site.centre_northing_m - height // 2
        north = south + height
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
        north = site.centre_northing_m + half // 2 if half < 1000 else site.north_m
        south = north - half
    seam = site.seam_easting_m
    return SampleExtent(west=seam - min(half, site.west_reach_m), south=south, east=seam + half, north=north)
