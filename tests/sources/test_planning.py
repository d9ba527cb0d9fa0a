from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from feature_files import write_features
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import JntError, MissingCrsError, MixedReferencesError, UnreadableError, UnsupportedError
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.sources.planning import PlanningDelivery, PlanningSource, read_planning
from jnt_pipeline.sources.planning_classes import planning_class
from jnt_pipeline.sources.planning_doubts import likely_class
from register_files import BOW_TIE, SQUARE, write_answer, zone
from source_files import OWNER

LAMBERT = Reference(horizontal="EPSG:2154")


def delivery(path: Path, **fields: object) -> PlanningDelivery:
    source = PlanningSource.model_validate({"path": path, **OWNER, **fields})
    (unit,) = source.units(None)
    return read_planning(unit.files, source)


def layers(path: Path, **fields: object) -> dict[str, Layer]:
    return {layer.name: layer for layer in delivery(path, **fields).layers}


@pytest.fixture
def real(shared: Path) -> Path:
    return shared / "data/base_layers"


@pytest.mark.shared
def test_a_document_in_shapefiles_gives_all_its_layers(real: Path) -> None:
    found = layers(real / "plu_41175")
    assert {name: (layer.counts.read, layer.counts.kept) for name, layer in found.items()} == {
        "planning_documents": (1, 1),
        "planning_document_communes": (1, 1),
        "planning_zones": (118, 118),
        "planning_prescriptions_surface": (23, 23),
        "planning_prescriptions_line": (10, 10),
        "planning_prescriptions_point": (26, 26),
    }
    zones = found["planning_zones"]
    assert Counter(zones.frame["zone_type"]) == {"A": 49, "Nh": 29, "U": 24, "N": 8, "AUc": 6, "AUs": 2}
    assert zones.frame.geometry.is_valid.all()
    assert zones.frame.geometry.area.sum() == pytest.approx(14_105_729, abs=1)
    assert str(zones.reference) == "EPSG:2154"
    # the DBF declares ISO-8859-1 and holds UTF-8
    assert zones.frame["description"].str.contains("Zone urbanisée dédiée aux jardins").any()
    document = found["planning_documents"].frame.iloc[0]
    assert (document["document_id"], document["document_type"]) == ("4117520140603", "PLU")
    assert document["approved_on"] == "2014-06-03"
    assert found["planning_document_communes"].frame["insee_code"].tolist() == ["41175"]
    assert "SITEWEB" in document.index


@pytest.mark.shared
def test_nothing_of_a_document_is_lost_when_it_is_normalised(real: Path) -> None:
    for name, layer in layers(real / "plu_41175").items():
        base = normalise(layer, LAMBERT)
        assert base.counts.rejected == {}, name
        assert base.frame[base.schema.key].is_unique if base.schema.key else True


@pytest.mark.shared
def test_answers_of_a_wfs_keep_their_codes_as_text_and_their_axes(real: Path) -> None:
    found = layers(real / "plu_gml")
    assert {name: layer.counts.read for name, layer in found.items()} == {
        "planning_documents": 1,
        "planning_zones": 66,
        "planning_prescriptions_surface": 30,
        "planning_information_surface": 26,
    }
    assert found["planning_documents"].frame["document_id"].tolist() == ["5611820140612"]
    assert set(found["planning_zones"].frame["insee_code"]) == {"56118"}
    assert set(found["planning_zones"].frame.geom_type) == {"MultiPolygon"}
    assert str(found["planning_zones"].reference) == "EPSG:2154"
    west, south, east, north = found["planning_zones"].frame.total_bounds
    assert 220_000 < west < east < 230_000
    assert 6_750_000 < south < north < 6_760_000


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "n"), [("ZONE_URBA", 66), ("INFO_SURF", 26), ("PRESCRIPTION_SURF", 30), ("DOC_URBA", 1)]
)
def test_the_check_reads_answers_of_a_wfs(real: Path, file: str, n: int) -> None:
    report = check_file(real / f"plu_gml/{file}.gml")
    assert (report.kind, report.facts["n_records"]) == ("urban_planning", n)
    expected = {"ZONE_URBA": (), "DOC_URBA": ("places_left_out",)}.get(file, ("invalid_geometry",))
    assert report.codes == expected


@pytest.mark.shared
def test_the_check_reads_the_members_of_a_document(real: Path) -> None:
    shapes = check_file(real / "plu_41175/Donnees_geographiques/ZONE_URBA.shp")
    table = check_file(real / "plu_41175/DOC_URBA.dbf")
    assert (shapes.kind, shapes.verdict, shapes.facts["n_records"]) == ("urban_planning", "sound", 118)
    assert (table.kind, table.verdict, table.facts["n_records"]) == ("urban_planning", "sound", 1)
    assert table.facts["ids"] == {"planning_documents": ["4117520140603"]}


