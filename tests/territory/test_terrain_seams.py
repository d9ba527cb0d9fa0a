"""Rasters derived tile by tile are those of the whole, to the last bit, whatever the order of the points."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory import terrain
from jnt_pipeline.territory.grid import Grid, quanta
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dsm, derive_dtm

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
X0, Y0, SIDE = 292_960, 6_832_950, 60
SMALL = TerrainParameters(buffer_m=12, void_max_m=9, surface_void_max_m=4)


def scene(seed: int, spacing_cm: int, void_m: float) -> PointBlock:
    """Ground with holes under buildings and a pond without return; coordinates on a lattice of ``spacing_cm``.

    A wide lattice makes thousands of cocircular quadruples, points on pixel centres and pixels on edges.
    """
    rng = np.random.default_rng(seed)
    reach = SIDE + 20
    if spacing_cm >= 50:
        axis = np.arange(-20 * 100, reach * 100, spacing_cm)
        cm = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        cm = cm[rng.random(len(cm)) < 0.9]
    else:
        cm = rng.integers(-2000 // spacing_cm, reach * 100 // spacing_cm, (9_000, 2)) * spacing_cm
    east, north = cm[:, 0] / 100, cm[:, 1] / 100
    elevation = np.round(50 + 0.05 * east + np.sin(north / 7) + rng.normal(0, 0.05, len(cm)), 2)
    classes = np.where(rng.random(len(cm)) < 0.8, 2, 5).astype(np.uint8)
    elevation = np.where(classes == 5, elevation + 4, elevation)
    is_kept = np.ones(len(cm), np.bool_)
    for x, y, width, depth in rng.uniform((0, 0, 2, 2), (SIDE, SIDE, void_m, 3 * void_m), (8, 4)):
        is_inside = (east > x) & (east < x + width) & (north > y) & (north < y + depth)
        classes[is_inside] = 6
        elevation[is_inside] += 6
    x, y = rng.uniform(10, SIDE - 10, 2)
    is_kept &= np.hypot(east - x, north - y) > 9  # twice as wide as what is bridged
    xyz = np.c_[X0 + east, Y0 + north, elevation][is_kept]
    return PointBlock(xyz=xyz, classification=classes[is_kept], reference=REFERENCE)


def read(block: PointBlock, bounds: tuple[float, float, float, float], seed: int) -> PointBlock:
    """What a unit of work gets: the points of its tile and of the buffer, in an order of its own."""
    west, south, east, north = bounds
    b = SMALL.buffer_m
    near = block.inside((west - b, south - b, east + b, north + b))
    order = np.random.default_rng(seed).permutation(len(near))
    return PointBlock(xyz=near.xyz[order], classification=near.classification[order], reference=REFERENCE)


def seams(cuts: list[int]) -> list[float]:
    return [0.0, *(cut / 2 for cut in sorted(set(cuts))), float(SIDE)]


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    spacing_cm=st.sampled_from([1, 1, 10, 50, 100]),
    void_m=st.floats(3, 8),
    x_cuts=st.lists(st.integers(6, 2 * SIDE - 6), min_size=1, max_size=2),
    y_cuts=st.lists(st.integers(6, 2 * SIDE - 6), min_size=0, max_size=2),
)
def test_tiles_meet_without_a_seam(seed, spacing_cm, void_m, x_cuts, y_cuts):
    block = scene(seed, spacing_cm, void_m)
    whole_bounds = (X0, Y0, X0 + SIDE, Y0 + SIDE)
    whole = Grid.covering(whole_bounds, SMALL.resolution_m)
    expected = {derive: derive(block, whole, SMALL) for derive in (derive_dtm, derive_dsm)}
    xs, ys = seams(x_cuts), seams(y_cuts)
    n_pixels = 0
    for west, east in pairwise(xs):
        for south, north in pairwise(ys):
            bounds = (X0 + west, Y0 + south, X0 + east, Y0 + north)
            tile = Grid.covering(bounds, SMALL.resolution_m)
            row = round((whole.north - tile.north) / SMALL.resolution_m)
            column = round((tile.west - whole.west) / SMALL.resolution_m)
            for derive, values in expected.items():
                part = values[row : row + tile.n_rows, column : column + tile.n_columns]
                assert np.array_equal(derive(read(block, bounds, seed), tile, SMALL), part, equal_nan=True)
            n_pixels += tile.n_rows * tile.n_columns
    assert n_pixels == whole.n_rows * whole.n_columns
    assert np.isnan(expected[derive_dtm]).any()  # the pond: the pattern of unknown pixels was compared too


@pytest.mark.parametrize("spacing_cm", [1, 50])
def test_shuffled_and_repeated_points_change_nothing(spacing_cm: int):
    block = scene(3, spacing_cm, 6.0)
    grid = Grid.covering((X0, Y0, X0 + SIDE, Y0 + SIDE), 0.5)
    order = np.random.default_rng(4).permutation(np.r_[np.arange(len(block)), np.arange(len(block))])
    mixed = PointBlock(xyz=block.xyz[order], classification=block.classification[order], reference=REFERENCE)
    for derive in (derive_dtm, derive_dsm):
        assert np.array_equal(derive(block, grid, SMALL), derive(mixed, grid, SMALL), equal_nan=True)


@pytest.mark.parametrize("spacing_cm", [1, 25, 50, 100])
@pytest.mark.parametrize("narrow_m", [0.2, 1.5, 4.0, 8.9])
def test_looking_near_first_and_wide_where_that_leaves_a_pixel_gives_what_looking_wide_does(
    spacing_cm: int, narrow_m: float, monkeypatch: pytest.MonkeyPatch
):
    block, grid = scene(spacing_cm, spacing_cm, 7.0), Grid.covering((X0, Y0, X0 + SIDE, Y0 + SIDE), 0.5)
    wide = derive_dtm(block, grid, SMALL)  # void_max_m is less than what is looked at first: one pass
    monkeypatch.setattr(terrain, "_NARROW", quanta(narrow_m))
    assert np.array_equal(derive_dtm(block, grid, SMALL), wide, equal_nan=True)


def test_a_single_pixel_derived_alone_is_that_of_the_whole():
    block = scene(11, 25, 7.0)
    whole = Grid.covering((X0, Y0, X0 + SIDE, Y0 + SIDE), 0.5)
    values = derive_dtm(block, whole, SMALL)
    rng = np.random.default_rng(12)
    for row, column in rng.integers(0, 2 * SIDE, (40, 2)):
        x, y = whole.x_centres[column], whole.y_centres[row]
        bounds = (x - 0.1, y - 0.1, x + 0.1, y + 0.1)
        alone = derive_dtm(read(block, bounds, int(row)), Grid.covering(bounds, 0.5), SMALL)
        assert alone.shape == (1, 1)
        assert np.array_equal(alone[0, 0], values[row, column], equal_nan=True)
