from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.errors import EmptySourceError, JntError, SourceError, UnreadableError, UnsupportedError
from jnt_pipeline.sources.cadastre import CadastreSource
from source_files import OWNER, building, feature, parcel, square, write_collection


def layers_of(path: Path) -> dict[str, Layer]:
    source = CadastreSource.model_validate({"path": path, **OWNER})
    (unit,) = source.units(None)
    return {layer.name: layer for layer in source.read(unit, None)}


@pytest.fixture
def commune(tmp_path: Path) -> Path:
    """The four Etalab files of one commune, one of them packed."""
    write_collection(
        tmp_path / "cadastre-38001-communes.json",
        feature(square(5.6, 45.5, 0.05), id="38001", nom="Les Abrets  ", created="2019-01-01", updated="2022-01-01"),
    )
    write_collection(
        tmp_path / "cadastre-38001-sections.json",
        feature(square(5.6, 45.5, 0.02), id="380010000A", commune="38001", prefixe="000", code="A"),
    )
    write_collection(tmp_path / "cadastre-38001-parcelles.json", parcel(), parcel("38001000AB0013", arpente=True))
    batiments = {"type": "FeatureCollection", "features": [building(square(5.6, 45.5)), building(square(5.601, 45.5))]}
    packed = gzip.compress(json.dumps(batiments).encode(), mtime=0)
    (tmp_path / "cadastre-38001-batiments.json.gz").write_bytes(packed)
    return tmp_path


def test_a_commune_gives_its_four_layers_in_longitude_latitude(commune: Path) -> None:
    layers = layers_of(commune)
    assert list(layers) == ["communes", "sections", "parcels", "footprints"]
    assert {name: len(layer.frame) for name, layer in layers.items()} == {
        "communes": 1,
        "sections": 1,
        "parcels": 2,
        "footprints": 2,
    }
    for layer in layers.values():
        assert str(layer.reference) == "EPSG:4326"
        assert set(SCHEMAS[layer.name].column_names) <= set(layer.frame.columns)
        # longitude first: Isère lies at 5.6° east, 45.5° north
        assert layer.frame.total_bounds[0] == pytest.approx(5.6, abs=0.1)


def test_attributes_take_the_names_of_the_schema(commune: Path) -> None:
    layers = layers_of(commune)
    assert layers["communes"].frame["commune_name"].tolist() == ["Les Abrets"]
    assert layers["sections"].frame["insee_code"].tolist() == ["38001"]
    row = layers["parcels"].frame.iloc[0]
    assert row["parcel_id"] == "38001000AB0012"
    assert row["section_id"] == "38001000AB"
    assert row["registered_area_m2"] == 120
    assert (row["created_on"], row["updated_on"]) == ("2019-02-25", "2022-12-13")
    assert layers["parcels"].frame["is_surveyed"].tolist() == [False, True]
    assert layers["footprints"].frame["building_type"].tolist() == ["durable", "durable"]
    assert layers["footprints"].frame["building_name"].isna().all()


