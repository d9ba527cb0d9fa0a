"""Buildings: ground and roof elevations, and a solid or a reason for every footprint."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.transform import Affine
from shapely.geometry import MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.territory.buildings import COLUMNS, REASONS, BuildingParameters, derive_buildings
from jnt_pipeline.territory.model import RasterWindow
from jnt_pipeline.territory.solids import solids_of, validate_solid

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
DEFAULTS = BuildingParameters()
ROOF, TREE, GROUND, NOISE, VIRTUAL = 6, 5, 2, 7, 66


def footprints(*geometries: BaseGeometry | None) -> gpd.GeoDataFrame:
    ids = [f"38001-{i}" for i in range(len(geometries))]
    columns = {"footprint_id": pd.Series(ids, dtype="str"), "insee_code": pd.Series(["38001"] * len(ids), dtype="str")}
    return gpd.GeoDataFrame(columns, geometry=list(geometries), crs="EPSG:2154")


def lattice(west: float, south: float, east: float, north: float, step: float = 0.25) -> NDArray[np.float64]:
    """Points (n, 2) in the middle of the cells of a box."""
    x = np.arange(west + step / 2, east, step)
    y = np.arange(south + step / 2, north, step)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def at(xy: NDArray[np.float64], elevation: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([xy, np.broadcast_to(elevation, len(xy))])


def block(*parts: tuple[NDArray[np.float64], int]) -> PointBlock:
    return PointBlock(
        xyz=np.concatenate([np.empty((0, 3)), *(xyz for xyz, _ in parts)]),
        classification=np.concatenate(
            [np.empty(0, np.uint8), *(np.full(len(xyz), code, np.uint8) for xyz, code in parts)]
        ),
        reference=REFERENCE,
    )


def terrain(values: float | NDArray[np.float64] = 0.0, size: int = 81) -> RasterWindow:
    """Cells of 0.5 m with centres on 0, 0.5, … 40 m in both axes."""
    grid = np.broadcast_to(np.asarray(values, dtype=np.float32), (size, size))
    return RasterWindow(values=grid, transform=Affine(0.5, 0, -0.25, 0, -0.5, 40.25), reference=REFERENCE)


def centres() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of every cell of ``terrain``."""
    x, y = np.meshgrid(np.arange(81) * 0.5, 40 - np.arange(81) * 0.5)
    return x, y


HOUSE = box(10, 10, 20, 18)


def test_a_flat_roof_gives_elevations_height_and_volume() -> None:
    points = block((at(lattice(10, 10, 20, 18), 7.5), ROOF))
    row = derive_buildings(footprints(HOUSE), points, terrain(2.0), DEFAULTS).iloc[0]
    assert (row.roof_elevation_m, row.ground_elevation_m, row.height_m) == (7.5, 2.0, 5.5)
    assert (row.area_m2, row.volume_m3, row.n_roof_points) == (80.0, 440.0, 40 * 32)
    assert (row.lod, row.reason, row.building_id) == ("1", "", "38001-0")


def test_a_gabled_roof_is_as_high_as_nine_tenths_of_its_rise() -> None:
    xy = lattice(10, 10, 20, 18, 0.1)
    # Ridge along x at y = 14, eaves at 6 m, ridge at 9 m: elevations are spread evenly from 6 to 9.
    points = block((at(xy, 9 - 3 * np.abs(xy[:, 1] - 14) / 4), ROOF))
    row = derive_buildings(footprints(HOUSE), points, terrain(), DEFAULTS).iloc[0]
    # One row of points is 0.1 m wide: its slope makes steps of 7.5 cm.
    assert row.roof_elevation_m == pytest.approx(6 + 0.9 * 3, abs=0.04)
    assert row.roof_median_elevation_m == pytest.approx(7.5, abs=0.04)
    assert (row.roof_min_elevation_m, row.roof_max_elevation_m) == pytest.approx((6, 9), abs=0.04)


def test_percentile_interpolates_between_the_two_neighbours() -> None:
    xy = np.column_stack([np.arange(11.0, 20.0, 0.8), np.full(12, 14.0)])
    points = block((at(xy, np.arange(12.0)[::-1]), ROOF))
    row = derive_buildings(footprints(HOUSE), points, terrain(-1.0), DEFAULTS).iloc[0]
    # 0.9 x (12 - 1) = 9.9: nine tenths of the way from 9 to 10.
    assert row.roof_elevation_m == 9.9


