"""There and back again on a million points of each territory: less than a tenth of a millimetre."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shapely

from crs.matrix import Ref
from crs.oracle import lattice, to_numbers
from jnt_pipeline.crs import transformation
from jnt_pipeline.crs.france.territories import ALL_SYSTEMS, TERRITORIES, FrenchTerritory, height_grids_of

N_POINTS = 1_000_000

TOLERANCE_M = 1e-4
"""A tenth of a millimetre, horizontally and vertically: the grid is read at a place that depends on nothing else."""


def _system(territory: FrenchTerritory, kind: str) -> str:
    """The first system of a kind on the datum of the legal projection."""
    datum = ALL_SYSTEMS[territory.legal[0]].datum
    rows = (ALL_SYSTEMS[code] for code in territory.horizontals)
    return next(row.code for row in rows if row.kind == kind and row.datum == datum)


@cache
def _points(name: str, grids: Path) -> np.ndarray:
    """A million points, seeded, uniform inside the outline where the grid has data, in the legal projection."""
    territory = next(t for t in TERRITORIES if t.name == name)
    horizontal, vertical = territory.legal
    row = height_grids_of(vertical)[-1]
    west, south, east, north = territory.outline.bounds
    rng = np.random.default_rng(TERRITORIES.index(territory))
    shapely.prepare(territory.outline)
    kept, n_kept = [], 0
    while n_kept < N_POINTS:
        lonlat = rng.uniform([west, south], [east, north], (N_POINTS, 2))
        inside = shapely.contains_xy(territory.outline, lonlat[:, 0], lonlat[:, 1])
        # Projected back, a point may come out a rounding error beyond a node without data: stay off such cells.
        inside[inside] &= np.isfinite(lattice(grids / row.grid).at(*lonlat[inside].T)[:, 0])
        kept.append(lonlat[inside])
        n_kept += int(inside.sum())
        assert len(kept) < 20
    lon, lat = np.concatenate(kept)[:N_POINTS].T
    height = rng.uniform(-10.0, 2_000.0, N_POINTS)
    return to_numbers(horizontal, "projected", ALL_SYSTEMS[horizontal].datum, lon, lat, height)


@pytest.mark.parametrize("territory", TERRITORIES, ids=lambda t: t.name)
def test_a_million_points_come_back_from_the_earth_s_centre_and_from_the_ellipsoid(
    territory: FrenchTerritory, grids: Path
) -> None:
    start = Ref(*territory.legal).text
    points = _points(territory.name, grids)
    geocentric, solid = _system(territory, "geocentric"), _system(territory, "geographic 3D")
    xyz = transformation(start, geocentric).apply(points)
    assert np.abs(transformation(geocentric, start).apply(xyz) - points).max() <= TOLERANCE_M
    # The ellipsoidal heights in the middle are those of the other way: one grid, one answer.
    over = transformation(start, solid).apply(points)
    assert np.abs(transformation(solid, start).apply(over) - points).max() <= TOLERANCE_M
    assert np.abs(transformation(solid, geocentric).apply(over) - xyz).max() <= TOLERANCE_M
