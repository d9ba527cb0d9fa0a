"""The matrix of all pairs of references of the table, territory by territory, and the judgement of one cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyproj
import shapely
from packaging.version import Version

from crs.oracle import LOCAL, hub, metres_apart, shift, to_numbers, undulation
from jnt_pipeline.crs.france.territories import ALL_SYSTEMS, HEIGHT_GRIDS, TERRITORIES, FrenchTerritory

WORLD = ("EPSG:4326", "EPSG:4979", "EPSG:4978", "EPSG:3857")

UNRELATED = {row.code for row in ALL_SYSTEMS.values() if row.kind == "vertical"} - {
    row.vertical for row in HEIGHT_GRIDS
}
"""Vertical systems that no grid relates to an ellipsoid."""

NOT_YET = {
    row.code
    for row in ALL_SYSTEMS.values()
    if row.minimal_proj and row.kind == "vertical" and Version(row.minimal_proj) > Version(pyproj.proj_version_str)
}
"""Vertical systems that this PROJ does not know; a newer one has them judged with the others."""


@dataclass(frozen=True)
class Ref:
    """One reference of the matrix."""

    horizontal: str
    vertical: str | None = None

    @property
    def text(self) -> str:
        return self.horizontal if self.vertical is None else f"{self.horizontal}+{self.vertical[5:]}"

    @property
    def kind(self) -> str:
        return ALL_SYSTEMS[self.horizontal].kind

    @property
    def datum(self) -> str:
        return ALL_SYSTEMS[self.horizontal].datum

    @property
    def has_heights(self) -> bool:
        return self.vertical is not None or self.kind in ("geographic 3D", "geocentric")


def references(territory: FrenchTerritory) -> list[Ref]:
    """All references that the table gives a territory, worldwide systems included."""
    found = []
    for code in (*territory.horizontals, *WORLD):
        found.append(Ref(code))
        if ALL_SYSTEMS[code].kind in ("geographic 2D", "projected"):
            found += [Ref(code, vertical) for vertical in territory.verticals if vertical not in NOT_YET]
    return found


@cache
def places(name: str, n: int = 60) -> np.ndarray:
    """Longitude, latitude, height of points of a territory, seeded: (n, 3)."""
    territory = next(t for t in TERRITORIES if t.name == name)
    west, south, east, north = territory.outline.bounds
    rng = np.random.default_rng(20260101)
    lon, lat = rng.uniform(west, east, 40 * n), rng.uniform(south, north, 40 * n)
    inside = shapely.contains_xy(territory.outline, lon, lat)
    return np.column_stack((lon[inside][:n], lat[inside][:n], rng.uniform(0.0, 900.0, n)))


def grid_of(vertical: str, own: str, other: str) -> tuple[str, str]:
    """Datum and grid by which heights leave or reach a vertical system.

    Parameters
    ----------
    own
        Datum of the reference that has the vertical system.
    other
        Datum at the other end.
    """
    rows = {row.datum: row.grid for row in HEIGHT_GRIDS if row.vertical == vertical}
    if own == "RGF93 v1" and other == "RGF93 v2b" and own in rows:
        return other, rows[other]  # 0.065 m by RAF20 against 0.505 m by RAF18, says EPSG
    if {own, other} == {"ETRS89", "WGS 84"} and "RGF93 v2b" in rows:
        return "RGF93 v2b", rows["RGF93 v2b"]  # the same
    for datum in (own, other):
        if datum in rows:
            return datum, rows[datum]
    return next(iter(rows.items()))


def expected(source: Ref, target: Ref, at: np.ndarray, grids: Path) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the source, and what the oracle makes of them in the target."""
    lon, lat, third = at.T
    start = to_numbers(source.horizontal, source.kind, source.datum, lon, lat, third if source.has_heights else None)
    if source.vertical is not None and source.vertical == target.vertical:
        x, y, _ = shift(lon, lat, None, source.datum, target.datum, grids)
        return start, to_numbers(target.horizontal, target.kind, target.datum, x, y, third)
    if not target.has_heights:
        x, y, _ = shift(lon, lat, None, source.datum, target.datum, grids)
        return start[:, : 3 if source.kind == "geocentric" else 2], to_numbers(
            target.horizontal, target.kind, target.datum, x, y, None
        )
    here, end = source.datum, target.datum
    if end in LOCAL:  # the plane of a local datum moves at height zero, whatever the heights do
        end = hub(end, here)
    if here in LOCAL:
        here = hub(here, end)
        lon, lat, _ = shift(lon, lat, None, source.datum, here, grids)
        end = here if source.datum == target.datum else end
    if source.vertical is not None:
        own, (here, grid) = here, grid_of(source.vertical, here, end)
        lon, lat, _ = shift(lon, lat, None, own, here, grids)
        third = third + undulation(lon, lat, grid, grids)
    if target.vertical is None:
        lon, lat, third = shift(lon, lat, third, here, target.datum, grids)
    else:
        there, grid = grid_of(target.vertical, end, here)
        lon, lat, third = shift(lon, lat, third, here, there, grids)
        third = third - undulation(lon, lat, grid, grids)
        lon, lat, _ = shift(lon, lat, None, there, end, grids)
        lon, lat, _ = shift(lon, lat, None, end, target.datum, grids)
    return start, to_numbers(target.horizontal, target.kind, target.datum, lon, lat, third)


