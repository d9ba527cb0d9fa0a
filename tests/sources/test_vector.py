from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from pydantic import ValidationError
from shapely.geometry import Point

from feature_files import squares, write_features
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise
from jnt_pipeline.base_layers.streams import collected
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ConfigError, EmptySourceError, MissingCrsError, SourceError, UnsupportedError
from jnt_pipeline.sources.check import check_file
from jnt_pipeline.sources.vector import VectorSource
from source_files import OWNER, feature, write_collection

TARGET = Reference(horizontal="EPSG:2154", vertical="EPSG:5720")
TREES = {"NUMERO": ["T1", "T2", "T3"], "HAUT_CM": [350, 1200, None], "ESSENCE": ["chêne", "Érable", None]}
POINTS = [Point(650_000 + 10 * i, 6_860_000) for i in range(3)]
MAPPING = {
    "layer": "trees",
    "key": "tree_id",
    "shape": "point",
    "columns": {
        "tree_id": {"from": "numero", "pattern": r"T\d+", "description": "Number on the trunk."},
        "height_m": {"from": ["hauteur", "haut_cm"], "kind": "number", "unit": "cm"},
        "species": {"from": "essence", "codes": {"chêne": "Quercus"}},
    },
}


def source_of(path: Path, **fields: Any) -> VectorSource:
    return VectorSource.model_validate({"path": path, **OWNER, **MAPPING, **fields})


def layer_of(path: Path, **fields: Any) -> Layer:
    source = source_of(path, **fields)
    (unit,) = source.units(None)
    (stream,) = source.read(unit, None)
    return collected(stream)


@pytest.mark.parametrize(
    "name", ["trees.gpkg", "trees.shp", "trees.geojson", "trees.fgb", "trees.parquet", "trees.gml"]
)
def test_the_same_trees_come_from_every_format(tmp_path: Path, name: str) -> None:
    options = {"RFC7946": "NO"} if name.endswith(".geojson") else {}
    path = write_features(tmp_path / name, POINTS, TREES, **options)
    layer = normalise(layer_of(path), TARGET)
    frame = layer.frame
    assert sorted(frame["tree_id"]) == ["T1", "T2", "T3"]
    by_id = frame.set_index("tree_id")
    assert by_id["height_m"].to_dict() == pytest.approx({"T1": 3.5, "T2": 12.0, "T3": float("nan")}, nan_ok=True)
    assert by_id["species"].dropna().to_dict() == {"T1": "Quercus", "T2": "Érable"}
    assert [round(x) for x in by_id.loc[["T1", "T2", "T3"]].geometry.x] == [650_000, 650_010, 650_020]


def test_the_layer_brings_its_own_schema(tmp_path: Path) -> None:
    schema = layer_of(write_features(tmp_path / "t.gpkg", POINTS, TREES)).schema
    assert (schema.name, schema.key, schema.shape) == ("trees", "tree_id", "point")
    assert schema.column_names == ("tree_id", "height_m", "species")
    key = schema.columns[0]
    assert (key.required, key.pattern, key.description) == (True, r"T\d+", "Number on the trunk.")


def test_records_that_cannot_follow_are_set_aside_with_their_reason(tmp_path: Path) -> None:
    columns = {"NUMERO": ["T1", "X2", None, "T1"], "HAUT_CM": ["350", "12", "13", "tall"], "ESSENCE": ["a"] * 4}
    layer = layer_of(write_features(tmp_path / "t.gpkg", [*POINTS, POINTS[0]], columns))
    assert layer.counts.rejected == {"bad_height_m": 1, "bad_tree_id": 1}
    assert normalise(layer, TARGET).counts.rejected == {"bad_height_m": 1, "bad_tree_id": 1, "missing_tree_id": 1}


def test_a_mapping_onto_a_known_layer_has_its_schema(tmp_path: Path) -> None:
    path = write_features(
        tmp_path / "p.gpkg", squares(2), {"IDU": ["38001000AB0012", "38001000AB0013"], "M2": [99, 101]}
    )
    columns = {
        "parcel_id": {"from": "idu"},
        "insee_code": {"constant": "38001"},
        "registered_area_m2": {"from": "m2"},
    }
    layer = layer_of(path, layer="parcels", key="", columns=columns)
    frame = normalise(layer, TARGET).frame
    assert frame["registered_area_m2"].tolist() == [99, 101]
    assert frame["area_m2"].tolist() == [100.0, 100.0]
    assert frame["insee_code"].tolist() == ["38001", "38001"]


