"""``jnt check`` on files that are not what they say: real and generated ones, each with the mistake made by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pyproj
import pytest

from bim_models import ModelMaker
from jnt_pipeline import cli
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, use_grid_folders
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.sources.check import check_file, check_files
from jnt_pipeline.sources.intake import Finding, IntakeReport
from source_files import STATIONS, building, points_on_grid, square, write_collection, write_tile

GUESSES = {
    "probable_reference", "ambiguous_reference", "place_contradicts_evidence", "no_position",
    "probable_heights", "ambiguous_heights", "impossible_heights",
}  # fmt: skip
TILE = "km_0292_6833/test_semis_2023_0292_6833_LA93_IGN69.laz"
SQUARE = "montpellier_50m/points/test_data_77050_627755_LA93_IGN69.laz"
UNDULATION_M = 49.69  # RAF20 at Montpellier (vector H1: 49.6904 m)


@pytest.fixture
def grids(shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The French grids on PROJ's path during the test."""
    folder = shared / "geodesy" / "grids"
    monkeypatch.setenv(GRIDS_VARIABLE, str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    yield folder
    monkeypatch.undo()
    use_grid_folders()


def guesses(report: IntakeReport) -> list[Finding]:
    return [finding for finding in report.findings if finding.code in GUESSES]


def guess(report: IntakeReport) -> Finding:
    (only,) = guesses(report)
    assert report.verdict == "defects"
    assert only.severity == "warning"
    assert only.confidence.startswith(("strong: ", "fair: ", "weak: "))
    assert only.evidence
    assert "nothing is corrected" in only.remedy
    return only


def facts(finding: Finding, role: str = "support") -> dict[str, dict[str, Any]]:
    return {fact.fact: dict(fact.values) for fact in finding.evidence if fact.role == role}


def rewritten(source: Path, path: Path, change: Any) -> Path:
    """A tile with other numbers and the same records."""
    las = laspy.read(source)
    x, y, z = change(np.asarray(las.x), np.asarray(las.y), np.asarray(las.z))
    las.header.offsets = [float(np.floor(np.min(v))) for v in (x, y, z)]
    las.header.scales = np.array([0.001, 0.001, 0.001]) if max(np.ptp(x), np.ptp(y)) < 1e6 else np.ones(3)
    las.x, las.y, las.z = x, y, z
    las.write(path)
    return path


# --- no false alarm ----------------------------------------------------------------------------------------------

EXPECTED = {
    # real files of which something is to be said, and what; all others get no suggestion
    "lidar/bad/test_data_0436_6384_LA93_IGN69_single_point.laz": "crs: EPSG:2154",
    "lidar/bad/test_data_77050_627755_LA93_IGN69.copc.laz": "crs: EPSG:2154",
    "lidar/bad/test_noepsg_043500_629205_IGN69.laz": "crs: EPSG:2154",
    "lidar/bad/test_pdalfail_0643_6319_LA93_IGN69.laz": "crs: EPSG:2154",
    # in feet, its record says metres
    "lidar/format_variants/simple.copc.laz": "ask for the coordinates in EPSG:2991, in its units, x or longitude "
    "first: it looks written in feet (international or US survey feet: a few metres apart)",
    # outside the area that it states, and where a model beside it lies, whose numbers are the same in EPSG:3857
    "bim/georeferencing_rules/grf002/pass-grf002-valid_epsg_code_alternative.ifc": "crs: EPSG:3857",
}


@pytest.mark.shared
def test_of_all_real_files_only_those_that_contradict_themselves_get_a_suggestion(grids: Path, shared: Path) -> None:
    files = [
        path
        for kind in ("lidar", "cadastre", "bim", "sensors")
        for path in sorted((shared / "data" / kind).rglob("*"))
        if path.is_file()
    ]
    assert len(files) > 100
    told = {
        path.relative_to(shared / "data").as_posix(): finding.suggestion
        for path, report in zip(files, check_files(files), strict=True)
        for finding in guesses(report)
    }
    assert told == EXPECTED


@pytest.mark.parametrize("name", ["rive", "lagon"])
def test_the_sample_territories_raise_no_alarm(repository: Path, name: str) -> None:
    files = sorted(path for path in (repository / "sample_data" / name).rglob("*.*") if "truth" not in path.parts)
    assert [finding.code for report in check_files(files) for finding in guesses(report)] == []


# --- LiDAR -------------------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize("declared", ["EPSG:3944+5720", "EPSG:3948+5720", "EPSG:27572+5720", "EPSG:2975+5758"])
def test_a_real_tile_declared_in_another_system_is_known_by_its_name(shared: Path, declared: str) -> None:
    report = check_file(shared / "data/lidar" / TILE, crs=Reference.model_validate(declared))
    found = guess(report)
    assert (found.code, found.suggestion) == ("probable_reference", "crs: EPSG:2154")
    assert found.confidence.startswith("strong")
    assert facts(found)["named_square"] == {"share_inside": 1.0}
    assert facts(found, "doubt")["outside_area"] == {"share_outside": 1.0}
    # 289,055 points on a square kilometre, as its README counts them
    assert facts(found)["sizes"]["density_m2"] == pytest.approx(0.289, abs=0.001)


@pytest.mark.shared
def test_a_real_tile_in_lambert_ii_etendu_said_to_be_lambert_93_is_known(shared: Path, tmp_path: Path) -> None:
    move = pyproj.Transformer.from_crs(2154, 27572, always_xy=True, allow_ballpark=True)

    def change(x: Any, y: Any, z: Any) -> Any:
        return (*move.transform(x, y), z)

    path = rewritten(shared / "data/lidar" / SQUARE, tmp_path / "nuage_IGN69.laz", change)
    found = guess(check_file(path))
    assert found.suggestion == "crs: EPSG:27572"
    assert "Lambert II étendu (EPSG:27572)" in found.message


@pytest.mark.shared
@pytest.mark.parametrize(
    ("mistake", "words", "change"),
    [
        ("feet", "in feet", lambda x, y, z: (x / 0.3048, y / 0.3048, z)),
        ("swapped", "axes swapped", lambda x, y, z: (y, x, z)),
        ("negated", "both signs inverted", lambda x, y, z: (-x, -y, z)),
        ("centimetres", "in centimetres", lambda x, y, z: (x * 100, y * 100, z)),
    ],
)
def test_a_mistake_in_a_real_tile_is_named(shared: Path, tmp_path: Path, mistake: str, words: str, change: Any) -> None:
    path = rewritten(shared / "data/lidar" / SQUARE, tmp_path / f"{mistake}_IGN69.laz", change)
    found = guess(check_file(path))
    assert words in found.message
    assert found.code == "probable_reference"


def test_a_tile_in_degrees_said_to_be_lambert_93_is_named(tmp_path: Path) -> None:
    points = points_on_grid() * [1e-7, 1e-7, 1] + [2.3, 48.1, 0]
    found = guess(check_file(write_tile(tmp_path / "t_IGN69.laz", points, scale=1e-7)))
    assert found.suggestion == "crs: EPSG:4326"


@pytest.mark.shared
def test_ellipsoidal_heights_are_known_by_the_same_ground_in_another_file(
    grids: Path, shared: Path, tmp_path: Path
) -> None:
    sound = shared / "data/lidar" / SQUARE
    raised = rewritten(sound, tmp_path / "gnss_IGN69.laz", lambda x, y, z: (x, y, z + UNDULATION_M))
    alone = check_file(raised)
    assert guesses(alone) == []  # 49.69 m too high is no contradiction by itself
    ours, theirs = check_files([raised, sound])
    found = guess(ours)
    assert found.code == "probable_heights"
    assert found.confidence.startswith("strong")
    assert "ellips" in found.suggestion
    # the sample of the ground is another one in each file: their cells agree to a few centimetres
    assert facts(found, "doubt")["overlap"]["median_m"] == pytest.approx(UNDULATION_M, abs=0.05)
    assert facts(found)["overlap"]["median_m"] == pytest.approx(0, abs=0.05)
    # the vector lies 2 km away, over which RAF20 changes by centimetres
    assert facts(found)["undulation"]["undulation_m"] == pytest.approx(UNDULATION_M, abs=0.05)
    # two files that contradict each other: the other one is told as well, and no more than that it disagrees
    assert all(one.code != "probable_reference" for one in guesses(theirs))


@pytest.mark.shared
def test_heights_in_feet_are_known_by_the_same_ground_in_another_file(
    grids: Path, shared: Path, tmp_path: Path
) -> None:
    sound = shared / "data/lidar" / SQUARE
    feet = rewritten(sound, tmp_path / "feet_IGN69.laz", lambda x, y, z: (x, y, z / 0.3048))
    found = guess(check_files([feet, sound])[0])
    assert found.suggestion == "ask for the heights in metres: they look like feet"


def test_a_tile_of_la_reunion_in_the_zone_of_mayotte_is_named(tmp_path: Path) -> None:
    points = points_on_grid() - [650_000 - 340_000, 6_862_000 - 7_660_000, 0]
    path = write_tile(tmp_path / "LHD_REU_0340_7660_PTS_RGR92UTM40S_REUN89.laz", points, wkt="EPSG:4471+5793")
    report = check_file(path)
    assert "contradictory_reference" in report.codes  # the name states REUN89
    path = write_tile(tmp_path / "LHD_REU_0340_7660_PTS_RGR92UTM40S.laz", points, wkt="EPSG:4471")
    found = guess(check_file(path))
    assert found.suggestion == "crs: EPSG:2975"
    assert found.confidence.startswith("strong")


# --- cadastre ----------------------------------------------------------------------------------------------------


def moved(shared: Path, path: Path, change: Any) -> Path:
    """The real extract of the cadastre with other numbers."""
    collection = json.loads((shared / "data/cadastre/etalab/cadastre_extract_data.json").read_text(encoding="utf-8"))

    def walk(value: Any) -> Any:
        return list(change(*value)) if isinstance(value[0], float) else [walk(one) for one in value]

    for feature in collection["features"]:
        feature["geometry"]["coordinates"] = walk(feature["geometry"]["coordinates"])
    path.write_text(json.dumps(collection), encoding="utf-8")
    return path


@pytest.mark.shared
def test_parcels_with_latitude_first_are_known_by_their_ids(shared: Path, tmp_path: Path) -> None:
    found = guess(check_file(moved(shared, tmp_path / "x.json", lambda lon, lat: (lat, lon))))
    assert "with its two axes swapped" in found.message
    assert found.confidence.startswith("strong")
    assert facts(found)["departements"]["departements"] == ["01", "38"]


@pytest.mark.shared
def test_parcels_in_lambert_93_in_a_geojson_are_named(shared: Path, tmp_path: Path) -> None:
    move = pyproj.Transformer.from_crs(4171, 2154, always_xy=True)
    found = guess(check_file(moved(shared, tmp_path / "x.json", move.transform)))
    assert found.suggestion == "crs: EPSG:2154"
    # three parcels of Isère and Ain, 550 to 41,740 m²: drawn to a few per cent of what the register says
    assert facts(found)["registered_areas"]["ratio"] == pytest.approx(1.0, abs=0.1)
    # a cadastre has no `crs` to declare
    assert "jnt crs transform EPSG:2154 EPSG:4326 x.json" in found.remedy
    assert "declare" not in found.remedy


def test_degrees_in_a_geojson_that_says_lambert_93_are_named(tmp_path: Path) -> None:
    lambert = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
    places = [square(5.6 + i / 1000, 45.54) for i in range(4)]
    degrees = write_collection(tmp_path / "x.json", *(building(one) for one in places), crs=lambert)
    report = check_file(degrees)
    assert report.codes == ("probable_reference",)
    (found,) = guesses(report)
    assert found.suggestion == "crs: EPSG:4326"
    assert found.confidence.startswith("strong")
    assert "jnt crs transform" not in found.remedy  # it would make nonsense of sound numbers
    # what is Lambert-93 as it says is read
    squares = [square(903_000.0 + 20 * i, 6_497_000.0, 12.0) for i in range(4)]
    report = check_file(write_collection(tmp_path / "y.json", *(building(one) for one in squares), crs=lambert))
    assert (report.verdict, report.codes, report.facts["reference"]) == ("sound", (), "EPSG:2154")
    # properties that are no object are no reason to fall
    odd = {"type": "Feature", "geometry": square(5.6, 45.54), "properties": ["a"]}
    assert "not_read" in check_file(write_collection(tmp_path / "z.json", odd, crs=lambert)).codes


def test_buildings_in_another_unit_are_known_by_their_size(tmp_path: Path) -> None:
    # 12 m wide, around Cayenne, in UTM 22N and feet
    corners = [(353_600.0 + 20 * i, 545_000.0) for i in range(6)]
    squares = [square(x / 0.3048, y / 0.3048, 12 / 0.3048) for x, y in corners]
    found = guess(
        check_file(write_collection(tmp_path / "x.json", *(building(one, commune="97302") for one in squares)))
    )
    assert "UTM 22N (EPSG:2972) in feet" in found.message
    assert facts(found)["sizes"]["footprint_m"] == pytest.approx(12, rel=1e-3)


@pytest.mark.shared
def test_parcels_far_from_the_departement_of_their_ids_are_told(shared: Path, tmp_path: Path) -> None:
    report = check_file(moved(shared, tmp_path / "x.json", lambda lon, lat: (lon - 5.0, lat + 3.0)))
    (found,) = guesses(report)
    assert found.code == "place_contradicts_evidence"
    assert "département" in found.message


def test_features_of_several_references_are_refused(tmp_path: Path) -> None:
    def named(name: str) -> dict[str, Any]:
        return {"type": "name", "properties": {"name": name}}

    def commune(number: int, **members: Any) -> dict[str, Any]:
        ring = [[[5.6, 45.5], [5.7, 45.5], [5.7, 45.6], [5.6, 45.5]]]
        geometry = {"type": "Polygon", "coordinates": ring}
        return {"type": "Feature", "properties": {"id": f"3800{number}", "nom": "x"}, "geometry": geometry, **members}

    crs84 = named("urn:ogc:def:crs:OGC:1.3:CRS84")
    path = write_collection(tmp_path / "x.json", commune(1), commune(2, crs=named("EPSG:2154")), crs=crs84)
    report = check_file(path)
    assert report.codes == ("mixed_references",)
    assert "EPSG:2154 (1 features, first: feature 1)" in report.findings[0].message
    assert check_file(write_collection(tmp_path / "y.json", commune(1, crs=crs84), commune(2))).verdict == "sound"
    lambert = named("urn:ogc:def:crs:EPSG::2154")
    report = check_file(write_collection(tmp_path / "z.json", commune(1, crs=named("EPSG:2154")), crs=lambert))
    # one reference, written in two ways, read as it says, and not that of the numbers
    assert report.codes == ("probable_reference",)


# --- sensors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (652_469.0, 6_862_035.0, "Lambert-93 (EPSG:2154)"),
        (48.85, 2.35, "axes swapped"),
        (55.45, 20.95, "sign of y lost"),  # La Réunion without its minus
        (61.53, 16.24, "sign of x lost"),  # Guadeloupe without its minus
        (342_122.2, 7_666_098.5, "UTM 40S (EPSG:2975)"),
    ],
)
def test_stations_that_are_no_degrees_of_france_are_named(tmp_path: Path, x: float, y: float, words: str) -> None:
    path = tmp_path / "stations.csv"
    path.write_text(f"{STATIONS}S1,a,b,{x},{y},\nS2,a,b,{x + 0.001},{y + 0.001},\n", encoding="utf-8")
    found = guess(check_file(path))
    assert words in found.message
    if found.suggestion.startswith("crs:"):  # sensors have no `crs` to declare
        code = found.suggestion.removeprefix("crs: ")
        assert f"jnt crs transform {code} EPSG:4326 stations.csv --columns longitude,latitude" in found.remedy


