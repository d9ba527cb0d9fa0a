"""``jnt crs transform``: text, features and point clouds, as people type it, with bad input among the good.

Expected coordinates are IGN's published test points (Circé) and those of PROJ's own suite.
"""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import laspy
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from source_files import write_tile

Jnt = Callable[..., Any]

LAMBERT_93 = (652_760.737, 7_033_791.243)  # G1
DEGREES = (2.3365066, 50.399936575)
REUNION = (342_122.248, 7_666_098.474, 3069.619)  # RH1
REUNION_DEGREES = (55.480029297222, -21.099390702778, 3076.631)
MM_DEG = 1e-8  # 1.1 mm of latitude: IGN publishes its points to the millimetre


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


# --- text ----------------------------------------------------------------------------------------------------


def test_a_table_keeps_its_columns_quotes_and_delimiter(jnt: Jnt, grids: Path) -> None:
    x, y, h = REUNION
    text = f'id;nom;z;x;y;note\n1;"Piton; des Neiges";{h};{x};{y};é\n'
    said = jnt("crs", "transform", "EPSG:2975+5758", "EPSG:4971", stdin=text)
    assert said.code == 0
    header, row = rows(said.out, ";")
    assert header == ["id", "nom", "z", "x", "y", "note"]
    assert (row[0], row[1], row[5]) == ("1", "Piton; des Neiges", "é")
    assert float(row[3]) == pytest.approx(REUNION_DEGREES[0], abs=MM_DEG)
    assert float(row[4]) == pytest.approx(REUNION_DEGREES[1], abs=MM_DEG)
    assert float(row[2]) == pytest.approx(REUNION_DEGREES[2], abs=1e-3)


def test_operation_grid_edition_accuracy_licence_and_counts_go_to_standard_error(jnt: Jnt, grids: Path) -> None:
    said = jnt("crs", "transform", "EPSG:2975+5758", "EPSG:4971", stdin="342122.248 7666098.474 3069.619\n")
    assert "operation: " in said.err
    assert "grid:      fr_ign_RAR07_bl.tif, edition RAR07_bl, SHA-256 730aea12ee864256…" in said.err
    assert "accuracy:  0.1 m" in said.err  # EPSG, Reunion 1989 height to RGR92
    assert "Licence Ouverte" in said.err
    assert "records:   1 read = 1 kept + 0 set aside" in said.err
    assert "UTM 40S (RGR92) + REUN89" in said.err


@pytest.mark.parametrize(
    "text",
    [
        "lon,lat\n{lon},{lat}\n",
        "lat;lon\n{lat};{lon}\n",
        "\ufeffLongitude\tname\tLatitude\n{lon}\ta\t{lat}\n",
        "{lon} {lat}\n",
        "# a comment\n\n  {lon};{lat}\n",
        "{lon}, {lat}\n",
    ],
)
def test_columns_are_found_by_their_names_else_by_their_order(jnt: Jnt, text: str) -> None:
    said = jnt("crs", "transform", "EPSG:4171", "EPSG:2154", stdin=text.format(lon=DEGREES[0], lat=DEGREES[1]))
    assert said.code == 0, said.err
    numbers = sorted(float(part) for part in said.out.splitlines()[-1].replace(";", " ").replace(",", " ").split()
                     if part != "a")  # fmt: skip
    assert numbers == pytest.approx(sorted(LAMBERT_93), abs=1e-3)


def test_a_column_named_lon_does_not_come_out_with_metres_under_that_name(jnt: Jnt) -> None:
    said = jnt("crs", "transform", "EPSG:4171", "EPSG:2154", stdin=f"id,lat,lon\n7,{DEGREES[1]},{DEGREES[0]}\n")
    header, row = rows(said.out)
    assert header == ["id", "y", "x"]
    assert float(row[1]) == pytest.approx(LAMBERT_93[1], abs=1e-3)
    assert "renamed" in said.err


@pytest.mark.parametrize("columns", ["E,N", "3,2"])
def test_columns_are_named_or_numbered_by_the_user(jnt: Jnt, columns: str) -> None:
    x, y = LAMBERT_93
    text = f"a,N,E\n1,{y},{x}\n" if columns == "E,N" else f"1,{y},{x}\n"
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", "--columns", columns, stdin=text)
    row = rows(said.out)[-1]
    assert (float(row[2]), float(row[1])) == pytest.approx(DEGREES, abs=MM_DEG)
    assert row[0] == "1"


