"""``jnt check`` on EDIGÉO: what a sheet holds, and what is wrong with it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edigeo_plans import SHEET, changed, parcel, sheet, square
from jnt_pipeline.samples.edigeo import sheet_members, write_sheet, write_sheet_folder
from jnt_pipeline.sources.check import check_file

ONE = parcel(1, square(0, 0, 10), SUPF=100.0)


@pytest.mark.shared
def test_a_real_sheet_is_sound_and_its_figures_are_told(shared: Path) -> None:
    report = check_file(shared / "data/cadastre/edigeo_25354/edigeo-25354000AK01.tar.bz2")
    assert (report.kind, report.verdict, set(report.codes)) == ("edigeo_archive", "sound", {"note"})
    assert report.facts["objects"]["PARCELLE"] == 142  # type: ignore[call-overload,index]
    assert report.facts["objects"]["BATIMENT"] == 134  # type: ignore[call-overload,index]
    assert report.facts["registered_area_m2"] == 96_032
    assert report.facts["drawn_area_m2"] == 97_039.3
    assert (report.facts["reference"], report.facts["insee_code"]) == ("EPSG:2154", "25354")


@pytest.mark.shared
def test_an_unpacked_real_sheet_is_read_through_its_thf(shared: Path) -> None:
    folder = shared / "data/cadastre/edigeo_38004/edigeo-380040000B01"
    report = check_file(folder / "E0000B01.THF")
    assert (report.kind, report.verdict) == ("edigeo", "sound")
    assert report.facts["sheet_id"] == "380040000B01"
    member = check_file(folder / "ED0B01T2.VEC")
    assert (member.kind, member.verdict, member.codes) == ("edigeo_member", "sound", ("part_of_sheet",))
    assert member.facts["descriptors"] == {"FEA": 1, "LNK": 6, "PAR": 1, "PFE": 2, "PNO": 1}


def test_a_sheet_of_no_commune_is_told_how_to_say_it(tmp_path: Path) -> None:
    thf = write_sheet_folder(tmp_path, sheet(ONE))
    report = check_file(thf.parent.rename(tmp_path / "plan") / thf.name)
    assert (report.verdict, report.codes[0]) == ("defects", "unknown_commune")
    assert report.facts["objects"] == {"PARCELLE": 1, "SUBDSECT": 1}


def test_records_at_fault_are_named(tmp_path: Path) -> None:
    path = changed(tmp_path, sheet(ONE, parcel(2, square(50, 0, 9))), "ED0A01T1.VEC", "0010000A0002", "0010000A000B")
    report = check_file(path)
    assert (report.verdict, report.codes[0]) == ("defects", "bad_parcel_id")


def test_a_sheet_under_another_name_is_a_contradiction(tmp_path: Path) -> None:
    path = write_sheet(tmp_path, sheet(ONE)).rename(tmp_path / "edigeo-380020000A01.tar.bz2")
    assert check_file(path).codes == ("contradiction",)


def test_an_unknown_system_is_unreadable_and_named(tmp_path: Path) -> None:
    report = check_file(write_sheet(tmp_path, sheet(ONE, system="LAMB94")))
    assert (report.verdict, report.codes) == ("unreadable", ("not_read",))
    assert "RELSA LAMB94" in report.findings[0].message


def test_the_sheets_of_a_zip_are_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dep38.zip", "w") as archive:
        archive.write(write_sheet(tmp_path, sheet(ONE)), f"38001/edigeo-{SHEET}.tar.bz2")
        for name, content in sheet_members(sheet(ONE)).items():
            archive.writestr(f"38002/edigeo-380020000A01/{name}", content)
    report = check_file(tmp_path / "dep38.zip")
    assert (report.kind, report.codes) == ("edigeo", ("sheets_listed",))
    assert report.facts == {"n_sheets": 2, "n_communes": 2, "sheets": [SHEET, "380020000A01"]}