def test_layers_without_a_file_are_empty_and_say_so(tmp_path: Path) -> None:
    write_collection(tmp_path / "cadastre-38001-parcelles.json", parcel())
    layers = layers_of(tmp_path)
    assert [len(layer.frame) for layer in layers.values()] == [0, 0, 1, 0]
    assert layers["footprints"].provenance.notes == ("no footprints in the files delivered",)
    assert layers["footprints"].frame["building_type"].dtype == "str"


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        ({"type": "Polygon", "coordinates": [[[5.6, 45.5], [5.7, 45.5], [5.6, 45.5]]]}, "broken_ring"),
        ({"type": "Polygon", "coordinates": [[[5.6, 45.5], [5.7, 45.5], [5.7, 45.6], [5.6, 45.6]]]}, "broken_ring"),
        ({"type": "Polygon", "coordinates": [[[5.6, 45.5], [5.7, None], [5.7, 45.6], [5.6, 45.5]]]}, "bad_coordinates"),
        ({"type": "Polygon", "coordinates": [[[5.6, 45.5], [5.7], [5.7, 45.6], [5.6, 45.5]]]}, "bad_coordinates"),
        ({"type": "Polygon", "coordinates": [[["a", 1], [5.7, 1], [5.7, 45.6], ["a", 1]]]}, "bad_coordinates"),
        ({"type": "Polygon", "coordinates": [[[1e999, 1], [5, 1], [5.7, 45.6], [1e999, 1]]]}, "bad_coordinates"),
        ({"type": "Polygon", "coordinates": []}, "unreadable_feature"),
        ({"type": "Polygon"}, "unreadable_feature"),
        ({"type": "Cube", "coordinates": []}, "unreadable_feature"),
        ("somewhere", "unreadable_feature"),
        ({"type": "Point", "coordinates": ["x"]}, "unreadable_feature"),
    ],
)
def test_a_geometry_that_cannot_be_read_is_set_aside_with_its_reason(
    tmp_path: Path, geometry: Any, reason: str
) -> None:
    path = write_collection(tmp_path / "x.json", parcel(), parcel("38001000AB0013", geometry))
    layer = layers_of(path)["parcels"]
    assert layer.counts.model_dump() == {"read": 2, "kept": 1, "rejected": {reason: 1}}
    assert layer.rejected["record"].tolist() == ["38001000AB0013"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "04null"}, "bad_parcel_id"),  # seen in the national files, datagouv/cadastre#20
        ({"id": "38001000AB012"}, "bad_parcel_id"),
        ({"id": 38001000}, "bad_parcel_id"),
        ({"commune": "380"}, "bad_insee_code"),
        ({"contenance": "vaste"}, "bad_registered_area"),
        ({"contenance": True}, "bad_registered_area"),
        ({"contenance": -5}, "bad_registered_area"),
        ({"arpente": "oui"}, "bad_survey_flag"),
    ],
)
def test_an_attribute_that_cannot_be_read_is_set_aside_with_its_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    spoiled = parcel("38001000AB0013", square(5.7, 45.5), **changes)
    path = write_collection(tmp_path / "x.json", parcel(), spoiled)
    assert layers_of(path)["parcels"].counts.rejected == {reason: 1}


@pytest.mark.parametrize("member", [None, 3, "feature", [], {"type": "Feature", "properties": 4}])
def test_a_member_that_is_no_feature_is_set_aside(tmp_path: Path, member: Any) -> None:
    path = write_collection(tmp_path / "x.json", parcel(), member)
    layer = layers_of(path)["parcels"]
    assert layer.counts.rejected == {"unreadable_feature": 1}
    assert layer.rejected["record"].tolist() == ["feature 1"]


def test_rules_of_the_schema_are_left_to_the_normaliser(tmp_path: Path) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[5, 45], [5.1, 45.1], [5.1, 45], [5, 45.1], [5, 45]]]}
    path = write_collection(tmp_path / "x.json", parcel(), parcel(), parcel(None), parcel("38001000AB0014", bow_tie),
                            parcel("38001000AB0015", None))  # fmt: skip
    layer = layers_of(path)["parcels"]
    assert layer.counts.kept == 5
    assert not layer.frame.geometry.iloc[3].is_valid
    assert layer.frame.geometry.iloc[4] is None


def test_holes_parts_and_heights_are_read_as_they_are(tmp_path: Path) -> None:
    ring = square(5.6, 45.5, 0.01)["coordinates"][0]
    hole = [[5.602, 45.502, 9.0], [5.602, 45.504, 9.0], [5.604, 45.504, 9.0], [5.602, 45.502, 9.0]]
    multi = {"type": "MultiPolygon", "coordinates": [[ring, hole], square(5.7, 45.5)["coordinates"]]}
    path = write_collection(tmp_path / "x.json", parcel(), parcel("38001000AB0013", multi))
    geometry = layers_of(path)["parcels"].frame.geometry.iloc[1]
    assert geometry.geom_type == "MultiPolygon"
    assert [len(part.interiors) for part in geometry.geoms] == [1, 0]
    assert not geometry.has_z
    assert geometry.equals(shapely.geometry.shape(json.loads(json.dumps(multi, default=str))))


@pytest.mark.parametrize("code", ["2A004", "2B033", "97411", "75056"])
def test_insee_codes_stay_text(tmp_path: Path, code: str) -> None:
    path = write_collection(tmp_path / "x.json", parcel(f"{code}000AB0001", commune=code))
    assert layers_of(path)["parcels"].frame["insee_code"].tolist() == [code]


