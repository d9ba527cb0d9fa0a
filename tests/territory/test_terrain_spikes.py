"""Spikes of the ground: lone returns go, edges of the real world stay, IGN's terrain does not change."""

from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest

from jnt_pipeline.base_layers.points import PointChunk
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters, TerrainPoints, derive_surfaces
from jnt_pipeline.territory.terrain_cells import CellIndex, CellWindow, PointStrips
from jnt_pipeline.territory.terrain_spikes import are_spikes, without_spikes

SPIKE_M = 1.0


def index(xyz: np.ndarray) -> CellIndex:
    """Points (east, north, elevation in metres) of a box from the origin, sorted by cell."""
    units = np.rint(xyz * 10_000).astype(np.int32)
    box = (0, 0, int(units[:, 0].max()) + 100_000, int(units[:, 1].max()) + 100_000)
    strips = PointStrips(box)
    strips.add(*(np.ascontiguousarray(units[:, axis]) for axis in range(3)))
    return CellWindow(strips).over(0, box[3])


def spikes(xyz: np.ndarray, spike_m: float = SPIKE_M) -> set[tuple[float, float, float]]:
    found = index(xyz)
    chosen = are_spikes(found, spike_m)
    return {tuple(row) for row in (np.stack([found.x, found.y, found.z])[:, chosen].T / 10_000).tolist()}


def ground(elevation, *, step: float = 0.5, width: float = 30.0) -> np.ndarray:
    """A lattice, moved a little so that no two spacings are equal, 20 m from the edge of the box."""
    rng = np.random.default_rng(1)
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.arange(20, 20 + width, step),) * 2))
    x, y = np.round(x + rng.uniform(0, 0.2, x.size), 2), np.round(y + rng.uniform(0, 0.2, x.size), 2)
    return np.c_[x, y, np.round(elevation(x, y), 2)]


@pytest.mark.parametrize("off", [2.5, -2.5, 40.0])
def test_a_return_above_or_below_all_its_neighbours_is_a_spike(off: float):
    level = ground(lambda x, y: 100 + 0.1 * x)
    lone = (35.33, 35.41, round(100 + 0.1 * 35.33 + off, 2))
    assert spikes(np.vstack([level, lone])) == {lone}
    found = index(np.vstack([level, lone]))
    kept = without_spikes(found, are_spikes(found, SPIKE_M))
    same = index(level)
    assert sorted(zip(kept.x, kept.y, kept.z, strict=True)) == sorted(zip(same.x, same.y, same.z, strict=True))
    assert kept.starts[-1] == len(level)
    assert (np.diff(kept.starts) >= 0).all()


@pytest.mark.parametrize(
    "elevation",
    [
        lambda x, y: np.where(x > 35, 104.0, 100.0),  # quay or retaining wall of 4 m
        lambda x, y: np.where(np.abs(x - 35) < 0.4, 103.0, 100.0),  # wall, one or two returns wide
        lambda x, y: np.where(np.abs(x - 35) < 0.6, 97.0, 100.0),  # ditch
        lambda x, y: 100 + np.clip(5 - np.abs(x - 35), 0, 3),  # embankment at 45 degrees
        lambda x, y: 100 + 2.0 * x,  # cliff path, 63 degrees
        lambda x, y: 110 - np.hypot(x - 35, y - 35),  # cone
        lambda x, y: np.full(x.shape, 100.0),
    ],
    ids=["quay", "wall", "ditch", "embankment", "slope", "cone", "level"],
)
def test_edges_of_the_real_world_are_no_spikes(elevation):
    level = ground(elevation)
    assert spikes(level) == set()
    found = index(level)
    assert without_spikes(found, are_spikes(found, SPIKE_M)) is found