@pytest.mark.shared
def test_invalid_polygons_are_set_aside_and_repaired_only_on_request(real: Path) -> None:
    found = {layer.name: layer for layer in delivery(real / "plu_gml").layers}
    for name, n in (("planning_prescriptions_surface", 30), ("planning_information_surface", 26)):
        base = normalise(found[name], LAMBERT)
        assert (base.counts.kept, base.counts.rejected) == (n - 1, {"invalid_geometry": 1})
        told: list[pd.DataFrame] = []
        repaired = normalise(found[name], LAMBERT, repairs=told)
        assert repaired.counts.kept == n
        (row,) = told[0].to_dict("records")
        assert row["is_repaired"]
        assert row["area_after_m2"] == pytest.approx(row["area_before_m2"], rel=0.01)
        assert "1 invalid polygons repaired on request" in repaired.provenance.notes[-1]


def test_a_bow_tie_has_more_than_one_meaning_and_is_not_repaired(tmp_path: Path) -> None:
    path = write_answer(tmp_path / "ZONE_URBA.gml", zone(BOW_TIE), zone(number=2))
    told: list[pd.DataFrame] = []
    base = normalise(layers(path)["planning_zones"], LAMBERT, repairs=told)
    assert (base.counts.kept, base.counts.rejected) == (1, {"invalid_geometry": 1})
    assert told[0]["is_repaired"].tolist() == [False]


@pytest.mark.shared
def test_fewer_records_than_announced_are_told(real: Path) -> None:
    found = delivery(real / "bad/INFO_PCT-invalid.gml")
    assert [layer.counts.read for layer in found.layers] == [1]
    assert found.findings[0].message == "INFO_PCT-invalid.gml: numberReturned says 3, 1 can be read"
    report = check_file(real / "bad/INFO_PCT-invalid.gml")
    assert (report.verdict, report.codes) == ("defects", ("fewer_records_than_announced",))


@pytest.mark.shared
def test_a_document_without_feature_type_is_refused(real: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"INVALID\.gml: an XML document that is no GML") as refused:
        delivery(real / "bad/INVALID.gml")
    assert "found:    <features> in no namespace as its root" in str(refused.value)
    report = check_file(real / "bad/INVALID.gml")
    assert report.verdict == "unreadable"
    assert "it holds no feature type" in report.findings[0].message


@pytest.mark.shared
def test_the_metadata_of_a_document_are_passed_over_in_a_line(real: Path) -> None:
    path = real / "plu_41175/fr-000041175-plu20140603.xml"
    report = check_file(path)
    assert (report.kind, report.verdict, report.codes) == ("metadata", "sound", ("metadata",))
    with pytest.raises(UnsupportedError, match="metadata about a delivery"):
        delivery(path)


@pytest.mark.parametrize(
    "answer",
    [
        '<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception exceptionCode="x">'
        "<ows:ExceptionText>Unknown layer zone_urbo</ows:ExceptionText></ows:Exception></ows:ExceptionReport>",
        '\ufeff<?xml version="1.0"?>\n<ServiceExceptionReport><ServiceException>\n  Unknown layer zone_urbo\n'
        "</ServiceException></ServiceExceptionReport>",
    ],
)
def test_the_error_of_a_service_saved_as_its_answer_is_told_in_its_own_words(tmp_path: Path, answer: str) -> None:
    path = tmp_path / "ZONE_URBA.gml"
    path.write_text(answer, encoding="utf-8")
    with pytest.raises(UnreadableError, match=r"(?s)ZONE_URBA\.gml: the error of a service.*Unknown layer zone_urbo"):
        delivery(path)
    report = check_file(path)
    assert report.verdict == "unreadable"
    assert "Unknown layer zone_urbo" in report.findings[0].message


@pytest.mark.shared
def test_a_class_whose_name_has_a_slip_is_told_by_the_run_and_the_check(real: Path, tmp_path: Path) -> None:
    for name, slip in (("ZONE_URBA", "ZONE_URBAIN"), ("PRESCRIPTION_LIN", "PRESCRIPTION_LIN")):
        for path in (real / "plu_41175/Donnees_geographiques").glob(f"{name}.*"):
            shutil.copy(path, tmp_path / (slip + path.suffix))
    found = delivery(tmp_path)
    assert [layer.name for layer in found.layers] == ["planning_prescriptions_line"]
    (told,) = [finding for finding in found.findings if finding.severity == "warning"]
    assert told.code == "misnamed_class"
    assert told.message.endswith("it is probably ZONE_URBA")
    assert f"warning: {told.message}" in found.layers[0].provenance.notes
    report = check_file(tmp_path / "ZONE_URBAIN.shp")
    assert (report.verdict, "misnamed_class" in report.codes) == ("defects", True)