def test_the_third_column_goes_where_the_target_has_none(jnt: Jnt) -> None:
    """X1 and N4: the same point of IGN, geocentric and in Lambert-93."""
    said = jnt("crs", "transform", "EPSG:4964", "EPSG:2154", stdin="X,Y,Z,n\n4370322.314,178320.954,4626603.367,4\n")
    header, row = rows(said.out)
    assert header == ["X", "Y", "n"]
    assert [float(value) for value in row] == pytest.approx([649_398.872, 6_633_524.191, 4], abs=1.5e-3)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("652760,737;7033791,243\n", 3, "decimal commas"),
        ("652760,737 7033791,243\n", 3, "decimal commas"),
        ("652760,737,7033791,243\n", 3, "decimal commas"),
        ("x;y\n652760,737;7033791,243\n", 3, "decimal commas"),
        ("x,y\n1,2\n3\n", 3, "line 3: not a point"),
        ("x,y\n1,two\n", 3, "line 2: not a point"),
        ("1_000 2\n", 3, "not a point"),
        ("a,b\n1,2\n", 2, "does not say which columns"),
        ("x,y,z,h\n1,2,3,4\n", 2, "does not say which columns"),
        ("7;652760.7;7033791.2;a\n", 2, "--columns 2,3,4"),
        ("nan nan\n", 1, "finite"),
        ("7033791.243 652760.737\n", 1, "swapped"),
        ("2.33 50.39\n", 1, "outside the area"),
    ],
)
def test_bad_text_is_refused_by_line_and_nothing_is_written(
    jnt: Jnt, tmp_path: Path, text: str, code: int, words: str
) -> None:
    out = tmp_path / "out.csv"
    for options in ((), ("--out", out)):
        said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", *options, stdin=text)
        assert (said.code, words in said.err) == (code, True), said.err
        assert said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_late_mistake_leaves_an_earlier_file_as_it_was(jnt: Jnt, tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = [f"{LAMBERT_93[0]} {LAMBERT_93[1]}"] * 100_001  # two blocks
    source.write_text("\n".join([*lines, "1 2"]))
    out.write_text("earlier")
    assert jnt("crs", "transform", "EPSG:2154", "EPSG:4171", source, "--out", out).code == 1
    assert out.read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_refused_lines_are_set_aside_with_their_reason_and_the_counts_add_up(
    jnt: Jnt, grids: Path, tmp_path: Path
) -> None:
    x, y = 652_301.56, 6_861_302.73  # Paris
    text = f"id;x;y;z\n1;{x};{y};10\n2;1050000;6450000;10\n3;oops;{y};10\n4;{y};{x};10\n5;{x};{y};nan\n6;{x};{y};20\n"
    out, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    said = jnt("crs", "transform", "EPSG:2154+5720", "EPSG:4979", "--out", out, "--set-aside", bad, stdin=text)
    assert said.code == 0
    assert [row[0] for row in rows(out.read_text(), ";")] == ["id", "1", "6"]
    header, *refused = rows(bad.read_text())
    assert header == ["record", "reason", "detail", "content"]
    assert [(row[0], row[1]) for row in refused] == [
        ("line 3", "outside_area"),  # Turin, in Lambert-93
        ("line 4", "not_a_point"),
        ("line 5", "swapped_axes"),
        ("line 6", "crs"),
    ]
    assert refused[0][3] == "2;1050000;6450000;10"
    assert "records:   6 read = 2 kept + 4 set aside" in said.err


def test_nothing_to_set_aside_gives_a_file_with_a_header_alone(jnt: Jnt, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    assert jnt("crs", "transform", "EPSG:4171", "EPSG:2154", "--set-aside", bad, stdin="2.35 48.85\n").code == 0
    assert bad.read_text() == "record,reason,detail,content\n"


def test_an_empty_table_gives_an_empty_table(jnt: Jnt) -> None:
    said = jnt("crs", "transform", "EPSG:4171", "EPSG:2154", stdin="")
    assert (said.code, said.out) == (0, "")
    assert "0 read" in said.err
    assert jnt("crs", "transform", "EPSG:4171", "EPSG:2154", stdin="x,y\n").out == "x,y\n"


@pytest.mark.parametrize(
    ("target", "header", "expected"),
    [
        ("EPSG:4979", "x_l93,y_l93,z_ngf", "longitude,latitude,z"),  # not NGF any more: above the ellipsoid
        ("EPSG:3950+5720", "x_l93,y_l93,z_ngf", "x,y,z_ngf"),  # not Lambert-93 any more: a conic conformal zone
        ("EPSG:4978", "easting,northing,altitude", "x,y,z"),  # geocentric
        ("EPSG:4978", "x,y,z", "x,y,z"),
        ("EPSG:4979", "easting,northing,h", "longitude,latitude,h"),
    ],
)
def test_no_column_keeps_a_name_that_is_true_of_the_source_alone(
    jnt: Jnt, grids: Path, target: str, header: str, expected: str
) -> None:
    said = jnt("crs", "transform", "EPSG:2154+5720", target, stdin=f"{header}\n652760.737,7033791.243,12.5\n")
    assert said.code == 0
    assert said.out.splitlines()[0] == expected


@pytest.mark.parametrize(("source", "moved"), [("EPSG:2154", {"x", "y"}), ("EPSG:4171", {"lon", "lat"})])
def test_of_two_pairs_of_columns_that_of_the_stated_kind_is_moved(jnt: Jnt, source: str, moved: set[str]) -> None:
    before = dict(zip(("lon", "lat", "x", "y"), (*DEGREES, *LAMBERT_93), strict=True))
    text = ",".join(before) + "\n" + ",".join(str(value) for value in before.values()) + "\n"
    said = jnt("crs", "transform", source, "EPSG:3950", stdin=text)
    assert said.code == 0
    header, row = rows(said.out)
    assert len(set(header)) == 4  # no name twice, whatever is renamed
    kept = [i for i, name in enumerate(before) if name not in moved]
    assert [float(row[i]) for i in kept] == [list(before.values())[i] for i in kept]


def test_columns_that_do_not_move_come_out_byte_for_byte(jnt: Jnt) -> None:
    x, y = LAMBERT_93
    lines = [f'"0012",{x},{y}, "Rue, longue" ,6" pipe', f'A,{x},{y},"d ""q""", blanc ']
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:2154", stdin='"id",x,"y",n,m\n' + "\n".join(lines) + "\n")
    assert said.code == 0
    same = [line.replace(str(x), f"{x:.4f}").replace(str(y), f"{y:.4f}") for line in lines]
    assert said.out.splitlines() == ['"id",x,"y",n,m', *same]


def test_a_record_of_several_lines_is_refused_and_leaves_no_open_quote(jnt: Jnt, tmp_path: Path) -> None:
    x, y = LAMBERT_93
    text = f'x,y,note\n{x},{y},"first\nsecond"\n{x},{y},ok\n'
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", stdin=text)
    assert (said.code, said.out) == (3, "")
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", "--set-aside", tmp_path / "bad.csv", stdin=text)
    assert "3 read = 1 kept + 2 set aside" in said.err
    assert '"' not in said.out


def test_the_mark_of_utf_8_is_no_part_of_the_first_line(jnt: Jnt) -> None:
    for first in ("# levé\n", ""):
        said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", stdin=f"\ufeff{first}x;y\n652760.737;7033791.243\n")
        assert said.out.splitlines()[0] == "x;y"


def test_a_header_with_a_year_is_a_header(jnt: Jnt) -> None:
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", stdin="x,y,2024\n652760.737,7033791.243,7\n")
    assert said.out.splitlines()[0] == "x,y,2024"
    assert "1 read = 1 kept" in said.err


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("id,x,y,z,alt\n1,1,1,1,1\n", "--columns x,y,z"),
        ("id,este,norte\n1,1,1\n", "--columns X,Y,HEIGHT"),
    ],
)
def test_an_unclear_header_gets_a_remedy_that_can_be_typed(jnt: Jnt, text: str, remedy: str) -> None:
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", stdin=text)
    assert said.code == 2
    assert remedy in said.err


