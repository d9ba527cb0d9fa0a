"""Canopy heights: the highest return of vegetation of each pixel, above the terrain."""

from __future__ import annotations

import numpy as np
import pytest

from jnt_pipeline.base_layers.points import PointChunk
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters, TerrainPoints, derive_surfaces, derive_tops

X0, Y0 = 770_000.0, 6_277_000.0
METRE = TerrainParameters(resolution_m=1.0)
GROUND = [(x, y, 100.0 + x) for x in (-1, 6) for y in (-1, 6)]  # a plane that rises eastwards


def canopy(
    leaves: list[tuple[float, float, float]], classes: list[int], parameters: TerrainParameters = METRE
) -> np.ndarray:
    """Canopy of 5 by 5 pixels over the plane, row 0 at the south: the pixel centred at (x, y) is [y - 1, x]."""
    points = TerrainPoints(
        Grid.covering((X0, Y0, X0 + 5, Y0 + 5), 1.0), parameters, kinds=(parameters.vegetation_classes,)
    )
    xyz = np.add(np.array([*GROUND, *leaves], np.float64), (X0, Y0, 0.0))
    for part in np.array_split(np.arange(len(xyz)), 2):
        points.add(PointChunk.of(xyz[part], np.array([2] * len(GROUND) + classes, np.uint8)[part]))
    dtm, _ = derive_surfaces(points)
    return derive_tops(points, 0, dtm)[::-1]


def test_the_highest_leaf_of_a_pixel_counts_above_the_terrain_at_its_centre():
    found = canopy([(2.2, 3.1, 110.0), (1.8, 3.0, 112.5), (2.0, 2.9, 104.0)], [5, 4, 3])
    expected = np.zeros((5, 5))
    expected[2, 2] = 112.5 - 102.0
    assert found == pytest.approx(expected, abs=1e-4)


def test_roofs_wires_and_ground_are_no_canopy():
    assert not canopy([(2, 3, 110.0), (1, 1, 120.0), (3, 3, 103.0)], [6, 1, 2]).any()


def test_which_classes_are_vegetation_is_a_parameter():
    parameters = TerrainParameters(resolution_m=1.0, vegetation_classes=(5,))
    found = canopy([(2, 3, 110.0), (1, 1, 104.0)], [5, 3], parameters)
    assert found[2, 2] == pytest.approx(8.0)
    assert found[0, 1] == 0


def test_a_leaf_below_the_terrain_is_told_as_it_is():
    assert canopy([(2, 3, 101.9)], [3])[2, 2] == pytest.approx(-0.1, abs=1e-4)


def test_without_terrain_nothing_is_known():
    points = TerrainPoints(Grid.covering((X0, Y0, X0 + 5, Y0 + 5), 1.0), METRE, kinds=(METRE.vegetation_classes,))
    points.add(PointChunk.of(np.array([[X0 + 2, Y0 + 3, 110.0]]), np.array([5], np.uint8)))
    dtm, _ = derive_surfaces(points)
    assert np.isnan(derive_tops(points, 0, dtm)).all()


def test_leaves_beyond_the_grid_do_not_reach_it():
    assert not canopy([(-0.6, 3, 110.0), (4.6, 3, 110.0), (2, 0.4, 110.0), (2, 5.6, 110.0)], [5] * 4).any()


def test_kinds_are_kept_apart_and_a_class_may_be_of_several():
    grid, kinds = Grid.covering((X0, Y0, X0 + 5, Y0 + 5), 1.0), ((5,), (6, 67), (5, 6))
    points = TerrainPoints(grid, METRE, kinds=kinds)
    rows = [*GROUND, (1, 1, 111.0), (2, 3, 107.0), (2, 3, 106.0), (4, 4, 109.0)]
    xyz = np.add(np.array(rows, np.float64), (X0, Y0, 0.0))
    points.add(PointChunk.of(xyz, np.array([2, 2, 2, 2, 5, 6, 5, 67], np.uint8)))
    dtm, _ = derive_surfaces(points)
    leaves, roofs, both = (derive_tops(points, kind, dtm)[::-1] for kind in range(3))
    assert [leaves[0, 1], leaves[2, 2], leaves[3, 4]] == pytest.approx([10, 4, 0], abs=1e-4)
    assert [roofs[0, 1], roofs[2, 2], roofs[3, 4]] == pytest.approx([0, 5, 5], abs=1e-4)
    assert [both[0, 1], both[2, 2], both[3, 4]] == pytest.approx([10, 5, 0], abs=1e-4)
