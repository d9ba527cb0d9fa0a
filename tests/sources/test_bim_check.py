"""Every real IFC file gets the report that its description promises."""

from __future__ import annotations

import random
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from bim_models import ModelMaker
from jnt_pipeline.sources.bim import BimSource
from jnt_pipeline.sources.bim_check import check_ifc
from jnt_pipeline.sources.intake import IntakeReport

NOT_INGESTED = "schema_not_ingested"

# file: (verdict, schema, products, entities, georeferencing, codes that must be there); None = not stated.
EXPECTED: dict[str, tuple[str, str | None, int | None, int | None, str | None, tuple[str, ...]]] = {
    "bad/4walls1floorSite.ifcxml": ("unreadable", None, None, None, None, ("ifcxml_not_supported",)),
    "bad/InvalidNan.ifcxml": ("unreadable", None, None, None, None, ("ifcxml_not_supported",)),
    "bad/Alignment-ACCA-1.ifc": ("unreadable", None, None, None, None, ("release_candidate_schema",)),
    "bad/Borehole-1.ifc": ("unreadable", None, None, None, None, ("release_candidate_schema",)),
    "bad/Georeferencing-Tin-12d-1.ifc": ("unreadable", None, None, None, None, ("release_candidate_schema",)),
    "bad/UT_GeoRef_1.ifc": ("unreadable", None, None, None, None, ("release_candidate_schema",)),
    "bad/ifcbridge-model03.ifc": ("unreadable", None, None, None, None, ("unsupported_schema",)),
    "bad/ifcbridge-model03_georeferenced.ifc": ("unreadable", None, None, None, None, ("unsupported_schema",)),
    "bad/fail-ifc101-IFC4X3.ifc": ("unreadable", None, None, None, None, ("superseded_schema",)),
    "bad/fail-ifc101-IFC4X3_ADD1.ifc": ("unreadable", None, None, None, None, ("superseded_schema",)),
    "bad/EmptyMultibyteString.ifc": ("unreadable", None, None, None, None, ("step_syntax",)),
    "bad/FormallyIllegalFile.ifc": ("unreadable", None, None, None, None, ("step_syntax",)),
    "bad/Badly formed Ifc file.ifc": (
        "defects", "IFC2X3", 1, 2, "not_georeferenced", ("pjs101_project_count", NOT_INGESTED),
    ),
    "bad/BackSpaceInFileName.ifc": (
        "defects", "IFC2X3", 0, 35, "not_georeferenced", ("header_name_sanitised", NOT_INGESTED),
    ),
    "bad/DoubleBackSlashName.ifc": (
        "defects", "IFC2X3", None, 54, "not_georeferenced", ("header_name_sanitised", NOT_INGESTED),
    ),
    "bad/PR-Twin-Branch-PavementElements.ifc": (
        "defects", "IFC4", 21, None, "not_georeferenced",
        ("grf002_unknown_crs_name", "zero_conversion", "large_local_coordinates", "malformed_unit"),
    ),
    "four_walls/4walls1floorSite.ifc": (
        "defects", "IFC2X3", 8, 579, "approximate", ("not_georeferenced", "approximate_position", NOT_INGESTED),
    ),
    "four_walls/4walls1floorSite.ifczip": (
        "defects", "IFC2X3", 8, 524, "approximate", ("not_georeferenced", "approximate_position", NOT_INGESTED),
    ),
    "geonovum/OMG_KS_BRK-Perceel.ifc": (
        "defects", "IFC2X3", 435, 25971, "not_georeferenced", ("not_georeferenced", NOT_INGESTED),
    ),
    "geonovum/OMG_KS_GEO-Nulpunt.ifc": (
        "defects", "IFC2X3", 4, None, "not_georeferenced", ("georeferencing_hint", NOT_INGESTED),
    ),
    "geonovum/OWL 20230717.ifc": ("defects", "IFC4", 6, 212, "inconsistent", ("inconsistent_map_unit",)),
    "geonovum/Van Brienenoordbrug-IFC4X3.ifc": (
        "defects", "IFC4X3_ADD2", 9, None, "georeferenced", ("site_position_contradicts", NOT_INGESTED),
    ),
    "schema_rules/pass-ifc101-IFC2X3.ifc": ("defects", "IFC2X3", 1, None, "not_georeferenced", (NOT_INGESTED,)),
    "schema_rules/pass-ifc101-IFC4.ifc": ("sound", "IFC4", 1, None, "not_georeferenced", ()),
    "schema_rules/pass-ifc101-IFC4X3_ADD2.ifc": (
        "defects", "IFC4X3_ADD2", 1, None, "not_georeferenced", (NOT_INGESTED,),
    ),
}  # fmt: skip