def test_adjoining_houses_share_no_point_and_lose_none() -> None:
    low, high = box(10, 10, 15, 18), box(15, 10, 20, 18)
    xy = lattice(10, 10, 15, 18)
    on_the_wall = np.column_stack([np.full(33, 15.0), np.linspace(10, 17.99, 33)])
    points = block((at(xy, 6.0), ROOF), (at(xy + np.array([5, 0]), 9.0), ROOF), (at(on_the_wall, 9.0), ROOF))
    table = derive_buildings(footprints(low, high), points, terrain(), DEFAULTS)
    assert table.roof_elevation_m.tolist() == [6.0, 9.0]
    assert table.n_roof_points.sum() == len(points)


def test_a_slanted_common_wall_gives_each_point_to_one_house() -> None:
    a, b, c, d = (10.013, 10.027), (30.4, 11.3), (27.7, 29.9), (9.1, 27.2)
    points = block((at(np.random.default_rng(1).uniform(9, 31, (20_000, 2)), 5.0), ROOF))
    t = np.linspace(0, 1, 5_000)[:, None]
    wall = block((at((1 - t) * a + t * c, 5.0), ROOF))
    both = PointBlock.joined([points, wall])
    whole = derive_buildings(footprints(Polygon([a, b, c, d])), both, terrain(), DEFAULTS)
    halves = derive_buildings(footprints(Polygon([a, b, c]), Polygon([c, d, a])), both, terrain(), DEFAULTS)
    assert halves.n_roof_points.sum() == whole.n_roof_points.sum()


def test_points_in_a_courtyard_are_not_roof() -> None:
    ring = Polygon(box(10, 10, 20, 20).exterior, [box(13, 13, 17, 17).exterior])
    points = block((at(lattice(10, 10, 20, 20), 8.0), ROOF), (at(lattice(13, 13, 17, 17), 30.0), ROOF))
    row = derive_buildings(footprints(ring), points, terrain(), DEFAULTS).iloc[0]
    assert (row.roof_elevation_m, row.roof_max_elevation_m, row.area_m2) == (8.0, 8.0, 84.0)
    assert row.n_roof_points == 84 * 16


def test_ground_in_a_courtyard_counts() -> None:
    x, y = centres()
    ring = Polygon(box(10, 10, 20, 20).exterior, [box(13, 13, 17, 17).exterior])
    ground = np.where((np.abs(x - 15) < 2) & (np.abs(y - 15) < 2), 1.0, 2.0)
    row = derive_buildings(
        footprints(ring), block((at(lattice(10, 10, 20, 20), 8.0), ROOF)), terrain(ground), DEFAULTS
    ).iloc[0]
    assert row.ground_elevation_m == 1.0


def test_on_a_slope_the_ground_is_the_lowest_around_so_that_the_solid_reaches_it() -> None:
    x, _ = centres()
    row = derive_buildings(
        footprints(HOUSE), block((at(lattice(10, 10, 20, 18), 7.5), ROOF)), terrain(0.1 * x), DEFAULTS
    ).iloc[0]
    # The lowest cell centre within 1 m west of the wall at x = 10 lies at x = 9.
    assert row.ground_elevation_m == pytest.approx(0.9, abs=5e-4)
    assert row.height_m == pytest.approx(6.6, abs=1e-3)


def test_the_interpolated_terrain_under_the_building_is_not_read() -> None:
    x, y = centres()
    inside = (x > 10) & (x < 20) & (y > 10) & (y < 18)
    for under in (-50.0, math.nan):
        row = derive_buildings(
            footprints(HOUSE),
            block((at(lattice(10, 10, 20, 18), 7.5), ROOF)),
            terrain(np.where(inside, under, 2.0)),
            DEFAULTS,
        ).iloc[0]
        assert row.ground_elevation_m == 2.0


def test_terrain_farther_than_the_ring_is_not_read() -> None:
    x, y = centres()
    far = (x < 8.9) | (x > 21.1) | (y < 8.9) | (y > 19.1)
    points = block((at(lattice(10, 10, 20, 18), 7.5), ROOF))
    row = derive_buildings(footprints(HOUSE), points, terrain(np.where(far, -50.0, 2.0)), DEFAULTS).iloc[0]
    assert row.ground_elevation_m == 2.0


