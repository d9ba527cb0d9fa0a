"""Readings: what two numbers would mean in each French system, in each unit and order of axes (*lectures possibles*).

The table of systems says which exist, the outline of each territory where it lies; each system therefore gives its
territory a range of numbers, which is a polygon. A reading fits when the numbers, changed as one mistake would undo
them, fall into that polygon. Datums are not changed here: a place is good to 250 m (old French datums), no better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.france.territories import ALL_SYSTEMS, AREAS, TERRITORIES, french_name
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import System, lonlat, meridian_deg, system
from jnt_pipeline.errors import MissingCrsError

__all__ = [
    "AS_WRITTEN",
    "RARE",
    "SWAPPED",
    "UNITS",
    "WGS_84",
    "Change",
    "Reading",
    "Sheet",
    "area_of",
    "changes_of",
    "is_modern",
    "own_sheet",
    "read_as",
    "sheets",
    "spoken",
]

Array = NDArray[np.float64]

WGS_84, WEB_MERCATOR = "EPSG:4326", "EPSG:3857"

RARE = frozenset({"EPSG:4807", WEB_MERCATOR})
"""Grades from Paris, and the web's projection: the numbers of commoner systems fall into theirs by chance."""

AREA_MARGIN_DEG = 0.5
"""Added around the area of use of a system, degrees, as where points are transformed."""

SAME_M = 1.0
"""Systems whose numbers differ by less are the same for whoever looks at the numbers, metres."""

NEAR_M = 2_000.0
"""Systems whose numbers differ by less cannot be told apart by where they fall, metres (old datums: 100 to 800 m)."""

_STEP_DEG = 0.1  # outlines are cut into steps of that length before they are bent into a projection
_M_PER_DEG = 111_320.0


@dataclass(frozen=True, kw_only=True)
class Change:
    """What has to be done to the numbers before a system can read them: the mistake, undone."""

    name: str
    """Stable word: ``as_written``, ``swapped``, ``feet``, …"""
    words: str
    """The mistake, in words."""
    factor: float = 1.0
    """The numbers are multiplied by it."""
    swaps: bool = False
    """Whether the two axes come the other way round."""
    signs: tuple[float, float] = (1.0, 1.0)
    """Signs of x and y, after the swap."""
    add_northing: float = 0.0
    """Added to y at the end, in units of the system."""

    def undo(self, points: Array) -> Array:
        """The points, shape (n, 2), as they should have been written."""
        xy = points[:, ::-1] if self.swaps else points
        return np.asarray(xy * self.factor * np.array(self.signs) + np.array([0.0, self.add_northing]))


AS_WRITTEN = Change(name="as_written", words="as written")
SWAPPED = Change(name="swapped", words="with its two axes swapped", swaps=True)
_SIGNS = (
    Change(name="negated_x", words="with the sign of x lost or inverted", signs=(-1.0, 1.0)),
    Change(name="negated_y", words="with the sign of y lost or inverted", signs=(1.0, -1.0)),
    Change(name="negated", words="with both signs inverted", signs=(-1.0, -1.0)),
)
FEET, US_FEET = 0.3048, 1200.0 / 3937.0  # international foot (1959), US survey foot
UNITS = {"feet": FEET, "us_feet": US_FEET, "millimetres": 0.001, "centimetres": 0.01, "kilometres": 1000.0}
"""Units that files are written in by mistake, in metres."""
_UNIT_CHANGES = tuple(
    Change(name=name, words=f"in {'US survey feet' if name == 'us_feet' else name}", factor=metres)
    for name, metres in UNITS.items()
)
_NO_FALSE_NORTHING = Change(
    name="no_false_northing", words="without the false northing of 10,000 km", add_northing=10_000_000.0
)


