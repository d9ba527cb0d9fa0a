"""Roofs from points: right type, faces, surface and solid on made buildings; the same whatever the tiling."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon, box

from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.samples.made_roofs import SHAPES, MadeRoof, made_roof
from jnt_pipeline.samples.made_towns import made_town_building
from jnt_pipeline.territory.roofs.columns import FACE_COLUMNS, ROOF_COLUMNS
from jnt_pipeline.territory.roofs.layer import derive_roofs, solids_of_roof
from jnt_pipeline.territory.roofs.parameters import RoofParameters
from jnt_pipeline.territory.roofs.reconstruct import ROOF_REASONS
from jnt_pipeline.territory.roofs.shells import PLANARITY_M
from jnt_pipeline.territory.solids import triangulate, validate_solid

REFERENCE = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
DEFAULTS = RoofParameters()
SEEDS = range(100, 106)
Floats = NDArray[np.float64]


def buildings(
    *plans: Polygon | MultiPolygon, ground: float = 100.0, lod: str = "1", reason: str = ""
) -> gpd.GeoDataFrame:
    table = {
        "building_id": [f"b{i}" for i in range(len(plans))],
        "ground_elevation_m": ground,
        "roof_elevation_m": ground + 6.0,
        "lod": lod,
        "reason": reason,
    }
    index = range(len(plans))
    return gpd.GeoDataFrame(pd.DataFrame(table, index=index), geometry=list(plans), crs="EPSG:2154")


def block(xyz: Floats, code: int = 6) -> PointBlock:
    return PointBlock(xyz=xyz, classification=np.full(len(xyz), code, dtype=np.uint8), reference=REFERENCE)


def derived(table: gpd.GeoDataFrame, xyz: Floats) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    return derive_roofs(table, block(xyz), (6, 67), DEFAULTS)


def of_made(roof: MadeRoof) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    return derived(buildings(roof.footprint, ground=roof.ground_elevation_m), roof.points)


def surface(faces: gpd.GeoDataFrame, xy: Floats) -> Floats:
    found = np.full(len(xy), np.nan)
    for row in faces.itertuples():
        inside = shapely.intersects_xy(row.geometry, xy[:, 0], xy[:, 1])
        east, north = xy[inside, 0] - row.origin_easting_m, xy[inside, 1] - row.origin_northing_m
        found[inside] = row.rise_east * east + row.rise_north * north + row.plane_elevation_m
    return found


def lattice(west: float, south: float, east: float, north: float, step: float = 0.3) -> Floats:
    x, y = np.meshgrid(np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step))
    return np.column_stack([x.ravel(), y.ravel()])


@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "dormer"])
def test_made_roofs_come_out_with_their_type_and_number_of_faces(shape: str) -> None:
    for seed in SEEDS:
        roof = made_roof(shape, seed)
        table, faces = of_made(roof)
        row = table.iloc[0]
        found = (row.roof_type, row.n_roof_faces, row.roof_lod, row.roof_reason)
        assert found == (roof.roof_type, roof.n_faces, "2.2", ""), seed
        xy = roof.grid()
        truth = roof.elevation(xy[:, 0], xy[:, 1])
        off = surface(faces, xy) - truth
        # A position on the very outline may lie outside the faces by the grid of 1 mm.
        assert np.isnan(off).sum() <= 2
        off = off[~np.isnan(off)]
        # Where a wall stands, the roof is off by its height on either side of the true line: points are 25 cm apart.
        assert np.median(np.abs(off)) <= 0.015, seed
        assert np.mean(np.abs(off) > 0.1) <= 0.02, seed
        volume = float(np.mean(truth - roof.ground_elevation_m)) * roof.footprint.area
        assert row.roof_volume_m3 == pytest.approx(volume, rel=0.03)


@pytest.mark.parametrize("shape", ["flat", "shed", "gabled", "gabled_with_chimneys", "hipped", "pyramid"])
def test_simple_roofs_lie_within_five_centimetres_of_the_truth(shape: str) -> None:
    for seed in SEEDS:
        roof = made_roof(shape, seed)
        _, faces = of_made(roof)
        xy = roof.grid()
        off = surface(faces, xy) - roof.elevation(xy[:, 0], xy[:, 1])
        assert not np.isnan(off).all()
        assert np.sqrt(np.nanmean(off**2)) <= 0.05, seed


@pytest.mark.parametrize("shape", list(SHAPES))
def test_solids_are_rebuilt_from_the_stored_faces_bit_for_bit(shape: str, tmp_path: Path) -> None:
    roof = made_roof(shape, 7)
    table, faces = of_made(roof)
    faces.to_parquet(tmp_path / "roof_faces.parquet")
    (solid,) = solids_of_roof(gpd.read_parquet(tmp_path / "roof_faces.parquet"), roof.ground_elevation_m)
    assert validate_solid(solid, planarity_m=PLANARITY_M) == ()
    assert solid.volume_m3 == table["roof_volume_m3"].iloc[0]
    assert shapely.union_all(faces.geometry).symmetric_difference(roof.footprint).area < 0.01


def test_buildings_of_several_parts_have_valid_solids_under_few_faces() -> None:
    n_faces = 0
    for seed in range(500, 530):
        house = made_town_building(seed)
        table, faces = derived(buildings(house.footprint, ground=0.0), house.points)
        (solid,) = solids_of_roof(faces, 0.0)
        assert validate_solid(solid, planarity_m=PLANARITY_M) == (), seed
        assert len(triangulate(solid)[1]) > 0
        assert table["roof_lod"].iloc[0] == "2.2", seed
        assert faces.geometry.is_valid.all()
        assert shapely.union_all(faces.geometry).symmetric_difference(house.footprint).area < 0.05
        xyz = house.points[house.points[:, 2] > 4.0]
        # What is left out: boxes on the roof, points astray, and edges where the outline lies beside the wall.
        assert np.mean(np.abs(surface(faces, xyz[:, :2]) - xyz[:, 2]) <= 0.3) >= 0.8, seed
        n_faces += len(faces)
    assert 4 * 30 <= n_faces <= 8 * 30


def test_no_roof_rises_above_its_points() -> None:
    for shape in ("pyramid", "hipped", "t_plan"):
        for seed in SEEDS:
            roof = made_roof(shape, seed)
            table, _ = of_made(roof)
            inside = shapely.contains_xy(roof.footprint, roof.points[:, 0], roof.points[:, 1])
            limit = np.percentile(roof.points[inside, 2], 99) + 0.5
            assert table["ridge_elevation_m"].iloc[0] <= limit


def test_a_steep_tip_is_cut_off_at_the_limit() -> None:
    xy = lattice(0, 0, 14, 14, 0.25)
    z = 106 + 1.2 * (7 - np.maximum(np.abs(xy[:, 0] - 7), np.abs(xy[:, 1] - 7)))
    table, faces = derived(buildings(box(0, 0, 14, 14)), np.column_stack([xy, z]))
    # The tip at 114.4 m lies higher than the 99th percentile and half a metre.
    limit = np.percentile(z, 99) + 0.5
    assert limit < 114.3
    assert table["ridge_elevation_m"].iloc[0] == pytest.approx(limit, abs=0.02)
    assert table["ridge_elevation_m"].iloc[0] <= limit
    assert len(faces) == 5
    assert table["roof_lod"].iloc[0] == "2.2"


def test_a_building_comes_out_the_same_from_any_tiling_and_order_of_points() -> None:
    roofs = [made_roof(shape, 3) for shape in ("gabled", "l_plan", "steps")]
    # Side by side, 40 m apart, on ground at zero.
    moves = [
        np.array([600_000 + 40 * i, 6_800_000]) - np.floor(roof.footprint.bounds[:2]) for i, roof in enumerate(roofs)
    ]
    plans = [
        shapely.transform(roof.footprint, lambda xy, move=move: np.round(xy + move, 3))
        for roof, move in zip(roofs, moves, strict=True)
    ]
    clouds = [
        np.round(roof.points + np.append(move, -roof.ground_elevation_m), 3)
        for roof, move in zip(roofs, moves, strict=True)
    ]
    rng = np.random.default_rng(1)
    together = rng.permutation(np.concatenate(clouds))
    table, faces = derived(buildings(*plans, ground=0.0), together)
    for number, (plan, cloud) in enumerate(zip(plans, clouds, strict=True)):
        alone, own = derived(buildings(plan, ground=0.0), cloud)
        columns = [column.name for column in ROOF_COLUMNS]
        pd.testing.assert_frame_equal(
            pd.DataFrame(alone[columns]),
            pd.DataFrame(table[columns].iloc[[number]].reset_index(drop=True)),
            check_exact=True,
        )
        same = faces[faces.building_id == f"b{number}"].drop(columns=["building_id", "roof_face_id"])
        pd.testing.assert_frame_equal(
            pd.DataFrame(own.drop(columns=["building_id", "roof_face_id", "geometry"])),
            pd.DataFrame(same.drop(columns="geometry").reset_index(drop=True)),
            check_exact=True,
        )
        assert own.geometry.to_wkb().tolist() == same.geometry.to_wkb().tolist()


def test_a_courtyard_with_a_roof_all_round_has_eight_faces() -> None:
    plan = Polygon(box(0, 0, 30, 24).exterior, [box(9, 9, 21, 15).exterior])
    xy = lattice(0, 0, 30, 24)
    out = np.maximum(np.abs(xy[:, 0] - 15) - 6, np.abs(xy[:, 1] - 12) - 3)
    xyz = np.column_stack([xy, 110 - 0.6 * np.abs(out - 4.5)])[out > 0]
    table, faces = derived(buildings(plan), xyz)
    assert (table["n_roof_faces"].iloc[0], table["roof_lod"].iloc[0]) == (8, "2.2")
    (solid,) = solids_of_roof(faces, 100.0)
    assert validate_solid(solid, planarity_m=PLANARITY_M) == ()


def test_every_part_of_a_footprint_has_its_solid() -> None:
    parts = MultiPolygon([box(0, 0, 8, 6), box(20, 0, 28, 6), box(40, 0, 44, 6)])
    seen = [
        np.column_stack([lattice(x, 0, x + 8, 6), np.full(len(lattice(0, 0, 8, 6)), z)])
        for x, z in ((0, 105), (20, 107))
    ]
    table, faces = derived(buildings(parts), np.concatenate(seen))
    row = table.iloc[0]
    # The third part, which no point tells of, is as high as the building at LoD1: 6 m.
    assert (row.roof_lod, row.roof_reason, row.n_roof_faces) == ("1.2", "no_plane", 3)
    assert faces["part_number"].tolist() == [1, 2, 3]
    volumes = sorted(solid.volume_m3 for solid in solids_of_roof(faces, 100.0))
    assert volumes == pytest.approx([24 * 6, 48 * 5, 48 * 7])


def test_points_in_no_plane_give_a_level_roof_and_the_reason() -> None:
    rng = np.random.default_rng(2)
    xyz = np.column_stack([rng.uniform(0, 12, (1500, 2)), rng.uniform(102, 110, 1500)])
    table, faces = derived(buildings(box(0, 0, 12, 12)), xyz)
    row = table.iloc[0]
    assert (row.roof_lod, row.roof_reason, row.roof_type) == ("1.2", "no_plane", "")
    assert row.roof_reason in ROOF_REASONS
    assert row.ridge_elevation_m == pytest.approx(np.percentile(np.round(xyz[:, 2], 3), 90), abs=1e-3)
    assert len(faces) == 1


def test_a_plane_that_explains_little_gives_a_level_roof_and_the_reason() -> None:
    rng = np.random.default_rng(2)
    flat = np.column_stack([lattice(0, 0, 5, 5), np.full(len(lattice(0, 0, 5, 5)), 104.0)])
    crowns = np.column_stack([rng.uniform((5, 0), (20, 12), (3000, 2)), rng.uniform(103, 112, 3000)])
    table, _ = derived(buildings(box(0, 0, 20, 12)), np.concatenate([flat, crowns]))
    assert table["roof_reason"].iloc[0] == "planes_do_not_explain"
    assert table["roof_lod"].iloc[0] in {"1.2", "1.3"}


def test_a_building_without_solid_has_no_faces_and_keeps_its_reason() -> None:
    table, faces = derived(buildings(box(0, 0, 9, 9), lod="0", reason="no_ground"), np.empty((0, 3)))
    row = table.iloc[0]
    assert (row.roof_lod, row.roof_reason, row.n_roof_faces, row.roof_type) == ("0", "no_ground", 0, "")
    assert np.isnan([row.ridge_elevation_m, row.roof_p90_elevation_m, row.roof_rmse_m, row.roof_volume_m3]).all()
    assert len(faces) == 0


@pytest.mark.parametrize("n", [0, 1])
def test_columns_and_types_do_not_depend_on_the_rows(n: int) -> None:
    xyz = np.column_stack([lattice(0, 0, 9, 9), np.full(len(lattice(0, 0, 9, 9)), 105.0)])
    given = buildings(*[box(0, 0, 9, 9)] * n)
    table, faces = derived(given, xyz)
    kinds = {"text": "str", "integer": "int64", "number": "float64"}
    for frame, columns in ((table, ROOF_COLUMNS), (faces, FACE_COLUMNS)):
        assert [str(frame.dtypes[column.name]) for column in columns] == [kinds[column.kind] for column in columns]
        assert frame.columns[-1] == "geometry"
        assert frame.crs == given.crs
    assert faces.columns.tolist() == [*(column.name for column in FACE_COLUMNS), "geometry"]


def test_the_verdict_tells_eave_ridge_and_fit() -> None:
    xy = lattice(0, 0, 12, 8)
    z = np.round(109 - 0.5 * np.abs(xy[:, 1] - 4), 3)
    table, faces = derived(buildings(box(0, 0, 12, 8)), np.column_stack([xy, z]))
    row = table.iloc[0]
    assert (row.eave_elevation_m, row.ridge_elevation_m) == pytest.approx((107, 109), abs=2e-3)
    assert (row.roof_p70_elevation_m, row.roof_p90_elevation_m) == pytest.approx((107 + 1.4, 107 + 1.8), abs=0.08)
    assert row.roof_explained_share == 1.0
    assert row.roof_rmse_m <= 0.001
    assert row.roof_density_m2 == pytest.approx(len(xy) / 96)
    assert sorted((faces["azimuth_deg"].round(2) % 360).tolist()) == [0.0, 180.0]
    assert faces["n_points"].sum() == len(xy)