def test_decimal_commas_in_a_table_of_commas_are_named(jnt: Jnt) -> None:
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", stdin="x,y\n652760,737,7033791,243\n")
    assert said.code == 3
    assert "decimal commas" in said.err


# --- what is written, and where --------------------------------------------------------------------------------


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    file = tmp_path / "survey.csv"
    file.write_text("x,y\n652760.737,7033791.243\n", encoding="utf-8")
    return file


def test_the_file_for_refused_records_never_replaces_the_input_or_the_output(
    jnt: Jnt, survey: Path, tmp_path: Path
) -> None:
    before, out = survey.read_bytes(), tmp_path / "out.csv"
    for aside in (survey, out, tmp_path):
        said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", survey, "--out", out, "--set-aside", aside)
        assert said.code == 2
        assert "--set-aside" in said.err
    assert survey.read_bytes() == before
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_a_plain_error(jnt: Jnt, survey: Path, tmp_path: Path) -> None:
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", survey, "--out", survey / "out.csv")  # below a file
    assert said.code == 1
    assert "cannot be written" in said.err
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", survey, "--out", tmp_path)
    assert said.code == 2
    assert "folder" in said.err


def test_a_folder_is_made_for_a_file_that_is_written_and_for_no_other(jnt: Jnt, survey: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "deep" / "out.csv"
    assert jnt("crs", "transform", "EPSG:2975", "EPSG:4971", survey, "--out", out).code == 1
    assert not (tmp_path / "new").exists()
    assert jnt("crs", "transform", "EPSG:2154", "EPSG:4171", survey, "--out", out).code == 0
    assert [path.name for path in out.parent.iterdir()] == ["out.csv"]


def test_in_a_pipe_text_comes_out_whole_through_the_real_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "jnt_pipeline", "crs", "transform", "EPSG:4171", "EPSG:2154"],
        input="lon,lat,nom\n2.3365066,50.399936575,é\n", capture_output=True, text=True, check=True, encoding="utf-8",
    )  # fmt: skip
    header, (x, y, name) = rows(ended.stdout)
    assert (header, name) == (["x", "y", "nom"], "é")
    assert (float(x), float(y)) == pytest.approx(LAMBERT_93, abs=1e-3)