def test_other_columns_stay_where_that_is_asked(tmp_path: Path) -> None:
    path = write_features(tmp_path / "t.gpkg", POINTS, {**TREES, "planted": [1950, 1960, 1970]})
    assert "planted" not in layer_of(path).frame
    frame = normalise(layer_of(path, keep_other_columns=True), TARGET).frame
    assert frame["planted"].tolist() == [1950, 1960, 1970]
    assert "HAUT_CM" not in frame


def test_a_column_that_the_file_lacks_is_told_with_those_it_has(tmp_path: Path) -> None:
    path = write_features(tmp_path / "t.gpkg", POINTS, TREES)
    columns = {"tree_id": {"from": "numreo"}}
    with pytest.raises(ConfigError, match=r"(?s)t\.gpkg, columns\.tree_id.*numreo.*ESSENCE.*did you mean NUMERO\?"):
        layer_of(path, columns=columns)


def test_the_layer_inside_a_file_of_several_has_to_be_named(tmp_path: Path) -> None:
    path = write_features(tmp_path / "t.gpkg", POINTS, TREES, layer="arbres")
    write_features(path, POINTS[:1], {"x": [1]}, layer="bancs")
    with pytest.raises(SourceError, match=r"(?s)arbres.*bancs"):
        layer_of(path)
    assert layer_of(path, file_layer="arbres").counts.kept == 3
    (unit,) = source_of(path, file_layer="arbres").units(None)
    assert unit.name == "trees-t_arbres"


def test_a_declared_reference_overrides_the_stated_one_and_says_so(tmp_path: Path) -> None:
    path = write_features(tmp_path / "t.gpkg", POINTS, TREES, crs="EPSG:2154")
    layer = layer_of(path, reference="EPSG:9794")
    assert str(layer.reference) == "EPSG:9794"
    assert any("states EPSG:2154; read as declared: EPSG:9794" in note for note in layer.provenance.notes)


def test_a_file_without_reference_is_an_error(tmp_path: Path) -> None:
    path = write_features(tmp_path / "t.fgb", POINTS, TREES, crs=None)
    with pytest.raises(MissingCrsError, match=r"t\.fgb"):
        layer_of(path)


def test_a_table_without_geometry_is_called_one(tmp_path: Path) -> None:
    pd.DataFrame({"NUM": ["1"], "ESSENCE": ["tilleul"]}).to_parquet(tmp_path / "trees.parquet")
    with pytest.raises(UnsupportedError, match="table without geometry"):
        layer_of(tmp_path / "trees.parquet", columns={"tree_id": {"from": "NUM"}})


def test_geojson_without_features_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptySourceError, match="no feature"):
        layer_of(write_collection(tmp_path / "trees.geojson"))


def test_elevations_need_a_vertical_reference_and_take_the_declared_one(tmp_path: Path) -> None:
    path = write_features(tmp_path / "t.gpkg", POINTS, {"NUMERO": ["T1", "T2", "T3"], "ALTI": [30.0, 31.0, None]})
    columns = {"tree_id": {"from": "numero"}, "ground_elevation_m": {"from": "alti", "kind": "number"}}
    layer = layer_of(path, columns=columns, vertical="EPSG:5720")
    assert layer.reference == TARGET
    elevations = normalise(layer, TARGET).frame["ground_elevation_m"].to_numpy(dtype=float)
    assert np.array_equal(elevations, [30.0, 31.0, np.nan], equal_nan=True)


def test_a_folder_gives_a_unit_per_file_with_its_parts(tmp_path: Path) -> None:
    for name in ("a.shp", "b.gpkg"):
        write_features(tmp_path / name, POINTS, TREES)
    units = source_of(tmp_path).units(None)
    assert [unit.name for unit in units] == ["trees-a", "trees-b"]
    assert {file.suffix for file in units[0].files} == {".shp", ".shx", ".dbf", ".prj", ".cpg"}