def changes_of(*, is_degrees: bool, is_south: bool) -> tuple[Change, ...]:
    """The mistakes that are looked for in a system, none first."""
    if is_degrees:
        return (AS_WRITTEN, SWAPPED, *_SIGNS)
    south = (_NO_FALSE_NORTHING,) if is_south else ()
    return (AS_WRITTEN, SWAPPED, *_UNIT_CHANGES, *_SIGNS, *south)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """The numbers that one system gives to one territory."""

    code: str
    """The system, EPSG:n: the one to name."""
    same: tuple[str, ...]
    """Other systems that give the same numbers: realisations of one datum, WGS 84."""
    near: tuple[str, ...]
    """Other systems that give nearly the same: older datums, a few hundred metres away."""
    territory: str
    """IGN's code of the territory, ``FXX``; empty for the whole area of use of a system."""
    numbers: BaseGeometry
    """The territory in the system's numbers, x or longitude first."""
    bounds: Bounds
    """The box of these numbers."""
    is_degrees: bool
    is_south: bool
    """Whether it counts northings from 10,000 km at the equator."""

    @property
    def codes(self) -> tuple[str, ...]:
        """All systems of the sheet."""
        return (self.code, *self.same, *self.near)

    def may_hold(self, x: float, y: float) -> bool:
        """Whether one pair of numbers lies in the box: a quick look before :meth:`holds`."""
        west, south, east, north = self.bounds
        return west <= x <= east and south <= y <= north

    def holds(self, points: Array) -> NDArray[np.bool_]:
        """Which points, shape (n, 2), are numbers of the territory."""
        return np.asarray(shapely.contains_xy(self.numbers, points[:, 0], points[:, 1]), dtype=bool)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Numbers read in one system, once one mistake (or none) is undone."""

    sheet: Sheet
    change: Change
    share: float
    """Part of the points that fall into the territory, 0 to 1."""

    def places(self, points: Array) -> tuple[Array, Array]:
        """Longitude and latitude, degrees, on the system's own datum; infinite where there is none."""
        return lonlat(system(Reference(horizontal=self.sheet.code)), self.change.undo(points))


def read_as(points: Array, sheet: Sheet, change: Change) -> Reading:
    """Read points, shape (n, 2), in one system as one mistake would have written them."""
    share = float(sheet.holds(change.undo(points)).mean()) if len(points) else 0.0
    return Reading(sheet=sheet, change=change, share=share)


def spoken(code: str) -> str:
    """A system in words, realisation left out: ``Lambert-93 (EPSG:2154)``."""
    name = "longitude, latitude in degrees" if code == WGS_84 else french_name(code).split(" (")[0]
    return f"{name} ({code})" if name != code else code


@cache
def sheets() -> tuple[Sheet, ...]:
    """One sheet per territory and family of systems, in the order of the tables; built once, in a quarter of a second.

    Territories of one IGN code are one here (the mainland and Corsica; the islands of Guadeloupe): their horizontal
    systems are the same.
    """
    found: list[Sheet] = []
    for code in dict.fromkeys(row.code for row in TERRITORIES):
        rows = [row for row in TERRITORIES if row.code == code]
        outline = shapely.union_all([row.outline for row in rows])
        middle = shapely.get_coordinates(rows[0].outline.representative_point())
        found += _families(code, outline, middle, {name for row in rows for name in row.horizontals})
    return tuple(found)


def _families(territory: str, outline: BaseGeometry, middle: Array, used: set[str]) -> list[Sheet]:
    """The sheets of one territory: systems whose numbers for its middle differ by little are one."""
    families: list[tuple[System, BaseGeometry, Array, list[str], list[str]]] = []
    for code in _codes(outline, used):
        one = _known(code)
        clipped = None if one is None else _clipped(outline, area_of(one))
        if one is None or clipped is None:
            continue
        sample = _forward(one, middle)
        for head, _, other, same, near in families:
            gap = float(np.hypot(*(sample - other)[0])) * (_M_PER_DEG if one.is_degrees else 1.0)
            if head.is_degrees == one.is_degrees and gap < NEAR_M:
                (same if gap < SAME_M and is_modern(one) == is_modern(head) else near).append(code)
                break
        else:
            families.append((one, clipped, sample, [], []))
    return [_sheet(one, territory, clipped, tuple(same), tuple(near)) for one, clipped, _, same, near in families]