def test_a_class_without_its_column_is_told(tmp_path: Path) -> None:
    write_answer(tmp_path / "ZONE_URBA.gml", zone())
    write_features(tmp_path / "SECTEUR_CC.shp", [shapely.box(0, 0, 9, 9)], {"TYPSECT": ["01"], "LIBELLE": ["x"]})
    found = delivery(tmp_path)
    assert [finding.code for finding in found.findings] == ["missing_class_columns"]
    assert "without its column TYPESECT; found TYPSECT, LIBELLE" in found.findings[0].message
    with pytest.raises(UnsupportedError, match="without its column TYPESECT"):
        delivery(tmp_path / "SECTEUR_CC.shp")


@pytest.mark.parametrize(
    ("name", "columns", "likely"),
    [
        ("ZONE_URBAIN", (), "ZONE_URBA"),
        ("41175-zones-urba-20140603", (), "ZONE_URBA"),
        ("PRESCRIPTON_SURF", ("TYPEPSC",), "PRESCRIPTION_SURF"),
        ("AC1_ASSIETE_SUP_S_033", (), "ASSIETTE_SUP_S"),
        ("zonage", ("typezone",), "ZONE_URBA"),
        ("HABILLAGE_SURF", (), None),
        ("habillage_surface", (), None),
        ("ZONE_URBA", ("typezone",), None),
        ("BATIMENT", ("NATURE",), None),
    ],
)
def test_the_likely_class_of_a_name_with_a_slip(name: str, columns: tuple[str, ...], likely: str | None) -> None:
    assert likely_class(name, columns) == likely


@pytest.mark.shared
def test_nothing_is_written_beside_the_files(real: Path, tmp_path: Path) -> None:
    shutil.copy(real / "plu_gml/DOC_URBA.gml", tmp_path)
    layers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["DOC_URBA.gml"]


def test_a_zone_has_the_same_id_wherever_it_stands_and_its_ring_begins(tmp_path: Path) -> None:
    turned = (*SQUARE[2:], *SQUARE[:2])
    other = tuple((x + 500, y) for x, y in SQUARE)
    one = layers(write_answer(tmp_path / "ZONE_URBA.gml", zone(), zone(other, 2)))["planning_zones"].frame["zone_id"]
    two = layers(write_answer(tmp_path / "ZONE_URBA.gml", zone(other, 9), zone(turned, 8)))["planning_zones"].frame
    assert two["zone_id"].tolist() == one.tolist()[::-1]
    relabelled = layers(write_answer(tmp_path / "ZONE_URBA.gml", zone(LIBELLE="Ud")))["planning_zones"].frame["zone_id"]
    assert relabelled.iloc[0] not in set(one)


def test_codes_keep_their_zeros_and_dates_of_another_form_stay_as_written(tmp_path: Path) -> None:
    path = write_answer(tmp_path / "ZONE_URBA.gml", zone(), zone(number=2, DATAPPRO="20141", LIBELLE="x"))
    frame = layers(path)["planning_zones"].frame
    assert frame["insee_code"].tolist() == ["01004", "01004"]
    assert frame["approved_on"].tolist() == ["2014-01-23", "20141"]


def test_a_file_that_is_cut_or_empty_is_unreadable(tmp_path: Path) -> None:
    path = write_answer(tmp_path / "ZONE_URBA.gml", zone(), zone(number=2))
    for content in (path.read_bytes()[:-300], b"", b"<a/>"):
        path.write_bytes(content)
        with pytest.raises(JntError, match=r"ZONE_URBA\.gml"):
            delivery(path)


def test_files_of_other_classes_are_named_and_left_out(tmp_path: Path) -> None:
    write_answer(tmp_path / "ZONE_URBA.gml", zone())
    write_answer(tmp_path / "HABILLAGE_SURF.gml", zone().replace("ZONE_URBA", "HABILLAGE_SURF"))
    found = delivery(tmp_path)
    assert [layer.name for layer in found.layers] == ["planning_zones"]
    assert [finding.code for finding in found.findings] == ["layers_left_out"]
    assert "HABILLAGE_SURF.gml" in found.findings[0].message
    with pytest.raises(UnsupportedError, match="HABILLAGE_SURF"):
        delivery(tmp_path / "HABILLAGE_SURF.gml")


