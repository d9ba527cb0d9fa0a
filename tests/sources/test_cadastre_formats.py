"""The cadastre in every format that France delivers: layers, ids and references are the same, whatever the file."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from feature_files import squares, write_features
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.base_layers.streams import LayerStream, collected
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transform_geometries, transformation
from jnt_pipeline.errors import MissingCrsError, MixedReferencesError, SourceError, UnreadableError, UnsupportedError
from jnt_pipeline.sources.cadastre import CadastreSource, geojson_files, large_geojson
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.sources.footprint_ids import footprint_ids
from source_files import OWNER, building, feature, parcel, square, write_collection

TARGET = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
DATES = {"created": "2019-02-25", "updated": "2022-12-13"}


def units_of(path: Path, **fields: Any) -> Iterator[tuple[str, list[Layer | LayerStream]]]:
    source = CadastreSource.model_validate({"path": path, **OWNER, **fields})
    return ((unit.name, list(source.read(unit, None))) for unit in source.units(None))


def layers_of(path: Path, **fields: Any) -> dict[str, Layer]:
    """The layers of the one unit, without those that are absent."""
    ((_, found),) = units_of(path, **fields)
    held = [collected(one) if isinstance(one, LayerStream) else one for one in found]
    return {layer.name: layer for layer in held if layer.counts.read}


# --- the eight layers of Etalab ----------------------------------------------------------------------------------

ETALAB: dict[str, tuple[str, dict[str, Any]]] = {
    "communes": ("communes", {"id": "38001", "nom": "LES ABRETS   ", **DATES}),
    "prefixes_sections": (
        "former_communes",
        {"id": "38001123", "commune": "38001", "prefixe": "123", "ancienne": "38123", "nom": "FITILIEU"},
    ),
    "sections": (
        "sections",
        {"id": "380010000A", "commune": "38001", "prefixe": "000", "code": "A", **DATES},
    ),
    "feuilles": (
        "sheets",
        {"id": "380010000A01", "commune": "38001", "prefixe": "000", "section": "A", "numero": "01", "qualite": "03",
         "modeConfection": "01", "echelle": 2000, **DATES},
    ),
    "parcelles": (
        "parcels",
        {"id": "380010000A0012", "commune": "38001", "prefixe": "000", "section": "A", "numero": "12",
         "contenance": 120, "arpente": True, **DATES},
    ),
    "batiments": ("footprints", {"type": "02", "nom": None, "commune": "38001", **DATES}),
    "lieux_dits": ("localities", {"nom": "LE GRAND PRE", "commune": "38001", **DATES}),
    "subdivisions_fiscales": ("tax_subdivisions", {"parcelle": "380010000A0012", "lettre": "B", **DATES}),
}  # fmt: skip
EXPECTED: dict[str, dict[str, Any]] = {
    "communes": {"insee_code": "38001", "commune_name": "LES ABRETS"},
    "former_communes": {
        "prefix_id": "38001123", "insee_code": "38001", "former_insee_code": "38123", "former_commune_name": "FITILIEU",
    },
    "sections": {"section_id": "380010000A", "insee_code": "38001"},
    "sheets": {
        "sheet_id": "380010000A01", "insee_code": "38001", "section_id": "380010000A", "plan_quality_code": "03",
        "drawing_method_code": "01", "scale_denominator": 2000,
    },
    "parcels": {
        "parcel_id": "380010000A0012", "insee_code": "38001", "section_id": "380010000A", "registered_area_m2": 120,
    },
    "footprints": {"insee_code": "38001", "building_type": "light"},
    "localities": {"insee_code": "38001", "locality_name": "LE GRAND PRE"},
    "tax_subdivisions": {
        "tax_subdivision_id": "380010000A0012-B", "parcel_id": "380010000A0012", "letter": "B", "insee_code": "38001",
    },
}  # fmt: skip
PLACE = shapely.box(5.6, 45.5, 5.601, 45.501)


def write_etalab(folder: Path, form: str) -> Path:
    for couche, (_, properties) in ETALAB.items():
        if form == ".json.gz":
            shape = shapely.geometry.mapping(PLACE)
            collection = {"type": "FeatureCollection", "features": [feature(shape, **properties)]}
            packed = gzip.compress(json.dumps(collection).encode(), mtime=0)
            (folder / f"cadastre-38001-{couche}.json.gz").write_bytes(packed)
        else:
            columns = {name: [value] for name, value in properties.items()}
            if form == ".shp":
                columns.pop("arpente", None)
                columns = {"modeConfec" if name == "modeConfection" else name: one for name, one in columns.items()}
                if couche == "prefixes_sections":
                    columns["id"] = ["380011"]  # declared with 6 characters in shapefiles
            write_features(folder / f"cadastre-38001-{couche}{form}", [PLACE], columns, crs="EPSG:4326")
    return folder


@pytest.mark.parametrize("form", [".json.gz", ".shp", ".parquet"])
def test_the_eight_layers_of_etalab_are_the_same_in_every_format(tmp_path: Path, form: str) -> None:
    layers = layers_of(write_etalab(tmp_path, form))
    assert set(layers) == set(EXPECTED)
    for name, expected in EXPECTED.items():
        frame = normalise(layers[name], TARGET).frame
        row = frame.iloc[0]
        assert {key: row[key] for key in expected} == expected, name
        if "created_on" in frame and name != "former_communes":
            assert (row["created_on"], row["updated_on"]) == ("2019-02-25", "2022-12-13")
    surveyed = normalise(layers["parcels"], TARGET).frame["is_surveyed"]
    assert surveyed.isna().tolist() == [form == ".shp"]  # arpente is in no shapefile
    (place,) = footprint_ids(np.array(["38001"]), np.array([PLACE]))
    assert layers["footprints"].frame["footprint_id"].tolist() == [place]
    assert layers["localities"].frame["locality_id"].tolist() == [place.replace("-B-", "-L-")]


def test_a_zipped_shapefile_of_a_departement_is_read_as_it_is_downloaded(tmp_path: Path) -> None:
    columns = {name: [value] for name, value in ETALAB["parcelles"][1].items() if name != "arpente"}
    folder = tmp_path / "plain"
    write_features(folder / "parcelles.shp", [PLACE], columns, crs="EPSG:4326")
    with zipfile.ZipFile(tmp_path / "cadastre-38-parcelles-shp.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    source = CadastreSource.model_validate({"path": tmp_path / "cadastre-38-parcelles-shp.zip", **OWNER})
    (unit,) = source.units(None)
    assert unit.name == "38"
    (layer,) = source.read(unit, None)
    assert isinstance(layer, LayerStream)
    assert collected(layer).frame["parcel_id"].tolist() == ["380010000A0012"]


def named(code: str) -> dict[str, object]:
    return {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}


def test_geojson_in_another_reference_is_read_where_that_is_declared(tmp_path: Path) -> None:
    """Degrees of RGF93: latitude may stand first in them, so that the file's own word is not enough."""
    path = write_collection(tmp_path / "x.json", building(square(2.35, 48.85), commune="75101"), crs=named("4171"))
    with pytest.raises(UnsupportedError, match="4171"):
        layers_of(path)
    layer = layers_of(path, reference="EPSG:4171")["footprints"]
    assert (str(layer.reference), layer.counts.kept) == ("EPSG:4171", 1)