def test_a_folder_without_features_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(EmptySourceError, match=r"\.gpkg"):
        source_of(tmp_path).units(None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"columns": {"tree_id": {}}}, "needs `from` or `constant`"),
        ({"columns": {"tree_id": {"from": "a", "unit": "cm"}}}, "unit 'cm' of a text"),
        ({"columns": {"tree_id": {"from": "a", "kind": "number", "unit": "furlong"}}}, "units of numbers are mm, cm"),
        ({"columns": {"tree_id": {"from": "a", "pattern": "(T"}}}, "pattern"),
        ({"columns": {"tree_id": {"from": "a", "pattern": r"(?=T)\w+"}}}, "pattern"),
        ({"columns": {"tree_id": {"origin": "a"}}}, "origin"),
        ({"key": "treeid"}, "the key 'treeid' is not one of the columns"),
        ({"shape": "none"}, "a layer of features has a shape"),
        ({"layer": "parcels", "key": "", "columns": {"parcel": {"from": "a"}}}, "did you mean parcel_id"),
        ({"layer": "parcels", "key": "", "columns": {"parcel_id": {"from": "a"}}}, "needs the columns insee_code"),
        ({"layer": "Mes arbres"}, "layer"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        source_of(tmp_path, **fields)


# --- what jnt check tells of them --------------------------------------------------------------------------------


def test_check_describes_a_file_for_the_mapping_that_it_needs(tmp_path: Path) -> None:
    x, y = 650_000, 6_860_000
    bow_tie = shapely.Polygon([(x, y), (x + 10, y + 10), (x + 10, y), (x, y + 10), (x, y)])
    shapes = [squares(1)[0], bow_tie, None]
    report = check_file(write_features(tmp_path / "fields.gpkg", shapes, {"crop": ["a", "b", "c"]}))
    assert (report.kind, report.verdict) == ("vector", "defects")
    assert report.facts["n_records"] == 3
    assert report.facts["references"] == ["EPSG:2154"]
    assert report.facts["columns"] == {"fields": ["crop"]}
    assert set(report.codes) == {"mapping_needed", "invalid_geometry", "missing_geometry"}


def test_check_tells_a_file_without_reference(tmp_path: Path) -> None:
    report = check_file(write_features(tmp_path / "t.fgb", POINTS, TREES, crs=None))
    assert (report.kind, report.verdict, report.codes) == ("vector", "defects", ("missing_crs",))


def test_check_reads_geojson_of_another_kind_than_the_cadastre(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [2.3, 48.8]}
    path = write_collection(tmp_path / "benches.geojson", feature(point, wood="oak"))
    report = check_file(path)
    assert (report.kind, report.verdict) == ("vector", "sound")
    assert report.facts["extents"] == {"benches": [2.3, 48.8, 2.3, 48.8]}
    assert json.loads(report.model_dump_json())["facts"]["columns"] == {"benches": ["wood"]}


@pytest.mark.parametrize("cut", ["t.gpkg", "t.fgb", "t.parquet"])
def test_check_never_takes_a_cut_file_for_a_whole_one(tmp_path: Path, cut: str) -> None:
    path = write_features(tmp_path / cut, squares(400), {"n": [f"{i:050d}" for i in range(400)]})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert check_file(path).verdict == "unreadable"


@pytest.mark.parametrize(
    "names",
    [
        ("a.gpkg", "a.shp"),
        ("sub1/a.shp", "sub2/a.shp"),
        ("a.shp", "A.gpkg"),
        ("forêt.shp", "forét.shp"),
        ("x/a_b.shp", "x_a/b.shp", "b.gpkg"),
    ],
)
def test_files_of_one_stem_in_a_folder_are_units_of_their_own(tmp_path: Path, names: tuple[str, ...]) -> None:
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_features(tmp_path / name, POINTS[:1], {"NUMERO": [f"T{i}"], "HAUT_CM": [1], "ESSENCE": ["a"]})
    source = source_of(tmp_path)
    units = source.units(None)
    assert len({unit.name.lower() for unit in units}) == len(names)
    read = [collected(source.read(unit, None)[0]).frame["tree_id"].item() for unit in units]
    assert sorted(read) == [f"T{i}" for i in range(len(names))]
    assert [unit.name for unit in units] == [unit.name for unit in source.units(None)]


def test_a_record_whose_date_is_no_day_is_set_aside_with_its_words(tmp_path: Path) -> None:
    trees = {"NUMERO": ["T1", "T2", "T3"], "PLANTE": ["15/03/2020", "oak", "2020-13-01"]}
    columns = {
        "tree_id": {"from": "NUMERO"},
        "planted_on": {"from": "PLANTE", "kind": "date"},
    }
    layer = layer_of(write_features(tmp_path / "t.gpkg", POINTS, trees), columns=columns)
    assert layer.frame[["tree_id", "planted_on"]].to_numpy().tolist() == [["T1", "2020-03-15"]]
    assert list(layer.rejected[["record", "reason", "detail"]].itertuples(index=False, name=None)) == [
        ("T2", "bad_planted_on", "PLANTE 'oak' is not a day (YYYY-MM-DD)"),
        ("T3", "bad_planted_on", "PLANTE '2020-13-01' is not a day (YYYY-MM-DD)"),
    ]
