"""An oracle for coordinate transformations that leaves PROJ no choice: typed parameters, datums, grids.

Projections are PROJ's formulas with the parameters of the law and of IGN typed here; everything else is our own:
geocentric coordinates, seven parameters, bilinear interpolation of the grids as rasterio reads them. A cell of the
matrix is right when the product agrees with it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyproj
import rasterio

Array = np.ndarray

# ---- ellipsoids: semi-major axis in metres, flattening ------------------------------------------------------------

ELLIPSOIDS = {
    "GRS80": (6378137.0, 1 / 298.257222101),
    "WGS84": (6378137.0, 1 / 298.257223563),
    "clrk80ign": (6378249.2, 1 - 6356515.0 / 6378249.2),
    "intl": (6378388.0, 1 / 297.0),
    "clrk66": (6378206.4, 1 - 6356583.8 / 6378206.4),
}

DATUM_ELLIPSOID = {
    "WGS 84": "WGS84",
    "NTF": "clrk80ign",
    "NTF (Paris)": "clrk80ign",
    "Guadeloupe 1948": "intl",
    "Martinique 1938": "intl",
    "Fort Marigot": "intl",
    "CSG67": "intl",
    "Réunion 1947": "intl",
    "Combani 1950": "intl",
    "SPM 1950": "clrk66",
}  # GRS80 for all others

PARIS_DEG = 2.5969213 * 0.9  # 2.5969213 grades east of Greenwich (IGN)


def to_cartesian(lon: Array, lat: Array, h: Array, ellipsoid: str) -> Array:
    """Longitude, latitude (degrees), height to X, Y, Z, metres."""
    a, f = ELLIPSOIDS[ellipsoid]
    e2 = f * (2 - f)
    phi, lam = np.radians(lat), np.radians(lon)
    n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    r = (n + h) * np.cos(phi)
    return np.column_stack((r * np.cos(lam), r * np.sin(lam), (n * (1 - e2) + h) * np.sin(phi)))


def from_cartesian(xyz: Array, ellipsoid: str) -> tuple[Array, Array, Array]:
    """X, Y, Z to longitude, latitude (degrees), height: fixed-point iteration, below 1e-12 degrees in France."""
    a, f = ELLIPSOIDS[ellipsoid]
    e2 = f * (2 - f)
    x, y, z = xyz.T
    p = np.hypot(x, y)
    phi = np.arctan2(z, p * (1 - e2))
    for _ in range(8):
        n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
        phi = np.arctan2(z + e2 * n * np.sin(phi), p)
    n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    h = p * np.cos(phi) + (z + e2 * n * np.sin(phi)) * np.sin(phi) - n
    return np.degrees(np.arctan2(y, x)), np.degrees(phi), h


# ---- projections ---------------------------------------------------------------------------------------------------


def _lambert_ntf(zone: int, y_0: float) -> str:
    lat, k, x_0 = {
        1: (49.5, 0.99987734, 600000.0),
        2: (46.8, 0.99987742, 600000.0),
        3: (44.1, 0.99987750, 600000.0),
        4: (42.165, 0.99994471, 234.358),
    }[zone]
    return f"proj=lcc lat_1={lat} lat_0={lat} lon_0=0 k_0={k} x_0={x_0} y_0={y_0} ellps=clrk80ign pm={PARIS_DEG}"


def _utm(zone: int, ellipsoid: str, *, south: bool = False) -> str:
    lon_0, y_0 = 6 * zone - 183, 10_000_000 if south else 0
    return f"proj=tmerc lat_0=0 lon_0={lon_0} k=0.9996 x_0=500000 y_0={y_0} ellps={ellipsoid}"


_L93 = "proj=lcc lat_0=46.5 lon_0=3 lat_1=49 lat_2=44 x_0=700000 y_0=6600000 ellps=GRS80"

PROJECTIONS = {
    **dict.fromkeys((2154, 9793, 9794), _L93),
    **{
        first + n: f"proj=lcc lat_0={42 + n} lon_0=3 lat_1={41.25 + n} lat_2={42.75 + n} x_0=1700000 "
        f"y_0={(n + 1) * 1_000_000 + 200_000} ellps=GRS80"
        for first in (3942, 9822, 9842)
        for n in range(9)
    },
    **{25800 + zone: _utm(zone, "GRS80") for zone in (30, 31, 32)},
    27561: _lambert_ntf(1, 200_000.0), 27562: _lambert_ntf(2, 200_000.0),
    27563: _lambert_ntf(3, 200_000.0), 27564: _lambert_ntf(4, 185_861.369),
    27571: _lambert_ntf(1, 1_200_000.0), 27572: _lambert_ntf(2, 2_200_000.0),
    27573: _lambert_ntf(3, 3_200_000.0), 27574: _lambert_ntf(4, 4_185_861.369),
    5490: _utm(20, "GRS80"), 2970: _utm(20, "intl"), 2973: _utm(20, "intl"), 2969: _utm(20, "intl"),
    2972: _utm(22, "GRS80"), 3313: _utm(21, "GRS80"), 2971: _utm(22, "intl"),
    2975: _utm(40, "GRS80", south=True),
    3727: "proj=tmerc lat_0=-21.1166666666667 lon_0=55.5333333333333 k=1 x_0=160000 y_0=50000 ellps=intl",
    4471: _utm(38, "GRS80", south=True), 10674: _utm(38, "GRS80", south=True), 2980: _utm(38, "intl", south=True),
    4467: _utm(21, "GRS80"), 2987: _utm(21, "clrk66"),
    3857: "proj=webmerc lat_0=0 lon_0=0 x_0=0 y_0=0 ellps=WGS84",
}  # fmt: skip


@cache
def _projection(code: int) -> pyproj.Proj:
    return pyproj.Proj(PROJECTIONS[code])


def to_numbers(code: str, kind: str, datum: str, lon: Array, lat: Array, third: Array | None) -> Array:
    """A place on a datum, degrees, as the numbers of one system, x or longitude first."""
    number = int(code[5:])
    if kind == "geocentric":
        return to_cartesian(lon, lat, third, DATUM_ELLIPSOID.get(datum, "GRS80"))
    if kind == "projected":
        x, y = _projection(number)(lon, lat)
    elif datum == "NTF (Paris)":
        x, y = (lon - PARIS_DEG) / 0.9, lat / 0.9  # grades
    else:
        x, y = lon, lat
    return np.column_stack((x, y) if third is None else (x, y, third))


# ---- grids ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lattice:
    """Nodes of a grid: registered on the CENTRES of rasterio's pixels."""

    west: float
    north: float
    step_x: float
    step_y: float
    values: Array  # (bands, rows, columns), NaN where there is none

    def at(self, lon: Array, lat: Array) -> Array:
        """Bilinear values, (n, bands); NaN outside and where one of the four nodes has none."""
        u, v = (lon - self.west) / self.step_x, (self.north - lat) / self.step_y
        n_rows, n_columns = self.values.shape[1:]
        inside = (u >= 0) & (u <= n_columns - 1) & (v >= 0) & (v <= n_rows - 1)
        j = np.clip(np.floor(u).astype(int), 0, n_columns - 2)
        i = np.clip(np.floor(v).astype(int), 0, n_rows - 2)
        a, b = u - j, v - i
        nodes = self.values
        got = (
            nodes[:, i, j] * (1 - a) * (1 - b)
            + nodes[:, i, j + 1] * a * (1 - b)
            + nodes[:, i + 1, j] * (1 - a) * b
            + nodes[:, i + 1, j + 1] * a * b
        )
        got[:, ~inside] = np.nan
        return got.T