def test_text_without_a_reference_is_refused(jnt: Jnt) -> None:
    said = jnt("crs", "transform", "auto", "EPSG:2154", stdin="1 2\n")
    assert said.code == 1
    assert "states no coordinate reference system" in said.err


def test_a_text_that_is_not_utf_8_is_named(jnt: Jnt, tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("x,y,nom\n2.35,48.85,é\n".encode("latin-1"))
    said = jnt("crs", "transform", "EPSG:4171", "EPSG:2154", path)
    assert said.code == 3
    assert "UTF-8" in said.err


# --- features ------------------------------------------------------------------------------------------------

SUFFIXES = ["gpkg", "geojson", "shp", "fgb", "parquet"]


def places(*, crs: str = "EPSG:2975") -> gpd.GeoDataFrame:
    """A place of La Réunion with its height, another one, and one that has no place."""
    x, y, h = REUNION
    points = [Point(x, y, h), Point(366_415.442, 7_671_449.988, 56.773), None]
    return gpd.GeoDataFrame({"id": [10, 20, 30], "nom": ["Piton", "é", None]}, geometry=points, crs=crs)


def write(frame: gpd.GeoDataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        options = {"SPATIAL_INDEX": "NO"} if path.suffix == ".fgb" else {}
        frame.to_file(path, layer_options=options)
    return path


def read(path: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_features_move_in_three_dimensions_and_keep_everything_else(
    jnt: Jnt, grids: Path, tmp_path: Path, suffix: str
) -> None:
    source, out = write(places(), tmp_path / f"in.{suffix}"), tmp_path / f"out.{suffix}"
    said = jnt("crs", "transform", "EPSG:2975+5758", "EPSG:4971", source, "--out", out)
    assert said.code == 0, said.err
    found = read(out).sort_values("id", ignore_index=True)
    assert found["id"].tolist() == [10, 20, 30]
    assert found["nom"].tolist()[:2] == ["Piton", "é"]
    assert found["nom"].isna().tolist() == [False, False, True]
    first = found.geometry[0]
    assert (first.x, first.y) == pytest.approx(REUNION_DEGREES[:2], abs=MM_DEG)
    assert first.z == pytest.approx(REUNION_DEGREES[2], abs=1e-3)
    assert found.geometry[2] is None
    assert "vertical reference EPSG:5758 taken from SRC" in said.err
    assert "3 read = 3 kept" in said.err


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_reference_is_written_as_a_compound_where_there_are_heights(jnt: Jnt, tmp_path: Path, suffix: str) -> None:
    """Lambert-93 v1 to v2b, heights in NGF-IGN69 on both sides: no grid is needed, and EPSG has a code for both."""
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[Point(*LAMBERT_93, 12.5)], crs="EPSG:2154")
    source, out = write(frame, tmp_path / f"in.{suffix}"), tmp_path / f"out.{suffix}"
    assert jnt("crs", "transform", "EPSG:2154+5720", "EPSG:9794+5720", source, "--out", out).code == 0
    crs = read(out).crs
    assert crs.is_compound
    assert "IGN69" in crs.sub_crs_list[1].name.replace(" ", "")
    if suffix != "shp":  # Esri's WKT has names, no codes
        assert [part.to_epsg() for part in crs.sub_crs_list] == [9794, 5720]
    assert read(out).geometry[0].z == 12.5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_features_give_the_same_bytes(jnt: Jnt, grids: Path, tmp_path: Path, suffix: str) -> None:
    source = write(places(), tmp_path / f"in.{suffix}")
    contents = []
    for folder in ("one", "two"):
        jnt("crs", "transform", "EPSG:2975+5758", "EPSG:4971", source, "--out", tmp_path / folder / f"out.{suffix}")
        contents.append({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()})
    assert contents[0] == contents[1]
    assert f"out.{suffix}" in contents[0]


def test_operation_grids_and_accuracy_stand_in_the_file_where_the_format_has_a_place(
    jnt: Jnt, grids: Path, tmp_path: Path
) -> None:
    said: dict[str, Any] = {}
    for suffix in ("gpkg", "geojson", "fgb", "parquet"):
        source, out = write(places(), tmp_path / f"in.{suffix}"), tmp_path / f"out.{suffix}"
        assert jnt("crs", "transform", "EPSG:2975+5758", "EPSG:4971", source, "--out", out).code == 0
        if suffix == "parquet":
            said[suffix] = json.loads(pq.read_metadata(out).metadata[b"jnt"])
        else:
            metadata = pyogrio.read_info(out)["layer_metadata"]
            said[suffix] = json.loads(metadata["jnt" if suffix == "gpkg" else "DESCRIPTION"])
    for suffix, document in said.items():
        (grid,) = document["operation"]["grids"]
        assert (grid["name"], grid["edition"]) == ("fr_ign_RAR07_bl.tif", "RAR07_bl"), suffix
        assert document["accuracy_m"] == 0.1
        assert document["counts"]["kept"] == 3


@pytest.mark.parametrize("suffix", ["gpkg", "parquet"])
def test_flat_features_move_in_the_plane_and_every_shape_stays_what_it_is(
    jnt: Jnt, tmp_path: Path, suffix: str
) -> None:
    x, y = LAMBERT_93
    courtyard = Polygon(box(x, y, x + 20, y + 20).exterior.coords, [box(x + 5, y + 5, x + 9, y + 9).exterior.coords])
    shapes = [Point(x, y), LineString([(x, y), (x + 10, y)]), courtyard, MultiPolygon([courtyard])]
    for shape in shapes:
        source = write(gpd.GeoDataFrame({"a": [1]}, geometry=[shape], crs="EPSG:2154"), tmp_path / f"in.{suffix}")
        out = tmp_path / f"out.{suffix}"
        said = jnt("crs", "transform", "auto", "EPSG:4171", source, "--out", out)
        assert said.code == 0, said.err
        found = read(out)
        assert found.crs.to_epsg() == 4171
        assert found.geom_type.tolist() == [shape.geom_type]
        first = found.geometry[0].bounds
        assert first[0] == pytest.approx(DEGREES[0], abs=5e-6)  # 0.35 m: the box is turned by 0.5°, 0.17 m in 20 m
        assert "reference EPSG:2154 taken from the file" in said.err
        source.unlink()


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".parquet"])
def test_whole_numbers_and_truth_values_with_gaps_stay_exact(jnt: Jnt, tmp_path: Path, suffix: str) -> None:
    big = 2**53 + 1  # no double holds it
    columns = {
        "number": pd.array([big, None], dtype="Int64"),
        "small": pd.array([None, 7], dtype="Int32"),
        "flag": pd.array([True, None], dtype="boolean"),
    }
    features = gpd.GeoDataFrame(columns, geometry=[Point(LAMBERT_93), Point(LAMBERT_93)], crs=2154)
    source, out = tmp_path / "in.gpkg", tmp_path / f"out{suffix}"
    features.to_file(source)
    bare = tmp_path / "bare.parquet"  # as DuckDB and GDAL write it: without what pandas notes of its types
    features.to_parquet(bare, index=False)
    written = pq.read_table(bare)
    said = {key: value for key, value in written.schema.metadata.items() if key != b"pandas"}
    pq.write_table(written.replace_schema_metadata(said), bare)
    for path in (source, bare):
        assert jnt("crs", "transform", "auto", "EPSG:9794", path, "--out", out).code == 0
        found = pq.read_table(out) if suffix == ".parquet" else pyogrio.read_arrow(out)[1]
        assert found["number"].to_pylist() == [big, None]
        assert found["small"].to_pylist() == [None, 7]
        assert found["flag"].to_pylist() == [True, None]


