"""Terrain, surface and height rasters, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters, derive_dhm, derive_dsm, derive_dtm

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
X0, Y0 = 770_000.0, 6_277_000.0  # absolute Lambert-93: precision is lost here if no origin is subtracted
METRE = TerrainParameters(resolution_m=1.0)


def points(rows: list[tuple[float, float, float]], classification: int | list[int] = 2) -> PointBlock:
    """Points from (east of X0, north of Y0, elevation)."""
    xyz = np.add(np.array(rows, np.float64).reshape(-1, 3), (X0, Y0, 0.0))
    classes = np.broadcast_to(np.array(classification, np.uint8), len(xyz)).copy()
    return PointBlock(xyz=xyz, classification=classes, reference=REFERENCE)


def grid(width: float, height: float, resolution_m: float = 1.0) -> Grid:
    """Centres at 0 … width - resolution east, and height … resolution north, of the origin."""
    return Grid.covering((X0, Y0, X0 + width, Y0 + height), resolution_m)


def dtm(rows: list[tuple[float, float, float]], width: int = 5, height: int = 5) -> np.ndarray:
    """Terrain with row 0 at the south: value of the pixel centred at (x, y) is [y - 1, x]."""
    return derive_dtm(points(rows), grid(width, height), METRE)[::-1]


# ---- terrain -------------------------------------------------------------------------------------------------------


def test_a_plane_is_reproduced():
    rng = np.random.default_rng(1)
    east, north = rng.integers(-500, 3500, (2, 20_000)) / 100  # centimetres, as LiDAR HD
    rows = np.c_[east, north, 100 + 0.31 * east - 0.17 * north]
    values = derive_dtm(points(list(rows)), grid(30, 30, 0.5), TerrainParameters())
    x, y = np.meshgrid(grid(30, 30, 0.5).x_centres - X0, grid(30, 30, 0.5).y_centres - Y0)
    # Elevations are rounded to 0.05 mm, float32 to 0.004 mm at 100 m.
    assert values == pytest.approx(100 + 0.31 * x - 0.17 * y, abs=1e-4)


def test_a_pyramid_is_interpolated_along_its_four_faces():
    values = dtm([(0, 1, 10), (4, 1, 10), (4, 5, 10), (0, 5, 10), (2, 3, 14)])
    assert values == pytest.approx(
        np.array(
            [  # 14 at the apex (2, 3), 10 on the rim, 2 m per metre in between; south row first
                [10, 10, 10, 10, 10],
                [10, 12, 12, 12, 10],
                [10, 12, 14, 12, 10],
                [10, 12, 12, 12, 10],
                [10, 10, 10, 10, 10],
            ]
        ),
        abs=1e-5,
    )


def test_a_triangle_covers_its_rim_and_nothing_beyond():
    values = dtm([(0, 1, 0), (4, 1, 4), (0, 5, 8)])
    expected = np.full((5, 5), np.nan)
    for y in range(1, 6):
        for x in range(5):
            if x + (y - 1) <= 4:  # the hypotenuse included
                expected[y - 1, x] = x + 2 * (y - 1)
    assert np.array_equal(values, expected.astype(np.float32), equal_nan=True)


def test_the_four_sides_of_a_square_are_all_included():
    values = dtm([(0.0, 1, 1), (4, 1, 1), (4, 5, 1), (0, 5, 1)])
    assert np.array_equal(values, np.ones((5, 5), np.float32))


def test_a_pixel_on_a_point_takes_its_elevation_exactly():
    values = dtm([(2, 3, 123.45), (0.2, 1.3, 100), (4.1, 1.1, 110), (2.2, 5.4, 120)])
    assert values[2, 2] == np.float32(123.45)


@pytest.mark.parametrize("rows", [[], [(2, 3, 7)], [(2, 3, 7), (3, 3, 9)]], ids=["none", "one", "two"])
def test_fewer_than_three_points_give_only_their_own_pixels(rows: list[tuple[float, float, float]]):
    values = dtm(rows)
    assert np.count_nonzero(~np.isnan(values)) == len(rows)
    for x, y, elevation in rows:
        assert values[int(y) - 1, int(x)] == elevation


@pytest.mark.parametrize("slope", [(1, 0), (0, 1), (1, 1), (2, 1), (-1, 3)])
def test_collinear_points_make_no_terrain(slope: tuple[int, int]):
    rows = [(2.03 + slope[0] * k * 0.3, 3.01 + slope[1] * k * 0.3, 7.0) for k in range(-5, 6)]
    assert np.isnan(dtm(rows)).all()


def test_of_points_at_one_position_the_lowest_counts_in_any_order():
    rows = [(0, 1, 10.0), (0, 1, 3.0), (4, 1, 3.0), (4, 1, 9.0), (0, 5, 3.0), (4, 5, 8.0), (4, 5, 3.0), (4, 5, 3.0)]
    for order in (rows, rows[::-1]):
        assert np.array_equal(dtm(order), np.full((5, 5), 3, np.float32))


def test_many_points_in_one_cell_are_sorted_and_their_duplicates_merged():
    corners = [(0.0, 1.0, 5.0), (4, 1, 5), (0, 5, 5), (4, 5, 5)]
    crowd = [(2 + 0.01 * (k % 20), 3 + 0.01 * (k // 20 % 20), 5.0 + (k // 400)) for k in range(2000)]
    assert np.array_equal(dtm(corners + crowd), np.full((5, 5), 5, np.float32))


def test_all_points_at_one_position_leave_the_rest_unknown():
    values = dtm([(2, 3, 9.0), (2, 3, 8.0)] * 500)
    assert values[2, 2] == 8
    assert np.count_nonzero(~np.isnan(values)) == 1


def test_only_ground_classes_make_terrain():
    rows = [(0, 1, 1), (4, 1, 1), (4, 5, 1), (0, 5, 1), (2, 3, 50), (2, 3, 0.5), (1, 3, 40)]
    block = points(rows, [2, 9, 66, 2, 6, 7, 5])
    assert np.array_equal(derive_dtm(block, grid(5, 5), METRE), np.ones((5, 5), np.float32))
    only_ground = TerrainParameters(resolution_m=1.0, ground_classes=(2,))
    assert np.count_nonzero(~np.isnan(derive_dtm(block, grid(5, 5), only_ground))) == 2  # two points alone


def test_points_on_the_farthest_edges_are_read_without_harm():
    p = TerrainParameters(resolution_m=1.0, buffer_m=20, void_max_m=10)
    reach = 10.01
    rim = [
        (-reach, 0, 3),
        (20 - 1 + reach, 0, 3),
        (0, 1 - reach, 3),
        (0, 20 + reach, 3),
        (20 - 1 + reach, 20 + reach, 3),
    ]
    lattice = [(x, y, 3.0) for x in range(-5, 26, 5) for y in range(-5, 26, 5)]
    assert np.array_equal(derive_dtm(points(rim + lattice), grid(20, 20), p), np.full((20, 20), 3, np.float32))


@pytest.mark.parametrize("n_threads", [1, 2, 7])
def test_the_number_of_threads_changes_nothing(n_threads: int):
    rng = np.random.default_rng(5)
    block = points(list(rng.integers(0, 6000, (3000, 3)) / 100))
    one = derive_dtm(block, grid(60, 200, 0.5), TerrainParameters(), n_threads=1)
    assert np.array_equal(
        one, derive_dtm(block, grid(60, 200, 0.5), TerrainParameters(), n_threads=n_threads), equal_nan=True
    )


# ---- voids ---------------------------------------------------------------------------------------------------------


def gap(width: float, void_max_m: float) -> np.ndarray:
    """Terrain of two banks of level ground, ``width`` apart, sampled every metre."""
    p = TerrainParameters(resolution_m=1.0, buffer_m=50, void_max_m=void_max_m)
    rows = [(x, y, 5.0) for y in range(-10, 31) for x in (-2.0, -1.0, 0.0, width, width + 1, width + 2)]
    return derive_dtm(points(rows), grid(width + 1, 10), p)


def test_a_void_narrower_than_the_limit_is_bridged():
    # Edges across run from bank to bank one metre askew: sqrt(12² + 1²) = 12.04 m.
    assert np.array_equal(gap(12, 12.1), np.full((10, 13), 5, np.float32))


def test_a_void_wider_than_the_limit_stays_unknown_but_its_rims():
    values = gap(12, 11.9)
    assert np.isnan(values[:, 1:12]).all()
    assert np.array_equal(values[:, [0, 12]], np.full((10, 2), 5, np.float32))


def test_a_raster_far_from_any_point_is_unknown():
    block = points([(500 + x, y, 1.0) for x in range(5) for y in range(5)])
    assert np.isnan(derive_dtm(block, grid(20, 20), METRE)).all()


# ---- surface and height --------------------------------------------------------------------------------------------


def test_the_surface_is_the_highest_return_of_each_pixel():
    rows = [(x, y, 10.0) for x in range(5) for y in range(1, 6)] + [
        (2.3, 3.2, 14.0),
        (1.6, 2.6, 13.0),
        (2.1, 3.1, 11.0),
    ]
    values = derive_dsm(points(rows, 6), grid(5, 5), METRE)[::-1]
    expected = np.full((5, 5), 10, np.float32)
    expected[2, 2] = 14  # (1.6, 2.6) rounds to the pixel (2, 3) too: 1.5 <= x < 2.5, 2.5 < y <= 3.5
    assert np.array_equal(values, expected)


def test_a_pixel_holds_its_west_and_its_north_edge():
    base = [(x, y, 0.0) for x in range(5) for y in range(1, 6)]
    values = derive_dsm(points([*base, (1.5, 3.5, 9.0)], 6), grid(5, 5), METRE)[::-1]
    assert values[2, 2] == 9
    assert np.count_nonzero(values) == 1


def test_noise_artefacts_and_virtual_points_are_not_surface():
    base = [(x, y, 2.0) for x in range(5) for y in range(1, 6)]
    for code in (7, 18, 65, 66):
        block = points([*base, (2.2, 3.2, 99.0)], [2] * 25 + [code])
        assert np.array_equal(derive_dsm(block, grid(5, 5), METRE), np.full((5, 5), 2, np.float32))


def test_a_small_gap_in_a_roof_is_filled_from_the_roof_not_from_the_ground():
    ground = [(x, y, 0.0) for x in range(-3, 9) for y in range(-3, 9)]
    roof = [(x, y, 6.0) for x in range(5) for y in range(1, 6) if (x, y) != (2, 3)]
    rows = [r for r in ground if not (0 <= r[0] < 5 and 1 <= r[1] < 6)] + roof
    block = points(rows, [2] * (len(rows) - 24) + [6] * 24)
    assert np.array_equal(derive_dsm(block, grid(5, 5), METRE), np.full((5, 5), 6, np.float32))


def test_a_wide_gap_in_the_surface_takes_the_terrain():
    p = TerrainParameters(resolution_m=1.0, surface_void_max_m=3.0)
    banks = [(x, y, 5.0) for y in range(-5, 16) for x in (-2.0, -1.0, 0.0, 12.0, 13.0)]
    water = [(6.0, float(y), 4.0) for y in range(-5, 16, 2)]
    block = points(banks + water, [2] * len(banks) + [66] * len(water))
    surface, terrain = derive_dsm(block, grid(13, 10), p), derive_dtm(block, grid(13, 10), p)
    assert not np.isnan(terrain).any()
    assert np.array_equal(surface, terrain)


def test_the_height_is_surface_minus_terrain_bit_for_bit_and_never_clamped():
    dsm = np.array([[10.1, 3.0, np.nan, 5.0]], np.float32)
    dtm_ = np.array([[10.2, 1.0, 1.0, np.nan]], np.float32)
    dhm = derive_dhm(dsm, dtm_)
    assert dhm.dtype == np.float32
    assert np.array_equal(dhm, dsm - dtm_, equal_nan=True)
    assert dhm[0, 0] < 0


def test_surface_and_terrain_of_different_shapes_are_refused():
    with pytest.raises(AssemblyError, match="different shapes"):
        derive_dhm(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [(np.nan, 0, 0), (0, np.inf, 0), (0, 0, -np.inf), (3e5, 0, 0), (0, 0, 1e9)])
def test_coordinates_that_cannot_be_true_are_refused(bad: tuple[float, float, float]):
    with pytest.raises(AssemblyError, match="not finite, or are far"):
        derive_dtm(points([(0, 0, 0), bad]), grid(5, 5), METRE)


def test_a_grid_of_another_resolution_is_refused():
    with pytest.raises(AssemblyError, match="different resolutions"):
        derive_dtm(points([]), grid(5, 5, 0.5), METRE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution_m": 0.3},
        {"buffer_m": 30, "void_max_m": 30},
        {"buffer_m": 40.4, "void_max_m": 40},  # 40 m of void and half a metre of pixel
        {"surface_void_max_m": 120},
        {"ground_classes": ()},
        {"ground_classes": (2, 300)},
        {"colour": "green"},
    ],
)
def test_parameters_that_would_make_tiles_disagree_or_mean_nothing_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        TerrainParameters(**wrong)


def test_every_parameter_is_described():
    fields = TerrainParameters.model_json_schema()["properties"]
    assert all(field["description"] for field in fields.values())