RULES = {
    "grf000": "grf000_",
    "grf001": "grf001_contexts_disagree",
    "grf002": "grf002_unknown_crs_name",
    "grf003": "grf003_not_georeferenced",
    "pjs101": "pjs101_project_count",
}


def errors(report: IntakeReport) -> list[str]:
    return [finding.code for finding in report.findings if finding.severity == "error"]


def message(report: IntakeReport, code: str) -> str:
    return next(finding.message for finding in report.findings if finding.code == code)


@pytest.fixture(scope="module")
def bim(shared: Path) -> Path:
    return shared / "data" / "bim"


@pytest.fixture(scope="module")
def reports(bim: Path) -> dict[str, IntakeReport]:
    files = sorted(p for p in bim.rglob("*") if p.suffix.lower() in {".ifc", ".ifczip", ".ifcxml"})
    return {path.relative_to(bim).as_posix(): check_ifc(path) for path in files}


@pytest.mark.shared
@pytest.mark.parametrize("name", EXPECTED)
def test_real_file_gets_the_verdict_it_deserves(reports: dict[str, IntakeReport], name: str) -> None:
    verdict, schema, products, entities, georeferencing, codes = EXPECTED[name]
    report = reports[name]
    assert report.verdict == verdict
    assert report.kind == "bim"
    assert set(codes) <= set(report.codes)
    for fact, value in (
        ("schema", schema), ("n_products", products), ("n_entities", entities), ("georeferencing", georeferencing),
    ):  # fmt: skip
        if value is not None:
            assert report.facts[fact] == value
    for finding in report.findings:
        assert finding.message
        assert finding.severity != "error" or finding.remedy


@pytest.mark.shared
def test_every_rule_file_of_buildingsmart_gets_its_own_verdict(reports: dict[str, IntakeReport]) -> None:
    judged = 0
    for name, report in reports.items():
        outcome, _, rest = Path(name).name.partition("-")
        rule = rest.partition("-")[0]
        if rule not in RULES:
            continue
        judged += 1
        broken = [code for code in errors(report) if code.startswith(RULES[rule])]
        assert bool(broken) == (outcome == "fail"), name
        if outcome == "na":
            assert not errors(report), name
        if outcome == "fail":
            assert report.exit_code == 1, name
    assert judged == 21 + 4  # georeferencing_rules and project_rules


@pytest.mark.shared
def test_no_file_of_the_folder_is_forgotten(reports: dict[str, IntakeReport]) -> None:
    rules = {n for n in reports if n.startswith(("georeferencing_rules/", "project_rules/"))}
    assert set(reports) == set(EXPECTED) | rules


@pytest.mark.shared
def test_schema_is_named_in_its_refusal(reports: dict[str, IntakeReport]) -> None:
    for file, schema in (
        ("UT_GeoRef_1", "IFC4X3_RC2"), ("Borehole-1", "IFC4X3_RC3"), ("ifcbridge-model03", "IFC4X2"),
        ("fail-ifc101-IFC4X3_ADD1", "IFC4X3_ADD1"),
    ):  # fmt: skip
        assert schema in reports[f"bad/{file}.ifc"].findings[-1].message
    assert "IFC4X3_ADD2" in reports["bad/fail-ifc101-IFC4X3.ifc"].findings[-1].remedy


@pytest.mark.shared
def test_owl_is_read_in_millimetres_only_to_explain_it(reports: dict[str, IntakeReport]) -> None:
    report = reports["geonovum/OWL 20230717.ifc"]
    text = message(report, "inconsistent_map_unit")
    assert "METER" in text
    assert "0.3048" in text
    assert "28,611 km" in text
    assert "E 93869.354 m, N 435604.867 m, H 4.250 m" in text
    conversion = report.facts["map_conversion"]
    assert isinstance(conversion, dict)
    # atan2(0.577002650408069, -0.816742273561289)
    assert conversion["rotation_deg"] == pytest.approx(144.76, abs=0.005)
    assert report.facts["georeferencing_levels"] == [10, 20, 40, 50]
    assert "longitude_deg" not in report.facts