def test_the_bound_is_what_was_stated():
    around = np.array([(x, y, 100.0) for x, y in ((34, 35), (36, 35), (35, 34), (35, 36), (37.1, 35))])
    around[4, 2] = 101.5  # 2.1 m away: too far to speak
    at = lambda z: np.vstack([around, (35.0, 35.0, z)])  # noqa: E731
    assert spikes(at(101.0)) == set()
    assert spikes(at(101.01)) == {(35.0, 35.0, 101.01)}
    assert spikes(at(98.99)) == {(35.0, 35.0, 98.99)}
    assert spikes(at(101.01), spike_m=1.5) == set()
    around[0, 2] = 103.0  # above one neighbour and below another
    assert (35.0, 35.0, 101.5) not in spikes(at(101.5))


def test_a_return_with_few_neighbours_or_a_companion_stays():
    around = np.array([(x, y, 100.0) for x, y in ((34, 35), (36, 35), (35, 34), (35, 37.1))])
    assert spikes(np.vstack([around, (35.0, 35.0, 120.0)])) == set()  # three within 2 m
    level = ground(lambda x, y: np.full(x.shape, 100.0))
    assert spikes(np.vstack([level, (35.3, 35.3, 105.0), (35.8, 35.3, 105.2)])) == set()
    assert spikes(np.array([(35.0, 35.0, 120.0)])) == set()


def test_neither_order_nor_cells_show():
    rng = np.random.default_rng(2)
    level = ground(lambda x, y: 100 + 0.05 * y)
    raised = rng.choice(len(level), 12, replace=False)
    level[raised, 2] += 9
    expected = spikes(level)
    assert len(expected) > 5
    assert spikes(level[rng.permutation(len(level))]) == expected
    crowd = np.c_[rng.uniform(90, 95, (30_000, 2)), np.full(30_000, 100.0)]  # other cell sizes
    assert spikes(np.vstack([level, np.round(crowd, 2)])) == expected


@pytest.mark.shared
def test_no_ground_return_of_montpellier_is_a_spike(shared: Path):
    tiles = [laspy.read(path) for path in sorted((shared / "data/lidar/montpellier_50m/points").glob("*.laz"))]
    xyz = np.concatenate([np.c_[tile.x, tile.y, tile.z][np.asarray(tile.classification) == 2] for tile in tiles])
    assert spikes(xyz - (770_440, 6_277_440, 0)) == set()


def test_the_terrain_does_not_follow_a_spike_and_counts_it():
    rng = np.random.default_rng(8)
    x, y = np.meshgrid(np.arange(-20, 80, 0.5) + 0.2, np.arange(-20, 80, 0.5) + 0.2)
    level = np.round(np.c_[x.ravel() + 770_000, y.ravel() + 6_277_000, 100 + 0.1 * x.ravel()], 2)
    corners = np.stack(np.meshgrid(np.arange(-15, 75, 10), np.arange(-15, 75, 10)), axis=-1).reshape(-1, 2)
    at = corners + np.round(rng.uniform(0, 6, corners.shape) * 2) / 2  # 4 m and more apart
    birds = np.c_[np.add(at, (770_000, 6_277_000)), np.full(len(at), 107.0) + 0.1 * at[:, 0]]
    inside = ((birds[:, :2] > (769_999.75, 6_276_999.75)) & (birds[:, :2] < (770_059.75, 6_277_059.75))).all(axis=1)
    assert 5 < inside.sum() < len(birds)
    grid = Grid.covering((770_000, 6_277_000, 770_060, 6_277_060), 0.5)
    values = {}
    for name, xyz in (("with", np.vstack([level, birds])), ("without", level)):
        for spike_m in (1.0, None):
            points = TerrainPoints(grid, TerrainParameters(spike_m=spike_m))
            points.add(PointChunk.of(xyz, np.full(len(xyz), 2, np.uint8)))
            values[name, spike_m], _ = derive_surfaces(points)
            expected = int(inside.sum()) if name == "with" and spike_m else 0
            assert len(points.spikes) == expected
    assert np.array_equal(values["with", 1.0], values["without", 1.0])
    assert np.array_equal(values["without", 1.0], values["without", None])
    assert np.abs(values["with", None] - values["without", None]).max() > 5