def test_the_percentile_of_the_ground_can_be_chosen() -> None:
    x, _ = centres()
    points = block((at(lattice(10, 10, 20, 18), 7.5), ROOF))
    middle = BuildingParameters(ground_percentile=50)
    row = derive_buildings(footprints(HOUSE), points, terrain(0.1 * x), middle).iloc[0]
    assert row.ground_elevation_m == pytest.approx(1.5, abs=0.01)


def test_a_coarse_terrain_reaches_far_enough_to_find_a_cell() -> None:
    coarse = RasterWindow(
        values=np.full((10, 10), 3.0, np.float32), transform=Affine(5, 0, 0, 0, -5, 50), reference=REFERENCE
    )
    # A cabin of 1 m² in the middle of four cell centres.
    points = block((at(lattice(14.5, 14.5, 15.5, 15.5, 0.1), 6.0), ROOF))
    row = derive_buildings(footprints(box(14.5, 14.5, 15.5, 15.5)), points, coarse, DEFAULTS).iloc[0]
    assert (row.ground_elevation_m, row.reason) == (3.0, "")
    assert DEFAULTS.reach_m(5.0) == pytest.approx(7.071, abs=1e-3)


def test_overhangs_outside_the_footprint_and_trees_over_it_are_not_roof() -> None:
    points = block(
        (at(lattice(10, 10, 20, 18), 7.5), ROOF),
        (at(lattice(9, 10, 9.99, 18), 99.0), ROOF),
        (at(lattice(12, 12, 18, 16), 15.0), TREE),
    )
    row = derive_buildings(footprints(HOUSE), points, terrain(), DEFAULTS).iloc[0]
    assert (row.roof_elevation_m, row.roof_max_elevation_m) == (7.5, 7.5)


def test_class_67_of_lidar_hd_is_roof_and_the_classes_can_be_chosen() -> None:
    points = block((at(lattice(10, 10, 20, 18), 7.5), 67))
    assert derive_buildings(footprints(HOUSE), points, terrain(), DEFAULTS).lod.tolist() == ["1"]
    only_6 = BuildingParameters(roof_classes=(6,))
    assert derive_buildings(footprints(HOUSE), points, terrain(), only_6).reason.tolist() == ["no_roof_points"]


def test_an_inset_leaves_out_the_strip_of_a_neighbour() -> None:
    # A cadastre half a metre beside its LiDAR: a strip of a tower of 30 m lies in the house.
    points = block((at(lattice(10, 10, 19.5, 18), 7.5), ROOF), (at(lattice(19.5, 10, 20, 18), 30.0), ROOF))
    inset = BuildingParameters(roof_inset_m=0.6)
    row = derive_buildings(footprints(HOUSE), points, terrain(), inset).iloc[0]
    assert row.roof_max_elevation_m == 7.5


@pytest.mark.parametrize(
    ("step", "expected"),
    # Rows of points every 0.25 m: none is 0.4 m from both walls. Every 0.1 m: two rows of ten are, too small a share.
    [(0.25, 40 * 4), (0.1, 100 * 10)],
)
def test_an_inset_is_not_applied_to_a_building_too_narrow_for_it(step: float, expected: int) -> None:
    points = block((at(lattice(10, 10, 20, 11, step), 7.5), ROOF))
    inset = BuildingParameters(roof_inset_m=0.4)
    row = derive_buildings(footprints(box(10, 10, 20, 11)), points, terrain(), inset).iloc[0]
    assert row.n_roof_points == expected


def test_points_level_with_a_corner_are_told_inside_from_outside() -> None:
    # Corners at the height of every point: where a ray meets two walls at once.
    diamond = Polygon([(10, 15), (15, 10), (20, 15), (15, 20)])
    level = at(np.column_stack([np.arange(8.5, 22, 0.5), np.full(27, 15.0)]), 5.0)
    row = derive_buildings(footprints(diamond), block((level, ROOF)), terrain(), DEFAULTS).iloc[0]
    # 10.5 to 19.5 are inside, and of the two corners the western one.
    assert row.n_roof_points == 20


def test_both_parts_of_a_footprint_count() -> None:
    two = MultiPolygon([box(10, 10, 12, 12), box(14, 10, 16, 12)])
    points = block((at(lattice(10, 10, 12, 12), 5.0), ROOF), (at(lattice(14, 10, 16, 12), 5.0), ROOF))
    row = derive_buildings(footprints(two), points, terrain(), DEFAULTS).iloc[0]
    assert (row.n_roof_points, row.area_m2, row.volume_m3) == (128, 8.0, 40.0)