@cache
def lattice(path: Path) -> Lattice:
    """The grid of a GeoTIFF file."""
    with rasterio.open(path) as data:
        values = data.read().astype(np.float64)
        if data.nodata is not None:
            values[values == data.nodata] = np.nan
        to_place = data.transform
        west, north = to_place * (0.5, 0.5)
        return Lattice(west, north, to_place.a, -to_place.e, values)


# ---- datums: seven parameters of EPSG's registry, position vector, towards the datum named ---------------------------

SEVEN = {
    ("RGF93 v2", "RGF93 v2b"): (-0.017, 0.058, 0.009, 0.001305, 0.00068, -0.001467, -0.00072),  # 9788
    ("Guadeloupe 1948", "RGAF09"): (-471.06, -3.212, -305.843, 0.4752, -0.9978, 0.2068, 2.1353),  # 5492
    ("Guadeloupe 1948", "WGS 84"): (-472.29, -5.63, -304.12, 0.4362, -0.8374, 0.2563, 1.8984),  # 1905
    ("Martinique 1938", "RGAF09"): (127.744, 547.069, 118.359, -3.1116, 4.9509, -0.8837, 14.1012),  # 5491
    ("Martinique 1938", "WGS 84"): (126.93, 547.94, 130.41, -2.7867, 5.1612, -0.8584, 13.8227),  # 1910
    ("Fort Marigot", "RGAF09"): (151.613, 253.832, -429.084, -0.0506, 0.0958, -0.5974, -0.3971),  # 5493
    ("Fort Marigot", "WGS 84"): (137.0, 248.0, -430.0, 0.0, 0.0, 0.0, 0.0),  # 1903
    ("CSG67", "RGFG95"): (-193.066, 236.993, 105.447, 0.4814, -0.8074, 0.1276, 1.5649),  # 1908
    ("Réunion 1947", "RGR92"): (789.524, -626.486, -89.904, 0.6006, 76.7946, -10.5788, -32.3241),  # 1926
    ("RGR92", "Réunion 1947"): (-789.99, 627.333, 89.685, -0.6072, -76.8019, 10.568, 32.2083),  # 1964, the way back
    ("Combani 1950", "RGM04"): (-599.928, -275.552, -195.665, -0.0835, -0.4715, 0.0602, 49.2814),  # 5888
    ("SPM 1950", "WGS 84"): (11.363, 424.148, 373.13, 0.0, 0.0, 0.0, 0.0),  # 8270
}

