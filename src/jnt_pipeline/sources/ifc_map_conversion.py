"""The map conversion of an IFC model, and all that the model says of its place, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["IDENTITY", "GeoreferencingFacts", "LengthUnit", "MapConversion", "Matrix", "SitePosition"]

Matrix = tuple[tuple[float, ...], ...]
"""A 4 × 4 matrix, rows first."""

IDENTITY: Matrix = tuple(tuple(1.0 if i == j else 0.0 for j in range(4)) for i in range(4))

OperationKind = Literal["IfcMapConversion", "IfcMapConversionScaled", "IfcRigidOperation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthUnit:
    """A unit of length as the file declares it."""

    name: str
    """Name in the file, e.g. MILLIMETRE or ft (US Survey)."""
    metres: float | None
    """Metres in one unit; None when the declaration is malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapConversion:
    """IfcMapConversion: from the engineering coordinates of a project to easting, northing, height.

    Source: ISO 16739-1, IfcMapConversion and IfcMapConversionScaled; the context's WorldCoordinateSystem is removed
    first, as ifcopenshell's ``auto_xyz2enh`` does.
    """

    eastings: float
    """In map units."""
    northings: float
    """In map units."""
    orthogonal_height: float
    """In map units, above the vertical datum."""
    x_axis_abscissa: float = 1.0
    """Easting of the local x axis; the vector need not have unit length."""
    x_axis_ordinate: float = 0.0
    """Northing of the local x axis."""
    scale: float | None = None
    """Local unit to map unit, grid factor included; None = not stated."""
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """FactorX, FactorY, FactorZ of IfcMapConversionScaled."""
    project_unit_m: float
    """Metres in one unit of the local coordinates."""
    map_unit_m: float
    """Metres in one unit of eastings, northings and height."""
    world_origin: Matrix = IDENTITY
    """WorldCoordinateSystem of the representation context, in project units."""

    def __post_init__(self) -> None:
        """Refuse numbers with which no point could be placed."""
        numbers = (
            self.eastings,
            self.northings,
            self.orthogonal_height,
            self.x_axis_abscissa,
            self.x_axis_ordinate,
            *self.factors,
            *np.ravel(self.world_origin),
            1.0 if self.scale is None else self.scale,
        )
        if not all(math.isfinite(n) for n in numbers):
            raise ValueError("a map conversion needs finite numbers")
        if self.scale is not None and self.scale <= 0:
            raise ValueError(f"a map conversion needs a scale above 0, found {self.scale}")
        if self.project_unit_m <= 0 or self.map_unit_m <= 0:
            raise ValueError("units of length are above 0")

    @property
    def unit_ratio(self) -> float:
        """Map units in one project unit: 0.001 for a project in millimetres on a map in metres."""
        return self.project_unit_m / self.map_unit_m

    @property
    def effective_scale(self) -> float:
        """The scale applied: the stated one, else the ratio of the units alone (never 1 between different units)."""
        return self.unit_ratio if self.scale is None else self.scale

    @property
    def grid_factor(self) -> float:
        """What the scale holds beside the ratio of units: map length over true length, 1 = true to scale."""
        return self.effective_scale / self.unit_ratio

    @property
    def axis_is_degenerate(self) -> bool:
        """Whether the axis vector is (0, 0), read as (1, 0)."""
        return self.x_axis_abscissa == 0 and self.x_axis_ordinate == 0

    @property
    def rotation_deg(self) -> float:
        """Angle from map east to the local x axis, counter-clockwise, degrees."""
        return math.degrees(math.atan2(*self._axis[::-1]))

    @property
    def is_zero(self) -> bool:
        """Whether the origin lies at easting 0, northing 0."""
        return self.eastings == 0 and self.northings == 0

    @property
    def _axis(self) -> tuple[float, float]:
        length = math.hypot(self.x_axis_abscissa, self.x_axis_ordinate)
        return (1.0, 0.0) if length == 0 else (self.x_axis_abscissa / length, self.x_axis_ordinate / length)

    def to_map(self, local: NDArray[np.float64]) -> NDArray[np.float64]:
        """Easting, northing and height of local points.

        Parameters: ``local`` (n, 3), world coordinates of the project in project units (placements applied).
        Returns: (n, 3), map units.

        >>> MapConversion(eastings=652000, northings=6862000, orthogonal_height=35, scale=0.001,
        ...               x_axis_abscissa=0, x_axis_ordinate=1, project_unit_m=0.001, map_unit_m=1
        ...               ).to_map(np.array([[4000.0, 0.0, 3000.0]])).tolist()
        [[652000.0, 6862004.0, 38.0]]
        """
        points = np.asarray(local, dtype=np.float64)
        if self.world_origin != IDENTITY:
            inverse = np.linalg.inv(np.asarray(self.world_origin))
            points = points @ inverse[:3, :3].T + inverse[:3, 3]
        cos, sin = self._axis
        x, y, z = (points * (self.effective_scale * np.asarray(self.factors))).T
        return np.column_stack(
            (
                x * cos - y * sin + self.eastings,
                x * sin + y * cos + self.northings,
                z + self.orthogonal_height,
            )
        )

    def place_m(self, local: tuple[float, float, float]) -> tuple[float, float, float]:
        """Easting, northing and height of one local point (project units), metres."""
        e, n, h = (float(v) * self.map_unit_m for v in self.to_map(np.asarray([local]))[0])
        return e, n, h


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePosition:
    """RefLatitude, RefLongitude and placement of an IfcSite."""

    latitude: tuple[int, ...] | None
    """Degrees, minutes, seconds, millionths of a second, as written; WGS 84."""
    longitude: tuple[int, ...] | None
    """Same."""
    elevation: float | None
    """RefElevation, project units, datum not named."""
    origin: tuple[float, float, float]
    """Absolute placement of the site, project units."""

    @property
    def signs_agree(self) -> bool:
        """Whether all parts of each angle have one sign, as IfcCompoundPlaneAngleMeasure requires."""
        return all(
            not (any(p < 0 for p in angle) and any(p > 0 for p in angle))
            for angle in (self.latitude, self.longitude)
            if angle
        )

    @property
    def lon_lat_deg(self) -> tuple[float, float] | None:
        """Longitude and latitude, degrees, WGS 84; None where one is missing or its signs contradict each other."""
        if not self.latitude or not self.longitude or not self.signs_agree:
            return None
        return (_degrees(self.longitude), _degrees(self.latitude))


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoreferencingFacts:
    """Everything in a model that speaks of its place, as written."""

    schema: str
    n_contexts: int
    """IfcGeometricRepresentationContexts, sub-contexts left out."""
    operations: tuple[tuple[OperationKind, tuple[float | None, ...], str], ...] = ()
    """Kind, parameters and CRS name of the operation of each context that has one, sorted."""
    conversion: MapConversion | None = None
    """The operation as a map conversion, where it is one and its numbers and units are usable."""
    unusable: str = ""
    """Why an operation that exists is not a usable conversion."""
    crs_name: str | None = None
    """Name of the IfcProjectedCRS; None where there is none."""
    vertical_datum: str = ""
    """VerticalDatum of the IfcProjectedCRS."""
    map_unit: LengthUnit | None = None
    """MapUnit; None = not stated, the project unit holds."""
    project_unit: LengthUnit | None = None
    """Length unit of the project; None = not stated."""
    world_origin: Matrix = IDENTITY
    """WorldCoordinateSystem of the georeferenced (else the first) context, project units."""
    true_north: tuple[float, float] | None = None
    """Geographic north in local axes, where one other than (0, 1) is stated."""
    site: SitePosition | None = None
    """The site that has a position, else the first by GlobalId."""
    root_origins: tuple[tuple[float, float, float], ...] = ()
    """Placements of sites and buildings that are relative to nothing, project units."""
    has_address: bool = False
    """Whether a site or building has an IfcPostalAddress."""
    facilities: tuple[str, ...] = ()
    """Classes of the buildings and facilities present, sorted."""
    n_elements: int = 0
    """IfcElement instances."""
    malformed_placements: tuple[str, ...] = ()
    """Placements that have no position (missing, circular or degenerate), by STEP id."""
    hints: tuple[tuple[str, str], ...] = ()
    """Survey values found as text in property sets (name, value), sorted."""


def _degrees(angle: tuple[int, ...]) -> float:
    parts = (*angle, 0, 0, 0)
    return parts[0] + parts[1] / 60 + parts[2] / 3600 + parts[3] / 3_600_000_000