def test_readings_of_equal_rank_are_told_apart_each_with_its_territory(tmp_path: Path) -> None:
    path = tmp_path / "stations.csv"
    # Paris without its north, or Saint-Malo without both signs
    path.write_text(f"{STATIONS}S1,a,b,2.35,-48.85,\n", encoding="utf-8")
    found = guess(check_file(path))
    assert found.code == "ambiguous_reference"
    assert len({found.suggestion, *found.alternatives}) == 2
    # Marigot in metres, where the Cévennes are in Lambert II étendu
    path.write_text(f"{STATIONS}S1,a,b,491541,1999000,\n", encoding="utf-8")
    found = guess(check_file(path))
    assert "Lambert II étendu (EPSG:27572), in France continentale" in found.message
    assert "UTM 20N (EPSG:5490), in Saint-Martin" in found.message
    assert "EPSG:32620, EPSG:32620" not in found.message


def test_without_the_grid_heights_that_are_impossible_say_what_was_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(GRIDS_VARIABLE, str(tmp_path / "nothing"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    use_grid_folders()
    points = points_on_grid() - [650_000 - 657_000, 6_862_000 - 1_796_000, 60]
    (found,) = guesses(check_file(write_tile(tmp_path / "t.las", points, wkt="EPSG:5490+5757")))
    monkeypatch.undo()
    use_grid_folders()
    assert found.code == "impossible_heights"
    assert "ellipsoidal heights were not looked for" in found.message


def test_stations_at_zero_have_no_position(tmp_path: Path) -> None:
    path = tmp_path / "stations.csv"
    path.write_text(f"{STATIONS}S1,a,b,0,0,\nS2,a,b,0,0,\n", encoding="utf-8")
    assert [one.code for one in guesses(check_file(path))] == ["no_position"]


def test_stations_of_guadeloupe_far_under_the_sea_are_ellipsoidal(grids: Path, tmp_path: Path) -> None:
    path = tmp_path / "stations.csv"
    rows = "".join(f"S{i},a,b,{-61.55 + i / 1000},16.25,{-38.0 + i}\n" for i in range(5))
    path.write_text(STATIONS + rows, encoding="utf-8")
    found = guess(check_file(path, vertical="EPSG:5757"))
    assert found.code == "probable_heights"
    assert "ellips" in found.suggestion


def test_a_sensorthings_document_with_latitude_first_is_named(tmp_path: Path) -> None:
    thing = {
        "name": "a", "description": "b",
        "Locations": [{
            "name": "l", "description": "d", "encodingType": "application/geo+json",
            "location": {"type": "Point", "coordinates": [48.85, 2.35]},
        }],
        "Datastreams": [],
    }  # fmt: skip
    path = tmp_path / "things.json"
    path.write_text(json.dumps({"value": [{"@iot.id": 1, **thing}]}), encoding="utf-8")
    found = guesses(check_file(path))
    assert ["axes swapped" in one.message for one in found] == [True]


# --- IFC ---------------------------------------------------------------------------------------------------------


def school(path: Path, name: str, east: float, north: float, **where: Any) -> Path:
    maker = ModelMaker(prefix=None, **where)
    maker.georeference(name, east, north, 50.0, scale=1.0)
    maker.box("wall", (0.0, 0.0, 0.0), (10.0, 5.0, 3.0))
    return maker.save(path)


@pytest.mark.parametrize(
    ("name", "east", "north", "suggestion"),
    [
        ("EPSG:2154", 1_649_350.8, 5_289_127.4, "crs: EPSG:3946"),
        ("EPSG:3946", 652_469.0, 6_862_035.0, "crs: EPSG:2154"),
        ("EPSG:2975", 496_742.0 + 20_000, 8_580_000.0, "crs: EPSG:4471"),
    ],
)
def test_a_model_in_another_zone_than_it_says_is_named(
    tmp_path: Path, name: str, east: float, north: float, suggestion: str
) -> None:
    assert guess(check_file(school(tmp_path / "m.ifc", name, east, north))).suggestion == suggestion


def test_the_latitude_of_the_site_decides_between_old_zones(tmp_path: Path) -> None:
    # Toulouse (43.60 N, 1.44 E) in Lambert III; the same numbers fall into zones I and II as well
    east, north = pyproj.Transformer.from_crs(4275, 27563, always_xy=True).transform(1.44, 43.60)
    site = {"latitude": (43, 36, 0), "longitude": (1, 26, 24)}
    found = guess(check_file(school(tmp_path / "m.ifc", "EPSG:2154", east, north, **site)))
    assert (found.code, found.suggestion) == ("probable_reference", "crs: EPSG:27563")
    found = guess(check_file(school(tmp_path / "n.ifc", "EPSG:2154", east, north)))
    assert found.code == "ambiguous_reference"
    assert "crs: EPSG:27563" in {found.suggestion, *found.alternatives}


# --- several files, and the command ------------------------------------------------------------------------------


def test_a_model_of_an_old_zone_is_known_by_the_other_files(tmp_path: Path) -> None:
    east, north = pyproj.Transformer.from_crs(4275, 27563, always_xy=True).transform(1.44, 43.60)
    model = school(tmp_path / "m.ifc", "EPSG:2154", east, north)
    (tmp_path / "stations.csv").write_text(f"{STATIONS}S1,a,b,1.45,43.61,\n", encoding="utf-8")
    found = guess(check_files([model, tmp_path / "stations.csv"])[0])
    assert (found.code, found.suggestion) == ("probable_reference", "crs: EPSG:27563")
    assert facts(found)["neighbours"]["file"] == "stations.csv"


def test_the_command_tells_the_suggestion_in_words_and_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_tile(tmp_path / "t_IGN69.laz", points_on_grid(), 2, wkt="EPSG:3946")
    for options in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["jnt", "check", str(path), *options])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 1
    said = capsys.readouterr().out
    assert "probable_reference" in said
    words, _, document = said.partition("\n[\n")
    assert "declare `crs: EPSG:2154`" in " ".join(words.split())
    (report,) = json.loads(f"[{document}")
    (found,) = [one for one in report["findings"] if one["code"] == "probable_reference"]
    assert found["suggestion"] == "crs: EPSG:2154"
    assert found["evidence"][0] == {
        "role": "doubt",
        "fact": "outside_area",
        "message": "100% of the points lie outside the area of use of EPSG:3946",
        "values": {"share_outside": 1.0},
    }