def of_wfs(n: int = 2) -> list[dict[str, object]]:
    """Parcels as IGN's WFS gives them (PARCELLAIRE_EXPRESS:parcelle), in metres where that was asked for."""
    common = {"feuille": 1, "section": "AB", "code_dep": "38", "nom_com": "A", "code_com": "001", "com_abs": "000",
              "code_arr": "000", "code_insee": "38001"}  # fmt: skip
    return [
        feature(
            shapely.geometry.mapping(shapely.MultiPolygon([one])),
            gid=i,
            numero=f"{i:04}",
            idu=f"38001000AB{i:04}",
            contenance=100,
            **common,
        )
        for i, one in enumerate(squares(n))
    ]


@pytest.mark.parametrize("is_large", [False, True])
def test_answers_of_a_wfs_are_read_in_the_projection_that_they_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    if is_large:
        monkeypatch.setattr(geojson_files, "LARGE_BYTES", 1)
    path = tmp_path / "parcelle.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": named("2154"), "features": of_wfs()}))
    layer = layers_of(path)["parcels"]
    assert str(layer.reference) == "EPSG:2154"
    assert layer.frame["parcel_id"].tolist() == ["38001000AB0000", "38001000AB0001"]
    assert layer.frame.geometry.area.tolist() == [100.0, 100.0]
    assert layer.frame.total_bounds.tolist() == [650_000, 6_860_000, 650_030, 6_860_010]
    report = check_file(path)
    assert (report.kind, report.facts["reference"], report.facts["n_records"]) == ("cadastre", "EPSG:2154", 2)


