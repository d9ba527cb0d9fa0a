"""One building of the sample: footprint, roofprint and roof surface, as exact functions of position."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jnt_pipeline.area import Bounds
from jnt_pipeline.samples.layout import Frame

__all__ = ["SampleBuilding"]

RoofType = Literal["flat", "gabled", "hipped", "ring"]
Registration = Literal["exact", "missing", "shifted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBuilding:
    """A building: a rectangle (or a rectangular ring round a courtyard) under one roof.

    Local axes: ``a`` along the ridge, ``b`` across, origin in the middle.
    """

    building_id: str
    frame: Frame
    centre: tuple[float, float]
    """Middle, own axes (u, v), metres."""
    turn_deg: float = 0.0
    """Angle of ``a`` from the u axis, counter-clockwise."""
    half_length_m: float
    half_width_m: float
    court_half_length_m: float = 0.0
    """Half size of the courtyard along ``a``; 0 = no courtyard."""
    court_half_width_m: float = 0.0
    roof: RoofType
    slope: float = 0.0
    """Rise of the roof per metre (tangent)."""
    eave_elevation_m: float
    """Roof surface above the wall line of the eaves (the whole roof where it is flat), metres."""
    overhang_ends_m: tuple[float, float] = (0.0, 0.0)
    """Overhang beyond the walls at a = -half_length and +half_length; 0 against a party wall."""
    overhang_sides_m: float = 0.0
    point_class: int = 6
    """6 building, or 67 (divers bâtis)."""
    is_light: bool = False
    """Bâti léger, type 02 of the cadastre."""
    name: str = ""
    registration: Registration = "exact"
    """How the cadastre draws it."""

    @property
    def _axis(self) -> tuple[float, float, float, float]:
        """World position of the middle, and cosine and sine of the a axis."""
        x, y = self.frame.to_world(np.array([self.centre]))[0]
        angle = math.radians(self.frame.angle_deg + self.turn_deg)
        return float(x), float(y), math.cos(angle), math.sin(angle)

    def to_world(self, ab: NDArray[np.float64]) -> NDArray[np.float64]:
        """Local axes to the projection, arrays of shape (n, 2), metres."""
        x, y, c, s = self._axis
        a, b = ab[:, 0], ab[:, 1]
        return np.column_stack([x + (a * c - b * s), y + (a * s + b * c)])

    def to_local(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The projection to local axes, arrays of any one shape, metres."""
        x0, y0, c, s = self._axis
        dx, dy = x - x0, y - y0
        return dx * c + dy * s, dy * c - dx * s

    def _rectangle(self, west: float, east: float, half: float) -> NDArray[np.float64]:
        return self.to_world(np.array([(west, -half), (east, -half), (east, half), (west, half)]))

    @property
    def footprint(self) -> Polygon:
        """Wall line (*emprise au sol*)."""
        shell = self._rectangle(-self.half_length_m, self.half_length_m, self.half_width_m)
        if not self.court_half_length_m:
            return Polygon(shell)
        court = self._rectangle(-self.court_half_length_m, self.court_half_length_m, self.court_half_width_m)
        return Polygon(shell, [court])

    @property
    def roofprint(self) -> Polygon:
        """Edge of the roof (*emprise de toiture*): the footprint and its overhangs."""
        before, after = self.overhang_ends_m
        half = self.half_width_m + self.overhang_sides_m
        shell = self._rectangle(-self.half_length_m - before, self.half_length_m + after, half)
        if not self.court_half_length_m:
            return Polygon(shell)
        inner = self.court_half_length_m - self.overhang_sides_m
        court = self._rectangle(-inner, inner, self.court_half_width_m - self.overhang_sides_m)
        return Polygon(shell, [court])

    @property
    def bounds(self) -> Bounds:
        """Bounds of the roofprint, metres."""
        west, south, east, north = self.roofprint.bounds
        return (west, south, east, north)

    @property
    def ridge_elevation_m(self) -> float:
        """Highest line of the roof, metres."""
        return self.eave_elevation_m + self.slope * self._run_m

    @property
    def _run_m(self) -> float:
        """Distance in plan from the eave wall to the ridge."""
        if self.roof == "ring":
            return (self.half_width_m - self.court_half_width_m) / 2
        return self.half_width_m

    def roof_elevation(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Roof surface, metres, at positions of any one shape; NaN off the roofprint."""
        a, b = self.to_local(x, y)
        before, after = self.overhang_ends_m
        inside = (a >= -self.half_length_m - before) & (a <= self.half_length_m + after)
        inside &= np.abs(b) <= self.half_width_m + self.overhang_sides_m
        if self.roof == "ring":
            # Distance outwards from the courtyard wall; the two thicknesses of the ring are equal.
            out = np.maximum(np.abs(a) - self.court_half_length_m, np.abs(b) - self.court_half_width_m)
            inside &= out >= -self.overhang_sides_m
            drop = np.abs(out - self._run_m)
        elif self.roof == "hipped":
            drop = np.maximum(np.abs(b), np.abs(a) - (self.half_length_m - self.half_width_m))
        else:
            drop = np.abs(b)
        return np.where(inside, self.ridge_elevation_m - self.slope * drop, np.nan)

    def footprint_grid(self) -> NDArray[np.float64]:
        """Centres of 64 x 64 equal cells of the wall line, less the courtyard, shape (n, 2)."""
        share = (np.arange(64) + 0.5) / 32 - 1
        a, b = (grid.ravel() for grid in np.meshgrid(share * self.half_length_m, share * self.half_width_m))
        court = (np.abs(a) < self.court_half_length_m) & (np.abs(b) < self.court_half_width_m)
        return self.to_world(np.column_stack([a, b])[~court])
