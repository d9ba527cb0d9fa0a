"""3D Tiles: what a viewer gets back, decoded here from the specifications."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
from shapely.geometry import Polygon, box

from builders import BUILDINGS, FULL, UNDULATION, X0, Y0, tiny_territory
from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.errors import ExportError
from jnt_pipeline.provenance import Counts
from jnt_pipeline.publication.tiles3d import write_3dtiles
from jnt_pipeline.territory.model import Territory
from publication_checks import Glb, Tile, check_tileset, khronos_issues, read_glb, tiles_of


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Territory:
    return tiny_territory(tmp_path_factory.mktemp("twin"))


@pytest.fixture(scope="module")
def folder(twin: Territory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles")
    write_3dtiles(twin, folder)
    return folder


def leaves(folder: Path) -> list[tuple[Tile, Glb]]:
    return [
        (tile, read_glb(folder / tile.document["content"]["uri"]))
        for tile in tiles_of(folder / "tileset.json")
        if "content" in tile.document
    ]


def with_buildings(twin: Territory, folder: Path, frame: gpd.GeoDataFrame) -> Territory:
    """The same twin with other buildings."""
    write_layer_parquet(frame, folder / "buildings.parquet")
    layer = replace(
        twin.layer("buildings"),
        parts=(folder / "buildings.parquet",),
        counts=Counts(read=len(frame), kept=len(frame)),
    )
    return replace(twin, layers={**twin.layers, "buildings": layer})


def to_twin(geocentric: np.ndarray) -> np.ndarray:
    """Geocentric to Lambert-93 and IGN69 by another way: pyproj to degrees, then the declared undulation by hand."""
    to_degrees = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    to_lambert = pyproj.Transformer.from_crs("EPSG:4171", "EPSG:2154", always_xy=True)
    longitude, latitude, ellipsoidal = to_degrees.transform(*geocentric.T)
    east, north = to_lambert.transform(longitude, latitude)
    return np.column_stack([east, north, ellipsoidal - UNDULATION.value_m])


def vertices_by_building(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for tile, glb in leaves(folder):
        ids = glb.property_table()["building_id"]
        feature = glb.accessor(glb.primitive["attributes"]["_FEATURE_ID_0"]).astype(int)
        world = to_twin(tile.geocentric(glb.z_up("POSITION")))
        found |= {building_id: world[feature == row] for row, building_id in enumerate(ids)}
    return found


def test_every_building_is_in_exactly_one_tile_with_its_attributes(twin: Territory, folder: Path) -> None:
    rows = []
    for _, glb in leaves(folder):
        table = glb.property_table()
        rows += [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    assert sorted(row["building_id"] for row in rows) == [building_id for building_id, _, _ in BUILDINGS]
    expected = twin.buildings.drop(columns="geometry").set_index("building_id")
    for row in rows:
        source = expected.loc[row.pop("building_id")]
        for name, value in row.items():
            stated = source.get(name)  # a twin without roofs has none of their columns
            absent = pd.isna(stated) or stated == ""
            assert value is None if absent else value == stated, name  # doubles: equal to the last bit


def test_features_of_the_mesh_point_to_the_rows_of_the_table(folder: Path) -> None:
    for _, glb in leaves(folder):
        (features,) = glb.primitive["extensions"]["EXT_mesh_features"]["featureIds"]
        rows = glb.accessor(glb.primitive["attributes"]["_FEATURE_ID_0"])
        assert features["propertyTable"] == 0
        assert features["featureCount"] == len(glb.property_table()["building_id"])
        assert sorted(set(rows.tolist())) == list(range(features["featureCount"]))


def test_positions_come_back_to_lambert_93_and_ign69_within_a_centimetre(folder: Path) -> None:
    """Float32 of tile-local metres rounds by less than 0.1 mm; 1 cm leaves room for nothing else."""
    vertices = vertices_by_building(folder)
    for building_id, shape, height in BUILDINGS:
        placed = np.unique(np.round(vertices[building_id], 4), axis=0)
        ground = 170 + 0.01 * shape.bounds[0] + 0.02 * shape.bounds[1]
        parts = getattr(shape, "geoms", [shape])
        rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
        corners = np.concatenate([np.array(ring.coords)[:-1] for ring in rings]) + np.array([X0, Y0])
        levels = [ground] if height is None else [ground, ground + height]
        expected = np.array([(x, y, z) for x, y in corners for z in levels])
        distance = np.linalg.norm(placed[:, None] - expected[None], axis=2)
        assert distance.min(axis=1).max() < 0.01, "no vertex elsewhere"
        assert distance.min(axis=0).max() < 0.01, "no corner missing"


def test_faces_look_outwards_and_enclose_the_volume_of_the_solid(folder: Path) -> None:
    for _, glb in leaves(folder):
        local = glb.z_up("POSITION")
        normals = glb.z_up("NORMAL")
        feature = glb.accessor(glb.primitive["attributes"]["_FEATURE_ID_0"]).astype(int)
        triangles = glb.accessor(glb.primitive["indices"]).reshape(-1, 3)
        a, b, c = (local[triangles[:, i]] for i in range(3))
        area_vectors = np.cross(b - a, c - a) / 2
        assert (np.sum(area_vectors * normals[triangles[:, 0]], axis=1) > 0).all(), "winding agrees with normals"
        assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
        volumes = np.bincount(feature[triangles[:, 0]], np.sum(area_vectors * a, axis=1) / 3)
        for row, building_id in enumerate(glb.property_table()["building_id"]):
            shape, height = next((s, h) for name, s, h in BUILDINGS if name == building_id)
            # Lambert-93 is 0.9999 of true length here (scale factor of the zone): 0.02 % in area; 0.2 % allows it.
            assert volumes[row] == pytest.approx(shape.area * (height or 0.0), rel=2e-3, abs=0.1)


def test_up_is_the_ellipsoid_normal_and_east_points_east(folder: Path) -> None:
    to_degrees = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    for tile in tiles_of(folder / "tileset.json"):
        origin, east, north, up = tile.geocentric(np.array([(0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10.0)]))
        longitude, latitude, height = to_degrees.transform(*np.array([origin, east, north, up]).T)
        assert height[3] - height[0] == pytest.approx(10, abs=1e-6)
        assert (longitude[3], latitude[3]) == pytest.approx((longitude[0], latitude[0]), abs=1e-11)
        assert longitude[1] > longitude[0]
        assert latitude[1] == pytest.approx(latitude[0], abs=1e-9)
        assert latitude[2] > latitude[0]
        assert longitude[2] == pytest.approx(longitude[0], abs=1e-11)


def test_boxes_hold_their_content_and_their_children(folder: Path) -> None:
    inside = []
    for tile in tiles_of(folder / "tileset.json"):
        inside.append(tile)
        if "content" in tile.document:
            glb = read_glb(folder / tile.document["content"]["uri"])
            points = tile.geocentric(glb.z_up("POSITION"))
            ancestors = [other for other in inside if other.depth < tile.depth]
            for box_of in (tile, *ancestors):
                assert box_of.contains(points, margin_m=0.0)
        assert all(root.contains(tile.box_corners(), 0.005) for root in inside if root.depth == 0)


def test_the_tileset_says_how_its_heights_came_about(folder: Path) -> None:
    extras = json.loads((folder / "tileset.json").read_text())["asset"]["extras"]
    assert (extras["horizontal_crs"], extras["vertical_crs"]) == ("EPSG:2154", "EPSG:5720")
    assert extras["declared_undulation"]["value_m"] == 49.9
    assert extras["operation"]["source"] == FULL.code
    assert extras["operation"]["target"] == "EPSG:4978"
    assert extras["operation"]["accuracy_m"] >= UNDULATION.accuracy_m


def test_khronos_finds_nothing_in_any_tile(folder: Path) -> None:
    assert khronos_issues([folder / tile.document["content"]["uri"] for tile, _ in leaves(folder)]) == []


def test_a_building_without_any_elevation_is_left_out_and_counted(twin: Territory, tmp_path: Path) -> None:
    frame = twin.buildings
    frame.loc[4, "ground_elevation_m"] = np.nan
    publication = write_3dtiles(with_buildings(twin, tmp_path, frame), tmp_path)
    assert publication.records_in == {"buildings": 6}
    assert publication.records_out == {"buildings": 5}
    assert publication.left_out == {"buildings: no elevation": 1}
    ids = [name for _, glb in leaves(tmp_path) for name in glb.property_table()["building_id"]]
    assert BUILDINGS[4][0] not in ids


def test_a_promised_solid_that_cannot_be_made_is_an_error_with_the_building_id(twin: Territory, tmp_path: Path) -> None:
    frame = twin.buildings
    frame.loc[0, "roof_elevation_m"] = frame.loc[0, "ground_elevation_m"] - 1
    with pytest.raises(ExportError, match="BATIMENT0000000000000001"):
        write_3dtiles(with_buildings(twin, tmp_path, frame), tmp_path)


def test_a_repeated_id_is_an_error(twin: Territory, tmp_path: Path) -> None:
    frame = twin.buildings
    frame.loc[1, "building_id"] = frame.loc[0, "building_id"]
    with pytest.raises(ExportError, match="two buildings have one id"):
        write_3dtiles(with_buildings(twin, tmp_path, frame), tmp_path)


def scattered(n: int, side_m: float) -> gpd.GeoDataFrame:
    """Buildings of 8 m on a lattice of ``n`` x ``n`` over a square of ``side_m``."""
    steps = np.arange(n) * side_m / n
    shapes = [box(X0 + x, Y0 + y, X0 + x + 8, Y0 + y + 8) for y in steps for x in steps]
    count = len(shapes)
    frame = pd.DataFrame(
        {
            "building_id": pd.Series([f"B{i:05d}" for i in range(count)], dtype="str"),
            "footprint_id": pd.Series([f"F{i:05d}" for i in range(count)], dtype="str"),
            "ground_elevation_m": 170.0,
            "roof_elevation_m": 176.0,
            "height_m": 6.0,
            "lod": pd.Series(["1"] * count, dtype="str"),
            "reason": pd.Series([""] * count, dtype="str"),
        }
    )
    return gpd.GeoDataFrame(frame, geometry=shapes, crs="EPSG:2154")


def test_a_larger_territory_is_a_quadtree_in_which_nothing_is_lost(twin: Territory, tmp_path: Path) -> None:
    """1.2 km, lattice of 120 m: 5 or 6 cells of 250 m a side, so three levels above the cells."""
    publication = write_3dtiles(with_buildings(twin, tmp_path, scattered(10, 1_200)), tmp_path)
    assert publication.records_out == {"buildings": 100}
    tiles = list(tiles_of(tmp_path / "tileset.json"))
    assert {tile.depth for tile in tiles if "content" in tile.document} == {3}
    assert max(len(tile.document.get("children", [])) for tile in tiles) <= 4
    ids = [name for _, glb in leaves(tmp_path) for name in glb.property_table()["building_id"]]
    assert sorted(ids) == [f"B{i:05d}" for i in range(100)]
    assert check_tileset(tmp_path) == "EPSG:4978"


def test_the_level_above_does_not_depend_on_where_the_territory_lies(twin: Territory, tmp_path: Path) -> None:
    """Cells 2047 and 2048 (near Angoulême) part at every power of two; counted from the corner they meet at once."""
    edge = 2048 * 250.0
    frame = scattered(2, 300).set_geometry(
        [box(edge - 20, Y0, edge - 10, Y0 + 9), box(edge + 10, Y0, edge + 20, Y0 + 9)] * 2, crs="EPSG:2154"
    )
    write_3dtiles(with_buildings(twin, tmp_path, frame), tmp_path)
    assert max(tile.depth for tile in tiles_of(tmp_path / "tileset.json")) == 1


def test_a_footprint_with_a_spike_does_not_stop_the_export(twin: Territory, tmp_path: Path) -> None:
    frame = twin.buildings
    spike = Polygon(
        [(X0, Y0), (X0 + 10, Y0), (X0 + 10, Y0 + 10), (X0 + 5, Y0 + 30), (X0 + 5, Y0 + 10.0), (X0, Y0 + 10)]
    )
    frame.loc[[0], "geometry"] = gpd.GeoSeries([spike], index=[0], crs=frame.crs)
    write_3dtiles(with_buildings(twin, tmp_path, frame), tmp_path)
    assert khronos_issues([tmp_path / tile.document["content"]["uri"] for tile, _ in leaves(tmp_path)]) == []