def test_elevations_in_the_geometry_are_not_read() -> None:
    with_z = shapely.force_3d(HOUSE, -1000)
    points = block((at(lattice(10, 10, 20, 18), 7.5), ROOF))
    row = derive_buildings(footprints(with_z), points, terrain(), DEFAULTS).iloc[0]
    assert (row.roof_elevation_m, row.ground_elevation_m) == (7.5, 0.0)


ROOF_POINTS = (at(lattice(10, 10, 20, 18), 7.5), ROOF)


@pytest.mark.parametrize(
    ("reason", "footprint", "points", "ground"),
    [
        ("footprint_not_solid", Polygon(), block(ROOF_POINTS), 0.0),
        ("footprint_not_solid", None, block(ROOF_POINTS), 0.0),
        ("footprint_not_solid", Point(15, 14), block(ROOF_POINTS), 0.0),
        ("footprint_not_solid", box(10, 10, 20, 10.0003), block(ROOF_POINTS), 0.0),
        ("no_lidar", HOUSE, block(), 0.0),
        ("no_lidar", HOUSE, block((at(lattice(0, 0, 9, 9), 7.5), ROOF)), 0.0),
        ("no_lidar", HOUSE, block((at(lattice(10, 10, 20, 18), 90.0), NOISE)), 0.0),
        ("no_lidar", HOUSE, block((at(lattice(10, 10, 20, 18), 0.0), VIRTUAL)), 0.0),
        ("no_roof_points", HOUSE, block((at(lattice(10, 10, 20, 18), 0.0), GROUND)), 0.0),
        ("few_roof_points", HOUSE, block((ROOF_POINTS[0][200:209], ROOF)), 0.0),
        ("no_ground", HOUSE, block(ROOF_POINTS), math.nan),
        ("roof_below_ground", HOUSE, block(ROOF_POINTS), 52.0),
        ("roof_below_ground", HOUSE, block(ROOF_POINTS), 7.5),
        ("height_below_minimum", HOUSE, block(ROOF_POINTS), 6.6),
    ],
)
def test_a_footprint_without_a_solid_has_its_reason(
    reason: str, footprint: BaseGeometry | None, points: PointBlock, ground: float
) -> None:
    row = derive_buildings(footprints(footprint), points, terrain(ground), DEFAULTS).iloc[0]
    assert (row.reason, row.lod) == (reason, "0")
    assert row.reason in REASONS
    assert math.isnan(row.volume_m3)


def test_what_is_known_of_a_building_without_a_solid_is_kept() -> None:
    row = derive_buildings(footprints(HOUSE), block(ROOF_POINTS), terrain(52.0), DEFAULTS).iloc[0]
    assert (row.ground_elevation_m, row.roof_elevation_m, row.height_m, row.n_roof_points) == (52.0, 7.5, -44.5, 1280)


def test_a_footprint_that_crosses_itself_is_measured_and_gets_its_solids() -> None:
    bow_tie = Polygon([(10, 10), (20, 20), (20, 10), (10, 20)])
    table = derive_buildings(footprints(bow_tie), block((at(lattice(10, 10, 20, 20), 4.0), ROOF)), terrain(), DEFAULTS)
    row = table.iloc[0]
    assert (row.area_m2, row.volume_m3, row.lod) == (50.0, 200.0, "1")
    solids = solids_of(row.geometry, row.ground_elevation_m, row.roof_elevation_m)
    assert sum(solid.volume_m3 for solid in solids) == pytest.approx(200.0)


def test_rows_keep_order_geometry_crs_and_columns() -> None:
    given_frame = footprints(box(30, 30, 33, 33), HOUSE).set_index(pd.Index([7, 3]))
    table = derive_buildings(given_frame, block(ROOF_POINTS), terrain(), DEFAULTS)
    assert table.index.tolist() == [7, 3]
    assert table.footprint_id.tolist() == ["38001-0", "38001-1"]
    assert table.reason.tolist() == ["no_lidar", ""]
    assert table.geometry.tolist() == given_frame.geometry.tolist()
    assert table.crs == given_frame.crs
    assert table.columns.tolist() == [*(column.name for column in COLUMNS), "geometry"]


