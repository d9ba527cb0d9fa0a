"""Local frames on the ellipsoid: where the small numbers of a tile stand in the large ones of the Earth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.crs.transform import Transformation

__all__ = ["LocalFrame", "bounding_box", "frame_at"]

_UP_STEP_M = 100.0
# Two points of one vertical, this far apart, give its direction: 100 m make the rounding of 6,000 km numbers
# (1e-9 m) an angle of 1e-11 rad.


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFrame:
    """East, north, up at one point of the Earth."""

    origin: NDArray[np.float64]
    """Shape (3,): geocentric coordinates, EPSG:4978, metres."""
    axes: NDArray[np.float64]
    """Shape (3, 3): rows are the unit vectors east, north and up in geocentric coordinates."""

    def local(self, geocentric: NDArray[np.float64]) -> NDArray[np.float64]:
        """Geocentric points (n, 3) as east, north, up of this frame, metres."""
        return (geocentric - self.origin) @ self.axes.T

    def matrix(self, parent: LocalFrame | None = None) -> list[float]:
        """From this frame to ``parent`` (None: geocentric), 4 x 4, column by column as 3D Tiles writes it."""
        rotation, shift = self.axes.T, self.origin
        if parent is not None:
            rotation, shift = parent.axes @ self.axes.T, parent.axes @ (self.origin - parent.origin)
        whole = np.eye(4)
        whole[:3, :3], whole[:3, 3] = rotation, shift
        return [float(value) for value in whole.T.ravel()]


def frame_at(point: tuple[float, float, float], to_geocentric: Transformation) -> LocalFrame:
    """The frame at a point of the twin (easting, northing, elevation; metres).

    Up is the normal of the ellipsoid, found from the transformation itself; east is square to it and to the
    axis of the Earth.
    """
    foot, head = to_geocentric.apply(np.array([point, (point[0], point[1], point[2] + _UP_STEP_M)]))
    up = (head - foot) / np.linalg.norm(head - foot)
    east = np.cross([0.0, 0.0, 1.0], up)
    east /= np.linalg.norm(east)
    return LocalFrame(origin=foot, axes=np.stack([east, np.cross(up, east), up]))


def bounding_box(local: NDArray[np.float64]) -> list[float]:
    """A 3D Tiles ``box`` around points (n, 3): centre, then the three half axes.

    Rounded outwards to 1 mm, which covers what float32 takes from coordinates of less than 8 km.
    """
    low = np.floor(local.min(axis=0) * 1000 - 1) / 1000
    high = np.ceil(local.max(axis=0) * 1000 + 1) / 1000
    centre, half = (low + high) / 2, (high - low) / 2
    return [*centre.tolist(), half[0], 0.0, 0.0, 0.0, half[1], 0.0, 0.0, 0.0, half[2]]
