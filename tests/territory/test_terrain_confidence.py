"""Origin and confidence of the terrain, against values worked out by hand, known ground, and returns held back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import laspy
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from jnt_pipeline.base_layers.points import PointBlock, PointChunk
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.stages.terrain_bands import widened_grid
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.nearest_pixels import FAR, squared_distances
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dtm
from jnt_pipeline.territory.terrain_confidence import (
    Origin,
    derive_confidence,
    derive_origin,
    return_distances,
    slope_rim,
)
from jnt_pipeline.territory.terrain_returns import DECK, GROUND, WATER, ReturnMarks

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
X0, Y0 = 292_000.0, 6_832_000.0
ORIGIN = np.array((X0, Y0, 0.0))


def bands(xyz: np.ndarray, classes: np.ndarray, grid: Grid, parameters: TerrainParameters):
    """Terrain, origin and confidence of a grid from the points within the buffer around it."""
    west, south, east, north = grid.bounds
    b = parameters.buffer_m
    near = (xyz[:, 0] >= west - b) & (xyz[:, 0] <= east + b) & (xyz[:, 1] >= south - b) & (xyz[:, 1] <= north + b)
    block = PointBlock(xyz=xyz[near], classification=classes[near], reference=REFERENCE)
    rim = slope_rim(parameters)
    widened = derive_dtm(block, widened_grid(grid, rim), parameters)
    marks = ReturnMarks(grid, parameters)
    for part in np.array_split(np.arange(len(block)), 3):  # any cut into chunks
        marks.add(PointChunk.of(block.xyz[part], block.classification[part]))
    to_ground, to_water = return_distances(marks)
    dtm = widened[rim:-rim, rim:-rim]
    origin = derive_origin(dtm, to_ground, to_water, parameters.resolution_m)
    return dtm, origin, derive_confidence(widened, to_ground, to_water, parameters)


# ---- distances -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.5])
def test_distances_are_those_of_an_independent_transform(share: float):
    marked = np.random.default_rng(5).random((90, 110)) < share
    rim, reach = 20, 17
    found = squared_distances(marked, rim, reach)
    expected = distance_transform_edt(~marked)[rim:-rim, rim:-rim] if marked.any() else np.full((50, 70), np.inf)
    near = expected <= reach
    assert np.array_equal(found[near], np.rint(expected[near] ** 2))
    assert (found[~near] == FAR).all()
    assert near.any() == (share > 0)


def test_a_pixel_holds_its_west_and_north_edge_and_marks_add_up():
    grid = Grid.covering((X0, Y0, X0 + 3, Y0 + 3), 1.0)  # centres at 0, 1, 2 east and 3, 2, 1 north
    marks = ReturnMarks(grid, TerrainParameters(resolution_m=1.0, void_max_m=5, buffer_m=10))
    xyz = np.array([(0.5, 2.5, 7.0), (1.49, 1.51, 7), (2, 2, 9), (2, 2, 3), (2, 2, 8), (99, 2, 1), (0, 3, 0)])
    codes = np.array([2, 9, 17, 9, 9, 2, 5], np.uint8)
    marks.add(PointChunk.of(xyz + ORIGIN, codes))
    assert marks.inner(marks.marks).tolist() == [[0, 0, 0], [0, GROUND | WATER, DECK | WATER], [0, 0, 0]]
    assert marks.water_elevation()[1].tolist()[1:] == [7.0, 5.5]  # the mean of 3 and 8
    assert np.isnan(marks.water_elevation()).sum() == 7
    assert marks.deck_elevation()[1, 2] == 9.0


# ---- origin --------------------------------------------------------------------------------------------------------


def test_each_origin_is_told():
    # A strip of ground every metre up to 10 m east, water from 12 m to 20 m with few returns, then nothing to 45 m.
    ground = [(x, y, 5.0) for x in (*range(-5, 11), 45, 46) for y in range(-5, 12)]
    water = [(x, y, 4.0) for x in (12, 16, 20) for y in range(-5, 12, 4)]
    xyz = np.array(ground + water) + ORIGIN
    codes = np.array([2] * len(ground) + [9] * len(water), np.uint8)
    grid = Grid.covering((X0, Y0, X0 + 60, Y0 + 4), 0.5)
    dtm, origin, confidence = bands(xyz, codes, grid, TerrainParameters(void_max_m=40, buffer_m=60))
    row = origin[2]  # northing 3: 4 - 2 / 2, with returns of water at 12, 16, 20 m
    at = {x: Origin(row[int(2 * x)]) for x in (3, 3.5, 10.5, 11, 11.5, 12, 14, 20, 30, 30.5, 34.5, 35, 45, 46.5)}
    assert at == {
        3: Origin.MEASURED,
        3.5: Origin.INTERPOLATED,
        10.5: Origin.INTERPOLATED,
        11: Origin.INTERPOLATED,  # one metre from ground and from water: ground
        11.5: Origin.BETWEEN_WATER,
        12: Origin.WATER,
        14: Origin.BETWEEN_WATER,
        20: Origin.WATER,
        30: Origin.BETWEEN_WATER,  # ten metres from the water
        30.5: Origin.BRIDGED,
        34.5: Origin.BRIDGED,
        35: Origin.INTERPOLATED,
        45: Origin.MEASURED,
        46.5: Origin.VOID,
    }
    assert np.array_equal(origin == Origin.VOID, np.isnan(dtm))
    assert np.isnan(confidence[np.isnan(dtm)]).all()


@pytest.mark.parametrize("points", [[], [(1.0, 1.0, 5.0)]], ids=["none", "one"])
def test_fewer_points_than_a_triangle_leave_voids(points):
    xyz = np.array(points, np.float64).reshape(-1, 3) + ORIGIN
    grid = Grid.covering((X0, Y0, X0 + 3, Y0 + 3), 0.5)
    _, origin, confidence = bands(xyz, np.full(len(xyz), 2, np.uint8), grid, TerrainParameters())
    assert (origin != Origin.VOID).sum() == len(points)
    assert np.isnan(confidence).all()  # of a lone pixel no slope is known


# ---- confidence ----------------------------------------------------------------------------------------------------


def test_level_ground_has_the_confidence_of_its_returns():
    xyz = np.array([(x, y, 5.0) for x in range(-9, 20) for y in range(-9, 20)]) + ORIGIN
    grid = Grid.covering((X0, Y0, X0 + 4, Y0 + 4), 0.5)
    _, _, confidence = bands(xyz, np.full(len(xyz), 2, np.uint8), grid, TerrainParameters(ground_sigma_m=0.1))
    assert confidence[0, 0] == pytest.approx(1.96 * 0.1)  # a return in the pixel
    assert confidence[0, 1] == pytest.approx(1.96 * 0.1 + 0.05 * 0.5)  # half a metre from one
    assert confidence[1, 1] == pytest.approx(1.96 * 0.1 + 0.05 * np.sqrt(0.5))


def test_a_slope_widens_it():
    xyz = np.array([(x, y, 5.0 + 0.3 * x + 0.4 * y) for x in range(-19, 30) for y in range(-19, 30)]) + ORIGIN
    grid = Grid.covering((X0, Y0, X0 + 4, Y0 + 4), 0.5)
    _, _, confidence = bands(xyz, np.full(len(xyz), 2, np.uint8), grid, TerrainParameters())
    spread = 1.96 * np.sqrt(0.05**2 + (0.25 * 0.5) ** 2)  # tangent 0.5 = √(0.3² + 0.4²)
    assert confidence[0, 0] == pytest.approx(spread, rel=1e-3)
    assert confidence[0, 1] == pytest.approx(spread + (0.05 + 0.6 * 0.5) * 0.5, rel=1e-3)


def rolling(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Known ground: hills of 4 m over 60 m, a bank of 1.5 m, a slope."""
    x, y = x - X0, y - Y0
    return 50 + 0.04 * x + 4 * np.sin(x / 19) * np.cos(y / 23) + 0.75 * np.tanh((y - 70) / 1.5)