@pytest.mark.shared
def test_bridge_site_in_san_francisco_is_reported_and_the_map_conversion_wins(reports: dict[str, IntakeReport]) -> None:
    report = reports["geonovum/Van Brienenoordbrug-IFC4X3.ifc"]
    assert "8,8" in message(report, "site_position_contradicts")  # Rotterdam to San Francisco, about 8,800 km
    assert report.facts["georeferencing_levels_agree"] is False
    # Own datum (Bessel); the bridge stands at 51.90° north, 4.54° east.
    assert report.facts["latitude_deg"] == pytest.approx(51.90, abs=0.01)
    assert report.facts["longitude_deg"] == pytest.approx(4.54, abs=0.01)


@pytest.mark.shared
def test_survey_point_in_a_property_set_is_offered_as_a_hint(reports: dict[str, IntakeReport]) -> None:
    hints = reports["geonovum/OMG_KS_GEO-Nulpunt.ifc"].facts["hints"]
    assert isinstance(hints, dict)
    assert hints["CPset_GEO-Nulpunt.RD-X"] == "159860.987"
    assert hints["CPset_GEO-Nulpunt.RD-Y"] == "384230.208"


@pytest.mark.shared
def test_correct_example_of_buildingsmart_keeps_its_numbers(reports: dict[str, IntakeReport]) -> None:
    report = reports["georeferencing_rules/grf000/pass-grf000-correct_georeferencing.ifc"]
    assert report.facts["horizontal_crs"] == "EPSG:31467"
    conversion = report.facts["map_conversion"]
    assert isinstance(conversion, dict)
    assert (conversion["eastings"], conversion["northings"]) == (3458715.92, 5439966.65)
    assert conversion["orthogonal_height"] == 113.7
    assert conversion["rotation_deg"] == pytest.approx(74.30, abs=0.005)


@pytest.mark.shared
def test_zero_conversion_is_georeferenced_in_name_only(reports: dict[str, IntakeReport]) -> None:
    report = reports["georeferencing_rules/grf003/na-grf003-railway_with_georeferencing.ifc"]
    assert "zero_conversion" in report.codes
    assert report.facts["georeferencing"] == "nominal"


@pytest.mark.shared
def test_header_names_are_shown_without_control_characters_or_separators(reports: dict[str, IntakeReport]) -> None:
    for name in ("BackSpaceInFileName", "DoubleBackSlashName"):
        shown = reports[f"bad/{name}.ifc"].facts["header_name"]
        assert isinstance(shown, str)
        assert shown.isprintable()
        assert not set(shown) & set("/\\")


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [name for name in EXPECTED if not name.endswith("zip")],
)
def test_renamed_and_shuffled_copies_get_the_same_verdict(
    bim: Path, reports: dict[str, IntakeReport], name: str, tmp_path: Path
) -> None:
    renamed = tmp_path / f"é autre nom{Path(name).suffix}"
    shutil.copyfile(bim / name, renamed)
    copies = [check_ifc(renamed)]
    if not name.endswith("ifcxml"):
        text = (bim / name).read_text(encoding="latin-1")
        (tmp_path / "shuffled.ifc").write_text(shuffled(text), encoding="latin-1")
        copies.append(check_ifc(tmp_path / "shuffled.ifc"))
    for copy in copies:
        assert copy.verdict == reports[name].verdict
        assert copy.codes == reports[name].codes
        assert {k: v for k, v in copy.facts.items() if k != "header_name"} == {
            k: v for k, v in reports[name].facts.items() if k != "header_name"
        }


@pytest.mark.shared
def test_rule_files_are_judged_by_content_whatever_their_name_and_order(
    bim: Path, reports: dict[str, IntakeReport], tmp_path: Path
) -> None:
    """Their names say pass, fail or na: a copy without that word, its instances shuffled, is judged alike."""
    names = [name for name in reports if name.split("/")[0] in {"georeferencing_rules", "project_rules"}]
    assert len(names) == 25
    for name in names:
        copy = tmp_path / "any model.ifc"
        copy.write_text(shuffled((bim / name).read_text(encoding="latin-1")), encoding="latin-1")
        report = check_ifc(copy)
        assert (report.verdict, sorted(report.codes)) == (reports[name].verdict, sorted(reports[name].codes)), name


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith(".ifc")])
def test_a_copy_that_is_cut_short_is_never_sound(bim: Path, name: str, tmp_path: Path) -> None:
    content = (bim / name).read_bytes()
    (tmp_path / "cut.ifc").write_bytes(content[: int(len(content) * 0.7)])
    report = check_ifc(tmp_path / "cut.ifc")
    assert report.verdict == "unreadable"
    assert report.findings[-1].remedy