def test_a_building_named_in_metres_has_the_id_of_its_place(tmp_path: Path) -> None:
    shape = shapely.geometry.mapping(squares(1)[0])
    path = write_collection(tmp_path / "x.json", building(shape, commune="75101"), crs=named("2154"))
    layer = layers_of(path)["footprints"]
    (same_place,) = footprint_ids(
        np.array(["75101"]), np.array(squares(1)), reference=Reference(horizontal="EPSG:2154")
    )
    assert layer.frame["footprint_id"].tolist() == [same_place]


def test_a_section_is_never_made_from_what_has_lost_its_zeros(tmp_path: Path) -> None:
    columns = {name: [value] for name, value in ETALAB["parcelles"][1].items()}
    columns["id"] = ["38001000A12"]
    path = write_features(tmp_path / "cadastre-38001-parcelles.shp", [PLACE], columns, crs="EPSG:4326")
    assert layers_of(path)["parcels"].counts.rejected == {"bad_parcel_id": 1}


@pytest.mark.parametrize("bad", ["04null", "2018350001000AB01", "38001000ab0012", "3800100AB0012"])
def test_ids_of_another_form_are_set_aside_in_any_format(tmp_path: Path, bad: str) -> None:
    columns = {"idu": ["38001000AB0012", bad], "numero": ["0012", "0013"], "section": ["AB"] * 2}
    layer = layers_of(write_features(tmp_path / "p.gpkg", squares(2), columns))["parcels"]
    assert layer.counts.rejected == {"bad_parcel_id": 1}
    assert layer.rejected["record"].tolist() == [bad]


# --- Parcellaire Express -----------------------------------------------------------------------------------------

PE_PARCEL = {
    "gid": [1, 2], "numero": ["0012", "0013"], "feuille": [1, 1], "section": ["0A", "AB"], "code_dep": ["38", "38"],
    "nom_com": ["Les Abrets"] * 2, "code_com": ["001"] * 2, "com_abs": ["000"] * 2, "code_arr": ["000"] * 2,
    "idu": ["380010000A0012", "38001000AB0013"], "contenance": [100, None], "code_insee": ["38001"] * 2,
}  # fmt: skip


def write_package(path: Path) -> Path:
    here = {name: values[:1] for name, values in PE_PARCEL.items()}
    sheet = {name: values for name, values in here.items() if name not in {"idu", "numero", "contenance"}}
    write_features(path, squares(2), PE_PARCEL, layer="parcelle")
    write_features(path, squares(1), {"type": ["01"], "code_dep": ["38"], "code_insee": ["38001"]}, layer="batiment")
    write_features(path, squares(1), {**sheet, "echelle": ["1000"], "edition": ["2026-03-01"]}, layer="feuille")
    write_features(path, squares(1), {"nom_com": ["A"], "code_dep": ["38"], "code_insee": ["38001"]}, layer="commune")
    point = {name: values for name, values in here.items() if name != "contenance"}
    write_features(path, [squares(1)[0].centroid], {**point, "idu": ["380010000A0099"]}, layer="localisant")
    write_features(path, squares(1), {"idu_parcel": ["380010000A0012"], "lettre": ["A"]}, layer="subdivision_fiscale")
    write_features(path, [squares(1)[0].centroid], {"gid": [1]}, layer="borne_parcelle")
    return path


def test_a_geopackage_of_parcellaire_express_gives_all_its_layers(tmp_path: Path) -> None:
    layers = layers_of(write_package(tmp_path / "PEPCI_D038.gpkg"))
    assert {name: layer.counts.kept for name, layer in layers.items()} == {
        "communes": 1, "parcels": 2, "footprints": 1, "sheets": 1, "tax_subdivisions": 1, "cadastral_points": 1,
    }  # fmt: skip
    assert all(str(layer.reference) == "EPSG:2154" for layer in layers.values())
    parcels = normalise(layers["parcels"], TARGET).frame
    assert parcels["parcel_id"].tolist() == ["380010000A0012", "38001000AB0013"]
    assert parcels["section_id"].tolist() == ["380010000A", "38001000AB"]
    assert parcels["registered_area_m2"].isna().tolist() == [False, True]
    assert layers["sheets"].frame["sheet_id"].tolist() == ["380010000A01"]
    point = layers["cadastral_points"].frame.iloc[0]
    assert (point["detail_id"], point["parcel_id"]) == ("380010000A0099-LOCALISANT", "380010000A0099")
    assert "layers of the file that are not read: borne_parcelle" in layers["parcels"].provenance.notes