GRIDS = {("NTF", "RGF93 v1"): "fr_ign_gr3df97a.tif", ("RGM04", "RGM23"): "fr_ign_RGM04versRGM23.tif"}
"""Geocentric translations by grid, read at the place on the second datum."""

PRECISE = {"RGF93 v1", "RGF93 v2", "RGF93 v2b", "ETRS89", "RGAF09", "RGFG95", "RGR92", "RGM04", "RGM23", "RGSPM06"}
"""Datums that EPSG sets equal to WGS 84 (within 1 m)."""


def seven_parameters(xyz: Array, seven: tuple[float, ...], *, back: bool = False) -> Array:
    """Translations in metres, position-vector rotations in seconds, scale in parts per million; or the way back."""
    t, (rx, ry, rz), s = np.array(seven[:3]), np.radians(np.array(seven[3:6]) / 3600), seven[6] * 1e-6
    turn = (1 + s) * np.array([[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]])
    return np.linalg.solve(turn, (xyz - t).T).T if back else xyz @ turn.T + t


def _greenwich(datum: str) -> str:
    return "NTF" if datum == "NTF (Paris)" else datum


LEGAL = {"Réunion 1947": "RGR92", "CSG67": "RGFG95", "Combani 1950": "RGM04", "SPM 1950": "WGS 84"}
"""Where a local datum goes first when it has no parameters of its own towards the other datum."""

LOCAL = {start for start, _ in SEVEN} - {"RGF93 v2", "RGR92"}


def hub(local: str, other: str) -> str:
    """Where heights over a local datum meet a grid: the other datum, or the first one on the way to it."""
    if (local, other) in SEVEN:
        return other
    return LEGAL.get(local, "RGAF09")


def way(start: str, end: str) -> list[tuple[str, str]]:
    """The links from one datum to another, each a pair of names; an empty list for the same datum."""
    start, end = _greenwich(start), _greenwich(end)
    if start == end:
        return []
    if start in LOCAL:
        if (start, end) in SEVEN:
            return [(start, end)]
        return [(start, LEGAL[start]), *way(LEGAL[start], end)]
    if end in LOCAL:
        return [(b, a) for a, b in reversed(way(end, start))]
    return [(start, end)]


def _link(lon: Array, lat: Array, h: Array, start: str, end: str, grids: Path) -> tuple[Array, Array, Array]:
    """One link between two datums in three dimensions."""
    one, other = (DATUM_ELLIPSOID.get(d, "GRS80") for d in (start, end))
    if (start, end) in SEVEN or (end, start) in SEVEN:
        back = (start, end) not in SEVEN
        seven = SEVEN[(end, start) if back else (start, end)]
        return from_cartesian(seven_parameters(to_cartesian(lon, lat, h, one), seven, back=back), other)
    if {start, end} == {"RGF93 v1", "RGF93 v2b"}:  # v1 equals v2 (EPSG 9882)
        names = [d.replace("v1", "v2") if d.endswith("v1") else d for d in (start, end)]
        return _link(lon, lat, h, names[0], names[1], grids)
    for (a, b), name in GRIDS.items():
        if a == "NTF" and "NTF" in (start, end):
            back = end == "NTF"
        elif {start, end} == {a, b}:
            back = end == a
        else:
            continue
        table = lattice(grids / name)
        xyz = to_cartesian(lon, lat, h, one)
        if back:  # the place on the grid's datum is known
            return from_cartesian(xyz - table.at(lon, lat), other)
        at = from_cartesian(xyz + ((-168.0, -60.0, 320.0) if a == "NTF" else (0.0, 0.0, 0.0)), other)
        for _ in range(6):
            at = from_cartesian(xyz + table.at(at[0], at[1]), other)
        return at
    assert {start, end} <= PRECISE | {"WGS 84"}, (start, end)
    return lon, lat, h


def shift(
    lon: Array, lat: Array, h: Array | None, start: str, end: str, grids: Path
) -> tuple[Array, Array, Array | None]:
    """Move a place from a datum to another; without height at height zero of each, as EPSG's geog2D domain says."""
    for one, other in way(start, end):
        flat = h is None
        lon, lat, moved = _link(lon, lat, np.zeros_like(lon) if flat else h, one, other, grids)
        h = None if flat else moved
    return lon, lat, h


def undulation(lon: Array, lat: Array, grid: str, grids: Path) -> Array:
    """Height above the ellipsoid minus height above the vertical datum, metres."""
    return lattice(grids / grid).at(lon, lat)[:, 0]


def grids_in(text: str) -> list[str]:
    """Names of the grid files in a pipeline."""
    return sorted({name for part in re.findall(r"\bgrids=(\S+)", text) for name in part.split(",")})


def metres_apart(got: Array, expected: Array, kind: str, *, in_grades: bool = False) -> float:
    """Largest difference of a component, in metres."""
    scale = np.ones(expected.shape[1])
    if kind.startswith("geographic"):
        per_degree = 111_320.0 * (0.9 if in_grades else 1.0)
        latitude = np.abs(expected[:, 1]).max() * (0.9 if in_grades else 1.0)
        scale[:2] = per_degree * math.cos(math.radians(latitude)), per_degree
    return float(np.abs((got - expected) * scale).max())
