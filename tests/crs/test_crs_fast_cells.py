"""Cells of a domain: one that is marked as inside holds no point that is not."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from jnt_pipeline.crs.areas import Domain
from jnt_pipeline.crs.fast.cells import Cells, cells_of
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError
from jnt_pipeline.crs.france.outlines import MAINLAND
from jnt_pipeline.crs.france.territories import TERRITORIES

RAD = np.pi / 180


def is_marked_inside(cells: Cells, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The cell of each point, found as the kernel finds it."""
    west, south, inv_x, inv_y, columns, rows = cells.parameters
    x, y = (lon * RAD - west) * inv_x, (lat * RAD - south) * inv_y
    within = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    column, row = np.where(within, x, 0).astype(int), np.where(within, y, 0).astype(int)
    return within & (cells.values[row, column] == 0)


def outline(shape: shapely.Geometry) -> Domain:
    return Domain(label="outline", bounds=shape.bounds, outline=shape)


def scattered(
    bounds: tuple[float, float, float, float], n: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    west, south, east, north = bounds
    return rng.uniform(west - 0.1, east + 0.1, n), rng.uniform(south - 0.1, north + 0.1, n)


@pytest.mark.parametrize("name", [t.name for t in TERRITORIES])
def test_no_point_in_an_inner_cell_is_outside_the_territory(name: str) -> None:
    territory = next(t for t in TERRITORIES if t.name == name)
    domain = outline(territory.outline)
    cells = cells_of([domain])
    lon, lat = scattered(domain.bounds, 200_000, 3)
    inside, marked = domain.contains(lon, lat), is_marked_inside(cells, lon, lat)
    assert not (marked & ~inside).any()
    # Most points of a territory are spared the exact test: that is what cells are for.
    assert marked.sum() >= 0.93 * inside.sum()


def test_points_hard_on_the_outline_are_tested_exactly() -> None:
    cells = cells_of([outline(MAINLAND)])
    along = shapely.line_interpolate_point(MAINLAND.boundary, np.linspace(0, MAINLAND.boundary.length, 50_000))
    lon, lat = shapely.get_x(along), shapely.get_y(along)
    nudge = np.random.default_rng(4).uniform(-1e-9, 1e-9, (2, lon.size))
    assert not is_marked_inside(cells, lon + nudge[0], lat + nudge[1]).any()


def test_the_pocket_of_geneva_is_no_inner_cell() -> None:
    cells = cells_of([outline(MAINLAND)])
    geneva, annecy = (6.1432, 46.2044), (6.1290, 45.8992)
    lon, lat = np.array([geneva, annecy]).T
    assert is_marked_inside(cells, lon, lat).tolist() == [False, True]


@pytest.mark.parametrize("seed", range(12))
def test_jagged_outlines_and_rectangles_together_hold_what_they_mark(seed: int) -> None:
    """Random stars with needles thinner than a cell, crossed by a rectangle."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 60))
    radius = rng.choice([0.02, 0.5, 1.0], 60) * rng.uniform(0.7, 1.0, 60)
    star = shapely.Polygon(np.column_stack((10 + radius * np.cos(angle), 45 + radius * np.sin(angle)))).buffer(0)
    if star.geom_type != "Polygon":
        star = max(star.geoms, key=lambda part: part.area)
    domains = [outline(star), Domain(label="box", bounds=(9.7, 44.3, 11.2, 45.4), outline=None)]
    cells = cells_of(domains)
    lon, lat = scattered(star.bounds, 100_000, seed + 100)
    inside = domains[0].contains(lon, lat) & domains[1].contains(lon, lat)
    marked = is_marked_inside(cells, lon, lat)
    assert not (marked & ~inside).any()
    assert marked.any()


def test_areas_that_share_nothing_have_no_cells() -> None:
    apart = [
        Domain(label="a", bounds=(0, 40, 1, 41), outline=None),
        Domain(label="b", bounds=(2, 40, 3, 41), outline=None),
    ]
    with pytest.raises(NotCompiledError, match="share nothing"):
        cells_of(apart)