def test_parcels_of_api_carto_are_recognised_by_their_attributes(tmp_path: Path) -> None:
    properties = {"gid": 1, "numero": "0279", "section": "AK", "idu": "41046000AK0279", "contenance": 15100,
                  "code_insee": "41046", "nom_com": "Chaumont"}  # fmt: skip
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4326"}}
    path = write_collection(tmp_path / "answer.json", feature(square(1.95, 47.57), **properties), crs=crs)
    frame = layers_of(path)["parcels"].frame
    assert frame["parcel_id"].tolist() == ["41046000AK0279"]
    assert frame.geometry.iloc[0].bounds[0] == 1.95  # axes are not swapped


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ('{"type": "FeatureCollection", "features": [', UnreadableError, "cut short"),
        ("Warning: deprecated\n{}", UnreadableError, "not a JSON document"),
        ('{"type": "Feature"}', UnreadableError, "not a GeoJSON feature collection"),
        ("[1, 2]", UnreadableError, "not a GeoJSON feature collection"),
        ('{"features": [{"properties": {"id": "\udce9"}}]}', UnreadableError, "not UTF-8"),
        ('{"features": []}', EmptySourceError, "no parcel found"),
        ('{"features": [{"type": "Feature", "properties": {"tree": 1}}]}', UnsupportedError, "no cadastral layer"),
        (
            '{"features": [], "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4171"}}}',
            UnsupportedError,
            "4171",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, content: str, error: type[JntError], words: str
) -> None:
    path = tmp_path / "spoiled.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(error, match=rf"(?s)spoiled\.json.*{words}"):
        layers_of(path)


def test_a_packed_file_that_is_cut_is_unreadable(commune: Path) -> None:
    path = commune / "cadastre-38001-batiments.json.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(UnreadableError, match="gzip"):
        layers_of(commune)


def test_a_file_that_holds_another_layer_than_its_name_says_is_refused(tmp_path: Path) -> None:
    write_collection(tmp_path / "cadastre-38001-parcelles.json", building(square(5.6, 45.5)))
    with pytest.raises(SourceError, match="does not hold what its name says"):
        layers_of(tmp_path)


@pytest.mark.parametrize("couche", ["qualite", "lettre"])
def test_other_layers_of_etalab_are_not_taken_for_parcels(tmp_path: Path, couche: str) -> None:
    path = write_collection(tmp_path / "x.json", parcel(**{couche: "01"}))
    with pytest.raises(UnsupportedError):
        layers_of(path)


# --- units -------------------------------------------------------------------------------------------------------


def test_units_are_communes_with_all_their_files(tmp_path: Path) -> None:
    for name in ("cadastre-38001-parcelles.json", "cadastre-38001-batiments.json.gz", "cadastre-2A004-communes.json",
                 "cadastre-974-parcelles.geojson", "cadastre-38001-feuilles.json", "notes.json"):  # fmt: skip
        (tmp_path / name).write_text("")
    units = CadastreSource.model_validate({"path": tmp_path, **OWNER}).units(None)
    assert [(unit.name, len(unit.files)) for unit in units] == [("2A004", 1), ("38001", 3), ("974", 1)]


def test_the_same_layer_twice_is_an_error(tmp_path: Path) -> None:
    for name in ("cadastre-38001-parcelles.json", "cadastre-38001-parcelles.json.gz"):
        (tmp_path / name).write_text("")
    with pytest.raises(SourceError, match="two files hold the parcelles of 38001"):
        CadastreSource.model_validate({"path": tmp_path, **OWNER}).units(None)


def test_a_folder_without_cadastral_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(EmptySourceError):
        CadastreSource.model_validate({"path": tmp_path, **OWNER}).units(None)


def test_unknown_building_types_are_left_empty_and_noted(tmp_path: Path) -> None:
    path = write_collection(
        tmp_path / "x.json", building(square(5, 45), type="07"), building(square(5.1, 45), type="02")
    )
    layer = layers_of(path)["footprints"]
    assert layer.frame["building_type"].isna().tolist() == [True, False]
    assert layer.provenance.notes == ("building types unknown, left empty: {'07': 1}",)


def test_a_building_without_geometry_has_no_place_to_be_named_by(tmp_path: Path) -> None:
    path = write_collection(tmp_path / "x.json", building(None), building(square(5.1, 45)))
    assert layers_of(path)["footprints"].counts.rejected == {"missing_geometry": 1}