def test_the_promised_share_lies_within_it_on_known_ground():
    rng = np.random.default_rng(11)
    x, y = rng.uniform(-60, 220, (2, 450_000))
    z = rolling(X0 + x, Y0 + y) + rng.normal(0, 0.03, x.size)
    codes = np.full(x.size, 2, np.uint8)
    for east, north, radius in rng.uniform((0, 0, 3), (160, 160, 12), (40, 3)):  # houses and thickets hide the ground
        codes[np.hypot(x - east, y - north) < radius] = 6
    xyz = np.c_[X0 + x, Y0 + y, z]
    grid = Grid.covering((X0, Y0, X0 + 160, Y0 + 160), 0.5)
    parameters = TerrainParameters(void_max_m=40, buffer_m=60)
    dtm, origin, confidence = bands(xyz, codes, grid, parameters)
    error = np.abs(dtm - rolling(grid.x_centres[None, :], grid.y_centres[:, None]))
    for kind in (Origin.MEASURED, Origin.INTERPOLATED):
        chosen = origin == kind
        assert chosen.sum() > 10_000
        assert (error <= confidence)[chosen].mean() >= 0.95
    assert np.median(confidence[origin == Origin.MEASURED]) < 0.2  # not by promising nothing


@pytest.mark.shared
def test_the_promised_share_of_returns_held_back_lies_within_it(shared: Path):
    """The east of the tile: the constants were set on its west and on other places."""
    tile = laspy.read(next((shared / "data/lidar/km_0292_6833").glob("*.laz")))
    xyz, codes = np.c_[tile.x, tile.y, tile.z], np.asarray(tile.classification, np.uint8)
    rng = np.random.default_rng(2)
    held = rng.random(len(xyz)) < 0.03
    for east, north, radius in rng.uniform((X0 + 520, Y0 + 20, 2), (X0 + 980, Y0 + 980, 15), (120, 3)):
        held |= np.hypot(xyz[:, 0] - east, xyz[:, 1] - north) < radius
    held &= (codes == 2) & (xyz[:, 0] > X0 + 510)
    grid = Grid.covering((X0 + 500, Y0, X0 + 1000, Y0 + 1000), 1.0)
    dtm, _, confidence = bands(xyz[~held], codes[~held], grid, TerrainParameters(resolution_m=1.0))
    x, y, z = xyz[held].T
    row, column = np.rint(grid.y_centres[0] - y).astype(int), np.rint(x - grid.x_centres[0]).astype(int)
    row, column = np.clip(row, 0, grid.n_rows - 1), np.clip(column, 0, grid.n_columns - 1)
    known = ~np.isnan(confidence[row, column])
    within = np.abs(dtm[row, column] - z)[known] <= confidence[row, column][known]
    assert known.sum() > 5_000
    assert within.mean() >= 0.95


