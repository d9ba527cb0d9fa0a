"""What one checked file shows of its place (*observations de position*): the input of every guess, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.guessing.hints import Hints
from jnt_pipeline.crs.guessing.readings import is_modern
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import has_heights, lonlat, system

__all__ = ["Observed"]

Array = NDArray[np.float64]
_NOWHERE = np.empty((0, 3))


@dataclass(frozen=True, kw_only=True, eq=False)
class Observed:
    """The points and heights of one file, as written, and the reference that it states."""

    name: str
    """Name of the file."""
    points: Array
    """Shape (n, 2): x or longitude first, as written; n is at most some thousands."""
    reference: Reference | None
    """What the file states or the user declared; the vertical part is None where heights are not known."""
    read_in: str = ""
    """The one system that such files are read in (cadastre, sensors); empty where a ``crs`` can be declared."""
    transform_options: str | None = None
    """What ``jnt crs transform`` needs to be told of such a file; None where it does not read it."""
    hints: Hints = field(default_factory=Hints)
    spots: Array = field(default_factory=lambda: _NOWHERE)
    """Shape (k, 3): points with a height, as written."""
    is_ground: bool = False
    """Whether these are heights of the ground alone."""
    water: Array = field(default_factory=lambda: np.empty(0))
    """Heights of water surfaces, as written."""

    @property
    def states_heights(self) -> bool:
        """Whether the reference says what the heights are above."""
        return self.reference is not None and has_heights(self.reference)

    @cached_property
    def places(self) -> tuple[Array, Array]:
        """Longitude and latitude of the points as stated, degrees, on the system's own datum."""
        if self.reference is None or not len(self.points):
            return np.empty(0), np.empty(0)
        lon, lat = lonlat(system(self.reference.flat()), self.points)
        known = np.isfinite(lon) & np.isfinite(lat)
        return lon[known], lat[known]

    @cached_property
    def bounds(self) -> Bounds | None:
        """Box of the points as stated: west, south, east, north, degrees."""
        lon, lat = self.places
        if not lon.size:
            return None
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    def plane(self, about: tuple[float, float]) -> Array:
        """The spots in metres about a place (longitude, latitude), shape (k, 3), heights as written.

        Good to compare two files of a modern datum, a few kilometres around the place; empty on an old datum.
        """
        if self.reference is None or not len(self.spots):
            return _NOWHERE
        one = system(self.reference.flat())
        if one.is_geocentric or not is_modern(one):
            return _NOWHERE
        lon, lat = lonlat(one, self.spots[:, :2])
        scale = 111_320.0 * np.array([np.cos(np.radians(about[1])), 1.0])
        return np.column_stack(((lon - about[0]) * scale[0], (lat - about[1]) * scale[1], self.spots[:, 2]))