def shuffled(text: str) -> str:
    """The same STEP file with its instances in another order."""
    head, mark, rest = text.partition("DATA;")
    data, end, tail = rest.rpartition("ENDSEC;")
    statement = re.compile(r"(?:/\*.*?\*/|'(?:[^']|'')*'|[^;'])*;", re.DOTALL)
    statements = statement.findall(data)
    random.Random(7).shuffle(statements)
    return f"{head}{mark}\n" + "\n".join(statements) + f"\n{end}{tail}"


def test_sound_model_is_sound_and_tells_its_place(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    report = check_ifc(maker.save(tmp_path / "school.ifc"))
    assert report.verdict == "sound"
    assert report.file == "school.ifc"
    assert report.facts["vertical_crs"] == "EPSG:5720"
    assert report.facts["length_unit_m"] == 0.001
    assert report.facts["n_buildings"] == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"%PDF-1.7 a plan", "not_step"),
        (b"ISO-10303-21;\nHEADER;\nFILE_NAME('a');\nENDSEC;\nEND-ISO-10303-21;", "step_syntax"),
        (b"ISO-10303-21;HEADER;FILE_SCHEMA(('IFC4','IFC2X3'));ENDSEC;DATA;ENDSEC;END-ISO-10303-21;", "step_syntax"),
        (
            b"ISO-10303-21;HEADER;/*FILE_SCHEMA(('IFC4'));*/FILE_SCHEMA(('IFC5'));ENDSEC;END-ISO-10303-21;",
            "unsupported_schema",
        ),
        (
            b"ISO-10303-21;HEADER;FILE_DESCRIPTION((''),'2;1');FILE_NAME('','',(''),(''),'','','');"
            b"FILE_SCHEMA(('IFC4'));ENDSEC;DATA;ENDSEC;END-ISO-10303-21;",
            "pjs101_project_count",
        ),
        (b"ISO-10303-21;HEADER;FILE_SCHEMA(('IFC4'));ENDSEC;DATA;\n#1=IFCPROJECT('0DJE8v_H94", "truncated"),
    ],
)  # fmt: skip
def test_bad_bytes_are_named(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "x.ifc").write_bytes(content)
    report = check_ifc(tmp_path / "x.ifc")
    assert code in report.codes
    assert report.verdict != "sound"


def test_model_cut_anywhere_is_never_half_read(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    content = maker.save(tmp_path / "whole.ifc").read_bytes()
    for share in (0.05, 0.3, 0.6, 0.99):
        (tmp_path / "cut.ifc").write_bytes(content[: int(len(content) * share)])
        assert check_ifc(tmp_path / "cut.ifc").verdict == "unreadable"


def test_archive_is_unpacked_under_a_name_of_our_own(tmp_path: Path) -> None:
    maker = ModelMaker()
    maker.georeference()
    maker.box("wall", (0, 0, 0), (4000, 200, 3000))
    maker.save(tmp_path / "m.ifc")
    with zipfile.ZipFile(tmp_path / "m.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "m.ifc", "../../evil.ifc")
    assert check_ifc(tmp_path / "m.ifczip").verdict == "sound"
    assert not (tmp_path.parent.parent / "evil.ifc").exists()
    source = BimSource(path=tmp_path / "m.ifczip", producer="p", licence="l")
    assert len(source.read(source.units(None)[0], None)[0].frame) == 1


def test_damaged_or_crowded_archive_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "broken.ifczip").write_bytes(b"PK\x03\x04 and nothing more")
    with zipfile.ZipFile(tmp_path / "two.ifczip", "w") as archive:
        archive.writestr("a.ifc", "")
        archive.writestr("b.ifc", "")
    for name in ("broken", "two", "absent"):
        assert check_ifc(tmp_path / f"{name}.ifczip").codes == ("damaged_archive",)
    assert check_ifc(tmp_path / "absent.ifc").codes == ("cannot_open",)
