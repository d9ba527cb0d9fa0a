"""Terrain against IGN's own raster and against an independent Delaunay triangulation."""

from __future__ import annotations

from pathlib import Path

import laspy
import numpy as np
import pytest
import rasterio
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dhm, derive_dsm, derive_dtm

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
SQUARE = (770_550.0, 6_277_550.0, 770_600.0, 6_277_600.0)
NODATA = -9999


def read(*paths: Path) -> PointBlock:
    tiles = [laspy.read(path) for path in paths]
    return PointBlock(
        xyz=np.concatenate([np.c_[tile.x, tile.y, tile.z] for tile in tiles]),
        classification=np.concatenate([np.asarray(tile.classification, np.uint8) for tile in tiles]),
        reference=REFERENCE,
    )


@pytest.fixture(scope="module")
def montpellier(shared: Path) -> PointBlock:
    return read(*sorted((shared / "data/lidar/montpellier_50m/points").glob("*.laz")))


def ign(shared: Path, product: str) -> np.ndarray:
    name = "test_data_77055_627760_LA93_IGN69_50CM.tif"
    with rasterio.open(shared / "data/lidar/montpellier_50m/reference" / product / name) as raster:
        assert raster.transform == Grid.covering(SQUARE, 0.5).transform
        return raster.read(1)


def figures(values: np.ndarray, reference: np.ndarray) -> tuple[float, float, float]:
    """Median and 95th percentile of the differences (metres), and share within 5 cm; unknown counts as 9 m."""
    known = reference != NODATA
    difference = np.nan_to_num(np.abs(values[known] - reference[known]), nan=9.0)
    return float(np.median(difference)), float(np.percentile(difference, 95)), float(np.mean(difference <= 0.05))


@pytest.mark.shared
def test_igns_terrain_is_reproduced(montpellier: PointBlock, shared: Path):
    values = derive_dtm(montpellier, Grid.covering(SQUARE, 0.5), TerrainParameters())
    reference = ign(shared, "DTM")
    median, p95, share = figures(values, reference)
    assert median <= 0.0005
    assert p95 <= 0.002
    assert share >= 0.999
    assert np.array_equal(np.isnan(values), reference == NODATA)  # five pixels of the top row


@pytest.mark.shared
@pytest.mark.parametrize("shift", [(0.25, 0.0, 0.0), (0.0, -0.25, 0.0)], ids=["east", "south"])
def test_a_shift_of_a_quarter_of_a_metre_would_be_seen(montpellier: PointBlock, shared: Path, shift):
    moved = PointBlock(xyz=montpellier.xyz + shift, classification=montpellier.classification, reference=REFERENCE)
    median, p95, _ = figures(derive_dtm(moved, Grid.covering(SQUARE, 0.5), TerrainParameters()), ign(shared, "DTM"))
    assert median > 0.005
    assert p95 > 0.02


@pytest.mark.shared
def test_the_squares_own_points_are_not_enough_at_its_edges(montpellier: PointBlock, shared: Path):
    alone = derive_dtm(montpellier.inside(SQUARE), Grid.covering(SQUARE, 0.5), TerrainParameters())
    whole = derive_dtm(montpellier, Grid.covering(SQUARE, 0.5), TerrainParameters())
    same = (alone == whole) | (np.isnan(alone) & np.isnan(whole))
    assert not same[[0, -1]].all() or not same[:, [0, -1]].all()
    assert same[10:60, 10:60].mean() > 0.95


@pytest.mark.shared
def test_igns_surface_is_met_on_open_ground(montpellier: PointBlock, shared: Path):
    grid = Grid.covering(SQUARE, 0.5)
    values = derive_dsm(montpellier, grid, TerrainParameters())
    surface, terrain = ign(shared, "DSM"), ign(shared, "DTM")
    is_open = (surface != NODATA) & (terrain != NODATA) & (surface - terrain < 0.15)
    # IGN's surface is not the plain maximum; on open ground both are within the noise of the returns.
    assert is_open.sum() > 2000
    assert np.median(np.abs(values - surface)[is_open]) < 0.05
    dtm = derive_dtm(montpellier, grid, TerrainParameters())
    assert np.array_equal(derive_dhm(values, dtm), values - dtm, equal_nan=True)


@pytest.mark.shared
def test_a_whole_decimated_kilometre_has_terrain_nearly_everywhere(shared: Path):
    block = read(shared / "data/lidar/km_0292_6833/test_semis_2023_0292_6833_LA93_IGN69.laz")
    grid = Grid.covering((292_000, 6_832_000, 293_000, 6_833_000), 1.0)
    values = derive_dtm(block, grid, TerrainParameters(resolution_m=1.0))
    assert values.shape == (1000, 1000)
    # 0.15 ground points per square metre; some buildings and the rim of a tile without neighbours stay unknown.
    assert np.isfinite(values).mean() > 0.97
    ground = block.xyz[np.isin(block.classification, (2, 9, 66)), 2]
    assert np.nanmin(values) >= ground.min()
    assert np.nanmax(values) <= ground.max()


# ---- an independent triangulation ----------------------------------------------------------------------------------


def scipys(block: PointBlock, grid: Grid) -> np.ndarray:
    """Qhull's Delaunay triangulation and linear interpolation, about a local origin."""
    origin = block.xyz[:, :2].mean(axis=0).round()
    centres = np.stack(np.meshgrid(grid.x_centres - origin[0], grid.y_centres - origin[1]), axis=-1)
    interpolate = LinearNDInterpolator(Delaunay(block.xyz[:, :2] - origin), block.xyz[:, 2])
    return np.asarray(interpolate(centres))


