from __future__ import annotations

from pathlib import Path

import pytest

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import JntError, UnsupportedError
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.sources.street_map import PcrsFile, PcrsSource, read_street_map
from register_files import street_line, street_object, write_answer, write_street_map, zone
from source_files import OWNER

TILE = "data/base_layers/pcrs_lyon/20200716.RIL_L264_C298_P0.gml"
COUNTS = {
    "pcrs_facades": 18,
    "pcrs_thresholds": 16,
    "pcrs_road_limits": 10,
    "pcrs_drawing_lines": 25,
    "pcrs_trees": 2,
    "pcrs_fittings": 25,
    "pcrs_fitting_outlines": 14,
    "pcrs_fitting_points": 11,
    "pcrs_fitting_symbols": 11,
    "pcrs_delivery_extents": 1,
}


def read(path: Path, **fields: object) -> PcrsFile:
    return read_street_map(path, PcrsSource.model_validate({"path": path, **OWNER, **fields}))


def layers(path: Path, **fields: object) -> dict[str, Layer]:
    return {layer.name: layer for layer in read(path, **fields).layers}


@pytest.fixture(scope="module")
def tile(shared: Path) -> dict[str, Layer]:
    return layers(shared / TILE, vertical="EPSG:5720")


@pytest.mark.shared
def test_every_class_of_the_tile_is_read(tile: dict[str, Layer]) -> None:
    assert {name: layer.counts.read for name, layer in tile.items()} == COUNTS
    assert all(layer.counts.kept == layer.counts.read for layer in tile.values())
    assert {str(layer.reference) for name, layer in tile.items() if name != "pcrs_fittings"} == {"EPSG:3946+5720"}
    assert tile["pcrs_fittings"].reference is None


@pytest.mark.shared
def test_the_tile_is_brought_from_cc46_to_lambert_93(tile: dict[str, Layer]) -> None:
    target = Reference.model_validate("EPSG:2154+5720")
    bases = {name: normalise(layer, target) for name, layer in tile.items()}
    assert {name: base.counts.kept for name, base in bases.items()} == COUNTS
    west, south, east, north = bases["pcrs_delivery_extents"].frame.total_bounds
    # the tile is 50 m wide and lies in Lyon, which the README of the data names
    assert 840_000 < west < east < 850_000
    assert 6_520_000 < south < north < 6_530_000
    assert east - west == pytest.approx(50, abs=0.2)
    facades = bases["pcrs_facades"].frame
    assert facades["min_elevation_m"].between(260, 275).all()
    assert (facades["max_elevation_m"] >= facades["min_elevation_m"]).all()


@pytest.mark.shared
def test_fittings_are_a_table_and_their_drawings_name_them(tile: dict[str, Layer]) -> None:
    fittings = set(tile["pcrs_fittings"].frame["pcrs_id"])
    assert len(fittings) == 25
    outlines = tile["pcrs_fitting_outlines"].frame["fitting_id"]
    points = tile["pcrs_fitting_points"].frame["fitting_id"]
    symbols = tile["pcrs_fitting_symbols"].frame["fitting_id"]
    assert set(outlines) | set(points) == fittings
    assert set(symbols) == set(points)


@pytest.mark.shared
def test_the_check_reports_the_tile(shared: Path) -> None:
    report = check_file(shared / TILE)
    assert (report.kind, report.verdict, report.facts["n_records"]) == ("pcrs", "sound", sum(COUNTS.values()))
    assert report.facts["references"] == ["EPSG:3946"]
    assert "unknown_vertical" in report.codes