def test_src_and_file_that_contradict_each_other_are_refused(jnt: Jnt, tmp_path: Path) -> None:
    source = write(places(), tmp_path / "in.gpkg")
    for given in ("EPSG:2154", "EPSG:4171+5720"):
        said = jnt("crs", "transform", given, "EPSG:4326", source, "--out", tmp_path / "out.gpkg")
        assert said.code == 1
        assert "SRC contradicts what the file states" in said.err
        assert "UTM 40S (RGR92)" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.gpkg"]


def test_a_vertical_reference_that_contradicts_the_file_is_refused(jnt: Jnt, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[Point(*LAMBERT_93, 1.0)], crs="EPSG:5698")
    source = write(frame, tmp_path / "in.gpkg")
    said = jnt("crs", "transform", "EPSG:2154+5721", "EPSG:9794+5721", source, "--out", tmp_path / "out.gpkg")
    assert said.code == 1
    assert "NGF-IGN69" in said.err


def test_a_geojson_that_states_nothing_is_in_degrees_unless_the_user_says_otherwise(jnt: Jnt, tmp_path: Path) -> None:
    def geojson(x: float, y: float) -> Path:
        path = tmp_path / "in.geojson"
        point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [x, y]}}
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [point]}))
        return path

    out = tmp_path / "out.gpkg"
    assert jnt("crs", "transform", "auto", "EPSG:2154", geojson(2.35, 48.85), "--out", out).code == 0
    assert read(out).geometry[0].x == pytest.approx(652_301.6, abs=0.1)  # RFC 7946: WGS 84
    assert jnt("crs", "transform", "EPSG:2154", "EPSG:4171", geojson(*LAMBERT_93), "--out", out).code == 0
    assert read(out).geometry[0].x == pytest.approx(DEGREES[0], abs=MM_DEG)
    said = jnt("crs", "transform", "auto", "EPSG:2154", geojson(*LAMBERT_93), "--out", out)
    assert said.code == 1


