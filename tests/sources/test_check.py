from __future__ import annotations

import bz2
import gzip
import json
import shutil
import zipfile
from pathlib import Path

import laspy
import numpy as np
import pytest

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.sources.intake import IntakeReport
from source_files import (
    OBSERVATIONS,
    STATIONS,
    TILE_NAME,
    building,
    feature,
    parcel,
    points_on_grid,
    square,
    write_collection,
    write_network,
    write_tile,
)


def copied(path: Path, folder: Path, name: str) -> Path:
    """The same bytes under another name and in another folder."""
    return Path(shutil.copy(path, folder / name))


def without_octree(las: laspy.LasData) -> laspy.LasData:
    """The same points as a plain LAZ file: the octree of a COPC file no longer fits other points."""
    if not any(type(record).__name__.startswith("Copc") for record in las.vlrs):
        return las
    las.vlrs = laspy.vlrs.vlrlist.VLRList(
        [record for record in las.vlrs if not type(record).__name__.startswith("Copc")]
    )
    if las.evlrs is not None:
        kept = [record for record in las.evlrs if not type(record).__name__.startswith("Copc")]
        las.evlrs = laspy.vlrs.vlrlist.VLRList(kept)
    return las


# --- LiDAR -------------------------------------------------------------------------------------------------------

LIDAR = [
    # (file under data/lidar, class counts, horizontal, vertical, verdict, codes that are not informations)
    (
        "montpellier_50m/points/test_data_77050_627755_LA93_IGN69.laz",
        {1: 1344, 2: 13881, 3: 187, 4: 1190, 5: 29514, 6: 27239},
        "EPSG:2154",
        "EPSG:5720",
        "sound",
        set(),
    ),
    (
        "montpellier_50m/points/test_data_77050_627760_LA93_IGN69.laz",
        {1: 4783, 2: 33568, 3: 379, 4: 933, 5: 12154, 6: 4148, 64: 70},
        "EPSG:2154",
        "EPSG:5720",
        "sound",
        set(),
    ),
    (
        "montpellier_50m/points/test_data_77055_627755_LA93_IGN69.laz",
        {1: 2264, 2: 39468, 3: 682, 4: 729, 5: 5152, 6: 24362, 64: 113},
        "EPSG:2154",
        "EPSG:5720",
        "sound",
        set(),
    ),
    (
        "montpellier_50m/points/test_data_77055_627760_LA93_IGN69.laz",
        {1: 581, 2: 22343, 3: 2497, 4: 2449, 5: 17875, 6: 14908},
        "EPSG:2154",
        "EPSG:5720",
        "sound",
        set(),
    ),
    (
        "montpellier_50m/ground/test_data_77050_627755_LA93_IGN69.las",
        {2: 21172},
        "EPSG:2154",
        "EPSG:5720",
        "sound",
        set(),
    ),
    (
        "km_0292_6833/test_semis_2023_0292_6833_LA93_IGN69.laz",
        {1: 11861, 2: 152678, 3: 3124, 4: 5962, 5: 71684, 6: 43278, 17: 267, 64: 47, 66: 12, 67: 142},
        "EPSG:2154",
        "EPSG:5720",
        "sound",
        set(),
    ),
    (
        "format_variants/simple.copc.laz",
        {1: 789, 2: 276},
        "EPSG:2991",
        "EPSG:6360",
        "defects",
        {"outside_crs_area", "probable_reference"},  # its numbers are feet, its record says metres: in Canada
    ),
    ("format_variants/1_4_w_evlr.laz", {2: 1000}, "EPSG:2903", None, "defects", {"unknown_vertical"}),
    (
        "format_variants/file_with_both_wkt_and_geotiff_vlrs.las",
        {2: 9808, 3: 158, 4: 724, 5: 10956, 6: 3737, 7: 25},
        None,  # Nebraska in US survey feet says its WKT, in metres its keys
        None,
        "defects",
        {"mixed_references"},
    ),
    ("format_variants/extrabytes.las", {1: 789, 2: 276}, None, None, "defects", {"missing_crs"}),
    ("format_variants/autzen_geo_proj.las", {1: 82, 2: 24}, "EPSG:2994", None, "defects", {"unknown_vertical"}),
    (
        "bad/test_noepsg_043500_629205_IGN69.laz",
        {1: 17845},
        None,
        None,
        "defects",
        {"missing_crs", "no_ground", "probable_reference"},
    ),
    (
        "bad/test_data_0436_6384_LA93_IGN69_single_point.laz",
        {3: 1},
        None,
        None,
        "defects",
        {"no_area", "no_ground", "missing_crs", "probable_reference"},
    ),
    (
        "bad/test_pdalfail_0643_6319_LA93_IGN69.laz",
        {65: 89},
        None,
        None,
        "defects",
        {"only_noise", "missing_crs", "probable_reference"},
    ),
    (
        "bad/test_data_77050_627755_LA93_IGN69.copc.laz",
        {1: 912, 2: 20251, 65: 9},
        None,
        None,
        "defects",
        {"missing_crs", "probable_reference"},
    ),
    (
        "bad/simple1_4.las",
        {0: 22600},
        "EPSG:4326",
        None,
        "defects",
        {"unknown_vertical", "outside_crs_area", "no_ground"},
    ),
]
LIDAR_IDS = [row[0].rsplit("/", 1)[-1] for row in LIDAR]


