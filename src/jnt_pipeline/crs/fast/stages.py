"""The stages of a chain: parameters and coefficients of each kernel, worked out once for an ellipsoid and an extent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.fast import exact
from jnt_pipeline.crs.fast.exact import PI, fit
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError

__all__ = ["ANGLE_RAD", "LENGTH_M", "Ellipsoid", "Extent", "Stage", "ellipsoid", "packed"]

logger = logging.getLogger(__name__)

ANGLE_RAD = Decimal("1e-16")
"""What a polynomial may neglect of an angle, radians: 0.6 nm on the ground, the rounding of a latitude in float64."""
LENGTH_M = Decimal("5e-10")
"""What a polynomial may neglect of a length, metres: the rounding of a northing in float64."""

_ELLIPSOIDS = {
    "GRS80": ("6378137", "298.257222101"),
    "WGS84": ("6378137", "298.257223563"),
    "intl": ("6378388", "297"),
}
"""Semi-major axis, metres, and inverse flattening, by PROJ's name (EPSG ellipsoids 7019, 7030, 7022)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One kernel and its parameters."""

    kind: int
    """See :mod:`jnt_pipeline.crs.fast.kernels`."""
    parameters: tuple[float, ...]
    """In the order that the kernel reads."""


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid of revolution, in exact numbers."""

    major: Decimal
    """Semi-major axis, metres."""
    flattening: Decimal
    """Flattening."""

    @property
    def es(self) -> Decimal:
        """Squared eccentricity."""
        return self.flattening * (2 - self.flattening)

    def isometric(self, lat: Decimal) -> Decimal:
        """Isometric latitude (*latitude isométrique*) of a geographic one, radians."""
        e, sine = self.es.sqrt(), exact.sin(lat)
        return (((1 + sine) / (1 - sine)).ln() - e * ((1 + e * sine) / (1 - e * sine)).ln()) / 2

    def geographic(self, isometric: Decimal) -> Decimal:
        """Geographic latitude of an isometric one, radians: its sine by fixed point, each round gains two digits."""
        e = self.es.sqrt()
        sine = _tanh(isometric)
        for _ in range(40):
            before, sine = sine, _tanh(isometric + e * ((1 + e * sine) / (1 - e * sine)).ln() / 2)
            if abs(sine - before) < Decimal("1e-31"):
                break
        return exact.asin(sine)


def _tanh(x: Decimal) -> Decimal:
    power = (2 * x).exp()
    return (power - 1) / (power + 1)


def ellipsoid(name: str) -> Ellipsoid:
    """An ellipsoid by PROJ's name.

    Raises
    ------
    NotCompiledError
        It is not in the table.
    """
    if name not in _ELLIPSOIDS:
        raise NotCompiledError(f"the ellipsoid {name or 'that is not named'}")
    major, inverse = _ELLIPSOIDS[name]
    return Ellipsoid(Decimal(major), 1 / Decimal(inverse))


@dataclass(frozen=True, slots=True)
class Extent:
    """Where polynomials have to hold: longitudes and latitudes, radians, exact numbers."""

    west: Decimal
    south: Decimal
    east: Decimal
    north: Decimal

    @classmethod
    def around(cls, bounds: Bounds, margin_deg: float) -> Extent:
        """The rectangle of some degrees, widened on all sides."""
        west, south, east, north = (Decimal(v) * PI / 180 for v in bounds)
        margin = Decimal(margin_deg) * PI / 180
        return cls(west - margin, south - margin, east + margin, north + margin)

    @property
    def lon(self) -> Decimal:
        """Middle longitude."""
        return (self.west + self.east) / 2

    @property
    def lat(self) -> Decimal:
        """Middle latitude."""
        return (self.south + self.north) / 2

    @property
    def half_lon(self) -> Decimal:
        """Half the width."""
        return (self.east - self.west) / 2

    @property
    def half_lat(self) -> Decimal:
        """Half the height."""
        return (self.north - self.south) / 2

    def reach(self, lon: Decimal) -> Decimal:
        """Greatest difference of longitude from a meridian."""
        return max(abs(self.west - lon), abs(self.east - lon))


def packed(coefficients: Sequence[Decimal], what: str) -> list[float]:
    """A polynomial as the kernel reads it: number of passes of four, then coefficients, the highest first."""
    logger.debug("%s: polynomial of degree %d", what, len(coefficients) - 1)
    highest_first = [float(c) for c in reversed(coefficients)]
    padding = -len(highest_first) % 4
    return [float((len(highest_first) + padding) // 4), *[0.0] * padding, *highest_first]


def centred(low: Decimal, high: Decimal) -> list[float]:
    """Middle and inverse of the half width: what turns an argument into one from −1 to 1."""
    return [float((low + high) / 2), float(2 / (high - low))]


def even(name: str, reach: Decimal, tolerance: Decimal) -> tuple[list[Decimal], list[float]]:
    """Polynomial in the square of an angle (or of a sine, or of a tangent) up to ``reach``, and its centring."""
    functions = {
        "sin(x)/x": lambda v: exact.sin(v.sqrt()) / v.sqrt(),
        "cos(x)": lambda v: exact.cos(v.sqrt()),
        "(1-cos(x))/x²": lambda v: 2 * exact.sin(v.sqrt() / 2) ** 2 / v,
        "atan(x)/x": lambda v: exact.atan(v.sqrt()) / v.sqrt(),
        "asin(x)/x": lambda v: exact.asin(v.sqrt()) / v.sqrt(),
    }
    square = reach * reach
    return fit(functions[name], Decimal(0), square, tolerance), centred(Decimal(0), square)
