"""What else than its coordinates tells where a file lies: codes, product name, site, neighbours, sizes (*indices*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.france.departements import distance_km, is_near
from jnt_pipeline.crs.guessing.readings import Change
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import lonlat, system

__all__ = ["Fact", "Hints", "Neighbour", "weigh"]

Array = NDArray[np.float64]

SITE_KM = 5.0  # a site's latitude and longitude are those of a town as often as of a building
NEIGHBOUR_KM = 5.0  # files of one territory touch, or nearly
DATUM_M = 300.0  # places are compared without a change of datum: 250 m at most in the table
SQUARE_M = 0.5  # points of a tile lie in its square; the half metre tells US survey feet from international ones
DENSITIES_M2 = (1e-4, 5000.0)  # points per square metre; LiDAR HD has 10, drones 500, a thinned cloud few
SIZES_M = (1.5, 500.0)  # median length of the footprint of a building, metres
SAME_AREA = (0.8, 1.25)  # drawn by registered area, in the median of a file: plans are drawn to a few per cent
OTHER_AREA = (0.5, 2.0)  # beyond, another unit or another projection: feet are 10.8 times as many, a web map 1.6 to 2.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Fact:
    """One piece of evidence: a sentence, its numbers, and what it weighs."""

    name: str
    """Stable word, snake_case."""
    words: str
    values: Mapping[str, JsonValue]
    """The numbers of the sentence, as JSON."""
    weight: int
    """Positive: speaks for the reading; negative: against it; 2 or more: would settle it alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbour:
    """Another file of the same command, whose place is known."""

    name: str
    bounds: Bounds
    """West, south, east, north, degrees."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hints:
    """Everything beside the coordinates; what is not known stays empty."""

    departements: NDArray[np.object_] | None = None
    """Code of the département of each point, shape (n,), None where unknown."""
    square: Bounds | None = None
    """Square that the product name states, in metres of ``named_code``, or of whatever system when that is empty."""
    named_code: str = ""
    """System that the product name states, EPSG:n."""
    site: tuple[float, float] | None = None
    """Longitude and latitude that the file states beside its map coordinates, degrees."""
    neighbours: tuple[Neighbour, ...] = ()
    density: float | None = None
    """Points of a survey per square unit of the file."""
    footprint_size: float | None = None
    """Median length of the footprints of buildings, in units of the file."""

    drawn_area: float | None = None
    """Median over the parcels of the drawn area, square units of the file, by the registered one (contenance), m²."""

    def of_points(self, rows: NDArray[np.intp], n: int) -> Hints:
        """The same hints for some of the points."""
        codes = self.departements
        return self if codes is None or len(codes) != n else replace(self, departements=codes[rows])


def weigh(hints: Hints, xy: Array, change: Change, code: str, lon: Array, lat: Array) -> list[Fact]:
    """What the hints say of points, once read as ``code``, shape (n, 2), and placed at ``lon``, ``lat``."""
    facts = [
        _departements(hints, lon, lat),
        _square(hints, change.undo(xy), code, lon, lat),
        _site(hints, lon, lat),
        _neighbours(hints, lon, lat),
        _sizes(hints, change, code),
        _registered_areas(hints, xy, change, code),
    ]
    return [fact for fact in facts if fact is not None]


def _departements(hints: Hints, lon: Array, lat: Array) -> Fact | None:
    codes = hints.departements
    if codes is None or len(codes) != len(lon):
        return None
    known = sorted({str(code) for code in codes if code})
    if not known:
        return None
    near = np.zeros(len(lon), dtype=bool)
    for code in known:
        rows = codes == code
        near[rows] = is_near(code, lon[rows], lat[rows])
    share = float(near[[bool(code) for code in codes]].mean())
    names = ", ".join(known[:4]) + ("…" if len(known) > 4 else "")
    words = f"{share:.0%} of the records lie near their département ({names})"
    return Fact(
        name="departements", words=words, values={"departements": [*known], "share_near": round(share, 4)},
        weight=2 if share >= 0.9 else -3 if share <= 0.1 else 0,
    )  # fmt: skip


def _square(hints: Hints, numbers: Array, code: str, lon: Array, lat: Array) -> Fact | None:
    if hints.square is None:
        return None
    west, south, east, north = hints.square
    named = hints.named_code or code
    if named == code:
        x, y, margin = numbers[:, 0], numbers[:, 1], SQUARE_M
    else:
        box = np.array([(west, south), (east, south), (east, north), (west, north)])
        corners = np.column_stack(lonlat(system(Reference(horizontal=named)), box))
        middle = corners.mean(axis=0)
        scale = 111_320.0 * np.array([np.cos(np.radians(middle[1])), 1.0])
        (west, south), (east, north) = (corners.min(axis=0) - middle) * scale, (corners.max(axis=0) - middle) * scale
        x, y = (lon - middle[0]) * scale[0], (lat - middle[1]) * scale[1]
        margin = DATUM_M
    with np.errstate(invalid="ignore"):
        inside = (x >= west - margin) & (x <= east + margin) & (y >= south - margin) & (y <= north + margin)
    share = float(inside.mean())
    # the square holds in metres of an unnamed system too, but a square beside the points is another mistake: the name
    weight = 2 if share >= 0.99 else -2 if share <= 0.01 and hints.named_code else 0
    words = f"{share:.0%} of the points lie in the square of the product name" + (
        f" ({hints.named_code})" if hints.named_code else ""
    )
    return Fact(name="named_square", words=words, values={"share_inside": round(share, 4)}, weight=weight)


def _site(hints: Hints, lon: Array, lat: Array) -> Fact | None:
    if hints.site is None:
        return None
    km = float(np.min(distance_km(*hints.site, lon, lat)))
    words = f"{km:,.1f} km from the latitude and longitude that the file states"
    # no weight against: authoring tools write the latitude of their own town
    weight = 2 if km <= SITE_KM else 0
    return Fact(
        name="site", words=words, values={"distance_km": round(km, 3) if np.isfinite(km) else None}, weight=weight
    )


def _neighbours(hints: Hints, lon: Array, lat: Array) -> Fact | None:
    if not hints.neighbours:
        return None
    gaps = []
    for other in hints.neighbours:
        west, south, east, north = other.bounds
        nearest = distance_from_box(lon, lat, west, south, east, north)
        gaps.append((nearest, other.name))
    km, name = min(gaps)
    words = f"{km:,.1f} km from {name}"
    return Fact(
        name="neighbours", words=words, values={"distance_km": _rounded(km), "file": name},
        weight=1 if km <= NEIGHBOUR_KM else 0,
    )  # fmt: skip


def _rounded(km: float) -> float | None:
    return round(km, 3) if np.isfinite(km) else None


def distance_from_box(lon: Array, lat: Array, west: float, south: float, east: float, north: float) -> float:
    """Distance from the nearest of some places to a box of longitude and latitude, kilometres."""
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.any():
        return float("inf")
    lon, lat = lon[known], lat[known]
    x, y = np.clip(lon, west, east), np.clip(lat, south, north)
    nearest = np.argmin(np.hypot((lon - x) * np.cos(np.radians(y)), lat - y))
    return float(distance_km(float(lon[nearest]), float(lat[nearest]), x[[nearest]], y[[nearest]])[0])


def _sizes(hints: Hints, change: Change, code: str) -> Fact | None:
    """Density and footprints in metres: only a unit can make them absurd."""
    one = system(Reference(horizontal=code))
    if one.flat is None or one.is_degrees:
        return None
    metres = float(one.flat.axis_info[0].unit_conversion_factor) * change.factor
    values: dict[str, JsonValue] = {}
    absurd = False
    words = []
    if hints.density is not None and hints.density > 0:
        density = hints.density / metres**2
        values["density_m2"] = float(f"{density:.4g}")
        absurd |= not DENSITIES_M2[0] <= density <= DENSITIES_M2[1]
        words.append(f"{density:.3g} points per square metre")
    if hints.footprint_size is not None and hints.footprint_size > 0:
        size = hints.footprint_size * metres
        values["footprint_m"] = float(f"{size:.4g}")
        absurd |= not SIZES_M[0] <= size <= SIZES_M[1]
        words.append(f"footprints of {size:.3g} m")
    if not words:
        return None
    return Fact(name="sizes", words=" and ".join(words), values=values, weight=-2 if absurd else 0)


def _registered_areas(hints: Hints, xy: Array, change: Change, code: str) -> Fact | None:
    """Parcels as drawn against the register: tells a unit, and a projection that does not keep areas; never a zone."""
    if hints.drawn_area is None or not hints.drawn_area > 0:
        return None
    ratio = hints.drawn_area * _square_metres(np.median(xy, axis=0), change, code)
    if not np.isfinite(ratio):
        return None
    weight = 1 if SAME_AREA[0] <= ratio <= SAME_AREA[1] else 0 if OTHER_AREA[0] <= ratio <= OTHER_AREA[1] else -2
    return Fact(
        name="registered_areas", words=f"parcels as drawn have {ratio:.3g} times their registered area (contenance)",
        values={"ratio": float(f"{ratio:.4g}")}, weight=weight,
    )  # fmt: skip


def _square_metres(place: Array, change: Change, code: str) -> float:
    """Square metres of a square unit of the file at a place, once read as ``code``; good to a percent."""
    step = 1e-5 * max(1.0, float(np.abs(place).max()))  # some 50 m, in degrees as in metres
    corners = change.undo(place + step * np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]))
    lon, lat = lonlat(system(Reference(horizontal=code)), corners)
    x, y = (lon - lon[0]) * 111_320.0 * np.cos(np.radians(lat[0])), (lat - lat[0]) * 111_320.0
    return float(abs(x[1] * y[2] - x[2] * y[1])) / step**2
