"""Columns made of EDIGÉO objects: places and codes, references, what is set aside and what is told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyogrio
import pytest
from shapely.geometry import Point

from edigeo_plans import EAST, NORTH, SHEET, changed, layers_of, packed, parcel, read, sheet, square
from jnt_pipeline.errors import ConfigError, UnsupportedError
from jnt_pipeline.samples.edigeo import PlanObject, sheet_members, write_sheet, write_sheet_folder
from jnt_pipeline.sources.edigeo import read_edigeo
from jnt_pipeline.sources.edigeo.systems import SYSTEMS, reference_of_code

ONE = parcel(1, square(0, 0, 10), SUPF=100.0)


@pytest.mark.parametrize("insee_code", ["2A004", "97411", "69383"])
def test_the_departement_comes_back_in_every_id(tmp_path: Path, insee_code: str) -> None:
    # the sheet itself knows three characters of the commune, overseas as well
    sheet_id = f"{insee_code}0000A01"
    one = PlanObject(name="PARCELLE", geometry=square(0, 0, 10), attributes={"IDU": f"{insee_code[2:]}0000A0001"})
    path = write_sheet(tmp_path, sheet(one, sheet_id=sheet_id))
    layers = layers_of(path)
    assert layers["parcels"].frame["parcel_id"].tolist() == [f"{insee_code}0000A0001"]
    assert layers["sheets"].frame[["sheet_id", "section_id"]].to_numpy().tolist() == [[sheet_id, sheet_id[:10]]]


@pytest.mark.parametrize(("code", "epsg"), SYSTEMS.items())
def test_the_reference_is_that_of_the_table(tmp_path: Path, code: str, epsg: str) -> None:
    assert reference_of_code(code, "X.GEO").code == epsg


def test_an_unknown_system_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"ED0A01SE.GEO[\s\S]*RELSA LAMB94"):
        read_edigeo(write_sheet(tmp_path, sheet(ONE, system="LAMB94")))


def test_gdal_takes_the_system_of_mayotte_for_geocentric_coordinates(tmp_path: Path) -> None:
    # RGM04 is the projection in sheets of the DGFiP, and the geocentric system in the register of IGN
    thf = write_sheet_folder(tmp_path, sheet(ONE, system="RGM04"))
    assert pyogrio.read_info(thf, layer="PARCELLE_id")["crs"].startswith("GEOCCS[")
    reference = layers_of(thf)["parcels"].reference
    assert reference is not None
    assert reference.code == "EPSG:4471"


@pytest.mark.parametrize("code", ["RGR92UTM", "WGS84UTM20"])
def test_gdal_cannot_read_sheets_of_la_reunion_and_the_antilles(tmp_path: Path, code: str) -> None:
    thf = write_sheet_folder(tmp_path, sheet(ONE, system=code))
    with pytest.raises(pyogrio.errors.CRSError, match=f"crs not found: IGNF:{code}"):
        pyogrio.read_info(thf, layer="PARCELLE_id")
    assert len(layers_of(thf)["parcels"].frame) == 1


def test_codes_and_texts_become_words_and_odd_ones_are_told(tmp_path: Path) -> None:
    def building(x: float, **attributes: str) -> PlanObject:
        return PlanObject(name="BATIMENT", geometry=square(x, 0, 5), attributes=attributes)

    layers = read(
        tmp_path,
        building(0, DUR="01", TEX="  Église  "),
        building(10, DUR="02"),
        building(20, DUR="09"),
        PlanObject(
            name="LIEUDIT", geometry=square(0, 0, 30), attributes={"TEX": "BEAUFORT          ", "TEX2": "le  Haut"}
        ),
        PlanObject(name="PTCANV", geometry=Point(EAST, NORTH), attributes={"IDU": "00100102", "SYM": "01"}),
        PlanObject(name="COMMUNE", geometry=square(0, 0, 90), attributes={"IDU": "001", "TEX2": "L'ÎLE "}),
    )
    footprints = layers["footprints"].frame
    assert footprints["building_type"].fillna("").tolist() == ["durable", "light", ""]
    assert footprints["building_name"].fillna("").tolist() == ["Église", "", ""]
    assert "building type (DUR) '09' is unknown, left empty" in layers["footprints"].provenance.notes
    assert layers["localities"].frame["locality_name"].tolist() == ["BEAUFORT le Haut"]
    assert layers["cadastral_points"].frame[["detail_class", "symbol_code", "label"]].to_numpy().tolist() == [
        ["PTCANV", "01", "00100102"]
    ]
    assert layers["communes"].frame["commune_name"].tolist() == ["L'ÎLE"]


def test_a_point_on_one_parcel_names_it_and_on_several_leaves_it_to_the_relations(tmp_path: Path) -> None:
    stones = [
        PlanObject(name="BORNE", geometry=Point(EAST, NORTH), parcels=("0010000A0001",)),
        PlanObject(name="BORNE", geometry=Point(EAST + 10, NORTH), parcels=("0010000A0001", "0010000A0002")),
    ]
    layers = read(tmp_path, ONE, parcel(2, square(10, 0, 10)), *stones)
    points = layers["cadastral_points"].frame
    assert points["parcel_id"].fillna("").tolist() == ["380010000A0001", ""]
    assert layers["cadastral_relations"].frame["parcel_id"].tolist() == ["380010000A0001"] * 2 + ["380010000A0002"]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"IDU": "0010000A001"}, "bad_parcel_id"),
        ({"IDU": "001000 A0001"}, "bad_parcel_id"),
        ({"IDU": "0020000A0001"}, "other_commune"),
        ({"COAR": "B"}, "bad_survey_flag"),
    ],
)
def test_a_parcel_that_cannot_be_read_is_set_aside_with_its_reason(
    tmp_path: Path, attributes: dict[str, str], reason: str
) -> None:
    layer = read(tmp_path, ONE, parcel(2, square(50, 0, 9), **attributes))["parcels"]
    assert layer.counts.model_dump() == {"read": 2, "kept": 1, "rejected": {reason: 1}}
    assert layer.rejected["reason"].tolist() == [reason]


def test_dates_are_iso_texts_and_what_is_no_date_is_told(tmp_path: Path) -> None:
    dated = PlanObject(
        name="PARCELLE", geometry=square(0, 0, 9), attributes={"IDU": "0010000A0001"}, created_on="2008-07-14"
    )
    path = changed(tmp_path, sheet(dated), "ED0A01SE.QAL", "UDASD00:", "UDASD08:20081345")
    layer = layers_of(path)["parcels"]
    assert layer.frame["created_on"].tolist() == ["2008-07-14"]
    assert pd.isna(layer.frame["updated_on"]).all()
    assert "dates that are no YYYYMMDD are left empty" in layer.provenance.notes


def test_a_contenance_is_whole_square_metres(tmp_path: Path) -> None:
    assert read(tmp_path, ONE)["parcels"].frame["registered_area_m2"].tolist() == [100]
    odd = changed(tmp_path, sheet(ONE), "ED0A01T1.VEC", "ATVSR05:+100.", "ATVSR06:+100.5")
    layer = layers_of(odd)
    assert layer["parcels"].counts.rejected == {"bad_registered_area": 1}


def test_a_sheet_without_quality_member_has_no_dates_and_says_so(tmp_path: Path) -> None:
    members = sheet_members(sheet(ONE))
    del members["ED0A01SE.QAL"]
    thf = members["E0000A01.THF"].replace(b"QANSA02:SE\r\nQAISA04:SeQL\r\n", b"")
    layers = layers_of(packed(tmp_path / f"edigeo-{SHEET}.tar.bz2", {**members, "E0000A01.THF": thf}))
    assert "no dates: the lot has no quality member (QAL)" in layers["parcels"].provenance.notes


def test_placed_texts_are_counted_not_read(tmp_path: Path) -> None:
    drawn = PlanObject(
        name="PARCELLE",
        geometry=square(0, 0, 9),
        attributes={"IDU": "0010000A0001", "TEX": "1"},
        label_at=(EAST, NORTH),
    )
    note = "1 placed texts (ID_S_OBJ_Z_1_2_2) are not read: their words are those of their objects"
    layers = read(tmp_path, drawn)
    assert note in layers["parcels"].provenance.notes
    assert "cadastral_points" not in layers


def test_a_sheet_is_written_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert write_sheet(tmp_path, sheet(ONE)).read_bytes() == write_sheet(tmp_path / "again", sheet(ONE)).read_bytes()


def test_a_text_that_latin_1_cannot_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ISO 8859-1 cannot write[\s\S]*œ"):
        write_sheet(
            tmp_path, sheet(PlanObject(name="LIEUDIT", geometry=square(0, 0, 9), attributes={"TEX": "Les Sœurs"}))
        )


def test_ids_of_details_tell_class_commune_and_place_and_different_ones_in_one_place_apart(tmp_path: Path) -> None:
    # a name that is drawn on the stone: two classes, one place; two lines about one middle
    layers = read(
        tmp_path,
        PlanObject(name="BORNE", geometry=Point(EAST, NORTH)),
        PlanObject(name="TPOINT", geometry=Point(EAST, NORTH), attributes={"SYM": "30"}),
        PlanObject(name="TSURF", geometry=square(10, 10, 10), attributes={"SYM": "34"}),
        PlanObject(name="TSURF", geometry=square(12, 12, 6), attributes={"SYM": "65"}),
    )
    stone, text = layers["cadastral_points"].frame["detail_id"]
    assert (stone[:12], text[:13]) == ("38001-BORNE-", "38001-TPOINT-")
    assert stone[12:] == text[13:]
    outer, inner = layers["cadastral_surfaces"].frame["detail_id"]
    assert inner == f"{outer}-2"