def test_tiles_agree_to_the_last_bit():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-40, 100, (2, 30_000))
    codes = rng.choice(np.array([2, 9, 5], np.uint8), x.size, p=[0.6, 0.1, 0.3])
    codes[np.hypot(x - 30, y - 30) < 11] = 6
    codes[(np.abs(y - 45) < 8) & (codes == 2)] = 9
    xyz = np.round(np.c_[X0 + x, Y0 + y, rolling(X0 + x, Y0 + y)], 2)
    parameters = TerrainParameters(void_max_m=25, buffer_m=35)
    whole = Grid.covering((X0, Y0, X0 + 60, Y0 + 60), 0.5)
    _, origin, confidence = bands(xyz, codes, whole, parameters)
    assert len(np.unique(origin)) >= 4
    for west, east in pairwise((0, 17, 31.5, 60)):
        for south, north in pairwise((0, 29, 60)):
            tile = Grid.covering((X0 + west, Y0 + south, X0 + east, Y0 + north), 0.5)
            row, column = round((whole.north - tile.north) * 2), round((tile.west - whole.west) * 2)
            part = slice(row, row + tile.n_rows), slice(column, column + tile.n_columns)
            order = rng.permutation(len(xyz))
            _, own_origin, own_confidence = bands(xyz[order], codes[order], tile, parameters)
            assert np.array_equal(own_origin, origin[part])
            assert np.array_equal(own_confidence, confidence[part], equal_nan=True)