def test_refused_features_end_the_work_or_are_set_aside_with_their_attributes(jnt: Jnt, tmp_path: Path) -> None:
    shapes = [Point(*LAMBERT_93), Point(1.0, 2.0), LineString([LAMBERT_93, (9e6, 9e6)]), Point(*LAMBERT_93)]
    frame = gpd.GeoDataFrame({"nom": ["a", "b", "c", "d"]}, geometry=shapes, crs="EPSG:2154")
    source, out, bad = write(frame, tmp_path / "in.gpkg"), tmp_path / "out.gpkg", tmp_path / "bad.csv"
    refused = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", source, "--out", out)
    assert refused.code == 1
    assert not out.exists()
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", source, "--out", out, "--set-aside", bad)
    assert said.code == 0, said.err
    assert read(out)["nom"].tolist() == ["a", "d"]
    _, *left = rows(bad.read_text())
    assert [row[0] for row in left] == ["feature 2", "feature 3"]
    assert json.loads(left[0][3]) == {"nom": "b", "geometry": "POINT (1 2)"}
    assert "4 read = 2 kept + 2 set aside" in said.err


def test_heights_that_the_target_cannot_state_are_refused(jnt: Jnt, tmp_path: Path) -> None:
    source = write(places(), tmp_path / "in.gpkg")
    said = jnt("crs", "transform", "EPSG:2975+5758", "EPSG:4627", source, "--out", tmp_path / "out.gpkg")
    assert said.code == 1
    assert "the target says nothing about them" in said.err