@pytest.mark.parametrize("n", [0, 1])
def test_types_of_the_columns_do_not_depend_on_the_rows(n: int) -> None:
    table = derive_buildings(footprints(HOUSE)[:n], block(), terrain(), DEFAULTS)
    kinds = {"text": "str", "number": "float64", "integer": "int64"}
    assert [str(table.dtypes[column.name]) for column in COLUMNS] == [kinds[column.kind] for column in COLUMNS]


def test_points_on_the_outer_edges_of_the_envelope_are_safe() -> None:
    corners = np.array([[10, 10], [20, 10], [20, 18], [10, 18], [20, 14], [15, 18]], dtype=float)
    table = derive_buildings(footprints(HOUSE), block(ROOF_POINTS, (at(corners, 7.5), ROOF)), terrain(), DEFAULTS)
    assert table.roof_elevation_m.tolist() == [7.5]


def test_layers_in_different_references_are_refused() -> None:
    other = Reference(horizontal="EPSG:2154", vertical="EPSG:5721")
    points = PointBlock(xyz=np.empty((0, 3)), classification=np.empty(0, np.uint8), reference=other)
    with pytest.raises(AssemblyError, match="not in one reference"):
        derive_buildings(footprints(HOUSE), points, terrain(), DEFAULTS)
    for frame in (footprints(HOUSE).to_crs("EPSG:3945"), footprints(HOUSE).set_crs(None, allow_override=True)):
        with pytest.raises(AssemblyError, match="not in one reference"):
            derive_buildings(frame, block(), terrain(), DEFAULTS)


def test_a_terrain_that_is_south_up_is_refused() -> None:
    upside_down = RasterWindow(
        values=np.zeros((4, 4), np.float32), transform=Affine(1, 0, 0, 0, 1, 0), reference=REFERENCE
    )
    with pytest.raises(AssemblyError, match="not north up"):
        derive_buildings(footprints(HOUSE), block(), upside_down, DEFAULTS)


def test_volume_in_the_table_is_that_of_the_solid() -> None:
    ring = Polygon(
        [(10.12, 10.57), (20.91, 11.03), (18.35, 20.44), (9.72, 17.8)], [box(13, 13, 15, 15).exterior.coords]
    )
    row = derive_buildings(
        footprints(ring), block((at(lattice(9, 9, 22, 22), 7.5), ROOF)), terrain(2.0), DEFAULTS
    ).iloc[0]
    (solid,) = solids_of(row.geometry, row.ground_elevation_m, row.roof_elevation_m)
    assert validate_solid(solid) == ()
    assert solid.volume_m3 == pytest.approx(row.volume_m3, rel=1e-9)


TOWN = [box(5 + 8 * i, 5 + 9 * j, 13 + 8 * i - (j % 2), 12 + 9 * j) for i in range(3) for j in range(3)]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 4, 5]), st.floats(0, 0.5))
def test_a_building_is_the_same_from_any_tiling_and_any_order_of_points(seed: int, n: int, inset: float) -> None:
    chance = np.random.default_rng(seed)
    points = block((np.round(chance.uniform(0, 40, (20_000, 3)), 2), ROOF), (chance.uniform(0, 40, (500, 3)), GROUND))
    ground = terrain(chance.uniform(-5, -4, (81, 81)))
    parameters = BuildingParameters(roof_inset_m=inset)
    whole = derive_buildings(footprints(*TOWN), points, ground, parameters)

    shuffled = chance.permutation(len(points))
    some = chance.permutation(len(TOWN))[:n]
    mine = footprints(*TOWN).iloc[some]
    west, south, east, north = (mine.total_bounds + np.array([-2, -2, 2, 2])).round()
    mixed = PointBlock(
        xyz=points.xyz[shuffled], classification=points.classification[shuffled], reference=REFERENCE
    ).inside((west, south, east, north))
    first_row, first_column = round((40 - north) * 2), round(west * 2)
    window = RasterWindow(
        values=ground.values[
            max(first_row, 0) : round((40 - south) * 2) + 1, max(first_column, 0) : round(east * 2) + 1
        ],
        transform=ground.transform @ Affine.translation(max(first_column, 0), max(first_row, 0)),
        reference=REFERENCE,
    )
    tile = derive_buildings(mine, mixed, window, parameters)
    pd.testing.assert_frame_equal(pd.DataFrame(tile), pd.DataFrame(whole.iloc[some]), check_exact=True)