@pytest.mark.parametrize(("n", "side"), [(60_000, 60), (6_000, 60), (700, 120)], ids=["dense", "thin", "sparse"])
def test_an_independent_delaunay_gives_the_same_values(n: int, side: int):
    rng = np.random.default_rng(n)
    cm = rng.integers(-3000, (side + 30) * 100, (n, 2))  # the hull is far from the raster
    cm = cm[np.unique(cm, axis=0, return_index=True)[1]]
    hole = (cm[:, 0] > 2000) & (cm[:, 0] < 3200) & (cm[:, 1] > 1500) & (cm[:, 1] < 4000)  # a building
    cm = cm[~hole]
    xyz = np.c_[840_000 + cm[:, 0] / 100, 6_519_000 + cm[:, 1] / 100, rng.normal(170, 2, len(cm))]
    block = PointBlock(xyz=xyz, classification=np.full(len(cm), 2, np.uint8), reference=REFERENCE)
    grid = Grid.covering((840_000, 6_519_000, 840_000 + side, 6_519_000 + side), 0.5)
    values = derive_dtm(block, grid, TerrainParameters(spike_m=None))
    assert not np.isnan(values).any()
    # Centimetre coordinates make a few cocircular quadruples, where both diagonals are right.
    assert np.mean(np.abs(values - scipys(block, grid)) < 1e-4) >= 0.999


def test_on_a_lattice_every_square_is_split_along_one_of_its_diagonals():
    rng = np.random.default_rng(8)
    height = rng.normal(0, 1, (32, 32)).round(2)
    north, east = np.mgrid[0:32, 0:32]
    xyz = np.c_[840_000.25 + east.ravel(), 6_519_000.25 + north.ravel(), height.ravel()]
    block = PointBlock(xyz=xyz, classification=np.full(1024, 2, np.uint8), reference=REFERENCE)
    grid = Grid.covering((840_001, 6_519_001, 840_031, 6_519_031), 0.5)
    values = derive_dtm(block, grid, TerrainParameters(spike_m=None))
    counts = [0, 0]
    for row, y in enumerate(grid.y_centres - 6_519_000.25):
        for column, x in enumerate(grid.x_centres - 840_000.25):
            i, j = int(np.floor(x)), int(np.floor(y))
            u, v = x - i, y - j
            a, b, c, d = height[j, i], height[j, i + 1], height[j + 1, i + 1], height[j + 1, i]
            rising = a + u * (b - a) + v * (c - b) if u >= v else a + v * (d - a) + u * (c - d)
            falling = a + u * (b - a) + v * (d - a) if u + v <= 1 else c + (1 - u) * (d - c) + (1 - v) * (b - c)
            errors = abs(values[row, column] - rising), abs(values[row, column] - falling)
            assert min(errors) < 2e-4
            if max(errors) > 1e-2:
                counts[int(np.argmin(errors))] += 1
    assert min(counts) > 0.3 * sum(counts)  # the hash favours neither diagonal


def test_nearly_cocircular_points_far_from_the_origin_are_decided_exactly():
    """A ring of points 0.1 mm off a circle of 20 m: floating point alone cannot tell who is inside."""
    rng = np.random.default_rng(21)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 60))
    ring = np.round(np.c_[np.cos(angle), np.sin(angle)] * 20 + rng.integers(-1, 2, (60, 2)) * 1e-4, 4)
    xyz = np.c_[np.add(ring, (840_030, 6_519_030)), rng.normal(100, 1, 60)]
    block = PointBlock(xyz=xyz, classification=np.full(60, 2, np.uint8), reference=REFERENCE)
    grid = Grid.covering((840_015, 6_519_015, 840_045, 6_519_045), 1.0)
    p = TerrainParameters(resolution_m=1.0, void_max_m=45)
    values = derive_dtm(block, grid, p)
    units = np.rint((xyz[:, :2] - (840_000, 6_519_000)) * 10_000).astype(np.int64).astype(object)  # exact integers
    for row, column in rng.integers(0, 30, (12, 2)):
        px, py = (round(v * 10_000) for v in (grid.x_centres[column] - 840_000, grid.y_centres[row] - 6_519_000))
        assert values[row, column] == pytest.approx(exact(units, xyz[:, 2], px, py), abs=1e-3)


def exact(units: np.ndarray, elevation: np.ndarray, px: int, py: int) -> float:
    """Value at a point by trying every triangle with Python's unlimited integers."""
    x = [int(v) - px for v in units[:, 0]]
    y = [int(v) - py for v in units[:, 1]]
    w = [a * a + b * b for a, b in zip(x, y, strict=True)]
    n = len(x)
    for i in range(n):
        for j in range(n):
            if i == j or x[i] * y[j] - y[i] * x[j] <= 0:
                continue
            for k in range(n):
                li, lj, lk = x[j] * y[k] - y[j] * x[k], x[k] * y[i] - y[k] * x[i], x[i] * y[j] - y[i] * x[j]
                if i > j or i > k or li < 0 or lj < 0:
                    continue
                c = li + lj + lk
                a = w[i] * (y[j] - y[k]) + w[j] * (y[k] - y[i]) + w[k] * (y[i] - y[j])
                b = w[i] * (x[k] - x[j]) + w[j] * (x[i] - x[k]) + w[k] * (x[j] - x[i])
                top = li * w[i] + lj * w[j] + lk * w[k]
                if all(a * x[q] + b * y[q] + top - c * w[q] <= 0 for q in range(n)):
                    return float((li * elevation[i] + lj * elevation[j] + lk * elevation[k]) / c)
    raise AssertionError("no triangle around the point")