def test_shapefiles_of_two_departements_are_two_units_each_in_its_reference(tmp_path: Path) -> None:
    upper = {name.upper(): values[:1] for name, values in PE_PARCEL.items()}
    write_features(tmp_path / "PEPCI_1-1_SHP_LAMB93_D038/PARCELLE.shp", squares(1), upper)
    reunion = {**upper, "IDU": ["97411000AB0012"], "CODE_INSEE": ["97411"]}
    there = squares(1, west=340_000, south=7_690_000)
    folder = tmp_path / "PEPCI_1-1_SHP_RGR92UTM40S_D974"
    write_features(folder / "PARCELLE.shp", there, reunion, crs="EPSG:2975")
    write_features(folder / "BORNE_PARCELLE.shp", [there[0].centroid], {"GID": [1]}, crs="EPSG:2975")
    found = {name: [collected(one) for one in layers] for name, layers in units_of(tmp_path)}
    assert {name: [(one.name, str(one.reference)) for one in layers] for name, layers in found.items()} == {
        "D038": [("parcels", "EPSG:2154")],
        "D974": [("parcels", "EPSG:2975")],
    }
    assert found["D974"][0].frame["insee_code"].tolist() == ["97411"]
    notes = found["D974"][0].provenance.notes
    assert "files of the delivery that are not read: BORNE_PARCELLE.shp" in notes


def test_a_sheet_of_paris_carries_its_arrondissement(tmp_path: Path) -> None:
    columns = {"feuille": [1], "section": ["AB"], "code_dep": ["75"], "code_com": ["056"], "com_abs": ["000"],
               "code_arr": ["104"], "code_insee": ["75056"]}  # fmt: skip
    layer = layers_of(write_features(tmp_path / "feuille.gpkg", squares(1), columns))["sheets"]
    assert layer.frame["sheet_id"].tolist() == ["75104000AB01"]


def test_a_shapefile_without_prj_is_refused_unless_its_reference_is_declared(tmp_path: Path) -> None:
    path = write_features(tmp_path / "PARCELLE.shp", squares(2), PE_PARCEL)
    path.with_suffix(".prj").unlink()
    with pytest.raises(MissingCrsError, match=r"(?s)PARCELLE\.shp.*declare `reference:`"):
        layers_of(path)
    assert str(layers_of(path, reference="EPSG:2154")["parcels"].reference) == "EPSG:2154"
    report = check_file(path)
    assert (report.kind, report.codes) == ("cadastre", ("missing_crs",))


def test_a_file_of_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write_features(tmp_path / "trees.gpkg", squares(1), {"essence": ["chêne"]})
    with pytest.raises(UnsupportedError, match=r"(?s)trees\.gpkg.*kind: vector"):
        layers_of(path)


def test_the_same_layer_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cadastre-38001-parcelles.json").write_text("")
    (tmp_path / "cadastre-38001-parcelles.shp").write_text("")
    with pytest.raises(SourceError, match="two files hold the parcelles of 38001"):
        CadastreSource.model_validate({"path": tmp_path, **OWNER}).units(None)


def test_check_tells_layers_communes_and_faults_of_a_package(tmp_path: Path) -> None:
    report = check_file(write_package(tmp_path / "PEPCI_D038.gpkg"))
    assert (report.kind, report.facts["communes"]) == ("cadastre", ["38001"])
    # the squares lie in Paris, and their ids in Isère
    assert (report.verdict, set(report.codes)) == ("defects", {"note", "place_contradicts_evidence"})
    assert report.facts["layers"]["parcels"] == 2  # type: ignore[call-overload, index]
    assert report.facts["references"] == ["EPSG:2154"]


# --- ids of buildings --------------------------------------------------------------------------------------------


