"""Trees from heights of vegetation: values by hand, and against the planted trees of generated places."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from jnt_pipeline.base_layers.tables.vegetation import VEGETATION
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.vegetation.parameters import VegetationParameters
from jnt_pipeline.territory.vegetation.surface import filled_canopy, without_lone_returns
from jnt_pipeline.territory.vegetation.trees import crowns_of, derive_trees

P = VegetationParameters()
GRID = Grid.covering((1000.0, 2000.0, 1040.0, 2040.0), 0.5)


def cones(*trees: tuple[float, float, float, float], grid: Grid = GRID) -> NDArray[np.float32]:
    """Heights of round crowns (x, y, height, radius): half as high at the edge as on top."""
    x, y = np.meshgrid(grid.x_centres, grid.y_centres)
    found = np.zeros(grid.shape)
    for east, north, height, radius in trees:
        share = np.hypot(x - east, y - north) / radius
        found = np.maximum(found, np.where(share <= 1, height * (1 - 0.5 * share), 0.0))
    return found.astype(np.float32)


def trees_in(heights: NDArray[np.float32], grid: Grid = GRID, owned: Grid | None = None) -> pd.DataFrame:
    dtm = np.full(grid.shape, 100.0, np.float32)
    crowns = crowns_of(heights, grid.resolution_m, P)
    return derive_trees(crowns, dtm, grid, (owned or grid).bounds, "EPSG:2154")


def test_a_tree_has_the_height_of_its_highest_return_and_the_area_of_its_crown() -> None:
    tree = trees_in(cones((1020.0, 2020.0, 12.0, 4.0))).iloc[0]
    assert (tree["tree_id"], tree.geometry.x, tree.geometry.y) == ("T102000_202000", 1020.0, 2020.0)
    assert (tree["height_m"], tree["ground_elevation_m"], tree["top_elevation_m"]) == (12.0, 100.0, 112.0)
    assert tree["crown_area_m2"] == pytest.approx(np.pi * 4.0**2, rel=0.05)  # 0.5 m pixels on a circle of 4 m
    assert tree["is_crown_whole"]


def test_the_columns_are_those_of_the_schema() -> None:
    frame = trees_in(cones((1020.0, 2020.0, 12.0, 4.0)))
    assert tuple(frame.columns.drop("geometry")) == VEGETATION[0].column_names


def test_where_nothing_grows_or_nothing_is_known_there_is_no_tree() -> None:
    for value in (0.0, np.nan):
        frame = trees_in(np.full(GRID.shape, value, np.float32))
        assert len(frame) == 0
        assert tuple(frame.columns.drop("geometry")) == VEGETATION[0].column_names


def test_of_two_pixels_equally_high_the_northern_one_is_the_top_and_two_equal_trees_are_two() -> None:
    plateau = np.zeros(GRID.shape, np.float32)
    plateau[40:44, 40:44] = 9.0
    assert len(found := trees_in(plateau)) == 1
    assert (found.geometry.x[0], found.geometry.y[0]) == (1020.0, 2040.0 - 40 * 0.5)
    assert len(trees_in(cones((1010.0, 2020.0, 12.0, 4.0), (1020.0, 2020.0, 12.0, 4.0)))) == 2


def test_a_crown_that_reaches_the_unknown_is_not_whole() -> None:
    heights = cones((1020.0, 2020.0, 12.0, 4.0))
    heights[:, 43:] = np.nan
    tree = trees_in(heights).iloc[0]
    assert (tree["height_m"], bool(tree["is_crown_whole"])) == (12.0, False)


def test_trees_are_the_same_from_any_tiling() -> None:
    rng = np.random.default_rng(5)
    whole = Grid.covering((1000.0, 2000.0, 1160.0, 2080.0), 0.5)
    planted = [
        (float(x), float(y), float(h), float(0.3 * h))
        for x, y, h in zip(
            rng.uniform(1000, 1160, 250), rng.uniform(2000, 2080, 250), rng.uniform(3, 16, 250), strict=True
        )
    ]
    heights = cones(*planted, (1080.0, 2040.0, 17.0, 5.0), grid=whole)  # its top on the seam
    heights += rng.uniform(0, 0.2, heights.shape).astype(np.float32) * (heights > 0)
    heights[60:64, 100:120] = np.nan
    margin = int(np.ceil(P.reach_m(0.5) / 0.5))
    parts = []
    for first in (0, 160):
        low, high = max(first - margin, 0), min(first + 160 + margin, 320)
        cell = Grid(west=whole.west + first / 2, north=whole.north, resolution_m=0.5, n_rows=160, n_columns=160)
        read = Grid(west=whole.west + low / 2, north=whole.north, resolution_m=0.5, n_rows=160, n_columns=high - low)
        parts.append(trees_in(np.ascontiguousarray(heights[:, low:high]), read, cell))
    joined = pd.concat(parts).sort_values("tree_id", ignore_index=True)
    expected = trees_in(heights, whole)
    assert len(expected) > 60
    pd.testing.assert_frame_equal(pd.DataFrame(joined), pd.DataFrame(expected))


def test_a_pit_in_a_crown_is_filled_and_the_gap_beside_a_crown_is_not() -> None:
    heights = np.full((5, 5), 8.0, np.float32)
    heights[2, 2] = 0.0
    heights[:, 4] = 0.0
    filled = filled_canopy(heights, 2.5)
    assert filled[2, 2] == 8.0
    assert (filled[:, 4] == 0.0).all()


def test_a_wire_and_a_lone_return_are_no_trees_and_are_told() -> None:
    heights = np.zeros((20, 20), np.float32)
    heights[10, :] = 9.0
    heights[3, 3] = 20.0
    cleaned, lone = without_lone_returns(heights, 2.5)
    assert lone.sum() == 21
    assert not cleaned.any()
