"""Slope, shaded relief and contour lines, against values worked out by hand; lines meet where cells meet."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
import yaml
from scipy.ndimage import convolve

import jnt_pipeline as jnt
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.relief import contour_lines, hillshade, slope_deg
from source_files import OWNER, write_tile

X0, Y0 = 770_000.0, 6_277_000.0


def grid(width: int, height: int, size: float = 1.0) -> Grid:
    """First centre at (X0, Y0)."""
    return Grid(west=X0 - size / 2, north=Y0 + size / 2, resolution_m=size, n_rows=height, n_columns=width)


def lines(values: np.ndarray, interval: float = 1.0, size: float = 1.0) -> list[dict]:
    values = np.asarray(values, np.float32)
    return contour_lines(values, grid(values.shape[1], values.shape[0], size), interval)


# ---- slope and shade -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("east", "north"), [(0, 0), (1, 0), (0, -1), (0.3, 0.4), (-3, 4)])
def test_a_plane_has_its_slope_everywhere(east: float, north: float):
    row, column = np.indices((6, 7))
    values = (100 + 0.5 * (east * column - north * row)).astype(np.float32)
    assert slope_deg(values, 0.5) == pytest.approx(
        np.degrees(np.arctan(np.hypot(east, north))), abs=2e-3
    )  # float32 at 100 m
    assert slope_deg(values, 0.5).shape == (4, 5)


def test_slope_is_that_of_horns_weights():
    values = np.random.default_rng(1).normal(0, 1, (12, 15)).astype(np.float32)
    weights = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8 / 2.0  # convolution turns them round
    east, north = convolve(values.astype(float), weights), convolve(values.astype(float), weights.T)
    expected = np.degrees(np.arctan(np.hypot(east, north)))[1:-1, 1:-1]
    assert slope_deg(values, 2.0) == pytest.approx(expected, abs=1e-4)


def test_light_comes_from_the_north_west():
    row, column = np.indices((5, 5))
    level = np.zeros((5, 5), np.float32)
    assert (hillshade(level, 1.0) == 1 + round(254 * np.sqrt(0.5))).all()
    to_light = ((row - column * 1.0) * 0 + (row + column) / np.sqrt(2)).astype(np.float32)  # falls to the north-west
    assert (hillshade(to_light, 1.0) == 255).all()  # 45 degrees, straight into the light
    assert (hillshade(-to_light, 1.0) == 1).all()


def test_a_pixel_with_an_unknown_neighbour_has_neither():
    values = np.zeros((7, 7), np.float32)
    values[3, 3] = np.nan
    assert np.isnan(slope_deg(values, 1.0)).sum() == 9
    assert (hillshade(values, 1.0) == 0).sum() == 9


# ---- contour lines -------------------------------------------------------------------------------------------------


def test_lines_of_a_plane_lie_where_it_has_their_elevation():
    _, column = np.indices((4, 9))
    found = lines(10.25 + 0.5 * column)
    assert [one["elevation_m"] for one in found] == [11, 12, 13, 14]
    assert [one["is_index"] for one in found] == [False] * 4
    for one, x in zip(found, (1.5, 3.5, 5.5, 7.5), strict=True):
        assert shapely.get_coordinates(one["geometry"]).tolist() == [[X0 + x, Y0 - y] for y in (3, 2, 1, 0)]
        assert not one["is_closed"]


def test_a_summit_is_ringed():
    values = np.zeros((5, 5))
    values[2, 2] = 4
    found = lines(values, interval=2.5)
    assert [(one["elevation_m"], one["is_index"], one["is_closed"]) for one in found][-1] == (2.5, False, True)
    ring = shapely.get_coordinates(found[-1]["geometry"]) - (X0 + 2, Y0 - 2)
    assert {tuple(place) for place in np.abs(ring).round(3).tolist()} == {(0.375, 0), (0, 0.375)}  # 1.5 / 4 of a metre


def test_unknown_corners_and_level_ground_have_no_line():
    assert lines(np.full((4, 4), 10.3)) == []
    assert lines(np.full((4, 4), np.nan)) == []
    assert lines([[1.0, 9.0]]) == []
    values = np.tile(np.arange(6.0) + 0.5, (4, 1))
    values[:, 3] = np.nan
    assert {one["elevation_m"] for one in lines(values)} == {1, 2, 5}


def test_an_interval_too_small_for_the_relief_is_refused():
    with pytest.raises(AssemblyError, match="interval"):
        lines([[0, 0], [4000, 4000]], interval=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_lines_do_not_depend_on_the_tiling(seed: int):
    rng = np.random.default_rng(seed)
    row, column = np.indices((40, 50))
    values = 50 + 3 * np.sin(row / 5) * np.cos(column / 7) + rng.normal(0, 0.3, row.shape)
    values = (np.round(values * 4) / 4 if seed % 2 else values).astype(np.float32)  # many pixels exactly on a line
    values[10:14, 20:25] = np.nan
    size = 0.5
    whole = Counter(pieces(contour_lines(values, grid(50, 40, size), 0.5)))
    found: Counter = Counter()
    for first_row, end_row in ((0, 13), (13, 39)):
        for first, end in ((0, 17), (17, 30), (30, 49)):
            part = Grid(
                west=X0 + (first - 0.5) * size,
                north=Y0 - (first_row - 0.5) * size,
                resolution_m=size,
                n_rows=end_row - first_row + 1,
                n_columns=end - first + 1,
            )
            found.update(pieces(contour_lines(values[first_row : end_row + 1, first : end + 1], part, 0.5)))
    assert found == whole


def pieces(records: list[dict]) -> list[tuple]:
    """Straight pieces of the lines, whatever their sense."""
    found = []
    for one in records:
        vertices = [tuple(vertex) for vertex in shapely.get_coordinates(one["geometry"]).tolist()]
        found += [(one["elevation_m"], *sorted(pair)) for pair in pairwise(vertices)]
    return found


# ---- the whole way -------------------------------------------------------------------------------------------------


def test_derived_rasters_and_lines_of_a_twin_run_across_its_cells(tmp_path: Path):
    rng = np.random.default_rng(6)
    x, y = np.round(rng.uniform((X0 - 20, Y0 - 20), (X0 + 20, Y0 + 20), (6_000, 2)), 2).T
    z = np.round(100 + 0.3 * (x - X0) + 0.4 * (y - Y0), 2)
    write_tile(tmp_path / "a.laz", np.c_[x, y, z], 2)
    config = {
        "name": "pente",
        "title": "Pente",
        "reference": "EPSG:2154+5720",
        "undulation": {"value_m": 49.69, "accuracy_m": 0.1, "source": "for this test"},
        "sources": [
            {**OWNER, "vintage": "2023-01-01", "kind": "lidar", "path": "a.laz", "vertical": "EPSG:5720"},
        ],
        "publication": [{"kind": "cog"}, {"kind": "geoparquet"}],
        "terrain": {"derived": ["slope", "hillshade", "contour_lines"], "contour_interval_m": 5},
    }
    (tmp_path / "twin.yaml").write_text(yaml.safe_dump(config))
    jnt.run(tmp_path / "twin.yaml", tmp_path / "twin", until="export")
    twin = jnt.open(tmp_path / "twin")
    slope = twin.raster("slope").read().values
    assert len(twin.raster("slope").tiles) == 4
    known = ~np.isnan(slope)
    assert known[3:-3, 3:-3].all()  # over the seams too
    assert np.median(slope[known]) == pytest.approx(np.degrees(np.arctan(0.5)), abs=0.1)
    lines = twin.layer("contour_lines").to_geopandas()
    assert sorted(set(lines["elevation_m"])) == [90, 95, 100, 105, 110]
    for elevation in (95, 100, 105):
        merged = shapely.line_merge(shapely.union_all(lines.geometry[lines["elevation_m"] == elevation]))
        assert merged.geom_type == "LineString"  # one line, from edge to edge of the twin
    published = tmp_path / "twin/publication/cog"
    assert {path.stem for path in published.glob("*.tif")} >= {"slope", "hillshade", "dtm_origin", "dtm_confidence"}