def test_a_shapefile_without_reference_needs_one_declared(tmp_path: Path) -> None:
    path = tmp_path / "41175_ZONE_URBA_20140603.shp"
    write_features(path, [shapely.box(0, 0, 100, 100)], {"TYPEZONE": ["U"], "LIBELLE": ["Uc"]})
    path.with_suffix(".prj").unlink()
    with pytest.raises(MissingCrsError, match=r"(?s)ZONE_URBA_20140603\.shp.*reference:"):
        delivery(path)
    assert str(layers(path, reference="EPSG:3945")["planning_zones"].reference) == "EPSG:3945"


def test_files_of_one_layer_in_two_references_are_refused(tmp_path: Path) -> None:
    write_answer(tmp_path / "A_ZONE_URBA.gml", zone())
    write_answer(tmp_path / "B_ZONE_URBA.gml", zone().replace("epsg.xml#2154", "epsg.xml#3948"))
    with pytest.raises(MixedReferencesError, match=r"A_ZONE_URBA\.gml EPSG:2154, B_ZONE_URBA\.gml EPSG:3948"):
        delivery(tmp_path)


def test_geojson_named_after_its_class_is_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "zone_urba.geojson"
    write_features(
        path, [shapely.box(2.0, 48.0, 2.001, 48.001)], {"typezone": ["U"], "insee": ["01004"]}, crs="EPSG:4326"
    )
    layer = layers(path)["planning_zones"]
    assert (str(layer.reference), layer.frame["insee_code"].tolist()) == ("EPSG:4326", ["01004"])
    report = check_file(path)
    assert (report.kind, report.facts["layers"]) == ("urban_planning", {"planning_zones": 1})


def test_easements_come_with_their_category_acts_and_links(tmp_path: Path) -> None:
    box = shapely.box(700_000, 6_600_000, 700_100, 6_600_100)
    write_features(tmp_path / "AC1_GENERATEUR_SUP_S_033.shp", [box],
                   {"IDGEN": ["G1"], "IDSUP": ["S1"], "NOMGEN": ["Église"], "DATESRCGEN": ["20100101"]})  # fmt: skip
    write_features(tmp_path / "PM1_ASSIETTE_SUP_S_033.shp", [box],
                   {"IDASS": ["A2"], "IDGEN": ["G2"], "TYPEASS": ["Zone"]})  # fmt: skip
    write_features(tmp_path / "assiette.gpkg", [box, box], {"idass": ["A1", "A1"], "suptype": ["ac1", "ac1"]},
                   layer="assiette_sup_s")  # fmt: skip
    found = layers(tmp_path)
    generators, extents = found["easement_generators_surface"].frame, found["easement_extents_surface"].frame
    assert generators[["generator_id", "easement_id", "category", "label", "source_dated_on"]].iloc[0].tolist() == [
        "G1", "S1", "AC1", "Église", "2010-01-01",
    ]  # fmt: skip
    told = dict(zip(extents["extent_id"], extents["category"], strict=True))
    assert told == {"A2": "PM1", "A1": "ac1"}
    base = normalise(found["easement_extents_surface"], LAMBERT)
    assert base.counts.rejected == {"duplicate_id": 1}


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("zone_urba", "planning_zones"),
        ("41175_ZONE_URBA_20140603", "planning_zones"),
        ("N_PRESCRIPTION_SURF_041", "planning_prescriptions_surface"),
        ("info_pct", "planning_information_point"),
        ("secteur_cc", "planning_sectors"),
        ("doc_urba_com", "planning_document_communes"),
        ("I4_ASSIETTE_SUP_L", "easement_extents_line"),
        ("SERVITUDE_ACTE_SUP", "easement_act_links"),
        ("ACTE_SUP_20200101", "easement_acts"),
        ("BATIMENT", None),
        ("habillage_surf", None),
    ],
)
def test_the_class_is_told_by_the_name(name: str, layer: str | None) -> None:
    found = planning_class(name)
    assert (found.mapping.schema.name if found else None) == layer


def test_layers_without_records_are_valid(tmp_path: Path) -> None:
    path = tmp_path / "ZONE_URBA.gpkg"
    write_features(path, [shapely.box(0, 0, 1, 1)], {"TYPEZONE": ["U"], "LIBELLE": [None]}, layer="zone_urba")
    frame = layers(path)["planning_zones"].frame
    assert pd.isna(frame["label"].iloc[0])
    assert np.asarray(frame["zone_type"]).tolist() == ["U"]