def test_common_attributes_take_the_names_of_the_schema(tmp_path: Path) -> None:
    facade = street_object(
        "FacadePCRS", 1, street_line(268.0, 271.5, 269.0), idObjet="ido_1", thematique="02", dateLeve="2019-12-31",
        precisionPlanimetrique="005", precisionAltimetrique="010", qualiteCategorisation="01", producteur="Géomètre",
        hauteurMur="3",
    )  # fmt: skip
    path = write_street_map(tmp_path / "a.gml", facade, street_object("MurPCRS", 2, street_line(1.0, 2.0)))
    found = layers(path, vertical="EPSG:5720")
    row = found["pcrs_facades"].frame.iloc[0]
    assert (row["pcrs_id"], row["object_class"], row["theme_code"]) == ("ido_1", "FacadePCRS", "02")
    assert (row["plan_precision_class"], row["height_precision_class"]) == ("005", "010")
    assert (row["surveyed_on"], row["surveyor"], row["hauteurMur"]) == ("2019-12-31", "Géomètre", "3")
    assert (row["min_elevation_m"], row["max_elevation_m"]) == (268.0, 271.5)
    # without an identifier of its own, an object has its gml:id
    assert found["pcrs_walls"].frame["pcrs_id"].tolist() == ["MurPCRS.2"]


def test_heights_above_nothing_are_left_out_and_said(tmp_path: Path) -> None:
    path = write_street_map(tmp_path / "a.gml", street_object("MurPCRS", 1, street_line(268.0, 269.0)))
    found = read(path)
    assert found.layers[0].frame["min_elevation_m"].isna().all()
    assert [finding.code for finding in found.findings] == ["unknown_vertical"]


def test_a_class_that_the_standard_does_not_name_is_kept(tmp_path: Path) -> None:
    path = write_street_map(
        tmp_path / "a.gml",
        street_object("MurPCRS", 1, street_line(1.0, 2.0)),
        street_object("BancPublicPCRS", 2, street_line(1.0, 2.0), idObjet="b"),
    )
    found = read(path, vertical="EPSG:5720")
    assert [(layer.name, layer.counts.read) for layer in found.layers] == [("pcrs_walls", 1), ("pcrs_others", 1)]
    assert found.layers[1].frame["object_class"].tolist() == ["BancPublicPCRS"]
    assert "unknown_classes" in [finding.code for finding in found.findings]


def test_objects_without_geometry_are_set_aside_when_normalised(tmp_path: Path) -> None:
    path = write_street_map(
        tmp_path / "a.gml", street_object("MurPCRS", 1, street_line(1.0, 2.0)), street_object("MurPCRS", 2, "")
    )
    base = normalise(layers(path)["pcrs_walls"], Reference(horizontal="EPSG:2154"))
    assert (base.counts.read, base.counts.rejected) == (2, {"missing_geometry": 1})


def test_arcs_become_chords_and_it_is_said(tmp_path: Path) -> None:
    # a half circle of radius 10 m about (1846410, 5181600): each chord stays within r (1 - cos 2°) = 6 mm of it
    arc = (
        '<gml:Curve srsName="EPSG:3946" srsDimension="2"><gml:segments><gml:Arc><gml:posList>1846400 5181600 '
        "1846410 5181610 1846420 5181600</gml:posList></gml:Arc></gml:segments></gml:Curve>"
    )
    path = write_street_map(
        tmp_path / "a.gml", street_object("MurPCRS", 1, arc), street_object("MurPCRS", 2, street_line(1.0, 2.0))
    )
    found = read(path)
    line = found.layers[0].frame.geometry.iloc[0]
    assert line.geom_type == "LineString"
    assert line.length == pytest.approx(31.416, abs=0.02)
    assert "told_on_opening" in [finding.code for finding in found.findings]


def test_what_is_no_street_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"(?s)a\.gml.*no class of the street base map"):
        read(write_answer(tmp_path / "a.gml", zone()))


def test_a_tile_that_is_cut_is_unreadable(tmp_path: Path) -> None:
    path = write_street_map(tmp_path / "a.gml", *(street_object("MurPCRS", i, street_line(1.0, 2.0)) for i in range(4)))
    content = path.read_bytes()
    for part in (content[: len(content) // 2], content[:-5], b""):
        path.write_bytes(part)
        with pytest.raises(JntError, match=r"a\.gml"):
            read(path)
