"""Height grids as PROJ reads them: edges, nodes, nodata, point and area registration, on generated GeoTIFFs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from jnt_pipeline.crs.areas import Domain
from jnt_pipeline.crs.fast.chain import Chain, chain_of
from jnt_pipeline.crs.fast.pipeline_text import NotCompiledError
from jnt_pipeline.crs.grids import look_again, use_grid_folders
from jnt_pipeline.crs.operations import PinnedOperation
from jnt_pipeline.errors import MissingGridError
from jnt_pipeline.provenance import GridUse

Array = NDArray[np.float64]

WEST, NORTH, STEP_X, STEP_Y, COLUMNS, ROWS = 55.15, -20.75, 0.03, 0.02, 21, 16
EAST, SOUTH = WEST + STEP_X * (COLUMNS - 1), NORTH - STEP_Y * (ROWS - 1)
PIPELINE = (
    "proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad step {direction} proj=vgridshift grids={name} "
    "{multiplier} step proj=unitconvert xy_in=rad xy_out=deg"
)


def write_grid(folder: Path, name: str, *, holes: bool, is_area: bool = False, **changes: object) -> Path:
    """A smooth bump in metres; with holes, more than a third of the nodes have no value, some alone, some in blocks."""
    rng = np.random.default_rng(7)
    column, row = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    values = (5 + 3 * np.sin(column / 4) * np.cos(row / 3)).astype(np.float32)
    if holes:
        values[rng.random(values.shape) < 0.25] = -32768
        values[:6, :5] = -32768
    # Without its flag for points, GDAL writes the corner of the first pixel: half a step outside the first node.
    corner = Affine(STEP_X, 0, WEST - STEP_X / 2, 0, -STEP_Y, NORTH + STEP_Y / 2)
    profile = {
        "driver": "GTiff", "width": COLUMNS, "height": ROWS, "count": 1, "dtype": "float32", "crs": "EPSG:4326",
        "transform": corner, "nodata": -32768 if holes else None, **changes,
    }  # fmt: skip
    path = folder / name
    with rasterio.open(path, "w", **profile) as file:
        file.update_tags(AREA_OR_POINT="Area" if is_area else "Point", TYPE="VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL")
        for band in range(1, file.count + 1):
            file.write(values.astype(file.dtypes[0]), band)
        file.set_band_description(1, "geoid_undulation")
    return path


def chain_through(path: Path, *, direction: str = "", multiplier: str = "multiplier=1") -> tuple[Chain, str]:
    """The chain through a grid, on degrees, and its pipeline; the domain is twice as wide as the grid."""
    use_grid_folders()
    look_again({path.name})
    pipeline = PIPELINE.format(direction=direction, name=path.name, multiplier=multiplier)
    operation = PinnedOperation(
        description="test",
        pipeline=pipeline,
        accuracy_m=None,
        grids=(GridUse(name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest()),),
        bounds=None,
        area_name="",
        n_columns=3,
    )
    around = Domain(label="around", bounds=(WEST - 0.3, SOUTH - 0.3, EAST + 0.3, NORTH + 0.3), outline=None)
    return chain_of([operation], [around], is_geocentric=False), pipeline


def places(n: int) -> Array:
    """Points inside and outside of the grid; on its edges, nodes, rows and columns; a hair beside them."""
    rng = np.random.default_rng(8)
    lon = rng.uniform(WEST - 0.05, EAST + 0.05, n)
    lat = rng.uniform(SOUTH - 0.05, NORTH + 0.05, n)
    node_lon, node_lat = WEST + STEP_X * np.arange(COLUMNS), NORTH - STEP_Y * np.arange(ROWS)
    on_column, on_row = rng.random(n) < 0.2, rng.random(n) < 0.2
    lon[on_column], lat[on_row] = rng.choice(node_lon, on_column.sum()), rng.choice(node_lat, on_row.sum())
    hair = rng.random(n) < 0.1
    lon[hair] = np.nextafter(lon[hair], rng.choice([-np.inf, np.inf], hair.sum()))
    edge = rng.random(n) < 0.1
    lon[edge] = rng.choice([WEST, EAST], edge.sum())
    lat[edge & on_row] = rng.choice([SOUTH, NORTH], (edge & on_row).sum())
    return np.column_stack((lon, lat, rng.uniform(-100, 3000, n)))


@pytest.mark.parametrize("is_area", [False, True], ids=["point", "area"])
@pytest.mark.parametrize("holes", [False, True], ids=["full", "with holes"])
def test_a_million_points_have_a_result_where_proj_has_one_and_the_same(
    holes: bool, is_area: bool, no_grids: Path
) -> None:
    chain, pipeline = chain_through(write_grid(no_grids, f"g{holes:d}{is_area:d}.tif", holes=holes, is_area=is_area))
    points = places(300_000)  # four cases: 1.2 million points
    got, _, _ = chain.run(points, 3)
    expected = np.column_stack(pyproj.Transformer.from_pipeline(pipeline).transform(*points.T))
    known = np.isfinite(expected).all(axis=1)
    assert np.array_equal(known, np.isfinite(got).all(axis=1))
    assert 0.2 < known.mean() < 0.95
    # The same float64 operations in the same order as PROJ's: not a bit apart.
    assert np.array_equal(got[known], expected[known])


@pytest.mark.parametrize("direction", ["", "inv"])
@pytest.mark.parametrize("multiplier", ["", "multiplier=-1", "multiplier=0.5"])
def test_direction_and_multiplier_are_those_of_proj(direction: str, multiplier: str, no_grids: Path) -> None:
    path = write_grid(no_grids, "m.tif", holes=True)
    chain, pipeline = chain_through(path, direction=direction, multiplier=multiplier)
    points = places(2_000)
    got, _, _ = chain.run(points, 3)
    expected = np.column_stack(pyproj.Transformer.from_pipeline(pipeline).transform(*points.T))
    known = np.isfinite(expected).all(axis=1)
    assert np.array_equal(got[known], expected[known])
    assert np.abs(got[known, 2] - points[known, 2]).max() > 0.5


def test_a_value_between_four_nodes_is_their_bilinear_mean(no_grids: Path) -> None:
    chain, _ = chain_through(write_grid(no_grids, "b.tif", holes=False))
    # A quarter of the way from node (2, 3) to (3, 3), half way down to row 4.
    point = np.array([[WEST + 2.25 * STEP_X, NORTH - 3.5 * STEP_Y, 0.0]])

    def value(column: float, row: float) -> float:
        return float(np.float32(5 + 3 * np.sin(column / 4) * np.cos(row / 3)))

    upper = 0.75 * value(2, 3) + 0.25 * value(3, 3)
    lower = 0.75 * value(2, 4) + 0.25 * value(3, 4)
    got, _, _ = chain.run(point, 3)
    assert got[0, 2] == pytest.approx((upper + lower) / 2, abs=1e-12)


@pytest.mark.parametrize(
    "changes", [{"dtype": "float64"}, {"dtype": "int16"}, {"count": 2}], ids=["float64", "int16", "two bands"]
)
def test_other_kinds_of_grids_go_to_proj(changes: dict[str, object], no_grids: Path) -> None:
    with pytest.raises(NotCompiledError, match="not one image of float32"):
        chain_through(write_grid(no_grids, "k.tif", holes=False, **changes))


def test_a_grid_that_is_not_the_recorded_one_is_refused_and_not_left_to_proj(no_grids: Path) -> None:
    path = write_grid(no_grids, "other.tif", holes=False)
    use_grid_folders()
    pipeline = PIPELINE.format(direction="", name=path.name, multiplier="")
    operation = PinnedOperation(
        description="test", pipeline=pipeline, accuracy_m=None, grids=(GridUse(name=path.name, sha256="0" * 64),),
        bounds=None, area_name="", n_columns=3,
    )  # fmt: skip
    domain = Domain(label="d", bounds=(WEST, SOUTH, EAST, NORTH), outline=None)
    with pytest.raises(MissingGridError, match="exchanged"):
        chain_of([operation], [domain], is_geocentric=False)