def test_a_building_has_the_same_id_in_degrees_and_in_lambert(tmp_path: Path) -> None:
    lambert = squares(3)
    columns = {"type": ["01"] * 3, "code_insee": ["75101"] * 3}
    there = layers_of(write_features(tmp_path / "batiment.gpkg", lambert, columns))["footprints"]
    change = transformation("EPSG:2154", "EPSG:4326")
    degrees = transform_geometries(np.array(lambert, dtype=object), change)
    features = [building(shapely.geometry.mapping(one), commune="75101") for one in degrees]
    here = layers_of(write_collection(tmp_path / "cadastre-75101-batiments.json", *features))["footprints"]
    assert there.frame["footprint_id"].tolist() == here.frame["footprint_id"].tolist()


def test_a_building_outside_the_area_of_its_reference_is_judged_by_the_normaliser(tmp_path: Path) -> None:
    shapes = [*squares(4), shapely.box(0, 0, 10, 10)]
    columns = {"type": ["01"] * 5, "code_insee": ["75101"] * 5}
    layer = layers_of(write_features(tmp_path / "batiment.gpkg", shapes, columns))["footprints"]
    assert layer.frame["footprint_id"].tolist()[4] == "75101-B-(10.0,0.0)"
    target = Reference(horizontal="EPSG:3949", vertical="EPSG:5720")
    assert set(normalise(layer, target).counts.rejected) <= {"outside_crs_area", "impossible_coordinates"}


# --- large files -------------------------------------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as large, and a batch holds three features."""
    monkeypatch.setattr(geojson_files, "LARGE_BYTES", 1)
    monkeypatch.setattr(geojson_files, "FEATURES_AT_ONCE", 2)
    monkeypatch.setattr(large_geojson, "_AT_ONCE", 3)


def same(one: Layer, other: Layer) -> None:
    first, second = normalise(one, TARGET), normalise(other, TARGET)
    assert first.counts == second.counts
    assert first.rejected.to_dict("list") == second.rejected.to_dict("list")
    assert_geodataframe_equal(first.frame, second.frame)