def grave(report: IntakeReport) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity != "info"}


@pytest.mark.shared
@pytest.mark.parametrize(("file", "counts", "horizontal", "vertical", "verdict", "codes"), LIDAR, ids=LIDAR_IDS)
def test_every_real_tile_gets_its_counts_and_its_verdict(
    shared: Path,
    file: str,
    counts: dict[int, int],
    horizontal: str | None,
    vertical: str | None,
    verdict: str,
    codes: set[str],
) -> None:
    report = check_file(shared / "data/lidar" / file)
    assert report.kind == "lidar"
    assert report.facts["class_counts"] == {str(code): n for code, n in counts.items()}
    assert report.facts["n_points"] == sum(counts.values())
    assert (report.facts["horizontal_crs"], report.facts["vertical_crs"]) == (horizontal, vertical)
    assert (report.verdict, grave(report)) == (verdict, codes)
    json.dumps(report.model_dump(mode="json"))


@pytest.mark.shared
@pytest.mark.parametrize(("file", "counts", "horizontal", "vertical", "verdict", "codes"), LIDAR, ids=LIDAR_IDS)
def test_a_renamed_tile_only_loses_what_its_name_said(
    shared: Path,
    tmp_path: Path,
    file: str,
    counts: dict[int, int],
    horizontal: str | None,
    vertical: str | None,
    verdict: str,
    codes: set[str],
) -> None:
    source = shared / "data/lidar" / file
    report = check_file(copied(source, tmp_path, f"bad copy{source.suffix}"))
    assert report.facts["class_counts"] == {str(code): n for code, n in counts.items()}
    assert report.facts["horizontal_crs"] == horizontal
    by_name = "IGN69" in source.name and horizontal is not None
    assert grave(report) == (codes | {"unknown_vertical"} if by_name else codes)
    assert report.facts["vertical_crs"] == (None if by_name else vertical)


@pytest.mark.shared
@pytest.mark.parametrize("file", [row[0] for row in LIDAR], ids=LIDAR_IDS)
def test_a_shuffled_tile_gets_the_same_report(shared: Path, tmp_path: Path, file: str) -> None:
    path = shared / "data/lidar" / file
    las = without_octree(laspy.read(path))
    las.points = las.points[np.random.default_rng(5).permutation(len(las))]
    las.write(tmp_path / path.name)
    report, original = check_file(tmp_path / path.name), check_file(path)
    assert (report.verdict, grave(report)) == (original.verdict, grave(original))
    facts = ("n_points", "class_counts", "horizontal_crs", "vertical_crs", "extent")
    assert {name: report.facts.get(name) for name in facts} == {name: original.facts.get(name) for name in facts}


@pytest.mark.shared
@pytest.mark.parametrize("file", [row[0] for row in LIDAR], ids=LIDAR_IDS)
def test_a_cropped_tile_is_counted_anew(shared: Path, tmp_path: Path, file: str) -> None:
    path = shared / "data/lidar" / file
    las = without_octree(laspy.read(path))
    middle = np.inf if len(las) == 1 else float(np.median(las.x))  # of one point there is nothing to crop
    las.points = las.points[np.asarray(las.x) <= middle]
    codes, counts = np.unique(las.classification, return_counts=True)
    las.write(tmp_path / path.name)
    report, original = check_file(tmp_path / path.name), check_file(path)
    assert report.facts["class_counts"] == {str(c): int(n) for c, n in zip(codes, counts, strict=True)}
    assert report.facts["horizontal_crs"] == original.facts["horizontal_crs"]
    assert report.facts["vertical_crs"] == original.facts["vertical_crs"]
    assert report.facts["extent"][2] <= middle + 0.01  # type: ignore[index, operator]
    assert grave(original) <= grave(report) | {"name_contradicts_points"}