def test_a_file_of_several_layers_wants_one_to_be_named(jnt: Jnt, tmp_path: Path) -> None:
    source = tmp_path / "two.gpkg"
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[Point(2.35, 48.85)], crs="EPSG:4171")
    for layer in ("un", "deux"):
        frame.to_file(source, layer=layer)
    out = tmp_path / "out.gpkg"
    said = jnt("crs", "transform", "auto", "EPSG:2154", source, "--out", out)
    assert (said.code, "un, deux" in said.err) == (2, True)
    assert jnt("crs", "transform", "auto", "EPSG:2154", source, "--out", out, "--layer", "trois").code == 2
    assert jnt("crs", "transform", "auto", "EPSG:2154", source, "--out", out, "--layer", "deux").code == 0
    assert pyogrio.list_layers(out)[:, 0].tolist() == ["deux"]


@pytest.mark.parametrize(
    ("name", "options", "code", "words"),
    [
        ("in.gpkg", (), 2, "cannot go to standard output"),
        ("in.gpkg", ("--out", "out.dxf"), 2, "a suffix among"),
        ("in.gpkg", ("--out", "in.gpkg"), 2, "would replace the input"),
        ("in.gpkg", ("--out", "out.gpkg", "--columns", "x,y"), 2, "only text has columns"),
        ("cut.gpkg", ("--out", "out.gpkg"), 3, "cannot be read"),
        ("picture.tif", ("--out", "out.tif"), 3, "not transformed here"),
        ("gone.csv", (), 3, "No such file"),
        ("features.csv", (), 2, "cannot go to standard output"),  # told by content: it is a GeoPackage
        ("points.csv", ("--layer", "a"), 2, "a text has no layers"),
        ("points.csv", ("--delimiter", ";;"), 2, "one character"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_exit_code(
    jnt: Jnt,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    options: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(gpd.GeoDataFrame({"a": [1]}, geometry=[Point(*LAMBERT_93)], crs="EPSG:2154"), Path("in.gpkg"))
    Path("cut.gpkg").write_bytes(Path("in.gpkg").read_bytes()[:3000])
    Path("features.csv").write_bytes(Path("in.gpkg").read_bytes())
    Path("picture.tif").write_bytes(b"II*\x00" + bytes(100))
    Path("points.csv").write_text("x,y\n652760.7,7033791.2\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    said = jnt("crs", "transform", "EPSG:2154", "EPSG:4171", name, *options)
    assert (said.code, words in said.err) == (code, True), said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


# --- point clouds --------------------------------------------------------------------------------------------


def cloud(path: Path, *, wkt: str | None = "EPSG:2154") -> Path:
    """Three points in Paris, with an extra dimension."""
    xyz = [[652_301.56, 6_861_302.73, 35.0], [652_311.56, 6_861_312.73, 36.5], [652_321.56, 6_861_322.73, 41.2]]
    return write_tile(path, np.array(xyz), wkt=wkt, extra={"echo": np.array([7, 8, 9], dtype=np.uint16)})


def test_a_cloud_is_moved_with_its_product_name_and_keeps_its_dimensions(jnt: Jnt, grids: Path, tmp_path: Path) -> None:
    source = cloud(tmp_path / "LHD_FXX_0652_6862_PTS_LAMB93_IGN69.laz")
    out = tmp_path / "out.laz"
    said = jnt("crs", "transform", "auto", "EPSG:9794+5720", source, "--out", out)
    assert said.code == 0, said.err
    moved = laspy.read(out)
    assert np.asarray(moved["echo"]).tolist() == [7, 8, 9]
    assert np.asarray(moved.z).tolist() == pytest.approx([35.0, 36.5, 41.2], abs=1e-9)
    assert np.asarray(moved.x).tolist() == pytest.approx([652_301.56, 652_311.56, 652_321.56], abs=0.011)  # v1 to v2b
    assert moved.header.parse_crs().is_compound
    assert "reference EPSG:2154+5720 taken from the file" in said.err
    assert "3 read = 3 kept" in said.err


def test_heights_of_a_cloud_become_ellipsoidal_by_the_grid(jnt: Jnt, grids: Path, tmp_path: Path) -> None:
    """H-Paris: 43.7955 m at 2.35 E, 48.85 N by RAF20; the tile begins there.

    Height from X, Y, Z by Heiskanen and Moritz, exact to 0.1 mm for heights of some metres. 0.01 m: the scale of LAS.
    """
    source = cloud(tmp_path / "tile.laz", wkt="EPSG:9794")
    out = tmp_path / "out.laz"
    said = jnt("crs", "transform", "EPSG:9794+5720", "EPSG:9780", source, "--out", out)
    assert said.code == 0, said.err
    moved = laspy.read(out)
    x, y, z = (float(axis[0]) for axis in (moved.x, moved.y, moved.z))
    a, e2 = 6_378_137.0, 0.006694380022900788  # GRS 80
    p = math.hypot(x, y)
    latitude = math.atan2(z, p * (1 - e2))
    for _ in range(10):
        n = a / math.sqrt(1 - e2 * math.sin(latitude) ** 2)
        latitude = math.atan2(z + e2 * n * math.sin(latitude), p)
    assert math.degrees(latitude) == pytest.approx(48.85, abs=1e-6)
    assert p / math.cos(latitude) - n == pytest.approx(35.0 + 43.7955, abs=0.01)


@pytest.mark.parametrize(
    ("given", "options", "code", "words"),
    [
        ("EPSG:3949+5720", ("--out", "out.laz"), 1, "SRC contradicts"),
        ("auto", ("--out", "out.laz"), 1, "says nothing about its own"),
        ("EPSG:2154+5720", ("--out", "out.las"), 2, "out.laz"),
        ("EPSG:2154+5720", ("--out", "out.laz", "--set-aside", "bad.csv"), 2, "all together, or not at all"),
    ],
)
def test_a_cloud_that_cannot_be_moved_truthfully_is_refused(
    jnt: Jnt,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    options: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    cloud(Path("tile.laz"))
    said = jnt("crs", "transform", given, "EPSG:9794+5720", "tile.laz", *options)
    assert (said.code, words in said.err) == (code, True), said.err
    assert [path.name for path in tmp_path.iterdir()] == ["tile.laz"]


def test_a_cloud_becomes_copc_where_the_name_says_so(jnt: Jnt, tmp_path: Path) -> None:
    source = cloud(tmp_path / "tile.laz")
    for name in ("out.laz", "out.copc.laz"):
        said = jnt("crs", "transform", "EPSG:2154+5720", "EPSG:9794+5720", source, "--out", tmp_path / name)
        assert said.code == 0, said.err
    with laspy.CopcReader.open(tmp_path / "out.copc.laz") as reader:
        found = reader.query()
        assert reader.header.parse_crs() == laspy.read(tmp_path / "out.laz").header.parse_crs()
    assert np.array_equal(np.sort(found.array), np.sort(laspy.read(tmp_path / "out.laz").points.array))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.copc.laz", "out.laz", "tile.laz"]


def test_a_reference_that_las_cannot_state_is_refused_before_anything_is_read(jnt: Jnt, tmp_path: Path) -> None:
    source = cloud(tmp_path / "tile.laz")
    said = jnt("crs", "transform", "EPSG:2154+5720", "EPSG:4979", source, "--out", tmp_path / "out.laz")
    assert said.code == 1
    assert "EPSG:4978" in said.err


def test_a_cloud_cut_short_is_unreadable_and_leaves_nothing(jnt: Jnt, tmp_path: Path) -> None:
    whole = cloud(tmp_path / "tile.laz")
    cut = tmp_path / "cut.laz"
    cut.write_bytes(whole.read_bytes()[:-40])
    said = jnt("crs", "transform", "EPSG:2154+5720", "EPSG:9794+5720", cut, "--out", tmp_path / "out.laz")
    assert said.code == 3, said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.laz", "tile.laz"]