def test_a_large_file_gives_what_a_small_one_gives(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    spoiled = [parcel("04null"), parcel(None), None, parcel("38001000AB0014", {"type": "Cube"}), parcel(contenance="x")]
    sound = [parcel(f"38001000AB{n:04d}", square(5.6 + n / 1000, 45.5)) for n in range(10, 18)]
    path = write_collection(tmp_path / "cadastre-38001-parcelles.json", *sound, *spoiled, sound[0])
    small = layers_of(path)["parcels"]
    request.getfixturevalue("large")
    ((_, (_, _, stream, _)),) = units_of(path)
    assert isinstance(stream, LayerStream)
    assert len(list(stream.batches())) == 5
    same(collected(stream), small)


def test_values_of_another_type_than_the_first_ones_are_read_all_the_same(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first = [parcel(f"38001000AB{n:04d}", square(5.6 + n / 1000, 45.5)) for n in range(300)]
    later = [parcel("38001000AC0001", contenance="120"), parcel("38001000AC0002", contenance=1.5), parcel(12)]
    own = {**parcel("38001000AC0003"), "crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}
    path = write_collection(tmp_path / "cadastre-38001-parcelles.json", *first, *later, own, *first[:1])
    small = layers_of(path)["parcels"]
    request.getfixturevalue("large")
    large = layers_of(path)["parcels"]
    assert large.counts.rejected == {"bad_parcel_id": 1, "bad_registered_area": 1}
    same(large, small)


def test_buildings_that_share_a_place_are_told_apart_over_all_batches(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    concentric = [square(5.6 - size / 2, 45.5 - size / 2, size) for size in (2e-4, 6e-4, 4e-4)]
    apart = [square(5.61 + n / 1000, 45.5) for n in range(3)]
    shapes = [concentric[0], *apart, concentric[1], *apart, concentric[2], None]
    path = write_collection(tmp_path / "cadastre-38001-batiments.json", *(building(one) for one in shapes))
    small = layers_of(path)["footprints"]
    assert [name[-2:] for name in small.frame["footprint_id"].tolist() if name.endswith(("-2", "-3"))] == ["-3", "-2"]
    request.getfixturevalue("large")
    same(layers_of(path)["footprints"], small)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ('{"features": [F, F', UnreadableError, "cut short"),
        ('{"features": [F, F]', UnreadableError, "cut short"),
        ('{"features": [F, F]} x', UnreadableError, "cut short"),
        ('{"features": [F F]}', UnreadableError, "cut short"),
        ('{"features": [F, ]}', UnreadableError, "cut short"),
        ('{"features": [F], "crs": {"type": "name", "properties": {"name": "EPSG:2154"}}}', UnsupportedError, "2154"),
        ('{"crs": {"type": "name", "properties": {"name": "EPSG:4171"}}, "features": [F]}', UnsupportedError, "4171"),
        ('{"features": [F, "\udce9"]}', UnreadableError, "not UTF-8"),
        (
            '{"features": [F, {"crs": {"type": "name", "properties": {"name": "EPSG:2154"}}}]}',
            MixedReferencesError,
            "2154",
        ),
    ],
)
def test_damage_of_a_large_file_is_found_however_late(
    tmp_path: Path, text: str, error: type[Exception], words: str
) -> None:
    one = json.dumps(parcel())
    path = tmp_path / "cadastre-38001-parcelles.json"
    path.write_bytes(text.replace("F", one).encode("utf-8", "surrogateescape"))
    with pytest.raises(error, match=rf"(?s)cadastre-38001-parcelles\.json.*{words}"):
        layers_of(path)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    "text", ['\ufeff { "type" : "x" ,\n "features" : [ F\n,\tF ] , "n": -1.5e3 }\n', '{"features":[F,F],"n":12}']
)
def test_any_layout_of_a_large_file_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cadastre-38001-parcelles.json"
    path.write_text(text.replace("F", json.dumps(parcel(), indent=2)), encoding="utf-8")
    assert layers_of(path)["parcels"].counts.kept == 2


# --- EDIGÉO, and real files --------------------------------------------------------------------------------------


@pytest.mark.shared
def test_a_folder_of_edigeo_sheets_gives_a_unit_per_sheet(shared: Path) -> None:
    found = {
        name: {layer.name: layer for layer in layers}
        for name, layers in units_of(shared / "data/cadastre/edigeo_25354")
    }
    parcels = {name[-4:]: layers["parcels"].counts.read for name, layers in found.items()}
    assert parcels == {"AB01": 14, "AK01": 142, "ZB01": 68, "ZC01": 78, "ZE01": 61}
    assert "footprints" not in found["25354000AB01"]
    references = {layer.reference for layers in found.values() for layer in layers.values()}
    assert {str(one) for one in references if one is not None} == {"EPSG:2154"}


@pytest.mark.shared
def test_the_zip_of_a_departement_gives_the_same_sheets_without_being_unpacked(shared: Path, tmp_path: Path) -> None:
    archive = shared / "data/cadastre/edigeo_25354/edigeo-25354000AB01.tar.bz2"
    with zipfile.ZipFile(tmp_path / "dep25.zip", "w") as packed:
        packed.write(archive, f"25354/{archive.name}")
    ((name, layers),) = units_of(tmp_path / "dep25.zip")
    ((plain, expected),) = units_of(archive)
    assert name == plain == "25354000AB01"
    assert [(one.name, one.counts) for one in layers] == [(one.name, one.counts) for one in expected]  # type: ignore[union-attr]
    assert all(one.provenance.files for one in layers)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "layer", "key"),
    [
        ("commune-3e9c11-POST", "communes", "29158"),
        ("division-5d28a9-POST", "sheets", "29158000AW01"),
        ("feuille-4af859-POST", "sheets", "29158000AW01"),
        ("localisant-ec5c6a-POST", "cadastral_points", "29158000AW0001-LOCALISANT"),
        ("parcelle-025b38-POST", "parcels", "41046000AK0279"),
        ("parcelle-ec5c6a-POST", "parcels", "29158000AW0001"),
    ],
)
def test_answers_of_api_carto_are_read_with_their_axes_as_they_are(
    shared: Path, name: str, layer: str, key: str
) -> None:
    found = layers_of(shared / f"data/cadastre/apicarto/{name}.json")
    assert list(found) == [layer]
    frame = found[layer].frame
    assert frame[found[layer].schema.key].tolist() == [key]
    west, south, *_ = frame.total_bounds
    assert -5 < west < 3
    assert 47 < south < 48
    if layer == "parcels":
        assert frame["registered_area_m2"].tolist() == [{"41046000AK0279": 15100, "29158000AW0001": 1968}[key]]
    assert check_file(shared / f"data/cadastre/apicarto/{name}.json").kind == "cadastre"