@pytest.mark.shared
def test_no_lidar_file_is_forgotten(shared: Path) -> None:
    found = {p.relative_to(shared / "data/lidar").as_posix() for p in (shared / "data/lidar").rglob("*.la[sz]")}
    refused = {"bad/Semis_2022_0906_6665_LA93_IGN69_nok.laz"}  # has a test of its own
    assert found - refused == {row[0] for row in LIDAR}


@pytest.mark.shared
def test_the_real_extract_of_the_cadastre_shuffled_and_cropped(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/cadastre/etalab/cadastre_extract_data.json"
    collection = json.loads(source.read_text(encoding="utf-8"))
    original = check_file(source)
    for name, features in (("shuffled", collection["features"][::-1]), ("cropped", collection["features"][:1])):
        copy = tmp_path / f"{name}.json"
        copy.write_text(json.dumps({**collection, "features": features}), encoding="utf-8")
        report = check_file(copy)
        assert report.kind == original.kind
        assert sorted(report.facts["ids"]) == sorted(feature["properties"]["id"] for feature in features)  # type: ignore[arg-type]
        if name == "shuffled":
            assert (report.verdict, sorted(report.codes)) == (original.verdict, sorted(original.codes))


@pytest.mark.shared
def test_both_units_of_a_compound_reference_are_kept(shared: Path) -> None:
    report = check_file(shared / "data/lidar/format_variants/simple.copc.laz")
    assert report.facts["crs_units"] == ["metre", "US survey foot"]
    assert report.facts["format"] == "COPC"


@pytest.mark.shared
def test_a_declared_reference_makes_a_tile_without_crs_usable(shared: Path) -> None:
    path = shared / "data/lidar/bad/test_data_77050_627755_LA93_IGN69.copc.laz"
    report = check_file(path, crs=Reference.model_validate("EPSG:2154+5720"))
    assert (report.verdict, report.facts["reference"]) == ("sound", "EPSG:2154+5720")


@pytest.mark.shared
def test_an_unfinished_tile_is_unreadable(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/lidar/bad/Semis_2022_0906_6665_LA93_IGN69_nok.laz"
    for path in (source, copied(source, tmp_path, "any.laz")):
        report = check_file(path)
        assert (report.verdict, report.exit_code, report.codes) == ("unreadable", 3, ("damaged",))
        assert "never finished" in report.findings[0].message


@pytest.mark.parametrize("share", [0.3, 0.999])
def test_a_cut_tile_is_unreadable(tmp_path: Path, share: float) -> None:
    path = write_tile(tmp_path / TILE_NAME, points_on_grid(40, step=20.0), 2)
    assert check_file(path).verdict == "sound"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    report = check_file(path)
    assert (report.verdict, report.codes) == ("unreadable", ("damaged",))
    assert "1,600 promised points" in report.findings[0].message


def test_a_tile_is_known_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    tile = write_tile(tmp_path / "LHD_IGN69.laz", points_on_grid(), 2)
    assert check_file(copied(tile, tmp_path, "model_IGN69.ifc")).kind == "lidar"


def test_a_name_in_the_wrong_square_is_named(tmp_path: Path) -> None:
    # the south-west corner in the name: a frequent mistake, off by one km
    path = write_tile(tmp_path / TILE_NAME.replace("6862", "6861"), points_on_grid(), 2)
    assert check_file(path).codes == ("name_contradicts_points", "reference_note")


def test_a_tile_of_another_reference_than_it_says_is_named(tmp_path: Path) -> None:
    # Lambert-93 numbers under the code of CC46
    path = write_tile(tmp_path / "t_IGN69.laz", points_on_grid(), 2, wkt="EPSG:3946")
    report = check_file(path)
    assert report.verdict == "defects"
    assert grave(report) == {"outside_crs_area", "probable_reference"}
    guess = report.findings[-1]
    assert guess.suggestion == "crs: EPSG:2154"
    assert "Lambert-93 (RGF93 v2b), EPSG:9794" in guess.message  # which the numbers cannot tell from v1
    assert [fact.fact for fact in guess.evidence][:1] == ["outside_area"]


def test_a_contradictory_reference_is_named(tmp_path: Path) -> None:
    path = write_tile(tmp_path / "t_IGN78.laz", points_on_grid(), 2, wkt="EPSG:2154+5720")
    assert grave(check_file(path)) == {"contradictory_reference"}


# --- cadastre ----------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_real_extract_holds_three_parcels_one_of_which_crosses_itself(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/cadastre/etalab/cadastre_extract_data.json"
    for path in (source, copied(source, tmp_path, "x.geojson")):
        report = check_file(path)
        assert report.facts["ids"] == ["380010000A0507", "380010000A0142", "010080000A0382"]
        assert report.facts["reference"] == "EPSG:4326"
        assert (report.verdict, report.codes) == ("defects", ("invalid_geometry",))
        assert "010080000A0382" in report.findings[0].message


@pytest.mark.shared
def test_an_empty_collection_is_neither_a_crash_nor_a_success(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/cadastre/bad/parcelle-1e11fe-POST.json"
    for path in (source, copied(source, tmp_path, "cadastre-38001-batiments.json")):
        report = check_file(path)
        assert (report.verdict, report.exit_code, report.codes) == ("defects", 1, ("empty",))
        assert report.findings[0].severity == "warning"
        assert "no parcel found" in report.findings[0].message


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "parcel_id"),
    [("parcelle-ec5c6a-POST.json", "29158000AW0001"), ("parcelle-025b38-POST.json", "41046000AK0279")],
)
def test_parcels_of_api_carto_are_sound(shared: Path, name: str, parcel_id: str) -> None:
    report = check_file(shared / "data/cadastre/apicarto" / name)
    assert (report.verdict, report.facts["ids"]) == ("sound", [parcel_id])


def test_every_reason_is_counted_with_its_records(tmp_path: Path) -> None:
    path = write_collection(
        tmp_path / "x.json", parcel(), parcel(), parcel("04null"), parcel(None), parcel("38001000AB0014", None), 3
    )
    report = check_file(path)
    assert report.facts["n_records"] == 6
    assert set(report.codes) == {
        "bad_parcel_id",
        "unreadable_feature",
        "missing_parcel_id",
        "duplicate_id",
        "missing_geometry",
    }
    assert next(f for f in report.findings if f.code == "duplicate_id").message.endswith("38001000AB0012")


def test_sound_buildings_are_sound_packed_or_not(tmp_path: Path) -> None:
    path = write_collection(tmp_path / "b.json", building(square(5.6, 45.5)), building(square(5.7, 45.5)))
    assert check_file(path).verdict == "sound"
    packed = tmp_path / "b.json.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert check_file(packed).facts == check_file(path).facts
    packed.write_bytes(packed.read_bytes()[:-9])
    assert check_file(packed).verdict == "unreadable"


# --- sensors -----------------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize("renamed", [False, True])
def test_real_sensorthings_documents_are_counted(shared: Path, tmp_path: Path, renamed: bool) -> None:
    def report(name: str) -> IntakeReport:
        path = shared / "data/sensors/sensorthings" / name
        return check_file(copied(path, tmp_path, "x.json") if renamed else path)

    deep_insert = report("entitiesDefault.json")
    assert (deep_insert.verdict, deep_insert.facts["n_datastreams"]) == ("sound", 2)
    assert list(deep_insert.facts["observations_per_datastream"].values()) == [2, 2]  # type: ignore[union-attr]
    batch = report("dataBatchPost.json")
    assert (batch.verdict, batch.facts["n_requests"]) == ("sound", 30)
    assert (batch.facts["n_stations"], batch.facts["n_datastreams"], batch.facts["n_observations"]) == (4, 8, 32)
    tasking = report("entitiesDefaultActuation.json")
    assert (tasking.verdict, tasking.codes) == ("unreadable", ("not_read",))


def test_elevations_without_vertical_reference_are_named(tmp_path: Path) -> None:
    network = write_network(tmp_path / "n")
    assert check_file(network / "stations.csv").codes == ("unknown_vertical",)
    assert check_file(network / "stations.csv", vertical="EPSG:5720").verdict == "sound"


def test_sensor_tables_are_known_by_their_columns(tmp_path: Path) -> None:
    network = write_network(tmp_path / "n", stations="S1,a,b,2,48,\n")
    for name in ("stations", "datastreams", "observations"):
        report = check_file(copied(network / f"{name}.csv", tmp_path, "renamed.csv"))
        assert (report.verdict, report.facts["layer"]) == ("sound", name)


def test_a_sensor_table_without_one_column_names_it(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(OBSERVATIONS.replace(",result", ",resultat"))
    report = check_file(path)
    assert (report.verdict, report.codes) == ("defects", ("unusable",))
    assert "missing column result" in report.findings[0].message


def test_bad_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{OBSERVATIONS}D1,2024-01-01T00:00:00,1\nD1,2024-01-01T00:00:00Z,nan\n")
    assert check_file(path).codes == ("bad_result", "bad_timestamp")
    path.write_text(f"{STATIONS}S1,a,b,200,48,\n,a,b,2,48,\n")
    assert check_file(path).codes == ("bad_coordinates", "missing_station_id")


# --- what is not read --------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "kind", "codes"),
    [
        ("cadastre/bad/truncated_edigeo-25354000AB01.tar.bz2", "edigeo_archive", ("damaged",)),
        ("cadastre/bad/thf_without_members/E0000B02.THF", "edigeo", ("missing_members",)),
        ("base_layers/bad/INVALID.gml", "xml", ("not_read",)),
        ("base_layers/bad/ads_and_operation.json", "json", ("damaged",)),
        ("sensors/bad/beehive_missing_context.jsonld", "ngsi_ld", ("not_read",)),
        ("sensors/bad/badgtfs.zip", "gtfs", ("not_read",)),
        ("sensors/gtfs/testagency.zip", "gtfs", ("not_read",)),
        ("sensors/lorawan/ttn_dragino_lht65-codec.yaml", "unknown", ("not_read",)),
        ("models3d/cityjson/cube.json", "cityjson", ("not_read",)),
        ("models3d/bad/truncated_rotterdam_one.json", "json", ("damaged",)),
    ],
)
def test_what_is_not_read_is_refused_by_name(shared: Path, file: str, kind: str, codes: tuple[str, ...]) -> None:
    report = check_file(shared / "data" / file)
    assert (report.kind, report.verdict, report.codes) == (kind, "unreadable", codes)
    assert all(finding.message and finding.remedy for finding in report.findings)


@pytest.mark.shared
def test_ifc_files_go_to_their_own_check(shared: Path, tmp_path: Path) -> None:
    for name in ("4walls1floorSite.ifc", "4walls1floorSite.ifczip"):
        source = shared / "data/bim/four_walls" / name
        assert check_file(copied(source, tmp_path, f"{name}.dat")).kind == "bim"


def test_no_real_file_escapes_as_an_exception(shared: Path) -> None:
    files = [p for p in sorted((shared / "data").rglob("*")) if p.is_file() and p.stat().st_size < 300_000]
    assert len(files) > 150
    for path in files:
        report = check_file(path)
        assert report.file == path.name
        assert (report.verdict == "sound") <= all(f.severity == "info" for f in report.findings)


def test_things_that_are_no_source_file_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.laz"
    empty.write_bytes(b"")
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("readme.txt", "nothing")
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:40])
    sheet = tmp_path / "sheet.tar.bz2"
    sheet.write_bytes(bz2.compress(b"x" * 10_000)[:-4])
    for path in (empty, archive, cut, sheet, tmp_path, tmp_path / "absent.laz"):
        report = check_file(path)
        assert (report.verdict, len(report.findings)) == ("unreadable", 1)


def test_the_report_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    paths = [
        write_tile(tmp_path / TILE_NAME, points_on_grid(), 2),
        write_collection(tmp_path / "x.json", feature(square(5, 45), tree=1)),
        tmp_path / "absent.json",
    ]
    for path in paths:
        assert str(tmp_path) not in check_file(path).model_dump_json()


def test_a_missing_file_is_called_missing_not_damaged(tmp_path: Path) -> None:
    report = check_file(tmp_path / "absent.laz")
    assert (report.verdict, report.exit_code, report.codes) == ("unreadable", 3, ("missing_file",))
    assert report.findings[0].message.startswith("no such file")


@pytest.mark.parametrize("name", ["trees.gpkg", "cadastre-38001-parcelles.json", "adresses.csv"])
def test_an_empty_file_is_called_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    report = check_file(tmp_path / name)
    assert (report.verdict, report.findings[0].code) == ("unreadable", "damaged")
    assert report.findings[0].message.startswith("the file is empty; found 0 bytes")