@lru_cache(maxsize=64)
def own_sheet(code: str) -> Sheet | None:
    """The sheet of a system over its own area of use, whatever the country; None for a system of the whole world."""
    one = system(Reference(horizontal=code))
    bounds = area_of(one)
    if bounds is None or one.flat is None:
        return None
    return _sheet(one, "", shapely.box(*bounds), (), ())


def area_of(one: System) -> Bounds | None:
    """Area of use and its margin, degrees; None for a system of the whole world or across the antimeridian."""
    area = None if one.flat is None else one.flat.area_of_use
    bounds = AREAS.get(one.reference.horizontal, None if area is None else area.bounds)
    if bounds is None or bounds[0] > bounds[2] or bounds[2] - bounds[0] >= 359:
        return None
    west, south, east, north = bounds
    return west - AREA_MARGIN_DEG, south - AREA_MARGIN_DEG, east + AREA_MARGIN_DEG, north + AREA_MARGIN_DEG


def _codes(outline: BaseGeometry, used: set[str]) -> tuple[str, ...]:
    """Systems to look at over a territory: the one of GPS, those of the table, the UTM zones of WGS 84, the web's."""
    table = [c for c, row in ALL_SYSTEMS.items() if c in used and row.kind in ("geographic 2D", "projected")]
    west, south, east, _ = outline.bounds
    zones = range(int((west + 180) // 6) + 1, int((east + 180) // 6) + 2)
    utm = [f"EPSG:{(32600 if south > 0 else 32700) + zone}" for zone in zones]
    return tuple(dict.fromkeys((WGS_84, *table, *utm, WEB_MERCATOR)))


def _known(code: str) -> System | None:
    """The system; None where this PROJ does not hold it."""
    try:
        return system(Reference(horizontal=code))
    except MissingCrsError:
        return None


def _sheet(one: System, territory: str, outline: BaseGeometry, same: tuple[str, ...], near: tuple[str, ...]) -> Sheet:
    numbers = shapely.transform(shapely.segmentize(outline, _STEP_DEG), lambda places: _forward(one, places))
    if not shapely.is_valid(numbers):
        numbers = shapely.make_valid(numbers)
    shapely.prepare(numbers)
    return Sheet(
        code=one.reference.horizontal, same=same, near=near, territory=territory, numbers=numbers,
        bounds=numbers.bounds, is_degrees=one.is_degrees, is_south=_false_northing(one) == 10_000_000.0,
    )  # fmt: skip


def _clipped(outline: BaseGeometry, bounds: Bounds | None) -> BaseGeometry | None:
    part = outline if bounds is None else shapely.intersection(outline, shapely.box(*bounds))
    return None if part.is_empty or part.area == 0 else part


def _forward(one: System, places: Array) -> Array:
    """Numbers of a system for places in degrees on its own datum, shape (n, 2)."""
    unit_deg = math.degrees(one.geodetic.axis_info[0].unit_conversion_factor)
    own = np.column_stack(((places[:, 0] - meridian_deg(one.geodetic)) / unit_deg, places[:, 1] / unit_deg))
    if one.is_degrees:
        return own
    return np.column_stack(_forwarder(one).transform(own[:, 0], own[:, 1]))


@lru_cache(maxsize=256)
def _forwarder(one: System) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(one.geodetic, one.flat, always_xy=True)


def is_modern(one: System) -> bool:
    """Whether the ellipsoid is GRS 80 or WGS 84, centred on the Earth: their numbers are the same to a metre."""
    size = one.geodetic.ellipsoid
    return size is not None and abs(size.semi_major_metre - 6_378_137.0) < 0.5


def _false_northing(one: System) -> float:
    operation = None if one.flat is None else one.flat.coordinate_operation
    values = [] if operation is None else [p.value for p in operation.params if p.name == "False northing"]
    return float(values[0]) if values else 0.0
