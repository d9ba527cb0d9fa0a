"""CityJSON: closed solids on the millimetre, nothing lost, references said in full."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from shapely.geometry import Polygon, box

from builders import BUILDINGS, X0, Y0, tiny_territory
from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.base_layers.points import PointBlock
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ExportError
from jnt_pipeline.provenance import Counts
from jnt_pipeline.publication.cityjson import write_cityjson
from jnt_pipeline.samples.made_roofs import made_roof
from jnt_pipeline.territory.model import Territory
from jnt_pipeline.territory.roofs.layer import derive_roofs
from jnt_pipeline.territory.roofs.parameters import RoofParameters
from publication_checks import (
    assert_closed_and_planar,
    check_cityjson,
    cityjson_shells,
    official_schema,
    volume_of_shell,
)
from towns import Town


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Territory:
    return tiny_territory(tmp_path_factory.mktemp("twin"))


def document_of(twin: Territory, folder: Path) -> dict:
    write_cityjson(twin, folder)
    return json.loads((folder / "tiny.city.json").read_text(encoding="utf-8"))


def with_footprint(twin: Territory, folder: Path, shape: Polygon) -> Territory:
    """The twin with one building alone, of the given footprint."""
    frame = twin.buildings.iloc[[0]].copy()
    frame["geometry"] = gpd.GeoSeries([shape], index=frame.index, crs=frame.crs)
    write_layer_parquet(frame, folder / "buildings.parquet")
    layer = replace(twin.layer("buildings"), parts=(folder / "buildings.parquet",), counts=Counts(read=1, kept=1))
    return replace(twin, layers={"buildings": layer})


def test_it_passes_its_official_schema(twin: Territory, town: Town, tmp_path: Path) -> None:
    validator = jsonschema.Draft7Validator(
        official_schema("cityjson/cityjson.min.schema.json"), format_checker=jsonschema.FormatChecker()
    )
    validator.validate(document_of(twin, tmp_path))
    validator.validate(json.loads((town.workspace / "publication" / "cityjson" / "rive.city.json").read_text()))


def test_every_building_is_there_with_the_volume_of_its_footprint_times_its_height(
    twin: Territory, tmp_path: Path
) -> None:
    document = document_of(twin, tmp_path)
    buildings = {
        name: city_object for name, city_object in document["CityObjects"].items() if city_object["type"] == "Building"
    }
    assert list(buildings) == [building_id for building_id, _, _ in BUILDINGS]
    volumes = dict.fromkeys(buildings, 0.0)
    for object_id, vertices, shell in cityjson_shells(document):
        owner = document["CityObjects"][object_id].get("parents", [object_id])[0]
        volumes[owner] += volume_of_shell(vertices, shell) * 1e-9
    for building_id, shape, height in BUILDINGS:
        assert volumes[building_id] == pytest.approx(shape.area * (height or 0.0), rel=1e-9)


def test_a_footprint_of_two_parts_is_a_building_with_two_parts(twin: Territory, tmp_path: Path) -> None:
    objects = document_of(twin, tmp_path)["CityObjects"]
    building_id = BUILDINGS[2][0]
    parts = objects[building_id]["children"]
    assert parts == [f"{building_id}-part-1", f"{building_id}-part-2"]
    assert "geometry" not in objects[building_id]
    assert all(objects[part]["type"] == "BuildingPart" and objects[part]["geometry"] for part in parts)


def test_a_courtyard_is_an_inner_ring_of_ground_and_roof(twin: Territory, tmp_path: Path) -> None:
    (geometry,) = document_of(twin, tmp_path)["CityObjects"][BUILDINGS[1][0]]["geometry"]
    surfaces = [surface["type"] for surface in geometry["semantics"]["surfaces"]]
    (values,) = geometry["semantics"]["values"]
    (shell,) = geometry["boundaries"]
    rings = {surfaces[value]: len(face) for value, face in zip(values, shell, strict=True) if len(face) > 1}
    assert rings == {"GroundSurface": 2, "RoofSurface": 2}
    assert values.count(surfaces.index("WallSurface")) == 8


def test_a_building_without_solid_says_why_and_has_no_absent_attribute(twin: Territory, tmp_path: Path) -> None:
    building = document_of(twin, tmp_path)["CityObjects"][BUILDINGS[4][0]]
    assert "geometry" not in building
    assert building["attributes"]["reason"] == "few_roof_points"
    assert building["attributes"]["lod"] == "0"
    assert "height_m" not in building["attributes"]
    assert "building_name" not in building["attributes"]


def test_coordinates_are_metres_of_the_twin_and_the_extent_is_theirs(twin: Territory, tmp_path: Path) -> None:
    document = document_of(twin, tmp_path)
    scale, shift = document["transform"]["scale"], document["transform"]["translate"]
    metres = np.array(document["vertices"]) * scale + shift
    # Solids: buildings 1 to 4 and 6; lowest ground 170 + 0.05 + 0.1, highest roof 170.3 + 12.5.
    expected = [X0 + 5, Y0 + 5, 170.15, X0 + 104, Y0 + 44, 182.8]
    assert [*metres.min(axis=0), *metres.max(axis=0)] == pytest.approx(expected, abs=1e-6)
    assert document["metadata"]["geographicalExtent"] == pytest.approx(expected, abs=1e-6)


def test_the_reference_date_is_the_end_of_the_vintage(twin: Territory, tmp_path: Path) -> None:
    assert document_of(twin, tmp_path)["metadata"]["referenceDate"] == "2024-06-30"


def test_a_pair_without_single_epsg_code_is_said_in_words(twin: Territory, tmp_path: Path) -> None:
    """RGR92 / UTM 40S and Réunion 1989: EPSG registered no compound of the two."""
    reunion = Reference(horizontal="EPSG:2975", vertical="EPSG:5758")
    frame = twin.buildings.set_crs("EPSG:2975", allow_override=True)
    write_layer_parquet(frame, tmp_path / "buildings.parquet")
    layer = replace(twin.layer("buildings"), reference=reunion, parts=(tmp_path / "buildings.parquet",))
    there = replace(twin, reference=reunion, layers={"buildings": layer})
    metadata = document_of(there, tmp_path)["metadata"]
    assert metadata["referenceSystem"] == "https://www.opengis.net/def/crs/EPSG/0/2975"
    assert metadata["jnt"]["vertical_crs"] == "EPSG:5758"
    assert "EPSG:5758" in metadata["jnt"]["reference_note"]


def test_a_twin_without_buildings_layer_is_refused_with_what_it_has(twin: Territory, tmp_path: Path) -> None:
    less = replace(twin, layers={"parcels": twin.layer("parcels")})
    with pytest.raises(ExportError, match="found:    parcels"):
        write_cityjson(less, tmp_path)


def test_counts_that_the_files_do_not_hold_stop_the_export(twin: Territory, tmp_path: Path) -> None:
    layer = replace(twin.layer("buildings"), counts=Counts(read=7, kept=7))
    with pytest.raises(ExportError, match="found:    6"):
        write_cityjson(replace(twin, layers={"buildings": layer}), tmp_path)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    width=st.floats(0.5, 60), depth=st.floats(0.5, 60), angle=st.floats(0, 90), courtyard=st.booleans(),
    shift=st.tuples(st.floats(0, 100), st.floats(0, 100)),
)  # fmt: skip
def test_solids_of_any_place_and_angle_are_closed_on_the_millimetre_grid(
    twin: Territory, tmp_path: Path, width: float, depth: float, angle: float, courtyard: bool, shift: tuple
) -> None:
    plan = box(0, 0, width, depth)
    if courtyard:
        plan = plan.difference(box(width / 4, depth / 4, width / 2, depth / 2))
    plan = translate(rotate(plan, angle, origin=(0, 0)), X0 + shift[0], Y0 + shift[1])
    document = document_of(with_footprint(twin, tmp_path, plan), tmp_path)
    for object_id, vertices, shell in cityjson_shells(document):
        assert_closed_and_planar(object_id, vertices, shell)
        # Rounding moves each side by at most 0.5 mm (1 mm over both ends).
        tolerance = 0.001 * plan.length * 6.0
        assert volume_of_shell(vertices, shell) * 1e-9 == pytest.approx(plan.area * 6.0, abs=tolerance)


def test_the_whole_file_passes_the_independent_reader(twin: Territory, tmp_path: Path) -> None:
    write_cityjson(twin, tmp_path)
    assert check_cityjson(tmp_path / "tiny.city.json").endswith("/5698")


def test_the_solid_on_roof_faces_comes_after_that_of_lod1(twin: Territory, tmp_path: Path) -> None:
    roof = made_roof("hipped", 1)
    table = twin.buildings.iloc[[0]].drop(columns="geometry").set_geometry([roof.footprint], crs="EPSG:2154")
    table["ground_elevation_m"] = roof.ground_elevation_m
    table["roof_elevation_m"] = roof.ground_elevation_m + 7
    reference = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
    points = PointBlock(xyz=roof.points, classification=np.full(len(roof.points), 6, np.uint8), reference=reference)
    buildings, faces = derive_roofs(table, points, (6,), RoofParameters())
    layers = {}
    for name, frame in (("buildings", buildings), ("roof_faces", faces)):
        write_layer_parquet(frame, tmp_path / f"{name}.parquet")
        counts = Counts(read=len(frame), kept=len(frame))
        parts = (tmp_path / f"{name}.parquet",)
        layers[name] = replace(twin.layer("buildings"), name=name, parts=parts, counts=counts)
    document = document_of(replace(twin, layers=layers), tmp_path)
    check_cityjson(tmp_path / "tiny.city.json")
    (building,) = document["CityObjects"].values()
    assert [geometry["lod"] for geometry in building["geometry"]] == ["1", "2.2"]
    values = building["geometry"][1]["semantics"]["values"][0]
    assert values.count(2) == 4  # roof faces
    _, vertices, shell = list(cityjson_shells(document))[1]
    assert volume_of_shell(vertices, shell) / 1e9 == pytest.approx(buildings["roof_volume_m3"].iloc[0], rel=1e-9)