def difference_m(target: Ref, got: np.ndarray, want: np.ndarray) -> float:
    """Largest difference in metres."""
    return metres_apart(got, want, target.kind, in_grades=target.datum == "NTF (Paris)")


def refusal_of(source: Ref, target: Ref) -> str:
    """Name of the error that a cell must raise whatever grids there are; empty when it must be served.

    Worked out from the table alone: heights out of nothing, zones of conformal conics that do not touch, and vertical
    systems that nothing relates to an ellipsoid.
    """
    if not _bands_meet(source.horizontal, target.horizontal):
        return "DisjointAreasError"
    if source == target:
        return ""
    if target.has_heights and not source.has_heights:
        return "MissingHeightReferenceError"
    if target.has_heights and source.vertical != target.vertical and {source.vertical, target.vertical} & UNRELATED:
        return "BallparkError"
    return ""


def _bands_meet(one: str, other: str) -> bool:
    """Bands of latitude (and UTM's of longitude) of two systems meet, half a degree of margin on each side included."""
    boxes = [_BANDS.get(int(code[5:]), (-540.0, -90.0, 540.0, 90.0)) for code in (one, other)]
    a, b = boxes
    return max(a[0], b[0]) - 0.5 < min(a[2], b[2]) + 0.5 and max(a[1], b[1]) - 0.5 < min(a[3], b[3]) + 0.5


_BANDS = {
    **{first + n: (-9.86, 41.0 + n, 10.38, 43.0 + n) for first in (3942, 9822, 9842) for n in range(9)},
    25830: (-6.0, 35.26, 0.0, 80.53), 25831: (0.0, 37.0, 6.01, 82.45), 25832: (6.0, 36.53, 12.01, 84.33),
    27561: (-4.87, 48.14, 8.23, 51.14), 27571: (-4.87, 48.14, 8.23, 51.14),
    27562: (-4.8, 45.44, 7.63, 48.15), 27563: (-1.79, 42.33, 7.71, 45.46), 27573: (-1.79, 42.33, 7.71, 45.46),
    27564: (8.5, 41.31, 9.63, 43.07), 27574: (8.5, 41.31, 9.63, 43.07),
    2971: (-54.0, 3.43, -51.61, 5.81), 3313: (-54.61, 2.11, -54.0, 5.69),
}  # fmt: skip
"""West, south, east, north, degrees: zones narrower than their territory (arrêté of 5 March 2019; EPSG)."""
